"""The line to a service: requests, sent again where that may help, and what the service says went wrong."""

from __future__ import annotations

import contextlib
import http.client
import time
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlsplit

import orjson

from noria import errors
from noria._version import __version__
from noria.errors import BudgetError, NoriaError, ParamError, UnreachableError

__all__ = ["WAIT", "Answer", "Line", "named"]

WAIT = 0.2
"""Seconds before the second retry; doubled with each."""


@dataclass(frozen=True)
class Answer:
    """What came back."""

    status: int
    headers: http.client.HTTPMessage
    body: bytes

    @property
    def kind(self) -> str:
        """Of the content, without its parameters."""
        return self.headers.get("content-type", "").partition(";")[0]

    @property
    def retry_after(self) -> float:
        """Seconds; 0 if none are named, or a date is."""
        told = self.headers.get("retry-after", "")
        return min(float(told), 60.0) if told.isdigit() else 0.0

    @property
    def answered(self) -> bool:
        """Whether it holds an answer for each row, though all of them were refused."""
        return self.status == 422 and b'"predictions"' in self.body

    def ids(self, rows: int) -> list[str]:
        """Of the rows."""
        request = self.headers.get("x-request-id", "")
        return [request] if rows == 1 else [f"{request}-{at}" for at in range(rows)]


class Line:
    """Connections that stay open between calls, for any number of threads; parameters as of `Client`."""

    def __init__(self, url: str, key: str | None = None, *, timeout: float = 30.0, retries: int = 5) -> None:
        parts = urlsplit(url)
        if parts.scheme not in ("http", "https") or not parts.hostname:
            raise ParamError(
                "This is not the address of a service.", got=repr(url), do="Write http://HOST:PORT"
            )
        self.url, self.timeout, self.retries = url.rstrip("/"), timeout, retries
        self._secure, self._at, self._root = parts.scheme == "https", parts.netloc, parts.path.rstrip("/")
        self._headers = {"user-agent": f"noria/{__version__}"}
        if key:
            self._headers["authorization"] = f"Bearer {key}"
        self._idle: list[http.client.HTTPConnection] = []

    def close(self) -> None:
        """Close all connections; the next call opens a new one."""
        while self._idle:
            self._idle.pop().close()

    def call(self, method: str, path: str, body: bytes | None = None, *, kind: str | None = None) -> Answer:
        """The answer to a request, sent again where that may help."""
        headers = dict(self._headers)
        if kind:
            headers |= {"content-type": kind, "accept": kind}
        wait = 0.0
        for left in range(self.retries, -1, -1):
            try:
                answer = self._send(method, path, body, headers)
            except TimeoutError as error:
                raise BudgetError(
                    f"The service at {self.url} did not answer within {self.timeout:g} s.",
                    do="Send fewer rows at once, or give it more time: Client(url, timeout=...).",
                ) from error
            except (OSError, http.client.HTTPException) as error:
                if not left:
                    raise UnreachableError(
                        f"The service at {self.url} cannot be reached.",
                        got=str(error) or type(error).__name__,
                        do="Check the address, and that noria serve runs there.",
                    ) from error  # fmt: skip
                time.sleep(wait)
                wait = 2 * wait or WAIT
                continue
            if answer.status == 503 and left:
                time.sleep(answer.retry_after or WAIT)
                continue
            if answer.status >= 400 and not answer.answered:
                raise _error(answer)
            return answer
        raise AssertionError("the last try returns or raises")

    def _send(self, method: str, path: str, body: bytes | None, headers: Mapping[str, str]) -> Answer:
        kind = http.client.HTTPSConnection if self._secure else http.client.HTTPConnection
        with contextlib.suppress(IndexError):
            return self._exchange(self._idle.pop(), method, path, body, headers)
        return self._exchange(kind(self._at, timeout=self.timeout), method, path, body, headers)

    def _exchange(
        self,
        connection: http.client.HTTPConnection,
        method: str,
        path: str,
        body: bytes | None,
        headers: Mapping[str, str],
    ) -> Answer:
        with contextlib.ExitStack() as failed:
            failed.callback(self.close)  # the others are as old
            failed.callback(connection.close)
            connection.request(method, self._root + path, body, dict(headers))
            came = connection.getresponse()
            answer = Answer(came.status, came.headers, came.read())
            failed.pop_all()
        self._idle.append(connection)
        return answer


def _error(answer: Answer) -> NoriaError:
    """What a service answered with, as the error that it was there."""
    try:
        told = orjson.loads(answer.body)
    except orjson.JSONDecodeError:
        told = None
    if not isinstance(told, dict) or "what" not in told:
        told = {
            "what": f"The service answered with status {answer.status}.",
            "got": answer.body[:200].decode("utf-8", "replace"),
        }
    return named(told, answer.status)


def named(told: Mapping[str, Any], status: int) -> NoriaError:
    """What a service tells of an error, as that error."""
    name = told.get("error")
    found = getattr(errors, name) if name in errors.__all__ else None
    kind = found if isinstance(found, type) and issubclass(found, NoriaError) else NoriaError
    error = kind.__new__(kind)  # some classes ask for more than the service tells
    NoriaError.__init__(error, told["what"], got=told.get("got"), do=told.get("do"))
    error.http_status = status
    return error
