"""The pictures of a forecast's evaluation, as data and Vega-Lite specifications."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import polars as pl

from noria.core.protocol import Evidence
from noria.core.result import Figure
from noria.core.schema import Role, Schema
from noria.methods.smoothing import unusual
from noria.systems.forecast.panel import Panel, keys, label

__all__ = ["draw"]

_SHOWN, _HISTORY = 6, 5  # series, and horizons of history before the held-out steps
_COLOURS = {"truth": "#333333", "forecast": "#0072b2", "rolling origins": "#e69f00", "unusual": "#d55e00"}


def draw(
    schema: Schema, evidence: Evidence, panel: Panel, season: int, levels: Sequence[str] = ()
) -> list[Figure]:
    """The backtest of the first few series, and the error by the steps ahead and by level of a hierarchy.

    The panel is that of the rows learned from.
    """
    figures = [_backtest(schema, evidence, panel, season), _by_step(schema, evidence)]
    return [*figures, _by_level(schema, evidence, levels)] if levels else figures


def _backtest(schema: Schema, evidence: Evidence, panel: Panel, season: int) -> Figure:
    """What came, what was forecast from rolling origins and for the held-out steps, and what stood out."""
    held = _lines(schema, evidence.truth, evidence.predictions)
    folds = _lines(schema, evidence.fold_truth, evidence.fold_predictions)
    names = held["series"].unique(maintain_order=True).head(_SHOWN)
    past = _lines(schema, evidence.train).filter(pl.col("series").is_in(names.implode()))
    held, folds = (part.filter(pl.col("series").is_in(names.implode())) for part in (held, folds))
    past = past.with_columns(_unusual(panel, names, season, past))
    kept = max(_HISTORY * int(evidence.predictions["ahead"].n_unique()), 2 * season)
    past = past.group_by("series", maintain_order=True).tail(kept)
    parts = [
        pl.concat([past, held], how="diagonal").select("series", "time", value="truth", kind=pl.lit("truth")),
        folds.select("series", "time", value="prediction", kind=pl.lit("rolling origins")),
        held.select("series", "time", "low", "high", value="prediction", kind=pl.lit("forecast")),
        past.filter("unusual").select("series", "time", value="truth", kind=pl.lit("unusual")),
    ]
    frame = pl.concat(parts, how="diagonal")
    width = len(schema.with_role(Role.SERIES))
    shown = frame["series"].map_elements(lambda name: label(name, width), return_dtype=pl.String)
    layers = [
        {"transform": [{"filter": "datum.kind == 'forecast'"}], "mark": {"type": "area", "opacity": 0.25},
         "encoding": {"y": _y("low"), "y2": {"field": "high"}}},
        {"transform": [{"filter": "datum.kind != 'unusual'"}], "mark": {"type": "line", "strokeWidth": 1.5},
         "encoding": {"y": _y("value")}},
        {"transform": [{"filter": "datum.kind == 'unusual'"}], "mark": {"type": "point", "filled": True},
         "encoding": {"y": _y("value")}},
    ]  # fmt: skip
    x = {"field": "time", "type": "temporal" if held["time"].dtype.is_temporal() else "quantitative"}
    colour = {"field": "kind", "title": None, "scale": {"domain": [*_COLOURS], "range": [*_COLOURS.values()]}}
    spec = _spec(
        facet={"field": "series", "title": None, "sort": None},
        columns=2,
        spec={
            "width": 360, "height": 160,
            "encoding": {"x": {**x, "title": None}, "color": {**colour, "type": "nominal"}},
            "layer": layers,
        },
        resolve={"scale": {"x": "shared", "y": "independent"}},
    )  # fmt: skip
    return Figure("backtest", "What came, and what was forecast", frame.with_columns(series=shown), spec)


def _unusual(panel: Panel, names: Iterable[str], season: int, past: pl.DataFrame) -> pl.Series:
    """Which rows of `past`, of the series of these names, stand out, bool."""
    found = {at: unusual(panel.values[at], season)[0] for at in map(panel.number.__getitem__, names)}
    series = past["series"].replace_strict(panel.number, return_dtype=pl.Int64).to_numpy()
    places = panel.frequency.steps(past["time"]) - panel.starts[series]
    return pl.Series("unusual", [bool(found[at][place]) for at, place in zip(series, places)])


def _by_step(schema: Schema, evidence: Evidence) -> Figure:
    """The mean error by the steps ahead, held out and over the rolling origins."""
    parts = [
        _scaled(schema, truth, predictions).group_by("ahead").mean().with_columns(of=pl.lit(of))
        for of, truth, predictions in (
            ("held out", evidence.truth, evidence.predictions),
            ("rolling origins", evidence.fold_truth, evidence.fold_predictions),
        )
    ]  # fmt: skip
    spec = _spec(
        mark={"type": "line", "point": True},
        encoding={
            "x": {
                "field": "ahead",
                "type": "quantitative",
                "title": "steps ahead",
                "axis": {"tickMinStep": 1},
            },
            "y": {"field": "error", "type": "quantitative", "title": "error (MASE)"},
            "color": {"field": "of", "type": "nominal", "title": None},
        },
    )
    return Figure("by_step", "The error by the steps ahead", pl.concat(parts).sort("of", "ahead"), spec)


def _by_level(schema: Schema, evidence: Evidence, columns: Sequence[str]) -> Figure:
    """The mean error of single series and of sums."""
    depth = evidence.truth.select(pl.sum_horizontal(pl.col(columns).is_not_null())).to_series()
    names = dict(enumerate(["all", *columns]))
    frame = _scaled(schema, evidence.truth, evidence.predictions).with_columns(
        level=depth.replace_strict(names, return_dtype=pl.String)
    )
    frame = frame.group_by("level", maintain_order=True).agg(pl.col("error").mean(), rows=pl.len())
    spec = _spec(
        mark="bar",
        encoding={
            "x": {"field": "error", "type": "quantitative", "title": "error (MASE)"},
            "y": {"field": "level", "type": "nominal", "title": "summed up to", "sort": [*names.values()]},
        },
    )
    return Figure("by_level", "The error of single series and of their sums", frame, spec)


def _lines(schema: Schema, truth: pl.DataFrame, predictions: pl.DataFrame | None = None) -> pl.DataFrame:
    """Series, time and truth, with what was forecast, in the order of time."""
    assert schema.target is not None
    time = schema.with_role(Role.TIME)[0].name
    frame = pl.DataFrame(
        {
            "series": keys(truth, schema),
            "time": truth[time],
            "truth": truth[schema.target.name].cast(pl.Float64),
        }
    )
    if predictions is not None:
        known = [name for name in ("prediction", "low", "high") if name in predictions.columns]
        frame = frame.hstack(predictions.select(known))
    return frame.sort("series", "time")


def _scaled(schema: Schema, truth: pl.DataFrame, predictions: pl.DataFrame) -> pl.DataFrame:
    """The steps ahead and the scaled error of each row."""
    assert schema.target is not None
    miss = (truth[schema.target.name].cast(pl.Float64) - predictions["prediction"]).abs()
    return pl.DataFrame({"ahead": predictions["ahead"], "error": miss / predictions["scale"]})


def _y(field: str) -> dict[str, object]:
    return {"field": field, "type": "quantitative", "scale": {"zero": False}, "title": None}


def _spec(**parts: Any) -> Mapping[str, Any]:
    return {"$schema": "https://vega.github.io/schema/vega-lite/v6.json", **parts}
