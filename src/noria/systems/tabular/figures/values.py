"""Predicted values, their errors and their intervals."""

from __future__ import annotations

import numpy as np
import polars as pl

from noria.core.result import Figure
from noria.methods import curves
from noria.methods.intervals import wilson
from noria.pages import charts
from noria.pages.charts import PERCENT, amount, number, words

__all__ = ["draw"]

_SCATTERED, _CELLS, _BARS = 1_000, 36, 40
_BAND_ROWS = 50
_CORE = (0.001, 0.999)  # quantiles beyond which errors are gathered in the outermost bars
_VALUE = ",.4~r"
_LABELS = {"labelAngle": -30, "labelLimit": 160}


def draw(name: str, coverage: float, y: np.ndarray, predictions: pl.DataFrame) -> list[Figure]:
    """Predicted against actual values, the errors, and whether intervals hold.

    Parameters
    ----------
    name : str
        Of the target.
    coverage : float
        Share of the actual values that intervals are made to hold.
    y : (n,) array
    predictions : Table
    """
    predicted = predictions["prediction"].to_numpy()
    figures = [
        _pairs(name, y, predicted),
        _errors(name, y, predicted),
        _along(name, y, predicted),
        _by_range(name, y, predicted),
    ]
    return [*figures, _coverage(name, coverage, y, predictions)] if "low" in predictions.columns else figures


def _pairs(name: str, y: np.ndarray, predicted: np.ndarray) -> Figure:
    """A point for each row, or how many lie in each cell where they are too many."""
    x, up = (
        number(kind, f"{kind} {name}", scale={"zero": False, "nice": True})
        for kind in ("actual", "predicted")
    )
    tips = [("actual", "actual", _VALUE), ("predicted", "predicted", _VALUE)]
    if len(y) <= _SCATTERED:
        frame = pl.DataFrame({"actual": y, "predicted": predicted})
        marks = charts.mark({"type": "point", "filled": True, "opacity": 0.45, "size": 30}, tips, x=x, y=up)
        text = "Each point is a held-out row."
    else:
        frame = _cells(y, predicted)
        ends = {"x2": {"field": "actual_to"}, "y2": {"field": "predicted_to"}}
        rows = number("rows", "rows", scale={"type": "log"})
        marks = charts.mark("rect", [*tips, ("rows", "rows", ",d")], x=x, y=up, **ends, color=rows)
        text = "Held-out rows are counted in cells."
    low, high = float(min(y.min(), predicted.min())), float(max(y.max(), predicted.max()))
    spec = charts.chart(marks, charts.diagonal(x, up, low, high), height=380)
    text += " On the dashed line a prediction is right; above it, it is too high."
    return Figure("predicted", "Predicted against actual values", frame, spec, text=text)


def _cells(y: np.ndarray, predicted: np.ndarray) -> pl.DataFrame:
    counts, left, below = np.histogram2d(y, predicted, bins=_CELLS)
    at, over = np.nonzero(counts)
    return pl.DataFrame(
        {
            "actual": left[at],
            "actual_to": left[at + 1],
            "predicted": below[over],
            "predicted_to": below[over + 1],
            "rows": counts[at, over].astype(np.int64),
        }
    )


def _errors(name: str, y: np.ndarray, predicted: np.ndarray) -> Figure:
    """How the errors are distributed."""
    error = predicted - y
    low, high = np.quantile(error, _CORE)
    counts, edges = np.histogram(error.clip(low, high), bins=min(_BARS, max(8, int(len(y) ** 0.5))))
    fields = {"start": edges[:-1], "stop": edges[1:], "rows": counts, "share": counts / len(y)}
    x = number("start", f"error: predicted less actual {name}")
    tips = [
        ("start", "from", _VALUE),
        ("stop", "to", _VALUE),
        ("rows", "rows", ",d"),
        ("share", "share", ".1%"),
    ]
    binned = {**x, "bin": {"binned": True}}
    bars = charts.mark("rect", tips, x=binned, x2={"field": "stop"}, y=number("rows", "rows"))
    spec = charts.chart(bars, charts.rule("x", x, 0.0), height=240)
    half, most = ("{} ({} to {})".format(*map(amount, curves.quantile(np.abs(error), q))) for q in (0.5, 0.9))
    text = (
        f"Half of the errors are smaller than {half}, nine in ten smaller than {most}. To "
        "the right of the dashed line are predictions that are too high."
    )
    return Figure("errors", "How large the errors are", pl.DataFrame(fields), spec, "errors", text)


def _along(name: str, y: np.ndarray, predicted: np.ndarray) -> Figure:
    """The error's quantiles along the prediction: whether it drifts or widens."""
    found = curves.residuals(y, predicted, bins=int(np.clip(len(y) // _BAND_ROWS, 2, 20)))
    frame = pl.DataFrame(
        {
            "predicted": found.predicted,
            "rows": found.rows,
            "error": -found.middle,
            "low": -found.upper,
            "high": -found.lower,
        }
    )
    x = number("predicted", f"predicted {name}", scale={"zero": False})
    up = number("error", "error: predicted less actual")
    tips = [
        ("predicted", "predicted", _VALUE),
        ("error", "median error", _VALUE),
        ("low", "5% lie below", _VALUE),
        ("high", "5% lie above", _VALUE),
        ("rows", "rows", ",d"),
    ]
    spec = charts.chart(charts.band(x, up), *charts.line(x, up, tips), charts.rule("y", up, 0.0), height=260)
    text = (
        "The line is the median error, the band holds nine in ten. Where the line leaves 0, predictions of "
        "that size are off to one side; where the band widens, they are less certain."
    )
    return Figure("residuals", "The error along the prediction", frame, spec, "errors", text)


def _by_range(name: str, y: np.ndarray, predicted: np.ndarray) -> Figure:
    """Where the target is large, and where it is small."""
    found = curves.error_by_range(y, predicted)
    labels = _ranges(found.start, found.stop)
    frame = pl.DataFrame({"range": labels, **found._asdict()})
    tips = [
        ("range", f"actual {name}"),
        ("error", "mean absolute error", _VALUE),
        *charts.interval(_VALUE),
        ("bias", "mean of predicted less actual", "+,.4~r"),
        ("rows", "rows", ",d"),
    ]
    x, up = words("range", f"actual {name}", axis=_LABELS), number("error", f"mean absolute error of {name}")
    spec = charts.chart(*charts.dots("y", x, up, tips), height=260)
    at = int(found.error.argmax())
    worst, low, high, off = (
        amount(part[at]) for part in (found.error, found.low, found.high, abs(found.bias))
    )
    text = (
        f"Predictions are furthest off where {name} is {labels[at]}: by {worst} ({low} to {high}, 95%), on "
        f"average {off} too {'high' if found.bias[at] > 0 else 'low'}."
    )
    return Figure("error_by_range", f"The error by range of {name}", frame, spec, "errors", text)


def _coverage(name: str, wanted: float, y: np.ndarray, predictions: pl.DataFrame) -> Figure:
    """Whether intervals hold where predictions are large, and where they are small."""
    low, high, predicted = (predictions[part].to_numpy() for part in ("low", "high", "prediction"))
    held = (low <= y) & (y <= high)
    found = curves.coverage_by_range(held, predicted)
    frame = pl.DataFrame({"range": _ranges(found.start, found.stop), **found._asdict()})
    tips = [
        ("range", f"predicted {name}"),
        ("inside", "inside", ".1%"),
        *charts.interval(".1%"),
        ("rows", "rows", ",d"),
    ]
    x = words("range", f"predicted {name}", axis=_LABELS)
    up = number("inside", "actual values inside", scale={"zero": False}, axis=PERCENT)
    spec = charts.chart(*charts.dots("y", x, up, tips), charts.rule("y", up, wanted), height=260)
    share, least, most = (f"{part:.1%}" for part in (held.mean(), *wilson(held)))
    text = (
        f"Prediction intervals are made to hold {wanted:.0%} of the actual values (dashed), and hold "
        f"{share} ({least} to {most}) in all. Where a bar lies below the line, they are too narrow."
    )
    return Figure("coverage", "Do prediction intervals hold what they promise?", frame, spec, text=text)


def _ranges(start: np.ndarray, stop: np.ndarray) -> list[str]:
    """Each range in words, up to where the next begins, with as many digits as tell them apart."""
    ends = np.append(start[1:], stop[-1])
    for digits in (2, 3, 4, 6):
        said = [(amount(low, digits), amount(high, digits)) for low, high in zip(start, ends)]
        if len({low for low, _ in said}) == len(said):
            break
    single = start == stop
    return [low if alone else f"{low} to {high}" for alone, (low, high) in zip(single, said)]
