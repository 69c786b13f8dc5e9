from __future__ import annotations

import contextlib
import sqlite3
import threading
import time
from contextlib import closing, contextmanager

import pytest
from sqlalchemy import Engine, event

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
        assert not log.append([LINE._replace(id="b")], wait=False)
        other.execute("ROLLBACK")
    assert log.append([LINE._replace(id="b")], wait=False)
    assert not log.append(lines(1_000), wait=False), "what takes long is for a thread"
    assert not log.append([LINE._replace(inputs="x" * 1_000_000)], wait=False)
    assert log.count() == 2


def test_a_database_that_somebody_holds_is_not_waited_for_for_ever(local, monkeypatch):
    monkeypatch.setattr(predictions_sql, "_PATIENCE", 0.3)
    log = SqlPredictions(local)
    log.append([LINE])
    with closing(sqlite3.connect(local.home / "state.db", isolation_level=None)) as other:
        other.execute("BEGIN IMMEDIATE")
        for call in (
            lambda: log.append([LINE._replace(id="b")]),
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
    assert log.append([LINE._replace(id="b")])
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


def test_no_lines_fail_too_as_long_as_the_disk_is_full(small_disk):
    disk = small_disk("1m")
    log = SqlPredictions(Settings(home=disk.folder / "home"))
    log.append([LINE])
    filler = disk.folder / "filler"
    with filler.open("wb", buffering=0) as file, contextlib.suppress(OSError):
        while file.write(b"x" * 4_096):
            continue
    with pytest.raises(StorageError):
        log.append([])
    filler.unlink()
    assert log.append([])
    assert log.count() == 1


def test_a_server_that_stops_and_is_still_there_is_given_up(remote, postgres, monkeypatch):
    monkeypatch.setattr(predictions_sql, "_PATIENCE", 0.5)
    log = SqlPredictions(remote)
    log.append([LINE])
    with postgres.frozen(), pytest.raises(OverloadError) as caught:
        log.append([LINE._replace(id="b")])
    assert caught.value.what == (
        "The state database cannot be written now, and nothing is answered that is not kept."
    )
    log.append([LINE._replace(id="c")])
    assert [line.id for line in log.read()] == ["a", "c"]


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


def test_rows_are_found_by_their_ids_and_whole_lines_are_not_sorted(local):
    log, heard = SqlPredictions(local), []
    log.append([LINE])

    def hear(_, __, statement, given, *___):
        heard.append((statement, given))

    event.listen(Engine, "before_cursor_execute", hear)
    try:
        log.tell("demo", [Label.of("a", 1, 1.0)])
        list(log.read("demo"))
    finally:
        event.remove(Engine, "before_cursor_execute", hear)
    asked = [one for one in heard if one[0].startswith("SELECT predictions.")]
    with closing(sqlite3.connect(local.home / "state.db")) as database:
        plans = [
            [step[3] for step in database.execute(f"EXPLAIN QUERY PLAN {sql}", given)] for sql, given in asked
        ]
    assert plans[0] == ["SEARCH predictions USING INDEX predictions_row (id=?)"]
    assert "USE TEMP B-TREE FOR ORDER BY" not in plans[1]


def test_many_labels_keep_nobody_from_writing(local):
    """Lines are kept while they are told, not only before and after."""
    log, many = SqlPredictions(local), lines(10_000)
    log.append(many)
    telling = threading.Thread(target=log.tell, args=("demo", [Label.of(one.id, 1, 1.0) for one in many]))
    telling.start()
    other, between = SqlPredictions(local), 0
    while telling.is_alive():
        other.append([LINE])
        between += telling.is_alive()
        time.sleep(0.01)
    telling.join()
    assert between > 3
    assert len(list(log.labels("demo"))) == 10_000


def test_a_file_that_was_moved_away_is_written_no_more(local):
    """Within one turn of `tidy`; what was kept in it before stays in it."""
    log = SqlPredictions(local)
    log.append([LINE])
    file = local.home / "state.db"
    for ending in ("", "-wal", "-shm"):
        file.with_name(f"state.db{ending}").rename(file.with_name(f"aside.db{ending}"))
    log.tidy()
    assert log.append([LINE._replace(id="b")])
    assert [line.id for line in SqlPredictions(local).read()] == ["b"]
    assert [line.id for line in log.read()] == ["b"]
    aside = Settings(home=local.home, state=f"sqlite:///{local.home}/aside.db")
    assert [line.id for line in SqlPredictions(aside).read()] == ["a"]


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
    assert log.append([LINE._replace(id="b")])
    release.join()
    other.close()
    assert log.count() == 2
