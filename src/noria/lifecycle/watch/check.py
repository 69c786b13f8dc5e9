"""One look at a served model: its rows, its answers, their truth, and what is to be said of them."""

from __future__ import annotations

import os
import socket
import threading
import time
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from functools import partial
from itertools import takewhile
from pathlib import Path
from typing import Any

from noria.core import manifest
from noria.core.drift import DriftReport
from noria.core.ports import Alerts, Ledger, PredictionLog
from noria.core.protocol import Model, Task
from noria.core.recipe import Monitor, Recipe, validated
from noria.core.result import Score
from noria.core.runs import Version
from noria.core.watch import Check, Entry
from noria.data.drift import Reference, Rule, compare
from noria.errors import ArtifactError, ParamError, suggestion
from noria.lifecycle.register import Registry
from noria.lifecycle.watch import alarms
from noria.lifecycle.watch.realised import realised, shares, system_of
from noria.lifecycle.watch.window import Logged, Span, read

__all__ = ["Watched", "Watcher", "alone", "holder"]

_MOST = 1_000  # checks that are kept of a name
_LOOKED = 64  # earlier checks that tell how many rows are usual
_LEASE = 600.0
_SILENCES = 20
_BOTH = ("psi", "js", "chi_square")  # tests of numbers and of categories alike


@dataclass(frozen=True)
class Watched:
    """A version that answers, and what its run says of it."""

    version: Version
    folder: Path
    record: Mapping[str, Any]
    recipe: Recipe

    @property
    def scores(self) -> dict[str, Score]:
        """What it reached when it was judged."""
        told = self.record["evaluation"]["scores"]
        return {name: Score.from_dict(score) for name, score in told.items()}

    @property
    def learned_until(self) -> float:
        """Rows of the log whose label was told by then, seconds since 1970, are among its own rows."""
        return self.record.get("learned_until") or 0.0


@dataclass
class Watcher:
    """Looks at served models.

    Parameters
    ----------
    registry : Registry
    log : PredictionLog
    ledger : Ledger
    load : callable
        From the folder of a model to the model.
    alerts : callable
        What sends messages, made when there is one.
    targets : sequence of str
        Whom to tell of every model.
    embed : callable, optional
        Makes vectors of texts, to compare what they mean.
    clock : callable
        Seconds since 1970.
    """

    registry: Registry
    log: PredictionLog
    ledger: Ledger
    load: Callable[[Path], Model]
    alerts: Callable[[], Alerts]
    targets: Sequence[str] = ()
    embed: Callable[[Sequence[str]], Any] | None = None
    clock: Callable[[], float] = time.time

    def watched(self, reference: str) -> Watched:
        """The version that a name means. NotFoundError if there is none, ArtifactError if its run is lost."""
        version = self.registry.find(reference)
        folder = self.registry.folder(f"{version.name}@{version.number}")
        record = manifest.read_json(folder / "run.json")
        if record is None:
            raise ArtifactError(
                f"The run of version {version.number} of {version.name!r} has no record.",
                got=f"no run.json in {folder}",
                do="Restore it from a copy, or promote another version.",
            )
        return Watched(version, folder, record, Recipe.parse(record["recipe"]))

    def check(self, reference: str, **changes: Any) -> Check:
        """Look once, keep what was found, and tell of alarms that have opened or closed.

        What is to be told is kept before it is sent, and marked when it was: a process that is killed
        loses no message, and one that is killed between the two repeats that one.

        Parameters
        ----------
        reference : str
            ``name`` or ``name@alias``.
        **changes
            Keys of the recipe's ``monitor`` that count instead.
        """
        model = self.watched(reference)
        rule = validated(Monitor, {**model.recipe.monitor.model_dump(), **changes}, "monitor")
        name = model.version.name
        with alone(self.ledger, f"watch {name}", _LEASE) as other:
            earlier = [Check.from_dict(one.body) for one in self.ledger.entries(name, "check", limit=_LOOKED)]
            alias = reference.partition("@")[2] or "champion"
            before = next((one for one in earlier if one.alias == alias), None)
            check = replace(self._look(model, rule, earlier), alias=alias)
            check = replace(check, alarms=alarms.stepped(check, before, rule))
            if other is not None:
                note = f"Another watcher, {other}, is at work: this one only looks."
                return replace(check, notes=(*check.notes, note))
            check, fresh = alarms.messages(check, before, rule, partial(self._silent, name))
            waiting = before.outbox if before else ()
            targets = dict.fromkeys([*rule.notify, *self.targets])
            check = alarms.posted(check, waiting, fresh, targets)
            entry = Entry(name, "check", check.when, self.registry.who, check.to_dict())
            number = self.ledger.add(entry, most=_MOST)
            return alarms.deliver(
                check, targets, self.alerts, lambda now: self.ledger.change(number, now.to_dict())
            )

    def silence(self, reference: str, seconds: float, kinds: Collection[str] = (), why: str = "") -> Entry:
        """Tell nobody of alarms, of some kinds or of all, for so long; they are kept all the same.

        0 seconds end every silence. ParamError if there is no such kind.
        """
        for kind in kinds:
            if kind not in alarms.KINDS:
                raise ParamError(f"There is no alarm {kind!r}.", do=suggestion(kind, alarms.KINDS))
        name, now = self.registry.find(reference).name, self.clock()
        body = {"until": now + seconds, "kinds": list(kinds), "why": why}
        entry = Entry(name, "silence", now, self.registry.who, body)
        self.ledger.add(entry)
        return entry

    def _silent(self, name: str, kind: str) -> bool:
        latest = self.ledger.entries(name, "silence", limit=_SILENCES)
        told = takewhile(lambda one: one.body["until"] > one.when, latest)  # 0 seconds end those before
        now = self.clock()
        return any(
            one.body["until"] > now and (not one.body["kinds"] or kind in one.body["kinds"]) for one in told
        )

    def _look(self, model: Watched, rule: Monitor, earlier: Sequence[Check]) -> Check:
        """All that can be said of the window."""
        now, version = self.clock(), model.version
        notes: list[str] = []
        try:
            reference = Reference.load(model.folder)
        except ArtifactError as error:
            reference = None
            notes.append(f"{error.what} {error.do}")
        span = Span(now - rule.window, rule.rows)
        loaded = self.load(model.folder / "model")
        logged = read(self.log, version.name, version.number, span, reference, loaded, now)
        usage = logged.usage
        if rule.price is not None and usage.cpu is not None:
            usage = replace(usage, cost=rule.price / 3600 * usage.cpu)
        report = DriftReport(usage.rows, reference.rows if reference else 0)
        if logged.reference is not None and logged.window is not None:
            usual = self._usual(model, rule, earlier, now)
            report = compare(logged.reference, logged.window, _rule(rule), usual=usual, embed=self.embed)
        check = Check(
            version.name, version.number, now, usage, report, model.record["evaluation"]["metric"],
            labelled=len(logged.known.ids), seen=(logged.last, len(logged.known.ids)),
        )  # fmt: skip
        if Task(model.record["task"]) is Task.QUESTION_ANSWERING:
            found, logged = shares(logged)
            check = replace(check, shares=found)
        scores, said = self._realised(model, reference, logged)
        return replace(check, scores=scores, notes=(*notes, *logged.notes, *said, *report.notes))

    def _realised(self, model: Watched, reference: Reference | None, logged: Logged) -> Any:
        if reference is None or not logged.known.ids:
            return (), []
        system = system_of(model.folder, model.recipe, model.record["task"], reference.schema)
        return realised(system, reference.schema, reference.classes, logged.known, model.scores)

    def _usual(self, model: Watched, rule: Monitor, earlier: Sequence[Check], now: float) -> list[int]:
        """The rows of earlier whole windows of this version that do not overlap."""
        changes = self.registry.state.changes(model.version.name)
        number = model.version.number
        since = max((one.when for one in changes if one.version == number and one.alias), default=now)
        rows, last = [], now
        if now - since < rule.window:
            return []
        for check in earlier:
            whole = check.when - since >= rule.window and last - check.when >= rule.window
            if check.version == number and whole:
                rows.append(check.report.rows)
                last = check.when
        return rows


def _rule(rule: Monitor) -> Rule:
    """What counts as drift, as the recipe says it."""
    if rule.drift is None or rule.drift not in _BOTH:
        return Rule(least=rule.least)
    return Rule(rule.drift, rule.drift, rule.least)


def holder() -> str:
    """What this process and thread are called where only one may act."""
    return f"{socket.gethostname()}/{os.getpid()}/{threading.get_ident()}"


@contextmanager
def alone(ledger: Ledger, what: str, seconds: float) -> Iterator[str | None]:
    """Do something that only one may do at a time; who else does it, if it is not us."""
    me = holder()
    other = ledger.hold(what, me, seconds)
    try:
        yield other
    finally:
        if other is None:
            ledger.let_go(what, me)
