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
_TOKENS = r"[\p{L}\p{N}]{2,}"  # the same in the words of Polars


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
        tokens = values.str.to_lowercase().str.extract_all(_TOKENS)
        out[:, 0] = np.log1p(values.str.len_chars().fill_null(0).to_numpy().astype(np.float64))
        out[:, 1] = np.log1p(tokens.list.len().fill_null(0).to_numpy().astype(np.float64))
        found = pl.DataFrame({"row": pl.int_range(len(values), eager=True), "word": tokens}).explode("word")
        codes = found["word"].cast(pl.Enum(self.words), strict=False).to_physical()
        found = found.select("row", code=codes).drop_nulls().group_by("row", "code").len()
        row, code = found["row"].to_numpy(), found["code"].to_numpy()
        scores = (1 + np.log(found["len"].to_numpy())) * np.array(self.weights)[code]
        norms = np.sqrt(np.bincount(row, weights=scores**2, minlength=len(values)))
        out[row, code + 2] = scores / norms[row]
        return out

    def writer(self, start: int) -> Writer:
        positions = {word: start + 2 + at for at, word in enumerate(self.words)}
        weights = dict(zip(self.words, self.weights))

        def write(value: Any, row: np.ndarray) -> None:
            if value is None:
                return
            tokens = _TOKEN.findall(value.lower())
            row[start], row[start + 1] = math.log1p(len(value)), math.log1p(len(tokens))
            counts = Counter(token for token in tokens if token in positions)
            scores = {word: (1 + math.log(count)) * weights[word] for word, count in counts.items()}
            norm = math.hypot(*scores.values())
            for word, score in scores.items():
                row[positions[word]] = score / norm

        return write


BLOCKS[Words.kind] = Words
