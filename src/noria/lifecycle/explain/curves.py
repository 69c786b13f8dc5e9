"""Partial dependence drawn: curves, heat maps, the boundaries of classes."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import polars as pl

from noria.core.explanation import word
from noria.core.result import Figure
from noria.core.schema import Column, Type
from noria.core.signature import PROBABILITY
from noria.lifecycle.explain.dependence import Dependence, Surface
from noria.lifecycle.explain.figures import SECTION, STEP, rows_of
from noria.lifecycle.explain.view import View
from noria.pages.charts import number, tip

__all__ = ["boundary", "heatmap", "partial"]

_RUG, _POINTS = 150, 300
_LEVELS = (Type.CATEGORY, Type.BOOLEAN)
_FAINT, _STRONG = 0.08, 0.45
_LEGEND = {"title": None, "orient": "top", "symbolOpacity": 1}


def partial(view: View, found: Dependence, name: str) -> Figure:
    """The mean prediction along one column, the spread of single rows, and where the rows lie."""
    levels, one = found.column.type in _LEVELS, len(view.outputs) == 1
    order = np.argsort(-found.mean[:, 0], kind="stable") if levels and one else np.arange(len(found.points))
    points, seen = found.points.gather(order), view.rows[found.column.name].drop_nulls()
    frames = [
        pl.DataFrame(
            {
                "kind": "curve",
                "point": _plain(points, levels),
                "mean": found.mean[order, at],
                "low": found.low[order, at],
                "high": found.high[order, at],
                "outcome": output.removeprefix(PROBABILITY),
            }
        )
        for at, output in enumerate(view.outputs)
    ]
    if levels:
        shares = pl.Series("share", [float((seen == value).mean() or 0.0) for value in points])
        frames = [frame.with_columns(shares) for frame in frames]
    else:
        rug = seen.sample(min(len(seen), _RUG), seed=0)
        frames.append(pl.DataFrame({"kind": "row", "point": _plain(rug, levels)}))
    frame = pl.concat(frames, how="diagonal_relaxed")
    spec = _levels_spec(found.column, view, len(points)) if levels else _curve_spec(found.column, view)
    column = found.column.name
    text = (
        f"The {view.unit} on average when {column} is set to each value and everything else stays as it is."
    )
    if one:
        band = "line" if levels else "band"
        text += f" The {band} holds 80% of the rows' own curves: where it is wide, other columns decide too."
    if not levels:
        text += " The ticks at the foot are rows; where they are rare, the model has seen little."
    return Figure(name, f"The prediction along {column}", frame, spec, SECTION, text)


def heatmap(view: View, found: Surface, name: str, why: str = "") -> Figure:
    """The mean prediction over two columns; of several classes the one that moves most."""
    at = int(np.argmax(found.mean.var(axis=0)))
    unit = view.label(view.outputs[at])
    labels = [_words(column, values) for column, values in zip(found.columns, (found.first, found.second))]
    frame = pl.DataFrame({"x": labels[0], "y": labels[1], "mean": found.mean[:, at]})
    orders = [
        _order(frame, field, by_mean=column.type in _LEVELS) for field, column in zip("xy", found.columns)
    ]
    one, two = (column.name for column in found.columns)
    across = {"labelAngle": -40, "labelLimit": 100, "labelOverlap": True}
    color = {"field": "mean", "type": "quantitative", "title": unit, "legend": {"titleLimit": 260}}
    spec = {
        "width": "container",
        "height": 300,
        "mark": "rect",
        "encoding": {
            "x": {"field": "x", "type": "ordinal", "sort": orders[0], "title": one, "axis": across},
            "y": {"field": "y", "type": "ordinal", "sort": orders[1][::-1], "title": two,
                  "axis": {"labelLimit": 140}},
            "color": color,
            "tooltip": [tip("x", one), tip("y", two), tip("mean", unit, ".4~g")],
        },
    }  # fmt: skip
    text = f"The {unit} on average when {one} and {two} are set to each pair of values. {why}".strip()
    return Figure(name, f"The {unit} by {one} and {two}", frame, spec, SECTION, text)


def boundary(
    view: View,
    found: Surface,
    name: str,
    *,
    truth: pl.Series | None = None,
    asked: pl.DataFrame | None = None,
) -> Figure:
    """Where each class is predicted over two columns of numbers.

    Parameters
    ----------
    view, found, name : View, Surface, str
    truth : Series, optional
        The true classes of the view's rows, which are then drawn.
    asked : Table, optional
        Rows to be marked.
    """
    one, two = (column.name for column in found.columns)
    frame = _cells(view, found, truth)
    if asked is not None:
        ring = pl.DataFrame({"kind": "asked", "x": asked[one], "y": asked[two]})
        frame = pl.concat([frame, ring], how="diagonal_relaxed")
    domain = {"domain": list(view.classes)}
    color = {"field": "class", "type": "nominal", "scale": domain, "legend": _LEGEND}
    shape = {"field": "class", "type": "nominal", "scale": domain, "legend": _LEGEND}
    x, y = (
        number(field, title, scale={"zero": False, "nice": False})
        for field, title in (("x", one), ("y", two))
    )
    surely = {"domain": [1 / len(view.classes), 1], "range": [_FAINT, _STRONG]}
    tips = [tip("x", one, ".4~g"), tip("y", two, ".4~g"), tip("class", "class")]
    area = {
        "x": {**x, "field": "left"}, "x2": {"field": "right"}, "y": {**y, "field": "foot"},
        "y2": {"field": "head"}, "color": color, "tooltip": [*tips, tip("probability", "probability", ".0%")],
        "opacity": {"field": "probability", "type": "quantitative", "legend": None, "scale": surely},
    }  # fmt: skip
    dots = {"type": "point", "filled": True, "size": 34, "opacity": 0.95}
    around = {"type": "point", "size": 260, "strokeWidth": 4}
    point = {"x": x, "y": y, "color": color, "shape": shape, "tooltip": tips}
    layers: dict[str, dict[str, Any]] = {
        "cell": {"mark": {"type": "rect"}, "encoding": area},
        "row": {"mark": dots, "encoding": point},
        "asked": {"mark": around, "encoding": {"x": x, "y": y, "tooltip": tips[:2]}},
    }
    drawn = frame["kind"].unique().to_list()
    spec: dict[str, Any] = {
        "width": "container",
        "height": 340,
        "layer": [{"transform": _only(kind), **layer} for kind, layer in layers.items() if kind in drawn],
    }
    text = (
        f"The class that is predicted at each value of {one} and {two}, on average over what the other "
        f"columns say; the stronger the colour, the surer."
    )
    if truth is not None:
        text += " Points are rows with their true class."
    if asked is not None:
        text += " The ring is the row that was asked about."
    return Figure(name, f"Where each class is predicted, by {one} and {two}", frame, spec, SECTION, text)


def _cells(view: View, found: Surface, truth: pl.Series | None) -> pl.DataFrame:
    """The class of each cell of a grid, and some rows with their true class."""
    shares = found.mean if len(view.outputs) > 1 else np.hstack([1 - found.mean, found.mean])
    cells = {
        "x": found.first,
        "y": found.second,
        **dict(zip(("left", "right"), _edges(found.first))),
        **dict(zip(("foot", "head"), _edges(found.second))),
        "class": pl.Series(view.classes, dtype=pl.String).gather(shares.argmax(axis=1)),
        "probability": shares.max(axis=1),
    }
    frame = pl.DataFrame({"kind": "cell", **cells})
    if truth is None:
        return frame
    x, y = (view.rows[column.name] for column in found.columns)
    points = pl.DataFrame({"kind": "row", "x": x, "y": y, "class": truth.cast(pl.String)}).drop_nulls()
    for field, values in (("x", found.first), ("y", found.second)):
        points = points.filter(pl.col(field).is_between(values.min(), values.max()))
    points = points.filter(pl.col("class").is_in(list(view.classes)))
    return pl.concat([frame, points.sample(min(points.height, _POINTS), seed=0)], how="diagonal_relaxed")


def _curve_spec(column: Column, view: View) -> dict[str, Any]:
    """A line with a band, and ticks for rows."""
    kind = "temporal" if column.type is Type.DATETIME else "quantitative"
    scale = {} if kind == "temporal" else {"scale": {"zero": False}}
    x = {"field": "point", "type": kind, "title": column.name, **scale}
    y = number("mean", view.unit, scale={"zero": False})
    tips = [{**tip("point", column.name, ".4~g" if scale else ""), "type": kind}, *_tips(view)]
    band = {"x": x, "y": {**y, "field": "low"}, "y2": {"field": "high"}}
    area = {"transform": _only("curve"), "mark": {"type": "area", "opacity": 0.2}, "encoding": band}
    line = {"x": x, "y": y, "tooltip": tips, **_by_class(view)}
    ticks = {"type": "tick", "thickness": 1, "size": 8, "opacity": 0.5, "yOffset": -4}
    return {
        "width": "container",
        "height": 240,
        "layer": [
            *([area] if len(view.outputs) == 1 else []),
            {"transform": _only("curve"), "mark": {"type": "line", "point": True}, "encoding": line},
            {"transform": _only("row"), "mark": ticks, "encoding": {"x": x, "y": {"value": "height"}}},
        ],
    }


def _levels_spec(column: Column, view: View, count: int) -> dict[str, Any]:
    """A point with a line for each level."""
    one = len(view.outputs) == 1
    x = number("mean", view.unit, scale={"zero": False})
    interval = {"x": {**x, "field": "low"}, "x2": {"field": "high"}}
    line = {"mark": {"type": "rule", "strokeWidth": 2, "opacity": 0.5}, "encoding": interval}
    offset = {} if one else {"yOffset": {"field": "outcome", "type": "nominal"}}
    tips = [tip("point", column.name), *_tips(view), tip("share", "share of rows", ".0%")]
    return {
        "width": "container",
        "height": STEP * count * (1 if one else len(view.outputs) / 2),
        "encoding": {"y": rows_of("point"), "tooltip": tips, **offset, **_by_class(view)},
        "layer": [
            *([line] if one else []),
            {"mark": {"type": "point", "filled": True, "size": 70}, "encoding": {"x": x}},
        ],
    }


def _by_class(view: View) -> dict[str, Any]:
    several = {"field": "outcome", "type": "nominal", "legend": _LEGEND}
    return {} if len(view.outputs) == 1 else {"color": several}


def _tips(view: View) -> list[dict[str, Any]]:
    if len(view.outputs) > 1:
        return [tip("outcome", "class"), tip("mean", view.unit, ".4~g")]
    return [tip("mean", view.unit, ".4~g"), tip("low", "80% from", ".4~g"), tip("high", "to", ".4~g")]


def _only(kind: str) -> list[dict[str, str]]:
    return [{"filter": f"datum.kind == '{kind}'"}]


def _plain(values: pl.Series, levels: bool) -> list[Any]:
    """As JSON has them: moments as text that Vega reads, levels in words."""
    if values.dtype == pl.Datetime:
        return values.dt.strftime("%Y-%m-%dT%H:%M:%S").to_list()
    return [word(value) for value in values] if levels else values.to_list()


def _words(column: Column, values: pl.Series) -> list[str]:
    if column.type is Type.DATETIME:
        return values.dt.strftime("%Y-%m-%d").to_list()
    return [word(value) for value in values]


def _order(frame: pl.DataFrame, field: str, *, by_mean: bool) -> Sequence[str]:
    """The labels of an axis: levels by their mean, anything else as it comes."""
    means = frame.group_by(field, maintain_order=True).agg(pl.col("mean").mean())
    return (means.sort("mean", maintain_order=True) if by_mean else means)[field].to_list()


def _edges(values: pl.Series) -> tuple[np.ndarray, np.ndarray]:
    """Both ends of the cell around each value of a grid: halfway to its neighbours."""
    points, place = np.unique(values.to_numpy(), return_inverse=True)
    middle = (points[1:] + points[:-1]) / 2
    ends = np.concatenate([[2 * points[0] - middle[0]], middle, [2 * points[-1] - middle[-1]]])
    return ends[place], ends[place + 1]
