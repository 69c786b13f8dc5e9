"""Short answers: spans of what was found, read by a model that was tuned for it, or cut by rules."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from typing import Any, Protocol

import numpy as np

from noria.errors import ArtifactError
from noria.settings import Settings
from noria.systems.retrieval.chunks import sentences
from noria.systems.retrieval.hub import HubModel
from noria.systems.retrieval.words import Analyzer

__all__ = ["Reader", "RuleReader", "TunedReader", "loaded"]

_LONGEST = 30  # tokens of a span
_CHARACTERS = 2_000  # of a passage that a model reads at once
_SEVERAL = 3  # spans that begin or end in the best places, and are compared
_TOKEN = re.compile(r"[A-Z]{2,}(?:\.[A-Z])*|\d[\d.,:/]*\d|[\w'’]+(?:-[\w]+)*|\S")
_YEAR = re.compile(r"1[0-9]{3}|20[0-9]{2}")
_MONTHS = frozenset(
    "January February March April May June July August September October November December".split()  # noqa: SIM905
)
_NUMBERS = frozenset("one two three four five six seven eight nine ten eleven twelve half".split())  # noqa: SIM905
_JOINS = frozenset({"of", "the", "and", "de", "la", "van", "von", "-", "&"})
_Span = tuple[int, int]


class Reader(Protocol):
    """Finds the span of some texts that answers a question."""

    def read(self, question: str, texts: Sequence[str]) -> str:
        """The span; empty if there is no text. The texts stand best first."""
        ...

    def to_dict(self) -> dict[str, Any]:
        """What `loaded` makes the same reader of, JSON-ready."""
        ...


def loaded(told: dict[str, Any] | None, settings: Settings) -> Reader | None:
    """The inverse of `Reader.to_dict`."""
    if told is None:
        return None
    return TunedReader(told["model"], settings, told["known"]) if told["model"] else RuleReader()


class TunedReader:
    """A model tuned for extractive question answering, in ONNX: the best start and end of an answer.

    Parameters
    ----------
    model : str
        As on the hub: ``onnx-community/distilbert-base-cased-distilled-squad-ONNX``.
    settings : Settings
    known : dict of str to str, optional
        The SHA-256 of its files.

    References
    ----------
    Devlin et al. (2019), "BERT", section 4.2.
    """

    def __init__(self, model: str, settings: Settings, known: dict[str, str] | None = None) -> None:
        self._hub = HubModel(model, settings, known)

    def read(self, question: str, texts: Sequence[str]) -> str:
        """The span whose start and end score best over all texts."""
        best, span = -np.inf, ""
        for text in (text[:_CHARACTERS] for text in texts):
            outputs, encoded = self._hub.run(question, text)
            if len(outputs) < 2 or outputs[0].shape != (1, len(encoded.ids)):
                raise ArtifactError(
                    f"{self._hub.model} is no reader.",
                    got=f"{len(outputs)} outputs",
                    do="Name a model for extractive question answering.",
                )
            score, (begin, end) = _best(outputs[0][0], outputs[1][0], encoded)
            if score > best:
                best, span = score, text[begin:end]
        return span

    def to_dict(self) -> dict[str, Any]:
        """The model and the hashes of its files."""
        return self._hub.to_dict()


def _best(starts: np.ndarray, ends: np.ndarray, encoded: Any) -> tuple[float, _Span]:
    """The best span within the second text, in characters, and its score."""
    inside = np.array([one == 1 for one in encoded.sequence_ids])
    starts, ends = (np.where(inside, one, -np.inf) for one in (starts, ends))
    pairs = [
        (float(starts[first] + ends[last]), (first, last))
        for first in np.argsort(-starts)[: _SEVERAL * _LONGEST]
        for last in range(first, min(first + _LONGEST, len(ends)))
    ]
    score, (first, last) = max(pairs)
    return score, (encoded.offsets[first][0], encoded.offsets[last][1])


class RuleReader:
    """A span by rules, where there is no model: of the kind that the question asks for, near its words.

    "When" and "how many" ask for numbers, "who" and "where" for names, everything else for runs of words
    between function words.
    """

    def __init__(self) -> None:
        self._analyzer = Analyzer()

    def read(self, question: str, texts: Sequence[str]) -> str:
        """The span that stands nearest to most words of the question."""
        asked = set(self._analyzer.words(question))
        best, found = -np.inf, ""
        for place, text in enumerate(texts):
            for begin, end in sentences(text):
                for score, span in self._scored(question.lower(), asked, text[begin:end]):
                    if score - place > best:
                        best, found = score - place, span
        return found

    def to_dict(self) -> dict[str, Any]:
        """Nothing but that there is no model."""
        return {"model": None}

    def _scored(self, question: str, asked: set[str], sentence: str) -> Iterator[tuple[float, str]]:
        tokens = list(_TOKEN.finditer(sentence))
        words = [token[0] for token in tokens]
        stems = [self._analyzer.words(word) for word in words]
        hits = np.array([at for at, stem in enumerate(stems) if asked & set(stem)], dtype=np.int64)
        held = len({term for at in hits for term in stems[at]} & asked)
        for first, last in _spans(question, words, stems):
            own = {term for stem in stems[first:last] for term in stem}
            if own and not own & asked:
                near = np.minimum(np.abs(hits - first), np.abs(hits - last + 1))
                closeness = float((1 / (1 + near)).sum())
                yield 2 * held + closeness, sentence[tokens[first].start() : tokens[last - 1].end()]


def _spans(question: str, words: list[str], stems: list[list[str]]) -> list[_Span]:
    """Spans of the kind that is asked for; of any kind if there is none."""
    number = [word[0].isdigit() or word.lower() in _NUMBERS for word in words]
    dated = [bool(_YEAR.fullmatch(word)) or word in _MONTHS for word in words]
    named = [word[0].isupper() and at > 0 for at, word in enumerate(words)]
    names = [
        one or (word in _JOINS and 0 < at < len(words) - 1 and named[at - 1] and named[at + 1])
        for at, (one, word) in enumerate(zip(named, words))
    ]
    if re.search(r"\bwhen\b|\bwhat (year|day|date|month|decade|century)\b|\bwhich year\b", question):
        following = [*dated[1:], False]
        months = [one or (digit and after) for one, digit, after in zip(dated, number, following)]
        kinds = [months, number]
    elif re.search(r"\bhow (many|much|long|old|far|large|big|high|tall|often)\b|\bpercent", question):
        kinds = [number]
    elif re.search(r"\bwho|\bwhere\b|\bwhich (city|country|team|person)\b|\bname\b", question):
        kinds = [names]
    else:
        kinds = []
    content = [bool(stem) for stem in stems]
    return next((found for kind in [*kinds, content] if (found := _runs(kind))), [])


def _runs(marked: list[bool]) -> list[_Span]:
    """The longest runs of marked places."""
    edges = np.flatnonzero(np.diff(np.array([False, *marked, False]).astype(int)))
    return [(int(first), int(last)) for first, last in zip(edges[::2], edges[1::2])]
