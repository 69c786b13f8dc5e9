from __future__ import annotations

import sqlite3
import threading
import time
from contextlib import closing, contextmanager

import pytest

import noria
from noria.backends import predictions_sql
from noria.backends.keys_sql import SqlKeys
from noria.backends.predictions_sql import SqlPredictions
from noria.core.serving import Key, Label, LoggedPrediction
from noria.errors import OverloadError, StorageError
from noria.settings import Settings
from noria.testing import PredictionLogContract

LINE = LoggedPrediction("a", "a", "demo", 1, "champion", 1.0, 0.001, None, "{}", "{}")


def lines(count: int, first: int = 0) -> list[LoggedPrediction]:
    return [LINE._replace(id=f"{at:06}", inputs="x" * 200) for at in range(first, first + count)]


class TestSqlite(PredictionLogContract):
    @pytest.fixture
    def connect(self, tmp_path):
        return lambda: SqlPredictions(Settings(home=tmp_path / "home"))


class TestPostgres(PredictionLogContract):
    @pytest.fixture
    def connect(self, tmp_path, postgres):
        pytest.importorskip("psycopg", reason="the extra noria[postgres] is not installed")
        address = postgres.database()
        return lambda: SqlPredictions(Settings(home=tmp_path, state=address))


@pytest.fixture
def local(tmp_path) -> Settings:
    return Settings(home=tmp_path / "home")


@pytest.fixture
def remote(tmp_path, postgres) -> Settings:
    pytest.importorskip("psycopg", reason="the extra noria[postgres] is not installed")
    return Settings(home=tmp_path, state=postgres.database())


def test_who_does_not_wait_is_told_that_somebody_else_writes(local):
    log = SqlPredictions(local)
    log.append([LINE])
    with closing(sqlite3.connect(local.home / "state.db", isolation_level=None)) as other:
        other.execute("BEGIN IMMEDIATE")
        assert not log.append([LINE], wait=False)
        other.execute("ROLLBACK")
    assert log.append([LINE], wait=False)
    assert not log.append(lines(1_000), wait=False), "what takes long is for a thread"
    assert log.count() == 2


def test_a_database_that_somebody_holds_is_not_waited_for_for_ever(local, monkeypatch):
    monkeypatch.setattr(predictions_sql, "_PATIENCE", 0.3)
    log = SqlPredictions(local)
    log.append([LINE])
    with closing(sqlite3.connect(local.home / "state.db", isolation_level=None)) as other:
        other.execute("BEGIN IMMEDIATE")
        for call in (
            lambda: log.append([LINE]),
            lambda: log.tell("demo", [Label.of("a", "yes", 1.0)]),
        ):
            with pytest.raises(OverloadError) as caught:
                call()
            assert str(caught.value) == (
                "The state database cannot be written now, and nothing is answered that is not kept.\n"
                "  got: database is locked\n"
                "  do:  Send the request again."
            )
        other.execute("ROLLBACK")
    assert log.append([LINE])
    assert log.count() == 2


def test_a_full_disk_is_told_and_what_was_kept_stays(small_disk):
    settings = Settings(home=small_disk("1m").folder / "home")
    log, kept = SqlPredictions(settings), 0
    log.append([LINE])

    def fill():
        nonlocal kept
        for at in range(1_000):
            log.append(lines(50, 50 * at))
            kept += 50

    with pytest.raises(StorageError) as caught:
        fill()
    assert caught.value.http_status == 507
    assert "fails." in caught.value.what
    assert caught.value.got == "database or disk is full"
    assert SqlPredictions(settings).count() == kept + 1


def test_a_server_that_is_restarted_is_waited_for(remote, postgres, monkeypatch):
    monkeypatch.setattr(predictions_sql, "_PATIENCE", 30.0)
    log = SqlPredictions(remote)
    log.append([LINE])
    with postgres.away():
        writing = threading.Thread(target=log.append, args=([LINE._replace(id="b")],))
        writing.start()
    writing.join()
    assert [line.id for line in log.read()] == ["a", "b"]


def test_a_server_that_is_away_is_not_waited_for_twice(remote, postgres, monkeypatch):
    monkeypatch.setattr(predictions_sql, "_PATIENCE", 0.5)
    log = SqlPredictions(remote)
    log.append([LINE])
    with postgres.away():
        for _ in range(2):
            with pytest.raises(OverloadError):
                log.append([LINE])
        assert log._patience < 0.5
    log.append([LINE._replace(id="b")])
    assert [line.id for line in log.read()] == ["a", "b"]


def test_what_the_server_kept_before_it_went_is_not_written_twice(remote, monkeypatch):
    """The answer to COMMIT is lost: nobody knows whether it counted."""
    from sqlalchemy import Connection
    from sqlalchemy.exc import OperationalError

    log = SqlPredictions(remote)
    log.append([LINE])
    begin, broken = Connection.begin, []

    @contextmanager
    def lose(connection):
        with begin(connection) as transaction:
            yield transaction
        if not broken:
            broken.append(True)
            raise OperationalError("COMMIT", {}, ConnectionError("the connection is lost"))

    monkeypatch.setattr(Connection, "begin", lose)
    log.append(lines(3))
    monkeypatch.undo()
    assert broken
    assert [line.id for line in log.read()] == ["a", "000000", "000001", "000002"]


def test_what_a_service_keeps_survives_reindex(local):
    log, keys = SqlPredictions(local), SqlKeys(local)
    log.append([LINE])
    log.tell("demo", [Label.of("a", "yes", 1.0)])
    keys.add(Key("k", "ann", "d" * 64, ("demo",), ("predict",), 1.0))
    noria.reindex(session=noria.Session(local))
    assert (log.count(), [label.label for label in log.labels("demo")]) == (1, ['"yes"'])
    assert [key.name for key in keys.all()] == ["ann"]


def test_commits_do_not_copy_the_write_ahead_log(local):
    """`tidy` does, beside them."""
    log = SqlPredictions(local)
    for at in range(80):
        log.append(lines(200, 200 * at))
    wal = local.home / "state.db-wal"
    grown = wal.stat().st_size
    assert grown > 1_000 * 4_096
    log.tidy()
    for at in range(80, 90):
        log.append(lines(200, 200 * at))
    assert wal.stat().st_size == grown, "its space is used again"


def test_time_is_not_lost_on_a_lock_that_is_soon_free(local):
    log = SqlPredictions(local)
    log.append([LINE])
    other = sqlite3.connect(local.home / "state.db", isolation_level=None, check_same_thread=False)
    other.execute("BEGIN IMMEDIATE")
    release = threading.Thread(target=lambda: (time.sleep(0.2), other.execute("COMMIT")))
    release.start()
    assert log.append([LINE])
    release.join()
    other.close()
    assert log.count() == 2
