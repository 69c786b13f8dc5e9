"""An embedding model behind an address that speaks as OpenAI's embeddings do."""

from __future__ import annotations

import http.client
import json
from collections.abc import Sequence
from http import HTTPStatus
from threading import Event
from typing import Any
from urllib.parse import urlsplit

import numpy as np
from numpy.typing import NDArray

from noria.backends import endpoint as endpoints
from noria.core.deadline import Deadline
from noria.settings import Settings

__all__ = ["OpenAiEmbeddings"]

_WHO = "embedding model"
_LONGEST = 2**26  # bytes of an answer
_BUSY = (HTTPStatus.TOO_MANY_REQUESTS, HTTPStatus.SERVICE_UNAVAILABLE)
_TRIES = 5


class OpenAiEmbeddings:
    """Asks ``ENDPOINT/embeddings``: OpenAI, vLLM, Ollama, llama.cpp's server, LiteLLM, ...

    One that is busy is asked again, when it says or after 1, 2, 4 and 8 seconds.

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
    https://platform.openai.com/docs/api-reference/embeddings/create
    """

    def __init__(self, settings: Settings, endpoint: str, model: str) -> None:
        self._at, self._model, self._offline = urlsplit(endpoint.rstrip("/")), model, settings.offline
        self._key = endpoints.key_for(self._at)

    def vectors(self, texts: Sequence[str], deadline: Deadline) -> NDArray[np.float32]:
        """The vector of each text, (texts, dimensions)."""
        with endpoints.plain(_WHO, self._at, offline=self._offline):
            for turn in range(_TRIES):
                status, said, after = self._asked(texts, deadline)
                if status == HTTPStatus.OK:
                    return _read(json.loads(said), len(texts))
                if status not in _BUSY or turn == _TRIES - 1:
                    break
                wait = float(after) if after and after.isdecimal() else 2.0**turn
                Event().wait(min(wait, endpoints.left(deadline)))
            raise endpoints.refused(_WHO, self._at, status, said, self._key)

    def _asked(self, texts: Sequence[str], deadline: Deadline) -> tuple[int, bytes, str | None]:
        """Status, content and Retry-After of the answer."""
        headers = {"content-type": "application/json", "accept": "application/json"}
        if self._key:
            headers["authorization"] = f"Bearer {self._key}"
        content = json.dumps({"model": self._model, "input": list(texts), "encoding_format": "float"})
        connection = endpoints.connection(self._at, deadline)
        try:
            connection.connect()
            line = connection.sock
            connection.request("POST", f"{self._at.path}/embeddings", content, headers)
            answer, said = connection.getresponse(), b""
            for came in endpoints.pieces(answer, line, deadline):
                said += came
                if len(said) > _LONGEST:
                    raise http.client.HTTPException(f"an answer of more than {_LONGEST:,} bytes")
            return answer.status, said, answer.getheader("retry-after")
        finally:
            connection.close()


def _read(told: Any, count: int) -> NDArray[np.float32]:
    """The vectors by their places. ValueError if they are not that many, equally long and finite."""
    found = {int(one["index"]): one["embedding"] for one in told["data"]}
    vectors = np.array([found[at] for at in range(count)], dtype=np.float32)
    if vectors.ndim != 2 or not vectors.shape[1] or not np.isfinite(vectors).all():
        raise ValueError(f"vectors of shape {vectors.shape}")
    if not vectors.any(axis=1).all():
        raise ValueError("a vector without a direction")
    return vectors
