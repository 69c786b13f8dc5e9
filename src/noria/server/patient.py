"""HTTP connections that do not wait for a client for ever."""

from __future__ import annotations

import asyncio
from typing import Any

from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

__all__ = ["Patient"]

_HEAD = 10.0  # seconds for a request's line and headers


class Patient(HttpToolsProtocol):
    """uvicorn's own, but a connection ends on which no request is complete up to its body after a while."""

    _late: asyncio.TimerHandle | None = None

    def connection_made(self, transport: Any) -> None:
        """Begin to wait for the first request."""
        super().connection_made(transport)
        self._late = self.loop.call_later(_HEAD, transport.close)

    def on_message_begin(self) -> None:
        """Begin to wait for the headers of the next request."""
        super().on_message_begin()
        if self._late is None:
            self._late = self.loop.call_later(_HEAD, self.transport.close)

    def on_headers_complete(self) -> None:
        """Wait no more; the body has a limit of its own."""
        self._wait_no_more()
        super().on_headers_complete()

    def connection_lost(self, exc: Exception | None) -> None:
        """Wait no more."""
        self._wait_no_more()
        super().connection_lost(exc)

    def _wait_no_more(self) -> None:
        if self._late is not None:
            self._late.cancel()
            self._late = None
