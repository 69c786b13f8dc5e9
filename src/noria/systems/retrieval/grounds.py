"""What RAGAS measures of an answer, counted in words and known documents, without a language model as judge.

References
----------
Es, James, Espinosa-Anke and Schockaert (2024), "RAGAs: Automated evaluation of retrieval augmented
generation".
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from noria.systems.retrieval.chunks import sentences
from noria.systems.retrieval.words import Analyzer

__all__ = [
    "answer_relevance",
    "bears_out",
    "context_precision",
    "context_recall",
    "faithfulness",
    "quoted",
    "share",
    "statements",
]

_BORNE = 0.6  # share of a statement's words from which a text bears it out
_NEAR = 0.75  # share of the words of the nearest sentence from which another one is about the same
_SCOPE = 4  # words that a negation reaches
_READ = 3  # documents that make the context of an answer
_NUMBER = re.compile(r"\d+(?:[.,]\d+)*")
_NOT = re.compile(r"n['’]t$|^(?:not|no|never|none|nobody|nothing|neither|nor|without|cannot)$")
_NOT_ONLY = re.compile(r"\bnot (?:only|just|merely)\b")
_CLAUSE = re.compile(
    r"[,;:.!?()|](?!\d)|\b(?:but|and|or|because|although|while|if|unless|except|which|that)\b"
)
_WORD = re.compile(r"[\w'’]+")
_MARKS = re.compile(r"\s*\[\d+(?:\s*[,;]\s*\d+)*\]")
_ANALYZER = Analyzer()
_Answer = Mapping[str, Any]


def share(text: str, source: str, analyzer: Analyzer = _ANALYZER) -> float:
    """The share of a text's words that a source has, 0 to 1.

    Examples
    --------
    >>> share("Wheels of oak", "A wheel.")
    0.5
    """
    words = set(analyzer.words(text))
    return len(words & set(analyzer.words(source))) / len(words) if words else 0.0


def bears_out(text: str, statement: str, head: str = "", analyzer: Analyzer = _ANALYZER) -> bool:
    """Whether a text says what a statement does, as far as words tell.

    It has 60% of the statement's words, and each of its numbers in a sentence about the same; the sentence
    that is nearest negates no word that the statement affirms, or the other way round. What is said in other
    words, or turned around, is not seen through.

    Parameters
    ----------
    text, statement : str
    head : str
        Headings above the text, whose words and numbers count, too.
    analyzer : Analyzer

    Examples
    --------
    >>> text = "Pumps do not need oil. A seal costs 12 euros. A rotor costs 240 euros."
    >>> bears_out(text, "The seal costs 12 euros."), bears_out(text, "The seal costs 240 euros.")
    (True, False)
    >>> bears_out(text, "Pumps don't need oil."), bears_out(text, "Pumps need oil.")
    (True, False)
    """
    if share(statement, f"{head} {text}", analyzer) < _BORNE:
        return False
    said = [text[begin:end] for begin, end in sentences(text)]
    nearest = _nearest(statement, said, 1.0, analyzer)
    if nearest and all(_contradicts(statement, one, analyzer) for one in nearest):
        return False
    for clause in _CLAUSE.split(statement):
        numbers = _NUMBER.findall(clause)
        about = _nearest(_NUMBER.sub(" ", clause), said, _NEAR, analyzer) if numbers else []
        if not {number for one in (head, *about) for number in _NUMBER.findall(one)}.issuperset(numbers):
            return False
    return True


def _nearest(statement: str, said: Sequence[str], least: float, analyzer: Analyzer) -> list[str]:
    """The sentences that have most of a statement's words, or at least a share of the most."""
    shares = [share(statement, one, analyzer) for one in said]
    most = max(shares, default=0.0)
    return [one for one, its in zip(said, shares) if its >= least * most]


def _contradicts(one: str, other: str, analyzer: Analyzer) -> bool:
    """Whether a word that both say is negated in one of them alone."""
    first, second = _affirmed(one, analyzer), _affirmed(other, analyzer)
    return any(first[word] != second[word] for word in first.keys() & second.keys())


def _affirmed(text: str, analyzer: Analyzer) -> dict[str, bool]:
    """The words of a sentence, and whether no negation, or one of another, reaches them."""
    found: dict[str, bool] = {}
    for clause in _CLAUSE.split(_NOT_ONLY.sub(" ", text.lower())):
        affirmed, left = True, 0
        for word in _WORD.findall(clause):
            if _NOT.search(word):
                affirmed, left = left > 0 and not affirmed, _SCOPE
                continue
            for term in analyzer.words(word):
                affirmed = affirmed or left == 0
                found[term] = found.get(term, False) or affirmed
                left = max(left - 1, 0)
    return found


def faithfulness(answer: _Answer) -> float:
    """The share of an answer's statements that its citations bear out; NaN where nothing is answered."""
    text = quoted(answer)
    borne = [bears_out(text, one) for one in statements(answer)]
    return float(np.mean(borne)) if borne and answer["found"] else np.nan


def statements(answer: _Answer) -> list[str]:
    """The sentences of an answer that say something, without the numbers of their citations."""
    text = _MARKS.sub("", answer["prediction"])
    return [text[begin:end] for begin, end in sentences(text) if _ANALYZER.words(text[begin:end])]


def answer_relevance(question: str, answer: _Answer) -> float:
    """The share of a question's words that the answer takes up, or the headings that it stands below.

    NaN where nothing is answered.
    """
    headings = " ".join(f"{one['title']} {one['heading']}" for one in answer["citations"])
    return share(question, f"{answer['prediction']} {headings}") if answer["found"] else np.nan


def context_precision(answer: _Answer, judged: Mapping[str, float]) -> float:
    """The mean of precision at each relevant one of the first three documents; NaN where none could be.

    Examples
    --------
    >>> context_precision({"documents": ["b", "a"]}, {"a": 1.0})
    0.5
    """
    hits = np.array([name in judged for name in answer["documents"][:_READ]])
    if not judged:
        return np.nan
    precision = np.cumsum(hits) / np.arange(1, len(hits) + 1)
    return float(precision[hits].mean()) if hits.any() else 0.0


def context_recall(answer: _Answer, judged: Mapping[str, float], true_answers: Sequence[str]) -> float:
    """How much of the true answer is cited: its words where they are known, else the relevant documents.

    NaN where there is no answer.

    Examples
    --------
    >>> context_recall({"citations": [{"document": "a", "text": "so 308 points"}]}, {"a": 1.0}, ["308"])
    1.0
    """
    if not judged:
        return np.nan
    if true_answers:
        text = quoted(answer)
        return max(share(one, text) for one in true_answers)
    cited = {one["document"] for one in answer["citations"]}
    return len(cited & judged.keys()) / len(judged)


def quoted(answer: _Answer) -> str:
    """All that an answer cites, one citation per line."""
    return "\n".join(one["text"] for one in answer["citations"])
