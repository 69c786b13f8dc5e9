"""What is not needed any more: old versions, runs that were cut off, data that no run refers to."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import asdict, dataclass, field
from typing import TYPE_CHECKING, Any, Literal

from noria.core import manifest
from noria.core.events import Events
from noria.core.ports import KEPT_ELSEWHERE, KeptVectors
from noria.core.protocol import Task
from noria.core.runs import Change, Condition, ModelEntry, RunEntry, RunQuery, before
from noria.errors import NotFoundError, ParamError
from noria.lifecycle.register import Registry

if TYPE_CHECKING:
    import polars as pl

__all__ = ["Prune", "Pruned", "Waste", "spared"]

_DAY = 86_400.0


@dataclass(frozen=True)
class Waste:
    """One thing that is not needed any more.

    Attributes
    ----------
    kind : str
        ``version``; ``folder``, what is left of a removed version; ``run`` or ``data``.
    id : str
        Of the run; of data, their digest.
    why : str
    bytes : int
    when : float
        When it was registered, started or last used, in seconds since 1970.
    name : str
        Of the model.
    version : int, optional
    """

    kind: Literal["version", "folder", "run", "data"]
    id: str
    why: str
    bytes: int
    when: float
    name: str = ""
    version: int | None = None

    @property
    def what(self) -> str:
        """``titanic@3``, ``folder``, ``run`` or ``data``."""
        return f"{self.name}@{self.version}" if self.kind == "version" else self.kind


@dataclass(frozen=True)
class Pruned:
    """What was removed, or would be.

    Attributes
    ----------
    items : tuple of Waste
    removed : bool
    """

    items: tuple[Waste, ...]
    removed: bool

    @property
    def bytes(self) -> int:
        """What all of it takes."""
        return sum(item.bytes for item in self.items)

    def frame(self) -> pl.DataFrame:
        """One line for each thing."""
        import polars as pl

        return pl.DataFrame([asdict(item) for item in self.items], infer_schema_length=None)

    def to_dict(self) -> dict[str, Any]:
        """JSON-ready fields."""
        return {
            "removed": self.removed,
            "bytes": self.bytes,
            "items": [{**asdict(item), "what": item.what} for item in self.items],
        }

    def _repr_html_(self) -> str:
        return self.frame()._repr_html_()


def spared(changes: Sequence[Change]) -> set[int]:
    """The versions that stay however old they are.

    Those with an alias, those that a roll back leads to, and those tagged ``keep=true``.

    Examples
    --------
    >>> story = [Change("m", at, "registered", at, 0.0, "me", run=f"r{at}") for at in (1, 2, 3, 4)]
    >>> promoted = [Change("m", at + 4, "promoted", at, 0.0, "me", alias="champion") for at in (2, 4)]
    >>> kept = Change("m", 9, "tagged", 1, 0.0, "me", tags={"keep": "true"})
    >>> spared([*story, *promoted, kept])
    {1, 2, 4}
    """
    model = ModelEntry.of("", changes)
    back = {before(changes, alias) for alias in model.aliases} - {None}
    tagged = {version.number for version in model.versions if version.tags.get("keep") == "true"}
    return {*model.aliases.values(), *back, *tagged}  # type: ignore[arg-type]


@dataclass(frozen=True)
class Prune:
    """Finds and removes what is not needed any more.

    Parameters
    ----------
    registry : Registry
    events : Events
        Hears of ``prune.progress``.
    name : str, optional
        Of the model; all of them if absent. Data are of no model.
    keep : int
        How many of the newest versions of each model stay.
    older : float
        Seconds; what is younger stays.
    stopped, data : bool
        Whether runs that were cut off, and data that no run refers to, go too.
    vectors : callable, optional
        Opens the vectors of a name, which go with the last model that they are of.
    """

    registry: Registry
    events: Events
    name: str | None = None
    keep: int = 5
    older: float = 0.0
    stopped: bool = False
    data: bool = False
    vectors: Callable[[str], KeptVectors] | None = None
    _named: dict[str, str | None] = field(default_factory=dict, init=False, repr=False)

    def plan(self) -> tuple[Waste, ...]:
        """What would go; nothing is removed.

        Raises
        ------
        NotFoundError
            If there is no model of that name.
        """
        found = [*self._versions(), *(self._stopped() if self.stopped else ())]
        return (*found, *(self._data({item.id for item in found}) if self.data else ()))

    def __call__(self, plan: Sequence[Waste]) -> Pruned:
        """Remove what a plan holds, except for what is needed by now.

        A version leaves the history first, then its folder goes, then the line of the index. A process that
        is killed in between leaves a folder that no version refers to, which the next plan holds.
        """
        steps = {
            "version": self._remove_version,
            "folder": self._remove_folder,
            "run": self._remove_run,
            "data": self._remove_data,
        }
        gone = []
        for done, item in enumerate(plan, 1):
            if steps[item.kind](item):
                gone.append(item)
            self.events.emit("prune.progress", done=done, total=len(plan))
        return Pruned(tuple(gone), removed=True)

    # -- versions --------------------------------------------------------------------------------------------

    def _versions(self) -> Iterator[Waste]:
        """Old versions, and what is left of removed ones."""
        state, artefacts = self.registry.state, self.registry.artefacts
        models = state.models()
        used = Counter(version.run for model in models for version in model.versions)
        there = {*artefacts.runs(), *(entry.id for entry in state.runs(RunQuery(self.name)))}
        for model in models if self.name is None else [self.registry.model(self.name)]:
            changes = state.changes(model.name)
            stays = spared(changes)
            for version in model.versions[: -self.keep]:
                needed = version.number in stays or used[version.run] > 1 or artefacts.busy(version.run)
                if not needed and self._old(version.when):
                    why = f"older than the newest {self.keep}"
                    yield Waste(
                        "version", version.run, why, artefacts.size(version.run), version.when, model.name,
                        version.number,
                    )  # fmt: skip
            for run, change in _removed(changes).items():
                if run in there and not used[run]:
                    why = f"version {change.version} was removed"
                    yield Waste("folder", run, why, artefacts.size(run), change.when, model.name)

    def _remove_version(self, item: Waste) -> bool:
        assert item.version is not None
        if self.registry.artefacts.busy(item.id):
            return False
        try:
            self.registry.remove(item.name, item.version, f"pruned: {item.why}", spared)
        except ParamError:  # needed by now
            return False
        return self._remove_folder(item)

    def _remove_folder(self, item: Waste) -> bool:
        if any(model.versions for model in self.registry.state.models([item.id])):  # registered by now
            return False
        name = self._vectors_of(item.id)
        if self.vectors is not None and name is not None and not self._shared(item.id, name):
            self.vectors(name).discard()
        self.registry.discard(item.id)
        return True

    def _shared(self, run: str, name: str) -> bool:
        """Whether the model of another run has the same vectors; a folder that is complete is read once."""
        artefacts, found = self.registry.artefacts, False
        for other in artefacts.runs():
            if other == run:
                continue
            if other in self._named:
                its = self._named[other]
            else:
                busy, its = artefacts.busy(other), self._vectors_of(other)
                if not busy:
                    self._named[other] = its
            found = found or its == name
        return found

    def _vectors_of(self, run: str) -> str | None:
        """What the vectors of a run's model are called, if they lie in a database."""
        try:
            told = manifest.read_json(self.registry.artefacts.folder(run) / "model" / KEPT_ELSEWHERE)
        except NotFoundError:
            return None
        return None if told is None else str(told["name"])

    # -- runs ------------------------------------------------------------------------------------------------

    def _stopped(self) -> Iterator[Waste]:
        """Runs that nobody works on: cut off on this machine, or ended a day ago without a version."""
        state, artefacts = self.registry.state, self.registry.artefacts
        for entry in state.runs(RunQuery(self.name, finished=False)):
            if self._old(entry.started) and self._free(entry.id):
                yield Waste(
                    "run", entry.id, "was cut off", artefacts.size(entry.id), entry.started, entry.name
                )
        models = state.models()
        known = {version.run for model in models for version in model.versions}
        known |= {run for model in models for run in _removed(state.changes(model.name))}
        for entry in state.runs(RunQuery(self.name, finished=True)):
            young = entry.ended is None or time.time() - entry.ended < max(self.older, _DAY)
            if entry.id not in known and not young and not artefacts.busy(entry.id):
                why = "no version was made of it"
                yield Waste("folder", entry.id, why, artefacts.size(entry.id), entry.started, entry.name)
        if self.name is None:
            indexed = {entry.id for entry in state.runs(RunQuery())}
            for run in artefacts.runs():
                if run not in indexed and artefacts.entry(run) is None and self._free(run):
                    yield Waste("run", run, "was cut off before it began", artefacts.size(run), time.time())

    def _free(self, run: str) -> bool:
        """Whether a run is on this machine, has not ended, and nobody works on it."""
        artefacts = self.registry.artefacts
        if not artefacts.claim(run):
            return False
        try:
            entry = artefacts.entry(run)
            return entry is None or not entry.finished
        finally:
            artefacts.release(run)

    def _remove_run(self, item: Waste) -> bool:
        artefacts = self.registry.artefacts
        if not artefacts.claim(item.id):
            return False
        try:
            entry = artefacts.entry(item.id)
            return (entry is None or not entry.finished) and self._remove_folder(item)
        finally:
            artefacts.release(item.id)

    # -- data ------------------------------------------------------------------------------------------------

    def _data(self, going: set[str]) -> Iterator[Waste]:
        """What no run refers to that stays, and that was not used for a day at least."""
        state, artefacts = self.registry.state, self.registry.artefacts
        for run in {*artefacts.runs()} - {entry.id for entry in state.runs(RunQuery())}:
            self.registry.record(run)
        stays = [entry for entry in state.runs(RunQuery()) if entry.id not in going]
        needed = {digest for one in stays for digest in (one.snapshot, one.tested, self._documents(one))}
        for digest, about in sorted(artefacts.snapshots.kept().items()):
            if digest not in needed and time.time() - about.used >= max(self.older, _DAY):
                yield Waste("data", digest, "no run refers to them", about.bytes, about.used)

    def _documents(self, run: RunEntry) -> str | None:
        """The documents that the rows of a run were asked of, which its record alone names."""
        if run.task != Task.QUESTION_ANSWERING:
            return None
        return (self.registry.artefacts.record(run.id) or {}).get("documents")

    def _remove_data(self, item: Waste) -> bool:
        for name in ("snapshot", "tested"):
            if self.registry.runs(RunQuery(where=(Condition(name, "=", item.id),), limit=1)):
                return False
        self.registry.artefacts.snapshots.discard(item.id)
        return True

    def _old(self, when: float) -> bool:
        return time.time() - when >= self.older


def _removed(changes: Sequence[Change]) -> dict[str, Change]:
    """The runs whose versions were removed, and when that was."""
    runs = {change.version: change.run for change in changes if change.kind == "registered"}
    return {str(runs[change.version]): change for change in changes if change.kind == "removed"}
