"""Documents that are sent to a service: put beside the others, and indexed by the next version."""

from __future__ import annotations

import fcntl
import hashlib
import json
import logging
import os
import re
import secrets
import time
import unicodedata
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, suppress
from dataclasses import asdict, dataclass, replace
from pathlib import Path, PurePath
from threading import BoundedSemaphore
from typing import Any, Literal

from noria.core import manifest
from noria.core.files import write_text
from noria.data.documents import apart
from noria.data.documents.blocks import Unreadable
from noria.data.documents.kinds import CODE, KINDS, LARGEST
from noria.errors import (
    Interrupted,
    NoriaError,
    NotFoundError,
    OverloadError,
    ParamError,
    RequestError,
    StorageError,
)
from noria.lifecycle.refit import documents_folder
from noria.lifecycle.serve.serving import Serving

__all__ = ["LARGEST", "TAKEN", "Upload", "Uploads", "documents_of"]

TAKEN = tuple(sorted(set(KINDS) - set(CODE)))
"""The endings of what is taken: no source code, which somebody might run where it lies."""
_LONGEST = 200  # bytes of a name
_KEPT = 3600.0  # seconds for which can be asked what became of one
_WAITING = 8  # documents that have not been read yet, all of which are held in memory
_AT_ONCE = 2  # documents that are read at a time
_logger = logging.getLogger("noria.serve")


@dataclass(frozen=True)
class Upload:
    """What is known of a document that was sent.

    Attributes
    ----------
    id, model, document : str
    state : str
    when : float
        When it was put beside the others, seconds since 1970.
    version : int, optional
        The first one that has it.
    promoted : bool
        Whether that one answers.
    why : str
        Why, or why not.
    error : mapping, optional
        A `NoriaError`, JSON-ready. The document stays where it is.
    """

    id: str
    model: str
    document: str
    when: float
    state: Literal["waiting", "indexing", "done", "failed"] = "waiting"
    version: int | None = None
    promoted: bool = False
    why: str = ""
    error: dict[str, Any] | None = None

    def to_dict(self) -> dict[str, Any]:
        """JSON-ready fields."""
        return asdict(self)


def documents_of(serving: Serving) -> Path | None:
    """The folder of this machine that a model's documents come from; None if it is not one."""
    return documents_folder(manifest.read_json(serving.folder / "run.json") or {})


class Uploads:
    """Takes documents, and has the model fitted again, one at a time, beside the requests of a service.

    Parameters
    ----------
    folder : Path
        What became of documents. Processes that share a port share it.
    refit : callable
        Fits a model, given by its name, on its documents as they are now, and answers with the record of the
        run: ``version``, ``promoted`` and ``why``.
    cancel : callable, optional
        Ends a fit that is going on.

    Attributes
    ----------
    readers : Executor
        Where `take` belongs: reading a document may take minutes, for which other threads are too few.
    """

    def __init__(
        self,
        folder: Path,
        refit: Callable[[str], dict[str, Any]],
        cancel: Callable[[], object] = lambda: None,
    ) -> None:
        self.folder, self._refit, self._cancel = folder, refit, cancel
        self._turns = ThreadPoolExecutor(1, "noria-documents")
        self._waiting = BoundedSemaphore(_WAITING)
        self.readers = ThreadPoolExecutor(_AT_ONCE, "noria-read")

    @contextmanager
    def room(self) -> Iterator[None]:
        """Room for a document until it is taken.

        Raises
        ------
        OverloadError
            If too many others have come that were not read yet.
        """
        if not self._waiting.acquire(blocking=False):
            raise OverloadError(
                "Too many documents are being sent at once.", do="Send it again in a moment.", retry_after=5
            )
        try:
            yield
        finally:
            self._waiting.release()

    def take(self, serving: Serving, name: str, content: bytes, *, replace: bool = False) -> Upload:
        """Put a document beside the others of a model. What follows happens in a thread.

        Parameters
        ----------
        serving : Serving
        name : str
        content : bytes
        replace : bool
            Whether it may take the place of another one of its name.

        Raises
        ------
        ParamError
            If the model's documents are no folder of this machine, the name is none for a file of it, or the
            document cannot be read.
        RequestError
            If there is another document of this name.
        StorageError
            If it cannot be written.
        """
        place = documents_of(serving)
        if place is None:
            raise ParamError(
                f"The documents of {serving.name!r} do not come from a folder of this machine.",
                do="Add the document where they come from, and refit the model.",
            )
        _check(name)
        try:
            apart.check(name, content)
        except Unreadable as error:
            raise ParamError(
                f"The document {name!r} cannot be read.", got=str(error), do="Repair it, or divide it."
            ) from error
        _put(place / name, content, replace=replace)
        job = Upload(secrets.token_urlsafe(16), serving.name, name, time.time())
        self._write(job)
        self._turns.submit(self._index, job)
        return job

    def find(self, model: str, id: str) -> Upload:  # noqa: A002 - what it is called everywhere
        """What became of a document.

        Raises
        ------
        NotFoundError
            If it was never sent, or long ago.
        """
        told = manifest.read_json(self._path(id)) if re.fullmatch(r"[\w-]{1,64}", id, re.ASCII) else None
        if told is None or told["model"] != model:
            raise NotFoundError("No such document was sent.", do="It may be in the answers: ask for it.")
        job = Upload(**{key: value for key, value in told.items() if key != "process"})
        if job.state in ("waiting", "indexing") and not _runs(told["process"]):
            return replace(job, state="failed", error=_stopped(job).to_dict())
        return job

    def stop(self) -> None:
        """End what is going on, and begin nothing more."""
        for threads in (self.readers, self._turns):
            threads.shutdown(wait=False, cancel_futures=True)
        self._cancel()

    def _index(self, job: Upload) -> None:
        """Fit the model, unless that was begun after the document had come; whatever comes of it is told."""
        try:
            self._indexed(job)
        except (NoriaError, OSError, LookupError, ValueError) as error:
            _logger.error("The documents of %r could not be indexed: %s", job.model, error)
            told = error if isinstance(error, NoriaError) else _broken(job)
            self._write(replace(job, state="failed", error=told.to_dict()))

    def _indexed(self, job: Upload) -> None:
        with self._turn(job.model) as last:
            if last.get("begun", 0.0) < job.when:
                self._write(replace(job, state="indexing"))
                begun = time.time()
                told = self._refit(job.model)
                last.update(begun=begun, **{key: told[key] for key in ("version", "promoted", "why")})
        self._write(replace(job, state="done", **{key: last[key] for key in ("version", "promoted", "why")}))

    @contextmanager
    def _turn(self, model: str) -> Iterator[dict[str, Any]]:
        """Alone among all processes: what is known of the last fit, which is kept."""
        path = self.folder / f"{hashlib.sha256(model.encode()).hexdigest()[:32]}.last"
        with path.open("a+") as file:
            fcntl.flock(file, fcntl.LOCK_EX)
            file.seek(0)
            last = json.loads(file.read() or "{}")
            yield last
            file.truncate(0)
            file.write(json.dumps(last))

    def _path(self, id: str) -> Path:  # noqa: A002 - as above
        return self.folder / f"{id}.json"

    def _write(self, job: Upload) -> None:
        self.folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        write_text(self._path(job.id), json.dumps({**job.to_dict(), "process": os.getpid()}))

    def sweep(self) -> None:
        """Forget what was sent long ago."""
        for path in self.folder.glob("*.json"):
            with suppress(OSError):
                if time.time() - path.stat().st_mtime > _KEPT:
                    path.unlink()


def _runs(process: int) -> bool:
    try:
        os.kill(process, 0)
    except OSError:
        return False
    return True


def _stopped(job: Upload) -> Interrupted:
    return Interrupted(
        f"The service stopped before {job.document!r} was indexed.",
        do=f"It was kept; run: noria train --refit {job.model}",
    )


def _broken(job: Upload) -> NoriaError:
    return NoriaError(f"{job.model!r} could not be fitted again.", do="See the log of the service.")


def _check(name: str) -> None:
    """Raise ParamError unless this is the name of a file, and nothing but that, on every system."""
    hidden = any(unicodedata.category(letter).startswith("C") for letter in name)
    if hidden or re.search(r'[/\\:*?"<>|]', name) or name.startswith(".") or name != name.strip(" ."):
        raise ParamError(
            "This is no name for a document.",
            got=ascii(name[:80]),
            do='Leave out any path, the signs : * ? " < > |, what cannot be seen, and dots at the ends.',
        )
    ending = PurePath(name).suffix.lower()
    if ending not in TAKEN:
        raise ParamError(f"Documents of the kind {ending!r} are not taken.", do=f"Send {', '.join(TAKEN)}.")
    if len(name.encode()) > _LONGEST:
        raise ParamError("The name of the document is too long.", do=f"Use at most {_LONGEST} bytes.")


def _put(path: Path, content: bytes, *, replace: bool) -> None:
    """Write a document, which is there as a whole or not at all."""
    draft = path.with_name(f".{secrets.token_hex(8)}.part")  # hidden files are no documents
    try:
        with draft.open("xb") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        if replace:
            draft.replace(path)
        else:
            path.hardlink_to(draft)
    except FileExistsError as error:
        if path.is_file() and path.read_bytes() == content:
            return  # sent again by who did not hear that it had come
        raise RequestError(
            f"There is a document {path.name!r} already.",
            status=409,
            do="Let it be replaced (replace=true), or give this one another name.",
        ) from error
    except OSError as error:
        raise StorageError("The document cannot be written.", got=error.strerror) from error
    finally:
        draft.unlink(missing_ok=True)
