"""What a page tells of a served model over time: its use, drift and quality, and what was done."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Sequence
from datetime import UTC, datetime
from typing import Any

from noria.core.drift import MEASURES, Drift
from noria.core.watch import Check, Step, Usage
from noria.core.words import percent, times
from noria.pages.svg import line
from noria.pages.units import ago, duration, number
from noria.pages.words import measure

__all__ = ["course", "facts", "scores"]

_COLUMNS = 6  # whose drift is drawn
_BADGES = {"ok": "met", "alarm": "missed"}


def course(checks: Sequence[Check], steps: Sequence[Step], now: float) -> dict[str, Any]:
    """The fields of ``watch.html``.

    Parameters
    ----------
    checks, steps : sequence
        Latest first.
    now : float
        Seconds since 1970.

    Examples
    --------
    >>> course([], [Step(0.0, "ann", "promoted champion", 2, "it is better")], 7200.0)["steps"]
    [('2 h ago', 'promoted champion', 2, 'ann', 'it is better')]
    """
    told = [(ago(one.when, now), one.what, one.version, one.who, one.why) for one in steps]
    if not checks:
        return {"check": None, "steps": told}
    last, oldest_first = checks[0], checks[::-1]
    return {
        "check": last,
        "badge": _BADGES.get(last.verdict, "open"),
        "looked": ago(last.when, now),
        "facts": list(facts(last)),
        "scores": list(scores(last)),
        "drifts": sorted((one for one in last.report.drifts if one.test), key=_far, reverse=True),
        "measures": MEASURES,
        "pictures": [*_quality(oldest_first), *_drift(oldest_first), *_usage(oldest_first)],
        "looks": len(checks),
        "steps": told,
    }


def facts(check: Check) -> Iterator[tuple[str, str]]:
    """How a model was used in a window, as names and what is said of them; nothing of an empty one."""
    usage = check.usage
    if not usage.rows:
        return
    pace = f", {number(usage.per_hour)} per hour" if usage.last > usage.first else ""
    asked = times(usage.requests, "request")
    yield "rows", f"{usage.rows:,} in {asked}, {percent(usage.errors)} refused{pace}"
    spent = " / ".join(f"{1000 * one:.3g}" for one in (usage.median, usage.slow, usage.slowest))
    yield "latency", f"{spent} ms (50 / 95 / 99% of the requests)"
    if usage.cpu is not None:
        cost = "" if usage.cost is None else f", which cost {usage.cost:.3g}"
        yield "cpu", f"{usage.cpu:.3g} s per thousand rows{cost}"
    yield "labels", f"{check.labelled:,}"
    for share in check.shares:
        yield share.metric, f"{percent(share.value)} ({percent(share.low)} to {percent(share.high)})"


def scores(check: Check) -> Iterator[tuple[str, str, str, str]]:
    """Every metric: its name, with labels, estimated without, and when the model was judged."""
    realised = {one.score.metric: one for one in check.scores}
    estimated = {one.score.metric: one for one in check.report.estimates}
    for metric in dict.fromkeys([*realised, *estimated]):
        now, guess = realised.get(metric), estimated.get(metric)
        then = str(now.known) if now else f"{guess.known:.4g}" if guess else ""
        yield metric, str(now.score) if now else "", str(guess.score) if guess else "", then


def _quality(checks: Sequence[Check]) -> Iterator[dict[str, Any]]:
    metric = checks[-1].metric
    realised = [{one.score.metric: one.score for one in check.scores} for check in checks]
    guesses = [{one.score.metric: one.score for one in check.report.estimates} for check in checks]
    shares = [{one.metric: one for one in check.shares} for check in checks]
    drawn = (
        (f"{measure(metric)} with labels", realised, metric, number),
        (f"{measure(metric)}, estimated", guesses, metric, number),
        ("unanswered questions", shares, "unanswered", percent),
        ("thumbs that point up", shares, "helpful", percent),
    )
    for title, found, name, written in drawn:
        known = [one.get(name) for one in found]
        values = [None if one is None else one.value for one in known]
        yield from _picture(checks, title, values, written, zero=name != metric)


def _far(drift: Drift) -> float:
    """How far a distance lies beyond what is normal."""
    return drift.statistic / drift.threshold if drift.threshold > 0 else 0.0


def _drift(checks: Sequence[Check]) -> Iterator[dict[str, Any]]:
    """Of the columns that lie farthest off in the last window, the distance in all of them."""
    tested = [one for one in checks[-1].report.drifts if one.test]
    for drift in sorted(tested, key=_far, reverse=True)[:_COLUMNS]:
        same = (drift.name, drift.test)
        then = [{(one.name, one.test): one.statistic for one in check.report.drifts} for check in checks]
        values = [one.get(same) for one in then]
        more = f"{MEASURES[drift.test]}, normal up to {number(drift.threshold)}"
        yield from _picture(checks, f"drift of {drift.name}", values, number, more, limit=drift.threshold)


def _usage(checks: Sequence[Check]) -> Iterator[dict[str, Any]]:
    drawn: tuple[tuple[str, Callable[[Usage], float | None], Callable[[float], str]], ...] = (
        ("rows of the window", lambda usage: usage.rows, "{:,.0f}".format),
        ("refused rows", lambda usage: usage.errors, percent),
        ("latency of 95% of the requests", lambda usage: usage.slow, duration),
        ("CPU seconds of a thousand rows", lambda usage: usage.cpu, number),
    )
    for title, value, written in drawn:
        values = [value(check.usage) if check.usage.rows else None for check in checks]
        yield from _picture(checks, title, values, written)


def _picture(
    checks: Sequence[Check],
    title: str,
    values: Sequence[float | None],
    written: Callable[[float], str],
    more: str = "",
    *,
    zero: bool = True,
    limit: float | None = None,
) -> Iterator[dict[str, Any]]:
    """A line over the checks, if there is anything to draw."""
    known = [None if value is None or math.isnan(value) else value for value in values]
    real = [value for value in known if value is not None]
    if not real:
        return
    titles = [
        f"{datetime.fromtimestamp(check.when, UTC):%Y-%m-%d %H:%M} UTC, version {check.version}: "
        + ("unknown" if value is None else written(value))
        for check, value in zip(checks, known)
    ]
    yield {
        "title": title,
        "last": "unknown" if known[-1] is None else written(known[-1]),
        "span": f"from {written(min(real))} to {written(max(real))}",
        "more": more,
        "svg": line(
            known, titles, name=f"{title}, over {times(len(checks), 'look')}", zero=zero, limit=limit
        ),
    }
