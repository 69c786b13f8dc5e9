"""A language model behind an address that speaks as OpenAI's chat completions do."""

from __future__ import annotations

import http.client
import json
from collections.abc import Iterator, Mapping, Sequence
from http import HTTPStatus
from socket import socket
from typing import Any
from urllib.parse import urlsplit

from noria.backends import endpoint as endpoints
from noria.core.deadline import Deadline
from noria.core.ports import Spent
from noria.errors import TooLongError, UnreachableError
from noria.settings import Settings

__all__ = ["OpenAiLanguage"]

_WHO = "language model"
_SAID = 2**16  # bytes of an error that are read
_LONGEST = 2**20  # bytes that one event may have
_COUNTS = {"stream_options": {"include_usage": True}}
_REFUSES = (HTTPStatus.BAD_REQUEST, HTTPStatus.UNPROCESSABLE_ENTITY)


class OpenAiLanguage:
    """Asks ``ENDPOINT/chat/completions``: OpenAI, vLLM, Ollama, llama.cpp's server, LiteLLM, ...

    Redirects are not followed. The key is sent to this machine, and over TLS to the host it is for.

    Parameters
    ----------
    settings : Settings
        Offline, only this machine is asked.
    endpoint : str
        ``http://localhost:11434/v1``
    model : str
        As the endpoint calls it.
    key : str, optional
        In place of the one in the environment.
    more : mapping, optional
        What every request says besides.

    References
    ----------
    https://platform.openai.com/docs/api-reference/chat/create
    """

    def __init__(
        self,
        settings: Settings,
        endpoint: str,
        model: str,
        *,
        key: str | None = None,
        more: Mapping[str, Any] | None = None,
    ) -> None:
        self._at, self._model, self._offline = urlsplit(endpoint.rstrip("/")), model, settings.offline
        self._key, self._more = key or endpoints.key_for(self._at), dict(more or {})
        self.spent = Spent()

    def write(
        self,
        messages: Sequence[Mapping[str, str]],
        most: int,
        deadline: Deadline,
        form: str | None = None,  # noqa: ARG002 - no field of a request says it to every such endpoint
    ) -> Iterator[str]:
        """The text of the answer, piece by piece as it comes."""
        self.spent.calls += 1
        try:
            yield from self._told(messages, most, deadline)
        except UnreachableError:
            self.spent.failures += 1
            raise

    def _told(self, messages: Sequence[Mapping[str, str]], most: int, deadline: Deadline) -> Iterator[str]:
        asked = {
            "model": self._model, "messages": list(messages), "max_tokens": most, "temperature": 0,
            "stream": True, **self._more,
        }  # fmt: skip
        with endpoints.plain(_WHO, self._at, offline=self._offline):
            yield from self._pieces(asked, deadline)

    def _pieces(self, asked: Mapping[str, Any], deadline: Deadline) -> Iterator[str]:
        connection = endpoints.connection(self._at, deadline)
        try:
            answer, line = self._asked(connection, asked)
            came = _lines(answer, line, deadline)
            if "event-stream" not in (answer.getheader("content-type") or ""):
                yield self._text(json.loads(b"".join(came)), "message")
                return
            for field, _, value in (one.partition(b":") for one in came):
                if field == b"data" and value.strip() == b"[DONE]":
                    return
                if field == b"data":
                    yield self._text(json.loads(value), "delta")
        finally:
            connection.close()

    def _asked(
        self, connection: http.client.HTTPConnection, asked: Mapping[str, Any]
    ) -> tuple[http.client.HTTPResponse, socket]:
        """What the endpoint answers, and on which line; one that cannot count tokens is asked without."""
        headers = {"content-type": "application/json", "accept": "text/event-stream, application/json"}
        if self._key:
            headers["authorization"] = f"Bearer {self._key}"
        for more in (_COUNTS, {}):
            connection.connect()
            line, content = connection.sock, json.dumps({**asked, **more})
            connection.request("POST", f"{self._at.path}/chat/completions", content, headers)
            answer = connection.getresponse()
            if answer.status == HTTPStatus.OK:
                return answer, line
            said = answer.read1(_SAID)
            if answer.status not in _REFUSES or b"stream_options" not in said:
                break
            connection.close()
        if answer.status == HTTPStatus.BAD_REQUEST and b"context" in said:
            shown = said[: endpoints.SHOWN].decode("utf-8", "replace")
            raise TooLongError("The language model cannot read so much.", got=shown)
        raise endpoints.refused(_WHO, self._at, answer.status, said, self._key)

    def _text(self, told: Any, part: str) -> str:
        """What an event or an answer says; an event without choices counts tokens."""
        usage = told.get("usage") or {}
        self.spent.read += int(usage.get("prompt_tokens") or 0)
        self.spent.written += int(usage.get("completion_tokens") or 0)
        choices = told["choices"]
        text = choices[0][part].get("content") if choices else None
        if not isinstance(text, str | None):
            raise TypeError(f"the content is of type {type(text).__name__}")
        return text or ""


def _lines(answer: http.client.HTTPResponse, line: socket, deadline: Deadline) -> Iterator[bytes]:
    """What comes, line by line, however slowly the bytes drip in. TimeoutError at the deadline."""
    rest = b""
    for came in endpoints.pieces(answer, line, deadline):
        *whole, rest = (rest + came).split(b"\n")
        yield from whole
        if len(rest) > _LONGEST:
            raise ValueError(f"a line of more than {_LONGEST:,} bytes")
    yield rest
