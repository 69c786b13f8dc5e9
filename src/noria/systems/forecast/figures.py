"""The pictures of a forecast's evaluation, as data and Vega-Lite specifications."""

from __future__ import annotations

import polars as pl

from noria.core.result import Figure
from noria.core.schema import Role, Schema
from noria.systems.forecast.panel import keys

__all__ = ["draw"]

_SHOWN = 6


def draw(schema: Schema, truth: pl.DataFrame, predictions: pl.DataFrame) -> list[Figure]:
    """The forecast with its interval beside what came, for the first few series."""
    assert schema.target is not None
    time = schema.with_role(Role.TIME)[0].name
    frame = pl.DataFrame(
        {"series": keys(truth, schema), "time": truth[time], "actual": truth[schema.target.name]}
    )
    bounds = [name for name in ("prediction", "low", "high") if name in predictions.columns]
    frame = frame.hstack(predictions.select(bounds)).sort("series", "time")
    some = frame["series"].unique(maintain_order=True).head(_SHOWN)
    frame = frame.filter(pl.col("series").is_in(some.implode()))
    x = {"field": "time", "type": "temporal" if frame["time"].dtype.is_temporal() else "quantitative"}
    layers = [
        {
            "mark": {"type": "area", "opacity": 0.2},
            "encoding": {"x": x, "y": _y("low"), "y2": {"field": "high"}},
        },
        {"mark": {"type": "line", "strokeDash": [4, 2]}, "encoding": {"x": x, "y": _y("prediction")}},
        {"mark": {"type": "line", "color": "black"}, "encoding": {"x": x, "y": _y("actual")}},
    ]
    spec = {
        "$schema": "https://vega.github.io/schema/vega-lite/v6.json",
        "facet": {"field": "series", "type": "nominal", "columns": 2},
        "spec": {"layer": layers if "low" in bounds else layers[1:]},
        "resolve": {"scale": {"y": "independent"}},
    }
    return [Figure("forecast", "The forecast beside what came", frame, spec)]


def _y(field: str) -> dict[str, object]:
    return {"field": field, "type": "quantitative", "scale": {"zero": False}}
