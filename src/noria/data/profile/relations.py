"""How the columns of a table go together, seen in a sample of its rows."""

from __future__ import annotations

import itertools
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np
import polars as pl

from noria.core.column_profile import ColumnProfile, Times
from noria.core.profile import Associations, Missing, Relation, Target, Timeline
from noria.core.schema import Type
from noria.core.words import clock, number
from noria.data._names import says_calendar
from noria.data.profile.columns import OpaqueSketch
from noria.methods.association import association, correlation_ratio, cramers_v, pearson, ranks

__all__ = ["Sample", "associations", "missing", "relate", "timelines"]

_SHOWN = 40
_CODED_SHOWN = 20
_NUMBERS = 1_000
_LEVELS = 50
_STRONG, _STRONGEST = 0.5, 200
_PATTERN_COLUMNS, _PATTERNS, _GROUP_COLUMNS = 30, 12, 200
_TOGETHER, _FEWEST = 0.95, 5
_GROUPS, _BARS = 10, 12
_PLOTS = 60
_CLASSES = 8
_TIMES, _MEANS = 3, 6
_OTHER, _LOST = "other", "missing"


@dataclass(frozen=True)
class Sample:
    """A sample of rows, read as the profile reads them.

    Attributes
    ----------
    rows : Table
    columns : mapping of str to ColumnProfile
    """

    rows: pl.DataFrame
    columns: Mapping[str, ColumnProfile]

    @classmethod
    def of(
        cls, raw: pl.DataFrame, sketches: Mapping[str, OpaqueSketch], columns: Sequence[ColumnProfile]
    ) -> Sample:
        """Read raw rows as the sketches have read all others."""
        rows = raw.select(sketch.reading() for sketch in sketches.values())
        floats = pl.col(pl.Float32, pl.Float64)
        rows = rows.with_columns(pl.when(floats.is_finite()).then(floats).otherwise(None).name.keep())
        return cls(rows, {column.name: column for column in columns})

    @cached_property
    def numeric(self) -> list[str]:
        """The columns whose values have an order and distances."""
        return [name for name, one in self.columns.items() if one.type in {Type.NUMBER, Type.DATETIME}]

    @cached_property
    def coded(self) -> list[str]:
        """The columns of categories."""
        return [name for name, one in self.columns.items() if one.type in {Type.CATEGORY, Type.BOOLEAN}]

    @cached_property
    def numbers(self) -> np.ndarray:
        """The numeric columns as floats, (n, p), NaN where missing; moments in seconds since 1970."""
        made = np.empty((self.rows.height, len(self.numeric)), order="F")
        for at, name in enumerate(self.numeric):
            series = self.rows[name]
            values = series.dt.epoch("us") * 1e-6 if series.dtype.is_temporal() else series
            made[:, at] = values.cast(pl.Float64).to_numpy()
        return made

    @cached_property
    def ranked(self) -> np.ndarray:
        """The ranks of `numbers` within each column."""
        return ranks(self.numbers)

    def at(self, name: str) -> int:
        """The place of a column among the numeric ones."""
        return self.numeric.index(name)

    def codes(self, name: str, levels: int = _LEVELS) -> tuple[np.ndarray, list[str]]:
        """Categories by frequency, (n,), -1 where missing, and what they are called; rare ones are one."""
        text = self.rows[name].cast(pl.String)
        counts = text.drop_nulls().alias("text").value_counts(name="count")
        known = counts.sort(["count", "text"], descending=[True, False])["text"].head(levels).to_list()
        rest = len(known)
        places = text.replace_strict(known, range(rest), default=rest, return_dtype=pl.Int64)
        codes = np.where(text.is_null().to_numpy(), -1, places.to_numpy())
        return codes, [*known, _OTHER] if counts.height > rest else known


# --- associations ----------------------------------------------------------------------------------


def associations(sample: Sample, target: str | None) -> Associations:
    """How strongly columns go together; the matrix shows the target and the columns with strong partners."""
    first = sorted(range(len(sample.numeric)), key=lambda at: sample.numeric[at] != target)[:_NUMBERS]
    numeric = [sample.numeric[at] for at in first]
    strong = pearson(sample.ranked[:, first])
    np.fill_diagonal(strong, np.nan)
    partner = np.nan_to_num(np.abs(strong)).max(axis=1, initial=0.0)
    coded = sorted(sample.coded, key=lambda name: name != target)[:_CODED_SHOWN]
    by_partner = sorted(range(len(numeric)), key=lambda at: (numeric[at] != target, -partner[at]))
    shown = sorted(first[at] for at in by_partner[: _SHOWN - len(coded)])
    codes = [sample.codes(name)[0] for name in coded]
    empty = np.zeros((sample.rows.height, 0), dtype=np.int64)
    matrix = association(sample.numbers[:, shown], np.stack(codes, axis=1) if codes else empty)
    names = [*(sample.numeric[at] for at in shown), *coded]
    order = sorted(range(len(names)), key=lambda at: list(sample.columns).index(names[at]))
    matrix, names = matrix[np.ix_(order, order)], [names[at] for at in order]
    pairs = {**_pairs(numeric, strong), **_pairs(names, matrix)}
    strongest = sorted(pairs.items(), key=lambda pair: -abs(pair[1]))[:_STRONGEST]
    return Associations(
        tuple(names),
        tuple(tuple(None if np.isnan(one) else float(one) for one in row) for row in matrix),
        tuple((a, b, value) for (a, b), value in strongest),
    )


def _pairs(names: Sequence[str], matrix: np.ndarray) -> dict[tuple[str, str], float]:
    """The pairs of a matrix that are strongly associated."""
    rows, columns = np.nonzero(np.triu(np.nan_to_num(np.abs(matrix)) >= _STRONG, k=1))
    return {(names[a], names[b]): float(matrix[a, b]) for a, b in zip(rows.tolist(), columns.tolist())}


# --- missing values --------------------------------------------------------------------------------


def missing(sample: Sample) -> Missing:
    """Which columns are missing in the same rows."""
    holed = [name for name, one in sample.columns.items() if one.nulls and one.type is not Type.CONSTANT]
    holed = sorted(holed, key=lambda name: -sample.columns[name].nulls)[:_GROUP_COLUMNS]
    if not holed or not sample.rows.height:
        return Missing()
    mask = np.stack([sample.rows[name].is_null().to_numpy() for name in holed], axis=1)
    shown = mask[:, :_PATTERN_COLUMNS]
    found, counts = np.unique(np.packbits(shown, axis=1), axis=0, return_counts=True)
    patterns = []
    for at in np.argsort(-counts, kind="stable")[:_PATTERNS].tolist():
        bits = np.unpackbits(found[at], count=shown.shape[1])
        names = tuple(name for name, bit in zip(holed, bits) if bit)
        patterns.append((names, float(counts[at]) / len(mask)))
    return Missing(tuple(holed[:_PATTERN_COLUMNS]), tuple(patterns), _together(holed, mask))


def _together(names: Sequence[str], mask: np.ndarray) -> tuple[tuple[str, ...], ...]:
    """Columns whose missing rows are nearly the same."""
    lost = mask.astype(float)
    both, each = lost.T @ lost, lost.sum(axis=0)
    alike = both >= _TOGETHER * np.maximum(each[:, None] + each[None, :] - both, 1)
    groups, left = [], [at for at in range(len(names)) if each[at] >= _FEWEST]
    while left:
        group = [at for at in left if alike[left[0], at]]
        left = [at for at in left if at not in group]
        if len(group) > 1:
            groups.append(tuple(names[at] for at in group))
    return tuple(groups)


# --- the target ------------------------------------------------------------------------------------


def relate(sample: Sample, target: str, *, classes: bool) -> Target:
    """How every other column goes with the target.

    Parameters
    ----------
    sample : Sample
    target : str
    classes : bool
        Whether its values are classes; else it is a number.
    """
    labels: list[str] = []
    if classes:
        codes, labels = sample.codes(target, _CLASSES)
        member = np.where(codes[:, None] < 0, np.nan, codes[:, None] == np.arange(len(labels)))
        ordered = correlation_ratio(codes, sample.ranked)
    else:
        member = sample.numbers[:, [sample.at(target)]]
        goal = sample.ranked[:, [sample.at(target)]]
        ordered = pearson(sample.ranked, goal)[:, 0]
    found = []
    for name in [*sample.numeric, *sample.coded]:
        if name != target:
            groups, named = _groups(sample, name)
            strong = cramers_v(groups, codes) if classes else float(correlation_ratio(groups, goal)[0])
            other = float(ordered[sample.at(name)]) if name in sample.numeric else 0.0
            strongest = max(np.nan_to_num([other, strong]).tolist(), key=abs)
            found.append((strongest, name, groups, named))
    found.sort(key=lambda one: -abs(one[0]))
    relations = [
        Relation(name, strength, *(_by_group(groups, named, member) if at < _PLOTS else _NO_GROUPS))
        for at, (strength, name, groups, named) in enumerate(found)
    ]
    return Target(target, tuple(labels), tuple(relations))


_Plot = tuple[tuple[str, ...], tuple[int, ...], tuple[tuple[float, ...], ...]]
_NO_GROUPS: _Plot = ((), (), ())


def _groups(sample: Sample, name: str) -> tuple[np.ndarray, list[str]]:
    """The ranges or categories of a column, and what they are called; missing values are one of them."""
    codes, labels = _ranges(sample, name) if name in sample.numeric else sample.codes(name, _BARS)
    if (codes < 0).any():
        return np.where(codes < 0, len(labels), codes), [*labels, _LOST]
    return codes, labels


def _by_group(codes: np.ndarray, labels: Sequence[str], member: np.ndarray) -> _Plot:
    """The groups that have rows, how many, and the means of `member` (n, c) in them."""
    known = ~np.isnan(member[:, 0])
    groups = []
    for code, label in enumerate(labels):
        inside = known & (codes == code)
        if inside.any():
            groups.append((label, int(inside.sum()), tuple(member[inside].mean(axis=0).tolist())))
    return tuple(zip(*groups)) if groups else _NO_GROUPS


def _ranges(sample: Sample, name: str) -> tuple[np.ndarray, list[str]]:
    """A column of numbers cut into up to ten ranges with about equally many rows, -1 where missing."""
    values = sample.numbers[:, sample.at(name)]
    known = np.isfinite(values)
    distinct = np.unique(values[known])
    dated = sample.columns[name].type is Type.DATETIME and distinct.size
    write = clock(distinct[0], distinct[-1]) if dated else number
    if distinct.size <= _GROUPS:
        codes = np.searchsorted(distinct, np.where(known, values, 0.0))
        return np.where(known, codes, -1), [write(one) for one in distinct.tolist()]
    cuts = np.unique(np.quantile(values[known], np.arange(1, _GROUPS) / _GROUPS))
    codes = np.where(known, np.searchsorted(cuts, values, side="right"), -1)
    edges = [write(one) for one in [distinct[0], *cuts.tolist(), distinct[-1]]]
    return codes, [f"{low} to {high}" for low, high in itertools.pairwise(edges)]


# --- time ------------------------------------------------------------------------------------------


def timelines(sample: Sample, target: str | None) -> tuple[Timeline, ...]:
    """Rows, and means of a few columns, over time."""
    clocks = [
        (one, one.times) for one in sample.columns.values() if one.times is not None and one.distinct > 2
    ]
    clocks = sorted(clocks, key=lambda clock: -clock[0].distinct)[:_TIMES]
    return tuple(_timeline(sample, one.name, times, target) for one, times in clocks)


def _timeline(sample: Sample, clock: str, times: Times, target: str | None) -> Timeline:
    edges = np.array(times.histogram.edges)
    numeric, values, when = sample.numeric, sample.numbers, sample.numbers[:, sample.at(clock)]
    place = np.clip(np.searchsorted(edges, when, side="right") - 1, 0, edges.size - 2)
    inside = (when >= edges[0]) & (when <= edges[-1])
    moved = np.nan_to_num(correlation_ratio(np.where(inside, place, -1), sample.ranked))
    others = [
        at
        for at, name in enumerate(numeric)
        if sample.columns[name].type is Type.NUMBER and (name == target or not says_calendar(name))
    ]
    chosen = sorted(others, key=lambda at: (numeric[at] != target, -moved[at]))[:_MEANS]
    means = []
    for at in chosen:
        known = inside & np.isfinite(values[:, at])
        count = np.bincount(place[known], minlength=edges.size - 1)
        total = np.bincount(place[known], values[known, at], minlength=edges.size - 1)
        line = tuple(float(t / c) if c else None for t, c in zip(total, count))
        means.append((numeric[at], line))
    return Timeline(clock, tuple(edges.tolist()), times.histogram.counts, tuple(means))
