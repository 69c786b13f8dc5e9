"""Measures of forecasts, over rows of many series."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

import numpy as np
import polars as pl

from noria.core.protocol import Metric

if TYPE_CHECKING:
    from noria.core.protocol import Scorer

__all__ = ["metrics"]

Columns = dict[str, np.ndarray]  # what was predicted, by name, and the truth as ``y``
Measure = Callable[[Columns], np.ndarray]  # one or more numbers per row, of which the mean is taken
Finish = Callable[[np.ndarray], float]  # the score from the mean over the rows


def _smape(c: Columns) -> np.ndarray:
    y, f = c["y"], c["prediction"]
    size = np.abs(y) + np.abs(f)
    return 200 * np.where(size > 0, np.abs(y - f) / np.where(size > 0, size, 1), 0)


def _error(c: Columns) -> np.ndarray:
    return np.abs(c["y"] - c["prediction"])


def _relative(c: Columns) -> np.ndarray:
    return np.column_stack([_error(c) ** 2, np.abs(c["y"])])


def _percent(means: np.ndarray) -> float:
    square, size = means
    return 100 * square**0.5 / size if size else float("nan")


_MEASURES: dict[str, tuple[Measure, Finish, str]] = {
    "mase": (
        lambda c: _error(c) / c["scale"],
        float,
        "Mean absolute error in units of the seasonal naive forecast's in training; below 1 is better.",
    ),
    "smape": (_smape, float, "Symmetric mean absolute percentage error, 0 to 200."),
    "mae": (_error, float, "Mean absolute error, in the target's unit."),
    "rmse": (lambda c: _error(c) ** 2, np.sqrt, "Root mean squared error, in the target's unit."),
    "rmsse": (
        lambda c: (_error(c) / c["scale_rms"]) ** 2,
        np.sqrt,
        "Root mean squared error in units of the seasonal naive forecast's in training.",
    ),
    "nrmse": (_relative, _percent, "Root mean squared error, in percent of the mean absolute true value."),
}


def metrics(target: str, coverage: float) -> list[Metric]:
    """Errors of the forecast, the pinball loss and the intervals' coverage, of a target column.

    References
    ----------
    Makridakis, Spiliotis and Assimakopoulos, The M5 competition, International Journal of Forecasting 2022.
    """
    points = [_metric(target, name, *facts) for name, facts in _MEASURES.items()]
    doc = "Quantile loss of the interval's ends and the forecast, in units of the seasonal naive error."
    pinball = _metric(target, "pinball", _pinball(coverage), float, doc)
    doc = "Share of true values inside their prediction intervals."
    return [*points, pinball, _metric(target, "coverage", _inside, float, doc, greater_is_better=True)]


def _pinball(coverage: float) -> Measure:
    """The mean over the quantiles that the interval's ends and the forecast stand for."""
    quantiles = {"low": (1 - coverage) / 2, "prediction": 0.5, "high": (1 + coverage) / 2}

    def loss(c: Columns) -> np.ndarray:
        misses = [(c["y"] - c[name], q) for name, q in quantiles.items()]
        return np.mean([np.maximum(q * miss, (q - 1) * miss) for miss, q in misses], axis=0) / c["scale"]

    return loss


def _inside(c: Columns) -> np.ndarray:
    inside = (c["low"] <= c["y"]) & (c["y"] <= c["high"])
    return np.where(np.isnan(c["low"]), np.nan, inside)


def _metric(
    target: str, name: str, measure: Measure, finish: Finish, doc: str, *, greater_is_better: bool = False
) -> Metric:
    """A metric from a measure of rows; NaN where the forecast has no interval and the measure needs one."""

    def each_row(truth: pl.DataFrame, predictions: pl.DataFrame) -> np.ndarray:
        bare = {"low": np.full(truth.height, np.nan), "high": np.full(truth.height, np.nan)}
        columns = bare | {column.name: column.to_numpy() for column in predictions}
        return measure({**columns, "y": truth[target].cast(pl.Float64).to_numpy()})

    def bind(truth: pl.DataFrame, predictions: pl.DataFrame) -> Scorer:
        each = each_row(truth, predictions)
        return lambda rows: float(finish((each if rows is None else each[rows]).mean(axis=0)))

    def losses(truth: pl.DataFrame, predictions: pl.DataFrame) -> np.ndarray:
        each = each_row(truth, predictions)
        first = each if each.ndim == 1 else each[:, 0]
        return 1.0 - first if greater_is_better else first

    return Metric(name, greater_is_better, bind, doc, losses)
