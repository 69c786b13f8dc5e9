"""A table, batch by batch, becomes a profile."""

from __future__ import annotations

from functools import cached_property

import polars as pl

from noria.core.column_profile import ColumnProfile
from noria.core.insight import worst_first
from noria.core.profile import Contrast, Profile, Target
from noria.core.schema import Type
from noria.data.profile.contrast import Side, contrast, differences
from noria.data.profile.describe import describe
from noria.data.profile.findings import Facts, find
from noria.data.profile.relations import Sample, associations, missing, relate, timelines
from noria.data.profile.table import TableSketch
from noria.errors import ColumnError, SourceError, suggestion

__all__ = ["Profiler"]

_MANY_CELLS, _MANY_BYTES = 200_000, 64_000_000
_CLASSES = 20  # as many whole numbers, each in more rows than that, are classes
_LEARNABLE = {Type.NUMBER, Type.CATEGORY, Type.BOOLEAN}


class Profiler:
    """Takes in the rows of a table and tells what they are like, in bounded memory.

    Parameters
    ----------
    source : str
        What the table is called.
    target : str, optional
        The column to be learned.
    seed : int
        Of the sample of rows that relations are seen in.

    Examples
    --------
    >>> profiler = Profiler("shop", target="sold")
    >>> profiler.update(pl.DataFrame({"day": range(200), "sold": [day % 7 for day in range(200)]}))
    >>> profile = profiler.finish()
    >>> profile.rows, profile["sold"].distinct
    (200, 7)
    """

    def __init__(self, source: str, target: str | None = None, seed: int = 0) -> None:
        self.source, self.target = source, target
        self.sketch = TableSketch(seed)
        self.rows = 0
        self._waiting: list[pl.DataFrame] = []
        self._cells = self._bytes = 0

    def update(self, batch: pl.DataFrame) -> None:
        """Take in rows; small batches are collected first, for each costs something per column.

        Raises
        ------
        ColumnError
            If there is no such target.
        """
        if self.target is not None and self.target not in batch.columns:
            raise ColumnError(
                f"There is no target column {self.target!r}.", do=suggestion(self.target, batch.columns)
            )
        if not batch.height:
            return
        self.rows += batch.height
        self._waiting.append(batch)
        self._cells += batch.height * max(1, batch.width)
        self._bytes += int(batch.estimated_size())
        if self._cells >= _MANY_CELLS or self._bytes >= _MANY_BYTES:
            self._flush()

    def finish(self, other: Profiler | None = None, repairs: tuple[str, ...] = ()) -> Profile:
        """What was found.

        Parameters
        ----------
        other : Profiler, optional
            Of a table to compare with; it has taken in its rows.
        repairs : tuple of str
            What was put right while the rows were read.

        Raises
        ------
        SourceError
            If there was no row.
        """
        target, unlearnable = self._related()
        sample, sketch = self._sample, self.sketch
        duplicates = sketch.duplicates
        holes, strong = missing(sample), associations(sample, self.target)
        facts = Facts(
            self._columns, sketch.columns, sample, sketch.rows, duplicates, holes, strong, target,
            self.target, unlearnable, repairs,
        )  # fmt: skip
        found = find(facts)
        apart: Contrast | None = None
        if other is not None:
            here, there = self._side, other._side
            apart = contrast(here, there)
            found = worst_first([*found, *differences(apart, here, there)])
        return Profile(
            self.source, sketch.rows, sketch.bytes, self._columns, found, sample.rows.height,
            duplicates, holes, strong, timelines(sample, self.target), sketch.head, target,
            apart,
        )  # fmt: skip

    def _flush(self) -> None:
        """Take in what was collected."""
        if self._waiting:
            self.sketch.update(pl.concat(self._waiting, how="vertical_relaxed"))
            self._waiting, self._cells, self._bytes = [], 0, 0

    @cached_property
    def _columns(self) -> tuple[ColumnProfile, ...]:
        self._flush()
        if not self.sketch.rows:
            raise SourceError(f"{self.source} has no rows.", do="Check the source: is there a header only?")
        return tuple(describe(sketch) for sketch in self.sketch.columns.values())

    @cached_property
    def _sample(self) -> Sample:
        columns = self._columns
        return Sample.of(self.sketch.sample, self.sketch.columns, columns)

    @cached_property
    def _side(self) -> Side:
        by_name = {column.name: column for column in self._columns}
        return Side(self.source, self.sketch.rows, by_name, self.sketch.columns)

    def _related(self) -> tuple[Target | None, str]:
        """How columns go with the target, or why that cannot be told."""
        if self.target is None:
            return None, ""
        column, sketch = self._sample.columns[self.target], self.sketch.columns[self.target]
        known = column.rows - column.nulls
        if column.type is Type.CONSTANT:
            return None, f"{column.name} has {'one value' if column.distinct else 'no value'} in all rows."
        if column.type not in _LEARNABLE:
            return None, f"{column.name} is of type {column.type}, with {column.distinct:,} distinct values."
        few = column.distinct == 2 or (column.distinct <= _CLASSES and known > _CLASSES * column.distinct)
        classes = column.type is not Type.NUMBER or (few and sketch.whole)
        return relate(self._sample, self.target, classes=classes), ""
