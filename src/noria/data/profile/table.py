"""What is remembered of a table while its rows stream by, in bounded memory."""

from __future__ import annotations

import polars as pl

from noria.core.schema import Column, Type
from noria.data._names import says_time
from noria.data.conform import family
from noria.data.infer import infer
from noria.data.profile.columns import NumberSketch, OpaqueSketch, TimeSketch, WordSketch
from noria.methods.sketches import Distinct, Reservoir

__all__ = ["TableSketch"]

_SAMPLE_ROWS, _SAMPLE_CELLS, _FEWEST = 10_000, 2_000_000, 1_000
_FIRST_ROWS = 3_000
_HEAD = 10
_CLIP, _SHOWN = 1_000, 200
_HASHES = 20_000_000
_UNSURE = 0.03  # of an estimated number of distinct rows
_DAYS = (19_000_101, 21_001_231)  # dates written as whole numbers
_WRITTEN = {pl.Date: "%Y-%m-%d", pl.Datetime: "%Y-%m-%d %H:%M:%S%.f", pl.Duration: "polars"}
_Rows = tuple[tuple[str | None, ...], ...]


class TableSketch:
    """Counts and distributions of every column, a uniform sample of rows, and the rows that repeat.

    How texts are read as numbers or dates is decided on the first rows.

    Parameters
    ----------
    seed : int
        Of the sample.

    Attributes
    ----------
    columns : dict of str to OpaqueSketch
        By name, in the table's order.
    rows, bytes : int
    head : tuple of tuple
        The first rows as short texts, None where missing.

    Examples
    --------
    >>> sketch = TableSketch()
    >>> sketch.update(pl.DataFrame({"a": [1, 2, 2]}))
    >>> sketch.rows, sketch.columns["a"].distinct
    (3, 2)
    """

    def __init__(self, seed: int = 0) -> None:
        self.columns: dict[str, OpaqueSketch] = {}
        self.rows = self.bytes = 0
        self.head: _Rows = ()
        self._seed = seed
        self._sample = pl.DataFrame()
        self._reservoir = Reservoir(_SAMPLE_ROWS, seed)
        self._repeats = _Repeats()

    def update(self, batch: pl.DataFrame) -> None:
        """Take in a batch of at least one row."""
        if not self.rows:
            self._begin(batch)
        self.rows += batch.height
        self.bytes += int(batch.estimated_size())
        for raw in batch.get_columns():
            self.columns[raw.name].update(raw)
        self._repeats.update(batch)
        chosen = batch[self._reservoir.offer(batch.height)]
        self._sample = pl.concat([self._sample, _light(chosen)], how="vertical_relaxed")
        self._sample = self._sample.filter(pl.Series(self._reservoir.kept()))

    @property
    def sample(self) -> pl.DataFrame:
        """Raw rows, drawn evenly; long texts are cut short, and of bytes and lists only the missing show."""
        return self._sample

    @property
    def duplicates(self) -> int | None:
        """How many rows repeat an earlier one; None where that cannot be told."""
        distinct = self._repeats.distinct
        if distinct is None or (not self._repeats.exact and distinct > self.rows * (1 - _UNSURE)):
            return None
        return self.rows - distinct

    def _begin(self, batch: pl.DataFrame) -> None:
        """Decide from the first rows how columns are read."""
        self.head = _written(batch.head(_HEAD))
        self._sample = _light(batch.clear())
        wide = max(_FEWEST, _SAMPLE_CELLS // max(1, batch.width))
        self._reservoir = Reservoir(min(_SAMPLE_ROWS, wide), self._seed)
        first = _clipped(batch.head(min(_FIRST_ROWS, wide)))
        plain = {raw.name for raw in first.get_columns() if _plain(raw)}
        told = {column.name: column for column in infer(first.drop(plain))}
        self.columns = {
            raw.name: _sketch(told.get(raw.name) or Column(raw.name, Type.NUMBER), raw.dtype)
            for raw in first.get_columns()
        }


def _plain(raw: pl.Series) -> bool:
    """Whether a column is stored as numbers, and these cannot be dates."""
    if family(raw.dtype) not in {"whole", "real"} or says_time(raw.name):
        return False
    low, high = raw.min(), raw.max()
    return low is None or not (float(low) >= _DAYS[0] and float(high) <= _DAYS[1])  # type: ignore[arg-type]


def _clipped(rows: pl.DataFrame) -> pl.DataFrame:
    """The same with only the beginning of long texts."""
    return rows.with_columns(pl.col(pl.String).str.slice(0, _CLIP))


def _light(rows: pl.DataFrame) -> pl.DataFrame:
    """The same with no more of each cell than relations are seen in."""
    opaque = [name for name, dtype in rows.schema.items() if family(dtype) == "other"]
    there = [pl.when(pl.col(name).is_not_null()).then(True).alias(name) for name in opaque]
    return _clipped(rows.with_columns(there))


def _written(rows: pl.DataFrame) -> _Rows:
    """Rows as short texts."""
    plain = _clipped(rows.with_columns([_readable(raw) for raw in rows.get_columns()]))
    return tuple(tuple(None if value is None else _cell(value) for value in row) for row in plain.iter_rows())


def _readable(raw: pl.Series) -> pl.Series:
    """Moments as text, for Python has none beyond the year 9999; as numbers beyond 290,000 years."""
    form, zone = _WRITTEN.get(raw.dtype.base_type()), getattr(raw.dtype, "time_zone", None)
    if form is None:
        return raw
    held = raw if raw.dtype == pl.Duration else raw.cast(pl.Datetime("us", zone), strict=False)
    text = held.dt.to_string(f"{form}%:z" if zone else form)
    return text.zip_with(text.is_not_null(), raw.to_physical().cast(pl.String))


def _cell(value: object) -> str:
    text = f"{value:.10g}" if isinstance(value, float) else str(value)
    return text if len(text) <= _SHOWN else text[: _SHOWN - 1] + "…"


def _sketch(column: Column, dtype: pl.DataType) -> OpaqueSketch:
    """What remembers a column of this meaning and storage."""
    kind = family(dtype)
    if kind == "other":
        return OpaqueSketch(column, dtype)
    if column.type is Type.DATETIME or kind in {"moment", "zoned"}:
        return TimeSketch(column, dtype)
    if kind in {"text", "level", "null", "boolean"} and column.type is not Type.NUMBER:
        return WordSketch(column, dtype)
    return NumberSketch(column, dtype)


class _Repeats:
    """How many distinct rows there are, by their hashes: exact up to 20 million rows, an estimate beyond."""

    def __init__(self) -> None:
        self._hashes: list[pl.Series] = []
        self._rows = 0
        self._many: Distinct | None = None
        self._comparable = True

    def update(self, batch: pl.DataFrame) -> None:
        self._comparable = self._comparable and not any(dtype.is_nested() for dtype in batch.dtypes)
        if not self._comparable:
            return
        hashes = batch.hash_rows()
        self._rows += hashes.len()
        if self._many is None:
            self._hashes.append(hashes)
            if self._rows <= _HASHES:
                return
            self._many = Distinct()
            hashes = pl.concat(self._hashes)
            self._hashes = []
        self._many.update(hashes.to_numpy())

    @property
    def exact(self) -> bool:
        """Whether every row was kept in mind."""
        return self._many is None

    @property
    def distinct(self) -> int | None:
        """The number of distinct rows; None where they cannot be compared."""
        if not self._comparable:
            return None
        if self._many is not None:
            return round(self._many.count())
        return pl.concat(self._hashes).n_unique()
