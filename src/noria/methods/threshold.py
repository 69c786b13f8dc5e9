"""From probabilities to decisions: thresholds by F1, precision, recall or cost.

References
----------
Elkan, The foundations of cost-sensitive learning, IJCAI 2001.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from statistics import NormalDist
from typing import Any, NamedTuple

import numpy as np

from noria.errors import ParamError
from noria.methods._weighted import check_classification

__all__ = [
    "Decision",
    "Sweep",
    "best_f1",
    "by_cost",
    "decide",
    "decision_cost",
    "for_precision",
    "for_recall",
    "from_costs",
]

_NEVER = 1.0 + 2.0**-20  # no probability reaches it


@dataclass(frozen=True)
class Decision:
    """How probabilities become classes.

    Attributes
    ----------
    kind : {"argmax", "threshold", "costs"}
        The most probable class; class 1 from a threshold on; the class of least expected cost.
    threshold : float
        Class 1 is decided where its probability is at least this; only for ``threshold``.
    costs : tuple of tuple of float
        Rows truth, columns decision; only for ``costs``.
    reached : bool
        Whether what was wanted (a precision, a recall) could be had; if not, this is as near as one can come.

    Examples
    --------
    >>> Decision("threshold", 0.2).labels(np.array([[0.9, 0.1], [0.7, 0.3]]))
    array([0, 1])
    """

    kind: str = "argmax"
    threshold: float = 0.5
    costs: tuple[tuple[float, ...], ...] = ()
    reached: bool = True

    def labels(self, p: np.ndarray) -> np.ndarray:
        """The decided codes (n,) for probabilities (n, K)."""
        p = np.asarray(p)
        if self.kind == "threshold":
            return (p[:, 1] >= self.threshold).astype(np.intp)
        return decide(p, self.costs) if self.kind == "costs" else p.argmax(axis=1)

    def to_dict(self) -> dict[str, Any]:
        """JSON-ready fields; `from_dict` reads them back."""
        costs = [list(row) for row in self.costs]
        return {"kind": self.kind, "threshold": self.threshold, "costs": costs, "reached": self.reached}

    @classmethod
    def from_dict(cls, fields: Mapping[str, Any]) -> Decision:
        """The inverse of `to_dict`."""
        costs = tuple(tuple(float(cost) for cost in row) for row in fields["costs"])
        return cls(fields["kind"], float(fields["threshold"]), costs, bool(fields["reached"]))


def best_f1(y: np.ndarray, p: np.ndarray, weight: np.ndarray | None = None) -> Decision:
    """The threshold of the highest F1 of class 1.

    Parameters
    ----------
    y : (n,) array of codes 0 and 1
    p : (n, 2) array
        Out-of-fold probabilities.

    Examples
    --------
    >>> p1 = np.array([0.1, 0.2, 0.3, 0.4])
    >>> best_f1(np.array([0, 0, 1, 1]), np.column_stack([1 - p1, p1])).threshold
    0.25
    """
    sweep = Sweep.of(y, p, weight)
    wrong = sweep.false + sweep.positives - sweep.true
    with np.errstate(invalid="ignore"):
        score = np.nan_to_num(2 * sweep.true / (2 * sweep.true + wrong))
    return Decision("threshold", float(sweep.threshold[score.argmax()]))


def for_precision(
    y: np.ndarray, p: np.ndarray, wanted: float, weight: np.ndarray | None = None, *, sure: float = 0.5
) -> Decision:
    """The threshold that finds most of class 1 with at least the wanted precision.

    Where none has it, the threshold of the highest precision, marked as not ``reached``.

    Parameters
    ----------
    y : (n,) array of codes
    p : (n, 2) array
    wanted : float
    weight : (n,) array, optional
    sure : float
        How sure the precision must be: above 0.5 it is Wilson's lower bound of this level that must reach
        what is wanted, for the best of many thresholds owes something to luck. With weights it counts
        the effective number of rows (Kish).

    References
    ----------
    Wilson, Probable inference, the law of succession, and statistical inference, JASA 1927.

    Examples
    --------
    >>> p1 = np.array([0.1, 0.2, 0.3, 0.4])
    >>> for_precision(np.array([0, 1, 0, 1]), np.column_stack([1 - p1, p1]), 0.6).threshold
    0.15000000000000002
    """
    _check_share(wanted, "precision")
    sweep = Sweep.of(y, p, weight)
    unit = 1.0 if weight is None or not np.any(weight) else float(np.square(weight).sum() / np.sum(weight))
    precision = _lower_share(sweep.true, sweep.true + sweep.false, NormalDist().inv_cdf(sure), unit)
    good = np.flatnonzero((precision >= wanted - 1e-12) & (sweep.true > 0))
    if len(good):
        return Decision("threshold", float(sweep.threshold[good[sweep.true[good].argmax()]]))
    return Decision("threshold", float(sweep.threshold[precision.argmax()]), reached=False)


def _lower_share(hits: np.ndarray, tries: np.ndarray, z: float, unit: float) -> np.ndarray:
    """Wilson's lower bound of a share, z standard errors below it; `unit` tries are one; 0 without any."""
    weights = np.where(tries > 0, tries, 1.0)
    share, n = hits / weights, weights / unit
    square = z * z / n
    spread = z * np.sqrt(share * (1 - share) / n + square / (4 * n))
    return np.where(tries > 0, (share + square / 2 - spread) / (1 + square), 0.0)


def for_recall(y: np.ndarray, p: np.ndarray, wanted: float, weight: np.ndarray | None = None) -> Decision:
    """The highest threshold that finds at least the wanted share of class 1.

    Examples
    --------
    >>> p1 = np.array([0.1, 0.2, 0.3, 0.4])
    >>> for_recall(np.array([0, 1, 0, 1]), np.column_stack([1 - p1, p1]), 0.5).threshold
    0.35
    """
    _check_share(wanted, "recall")
    sweep = Sweep.of(y, p, weight)
    if sweep.positives <= 0:
        return Decision("threshold", float(sweep.threshold[-1]), reached=False)
    enough = sweep.true >= (wanted - 1e-12) * sweep.positives
    return Decision("threshold", float(sweep.threshold[enough.argmax()]))


def by_cost(
    y: np.ndarray, p: np.ndarray, costs: Sequence[Sequence[float]], weight: np.ndarray | None = None
) -> Decision:
    """The threshold of the least mean cost on these rows; for probabilities that are not calibrated.

    Parameters
    ----------
    costs : 2 x 2
        Rows truth, columns decision: ``[[0, 1], [5, 0]]`` says that missing a 1 is five times as bad as a
        false alarm.

    Examples
    --------
    >>> p1 = np.array([0.1, 0.2, 0.3, 0.4])
    >>> decision = by_cost(np.array([0, 1, 0, 1]), np.column_stack([1 - p1, p1]), [[0, 1], [5, 0]])
    >>> round(decision.threshold, 3)
    0.15
    """
    table = _scaled(_matrix(costs, 2))
    sweep = Sweep.of(y, p, weight)
    missed, quiet = sweep.positives - sweep.true, sweep.negatives - sweep.false
    total = quiet * table[0, 0] + sweep.false * table[0, 1] + missed * table[1, 0] + sweep.true * table[1, 1]
    return Decision("threshold", float(sweep.threshold[total.argmin()]))


def from_costs(costs: Sequence[Sequence[float]]) -> Decision:
    """The decision of least expected cost, for calibrated probabilities and any number of classes.

    For two classes it is a threshold in closed form, ``(c01 - c00) / (c01 - c00 + c10 - c11)``, where both
    mistakes cost more than their right decision.

    Examples
    --------
    >>> from_costs([[0, 1], [4, 0]]).threshold
    0.2
    """
    table = _matrix(costs)
    if len(table) == 2:
        (right, false), (missed, found) = _scaled(table)
        alarm, miss = false - right, missed - found
        if alarm > 0 and miss > 0:
            return Decision("threshold", float(alarm / (alarm + miss)))
    return Decision("costs", costs=tuple(tuple(float(cost) for cost in row) for row in table))


def decide(p: np.ndarray, costs: Sequence[Sequence[float]]) -> np.ndarray:
    """The code (n,) of least expected cost for each row of calibrated probabilities (n, K).

    Examples
    --------
    >>> decide(np.array([[0.7, 0.3], [0.9, 0.1]]), [[0, 1], [4, 0]])
    array([1, 0])
    """
    p = np.asarray(p, dtype=np.float64)
    return (p @ _matrix(costs, p.shape[1])).argmin(axis=1)


def decision_cost(
    y: np.ndarray, labels: np.ndarray, costs: Sequence[Sequence[float]], weight: np.ndarray | None = None
) -> float:
    """Mean cost per row of decided codes (n,), in the unit of the cost matrix.

    Examples
    --------
    >>> decision_cost(np.array([0, 1]), np.array([1, 0]), [[0, 1], [4, 0]])
    2.5
    """
    paid = _matrix(costs)[np.asarray(y, dtype=np.intp), np.asarray(labels, dtype=np.intp)]
    return float(np.average(paid, weights=weight)) if len(paid) else float("nan")


class Sweep(NamedTuple):
    """Weights decided for class 1 at each threshold, from the highest (none) to the lowest (all).

    Attributes
    ----------
    threshold : (t,) array
        Midway between two scores that occur, which generalises better than either.
    true, false : (t,) arrays
        Weight of the rows of class 1, and of the others, at or above it.

    Examples
    --------
    >>> Sweep.ranked(np.array([False, True]), np.array([0.2, 0.6])).true
    array([0., 1., 1.])
    """

    threshold: np.ndarray
    true: np.ndarray
    false: np.ndarray

    @property
    def positives(self) -> float:
        """Weight of all rows of class 1."""
        return float(self.true[-1])

    @property
    def negatives(self) -> float:
        """Weight of all other rows."""
        return float(self.false[-1])

    @classmethod
    def of(cls, y: np.ndarray, p: np.ndarray, weight: np.ndarray | None = None) -> Sweep:
        """From codes (n,) and probabilities (n, 2)."""
        y, p = check_classification(y, p)
        if p.shape[1] != 2 or not len(y):
            raise ParamError(
                "A threshold is chosen for two classes, on at least one row.",
                got=f"probabilities of shape {p.shape}",
                do="Use from_costs or the most probable class for more classes.",
            )
        return cls.ranked(y == 1, p[:, 1], weight)

    @classmethod
    def ranked(cls, truth: np.ndarray, score: np.ndarray, weight: np.ndarray | None = None) -> Sweep:
        """From what is class 1, (n,) bool, and its scores (n,), n > 0."""
        order = np.argsort(-score, kind="stable")
        score, truth = score[order], truth[order]
        weights = np.ones(len(score)) if weight is None else np.asarray(weight, dtype=np.float64)[order]
        ends = np.append(np.flatnonzero(np.diff(score)), len(score) - 1)
        true = np.append(0.0, np.cumsum(weights * truth)[ends])
        false = np.append(0.0, np.cumsum(weights * ~truth)[ends])
        between = (score[ends[:-1]] + score[ends[:-1] + 1]) / 2
        return cls(np.concatenate([[_NEVER], between, [0.0]]), true, false)


def _matrix(costs: Sequence[Sequence[float]], size: int | None = None) -> np.ndarray:
    """The cost matrix as a square array."""
    table = np.asarray(costs, dtype=np.float64)
    if table.ndim != 2 or table.shape[0] != table.shape[1] or (size is not None and len(table) != size):
        raise ParamError(
            "A cost matrix has one row per true class and one column per decision.",
            got=f"shape {table.shape}" + ("" if size is None else f" for {size} classes"),
            do="Write it as [[0, 1], [5, 0]] for two classes.",
        )
    if not np.isfinite(table).all():
        raise ParamError("A cost is a finite number.", got=table.tolist(), do="Replace it by a large number.")
    return table


def _scaled(table: np.ndarray) -> np.ndarray:
    """The costs over a power of two, which rounds nothing: the largest is below one, and no sum overflows."""
    return np.ldexp(table, -np.frexp(np.abs(table).max())[1])


def _check_share(wanted: float, name: str) -> None:
    if not 0 < wanted <= 1:
        raise ParamError(f"A wanted {name} lies above 0 and up to 1.", got=wanted, do="Use 0.9 for 90%.")
