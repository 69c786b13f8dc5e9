"""Documents cut and counted part by part, so that after a change only one part is done again."""

from __future__ import annotations

import hashlib
import os
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from zlib import crc32

import numpy as np
import polars as pl
from numpy.typing import NDArray

from noria.core.deadline import Deadline
from noria.systems.retrieval.chunks import Chunking, Chunks
from noria.systems.retrieval.corpus import Corpus
from noria.systems.retrieval.lexical import Counts, Scratch
from noria.systems.retrieval.words import Analyzer

__all__ = ["Parts"]

_PARTS = 64
_WHOLE = 500  # documents up to which they are one part
_KEPT = 1_000  # files of parts, those used last
_FORMAT = 2
_ARRAYS = ("spans", "terms", "chunks", "body", "head")


@dataclass(frozen=True)
class Parts:
    """Chunks and counts of a corpus; a part of it that was cut and counted before is read from the cache.

    Which part a document belongs to depends on its name alone.

    Parameters
    ----------
    corpus : Corpus
    chunking : Chunking
    analyzer : Analyzer
    cache : Path
        A folder, which may be lost or deleted at any time.
    """

    corpus: Corpus
    chunking: Chunking
    analyzer: Analyzer
    cache: Path

    def joined(self, deadline: Deadline) -> tuple[Chunks, Counts]:
        """Both, in the order of the documents.

        Raises
        ------
        OutOfTime
            If the deadline passes; parts that were done until then are kept.
        """
        if len(self.corpus) <= _WHOLE:
            return self._made(self.corpus)
        bucket = np.array([crc32(name.encode()) % _PARTS for name in self.corpus.names])
        cut, counted, owners = [], Scratch(), []
        for number in range(_PARTS):
            rows = np.flatnonzero(bucket == number)
            if len(rows):
                deadline.check()
                chunks, counts = self._part(rows)
                cut.append(chunks.spans)
                counted.add(counts)
                owners.append(rows[chunks.owners])
        self._tidy()
        return _merged(np.concatenate(cut), counted, np.concatenate(owners))

    def unread(self, deadline: Deadline) -> tuple[Chunks, Counts]:
        """Both, as far as that can be had without a look at any word."""
        deadline.check()
        chunks = Chunks.of(self.corpus, self.chunking)
        return chunks, Counts.none(len(chunks))

    def _made(self, corpus: Corpus) -> tuple[Chunks, Counts]:
        chunks = Chunks.of(corpus, self.chunking)
        return chunks, Counts.of(corpus, chunks, self.analyzer)

    def _part(self, rows: NDArray[np.int64]) -> tuple[Chunks, Counts]:
        from safetensors import SafetensorError
        from safetensors.numpy import load, save

        how = f"{_FORMAT} {self.chunking} {self.analyzer.stems} "
        digest = hashlib.sha256(how.encode() + self.corpus.digests[rows].tobytes()).hexdigest()
        path = self.cache / f"{digest[:32]}.safetensors"
        with suppress(OSError, SafetensorError, KeyError, ValueError):
            kept = load(path.read_bytes())
            spans, terms, chunks, body, head = (kept[name] for name in _ARRAYS)
            known = pl.Series("term", kept["words"].tobytes().decode().split("\n")[:-1], pl.String)
            path.touch()
            return Chunks(spans), Counts(known, terms, chunks, body, head, len(spans))
        cut, counts = self._made(self.corpus.part(rows))
        words = np.frombuffer("".join(f"{word}\n" for word in counts.vocabulary).encode(), np.uint8)
        with suppress(OSError):
            self.cache.mkdir(parents=True, exist_ok=True)
            draft = path.with_name(f".{path.name}.{os.getpid()}")
            arrays = (cut.spans, counts.terms, counts.chunks, counts.body, counts.head)
            tensors = {name: np.ascontiguousarray(array) for name, array in zip(_ARRAYS, arrays)}
            draft.write_bytes(save({"words": words, **tensors}))
            draft.replace(path)
        return cut, counts

    def _tidy(self) -> None:
        """Remove what was not used for the longest time."""
        with suppress(OSError):
            files = sorted(self.cache.glob("*.safetensors"), key=lambda path: path.stat().st_mtime)
            for path in files[:-_KEPT]:
                path.unlink()


def _merged(spans: np.ndarray, counted: Scratch, owners: np.ndarray) -> tuple[Chunks, Counts]:
    """One of many, with documents, chunks and terms numbered anew."""
    spans[:, 0] = owners
    order = np.argsort(owners, kind="stable")
    place = np.empty(len(order), dtype=np.int32)
    place[order] = np.arange(len(order), dtype=np.int32)
    return Chunks(spans[order]), counted.joined(place)
