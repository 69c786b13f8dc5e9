"""Question and text read together by a cross-encoder, which orders the first places anew."""

from __future__ import annotations

import hashlib
from pathlib import Path
from threading import Lock
from typing import Any

import numpy as np
from numpy.typing import NDArray

from noria._lazy import require
from noria.data.weights import WeightFile, find
from noria.errors import ArtifactError
from noria.settings import Settings

__all__ = ["Reranker"]

_HUB = "https://huggingface.co/{}/resolve/main/{}"
_FILES = {"model.onnx": "onnx/model.onnx", "tokenizer.json": "tokenizer.json"}
_TOKENS = 512
_REMEMBERED = 20_000


class Reranker:
    """How well texts answer a question, by a cross-encoder in ONNX.

    Its files, ``model.onnx`` and ``tokenizer.json``, are looked for in ``<mirror>/weights/MODEL`` and in the
    cache, then fetched from Hugging Face. Whatever was found when an index was made is accepted by its hash
    alone from then on.

    Parameters
    ----------
    model : str
        As on the hub: ``cross-encoder/ms-marco-MiniLM-L6-v2``.
    settings : Settings
    known : dict of str to str, optional
        The SHA-256 of each file.

    References
    ----------
    Nogueira and Cho (2019), "Passage re-ranking with BERT".
    """

    def __init__(self, model: str, settings: Settings, known: dict[str, str] | None = None) -> None:
        self.model, self._settings, self._known = model, settings, dict(known or {})
        self._lock = Lock()
        self._loaded: tuple[Any, Any] | None = None
        self._said: dict[tuple[str, str], float] = {}

    def scores(self, question: str, texts: list[str]) -> NDArray[np.float64]:
        """How well each text answers, (texts,), 0 to 1; what was said before is remembered.

        Raises
        ------
        SourceError
            If the weights cannot be had.
        ArtifactError
            If they are others than those that the index was made with, or no cross-encoder.
        """
        if len(self._said) > _REMEMBERED:
            self._said.clear()
        return np.array([self._score(question, text) for text in texts])

    def to_dict(self) -> dict[str, Any]:
        """The model and the hashes of its files, JSON-ready."""
        self._tools()
        return {"model": self.model, "known": self._known}

    def _score(self, question: str, text: str) -> float:
        if (question, text) not in self._said:
            session, tokenizer = self._tools()
            encoded = tokenizer.encode(question, text)
            fed = {
                "input_ids": np.array([encoded.ids], dtype=np.int64),
                "attention_mask": np.array([encoded.attention_mask], dtype=np.int64),
                "token_type_ids": np.array([encoded.type_ids], dtype=np.int64),
            }
            wanted = {one.name for one in session.get_inputs()}
            logit = session.run(None, {name: array for name, array in fed.items() if name in wanted})[0]
            if logit.shape != (1, 1):
                raise ArtifactError(
                    f"{self.model} is no cross-encoder.",
                    got=f"an output of shape {logit.shape}",
                    do="Name a model that gives a pair of texts one number.",
                )
            self._said[question, text] = float(1 / (1 + np.exp(-np.clip(logit[0, 0], -50, 50))))
        return self._said[question, text]

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
        with path.open("rb") as content:
            self._known[name] = hashlib.file_digest(content, "sha256").hexdigest()
        return path
