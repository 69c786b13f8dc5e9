"""Runs and histories of models in any store that fsspec knows, for machines that share them."""

from __future__ import annotations

import json
import os
import secrets
import shutil
from contextlib import suppress
from pathlib import Path, PurePosixPath
from typing import Any

from noria.backends.artefacts_local import LocalArtefacts, LocalSnapshots, taken
from noria.backends.store import Store
from noria.core import keep
from noria.core.events import Events
from noria.core.files import new_folder
from noria.core.ports import Kept
from noria.core.runs import Change, RunEntry
from noria.errors import ArtifactError, NotFoundError, StorageError, suggestion
from noria.settings import Settings

__all__ = ["RemoteArtefacts", "RemoteSnapshots"]

_RECORD = "run.json"
_LOCK = "lock"
_WORKING = ("lock", "trials")  # files and folders of a run that only its own machine needs


class RemoteArtefacts:
    """A store with the layout of the home folder, and the runs of this machine that are not there yet.

    ::

        runs/<run>/          as a run's folder; the run counts once its run.json stands, which comes last
        models/<name>/       000001.json, 000002.json, ...
        snapshots/<2>/       the data, by content

    A run is worked on in the home folder. Once it is published, its folder moves to the cache, where copies
    of other machines' runs lie too.

    Parameters
    ----------
    settings : Settings
        ``settings.artefacts`` is the address of the store.
    events : Events, optional
    """

    readers = 32

    def __init__(self, settings: Settings, events: Events | None = None) -> None:
        self.settings = settings
        self.store = Store(str(settings.artefacts), events or Events())
        self.snapshots = RemoteSnapshots(settings, self.store)
        self._local = LocalArtefacts(settings)
        self._published: set[str] = set()

    # -- runs on this machine --------------------------------------------------------------------------------

    def create(self, name: str) -> str:
        """Reserve a folder for a new run of `name`, claimed for this process; return the run's id."""
        return self._local.create(name, f"{secrets.token_hex(3)}-")

    def claim(self, run: str) -> bool:
        """Take a run on this machine for this process; False if another process works on it."""
        if (self._copy(run) / _LOCK).is_file():
            _move(self._copy(run), self._own(run))
        return self._local.claim(run)

    def release(self, run: str) -> None:
        """Say that this process no longer works on the run."""
        if run in self._published:
            self._published.remove(run)
            _move(self._own(run), self._copy(run))
        self._local.release(run)

    def busy(self, run: str) -> bool:
        """Whether some process of this machine works on the run."""
        return self._local.busy(run)

    # -- runs ------------------------------------------------------------------------------------------------

    def publish(self, run: str) -> None:
        """Upload a finished run with its data, unless it is in the store as it is here.

        Its record goes last: until it stands, there is no such run for other machines.

        Raises
        ------
        StorageError
            If the store fails; the run stays whole in the home folder, and may be published again.
        """
        own = self._own(run)
        if not own.is_dir():
            return
        record = (own / _RECORD).read_bytes()
        if self.store.read([f"runs/{run}/{_RECORD}"]) != [record]:
            told = json.loads(record)
            for digest in filter(None, (told["snapshot"], told.get("tested"), told.get("documents"))):
                self.snapshots.publish(digest)
            self.store.remove(f"runs/{run}/{_RECORD}")
            self.store.put({f"runs/{run}/{name}": own / name for name in _lasting(own)}, run)
            self.store.add(f"runs/{run}/{_RECORD}", record)
        self._published.add(run)

    def discard(self, run: str) -> None:
        """Remove a run from the store and from this machine."""
        own = self._own(run)
        if not own.is_dir() or (own / _RECORD).is_file():
            self.store.remove(f"runs/{run}/{_RECORD}")
            self.store.remove_folder(f"runs/{run}")
        self._local.discard(run)
        shutil.rmtree(self._copy(run), ignore_errors=True)

    def folder(self, run: str) -> Path:
        """Where the run's files are on this machine; they are brought here if they are not.

        Raises
        ------
        NotFoundError
            If there is no such run.
        ArtifactError
            If what came is not what the manifests say.
        """
        for place in (self._own(run), self._copy(run)):
            if place.is_dir():
                return place
        return self._bring(run)

    def runs(self) -> list[str]:
        """The ids of all runs in the store, and of those on this machine that are not there yet."""
        return sorted({*self.store.names("runs"), *self._local.runs()})

    def record(self, run: str) -> dict[str, Any] | None:
        """All that a finished run's folder says of it; None if it has not come to its end."""
        own = self._own(run).is_dir()
        return self._local.record(run) if own else self._read([f"runs/{run}/{_RECORD}"])[0]

    def entry(self, run: str) -> RunEntry | None:
        """What a run's folder says of it; None if it was cut off before it said anything."""
        if self._own(run).is_dir():
            return self._local.entry(run)
        record = self.record(run)
        return RunEntry.of(record, record) if record is not None else None

    def size(self, run: str) -> int:
        """The bytes that a run takes where it is kept."""
        return self._local.size(run) or sum(self.store.files(f"runs/{run}").values())

    # -- histories -------------------------------------------------------------------------------------------

    def names(self) -> list[str]:
        """All names that have a history."""
        return self.store.names("models")

    def change(self, name: str, number: int) -> Change | None:
        """One entry of a history, if there is one of that number."""
        fields = self._read([_entry(name, number)])[0]
        return Change.from_dict(fields) if fields is not None else None

    def changes(self, name: str) -> list[Change]:
        """A history, oldest first."""
        files = [file for file in self.store.names(f"models/{name}") if file.endswith(".json")]
        return [
            Change.from_dict(fields) for fields in self._read([f"models/{name}/{file}" for file in files])
        ]

    def add(self, change: Change) -> None:
        """Write the next entry of a history: whole or not at all, and never in place of another."""
        content = json.dumps(change.to_dict(), indent=1).encode()
        new = self.store.add(_entry(change.name, change.number), content)
        if not new and self.change(change.name, change.number) != change:
            raise taken(change)

    # -- places ----------------------------------------------------------------------------------------------

    def _own(self, run: str) -> Path:
        return self.settings.runs / run

    def _copy(self, run: str) -> Path:
        return self.settings.cache / "runs" / run

    def _bring(self, run: str) -> Path:
        """A copy of a run from the store, which appears when it is complete."""
        files = self.store.files(f"runs/{run}")
        if _RECORD not in files:
            raise NotFoundError(f"There is no run {run!r}.", do=suggestion(run, self.runs()))
        copy = self._copy(run)
        try:
            with new_folder(copy) as draft:
                targets = {f"runs/{run}/{name}": _within(draft, name) for name in files}
                self.store.get(targets, sum(files.values()), run)
                self._verify(run, draft, files)
        except StorageError:
            if not copy.is_dir():  # another process was quicker
                raise
        return copy

    def _verify(self, run: str, folder: Path, files: dict[str, int]) -> None:
        short = [name for name, size in files.items() if (folder / name).stat().st_size != size]
        try:
            if short:
                raise ArtifactError("", got=f"file {short[0]!r} was cut short")
            keep.verify(folder)
        except ArtifactError as error:
            raise ArtifactError(
                f"The run {run!r} in {self.store.url} is damaged or was tampered with.",
                got=error.got,
                do="Restore it there from a copy, or train again.",
            ) from error

    def _read(self, paths: list[str]) -> list[Any]:
        """What JSON files of the store hold; None for one that is not there."""
        found = []
        for path, content in zip(paths, self.store.read(paths)):
            try:
                found.append(None if content is None else json.loads(content))
            except ValueError as error:
                raise ArtifactError(
                    f"{self.store.url}/{path} is damaged.", got=str(error), do="Restore it from a copy."
                ) from error
        return found


class RemoteSnapshots:
    """The data of runs in a store, each kept there once, and what of them is on this machine."""

    def __init__(self, settings: Settings, store: Store) -> None:
        self.settings, self.store = settings, store
        self._local = LocalSnapshots(settings)

    def kept(self) -> dict[str, Kept]:
        """All snapshots, by digest."""
        here = self._local.kept()
        there = {PurePosixPath(name).stem: size for name, size in self.store.files("snapshots").items()}
        unused = Kept(0, 0.0)
        return here | {digest: Kept(size, here.get(digest, unused).used) for digest, size in there.items()}

    def publish(self, digest: str) -> None:
        """Upload a snapshot of this machine, unless the store has it."""
        path = self.settings.snapshot(digest)
        if path.is_file() and not self.store.has(_data(digest)):
            self.store.put({_data(digest): path}, "data")

    def fetch(self, digest: str) -> None:
        """Bring a snapshot to this machine, if the store has it; `open_snapshot` checks its content."""
        path = self.settings.snapshot(digest)
        if path.is_file() or not self.store.has(_data(digest)):
            return
        draft = path.with_name(f".part-{os.getpid()}-{path.name}")
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            self.store.get({_data(digest): draft}, None, "data")
            draft.replace(path)
        except OSError as error:
            raise StorageError(
                f"Cannot write {path}.", got=error.strerror, do="Free some space, or set NORIA_HOME."
            ) from error
        finally:
            draft.unlink(missing_ok=True)

    def discard(self, digest: str) -> None:
        """Remove a snapshot from the store and from this machine."""
        self.store.remove(_data(digest))
        self._local.discard(digest)


def _entry(name: str, number: int) -> str:
    return f"models/{name}/{number:06d}.json"


def _data(digest: str) -> str:
    return f"snapshots/{digest[:2]}/{digest}.parquet"


def _lasting(folder: Path) -> list[str]:
    """The files of a run, by their paths within it, but its record and what only its work needs."""
    paths = (path.relative_to(folder) for path in sorted(folder.rglob("*")) if path.is_file())
    return [
        path.as_posix()
        for path in paths
        if path.parts[0] not in (_RECORD, *_WORKING) and not path.name.startswith(".")
    ]


def _within(folder: Path, name: str) -> Path:
    """A file of a folder; a name from a store may not lead out of it."""
    if ".." in PurePosixPath(name).parts:
        raise ArtifactError(f"A file in the store has a name that leads out of its run: {name!r}.")
    return folder / name


def _move(source: Path, target: Path) -> None:
    """Rename a folder; where that cannot be done it stays, and is no less there."""
    with suppress(OSError):
        target.parent.mkdir(parents=True, exist_ok=True)
        source.rename(target)
