"""What a run has done so far, on disk, so that it can be taken up again, or looked at, after a kill."""

from __future__ import annotations

import json
import os
from contextlib import ExitStack, suppress
from io import BytesIO, FileIO
from itertools import takewhile
from pathlib import Path
from typing import Any

import polars as pl

from noria.core import files
from noria.core.events import Event, Events
from noria.core.protocol import Learner, Trial
from noria.errors import StorageError
from noria.pages.units import without_password

__all__ = ["EventLog", "Journal", "records"]


class Journal:
    """The trials of one search, each of another learner or with other parameters.

    A trial counts once its line stands in ``trials.jsonl``; its out-of-fold predictions are written before.
    After a loss of power either may be damaged: that trial, and those after it, count as not done.

    Parameters
    ----------
    folder : Path
        The run's folder.
    """

    def __init__(self, folder: Path) -> None:
        self._lines = folder / "trials.jsonl"
        self._predictions = folder / "trials"
        found = [record for _, record in takewhile(self._whole, enumerate(records(self._lines)))]
        if self._lines.exists():
            files.write_text(self._lines, "".join(json.dumps(record) + "\n" for record in found))
        self._records = {_key(record["learner"], record["params"]): record for record in found}

    def __len__(self) -> int:
        return len(self._records)

    @property
    def seconds(self) -> float:
        """The time that the recorded trials had taken when the search was cut off."""
        return max((record["elapsed"] for record in self._records.values()), default=0.0)

    def write(self, trial: Trial, elapsed: float, outcome: str = "finished") -> None:
        """Record a trial; of one that was pruned or failed, only that it was.

        Raises
        ------
        StorageError
            If it cannot be written; the trials before it stand.
        """
        record = {
            "number": trial.number,
            "learner": trial.learner.name,
            "params": trial.learner.params.to_dict(),
            "outcome": outcome,
            "score": trial.score,
            "fit_seconds": trial.fit_seconds,
            "predict_seconds": trial.predict_seconds,
            "bytes": trial.bytes,
            "elapsed": elapsed,
        }
        try:
            if outcome == "finished":
                self._predictions.mkdir(exist_ok=True)
                self._path(trial.number).write_bytes(_arrow(trial.predictions))
            with self._lines.open("a", encoding="utf-8") as file:
                file.write(json.dumps(record) + "\n")
        except OSError as error:
            raise _unwritable(self._lines, error) from error
        self._records[_key(trial.learner.name, trial.learner.params.to_dict())] = record

    def outcome(self, learner: Learner) -> str | None:
        """How the trial of this learner with these parameters ended; None if there was none."""
        record = self._records.get(_key(learner.name, learner.params.to_dict()))
        return None if record is None else record["outcome"]

    def read(self, learner: Learner) -> Trial:
        """A finished trial, without its models."""
        record = self._records[_key(learner.name, learner.params.to_dict())]
        return Trial(
            number=record["number"],
            learner=learner,
            score=record["score"],
            predictions=pl.read_ipc(self._path(record["number"])),
            fit_seconds=record["fit_seconds"],
            predict_seconds=record["predict_seconds"],
            bytes=record["bytes"],
        )

    def clear(self) -> None:
        """Remove the predictions; the record of what was tried stays."""
        for path in self._predictions.glob("*.arrow"):
            path.unlink()
        if self._predictions.is_dir():
            self._predictions.rmdir()

    def _whole(self, numbered: tuple[int, dict[str, Any]]) -> bool:
        """Whether a trial follows the one before, and its predictions can be read if they are still kept."""
        number, record = numbered
        if record["number"] != number:
            return False
        if record["outcome"] != "finished" or not self._predictions.is_dir():
            return True
        try:
            pl.read_ipc(self._path(number))
        except (OSError, pl.exceptions.PolarsError):
            return False
        return True

    def _path(self, number: int) -> Path:
        return self._predictions / f"{number:05d}.arrow"


class EventLog:
    """The events of a run as lines of JSON, ``events.jsonl``, each written as it happens.

    What happens before the run has a folder is written once it has one. Progress is left out: of it, only
    the end counts. Addresses name no user and no password.

    Parameters
    ----------
    events : Events
    """

    def __init__(self, events: Events) -> None:
        self._early: list[bytes] = []
        self._path = Path()
        self._file: FileIO | None = None
        self._closing = ExitStack()
        self._closing.callback(events.ignore, self._hear)
        events.listen(self._hear)

    def open(self, folder: Path) -> None:
        """Write into a run's folder from now on, after what an earlier process wrote there.

        Raises
        ------
        StorageError
            If it cannot be written.
        """
        self._path = folder / "events.jsonl"
        try:
            _mend(self._path)
            self._file = self._closing.enter_context(FileIO(self._path, "a"))
            self._file.write(b"".join(self._early))
        except OSError as error:
            raise _unwritable(self._path, error) from error

    def close(self) -> None:
        """Write no more."""
        self._closing.close()

    def _hear(self, event: Event) -> None:
        if event.kind.endswith(".progress"):
            return
        line = without_password(json.dumps(event.to_dict(), default=str)).encode() + b"\n"
        if self._file is None:
            self._early.append(line)
            return
        try:
            self._file.write(line)
        except OSError as error:
            raise _unwritable(self._path, error) from error


def _key(learner: str, params: dict[str, Any]) -> str:
    return json.dumps([learner, params], sort_keys=True)


def _arrow(table: pl.DataFrame) -> bytes:
    buffer = BytesIO()
    table.write_ipc(buffer)
    return buffer.getvalue()


def records(path: Path) -> list[dict[str, Any]]:
    """The records of a file of JSON lines; one that was cut off or damaged is none."""
    if not path.exists():
        return []
    text = path.read_bytes()
    found = []
    for line in text[: text.rfind(b"\n") + 1].splitlines():
        with suppress(ValueError):
            found.append(json.loads(line))
    return found


def _mend(path: Path) -> None:
    """Take a last line that was cut off out of a file that is to be gone on with."""
    if path.exists():
        text = path.read_bytes()
        os.truncate(path, text.rfind(b"\n") + 1)


def _unwritable(path: Path, error: OSError) -> StorageError:
    return StorageError(
        f"Cannot write {path}.",
        got=error.strerror or str(error),
        do="Free some space, and run the same command to go on from here.",
    )
