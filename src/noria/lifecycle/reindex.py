"""Build the index anew from what the folders of runs and histories say."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict, dataclass
from typing import Any

from noria.core.events import Events
from noria.core.ports import Artefacts, State
from noria.core.runs import Change, RunEntry
from noria.errors import ArtifactError

__all__ = ["Reindexed", "reindex"]

_EVERY = 100  # folders from one event to the next


@dataclass(frozen=True)
class Reindexed:
    """What the index holds after it was built anew.

    Attributes
    ----------
    runs, changes : int
    damaged : mapping of str to str
        What is left out, ``runs/<id>`` or ``models/<name>``, and what is wrong with it.
    """

    runs: int
    changes: int
    damaged: Mapping[str, str]

    def to_dict(self) -> dict[str, Any]:
        """JSON-ready fields."""
        return asdict(self)


def reindex(artefacts: Artefacts, state: State, events: Events) -> Reindexed:
    """Read every folder and put what they say in the index's place.

    Others may go on writing: the folders are read while they do, and once more where something can have
    changed since, when the index is held.

    Parameters
    ----------
    artefacts : Artefacts
    state : State
    events : Events
        Told ``reindex.progress`` as folders are read, ``reindex.damaged``, and when they are all read.

    Returns
    -------
    Reindexed
    """
    folders = _Folders(artefacts)
    total = len(artefacts.runs())
    for done, _ in enumerate(folders.entries(), 1):
        if done % _EVERY == 0:
            events.emit("reindex.progress", done=done, total=total)
    for _ in folders.changes():
        pass
    events.emit("stage.started", stage="index")
    state.rebuild(folders.entries(), folders.changes())
    for name, why in folders.damaged.items():
        events.emit("reindex.damaged", name=name, why=why)
    return Reindexed(folders.runs, folders.known, folders.damaged)


class _Folders:
    """What the folders say. What cannot change any more is read once."""

    def __init__(self, artefacts: Artefacts) -> None:
        self.artefacts = artefacts
        self.damaged: dict[str, str] = {}
        self.runs = 0
        self._finished: dict[str, RunEntry] = {}
        self._histories: dict[str, list[Change]] = {}

    @property
    def known(self) -> int:
        """How many changes there are."""
        return sum(map(len, self._histories.values()))

    def entries(self) -> Iterator[RunEntry]:
        """The line of every run that is whole."""
        self.runs = 0
        with ThreadPoolExecutor(self.artefacts.readers) as pool:
            for entry in filter(None, pool.map(self._line, self.artefacts.runs())):
                self.runs += 1
                yield entry

    def changes(self) -> Iterator[Change]:
        """Every history, up to the first entry that is damaged or missing."""
        with ThreadPoolExecutor(self.artefacts.readers) as pool:
            for history in pool.map(self._history, self.artefacts.names()):
                yield from history

    def _line(self, run: str) -> RunEntry | None:
        return self._finished.get(run) or self._entry(run)

    def _entry(self, run: str) -> RunEntry | None:
        try:
            entry = self.artefacts.entry(run)
            if entry is None:
                return None
            if entry.id != run:
                raise ArtifactError("The folder holds another run.", got=entry.id)
        except ArtifactError as error:
            self.damaged[f"runs/{run}"] = _told(error)
            return None
        self.damaged.pop(f"runs/{run}", None)
        if entry.finished:
            self._finished[run] = entry
        return entry

    def _history(self, name: str) -> list[Change]:
        known = self._histories.setdefault(name, [])
        try:
            while (change := self.artefacts.change(name, len(known) + 1)) is not None:
                if (change.name, change.number) != (name, len(known) + 1):
                    raise ArtifactError(
                        "An entry is of another history.", got=f"{change.name} {change.number}"
                    )
                known.append(change)
            if self.artefacts.change(name, len(known) + 2) is not None:
                raise ArtifactError("An entry is missing.", got=f"{len(known) + 1}")
        except ArtifactError as error:
            self.damaged[f"models/{name}"] = _told(error)
        else:
            self.damaged.pop(f"models/{name}", None)
        return known


def _told(error: ArtifactError) -> str:
    return error.what if error.got is None else f"{error.what} ({error.got})"
