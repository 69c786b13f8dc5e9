"""Texts as vectors, and a cache of those that were made."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from pathlib import Path
from typing import Any
from zipfile import BadZipFile

import numpy as np
from numpy.typing import NDArray

from noria._lazy import installed
from noria.core.deadline import Deadline
from noria.core.events import Events
from noria.errors import ArtifactError
from noria.settings import Settings
from noria.systems.retrieval.encoders import MiniLm, encoder
from noria.systems.retrieval.options import EmbedderOptions

__all__ = ["Embedder", "usable"]

_STEP = 8  # texts of a thread between two looks at the clock, at least
_SECONDS = 10.0  # that the vector of a question may take
_KEPT = 512  # texts whose vectors are written at once
_DAMAGED = (OSError, EOFError, BadZipFile, KeyError, ValueError)
_ASKED = 4_096  # questions whose vectors are remembered


def usable() -> bool:
    """Whether the packages that embedding needs are installed."""
    return installed("onnxruntime") and installed("tokenizers")


class Embedder:
    """Unit vectors of texts, (texts, dimensions) float32; the same text always gets the same vector.

    Parameters
    ----------
    settings : Settings
    threads : int
        Texts, or requests, that are worked on at a time.
    wish : EmbedderOptions, optional
        Another model than the one that comes with Noria.
    known : mapping of str to str, optional
        The SHA-256 of each of its files.
    """

    def __init__(
        self,
        settings: Settings,
        threads: int = 1,
        wish: EmbedderOptions | None = None,
        known: Mapping[str, str] | None = None,
    ) -> None:
        self._settings, self._threads, self._wish = settings, threads, wish
        self._encoder = encoder(wish, settings, known)
        self._before = {"question": wish.question, "passage": wish.passage} if wish else {}
        self._asked: dict[str, NDArray[np.float32]] = {}

    @property
    def name(self) -> str:
        """Of the model, and of all that its vectors depend on."""
        return self._encoder.name

    def to_dict(self) -> dict[str, Any]:
        """What `loaded` makes the same one of, JSON-ready."""
        if self._wish is None:
            return {"name": self.name}
        return {"wish": self._wish.model_dump(), "known": self._encoder.known()}

    @classmethod
    def loaded(cls, told: Mapping[str, Any], settings: Settings) -> Embedder:
        """The inverse of `to_dict`.

        Raises
        ------
        ArtifactError
            If the index was made with another model than the one that comes with Noria today.
        """
        if "wish" in told:
            return cls(settings, wish=EmbedderOptions(**told["wish"]), known=told["known"])
        if told["name"] != MiniLm.name:
            raise ArtifactError(
                "The index was made by an embedding model that this version of Noria does not know.",
                got=told["name"],
                do="Train again, or use the version of Noria that made it.",
            )
        return cls(settings)

    def question(self, text: str) -> NDArray[np.float32]:
        """The vector of a question, (384,), remembered for a while."""
        if text not in self._asked:
            if len(self._asked) >= _ASKED:
                self._asked.clear()
            made = self._made([self._before.get("question", "") + text], Deadline(_SECONDS))
            self._asked[text] = made[0].astype(np.float32)
        return self._asked[text]

    def remember(self, questions: Sequence[str]) -> bool:
        """Look questions that will be asked up in the cache, or embed them now."""
        self._asked.update(zip(questions, self._kept(questions, "question", Deadline(), Events())))
        return True

    def texts(
        self, texts: Sequence[str], *, deadline: Deadline | None = None, events: Events | None = None
    ) -> NDArray[np.float32]:
        """The vectors of texts; what was embedded once, by any run, is read from the cache.

        Raises
        ------
        OutOfTime
            If the deadline passes; what was done until then is kept.
        """
        return self._kept(texts, "passage", deadline or Deadline(), events or Events())

    def _kept(
        self, texts: Sequence[str], kind: str, deadline: Deadline, events: Events
    ) -> NDArray[np.float32]:
        whole = [self._before.get(kind, "") + text for text in texts]
        keys = [hashlib.sha256(text.encode()).digest()[:16] for text in whole]
        cache = _Cache(self._settings.cache / "embeddings" / self.name.rpartition("@")[2])
        missing = {key: text for key, text in zip(keys, whole) if key not in cache.vectors}
        if missing:
            self._embed(missing, cache, deadline, events)
        vectors = [cache.vectors[key] for key in keys]
        return np.array(vectors, dtype=np.float32).reshape(len(texts), -1 if vectors else 0)

    def _embed(self, missing: dict[bytes, str], cache: _Cache, deadline: Deadline, events: Events) -> None:
        """Fill the cache; often enough that little is lost when the time is over."""
        most = self._encoder.at_once
        step = max(_STEP, most) * self._threads
        with ThreadPoolExecutor(self._threads) as pool, cache:
            for done, part in _batches(list(missing.items()), step):
                deadline.check()
                texts = [texts for _, texts in _batches([text for _, text in part], most)]
                made = np.concatenate(list(pool.map(lambda some: self._made(some, deadline), texts)))
                cache.add([key for key, _ in part], made)
                events.emit("embedding.progress", done=done + len(part), total=len(missing))

    def _made(self, texts: Sequence[str], deadline: Deadline) -> NDArray[np.float16]:
        """Unit vectors, as precise as the cache keeps them."""
        vectors = self._encoder.encode(texts, deadline)
        lengths = np.linalg.norm(vectors, axis=1, keepdims=True)
        return (vectors / np.maximum(lengths, 1e-12)).astype(np.float16)


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
            with suppress(*_DAMAGED), np.load(path, allow_pickle=False) as part:
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
