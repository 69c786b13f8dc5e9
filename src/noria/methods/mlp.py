"""A small multilayer perceptron for tables, in NumPy alone.

It follows RealMLP: robust scaling with smooth clipping, periodic embeddings of the continuous columns, a
learned scale for each input, units of unit variance at the start, Adam with a short memory, weight decay,
dropout that fades, and the epoch that is best on held-out rows.

References
----------
Holzmüller, Grinsztajn and Steinwart, Better by default: strong pre-tuned MLPs and boosted trees on tabular
data, NeurIPS 2024.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, fields
from functools import cached_property
from typing import Any, Literal, Self

import numpy as np

from noria.core.deadline import Deadline, OutOfTime
from noria.errors import ParamError, suggestion
from noria.methods._forward import Forward
from noria.methods._network import Adam, Network
from noria.methods._prune import prune

__all__ = ["Mlp", "MlpSettings", "fit_mlp"]

Link = Literal["identity", "softmax"]

_MOST_EMBEDDED = 128  # continuous columns; with more of them the embeddings cost more than they give
_FEWEST_EPOCHS, _MOST_EPOCHS = 15, 100
_STEPS = 2_000  # of the optimiser, which the default number of epochs comes to in between
_MARGIN = 0.05  # seconds kept free before the deadline
_QUANTILE_ROWS = 100_000
_PRUNED_ROWS, _JUDGED_ROWS = 2_000, 1_000
_TINY = 1e-15
_MATRIX = "weight_"  # how the names of the layers' matrices begin


@dataclass(frozen=True)
class MlpSettings:
    """How a network is built and trained.

    Attributes
    ----------
    hidden : tuple of int
        Units of each hidden layer.
    epochs : int, optional
        Passes over the rows at most; by default as many as the number of rows calls for.
    batch : int, optional
        Rows of one step; by default 64 of few rows, 256 of many.
    lr : float
        Learning rate at its peak, of weights that would have unit variance.
    weight_decay : float
        Share of a weight that is lost in a step of learning rate 1.
    dropout : float
        Share of hidden units left out of a step, in the first half of training; it fades in the second.
    label_smoothing : float
        Share of a class's probability that is spread over all classes.
    embed : bool
        Whether continuous columns get periodic embeddings.
    patience : int
        Epochs without a better validation loss after which training stops.
    prune : float
        How far a smaller network's outputs may lie from the trained one's on the validation rows, as a
        share of the loss there; 0 keeps all units.
    seed : int

    Examples
    --------
    >>> MlpSettings(hidden=(64, 64)).patience
    20
    """

    hidden: tuple[int, ...] = (128, 128)
    epochs: int | None = None
    batch: int | None = None
    lr: float = 0.02
    weight_decay: float = 0.3
    dropout: float = 0.3
    label_smoothing: float = 0.0
    embed: bool = True
    patience: int = 20
    prune: float = 0.001
    seed: int = 0

    def __post_init__(self) -> None:
        wrong = {
            "hidden": not self.hidden or min(self.hidden) < 1,
            "epochs": self.epochs is not None and self.epochs < 1,
            "batch": self.batch is not None and self.batch < 1,
            "lr": not 0 < self.lr < math.inf,
            "weight_decay": not 0 <= self.weight_decay < math.inf,
            "dropout": not 0 <= self.dropout < 1,
            "label_smoothing": not 0 <= self.label_smoothing < 1,
            "patience": self.patience < 1,
            "prune": not 0 <= self.prune < 1,
        }
        for name, bad in wrong.items():
            if bad:
                raise ParamError(
                    f"A network's {name!r} is out of range.",
                    got=getattr(self, name),
                    do="Use sizes of at least 1, lr above 0, and shares from 0 to below 1.",
                )


@dataclass(frozen=True)
class Mlp:
    """A fitted network: its weights and nothing else.

    Attributes
    ----------
    weights : dict of arrays
        float32, but the indices ``embedded`` and, of a regression, ``location`` and ``spread`` in float64.
    link : {"identity", "softmax"}
        Values, or probabilities of the classes.

    Examples
    --------
    >>> rng = np.random.default_rng(0)
    >>> X = rng.normal(size=(400, 2)).astype(np.float32)
    >>> network = fit_mlp(X, 3 * X[:, 0] + 5, epochs=30)
    >>> bool(abs(network.predict_one(X[0])[0] - (3 * X[0, 0] + 5)) < 1)
    True
    """

    weights: dict[str, np.ndarray]
    link: Link

    @property
    def columns(self) -> int:
        """Columns of X that it was trained on."""
        return len(self.weights["center"])

    def predict(self, X: np.ndarray) -> np.ndarray:
        """Probabilities (n, classes) or values (n, 1) of the rows of X (n, d), in float64.

        Raises
        ------
        ParamError
            If X has another number of columns than the network was trained on.
        """
        X = np.asarray(X, dtype=np.float32)
        if X.ndim != 2 or X.shape[1] != self.columns:
            raise ParamError(
                "The rows do not fit the network.",
                got=f"X of shape {X.shape}",
                do=f"Give (n, {self.columns}) numbers.",
            )
        return self._linked(self._forward(self._scaled(X)))

    def predict_one(self, x: np.ndarray) -> np.ndarray:
        """Probabilities (classes,) or the value (1,) of one row x (d,): `predict` without its checks."""
        return self._linked(self._forward.one(self._scaled(np.asarray(x, dtype=np.float32))))

    def to_arrays(self) -> dict[str, np.ndarray]:
        """The arrays to save, by name; the matrices in the half precision that `fit_mlp` rounds them to."""
        return {
            name: array.astype(np.float16) if name.startswith(_MATRIX) else array
            for name, array in self.weights.items()
        }

    @classmethod
    def from_arrays(cls, arrays: Mapping[str, np.ndarray]) -> Self:
        """The network that `to_arrays` described."""
        weights = {
            name: array.astype(np.float32) if name.startswith(_MATRIX) else array
            for name, array in arrays.items()
        }
        return cls(weights, "identity" if "location" in arrays else "softmax")

    @cached_property
    def _forward(self) -> Forward:
        """The weights in the order in which they are used."""
        return Forward(self.weights)

    def _scaled(self, x: np.ndarray) -> np.ndarray:
        """Rows or one row as the first layer wants them."""
        return _prepared(x, self.weights["center"], self.weights["factor"])

    def _linked(self, raw: np.ndarray) -> np.ndarray:
        """What the last layer's outputs mean."""
        values = raw.astype(np.float64)
        if self.link == "identity":
            return values * self.weights["spread"] + self.weights["location"]
        return _softmax(values)


def fit_mlp(
    X: np.ndarray,
    y: np.ndarray,
    *,
    valid: tuple[np.ndarray, np.ndarray] | None = None,
    sample_weight: np.ndarray | None = None,
    classes: int = 0,
    numeric: np.ndarray | None = None,
    deadline: Deadline | None = None,
    **settings: Any,
) -> Mlp:
    """Train a network.

    Parameters
    ----------
    X : (n, d) array
        Finite numbers: continuous columns, roughly standardised, and indicators of 0 and 1.
    y : (n,) array
        Codes from 0 to classes - 1, or values.
    valid : pair of arrays, optional
        X and y of held-out rows; the epoch with the least log-loss or squared error on them is returned.
        Without them, the last epoch is.
    sample_weight : (n,) array, optional
    classes : int
        0 means regression.
    numeric : (d,) array of bool, optional
        Which columns are continuous; all of them by default.
    deadline : Deadline, optional
        Fewer epochs are planned when it is near. Unless it is, the same seed gives the same weights.
    **settings
        Fields of `MlpSettings`.

    Raises
    ------
    ParamError
        If the arrays do not fit each other, X is not finite, or a setting is unknown or out of range.
    OutOfTime
        If the deadline passes before the first epoch ends.

    Examples
    --------
    >>> rng = np.random.default_rng(0)
    >>> X = rng.normal(size=(400, 2)).astype(np.float32)
    >>> network = fit_mlp(X, (X[:, 0] * X[:, 1] > 0).astype(int), classes=2, epochs=40)
    >>> network.predict([[1.0, 1.0], [-1.0, 1.0]]).argmax(axis=1)
    array([1, 0])
    """
    chosen = _settings(settings)
    X, y = _checked(X, y, classes, "X and y")
    held = None if valid is None else _checked(*valid, classes, "The validation rows")
    continuous = _flags(numeric, X.shape[1])
    rng = np.random.default_rng(chosen.seed)
    center, factor = _robust_scale(X, continuous)
    scaling = {"center": center, "factor": factor}
    if not classes:
        spread = float(y.std())
        scaling |= {"location": np.array([y.mean()]), "spread": np.array([spread if spread > 0 else 1.0])}
    embed = chosen.embed and 0 < continuous.sum() <= _MOST_EMBEDDED
    embedded = np.flatnonzero(continuous) if embed else np.empty(0, dtype=np.intp)
    batch = chosen.batch or (64 if len(X) < 2_000 else 256)
    network = Network(
        (X.shape[1], *chosen.hidden, classes or 1), embedded, len(X) // max(1, round(len(X) / batch))
    )
    fit = _Fit(network, scaling, chosen, "softmax" if classes else "identity")
    return fit.train(X, y, sample_weight, held, deadline or Deadline(), rng)


def _prepared(x: np.ndarray, center: np.ndarray, factor: np.ndarray) -> np.ndarray:
    """Scaled columns, squashed smoothly to (-3, 3)."""
    z = x - center
    z *= factor
    squared = z * z
    squared *= 1 / 9
    squared += 1
    np.sqrt(squared, out=squared)
    z /= squared
    return z


class _Fit:
    """One training of one network."""

    def __init__(
        self, network: Network, scaling: dict[str, np.ndarray], settings: MlpSettings, link: Link
    ) -> None:
        self.network, self.scaling, self.settings, self.link = network, scaling, settings, link
        self.best, self.best_flat, self.idle = math.inf, network.flat, 0

    def snapshot(self) -> Mlp:
        """The network as it stands."""
        return Mlp(self.scaling | self.network.fitted(), self.link)

    def train(
        self,
        X: np.ndarray,
        y: np.ndarray,
        sample_weight: np.ndarray | None,
        held: tuple[np.ndarray, np.ndarray] | None,
        deadline: Deadline,
        rng: np.random.Generator,
    ) -> Mlp:
        """Epochs until they are used up, idle or out of time; then the best network, without idle units."""
        scale = self.scaling["center"], self.scaling["factor"]
        z, targets, weight = _prepared(X, *scale), self.targets(y), _row_weights(sample_weight, len(X))
        held_z = None if held is None else (_prepared(held[0], *scale), held[1])
        self.network.initialise(z, rng)
        if not self.epochs((z, targets, weight), held_z, deadline, rng):
            raise OutOfTime
        self.network.flat[:] = self.best_flat
        best = self.snapshot()
        if held_z is not None and self.settings.prune and deadline.remaining > _MARGIN:
            best = self.pruned(best, z, held_z[0])
        return Mlp.from_arrays(best.to_arrays())

    def epochs(
        self,
        rows: tuple[np.ndarray, np.ndarray, np.ndarray],
        held: tuple[np.ndarray, np.ndarray] | None,
        deadline: Deadline,
        rng: np.random.Generator,
    ) -> int:
        """Passes over rows, targets and weights; how many there were."""
        count = len(rows[0])
        batches = count // self.network.rows
        planned = self.settings.epochs or min(_MOST_EPOCHS, max(_FEWEST_EPOCHS, _STEPS // batches))
        adam, started, epoch = Adam(self.network), deadline.elapsed, 0
        while epoch < planned and self.idle < self.settings.patience:
            order = rng.permutation(count)[: batches * self.network.rows].reshape(batches, -1)
            for batch, at in enumerate(order):
                if deadline.expired:
                    return epoch
                z, targets, weight = (array[at] for array in rows)
                self.step(adam, (z, targets, weight), (epoch + batch / batches) / planned, rng)
            epoch += 1
            if held is not None:
                self.judge(*held)
            affordable = (deadline.remaining - _MARGIN) * epoch / max(deadline.elapsed - started, 1e-9)
            planned = min(planned, epoch + max(int(min(affordable, planned)), 1))
        return epoch

    def step(
        self,
        adam: Adam,
        batch: tuple[np.ndarray, np.ndarray, np.ndarray],
        progress: float,
        rng: np.random.Generator,
    ) -> None:
        """One step of the optimiser: the learning rate falls as a cosine, the dropout in the second half."""
        s = self.settings
        self.network.gradient(*batch, s.dropout * _cosine(2 * progress - 1), rng)
        adam.step(s.lr * _cosine(progress), s.weight_decay)

    def judge(self, z: np.ndarray, y: np.ndarray) -> None:
        """Keep the weights if they are the best so far on held-out rows."""
        loss = self.loss(z, y)
        self.idle += 1
        if loss < self.best:
            self.best, self.best_flat, self.idle = loss, self.network.flat.copy(), 0

    def loss(self, z: np.ndarray, y: np.ndarray) -> float:
        """Log-loss or mean squared error of prepared rows."""
        network = self.snapshot()
        predicted = network._linked(network._forward(z))
        if self.link == "identity":
            return float(np.mean(np.square(predicted[:, 0] - y)))
        return -float(np.mean(np.log(np.maximum(predicted[np.arange(len(y)), y], _TINY))))

    def pruned(self, whole: Mlp, z: np.ndarray, held: np.ndarray) -> Mlp:
        """The smaller network whose outputs lie as near to the whole one's as the settings ask."""
        judged = held[:: len(held) // _JUDGED_ROWS + 1]
        outputs = whole._forward(judged)
        unit = 1.0 if self.link == "softmax" else float(whole.weights["spread"][0]) ** 2
        allowed = max(self.settings.prune * self.best / unit, _TINY)

        def apart(others: np.ndarray) -> float:
            return _divergence(outputs, others, self.link) / allowed

        return Mlp(prune(whole.weights, z[:: len(z) // _PRUNED_ROWS + 1], judged, apart), self.link)

    def targets(self, y: np.ndarray) -> np.ndarray:
        """Smoothed one-hot codes (n, classes) or standardised values (n, 1)."""
        if self.link == "identity":
            return ((y - self.scaling["location"]) / self.scaling["spread"]).astype(np.float32)[:, None]
        classes, smoothing = (
            self.network.weights[f"bias_{self.network.depth - 1}"].size,
            self.settings.label_smoothing,
        )
        codes = np.full((len(y), classes), smoothing / classes, np.float32)
        codes[np.arange(len(y)), y] += 1 - smoothing
        return codes


def _settings(given: Mapping[str, Any]) -> MlpSettings:
    """The settings by name, or an error that names the unknown one."""
    known = [field.name for field in fields(MlpSettings)]
    for name in given:
        if name not in known:
            raise ParamError(
                f"A network has no setting {name!r}.", got=given[name], do=suggestion(name, known)
            )
    return MlpSettings(**given)


def _checked(X: np.ndarray, y: np.ndarray, classes: int, what: str) -> tuple[np.ndarray, np.ndarray]:
    """Rows in float32 and their codes or values, or an error that says why not."""
    X, y = np.asarray(X, dtype=np.float32), np.asarray(y)
    if X.ndim != 2 or y.shape != X.shape[:1] or not X.size:
        raise ParamError(
            f"{what} do not fit each other.",
            got=f"X of shape {X.shape}, y of shape {y.shape}",
            do="Give X as (n, d) numbers and y as (n,) codes or values, of at least one row and column.",
        )
    y = y.astype(np.intp) if classes else y.astype(np.float64)
    if not np.isfinite(X).all() or not np.isfinite(y).all():
        raise ParamError(
            f"{what} hold missing or infinite numbers.", do="Impute and clip them before the fit."
        )
    if classes and (classes < 2 or y.min() < 0 or y.max() >= classes):
        raise ParamError(
            f"{what} hold codes outside 0 to classes - 1.",
            got=f"codes {y.min()} to {y.max()}, classes={classes}",
            do="Give at least 2 classes, coded from 0; or classes=0 for a regression.",
        )
    return X, y


def _flags(numeric: np.ndarray | None, columns: int) -> np.ndarray:
    """Which columns are continuous (d,)."""
    flags = np.ones(columns, dtype=bool) if numeric is None else np.asarray(numeric, dtype=bool)
    if flags.shape != (columns,):
        raise ParamError(
            "'numeric' does not fit the columns.",
            got=f"shape {flags.shape} for {columns} columns",
            do="Give one true or false a column.",
        )
    return flags


def _robust_scale(X: np.ndarray, continuous: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Centre and factor of each column: median and quartile distance, or half the range, if continuous."""
    center, factor = np.zeros(X.shape[1], np.float32), np.ones(X.shape[1], np.float32)
    some = X[:: max(1, len(X) // _QUANTILE_ROWS), continuous]
    low, first, median, third, high = np.quantile(some, [0, 0.25, 0.5, 0.75, 1], axis=0)
    spread = np.where(third > first, third - first, (high - low) / 2)
    center[continuous] = median
    factor[continuous] = np.divide(1, spread, out=np.zeros_like(spread), where=spread > 0)
    return center, factor


def _row_weights(weight: np.ndarray | None, rows: int) -> np.ndarray:
    """Weights (n, 1) of mean one."""
    if weight is None:
        return np.ones((rows, 1), np.float32)
    given = np.asarray(weight, dtype=np.float64)
    if given.shape != (rows,) or not (given >= 0).all() or not 0 < given.sum() < math.inf:
        raise ParamError(
            "The sample weights do not fit the rows.",
            got=f"shape {given.shape} for {rows} rows",
            do="Give one finite weight of at least 0 a row, not all 0.",
        )
    return (given / given.mean()).astype(np.float32)[:, None]


def _cosine(progress: float) -> float:
    """From one down to zero as `progress` goes from zero to one."""
    return 0.5 * (1 + math.cos(math.pi * min(max(progress, 0.0), 1.0)))


def _divergence(outputs: np.ndarray, others: np.ndarray, link: Link) -> float:
    """How far other outputs (n, outputs) lie: mean Kullback-Leibler divergence or squared difference."""
    if link == "identity":
        return float(np.square(outputs - others, dtype=np.float64).mean())
    p, q = (raw - np.logaddexp.reduce(raw, axis=1, keepdims=True) for raw in (outputs.astype(float), others))
    return float((np.exp(p) * (p - q)).sum(axis=1).mean())


def _softmax(raw: np.ndarray) -> np.ndarray:
    """Probabilities from scores, in place, over the last axis."""
    raw -= raw.max(axis=-1, keepdims=True)
    np.exp(raw, out=raw)
    raw /= raw.sum(axis=-1, keepdims=True)
    return raw
