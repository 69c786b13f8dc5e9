"""The pictures of a forecast's evaluation, as data and Vega-Lite specifications."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np
import polars as pl

from noria.core.protocol import Evidence
from noria.core.result import Figure
from noria.core.schema import Role, Schema
from noria.methods.curves import mean_interval
from noria.methods.smoothing import unusual
from noria.pages import charts
from noria.systems.forecast.panel import Panel, keys, label

__all__ = ["draw"]

_SHOWN, _HISTORY = 6, 5  # series, and horizons of history before the held-out steps
_KINDS = ("actual", "forecast", "rolling origins", "unusual")
_MOST = 1_000
_VALUE = ",.4~r"
_ROWS = ("rows", "rows", ",d")
_ERROR = "scaled error (MASE)"


def draw(
    schema: Schema, evidence: Evidence, panel: Panel, season: int, levels: Sequence[str] = ()
) -> list[Figure]:
    """The backtest of the first few series, and the error by the steps ahead and by level of a hierarchy.

    The panel is that of the rows learned from.
    """
    figures = [*_backtests(schema, evidence, panel, season), _by_step(schema, evidence)]
    return [*figures, _by_level(schema, evidence, levels)] if levels else figures


def _backtests(schema: Schema, evidence: Evidence, panel: Panel, season: int) -> Iterator[Figure]:
    """What came, what was forecast from rolling origins and for the held-out steps, and what stood out."""
    held = _lines(schema, evidence.truth, evidence.predictions)
    folds = _lines(schema, evidence.fold_truth, evidence.fold_predictions)
    past = _lines(schema, evidence.train)
    kept = max(_HISTORY * int(evidence.predictions["ahead"].n_unique()), 2 * season)
    width = len(schema.with_role(Role.SERIES))
    for at, name in enumerate(held["series"].unique(maintain_order=True).head(_SHOWN)):
        mine, window, rolled = (part.filter(series=name) for part in (past, held, folds))
        mine = mine.with_columns(_unusual(panel, name, season, mine)).tail(min(kept, _MOST))
        whose = f": {label(name, width)}" if width else ""
        yield _backtest(f"backtest_{at + 1}" if at else "backtest", whose, (mine, window, rolled))


def _backtest(name: str, whose: str, parts: tuple[pl.DataFrame, pl.DataFrame, pl.DataFrame]) -> Figure:
    """One series: its past, the held-out steps and the rolling origins."""
    past, held, rolled = parts
    actual, forecast, origins, odd = _KINDS
    frame = pl.concat(
        [
            pl.concat([past, held], how="diagonal").select("time", value="truth", kind=pl.lit(actual)),
            rolled.select("time", value="prediction", kind=pl.lit(origins)),
            held.select("time", pl.col("^low|high$"), value="prediction", kind=pl.lit(forecast)),
            past.filter("unusual").select("time", value="truth", kind=pl.lit(odd)),
        ],
        how="diagonal",
    )
    stamped = frame["time"].dtype.is_temporal()
    kind = {"type": "temporal"} if stamped else {"scale": {"zero": False}, "axis": {"format": "~r"}}
    x = {**charts.number("time", None), **kind}
    y, colour = charts.number("value", None, scale={"zero": False}), charts.colour("kind")
    colour = {**colour, "scale": {"domain": [*_KINDS]}}
    when = ("time", "time", "%-d %b %Y") if stamped else ("time", "time", "~r")
    tips = [("kind", "shown"), when, ("value", "value", _VALUE), *charts.interval(_VALUE)]
    around = [charts.band(x, y, color=colour)] if "low" in frame.columns else []
    layers = [
        *(_only(forecast, layer) for layer in around),
        *(_without(odd, layer) for layer in charts.line(x, y, tips, color=colour)),
        _only(odd, charts.mark({"type": "point", "filled": True, "size": 60}, tips, x=x, y=y, color=colour)),
    ]
    text = (
        "What came, and what would have been forecast before it was known: in rolling origins while learners "
        "were compared, and for the last steps, which no choice has seen, with prediction intervals."
    )
    return Figure(
        name, f"What came, and what was forecast{whose}", frame, charts.chart(*layers, height=220), text=text
    )


def _only(kind: str, layer: charts.Layer) -> charts.Layer:
    return {"transform": [{"filter": f"datum.kind == '{kind}'"}], **layer}


def _without(kind: str, layer: charts.Layer) -> charts.Layer:
    return {"transform": [{"filter": f"datum.kind != '{kind}'"}], **layer}


def _unusual(panel: Panel, name: str, season: int, past: pl.DataFrame) -> pl.Series:
    """Which rows of the series `past` stand out, bool."""
    at = panel.number[name]
    found, _ = unusual(panel.values[at], season)
    return pl.Series("unusual", found[panel.frequency.steps(past["time"]) - panel.starts[at]])


def _by_step(schema: Schema, evidence: Evidence) -> Figure:
    """The mean error by the steps ahead, held out and over the rolling origins."""
    parts = [
        _mean_errors(_scaled(schema, truth, predictions).sort("ahead"), "ahead").with_columns(of=pl.lit(of))
        for of, truth, predictions in (
            ("held out", evidence.truth, evidence.predictions),
            ("rolling origins", evidence.fold_truth, evidence.fold_predictions),
        )
    ]
    x = charts.number("ahead", "steps ahead", axis={"tickMinStep": 1})
    y, colour = charts.number("error", _ERROR), charts.colour("of")
    tips = [
        ("of", "of"),
        ("ahead", "steps ahead", "d"),
        ("error", "error", ".3f"),
        *charts.interval(".3f"),
        _ROWS,
    ]
    spec = charts.chart(charts.band(x, y, color=colour), *charts.line(x, y, tips, color=colour), height=240)
    text = (
        "How far forecasts are off, the further ahead they look, with 95% intervals. 1 is the error that "
        "repeating the last season would have had in training."
    )
    return Figure("by_step", "The error by the steps ahead", pl.concat(parts), spec, "errors", text)


def _by_level(schema: Schema, evidence: Evidence, columns: Sequence[str]) -> Figure:
    """The mean error of single series and of sums."""
    depth = evidence.truth.select(pl.sum_horizontal(pl.col(columns).is_not_null())).to_series()
    names = dict(enumerate(["all", *columns]))
    errors = _scaled(schema, evidence.truth, evidence.predictions).with_columns(
        level=depth.replace_strict(names, return_dtype=pl.String)
    )
    frame = _mean_errors(errors, "level")
    x, y = charts.number("error", _ERROR), charts.words("level", "summed up to", sort=[*names.values()])
    tips = [("level", "summed up to"), ("error", "error", ".3f"), *charts.interval(".3f"), _ROWS]
    spec = charts.chart(*charts.dots("x", y, x, tips), height=32 * frame.height)
    text = "How far forecasts of single series are off, and those of their sums, with 95% intervals."
    title = "The error of single series and of their sums"
    return Figure("by_level", title, frame, spec, "errors", text)


def _mean_errors(errors: pl.DataFrame, by: str) -> pl.DataFrame:
    """The mean of the errors with its interval, by the values of a column in order of appearance."""
    names = errors[by].unique(maintain_order=True)
    place = errors[by].replace_strict(names, range(len(names)), return_dtype=pl.Int64).to_numpy()
    mean, half = mean_interval(errors["error"].to_numpy(), place, len(names))
    return pl.DataFrame(
        {
            by: names,
            "error": mean,
            "low": np.maximum(mean - half, 0.0),
            "high": mean + half,
            "rows": np.bincount(place, minlength=len(names)),
        }
    ).with_columns(pl.col("low", "high").fill_nan(None))


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
