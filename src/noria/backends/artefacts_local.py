"""Runs and histories of models as plain folders and files."""

from __future__ import annotations

import fcntl
import json
import os
import shutil
from datetime import UTC, datetime
from pathlib import Path
from typing import IO, Any

from noria.core.files import write_text
from noria.core.manifest import read_json
from noria.core.ports import Kept
from noria.core.runs import Change, RunEntry
from noria.errors import NotFoundError, StorageError, suggestion
from noria.settings import Settings

__all__ = ["LocalArtefacts", "LocalSnapshots", "taken"]


class LocalArtefacts:
    """One folder per run, and per name of a model a folder of what happened to its versions.

    ::

        runs/<name>-<time>-<n>/   started.json, trials.jsonl, run.json, report.md, figures/, model/
        models/<name>/            000001.json, 000002.json, ...

    A run is being worked on as long as some process holds the lock on its ``lock`` file, which the operating
    system drops when that process ends, however it ends.
    """

    readers = 1

    def __init__(self, settings: Settings) -> None:
        self.settings = settings
        self.snapshots = LocalSnapshots(settings)
        self._locks: dict[str, IO[str]] = {}

    def create(self, name: str, mark: str = "") -> str:
        """Reserve a folder for a new run of `name`, claimed for this process; return the run's id.

        The id is the name, the time, a mark, and a number that no other run of this home has.
        """
        stamp = datetime.now(UTC).strftime("%Y%m%d-%H%M%S")
        for number in range(1, 1000):
            run = f"{name}-{stamp}-{mark}{number}"
            try:
                self._path(run).mkdir(parents=True)
            except FileExistsError:
                continue
            except OSError as error:
                raise StorageError(
                    f"Cannot create a run in {self.settings.runs}.",
                    got=error.strerror,
                    do="Set NORIA_HOME to a folder that can be written.",
                ) from error
            if self.claim(run):
                return run
        raise StorageError(f"Too many runs of {name!r} were started in this second.", do="Try again.")

    def claim(self, run: str) -> bool:
        """Take a run on this machine for this process; False if another process works on it."""
        try:
            file = (self._path(run) / "lock").open("a")
        except FileNotFoundError:
            return False
        if not _locked(file):
            file.close()
            return False
        self._locks[run] = file
        return True

    def release(self, run: str) -> None:
        """Say that this process no longer works on the run."""
        if run in self._locks:
            self._locks.pop(run).close()

    def busy(self, run: str) -> bool:
        """Whether some process of this machine works on the run."""
        try:
            with (self._path(run) / "lock").open() as file:
                return not _locked(file)
        except FileNotFoundError:
            return False

    def publish(self, run: str) -> None:
        """Nothing: the run is where runs are kept."""

    def discard(self, run: str) -> None:
        """Remove a run: it is no run any more as soon as its folder has another name."""
        path = self._path(run)
        gone = path.with_name(f".{run}")
        try:
            path.rename(gone)
        except FileNotFoundError:
            return
        except OSError as error:
            raise StorageError(f"Cannot remove {path}.", got=error.strerror) from error
        shutil.rmtree(gone, ignore_errors=True)

    def folder(self, run: str) -> Path:
        """Where the run's files are. NotFoundError if there is no such run."""
        path = self._path(run)
        if not path.is_dir():
            raise NotFoundError(f"There is no run {run!r}.", do=suggestion(run, self.runs()))
        return path

    def runs(self) -> list[str]:
        """The ids of all runs."""
        return _names(self.settings.runs)

    def record(self, run: str) -> dict[str, Any] | None:
        """All that a finished run's folder says of it; None if it has not come to its end."""
        return read_json(self._path(run) / "run.json")

    def entry(self, run: str) -> RunEntry | None:
        """What a run's folder says of it; None if it was cut off before it said anything."""
        started, record = read_json(self._path(run) / "started.json"), self.record(run)
        if started is None and record is None:
            return None
        return RunEntry.of(started or {"id": run}, record)

    def size(self, run: str) -> int:
        """The bytes of the files of a run; 0 if there is no such run."""
        return sum(path.stat().st_size for path in self._path(run).rglob("*") if path.is_file())

    def names(self) -> list[str]:
        """All names that have a history."""
        return _names(self.settings.models)

    def change(self, name: str, number: int) -> Change | None:
        """One entry of a history, if there is one of that number."""
        fields = read_json(self._change(name, number))
        return Change.from_dict(fields) if fields is not None else None

    def changes(self, name: str) -> list[Change]:
        """A history, oldest first."""
        paths = sorted((self.settings.models / name).glob("[0-9]*.json"))
        return [Change.from_dict(read_json(path)) for path in paths]

    def add(self, change: Change) -> None:
        """Write the next entry of a history: whole or not at all, and never in place of another."""
        path = self._change(change.name, change.number)
        if path.exists() and self.change(change.name, change.number) != change:
            raise taken(change)
        write_text(path, json.dumps(change.to_dict(), indent=1))

    def _path(self, run: str) -> Path:
        return self.settings.runs / run

    def _change(self, name: str, number: int) -> Path:
        return self.settings.models / name / f"{number:06d}.json"


class LocalSnapshots:
    """The data of runs in the home folder, as `noria.data.snapshot` writes them."""

    def __init__(self, settings: Settings) -> None:
        self.settings = settings

    def kept(self) -> dict[str, Kept]:
        """All snapshots, by digest."""
        found = ((path.stem, path.stat()) for path in self.settings.snapshots.glob("??/*.parquet"))
        return {digest: Kept(about.st_size, about.st_mtime) for digest, about in found}

    def fetch(self, digest: str) -> None:
        """Nothing: what is kept is here."""

    def discard(self, digest: str) -> None:
        """Remove a snapshot."""
        path = self.settings.snapshot(digest)
        try:
            path.unlink(missing_ok=True)
        except OSError as error:
            raise StorageError(f"Cannot remove {path}.", got=error.strerror) from error


def taken(change: Change) -> StorageError:
    """The error of an entry whose place in the history another one has."""
    return StorageError(
        f"The history of {change.name!r} went on in the meantime: there is another entry {change.number}.",
        do="Run the same command again. Who shares a store of runs has to share its database (NORIA_STATE).",
    )


def _locked(file: IO[str]) -> bool:
    """Lock a file for as long as it is open; False if somebody else has."""
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        return False
    return True


def _names(folder: Path) -> list[str]:
    if not folder.is_dir():
        return []
    with os.scandir(folder) as entries:
        return sorted(entry.name for entry in entries if entry.is_dir() and not entry.name.startswith("."))
