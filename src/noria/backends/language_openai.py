"""A language model behind an address that speaks as OpenAI's chat completions do."""

from __future__ import annotations

import http.client
import json
import os
from collections.abc import Iterator, Mapping, Sequence
from socket import socket
from typing import Any
from urllib.parse import SplitResult, urlsplit

from noria.core.deadline import Deadline
from noria.errors import UnreachableError
from noria.settings import Settings

__all__ = ["HOST", "KEY", "OpenAiLanguage"]

KEY = "NORIA_LANGUAGE_KEY"
"""The environment variable of the endpoint's key, which stands nowhere else."""
HOST = "NORIA_LANGUAGE_HOST"
"""The environment variable of the host that the key is for, since a model may come from somebody else."""
_LOCAL = frozenset({"localhost", "127.0.0.1", "::1"})
_READ = 2**16  # bytes at once
_LONGEST = 2**20  # bytes that one event may have
_SHOWN = 200


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

    References
    ----------
    https://platform.openai.com/docs/api-reference/chat/create
    """

    def __init__(self, settings: Settings, endpoint: str, model: str) -> None:
        self._at, self._model, self._offline = urlsplit(endpoint.rstrip("/")), model, settings.offline

    def write(self, messages: Sequence[Mapping[str, str]], most: int, deadline: Deadline) -> Iterator[str]:
        """The text of the answer, piece by piece as it comes."""
        if self._offline and self._at.hostname not in _LOCAL:
            raise UnreachableError("The language model is not asked, since Noria is offline.")
        try:
            yield from self._pieces(messages, most, deadline)
        except TimeoutError as error:
            raise UnreachableError("The language model took too long.") from error
        except (OSError, http.client.HTTPException) as error:
            raise UnreachableError(
                "The language model cannot be reached.", got=str(error)[:_SHOWN]
            ) from error
        except (LookupError, TypeError, ValueError) as error:
            raise UnreachableError(
                "The language model answered in a form that is not known.", got=str(error)[:_SHOWN]
            ) from error

    def _pieces(self, messages: Sequence[Mapping[str, str]], most: int, deadline: Deadline) -> Iterator[str]:
        secure = self._at.scheme == "https"
        kind = http.client.HTTPSConnection if secure else http.client.HTTPConnection
        connection = kind(str(self._at.hostname), self._at.port, timeout=_left(deadline))
        asked = {
            "model": self._model, "messages": list(messages), "max_tokens": most, "temperature": 0,
            "stream": True,
        }  # fmt: skip
        headers = {"content-type": "application/json", "accept": "text/event-stream, application/json"}
        if key := _key_for(self._at):
            headers["authorization"] = f"Bearer {key}"
        try:
            connection.connect()
            line = connection.sock
            connection.request("POST", f"{self._at.path}/chat/completions", json.dumps(asked), headers)
            answer = connection.getresponse()
            if answer.status == http.HTTPStatus.UNAUTHORIZED and not key:
                raise UnreachableError(
                    "The language model wants a key, and none is set for its host.",
                    got=self._at.hostname,
                    do=f"Set {KEY}, and {HOST}={self._at.hostname} if that is whom the key is for.",
                )
            if answer.status != http.HTTPStatus.OK:
                raise http.client.HTTPException(f"status {answer.status}: {answer.read1(_SHOWN)!r}")
            came = _lines(answer, line, deadline)
            if "event-stream" not in (answer.getheader("content-type") or ""):
                yield _text(json.loads(b"".join(came)), "message")
                return
            for field, _, value in (one.partition(b":") for one in came):
                if field == b"data" and value.strip() == b"[DONE]":
                    return
                if field == b"data":
                    yield _text(json.loads(value), "delta")
        finally:
            connection.close()


def _key_for(at: SplitResult) -> str | None:
    """The key, if it may be sent there."""
    for_it = at.scheme == "https" and at.hostname == os.environ.get(HOST, "").lower()
    return os.environ.get(KEY) if for_it or at.hostname in _LOCAL else None


def _lines(answer: http.client.HTTPResponse, line: socket, deadline: Deadline) -> Iterator[bytes]:
    """What comes, line by line, however slowly the bytes drip in. TimeoutError at the deadline."""
    rest = b""
    while came := answer.read1(_READ):
        *whole, rest = (rest + came).split(b"\n")
        yield from whole
        if len(rest) > _LONGEST:
            raise ValueError(f"a line of more than {_LONGEST:,} bytes")
        line.settimeout(_left(deadline))
    yield rest


def _left(deadline: Deadline) -> float:
    """Seconds that are left. TimeoutError if there are none."""
    if deadline.expired:
        raise TimeoutError
    return deadline.remaining


def _text(told: Any, part: str) -> str:
    """What an event or an answer says; an event without choices counts tokens."""
    choices = told["choices"]
    text = choices[0][part].get("content") if choices else None
    if not isinstance(text, str | None):
        raise TypeError(f"the content is of type {type(text).__name__}")
    return text or ""
