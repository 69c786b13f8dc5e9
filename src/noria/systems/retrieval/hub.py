"""Models of a hub, in ONNX: one or two texts in, arrays out."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from threading import Lock
from typing import Any

import numpy as np

from noria._lazy import require
from noria.data.weights import WeightFile, digest, find
from noria.errors import ArtifactError
from noria.settings import Settings

__all__ = ["HubModel"]

_HUB = "https://huggingface.co/{}/resolve/main/{}"
_FILES = {"model.onnx": "onnx/model.onnx", "tokenizer.json": "tokenizer.json"}
_INPUTS = frozenset({"input_ids", "attention_mask", "token_type_ids"})
_TOKENS = 512


class HubModel:
    """A model of Hugging Face with its tokenizer, on one thread of this machine.

    Its files, ``model.onnx`` and ``tokenizer.json``, are looked for in ``<mirror>/weights/MODEL`` and in the
    cache, then fetched. Whatever was found when an index was made is accepted by its hash alone from then on.

    Parameters
    ----------
    model : str
        As on the hub.
    settings : Settings
    known : mapping of str to str, optional
        The SHA-256 of each file.
    tokens : int
        That are read, at most.
    files : mapping of str to WeightFile, optional
        Where the two files are instead.
    """

    def __init__(
        self,
        model: str,
        settings: Settings,
        known: Mapping[str, str] | None = None,
        *,
        tokens: int = _TOKENS,
        files: Mapping[str, WeightFile] | None = None,
    ) -> None:
        self.model, self._settings, self._known = model, settings, dict(known or {})
        self._tokens, self._files = tokens, dict(files or {})
        self._lock = Lock()
        self._loaded: tuple[Any, Any, frozenset[str]] | None = None

    def to_dict(self) -> dict[str, Any]:
        """The model and the hashes of its files, JSON-ready."""
        self.tools()
        return {"model": self.model, "known": self._known}

    def run(self, text: str, second: str | None = None) -> tuple[list[np.ndarray], Any]:
        """The outputs of the model for a text, or for two that it reads together, and their encoding.

        Raises
        ------
        SourceError
            If the weights cannot be had.
        ArtifactError
            If they are others than those that the index was made with.
        """
        session, tokenizer, wanted = self.tools()
        encoded = tokenizer.encode(text, second)
        fed = {
            "input_ids": encoded.ids,
            "attention_mask": encoded.attention_mask,
            "token_type_ids": encoded.type_ids,
        }
        return session.run(None, {name: np.array([fed[name]], dtype=np.int64) for name in wanted}), encoded

    def tools(self) -> tuple[Any, Any, frozenset[str]]:
        """The session, the tokenizer and the names of what the model reads, loaded when first asked for."""
        with self._lock:
            if self._loaded is None:
                runtime = require("onnxruntime", extra="rag")
                tokenizers = require("tokenizers", extra="rag")
                model, vocabulary = (self.file(name, path) for name, path in _FILES.items())
                options = runtime.SessionOptions()
                options.intra_op_num_threads = 1
                options.log_severity_level = 3
                session = runtime.InferenceSession(str(model), options, providers=["CPUExecutionProvider"])
                tokenizer = tokenizers.Tokenizer.from_file(str(vocabulary))
                tokenizer.no_padding()
                tokenizer.enable_truncation(self._tokens)
                wanted = frozenset(one.name for one in session.get_inputs())
                if unknown := sorted(wanted - _INPUTS):
                    what = f"{self.model} reads more than texts."
                    raise ArtifactError(what, got=", ".join(unknown), do="Name another model.")
                self._loaded = session, tokenizer, wanted
        return self._loaded

    def file(self, name: str, path: str) -> Path:
        """One file of the model, whose hash is known from now on; `path` is where the hub has it."""
        url, known = _HUB.format(self.model, path), self._known.get(name, "")
        file = self._files.get(name, WeightFile(self.model, name, known, url=url))
        found = find(file, self._settings)
        self._known[name] = file.sha256 or digest(found)
        return found
