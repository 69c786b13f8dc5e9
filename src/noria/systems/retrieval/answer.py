"""Answers without a language model: the sentences that say most of what was asked, each with its place."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np
import polars as pl

from noria.systems.retrieval.chunks import sentences
from noria.systems.retrieval.corpus import Corpus
from noria.systems.retrieval.lexical import Lexical
from noria.systems.retrieval.target import NOWHERE

__all__ = ["CITATION", "Passage", "Sentence", "candidates", "cited", "coverage", "extract", "told"]

CITATION = pl.Struct(
    {
        "document": pl.String,
        "title": pl.String,
        "heading": pl.String,
        "page": pl.Int64,
        "line": pl.Int64,
        "begin": pl.Int64,
        "end": pl.Int64,
        "text": pl.String,
    }
)
"""A sentence that is cited, and where it stands; its first and last character in the document."""
_ASKS = ("?", "？", "؟")
_GAIN = 0.15  # of the question's weight: what a further sentence must add
_LONGEST = 600  # characters of a sentence that are shown
_LATER = 0.9  # what a passage is held back by for each one before it


class Passage(NamedTuple):
    """Some characters of a document."""

    document: int
    begin: int
    end: int


class Sentence(NamedTuple):
    """A sentence of a passage, and how much it counts there."""

    document: int
    begin: int
    text: str
    share: float


def extract(
    question: str, passages: Sequence[Passage], corpus: Corpus, lexical: Lexical, most: int
) -> list[dict[str, Any]]:
    """The sentences of some passages, best passage first, that hold most of the question's words.

    Each further one must add words that those before lack; words weigh by how rare they are. A sentence that
    asks the same is none.

    Returns
    -------
    list of dict
        With the fields of `CITATION`; empty if no word is found.
    """
    found = [one for one in candidates(passages, corpus) if not _asks(one.text, question)]
    asked = list(dict.fromkeys(lexical.analyzer.words(question)))
    if not found or not asked:
        return []
    weights = _weights(asked, lexical)
    holds = _holds([one.text for one in found], asked, lexical)
    shares = np.array([one.share for one in found])
    chosen: list[int] = []
    missing = np.ones(len(asked), dtype=bool)
    while len(chosen) < most:
        gains = (holds[:, missing] @ weights[missing]) * shares
        best = int(gains.argmax())
        if gains[best] <= 0 or (chosen and gains[best] < _GAIN):
            break
        chosen.append(best)
        missing &= ~holds[best]
    return [cited(found[at], corpus) for at in chosen]


def coverage(question: str, chunk: int, lexical: Lexical) -> float:
    """The share of a question's words, by weight, that a chunk or the headings above it hold, 0 to 1."""
    asked = list(dict.fromkeys(lexical.analyzer.words(question)))
    if not asked:
        return 0.0
    held = set(lexical.terms(chunk).tolist())
    holds = np.array([lexical.counts.numbers.get(term) in held for term in asked])
    return float(holds @ _weights(asked, lexical))


def _asks(text: str, question: str) -> bool:
    """Whether a text holds the question itself, as lists of frequent questions do."""
    said, asked = (" ".join(one.lower().split()) for one in (text, question))
    return asked.endswith(_ASKS) and asked in said


def candidates(passages: Sequence[Passage], corpus: Corpus) -> list[Sentence]:
    """The sentences of some passages, each once, without headings."""
    found: dict[tuple[int, int], Sentence] = {}
    for place, passage in enumerate(passages):
        for first, last in sentences(corpus.text(*passage)):
            begin, end = passage.begin + first, passage.begin + last
            if corpus.kind(passage.document, begin) != "heading":
                text = corpus.text(passage.document, begin, min(end, begin + _LONGEST))
                key = (passage.document, begin)
                found.setdefault(key, Sentence(*key, text, _LATER**place))
    return list(found.values())


def _weights(asked: Sequence[str], lexical: Lexical) -> np.ndarray:
    """How much each term of the question counts, (terms,), 1 in all."""
    unknown = len(lexical.idf) - 1
    idf = lexical.idf[[lexical.counts.numbers.get(term, unknown) for term in asked]].astype(np.float64)
    return idf / idf.sum()


def _holds(texts: Sequence[str], asked: Sequence[str], lexical: Lexical) -> np.ndarray:
    """Which text holds which term, (texts, terms)."""
    holds = np.zeros((len(texts), len(asked)), dtype=bool)
    for row, text in zip(holds, texts):
        words = set(lexical.analyzer.words(text))
        row[:] = [term in words for term in asked]
    return holds


def told(text: str, citations: list[dict[str, Any]]) -> dict[str, Any]:
    """What an answer says; without a citation, that it is not in the documents."""
    said = text if citations else f"{NOWHERE.capitalize()}."
    return {"prediction": said, "found": bool(citations), "citations": citations}


def cited(one: Sentence, corpus: Corpus) -> dict[str, Any]:
    """The citation of a sentence."""
    place, end = corpus.place(one.document, one.begin), one.begin + len(one.text)
    return {**place._asdict(), "begin": one.begin, "end": end, "text": " ".join(one.text.split())}
