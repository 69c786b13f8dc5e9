"""What a model goes by, drawn: importance, attributions, interactions."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
import polars as pl

from noria.core.explanation import Explanation, word
from noria.core.protocol import Metric
from noria.core.result import Figure
from noria.core.schema import Type
from noria.lifecycle.explain.dependence import Interaction
from noria.lifecycle.explain.importance import Permuted
from noria.lifecycle.explain.view import View
from noria.pages import charts
from noria.pages.charts import number, tip

__all__ = ["SECTION", "STEP", "importance", "interaction", "rows_of", "summary"]

SECTION = "explanation"
STEP = 24  # pixels of a bar and the room around it
_BARS, _PAIRS, _STRIPS, _STRIP = 20, 10, 10, 36
_BINS, _WIDE = 60, 0.8  # of a strip: places side by side, and how much of its height the fullest takes
_ORDERED = (Type.NUMBER, Type.DATETIME, Type.BOOLEAN)


def importance(found: Permuted, metric: Metric, *, held_out: bool) -> Figure:
    """Bars of what shuffling each column costs, with intervals."""
    kinds = {"feature": pl.String, "value": pl.Float64, "low": pl.Float64, "high": pl.Float64}
    frame = pl.DataFrame([vars(one) for one in found.importance[:_BARS]], schema=kinds)
    title = f"{metric.name} lost by shuffling the column"
    tips = [tip("feature", "column"), tip("value", "lost", ".4~g"), tip("low", "from", ".4~g"),
            tip("high", "to", ".4~g")]  # fmt: skip
    interval = {"x": number("low", title), "x2": {"field": "high"}}
    spec = {
        "width": "container",
        "height": STEP * frame.height,
        "encoding": {"y": rows_of("feature"), "tooltip": tips},
        "layer": [
            {"mark": "bar", "encoding": {"x": number("value", title)}},
            {"mark": {"type": "rule", "strokeWidth": 2}, "encoding": interval},
        ],
    }
    where = (
        "that the model has not seen" if held_out else "that the model has learned from, which flatters it"
    )
    text = (
        f"How much worse {metric.name} becomes when the values of one column are shuffled among "
        f"{found.rows:,} rows {where}; the lines are 95% intervals. A column near 0 could be left out, "
        f"unless others say the same."
    )
    for group in found.together:
        names = group.feature.replace(" + ", ", ")
        text += f" Much alike, and shuffled together: {names}, at a loss of {group.value:.3g}."
    if found.left_out:
        text += f" There was no time to shuffle {found.left_out:,} more, which may matter as much."
    return Figure("explanation-1-importance", "What the model goes by", frame, spec, SECTION, text)


def summary(found: Explanation, types: Mapping[str, Type]) -> Figure:
    """A strip for each feature: what it added to each of some rows, by its value."""
    top = found.frame()["feature"].head(_STRIPS).to_list()
    frame = pl.concat([_strip(found, name, types.get(name), seed) for seed, name in enumerate(top)])
    subject, more = f"added to {found.unit}", "larger"
    if found.outcome is not None:
        same = found.outcome.n_unique() == 1
        outcome = f"the class {found.outcome[0]}" if same else "the class that was predicted"
        subject, more = f"added to the {found.unit} of {outcome}", "more likely"
    ends = "datum.value == 0 ? 'low' : datum.value == 1 ? 'high' : ''"
    legend = {"title": "its value", "labelExpr": ends, "values": [0, 1]}
    color = {"field": "rank", "type": "quantitative", "legend": legend}
    dots, rings = ({"type": kind, "size": 24, "opacity": 0.8} for kind in ("circle", "point"))
    layers = [
        {"transform": [{"filter": "isValid(datum.rank)"}], "mark": dots, "encoding": {"color": color}},
        {"transform": [{"filter": "!isValid(datum.rank)"}], "mark": rings},
    ]
    ordered, unordered = len(frame["rank"]) - frame["rank"].null_count(), frame["rank"].null_count()
    spec = {
        "width": "container",
        "height": _STRIP * len(top),
        "encoding": {
            "y": {**rows_of("feature"), "sort": top},
            "yOffset": {"field": "offset", "type": "quantitative", "scale": {"domain": [-1, 1]}},
            "x": number("added", subject),
            "tooltip": [tip("feature", "column"), tip("value", "its value"), tip("added", "added", ".4~g")],
        },
        "layer": [layer for layer, count in zip(layers, (ordered, unordered)) if count],
    }
    how = "exact" if found.method == "exact" else f"Shapley values, {found.method}"
    text = (
        f"Each point is one of {len(found.base):,} rows: right of 0 the column made the prediction {more}, "
        f"left of it the reverse. The colour is the column's own value; rings are values without an order "
        f"({how})."
    )
    title = "What each column adds, row by row"
    return Figure("explanation-2-attributions", title, frame, spec, SECTION, text)


def interaction(found: Sequence[Interaction], view: View) -> Figure:
    """Bars of how much pairs of columns do together."""
    some = found[:_PAIRS]
    pairs = [" × ".join(column.name for column in one.columns) for one in some]
    shares = {"strength": [one.strength for one in some], "share": [one.share for one in some]}
    frame = pl.DataFrame({"pair": pairs, **shares})
    tips = [tip("pair", "columns"), tip("strength", "strength", ".4~g"), tip("share", "Friedman's H", ".2f")]
    spec = {
        "width": "container",
        "height": STEP * frame.height,
        "mark": "bar",
        "encoding": {
            "y": rows_of("pair"),
            "x": number("strength", f"{view.unit} that both decide together (standard deviation)"),
            "tooltip": tips,
        },
    }
    text = (
        f"How far two columns together move the {view.unit} beyond what each does alone. Near 0 their "
        f"effects simply add up. Friedman's H, the share of all that the two do, stands in the tooltip."
    )
    return Figure("explanation-4-interactions", "Columns that work together", frame, spec, SECTION, text)


def rows_of(field: str) -> charts.Channel:
    """A vertical axis of names in the order of the data."""
    return charts.words(field, None, axis={"title": None, "labelLimit": 220})


def _strip(found: Explanation, name: str, kind: Type | None, seed: int) -> pl.DataFrame:
    """One feature's points: what was added, the value in words, its rank, and a place beside others.

    Each feature has its own order of rows, and texts are left out, so that no row can be put together again.
    """
    added, count = found.attributions[name], len(found.base)
    own = found.values[name] if found.values is not None and name in found.values.columns else None
    rank, words = (pl.Series([None] * count, dtype=kind) for kind in (pl.Float64, pl.String))
    if own is not None and kind is not Type.TEXT:
        words = pl.Series([word(value) for value in own], dtype=pl.String)
    if own is not None and kind in _ORDERED:
        rank = own.rank("dense").cast(pl.Float64) - 1
        rank = rank / max(float(rank.max() or 0.0), 1.0)  # type: ignore[arg-type]
    columns = {"added": added, "value": words, "rank": rank, "offset": _beside(added.to_numpy())}
    made = pl.DataFrame({"feature": pl.Series([name] * count, dtype=pl.String), **columns})
    return made.sample(fraction=1.0, shuffle=True, seed=seed)


def _beside(values: np.ndarray) -> np.ndarray:
    """Offsets, -1 to 1, that keep points of about the same value apart."""
    span = float(np.ptp(values)) if len(values) else 0.0
    offset = np.zeros(len(values))
    if span > 0:
        place = ((values - values.min()) / span * (_BINS - 1)).astype(np.int64)
        most = np.bincount(place).max()
        for one in np.unique(place):
            some = np.flatnonzero(place == one)
            wide = _WIDE * (len(some) - 1) / max(most - 1, 1)
            offset[some] = np.linspace(-wide, wide, len(some))
    return offset
