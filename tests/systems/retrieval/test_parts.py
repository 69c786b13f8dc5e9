import numpy as np
import polars as pl
import pytest

from noria.core.deadline import Deadline, OutOfTime
from noria.data import documents
from noria.settings import Settings
from noria.systems.retrieval import lexical, parts
from noria.systems.retrieval.chunks import Chunking
from noria.systems.retrieval.corpus import Corpus
from noria.systems.retrieval.parts import Parts
from noria.systems.retrieval.words import Analyzer

TEXTS = {
    f"page-{at}": f"Wheel {at} lifts.\n\nIt was built in {1300 + at} of oak and iron." for at in range(40)
}


@pytest.fixture(autouse=True)
def _many_parts_of_few_documents(monkeypatch):
    monkeypatch.setattr(parts, "_WHOLE", 3)
    monkeypatch.setattr(parts, "_PARTS", 8)


def corpus(texts):
    rows = pl.DataFrame({"document": list(texts), "text": list(texts.values())})
    blocks = documents.read(rows, settings=Settings())[0]
    return Corpus.of(blocks.with_columns(pl.col("text").str.split("\n\n")).explode("text"))


def joined(texts, cache, how="sentences", deadline=None):
    return Parts(corpus(texts), Chunking(how, 5), Analyzer(), cache).joined(deadline or Deadline())


def same(one, other):
    (chunks, counts), (chunks_too, counts_too) = one, other
    assert np.array_equal(chunks.spans, chunks_too.spans)
    assert counts.vocabulary.equals(counts_too.vocabulary)
    for name in ("terms", "chunks", "body", "head"):
        assert np.array_equal(getattr(counts, name), getattr(counts_too, name))
        assert getattr(counts, name).dtype == getattr(counts_too, name).dtype


@pytest.mark.parametrize("how", ["sentences", "whole"])
def test_parts_make_up_the_whole(tmp_path, how, monkeypatch):
    apart, again = joined(TEXTS, tmp_path, how), joined(TEXTS, tmp_path, how)
    monkeypatch.setattr(parts, "_WHOLE", 1_000)
    whole = joined(TEXTS, tmp_path / "none", how)
    same(apart, whole)
    same(again, whole)
    assert not (tmp_path / "none").exists()


def test_counts_are_joined_where_no_file_can_be_written_and_a_few_at_a_time(tmp_path, monkeypatch):
    expected = joined(TEXTS, tmp_path)
    monkeypatch.setattr(lexical, "_BATCH", 3)
    monkeypatch.setattr(lexical, "_SORTED", 5)
    same(joined(TEXTS, tmp_path / "few"), expected)
    (tmp_path / "closed").touch()
    monkeypatch.setattr(lexical, "TemporaryFile", lambda: (tmp_path / "closed").open("rb"))
    same(joined(TEXTS, tmp_path / "full"), expected)


@pytest.mark.parametrize("name", ["page-7", "page-77"])
def test_what_changes_is_cut_again_with_its_part_alone(tmp_path, name):
    joined(TEXTS, tmp_path)
    before = set(tmp_path.iterdir())
    changed = {**TEXTS, name: "All of this is new."}
    result = joined(changed, tmp_path)
    assert len(set(tmp_path.iterdir()) - before) == 1
    same(result, joined(changed, tmp_path / "other"))


def test_a_document_that_goes_is_followed(tmp_path):
    joined(TEXTS, tmp_path)
    fewer = {name: text for name, text in TEXTS.items() if name != "page-7"}
    same(joined(fewer, tmp_path), joined(fewer, tmp_path / "other"))


def test_a_damaged_part_is_made_again(tmp_path):
    first = joined(TEXTS, tmp_path)
    for number, path in enumerate(sorted(tmp_path.iterdir())):
        path.write_bytes(path.read_bytes()[: 50 * number])
    same(joined(TEXTS, tmp_path), first)


def test_parts_that_nobody_asks_for_go(tmp_path, monkeypatch):
    monkeypatch.setattr(parts, "_KEPT", 10)
    joined(TEXTS, tmp_path)
    joined(TEXTS, tmp_path, "fixed")
    assert len(list(tmp_path.iterdir())) == 10


def test_the_deadline_is_looked_at(tmp_path):
    deadline = Deadline()
    deadline.cancel()
    with pytest.raises(OutOfTime):
        joined(TEXTS, tmp_path, deadline=deadline)


def test_the_order_of_what_is_said_counts(tmp_path):
    one, other = (corpus({"a": text, "b": "x"}).digests for text in ("One.\n\nTwo.", "Two.\n\nOne."))
    assert one[0, 0] != other[0, 0]
    assert np.array_equal(one[1], other[1])
