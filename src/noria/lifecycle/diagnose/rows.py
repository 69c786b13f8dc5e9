"""What rows say: those that judge are known already, unlike the others, or too few."""

from __future__ import annotations

import math
from typing import NamedTuple

import numpy as np
import polars as pl

from noria.core.schema import Column, Role, Type
from noria.core.words import named, number, percent, times
from noria.lifecycle.diagnose.facts import Facts
from noria.lifecycle.diagnose.registry import HIGH, LOW, MEDIUM, Seen, diagnostic
from noria.methods.significance import (
    between_groups,
    beyond,
    counts_differ,
    ranks,
    separable,
    values_differ,
)

__all__ = [
    "beyond_training",
    "contradicted",
    "duplicated",
    "few_held_out",
    "few_of_class",
    "groups_straddle",
    "judged_too_early",
    "neighbours_in_time",
    "unlike",
]

_CHANCE = 1e-3
_COPIES, _COPIED, _MANY_COPIES = 5, 0.01, 0.05
_OFTEN, _SAME = 3, 0.7
_HALVES = 4
_CELLS = 5_000_000
_EARLY = 0.05
_SERIAL, _STRONG, _MOMENTS = 0.2, 0.5, 100
_ALIKE, _GROUPS, _GROUP_ROWS, _SHARED = 0.3, 20, (2.0, 20.0), 0.5
_TOLD, _MOVED = 0.6, 0.1
_OUTSIDE = 0.01
_CLASS_ROWS, _FEW_ROWS, _VERY_FEW = 10, 30, 10
_ENCODED, _LEVELS_ENCODED, _ENCODED_ROWS = 60, 6, 2_000


class _Copies(NamedTuple):
    """Held-out rows whose features a training row has, too much alike to be chance."""

    rows: int
    judged: int
    same: float


@diagnostic("NOR012")
def duplicated(facts: Facts) -> Seen | None:
    """Copies of training rows judge."""
    copies = _copies(facts)
    if copies is None or copies.same < 0.5:
        return None
    share = copies.rows / copies.judged
    return Seen(
        HIGH if share >= _MANY_COPIES else MEDIUM,
        f"{copies.rows:,} of {times(copies.judged, 'held-out row')} ({percent(share)}) have exactly the "
        f"features of a training row; {percent(copies.same)} of them also its '{facts.target}'.",
    )


@diagnostic("NOR013")
def contradicted(facts: Facts) -> Seen | None:
    """Copies of training rows have another target."""
    copies = _copies(facts)
    if copies is None or copies.same >= 0.5:
        return None
    return Seen(
        MEDIUM,
        f"{copies.rows:,} of {times(copies.judged, 'held-out row')} have exactly the features of a training "
        f"row, and {percent(1 - copies.same)} of them another '{facts.target}'.",
    )


def _copies(facts: Facts) -> _Copies | None:
    """Held-out rows that are copies of training rows, if they are many; looked for once."""
    return facts.shared.get("copies", lambda: _find_copies(facts))


def _find_copies(facts: Facts) -> _Copies | None:
    train, judged = facts.evidence.train, facts.judged
    roles = (Role.FEATURE, Role.SERIES, Role.TIME) if facts.ordered else (Role.FEATURE,)
    names = [one.name for role in roles for one in facts.schema.with_role(role) if one.name in train.columns]
    if not facts.held_out or not facts.target or not names:
        return None
    if len(names) * train.height > _CELLS:
        train = train.sample(_CELLS // len(names), seed=facts.seed)
    wanted, whole = _hashes(judged, names), _hashes(train, names)
    often = _often(wanted, whole)
    copied = np.flatnonzero((often >= 1) & (often <= _OFTEN))
    if len(copied) < max(_COPIES, _COPIED * judged.height):
        return None
    rng = np.random.default_rng(facts.seed)
    for _ in range(_HALVES):
        half = list(rng.permutation(names)[: (len(names) + 1) // 2])
        alike = _often(_hashes(judged[copied], half), _hashes(train, half))
        if often[copied].sum() < _SAME * alike.sum():
            return None
    answers = pl.DataFrame({"row": whole, "answer": train[facts.target]}).unique()
    asked = pl.DataFrame({"row": wanted[copied], "answer": judged[copied][facts.target]})
    same = asked.join(answers, on=["row", "answer"], how="semi").height / asked.height
    return _Copies(len(copied), judged.height, same)


def _hashes(rows: pl.DataFrame, names: list[str]) -> pl.Series:
    """A number for each row, the same for rows that are equal in these columns."""
    return rows.select(names).hash_rows(seed=0)


def _often(wanted: pl.Series, given: pl.Series) -> np.ndarray:
    """How often each of the wanted numbers is among those given."""
    counts = given.filter(given.is_in(wanted.implode())).value_counts(name="often")
    asked = wanted.alias("row").to_frame()
    found = asked.join(counts.rename({given.name: "row"}), on="row", how="left", maintain_order="left")
    return found["often"].fill_null(0).cast(pl.Int64).to_numpy()


@diagnostic("NOR014")
def judged_too_early(facts: Facts) -> Seen | None:
    """Held-out rows are earlier than training rows."""
    timed = facts.schema.with_role(Role.TIME)
    if facts.ordered or not facts.held_out or not timed or facts.schema.with_role(Role.GROUP):
        return None
    name = timed[0].name
    latest = facts.evidence.train[name].max()
    held_out = facts.evidence.truth[name].drop_nulls()
    early = held_out < latest
    share = float(early.mean() or 0.0)  # type: ignore[arg-type]
    if share <= _EARLY:
        return None
    return Seen(
        HIGH if not facts.given else MEDIUM,
        f"{percent(share)} of {times(len(held_out), 'held-out row')} are earlier by '{name}' than the latest "
        f"training row ({latest!s}).",
        (name,),
    )


@diagnostic("NOR015")
def neighbours_in_time(facts: Facts) -> Seen | None:
    """A date by which neighbours have like targets is split at random."""
    if facts.ordered or not facts.known or facts.schema.with_role(Role.TIME):
        return None
    if facts.schema.with_role(Role.GROUP) or facts.given or not facts.held_out:
        return None
    for column in facts.columns.in_time([one for one in facts.columns.features if one.type is Type.DATETIME]):
        moments = facts.columns.values(column, facts.seen)
        order = np.argsort(moments, kind="stable")[: int((~np.isnan(moments)).sum())]
        if len(order) < _MOMENTS:
            continue
        found = max(_serial(part) for part in _as_numbers(facts, facts.y[order]))
        if found > max(_SERIAL, 4 / math.sqrt(len(order))):
            return Seen(
                HIGH if found > _STRONG else MEDIUM,
                f"In the order of '{column.name}', the '{facts.target}' of a row and of the next have a "
                f"correlation of {found:.2f}; held-out rows lie between training rows.",
                (column.name,),
            )
    return None


def _as_numbers(facts: Facts, y: np.ndarray) -> list[np.ndarray]:
    """The target by rank, or whether it is each of the classes."""
    return [ranks(y)] if facts.numeric else [(y == code).astype(float) for code in range(len(facts.classes))]


def _serial(values: np.ndarray) -> float:
    """The correlation of each value with the next."""
    if not (values[1:].std() > 0 and values[:-1].std() > 0):
        return 0.0
    return float(np.corrcoef(values[1:], values[:-1])[0, 1])


@diagnostic("NOR016")
def groups_straddle(facts: Facts) -> Seen | None:
    """Groups are on both sides."""
    if facts.ordered or not facts.held_out:
        return None
    for column in facts.schema.with_role(Role.GROUP):
        train, truth = (
            part[column.name].drop_nulls() for part in (facts.evidence.train, facts.evidence.truth)
        )
        shared, groups = truth.is_in(train.implode()), truth.n_unique()
        if shared.any():
            both, share = truth.filter(shared).n_unique(), float(shared.mean() or 0.0)  # type: ignore[arg-type]
            return Seen(
                HIGH,
                f"{both:,} of {times(groups, 'held-out group')} by '{column.name}' have training rows too: "
                f"{percent(share)} of the held-out rows.",
                (column.name,),
            )
    if not facts.known or facts.schema.with_role(Role.GROUP):
        return None
    for column in facts.columns.in_time(facts.columns.levels):
        seen = _like_groups(facts, column)
        if seen is not None:
            return seen
    return None


def _like_groups(facts: Facts, column: Column) -> Seen | None:
    """What is found if a category looks like the groups that rows come in."""
    names = facts.evidence.train[column.name]
    if facts.columns.fewer(column, max(_GROUPS, names.len() / _GROUP_ROWS[1])):
        return None
    levels = names.n_unique()
    size = names.len() / levels
    if levels < _GROUPS or not _GROUP_ROWS[0] <= size <= _GROUP_ROWS[1]:
        return None
    shared = float(facts.judged[column.name].is_in(names.implode()).mean() or 0.0)  # type: ignore[arg-type]
    codes = facts.columns.codes(column, facts.seen)[0]
    alike, p = max(between_groups(part, codes) for part in _as_numbers(facts, facts.y))
    if not (shared >= _SHARED and alike > _ALIKE and p < _CHANCE**2):
        return None
    return Seen(
        MEDIUM,
        f"'{column.name}' has {levels:,} levels of {size:.1f} rows each; {percent(alike)} of the "
        f"variance of '{facts.target}' lies between them, and {percent(shared)} of the held-out rows have a "
        "level that was learned from.",
        (column.name,),
    )


@diagnostic("NOR017")
def unlike(facts: Facts) -> Seen | None:
    """Features are distributed otherwise in held-out rows."""
    if facts.ordered or not facts.held_out or not facts.columns.features:
        return None
    train, judged = (_independent(facts, rows) for rows in (facts.seen, facts.judged))
    moved, limit = [], _CHANCE / (4 * len(facts.columns.features))
    for column in facts.columns.in_time(facts.columns.features):
        if column in facts.columns.numbers:
            distance, p = _number_differs(*(facts.columns.values(column, rows) for rows in (train, judged)))
        else:
            codes = facts.columns.codes(column, train, judged)
            size = 1 + max(int(part.max(initial=0)) for part in codes)
            distance, p = counts_differ(*(np.bincount(part, minlength=size) for part in codes))
        if p < limit and distance >= _MOVED:
            moved.append((distance, column.name))
    few = (rows.head(_ENCODED_ROWS) for rows in (train, judged))
    auc, p = separable(*_encoded(facts, *few), seed=facts.seed)
    told = p < _CHANCE / 2 and auc >= _TOLD
    if not moved and not told:
        return None
    names = [name for _, name in sorted(moved, reverse=True)]
    farthest = f", most of all {named(names)}" if names else ""
    apart = f"a linear classifier tells them apart (AUC {auc:.2f})" if told else "by single features"
    later = bool(facts.schema.with_role(Role.TIME)) and not facts.given
    return Seen(
        LOW if later else MEDIUM,
        f"Of {times(len(facts.columns.features), 'feature')}, {len(moved) or 'none'} "
        f"{'is' if len(moved) == 1 else 'are'} distributed otherwise{farthest}; {apart}.",
        tuple(names),
    )


def _number_differs(a: np.ndarray, b: np.ndarray) -> tuple[float, float]:
    """Whether the numbers differ, or how many are missing: the likelier of both."""
    lost = [np.bincount(np.isnan(part), minlength=2) for part in (a, b)]
    values, missing = values_differ(a, b), counts_differ(*lost)
    return min(values, missing, key=lambda one: one[1] if one[1] == one[1] else 1.0)


def _independent(facts: Facts, rows: pl.DataFrame) -> pl.DataFrame:
    """One row of each group."""
    names = [one.name for one in facts.schema.with_role(Role.GROUP) if one.name in rows.columns]
    return rows.unique(names, keep="first", maintain_order=True) if names else rows


def _encoded(facts: Facts, *tables: pl.DataFrame) -> list[np.ndarray]:
    """Numbers by rank and whether they are missing, categories by their most frequent levels, (n, d) each."""
    parts: list[list[np.ndarray]] = [[] for _ in tables]
    for column in facts.columns.in_time(facts.columns.features):
        if len(parts[0]) >= _ENCODED:
            break
        if column in facts.columns.numbers:
            values = np.concatenate([facts.columns.values(column, rows) for rows in tables])
            lost = np.isnan(values)
            made = [ranks(np.where(lost, np.nanmedian(values) if not lost.all() else 0.0, values)), lost]
        elif column in facts.columns.levels:
            codes = np.concatenate(facts.columns.codes(column, *tables))
            made = [codes == level for level in np.argsort(-np.bincount(codes))[:_LEVELS_ENCODED]]
        else:
            continue
        for whole in made:
            split = np.split(whole.astype(np.float64), np.cumsum([rows.height for rows in tables])[:-1])
            for part, piece in zip(parts, split):
                part.append(piece)
    return [
        np.column_stack(part) if part else np.zeros((rows.height, 0)) for part, rows in zip(parts, tables)
    ]


@diagnostic("NOR018")
def beyond_training(facts: Facts) -> Seen | None:
    """Held-out numbers are outside of the training range."""
    if facts.ordered or not facts.held_out or facts.schema.with_role(Role.GROUP):
        return None
    outside, limit = [], _CHANCE / (2 * max(len(facts.columns.numbers), 1))
    for column in facts.columns.in_time(facts.columns.numbers):
        values = facts.columns.values(column, facts.judged)
        values, span = values[~np.isnan(values)], facts.columns.span(column)
        if not len(values) or not span.rows:
            continue
        above, below = int((values > span.high).sum()), int((values < span.low).sum())
        count = max(above, below)
        if count >= _OUTSIDE * len(values) and beyond(count, len(values), span.rows) < limit:
            end = f"above {number(span.high)}" if above >= below else f"below {number(span.low)}"
            outside.append((count / len(values), column, end))
    if not outside:
        return None
    share, column, end = max(outside, key=lambda one: one[0])
    where = "outside of its training range" if column.type is Type.DATETIME else end
    others = f", and {times(len(outside) - 1, 'feature')} like it" if len(outside) > 1 else ""
    return Seen(
        LOW,
        f"'{column.name}' is {where} in {percent(share)} of the held-out rows{others}.",
        tuple(one.name for _, one, _ in sorted(outside, key=lambda one: -one[0])),
    )


@diagnostic("NOR019")
def few_of_class(facts: Facts) -> Seen | None:
    """A class has too few training rows."""
    if not facts.known or not facts.classes:
        return None
    answers = facts.evidence.train[facts.target].cast(pl.String).alias("class").value_counts(name="rows")
    rows = dict(answers.iter_rows())
    counts = np.array([rows.get(name, 0) for name in facts.classes])
    few = np.flatnonzero(counts < _CLASS_ROWS)
    if not len(few):
        return None
    fewest = few[counts[few].argmin()]
    others = named([facts.classes[at] for at in few if at != fewest])
    more = f"; {others} too few as well" if others else ""
    return Seen(
        HIGH if counts[fewest] < _CLASS_ROWS // 2 else MEDIUM,
        f"'{facts.classes[fewest]}' of '{facts.target}' has {int(counts[fewest])} of "
        f"{times(facts.evidence.train.height, 'training row')}{more}.",
    )


@diagnostic("NOR020")
def few_held_out(facts: Facts) -> Seen | None:
    """Too few rows were held out."""
    rows = facts.evaluation.rows
    if rows >= _FEW_ROWS or facts.ordered:
        return None
    return Seen(
        HIGH if rows < _VERY_FEW else MEDIUM,
        f"{times(rows, 'row')} {'judges' if rows == 1 else 'judge'} the model; each counts "
        f"{percent(1 / max(rows, 1))} of the score.",
    )
