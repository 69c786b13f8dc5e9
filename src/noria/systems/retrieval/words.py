"""Texts as terms: what is counted when words are compared."""

from __future__ import annotations

from collections.abc import Sequence
from functools import cache
from typing import Any

import polars as pl

__all__ = ["Analyzer"]

_SINGLE = r"\p{Han}\p{Hiragana}\p{Katakana}\p{Thai}\p{Lao}\p{Khmer}\p{Myanmar}"
_TERM = rf"[{_SINGLE}]|[\p{{L}}\p{{M}}\p{{N}}&&[^{_SINGLE}]]+"
"""Runs of letters and digits; in scripts that put no spaces between words, single letters."""
_STOP = frozenset(
    "a about above after again all also am an and any are as at be because been before being below between both "
    "but by can could did do does doing down during each few for from further had has have having he her here hers "
    "him his how i if in into is it its itself me more most my no nor not of off on once only or other our out over "
    "own same she should so some such than that the their them then there these they this those through to too "
    "under until up very was we were what when where which while who whom why will with would you your".split()
)


@cache
def _stemmer() -> Any:
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

    def terms(self, texts: Sequence[str]) -> pl.DataFrame:
        """``text`` (its number) and ``term``, one row per word that counts, in their order."""
        words = pl.Series("term", texts, dtype=pl.String).str.normalize("NFKC").str.to_lowercase()
        found = pl.DataFrame({"term": words.str.extract_all(_TERM)}).with_row_index("text")
        found = found.explode("term").drop_nulls("term")
        distinct = found["term"].unique()
        distinct = distinct.filter(~distinct.is_in(list(_STOP)))
        if not self.stems:
            return found.join(distinct.to_frame(), on="term", how="semi", maintain_order="left")
        stems = pl.Series("stem", _stemmer().stemWords(distinct.to_list()), dtype=pl.String)
        known = pl.DataFrame({"term": distinct, "stem": stems})
        joined = found.join(known, on="term", how="inner", maintain_order="left")
        return joined.select("text", term="stem")

    def counts(self, texts: Sequence[str]) -> pl.DataFrame:
        """``text``, ``term``, ``count``: how often each term stands in each text."""
        return self.terms(texts).group_by("text", "term").agg(count=pl.len().cast(pl.Float32))
