"""How figures look: one Vega configuration for light pages and one for dark ones.

Specifications of figures hold no colours and no fonts, so that they follow the page that they stand on. The
colours of categories are those of Okabe and Ito, which people with any kind of colour vision can tell apart;
yellow is left out, and all are brightened on black. Ramps change in lightness as well as in hue.

References
----------
Okabe and Ito (2008), "Color Universal Design".
"""

from __future__ import annotations

from typing import Any

__all__ = ["FONT", "themes"]

FONT = 'system-ui, -apple-system, "Segoe UI", Roboto, "Helvetica Neue", Arial, sans-serif'

_LABEL = (  # years have no comma, and what is tiny is not a row of zeros
    "datum.value != 0 && abs(datum.value) < 0.0001 ? format(datum.value, '.2~e')"
    " : datum.value == 0 && length(datum.label) > 6 ? '0'"
    " : abs(datum.value) < 10000 ? replace(datum.label, ',', '') : datum.label"
)
_LIGHT = {
    "ink": "#1c2430",
    "soft": "#566072",
    "line": "#d9dde3",
    "grid": "#eceff3",
    "category": ["#0072b2", "#d55e00", "#009e73", "#cc79a7", "#e69f00", "#56b4e9", "#6b4c9a", "#5f6b7a"],
    "ramp": ["#eaf3fa", "#b5d5ec", "#74afd8", "#3486bf", "#0b5c96", "#073a63"],
    "diverging": ["#0b5c96", "#6ba6cf", "#dfe3e8", "#e6a96a", "#b35000"],
}
_DARK = {
    "ink": "#e7ebf0",
    "soft": "#a5b0be",
    "line": "#3b4655",
    "grid": "#252d38",
    "category": ["#5aaee6", "#f0894a", "#2fbf95", "#e39ac2", "#e6b93c", "#9fd4f5", "#b49ae0", "#98a4b3"],
    "ramp": ["#1d2a38", "#21476b", "#2b6ea3", "#4d9bd3", "#8cc6ee", "#d5ecfb"],
    "diverging": ["#6cb6f5", "#3f6f9a", "#343d4a", "#a0703c", "#f5ac5e"],
}


def themes() -> dict[str, dict[str, Any]]:
    """The configuration for each theme of a page, JSON-ready.

    Examples
    --------
    >>> sorted(themes())
    ['dark', 'light']
    >>> themes()["dark"]["background"] is None  # the page shows through
    True
    """
    return {"light": _config(_LIGHT), "dark": _config(_DARK)}


def _config(colours: dict[str, Any]) -> dict[str, Any]:
    ink, soft, first = colours["ink"], colours["soft"], colours["category"][0]
    labels = {"labelColor": soft, "labelFontSize": 12, "titleColor": soft, "titleFontSize": 12}
    return {
        "background": None,
        "font": FONT,
        "padding": 4,
        "view": {"stroke": None, "continuousHeight": 280, "discreteHeight": 280},
        "mark": {"color": first},
        "bar": {"discreteBandSize": {"band": 0.72}},
        "line": {"strokeWidth": 2},
        "point": {"filled": True, "opacity": 0.65, "size": 36},
        "rect": {"stroke": None},
        "rule": {"color": soft},
        "text": {"color": ink, "fontSize": 12},
        "tick": {"color": first},
        "area": {"opacity": 0.3},
        "axis": {
            **labels,
            "domainColor": colours["line"],
            "gridColor": colours["grid"],
            "labelLimit": 160,
            "labelOverlap": True,
            "labelPadding": 6,
            "tickColor": colours["line"],
            "tickSize": 4,
            "titleFontWeight": 500,
            "titlePadding": 10,
        },
        "axisBand": {"domain": False, "grid": False, "ticks": False},
        "axisQuantitative": {"tickCount": 6, "labelExpr": _LABEL},
        "axisXDiscrete": {"labelAngle": 0},
        "header": {**labels, "labelColor": ink, "labelFontWeight": 600},
        "legend": {**labels, "labelLimit": 220, "orient": "top", "titleFontWeight": 500},
        "title": {"anchor": "start", "color": ink, "fontSize": 14, "fontWeight": 600},
        "range": {
            "category": colours["category"],
            "ordinal": colours["ramp"][1:],
            "heatmap": colours["ramp"],
            "ramp": colours["ramp"],
            "diverging": colours["diverging"],
        },
    }
