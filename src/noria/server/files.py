"""``/v1/models/<name>/files``: a file of rows in, a file of rows with predictions out."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from pathlib import Path
from typing import TypeAlias

from fastapi import APIRouter, Request
from fastapi.responses import FileResponse, JSONResponse, Response
from starlette.requests import ClientDisconnect

from noria.errors import BudgetError, NoriaError, NotFoundError, ParamError
from noria.lifecycle.serve import Desk
from noria.lifecycle.serve.files import FileJob, Files

__all__ = ["LIMIT", "Check", "file_routes"]

Check: TypeAlias = Callable[[Request, str | None], object]

LIMIT = 10**9
_PIECE = 1 << 20
_RAW = "application/octet-stream"
_KINDS = {
    ".csv": "text/csv; charset=utf-8",
    ".parquet": "application/vnd.apache.parquet",
    ".jsonl": "application/jsonl",
}


def file_routes(
    desk: Desk, files: Files, check: Check = lambda _request, _name: None, *, limit: int = LIMIT
) -> APIRouter:
    """The routes that score files.

    Parameters
    ----------
    desk : Desk
    files : Files
    check : callable
        ``check(request, name)`` raises an error if the request may not ask that model.
    limit : int
        Bytes that a file may have.
    """
    routes = APIRouter(prefix="/v1/models/{name}/files", tags=["files"])
    scoring: set[asyncio.Future[FileJob]] = set()

    @routes.post("", status_code=202)
    async def send(name: str, request: Request, file: str, to: str) -> Response:
        """Score a file: its bytes are the body, `file` its name, `to` csv, parquet or jsonl."""
        check(request, name)
        serving = desk.endpoint(name).serving
        if request.headers.get("content-type", "").partition(";")[0] != _RAW:
            kind = ParamError("A file is sent as it is.", do=f"Set the header content-type: {_RAW}.")
            return JSONResponse(kind.to_dict(), 415)
        if int(request.headers.get("content-length", 0)) > limit:
            return _too_large(limit)
        try:
            job = await asyncio.to_thread(files.open, serving, file, to)
        except BudgetError as error:
            return JSONResponse(error.to_dict(), error.http_status, {"retry-after": "5"})
        try:
            whole = await _keep(request.stream(), files.upload(job), limit)
        except (OSError, ClientDisconnect, asyncio.CancelledError):
            files.close(job)
            raise
        if not whole:
            files.close(job)
            return _too_large(limit)
        task = asyncio.get_running_loop().run_in_executor(None, files.run, job, serving)
        scoring.add(task)
        task.add_done_callback(scoring.discard)
        return JSONResponse(job.to_dict(), 202, {"location": f"{request.url.path}/{job.id}"})

    @routes.get("/{job}")
    def state(name: str, job: str, request: Request) -> dict[str, object]:
        """How far it is: `state` is running, done or failed."""
        check(request, name)
        return files.find(name, job).to_dict()

    @routes.get("/{job}/result", response_class=FileResponse)
    def result(name: str, job: str, request: Request) -> Response:
        """The rows with predictions."""
        check(request, name)
        found = files.find(name, job)
        if found.state != "done":
            raise NotFoundError("There is no result.", got=f"the file is {found.state}")
        return FileResponse(files.result(found), media_type=_KINDS[found.output], filename=found.name)

    @routes.delete("/{job}", status_code=204)
    def remove(name: str, job: str, request: Request) -> None:
        """Cancel it, and remove what is there."""
        check(request, name)
        files.remove(files.find(name, job))

    return routes


async def _keep(pieces: AsyncIterator[bytes], path: Path, limit: int) -> bool:
    """Write what arrives to a file; False once it is more than the limit."""
    size, waiting = 0, bytearray()
    with path.open("wb") as file:
        async for piece in pieces:
            size += len(piece)
            if size > limit:
                return False
            waiting += piece
            if len(waiting) >= _PIECE:
                await asyncio.to_thread(file.write, bytes(waiting))
                waiting.clear()
        await asyncio.to_thread(file.write, waiting)
    return True


def _too_large(limit: int) -> Response:
    told: NoriaError = ParamError(
        f"The file is larger than {limit / 1e6:,.0f} MB, which is the most that is taken here.",
        do="Split it, or score it on the machine itself: noria predict MODEL FILE -o OUTPUT",
    )
    return JSONResponse(told.to_dict(), 413)
