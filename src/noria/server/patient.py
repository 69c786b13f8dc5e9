"""HTTP connections that do not wait for a client for ever."""

from __future__ import annotations

import asyncio
from typing import Any

import orjson
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

from noria.errors import RequestError

__all__ = ["Patient"]

_HEAD = 10.0  # seconds for the first request's line and headers
_WHOLE = 20.0  # seconds for the rest of a request, or for the next _PIECE of it
_PIECE = 2**18  # bytes; of an answer of which less is left, half
_LATE = RequestError(
    "The request came too slowly.", status=408, got=f"not all of it in {_WHOLE:g} s", do="Send less at once."
)
_BODY = orjson.dumps(_LATE.to_dict())
_SAID = (
    b"HTTP/1.1 408 Request Timeout\r\ncontent-type: application/json\r\nconnection: close\r\n"
    b"content-length: %d\r\n\r\n%b" % (len(_BODY), _BODY)
)


class Patient(HttpToolsProtocol):
    """uvicorn's own, but a connection ends on which a request does not arrive, or no answer is read."""

    _timer: asyncio.TimerHandle | None = None
    _unread: asyncio.TimerHandle | None = None
    _came = _left = 0

    def connection_made(self, transport: Any) -> None:
        """Begin to wait for the first request."""
        super().connection_made(transport)
        self._wait(_HEAD)

    def on_message_begin(self) -> None:
        """Begin to wait for the rest of a request."""
        super().on_message_begin()
        self._came = 0
        self._wait(_WHOLE)

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
        if self.cycle is not None and not self.cycle.response_started:
            self.transport.write(_SAID)
        self.transport.close()
