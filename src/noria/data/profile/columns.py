"""What is remembered of one column while its rows stream by, in bounded memory."""

from __future__ import annotations

import math
from dataclasses import dataclass, field, replace

import numpy as np
import polars as pl

from noria.core.schema import Column, Type
from noria.data._numbers import BLANK, INFINITE, LOST
from noria.data.conform import column_expr, family
from noria.methods.sketches import Distinct, Frequencies, Moments, Quantiles, sort_counts, sum_counts

__all__ = ["NumberSketch", "OpaqueSketch", "TimeSketch", "WordSketch", "says_missing"]

_WIDE = (pl.Int128, pl.UInt128)
_ODD = 20
_SHOWN = 200
_UNSURE = 0.03  # of an estimated number of distinct values


def says_missing(text: pl.Expr) -> pl.Expr:
    """Whether texts are blank, or words such as ``?`` that stand for a missing value in every column."""
    return text.str.strip_chars(BLANK).str.to_lowercase().is_in(["", *LOST])


@dataclass
class OpaqueSketch:
    """A column of which only the missing values are counted.

    Attributes
    ----------
    column : Column
        As it was read from the first rows.
    dtype : polars.DataType
        What its raw values are stored as.
    rows, nulls : int
    whole : bool
        Whether all values are whole numbers.
    """

    column: Column
    dtype: pl.DataType
    rows: int = 0
    nulls: int = 0
    whole: bool = False

    def reading(self) -> pl.Expr:
        """The raw column as what it means."""
        return pl.col(self.column.name)

    def update(self, raw: pl.Series) -> None:
        """Take in a batch."""
        self.rows += raw.len()
        self._take(raw)

    def values(self) -> tuple[np.ndarray, np.ndarray]:
        """Numbers, ascending, and how many rows each stands for; none of what is no number."""
        return np.zeros(0), np.zeros(0)

    def counts(self) -> pl.DataFrame:
        """Texts and their counts, most frequent first; none of what is no text."""
        return pl.DataFrame(schema={"text": pl.String, "count": pl.Int64})

    def _take(self, raw: pl.Series) -> None:
        self.nulls += raw.null_count()


@dataclass
class _Counted(OpaqueSketch):
    """A column whose values are counted: all of them up to a limit, then the frequent ones."""

    frequencies: Frequencies = field(default_factory=Frequencies)
    many: Distinct | None = None

    @property
    def distinct(self) -> int:
        """How many distinct values there are."""
        return self.frequencies.keys.size if self.many is None else round(self.many.count())

    @property
    def exact(self) -> bool:
        """Whether every value is counted."""
        return self.many is None

    def distinct_among(self, known: int) -> int:
        """How many distinct values there are among `known` ones: all of them, if that may be so."""
        return known if not self.exact and self.distinct > known * (1 - _UNSURE) else self.distinct

    def _count(self, keys: np.ndarray, counts: np.ndarray) -> None:
        earlier = self.frequencies.keys
        self.frequencies.update(keys, counts)
        if self.many is None and not self.frequencies.exact:
            self.many = Distinct()
            self.many.update(earlier)
        if self.many is not None:
            self.many.update(keys)


@dataclass
class NumberSketch(_Counted):
    """A column of numbers, or of anything that is one: lengths of texts, microseconds since 1970.

    Attributes
    ----------
    orderly : bool
        Whether all neighbouring rows differ by one.
    low, high : int or float
        The extremes, of whole numbers with all their digits; infinities before any value was seen.
    """

    moments: Moments = field(default_factory=Moments)
    quantiles: Quantiles | None = None
    whole: bool = True
    orderly: bool = True
    low: float = math.inf
    high: float = -math.inf
    zeros: int = 0
    negatives: int = 0
    infinite: int = 0
    odd: dict[str, int] = field(default_factory=dict)
    kind: np.dtype = field(default_factory=lambda: np.dtype(np.int64))
    _end: pl.Series | None = None

    def reading(self) -> pl.Expr:
        """Numbers as they are, those of 128 bits as floats, anything else as the column says."""
        raw = pl.col(self.column.name)
        if family(self.dtype) in {"whole", "real"}:
            return raw.cast(pl.Float64) if self.dtype in _WIDE else raw
        return column_expr(replace(self.column, type=Type.NUMBER), self.dtype)

    def _take(self, raw: pl.Series) -> None:
        if raw.dtype == pl.String:
            self._take_texts(raw)
            return
        typed = self._typed(raw)
        if self.orderly:
            steps = (typed if self._end is None else pl.concat([self._end, typed])).diff().drop_nulls()
            self.orderly, self._end = bool((steps.abs() == 1).all()), typed.tail(1)
        self.nulls += typed.null_count()
        self.take(*sort_counts(self._finite(typed.drop_nulls())))

    def _take_texts(self, raw: pl.Series) -> None:
        """Read each distinct text once."""
        self.orderly = False
        counts = raw.drop_nulls().alias("text").value_counts(name="count")
        typed = self._typed(counts["text"].alias(raw.name))
        known = typed.is_not_null()
        infinite = 0
        if not known.all():
            infinite = self._set_aside(counts.filter(~known))
        self.infinite += infinite
        self.nulls += raw.len() - int(counts["count"].filter(known).sum()) - infinite
        weights = counts["count"].filter(known).cast(pl.Int64).to_numpy()
        self.take(*sum_counts(self._finite(typed.drop_nulls()), weights))

    def _typed(self, raw: pl.Series) -> pl.Series:
        """The values as numbers."""
        return raw.to_frame().select(self.reading()).to_series()

    def _finite(self, typed: pl.Series) -> np.ndarray:
        """Values without nulls as numbers of 64 bits; what is not finite is counted and left out."""
        values = typed.to_numpy()
        if typed.dtype == pl.UInt64:
            return values
        if not typed.dtype.is_float():
            return values.astype(np.int64, copy=False)
        finite = np.isfinite(values)
        if not finite.all():
            infinite = int(np.isinf(values).sum())
            self.infinite += infinite
            self.nulls += int((~finite).sum()) - infinite
            values = values[finite]
        return values.astype(np.float64, copy=False) + 0.0  # no negative zero

    def take(self, values: np.ndarray, counts: np.ndarray) -> None:
        """Take in distinct finite values (n,) that occur as often as `counts` (n,) says."""
        earlier = self._known() if self.quantiles is None else None
        self.kind = values.dtype
        if values.size:
            self.low, self.high = min(self.low, values.min().item()), max(self.high, values.max().item())
        self._count(values.view(np.uint64), counts)
        floats = values.astype(np.float64)
        if earlier is not None and not self.exact:
            self.quantiles = Quantiles()
            self.quantiles.update(*earlier)
        if self.quantiles is not None:
            self.quantiles.update(floats, counts)
        self.moments.update(floats, counts)
        self.whole = self.whole and (values.dtype.kind != "f" or bool((floats % 1 == 0).all()))
        self.zeros += int(counts[values == 0].sum())
        self.negatives += int(counts[values < 0].sum())

    def values(self) -> tuple[np.ndarray, np.ndarray]:
        """Values, ascending, and how many rows each stands for; some of them, once there are many."""
        return self._known() if self.quantiles is None else self.quantiles.weighted()

    def top(self, k: int) -> tuple[np.ndarray, np.ndarray]:
        """The most frequent values and their counts; of many values, only those that repeat."""
        keys, counts = self.frequencies.top(k)
        return keys.view(self.kind), counts

    def _known(self) -> tuple[np.ndarray, np.ndarray]:
        """All values and their counts, as long as all are counted."""
        values = self.frequencies.keys.view(self.kind).astype(np.float64)
        order = np.argsort(values)
        return values[order], self.frequencies.counts[order]

    def _set_aside(self, lost: pl.DataFrame) -> int:
        """Keep some of what could not be read; how often the infinite occurs among it."""
        frequent = lost.sort("count", "text", descending=[True, False]).head(_ODD)
        for text, count in frequent.iter_rows():
            if text in self.odd or len(self.odd) < _ODD:
                self.odd[text] = self.odd.get(text, 0) + count
        infinite = lost["text"].str.strip_chars(BLANK).str.to_lowercase().is_in(list(INFINITE))
        return int(lost["count"].filter(infinite).sum())


@dataclass
class TimeSketch(NumberSketch):
    """A column of moments, in microseconds since 1970."""

    ordered: bool = True
    last: int | None = None

    def reading(self) -> pl.Expr:
        """Moments in naive UTC."""
        return column_expr(replace(self.column, type=Type.DATETIME), self.dtype)

    def _take(self, raw: pl.Series) -> None:
        super()._take(raw)
        if self.ordered:
            self._check_order(raw.drop_nulls())

    def _typed(self, raw: pl.Series) -> pl.Series:
        return super()._typed(raw).to_physical()

    def _check_order(self, raw: pl.Series) -> None:
        """Whether no row lies before an earlier one; each run of equal values is read once."""
        starts = raw.filter(raw.rle_id().diff().fill_null(1) > 0) if raw.len() else raw
        known = self._typed(starts).drop_nulls()
        if known.len():
            behind = self.last is not None and known[0] < self.last
            self.ordered = not behind and known.is_sorted()
            self.last = known[-1]


@dataclass
class WordSketch(_Counted):
    """A column of texts: categories, ids or words."""

    lengths: NumberSketch = field(init=False)
    labels: pl.DataFrame = field(init=False)
    examples: list[str] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.lengths = NumberSketch(self.column, pl.Int64())
        self.labels = pl.DataFrame(schema={"key": pl.UInt64, "text": pl.String})

    def reading(self) -> pl.Expr:
        """Texts without blanks around them; null where they say that something is missing."""
        text = pl.col(self.column.name).cast(pl.String).str.strip_chars(BLANK)
        return pl.when(~says_missing(text)).then(text).alias(self.column.name)

    def _take(self, raw: pl.Series) -> None:
        super()._take(raw)
        typed = raw.cast(pl.String)
        seen = typed.alias("text").value_counts(name="count").filter(pl.col("text").is_not_null())
        if not seen.height:
            return
        seen = seen.with_columns(seen["text"].hash().alias("key")).sort("key")  # the same in every run
        text, counts = seen["text"], seen["count"].cast(pl.Int64).to_numpy()
        self._count(seen["key"].to_numpy(), counts)
        self.lengths.take(*sum_counts(text.str.len_chars().cast(pl.Int64).to_numpy(), counts))
        self._label(seen.select("key", "text"))
        if len(self.examples) < 3:
            self.examples += text.head(3).str.slice(0, _SHOWN).to_list()

    def _label(self, seen: pl.DataFrame) -> None:
        """Keep the texts of the keys that are counted, and of no others."""
        if self.exact and self.labels.height == self.frequencies.keys.size:
            return
        kept = pl.DataFrame({"key": self.frequencies.keys})
        fresh = seen.join(self.labels, on="key", how="anti").join(kept, on="key", how="semi")
        fresh = fresh.with_columns(pl.col("text").str.slice(0, _SHOWN))
        labels = self.labels if self.exact else self.labels.join(kept, on="key", how="semi")
        self.labels = pl.concat([labels, fresh])

    def counts(self) -> pl.DataFrame:
        """Columns ``text`` and ``count`` of the texts that are counted, most frequent first."""
        counted = pl.DataFrame({"key": self.frequencies.keys, "count": self.frequencies.counts})
        named = counted.join(self.labels, on="key").select("text", "count")
        return named.sort(["count", "text"], descending=[True, False])
