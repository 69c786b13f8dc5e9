"""A language model in a file, GGUF, run in this process by llama.cpp."""

from __future__ import annotations

import os
import secrets
from collections.abc import Iterator, Mapping, Sequence
from functools import cache
from threading import Lock
from typing import Any

from noria._lazy import require
from noria.backends.language_openai import OpenAiLanguage
from noria.core.deadline import Deadline
from noria.core.ports import Spent
from noria.data.gguf import gguf
from noria.data.weights import WeightFile, find
from noria.errors import ArtifactError, MissingExtraError, SourceError, UnreachableError
from noria.settings import Settings

__all__ = ["GgufLanguage"]

_STEP = 128  # tokens that are read between two looks at whether somebody still waits
_STARTING = Lock()


class GgufLanguage:
    """Asks a model that is loaded when it is first asked, once per process, and kept.

    llama.cpp is spoken to as any endpoint is, on a port of this machine that wants a key which nobody else
    has: who hangs up stops its work, even while it reads. The same question gets the same answer.

    Parameters
    ----------
    settings : Settings
    model : str
        As `noria.data.gguf.gguf` reads it.
    sha256 : str
        Which its file must have, if that is known.
    context : int
        Tokens that messages and answer may have together.

    References
    ----------
    https://github.com/ggml-org/llama.cpp
    """

    def __init__(self, settings: Settings, model: str, sha256: str = "", context: int = 4096) -> None:
        self._settings, self._file, self._context = settings, gguf(model, sha256), context
        self.spent = Spent()

    def write(
        self,
        messages: Sequence[Mapping[str, str]],
        most: int,
        deadline: Deadline,
        form: str | None = None,
    ) -> Iterator[str]:
        """The text of the answer, which has the form, piece by piece as it comes."""
        try:
            with _STARTING:
                server, key = _started(self._file, self._settings, self._context)
        except (ArtifactError, MissingExtraError, SourceError) as error:
            self.spent.calls += 1
            self.spent.failures += 1
            raise UnreachableError(
                f"The language model cannot be loaded. {error.what}", got=error.got, do=error.do
            ) from error
        address, grammar = f"{server.listening_address}/v1", _grammar(form)
        asked = OpenAiLanguage(self._settings, address, self._file.model, key=key, more=grammar)
        asked.spent = self.spent
        yield from asked.write(messages, most, deadline)


def _threads(settings: Settings) -> int:
    """Half of the cores: with all of them, whoever needs one besides holds every token up."""
    return max(1, (settings.workers or os.cpu_count() or 1) // 2)


def _grammar(form: str | None) -> dict[str, str]:
    if form is None:
        return {}
    escaped = form.replace("/", r"\/")
    return {"grammar": f"%llguidance {{}}\nstart: /{escaped}/"}


@cache
def _started(file: WeightFile, settings: Settings, context: int) -> tuple[Any, str]:
    """A server of the model in this process, and the key that it wants."""
    runtime = require("xllamacpp", extra="llm")
    path, threads = find(file, settings), _threads(settings)
    params, key = runtime.CommonParams(), secrets.token_hex()
    params.model.path = str(path)
    params.n_ctx, params.n_parallel = context, 1
    params.n_batch = params.n_ubatch = _STEP
    params.cpuparams.n_threads = params.cpuparams_batch.n_threads = threads
    params.cache_prompt, params.cache_ram_mib = False, 0
    params.fit_params = params.warmup = False
    params.api_keys, params.ui, params.endpoint_slots = [key], False, False
    params.verbosity = -1
    try:
        return runtime.Server(params), key
    except RuntimeError as error:
        raise ArtifactError(f"{path} is no model in GGUF that can be run.", got=str(error)[:200]) from error
