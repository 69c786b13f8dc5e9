"""What probabilities are worth: how they rank the rows, and whether they come true."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import polars as pl

from noria.core.result import Evaluation, Figure
from noria.methods import curves
from noria.pages import charts
from noria.pages.charts import number
from noria.systems.tabular.figures.held import POINTS, SHARE, Held, picked

__all__ = ["calibration", "gain", "precision_recall", "roc"]

_BIN_ROWS = 20
_AT = ("threshold", "threshold", ".3f")


def roc(held: Held, evaluation: Evaluation) -> Figure:
    """The share found against the share of false alarms."""
    frame = _curves(held, curves.roc, "false", "true", _with_area)
    x = number("false", "false alarms, of all other rows", **SHARE)
    y = number("true", "found, of all rows of the class", **SHARE)
    tips = [("true", "found", ".1%"), *charts.interval(".1%"), ("false", "false alarms", ".1%"), _AT]
    spec = charts.chart(charts.diagonal(x, y), *held.layers(x, y, tips), *held.here(frame, x, y, tips))
    text = (
        "How many false alarms it costs to find more, from a strict threshold at the left to a lax one. The "
        "nearer the curve comes to the upper left, the better; the dashed line is "
        f"guessing.{_point(held)}{held.among}"
    )
    area = _scored("area", evaluation, "roc_auc") if held.target.binary else ""
    title = f"ROC curve{_whose(held)}{area}"
    return Figure("roc", title, frame, spec, text=text)


def precision_recall(held: Held, evaluation: Evaluation) -> Figure:
    """The share that is right against the share found."""
    frame = _curves(held, curves.precision_recall, "recall", "precision").filter(pl.col("recall") > 0)
    x = number("recall", "recall: found, of all rows of the class", **SHARE)
    y = number("precision", "precision: right, of all that are found", **SHARE)
    tips = [("precision", "precision", ".1%"), *charts.interval(".1%"), ("recall", "recall", ".1%"), _AT]
    layers = [*held.layers(x, y, tips), *held.here(frame, x, y, tips)]
    text = "Of the rows that are taken for the class, how many are so, while more and more of it is found."
    if held.target.binary:
        share = float((held.y == 1).mean())
        layers.append(charts.rule("y", y, share))
        text += f" Guessing is right in {share:.1%} (dashed), as often as the class occurs.{_point(held)}"
    title = (
        f"Precision and recall{_whose(held)}{_scored('average precision', evaluation, 'average_precision')}"
    )
    return Figure("precision_recall", title, frame, charts.chart(*layers), text=text + held.among)


def gain(held: Held) -> Figure:
    """The share found by looking at the likeliest rows first."""
    frame = _curves(held, curves.gain, "rows", "found")
    x = number("rows", "rows looked at, the likeliest first", **SHARE)
    y = number("found", "found, of all rows of the class", **SHARE)
    lift = ("lift", "times as many as by chance", ".2f")
    tips = [("rows", "looked at", ".1%"), ("found", "found", ".1%"), *charts.interval(".1%"), lift]
    rarest = min(held.drawn, key=lambda at: (held.y == at).sum())
    curve = curves.gain(held.y == rarest, held.p[:, rarest])
    at = int(np.searchsorted(curve.rows, 0.1))
    text = (
        f"Among the {curve.rows[at]:.0%} likeliest rows are {curve.found[at]:.0%} ({curve.low[at]:.0%} to "
        f"{curve.high[at]:.0%}) of all '{held.target.labels[rarest]}', {curve.lift[at]:.1f} times as many as "
        f"by chance (dashed).{held.among}"
    )
    spec = charts.chart(charts.diagonal(x, y), *held.layers(x, y, tips))
    return Figure("gain", f"Found by looking at the likeliest first{_whose(held)}", frame, spec, text=text)


def calibration(held: Held) -> Figure:
    """Stated probability against observed frequency."""
    curve = curves.calibration(held.p, held.y, bins=int(np.clip(len(held.y) // _BIN_ROWS, 2, 10)))
    whose = f"'{held.positive}'" if held.target.binary else "the likeliest class"
    x = number("stated", f"stated probability of {whose}", **SHARE)
    y = number("observed", "how often it was true", **SHARE)
    observed = ("observed", "observed", ".1%")
    tips = [("stated", "stated", ".1%"), observed, *charts.interval(".1%"), ("rows", "rows", ",d")]
    line = charts.mark({"type": "line", "opacity": 0.4}, x=x, y=y)
    spec = charts.chart(charts.diagonal(x, y), line, *charts.dots("y", x, y, tips))
    off = int(((curve.low > curve.stated) | (curve.high < curve.stated)).sum())
    text = (
        "Rows of about the same stated probability are taken together. Where the dashed line meets the 95% "
        f"interval, the probability can be taken at its word; {off or 'none'} of {len(curve.rows)} intervals "
        "miss it."
    )
    title = "Do stated probabilities come true?"
    return Figure("calibration", title, pl.DataFrame(curve._asdict()), spec, text=text)


def _curves(
    held: Held,
    make: Callable[[np.ndarray, np.ndarray], Any],
    x: str,
    y: str,
    named: Callable[[Held, int], str] | None = None,
) -> pl.DataFrame:
    """The curves of all classes that are drawn, thinned out."""
    parts = []
    for at in held.drawn:
        fields = make(held.y == at, held.p[:, at])._asdict()
        label = held.target.labels[at] if named is None else named(held, at)
        parts.append(picked(fields, curves.thinned(fields[x], fields[y], POINTS), **{"class": label}))
    return pl.concat(parts)


def _with_area(held: Held, at: int) -> str:
    value, low, high = curves.area(held.y == at, held.p[:, at])
    return f"{held.target.labels[at]}: {value:.3f} [{low:.3f}, {high:.3f}]"


def _whose(held: Held) -> str:
    return f" of '{held.positive}'" if held.target.binary else ", each class against the others"


def _scored(words: str, evaluation: Evaluation, metric: str) -> str:
    score = evaluation.scores.get(metric)
    return f": {words} {score.value:.3f} [{score.low:.3f}, {score.high:.3f}]" if score else ""


def _point(held: Held) -> str:
    return "" if held.threshold is None else f" The point is the model's threshold, {held.threshold:.2f}."
