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
    "BORNE",
    "answer_relevance",
    "context_precision",
    "context_recall",
    "faithfulness",
    "quoted",
    "share",
    "statements",
]

BORNE = 0.6
"""The share of a statement's words from which a text bears it out."""
_READ = 3  # documents that make the context of an answer
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


def faithfulness(answer: _Answer) -> float:
    """The share of an answer's statements that its citations bear out; NaN where nothing is answered."""
    text = quoted(answer)
    borne = [share(one, text) >= BORNE for one in statements(answer)]
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
    """All that an answer cites."""
    return " ".join(one["text"] for one in answer["citations"])
