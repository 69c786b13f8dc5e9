"""Models that read a question and a text together, in ONNX."""

from __future__ import annotations

from pathlib import Path
from threading import Lock
from typing import Any

import numpy as np

from noria._lazy import require
from noria.data.weights import WeightFile, digest, find
from noria.settings import Settings

__all__ = ["PairModel"]

_HUB = "https://huggingface.co/{}/resolve/main/{}"
_FILES = {"model.onnx": "onnx/model.onnx", "tokenizer.json": "tokenizer.json"}
_TOKENS = 512


class PairModel:
    """A question and a text in, arrays out.

    Its files, ``model.onnx`` and ``tokenizer.json``, are looked for in ``<mirror>/weights/MODEL`` and in the
    cache, then fetched from Hugging Face. Whatever was found when an index was made is accepted by its hash
    alone from then on.

    Parameters
    ----------
    model : str
        As on the hub.
    settings : Settings
    known : dict of str to str, optional
        The SHA-256 of each file.
    """

    def __init__(self, model: str, settings: Settings, known: dict[str, str] | None = None) -> None:
        self.model, self._settings, self._known = model, settings, dict(known or {})
        self._lock = Lock()
        self._loaded: tuple[Any, Any] | None = None

    def to_dict(self) -> dict[str, Any]:
        """The model and the hashes of its files, JSON-ready."""
        self._tools()
        return {"model": self.model, "known": self._known}

    def run(self, question: str, text: str) -> tuple[list[np.ndarray], Any]:
        """The outputs of the model for a question and a text, and the encoding of both.

        Raises
        ------
        SourceError
            If the weights cannot be had.
        ArtifactError
            If they are others than those that the index was made with.
        """
        session, tokenizer = self._tools()
        encoded = tokenizer.encode(question, text)
        fed = {
            "input_ids": np.array([encoded.ids], dtype=np.int64),
            "attention_mask": np.array([encoded.attention_mask], dtype=np.int64),
            "token_type_ids": np.array([encoded.type_ids], dtype=np.int64),
        }
        wanted = {one.name for one in session.get_inputs()}
        return session.run(None, {name: array for name, array in fed.items() if name in wanted}), encoded

    def _tools(self) -> tuple[Any, Any]:
        with self._lock:
            if self._loaded is None:
                runtime = require("onnxruntime", extra="rag")
                tokenizers = require("tokenizers", extra="rag")
                model, vocabulary = (self._file(name) for name in _FILES)
                options = runtime.SessionOptions()
                options.intra_op_num_threads = 1
                options.log_severity_level = 3
                session = runtime.InferenceSession(str(model), options, providers=["CPUExecutionProvider"])
                tokenizer = tokenizers.Tokenizer.from_file(str(vocabulary))
                tokenizer.no_padding()
                tokenizer.enable_truncation(_TOKENS)
                self._loaded = session, tokenizer
        return self._loaded

    def _file(self, name: str) -> Path:
        url = _HUB.format(self.model, _FILES[name])
        path = find(WeightFile(self.model, name, self._known.get(name, ""), url=url), self._settings)
        self._known[name] = digest(path)
        return path
