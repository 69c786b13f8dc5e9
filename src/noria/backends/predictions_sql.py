"""The log of predictions in the state database: SQLite beside the runs, or PostgreSQL for a team."""

from __future__ import annotations

import os
import socket
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from threading import Lock, Timer
from typing import TYPE_CHECKING, Any

from noria.backends.state_database import Database
from noria.core.serving import Label, LoggedPrediction, Outcome
from noria.errors import OverloadError, StorageError
from noria.settings import Settings

if TYPE_CHECKING:
    from sqlalchemy import Connection
    from sqlalchemy.exc import DBAPIError

__all__ = ["SqlPredictions"]

_PATIENCE = 4.0  # seconds that lines wait for other writers, or for a server to come back
_HURRY = 0.25  # the same after the last lines waited in vain
_PAUSE = 0.2
_PAGE = 1_000
_REST = 0.05  # seconds in which others may write, before the next of them
_PAGES = 20_000  # of the write-ahead log, after which a commit copies it if nobody called `tidy`
_FEW = 200  # lines that are written in less time than a thread takes to begin
_LITTLE = 500_000  # characters of theirs
_FULL = "53100"  # what PostgreSQL says when its disk is full
_PROBE = LoggedPrediction("", "", "", 0, "", 0.0, 0.0, None, "", "")
_UNDONE = "DELETE FROM predictions WHERE id = ''"
_COLUMNS = ", ".join(f'"{name}"' for name in LoggedPrediction._fields)


class SqlPredictions:
    """Predictions in the table ``predictions``, labels in ``feedback``; one call is one transaction.

    One connection is kept for writing. What SQLite has committed is in the operating system's hands, so that
    it outlives the process. A server that goes away is waited for, and what it has kept before it went is
    not written twice.

    Parameters
    ----------
    settings : Settings
        ``settings.state`` is the address; without it the database is ``state.db`` in the home folder.
    """

    def __init__(self, settings: Settings) -> None:
        self._database = Database(settings, wait=_PATIENCE)
        self._lock = Lock()
        self._connection: Connection | None = None
        self._file: tuple[int, int] | None = None
        self._patience = _PATIENCE
        self._busy: int | None = None
        self.quick = self._database.file is not None
        mark = "?" if self.quick else "%s"
        marks = ", ".join([mark] * len(LoggedPrediction._fields))
        self._insert = f"INSERT INTO predictions ({_COLUMNS}) VALUES ({marks}) ON CONFLICT DO NOTHING"

    def append(self, lines: Sequence[LoggedPrediction], *, wait: bool = True) -> bool:
        """Add lines, all or none; False if somebody else writes and `wait` is false.

        Without lines one is written and taken back, so that it is known whether the disk takes any.
        """
        from sqlalchemy.exc import DBAPIError

        if not wait and (len(lines) > _FEW or sum(len(line.inputs) for line in lines) > _LITTLE):
            return False
        if not self._lock.acquire(blocking=wait):
            return False
        last = time.monotonic() + self._patience
        kept = False
        try:
            with self._database.telling():
                while not kept:
                    try:
                        self._append(lines, wait)
                        kept = True
                    except (DBAPIError, StorageError) as error:
                        passing = _may_pass(error)
                        if not (self.quick and passing):
                            self._drop()
                        if not passing:
                            raise
                        if not wait:
                            return False
                        if time.monotonic() >= last:
                            raise _away(error) from error
                        time.sleep(_PAUSE)
        finally:
            self._patience = _PATIENCE if kept or not wait else _HURRY
            self._lock.release()
        return True

    def _append(self, lines: Sequence[LoggedPrediction], wait: bool) -> None:
        """Write the lines; those that were kept before the answer to COMMIT was lost are known already."""
        if self._connection is None or self._connection.invalidated:
            self._drop()
            self._connection = self._connected()
        connection = self._connection
        if self.quick:
            self._append_to_file(connection.connection.driver_connection, lines, wait)
            return
        with _cut_off(connection), connection.begin():
            connection.exec_driver_sql(self._insert, [tuple(line) for line in lines or [_PROBE]])
            if not lines:
                connection.exec_driver_sql(_UNDONE)

    def _append_to_file(self, file: Any, lines: Sequence[LoggedPrediction], wait: bool) -> None:
        """Write the lines past SQLAlchemy, which would take three times as long for one of them."""
        import sqlite3

        from sqlalchemy.exc import OperationalError

        try:
            busy = int(1000 * self._patience) if wait else 0
            if busy != self._busy:
                file.execute(f"PRAGMA busy_timeout = {busy}")
                self._busy = busy
            file.execute("BEGIN IMMEDIATE")
            file.executemany(self._insert, lines or [_PROBE])
            if not lines:
                file.execute(_UNDONE)
            file.execute("COMMIT")
        except sqlite3.Error as error:
            raise OperationalError(self._insert, None, error) from error
        finally:
            if file.in_transaction:
                file.rollback()

    def _connected(self) -> Connection:
        """A connection whose commits copy no write-ahead log, and that waits for no lock for long."""
        connection = self._database.connect()
        self._file, self._busy = self._database.identity(), None
        if self.quick:
            driver: Any = connection.connection.driver_connection
            driver.execute(f"PRAGMA wal_autocheckpoint = {_PAGES}")
        else:
            most = int(1000 * _PATIENCE)
            with _cut_off(connection), connection.begin():
                connection.exec_driver_sql(f"SET lock_timeout = {most}; SET statement_timeout = {most}")
        return connection

    def read(
        self, name: str | None = None, *, since: float | None = None, limit: int | None = None
    ) -> Iterator[LoggedPrediction]:
        """The lines of a model, or of all, oldest first; of more than `limit` the latest."""
        from sqlalchemy import select

        from noria.backends.state_tables import PredictionRow as Row

        numbers = select(Row.number)  # an index has all of these, so that no whole lines are sorted
        if name is not None:
            numbers = numbers.where(Row.name == name)
        if since is not None:
            numbers = numbers.where(Row.when >= since)
        if limit is not None:
            numbers = numbers.order_by(Row.number.desc()).limit(limit)
        chosen = select(*(getattr(Row, field) for field in LoggedPrediction._fields))
        chosen = chosen.where(Row.number.in_(numbers)).order_by(Row.number)
        with self._database.reading() as connection:
            if connection is None:
                return
            for row in connection.execution_options(yield_per=_PAGE).execute(chosen):
                yield LoggedPrediction(*row)

    def count(self, name: str | None = None) -> int:
        """How many lines there are."""
        from sqlalchemy import func, select

        from noria.backends.state_tables import PredictionRow as Row

        counted = select(func.count()).select_from(Row)
        with self._database.reading() as connection:
            if connection is None:
                return 0
            return connection.scalar(counted if name is None else counted.where(Row.name == name)) or 0

    def tell(self, name: str, labels: Sequence[Label], *, replace: bool = False) -> list[Outcome]:
        """Keep what predictions of a model should have been; what became of each label, in their order.

        A page of them is one transaction: told again after a failure, those that were kept are known. Between
        pages others may write.
        """
        outcomes: list[Outcome] = []
        for start in range(0, len(labels), _PAGE):
            if start:
                time.sleep(_REST)
            with self._writing(f"feedback of {name}") as connection:
                outcomes += _tell(connection, name, labels[start : start + _PAGE], replace)
        return outcomes

    def labels(self, name: str, *, since: float | None = None) -> Iterator[Label]:
        """The labels of a model, by the ids of the rows."""
        from sqlalchemy import select

        from noria.backends.state_tables import LabelRow as Row

        chosen = select(*(getattr(Row, field) for field in Label._fields)).where(Row.name == name)
        if since is not None:
            chosen = chosen.where(Row.when >= since)
        with self._database.reading() as connection:
            if connection is None:
                return
            for row in connection.execution_options(yield_per=_PAGE).execute(chosen.order_by(Row.id)):
                yield Label(*row)

    def tidy(self) -> None:
        """Copy SQLite's write-ahead log into its file, so that no commit has to.

        Of a file that was moved away, or that another has taken the place of, the connection is let go.
        """
        if not self.quick:
            return
        if self._file != self._database.identity():
            with self._lock:
                self._drop()
        with self._database.reading() as connection:
            if connection is not None:
                plain = connection.execution_options(begin="")
                plain.exec_driver_sql("PRAGMA wal_checkpoint(PASSIVE)")

    def close(self) -> None:
        """Let go of the database."""
        with self._lock:
            self._drop()
            self._database.close()

    @contextmanager
    def _writing(self, hold: str) -> Iterator[Connection]:
        """A transaction of its own; what may be over in a moment is an OverloadError."""
        try:
            with self._database.writing(hold) as connection:
                yield connection
        except StorageError as error:
            if _may_pass(error):
                raise _away(error) from error
            raise

    def _drop(self) -> None:
        if self._connection is not None:
            self._connection.close()
            self._connection = None


@contextmanager
def _cut_off(connection: Connection) -> Iterator[None]:
    """Cut the line to a server that says nothing for long: it may have stopped, and still be there."""
    driver: Any = connection.connection.driver_connection
    with socket.socket(fileno=os.dup(driver.fileno())) as line:
        timer = Timer(2 * _PATIENCE, line.shutdown, [socket.SHUT_RDWR])
        timer.start()
        try:
            yield
        finally:
            timer.cancel()


def _known(connection: Connection, name: str, ids: set[str]) -> tuple[set[str], dict[str, str]]:
    """Which rows were predicted by a model, and the labels that some of them have."""
    from sqlalchemy import select

    from noria.backends.state_tables import LabelRow, PredictionRow

    logged = select(PredictionRow.id, PredictionRow.name).where(PredictionRow.id.in_(ids))
    labelled = select(LabelRow.id, LabelRow.label).where(LabelRow.name == name, LabelRow.id.in_(ids))
    told = {row.id: row.label for row in connection.execute(labelled)}
    # compared here: asked for the name, too, SQLite looks through all rows of it
    return {row.id for row in connection.execute(logged) if row.name == name}, told


def _tell(connection: Connection, name: str, labels: Sequence[Label], replace: bool) -> list[Outcome]:
    """Keep a page of labels."""
    from sqlalchemy.dialects import postgresql, sqlite

    from noria.backends.state_tables import LabelRow

    predicted, told = _known(connection, name, {label.id for label in labels})
    outcomes: list[Outcome] = []
    fresh: dict[str, Label] = {}
    for label in labels:
        outcome = _outcome(label, predicted, told, replace)
        outcomes.append(outcome)
        if outcome.counts:
            fresh[label.id], told[label.id] = label, label.label
    if fresh:
        insert = (sqlite if connection.dialect.name == "sqlite" else postgresql).insert(LabelRow)
        new = {field: insert.excluded[field] for field in ("label", "when", "caller")}
        put = insert.on_conflict_do_update(index_elements=["name", "id"], set_=new)
        connection.execute(put, [{"name": name, **label._asdict()} for label in fresh.values()])
    return outcomes


def _outcome(label: Label, predicted: set[str], told: dict[str, str], replace: bool) -> Outcome:
    if label.id not in predicted:
        return Outcome.UNKNOWN
    if label.id not in told:
        return Outcome.KEPT
    if told[label.id] == label.label:
        return Outcome.SAME
    return Outcome.REPLACED if replace else Outcome.CONTRADICTS


def _away(error: DBAPIError | StorageError) -> OverloadError:
    told = error.got if isinstance(error, StorageError) else error.orig
    return OverloadError(
        "The state database cannot be written now, and nothing is answered that is not kept.",
        got=str(told).strip().splitlines()[0],
        do="Send the request again.",
    )


def _may_pass(error: BaseException) -> bool:
    """Whether the same may succeed in a moment: a lock that somebody holds, a server that is away."""
    import sqlite3

    from sqlalchemy.exc import DBAPIError, OperationalError

    cause = error.__cause__ if isinstance(error, StorageError) else error
    if not isinstance(cause, DBAPIError):
        return False
    code = getattr(cause.orig, "sqlite_errorcode", None)
    if code is not None:
        return code & 0xFF in (sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED)
    passing = isinstance(cause, OperationalError) or cause.connection_invalidated
    return passing and getattr(cause.orig, "sqlstate", None) != _FULL
