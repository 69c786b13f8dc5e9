"""HTTP connections that do not wait for a client for ever."""

from __future__ import annotations

import asyncio
from http import HTTPStatus
from typing import Any

import orjson
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

from noria.errors import RequestError
from noria.server.guard import EVERYWHERE

__all__ = ["Patient"]

_HEAD = 10.0  # seconds for the first request's line and headers
_WHOLE = 20.0  # seconds for the rest of a request, or for the next _PIECE of it
_PIECE = 2**18  # bytes; of an answer of which less is left, half
_ENDLESS = 2**16  # bytes of a request's line and headers that do not end


def _said(error: RequestError) -> bytes:
    """An error as an answer that the application has no part in, and the last of its connection."""
    body = orjson.dumps(error.to_dict())
    headers = {
        b"content-type": b"application/json", b"connection": b"close", b"content-length": b"%d" % len(body),
        **EVERYWHERE,
    }  # fmt: skip
    status = HTTPStatus(error.http_status)
    lines = [b"HTTP/1.1 %d %b" % (status, status.phrase.encode()), *map(b": ".join, headers.items())]
    return b"\r\n".join([*lines, b"", body])


_LATE = _said(
    RequestError(
        "The request came too slowly.", status=408, got=f"not all of it in {_WHOLE:g} s",
        do="Send less at once.",
    )
)  # fmt: skip
_LARGE = _said(RequestError("The headers of the request are too large.", status=431, do="Send fewer."))
_ODD = _said(RequestError("The request is not HTTP.", status=400))


class Patient(HttpToolsProtocol):
    """uvicorn's own, but a connection ends on which a request does not arrive, or no answer is read."""

    _timer: asyncio.TimerHandle | None = None
    _unread: asyncio.TimerHandle | None = None
    _came = _left = _head = 0
    _heading = False
    _last: bytes | None = None

    def connection_made(self, transport: Any) -> None:
        """Begin to wait for the first request."""
        super().connection_made(transport)
        self._wait(_HEAD)

    def data_received(self, data: bytes) -> None:
        """Read on, unless what came before was no request."""
        if self._last is not None:
            return
        super().data_received(data)
        if self._heading:
            self._head += len(data)
            if self._head > _ENDLESS:
                self._refuse(_LARGE)

    def send_400_response(self, msg: str) -> None:  # noqa: ARG002 - it is in words that are not ours
        """Refuse what is no request, once those before it are answered."""
        self._refuse(_ODD)

    def on_message_begin(self) -> None:
        """Begin to wait for the rest of a request."""
        super().on_message_begin()
        self._came, self._head, self._heading = 0, 0, True
        self._wait(_WHOLE)

    def on_headers_complete(self) -> None:
        """Their end has come."""
        self._heading = False
        super().on_headers_complete()

    def on_response_complete(self) -> None:
        """Go on, or refuse what followed."""
        super().on_response_complete()
        if self._last is not None:
            self._refuse(self._last)

    def _unsupported_upgrade_warning(self) -> None:
        """Say nothing: the request is answered as if it did not ask for another protocol."""

    def _refuse(self, said: bytes) -> None:
        """Hang up with an answer, which waits until the requests before it have theirs."""
        self._wait(None)
        cycle = self.cycle
        if cycle is not None and not (cycle.more_body or cycle.response_complete):
            self._last = said
            return
        if cycle is None or cycle.response_complete or not cycle.response_started:
            self.transport.write(said)
        self.transport.close()

    def on_body(self, body: bytes) -> None:
        """Count what comes."""
        self._came += len(body)
        super().on_body(body)

    def on_message_complete(self) -> None:
        """Wait no more."""
        self._wait(None)
        super().on_message_complete()

    def connection_lost(self, exc: Exception | None) -> None:
        """Wait no more."""
        self._wait(None)
        self._watch(None)
        super().connection_lost(exc)

    def pause_writing(self) -> None:
        """Begin to wait for the client to read."""
        super().pause_writing()
        self._watch(_WHOLE)

    def resume_writing(self) -> None:
        """Wait no more."""
        self._watch(None)
        super().resume_writing()

    def _watch(self, seconds: float | None) -> None:
        if self._unread is not None:
            self._unread.cancel()
        self._unread = None
        if seconds is not None:
            self._left = self.transport.get_write_buffer_size()
            self._unread = self.loop.call_later(seconds, self._stuck)

    def _stuck(self) -> None:
        """Hang up where next to nothing was read: what is left holds memory."""
        if self._left - self.transport.get_write_buffer_size() < min(_PIECE, self._left // 2):
            self.transport.abort()
        else:
            self._watch(_WHOLE)

    def _wait(self, seconds: float | None) -> None:
        if self._timer is not None:
            self._timer.cancel()
        self._timer = None if seconds is None else self.loop.call_later(seconds, self._late)

    def _late(self) -> None:
        """Say so where somebody waits for an answer, and hang up; but a large file may take its time."""
        if self._came >= _PIECE:
            self._came = 0
            self._wait(_WHOLE)
            return
        if self._heading or self.cycle is not None:
            self._refuse(_LATE)
        else:
            self.transport.close()
