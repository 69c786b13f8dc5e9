"""What diagnostics look at: a case, and what is worked out from it once for all of them."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Sequence
from functools import cached_property
from typing import TYPE_CHECKING, NamedTuple

import numpy as np
import polars as pl

from noria.core.insight import Slice
from noria.core.protocol import Evidence, Shared
from noria.core.schema import Column, Role, Type
from noria.methods.alone import Alone, alone, binned
from noria.methods.intervals import bootstrap

if TYPE_CHECKING:
    from noria.lifecycle.examine import Case

__all__ = ["Columns", "Estimate", "Facts", "Scores"]

_MOST = 20_000  # rows whose predictions are looked at
_TRAIN = 100_000  # rows that were learned from
_ROWS = 3_000  # that columns are looked at in
_TESTED, _OF_CLASS = 1_000, 10  # that a bootstrap is made of, and of its rarest class
_RESAMPLES = 150
_FEWEST = 10  # independent units that an error is estimated from
_PROBABILITY = "probability_"
_PLACES = frozenset({Type.NUMBER, Type.BOOLEAN, Type.DATETIME})
_LEVELS = frozenset({Type.CATEGORY, Type.TEXT})
_BINS = (8, 24, 60)  # that a number is cut into, to tell the target by it alone
_TINY = 1e-15


class Estimate(NamedTuple):
    """A number with its standard error, which is NaN where there is too little to estimate it from."""

    value: float
    error: float

    @property
    def z(self) -> float:
        """How many standard errors it lies from zero; NaN where that is not known."""
        return self.value / self.error if self.error > 0 else math.nan


class Span(NamedTuple):
    """The range of a column's training values, and how many there are."""

    low: float
    high: float
    rows: int


class Facts:
    """A case as diagnostics see it. Of large tables a part is looked at, drawn by the seed, the same for all.

    Parameters
    ----------
    case : Case
    slices : sequence of Slice
        On which the model was found to be worse.

    Attributes
    ----------
    evidence : Evidence
        With at most 20,000 rows of each kind but those to learn from.
    kept : array of int
        Which of the validated rows these are.
    guesses : Table
        What the baseline said of them out of fold.
    scores : Scores
    columns : Columns
    ordered : bool
        Whether rows follow each other in time, so that they are not independent.
    """

    def __init__(self, case: Case, slices: Sequence[Slice] = ()) -> None:
        self.case, self.slices = case, slices
        self.schema, self.tuned = case.data.schema, case.tuned
        self.evaluation, self.metric = case.evaluation, case.tuned.metric
        self.ordered = case.system.tags.needs_time_order
        self.seed = case.recipe.search.seed
        whole = case.evidence
        held, self.kept = (self._some(rows.height) for rows in (whole.truth, whole.fold_truth))
        self.evidence = Evidence(
            whole.train, whole.truth[held], whole.predictions[held], whole.baseline[held],
            whole.fold_truth[self.kept], whole.fold_predictions[self.kept],
        )  # fmt: skip
        self.guesses = case.tuned.baseline_predictions[self.kept]
        self.shared = Shared()
        self.scores, self.columns = Scores(self), Columns(self)

    def _some(self, rows: int) -> np.ndarray:
        return np.sort(np.random.default_rng(self.seed).permutation(rows)[:_MOST])

    @cached_property
    def train(self) -> pl.DataFrame:
        """Rows that were learned from."""
        train = self.evidence.train
        return train if train.height <= _TRAIN else train.sample(_TRAIN, seed=self.seed)

    @property
    def held_out(self) -> bool:
        """Whether the model was judged on rows that the search has not seen."""
        return self.case.data.test is not None or self.case.recipe.split.holdout > 0

    @property
    def given(self) -> bool:
        """Whether the rows that judge came as a table of their own."""
        return self.case.data.test is not None

    @cached_property
    def places(self) -> np.ndarray:
        """Numbers of the validated training rows that columns are looked at in, in random order."""
        height = self.evidence.fold_truth.height
        return np.random.default_rng(self.seed).permutation(height)[:_ROWS]

    @cached_property
    def seen(self) -> pl.DataFrame:
        """Those training rows."""
        return self.evidence.fold_truth[self.places]

    @cached_property
    def judged(self) -> pl.DataFrame:
        """Held-out rows, as many of them as columns are looked at in."""
        truth = self.evidence.truth
        return truth if truth.height <= _ROWS else truth.sample(_ROWS, seed=self.seed)

    @cached_property
    def target(self) -> str:
        """Its column, or nothing."""
        return self.schema.target.name if self.schema.target else ""

    @cached_property
    def classes(self) -> tuple[str, ...]:
        """The classes that probabilities are predicted of; none for a number."""
        names = self.evidence.fold_predictions.columns
        return tuple(name.removeprefix(_PROBABILITY) for name in names if name.startswith(_PROBABILITY))

    @property
    def numeric(self) -> bool:
        """Whether a number is predicted."""
        return self.case.data.task.numeric and "prediction" in self.evidence.fold_predictions.columns

    @cached_property
    def known(self) -> bool:
        """Whether rows have a truth that predictions can be held against, one by one."""
        if not self.target or not self.evidence.fold_truth.height:
            return False
        labels = self.evidence.fold_truth[self.target].cast(pl.String).unique()
        return self.numeric or (len(self.classes) > 1 and set(labels) <= set(self.classes))

    def truth(self, rows: pl.DataFrame) -> np.ndarray:
        """The target (n,) as class codes or numbers."""
        if self.numeric:
            return rows[self.target].cast(pl.Float64).to_numpy()
        codes = dict(zip(self.classes, range(len(self.classes))))
        text = rows[self.target].cast(pl.String)
        return text.replace_strict(codes, default=-1, return_dtype=pl.Int64).to_numpy()

    def probabilities(self, predictions: pl.DataFrame) -> np.ndarray:
        """What was predicted of each class, (n, K)."""
        return predictions.select(_PROBABILITY + name for name in self.classes).to_numpy()

    @cached_property
    def y(self) -> np.ndarray:
        """The target of `seen`."""
        return self.truth(self.seen)


class Scores:
    """Scores and losses of a case, with their errors.

    Parameters
    ----------
    facts : Facts
    """

    def __init__(self, facts: Facts) -> None:
        self._facts = facts

    @property
    def sign(self) -> float:
        """What makes a larger score of the metric the better one."""
        return 1.0 if self._facts.metric.greater_is_better else -1.0

    def estimate(self, score: Callable[[np.ndarray | None], float], rows: pl.DataFrame) -> Estimate:
        """A statistic of rows with its bootstrap error; groups, and series in time, are drawn whole.

        The error is that of all rows, though only some of them are drawn (m out of n).
        """
        some = np.random.default_rng(self._facts.seed).permutation(rows.height)[: self._tested(rows)]
        units, parts, count, whole = self._units(rows), None, len(some), rows.height
        if units is not None:
            parts = [some[units[some] == unit] for unit in np.unique(units[some])]
            count, whole = len(parts), int(units.max()) + 1
        value = float(score(None))
        if count < _FEWEST:
            return Estimate(value, math.nan)

        def drawn(draw: np.ndarray) -> float:
            return score(some[draw] if parts is None else np.concatenate([parts[at] for at in draw]))

        low, high = bootstrap(
            drawn, count, resamples=_RESAMPLES, seed=self._facts.seed, deadline=self._facts.case.deadline
        )
        return Estimate(value, (high - low) / 3.92 * math.sqrt(count / whole))

    def _tested(self, rows: pl.DataFrame) -> int:
        """Rows that a bootstrap is made of: more where a class is so rare that few of them would have it."""
        if not (self._facts.known and self._facts.classes):
            return _TESTED
        codes = self._facts.truth(rows)
        counts = np.bincount(codes[codes >= 0])
        rarest = int(counts[counts > 0].min(initial=max(rows.height, 1)))
        return max(_TESTED, _OF_CLASS * rows.height // rarest)

    def mean(self, values: np.ndarray, rows: pl.DataFrame) -> Estimate:
        """The mean of values (n,) that belong to rows, with its error; groups and series count as one."""
        units = self._units(rows)
        if units is None:
            count, parts, sizes = len(values), values, np.ones(len(values))
        else:
            sizes = np.bincount(units).astype(np.float64)
            parts, count = np.bincount(units, weights=values) / sizes, len(sizes)
        value = float(values.mean())
        if count < _FEWEST:
            return Estimate(value, math.nan)
        spread = float((sizes**2 * (parts - value) ** 2).sum()) * count / (count - 1)
        return Estimate(value, math.sqrt(spread) / float(sizes.sum()))

    @cached_property
    def gain(self) -> Estimate:
        """How much better the model scores than the baseline on the rows that judge, in the metric's unit."""
        evidence = self._facts.evidence
        return self._lead(evidence.truth, evidence.predictions, evidence.baseline)

    @cached_property
    def fold_gain(self) -> Estimate:
        """The same out of fold."""
        evidence = self._facts.evidence
        return self._lead(evidence.fold_truth, evidence.fold_predictions, self._facts.guesses)

    def _lead(self, truth: pl.DataFrame, predictions: pl.DataFrame, guesses: pl.DataFrame) -> Estimate:
        model, baseline = self.bind(truth, predictions), self.bind(truth, guesses)
        return self.estimate(lambda rows: self.sign * (model(rows) - baseline(rows)), truth)

    def bind(self, truth: pl.DataFrame, predictions: pl.DataFrame) -> Callable[[np.ndarray | None], float]:
        """The metric as a function of rows, of probabilities alone where no decision is known out of fold."""
        if self._facts.classes and "prediction" not in self._facts.evidence.fold_predictions.columns:
            predictions = predictions.drop("prediction", strict=False)
        return self._facts.metric.bind(truth, predictions)

    def _units(self, rows: pl.DataFrame) -> np.ndarray | None:
        """Which rows are not independent of each other, as numbers from 0; None if all are."""
        ordered = self._facts.ordered
        tied = self._facts.schema.with_role(Role.SERIES if ordered else Role.GROUP)
        names = [one.name for one in tied if one.name in rows.columns]
        if not names:
            return np.zeros(rows.height, dtype=np.intp) if ordered else None
        return np.unique(rows.select(names).hash_rows(seed=0).to_numpy(), return_inverse=True)[1].ravel()

    def losses(self, truth: pl.DataFrame, predictions: pl.DataFrame) -> np.ndarray:
        """One loss per row, of the metric if it has such, else log-loss or squared error."""
        if self._facts.metric.losses is not None:
            return self._facts.metric.losses(truth, predictions)
        return self.plain_losses(truth, predictions)

    def plain_losses(self, truth: pl.DataFrame, predictions: pl.DataFrame) -> np.ndarray:
        """Log-loss or squared error by row, whatever the metric."""
        y = self._facts.truth(truth)
        if self._facts.numeric:
            return (y - predictions["prediction"].cast(pl.Float64).to_numpy()) ** 2
        return -np.log(np.maximum(self._facts.probabilities(predictions)[np.arange(len(y)), y], _TINY))

    @cached_property
    def fold_losses(self) -> tuple[np.ndarray, np.ndarray]:
        """Out-of-fold losses of the joint model and of the baseline, row by row of ``fold_truth``."""
        truth = self._facts.evidence.fold_truth
        model = self._facts.evidence.fold_predictions
        return self.losses(truth, model), self.losses(truth, self._facts.guesses)


class Columns:
    """The features of a case, as arrays.

    Parameters
    ----------
    facts : Facts
    """

    def __init__(self, facts: Facts) -> None:
        self._facts = facts

    @cached_property
    def features(self) -> list[Column]:
        """Those that numbers or levels can be read of."""
        kinds, names = _PLACES | _LEVELS, self._facts.evidence.train.columns
        return [one for one in self._facts.schema.features if one.type in kinds and one.name in names]

    @cached_property
    def numbers(self) -> list[Column]:
        """The features that have an order."""
        return [one for one in self.features if one.type in _PLACES]

    @cached_property
    def levels(self) -> list[Column]:
        """The features that have none."""
        return [one for one in self.features if one.type is Type.CATEGORY]

    def fewer(self, column: Column, count: float) -> bool:
        """Whether it is known, without counting again, to have fewer values than so many."""
        return 0 < column.distinct < count

    def in_time(self, columns: Sequence[Column]) -> Iterator[Column]:
        """As many of these columns as there is time to look at."""
        for column in columns:
            if self._facts.case.deadline.expired:
                return
            yield column

    def values(self, column: Column, rows: pl.DataFrame) -> np.ndarray:
        """A column that has an order as numbers, NaN where missing."""
        series = rows[column.name]
        if column.type is Type.DATETIME:
            series = series.to_physical()
        values = series.cast(pl.Float64).fill_null(math.nan).to_numpy()
        return np.where(np.isinf(values), math.nan, values)

    def span(self, column: Column) -> Span:
        """The range of a column that has an order, in all rows that were learned from."""
        series = self._facts.evidence.train[column.name]
        series = (series.to_physical() if column.type is Type.DATETIME else series).cast(pl.Float64)
        known = series.filter(series.is_finite())
        if not len(known):
            return Span(math.nan, math.nan, 0)
        return Span(float(known.min()), float(known.max()), len(known))  # type: ignore[arg-type]

    def codes(self, column: Column, *tables: pl.DataFrame) -> list[np.ndarray]:
        """A column's levels in several tables, numbered from 0 alike; missing values are a level."""
        hashes = np.concatenate([table[column.name].hash(seed=0).to_numpy() for table in tables])
        codes = np.unique(hashes, return_inverse=True)[1].ravel()
        return np.split(codes, np.cumsum([table.height for table in tables])[:-1])

    @cached_property
    def alone(self) -> dict[str, Alone]:
        """What each feature alone says of the target, by name, learned and judged on training rows."""
        classes, found = len(self._facts.classes), {}
        for column in self.in_time(self.features):
            if column.type in _PLACES:
                values = self.values(column, self._facts.seen)
                tried = [alone(binned(values, bins), self._facts.y, classes, values=values) for bins in _BINS]
                best = max(tried, key=lambda one: one.explained)
                found[column.name] = best._replace(missed=min(one.missed for one in tried))
            else:
                found[column.name] = alone(self.codes(column, self._facts.seen)[0], self._facts.y, classes)
        return found
