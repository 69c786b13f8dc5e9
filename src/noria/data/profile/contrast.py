"""How another table differs, column by column."""

from __future__ import annotations

import itertools
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import polars as pl

from noria.core.column_profile import ColumnProfile
from noria.core.insight import Finding, Severity
from noria.core.profile import Contrast, Shift
from noria.core.schema import Type
from noria.core.words import moment, number, percent, quoted
from noria.data._numbers import BLANK
from noria.data.conform import FALSE_WORDS, TRUE_WORDS
from noria.data.profile.columns import OpaqueSketch, says_missing
from noria.data.profile.describe import histogram
from noria.data.profile.findings import gathered
from noria.methods.drift import kolmogorov_smirnov, population_stability
from noria.methods.significance import beyond, counts_differ
from noria.methods.sketches import weighted_quantiles

__all__ = ["Side", "contrast", "differences"]

_BINS = 10
_EVEN = 1e6  # rows that each side counts for when both share a picture
_LEVELS, _BARS, _NEW = 50, 12, 20
_CHANGED, _ANOTHER = 0.1, 0.25
_MISSING, _MUCH_MISSING = 0.05, 0.2
_OUTSIDE = 0.01
_CHANCE = 1e-3
_EXPECTED = 5  # rows of a category, in the smaller table
_REST = "other"
_QUANTITIES = {Type.NUMBER, Type.DATETIME}
_CLASSES = {Type.CATEGORY, Type.BOOLEAN}
_Counts = tuple[np.ndarray, np.ndarray]
_Seen = tuple[str, tuple[str, ...], str, str, Severity | None]


@dataclass(frozen=True)
class Side:
    """One of the two tables.

    Attributes
    ----------
    source : str
    rows : int
    columns : mapping of str to ColumnProfile
    sketches : mapping of str to OpaqueSketch
    """

    source: str
    rows: int
    columns: Mapping[str, ColumnProfile]
    sketches: Mapping[str, OpaqueSketch]


def contrast(here: Side, there: Side) -> Contrast:
    """What is different in the second table, largest shift first."""
    both = [name for name in here.columns if name in there.columns]
    shifts = [_shift(name, here, there) for name in both]
    shifts.sort(key=lambda shift: -(shift.psi or 0.0))
    return Contrast(
        there.source,
        there.rows,
        tuple(name for name in there.columns if name not in here.columns),
        tuple(name for name in here.columns if name not in there.columns),
        tuple(shifts),
    )


def _shift(name: str, here: Side, there: Side) -> Shift:
    one, other = here.columns[name], there.columns[name]
    told: dict[str, Any] = {"psi": None, "ks": None, "groups": (), "here": (), "there": (), "new": ()}
    if one.type in _QUANTITIES and other.type is one.type:
        told |= _of_numbers(one, here.sketches[name].values(), there.sketches[name].values())
    elif one.type in _CLASSES and other.type in _CLASSES:
        told |= _of_categories(here.sketches[name], there.sketches[name], one, other)
    means = (one.numbers.mean, other.numbers.mean) if one.numbers and other.numbers else None
    types = (str(one.type), str(other.type))
    return Shift(name, missing=(one.missing, other.missing), means=means, types=types, **told)


def _of_numbers(column: ColumnProfile, here: _Counts, there: _Counts) -> dict[str, Any]:
    """PSI over tenths of the first, KS, and both histograms over the same bins."""
    if not here[0].size or not there[0].size:
        return {}
    cuts = np.unique(weighted_quantiles(*here, np.arange(1, _BINS) / _BINS))
    tenths = [
        np.bincount(np.searchsorted(cuts, values, side="left"), weights, minlength=cuts.size + 1)
        for values, weights in (here, there)
    ]
    scale = 1e-6 if column.type is Type.DATETIME else 1.0
    both = np.concatenate((here[0], there[0])) * scale
    share = np.concatenate([weights * (_EVEN / weights.sum()) for _, weights in (here, there)])
    order = np.argsort(both, kind="stable")
    whole = column.numbers is not None and bool((both % 1 == 0).all())
    bins = histogram(both[order], share[order], whole=whole)
    edges = np.array(bins.edges)
    shares = []
    for values, weights in (here, there):
        place = np.clip(np.searchsorted(edges, values * scale, side="right") - 1, 0, edges.size - 2)
        shares.append(tuple((np.bincount(place, weights, minlength=edges.size - 1) / weights.sum()).tolist()))
    write = moment if column.type is Type.DATETIME else number
    half = 0.5 if bins.whole else 0.0
    spans = [(write(low + half), write(high - half)) for low, high in itertools.pairwise(edges.tolist())]
    groups = tuple(low if low == high else f"{low} to {high}" for low, high in spans)
    return {
        "psi": population_stability(*tenths),
        "p": _chance(*tenths),
        "ks": kolmogorov_smirnov(here, there),
        "groups": groups,
        "here": shares[0],
        "there": shares[1],
    }


def _of_categories(
    here: OpaqueSketch, there: OpaqueSketch, one: ColumnProfile, other: ColumnProfile
) -> dict[str, Any]:
    """PSI over the categories that are not rare, shares of the largest, and those that are new."""
    known, found = _tally(here, one), _tally(there, other)
    if one.type is other.type is Type.BOOLEAN and not found.keys() <= known.keys():
        known, found = _folded(known), _folded(found)
    rows, others = max(1, one.rows - one.nulls), max(1, other.rows - other.nulls)
    names = sorted(
        {*known, *found}, key=lambda name: -known.get(name, 0) / rows - found.get(name, 0) / others
    )
    bars = names[:_BARS]
    width = len(bars) + (len(names) > len(bars))
    new = [(name, count) for name, count in found.items() if name not in known] if one.exact else []
    seldom = 0 if other.exact else other.distinct - len(found)
    shares = [
        tuple((counts / counts.sum()).tolist()[:width])
        for counts in (_counts(known, bars, rows), _counts(found, bars, others))
    ]
    # chosen by both tables' rows: a choice by shares would favour chance hits of the smaller one
    least = _EXPECTED * (rows + others) / min(rows, others)
    both = (Counter(known) + Counter(found)).most_common(_LEVELS)
    common = [name for name, count in both if count >= least]
    tables = _counts(known, common, rows), _counts(found, common, others)
    return {
        "psi": population_stability(*tables),
        "p": _chance(*tables),
        "groups": (*bars, _REST)[:width],
        "here": shares[0],
        "there": shares[1],
        "new": tuple(sorted(new, key=lambda pair: -pair[1])[:_NEW]),
        "unknown": len(new) + (seldom if new else 0),
    }


def _counts(tally: Mapping[str, int], names: Sequence[str], rows: int) -> np.ndarray:
    """The counts of some categories, and of all others together."""
    counts = np.array([tally.get(name, 0) for name in names], dtype=float)
    return np.append(counts, max(0.0, rows - counts.sum()))


def _chance(here: np.ndarray, there: np.ndarray) -> float | None:
    """How likely two samples of one distribution have counts (bins,) as different; None of too few."""
    _, p = counts_differ(here, there)
    return None if np.isnan(p) else p


def _tally(sketch: OpaqueSketch, column: ColumnProfile) -> dict[str, int]:
    """How often each category occurs."""
    counts = dict(sketch.counts().filter(~says_missing(pl.col("text"))).iter_rows())
    values, weights = sketch.values()
    numbers = {number(value): round(weight) for value, weight in zip(values.tolist(), weights.tolist())}
    return counts or numbers or dict(column.top)


def _folded(tally: Mapping[str, int]) -> dict[str, int]:
    """The counts of yes and no, however they are written."""
    folded = [(name.strip(BLANK).lower(), count) for name, count in tally.items()]
    kinds = (("true", TRUE_WORDS), ("false", FALSE_WORDS))
    return {kind: sum(count for name, count in folded if name in words) for kind, words in kinds}


# --- in words --------------------------------------------------------------------------------------


def differences(found: Contrast, here: Side, there: Side) -> tuple[Finding, ...]:
    """What changed, in words, worst first."""
    lost = [
        ("NOR131", (name,), f"{there.source} has no column {name}.", "lost", None) for name in found.removed
    ]
    new = [("NOR132", (name,), f"{there.source} has a column {name}.", "new", None) for name in found.added]
    changed = [seen for shift in found.shifts for seen in _told(shift, here, there)]
    return gathered([*lost, *new, *changed])


def _told(shift: Shift, here: Side, there: Side) -> Iterator[_Seen]:
    """What is worth saying about one column."""
    name, (was, now) = shift.column, shift.types
    if was != now and Type.CONSTANT not in shift.types:
        told = f"{was} here, {now} there"
        yield "NOR133", (name,), f"{name} is {told}.", told, None
    quantity = here.columns[name].type is not Type.DATETIME
    sure = shift.p is not None and shift.p < _CHANCE
    if quantity and sure and shift.psi is not None and shift.psi >= _CHANGED:
        severity = Severity.HIGH if shift.psi >= _ANOTHER else Severity.MEDIUM
        yield "NOR134", (name,), _changed(shift), f"PSI {shift.psi:.2f}", severity
    if shift.new:
        named = ", ".join(f"{quoted(text)} ({count:,})" for text, count in shift.new[:5])
        more = f", and {shift.unknown - 5:,} more" if shift.unknown > 5 else ""
        yield "NOR135", (name,), f"{name} has categories that are not known here: {named}{more}.", named, None
    before, after = shift.missing
    if abs(after - before) >= _MISSING and _lost(here.columns[name], there.columns[name]) < _CHANCE:
        severity = Severity.HIGH if abs(after - before) >= _MUCH_MISSING else Severity.MEDIUM
        told = f"{percent(before)} here, {percent(after)} there"
        yield "NOR136", (name,), f"{name} is missing in {told}.", told, severity
    yield from _beyond(name, here, there)


def _lost(*columns: ColumnProfile) -> float:
    """How likely two samples of one distribution lack values as unequally often."""
    counts = (np.array([column.nulls, column.rows - column.nulls]) for column in columns)
    return counts_differ(*counts)[1]


def _changed(shift: Shift) -> str:
    """The change of a distribution in a sentence."""
    told = f"{shift.column} is distributed differently (PSI {shift.psi:.2f})"
    if shift.means is not None:
        return f"{told}: its mean is {number(shift.means[0])} here and {number(shift.means[1])} there."
    gaps = [abs(b - a) for a, b in zip(shift.here, shift.there)]
    at = gaps.index(max(gaps))
    group, was, now = quoted(shift.groups[at]), percent(shift.here[at]), percent(shift.there[at])
    return f"{told}: {group} makes up {was} here and {now} there."


def _beyond(name: str, here: Side, there: Side) -> Iterator[_Seen]:
    """Numbers outside of the range that they have here."""
    column = here.columns[name]
    known, (values, weights) = column.numbers, there.sketches[name].values()
    if known is None or there.columns[name].type is not Type.NUMBER or not values.size:
        return
    below, above = (int(weights[mask].sum()) for mask in (values < known.low, values > known.high))
    others = int(weights.sum())
    share = (below + above) / others
    if share >= _OUTSIDE and beyond(max(below, above), others, column.rows - column.nulls) < _CHANCE / 2:
        told = f"{percent(share)} outside of {number(known.low)} to {number(known.high)}"
        yield "NOR137", (name,), f"{name} has {told}, the range here.", told, None
