"""Runs and model versions as plain folders and files."""

from __future__ import annotations

import fcntl
import json
import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import IO, Any

from noria.core.artifact import write_text
from noria.errors import NotFoundError, StorageError, suggestion
from noria.settings import Settings

__all__ = ["LocalRuns"]


class LocalRuns:
    """One folder per run; per model a file of versions, of which the last is the champion.

    ::

        runs/<name>-<time>-<n>/   started.json, trials.jsonl, run.json, report.md, events.jsonl, model/
        models/<name>.json        [{"version": 1, "run": "...", "time": "..."}, ...]

    A run is being worked on as long as some process holds the lock on its ``lock`` file, which the operating
    system drops when that process ends, however it ends.
    """

    def __init__(self, settings: Settings) -> None:
        self.settings = settings
        self._locks: dict[str, IO[str]] = {}

    def create(self, name: str) -> str:
        """Reserve a folder for a new run of `name` and return the run's id."""
        stamp = datetime.now(UTC).strftime("%Y%m%d-%H%M%S")
        for number in range(1, 1000):
            run_id = f"{name}-{stamp}-{number}"
            try:
                self._path(run_id).mkdir(parents=True)
            except FileExistsError:
                continue
            except OSError as error:
                raise StorageError(
                    f"Cannot create a run in {self.settings.runs}.",
                    got=error.strerror,
                    do="Set NORIA_HOME to a folder that can be written.",
                ) from error
            self.claim(run_id)
            return run_id
        raise StorageError(f"Too many runs of {name!r} were started in this second.", do="Try again.")

    def claim(self, run_id: str) -> bool:
        """Take the run for this process; False if another one is working on it."""
        file = (self._path(run_id) / "lock").open("a")
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            file.close()
            return False
        self._locks[run_id] = file
        return True

    def release(self, run_id: str) -> None:
        """Let the run go."""
        if run_id in self._locks:
            self._locks.pop(run_id).close()

    def discard(self, run_id: str) -> None:
        """Remove a run that came to nothing."""
        shutil.rmtree(self._path(run_id), ignore_errors=True)

    def folder(self, run_id: str) -> Path:
        """Where the run's files are."""
        path = self._path(run_id)
        if not path.is_dir():
            known = [other.name for other in self._folders()]
            raise NotFoundError(f"There is no run {run_id!r}.", do=suggestion(run_id, known))
        return path

    def unfinished(self, name: str, key: str) -> str | None:
        """The newest run of `name` with this key that was never registered; this process claims it."""
        versions = _read(self.settings.models / f"{name}.json") or []
        registered = {version["run"] for version in versions}
        for path in self._folders():
            started = _read(path / "started.json")
            if not started or started["key"] != key or started["name"] != name:
                continue
            if path.name not in registered and self.claim(path.name):
                return path.name
        return None

    def register(self, name: str, run_id: str) -> int:
        """Make the run's model the next version of `name`, and its champion."""
        path = self.settings.models / f"{name}.json"
        with self._only_one(path):
            versions = _read(path) or []
            version = len(versions) + 1
            versions.append({"version": version, "run": run_id, "time": datetime.now(UTC).isoformat()})
            write_text(path, json.dumps(versions, indent=1))
        return version

    def champion(self, name: str) -> Path:
        """The model folder that answers for `name`."""
        versions = _read(self.settings.models / f"{name}.json")
        if not versions:
            known = self.names()
            advice = suggestion(name, known) if known else f"Train it first: noria run {name}"
            raise NotFoundError(f"There is no model {name!r}.", do=advice)
        return self.folder(versions[-1]["run"]) / "model"

    def names(self) -> list[str]:
        """All models that have a version."""
        return sorted(path.stem for path in self.settings.models.glob("*.json"))

    def runs(self, name: str | None = None) -> list[dict[str, Any]]:
        """The records of finished runs, newest first."""
        records = (_read(path / "run.json") for path in self._folders())
        return [record for record in records if record and name in (None, record["name"])]

    def _path(self, run_id: str) -> Path:
        return self.settings.runs / run_id

    def _folders(self) -> list[Path]:
        if not self.settings.runs.is_dir():
            return []
        folders = [path for path in self.settings.runs.iterdir() if path.is_dir()]
        return sorted(folders, key=lambda path: path.stat().st_mtime_ns, reverse=True)

    @contextmanager
    def _only_one(self, path: Path) -> Iterator[None]:
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            handle = os.open(path.parent / ".lock", os.O_CREAT | os.O_RDWR)
        except OSError as error:
            raise StorageError(
                f"Cannot register a model in {path.parent}.",
                got=error.strerror,
                do="Set NORIA_HOME to a folder that can be written.",
            ) from error
        try:
            fcntl.flock(handle, fcntl.LOCK_EX)
            yield
        finally:
            os.close(handle)


def _read(path: Path) -> Any:
    try:
        return json.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        return None
