"""A model as a function of the columns of some rows, and how long it takes to ask it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np
import polars as pl

from noria.core.deadline import Deadline
from noria.core.features import FeaturedModel
from noria.core.protocol import Model
from noria.core.schema import Column, Type
from noria.core.signature import PROBABILITY

__all__ = ["View", "grid"]

_DRAWN = (Type.NUMBER, Type.BOOLEAN, Type.DATETIME, Type.CATEGORY)
_LEVELS = 12
_EDGE = 0.02  # of the rows at either end of a column, where a grid would rest on few of them
_FEW, _SOME, _MANY, _LEAST = 10, 60, 500, 10
_PROBES = 8  # predictions that there is time for, or none is begun
_SLOW = 0.02  # seconds of a few rows


@dataclass(frozen=True)
class View:
    """A fitted model and rows like those that it is asked about.

    Parameters
    ----------
    model : Model
    rows : Table
        Typed, with all columns that a prediction reads; others do no harm.
    """

    model: Model | FeaturedModel
    rows: pl.DataFrame

    @cached_property
    def columns(self) -> tuple[Column, ...]:
        """The features, whatever their type."""
        present = set(self.rows.columns)
        return tuple(column for column in self.model.signature.inputs.features if column.name in present)

    @cached_property
    def outputs(self) -> tuple[str, ...]:
        """The columns of a prediction that are looked at: one, or the probabilities of several classes."""
        names = tuple(PROBABILITY + label for label in self.classes)
        return (names[-1:] if len(names) == 2 else names) or ("prediction",)

    @cached_property
    def classes(self) -> tuple[str, ...]:
        """The classes that it predicts; none if it predicts a number."""
        return self.model.signature.classes

    @property
    def counts(self) -> bool:
        """Whether what it says is a number, so that it can be asked what moves it."""
        types = {output.name: output.type for output in self.model.signature.outputs}
        return all(types[name] is Type.NUMBER for name in self.outputs)

    @property
    def unit(self) -> str:
        """What is looked at, in words: of several classes just ``probability``."""
        return self.label(self.outputs[0]) if len(self.outputs) == 1 else "probability"

    def label(self, output: str) -> str:
        """An output in words: ``probability of yes``, ``expected price``."""
        if output.startswith(PROBABILITY):
            return f"probability of {output.removeprefix(PROBABILITY)}"
        docs = {one.name: one.doc for one in self.model.signature.outputs}
        return docs[output].removeprefix("the ") or output

    def values(self, table: pl.DataFrame) -> np.ndarray:
        """What the model says of each row: (rows, outputs)."""
        return self.model.predict(table).select(self.outputs).to_numpy().astype(np.float64)

    def sample(self, count: int, seed: int = 0) -> View:
        """The same model on at most so many of the rows."""
        rows = self.rows
        if rows.height <= count:
            return self
        some = View(self.model, rows.sample(count, seed=seed))
        some.__dict__["costs"] = self.costs  # need not be measured again
        return some

    def quick(self, deadline: Deadline) -> bool:
        """Whether there is time for more than a few predictions; the first one loads what it needs."""
        clock = Deadline()
        self.model.predict(self.rows.head(_FEW))
        return _PROBES * clock.elapsed < deadline.remaining

    @cached_property
    def costs(self) -> tuple[float, float]:
        """Seconds of one prediction of a table, and of each row of it more; measured once."""
        few = self.rows.head(_FEW)
        clock = Deadline()
        self.model.predict(few)
        one = clock.elapsed
        many = self.rows[np.arange(_SOME if one > _SLOW else _MANY) % self.rows.height]
        self.model.predict(many)
        return one, max(clock.elapsed - 2 * one, 1e-4 * one) / many.height

    def fitting(self, points: int, seconds: float, most: int, seed: int = 0) -> View | None:
        """The same with as many rows as can each be asked about so many points in this time; None if few."""
        room = (seconds - self.costs[0]) / max(points * self.costs[1], 1e-12)
        count = int(min(most, self.rows.height, room))
        return self.sample(count, seed) if count >= min(_LEAST, self.rows.height) else None

    def at(self, settings: Sequence[pl.Series]) -> np.ndarray:
        """Predictions of all rows with some columns set to each point: (points, rows, outputs).

        Parameters
        ----------
        settings : sequence of Series
            Columns of as many points each, by name.
        """
        points, rows = len(settings[0]), self.rows.height
        row = np.tile(np.arange(rows), points)
        point = np.repeat(np.arange(points), rows)
        table = self.rows[row].with_columns(
            one.cast(self.rows.schema[one.name]).gather(point) for one in settings
        )
        return self.values(table).reshape(points, rows, len(self.outputs))


def grid(column: Column, values: pl.Series, points: int, *, even: bool = False) -> pl.Series | None:
    """Values of a column to ask a model about, in order; None if there are fewer than two.

    Parameters
    ----------
    column : Column
    values : Series
        As they were observed, typed.
    points : int
        At most so many for numbers and moments, which are evenly spaced over all but the outermost rows.
    even : bool
        Whether they are so even where there are no more different values than points; a few stay themselves.

    Examples
    --------
    >>> grid(Column("age", Type.NUMBER), pl.Series("age", [1.0, 2.0, 2.0, None]), 5).to_list()
    [1.0, 2.0]
    """
    seen = values.drop_nulls()
    if column.type not in _DRAWN or seen.n_unique() < 2:
        return None
    if column.type is Type.CATEGORY:
        return seen.alias("value").value_counts(sort=True)["value"].head(_LEVELS).alias(values.name)
    if seen.n_unique() <= (min(_LEVELS, points) if even else points):
        return seen.unique().sort()
    numbers = seen.to_physical().cast(pl.Float64)
    low, high = (float(numbers.quantile(share, "nearest") or 0.0) for share in (_EDGE, 1 - _EDGE))
    whole = (numbers == numbers.round()).all()
    spaced = pl.Series(values.name, np.linspace(low, high, points))
    spaced = spaced.round().unique().sort() if whole else spaced
    made = spaced.cast(pl.Int64).cast(seen.dtype) if column.type is Type.DATETIME else spaced.cast(seen.dtype)
    return None if low == high else made
