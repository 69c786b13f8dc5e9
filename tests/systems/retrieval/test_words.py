import sys

import pytest

from noria.systems.retrieval import words
from noria.systems.retrieval.words import Analyzer

TEXTS = [
    "The wheels were lifting WATER, twice.",
    "snake_case and dotted.names, 3.5 km; e-mail",
    "Ünïcode café naïve ﬁne",
    "الناعورة ترفع الماء",
    "水车提水 and wheels",
    "हिन्दी में पानी",
    "",
    "?!",
]


@pytest.mark.parametrize("stems", [True, False])
@pytest.mark.parametrize("text", TEXTS)
def test_one_text_alone_has_the_terms_that_it_has_among_others(text, stems):
    every = Analyzer(stems).terms(TEXTS)
    assert Analyzer(stems).words(text) == every.filter(text=TEXTS.index(text))["term"].to_list()


def test_terms():
    assert Analyzer().words(TEXTS[0]) == ["wheel", "lift", "water", "twice"]
    assert Analyzer(stems=False).words(TEXTS[1]) == [
        *("snake", "case", "dotted", "names", "3", "5", "km", "e", "mail"),
    ]
    assert Analyzer().words("水车") == ["水", "车"]


def test_counts():
    counted = Analyzer().counts(["wheel wheels", "", "lift wheel"]).sort("text", "term")
    assert counted.rows() == [(0, "wheel", 2.0), (2, "lift", 1.0), (2, "wheel", 1.0)]


def test_without_the_fast_stemmer_the_stems_are_the_same(monkeypatch):
    said = "generously running organizations relied upon happily dying skies"
    with_it = Analyzer().words(said)
    monkeypatch.setitem(sys.modules, "Stemmer", None)
    monkeypatch.setattr(words, "installed", lambda _: False)
    words._stemmer.cache_clear()
    try:
        assert Analyzer().words(said) == with_it
    finally:
        words._stemmer.cache_clear()
