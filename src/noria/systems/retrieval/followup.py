"""Questions that refer to those before them, made to stand by themselves."""

from __future__ import annotations

import re
from collections.abc import Sequence

from noria.core.protocol import Turn
from noria.systems.retrieval.words import Analyzer

__all__ = ["standalone"]

_TURNS = 6  # that are looked back to
_SAYS_ENOUGH = 5  # words of a question that stands by itself
_WORD = re.compile(r"\w+")
_REFERENCES = """
he her hers him his it its ones she that their theirs them these they this those
"""
_REFERS = frozenset(_REFERENCES.split())
_GOES_ON = re.compile(r"\s*(and|but|or|so|then|also|what about|how about|what if)\b", re.IGNORECASE)


def standalone(question: str, history: Sequence[Turn], analyzer: Analyzer) -> str:
    """A question with the words of the one before it, if it refers to that.

    It does if it is short, and has a word such as "it" or "those", begins with "and" or "what about", or says
    next to nothing.

    Examples
    --------
    >>> before = [Turn("Who repairs the pumps?", "Team A.")]
    >>> standalone("And what does it cost?", before, Analyzer())
    'And what does it cost? repairs pumps'
    >>> standalone("How many wheels turn?", before, Analyzer())
    'How many wheels turn?'
    """
    said = analyzer.words(question)
    words = {word.lower() for word in _WORD.findall(question)}
    refers = words & _REFERS or _GOES_ON.match(question) or len(said) <= 1
    if not history or not refers or len(said) >= _SAYS_ENOUGH:
        return question
    *earlier, last = history[-_TURNS:]
    before = standalone(last.question, earlier, analyzer)
    missing = [word for word in _WORD.findall(before) if set(analyzer.words(word)) - set(said)]
    return " ".join([question, *dict.fromkeys(missing)])
