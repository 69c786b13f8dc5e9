"""Tables and queries of databases, and SQL over files."""

from __future__ import annotations

import re
import sqlite3
from contextlib import closing
from pathlib import Path
from typing import Any

import polars as pl
from polars.selectors import by_name

from noria._lazy import require
from noria.data.sources.ask import Ask, File, Reading, plain, records
from noria.data.sources.frames import distinct
from noria.errors import ParamError, SourceError, suggestion
from noria.pages.units import without_password

__all__ = ["open_postgres", "open_sql", "open_sqlite", "open_sqlite_file", "query_frame"]


def open_sql(ask: Ask) -> Reading:
    """Answer ``sql:SELECT ... FROM 'file.csv'`` with DuckDB."""
    query = ask.text.removeprefix("sql:").strip()
    return Reading("The query", lambda: _duckdb(query, {}, ask), queried=ask.query is None)


def query_frame(frame: pl.DataFrame, ask: Ask) -> pl.DataFrame:
    """Answer `query` over a frame that the query calls ``data``."""
    return _duckdb(ask.query or "", {"data": frame}, ask)


def _duckdb(query: str, views: dict[str, pl.DataFrame], ask: Ask) -> pl.DataFrame:
    import duckdb

    settings = {"autoinstall_known_extensions": not ask.settings.offline, "python_enable_replacements": False}
    with duckdb.connect(":memory:", config=settings) as connection:
        for name, frame in views.items():
            connection.register(name, frame.to_arrow())
        try:
            answer = connection.sql(query)
        except duckdb.Error as error:
            raise _sql_error(query, error) from error
        if answer is None:
            raise SourceError("The query gives no table.", got=query, do="Write a SELECT.")
        try:
            return _answered(answer.pl())
        except duckdb.Error as error:
            raise _sql_error(query, error) from error


def _sql_error(query: str, error: Exception) -> SourceError:
    return SourceError("The query cannot be answered.", got=f"{query}\n{error}", do="Correct the SQL.")


def _answered(frame: pl.DataFrame) -> pl.DataFrame:
    if frame.height == 0:
        raise SourceError("The query or table has no rows.", got=", ".join(frame.columns))
    return plain(frame)


def _one_of(ask: Ask, example: str) -> None:
    if ask.query is not None and ask.table is not None:
        raise ParamError("Give a table or a query, not both.", do=f"Leave out one of them: {example}.")


def open_sqlite(ask: Ask) -> Reading:
    """Read ``sqlite:///relative.db`` or ``sqlite:////absolute.db``."""
    path = Path(ask.text.removeprefix("sqlite://").removeprefix("/")).expanduser()
    if not path.is_file():
        raise SourceError(f"There is no database {path}.", do="Write it as sqlite:///folder/file.db.")
    return open_sqlite_file(File(path, str(path)), ask)


def open_sqlite_file(file: File, ask: Ask) -> Reading:
    """Read a table or a query of a SQLite file; the table may be left out where there is only one."""
    _one_of(ask, "table='sales'")

    def whole() -> pl.DataFrame:
        address = f"{file.path.resolve().as_uri()}?mode=ro"
        with closing(sqlite3.connect(address, uri=True)) as connection:
            connection.text_factory = _text
            try:
                query = (
                    ask.query if ask.query is not None else _sqlite_select(connection, file.name, ask.table)
                )
                cursor = connection.execute(query)
                rows = cursor.fetchall()
            except (sqlite3.Error, sqlite3.Warning) as error:
                raise SourceError(
                    f"{file.name} cannot answer.",
                    got=ask.query or error,
                    do=str(error) if ask.query else None,
                ) from error
        if cursor.description is None:
            raise SourceError("The query gives no table.", got=ask.query, do="Write a SELECT.")
        names = distinct([str(column[0]) for column in cursor.description], file.name, ask)
        columns = [[row[place] for row in rows] for place in range(len(names))]
        return _answered(records(names, columns, file.name))

    return Reading(file.name, whole, queried=True, tabled=True)


def _text(value: bytes) -> str:
    """SQLite does not check its text; what is not UTF-8 is read as Windows-1252."""
    try:
        return value.decode("utf-8")
    except UnicodeDecodeError:
        return value.decode("cp1252", errors="replace")


def _quoted(name: str) -> str:
    return '"' + name.replace('"', '""') + '"'


def _sqlite_select(connection: sqlite3.Connection, name: str, table: str | None) -> str:
    found = connection.execute(
        "SELECT name FROM sqlite_master WHERE type IN ('table', 'view') AND name NOT LIKE 'sqlite_%'"
    )
    return f"SELECT * FROM {_quoted(_choose_table(table, [row[0] for row in found], name))}"


def _choose_table(table: str | None, tables: list[str], name: str) -> str:
    """The table that is asked for, or the only one."""
    if table is None and len(tables) == 1:
        return tables[0]
    if table is None:
        raise SourceError(
            f"{name} has {len(tables)} tables: which one?",
            got=", ".join(sorted(tables)) or None,
            do=f"Name one behind a '#': {name}#{sorted(tables)[0] if tables else 'orders'}",
        )
    if table not in tables:
        raise SourceError(f"{name} has no table {table!r}.", do=suggestion(table, tables))
    return table


def open_postgres(ask: Ask) -> Reading:
    """Read a table (``"sales"`` or ``"schema.sales"``) or a query of PostgreSQL through ADBC."""
    _one_of(ask, "table='sales'")
    dbapi = require("adbc_driver_postgresql.dbapi", extra="postgres")
    address, mark, wishes = ask.text.partition("?")
    shown = re.sub(r"//([^:@/]*):(?!\d+/).*@", r"//\1:***@", address) + without_password(mark + wishes)

    def whole() -> pl.DataFrame:
        try:
            with dbapi.connect(ask.text) as connection, connection.cursor() as cursor:
                query = ask.query if ask.query is not None else _postgres_select(cursor, shown, ask.table)
                cursor.execute(query)
                table = cursor.fetch_arrow_table()
        except dbapi.Error as error:
            told = str(error).replace(ask.text, shown).strip()
            raise SourceError(f"{shown} cannot answer.", got=told, do=_postgres_hint(ask)) from error
        names = distinct(table.column_names, shown, ask)
        return _answered(_decimals(table.rename_columns(names)))

    return Reading(shown, whole, queried=True, tabled=True)


def _postgres_hint(ask: Ask) -> str:
    return "Correct the SQL." if ask.query else "Is the server up, and are user, host and database right?"


def _postgres_select(cursor: Any, name: str, table: str | None) -> str:
    cursor.execute(
        "SELECT table_schema, table_name FROM information_schema.tables"
        " WHERE table_schema NOT IN ('pg_catalog', 'information_schema')"
    )
    tables = {
        item if schema == "public" else f"{schema}.{item}": f"{_quoted(schema)}.{_quoted(item)}"
        for schema, item in cursor.fetchall()
    }
    wanted = table.removeprefix("public.") if table is not None else None
    return f"SELECT * FROM {tables[_choose_table(wanted, list(tables), name)]}"


def _decimals(table: Any) -> pl.DataFrame:
    """The answer as a frame; ADBC gives NUMERIC as text, which becomes a float."""
    frame = plain(pl.DataFrame(pl.from_arrow(table)))
    numeric = [field.name for field in table.schema if getattr(field.type, "type_name", "") == "numeric"]
    return frame.with_columns(by_name(*numeric).cast(pl.Float64))
