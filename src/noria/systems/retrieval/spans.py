"""Short answers against the true ones, by SQuAD's rules."""

from __future__ import annotations

import re
import string
from collections import Counter
from collections.abc import Sequence

__all__ = ["exact", "f1"]

_ARTICLES = re.compile(r"\b(a|an|the)\b")
_PUNCTUATION = str.maketrans("", "", string.punctuation)


def exact(said: str, answers: Sequence[str]) -> float:
    """1 if an answer is one of the true ones, apart from case, punctuation and articles.

    References
    ----------
    Rajpurkar et al. (2016), "SQuAD: 100,000+ questions for machine comprehension of text".

    Examples
    --------
    >>> exact("The Panthers.", ["panthers"])
    1.0
    """
    return float(any(_plain(said) == _plain(answer) for answer in answers))


def f1(said: str, answers: Sequence[str]) -> float:
    """The best F1 of an answer's words over the true answers.

    Examples
    --------
    >>> f1("308 points", ["308"])
    0.6666666666666666
    """
    return max((_overlap(_plain(said), _plain(answer)) for answer in answers), default=0.0)


def _plain(text: str) -> list[str]:
    return _ARTICLES.sub(" ", text.lower().translate(_PUNCTUATION)).split()


def _overlap(said: list[str], answer: list[str]) -> float:
    if not said or not answer:
        return float(said == answer)
    same = sum((Counter(said) & Counter(answer)).values())
    return 2 * same / (len(said) + len(answer))
