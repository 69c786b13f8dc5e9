"""What is known besides values and asked covariates: of the past only, of a series, of the calendar."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass, replace
from typing import Self

import numpy as np
import polars as pl

from noria.core.schema import Role, Schema
from noria.errors import ColumnError, DataError, suggestion
from noria.systems.forecast.covariates import covariates
from noria.systems.forecast.holidays import Holidays
from noria.systems.forecast.options import ForecastOptions
from noria.systems.forecast.panel import Panel, keys

__all__ = ["Knowledge", "asked"]

_HOLIDAYS = "public holidays"
_LAGS, _WINDOW = 3, 4


@dataclass(frozen=True)
class Knowledge:
    """What a forecast may use that nobody has to be asked for.

    Attributes
    ----------
    names : tuple of str
        What each column of `rows` comes from.
    starts, firsts : array, (series,)
        Of the panel.
    past : array, (steps of all series, columns) float32
        What the columns of the past say to a forecast that is made at each step.
    static : array, (series, columns) float32
    holidays : Holidays, optional
    """

    names: tuple[str, ...]
    starts: np.ndarray
    firsts: np.ndarray
    past: np.ndarray
    static: np.ndarray
    holidays: Holidays | None

    @classmethod
    def of(
        cls,
        table: pl.DataFrame,
        panel: Panel,
        schema: Schema,
        options: ForecastOptions,
        *,
        season: int,
        horizon: int,
    ) -> Self:
        """What is known of the series of a conformed table that was laid out as `panel`.

        Raises
        ------
        ColumnError
            If an option names a column that is no feature.
        DataError
            If an attribute changes within a series, or the time has no calendar.
        """
        _check_columns(schema, options)
        past = _recent(panel.placed(table, _only(schema, options.past)), panel, season)
        static = _attributes(table, panel, _only(schema, options.static))
        holidays = None
        if options.holidays is not None:
            last = int(panel.ends.max()) + horizon
            holidays = Holidays.of(options.holidays, panel.frequency, int(panel.starts.min()), last)
        names = [
            *(column.name for column in _only(schema, options.past).features for _ in range(_LAGS + 2)),
            *(column.name for column in _only(schema, options.static).features),
            *([] if holidays is None else [_HOLIDAYS] * 3),
        ]
        return cls(tuple(names), panel.starts, panel.firsts, past, static, holidays)

    def rows(self, series: int, origins: np.ndarray, ahead: np.ndarray) -> np.ndarray:
        """What is known at origins, places in a series, of the steps ahead of them, (n, names) float32."""
        parts = [self.past[self.firsts[series] + origins], np.tile(self.static[series], (len(origins), 1))]
        if self.holidays is not None:
            parts.append(self.holidays.near(self.starts[series] + origins + ahead))
        return np.concatenate(parts, axis=1)

    def events(self, series: int, steps: int) -> np.ndarray:
        """The holidays in and around the first steps of a series, (steps, columns); see `Holidays.each`."""
        if self.holidays is None:
            return np.empty((steps, 0))
        return self.holidays.each(self.starts[series] + np.arange(steps))


def asked(schema: Schema, options: ForecastOptions) -> Schema:
    """The schema whose features are those that a forecast must be given: known of the future.

    Examples
    --------
    >>> from noria.core.schema import Column, Type
    >>> schema = Schema((Column("price", Type.NUMBER), Column("visits", Type.NUMBER)))
    >>> [column.name for column in asked(schema, ForecastOptions(past=("visits",))).features]
    ['price']
    """
    given = {column.name for column in schema.features}
    return _only(schema, given - {*options.past, *options.static})


def _only(schema: Schema, names: Collection[str]) -> Schema:
    """The schema in which all other features are ignored."""
    others = [column.name for column in schema.features if column.name not in names]
    columns = (replace(one, role=Role.IGNORE) if one.name in others else one for one in schema)
    return replace(schema, columns=tuple(columns))


def _check_columns(schema: Schema, options: ForecastOptions) -> None:
    """Raise if an option names what is no feature, nor one that was left out as it never varies."""
    usable = [column.name for column in schema if column.role in (Role.FEATURE, Role.IGNORE)]
    for option in ("past", "static"):
        for name in getattr(options, option):
            if name not in usable:
                raise ColumnError(
                    f"There is no feature {name!r}, which is named under options: {option}.",
                    do=suggestion(name, usable),
                )


def _attributes(table: pl.DataFrame, panel: Panel, schema: Schema) -> np.ndarray:
    """The features that never change within a series, (series, features) float32."""
    names = [column.name for column in schema.features]
    if not names:
        return np.empty((len(panel.names), 0), dtype=np.float32)
    own = f"series of {' '.join(names)}"  # no feature is called so
    rows = table.select(keys(table, schema).alias(own), *names)
    by_series = rows.group_by(own).agg(pl.col(names).drop_nulls().unique(maintain_order=True)).sort(own)
    for name in names:
        changing = by_series.filter(pl.col(name).list.len() > 1)
        if changing.height:
            raise DataError(
                f"The column {name!r} is named under options: static, and changes within the series "
                f"{changing[own][0]!r}.",
                got=f"{changing[name][0].head(3).to_list()}",
                do="Leave it out there: it is then asked for each moment. Or name it under past.",
            )
    return covariates(by_series.with_columns(pl.col(names).list.first()), schema)


def _recent(values: np.ndarray, panel: Panel, season: int) -> np.ndarray:
    """What columns (steps, c) of numbers say at each step of each series, float32.

    The last known value; how far the last few lie from the last season's mean; and how far that lies from
    the mean a season before. Differences are in units of the column's mean change within the series.
    """
    steps, begins = np.arange(len(values)), np.repeat(panel.firsts, panel.lengths)
    seen = np.maximum.accumulate(np.where(np.isfinite(values), steps[:, None], -1), axis=0)
    last = np.take_along_axis(values, np.maximum(seen, 0), axis=0).astype(np.float64)
    known = np.where(seen >= begins[:, None], last, np.nan)
    lags = [known[np.maximum(steps - lag, begins)] for lag in range(_LAGS)]
    window = max(season, _WINDOW)
    level = _mean(known, begins, window)
    size = _mean(np.abs(lags[0] - lags[1]), begins, len(values))
    size = np.where(size > 0, size, 1.0)
    older = level[np.maximum(steps - window, begins)]
    columns = [known, *((lag - level) / size for lag in lags), (level - older) / size]
    return np.stack(columns, axis=2).reshape(len(values), -1).astype(np.float32)


def _mean(values: np.ndarray, begins: np.ndarray, window: int) -> np.ndarray:
    """The mean of the known ones of the last values of each row's series, itself included, (steps, c)."""
    steps, known = np.arange(len(values)), np.isfinite(values)
    low = np.maximum(steps + 1 - window, begins)
    sums, counts = (
        np.concatenate([np.zeros((1, values.shape[1])), np.cumsum(one, axis=0)])
        for one in (np.where(known, values, 0.0), known)
    )
    count = counts[steps + 1] - counts[low]
    return np.where(count > 0, (sums[steps + 1] - sums[low]) / np.maximum(count, 1), np.nan)
