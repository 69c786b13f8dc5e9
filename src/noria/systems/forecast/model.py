"""The fitted forecast system: a path per series, and how far the truth may lie from it."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import datetime
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl

from noria.core.deadline import Deadline
from noria.core.explanation import Explanation
from noria.core.schema import Role, Schema, Type
from noria.core.signature import Output, Signature
from noria.data.conform import conform
from noria.errors import DataError, nearest
from noria.methods.trees import TreePredictor
from noria.systems.forecast.covariates import covariates
from noria.systems.forecast.driven import Driven
from noria.systems.forecast.frequency import Frequency
from noria.systems.forecast.panel import Panel, keys, parts
from noria.systems.forecast.spread import Spread

__all__ = ["ForecastModel"]

_STATE, _ARRAYS = "model.json", "series.safetensors"
_ASKED = (Role.SERIES, Role.TIME, Role.FEATURE)


class ForecastModel:
    """Forecasts of known series at the steps after their ends.

    Parameters
    ----------
    schema : Schema
        Of the training table, target included.
    frequency : Frequency
    names : list of str
        Of the series.
    arrays : mapping of str to array
        ``ends``, the last step of each series, (series,); ``paths``, what is forecast whatever the
        covariates, (series, horizon); ``scales`` and ``scales_rms``, the mean absolute and the root mean
        squared error of the seasonal naive forecast in training; ``widths``, the unit of the `spread`; and
        ``floors``, which no forecast goes below; (series,) each.
    driven : sequence of Driven
        Forecasts that depend on the covariates; they are added to the paths.
    spread : Spread, optional
        Without it there are no intervals.
    """

    def __init__(
        self,
        schema: Schema,
        frequency: Frequency,
        names: list[str],
        arrays: Mapping[str, np.ndarray],
        driven: Sequence[Driven] = (),
        spread: Spread | None = None,
    ) -> None:
        self.schema, self.frequency, self.names, self.spread = schema, frequency, names, spread
        self.arrays = {name: np.asarray(array) for name, array in arrays.items()}
        self.ends, self.paths = self.arrays["ends"], self.arrays["paths"]
        self.driven = list(driven)
        self.signature = self._signature()
        self._place = {name: at for at, name in enumerate(names)}

    @classmethod
    def of(
        cls, schema: Schema, panel: Panel, paths: np.ndarray, season: int, driven: Sequence[Driven] = ()
    ) -> ForecastModel:
        """The model that continues the series of a panel on these paths."""
        scales, squared = panel.scales(season), panel.scales(season, power=2)
        arrays = {
            "ends": panel.ends, "paths": paths, "floors": panel.floors, "scales": scales,
            "scales_rms": squared, "widths": scales,
        }  # fmt: skip
        return cls(schema, panel.frequency, panel.names, arrays, driven)

    @classmethod
    def joined(
        cls,
        models: Sequence[ForecastModel],
        weights: Sequence[float],
        spread: Spread,
        wider: np.ndarray | float = 1.0,
    ) -> ForecastModel:
        """The weighted mean of models of the same series; `wider`, (series,), multiplies their widths."""
        first = models[0]
        paths = np.sum([weight * model.paths for model, weight in zip(models, weights)], axis=0)
        driven = [one.weighted(weight) for model, weight in zip(models, weights) for one in model.driven]
        arrays = {**first.arrays, "paths": paths, "widths": wider * first.arrays["widths"]}
        return cls(first.schema, first.frequency, first.names, arrays, driven, spread)

    @property
    def horizon(self) -> int:
        """Steps ahead that can be asked for."""
        return self.paths.shape[1]

    @property
    def size(self) -> int:
        """Bytes on disk, nearly."""
        return self.paths.nbytes + 16 * len(self.names) + sum(one.size for one in self.driven)

    def _signature(self) -> Signature:
        """Series and time in; forecast, interval and scale out."""
        asked = [column for column in self.schema if column.role in _ASKED]
        unit = self.schema.target.name if self.schema.target else "value"
        outputs = [Output("prediction", Type.NUMBER, f"the expected {unit}")]
        if self.spread is not None:
            outputs.append(Output("low", Type.NUMBER, "lower end of the prediction interval"))
            outputs.append(Output("high", Type.NUMBER, "upper end of the prediction interval"))
        outputs.append(Output("scale", Type.NUMBER, "mean error of the seasonal naive forecast in training"))
        outputs.append(Output("scale_rms", Type.NUMBER, "its root mean squared error"))
        outputs.append(Output("ahead", Type.NUMBER, "steps after the last known value"))
        return Signature(replace(self.schema, columns=tuple(asked)), tuple(outputs), self._example(asked))

    def predict(self, rows: pl.DataFrame) -> pl.DataFrame:
        """One forecast per row.

        Parameters
        ----------
        rows : Table
            The columns that tell series apart, and the moments to forecast, in any order.

        Returns
        -------
        Table
            ``prediction``, ``low``, ``high``, ``scale``, ``scale_rms`` and ``ahead``.

        Raises
        ------
        ColumnError
            If a column is missing or cannot be read.
        DataError
            If a series is unknown, a moment lies in its past or beyond the horizon, or the moments lie closer
            together than the steps.
        """
        typed = conform(rows, self.schema, roles=_ASKED)
        series, ahead = self.places(typed)
        forecast, scale = self.paths[series, ahead - 1], self.arrays["scales"][series]
        if self.driven:
            known = covariates(typed, self.schema)
            forecast = forecast + np.sum([one(series, ahead, known) for one in self.driven], axis=0)
        forecast = np.maximum(forecast, self.arrays["floors"][series])
        table = {"prediction": forecast}
        if self.spread is not None:
            low, high = self.spread.interval(forecast, ahead, self.arrays["widths"][series])
            table |= {"low": np.maximum(low, self.arrays["floors"][series]), "high": high}
        table |= {"scale": scale, "scale_rms": self.arrays["scales_rms"][series]}
        numbers = pl.DataFrame(table, schema=dict.fromkeys(table, pl.Float64))
        return numbers.with_columns(ahead=pl.Series(ahead, dtype=pl.Int64))

    def places(self, typed: pl.DataFrame) -> tuple[np.ndarray, np.ndarray]:
        """The number of each row's series, and how many steps ahead of its end the row lies, from 1."""
        time = self.schema.with_role(Role.TIME)[0].name
        if typed[time].null_count():
            raise DataError(
                f"A row has no moment in {time!r}.",
                got=f"{typed[time].null_count():,} such rows",
                do="Fill it in.",
            )
        names = keys(typed, self.schema)
        known = names.replace_strict(self._place, default=None, return_dtype=pl.Int64)
        if known.null_count():
            raise self._unknown(names.filter(known.is_null())[0])
        series = known.to_numpy()
        ahead = self.frequency.steps(typed[time]) - self.ends[series]
        wrong = np.flatnonzero((ahead < 1) | (ahead > self.horizon))
        if len(wrong):
            raise self._out_of_reach(names[int(wrong[0])], typed[time][int(wrong[0])], int(series[wrong[0]]))
        self._check_frequency(pl.DataFrame({"series": series, "ahead": ahead, "time": typed[time]}))
        return series, ahead

    def _check_frequency(self, rows: pl.DataFrame) -> None:
        """Refuse hours that are asked of a model of days, and the like."""
        moments, steps = rows.n_unique(["series", "time"]), rows.n_unique(["series", "ahead"])
        if moments >= 2 * steps > 0 and self.frequency.kind != "span":
            raise DataError(
                f"The moments lie closer together than the steps of the series, which are {self.frequency}.",
                got=f"{moments:,} moments in {steps:,} steps",
                do="Ask once for each step, or train on values that are as close together.",
            )

    def explain(
        self,
        rows: pl.DataFrame,
        *,
        deadline: Deadline | None = None,  # noqa: ARG002 - it is exact, and fast
    ) -> Explanation:
        """What the series' level, the step ahead and all that is known besides added to each forecast.

        The level is the mean of the series' path; covariates, columns of the past, attributes of the series
        and holidays get the SHAP values of the trees. The parts and the base, the mean over the rows, add up
        to the forecast before it is kept from falling below zero.
        """
        typed = conform(rows, self.schema, roles=_ASKED)
        series, ahead = self.places(typed)
        known = covariates(typed, self.schema)
        names = [column.name for column in self.schema.features]
        whole, level = self.paths[series, ahead - 1], self.paths.mean(axis=1)[series]
        driven = dict.fromkeys(names, np.zeros(len(series)))
        for one in self.driven:
            whole = whole + one(series, ahead, known)
            level = level + one.weight * one.levels[series, 0]
            for name, added in zip([*one.names, *names], one.contributions(series, ahead, known).T):
                driven[name] = driven.get(name, 0.0) + added
        base = float(level.mean()) if len(level) else 0.0
        rest = whole - level - sum(driven.values())
        parts = {"level of the series": level - base, "step ahead": rest, **driven}
        unit = self.schema.target.name if self.schema.target else "value"
        return Explanation(
            base=pl.Series("base", np.full(len(series), base)),
            attributions=pl.DataFrame(parts),
            outputs=pl.Series("output", whole),
            unit=unit,
            values=typed.select(names),
        )

    def save(self, folder: Path) -> None:
        """Write the state and the paths into an existing folder."""
        from safetensors.numpy import save

        state = {
            "schema": self.schema.to_dict(),
            "frequency": self.frequency.to_dict(),
            "names": self.names,
            "driven": [one.names for one in self.driven],
            "spread": None if self.spread is None else self.spread.to_dict(),
        }
        (folder / _STATE).write_text(json.dumps(state), encoding="utf-8")
        (folder / _ARRAYS).write_bytes(save(_contiguous(self.arrays)))
        for number, one in enumerate(self.driven):
            one.trees.save(folder / f"driven-{number}.txt.gz")
            (folder / f"driven-{number}.safetensors").write_bytes(save(_contiguous(one.to_arrays())))

    @classmethod
    def load(cls, folder: Path) -> ForecastModel:
        """The inverse of `save`."""
        from safetensors.numpy import load

        state = json.loads((folder / _STATE).read_text(encoding="utf-8"))
        driven = []
        for number, names in enumerate(state["driven"]):
            arrays = load((folder / f"driven-{number}.safetensors").read_bytes())
            trees = TreePredictor.load(folder / f"driven-{number}.txt.gz")
            driven.append(Driven.from_arrays(trees, arrays, tuple(names)))
        return cls(
            Schema.from_dict(state["schema"]),
            Frequency.from_dict(state["frequency"]),
            state["names"],
            load((folder / _ARRAYS).read_bytes()),
            driven,
            None if state["spread"] is None else Spread.from_dict(state["spread"]),
        )

    def _unknown(self, name: str) -> DataError:
        close = nearest(name, self.names)
        return DataError(
            f"The series {name!r} was not there in training, so it cannot be continued.",
            do=f"Did you mean {close!r}?" if close else "Train again with its history.",
        )

    def _out_of_reach(self, name: str, moment: Any, series: int) -> DataError:
        first = self.frequency.moment(int(self.ends[series]) + 1)
        last = self.frequency.moment(int(self.ends[series]) + self.horizon)
        return DataError(
            f"The series {name!r} is forecast from {first} to {last}.",
            got=str(moment),
            do="Ask for a moment in between, or train with a longer horizon: options: {horizon: ...}.",
        )

    def _example(self, asked: list[Any]) -> Mapping[str, Any] | None:
        if not self.names:
            return None
        moment = self.frequency.moment(int(self.ends[0]) + 1)
        stamp = moment.isoformat() if isinstance(moment, datetime) else moment
        values = iter(parts(self.names[0], sum(column.role is Role.SERIES for column in asked)))
        given: dict[str, Any] = {column.name: None for column in asked}
        for column in asked:
            if column.role is not Role.FEATURE:
                given[column.name] = stamp if column.role is Role.TIME else next(values, None) or None
        return given


def _contiguous(arrays: Mapping[str, np.ndarray]) -> dict[str, np.ndarray]:
    return {name: np.ascontiguousarray(array) for name, array in arrays.items()}
