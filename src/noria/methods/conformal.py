"""Prediction intervals and sets whose coverage holds for any model, from out-of-fold predictions.

Split-conformal calibration promises the wanted coverage, on average over rows, as long as the rows to come
are drawn like the calibration rows. Out-of-fold predictions stand in for a held-out set (as in CV+), which in
practice covers as wanted, or a little more where the final model saw more rows than its folds did.

References
----------
Vovk, Gammerman and Shafer, Algorithmic learning in a random world, 2005.
Barber, Candes, Ramdas and Tibshirani, Predictive inference with the jackknife+, Annals of Statistics 2021.
Romano, Sesia and Candes, Classification with valid and adaptive coverage, NeurIPS 2020.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np

from noria.errors import ParamError, suggestion
from noria.methods._weighted import check_classification, check_regression

__all__ = ["ConformalClassifier", "ConformalRegressor", "half_widths", "interval_coverage", "set_coverage"]

_BIN_ROWS = 150  # rows of a Mondrian bin at least
_BINS = 10
_TAIL_ROWS = 10  # rows that each tail needs before the two sides are told apart


@dataclass(frozen=True)
class ConformalRegressor:
    """Prediction intervals around any regression.

    The half-widths are quantiles of the residuals, for each side by itself where there are enough rows, so
    that the interval follows skewed errors. They are taken within bins of the predicted value (Mondrian), or,
    where a `scale` is given, from residuals divided by it, so that the interval follows the noise.

    Attributes
    ----------
    coverage : float
        Wanted share of true values inside.
    edges : tuple of float
        Inner edges of the bins of the predicted value; empty for one bin.
    below, above : tuple of float
        Half-widths per bin, in the target's unit, or in units of `scale`.
    floor : float
        Smallest scale that counts; 0 where no scale is used.

    Examples
    --------
    >>> rng = np.random.default_rng(0)
    >>> y = rng.normal(size=1000)
    >>> regressor = ConformalRegressor.fit(y, np.zeros(1000), coverage=0.9)
    >>> low, high = regressor.interval(np.zeros(5))
    >>> bool(-2 < low[0] < -1.3 < 1.3 < high[0] < 2)
    True
    """

    coverage: float
    edges: tuple[float, ...]
    below: tuple[float, ...]
    above: tuple[float, ...]
    floor: float = 0.0

    @classmethod
    def fit(
        cls,
        y: np.ndarray,
        predicted: np.ndarray,
        coverage: float = 0.9,
        scale: np.ndarray | None = None,
    ) -> ConformalRegressor:
        """Calibrate on true values and out-of-fold predictions.

        Parameters
        ----------
        y, predicted : (n,) arrays
        coverage : float
        scale : (n,) array, optional
            A positive guess of each row's error, as the spread of an ensemble's members.
        """
        _check_coverage(coverage)
        y, predicted = check_regression(y, predicted)
        _check_rows(len(y))
        error = y - predicted
        if scale is not None:
            scales = np.asarray(scale, dtype=np.float64)
            floor = max(0.05 * float(np.median(scales)), float(np.finfo(np.float64).tiny))
            sides = half_widths(error / np.maximum(scales, floor), coverage)
            return cls(coverage, (), (sides[0],), (sides[1],), floor)
        count = int(np.clip(len(y) // _BIN_ROWS, 1, _BINS))
        edges = np.unique(np.quantile(predicted, np.linspace(0, 1, count + 1)[1:-1]))
        place = np.searchsorted(edges, predicted, side="right")
        whole = half_widths(error, coverage)
        sizes = np.bincount(place, minlength=len(edges) + 1)
        sides_of = [
            half_widths(error[place == number], coverage) if 2 * size >= _BIN_ROWS else whole
            for number, size in enumerate(sizes)
        ]
        below, above = zip(*sides_of)
        return cls(coverage, tuple(float(edge) for edge in edges), below, above)

    def interval(
        self, predicted: np.ndarray, scale: np.ndarray | None = None
    ) -> tuple[np.ndarray, np.ndarray]:
        """Lower and upper ends (n,) around predictions (n,), in the target's unit.

        Raises
        ------
        ParamError
            If it was fitted with a scale and gets none, or the other way round.
        """
        predicted = np.asarray(predicted, dtype=np.float64)
        if (scale is not None) != (self.floor > 0):
            was = "with" if self.floor > 0 else "without"
            raise ParamError(f"These intervals were fitted {was} a scale.", do=f"Call them {was} one.")
        place = np.searchsorted(np.asarray(self.edges), predicted, side="right")
        size = 1.0 if scale is None else np.maximum(np.asarray(scale, dtype=np.float64), self.floor)
        below, above = np.asarray(self.below)[place], np.asarray(self.above)[place]
        return predicted - size * below, predicted + size * above

    def to_dict(self) -> dict[str, Any]:
        """JSON-ready fields; `from_dict` reads them back."""
        return {name: _jsonable(value) for name, value in asdict(self).items()}

    @classmethod
    def from_dict(cls, fields: Mapping[str, Any]) -> ConformalRegressor:
        """The inverse of `to_dict`."""
        return cls(
            float(fields["coverage"]),
            tuple(fields["edges"]),
            tuple(fields["below"]),
            tuple(fields["above"]),
            float(fields["floor"]),
        )


@dataclass(frozen=True)
class ConformalClassifier:
    """Sets of classes that hold the true one as often as wanted, and are never empty.

    Attributes
    ----------
    coverage : float
        Wanted share of sets that hold the true class.
    method : {"lac", "aps"}
        ``lac`` takes every class above one probability, which gives the smallest sets on average; ``aps``
        takes the most probable classes until a sum is reached, which covers hard rows better. Both
        without randomisation, so that the same row has always the same set.
    limits : tuple of float
        The largest score that is let in, per class.

    Examples
    --------
    >>> p = np.array([[0.9, 0.1], [0.6, 0.4], [0.2, 0.8], [0.45, 0.55]] * 25)
    >>> classifier = ConformalClassifier.fit(p, np.array([0, 1, 1, 1] * 25), coverage=0.9)
    >>> classifier.sets(np.array([[0.95, 0.05], [0.5, 0.5]])).astype(int)
    array([[1, 0],
           [1, 1]])
    """

    coverage: float
    method: str
    limits: tuple[float, ...]

    @classmethod
    def fit(
        cls,
        p: np.ndarray,
        y: np.ndarray,
        coverage: float = 0.9,
        *,
        method: str = "lac",
        by_class: bool = False,
    ) -> ConformalClassifier:
        """Calibrate on out-of-fold probabilities and true codes.

        Parameters
        ----------
        p : (n, K) array
        y : (n,) array of codes
        coverage : float
        by_class : bool
            Hold the coverage within each class instead of on average, for rare classes that matter; a class
            with too few rows for it is in every set.
        """
        _check_coverage(coverage)
        if method not in _SCORES:
            raise ParamError(
                "There is no such kind of set.", got=repr(method), do=suggestion(method, _SCORES)
            )
        y, p = check_classification(y, p)
        _check_rows(len(y))
        known = (y >= 0) & (y < p.shape[1])
        own = np.where(known, _SCORES[method](p)[np.arange(len(y)), np.where(known, y, 0)], 1.0)
        if by_class:
            limits = tuple(_quantile(own[y == code], coverage, 1.0) for code in range(p.shape[1]))
        else:
            limits = (_quantile(own, coverage, 1.0),) * p.shape[1]
        return cls(coverage, method, limits)

    def sets(self, p: np.ndarray) -> np.ndarray:
        """Which classes each row's set holds, bool (n, K); the most probable class always."""
        p = np.asarray(p, dtype=np.float64)
        if p.ndim != 2 or p.shape[1] != len(self.limits):
            raise ParamError("These sets are for other classes.", got=p.shape, do=f"K is {len(self.limits)}.")
        inside = _SCORES[self.method](p) <= np.asarray(self.limits) + 1e-12
        inside[np.arange(len(p)), p.argmax(axis=1)] = True
        return inside

    def to_dict(self) -> dict[str, Any]:
        """JSON-ready fields; `from_dict` reads them back."""
        return {name: _jsonable(value) for name, value in asdict(self).items()}

    @classmethod
    def from_dict(cls, fields: Mapping[str, Any]) -> ConformalClassifier:
        """The inverse of `to_dict`."""
        return cls(float(fields["coverage"]), fields["method"], tuple(fields["limits"]))


def interval_coverage(y: np.ndarray, low: np.ndarray, high: np.ndarray) -> float:
    """Share of true values (n,) that lie inside their intervals.

    Examples
    --------
    >>> interval_coverage(np.array([1.0, 5.0]), np.array([0.0, 0.0]), np.array([2.0, 2.0]))
    0.5
    """
    inside = (np.asarray(low) <= y) & (np.asarray(y) <= high)
    return float(inside.mean()) if len(inside) else float("nan")


def set_coverage(y: np.ndarray, sets: np.ndarray) -> float:
    """Share of codes (n,) that are in their sets (n, K); a code without a column is in none.

    Examples
    --------
    >>> set_coverage(np.array([0, 1]), np.array([[True, False], [True, False]]))
    0.5
    """
    y, sets = check_classification(y, sets)
    inside = ((y[:, None] == np.arange(sets.shape[1])) & (sets > 0)).any(axis=1)
    return float(inside.mean()) if len(inside) else float("nan")


def _quantile(scores: np.ndarray, coverage: float, unknown: float | None = None) -> float:
    """The score of rank ceil((n + 1) coverage); `unknown`, or the largest score, where n is too small."""
    n = len(scores)
    rank = int(np.ceil((n + 1) * coverage - 1e-9))
    if rank > n:
        return float(scores.max()) if unknown is None else unknown
    return float(np.partition(scores, rank - 1)[rank - 1])


def half_widths(error: np.ndarray, coverage: float) -> tuple[float, float]:
    """Half-widths below and above: half the misses on each side if there are rows enough, else symmetric.

    Examples
    --------
    >>> half_widths(np.array([-2.0, 1.0, 3.0]), 0.5)
    (2.0, 2.0)
    """
    tail = (1 - coverage) / 2
    if len(error) * tail < _TAIL_ROWS:
        half = _quantile(np.abs(error), coverage)
        return half, half
    return _quantile(-error, 1 - tail), _quantile(error, 1 - tail)


def _lac_scores(p: np.ndarray) -> np.ndarray:
    return 1.0 - p


def _aps_scores(p: np.ndarray) -> np.ndarray:
    """The summed probability of the classes before each one, so that the first is always let in.

    With its own probability added, as in the paper, a set without randomisation would often be empty, and
    filling it would cover too much.
    """
    order = np.argsort(-p, axis=1, kind="stable")
    own = np.take_along_axis(p, order, axis=1)
    scores = np.empty_like(p)
    np.put_along_axis(scores, order, np.minimum(np.cumsum(own, axis=1) - own, 1.0), axis=1)
    return scores


_SCORES = {"aps": _aps_scores, "lac": _lac_scores}


def _check_coverage(coverage: float) -> None:
    if not 0 < coverage < 1:
        raise ParamError("A coverage lies between 0 and 1.", got=coverage, do="Use 0.9 for 90%.")


def _check_rows(n: int) -> None:
    if n < 1:
        raise ParamError(
            "There are no rows to calibrate on.", got="0 rows", do="Give out-of-fold predictions."
        )


def _jsonable(value: object) -> object:
    return list(value) if isinstance(value, tuple) else value
