"""What features say: one that knows too much, or nothing, or what another says already."""

from __future__ import annotations

import math
from collections.abc import Iterator
from itertools import combinations

import numpy as np
import polars as pl

from noria.core.schema import Role, Type
from noria.core.words import named, percent, times
from noria.lifecycle.diagnose.facts import Facts
from noria.lifecycle.diagnose.registry import HIGH, LOW, MEDIUM, Seen, diagnostic
from noria.methods.significance import all_distinct

__all__ = [
    "constant",
    "explains_all",
    "high_cardinality",
    "like_an_id",
    "missing_tells",
    "repeated",
    "target_leak",
]

_LEAK, _ERRORS, _MISSED, _RANKED, _ODD, _LEAK_ROWS = 0.02, 3, 0.1, 0.01, 0.5, 100
_ADDED, _LEAST, _FEWEST, _LIKELY = 0.1, 0.05, 3, 1.645
_IMPOSSIBLE, _ID_ROWS, _UNIQUE = 1e-6, 50, 0.95
_EQUAL, _REPEATED, _COMPARED = 0.9999, 0.1, 300
_LOST, _TELLS, _TELLS_ALL, _CHANCE = 20, 0.3, 0.8, 1e-3
_MANY, _LEVEL_ROWS, _UNSEEN = 50, 5.0, 0.1


@diagnostic("NOR021")
def target_leak(facts: Facts) -> Seen | None:
    """A feature nearly determines the target."""
    if not _alone_tells(facts):
        return None
    telling = _telling(facts)
    if not telling:
        return None
    others = {name: one for name, one in facts.columns.alone.items() if name not in telling}
    best = max(telling, key=lambda name: facts.columns.alone[name].explained)
    known = facts.columns.alone[best]
    what = "class" if facts.classes else "value"
    told = (
        f"makes {percent(known.missed)} of the errors of always naming the most frequent class"
        if facts.classes
        else f"explains {percent(max(known.explained, 1 - known.missed))} of the variance"
    )
    next_best = max((one.explained for one in others.values()), default=0.0)
    beside = f", the next best explains {percent(max(next_best, 0.0))}" if others else ""
    more = f", and so do {len(telling) - 1} others" if len(telling) > 1 else ""
    return Seen(
        HIGH if len(telling) <= max(2, len(facts.columns.alone) // 10) and next_best < _ODD else MEDIUM,
        f"'{best}' alone tells the {what} of '{facts.target}': it {told}{more}{beside}.",
        tuple(telling),
    )


def _alone_tells(facts: Facts) -> bool:
    """Whether it can be asked what single features say: of rows that do not follow each other in time."""
    return facts.known and not facts.ordered and len(facts.y) >= _LEAK_ROWS


def _telling(facts: Facts) -> list[str]:
    """Features that nearly determine the target."""
    if facts.classes:
        wrong = len(facts.y) - int(np.bincount(facts.y).max())
        most = max(_LEAK, min(_ERRORS / max(wrong, 1), _MISSED))
        return [name for name, one in facts.columns.alone.items() if one.missed <= most]
    return [
        name
        for name, one in facts.columns.alone.items()
        if one.explained >= 1 - _LEAK or one.missed <= _RANKED
    ]


@diagnostic("NOR022")
def explains_all(facts: Facts) -> Seen | None:
    """The model adds next to nothing to one feature."""
    if not _alone_tells(facts) or len(facts.columns.features) < _FEWEST or _telling(facts):
        return None
    best, one = max(facts.columns.alone.items(), key=lambda item: item[1].explained, default=("", None))
    if one is None:
        return None
    model, guess = (
        facts.scores.plain_losses(facts.seen, table[facts.places])
        for table in (facts.evidence.fold_predictions, facts.guesses)
    )
    lead, behind = float((guess - model).mean()), facts.scores.mean(one.losses - model, facts.seen)
    explained = lead / float(guess.mean()) if guess.mean() > 0 else 0.0
    if explained < _LEAST or not behind.value + _LIKELY * behind.error < _ADDED * lead:
        return None
    return Seen(
        MEDIUM,
        f"'{best}' alone explains {percent(one.explained)} of '{facts.target}', the model with all "
        f"{times(len(facts.columns.features), 'feature')} {percent(explained)}.",
        (best,),
    )


@diagnostic("NOR023")
def like_an_id(facts: Facts) -> Seen | None:
    """A feature names its rows."""
    train, found = facts.train, []
    if train.height < _ID_ROWS:
        return None
    for column in facts.columns.in_time(facts.columns.features):
        if facts.columns.fewer(column, _UNIQUE * train.height):
            continue
        series = train[column.name].drop_nulls()
        if column.type is Type.CATEGORY and series.n_unique() >= _UNIQUE * train.height:
            found.append((column, f"{series.n_unique():,} levels in {times(train.height, 'row')}"))
        elif column.type is Type.NUMBER and len(series) == series.n_unique() == train.height:
            low, high = float(series.min()), float(series.max())  # type: ignore[arg-type]
            whole = bool((series == series.round()).all())
            if whole and all_distinct(len(series), high - low + 1) < _IMPOSSIBLE:
                found.append(
                    (column, f"{len(series):,} different whole numbers from {low:,.0f} to {high:,.0f}")
                )
    if not found:
        return None
    more = f"; {named([one.name for one, _ in found[1:]])} too" if len(found) > 1 else ""
    return Seen(MEDIUM, f"'{found[0][0].name}' has {found[0][1]}{more}.", tuple(one.name for one, _ in found))


@diagnostic("NOR024")
def constant(facts: Facts) -> Seen | None:
    """Columns of one value."""
    left_out = [one.name for one in facts.case.data.raw_schema if one.type is Type.CONSTANT]
    left_out += [
        one.name
        for one in facts.schema
        if one.name not in left_out
        and (one.type is Type.CONSTANT or any(note.endswith("every value is the same") for note in one.notes))
    ]
    names = [one.name for one in facts.columns.features]
    same = facts.evidence.train.select(pl.col(names).eq_missing(pl.col(names).first()).all())
    used = [name for name in names if same[name][0]]
    if not left_out and not used:
        return None
    parts = [f"{named(left_out)} left out: the same in every row"] if left_out else []
    parts += [f"{named(used)} with the same value in every training row"] if used else []
    return Seen(MEDIUM if used else LOW, "; ".join(parts) + ".", (*left_out, *used))


@diagnostic("NOR025")
def repeated(facts: Facts) -> Seen | None:
    """Features that follow from another."""
    equal = [
        (one.name, note.partition("same as '")[2].removesuffix("'"))
        for one in facts.schema
        for note in one.notes
        if one.role is Role.IGNORE and note.startswith("ignored: same as '")
    ]
    pairs = [*_correlated(facts), *_one_to_one(facts)]
    if not equal and not pairs:
        return None
    parts = [f"'{a}' equals '{b}' and is left out" for a, b in equal[:1]]
    parts += [f"'{b}' follows from '{a}'" for a, b in pairs[:1]]
    more = len(equal) + len(pairs) - len(parts)
    others = f", and {times(more, 'pair')} more" if more else ""
    return Seen(
        LOW,
        f"{'; '.join(parts)}{others}.",
        tuple(dict.fromkeys([*(a for a, _ in equal), *(b for _, b in pairs)])),
    )


def _correlated(facts: Facts) -> Iterator[tuple[str, str]]:
    """Pairs of numbers on one line."""
    columns = [one for one in facts.columns.numbers if one.type is not Type.BOOLEAN][:_COMPARED]
    made = [(one.name, facts.columns.values(one, facts.seen)) for one in facts.columns.in_time(columns)]
    whole = [(name, values) for name, values in made if not np.isnan(values).any() and values.any()]
    scaled = [(name, values / np.abs(values).max()) for name, values in whole]
    full = [(name, values) for name, values in scaled if values.std() > 0]
    if len(full) < 2 or len(full[0][1]) < _LOST:
        return
    found = np.abs(np.corrcoef([values for _, values in full])) >= _EQUAL
    for a, b in zip(*np.nonzero(np.triu(found, 1))):
        yield full[a][0], full[b][0]


def _one_to_one(facts: Facts) -> Iterator[tuple[str, str]]:
    """Pairs of features whose values go with each other, where they repeat."""
    kinds: dict[bytes, list[str]] = {}
    for column in facts.columns.in_time(facts.columns.features[:_COMPARED]):
        if column.distinct > _REPEATED * max(facts.schema.rows, 1):
            continue
        codes = facts.columns.codes(column, facts.seen)[0]
        first = np.unique(codes, return_index=True)[1]
        if 3 <= len(first) <= _REPEATED * len(codes):
            turn = np.argsort(np.argsort(first))  # of each level, in the order in which they appear
            kinds.setdefault(turn[codes].tobytes(), []).append(column.name)
    for alike in kinds.values():
        yield from combinations(alike, 2)


@diagnostic("NOR026")
def missing_tells(facts: Facts) -> Seen | None:
    """Missing values are related to the target."""
    if not facts.known or facts.ordered:
        return None
    found, limit = [], 3.3 + math.log10(max(len(facts.columns.features), 1))
    for column in facts.columns.in_time(facts.columns.features):
        lost = facts.seen[column.name].is_null().to_numpy()
        if _LOST <= lost.sum() <= len(lost) - _LOST:
            told = _association(facts, lost)
            if told > max(_TELLS, limit / math.sqrt(len(lost))):
                found.append((told, column, int(lost.sum())))
    if not found:
        return None
    told, column, count = max(found, key=lambda one: one[0])
    more = f", and {times(len(found) - 1, 'feature')} like it" if len(found) > 1 else ""
    return Seen(
        HIGH if told >= _TELLS_ALL else MEDIUM,
        f"Whether '{column.name}' is missing ({percent(count / len(facts.y))} of the rows) has a correlation "
        f"of {told:.2f} with '{facts.target}'{more}.",
        tuple(one.name for _, one, _ in sorted(found, key=lambda one: -one[0])),
    )


def _association(facts: Facts, lost: np.ndarray) -> float:
    """The largest correlation of a mark with the target, or with one of its classes."""
    wanted = [facts.y] if facts.numeric else [facts.y == code for code in range(len(facts.classes))]
    return max(abs(float(np.corrcoef(lost, one)[0, 1])) if one.std() > 0 else 0.0 for one in wanted)


@diagnostic("NOR027")
def high_cardinality(facts: Facts) -> Seen | None:
    """Categories with too many levels for the rows."""
    train, found = facts.evidence.train, []
    for column in facts.columns.in_time(facts.columns.levels):
        if facts.columns.fewer(column, _MANY):
            continue
        levels = train[column.name].n_unique()
        if levels < _MANY or levels >= _UNIQUE * train.height:
            continue
        asked = facts.judged[column.name].drop_nulls()
        unseen = 1 - float(asked.is_in(train[column.name].implode()).mean() or 0.0) if len(asked) else 0.0  # type: ignore[arg-type]
        if train.height / levels < _LEVEL_ROWS or unseen >= _UNSEEN:
            found.append((unseen, column, levels))
    if not found:
        return None
    unseen, column, levels = max(found, key=lambda one: (one[0], one[2]))
    more = f"; {named([one.name for _, one, _ in found if one is not column])} too" if len(found) > 1 else ""
    return Seen(
        LOW if unseen < 5 * _UNSEEN else MEDIUM,
        f"'{column.name}' has {levels:,} levels of {train.height / levels:.1f} training rows each; "
        f"{percent(unseen)} of the held-out rows have one that was never seen{more}.",
        tuple(one.name for _, one, _ in found),
    )
