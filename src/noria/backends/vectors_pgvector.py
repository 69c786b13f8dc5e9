"""Vectors in PostgreSQL with the extension pgvector."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress
from functools import cached_property
from threading import Lock
from typing import TYPE_CHECKING, Any, TypeVar

import numpy as np
from numpy.typing import NDArray

from noria._lazy import require
from noria.errors import ArtifactError, NoriaError, StorageError, UnreachableError
from noria.pages.units import without_password
from noria.settings import Settings

if TYPE_CHECKING:
    from psycopg import Connection, Error

__all__ = ["PgVectors"]

T = TypeVar("T")
_NEAREST = 500
_WAIT = 3  # seconds for a server


class PgVectors:
    """One table of vectors, which is written in one transaction and never changed.

    Every vector is compared; an index of pgvector that somebody adds to the table is used.

    Parameters
    ----------
    settings : Settings
        ``settings.vectors`` is the address of the database.
    name : str
        Of the table.
    """

    def __init__(self, settings: Settings, name: str) -> None:
        self.name = name
        self._address = str(settings.vectors)
        self._lock = Lock()
        self._open: Connection | None = None

    def count(self) -> int:
        """How many there are; 0 without a table."""
        there = self._ask(lambda c: c.execute("SELECT to_regclass(quote_ident(%s))", [self.name]).fetchone())
        return self._size if there and there[0] else 0

    def write(self, vectors: NDArray[np.float32], documents: NDArray[np.int64]) -> None:
        """Keep vectors, (chunks, dimensions), of chunks of these documents, (chunks,): all or none."""
        if self.count() == len(vectors):
            return

        def copy(connection: Connection) -> None:
            with connection.transaction():
                connection.execute("CREATE EXTENSION IF NOT EXISTS vector")
                require("pgvector.psycopg", extra="pgvector").register_vector(connection)
                connection.execute(self._sql("DROP TABLE IF EXISTS {}"))
                columns = f"chunk integer, document integer, vector vector({vectors.shape[1]})"
                connection.execute(self._sql(f"CREATE TABLE {{}} ({columns})"))
                into = self._sql("COPY {} FROM STDIN WITH (FORMAT BINARY)")
                with connection.cursor() as cursor, cursor.copy(into) as rows:
                    rows.set_types(["integer", "integer", "vector"])
                    for row in zip(range(len(vectors)), documents.tolist(), vectors):
                        rows.write_row(row)

        self._ask(copy)

    def similar(
        self, asked: NDArray[np.float32], documents: NDArray[np.int64] | None = None
    ) -> NDArray[np.float32]:
        """The cosine of the nearest ones, and for all others that of the last of these, (chunks,)."""
        among = "" if documents is None else "WHERE document = ANY(%(documents)s)"
        query = self._sql(f"SELECT chunk, vector <#> %(asked)s FROM {{}} {among} ORDER BY 2 LIMIT {_NEAREST}")
        values = {"asked": asked, "documents": None if documents is None else documents.tolist()}
        nearest = self._ask(lambda connection: connection.execute(query, values).fetchall())
        found = np.array(nearest, dtype=np.float64).reshape(-1, 2)
        scores = np.full(self._size, -found[-1, 1] if len(found) else -1.0, dtype=np.float32)
        scores[found[:, 0].astype(np.int64)] = -found[:, 1]
        return scores

    def discard(self) -> None:
        """Remove the table, if there is one."""
        self._ask(lambda connection: connection.execute(self._sql("DROP TABLE IF EXISTS {}")))

    @cached_property
    def _size(self) -> int:
        found = self._ask(lambda c: c.execute(self._sql("SELECT count(*) FROM {}")).fetchone())
        return int(found[0]) if found else 0

    def _sql(self, text: str) -> Any:
        """A statement with the name of the table."""
        from psycopg import sql

        return sql.SQL(text).format(sql.Identifier(self.name))

    def _ask(self, work: Callable[[Connection], T]) -> T:
        """Do something over the connection; one that broke meanwhile is made anew."""
        psycopg = require("psycopg", extra="pgvector")
        with self._lock:
            try:
                if self._open is not None:
                    with suppress(psycopg.OperationalError):
                        return work(self._open)
                    self._open.close()
                self._open = _connected(self._address)
                return work(self._open)
            except psycopg.Error as error:
                raise self._told(error) from error

    def _told(self, error: Error) -> NoriaError:
        """An error of the database as one of ours."""
        from psycopg import errors

        at, got = without_password(self._address), str(error).partition("\n")[0]
        if isinstance(error, errors.UndefinedTable):
            return ArtifactError(
                f"The vectors of this model are not in {at}.",
                got=got,
                do="Set NORIA_VECTORS to the database that they were written to, or train again.",
            )
        if isinstance(
            error, errors.FeatureNotSupported | errors.UndefinedFile | errors.InsufficientPrivilege
        ):
            return StorageError(
                f"The database {at} has no room for vectors.",
                got=got,
                do="Install pgvector on its server, and let an administrator run: CREATE EXTENSION vector. "
                "The user of the address must be allowed to make tables.",
            )
        if isinstance(error, errors.OperationalError):
            return UnreachableError(
                f"The vectors in {at} cannot be reached.",
                got=got,
                do="See that the server runs and lets you in, and that NORIA_VECTORS is its address.",
            )
        return StorageError(f"The vectors in {at} cannot be kept or asked.", got=got)


def _connected(address: str) -> Connection:
    """A connection that knows vectors, if the database does."""
    import psycopg

    connection = psycopg.connect(
        address, autocommit=True, connect_timeout=_WAIT, tcp_user_timeout=1_000 * _WAIT
    )
    with suppress(psycopg.ProgrammingError):
        require("pgvector.psycopg", extra="pgvector").register_vector(connection)
    return connection
