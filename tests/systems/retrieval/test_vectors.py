import polars as pl
import psycopg
import pytest

import noria
from noria.errors import SourceError, UnreachableError
from noria.systems.retrieval.embedder import Embedder, usable
from noria.testing.toy import problems

TOY = problems()[-1]
QUESTION = TOY.table["question"][0]
ASKED = TOY.table.head(5)


@pytest.fixture(scope="module")
def database(pgvector):
    return pgvector.database()


@pytest.fixture
def address(monkeypatch, database):
    monkeypatch.setenv("NORIA_VECTORS", database)
    return database


@pytest.fixture(scope="module")
def session(tmp_path_factory):
    """A home with three versions of a model whose vectors lie in a database."""
    settings = noria.Settings(home=tmp_path_factory.mktemp("home"), workers=2, offline=True)
    if not usable():
        pytest.skip('noria[rag] is needed: pip install "noria[rag]"')
    try:
        Embedder(settings).question("ready")
    except SourceError as error:
        pytest.skip(str(error))
    return noria.Session(settings)


@pytest.fixture(scope="module")
def versions(session, database):
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("NORIA_VECTORS", database)
        return [
            noria.train(
                TOY.table, "relevant", documents=TOY.documents.head(count), name="pages", budget="30s",
                learners=["hybrid_ranks"], trials=2, session=session,
            )
            for count in (30, 29, 28)
        ]  # fmt: skip


def tables(address):
    with psycopg.connect(address) as connection:
        found = connection.execute("SELECT tablename FROM pg_tables WHERE tablename LIKE 'noria_%'")
        return {name for (name,) in found}


def test_each_version_has_a_table_of_its_own_and_says_the_same(versions, session, address):
    assert len(tables(address)) == 3
    for run in versions:
        loaded = noria.load(f"pages@{run.version}", session=session)
        assert not list((run.folder / "model").glob("*vectors*.safetensors"))
        found, expected = loaded.predict(ASKED), run.model.predict(ASKED)
        assert found["documents"].list.head(3).equals(expected["documents"].list.head(3))


def test_a_search_among_some_documents_finds_the_nearest_of_them(versions, session, address):
    loaded = noria.load("pages@1", session=session)
    name = TOY.documents["document"][7]
    asked = pl.DataFrame({"question": [QUESTION], "within": [name]})
    assert loaded.predict(asked)["documents"].to_list() == [[name]]


def test_while_the_server_is_away_words_answer_and_tables_do_not(versions, session, address, pgvector):
    loaded = noria.load("pages@1", session=session)
    with pgvector.away():
        answer = loaded.converse(QUESTION)
        assert answer["found"]
        assert answer["reason"].startswith("The vectors in postgresql://127.0.0.1")
        assert answer["reason"].endswith("The passages were found by their words.")
        with pytest.raises(UnreachableError):
            loaded.predict_one({"question": QUESTION})
    assert loaded.converse(QUESTION)["reason"] is None


def test_vectors_go_with_their_version(versions, session, address):
    kept = noria.Session(session.settings.model_copy(update={"vectors": address}))
    for number in (2, 3):
        noria.promote(f"pages@{number}", session=kept)
    found = noria.prune("pages", keep=1, session=kept)
    assert [item.what for item in found.items] == ["pages@1"]
    assert len(tables(address)) == 2
    for number in (2, 3):
        assert noria.load(f"pages@{number}", session=kept).predict_one({"question": QUESTION})["documents"]
