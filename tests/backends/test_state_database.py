"""The state database as a whole: its versions, what is broken, read-only or away."""

from __future__ import annotations

import shutil
import sqlite3
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing

import pytest
import sqlalchemy
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext

from noria.backends import state_migrations
from noria.backends.predictions_sql import SqlPredictions
from noria.backends.state_database import Database
from noria.backends.state_sql import SqlState
from noria.backends.state_tables import Table
from noria.core.result import Score
from noria.core.runs import Change, Condition, RunEntry, RunQuery
from noria.core.serving import LoggedPrediction
from noria.errors import ParamError, StorageError
from noria.settings import Settings

AGAIN = "See that it can be reached and written, and run the same command again."
OLD = state_migrations.SCHEMA - 1
LATER = ("ledger", "leases")  # the tables of version 4
RUN = RunEntry("a", "demo", 1.0, "k", "s", "0.1", commit="c", scores={"auc": Score("auc", 0.5)})
CHANGE = Change("demo", 1, "registered", 1, 1.0, "me", run="a")


@pytest.fixture(params=["sqlite", "postgresql"])
def settings(request, tmp_path) -> Settings:
    """Of a home of its own, with either kind of database."""
    if request.param == "sqlite":
        return Settings(home=tmp_path / "home")
    pytest.importorskip("psycopg", reason="the extra noria[postgres] is not installed")
    return Settings(home=tmp_path / "home", state=request.getfixturevalue("postgres").database())


@pytest.fixture
def local(tmp_path) -> Settings:
    return Settings(home=tmp_path / "home")


def filled(settings: Settings) -> SqlState:
    state = SqlState(settings)
    state.put(RUN)
    with state.alone("demo") as history:
        history.add(CHANGE)
    return state


def left(settings: Settings) -> None:
    """A database that was filled by a process that has ended."""
    filled(settings)._database._engine.dispose()


def known(settings: Settings) -> tuple[list[str], list[Change]]:
    state = SqlState(settings)
    return [run.id for run in state.runs()], state.changes("demo")


def engine(settings: Settings) -> sqlalchemy.Engine:
    address = settings.state or f"sqlite:///{settings.home / 'state.db'}"
    address = address.replace("postgresql:", "postgresql+psycopg:")
    return sqlalchemy.create_engine(address, poolclass=sqlalchemy.NullPool)


def sql(settings: Settings, *commands: str) -> None:
    with engine(settings).begin() as connection:
        for command in commands:
            connection.exec_driver_sql(command)


def differences(settings: Settings) -> list[object]:
    """What the database has other than the models say."""
    with engine(settings).connect() as connection:
        return compare_metadata(MigrationContext.configure(connection), Table.metadata)


def refused(settings: Settings, call=known) -> str:
    with pytest.raises(StorageError) as caught:
        call(settings)
    return str(caught.value)


# -- versions ------------------------------------------------------------------------------------------------


def older(settings: Settings) -> None:
    """Make a database as a Noria might have that knew no commits and said 'reason'."""
    left(settings)
    sql(
        settings, "DROP INDEX ix_runs_key", 'ALTER TABLE runs DROP COLUMN "commit"',
        "ALTER TABLE changes RENAME COLUMN why TO reason", f"UPDATE noria_schema SET version = {OLD}",
    )  # fmt: skip


def newer(operations) -> None:
    operations.add_column("runs", sqlalchemy.Column("commit", sqlalchemy.String))
    operations.create_index("ix_runs_key", "runs", ["key"])
    with operations.batch_alter_table("changes") as changes:
        changes.alter_column("reason", new_column_name="why")


def test_a_new_database_is_what_the_models_say(settings):
    filled(settings)
    assert differences(settings) == []


def test_every_version_has_a_way_to_this_one():
    assert sorted(state_migrations.MIGRATIONS) == list(range(1, state_migrations.SCHEMA))


def test_version_1_gets_the_tables_of_a_service(settings):
    left(settings)
    sql(
        settings, *(f"DROP TABLE {name}" for name in ("feedback", "keys", "predictions", *LATER)),
        "UPDATE noria_schema SET version = 1",
    )  # fmt: skip
    assert known(settings) == (["a"], [CHANGE])
    assert differences(settings) == []


def test_databases_of_all_versions_become_one_of_today(settings):
    left(settings)
    sql(
        settings, *(f"DROP TABLE {name}" for name in ("predictions", "feedback", "keys", *LATER)),
        "UPDATE noria_schema SET version = 1",
    )  # fmt: skip
    assert known(settings) == (["a"], [CHANGE])
    assert differences(settings) == []


def test_lines_that_were_written_twice_are_one(settings):
    log, line = SqlPredictions(settings), LoggedPrediction("a", "a", "x", 1, "y", 1.0, 1.0, None, "1", "{}")
    log.append([line, line._replace(role="shadow")])
    log.close()
    copied = ", ".join(f'"{name}"' for name in LoggedPrediction._fields)
    sql(
        settings, "DROP INDEX predictions_row", "CREATE INDEX predictions_row ON predictions (id)",
        f"INSERT INTO predictions ({copied}) SELECT {copied} FROM predictions",
        "ALTER TABLE predictions DROP COLUMN cpu", *(f"DROP TABLE {name}" for name in LATER),
        "UPDATE noria_schema SET version = 2",
    )  # fmt: skip
    assert [(one.id, one.role) for one in SqlPredictions(settings).read()] == [("a", "y"), ("a", "shadow")]
    assert differences(settings) == []


def test_an_older_database_is_migrated(settings, monkeypatch):
    monkeypatch.setattr(state_migrations, "MIGRATIONS", {OLD: newer})
    older(settings)
    assert differences(settings) != []
    assert known(settings) == (["a"], [CHANGE])
    assert differences(settings) == []
    SqlState(settings).put(RUN)
    assert SqlState(settings).runs() == [RUN]


def test_a_copy_of_an_older_file_is_kept(local, monkeypatch):
    monkeypatch.setattr(state_migrations, "MIGRATIONS", {OLD: newer})
    older(local)
    (local.home / f"state.db.{OLD}.backup").write_text("of a migration that was cut off")
    assert known(local) == (["a"], [CHANGE])
    with closing(sqlite3.connect(local.home / f"state.db.{OLD}.backup")) as backup:
        assert backup.execute("SELECT version FROM noria_schema").fetchall() == [(OLD,)]
        assert backup.execute("SELECT name, reason FROM changes").fetchall() == [("demo", "")]
    assert sorted(path.name for path in local.home.glob("*backup*")) == [f"state.db.{OLD}.backup"]


def test_a_migration_that_fails_changes_nothing(settings, monkeypatch):
    def failing(operations):
        newer(operations)
        raise LookupError("a step that is wrong")

    older(settings)
    monkeypatch.setattr(state_migrations, "MIGRATIONS", {OLD: failing})
    with pytest.raises(LookupError):
        known(settings)
    monkeypatch.setattr(state_migrations, "MIGRATIONS", {OLD: newer})
    assert known(settings) == (["a"], [CHANGE])
    assert differences(settings) == []


def test_a_database_is_migrated_once_however_many_open_it(settings, monkeypatch):
    steps = []

    def counting(operations):
        steps.append(operations)
        newer(operations)

    older(settings)
    monkeypatch.setattr(state_migrations, "MIGRATIONS", {OLD: counting})
    with ThreadPoolExecutor(8) as pool:
        assert list(pool.map(known, [settings] * 8)) == [(["a"], [CHANGE])] * 8
    assert len(steps) == 1


def test_a_newer_database_is_left_alone(local):
    left(local)
    sql(local, "UPDATE noria_schema SET version = 77")
    for call in (known, filled, lambda settings: SqlState(settings).rebuild([], [])):
        assert refused(local, call) == (
            f"The state database {local.home}/state.db was made by a newer Noria.\n"
            f"  got: version 77, and this Noria knows {state_migrations.SCHEMA}\n"
            "  do:  Run: pip install --upgrade noria"
        )
    sql(local, f"UPDATE noria_schema SET version = {state_migrations.SCHEMA}")
    assert known(local) == (["a"], [CHANGE])


def test_a_database_that_nothing_migrates_is_left_alone(local):
    left(local)
    sql(local, "UPDATE noria_schema SET version = -1")
    assert refused(local) == (
        f"The state database {local.home}/state.db is too old for this Noria.\n"
        "  got: version -1\n"
        "  do:  Move it away and run: noria reindex"
    )


# -- damage --------------------------------------------------------------------------------------------------


def _garbage(file):
    file.write_bytes(b"this is no database" * 400)


def _holed(file):
    content = bytearray(file.read_bytes())
    content[4096:] = bytes(len(content) - 4096)
    file.write_bytes(content)


def _foreign(file):
    file.unlink()
    with closing(sqlite3.connect(file)) as other:
        other.execute("CREATE TABLE other (x)")


@pytest.mark.parametrize(
    ("damage", "got"),
    [
        (_garbage, "file is not a database"),
        (_holed, "database disk image is malformed"),
        (_foreign, "it lacks the tables of Noria"),
    ],
    ids=["no database", "pages are lost", "of something else"],
)
def test_a_damaged_file_is_told_and_set_aside_by_a_rebuild(local, damage, got):
    left(local)
    file = local.home / "state.db"
    damage(file)
    damaged = file.read_bytes()
    for call in (known, filled):
        assert refused(local, call) == (
            f"The state database {file} is damaged.\n  got: {got}\n  do:  Run: noria reindex"
        )
    SqlState(local).rebuild([RUN], [CHANGE])
    assert known(local) == (["a"], [CHANGE])
    (aside,) = local.home.glob("state.db.*.broken")
    assert aside.read_bytes() == damaged


def test_a_file_that_is_whole_is_not_set_aside(local):
    filled(local).rebuild([RUN], [])
    assert known(local) == (["a"], [])
    assert not list(local.home.glob("*broken*"))


def test_an_empty_file_is_no_database_yet(local):
    local.home.mkdir()
    (local.home / "state.db").touch()
    assert known(local) == ([], [])
    filled(local)
    assert known(local) == (["a"], [CHANGE])


# -- a disk that cannot be written ---------------------------------------------------------------------------


@pytest.fixture
def disk(small_disk):
    return small_disk("2m")


@pytest.mark.parametrize("name", ["home", "a home? 100%#1"])
def test_a_read_only_file_is_read_and_not_written(disk, name):
    settings = Settings(home=disk.folder / name)
    left(settings)
    assert [path.name for path in settings.home.glob("state.db-*")] == []
    disk.lock()
    assert known(settings) == (["a"], [CHANGE])
    for call in (filled, lambda settings: SqlState(settings).rebuild([], [])):
        told = refused(settings, call)
        assert "attempt to write a readonly database" in told or "Read-only file system" in told
    assert known(settings) == (["a"], [CHANGE])


def test_what_a_killed_writer_left_in_the_log_is_read_too(disk, local):
    writer = filled(local)
    assert (local.home / "state.db-wal").stat().st_size
    shutil.copytree(local.home, disk.folder / "home")
    disk.lock()
    assert known(Settings(home=disk.folder / "home")) == (["a"], [CHANGE])
    assert writer.made()


def test_no_file_on_a_read_only_disk(disk):
    disk.lock()
    settings = Settings(home=disk.folder / "home")
    assert known(settings) == ([], [])
    assert refused(settings, filled) == (
        f"Cannot write {settings.home}/state.db.\n"
        "  got: Read-only file system\n"
        "  do:  Set NORIA_HOME to a folder that can be written."
    )


def test_an_older_file_on_a_read_only_disk_is_not_migrated(disk, monkeypatch):
    monkeypatch.setattr(state_migrations, "MIGRATIONS", {OLD: newer})
    settings = Settings(home=disk.folder / "home")
    older(settings)
    disk.lock()
    assert refused(settings) == (
        f"Cannot write {settings.home}/state.db.{OLD}.backup.\n"
        "  got: Read-only file system\n"
        "  do:  Set NORIA_HOME to a folder that can be written."
    )


# -- a server that goes away ---------------------------------------------------------------------------------


@pytest.fixture
def remote(postgres, tmp_path) -> Settings:
    pytest.importorskip("psycopg", reason="the extra noria[postgres] is not installed")
    return Settings(home=tmp_path / "home", state=postgres.database())


def test_a_server_that_is_away_is_told_without_the_password(remote, postgres):
    state, shown = filled(remote), remote.state.replace("secret", "***")
    with postgres.away():
        for call in (known, filled, lambda _: state.runs(), lambda _: state.put(RUN)):
            told = refused(remote, call)
            assert told.startswith(f"The state database {shown} fails.\n  got: ")
            assert told.endswith(f"\n  do:  {AGAIN}")
            assert "secret" not in told
    assert [run.id for run in state.runs()] == ["a"]
    assert known(remote) == (["a"], [CHANGE])


def test_what_was_not_done_when_the_server_went_away_is_not_done_at_all(remote, postgres):
    state = filled(remote)
    late = Change("demo", 2, "registered", 2, 1.0, "me", run="b")

    def change(_):
        with state.alone("demo") as history:
            history.add(late)
            postgres.stop()

    try:
        assert "fails.\n  got: " in refused(remote, change)
    finally:
        postgres.start()
    assert state.changes("demo") == [CHANGE]
    with state.alone("demo") as history:
        history.add(late)
    assert known(remote)[1] == [CHANGE, late]


def test_a_strict_server_loses_no_change(remote, postgres):
    """Where transactions see one moment by default, the history is still read after the lock is had."""
    name = remote.state.rpartition("/")[2]
    postgres.sql(f"ALTER DATABASE {name} SET default_transaction_isolation = 'serializable'")
    filled(remote)

    def add(_):
        state = SqlState(remote)
        with state.alone("demo") as history:
            number = len(history.changes) + 1
            history.add(Change("demo", number, "registered", number, 1.0, "me", run="a"))

    with ThreadPoolExecutor(8) as pool:
        list(pool.map(add, range(16)))
    assert [change.number for change in known(remote)[1]] == list(range(1, 18))


def test_a_database_that_was_left_half_made_is_made_anew(tmp_path):
    there, here = Settings(home=tmp_path / "there"), Settings(home=tmp_path / "here")
    Database(there)._make()
    here.home.mkdir()
    shutil.copy(there.home / "state.db", here.home / "state.db.new")
    Database(here)._make()
    assert Database(here).made()
    assert [path.name for path in here.home.glob("*.new*")] == []


# -- addresses -----------------------------------------------------------------------------------------------


@pytest.mark.parametrize("host", ["host", "host:port"])
def test_an_address_that_is_none_shows_no_password(tmp_path, host):
    with pytest.raises(ParamError) as caught:
        known(Settings(home=tmp_path, state=f"postgres://ann:secret@{host}/x"))
    assert caught.value.got == f"'postgres://***@{host}/x'"


@pytest.mark.parametrize("address", ["nonsense", "mysql://host/x", "sqlite://"])
def test_an_address_that_is_none(tmp_path, address):
    with pytest.raises(ParamError) as caught:
        known(Settings(home=tmp_path, state=address))
    assert str(caught.value) == (
        f"NORIA_STATE is not the address of a state database.\n  got: '{address}'\n"
        "  do:  Write it as postgresql://user@host/database or sqlite:////folder/state.db."
    )


def test_a_file_elsewhere(tmp_path):
    settings = Settings(home=tmp_path / "home", state=f"sqlite:///{tmp_path}/else/where.db")
    filled(settings)
    assert known(settings) == (["a"], [CHANGE])
    assert (tmp_path / "else" / "where.db").exists()
    assert not (tmp_path / "home").exists()


# -- listing -------------------------------------------------------------------------------------------------


def test_a_condition_that_many_runs_fulfil_finds_the_same_as_one_that_few_do(settings, monkeypatch):
    state = SqlState(settings)
    runs = [
        RunEntry(f"r{at:03}", f"n{at % 3}", float(at), "k", "s", "0.1", scores={
            "auc": Score("auc", at / 100), "rmse": Score("rmse", -at % 10),
        }) for at in range(100)
    ]  # fmt: skip
    state.rebuild(runs, [])
    queries = [
        RunQuery(name, where=(Condition.parse("auc > 0.5"), Condition.parse("rmse < 5")), sort=sort, limit=9)
        for name in (None, "n1")
        for sort in ("auc", "rmse", "started")
    ]
    few = [state.runs(query) for query in queries]
    monkeypatch.setattr("noria.backends.state_sql._MANY", 5)
    assert [state.runs(query) for query in queries] == few
    assert all(few)


def test_the_planner_knows_the_tables_of_a_file_that_has_grown(local):
    state = SqlState(local)
    for at in range(3):
        state.put(RunEntry(f"r{at}", "n", float(at), "k", "s", "0.1", scores={"auc": Score("auc", 1.0)}))
        state.runs(RunQuery("n"))
    with closing(sqlite3.connect(local.home / "state.db")) as file:
        assert {table for (table,) in file.execute("SELECT tbl FROM sqlite_stat1")} >= {"runs", "scores"}
