"""The metrics of regression; `metrics` is their public face."""

from __future__ import annotations

import numpy as np

from noria.methods import _weighted as weighted
from noria.methods._weighted import Evaluator

__all__ = [
    "mae",
    "mape",
    "median_absolute_error",
    "pinball",
    "prepare_mae",
    "prepare_mape",
    "prepare_median_absolute_error",
    "prepare_pinball",
    "prepare_r2",
    "prepare_rmse",
    "prepare_rmsle",
    "r2",
    "rmse",
    "rmsle",
]

_TINY = float(np.finfo(np.float64).eps)


def _root(mean: np.ndarray) -> np.ndarray:
    return np.sqrt(mean[:, 0])


def prepare_rmse(y: np.ndarray, predicted: np.ndarray) -> Evaluator:
    y, predicted = weighted.check_regression(y, predicted)
    return weighted.means((y - predicted) ** 2, _root)


def rmse(y: np.ndarray, predicted: np.ndarray, weight: np.ndarray | None = None) -> float:
    """Square root of the mean squared error, in the target's unit.

    Examples
    --------
    >>> rmse(np.array([1.0, 2.0]), np.array([1.0, 4.0])) ** 2
    2.0000000000000004
    """
    return weighted.once(prepare_rmse(y, predicted), len(y), weight)


def prepare_mae(y: np.ndarray, predicted: np.ndarray) -> Evaluator:
    y, predicted = weighted.check_regression(y, predicted)
    return weighted.means(np.abs(y - predicted))


def mae(y: np.ndarray, predicted: np.ndarray, weight: np.ndarray | None = None) -> float:
    """Mean absolute error, in the target's unit.

    Examples
    --------
    >>> mae(np.array([1.0, 2.0]), np.array([1.0, 4.0]))
    1.0
    """
    return weighted.once(prepare_mae(y, predicted), len(y), weight)


def prepare_median_absolute_error(y: np.ndarray, predicted: np.ndarray) -> Evaluator:
    y, predicted = weighted.check_regression(y, predicted)
    return weighted.medians(np.abs(y - predicted))


def median_absolute_error(y: np.ndarray, predicted: np.ndarray, weight: np.ndarray | None = None) -> float:
    """Median absolute error, in the target's unit; outliers do not move it.

    Examples
    --------
    >>> median_absolute_error(np.array([1.0, 2.0, 3.0]), np.array([1.5, 2.0, 99.0]))
    0.5
    """
    return weighted.once(prepare_median_absolute_error(y, predicted), len(y), weight)


def _finish_r2(mean: np.ndarray) -> np.ndarray:
    variance = mean[:, 2] - mean[:, 1] ** 2
    return np.where(variance > _TINY, 1.0 - mean[:, 0] / np.where(variance > _TINY, variance, 1.0), np.nan)


def prepare_r2(y: np.ndarray, predicted: np.ndarray) -> Evaluator:
    y, predicted = weighted.check_regression(y, predicted)
    # Centred and scaled, so that the variance of a large, nearly constant target does not cancel.
    centred = y - (y.mean() if y.size else 0.0)
    unit = np.sqrt((centred**2).mean()) if y.size else 1.0
    unit = unit if unit > 0 else 1.0
    centred, error = centred / unit, (y - predicted) / unit
    return weighted.means(np.column_stack([error**2, centred, centred**2]), _finish_r2)


def r2(y: np.ndarray, predicted: np.ndarray, weight: np.ndarray | None = None) -> float:
    """Share of the target's variance that is explained: 1 is perfect, 0 the mean; NaN for a constant target.

    Examples
    --------
    >>> r2(np.array([1.0, 2.0, 3.0]), np.array([1.0, 2.0, 3.0]))
    1.0
    """
    return weighted.once(prepare_r2(y, predicted), len(y), weight)


def prepare_mape(y: np.ndarray, predicted: np.ndarray) -> Evaluator:
    y, predicted = weighted.check_regression(y, predicted)
    return weighted.means(np.abs(y - predicted) / np.maximum(np.abs(y), _TINY))


def mape(y: np.ndarray, predicted: np.ndarray, weight: np.ndarray | None = None) -> float:
    """Mean absolute error as a share of the true value (0.1 is 10%); enormous where a true value is 0.

    Examples
    --------
    >>> mape(np.array([10.0, 20.0]), np.array([9.0, 22.0]))
    0.1
    """
    return weighted.once(prepare_mape(y, predicted), len(y), weight)


def prepare_rmsle(y: np.ndarray, predicted: np.ndarray) -> Evaluator:
    y, predicted = weighted.check_regression(y, predicted)
    with np.errstate(invalid="ignore"):
        truth = np.log1p(np.where(y < 0, np.nan, y))
    return weighted.means((truth - np.log1p(np.maximum(predicted, 0.0))) ** 2, _root)


def rmsle(y: np.ndarray, predicted: np.ndarray, weight: np.ndarray | None = None) -> float:
    """Root mean squared error of log(1 + value); negative predictions count as 0, negative targets give NaN.

    Examples
    --------
    >>> rmsle(np.array([0.0, 9.0]), np.array([0.0, 9.0]))
    0.0
    """
    return weighted.once(prepare_rmsle(y, predicted), len(y), weight)


def prepare_pinball(y: np.ndarray, predicted: np.ndarray, quantile: float = 0.5) -> Evaluator:
    y, predicted = weighted.check_regression(y, predicted)
    error = y - predicted
    return weighted.means(np.maximum(quantile * error, (quantile - 1.0) * error))


def pinball(
    y: np.ndarray, predicted: np.ndarray, weight: np.ndarray | None = None, *, quantile: float = 0.5
) -> float:
    """Mean loss of a predicted quantile, in the target's unit; at 0.5 it is half the mean absolute error.

    Examples
    --------
    >>> pinball(np.array([1.0, 2.0]), np.array([1.0, 1.0]), quantile=0.9)
    0.45
    """
    return weighted.once(prepare_pinball(y, predicted, quantile), len(y), weight)
