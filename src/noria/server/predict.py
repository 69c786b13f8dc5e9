"""``POST /v1/models/<name>/predict``: the one route that must be fast, so it speaks ASGI itself."""

from __future__ import annotations

import asyncio
import re
import uuid
from collections.abc import Awaitable, Callable, MutableMapping
from typing import Any, TypeAlias

import orjson

from noria.errors import NoriaError, ParamError
from noria.lifecycle.serve import Answers, Desk
from noria.server import arrow

__all__ = ["PredictRoute"]

Scope: TypeAlias = MutableMapping[str, Any]
Receive: TypeAlias = Callable[[], Awaitable[MutableMapping[str, Any]]]
Send: TypeAlias = Callable[[MutableMapping[str, Any]], Awaitable[None]]
_ARROW = arrow.STREAM.encode()
_PATH = re.compile(r"/v1/models/([^/]+)/predict")


class PredictRoute:
    """Answers predictions, and passes everything else on.

    Parameters
    ----------
    desk : Desk
    others : ASGI application
    """

    def __init__(self, desk: Desk, others: Callable[[Scope, Receive, Send], Awaitable[None]]) -> None:
        self.desk, self.others = desk, others

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """One request."""
        path = _PATH.fullmatch(scope["path"]) if scope["type"] == "http" else None
        if path is None or scope["method"] != "POST":
            await self.others(scope, receive, send)
            return
        request = uuid.uuid4().hex
        try:
            sent = dict(scope["headers"])
            body = await _body(receive)
            arrived = sent.get(b"content-type") == _ARROW
            rows = await asyncio.to_thread(arrow.rows, body) if arrived else _rows(body)
            answers = await self.desk.predict(path[1], rows, request)
            if sent.get(b"accept") == _ARROW:
                await self._arrow(answers, send)
                return
            status = 200
            told: dict[str, Any] = {
                "request": request,
                "model": answers.serving.name,
                "version": answers.serving.version,
                "predictions": answers.rows,
            }
        except NoriaError as error:
            status, told = error.http_status, error.to_dict()
        body = orjson.dumps(told, default=str, option=orjson.OPT_SERIALIZE_NUMPY)
        headers = [
            (b"content-type", b"application/json"),
            (b"content-length", str(len(body)).encode()),
            (b"x-request-id", request.encode()),
        ]
        await send({"type": "http.response.start", "status": status, "headers": headers})
        await send({"type": "http.response.body", "body": body})

    async def _arrow(self, answers: Answers, send: Send) -> None:
        """The answers as a stream of a table, and in the headers where they come from."""
        body = await asyncio.to_thread(arrow.body, answers.rows)
        about = {"x-request-id": answers.request, "x-model-version": answers.serving.version}
        headers = [
            (b"content-type", _ARROW),
            (b"content-length", str(len(body)).encode()),
            *((name.encode(), str(value).encode()) for name, value in about.items()),
        ]
        await send({"type": "http.response.start", "status": 200, "headers": headers})
        await send({"type": "http.response.body", "body": body})


async def _body(receive: Receive) -> bytes:
    parts = []
    while True:
        message = await receive()
        parts.append(message.get("body", b""))
        if not message.get("more_body", False):
            return b"".join(parts)


def _rows(body: bytes) -> list[dict[str, Any]]:
    """The rows of ``{"rows": [{...}, ...]}``."""
    try:
        told = orjson.loads(body)
    except orjson.JSONDecodeError as error:
        raise ParamError("The request is not JSON.", got=str(error), do='Send {"rows": [{...}]}.') from error
    rows = told.get("rows") if isinstance(told, dict) else None
    if not isinstance(rows, list) or not all(isinstance(row, dict) for row in rows):
        raise ParamError(
            "The request has no list of rows.", got=type(told).__name__, do='Send {"rows": [{...}]}.'
        )
    return rows
