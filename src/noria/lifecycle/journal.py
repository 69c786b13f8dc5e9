"""What a search has finished, on disk, so that it can be taken up again after Ctrl-C or a kill."""

from __future__ import annotations

import json
from io import BytesIO
from pathlib import Path
from typing import Any

import polars as pl

from noria.core.protocol import Learner, Trial
from noria.errors import StorageError

__all__ = ["Journal"]


class Journal:
    """The finished trials of one search.

    A trial counts once its line stands in ``trials.jsonl``; its out-of-fold predictions are written before.

    Parameters
    ----------
    folder : Path
        The run's folder.
    """

    def __init__(self, folder: Path) -> None:
        self._lines = folder / "trials.jsonl"
        self._predictions = folder / "trials"
        self._records = {record["number"]: record for record in _complete_lines(self._lines)}

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
            "elapsed": elapsed,
        }
        try:
            if outcome == "finished":
                self._predictions.mkdir(exist_ok=True)
                self._path(trial.number).write_bytes(_arrow(trial.predictions))
            with self._lines.open("a", encoding="utf-8") as file:
                file.write(json.dumps(record) + "\n")
        except OSError as error:
            raise StorageError(
                f"Cannot write {self._lines}.",
                got=error.strerror or str(error),
                do="Free some space, and run the same command to go on from here.",
            ) from error
        self._records[trial.number] = record

    def outcome(self, number: int, learner: Learner) -> str | None:
        """How this trial ended, if it was of this learner with these parameters."""
        record = self._records.get(number)
        if (
            record is None
            or record["learner"] != learner.name
            or record["params"] != learner.params.to_dict()
        ):
            return None
        return record["outcome"]

    def read(self, number: int, learner: Learner) -> Trial:
        """A finished trial, without its models."""
        record = self._records[number]
        return Trial(
            number=number,
            learner=learner,
            score=record["score"],
            predictions=pl.read_ipc(self._path(number)),
            fit_seconds=record["fit_seconds"],
            predict_seconds=record["predict_seconds"],
        )

    def clear(self) -> None:
        """Remove the predictions; the record of what was tried stays."""
        for path in self._predictions.glob("*.arrow"):
            path.unlink()
        if self._predictions.is_dir():
            self._predictions.rmdir()

    def _path(self, number: int) -> Path:
        return self._predictions / f"{number:05d}.arrow"


def _arrow(table: pl.DataFrame) -> bytes:
    buffer = BytesIO()
    table.write_ipc(buffer)
    return buffer.getvalue()


def _complete_lines(path: Path) -> list[dict[str, Any]]:
    """The records of all lines but a last one that was cut off in the middle of writing."""
    if not path.exists():
        return []
    text = path.read_text(encoding="utf-8")
    whole = text[: text.rfind("\n") + 1]
    if whole != text:
        path.write_text(whole, encoding="utf-8")
    return [json.loads(line) for line in whole.splitlines()]
