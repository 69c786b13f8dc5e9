"""One raw column, and what is counted of it."""

from __future__ import annotations

from dataclasses import replace
from functools import cached_property

import polars as pl

from noria.core.schema import Column, Type
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
    if seen.numeric and column.type in {Type.NUMBER, Type.BOOLEAN}:
        typed = _typed(column, seen.raw)
        known = typed.drop_nulls()
        column = replace(column, nulls=typed.null_count(), distinct=known.n_unique())
    else:
        values = seen.counts.select("count", value=_typed(column, seen.counts["text"])).drop_nulls("value")
        known = values["value"]
        nulls = seen.rows - int(values["count"].sum())
        column = replace(column, nulls=nulls, distinct=known.n_unique())
        if column.type is Type.CATEGORY:
            column = replace(column, levels=_levels(values))
    if column.type in _RANGED and known.len():
        numbers = known.dt.epoch("us") / 1e6 if column.type is Type.DATETIME else known.cast(pl.Float64)
        return replace(column, low=float(numbers.min()), high=float(numbers.max()))  # type: ignore[arg-type]
    return replace(column, low=None, high=None)


def _typed(column: Column, raw: pl.Series) -> pl.Series:
    return raw.to_frame().select(column_expr(replace(column, name=raw.name), raw.dtype)).to_series()


_RANGED = {Type.NUMBER, Type.BOOLEAN, Type.DATETIME}
_MEASURED = _RANGED | {Type.CATEGORY, Type.TEXT, Type.ID, Type.CONSTANT}


def _levels(values: pl.DataFrame) -> tuple[str, ...]:
    """The values of a category, most frequent first."""
    merged = values.group_by("value").agg(pl.col("count").sum())
    return tuple(merged.sort(["count", "value"], descending=[True, False]).head(LEVELS)["value"])
