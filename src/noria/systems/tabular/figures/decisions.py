"""What is decided: which classes are taken for which, and what the threshold does and costs."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import polars as pl

from noria.core.result import Figure
from noria.methods import curves
from noria.methods.intervals import share_interval
from noria.pages import charts
from noria.pages.charts import number, words
from noria.systems.tabular.figures.held import POINTS, SHARE, Held, picked

__all__ = ["confusion", "cost", "threshold"]

_SHOWN = 10
_MOST = 2.0  # times the cost of deciding alike, beyond which nothing is drawn
_RATIOS = (1, 5, 20)  # false alarms that a miss may be worth


def confusion(held: Held) -> Figure:
    """The confusion matrix; of many classes, those with most mistakes, and all others together."""
    labels, y, decided = held.target.labels, held.y, held.decided
    more = ""
    if len(labels) > _SHOWN:
        labels, y, decided = _most_confused(labels, y, decided)
        more = " The classes with most mistakes are shown by name."
    k = len(labels)
    counts = np.bincount(y * k + decided, minlength=k * k)
    rows = np.repeat(counts.reshape(k, k).sum(axis=1), k)
    low, high = share_interval(counts, rows)
    frame = pl.DataFrame(
        {
            "actual": np.repeat(labels, k),
            "predicted": np.tile(labels, k),
            "rows": counts,
            "share": counts / np.maximum(rows, 1),
            "low": low,
            "high": high,
        }
    )
    share = (100 * pl.col("share")).round(0).cast(pl.Int64)
    tips = [
        ("actual", "actual class"),
        ("predicted", "predicted class"),
        ("rows", "rows", ",d"),
        ("share", "share of the actual class", ".1%"),
        *charts.interval(".1%"),
    ]
    angle = -35 if sum(map(len, labels)) > 30 else 0
    x = words("predicted", "predicted class", axis={"labelAngle": angle, "labelLimit": 120, "grid": False})
    up = words("actual", "actual class", axis={"labelLimit": 120, "grid": False})
    shade = number("share", None, scale={"domain": [0, 1], "range": [0.03, 0.6]}, legend=None)
    text = {"type": "text", "lineBreak": "\n", "dy": -6}
    spec = charts.chart(
        charts.mark("rect", tips, x=x, y=up, opacity=shade),
        charts.mark(text, tips, x=x, y=up, text=words("cell", None)),
        height=42 * len(labels),
    )
    said = (
        "Each row is an actual class: how many of its rows were taken for which class, and what share of "
        f"them that is. Right decisions lie on the diagonal.{more}"
    )
    frame = frame.with_columns(cell=pl.format("{}\n{}%", "rows", share))
    return Figure("confusion", "Which classes are taken for which", frame, spec, "errors", said)


def _most_confused(
    labels: Sequence[str], y: np.ndarray, decided: np.ndarray
) -> tuple[tuple[str, ...], np.ndarray, np.ndarray]:
    """The classes of most mistakes, the others joined into one."""
    wrong = np.concatenate([part[y != decided] for part in (y, decided)])
    mistakes = np.bincount(wrong, minlength=len(labels))
    kept = np.sort(np.argsort(-mistakes, kind="stable")[: _SHOWN - 1])
    place = np.full(len(labels), len(kept))
    place[kept] = np.arange(len(kept))
    names = (*(labels[at] for at in kept), f"({len(labels) - len(kept)} other classes)")
    return names, place[y], place[decided]


def threshold(held: Held) -> Figure:
    """Precision, recall and F1 of two classes by threshold."""
    made = curves.decisions(held.y == 1, held.p[:, 1])
    rows = curves.thinned(made.threshold, np.nan_to_num(made.precision[0]) + made.recall[0], POINTS)
    measures = {"precision": made.precision, "recall": made.recall, "F1": made.f1}
    at = np.minimum(made.threshold, 1.0)
    frame = pl.concat(
        picked({"threshold": at, "value": value, "low": low, "high": high}, rows, measure=name)
        for name, (value, low, high) in measures.items()
    ).filter(pl.col("value").is_not_nan())
    x, y = _threshold_axis(held), number("value", "precision, recall and F1", **SHARE)
    tips = [("measure", "measure"), ("value", "value", ".1%"), *charts.interval(".1%"), _AT]
    colour = charts.colour("measure")
    layers = [charts.band(x, y, color=colour), *charts.line(x, y, tips, color=colour), *_chosen(held, x)]
    best = float(made.threshold[np.nanargmax(made.f1[0])])
    text = (
        "A low threshold finds more (recall), a high one is right more often (precision); F1 balances both "
        f"and is best at {best:.2f} on these rows.{_marked(held)}"
    )
    return Figure("threshold", "What the threshold does", frame, charts.chart(*layers), text=text)


def cost(held: Held, costs: Sequence[Sequence[float]] | None) -> Figure:
    """What wrong decisions cost by threshold: by a table of costs, or for a few worths of a miss."""
    tables = {"": costs} if costs else {_worth(ratio): [[0, 1], [ratio, 0]] for ratio in _RATIOS}
    parts, least = [], []
    for name, table in tables.items():
        made = curves.expense(held.y == 1, held.p[:, 1], table)
        unit = 1.0 if costs else float(min(made.cost[0], made.cost[-1]))
        fields = {name: values / unit for name, values in made._asdict().items()}
        fields["threshold"] = np.minimum(made.threshold, 1.0)
        rows = curves.thinned(fields["threshold"], fields["cost"], POINTS)
        parts.append(picked(fields, rows, worth=name))
        least.append(f"{made.threshold[made.cost.argmin()]:.2f}" + (f" if {name}" if name else ""))
    frame = pl.concat(parts)
    frame = frame if costs else frame.filter(pl.col("cost") <= _MOST)
    x = _threshold_axis(held)
    text = f"What wrong decisions cost at each threshold: least at {', '.join(least)}."
    if costs:
        y = number("cost", "mean cost of a row")
        tips = [("cost", "mean cost of a row", ",.4~r"), *charts.interval(",.4~r"), _AT]
        layers = [charts.band(x, y), *charts.line(x, y, tips)]
    else:
        y = number("cost", "cost, as a multiple", scale={"domain": [0, _MOST], "clamp": True})
        colour = charts.colour("worth")
        tips = [("worth", "if"), ("cost", "cost", ".3f"), *charts.interval(".3f"), _AT]
        layers = [charts.band(x, y, color=colour), *charts.line(x, y, tips, color=colour)]
        layers.append(charts.rule("y", y, 1.0))
        text += f" 1 is what deciding the same for all rows costs; a miss is a '{held.positive}' not found."
    spec = charts.chart(*layers, *_chosen(held, x))
    return Figure("cost", "The threshold by cost", frame, spec, text=text + _marked(held))


_AT = ("threshold", "threshold", ".3f")


def _threshold_axis(held: Held) -> charts.Channel:
    return number("threshold", f"threshold: '{held.positive}' from this probability on", **SHARE)


def _worth(ratio: int) -> str:
    return "a miss is as bad as a false alarm" if ratio == 1 else f"{ratio} times as bad"


def _chosen(held: Held, x: charts.Channel) -> list[charts.Layer]:
    return [] if held.threshold is None else [charts.rule("x", x, held.threshold)]


def _marked(held: Held) -> str:
    if held.threshold is None:
        return ""
    return f" The dashed line at {held.threshold:.2f} is the model's threshold."
