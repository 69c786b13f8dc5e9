"""What is odd about new rows, whatever their distribution: columns, types, missing and new values, volume."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import replace

import numpy as np

from noria.core.drift import Issue
from noria.core.words import percent
from noria.data.drift.reference import Reference, Window
from noria.data.drift.sketch import Sketch
from noria.methods.significance import more_often

__all__ = ["issues", "judged"]

_LEAST = 0.01  # of the rows: less is worth knowing, and no alarm
_WINDOWS = 5
_SPREAD = 0.1  # of the logarithm of rows, at least
_TIMES = 1.5  # as many rows as usual, or that part of them, at least


def issues(reference: Reference, window: Window, usual: Sequence[int] = (), *, tested: bool) -> list[Issue]:
    """Everything that is looked at, with p-values that are not adjusted; `alarming` where it would matter.

    Without `tested`, only what needs no test: columns and values that cannot be read.
    """
    found = [
        Issue("new column", name, 1.0, 0.0, math.nan, False, f"{name} is not known from training.")
        for name in sorted(window.extra)
    ]
    for name, here in reference.features.items():
        there = window.features[name]
        found += _unusable(here, there)
        if tested and there.rows > there.absent:
            found += _counted(here, there)
    if len(usual) >= _WINDOWS:
        found.append(_volume(window.rows, usual))
    return found


def judged(found: Sequence[Issue], adjusted: np.ndarray, level: float) -> tuple[Issue, ...]:
    """Those that are worth telling, alarming ones first, with adjusted p-values."""
    told = []
    for one, p in zip(found, adjusted):
        sure = math.isnan(p) or p <= level
        if sure or (one.kind == "new categories" and one.share):
            told.append(replace(one, p_value=float(p), alarming=bool(one.alarming and sure)))
    return tuple(sorted(told, key=lambda one: not one.alarming))


def _unusable(here: Sketch, there: Sketch) -> Iterator[Issue]:
    """Columns that are not there, and values that cannot be read: certain, not a matter of chance."""
    name, rows = here.column.name, max(there.rows, 1)
    if there.absent:
        share = there.absent / rows
        reason = f"{name} is not there in {percent(share)} of the rows."
        yield Issue("missing column", name, share, 0.0, math.nan, True, reason)
    share, known = there.unreadable / rows, here.unreadable / max(here.rows, 1)
    if share > known:
        should = f"{name} should hold values of the type {here.column.type}"
        reason = f"{should}; {percent(share)} of the rows cannot be read, such as {there.example}."
        yield Issue("unreadable values", name, share, known, math.nan, share - known >= _LEAST, reason)


def _counted(here: Sketch, there: Sketch) -> Iterator[Issue]:
    """Missing values, and values that the reference does not have."""
    name, rows = here.column.name, there.rows - there.absent
    share, known = there.missing / rows, here.missing / here.rows
    p = 2 * min(
        more_often(there.missing, rows, here.missing, here.rows),
        more_often(rows - there.missing, rows, here.rows - here.missing, here.rows),
    )
    reason = f"{name} is missing in {percent(share)} of the rows, it was in {percent(known)}."
    yield Issue("missing values", name, share, known, min(p, 1.0), abs(share - known) >= _LEAST, reason)
    if here.outlying:
        share, known = there.outside / rows, here.alone / here.rows
        p = more_often(there.outside, rows, here.alone, here.rows)
        reason = f"{name} {there.outliers()} in {percent(share)} of the rows."
        yield Issue(here.outlying, name, share, known, p, share >= _LEAST, reason)


def _volume(rows: int, usual: Sequence[int]) -> Issue:
    """The number of rows beside those of earlier windows, their logarithms by Student's distribution."""
    from scipy.special import stdtr

    known = np.log1p(np.asarray(usual, dtype=np.float64))
    middle = float(np.median(known))
    spread = 1.4826 * float(np.median(np.abs(known - middle)))
    spread = max(spread, _SPREAD, math.exp(-middle / 2))
    off = math.log1p(rows) - middle
    p = 2 * float(stdtr(len(known) - 1, -abs(off) / (spread * math.sqrt(1 + 1 / len(known)))))
    normal = math.expm1(middle)
    reason = f"There are {rows:,} rows where {round(normal):,} are usual."
    return Issue("volume", "", float(rows), normal, p, abs(off) >= math.log(_TIMES), reason)
