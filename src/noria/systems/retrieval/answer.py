"""Answers without a language model: the sentences that say most of what was asked, each with its place."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np
import polars as pl

from noria.systems.retrieval.chunks import sentences
from noria.systems.retrieval.corpus import Corpus
from noria.systems.retrieval.lexical import Lexical

__all__ = ["CITATION", "Passage", "coverage", "extract"]

CITATION = pl.Struct(
    {
        "document": pl.String,
        "title": pl.String,
        "heading": pl.String,
        "page": pl.Int64,
        "line": pl.Int64,
        "text": pl.String,
    }
)
"""A sentence that is cited, and where it stands."""
_GAIN = 0.15  # of the question's weight: what a further sentence must add
_LONGEST = 600  # characters of a sentence that are shown
_LATER = 0.9  # what a passage is held back by for each one before it


class Passage(NamedTuple):
    """Some characters of a document."""

    document: int
    begin: int
    end: int


class _Sentence(NamedTuple):
    document: int
    begin: int
    text: str
    share: float


def extract(
    question: str, passages: Sequence[Passage], corpus: Corpus, lexical: Lexical, most: int
) -> list[dict[str, Any]]:
    """The sentences of some passages, best passage first, that hold most of the question's words.

    Each further one must add words that those before lack; words weigh by how rare they are.

    Returns
    -------
    list of dict
        With the fields of `CITATION`; empty if no word is found.
    """
    candidates = list(_candidates(passages, corpus))
    asked = list(dict.fromkeys(lexical.analyzer.words(question)))
    if not candidates or not asked:
        return []
    weights = _weights(asked, lexical)
    holds = _holds([one.text for one in candidates], asked, lexical)
    shares = np.array([one.share for one in candidates])
    chosen: list[int] = []
    missing = np.ones(len(asked), dtype=bool)
    while len(chosen) < most:
        gains = (holds[:, missing] @ weights[missing]) * shares
        best = int(gains.argmax())
        if gains[best] <= 0 or (chosen and gains[best] < _GAIN):
            break
        chosen.append(best)
        missing &= ~holds[best]
    return [_cited(candidates[at], corpus) for at in chosen]


def coverage(question: str, texts: Sequence[str], lexical: Lexical) -> float:
    """The share of a question's words, by weight, that some texts hold between them, 0 to 1."""
    asked = list(dict.fromkeys(lexical.analyzer.words(question)))
    if not asked or not texts:
        return 0.0
    return float(_holds(texts, asked, lexical).max(axis=0) @ _weights(asked, lexical))


def _candidates(passages: Sequence[Passage], corpus: Corpus) -> list[_Sentence]:
    found: dict[tuple[int, int], _Sentence] = {}
    for place, passage in enumerate(passages):
        for first, last in sentences(corpus.text(*passage)):
            begin, end = passage.begin + first, passage.begin + last
            if corpus.kind(passage.document, begin) != "heading":
                text = corpus.text(passage.document, begin, min(end, begin + _LONGEST))
                key = (passage.document, begin)
                found.setdefault(key, _Sentence(*key, text, _LATER**place))
    return list(found.values())


def _weights(asked: Sequence[str], lexical: Lexical) -> np.ndarray:
    """How much each term of the question counts, (terms,), 1 in all."""
    unknown = len(lexical.idf) - 1
    idf = lexical.idf[[lexical.numbers.get(term, unknown) for term in asked]].astype(np.float64)
    return idf / idf.sum()


def _holds(texts: Sequence[str], asked: Sequence[str], lexical: Lexical) -> np.ndarray:
    """Which text holds which term, (texts, terms)."""
    holds = np.zeros((len(texts), len(asked)), dtype=bool)
    for row, text in zip(holds, texts):
        words = set(lexical.analyzer.words(text))
        row[:] = [term in words for term in asked]
    return holds


def _cited(one: _Sentence, corpus: Corpus) -> dict[str, Any]:
    place = corpus.place(one.document, one.begin)
    return {**place._asdict(), "text": " ".join(one.text.split())}
