"""Which rows to learn from and which to judge by, without leaks: chosen by the schema, stated in words."""

from __future__ import annotations

from dataclasses import dataclass, replace
from itertools import pairwise
from typing import TYPE_CHECKING

import numpy as np

from noria.core.schema import Column, Role, Schema, Type
from noria.core.split import Split
from noria.core.words import times
from noria.data.conform import column_expr
from noria.errors import DataError, ParamError, suggestion

if TYPE_CHECKING:
    import polars as pl
    from numpy.typing import NDArray

    Ints = NDArray[np.int64]

__all__ = ["How", "choose", "folds", "holdout"]

_KINDS = ("random", "stratified", "grouped", "time")
_SMALL = 2000
_BINS = 20
_GREEDY = 2000
_FINE = 20
_PROFILES, _LARGE = 100, 0.05
_CLASSES = frozenset({Type.CATEGORY, Type.BOOLEAN})


@dataclass(frozen=True)
class How:
    """A way to split.

    Attributes
    ----------
    kind : {"random", "stratified", "grouped", "time"}
    column : str or None
        The column that it goes by: the classes, the groups or the time.
    reason : str
        In words, for the report.

    Examples
    --------
    >>> str(How("stratified", "survived", "stratified by survived"))
    'stratified by survived'
    """

    kind: str
    column: str | None = None
    reason: str = ""

    def __str__(self) -> str:
        return self.reason


def choose(schema: Schema, task: str, rows: int) -> How:
    """The split that a schema asks for.

    A column with the role of a group comes first, then one with the role of time; without either, classes are
    stratified, and so is the target of a regression with fewer than 2,000 rows. With both a group and a time,
    whole groups are held out, the latest first.

    Parameters
    ----------
    schema : Schema
    task : str
        By its usual name, ``"classification"``.
    rows : int

    Examples
    --------
    >>> schema = Schema((Column("age", Type.NUMBER), Column("left", Type.BOOLEAN, Role.TARGET)), rows=10)
    >>> choose(schema, "classification", 10).reason
    'stratified by left'
    """
    group, time = _first(schema, Role.GROUP), _first(schema, Role.TIME)
    if group:
        late = f", the latest by {time} held out" if time else ""
        return How("grouped", group, f"grouped by {group}: no {group} on both sides{late}")
    if time:
        return How("time", time, f"ordered by {time}: judged on rows later than those learned from")
    target = _first(schema, Role.TARGET)
    if target and task == "classification":
        return How("stratified", target, f"stratified by {target}")
    if target and task == "regression" and rows < _SMALL:
        return How("stratified", target, f"stratified by bins of {target}")
    return How("random", None, "at random")


def holdout(
    table: pl.DataFrame, schema: Schema, *, share: float = 0.2, how: How | str | None = None, seed: int = 0
) -> Split:
    """Hold out a share of the rows.

    Rows with the same features stay on one side, unless over 5% of all rows have these, or all rows together
    have fewer than 100 different ones. The same seed gives the same split.

    Parameters
    ----------
    table : Table
        Raw or typed.
    schema : Schema
    share : float
        Of the rows to hold out, between 0 and 1.
    how : How or str, optional
        Chosen by the schema if it is not given.
    seed : int

    Returns
    -------
    Split

    Raises
    ------
    ParamError
        If the share or the kind of split makes no sense here.
    DataError
        If there are too few rows, groups or moments.

    Examples
    --------
    >>> import polars as pl
    >>> table = pl.DataFrame({"x": range(10), "y": ["a", "b"] * 5})
    >>> schema = Schema((Column("x", Type.NUMBER), Column("y", Type.CATEGORY, Role.TARGET)), rows=10)
    >>> split = holdout(table, schema, share=0.4)
    >>> len(split.train), len(split.valid), split.how
    (6, 4, 'stratified by y, 40% held out')
    """
    if not 0 < share < 1:
        raise ParamError("The held-out share lies between 0 and 1.", got=share, do="Use 0.2, for example.")
    plan = _Plan(table, schema, how, seed)
    if plan.ordered is not None:
        valid = plan.ordered >= _cut(plan.ordered, 1 - share)
    elif plan.how.kind != "grouped":
        valid = _keep_classes(plan.draw(share), plan)
    else:
        parts = _FINE if plan.units >= 3 * _FINE else max(2, round(1 / min(share, 1 - share)))
        parts = min(parts, plan.units)
        valid = plan.deal_groups(parts) < min(max(1, round(share * parts)), parts - 1)
    return _split(valid, ~valid, f"{plan.how.reason}, {share:.0%} held out{plan.note}")


def folds(
    table: pl.DataFrame,
    schema: Schema,
    k: int,
    *,
    how: How | str | None = None,
    repeats: int = 1,
    seed: int = 0,
    judged: int | None = None,
) -> list[Split]:
    """Split the rows k ways, each row judged once per repeat.

    Folds by time are expanding windows: each learns from all that came before what it is judged by, the first
    block is never judged, and they are not repeated.

    Parameters
    ----------
    table : Table
        Raw or typed.
    schema : Schema
    k : int
        How many folds, 2 or more.
    how : How or str, optional
        Chosen by the schema if it is not given.
    repeats : int
        How often to shuffle and split again.
    seed : int
    judged : int, optional
        Give only so many of the folds, by time the latest, of rows split k ways at most: as many as there are
        rows, groups or moments for. Of two moments, the later is judged.

    Returns
    -------
    list of Split, k * repeats or `judged` * repeats

    Raises
    ------
    ParamError
        If `k` is below 2 or above the number of rows, groups or moments.

    Examples
    --------
    >>> import polars as pl
    >>> table = pl.DataFrame({"x": range(6), "y": [1.0, 2.0, 3.0, 4.0, 5.0, 6.0]})
    >>> schema = Schema((Column("x", Type.NUMBER), Column("y", Type.NUMBER, Role.TARGET)), rows=6)
    >>> [len(split.valid) for split in folds(table, schema, 3)]
    [2, 2, 2]
    """
    if k < 2 or repeats < 1:
        raise ParamError(
            "Folds need k of 2 or more, and at least one repeat.", got=f"k={k}, repeats={repeats}"
        )
    plan = _Plan(table, schema, how, seed)
    if judged is not None:
        k = min(k, plan.most)
    plan.need(k)
    some = k if judged is None else min(judged, k)
    words = f"{plan.how.reason}, {'' if some == k else f'{some} of '}{times(k, 'fold')}{plan.note}"
    if plan.ordered is not None:
        return _windows(plan.ordered, k, words)[-some:]
    splits = []
    for _ in range(repeats):
        fold = plan.deal_groups(k) if plan.how.kind == "grouped" else plan.deal(k)
        splits += [_split(fold == one, fold != one, words) for one in range(some)]
    return splits


def _windows(place: Ints, k: int, words: str) -> list[Split]:
    """Expanding windows over the places in time."""
    cuts = [*_cuts(place, k + 1), int(place.max()) + 1]
    return [_split((place >= a) & (place < b), place < a, words) for a, b in pairwise(cuts)]


def _first(schema: Schema, role: Role) -> str | None:
    return next((column.name for column in schema.with_role(role)), None)


def _split(valid: NDArray[np.bool_], train: NDArray[np.bool_], how: str) -> Split:
    return Split(np.flatnonzero(train).astype(np.int64), np.flatnonzero(valid).astype(np.int64), how)


# --- what belongs together --------------------------------------------------------------------


class _Plan:
    """Which rows belong together, and by what they are dealt out.

    Attributes
    ----------
    unit : array of int64
        For each row, the number of the set of rows that must not be parted.
    ordered : array of int64 or None
        For each row, its place in time; equal places are not parted.
    strata : array of int64
        For each unit, the stratum that it is dealt within.
    """

    def __init__(self, table: pl.DataFrame, schema: Schema, how: How | str | None, seed: int) -> None:
        self.rows = table.height
        if self.rows < 2:
            raise DataError("A split needs at least two rows.", got=f"{self.rows} rows")
        self.how = _resolve(how, schema, self.rows)
        self.random = np.random.default_rng(seed)
        self.note = ""
        self.ordered: Ints | None = None
        target = schema.target
        self.classes = _codes(table, target) if target and target.type in _CLASSES else None
        time = _first(schema, Role.TIME)
        if self.how.kind == "time":
            self.ordered = _dense(_moments(table, schema, self.how.column or time))
            self.units = int(self.ordered.max()) + 1
        elif self.how.kind == "grouped":
            self.unit = _codes(table, schema[self.how.column or ""])
            self.units = int(self.unit.max()) + 1
            self.strata = np.zeros(self.units, dtype=np.int64)
            if self.classes is not None:
                self.strata = self.classes[_firsts(self.unit)]
            if time:
                last = np.full(self.units, np.iinfo(np.int64).min)
                np.maximum.at(last, self.unit, _moments(table, schema, time))
                self.ordered = np.argsort(np.argsort(last, kind="stable"), kind="stable")[self.unit]
        else:
            self._by_rows(table, schema)
        if self.units < 2:
            raise DataError(
                f"All rows share one value of {self.how.column!r}, and cannot be parted by it.",
                do="Give that column another role, or split at random.",
            )

    def need(self, k: int) -> None:
        """Raise if there is too little for `k` folds."""
        if self.most < k:
            raise ParamError(
                f"There is too little for {k} folds.",
                got=f"{self.units} distinct {self.how.column or 'row'}s",
                do=f"Use k of {self.most} or less, or give more rows.",
            )

    @property
    def most(self) -> int:
        """The most folds that there is enough for."""
        return self.units - (self.ordered is not None)

    def _by_rows(self, table: pl.DataFrame, schema: Schema) -> None:
        """Rows are dealt one by one, but for those with the same features."""
        self.unit, self.note = _duplicates(table, schema)
        first = _firsts(self.unit)
        self.units = len(first)
        self.strata = np.zeros(self.units, dtype=np.int64)
        if self.how.kind == "stratified" and self.classes is not None:
            self.strata = self.classes[first]
        elif self.how.kind == "stratified" and schema.target:
            place = np.argsort(np.argsort(_values(table, schema.target)[first], kind="stable"), kind="stable")
            bins = max(1, min(_BINS, self.units // 10))
            self.strata = place * bins // self.units

    def _order(self) -> Ints:
        """Units by stratum, then size, then at random."""
        order = self.random.permutation(self.units)
        if self.units < self.rows:
            sizes = np.bincount(self.unit, minlength=self.units)
            order = order[np.argsort(-sizes[order], kind="stable")]
        short = np.int16 if self.strata.max() < np.iinfo(np.int16).max else np.int64
        return order[np.argsort(self.strata[order].astype(short), kind="stable")]

    def deal(self, k: int) -> Ints:
        """The fold of each row, units dealt out like cards."""
        order = self._order()
        fold = np.empty(self.units, dtype=np.int64)
        fold[order] = np.arange(self.units) % k
        return fold[self.unit]

    def draw(self, share: float) -> NDArray[np.bool_]:
        """Whether each row is held out: evenly spaced units."""
        order = self._order()
        wanted = int(np.clip(round(self.units * share), 1, self.units - 1))
        start = self.random.random()
        drawn = ((np.arange(wanted) + start) * (self.units / wanted)).astype(np.int64)
        chosen = np.zeros(self.units, dtype=bool)
        chosen[order[np.minimum(drawn, self.units - 1)]] = True
        return chosen[self.unit]

    def deal_groups(self, k: int) -> Ints:
        """The fold of each row, whole groups placed so that sizes and classes are balanced."""
        if self.units > _GREEDY:
            return self.deal(k)
        classes = self.classes if self.classes is not None else np.zeros(self.rows, dtype=np.int64)
        kinds = int(classes.max()) + 1
        counts = np.bincount(self.unit * kinds + classes, minlength=self.units * kinds)
        return _balance(counts.reshape(self.units, kinds), k, self.random)[self.unit]


def _balance(counts: NDArray[np.int64], k: int, random: np.random.Generator) -> Ints:
    """The fold of each group, largest first, each to where it leaves the classes most even.

    Reference
    ---------
    scikit-learn's StratifiedGroupKFold.
    """
    totals = np.maximum(counts.sum(axis=0), 1)
    share = counts / totals
    size = counts.sum(axis=1)
    order = np.lexsort((random.random(len(size)), -size))
    held, rows = np.zeros((k, counts.shape[1])), np.zeros(k)
    fold = np.empty(len(size), dtype=np.int64)
    for place, group in enumerate(order):
        left = len(order) - place
        empty = np.flatnonzero(rows == 0)
        open_folds = empty if len(empty) >= left else np.arange(k)
        spread = np.empty(len(open_folds))
        for index, one in enumerate(open_folds):
            held[one] += share[group]
            spread[index] = held.std(axis=0).mean()
            held[one] -= share[group]
        best = open_folds[np.lexsort((rows[open_folds], np.round(spread, 12)))[0]]
        fold[group] = best
        held[best] += share[group]
        rows[best] += size[group]
    return fold


def _resolve(how: How | str | None, schema: Schema, rows: int) -> How:
    """The way to split, with its column and reason filled in."""
    target = schema.target
    kind_of_task = "classification" if target and target.type in _CLASSES else "regression"
    if how is None:
        return choose(schema, kind_of_task if target else "clustering", rows)
    if isinstance(how, str):
        how = How(how)
    if how.kind not in _KINDS:
        raise ParamError(
            "There is no such kind of split.", got=repr(how.kind), do=suggestion(how.kind, _KINDS)
        )
    role = {"grouped": Role.GROUP, "time": Role.TIME, "stratified": Role.TARGET}.get(how.kind)
    column = how.column or (role and _first(schema, role))
    if role and not column:
        raise ParamError(
            f"A split of kind {how.kind!r} needs a column with the role {str(role)!r}.",
            do=f"Set it in the schema: {{column: {role}}}.",
        )
    by = f" by {column}" if column else ""
    return replace(how, column=column, reason=how.reason or f"{how.kind}{by}")


def _duplicates(table: pl.DataFrame, schema: Schema) -> tuple[Ints, str]:
    """The unit of each row, rows with the same features being one, and a note about them."""
    alone = np.arange(table.height, dtype=np.int64)
    known = set(table.columns)
    features = [column.name for column in schema.features if column.name in known]
    if not features:
        return alone, ""
    hashes = table.select(features).hash_rows(seed=0)
    distinct = hashes.n_unique()
    if distinct == table.height or distinct < _PROFILES:
        return alone, ""
    unit = _dense(hashes.to_numpy())
    sizes = np.bincount(unit)
    large = sizes > _LARGE * table.height
    copies, note = int((sizes[~large] - 1).sum()), ""
    if copies:
        note = f"; {times(copies, 'row')} kept beside others that have the same features"
    if large.any():
        many = times(int(sizes[large].sum()), "row")
        note += f"; {many} with the features of over {_LARGE:.0%} of all dealt one by one"
        unit = _dense(np.where(large[unit], distinct + alone, unit))
    return unit if copies else alone, note


# --- columns as numbers -----------------------------------------------------------------------


def _dense(values: NDArray[np.generic]) -> Ints:
    """Each value's place among the distinct ones."""
    return np.unique(values, return_inverse=True)[1].astype(np.int64).ravel()


def _firsts(unit: Ints) -> Ints:
    """For each unit, its first row."""
    return np.unique(unit, return_index=True)[1].astype(np.int64)


def _column(table: pl.DataFrame, column: Column) -> pl.Series:
    return table.select(column_expr(column, table.schema[column.name])).to_series()


def _codes(table: pl.DataFrame, column: Column) -> Ints:
    """Numbers from 0 for the values of a column; a missing value of a group is a group of its own row."""
    values = _column(table, column)
    codes = values.rank("dense").fill_null(0).to_numpy().astype(np.int64)
    if column.role is Role.GROUP:
        lost = np.flatnonzero(codes == 0)
        codes[lost] = codes.max() + 1 + np.arange(len(lost))
    return _dense(codes)


def _values(table: pl.DataFrame, column: Column) -> NDArray[np.float64]:
    """A numeric column; what is missing comes last."""
    import polars as pl

    return _column(table, column).cast(pl.Float64).fill_null(np.inf).to_numpy()


def _moments(table: pl.DataFrame, schema: Schema, name: str | None) -> Ints:
    """A time column as whole numbers; what is missing comes first."""
    import polars as pl

    column = schema[name or ""]
    if column.type is Type.CONSTANT:
        return np.zeros(table.height, dtype=np.int64)
    values = _column(table, column)
    if values.dtype == pl.String:
        raise ParamError(
            f"The time {column.name!r} is neither a date nor a number, so its values have no order in time.",
            got=f"a column of type {column.type}",
            do="Write it as dates such as 2021-03-05, or set its type: datetime and parse: {format: ...}.",
        )
    if values.dtype == pl.Float64:
        return _dense(values.fill_null(-np.inf).to_numpy())
    return values.cast(pl.Int64).fill_null(np.iinfo(np.int64).min).to_numpy()


def _cuts(place: Ints, parts: int) -> list[int]:
    """Places that begin the second and later parts, none of them empty, as even in rows as ties allow."""
    counts = np.bincount(place)
    before = np.concatenate([[0], np.cumsum(counts)])
    cuts: list[int] = []
    for part in range(1, parts):
        low, high = (cuts[-1] if cuts else 0) + 1, len(counts) - (parts - part)
        nearest = np.abs(before - before[-1] * part / parts).argmin()
        cuts.append(int(np.clip(nearest, low, high)))
    return cuts


def _cut(place: Ints, share: float) -> int:
    """The place that begins the held-out part."""
    before = np.concatenate([[0], np.cumsum(np.bincount(place))])
    return int(np.clip(np.abs(before - before[-1] * share).argmin(), 1, len(before) - 2))


def _keep_classes(valid: NDArray[np.bool_], plan: _Plan) -> NDArray[np.bool_]:
    """Learn from every class: a class that is held out altogether goes back, with its companions."""
    if plan.classes is None:
        return valid
    learned = np.bincount(plan.classes[~valid], minlength=int(plan.classes.max()) + 1) > 0
    return valid & ~np.isin(plan.unit, plan.unit[~learned[plan.classes]])
