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

Measure = Callable[[np.ndarray, np.ndarray, np.ndarray], float]


def _smape(y: np.ndarray, f: np.ndarray, scale: np.ndarray) -> float:  # noqa: ARG001
    size = np.abs(y) + np.abs(f)
    return float(200 * np.mean(np.where(size > 0, np.abs(y - f) / np.where(size > 0, size, 1), 0)))


def _nrmse(y: np.ndarray, f: np.ndarray, scale: np.ndarray) -> float:  # noqa: ARG001
    size = float(np.mean(np.abs(y)))
    return float(100 * np.sqrt(np.mean((y - f) ** 2))) / size if size else float("nan")


_MEASURES: dict[str, tuple[Measure, str]] = {
    "mase": (
        lambda y, f, scale: float(np.mean(np.abs(y - f) / scale)),
        "Mean absolute error in units of the seasonal naive forecast's in training; below 1 is better.",
    ),
    "smape": (_smape, "Symmetric mean absolute percentage error, 0 to 200."),
    "mae": (lambda y, f, scale: float(np.mean(np.abs(y - f))), "Mean absolute error, in the target's unit."),  # noqa: ARG005
    "rmse": (
        lambda y, f, scale: float(np.sqrt(np.mean((y - f) ** 2))),  # noqa: ARG005
        "Root mean squared error, in the target's unit.",
    ),
    "nrmse": (_nrmse, "Root mean squared error, in percent of the mean absolute true value."),
}


def metrics(target: str) -> list[Metric]:
    """MASE, sMAPE, MAE, RMSE, normalised RMSE and the intervals' coverage of a target column."""
    return [*(_metric(target, name) for name in _MEASURES), _coverage(target)]


def _metric(target: str, name: str) -> Metric:
    measure, doc = _MEASURES[name]

    def bind(truth: pl.DataFrame, predictions: pl.DataFrame) -> Scorer:
        y = truth[target].cast(pl.Float64).to_numpy()
        f, scale = predictions["prediction"].to_numpy(), predictions["scale"].to_numpy()
        return lambda rows: measure(y, f, scale) if rows is None else measure(y[rows], f[rows], scale[rows])

    return Metric(name, False, bind, doc)


def _coverage(target: str) -> Metric:
    def bind(truth: pl.DataFrame, predictions: pl.DataFrame) -> Scorer:
        if "low" not in predictions.columns:
            return lambda _: float("nan")
        y = truth[target].cast(pl.Float64).to_numpy()
        inside = (predictions["low"].to_numpy() <= y) & (y <= predictions["high"].to_numpy())
        return lambda rows: float((inside if rows is None else inside[rows]).mean())

    return Metric("coverage", True, bind, "Share of true values inside their prediction intervals.")
