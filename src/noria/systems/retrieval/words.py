"""Texts as terms: what is counted when words are compared."""

from __future__ import annotations

import re
from collections.abc import Sequence
from functools import cache
from typing import Any

import polars as pl

from noria._lazy import installed, require

__all__ = ["Analyzer"]

_SINGLE = r"\p{Han}\p{Hiragana}\p{Katakana}\p{Thai}\p{Lao}\p{Khmer}\p{Myanmar}"
_TERM = rf"[{_SINGLE}]|[\p{{L}}\p{{M}}\p{{N}}&&[^{_SINGLE}]]+"
"""Runs of letters and digits; in scripts that put no spaces between words, single letters."""
_PLAIN = re.compile(r"[a-z0-9]+")
_REMEMBERED = 200_000  # words whose stems are kept
_COMMON = """
a about above after again all also am an and any are as at be because been before being below
between both but by can could did do does doing down during each few for from further had has have
having he her here hers him his how i if in into is it its itself me more most my no nor not of off
on once only or other our out over own same she should so some such than that the their them then
there these they this those through to too under until up very was we were what when where which
while who whom why will with would you your
"""
_STOP = frozenset(_COMMON.split())


@cache
def _stemmer() -> Any:
    """PyStemmer where it is installed, which gives the same stems sooner."""
    if installed("Stemmer"):
        return require("Stemmer", extra="rag").Stemmer("english")
    import snowballstemmer

    return snowballstemmer.stemmer("english")


class Analyzer:
    """Turns texts into terms: folded to lower case, without frequent words, as stems.

    Parameters
    ----------
    stems : bool
        Whether words of the same English stem are one term.

    References
    ----------
    Porter (2001), "Snowball: A language for stemming algorithms".

    Examples
    --------
    >>> Analyzer().terms(["The wheels were lifting", "水车"])["term"].to_list()
    ['wheel', 'lift', '水', '车']
    """

    def __init__(self, stems: bool = True) -> None:
        self.stems = stems
        self._known: dict[str, str | None] = {}

    def words(self, text: str) -> list[str]:
        """The terms of one text, in their order: what `terms` gives, sooner for a short text.

        Examples
        --------
        >>> Analyzer().words("The wheels were lifting")
        ['wheel', 'lift']
        """
        folded = text.lower()
        found = _PLAIN.findall(folded) if folded.isascii() else _split([text])["term"].to_list()
        known = self._known
        new = [word for word in found if word not in known]
        if new:
            if len(known) > _REMEMBERED:
                known = self._known = {}  # others may be reading the old one
                new = found
            known.update(zip(new, self._stemmed(new)))
        terms = (known[word] for word in found)
        return [term for term in terms if term is not None]

    def terms(self, texts: Sequence[str]) -> pl.DataFrame:
        """``text`` (its number) and ``term``, one row per word that counts, in their order."""
        found = _split(texts)
        distinct = found["term"].unique()
        stems = pl.Series("stem", self._stemmed(distinct.to_list()), dtype=pl.String)
        known = pl.DataFrame({"term": distinct, "stem": stems}).drop_nulls("stem")
        joined = found.join(known, on="term", how="inner", maintain_order="left")
        return joined.select("text", term="stem")

    def counts(self, texts: Sequence[str]) -> pl.DataFrame:
        """``text``, ``term``, ``count``: how often each term stands in each text."""
        return self.terms(texts).group_by("text", "term").agg(count=pl.len().cast(pl.Float32))

    def _stemmed(self, words: list[str]) -> list[str | None]:
        """The term of each word; None for one that says nothing."""
        stems = _stemmer().stemWords(words) if self.stems else words
        return [None if word in _STOP else stem for word, stem in zip(words, stems)]


def _split(texts: Sequence[str]) -> pl.DataFrame:
    """``text`` (its number) and ``term``, folded to lower case."""
    words = pl.Series("term", texts, dtype=pl.String).str.normalize("NFKC").str.to_lowercase()
    found = pl.DataFrame({"term": words.str.extract_all(_TERM)}).with_row_index("text")
    return found.explode("term").drop_nulls("term")
