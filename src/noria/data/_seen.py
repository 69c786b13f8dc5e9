"""One raw column, and what is counted of it."""

from __future__ import annotations

from dataclasses import replace
from functools import cached_property
from typing import Any

import polars as pl

from noria.core.schema import Column, Parse, Type
from noria.data._numbers import BLANK, PLACEHOLDERS
from noria.data.conform import column_expr, family

__all__ = ["LEVELS", "Seen", "measure"]

LEVELS = 1000
_LOOK = 20_000


class Seen:
    """One raw column, and what is counted of it, each once."""

    def __init__(self, raw: pl.Series) -> None:
        self.name = raw.name
        self.rows = raw.len()
        self.kind = family(raw.dtype)
        if self.kind == "level":
            self.kind, raw = "text", raw.cast(pl.String)
        self.raw = raw
        self.measured: dict[tuple[Type, Parse], dict[str, Any]] = {}

    @property
    def numeric(self) -> bool:
        """Whether it is stored as numbers."""
        return self.kind in {"whole", "real", "decimal"}

    @cached_property
    def counts(self) -> pl.DataFrame:
        """Distinct values (texts stripped) with their counts, without nulls and blanks."""
        raw = self.raw.str.strip_chars(BLANK) if self.kind == "text" else self.raw
        counts = raw.alias("text").value_counts(name="count")
        keep = pl.col("text").is_not_null()
        return counts.filter(keep & (pl.col("text") != "") if self.kind == "text" else keep)

    @cached_property
    def look(self) -> pl.DataFrame:
        """Distinct texts of evenly spaced rows in order of appearance, with counts, without placeholders."""
        step = max(1, self.rows // _LOOK)
        text = self.raw.gather_every(step).str.strip_chars(BLANK).alias("text").to_frame()
        known = pl.col("text").str.to_lowercase().is_in(["", *PLACEHOLDERS])
        kept = text.filter(pl.col("text").is_not_null() & ~known)
        return kept.group_by("text", maintain_order=True).agg(pl.len().alias("count"))

    def among(self, words: frozenset[str]) -> dict[str, int]:
        """How often each of these words occurs, however it is capitalised."""
        found = self.counts.filter(pl.col("text").str.to_lowercase().is_in(list(words))).sort("text")
        return dict(zip(found["text"], found["count"]))


def measure(seen: Seen, column: Column) -> Column:
    """The column with its counts, range and levels, after its text is read."""
    if column.type not in _MEASURED:
        return replace(column, nulls=seen.raw.null_count())
    plain = seen.numeric and column.type in {Type.NUMBER, Type.BOOLEAN, Type.ID}
    key = (Type.NUMBER if plain else column.type, column.parse)
    if key not in seen.measured:
        seen.measured[key] = _whole(seen, column) if plain else _by_value(seen, column)
    facts = {"low": None, "high": None, **seen.measured[key]}
    if column.type not in _RANGED:
        facts |= {"low": None, "high": None}
    return replace(column, **facts)


def _whole(seen: Seen, column: Column) -> dict[str, Any]:
    """Facts of a column of numbers."""
    typed = _typed(replace(column, type=Type.NUMBER), seen.raw)
    return {"nulls": typed.null_count(), "distinct": typed.drop_nulls().n_unique(), **_range(typed)}


def _by_value(seen: Seen, column: Column) -> dict[str, Any]:
    """Facts found from the distinct values and their counts."""
    values = seen.counts.select("count", value=_typed(column, seen.counts["text"])).drop_nulls("value")
    facts = {"nulls": seen.rows - int(values["count"].sum()), "distinct": values["value"].n_unique()}
    if column.type is Type.CATEGORY:
        return {**facts, "levels": _levels(values)}
    return facts | (_range(values["value"]) if column.type in _RANGED else {})


def _range(typed: pl.Series) -> dict[str, Any]:
    """The smallest and the largest value, dates as seconds since 1970."""
    number = typed.dt.epoch("us") * 1e-6 if typed.dtype.is_temporal() else typed.cast(pl.Float64)
    return {"low": number.min(), "high": number.max()}


def _typed(column: Column, raw: pl.Series) -> pl.Series:
    return raw.to_frame().select(column_expr(replace(column, name=raw.name), raw.dtype)).to_series()


_RANGED = {Type.NUMBER, Type.BOOLEAN, Type.DATETIME}
_MEASURED = _RANGED | {Type.CATEGORY, Type.TEXT, Type.ID, Type.CONSTANT}


def _levels(values: pl.DataFrame) -> tuple[str, ...]:
    """The values of a category, most frequent first."""
    merged = values.group_by("value").agg(pl.col("count").sum())
    return tuple(merged.sort(["count", "value"], descending=[True, False]).head(LEVELS)["value"])
