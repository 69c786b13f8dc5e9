"""What is remembered of a column to compare it with later: counts in cells that the reference has chosen.

Counts of batches add up without any error, so tests on them keep their promises. Those on sketches of
quantiles do not: an error of 0.2% of rank is as large as what chance does to 100,000 rows.
"""

from __future__ import annotations

import zlib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, ClassVar, Self

import numpy as np
import polars as pl

from noria.core.schema import Column, Type
from noria.core.words import number, percent, quoted
from noria.data._numbers import BLANK, PLACEHOLDERS
from noria.data.conform import column_expr
from noria.errors import ColumnError
from noria.methods.sketches import weighted_quantiles

__all__ = [
    "HashedSketch",
    "LevelSketch",
    "NumberSketch",
    "Sketch",
    "TextSketch",
    "fit",
    "from_dict",
    "of_classes",
]

_CELLS = 128
_SAMPLE = 200_000  # values that the cells' edges are chosen by
_LEVELS = 1_000
_BUCKETS, _SHARED = 256, 16
_FREQUENT = 20  # rows of a level
_NAMED = 3
_TEXTS, _CHARACTERS = 256, 1_000
_Counted = tuple[pl.Series, np.ndarray | None]


@dataclass
class Sketch:
    """A column of which only missing values are counted: ids, moments, what is no single value.

    Attributes
    ----------
    column : Column
        How it is read.
    rows, missing, unreadable, absent : int
        All rows, and those without a value, with one that is not what the column holds, and from batches
        without the column.
    counts : (k,) array
        How many rows each cell holds.
    outside : int
        Rows beyond the reference's range, or of categories that it does not know.
    alone : int
        Rows of the reference that would be outside if they were not part of it: what is usual.
    example : str
        A value, or a type, that could not be read.
    """

    kind: ClassVar[str] = "opaque"
    ordered: ClassVar[bool] = False
    outlying: ClassVar[str] = ""

    column: Column
    rows: int = 0
    missing: int = 0
    unreadable: int = 0
    absent: int = 0
    counts: np.ndarray = field(default_factory=lambda: np.zeros(0))
    outside: int = 0
    alone: int = 0
    example: str = ""

    def empty(self) -> Self:
        """The same cells without rows."""
        return replace(
            self, rows=0, missing=0, unreadable=0, absent=0, counts=np.zeros_like(self.counts), outside=0,
            example="",
        )  # fmt: skip

    def choose(self, typed: pl.Series, seed: int) -> None:
        """Choose the cells by the reference's values."""

    def update(self, raw: pl.Series | None, rows: int) -> None:
        """Take in a batch; None if it has no such column."""
        self.rows += rows
        if raw is None:
            self.absent += rows
            return
        try:
            typed, weights = self._counted(raw)
        except ColumnError:
            self.missing += raw.null_count()
            self.unreadable += rows - raw.null_count()
            self.example = f"values of type {raw.dtype}"
            return
        known = typed.is_not_null()
        total = rows if weights is None else int(weights.sum())
        self.missing += rows - total
        if not known.all():
            mask = known.to_numpy()
            self.missing += int((~mask).sum() if weights is None else weights[~mask].sum())
            typed, weights = typed.filter(known), None if weights is None else weights[mask]
        if typed.len():
            self._take(typed, weights)

    def encode(self, raw: pl.Series | None, rows: int) -> np.ndarray:
        """The rows as numbers (rows,), NaN where there is none."""
        if raw is None:
            return np.full(rows, np.nan)
        try:
            return self._codes(self._typed(raw))
        except ColumnError:
            return np.full(rows, np.nan)

    def to_dict(self) -> dict[str, Any]:
        """JSON-ready fields; `from_dict` reads them back."""
        return {
            "kind": self.kind, "column": self.column.to_dict(), "rows": self.rows, "missing": self.missing,
            "unreadable": self.unreadable, "counts": self.counts.astype(int).tolist(), "alone": self.alone,
        }  # fmt: skip

    def describe(self, other: Sketch) -> str:
        """What is different in the other, in words."""
        return f"{other.rows:,} rows"

    def cells(self, other: Sketch) -> tuple[np.ndarray, np.ndarray]:
        """Counts of both, (k,) each, as they are compared."""
        return self.counts, other.counts

    def outliers(self) -> str:
        """What the rows outside are, in words."""
        return "has other values"

    def drawn(self) -> tuple[str, ...]:
        """Some of its texts as they are; none where they are not kept."""
        return ()

    def masked(self) -> Sketch:
        """The same without texts."""
        return self

    def _typed(self, raw: pl.Series) -> pl.Series:
        return raw.to_frame(self.column.name).select(column_expr(self.column, raw.dtype)).to_series()

    def _counted(self, raw: pl.Series) -> _Counted:
        """Typed values, and how many rows each stands for; texts are read once each."""
        if raw.dtype != pl.String:
            return self._typed(raw), None
        texts, weights = _distinct(raw)
        typed = self._typed(texts)
        lost = typed.is_null()
        if lost.any():
            words = texts.str.strip_chars(BLANK).str.to_lowercase()
            nulls = ["", *PLACEHOLDERS, *(null.lower() for null in self.column.parse.nulls)]
            wrong = (lost & ~words.is_in(nulls)).to_numpy()
            if wrong.any():
                self.unreadable += int(weights[wrong].sum())
                self.missing -= int(weights[wrong].sum())
                self.example = quoted(str(texts.filter(pl.Series(wrong))[0]))
        return typed, weights

    def _take(self, typed: pl.Series, weights: np.ndarray | None) -> None:
        pass

    def _codes(self, typed: pl.Series) -> np.ndarray:
        return np.full(typed.len(), np.nan)


@dataclass
class NumberSketch(Sketch):
    """A column of numbers, counted between the reference's quantiles.

    Attributes
    ----------
    edges : (k - 1,) array
        Cell i holds what is above edge i - 1 and not above edge i.
    low, high : float
        The reference's range.
    """

    kind: ClassVar[str] = "number"
    ordered: ClassVar[bool] = True
    outlying: ClassVar[str] = "out of range"

    edges: np.ndarray = field(default_factory=lambda: np.zeros(0))
    low: float = np.inf
    high: float = -np.inf

    def choose(self, typed: pl.Series, seed: int) -> None:
        """Choose the cells by the reference's values."""
        values = self._numbers(typed.drop_nulls())
        self.counts = np.zeros(1)
        if not values.size:
            return
        self.low, self.high = float(values.min()), float(values.max())
        self.alone = sum(int(np.count_nonzero(values == end) == 1) for end in (self.low, self.high))
        if values.size > _SAMPLE:
            values = values[np.random.default_rng(seed).integers(0, values.size, _SAMPLE)]
        distinct = np.unique(values)
        if distinct.size > _CELLS:
            distinct = np.unique(np.quantile(values, np.linspace(0, 1, _CELLS + 1)[1:], method="lower"))
        self.edges = distinct[:-1]
        self.counts = np.zeros(distinct.size)

    def to_dict(self) -> dict[str, Any]:
        """JSON-ready fields; `from_dict` reads them back."""
        ends = [self.low, self.high] if self.low <= self.high else [None, None]
        return {**super().to_dict(), "edges": self.edges.tolist(), "low": ends[0], "high": ends[1]}

    def describe(self, other: Sketch) -> str:
        """How the middle moved, and the spread if that stayed."""
        ends = np.append(self.edges, self.high)
        shares = np.array([0.1, 0.5, 0.9])
        then, now = (weighted_quantiles(ends, side.counts, shares) for side in (self, other))
        at = 1 if then[1] != now[1] else int(np.argmax(np.abs(now - then)))
        what = ("10% quantile", "median", "90% quantile")[at]
        return f"its {what} is about {number(float(now[at]))}, it was {number(float(then[at]))}"

    def outliers(self) -> str:
        """The range that they are out of."""
        return f"is out of its range in training, {number(self.low)} to {number(self.high)},"

    def _numbers(self, typed: pl.Series) -> np.ndarray:
        return typed.to_numpy()

    def _take(self, typed: pl.Series, weights: np.ndarray | None) -> None:
        values = self._numbers(typed)
        if weights is None:
            values = np.sort(
                values
            )  # and then finding edges is four times as fast as finding every value's cell
            upto = np.arange(values.size + 1)
        else:
            order = np.argsort(values)
            values, upto = values[order], np.concatenate(([0], np.cumsum(weights[order])))
        below = upto[np.searchsorted(values, self.edges, side="right")]
        self.counts += np.diff(below, prepend=0, append=upto[-1])
        inside = (
            upto[np.searchsorted(values, self.high, side="right")] - upto[np.searchsorted(values, self.low)]
        )
        self.outside += int(upto[-1] - inside)

    def _codes(self, typed: pl.Series) -> np.ndarray:
        return typed.cast(pl.Float64).to_numpy()


@dataclass
class TextSketch(NumberSketch):
    """A column of texts, of which the lengths are counted, and a few texts are kept.

    Attributes
    ----------
    texts : tuple of str
        At most 256 rows, drawn at random, at most 1,000 characters of each.
    """

    kind: ClassVar[str] = "text"

    texts: tuple[str, ...] = ()
    _keys: np.ndarray = field(default_factory=lambda: np.zeros(0), repr=False)

    def empty(self) -> Self:
        """The same cells without rows."""
        return replace(super().empty(), texts=(), _keys=np.zeros(0))

    def to_dict(self) -> dict[str, Any]:
        """JSON-ready fields; `from_dict` reads them back."""
        return {**super().to_dict(), "texts": list(self.texts)}

    def describe(self, other: Sketch) -> str:
        """How the lengths moved."""
        return super().describe(other).replace("its ", "in characters, its ", 1)

    def drawn(self) -> tuple[str, ...]:
        """Some of its texts."""
        return self.texts

    def masked(self) -> TextSketch:
        """The same without texts."""
        return replace(self, texts=())

    def _numbers(self, typed: pl.Series) -> np.ndarray:
        return typed.str.len_chars().cast(pl.Float64).to_numpy()

    def _take(self, typed: pl.Series, weights: np.ndarray | None) -> None:
        super()._take(typed, weights)
        order = typed.arg_sort().to_numpy()  # distinct values come in any order
        rows = order if weights is None else np.repeat(order, weights[order])
        keys = np.concatenate([self._keys, np.random.default_rng(self.rows).random(rows.size)])
        chosen = np.argsort(keys)[:_TEXTS]
        kept, first = len(self.texts), typed.str.slice(0, _CHARACTERS)
        self.texts = tuple(self.texts[at] if at < kept else first[int(rows[at - kept])] for at in chosen)
        self._keys = keys[chosen]

    def _codes(self, typed: pl.Series) -> np.ndarray:
        return self._numbers(typed)


@dataclass
class LevelSketch(Sketch):
    """A column of categories.

    Attributes
    ----------
    levels : tuple of str
        All that the reference has, most frequent first; the cell behind them is for new ones.
    frequent : int
        How many of them have a code of their own; rare and new ones share a few, so that a new one alone
        does not give away where a row is from.
    new : dict of str to int
        New ones and how often they came, at most 1,000 of them.
    """

    kind: ClassVar[str] = "category"
    outlying: ClassVar[str] = "new categories"

    levels: tuple[str, ...] = ()
    frequent: int = 0
    new: dict[str, int] = field(default_factory=dict)

    def empty(self) -> Self:
        """The same levels without rows."""
        return replace(super().empty(), new={})

    def choose(self, typed: pl.Series, seed: int) -> None:  # noqa: ARG002 - one face with numbers
        """Choose the levels by the reference's values."""
        text = typed.cast(pl.String).alias("text").drop_nulls()
        counts = text.value_counts(name="count").sort(["count", "text"], descending=[True, False])
        self.levels = tuple(counts["text"].to_list())
        self.frequent = int((counts["count"] >= _FREQUENT).sum())
        self.alone = int((counts["count"] == 1).sum())
        self.counts = np.zeros(len(self.levels) + 1)

    def cells(self, other: Sketch) -> tuple[np.ndarray, np.ndarray]:
        """Every new category in a cell of its own, so that rare ones of both sides are treated alike."""
        fresh = np.array([*getattr(other, "new", {}).values()], dtype=np.float64)
        fresh = np.concatenate([fresh, np.ones(int(other.counts[-1] - fresh.sum()))])
        return np.concatenate([self.counts[:-1], np.zeros(fresh.size)]), np.concatenate(
            [other.counts[:-1], fresh]
        )

    def to_dict(self) -> dict[str, Any]:
        """JSON-ready fields; `from_dict` reads them back."""
        return {**super().to_dict(), "levels": list(self.levels), "frequent": self.frequent}

    def describe(self, other: Sketch) -> str:
        """The level whose share changed most."""
        then, now = (side.counts / max(float(side.counts.sum()), 1.0) for side in (self, other))
        at = int(np.argmax(np.abs(now - then)))
        who = f"{quoted(self.levels[at])} makes" if at < len(self.levels) else "new categories make"
        return f"{who} up {percent(float(now[at]))} of it, it was {percent(float(then[at]))}"

    def outliers(self) -> str:
        """The most frequent of the new categories."""
        names = sorted(self.new, key=lambda name: -self.new[name])[:_NAMED]
        return f"has categories that are not known from training ({', '.join(map(quoted, names))})"

    def _counted(self, raw: pl.Series) -> _Counted:
        if raw.dtype == pl.String or raw.dtype.is_nested():
            return super()._counted(raw)
        values, weights = _distinct(raw)
        return self._typed(values), weights

    def _take(self, typed: pl.Series, weights: np.ndarray | None) -> None:
        cells = self._places(typed)
        often = np.ones(typed.len(), dtype=np.int64) if weights is None else weights
        self.counts += np.bincount(cells, often, self.counts.size)
        fresh = cells == len(self.levels)
        self.outside += int(often[fresh].sum())
        names = typed.filter(pl.Series(fresh)).cast(pl.String)
        for name, count in zip(names.to_list(), often[fresh].tolist()):
            if name in self.new or len(self.new) < _LEVELS:
                self.new[name] = self.new.get(name, 0) + count

    def _places(self, typed: pl.Series) -> np.ndarray:
        other = len(self.levels)
        codes = np.arange(other, dtype=np.int64)
        text = typed.cast(pl.String).fill_null("")
        return text.replace_strict(list(self.levels), codes, default=other, return_dtype=pl.Int64).to_numpy()

    def _codes(self, typed: pl.Series) -> np.ndarray:
        places = self._places(typed).copy()  # of what Polars may share
        rare = places >= self.frequent
        if rare.any():
            names = typed.filter(pl.Series(rare))
            places[rare] = self.frequent + _checksums(names, _SHARED)
        return np.where(typed.is_not_null().to_numpy(), places, np.nan)


@dataclass
class HashedSketch(LevelSketch):
    """A column of more than 1,000 categories, counted in cells by a checksum of their names.

    The most frequent ones would not do as cells: those that are frequent in a sample are so in part by
    chance, and less frequent in the next.
    """

    kind: ClassVar[str] = "hashed"
    outlying: ClassVar[str] = ""

    def choose(self, typed: pl.Series, seed: int) -> None:  # noqa: ARG002 - one face with the others
        """The cells are given."""
        self.counts = np.zeros(_BUCKETS)

    def cells(self, other: Sketch) -> tuple[np.ndarray, np.ndarray]:
        """The counts as they are."""
        return self.counts, other.counts

    def describe(self, other: Sketch) -> str:
        """That it changed: which values did is not kept."""
        gap = np.abs(self.counts / self.counts.sum() - other.counts / other.counts.sum()).sum() / 2
        return f"other values than before make up {percent(float(gap))} of it or more"

    def _places(self, typed: pl.Series) -> np.ndarray:
        return _checksums(typed, _BUCKETS)

    def _codes(self, typed: pl.Series) -> np.ndarray:
        return np.where(typed.is_not_null().to_numpy(), self._places(typed), np.nan)


def _distinct(raw: pl.Series) -> tuple[pl.Series, np.ndarray]:
    """The distinct values (n,) that are not null, and how often each occurs."""
    seen = raw.alias("value").drop_nulls().value_counts(name="count")
    return seen["value"], seen["count"].cast(pl.Int64).to_numpy()


def _checksums(names: pl.Series, cells: int) -> np.ndarray:
    """A cell (n,) for each name, the same on every machine and in every version."""
    texts = names.cast(pl.String).fill_null("").to_list()
    return np.array([zlib.crc32(text.encode()) % cells for text in texts], dtype=np.int64)


_KINDS: Mapping[Type, type[Sketch]] = {
    Type.NUMBER: NumberSketch,
    Type.CATEGORY: LevelSketch,
    Type.BOOLEAN: LevelSketch,
    Type.TEXT: TextSketch,
}


def of_classes(column: Column, classes: Sequence[str]) -> LevelSketch:
    """A sketch of these categories, without rows: their codes are their places."""
    return LevelSketch(
        column, levels=tuple(classes), frequent=len(classes), counts=np.zeros(len(classes) + 1)
    )


def fit(column: Column, raw: pl.Series, *, seed: int = 0) -> Sketch:
    """The sketch of a reference's column, all of its values counted."""
    sketch = _KINDS.get(column.type, Sketch)(column)
    typed = sketch._typed(raw)
    if sketch.kind == "category" and typed.n_unique() > _LEVELS:
        sketch = HashedSketch(column)
    sketch.choose(typed, seed)
    sketch.update(raw, raw.len())
    return sketch


def from_dict(fields: Mapping[str, Any]) -> Sketch:
    """The inverse of `Sketch.to_dict`."""
    known = dict(fields)
    kind = _BY_NAME[known.pop("kind")]
    known["column"] = Column.from_dict(known["column"])
    known["counts"] = np.array(known["counts"], dtype=np.float64)
    return kind(**dict(_read(known)))


def _read(fields: Mapping[str, Any]) -> Iterator[tuple[str, Any]]:
    for name, value in fields.items():
        yield name, _READ.get(name, lambda same: same)(value)


_BY_NAME = {kind.kind: kind for kind in (Sketch, NumberSketch, TextSketch, LevelSketch, HashedSketch)}
_READ: Mapping[str, Any] = {
    "edges": lambda values: np.array(values, dtype=np.float64),
    "levels": tuple,
    "texts": tuple,
    "low": lambda value: np.inf if value is None else value,
    "high": lambda value: -np.inf if value is None else value,
}
