"""The log of predictions in the state database: SQLite beside the runs, or PostgreSQL for a team."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from threading import Lock
from typing import TYPE_CHECKING, Any

from noria.backends.state_database import Database
from noria.core.serving import LoggedPrediction
from noria.settings import Settings

if TYPE_CHECKING:
    from sqlalchemy import Connection

__all__ = ["SqlPredictions"]

_WAIT = 10_000  # milliseconds that lines wait for other writers
_PAGE = 1_000
_COLUMNS = ", ".join(f'"{name}"' for name in LoggedPrediction._fields)


class SqlPredictions:
    """Predictions in the table ``predictions``; the lines of one call are one transaction.

    One connection is kept for writing. What SQLite has committed is in the operating system's hands, so that
    it outlives the process.

    Parameters
    ----------
    settings : Settings
        ``settings.state`` is the address; without it the database is ``state.db`` in the home folder.
    """

    def __init__(self, settings: Settings) -> None:
        self._database = Database(settings)
        self._lock = Lock()
        self._connection: Connection | None = None
        self.quick = self._database.file is not None
        mark = "?" if self.quick else "%s"
        marks = ", ".join([mark] * len(LoggedPrediction._fields))
        self._insert = f"INSERT INTO predictions ({_COLUMNS}) VALUES ({marks})"  # noqa: S608 - our own names

    def append(self, lines: Sequence[LoggedPrediction], *, wait: bool = True) -> bool:
        """Add lines, all or none; False if somebody else writes and `wait` is false."""
        if not self._lock.acquire(blocking=wait):
            return False
        try:
            with self._database.telling():
                return self._append(list(lines), wait)
        finally:
            self._lock.release()

    def _append(self, lines: list[LoggedPrediction], wait: bool) -> bool:
        from sqlalchemy.exc import DBAPIError

        if self._connection is None or self._connection.invalidated:
            self._drop()
            self._connection = self._database.connect()
        connection = self._connection
        if self.quick:
            driver: Any = connection.connection.driver_connection
            driver.execute(f"PRAGMA busy_timeout = {_WAIT if wait else 0}")
        try:
            with connection.begin():
                connection.exec_driver_sql(self._insert, [tuple(line) for line in lines])
        except DBAPIError as error:
            if not wait and _is_busy(error):
                return False
            self._drop()
            raise
        return True

    def read(
        self, name: str | None = None, *, since: float | None = None, limit: int | None = None
    ) -> Iterator[LoggedPrediction]:
        """The lines of a model, or of all, oldest first."""
        from sqlalchemy import select

        from noria.backends.state_tables import PredictionRow as Row

        columns = [getattr(Row, field) for field in LoggedPrediction._fields]
        chosen = select(*columns).order_by(Row.number).limit(limit)
        if name is not None:
            chosen = chosen.where(Row.name == name)
        if since is not None:
            chosen = chosen.where(Row.when >= since)
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

    def close(self) -> None:
        """Let go of the database."""
        with self._lock:
            self._drop()
            self._database.close()

    def _drop(self) -> None:
        if self._connection is not None:
            self._connection.close()
            self._connection = None


def _is_busy(error: Any) -> bool:
    import sqlite3

    return getattr(error.orig, "sqlite_errorcode", 0) & 0xFF == sqlite3.SQLITE_BUSY
