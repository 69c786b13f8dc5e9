import hashlib

import numpy as np
import pytest

from noria.backends.vectors_pgvector import PgVectors
from noria.core import registry
from noria.errors import ArtifactError, NotFoundError, StorageError, UnreachableError
from noria.settings import Settings
from noria.systems.retrieval import vectors as kept
from noria.systems.retrieval.dense import Arrays
from noria.testing import VectorsContract

ROWS = np.eye(4, dtype=np.float32)
DOCUMENTS = np.arange(4)


@pytest.fixture(scope="module")
def address(pgvector):
    return pgvector.database()


@pytest.fixture
def database(monkeypatch, address):
    monkeypatch.setenv("NORIA_VECTORS", address)
    return address


def opened(address, name="noria_test"):
    return PgVectors(Settings(vectors=address), name)


class TestVectorsInPostgres(VectorsContract):
    @pytest.fixture
    def keep(self, address):
        def made(rows, documents):
            name = f"noria_{hashlib.sha256(rows.tobytes()).hexdigest()[:32]}"
            opened(address, name).write(rows, documents)
            return opened(address, name)

        return made


def test_what_is_discarded_is_gone(address):
    one = opened(address, 'odd "name"; --')
    one.write(ROWS, DOCUMENTS)
    assert one.count() == 4
    one.discard()
    one.discard()
    assert one.count() == 0


def test_a_set_that_could_not_be_written_is_not_there(address):
    bad = np.where(ROWS == 1, np.nan, ROWS)
    with pytest.raises(
        StorageError, match=r"The vectors in postgresql://127\.0\.0\.1:\d+/db\d+ cannot be kept"
    ):
        opened(address, "noria_bad").write(bad, DOCUMENTS)
    assert opened(address, "noria_bad").count() == 0


def test_vectors_that_are_not_there_are_an_error(address):
    with pytest.raises(ArtifactError, match="The vectors of this model are not in postgresql://127"):
        opened(address, "noria_absent").similar(ROWS[0])


def test_a_server_that_was_away_is_asked_again(pgvector, address):
    one = opened(address, "noria_away")
    one.write(ROWS, DOCUMENTS)
    assert one.similar(ROWS[2]).argmax() == 2
    with pgvector.away(), pytest.raises(UnreachableError) as told:
        one.similar(ROWS[2])
    assert "secret" not in str(told.value)
    assert told.value.do == (
        "See that the server runs and lets you in, and that NORIA_VECTORS is its address."
    )
    assert one.similar(ROWS[3]).argmax() == 3


def test_a_server_without_the_extension_is_an_error(postgres):
    try:
        with pytest.raises(StorageError, match="has no room for vectors") as told:
            opened(postgres.database()).write(ROWS, DOCUMENTS)
    finally:
        postgres.sql("SELECT 1")
    assert "CREATE EXTENSION vector" in str(told.value.do)


def test_a_database_of_another_kind_is_not_known():
    with pytest.raises(NotFoundError, match="There is no vectors 'qdrant'"):
        registry.vectors(Settings(vectors="qdrant://localhost"), "noria_test")


def test_a_model_keeps_its_vectors_in_the_database(database, tmp_path):
    assert kept.save(Arrays(ROWS), DOCUMENTS, tmp_path) == {}
    found = kept.load(tmp_path, {})
    assert found.similar(ROWS[1]).argmax() == 1
    again = tmp_path / "again"
    again.mkdir()
    assert kept.save(found, DOCUMENTS, again) == {}
    assert (again / "vectors.json").read_bytes() == (tmp_path / "vectors.json").read_bytes()


def test_a_model_in_the_database_needs_its_address(database, tmp_path, monkeypatch):
    kept.save(Arrays(ROWS), DOCUMENTS, tmp_path)
    monkeypatch.delenv("NORIA_VECTORS")
    with pytest.raises(ArtifactError, match="nobody says in which") as told:
        kept.load(tmp_path, {})
    assert "NORIA_VECTORS" in str(told.value.do)
