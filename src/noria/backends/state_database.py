"""The state database itself: opened, made, migrated, mended; its errors turned into our own."""

from __future__ import annotations

import fcntl
import os
import re
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import quote

from noria._lazy import require
from noria.backends import state_migrations as migrations
from noria.errors import ParamError, StorageError
from noria.settings import Settings

if TYPE_CHECKING:
    from sqlalchemy import URL, Connection, Engine
    from sqlalchemy.exc import DBAPIError

__all__ = ["Database"]

_WAIT = 120.0  # seconds that a writer waits for others; the lock of a process that dies is gone with it
_PATIENCE = {"connect_timeout": "10", "tcp_user_timeout": "10000"}  # of a server: seconds, milliseconds
_ALL = 0x6E6F726961  # the advisory lock that every writer shares, and that whoever needs all tables has alone
_ONE = 0x6E6F7269  # the class of advisory locks of single runs and names


class Database:
    """Connections to a database that is of today's version; it is made when it is first written to.

    SQLite keeps a write-ahead log, so that readers wait for nobody, and one writer at a time holds it all. In
    PostgreSQL writers hold what they name: a run, or the name of a model.

    Parameters
    ----------
    settings : Settings
        ``settings.state`` is the address; without it the database is ``state.db`` in the home folder.
    wait : float
        Seconds that a writer of SQLite waits for others.
    """

    def __init__(self, settings: Settings, wait: float = _WAIT) -> None:
        self.settings, self.wait = settings, wait
        self._ready = False
        self._opened: tuple[int, int] | None = None

    @cached_property
    def file(self) -> Path | None:
        """Where a SQLite database lies."""
        if self.settings.state is None:
            return self.settings.home / "state.db"
        return Path(self._url.database or "") if self._url.get_backend_name() == "sqlite" else None

    def made(self) -> bool:
        """Whether the database has its tables; those of an older version are brought up to date first."""
        here = self.identity()
        if here != self._opened:
            self.close()
            self._ready = False
        if self._ready or (self.file is not None and here is None):
            return self._ready
        with self.telling(), self._engine.connect() as connection:
            version = _version(connection)
        if version is None:
            if self.file is not None:
                raise self._damaged("it lacks the tables of Noria")
            return False
        if version > migrations.SCHEMA:
            raise StorageError(
                f"The state database {self._name} was made by a newer Noria.",
                got=f"version {version}, and this Noria knows {migrations.SCHEMA}",
                do="Run: pip install --upgrade noria",
            )
        if version < migrations.SCHEMA:
            self._migrate()
        self._opened, self._ready = here, True
        return True

    def identity(self) -> tuple[int, int] | None:
        """What tells a SQLite file from another that is put in its place; None while there is none."""
        if self.file is None or not _filled(self.file):
            return None
        found = self.file.stat()
        return found.st_dev, found.st_ino

    @contextmanager
    def reading(self) -> Iterator[Connection | None]:
        """A connection, or None as long as there is no database."""
        if not self.made():
            yield None
            return
        with self.telling(), self._engine.connect() as connection:
            yield connection

    @contextmanager
    def writing(self, hold: str | None = None) -> Iterator[Connection]:
        """A connection whose changes count together when the block ends without an error.

        Parameters
        ----------
        hold : str, optional
            The run or name that nobody else may write to meanwhile; without it, nobody may write at all.
        """
        self._make()
        with self._alone(hold) as connection:
            yield connection

    def connect(self) -> Connection:
        """A connection of the caller's own, to be closed; its transactions begin with the write lock."""
        self._make()
        return self._engine.connect().execution_options(begin="BEGIN IMMEDIATE")

    def mend(self) -> None:
        """Set a SQLite file aside that is damaged, so that a new one can be made in its place."""
        if self.file is None or not _filled(self.file):
            return
        with _locked(self.file):
            if self._whole():
                return
            self._engine.dispose()
            self._ready = False
            aside = time.strftime(f"{self.file.name}.%Y%m%d-%H%M%S.broken", time.gmtime())
            for ending in ("", "-wal", "-shm"):
                with suppress(FileNotFoundError):
                    self.file.with_name(self.file.name + ending).rename(self.file.with_name(aside + ending))

    # -- made and migrated -----------------------------------------------------------------------------------

    def _make(self) -> None:
        """The tables, if they are not there yet: one process makes them, others wait for it."""
        if self.made():
            return
        if self.file is None:
            with self._alone(None) as connection:
                if _version(connection) is None:
                    _fill(connection)
            return
        with _locked(self.file):
            if self.made():
                return
            draft = self.file.with_name(f"{self.file.name}.new")
            _remove(draft)  # whoever was killed has left his
            try:
                engine = _sqlite(draft, new=True)
                with self.telling(), engine.begin() as connection:
                    _fill(connection)
                engine.dispose()
                draft.rename(self.file)
            finally:
                _remove(draft)
            self.made()

    def _migrate(self) -> None:
        """Bring the tables to today's version at once or not at all; of a SQLite file a copy is kept."""
        with self._alone(None) as connection:
            version = _version(connection)
            if version is None or version >= migrations.SCHEMA:
                return
            if not set(range(version, migrations.SCHEMA)) <= set(migrations.MIGRATIONS):
                raise StorageError(
                    f"The state database {self._name} is too old for this Noria.",
                    got=f"version {version}",
                    do="Move it away and run: noria reindex",
                )
            if self.file is not None:
                self._back_up(self.file.with_name(f"{self.file.name}.{version}.backup"))
            migrations.migrate(connection, version)

    def _back_up(self, copy: Path) -> None:
        try:
            copy.unlink(missing_ok=True)
            with self._engine.connect().execution_options(begin="") as connection:
                connection.exec_driver_sql("VACUUM INTO ?", (str(copy),))
            with copy.open("rb+") as file:
                os.fsync(file.fileno())
        except OSError as error:
            raise _cannot_write(copy, error) from error

    # -- connections -----------------------------------------------------------------------------------------

    @cached_property
    def _url(self) -> URL:
        from sqlalchemy import make_url
        from sqlalchemy.exc import ArgumentError

        try:
            url = make_url(self.settings.state or "")
            kind = url.get_backend_name()
            known = kind == "postgresql" or (kind == "sqlite" and bool(url.database))
        except (ArgumentError, ValueError):
            known = False
        if not known:
            raise ParamError(
                "NORIA_STATE is not the address of a state database.",
                got=repr(re.sub("//.*@", "//***@", self.settings.state or "")),  # there may be a password
                do="Write it as postgresql://user@host/database or sqlite:////folder/state.db.",
            )
        return url

    @property
    def _name(self) -> str:
        """What errors call it, without a password."""
        return str(self.file or self._url.render_as_string())

    @cached_property
    def _engine(self) -> Engine:
        if self.file is not None:
            return _sqlite(self.file, wait=self.wait)
        from sqlalchemy import create_engine

        require("psycopg", extra="postgres")
        url = self._url.set(drivername="postgresql+psycopg")
        url = url.update_query_dict({**_PATIENCE, **url.query})
        return create_engine(url, pool_pre_ping=True, isolation_level="READ COMMITTED")

    @contextmanager
    def _alone(self, hold: str | None) -> Iterator[Connection]:
        with (
            self.telling(),
            self._engine.connect().execution_options(begin="BEGIN IMMEDIATE") as connection,
            connection.begin(),
        ):
            if self.file is None and hold is None:
                connection.exec_driver_sql("SELECT pg_advisory_xact_lock(%s)", (_ALL,))
            elif self.file is None:
                connection.exec_driver_sql("SELECT pg_advisory_xact_lock_shared(%s)", (_ALL,))
                connection.exec_driver_sql("SELECT pg_advisory_xact_lock(%s, hashtext(%s))", (_ONE, hold))
            yield connection

    def close(self) -> None:
        """Let go of all connections that nobody uses."""
        if "_engine" in vars(self):
            self._engine.dispose()

    @contextmanager
    def telling(self) -> Iterator[None]:
        """Turn the database's errors into our own."""
        from sqlalchemy.exc import DBAPIError

        try:
            yield
        except DBAPIError as error:
            got = str(error.orig).strip().splitlines()[0]
            if _is_damage(error):
                raise self._damaged(got) from error
            raise StorageError(
                f"The state database {self._name} fails.",
                got=got,
                do="See that it can be reached and written, and run the same command again.",
            ) from error

    def _damaged(self, got: str) -> StorageError:
        return StorageError(f"The state database {self._name} is damaged.", got=got, do="Run: noria reindex")

    def _whole(self) -> bool:
        """Whether a SQLite file can be read from end to end, and is ours."""
        from sqlalchemy.exc import DBAPIError

        try:
            with self._engine.connect() as connection:
                checked = connection.exec_driver_sql("PRAGMA quick_check(1)").scalar()
                return checked == "ok" and _version(connection) is not None
        except DBAPIError as error:
            if _is_damage(error):
                return False
            with self.telling():
                raise


def _remove(draft: Path) -> None:
    for left in draft.parent.glob(f"{draft.name}*"):
        left.unlink()


def _filled(file: Path) -> bool:
    return file.exists() and file.stat().st_size > 0


def _is_damage(error: DBAPIError) -> bool:
    """Whether SQLite says that the file is none of its own, or not as it wrote it."""
    import sqlite3

    code = getattr(error.orig, "sqlite_errorcode", sqlite3.SQLITE_OK)
    return code & 0xFF in (sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB)


def _version(connection: Connection) -> int | None:
    """The version of the tables; None if there are none."""
    from sqlalchemy import inspect, select

    from noria.backends.state_tables import SchemaRow

    if not inspect(connection).has_table(SchemaRow.__tablename__):
        return None
    return connection.execute(select(SchemaRow.version)).scalar_one()


def _fill(connection: Connection) -> None:
    from sqlalchemy import insert

    from noria.backends.state_tables import SchemaRow, Table

    Table.metadata.create_all(connection)
    connection.execute(insert(SchemaRow), [{"version": migrations.SCHEMA}])


def _sqlite(file: Path, *, new: bool = False, wait: float = _WAIT) -> Engine:
    """An engine whose writers wait for each other; a file that cannot be written is read as it lies."""
    from sqlalchemy import URL, create_engine, event

    database, query = str(file), {}
    if not new and not (os.access(file, os.W_OK) and os.access(file.parent, os.W_OK)):
        log = file.with_name(f"{file.name}-wal")
        used = log.exists() and log.stat().st_size > 0
        database = f"file:{quote(database)}"
        query = {"uri": "true", **({"mode": "ro"} if used else {"immutable": "1"})}
    url = URL.create("sqlite", database=database, query=query)
    engine = create_engine(url, connect_args={"timeout": wait})

    @event.listens_for(engine, "connect")
    def _connected(connection: Any, _: Any) -> None:
        connection.isolation_level = None
        connection.execute("PRAGMA synchronous = NORMAL")
        if new:
            connection.execute("PRAGMA journal_mode = WAL")

    @event.listens_for(engine, "begin")
    def _begun(connection: Connection) -> None:
        begin = connection.get_execution_options().get("begin", "BEGIN")
        if begin:
            connection.exec_driver_sql(begin)

    return engine


@contextmanager
def _locked(file: Path) -> Iterator[None]:
    """Hold a lock beside a database file that is about to be made or moved."""
    try:
        file.parent.mkdir(parents=True, exist_ok=True)
        with file.with_name(f"{file.name}.lock").open("a") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)
            yield
    except OSError as error:
        raise _cannot_write(file, error) from error


def _cannot_write(file: Path, error: OSError) -> StorageError:
    return StorageError(
        f"Cannot write {file}.",
        got=error.strerror or str(error),
        do="Set NORIA_HOME to a folder that can be written.",
    )
