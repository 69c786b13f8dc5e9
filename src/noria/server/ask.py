"""Questions to models that cite documents: ``{"question": ...}``, streamed or at once; documents."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from functools import partial
from typing import Any

import orjson
from fastapi import APIRouter, Request
from fastapi.responses import JSONResponse, StreamingResponse
from starlette.requests import ClientDisconnect

from noria.core.serving import Verb, named
from noria.core.words import data_size
from noria.errors import NoriaError, NotFoundError, RequestError
from noria.lifecycle.serve import Desk, request_id
from noria.lifecycle.serve.uploads import LARGEST, Uploads
from noria.server.files import check_raw
from noria.server.guard import check, within
from noria.server.predict import body, question, read_json
from noria.server.reply import header

__all__ = ["ask_routes"]


def ask_routes(desk: Desk, uploads: Uploads) -> APIRouter:
    """The routes of models that are asked, and of their documents."""
    routes = APIRouter()
    _add_documents(routes, desk, uploads)

    @routes.post("/v1/models/{name}/ask")
    async def ask(name: str, request: Request) -> StreamingResponse:
        """Server-sent events: ``sentence`` for each as it comes, then ``answer``, or ``error``."""
        caller = check(request.scope, name, Verb.PREDICT, filtered=True)
        desk.endpoint(name).serving.talker  # noqa: B018 - said before the stream begins
        told = question(await read_json(request.scope, request.receive, desk.limits))
        where = within(request.scope, name, told.within)
        traffic = desk.endpoint(name).traffic
        key = header(request.scope, traffic.header.encode()) if traffic.header else None
        loop, sentences = asyncio.get_running_loop(), asyncio.Queue[str | None]()

        def tell(sentence: str | None) -> None:
            loop.call_soon_threadsafe(sentences.put_nowait, sentence)

        async def events() -> AsyncIterator[bytes]:
            number = request_id()
            work = loop.create_task(
                desk.ask(
                    name, told.text, number, caller, key=key, history=told.history, within=where, tell=tell
                )
            )
            work.add_done_callback(lambda _: tell(None))
            try:
                while (sentence := await sentences.get()) is not None:
                    yield _event("sentence", {"text": sentence})
                yield _event("answer", body(name, await work, 0)[1])
            except NoriaError as error:
                desk.meter.failed(name, type(error).__name__)
                yield _event("error", error.to_dict())
            finally:
                work.cancel()

        return StreamingResponse(events(), media_type="text/event-stream")

    @routes.get("/v1/models/{name}/documents")
    def documents(name: str, document: str, request: Request, begin: int = 0, end: int = 0) -> dict[str, Any]:
        """A document around the characters that an answer cites."""
        check(request.scope, name, Verb.PREDICT, filtered=True)
        if not all(named(patterns).match(document) for patterns in within(request.scope, name)):
            raise NotFoundError(f"There is no document {document[:80]!r}.")
        try:
            return desk.endpoint(name).serving.talker.source(document, begin, end)
        except NotFoundError as error:
            error.do = None  # it names other documents, which the key may not be for
            raise

    return routes


def _add_documents(routes: APIRouter, desk: Desk, uploads: Uploads) -> None:
    """Routes that documents are sent to."""
    limit = min(desk.limits.file, LARGEST)

    @routes.post("/v1/models/{name}/documents", status_code=202)
    async def add(name: str, document: str, request: Request, replace: bool = False) -> JSONResponse:
        """Add a document: its bytes are the body, `document` its name."""
        check(request.scope, name, Verb.UPLOAD)
        serving = desk.endpoint(name).serving
        check_raw(request)
        with uploads.room():
            content = await _body(request, limit)
            take = partial(uploads.take, serving, document, content, replace=replace)
            job = await asyncio.get_running_loop().run_in_executor(uploads.readers, take)
        return JSONResponse(job.to_dict(), 202, {"location": f"{request.url.path}/{job.id}"})

    @routes.get("/v1/models/{name}/documents/{job}")
    def state(name: str, job: str, request: Request) -> dict[str, Any]:
        """What became of it: `state` is waiting, indexing, done or failed."""
        check(request.scope, name, Verb.UPLOAD)
        return uploads.find(name, job).to_dict()


async def _body(request: Request, limit: int) -> bytes:
    content = bytearray()
    try:
        async for piece in request.stream():
            content += piece
            if len(content) > limit:
                raise RequestError(
                    f"The document is larger than {data_size(limit)}.", status=413, do="Divide it."
                )
    except ClientDisconnect as error:
        raise RequestError("The request was cut off.", status=400) from error
    return bytes(content)


def _event(kind: str, told: Any) -> bytes:
    return b"event: %s\ndata: %s\n\n" % (kind.encode(), orjson.dumps(told, default=str))
