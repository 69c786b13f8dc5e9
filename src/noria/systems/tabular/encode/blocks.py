"""Encodings of one column each: a fitted state, a vectorised and a single-value form of the same map.

A block reads a conformed column (`noria.data.conform`): Float64, Boolean, String or Datetime. In its
single-value form it is given what `RowConformer` makes of the same cell.
"""

from __future__ import annotations

import functools
import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from typing import Any, ClassVar, Self

import numpy as np
import polars as pl

__all__ = ["BLOCKS", "Block", "Codes", "Counts", "DateParts", "OneHot", "Passed", "Scaled"]

Writer = Callable[[Any, np.ndarray], None]

_DAY = 86_400.0
_FLAT = 1e-9


@dataclass(frozen=True)
class Block:
    """What every encoding of one column shares.

    Attributes
    ----------
    column : str
        The column it reads.
    """

    column: str
    kind: ClassVar[str]

    @property
    def names(self) -> list[str]:
        """One name per output column."""
        return [self.column]

    @property
    def discrete(self) -> bool:
        """Whether every output is a code or an indicator rather than a quantity."""
        return False

    def matrix(self, values: pl.Series) -> np.ndarray:
        """The whole column as (rows, outputs) float32."""
        raise NotImplementedError

    def writer(self, start: int) -> Writer:
        """A function that writes one value's outputs into a row, from position `start` on."""
        raise NotImplementedError

    def to_dict(self) -> dict[str, Any]:
        """JSON-ready state."""
        return {"kind": self.kind, **asdict(self)}

    @classmethod
    def from_dict(cls, fields: Mapping[str, Any]) -> Self:
        """The inverse of `to_dict`."""
        known: dict[str, Any] = {
            name: tuple(value) if isinstance(value, list) else value
            for name, value in fields.items()
            if name != "kind"
        }
        return cls(**known)


def _floats(values: pl.Series) -> np.ndarray:
    """A number, boolean or datetime column as float64 with NaN for missing; datetimes in seconds."""
    if values.dtype == pl.Datetime:
        values = values.dt.epoch("us").cast(pl.Float64) / 1e6
    return values.cast(pl.Float64).to_numpy()


@dataclass(frozen=True)
class Passed(Block):
    """A number or boolean as it is, missing as NaN: for trees."""

    kind: ClassVar[str] = "passed"

    @classmethod
    def fit(cls, values: pl.Series) -> Passed:
        """Nothing is learned."""
        return cls(values.name)

    def matrix(self, values: pl.Series) -> np.ndarray:
        return _floats(values).astype(np.float32)[:, None]

    def writer(self, start: int) -> Writer:
        def write(value: Any, row: np.ndarray) -> None:
            row[start] = math.nan if value is None else value

        return write


@dataclass(frozen=True)
class Scaled(Block):
    """A number centred and scaled, missing as the median plus an indicator: for distances and slopes.

    Long tails are squeezed by a logarithm where that makes the column more symmetric.
    """

    centre: float
    scale: float
    median: float
    missing: bool
    logarithm: bool = False
    clip: float = 5.0
    kind: ClassVar[str] = "scaled"

    @classmethod
    def fit(cls, values: pl.Series) -> Scaled:
        """Learn median, centre and scale from a column."""
        raw = _floats(values)
        seen = raw[~np.isnan(raw)]
        if not seen.size:
            return cls(values.name, 0.0, 1.0, 0.0, missing=False)
        median = float(np.median(seen))
        logarithm = bool(seen.min() >= 0 and abs(_skew(np.log1p(seen))) + 0.5 < abs(_skew(seen)))
        used = np.log1p(seen) if logarithm else seen
        scale = float(used.std()) or 1.0
        missing = seen.size < raw.size
        return cls(values.name, float(used.mean()), scale, median, missing, logarithm)

    @property
    def names(self) -> list[str]:
        return [self.column, f"{self.column} is missing"] if self.missing else [self.column]

    def matrix(self, values: pl.Series) -> np.ndarray:
        raw = _floats(values)
        absent = np.isnan(raw)
        raw = np.where(absent, self.median, raw)
        if self.logarithm:
            raw = np.log1p(np.maximum(raw, 0.0))
        scaled = np.clip((raw - self.centre) / self.scale, -self.clip, self.clip)
        columns = [scaled, absent] if self.missing else [scaled]
        return np.stack(columns, axis=1).astype(np.float32)

    def writer(self, start: int) -> Writer:
        centre, scale, median, clip, missing = self.centre, self.scale, self.median, self.clip, self.missing
        squeeze = self.logarithm

        def write(value: Any, row: np.ndarray) -> None:
            number = median if value is None else float(value)
            if squeeze:
                number = float(np.log1p(max(number, 0.0)))
            row[start] = min(max((number - centre) / scale, -clip), clip)
            if missing:
                row[start + 1] = value is None

        return write


def _skew(values: np.ndarray) -> float:
    centred = values - values.mean()
    spread = values.std()
    return float((centred**3).mean() / spread**3) if spread > 0 else 0.0


def _levels(values: pl.Series, least: int, most: int) -> tuple[str, ...]:
    """The levels seen at least so often, most frequent first, ties by name."""
    return tuple(_counted(values).filter(pl.col("n") >= least)["level"].head(most))


def _counted(values: pl.Series) -> pl.DataFrame:
    """Columns ``level`` and ``n``, most frequent first, ties by name."""
    counts = values.drop_nulls().cast(pl.String).alias("level").value_counts(name="n")
    return counts.sort(["n", "level"], descending=[True, False])


_enum = functools.lru_cache(maxsize=128)(pl.Enum)  # making one costs as much as hundreds of rows


def _codes(values: pl.Series, levels: Sequence[str]) -> np.ndarray:
    """Position in `levels`; len(levels) for another level, -1 for missing."""
    text = values.cast(pl.String)
    found = text.cast(_enum(tuple(levels)), strict=False).to_physical()
    codes = found.fill_null(len(levels)).to_numpy().astype(np.int32)
    if text.null_count():
        codes[text.is_null().to_numpy()] = -1
    return codes


def _text(value: Any) -> str:
    if isinstance(value, bool):
        return "true" if value else "false"
    return str(value)


@dataclass(frozen=True)
class Codes(Block):
    """A category as the number of its level, by falling frequency; unseen and missing as NaN: for trees."""

    levels: tuple[str, ...]
    kind: ClassVar[str] = "codes"

    @classmethod
    def fit(cls, values: pl.Series, *, least: int = 2, most: int = 1000) -> Codes:
        """Learn the levels that occur at least `least` times, at most `most` of them."""
        return cls(values.name, _levels(values, least, most))

    @property
    def discrete(self) -> bool:
        return True

    def matrix(self, values: pl.Series) -> np.ndarray:
        codes = _codes(values, self.levels).astype(np.float32)
        codes[(codes < 0) | (codes == len(self.levels))] = math.nan
        return codes[:, None]

    def writer(self, start: int) -> Writer:
        known = {level: float(code) for code, level in enumerate(self.levels)}
        absent = math.nan

        def write(value: Any, row: np.ndarray) -> None:
            row[start] = absent if value is None else known.get(_text(value), absent)

        return write


@dataclass(frozen=True)
class Counts(Block):
    """A category of many levels as the logarithm of how often the level was seen."""

    levels: tuple[str, ...]
    counts: tuple[float, ...]
    kind: ClassVar[str] = "counts"

    @classmethod
    def fit(cls, values: pl.Series, *, most: int = 100_000) -> Counts:
        """Learn how often each level occurs."""
        table = _counted(values).head(most)
        return cls(values.name, tuple(table["level"]), tuple(np.log1p(table["n"].to_numpy()).tolist()))

    @property
    def names(self) -> list[str]:
        return [f"{self.column} frequency"]

    def matrix(self, values: pl.Series) -> np.ndarray:
        lookup = np.array([*self.counts, 0.0, 0.0], dtype=np.float32)
        return lookup[_codes(values, self.levels)][:, None]

    def writer(self, start: int) -> Writer:
        known = dict(zip(self.levels, self.counts))

        def write(value: Any, row: np.ndarray) -> None:
            row[start] = 0.0 if value is None else known.get(_text(value), 0.0)

        return write


@dataclass(frozen=True)
class OneHot(Block):
    """A category as one indicator per frequent level, one for all others and one for missing."""

    levels: tuple[str, ...]
    other: bool
    missing: bool
    kind: ClassVar[str] = "onehot"

    @classmethod
    def fit(cls, values: pl.Series, *, least: int = 5, most: int = 200) -> OneHot:
        """Learn the levels that occur at least `least` times, at most `most` of them."""
        levels = _levels(values, least, most)
        seen = values.drop_nulls()
        other = bool((_codes(seen, levels) == len(levels)).any())
        return cls(values.name, levels, other, missing=len(seen) < len(values))

    @property
    def names(self) -> list[str]:
        extra = ["(other)"] * self.other + ["(missing)"] * self.missing
        return [f"{self.column} = {level}" for level in (*self.levels, *extra)]

    @property
    def discrete(self) -> bool:
        return True

    def matrix(self, values: pl.Series) -> np.ndarray:
        codes = _codes(values, self.levels)
        table = np.zeros((len(self.levels) + 2, len(self.names)), dtype=np.float32)
        table[: len(self.levels), : len(self.levels)] = np.eye(len(self.levels), dtype=np.float32)
        if self.other:
            table[len(self.levels), len(self.levels)] = 1.0
        if self.missing:
            table[-1, -1] = 1.0
        return table[codes]

    def writer(self, start: int) -> Writer:
        known = {level: start + code for code, level in enumerate(self.levels)}
        other = start + len(self.levels) if self.other else -1
        missing = start + len(self.names) - 1 if self.missing else -1

        def write(value: Any, row: np.ndarray) -> None:
            at = missing if value is None else known.get(_text(value), other)
            if at >= 0:
                row[at] = 1.0

        return write


@dataclass(frozen=True)
class DateParts(Block):
    """A datetime as days since 1970 and those calendar parts that vary; scaled if wanted."""

    parts: tuple[str, ...]
    centres: tuple[float, ...]
    scales: tuple[float, ...]
    scaled: bool = False
    kind: ClassVar[str] = "dates"

    @classmethod
    def fit(cls, values: pl.Series, *, scaled: bool) -> DateParts:
        """Learn which calendar parts vary, and their centre and scale."""
        parts, centres, scales = [], [], []
        table = _calendar(_floats(values))
        for name, column in table.items():
            seen = column[~np.isnan(column)]
            if name == "days" or (seen.size and seen.min() < seen.max()):
                centre, spread = (seen.mean(), seen.std()) if scaled and seen.size else (0.0, 1.0)
                parts.append(name)
                centres.append(float(centre))
                scales.append(float(spread) if spread > _FLAT * max(abs(centre), 1.0) else 1.0)
        return cls(values.name, tuple(parts), tuple(centres), tuple(scales), scaled)

    @property
    def fills(self) -> bool:
        """Whether a missing moment becomes the mean; models of before `scaled` tell it by their scales."""
        return self.scaled or any(scale != 1.0 for scale in self.scales)

    @property
    def names(self) -> list[str]:
        return [f"{self.column} {part}" for part in self.parts]

    def matrix(self, values: pl.Series) -> np.ndarray:
        table = _calendar(_floats(values))
        columns = np.stack([table[part] for part in self.parts], axis=1)
        scaled = (columns - np.array(self.centres)) / np.array(self.scales)
        return (np.nan_to_num(scaled, nan=0.0) if self.fills else scaled).astype(np.float32)

    def writer(self, start: int) -> Writer:
        end, missing = start + len(self.parts), 0.0 if self.fills else math.nan
        steps = list(zip([_PARTS[part] for part in self.parts], self.centres, self.scales))

        def write(value: datetime | None, row: np.ndarray) -> None:
            if value is None:
                row[start:end] = missing
                return
            moment = value if value.tzinfo else value.replace(tzinfo=UTC)
            row[start:end] = [(read(moment) - centre) / scale for read, centre, scale in steps]

        return write


_PARTS: Mapping[str, Callable[[datetime], float]] = {
    "days": lambda moment: moment.timestamp() / _DAY,
    "year": lambda moment: moment.year,
    "month": lambda moment: moment.month,
    "day": lambda moment: moment.day,
    "weekday": lambda moment: moment.isoweekday(),
    "hour": lambda moment: moment.hour,
}
"""The calendar parts of one moment, as `_calendar` has them of many."""


def _calendar(seconds: np.ndarray) -> dict[str, np.ndarray]:
    """Calendar parts of moments in seconds since 1970 (UTC); NaN stays NaN."""
    absent = np.isnan(seconds)
    moments = np.floor(np.where(absent, 0, seconds)).astype("datetime64[s]")
    days, months, years = (moments.astype(f"datetime64[{unit}]") for unit in "DMY")
    whole_days = days.astype(np.int64)
    parts = {
        "days": np.where(absent, 0, seconds) / _DAY,
        "year": years.astype(np.int64) + 1970,
        "month": months.astype(np.int64) % 12 + 1,
        "day": (days - months).astype(np.int64) + 1,
        "weekday": (whole_days + 3) % 7 + 1,
        "hour": np.where(absent, 0, seconds) % _DAY // 3600,
    }
    return {name: np.where(absent, math.nan, part) for name, part in parts.items()}


BLOCKS: dict[str, type[Block]] = {
    block.kind: block for block in (Passed, Scaled, Codes, Counts, OneHot, DateParts)
}
