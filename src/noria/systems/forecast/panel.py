"""A long table of series, time and value as regular series, with every repair counted."""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import cached_property

import numpy as np
import polars as pl

from noria.core.schema import Role, Schema
from noria.errors import DataError
from noria.methods.smoothing import period
from noria.systems.forecast.covariates import covariates
from noria.systems.forecast.frequency import Frequency

__all__ = ["Panel", "keys", "label", "parts"]

_SEPARATOR, _DOUBLED = " / ", " // "
_LONGEST = 5_000_000
_WITHOUT_SEASON, _LOOKED_AT = ("number", "seconds", "span"), 100


@dataclass(frozen=True)
class Panel:
    """Many series on one grid of steps; between its first and its last step a series has no gap.

    Attributes
    ----------
    frequency : Frequency
    names : list of str
        In ascending order.
    starts : array of int64, (S,)
        The first step of each.
    values : list of arrays
        One value per step, gaps filled on a straight line.
    notes : tuple of str
        What was repaired.
    covariates : list of arrays, (steps, features), optional
        What is known of each step, NaN where it is not; None without features.
    """

    frequency: Frequency
    names: list[str]
    starts: np.ndarray
    values: list[np.ndarray]
    notes: tuple[str, ...] = ()
    covariates: list[np.ndarray] | None = None

    @classmethod
    def of(cls, table: pl.DataFrame, schema: Schema, frequency: Frequency | None = None) -> Panel:
        """The series of a conformed table.

        Raises
        ------
        DataError
            If a moment is missing, or the series are too long to be laid out.
        """
        target, time = schema.with_role(Role.TARGET)[0], schema.with_role(Role.TIME)[0]
        rows = table.select(
            keys(table, schema).alias("series"),
            pl.col(time.name).alias("time"),
            pl.col(target.name).cast(pl.Float64).alias("value"),
        )
        if rows["time"].null_count():
            raise DataError(
                f"{rows['time'].null_count():,} rows have no moment in {time.name!r}.",
                do="Fill or drop them.",
            )
        notes = []
        inferred = frequency is None
        if frequency is None:
            frequency, regular = Frequency.infer(
                rows["time"], rows["series"].rank("dense").to_numpy().astype(np.int64)
            )
            notes.append(f"{rows['series'].n_unique():,} series, {frequency}")
            if regular < 0.5:
                notes.append(
                    f"{1 - regular:.0%} of the stamps are not one step apart: values are averaged per step"
                )
        steps = pl.Series("step", frequency.steps(rows["time"]))
        grid = (
            rows.with_columns(steps)
            .group_by("series", "step")
            .agg(pl.col("value").mean())
            .sort("series", "step")
        )
        if grid.height < rows.height:
            notes.append(f"{rows.height - grid.height:,} stamps that repeat were averaged")
        panel = cls._laid_out(frequency, grid, notes)
        if inferred:
            panel = panel._with_period()
        if not schema.features:
            return panel
        return replace(panel, covariates=np.split(panel.placed(table, schema), panel.firsts[1:]))

    def _with_period(self) -> Panel:
        """The same with the season that the values show, where the calendar knows none."""
        if self.frequency.kind not in _WITHOUT_SEASON or self.frequency.seasons != (1,):
            return self
        step = len(self.values) // _LOOKED_AT + 1
        found = period(self.values[::step])
        if found == 1:
            return self
        notes = (*self.notes, f"the values repeat after {found} steps, which is taken for their season")
        return replace(self, frequency=replace(self.frequency, period=found), notes=notes)

    def placed(self, table: pl.DataFrame, schema: Schema) -> np.ndarray:
        """The features of rows at the steps of all series, one series after the other, (steps, features).

        They are NaN at steps without a row.
        """
        if not schema.features:
            return np.empty((int(self.lengths.sum()), 0), dtype=np.float32)
        which = keys(table, schema).replace_strict(self.number, return_dtype=pl.Int64).to_numpy()
        steps = self.frequency.steps(table[schema.with_role(Role.TIME)[0].name])
        known = covariates(table, schema)
        flat = np.full((int(self.lengths.sum()), known.shape[1]), np.nan, dtype=np.float32)
        flat[self.firsts[which] + steps - self.starts[which]] = known
        return flat

    @classmethod
    def _laid_out(cls, frequency: Frequency, grid: pl.DataFrame, notes: list[str]) -> Panel:
        spans = grid.group_by("series", maintain_order=True).agg(
            pl.col("step").first().alias("first"), "step", "value"
        )
        length = int((spans["step"].list.last() - spans["first"] + 1).sum() or 0)
        if length > _LONGEST:
            raise DataError(
                "The series are too long to be laid out step by step.",
                got=f"{length:,} steps, {frequency}",
                do="Aggregate them to a coarser step, such as days instead of seconds.",
            )
        values, filled, longest = [], 0, 0
        for steps, seen in zip(spans["step"], spans["value"]):
            at, known = steps.to_numpy() - steps[0], seen.to_numpy()
            whole = np.interp(np.arange(at[-1] + 1), at, known)
            filled += len(whole) - len(known)
            longest = max(longest, int(np.diff(at).max(initial=1)) - 1)
            values.append(whole)
        if filled:
            notes = [
                *notes,
                f"{filled:,} missing steps filled on a straight line, the longest gap {longest:,} steps",
            ]
        return cls(frequency, spans["series"].to_list(), spans["first"].to_numpy(), values, tuple(notes))

    @cached_property
    def lengths(self) -> np.ndarray:
        """Steps of each series, (S,)."""
        return np.array([len(one) for one in self.values], dtype=np.int64)

    @cached_property
    def firsts(self) -> np.ndarray:
        """Where each series begins if they stand one after the other, (S,)."""
        return np.cumsum(self.lengths) - self.lengths

    @cached_property
    def ends(self) -> np.ndarray:
        """The last step of each series, (S,)."""
        return self.starts + self.lengths - 1

    @cached_property
    def floors(self) -> np.ndarray:
        """What no forecast of a series goes below, (S,): 0 of one that was never below."""
        return np.array([0.0 if one.min() >= 0 else -np.inf for one in self.values])

    @cached_property
    def number(self) -> dict[str, int]:
        """The row of each series by its name."""
        return {name: at for at, name in enumerate(self.names)}

    def scales(self, season: int, power: int = 1) -> np.ndarray:
        """The mean absolute error of the seasonal naive forecast within each series, (S,), for MASE.

        With `power` 2 it is the root mean squared error, for RMSSE.

        References
        ----------
        Hyndman and Koehler, Another look at measures of forecast accuracy, International Journal of
        Forecasting 2006.
        """
        found = np.array([_naive_error(one, season, power) for one in self.values])
        usable = found[found > 0]
        return np.where(found > 0, found, usable.mean() if len(usable) else 1.0)


def _naive_error(values: np.ndarray, season: int, power: int) -> float:
    lag = season if len(values) > season else 1
    errors = np.abs(values[lag:] - values[:-lag])
    return float((errors**power).mean() ** (1 / power)) if len(errors) else 0.0


def keys(table: pl.DataFrame, schema: Schema) -> pl.Series:
    """The name of each row's series, (rows,); one name for all where no column tells series apart.

    What joins the columns' values is doubled inside a value, so that no two series share a name.
    """
    columns = [column.name for column in schema.with_role(Role.SERIES)]
    if not columns:
        return pl.repeat("series", table.height, dtype=pl.String, eager=True)
    if len(columns) == 1:
        return table[columns[0]].cast(pl.String).fill_null("").alias("series")
    texts = [
        pl.col(name).cast(pl.String).fill_null("").str.replace_all(_SEPARATOR, _DOUBLED, literal=True)
        for name in columns
    ]
    return table.select(pl.concat_str(texts, separator=_SEPARATOR).alias("series")).to_series()


def parts(name: str, columns: int) -> list[str]:
    """The values of so many columns that `keys` has joined.

    Examples
    --------
    >>> parts("south / tea // green", 2)
    ['south', 'tea / green']
    """
    if columns == 1:
        return [name]
    return [text.replace(_DOUBLED, _SEPARATOR) for text in name.split(_SEPARATOR)]


def label(name: str, columns: int) -> str:
    """A series' name for people: of a sum, what it adds up.

    Examples
    --------
    >>> label("south / ", 2), label(" / ", 2)
    ('south', 'all')
    """
    return _SEPARATOR.join(filter(None, parts(name, columns))) or "all"
