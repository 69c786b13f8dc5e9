"""``/v1/models/<name>/files``: a file of rows in, a file of rows with predictions out."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator

from fastapi import APIRouter, Request
from fastapi.responses import FileResponse, JSONResponse, Response
from starlette.requests import ClientDisconnect

from noria.core.serving import Verb
from noria.errors import NotFoundError, RequestError, StorageError
from noria.lifecycle.serve import Desk
from noria.lifecycle.serve.files import FileJob, Files
from noria.pages.units import data_size
from noria.server.guard import check
from noria.server.predict import check_plain

__all__ = ["check_raw", "file_routes"]

_PIECE = 1 << 20
_RAW = "application/octet-stream"
_KINDS = {
    ".csv": "text/csv; charset=utf-8",
    ".parquet": "application/vnd.apache.parquet",
    ".jsonl": "application/jsonl",
}


def file_routes(desk: Desk, files: Files) -> APIRouter:
    """The routes that score files."""
    routes = APIRouter(prefix="/v1/models/{name}/files", tags=["files"])
    scoring: set[asyncio.Future[FileJob]] = set()
    limit = desk.limits.file

    @routes.post("", status_code=202)
    async def send(name: str, request: Request, file: str, to: str) -> Response:
        """Score a file: its bytes are the body, `file` its name, `to` csv, parquet or jsonl."""
        check(request.scope, name, Verb.PREDICT)
        serving = desk.endpoint(name).serving
        check_raw(request)
        if int(request.headers.get("content-length", 0)) > limit:
            raise _too_large(limit)
        job = await asyncio.to_thread(files.open, serving, file, to)
        try:
            await _keep(request.stream(), files, job, limit)
        except (RequestError, StorageError, asyncio.CancelledError):
            files.close(job)
            raise
        files.claim(job)
        task = asyncio.get_running_loop().run_in_executor(files.threads, files.run, job, serving)
        scoring.add(task)
        task.add_done_callback(scoring.discard)
        return JSONResponse(job.to_dict(), 202, {"location": f"{request.url.path}/{job.id}"})

    @routes.get("/{job}")
    def state(name: str, job: str, request: Request) -> dict[str, object]:
        """How far it is: `state` is running, done or failed."""
        check(request.scope, name, Verb.PREDICT)
        return files.find(name, job).to_dict()

    @routes.get("/{job}/result", response_class=FileResponse)
    def result(name: str, job: str, request: Request) -> Response:
        """The rows with predictions."""
        check(request.scope, name, Verb.PREDICT)
        found = files.find(name, job)
        if found.state != "done":
            raise NotFoundError("There is no result.", got=f"the file is {found.state}")
        return FileResponse(files.result(found), media_type=_KINDS[found.output], filename=found.name)

    @routes.delete("/{job}", status_code=204)
    def remove(name: str, job: str, request: Request) -> None:
        """Cancel it, and remove what is there."""
        check(request.scope, name, Verb.PREDICT)
        files.remove(files.find(name, job))

    return routes


def check_raw(request: Request) -> None:
    """RequestError unless the body is a file as it is, which no page of another site can send."""
    if request.headers.get("content-type", "").partition(";")[0] != _RAW:
        do = f"Set the header content-type: {_RAW}."
        raise RequestError("A file is sent as it is.", status=415, do=do)
    check_plain(request.scope)


async def _keep(pieces: AsyncIterator[bytes], files: Files, job: FileJob, limit: int) -> None:
    """Write what arrives to a file.

    RequestError if it is more than the limit or cut off, StorageError if there is no room.
    """
    size, waiting = 0, bytearray()
    try:
        with files.upload(job).open("wb") as file:
            async for piece in pieces:
                size += len(piece)
                if size > limit:
                    raise _too_large(limit)
                waiting += piece
                if len(waiting) >= _PIECE:
                    files.check_disk()
                    await asyncio.to_thread(file.write, bytes(waiting))
                    waiting.clear()
            await asyncio.to_thread(file.write, waiting)
    except ClientDisconnect as error:
        raise RequestError("The request was cut off.", status=400) from error
    except OSError as error:
        raise StorageError("The service has no room for this file.", got=error.strerror) from error


def _too_large(limit: int) -> RequestError:
    return RequestError(
        f"The file is larger than {data_size(limit)}, which is the most that is taken here.", status=413,
        do="Split it, or score it on the machine itself: noria predict MODEL FILE -o OUTPUT",
    )  # fmt: skip
