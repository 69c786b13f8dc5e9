"""From what was found to alarms, and from alarms to messages that are sent once."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import replace
from typing import Any

from noria.core.deadline import Deadline
from noria.core.ports import Alerts
from noria.core.recipe import Monitor
from noria.core.watch import Alarm, Check
from noria.core.words import percent
from noria.errors import NoriaError
from noria.lifecycle.watch.realised import FEWEST
from noria.methods.intervals import share_interval

__all__ = ["KINDS", "deliver", "found", "messages", "posted", "stepped"]

KINDS = ("errors", "latency", "quality", "drift", "unanswered", "decay", "estimate")
"""What may be alarming."""
_ENOUGH = 50  # requests that tell of latency
_PATIENCE = 30.0  # seconds that all messages of one check may take
_LASTING = 7 * 86_400.0  # after which a message is not worth sending any more
_MOST = 100


def found(check: Check, rule: Monitor) -> dict[str, tuple[str, ...]]:
    """By kind of alarm, the reasons that a window gives."""
    usage, report = check.usage, check.report
    reasons: dict[str, list[str]] = {kind: [] for kind in KINDS}
    if usage.rows:
        import numpy as np

        least = share_interval(np.array([usage.refused]), np.array([usage.rows]))[0][0]
        if least > rule.errors:
            said = f"{percent(usage.errors)} of the rows were refused, {percent(rule.errors)} are allowed."
            reasons["errors"].append(said)
    if rule.latency is not None and usage.requests >= _ENOUGH and usage.slow > rule.latency:
        told = f"95% of the requests take up to {1000 * usage.slow:.3g} ms"
        reasons["latency"].append(f"{told}, {1000 * rule.latency:.3g} ms are allowed.")
    reasons["drift"] += [one.reason for one in report.drifts if one.drifted]
    reasons["quality"] += [one.reason for one in report.issues if one.alarming]
    for share in check.shares:
        if share.metric == "unanswered" and share.low > rule.unanswered:
            told = f"{percent(share.value)} of the questions got no answer"
            reasons["unanswered"].append(f"{told}, {percent(rule.unanswered)} are allowed.")
        if share.metric == "helpful" and share.high < rule.helpful and check.labelled >= FEWEST:
            told = f"{percent(share.value)} of the thumbs point up, {percent(rule.helpful)} are wanted."
            reasons["decay"].append(told)
    for one in check.scores:
        if one.score.metric == check.metric and one.worse and _far(one.score.value, one.known.value, rule):
            told = f"{check.metric} is {one.score} on {check.labelled:,} labelled rows"
            reasons["decay"].append(f"{told}, it was {one.known} when the model was judged.")
    for guess in report.estimates:
        if guess.score.metric == check.metric and guess.worse and _far(guess.score.value, guess.known, rule):
            told = f"{check.metric} is probably {guess.score}, by what the rows are like"
            reasons["estimate"].append(f"{told}; it was {guess.known:.4g} when the model was judged.")
    return {kind: tuple(whys) for kind, whys in reasons.items()}


def _far(now: float, then: float, rule: Monitor) -> bool:
    return abs(now - then) >= rule.decay * abs(then)


def stepped(check: Check, before: Check | None, rule: Monitor) -> tuple[Alarm, ...]:
    """The alarms after a window, those that are open first; one without new rows or labels changes none."""
    known = {alarm.kind: alarm for alarm in before.alarms} if before and _same(check, before) else {}
    if before and known and _stale(check, before):
        return before.alarms
    after = [
        known.get(kind, Alarm(kind)).step(reasons, now=check.when, after=rule.after)
        for kind, reasons in found(check, rule).items()
    ]
    lasting = (alarm for alarm in after if alarm.open or alarm.seen)
    return tuple(sorted(lasting, key=lambda alarm: not alarm.open))


def _same(check: Check, before: Check) -> bool:
    return before.version == check.version


def _stale(check: Check, before: Check) -> bool:
    """Whether no row and no label has come since: those that only leave the window are nothing new."""
    return not check.usage.rows or (check.seen[:1] == before.seen[:1] and check.seen[1:] <= before.seen[1:])


def messages(
    check: Check, before: Check | None, rule: Monitor, silent: Callable[[str], bool]
) -> tuple[Check, list[tuple[str, str]]]:
    """What is to be told, at most one message of opened and one of closed alarms, as (title, text)."""
    told: list[tuple[str, str]] = []
    loud = [
        alarm
        for alarm in check.open
        if not silent(alarm.kind)
        and (alarm.told is None or (rule.remind is not None and check.when - alarm.told >= rule.remind))
    ]
    name = f"{check.name}@{check.version}"
    if loud:
        reasons = [f"- {why}" for alarm in loud for why in alarm.reasons]
        told.append((f"{name}: {_kinds(loud)}", "\n".join([*reasons, "", f"See: noria watch {check.name}"])))
    open_now = {alarm.kind for alarm in check.open}
    over = [
        one for one in (before.open if before else ()) if one.kind not in open_now and one.told is not None
    ]
    if over:
        why = (
            "It was not found any more."
            if before and _same(check, before)
            else f"Version {check.version} answers now."
        )
        told.append((f"{name}: over: {_kinds(over)}", why))
    now_told = {alarm.kind for alarm in loud}
    alarms = tuple(
        replace(alarm, told=check.when) if alarm.kind in now_told else alarm for alarm in check.alarms
    )
    return replace(check, alarms=alarms), told


def _kinds(alarms: Collection[Alarm]) -> str:
    return ", ".join(alarm.kind for alarm in alarms)


def posted(
    check: Check,
    waiting: Sequence[Mapping[str, Any]],
    fresh: Sequence[tuple[str, str]],
    targets: Collection[str],
) -> Check:
    """The check with all messages that are to be sent: those that could not be sent before come first."""
    digests = [_digest(target) for target in targets]
    lasting = (one for one in waiting if one["target"] in digests and check.when - one["since"] < _LASTING)
    due = [
        *map(dict, lasting),
        *(
            {"target": digest, "title": title, "text": text, "since": check.when}
            for title, text in fresh
            for digest in digests
        ),
    ]
    return replace(check, outbox=tuple(due[-_MOST:]))


def deliver(
    check: Check, targets: Collection[str], alerts: Callable[[], Alerts], mark: Callable[[Check], None]
) -> Check:
    """Send the messages of a check; what fails waits for the next.

    Each is marked as sent before the next one is begun: whoever is killed between the two repeats that one.
    """
    by_digest, deadline = {_digest(target): target for target in targets}, Deadline(_PATIENCE)
    down: set[str] = set()
    for one in check.outbox:
        if deadline.expired or one["target"] in down:
            continue
        target, left = by_digest[one["target"]], check.outbox
        try:
            alerts().send(target, one["title"], one["text"])
            told = f"Told {alerts().shown(target)}: {one['title']}"
            left = tuple(other for other in left if other is not one)
        except NoriaError as error:
            down.add(one["target"])
            told = f"Nobody was told: {error.what} {error.do or ''}".strip()
        check = replace(check, acted=(*check.acted, told), outbox=left)
        mark(check)
    return check


def _digest(target: str) -> str:
    """What stands for a target in the database: it may hold a password."""
    return hashlib.blake2b(target.encode(), digest_size=8).hexdigest()
