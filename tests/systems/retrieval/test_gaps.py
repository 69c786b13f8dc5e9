from __future__ import annotations

import numpy as np
import polars as pl
import pytest

from noria.core.deadline import Deadline, OutOfTime
from noria.core.protocol import Context, Task
from noria.core.schema import Column, Role, Schema, Type
from noria.data import documents
from noria.errors import SourceError
from noria.settings import Settings
from noria.systems.retrieval.corpus import Corpus
from noria.systems.retrieval.embedder import Embedder, usable
from noria.systems.retrieval.gaps import Gaps
from noria.systems.retrieval.learners.strategies import Bm25, DenseVectors
from noria.systems.retrieval.options import RetrievalOptions

SCHEMA = Schema((Column("question", Type.TEXT), Column("relevant", Type.TEXT, Role.TARGET)), rows=2)
SAYS = (
    "The cat sleeps on the sofa. A kitten plays with wool. Interest rates rose again. Banks lend less money."
)


@pytest.fixture(scope="module")
def settings(tmp_path_factory):
    if not usable():
        pytest.skip('noria[rag] is needed: pip install "noria[rag]"')
    made = Settings(home=tmp_path_factory.mktemp("home"), offline=True)
    try:
        Embedder(made).question("ready")
    except SourceError as error:
        pytest.skip(str(error))
    return made


@pytest.fixture(scope="module")
def pages(settings):
    rows = [{"document": "a", "text": SAYS}, {"document": "b", "text": "One."}]
    return documents.read(rows, settings=settings)[0]


def test_the_widest_gap_is_where_the_subject_changes(pages, settings):
    embedder = Embedder(settings)
    gaps = Gaps.of(Corpus.of(pages), embedder)
    assert int(np.argmax(gaps("a"))) == 1
    assert (gaps("a").shape, gaps("b").shape) == ((3,), (0,))
    assert embedder.name in str(gaps)


def test_it_stops_at_its_deadline(pages, tmp_path):
    with pytest.raises(OutOfTime):
        Gaps.of(Corpus.of(pages), Embedder(Settings(home=tmp_path, offline=True)), deadline=Deadline(0))


def test_a_learner_cuts_by_them_where_that_is_wished_for(pages, settings):
    options = RetrievalOptions(semantic=True)
    assert [one.chunking for one in DenseVectors(options).portfolio(10)] == ["whole", "headings", "semantic"]
    assert "semantic" not in [one.chunking for one in DenseVectors(RetrievalOptions()).portfolio(10)]
    assert "semantic" not in [one.chunking for one in Bm25(options).portfolio(10)]
    learner = DenseVectors(options)
    learner = learner.with_params(learner.settings(chunking="semantic", size=30))
    asked = pl.DataFrame({"question": ["What do banks do?", "Who plays?"], "relevant": ["a", "a"]})
    long = pages.with_columns(
        text=pl.when(pl.col("document") == "a").then(pl.lit(f"{SAYS} " * 2)).otherwise("text")
    )
    context = Context(SCHEMA, Task.QUESTION_ANSWERING, documents=long, settings=settings)
    model = learner.fit(asked, None, context)
    assert len(model.index.chunks) > 2
    assert model.predict(asked)["documents"].list.first().to_list() == ["a", "a"]
