"""Answers on the level of ASGI: the same for the fast route, for the guard and for what fails."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, MutableMapping, Sequence
from typing import Any, TypeAlias

import orjson

from noria.errors import NoriaError, OverloadError

__all__ = ["App", "Receive", "Scope", "Send", "error_headers", "header", "reply", "reply_error"]

Scope: TypeAlias = MutableMapping[str, Any]
Receive: TypeAlias = Callable[[], Awaitable[MutableMapping[str, Any]]]
Send: TypeAlias = Callable[[MutableMapping[str, Any]], Awaitable[None]]
App: TypeAlias = Callable[[Scope, Receive, Send], Awaitable[None]]
_UNREAD = (408, 413)  # the rest of such a request is not waited for


def header(scope: Scope, name: bytes) -> str | None:
    """The value of a header, or None."""
    for key, value in scope["headers"]:
        if key == name:
            return value.decode("latin-1")
    return None


async def reply(send: Send, status: int, told: Any, headers: Sequence[tuple[bytes, bytes]] = ()) -> None:
    """Send JSON."""
    body = orjson.dumps(told, default=str, option=orjson.OPT_SERIALIZE_NUMPY | orjson.OPT_NON_STR_KEYS)
    length = str(len(body)).encode()
    start = [(b"content-type", b"application/json"), (b"content-length", length), *headers]
    await send({"type": "http.response.start", "status": status, "headers": start})
    await send({"type": "http.response.body", "body": body})


async def reply_error(send: Send, error: NoriaError, headers: Sequence[tuple[bytes, bytes]] = ()) -> None:
    """Send an error with the status that it has."""
    more = [(name.encode(), value.encode()) for name, value in error_headers(error).items()]
    await reply(send, error.http_status, error.to_dict(), [*more, *headers])


def error_headers(error: NoriaError) -> dict[str, str]:
    """What an error says in headers."""
    if isinstance(error, OverloadError):
        return {"retry-after": str(error.retry_after)}
    if error.http_status in _UNREAD:
        return {"connection": "close"}
    return {"www-authenticate": "Bearer"} if error.http_status == 401 else {}
