"""Questions made from documents, for want of better ones: what somebody asks who has read a place before."""

from __future__ import annotations

import hashlib
import re
from collections import Counter
from collections.abc import Iterator

import numpy as np
import polars as pl

from noria.errors import DataError

__all__ = ["NOTE", "QUESTION", "RELEVANT", "made"]

NOTE = (
    "No questions were given, so some were made from headings and sentences of the documents, without a "
    "language model. Their words stand in the documents: scores flatter searching by words, and people's "
    "questions are harder"
)
QUESTION, RELEVANT = "question", "relevant"
_WORD = re.compile(r"\w[\w'’-]*")
_SENTENCE = re.compile(r"(?<=[.!?])\s+|(?<=[。！？])|\n")
_WORDS = range(5, 41)  # of a sentence that is remembered
_SPACELESS = 12  # characters of one in a script without spaces
_KEPT = 6  # words of it that are remembered, at most
_SAYING = 3  # words of a heading that says enough without the one above it
_EACH = 10  # places of one document, at most
_FEWEST = 10


def made(documents: pl.DataFrame, most: int = 200, seed: int = 0) -> pl.DataFrame:
    """Known-item questions: half of them headings, half the telling words that are left of a sentence.

    No language model takes part, and every word of a question stands in its document, so searching by
    words does better on them than on the questions of people. A document that changes, comes or goes
    moves few questions but its own.

    Parameters
    ----------
    documents : Table
        Blocks of documents, as `noria.data.documents.read` gives them.
    most : int
        Questions, at most, shared out evenly over documents that are drawn at random.
    seed : int

    Returns
    -------
    Table
        ``question`` and ``relevant``: all documents that hold the heading or the paragraph.

    Raises
    ------
    DataError
        If the documents say too little for ten questions.

    References
    ----------
    Azzopardi, de Rijke and Balog (2007), "Building simulated queries for known-item topics".

    Examples
    --------
    >>> from noria.data.documents import read
    >>> from noria.settings import Settings
    >>> rows = [{"document": kind, "text": f"Wheel {kind} lifts with great force."} for kind in "abcdefghijk"]
    >>> made(read(rows, settings=Settings())[0]).height
    11
    """
    below = pl.col("heading").str.split(" > ").list.tail(2).list.join(" ")
    short = (pl.col("kind") == "heading") & (pl.col("text").str.count_matches(r"\S+") < _SAYING)
    said = documents.filter(pl.col("kind").is_in(["heading", "text"]))
    said = said.with_columns(item=pl.when(short).then(below).otherwise("text"))
    names = sorted(said["document"].unique(), key=lambda name: _lot(name, seed))[:most]
    holders = said.group_by("kind", "item").agg(
        pl.col("document").unique(maintain_order=True).alias("holders")
    )
    drawn = said.filter(pl.col("document").is_in(names)).join(
        holders, on=["kind", "item"], maintain_order="left"
    )
    frequency = _frequency(drawn)
    asked: dict[str, str] = {}
    for kind, text, relevant in _shared_out(drawn, names, seed):
        question = text if kind == "heading" else _remembered(text, frequency, seed)
        asked.setdefault(question, "; ".join(relevant))
        if len(asked) == most:
            break
    table = pl.DataFrame({QUESTION: list(asked), RELEVANT: list(asked.values())})
    if table.height < _FEWEST:
        raise DataError(
            "The documents say too little to make questions from.",
            got=f"enough for {table.height}, and {_FEWEST} are needed",
            do="Write questions with the documents that answer them; name the table under 'data: source:'.",
        )
    return table


def _shared_out(drawn: pl.DataFrame, names: list[str], seed: int) -> Iterator[tuple[str, str, list[str]]]:
    """Round after round one place of every document, headings and sentences in turn."""
    places: dict[str, dict[str, list[tuple[str, list[str]]]]] = {}
    for document, kind, item, holders in drawn.select("document", "kind", "item", "holders").iter_rows():
        own = places.setdefault(document, {"heading": [], "text": []})
        relevant = [f"{name}=1" if "=" in name else name for name in holders if ";" not in name]
        texts = [item] if kind == "heading" else _sentences(item)
        own[kind] += [(text, relevant) for text in texts if relevant]
    for own in places.values():
        for some in own.values():
            some.sort(key=lambda one: _lot(one[0], seed), reverse=True)
    for turn in range(_EACH):
        for name in names:
            for kind in ("heading", "text") if turn % 2 == 0 else ("text", "heading"):
                if places[name][kind]:
                    yield kind, *places[name][kind].pop()
                    break


def _sentences(text: str) -> Iterator[str]:
    """Those that are neither too short nor too long to be remembered."""
    for sentence in _SENTENCE.split(text):
        count = len(_WORD.findall(sentence))
        if count in _WORDS or (count and not sentence.isascii() and len(sentence) >= _SPACELESS):
            yield " ".join(sentence.split())


def _frequency(drawn: pl.DataFrame) -> Counter[str]:
    """In how many of the documents each word stands; all of them under the empty word."""
    found: Counter[str] = Counter()
    for _, texts in drawn.group_by("document").agg("text").iter_rows():
        found.update({"", *_WORD.findall("\n".join(texts).lower())})
    return found


def _remembered(sentence: str, frequency: Counter[str], seed: int) -> str:
    """Some words of a sentence in their order, the rarer the likelier."""
    words = _WORD.findall(sentence)
    if len(words) <= _KEPT:
        return " ".join(words)
    drawn = np.random.default_rng(_lot(sentence, seed)).exponential(size=len(words))
    weights = [np.log1p(frequency[""] / frequency[word.lower()]) ** 2 for word in words]
    kept = np.argsort(drawn / weights)[:_KEPT]
    return " ".join(words[at] for at in sorted(kept))


def _lot(text: str, seed: int) -> int:
    """A number by chance that depends on nothing else."""
    return int.from_bytes(hashlib.blake2b(f"{seed} {text}".encode(), digest_size=8).digest())
