"""Weights for models that were fitted already, from their out-of-fold predictions.

References
----------
Caruana, Niculescu-Mizil, Crew and Ksikes, Ensemble selection from libraries of models, ICML 2004.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Protocol

import numpy as np

from noria.errors import ParamError
from noria.methods._weighted import check_classification, truth_probability

if TYPE_CHECKING:
    from noria.core.deadline import Deadline

__all__ = ["greedy_selection", "mean_loss", "row_losses", "stacking"]

_EPSILON = 1e-15
_SMALLEST = 0.02  # a smaller weight is not worth the time that its model takes
_PATIENCE = 8  # rounds without a gain before the search ends
_GAIN = 1e-9  # a relative gain below it is rounding
_CELLS = 200_000
_GAP = 2e-4  # of a mixture's mean log-loss to the least one, at which its search ends
_SUM = 1e3  # weight of the demand that weights sum to 1

Loss = str | Callable[[np.ndarray, np.ndarray], float]


class _Bag(Protocol):
    """The members so far, for one kind of loss."""

    def losses(self) -> np.ndarray:
        """The loss (m,) after adding each candidate once more."""

    def add(self, candidate: int) -> None:
        """Add a candidate."""


def greedy_selection(
    predictions: np.ndarray | Sequence[np.ndarray],
    y: np.ndarray,
    loss: Loss = "log_loss",
    *,
    weight: np.ndarray | None = None,
    rounds: int = 40,
    tolerance: float = 0.0,
    costs: np.ndarray | None = None,
    deadline: Deadline | None = None,
) -> np.ndarray:
    """Weights of a blend, found by adding the model that helps most, again and again.

    Starts from the best single model. Of all blends on the way, the one with the fewest models whose loss is
    within `tolerance` of the best is kept, so that the simpler blend within noise wins; ties go to the model
    that comes first. Weights under 2% are dropped. Nothing is random.

    Parameters
    ----------
    predictions : (m, n, K) or (m, n) array, or m arrays
        Out-of-fold predictions of m models. For ``log_loss``, (m, n) means the probability that each model
        gave to the true class, which is all that the loss needs.
        For ``squared_error``, (m, n) predicted values.
    y : (n,) or (n, K) array
        Codes or true values; not looked at for ``log_loss`` of (m, n).
    loss : {"log_loss", "squared_error"} or callable
        A callable takes ``(y, blended)`` and returns a number to be minimised.
    weight : (n,) array, optional
        Row weights; not for a callable loss.
    rounds : int
        Members counted with repetition, at most.
    tolerance : float
        In the unit of the loss (of the mean squared error for ``squared_error``).
    costs : (m,) array, optional
        Cost of predicting with each model: a new member must gain `tolerance`, times its share of the highest
        cost, more than those that are in already.
    deadline : Deadline, optional
        Ends the search early with the best blend so far.

    Returns
    -------
    (m,) array
        Not negative, sum 1.

    Examples
    --------
    >>> truth = np.array([[0.9, 0.2, 0.9], [0.3, 0.9, 0.8], [0.1, 0.1, 0.1]])
    >>> greedy_selection(truth, np.zeros(3, int), "log_loss").round(1)
    array([0.4, 0.6, 0. ])
    """
    stack = _stack(predictions, y, loss)
    if weight is not None and callable(loss):
        raise ParamError(
            "Row weights are for the named losses.", do="Let the callable weight its rows itself."
        )
    bag = _bag(stack, y, loss, weight)
    m = len(stack)
    price = (
        np.zeros(m) if costs is None else tolerance * np.asarray(costs, float) / max(np.max(costs), 1e-300)
    )
    losses = bag.losses()
    if not np.isfinite(losses).any():
        raise ParamError("No model has a finite loss.", got=losses.tolist(), do="Check their predictions.")
    path: list[tuple[float, np.ndarray]] = []
    counts, best, since = np.zeros(m), np.inf, 0
    for _ in range(rounds):
        asked = np.where(np.isnan(losses), np.inf, losses) + np.where(counts > 0, 0.0, price)
        pick = int(asked.argmin())
        counts[pick] += 1
        bag.add(pick)
        path.append((float(losses[pick]), counts.copy()))
        since = 0 if best - losses[pick] > _GAIN * abs(losses[pick]) else since + 1
        best = min(best, float(losses[pick]))
        if since >= _PATIENCE or m == 1 or (deadline is not None and deadline.expired):
            break
        losses = bag.losses()
    return _prune(_simplest(path, best + tolerance))


def stacking(
    predictions: np.ndarray | Sequence[np.ndarray],
    y: np.ndarray,
    loss: str = "log_loss",
    *,
    rounds: int = 300,
    tolerance: float = 0.0,
    costs: np.ndarray | None = None,
) -> np.ndarray:
    """Weights of the blend with the least loss of all blends: stacked generalisation, convex.

    Where `greedy_selection` stops at a coarse share of few models, this solves for the optimum, which pays
    with many rows and many unlike models, and overfits with few. With a tolerance, models leave the blend
    again, first the one that costs most for what it gains, for as long as what the others reach is within
    the tolerance of the optimum.

    Parameters
    ----------
    predictions, y
        As in `greedy_selection`, of finite values only.
    loss : {"log_loss", "squared_error"}
    rounds : int
        Steps of expectation maximisation, for the log-loss.
    tolerance : float
        As in `greedy_selection`.
    costs : (m,) array, optional
        Cost of predicting with each model, above 0; the same for all by default.

    Returns
    -------
    (m,) array
        Not negative, sum 1; weights under 2% are dropped.

    References
    ----------
    Wolpert, Stacked generalization, Neural Networks 1992; Breiman, Stacked regressions, Machine
    Learning 1996.

    Examples
    --------
    >>> truth = np.array([1.0, 2.0, 3.0, 4.0])
    >>> stacking(np.stack([truth - 1, truth + 3]), truth, "squared_error").round(2)
    array([0.75, 0.25])
    """
    stack = _stack(predictions, y, loss)
    solvers = {"log_loss": _mixture, "squared_error": _least_squares}
    if loss not in solvers:
        raise ParamError("There is no such loss.", got=repr(loss), do=f"Use one of: {', '.join(solvers)}.")
    truth, solve = np.asarray(y, dtype=np.float64), solvers[loss]
    weights = _prune(solve(stack, truth, rounds))
    worst = mean_loss(np.tensordot(weights, stack, 1), truth, loss) + tolerance
    price = np.ones(len(stack)) if costs is None else np.asarray(costs, dtype=np.float64)
    asked = weights > 0
    while tolerance > 0 and asked.any() and np.count_nonzero(weights) > 1:
        at = _dearest(weights, stack, truth, loss, np.where(asked, price, 0.0))
        others, lighter = np.setdiff1d(np.flatnonzero(weights), at), np.zeros(len(stack))
        lighter[others] = _prune(solve(stack[others], truth, rounds))
        asked[at] = False
        if mean_loss(np.tensordot(lighter, stack, 1), truth, loss) <= worst:
            weights = lighter
            asked &= weights > 0
    return weights


def mean_loss(blended: np.ndarray, y: np.ndarray, loss: str) -> float:
    """The mean loss of blended predictions, (n,) or (n, K), as `stacking` takes them.

    Examples
    --------
    >>> mean_loss(np.array([1.0, 4.0]), np.array([1.0, 2.0]), "squared_error")
    2.0
    """
    return float(row_losses(blended, y, loss).mean())


def row_losses(blended: np.ndarray, y: np.ndarray, loss: str) -> np.ndarray:
    """The loss of each row, (n,) or (n, K), as `mean_loss` averages it.

    Examples
    --------
    >>> row_losses(np.array([1.0, 4.0]), np.array([1.0, 2.0]), "squared_error")
    array([0., 4.])
    """
    if loss == "log_loss":
        return -np.log(np.maximum(blended, _EPSILON))
    return np.square(blended - y)


def _dearest(weights: np.ndarray, stack: np.ndarray, y: np.ndarray, loss: str, costs: np.ndarray) -> int:
    """The model of a blend that costs most for what the loss would grow without it."""
    members, mix = np.flatnonzero(weights), np.tensordot(weights, stack, 1)
    least = mean_loss(mix, y, loss)
    without = [(mix - weights[at] * stack[at]) / (1.0 - weights[at]) for at in members]
    growth = np.array([mean_loss(rest, y, loss) - least for rest in without])
    return int(members[np.argmax(costs[members] / np.maximum(growth, max(_GAIN * least, 1e-300)))])


def _mixture(truth: np.ndarray, y: np.ndarray, rounds: int) -> np.ndarray:  # noqa: ARG001
    """The shares of a mixture (m,) under which the true classes' probabilities (m, n) are most likely."""
    p = np.maximum(truth, _EPSILON)
    weights = np.full(len(p), 1 / len(p))
    for _ in range(rounds):
        slope = p @ (1 / (weights @ p)) / p.shape[1]
        weights *= slope
        if slope.max() < 1 + _GAP:
            break
    return weights


def _least_squares(stack: np.ndarray, y: np.ndarray, rounds: int) -> np.ndarray:  # noqa: ARG001
    """Non-negative least squares, with one more row that asks for a sum of 1."""
    from scipy.optimize import nnls

    residuals = (stack - y).reshape(len(stack), -1)
    gram = residuals @ residuals.T
    scale = float(np.trace(gram)) or 1.0
    values, vectors = np.linalg.eigh(gram / scale)
    rows = np.sqrt(np.maximum(values, 0.0))[:, None] * vectors.T
    asked = np.full((1, len(stack)), _SUM)
    weights, _ = nnls(np.concatenate([rows, asked]), np.append(np.zeros(len(rows)), _SUM))
    return weights


class _LogLoss:
    """Only the true class's probability matters: (m, n)."""

    def __init__(self, truth: np.ndarray, weight: np.ndarray) -> None:
        self._truth, self._weight = np.maximum(truth, _EPSILON), weight
        self._sum, self._members = np.zeros(truth.shape[1]), 0
        self._block = max(1, _CELLS // max(1, truth.shape[1]))

    def losses(self) -> np.ndarray:
        found = np.empty(len(self._truth))
        for start in range(0, len(found), self._block):
            block = self._truth[start : start + self._block] + self._sum
            np.log(block, out=block)
            found[start : start + self._block] = -np.einsum("mn,n->m", block, self._weight)
        return found + np.log(self._members + 1)

    def add(self, candidate: int) -> None:
        self._sum += self._truth[candidate]
        self._members += 1


class _SquaredError:
    """The loss of any blend follows from the (m, m) products of the residuals (m, n)."""

    def __init__(self, residuals: np.ndarray, weight: np.ndarray) -> None:
        self._gram = (residuals * weight) @ residuals.T
        self._cross, self._own, self._members = np.zeros(len(residuals)), 0.0, 0

    def losses(self) -> np.ndarray:
        return (self._own + 2 * self._cross + np.diagonal(self._gram)) / (self._members + 1) ** 2

    def add(self, candidate: int) -> None:
        self._own += 2 * self._cross[candidate] + self._gram[candidate, candidate]
        self._cross = self._cross + self._gram[candidate]
        self._members += 1


class _AnyLoss:
    """A loss that is a callable of the blended predictions."""

    def __init__(self, stack: np.ndarray, y: np.ndarray, loss: Callable[[np.ndarray, np.ndarray], float]):
        self._stack, self._y, self._loss = stack, y, loss
        self._sum, self._members = np.zeros(stack.shape[1:]), 0

    def losses(self) -> np.ndarray:
        share = 1.0 / (self._members + 1)
        return np.array([float(self._loss(self._y, (self._sum + one) * share)) for one in self._stack])

    def add(self, candidate: int) -> None:
        self._sum += self._stack[candidate]
        self._members += 1


def _stack(predictions: np.ndarray | Sequence[np.ndarray], y: np.ndarray, loss: Loss) -> np.ndarray:
    """All predictions as one array (m, n) or (m, n, K); for the log-loss (m, n) of the true class."""
    parts = [np.asarray(part, dtype=np.float64) for part in predictions]
    if loss == "log_loss":
        codes = np.asarray(y)
        parts = [truth_probability(*check_classification(codes, p)) if p.ndim == 2 else p for p in parts]
    stack = np.stack(parts) if parts else np.empty(0)
    if stack.ndim not in (2, 3) or not stack.size:
        raise ParamError(
            "There are no predictions to select from.",
            got=f"an array of shape {stack.shape}",
            do="Give m models' predictions of n rows as (m, n) or (m, n, K).",
        )
    return stack


def _bag(stack: np.ndarray, y: np.ndarray, loss: Loss, weight: np.ndarray | None) -> _Bag:
    """The losses' incremental form."""
    if callable(loss):
        return _AnyLoss(stack, np.asarray(y), loss)
    rows = np.ones(stack.shape[1]) if weight is None else np.asarray(weight, dtype=np.float64)
    rows = rows / rows.sum()
    if loss == "log_loss":
        return _LogLoss(stack, rows)
    if loss == "squared_error":
        residuals = stack - np.asarray(y, dtype=np.float64)
        width = 1 if stack.ndim == 2 else stack.shape[2]
        return _SquaredError(residuals.reshape(len(stack), -1), np.repeat(rows, width))
    raise ParamError(
        "There is no such loss.", got=repr(loss), do="Use 'log_loss', 'squared_error' or a function."
    )


def _simplest(path: list[tuple[float, np.ndarray]], bound: float) -> np.ndarray:
    """Counts of the blend with the fewest models within the bound; among equally many, of the least loss."""
    sizes = [(int((counts > 0).sum()), loss, number) for number, (loss, counts) in enumerate(path)]
    return path[min(entry for entry in sizes if entry[1] <= bound)[2]][1]


def _prune(weights: np.ndarray) -> np.ndarray:
    """Shares that sum to 1, without the smallest."""
    shares = weights / weights.sum()
    kept = np.where(shares >= min(_SMALLEST, shares.max()), shares, 0.0)
    return kept / kept.sum()
