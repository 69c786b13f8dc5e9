"""Probabilities that mean what they say: temperature and beta calibration, where they clearly help."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from noria.errors import ParamError, suggestion
from noria.methods._weighted import check_classification, truth_probability
from noria.methods.intervals import paired_difference

__all__ = ["Calibrator", "apply_temperature", "fit_temperature", "reliability"]

_EPSILON = 1e-15
_PRIOR = 10.0  # rows' worth of belief that the probabilities are right already
_LARGEST = 100_000  # rows that a fit looks at
_FOLDS = 5
_DOUBT = 0.25  # of a row, that would have been wrong


def fit_temperature(p: np.ndarray, y: np.ndarray, weight: np.ndarray | None = None) -> float:
    """The temperature T > 0 that minimises the log-loss of ``softmax(log(p) / T)``.

    Newton's method on 1 / T, in which the loss is convex, drawn towards T = 1 as by ten more rows.

    Parameters
    ----------
    p : (n, K) array
        Out-of-fold or held-out probabilities.
    y : (n,) array of codes
    weight : (n,) array, optional

    Returns
    -------
    float
        Above 1 if the probabilities were too bold, below 1 if too timid; from 0.05 to 20.

    References
    ----------
    Guo et al., On calibration of modern neural networks, ICML 2017.

    Examples
    --------
    >>> bold = np.array([[0.99, 0.01]] * 100)
    >>> fit_temperature(bold, np.array([0] * 80 + [1] * 20)) > 2
    True
    """
    y, p = check_classification(y, p)
    known = (y >= 0) & (y < p.shape[1])
    y, logits = y[known], np.log(np.clip(p[known], _EPSILON, 1.0))
    rows = np.ones(len(y)) if weight is None else np.asarray(weight, dtype=np.float64)[known]
    rows = rows * (len(y) / rows.sum()) if rows.sum() > 0 else rows
    hit = logits[np.arange(len(y)), y]
    inverse = 1.0
    for _ in range(50):
        q = _softmax(inverse * logits)
        mean = (q * logits).sum(axis=1)
        slope = rows @ (mean - hit) + _PRIOR * (inverse - 1.0)
        curve = rows @ ((q * logits**2).sum(axis=1) - mean**2) + _PRIOR
        # The step is held to a factor of two, for far from the optimum the curvature says little.
        after = float(np.clip(inverse - slope / curve, max(inverse / 2, 0.05), min(inverse * 2, 20.0)))
        if abs(after - inverse) < 1e-8:
            break
        inverse = after
    return 1.0 / inverse


def apply_temperature(p: np.ndarray, temperature: float) -> np.ndarray:
    """``softmax(log(p) / temperature)``, which keeps the order of the classes.

    Examples
    --------
    >>> apply_temperature(np.array([[0.8, 0.2]]), 2.0).round(3)
    array([[0.667, 0.333]])
    """
    return _softmax(np.log(np.clip(np.asarray(p, dtype=np.float64), _EPSILON, 1.0)) / temperature)


@dataclass(frozen=True)
class Calibrator:
    """A map from probabilities to better ones.

    Attributes
    ----------
    kind : {"identity", "temperature", "beta"}
    parameters : tuple of float
        Nothing; (T,); or (a, b, c) of ``logit(q) = a log p1 - b log(1 - p1) + c``.
    doubt : float
        Share of the probability that is spread over all classes: n rows without an error do not show that
        errors are rarer than about 1 / n, whatever a model says of itself.

    References
    ----------
    Kull, Silva Filho and Flach, Beta calibration, AISTATS 2017.

    Examples
    --------
    >>> Calibrator("temperature", (2.0,)).apply(np.array([[0.8, 0.2]])).round(3)
    array([[0.667, 0.333]])
    """

    kind: str = "identity"
    parameters: tuple[float, ...] = ()
    doubt: float = 0.0

    def __post_init__(self) -> None:
        if self.kind not in _KINDS:
            raise ParamError("There is no such calibration.", got=self.kind, do=suggestion(self.kind, _KINDS))

    @classmethod
    def fit(
        cls, p: np.ndarray, y: np.ndarray, weight: np.ndarray | None = None, *, seed: int = 0
    ) -> Calibrator:
        """Choose by five-fold log-loss: the simpler map, unless another gains by more than its noise.

        A map is taken over a simpler one where its mean gain per row is at least 0.1% of the loss and its
        one-sided 95% bound lies above zero. Beta calibration is for two classes only. At most 100,000 rows,
        drawn by `seed`, are looked at.

        Parameters
        ----------
        p : (n, K) array
            Out-of-fold or held-out probabilities.
        y : (n,) array of codes
        """
        y, p = check_classification(y, p)
        order = np.random.default_rng(seed).permutation(len(y))[:_LARGEST]
        order = order[(y[order] >= 0) & (y[order] < p.shape[1])]
        y, p = y[order], p[order]
        rows = None if weight is None else np.asarray(weight, dtype=np.float64)[order]
        doubt = _DOUBT / max(len(y), 1)
        if len(y) < 2 * _FOLDS:
            return cls(doubt=doubt)
        fold = np.empty(len(y), dtype=np.intp)
        fold[np.argsort(y, kind="stable")] = np.arange(len(y)) % _FOLDS  # every class in every fold
        chosen, loss = "identity", _losses(p, y)
        for kind in ("temperature", "beta") if p.shape[1] == 2 else ("temperature",):
            tried = np.empty(len(y))
            for number in range(_FOLDS):
                held, kept = fold == number, fold != number
                part = None if rows is None else rows[kept]
                tried[held] = _losses(cls(kind, _FITS[kind](p[kept], y[kept], part)).apply(p[held]), y[held])
            gain, low, _, _ = paired_difference(loss, tried, rows, level=0.9)
            if low > 0 and gain >= 1e-3 * float(np.average(loss, weights=rows)):
                chosen, loss = kind, tried
        return cls(chosen, _FITS[chosen](p, y, rows), doubt)

    def apply(self, p: np.ndarray) -> np.ndarray:
        """Calibrated probabilities (n, K)."""
        mapped = _APPLY[self.kind](np.asarray(p, dtype=np.float64), self.parameters)
        return mapped + self.doubt * (1 / mapped.shape[1] - mapped) if self.doubt else mapped

    def to_dict(self) -> dict[str, Any]:
        """JSON-ready fields; `from_dict` reads them back."""
        return {"kind": self.kind, "parameters": list(self.parameters), "doubt": self.doubt}

    @classmethod
    def from_dict(cls, fields: Mapping[str, Any]) -> Calibrator:
        """The inverse of `to_dict`."""
        return cls(fields["kind"], tuple(float(value) for value in fields["parameters"]), fields["doubt"])


def reliability(p: np.ndarray, y: np.ndarray, bins: int = 10) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Stated against observed frequency, over bins that hold equally many rows.

    Parameters
    ----------
    p : (n, K) array
        For two classes the probability of class 1 is judged, else that of the most probable class.
    y : (n,) array of codes
    bins : int
        At most so many; fewer where probabilities are equal.

    Returns
    -------
    stated, observed : (b,) arrays
        Mean probability, and share of rows in which the class was true.
    rows : (b,) array of int

    Examples
    --------
    >>> p = np.array([[0.9, 0.1], [0.8, 0.2], [0.3, 0.7], [0.1, 0.9]])
    >>> stated, observed, rows = reliability(p, np.array([0, 0, 1, 1]), bins=2)
    >>> stated.round(2), observed, rows
    (array([0.15, 0.8 ]), array([0., 1.]), array([2, 2]))
    """
    y, p = check_classification(y, p)
    binary = p.shape[1] == 2
    score = p[:, 1] if binary else p.max(axis=1, initial=0.0)
    hit = (y == 1) if binary else (p.argmax(axis=1) == y)
    if not len(y):
        return np.empty(0), np.empty(0), np.empty(0, dtype=np.intp)
    edges = np.unique(np.quantile(score, np.linspace(0, 1, bins + 1)[1:-1]))
    place = np.searchsorted(edges, score, side="right")
    rows = np.bincount(place)
    filled = rows > 0
    stated = np.bincount(place, weights=score)[filled] / rows[filled]
    return stated, np.bincount(place, weights=hit)[filled] / rows[filled], rows[filled]


def _softmax(scores: np.ndarray) -> np.ndarray:
    shifted = np.exp(scores - scores.max(axis=1, keepdims=True))
    return shifted / shifted.sum(axis=1, keepdims=True)


def _losses(p: np.ndarray, y: np.ndarray) -> np.ndarray:
    return -np.log(np.clip(truth_probability(y, p), _EPSILON, 1.0))


def _beta_columns(p: np.ndarray) -> np.ndarray:
    """The columns (n, 3) that beta calibration is linear in."""
    one, zero = np.clip(p[:, 1], _EPSILON, 1.0), np.clip(p[:, 0], _EPSILON, 1.0)
    return np.column_stack([np.log(one), -np.log(zero), np.ones(len(p))])


def _fit_beta(p: np.ndarray, y: np.ndarray, weight: np.ndarray | None) -> tuple[float, ...]:
    """Newton's method for (a, b, c), drawn towards (1, 1, 0); a and b never negative."""
    columns, truth = _beta_columns(p), (y == 1).astype(np.float64)
    rows = np.ones(len(y)) if weight is None else weight * (len(y) / weight.sum())
    neutral = np.array([1.0, 1.0, 0.0])
    found = neutral.copy()
    for _ in range(50):
        q = 1.0 / (1.0 + np.exp(-np.clip(columns @ found, -500, 500)))
        slope = columns.T @ (rows * (q - truth)) + _PRIOR * (found - neutral)
        curve = (columns * (rows * q * (1 - q))[:, None]).T @ columns + _PRIOR * np.eye(3)
        step = np.linalg.solve(curve, slope)
        after = found - step / max(1.0, float(np.abs(step).max()))
        after[:2] = np.maximum(after[:2], 0.0)
        if np.abs(after - found).max() < 1e-8:
            break
        found = after
    return tuple(float(value) for value in found)


def _apply_beta(p: np.ndarray, parameters: tuple[float, ...]) -> np.ndarray:
    score = np.clip(_beta_columns(p) @ np.asarray(parameters), -500, 500)
    one = 1.0 / (1.0 + np.exp(-score))
    return np.column_stack([1.0 - one, one])


_FITS = {
    "identity": lambda p, y, weight: (),  # noqa: ARG005 - one face for all fits
    "temperature": lambda p, y, weight: (fit_temperature(p, y, weight),),
    "beta": _fit_beta,
}
_APPLY = {
    "identity": lambda p, parameters: p,  # noqa: ARG005 - one face for all maps
    "temperature": lambda p, parameters: apply_temperature(p, parameters[0]),
    "beta": _apply_beta,
}
_KINDS = tuple(_APPLY)
