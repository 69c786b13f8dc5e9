"""Pieces of Vega-Lite that all figures share; colours, fonts and sizes of signs are the page's to choose.

Fields have names of their own, never those of a table's columns, which may hold dots or brackets: what comes
from the data stands in values.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any

__all__ = [
    "PERCENT",
    "Channel",
    "amount",
    "band",
    "chart",
    "colour",
    "diagonal",
    "dots",
    "interval",
    "line",
    "mark",
    "number",
    "rule",
    "tip",
    "words",
]

PERCENT = {"format": ".0%", "tickCount": 6, "labelOverlap": True}
"""The axis of a share."""

Channel = Mapping[str, Any]
Tip = tuple[str, ...]  # a field, its title, and how its number or its moment is written if it is one
Layer = dict[str, Any]


def number(field: str, title: str | None, **more: Any) -> Channel:
    """A channel that shows a quantity; `title` says what it is, with its unit.

    Examples
    --------
    >>> number("age", "age (years)")
    {'field': 'age', 'type': 'quantitative', 'title': 'age (years)'}
    """
    return {"field": field, "type": "quantitative", "title": title, **more}


def words(field: str, title: str | None, **more: Any) -> Channel:
    """A channel that shows a name, in the order of the rows unless told otherwise.

    Examples
    --------
    >>> words("town", None)["sort"] is None
    True
    """
    return {"field": field, "type": "nominal", "title": title, "sort": None, **more}


def colour(field: str, **legend: Any) -> Channel:
    """A channel that tells names apart by colour, with a legend below the chart.

    Examples
    --------
    >>> colour("kind", columns=2)["legend"]["columns"]
    2
    """
    made = {"orient": "bottom", "labelLimit": 260, "symbolOpacity": 1, "symbolType": "circle", **legend}
    return words(field, None, legend=made)


def mark(kind: str | Mapping[str, Any], tips: Sequence[Tip] = (), **channels: Any) -> Layer:
    """A layer of signs of one kind, which say more when they are pointed at.

    Examples
    --------
    >>> mark("bar", [("rows", "rows", ",d")], x=number("rows", "rows"))["encoding"]["tooltip"]
    [{'field': 'rows', 'title': 'rows', 'format': ',d', 'type': 'quantitative'}]
    """
    told = [tip(*one) for one in tips]
    return {"mark": kind, "encoding": {**channels, **({"tooltip": told} if told else {})}}


def tip(field: str, title: str, written: str = "") -> dict[str, str]:
    """A line of a tooltip: of a moment if it is written with ``%d`` and the like, else of a number or name.

    Examples
    --------
    >>> tip("town", "town")
    {'field': 'town', 'title': 'town', 'type': 'nominal'}
    """
    if not written:
        return {"field": field, "title": title, "type": "nominal"}
    timed = written.startswith("%")
    return {
        "field": field,
        "title": title,
        "format": written,
        "type": "temporal" if timed else "quantitative",
    }


def interval(written: str) -> list[Tip]:
    """What is told of the fields ``low`` and ``high``.

    Examples
    --------
    >>> interval(".1%")[0]
    ('low', 'from (95%)', '.1%')
    """
    return [("low", "from (95%)", written), ("high", "to (95%)", written)]


def line(x: Channel, y: Channel, tips: Sequence[Tip], **channels: Any) -> list[Layer]:
    """A line, and unseen dots on it that can be pointed at.

    Examples
    --------
    >>> [layer["mark"]["type"] for layer in line(number("x", "x"), number("y", "y"), [("y", "y", ".2f")])]
    ['line', 'point']
    """
    return [
        mark({"type": "line", "strokeWidth": 2}, x=x, y=y, **channels),
        mark({"type": "point", "filled": True, "size": 80, "opacity": 0}, tips, x=x, y=y, **channels),
    ]


def band(x: Channel, y: Channel, **channels: Any) -> Layer:
    """The interval around a line, from the field ``low`` to ``high``."""
    return mark(
        {"type": "area", "opacity": 0.18}, x=x, y={**y, "field": "low"}, y2={"field": "high"}, **channels
    )


def dots(along: str, place: Channel, value: Channel, tips: Sequence[Tip], **channels: Any) -> list[Layer]:
    """Values with their intervals, ``low`` to ``high``, side by side.

    Parameters
    ----------
    along : {"x", "y"}
        The axis of the values; `place` goes along the other.
    """
    across = "y" if along == "x" else "x"
    channels[across] = place
    ends: dict[str, Any] = {along: {**value, "field": "low"}, f"{along}2": {"field": "high"}}
    point = {"type": "point", "filled": True, "size": 70, "opacity": 1}
    return [
        mark({"type": "bar", "size": 3, "opacity": 0.6}, tips, **ends, **channels),
        mark(point, tips, **{**channels, along: value}),
    ]


def rule(axis: str, channel: Channel, value: float) -> Layer:
    """A dashed line across the chart at a value of an axis."""
    channels: dict[str, Any] = {axis: channel}
    made = mark({"type": "rule", "strokeDash": [4, 4], "opacity": 0.7}, **channels)
    return {"data": {"values": [{channel["field"]: value}]}, **made}


def diagonal(x: Channel, y: Channel, low: float = 0.0, high: float = 1.0) -> Layer:
    """A dashed line on which both are equal."""
    ends = [{x["field"]: end, y["field"]: end} for end in (low, high)]
    made = mark({"type": "line", "strokeDash": [4, 4], "strokeWidth": 1, "opacity": 0.6}, x=x, y=y)
    return {"data": {"values": ends}, **made}


def chart(*layers: Layer, height: int | Mapping[str, int] = 320, **more: Any) -> dict[str, Any]:
    """Layers as a specification that fills the width it is given."""
    return {"width": "container", "height": height, "layer": list(layers), **more}


def amount(value: float, digits: int = 3) -> str:
    """A number in running text, without an exponent where people use none; years have no comma.

    Examples
    --------
    >>> amount(1234567.0), amount(0.012345), amount(2008.0, 6), amount(-2.5e-9)
    ('1,230,000', '0.0123', '2008', '-2.5e-09')
    """
    if not math.isfinite(value) or value == 0:
        return f"{value:g}"
    places = digits - 1 - math.floor(math.log10(abs(value)))
    if not -12 < places < 9:
        return f"{value:.{digits}g}"
    near = round(value, places)
    text = f"{near:{',' if abs(near) >= 10_000 else ''}.{max(places, 0)}f}"
    return text.rstrip("0").rstrip(".") if "." in text else text
