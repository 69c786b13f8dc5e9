"""Versions of models, and which of them answers: recorded in files, found through the index."""

from __future__ import annotations

import getpass
import os
import socket
import time
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

from noria.core.events import Events
from noria.core.ports import Artefacts, History, State
from noria.core.result import Score
from noria.core.runs import Change, Condition, Kind, ModelEntry, RunEntry, RunQuery, Version, before
from noria.errors import ArtifactError, NotFoundError, ParamError, StorageError, suggestion
from noria.lifecycle.promote import Verdict, unlike
from noria.lifecycle.reindex import Reindexed, reindex

__all__ = ["Registry"]


class Registry:
    """Runs, versions and aliases.

    Every change is written into the artefacts first and counts from then on; the index takes it over in the
    same breath, or, if this process ends in between, with the next change.

    Parameters
    ----------
    artefacts : Artefacts
    state : State
    who : str, optional
        Who the history names; ``user@host`` if absent.

    Attributes
    ----------
    follow : callable, optional
        Called with every change once it stands.
    """

    def __init__(self, artefacts: Artefacts, state: State, who: str | None = None) -> None:
        self.artefacts, self.state = artefacts, state
        self.who = who or _whoami()
        self.follow: Callable[[Change], object] | None = None

    # -- runs ------------------------------------------------------------------------------------------------

    def record(self, run: str) -> RunEntry | None:
        """Take what a run's folder says into the index."""
        entry = self.artefacts.entry(run)
        if entry is not None:
            self.state.put(entry)
        return entry

    def discard(self, run: str) -> None:
        """Remove a run that came to nothing."""
        self.artefacts.discard(run)
        with suppress(StorageError):  # the folder is what counts, and what failed before is told
            self.state.forget(run)

    def run(self, run: str) -> RunEntry | None:
        """The line of a run."""
        return next(iter(self.state.runs(RunQuery(where=(Condition("id", "=", run),)))), None)

    def runs(self, query: RunQuery) -> list[RunEntry]:
        """The runs that a query asks for."""
        return self.state.runs(query)

    def reindex(self, events: Events | None = None) -> Reindexed:
        """Build the index anew from the artefacts; what is damaged is left out and named."""
        return reindex(self.artefacts, self.state, events or Events())

    # -- versions --------------------------------------------------------------------------------------------

    def register(self, name: str, run: str) -> int:
        """Make a run's model the next version of `name`; a run that has a version keeps it."""
        with self._alone(name) as history:
            known = {one.run: one.number for one in ModelEntry.of(name, history.changes).versions}
            if run in known:
                return known[run]
            given = [change.version for change in history.changes if change.kind == "registered"]
            version = max(given, default=0) + 1
            self._add(name, history, "registered", version, run=run)
            return version

    def promote(
        self,
        name: str,
        version: int,
        alias: str = "champion",
        why: str = "",
        *,
        instead_of: int | None = None,
    ) -> Change | None:
        """Let a version answer to an alias; None if it does already.

        With `instead_of` nothing is done either if another version answers by now, or if this was done before
        for the same reason: it may have been undone since.

        Raises
        ------
        NotFoundError
            If there is no such model or version.
        ParamError
            If the alias is a number, which names a version.
        """
        if alias.isdigit() or not alias.replace("-", "").replace("_", "").isalnum():
            raise ParamError("An alias is a word, such as champion.", got=repr(alias))
        with self._alone(name) as history:
            model = _known(ModelEntry.of(name, history.changes), version)
            old = model.aliases.get(alias)
            done = any((one.alias, one.version, one.why) == (alias, version, why) for one in history.changes)
            if old == version or (instead_of is not None and (old != instead_of or done)):
                return None
            return self._add(name, history, "promoted", version, alias=alias, before=old, why=why)

    def judge(
        self,
        name: str,
        version: int,
        rule: Callable[[Mapping[str, Score] | None], Verdict],
        against: int | None = None,
    ) -> Verdict:
        """Let a version be champion or challenger, as a rule says of the champion's scores; only once.

        A rule that has compared it `against` another version says nothing of a third that is champion now.

        Nobody else can promote meanwhile, so that of two runs that end together the better one stays.
        """
        with self._alone(name) as history:
            for change in history.changes:
                if change.kind == "promoted" and change.version == version:
                    return Verdict(change.alias == "champion", change.why)
            aliases = ModelEntry.of(name, history.changes).aliases
            now = aliases.get("champion")
            judged = None if now is None else self._unlike(history, name, version, now)
            if judged is None:
                judged = rule(None if now is None else self._scores(history, now))
            if judged.promoted and against not in (None, now):
                judged = Verdict(False, f"version {now} became champion while it was compared with {against}")
            alias = "champion" if judged.promoted else "challenger"
            self._add(
                name, history, "promoted", version, alias=alias, before=aliases.get(alias), why=judged.why
            )
            return judged

    def rollback(self, name: str, alias: str = "champion", why: str = "") -> Change:
        """Let the version answer again that did before the last promotion.

        Raises
        ------
        NotFoundError
            If there is none.
        """
        self.model(name)
        with self._alone(name) as history:
            now = ModelEntry.of(name, history.changes).aliases.get(alias)
            old = before(history.changes, alias)
            if old is None:
                raise NotFoundError(
                    f"No version of {name!r} was {alias} before.",
                    got=f"version {now} now" if now else "no promotion",
                    do=f"Run: noria history {name}",
                )
            return self._add(name, history, "rolled back", old, alias=alias, before=now, why=why)

    def tag(self, name: str, version: int, tags: Mapping[str, str]) -> Change:
        """Set tags of a version; an empty value takes the tag away."""
        with self._alone(name) as history:
            _known(ModelEntry.of(name, history.changes), version)
            return self._add(name, history, "tagged", version, tags=dict(tags))

    def remove(
        self,
        name: str,
        version: int,
        why: str = "",
        spared: Callable[[Sequence[Change]], Collection[int]] = lambda _: (),
    ) -> Change:
        """Take a version out, if it is not out already; its number is not given again.

        Raises
        ------
        ParamError
            If it answers to an alias, or is spared as the history stands.
        """
        with self._alone(name) as history:
            gone = {change.version: change for change in history.changes if change.kind == "removed"}
            if version in gone:
                return gone[version]
            model = _known(ModelEntry.of(name, history.changes), version)
            held = model.held_by(version)
            if held:
                raise ParamError(
                    f"Version {version} of {name!r} is {held[0]}, and stays.", do="Promote another one first."
                )
            if version in spared(history.changes):
                raise ParamError(f"Version {version} of {name!r} is needed, and stays.")
            return self._add(name, history, "removed", version, why=why)

    # -- finding ---------------------------------------------------------------------------------------------

    def model(self, name: str) -> ModelEntry:
        """The versions and aliases of a name. NotFoundError if there are none."""
        model = self.state.model(name)
        if model is None:
            known = [entry.name for entry in self.state.models()]
            advice = suggestion(name, known) if known else f"Train it first: noria run {name}"
            raise NotFoundError(f"There is no model {name!r}.", do=advice)
        return model

    def find(self, reference: str) -> Version:
        """The version that a reference means: ``titanic``, ``titanic@challenger``, ``titanic@3``.

        Raises
        ------
        NotFoundError
            If there is no such model, version or alias.
        ParamError
            If nothing follows the ``@``.
        """
        name, at, wanted = reference.partition("@")
        model = self.model(name)
        if at and not wanted:
            raise ParamError(
                "Nothing follows the '@'.",
                got=repr(reference),
                do=f"Write {name}@1, {name}@champion or {name}.",
            )
        alias = wanted or "champion"
        number = int(alias) if alias.isdigit() else model.aliases.get(alias)
        if number is None:
            known = [*model.aliases, *(str(version.number) for version in model.versions)]
            raise NotFoundError(f"No version of {name!r} is {alias!r}.", do=suggestion(alias, known))
        return next(one for one in _known(model, number).versions if one.number == number)

    def folder(self, reference: str) -> Path:
        """The folder of the run of the version that a reference means.

        Raises
        ------
        NotFoundError
            If there is no such model, version or alias.
        ArtifactError
            If the run's folder is lost.
        """
        version = self.find(reference)
        try:
            return self.artefacts.folder(version.run)
        except NotFoundError as error:
            raise ArtifactError(
                f"The run of version {version.number} of {version.name!r} is lost.",
                got=f"no folder of run {version.run}",
                do="Restore it from a copy, or promote another version and run: noria reindex",
            ) from error

    # -- the history -----------------------------------------------------------------------------------------

    @contextmanager
    def _alone(self, name: str) -> Iterator[History]:
        """The history of a name, held alone, with what a process that was killed could not index."""
        with self.state.alone(name) as history:
            known = len(history.changes)
            while (lost := self.artefacts.change(name, len(history.changes) + 1)) is not None:
                history.add(lost)
            self._check_whole(name, len(history.changes))
            yield history
        if self.follow is not None:
            for change in history.changes[known:]:
                self.follow(change)

    def _scores(self, history: History, version: int) -> Mapping[str, Score]:
        """What the run of a version reached; nothing if the index does not have it."""
        entry = self.run(_run_of(history, version))
        return entry.scores if entry is not None else {}

    def _unlike(self, history: History, name: str, version: int, champion: int) -> Verdict | None:
        """The verdict on a version that predicts something else than the champion; None if it does not."""
        return unlike(f"{name}@{version}", *(self._record(history, one) for one in (version, champion)))

    def _record(self, history: History, version: int) -> Mapping[str, Any]:
        """What is recorded of the run of a version; nothing if that is lost or damaged."""
        with suppress(ArtifactError):
            return self.artefacts.record(_run_of(history, version)) or {}
        return {}

    def _check_whole(self, name: str, known: int) -> None:
        """See that no entry is missing that later ones follow: its number would be given a second time."""
        if self.artefacts.change(name, known + 2) is not None:
            raise ArtifactError(
                f"The history of {name!r} is damaged.",
                got=f"entry {known + 1} is missing",
                do="Restore it from a copy, or remove its folder.",
            )

    def _add(self, name: str, history: History, kind: Kind, version: int, **facts: Any) -> Change:
        change = Change(name, len(history.changes) + 1, kind, version, time.time(), self.who, **facts)
        self.artefacts.add(change)
        history.add(change)
        return change


def _known(model: ModelEntry, version: int) -> ModelEntry:
    """The same model, if it has this version."""
    numbers = [one.number for one in model.versions]
    if version not in numbers:
        raise NotFoundError(
            f"There is no version {version} of {model.name!r}.",
            do=suggestion(str(version), map(str, numbers)),
        )
    return model


def _run_of(history: History, version: int) -> str:
    """The run that a version came from."""
    (run,) = (one.run for one in history.changes if (one.kind, one.version) == ("registered", version))
    return str(run)


def _whoami() -> str:
    try:
        user = getpass.getuser()
    except (KeyError, OSError):
        user = str(os.getuid())
    return f"{user}@{socket.gethostname()}"
