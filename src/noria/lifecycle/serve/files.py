"""Files that a service scores: one folder each, which every process of the service reads."""

from __future__ import annotations

import fcntl
import json
import logging
import re
import secrets
import shutil
import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, suppress
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import IO, Any, Literal

import polars as pl

from noria.core.events import Event, Events
from noria.core.words import data_size
from noria.data import sources
from noria.data.conform import written
from noria.errors import (
    ColumnError,
    Interrupted,
    NoriaError,
    NotFoundError,
    OverloadError,
    ParamError,
    RequestError,
    StorageError,
    suggestion,
)
from noria.lifecycle import predict
from noria.lifecycle.serve.limits import Limits
from noria.lifecycle.serve.serving import Serving
from noria.settings import Settings

__all__ = ["ENDINGS", "FileJob", "Files"]

ENDINGS = (".csv", ".tsv", ".parquet", ".jsonl")
_OUTPUTS = (".csv", ".parquet", ".jsonl")
_STATE, _LOCK, _CANCEL = "job.json", "lock", "cancel"
_PIECE = 1 << 20
_SPARE = 1 << 28  # bytes of the disk that files leave to others
_logger = logging.getLogger("noria.serve")


@dataclass(frozen=True)
class FileJob:
    """What is known of a file that is scored.

    Attributes
    ----------
    id : str
        Not to be guessed: who knows it may read the result.
    model, version
        What scores it.
    name : str
        Of the result, for the one who saves it.
    ending, output : str
        The formats of the rows and of the result, as in ``".csv"``.
    state : str
    rows : int
        Scored so far.
    total : int
        All of them, nearly; 0 as long as they have not been counted.
    bytes : int
        Of the result.
    error : mapping, optional
        A `NoriaError`, JSON-ready.
    notes : list of str
        What was not as it should be, though the rows were scored.
    """

    id: str
    model: str
    version: int
    name: str
    ending: str
    output: str
    state: Literal["running", "done", "failed"] = "running"
    rows: int = 0
    total: int = 0
    bytes: int = 0
    error: dict[str, Any] | None = None
    notes: list[str] = field(default_factory=list)

    def to_dict(self) -> dict[str, Any]:
        """JSON-ready fields."""
        return asdict(self)


class Files:
    """Scores files beside the requests of a service.

    Parameters
    ----------
    folder : Path
        Of uploads and results. Processes that share a port share it.
    at_once : int
        How many files this process takes at the same time.
    keep : float
        Seconds after which a result that nobody removed goes.
    limits : Limits, optional

    Attributes
    ----------
    threads : Executor
        Where `run` belongs: it may take hours, for which other threads are too few.
    """

    def __init__(
        self, folder: Path, *, at_once: int = 2, keep: float = 3600.0, limits: Limits | None = None
    ) -> None:
        self.folder, self.keep, self.limits = folder, keep, limits or Limits()
        self._slots = threading.BoundedSemaphore(at_once)
        self.threads = ThreadPoolExecutor(at_once, "noria-files")
        self._locks: dict[str, IO[str]] = {}
        self._stopped = threading.Event()

    def open(self, serving: Serving, name: str, output: str) -> FileJob:
        """A place for a file that is about to arrive; `claim` and `run`, or `close`, must follow.

        Parameters
        ----------
        serving : Serving
        name : str
            What the sender calls the file. Only its ending and, for the result, its stem are used.
        output : str
            Ending of the result, with or without a dot.

        Raises
        ------
        ParamError
            If one of the formats is unknown.
        OverloadError
            If as many files as may be are being scored.
        StorageError
            If there is no room for it.
        """
        name = re.split(r"[/\\]", name)[-1]
        ending, output = _ending(name, ENDINGS), _ending(f"x.{output.lstrip('.')}", _OUTPUTS)
        self._take()
        self._slots.release()  # it is taken once the file is here, which may be in hours
        with ExitStack() as undo:
            self.sweep()
            stem = re.sub(r"[^\w.-]+", "_", Path(name).stem)[:80].strip("._") or "rows"
            called, id_ = f"{stem}-scored{output}", secrets.token_urlsafe(16)
            job = FileJob(id_, serving.name, serving.version, called, ending, output)
            try:
                (self.folder / job.id).mkdir(parents=True, mode=0o700)
                self._locks[job.id] = undo.enter_context((self.folder / job.id / _LOCK).open("w"))
                fcntl.flock(self._locks[job.id], fcntl.LOCK_EX)
                self._write(job)
            except OSError as error:
                raise StorageError("The service has no room for files.", got=error.strerror) from error
            undo.pop_all()
        return job

    def claim(self, job: FileJob) -> None:
        """Take a slot for a file that is here; `run` must follow, and gives it back.

        OverloadError if as many files as may be are being scored; then it is gone.
        """
        try:
            self._take()
        except OverloadError:
            self.close(job)
            raise

    def upload(self, job: FileJob) -> Path:
        """Where its rows belong."""
        return self.folder / job.id / f"rows{job.ending}"

    def result(self, job: FileJob) -> Path:
        """Where its rows with predictions are once it is done."""
        return self.folder / job.id / f"scored{job.output}"

    def run(self, job: FileJob, serving: Serving) -> FileJob:
        """Score the rows, batch by batch; what came of it. Blocks, so that it belongs into a thread."""
        try:
            return self._scored(job, serving)
        finally:
            self.upload(job).unlink(missing_ok=True)
            self._locks.pop(job.id).close()
            self._slots.release()
            if (self.folder / job.id / _CANCEL).exists():
                shutil.rmtree(self.folder / job.id, ignore_errors=True)

    def close(self, job: FileJob) -> None:
        """Give the place of a file back that did not arrive."""
        self._locks.pop(job.id).close()
        shutil.rmtree(self.folder / job.id, ignore_errors=True)

    def find(self, model: str, id: str) -> FileJob:  # noqa: A002 - what it is called everywhere
        """The state of a file.

        Raises
        ------
        NotFoundError
            If it was never sent, or removed.
        """
        folder = self.folder / id
        try:
            job = FileJob(**json.loads((folder / _STATE).read_text(encoding="utf-8")))
        except (OSError, ValueError, TypeError):
            job = None
        if job is None or job.id != id or job.model != model or (folder / _CANCEL).exists():
            raise NotFoundError("There is no such file.", do="Send it again: results are kept for an hour.")
        if job.state == "running" and not _held(folder / _LOCK):
            return replace(job, state="failed", error=_stopped().to_dict())
        return job

    def remove(self, job: FileJob) -> None:
        """Remove it; one that is being scored stops after the batch at hand."""
        folder = self.folder / job.id
        if _held(folder / _LOCK):
            (folder / _CANCEL).touch()
        else:
            shutil.rmtree(folder, ignore_errors=True)

    def check_disk(self) -> None:
        """Raise StorageError if files would take the space that the log of predictions needs."""
        if shutil.disk_usage(self.folder).free < _SPARE:
            raise StorageError("The service has no room for this file.", do="Send it again later.")

    def stop(self) -> None:
        """End what is being scored after the batch at hand, and begin nothing more."""
        self._stopped.set()
        self.threads.shutdown(wait=False)

    def sweep(self) -> None:
        """Remove what is older than `keep`, and nobody works on."""
        if not self.folder.is_dir():
            return
        for folder in self.folder.iterdir():
            with suppress(OSError):
                if time.time() - folder.stat().st_mtime > self.keep and not _held(folder / _LOCK):
                    shutil.rmtree(folder)

    def _take(self) -> None:
        if not self._slots.acquire(blocking=False):
            raise OverloadError(
                "Other files are being scored.", do="Try again when they are done.", retry_after=5
            )

    def _scored(self, job: FileJob, serving: Serving) -> FileJob:
        job = replace(job, total=_count(self.upload(job)))
        self._write(job)

        def batches() -> Iterator[pl.DataFrame]:
            nonlocal job
            as_text = written(serving.model.signature.inputs)
            for batch in sources.scan(str(self.upload(job)), settings=Settings(), written=as_text):
                if self._stopped.is_set():
                    raise _stopped()
                if (self.folder / job.id / _CANCEL).exists():
                    raise Interrupted("Scoring was cancelled.")
                self._check(job, batch.height)
                yield batch
                job = replace(job, rows=job.rows + batch.height)
                self._write(job)

        def hear(event: Event) -> None:
            if event.kind == "predict.unread":
                job.notes.append(event.data["what"])

        events = Events()
        events.listen(hear)
        try:
            predict.write(serving.model, batches(), self.result(job), events)
            job = replace(job, state="done", bytes=self.result(job).stat().st_size)
        except NoriaError as error:
            job = replace(job, state="failed", error=self._without_path(job, error))
        except pl.exceptions.PolarsError as error:
            unread = ParamError("The rows cannot be read.", got=error)
            job = replace(job, state="failed", error=self._without_path(job, unread))
        except Exception:  # whatever a model raises, whoever waits for this file must hear of it
            _logger.exception("Version %d of %r failed on a file.", job.version, job.model)
            failed = ColumnError("The model failed on this file.", do="See the log of the service.")
            job = replace(job, state="failed", error=failed.to_dict())
        self._write(job)
        return job

    def _check(self, job: FileJob, more: int) -> None:
        """Raise if the result is, or the rows with so many more are, too large."""
        self.check_disk()
        limits, found = self.limits, (self.folder / job.id).iterdir()
        size = sum(one.stat().st_size for one in found if one != self.upload(job))
        if job.rows + more > limits.file_rows or size > limits.result:
            raise RequestError(
                "The file is more than is scored here at once.",
                status=413,
                got=f"over {job.rows:,} rows, and {data_size(size)} of results",
                do=f"Send at most {limits.file_rows:,} rows with {data_size(limits.result)} of results.",
            )

    def _without_path(self, job: FileJob, error: NoriaError) -> dict[str, Any]:
        """The error in words that do not tell where the file lies."""
        place = self.upload(job)
        told = dict(error.to_dict())
        for key, value in told.items():
            if isinstance(value, str):
                told[key] = _sentence(value.replace(str(place), "the file").replace(place.name, "the file"))
        return told

    def _write(self, job: FileJob) -> None:
        draft = self.folder / job.id / f".{_STATE}"
        try:
            draft.write_text(json.dumps(job.to_dict()), encoding="utf-8")
            draft.replace(self.folder / job.id / _STATE)
        except OSError as error:
            raise StorageError("The service has no room for files.", got=error.strerror) from error


def _sentence(text: str) -> str:
    return text[:1].upper() + text[1:]


def _stopped() -> Interrupted:
    return Interrupted("The service stopped while it scored this file.", do="Send it again.")


def _ending(name: str, known: tuple[str, ...]) -> str:
    ending = Path(name).suffix.lower()
    ending = {".ndjson": ".jsonl"}.get(ending, ending)
    if ending not in known:
        raise ParamError(f"A file of kind {ending!r} is not scored here.", do=suggestion(ending, known))
    return ending


def _held(lock: Path) -> bool:
    """Whether somebody scores in this folder."""
    try:
        with lock.open("r") as file:
            fcntl.flock(file, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except FileNotFoundError:
        return False
    except OSError:
        return True
    return False


def _count(path: Path) -> int:
    """About how many rows a file has: its lines, without reading them as rows."""
    if path.suffix == ".parquet":
        with suppress(pl.exceptions.PolarsError, OSError):
            return int(pl.scan_parquet(path).select(pl.len()).collect().item())
        return 0
    lines = 0
    with path.open("rb") as file:
        while piece := file.read(_PIECE):
            lines += piece.count(b"\n")
    return lines if path.suffix == ".jsonl" else max(lines - 1, 0)
