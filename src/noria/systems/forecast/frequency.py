"""From stamps to steps: how often a series is observed, and which step a moment is."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, replace
from datetime import datetime, time, timedelta
from typing import Any, Self

import numpy as np
import polars as pl

from noria.errors import DataError

__all__ = ["Frequency"]

_DAY = 86_400.0
_NATURAL = (1, 5, 10, 15, 30, 60, 300, 600, 900, 1800, 3600, 7200, 10_800, 21_600, 43_200, _DAY, 7 * _DAY)
_MONTHS = ((28, 31, 1), (59, 62, 2), (89, 92, 3), (120, 123, 4), (181, 184, 6), (365, 366, 12))
_NAMES = {1: "monthly", 3: "quarterly", 12: "yearly", 6: "half-yearly"}
_SECONDS = {_DAY: "daily", 7 * _DAY: "weekly", 3600.0: "hourly", 60.0: "every minute", 1.0: "every second"}
_SEASONS = {"month": {1: 12, 3: 4, 2: 6, 4: 3, 6: 2}, "business": {1: 5}}
_HORIZONS = {"month": {1: 12, 3: 8, 12: 4}, "business": {1: 10}}
_SURE, _FEW, _NEAR = 0.9, 0.2, 0.2
_EPOCH = datetime(1970, 1, 1)
_LONGEST_SEASON = 400
_LONGEST_HORIZON = 48
_UNITS = (("days", _DAY), ("hours", 3600.0), ("minutes", 60.0), ("seconds", 1.0))


@dataclass(frozen=True)
class Frequency:
    """A regular grid of moments.

    Attributes
    ----------
    kind : {"month", "business", "seconds", "span", "number"}
        Moments belong to the nearest step of seconds or numbers, and to the span that they lie in.
    every : float
        Months, days, seconds or units from one step to the next.
    origin : float
        Where on the clock the steps lie: seconds since 1970, or a number; of months, the days from the
        beginning of a step to its stamp, or -1 for the last day.
    period : int
        Steps of the season that the values show, where the calendar tells of none.

    Examples
    --------
    >>> frequency = Frequency("month", 1)
    >>> frequency.steps(pl.Series([datetime(1970, 1, 1), datetime(1971, 3, 31)])).tolist()
    [0, 14]
    """

    kind: str
    every: float
    origin: float = 0.0
    period: int = 1

    @classmethod
    def infer(cls, times: pl.Series, series: np.ndarray) -> tuple[Self, float]:
        """The frequency of stamps that belong to numbered series, and the share of gaps that are one step.

        Raises
        ------
        DataError
            If no series has two different stamps.
        """
        stamps = _numbers(times)
        order = np.lexsort((stamps, series))
        gaps = np.diff(stamps[order])
        inside = (np.diff(series[order]) == 0) & (gaps > 0)
        gaps = gaps[inside]
        if not len(gaps):
            raise DataError(
                "No series has two different stamps, so nothing can be forecast.",
                do="Give more than one moment per series, or name the columns that tell series apart.",
            )
        values, counts = np.unique(gaps, return_counts=True)
        common, share = float(values[counts.argmax()]), float(counts.max() / len(gaps))
        if not times.dtype.is_temporal():
            every, near = _unit(gaps)
            return cls("number", common if share > _SURE else every, float(stamps.min())), near
        days = gaps / _DAY
        for low, high, months in _MONTHS:
            share_of = float(((days >= low) & (days <= high)).mean())
            if share_of > 0.5:
                grid = cls("month", months)
                if share > _SURE and (np.diff(grid.steps(times)[order])[inside] == 0).any():
                    break  # every 28 days, 13 times a year
                return grid._stamped(times), share_of
        if days.min() >= 28 and _one_day_of_the_month(times):
            apart = np.diff(cls("month", 1).steps(times)[order])[inside]
            every = int(np.gcd.reduce(apart))
            return cls("month", every)._stamped(times), float((apart == every).mean())
        if common == _DAY and len(stamps) > 20 and (times.dt.weekday() <= 5).all():
            grid = cls("business", 1)
            return grid, float((np.diff(grid.steps(times)[order])[inside] == 1).mean())
        if share < 0.5:
            common = float(min(_NATURAL, key=lambda step: abs(np.log(step / np.median(gaps)))))
            return cls("span", common), float(np.mean(gaps == common))
        return cls("seconds", common, float(stamps.max() % common)), share

    def _stamped(self, times: pl.Series) -> Self:
        """The same grid of months, with the day that all stamps lie on, if there is one."""
        steps, day = self.steps(times), times.cast(pl.Date).to_numpy()
        after, left = (day - self.days(steps)).astype(int), (self.days(steps + 1) - day).astype(int)
        whole = times.dt.time().eq(time(0)).all() if times.dtype == pl.Datetime else True
        if not whole or (np.ptp(after) and np.ptp(left)):
            return self
        return replace(self, origin=float(after[0]) if not np.ptp(after) else -float(left[0]))

    def steps(self, times: pl.Series) -> np.ndarray:
        """The number of the step that each moment falls into, int64."""
        if self.kind == "month":
            months = (times.dt.year().cast(pl.Int64) - 1970) * 12 + times.dt.month().cast(pl.Int64) - 1
            return (months // int(self.every)).to_numpy()
        stamps = _numbers(times)
        if self.kind == "business":
            return np.busday_count(
                "1970-01-01", stamps.astype("datetime64[s]").astype("datetime64[D]")
            ).astype(np.int64)
        nearest = 0.0 if self.kind == "span" else 0.5
        return np.floor((stamps - self.origin) / self.every + nearest).astype(np.int64)

    def moment(self, step: int) -> datetime | float:
        """The stamp of a step: its beginning, or of months the day that all stamps lie on."""
        if self.kind in ("month", "business"):
            ends = self.kind == "month" and self.origin < 0
            days = int(self.days(np.array([step + ends]))[0].astype(np.int64))
            return _EPOCH + timedelta(days=days + (self.origin if self.kind == "month" else 0))
        value = self.origin + step * self.every
        return value if self.kind == "number" else _EPOCH + timedelta(seconds=value)

    def days(self, steps: np.ndarray) -> np.ndarray:
        """The days that steps begin on, datetime64[D]; numbers have none."""
        if self.kind == "month":
            return (steps * int(self.every)).astype("datetime64[M]").astype("datetime64[D]")
        if self.kind == "business":
            return np.busday_offset("1970-01-01", steps, roll="forward")
        return np.floor((self.origin + steps * self.every) / _DAY).astype("datetime64[D]")

    @property
    def within_a_day(self) -> bool:
        """Whether no step is longer than a day."""
        return self.kind == "business" or (self.kind in ("seconds", "span") and self.every <= _DAY)

    @property
    def seasons(self) -> tuple[int, ...]:
        """Steps of the usual seasons, or of the one that the values show, shortest first; (1,) for none."""
        if self.kind in _SEASONS:
            return (_SEASONS[self.kind].get(int(self.every), 1),)
        if self.kind == "number":
            return (self.period,)
        lengths = [days * _DAY / self.every for days in (1, 7, 364)]
        found = [
            int(length) for length in lengths if 2 <= length <= _LONGEST_SEASON and length == int(length)
        ]
        return tuple(found[:2]) or (self.period,)

    @property
    def season(self) -> int:
        """Steps of the shortest season; 1 where there is none."""
        return self.seasons[0]

    @property
    def horizon(self) -> int:
        """Steps ahead that are usually asked for."""
        if self.kind in _HORIZONS:
            return _HORIZONS[self.kind].get(int(self.every), 6)
        return {_DAY: 14, 7 * _DAY: 13, 3600.0: 48}.get(
            self.every, min(2 * self.season, _LONGEST_HORIZON) if self.season > 1 else 6
        )

    def __str__(self) -> str:
        if self.kind == "month":
            return _NAMES.get(int(self.every), f"every {int(self.every)} months")
        if self.kind == "business":
            return "on business days"
        if self.kind == "number":
            return f"every {self.every:g}"
        if self.every in _SECONDS:
            return _SECONDS[self.every]
        unit, seconds = next((name, size) for name, size in _UNITS if self.every % size == 0 or size == 1)
        return f"every {self.every / seconds:g} {unit}"

    def to_dict(self) -> dict[str, Any]:
        """JSON-ready fields."""
        return asdict(self)

    @classmethod
    def from_dict(cls, fields: Mapping[str, Any]) -> Self:
        """The inverse of `to_dict`."""
        return cls(**fields)


def _one_day_of_the_month(times: pl.Series) -> bool:
    """Whether all moments lie on the same day of a month, or all on the last."""
    return any((times + timedelta(days=late)).dt.day().n_unique() == 1 for late in (0, 1))


def _unit(gaps: np.ndarray) -> tuple[float, float]:
    """The commonest gap up to rounding, or the median one where few are alike; and the share that is near it.

    Times such as 1949.08, 1949.17, 1949.25 are steps of a twelfth, which only their mean tells.
    """
    middle = float(np.quantile(gaps, 0.5, method="lower"))
    sizes = np.round(gaps / middle, 2)
    kinds, counts = np.unique(sizes[sizes > 0], return_counts=True)
    if counts.max() >= _FEW * len(gaps):
        middle *= float(kinds[counts.argmax()])
    near = gaps[np.abs(gaps / middle - 1) < _NEAR]
    return float(near.mean()), len(near) / len(gaps)


def _numbers(times: pl.Series) -> np.ndarray:
    """Moments as seconds since 1970, or numbers as they are, float64."""
    if times.dtype.is_temporal():
        return times.cast(pl.Datetime("us")).dt.epoch("us").cast(pl.Float64).to_numpy() / 1e6
    return times.cast(pl.Float64).to_numpy()
