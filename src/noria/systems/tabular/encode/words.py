"""Short free text as weighted counts of its most telling words."""

from __future__ import annotations

import math
import re
from collections import Counter
from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np
import polars as pl

from noria.systems.tabular.encode.blocks import BLOCKS, Block, Writer

__all__ = ["Words"]

_TOKEN = re.compile(r"[^\W_]{2,}")


@dataclass(frozen=True)
class Words(Block):
    """TF-IDF of the most frequent words, plus the text's length in characters and words (logarithms).

    References
    ----------
    Salton and Buckley (1988), "Term-weighting approaches in automatic text retrieval".
    """

    words: tuple[str, ...]
    weights: tuple[float, ...]
    kind: ClassVar[str] = "words"

    @classmethod
    def fit(cls, values: pl.Series, *, most: int, least: int = 3, sample: int = 50_000) -> Words:
        """Learn the words that occur in at least `least` texts, and their inverse document frequency."""
        texts = values.drop_nulls()
        if len(texts) > sample:
            texts = texts.gather_every(len(texts) // sample + 1)
        frequency: Counter[str] = Counter()
        for text in texts:
            frequency.update(set(_TOKEN.findall(text.lower())))
        kept = sorted((w for w, n in frequency.items() if n >= least), key=lambda w: (-frequency[w], w))[
            :most
        ]
        weights = (math.log((1 + len(texts)) / (1 + frequency[word])) + 1 for word in kept)
        return cls(values.name, tuple(kept), tuple(weights))

    @property
    def names(self) -> list[str]:
        counted = [f"{self.column} has '{word}'" for word in self.words]
        return [f"{self.column} length", f"{self.column} words", *counted]

    def matrix(self, values: pl.Series) -> np.ndarray:
        out = np.zeros((len(values), len(self.words) + 2), dtype=np.float32)
        write = self.writer(0)
        for row, text in zip(out, values):
            write(text, row)
        return out

    def writer(self, start: int) -> Writer:
        positions = {word: start + 2 + at for at, word in enumerate(self.words)}
        weights = dict(zip(self.words, self.weights))
        end = start + len(self.words) + 2

        def write(value: Any, row: np.ndarray) -> None:
            if value is None:
                return
            tokens = _TOKEN.findall(value.lower())
            row[start], row[start + 1] = math.log1p(len(value)), math.log1p(len(tokens))
            counts = Counter(token for token in tokens if token in positions)
            for word, count in counts.items():
                row[positions[word]] = (1 + math.log(count)) * weights[word]
            norm = float(np.sqrt((row[start + 2 : end] ** 2).sum()))
            if norm > 0:
                row[start + 2 : end] /= norm

        return write


BLOCKS[Words.kind] = Words
