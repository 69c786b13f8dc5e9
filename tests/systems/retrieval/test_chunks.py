import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from noria.data import documents
from noria.settings import Settings
from noria.systems.retrieval.chunks import CHUNKINGS, Chunking, Chunks, sentences
from noria.systems.retrieval.corpus import Corpus

PAGE = """# Pumps

A pump lifts water. It is driven, e.g. by a mill, day and night.

## Repair

Replace the seal. Wear gloves! Is it dry?

## Costs

Ask J. Smith.
"""


@pytest.fixture
def corpus(tmp_path):
    (tmp_path / "pumps.md").write_text(PAGE)
    (tmp_path / "z.txt").write_text(" ".join(f"word{number}" for number in range(25)) + "\n\nlast")
    return Corpus.of(documents.read(tmp_path, settings=Settings())[0])


def cut(corpus, how, size, overlap=0.0):
    def gaps(name):
        """The meaning changes with each heading."""
        found = [
            corpus.text(corpus.numbers[name], *span) for span in sentences(corpus.text(corpus.numbers[name]))
        ]
        return np.array([float(one in ("Repair", "Costs")) for one in found[1:]], dtype=np.float32)

    chunks = Chunks.of(corpus, Chunking(how, size, overlap, gaps))
    return chunks, chunks.texts(corpus)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("One. Two! Three? Four", ["One.", "Two!", "Three?", "Four"]),
        ("Dr. No met J. Smith at 3.5 km.", ["Dr. No met J. Smith at 3.5 km."]),
        ('He said "stop." Then left.', ['He said "stop."', "Then left."]),
        ("a line\nanother\n\n", ["a line", "another"]),
        ("spaced out . next one .", ["spaced out .", "next one ."]),
        ("水车。水！", ["水车。", "水！"]),
        ("", []),
        (" \n ", []),
        ("...", ["..."]),
    ],
)
def test_sentences(text, expected):
    assert [text[begin:end] for begin, end in sentences(text)] == expected


@given(st.text(alphabet='ab .!?\n"e.g', max_size=60))
def test_sentences_lose_nothing_but_blanks(text):
    kept = "".join(text[begin:end] for begin, end in sentences(text))
    assert "".join(kept.split()) == "".join(text.split())


def test_whole(corpus):
    chunks, texts = cut(corpus, "whole", 0)
    assert len(chunks) == 2
    assert texts[0].startswith("Pumps\nA pump lifts")


def test_fixed_overlaps(corpus):
    _, texts = cut(corpus, "fixed", 10, overlap=0.2)
    parts = [text.split() for text in texts if text.startswith("word")]
    assert [part[0] for part in parts] == ["word0", "word8", "word16"]
    assert parts[-1][-1] == "last"
    assert all(len(part) <= 10 for part in parts)


def test_sentences_are_packed_across_headings_and_headings_are_not_crossed(corpus):
    _, across = cut(corpus, "sentences", 30)
    _, within = cut(corpus, "headings", 30)
    assert any("night." in text and "Replace" in text for text in across)
    assert within[:3] == [
        "Pumps\nA pump lifts water. It is driven, e.g. by a mill, day and night.",
        "Repair\nReplace the seal. Wear gloves! Is it dry?",
        "Costs\nAsk J. Smith.",
    ]


def test_semantic_cuts_where_the_meaning_changes_most_and_no_chunk_is_too_long(corpus):
    _, texts = cut(corpus, "semantic", 13)
    assert texts[:4] == [
        "Pumps\nA pump lifts water.",
        "It is driven, e.g. by a mill, day and night.",
        "Repair\nReplace the seal. Wear gloves! Is it dry?",
        "Costs\nAsk J. Smith.",
    ]


def test_children_lie_in_what_is_read_around_them(corpus):
    chunks, texts = cut(corpus, "children", 5)
    assert "Wear gloves!" in " ".join(texts)
    for document, begin, end, first, last in chunks.spans.tolist():
        assert first <= begin <= end <= last
        assert last - first > end - begin or corpus.text(document, first, last) == corpus.text(
            document, begin, end
        )


@pytest.mark.parametrize("how", CHUNKINGS)
def test_no_document_is_lost(corpus, how):
    chunks, texts = cut(corpus, how, 7)
    assert set(chunks.owners.tolist()) == {0, 1}
    assert "word24" in " ".join(texts)


def test_places_and_heads(corpus):
    chunks, _ = cut(corpus, "headings", 30)
    assert corpus.place(0, int(chunks.spans[1, 1])) == ("pumps.md", "Pumps", "Pumps > Repair", None, 5)
    assert chunks.heads(corpus) == ["Pumps", "Pumps > Repair", "Pumps > Costs", "z"]
