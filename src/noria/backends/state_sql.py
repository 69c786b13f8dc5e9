"""The index of runs and models in a database: SQLite beside the runs, or PostgreSQL for a team."""

from __future__ import annotations

import fcntl
import math
import operator
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import replace
from functools import cached_property
from itertools import groupby
from pathlib import Path
from typing import TYPE_CHECKING, Any

from noria._lazy import require
from noria.core.result import Score
from noria.core.runs import Change, Condition, ModelEntry, RunEntry, RunQuery
from noria.errors import StorageError
from noria.settings import Settings

if TYPE_CHECKING:
    from sqlalchemy import Connection, Engine, Select

__all__ = ["SqlState"]

SCHEMA = 1
_MANY = 10_000
_WAIT = 30.0  # seconds that a writer waits for another
_COMPARE: Mapping[str, Callable[[Any, Any], Any]] = {
    "=": operator.eq,
    "!=": operator.ne,
    ">": operator.gt,
    ">=": operator.ge,
    "<": operator.lt,
    "<=": operator.le,
    "^=": lambda column, text: column.startswith(text, autoescape=True),
}


class SqlState:
    """Runs and histories in tables of `noria.backends.state_tables`.

    Nothing is made before something is written: a database that is not there yet reads as an empty one.

    Parameters
    ----------
    settings : Settings
        ``settings.state`` is the address; without it the database is ``state.db`` in the home folder.
    """

    def __init__(self, settings: Settings) -> None:
        self.settings = settings
        self.file = None if settings.state else settings.home / "state.db"
        self._made = False

    def made(self) -> bool:
        """Whether the database has its tables."""
        if not self._made and (self.file is None or self.file.exists()):
            import sqlalchemy

            with self._telling():
                self._made = sqlalchemy.inspect(self._engine).has_table(self._tables.SchemaRow.__tablename__)
        return self._made

    def put(self, entry: RunEntry) -> None:
        """Add the line of a run, or replace it."""
        with self._writing() as connection:
            self._forget(connection, entry.id)
            self._insert(connection, [entry])

    def forget(self, run: str) -> None:
        """Remove the line of a run."""
        with self._writing() as connection:
            self._forget(connection, run)

    def runs(self, query: RunQuery | None = None) -> list[RunEntry]:
        """The runs that a query asks for, by default all, newest first."""
        query = query or RunQuery()
        with self._reading() as connection:
            if connection is None:
                return []
            chosen = self._chosen(connection, query).order_by(*self._order(query)).limit(query.limit)
            rows = [dict(row) for row in connection.execute(chosen).mappings()]
            scores = self._scores(connection, [row["id"] for row in rows])
        return [RunEntry(**row, scores=scores.get(row["id"], {})) for row in rows]

    def count(self, query: RunQuery | None = None) -> int:
        """How many runs a query asks for, its limit aside."""
        from sqlalchemy import func

        query = query or RunQuery()
        metric = next((one.field for one in query.where if one.of_score), query.sort)
        with self._reading() as connection:
            if connection is None:
                return 0
            chosen = self._chosen(connection, replace(query, sort=metric))
            return connection.scalar(chosen.with_only_columns(func.count(), maintain_column_froms=True)) or 0

    def metrics(self) -> list[str]:
        """All metrics that some run was measured by."""
        from sqlalchemy import select

        metric = self._tables.ScoreRow.metric
        with self._reading() as connection:
            return (
                []
                if connection is None
                else list(connection.scalars(select(metric).distinct().order_by(metric)))
            )

    def model(self, name: str) -> ModelEntry | None:
        """The versions and aliases of a name."""
        changes = self.changes(name)
        return ModelEntry.of(name, changes) if changes else None

    def models(self, runs: Sequence[str] | None = None) -> list[ModelEntry]:
        """All names, in alphabetical order; or those of some runs, with theirs alone."""
        changes = self._changes(() if runs is None else self._about(runs))
        return [
            ModelEntry.of(name, list(mine)) for name, mine in groupby(changes, key=lambda change: change.name)
        ]

    def changes(self, name: str) -> list[Change]:
        """The history of a name, oldest first."""
        return self._changes([self._tables.ChangeRow.name == name])

    @contextmanager
    def alone(self, name: str) -> Iterator[SqlHistory]:
        """Hold the history of a name alone; what was added counts when the block ends without an error."""
        with self._writing() as connection:
            if connection.dialect.name == "postgresql":
                connection.exec_driver_sql("SELECT pg_advisory_xact_lock(hashtext(%s))", (name,))
            change = self._tables.ChangeRow
            yield SqlHistory(
                connection, change, _read_changes(connection, self._tables, [change.name == name])
            )

    def rebuild(self, entries: Iterable[RunEntry], changes: Iterable[Change]) -> None:
        """Put these in place of everything that is known of runs and models, at once or not at all."""
        from sqlalchemy import delete, insert

        tables = self._tables
        with self._writing() as connection:
            for table in (tables.RunRow, tables.ScoreRow, tables.ChangeRow):
                connection.execute(delete(table))
            self._insert(connection, list(entries))
            rows = [change.to_dict() for change in changes]
            if rows:
                connection.execute(insert(tables.ChangeRow), rows)

    # -- rows ------------------------------------------------------------------------------------------------

    def _chosen(self, connection: Connection, query: RunQuery) -> Select[Any]:
        """What a query asks for as SQL, in any order; what is sorted by a metric begins with its scores."""
        from sqlalchemy import select

        run, score = self._tables.RunRow, self._tables.ScoreRow
        chosen = select(run.__table__)
        if Condition(query.sort, "=", 0.0).of_score:
            chosen = chosen.join(score, score.run == run.id)
            chosen = chosen.where(score.metric == query.sort, score.value.is_not(None))
        if query.name is not None:
            chosen = chosen.where(run.name == query.name)
        if query.finished is not None:
            chosen = chosen.where(run.ended.is_not(None) if query.finished else run.ended.is_(None))
        for condition in query.where:
            if condition.of_score and condition.field == query.sort:
                chosen = chosen.where(_COMPARE[condition.compare](score.value, condition.value))
            else:
                chosen = chosen.where(self._fulfilled(connection, condition))
        return chosen

    def _order(self, query: RunQuery) -> list[Any]:
        """What to sort by: one direction, so that an index can be walked."""
        run, score = self._tables.RunRow, self._tables.ScoreRow
        if Condition(query.sort, "=", 0.0).of_score:
            columns = (score.value, score.run)
        else:
            columns = (getattr(run, query.sort), run.id)
        order = [column.desc() if query.descending else column.asc() for column in columns]
        return [term.nulls_last() if column.nullable else term for term, column in zip(order, columns)]

    def _insert(self, connection: Connection, entries: Sequence[RunEntry]) -> None:
        from sqlalchemy import insert

        rows = [{name: value for name, value in vars(entry).items() if name != "scores"} for entry in entries]
        scores = [
            {"run": entry.id, "metric": metric, **_numbers(score)}
            for entry in entries
            for metric, score in entry.scores.items()
        ]
        for table, lines in ((self._tables.RunRow, rows), (self._tables.ScoreRow, scores)):
            if lines:
                connection.execute(insert(table), lines)

    def _forget(self, connection: Connection, run: str) -> None:
        from sqlalchemy import delete

        tables = self._tables
        connection.execute(delete(tables.ScoreRow).where(tables.ScoreRow.run == run))
        connection.execute(delete(tables.RunRow).where(tables.RunRow.id == run))

    def _fulfilled(self, connection: Connection, condition: Condition) -> Any:
        """A condition as SQL: quick to look up where few runs fulfil it, quick to stop where many do."""
        from sqlalchemy import func, select

        run, compare = self._tables.RunRow, _COMPARE[condition.compare]
        if not condition.of_score:
            return compare(getattr(run, condition.field), condition.value)
        score = self._tables.ScoreRow.__table__.alias().columns
        fitting = select(score.run).where(
            score.metric == condition.field, compare(score.value, condition.value)
        )
        counted = select(func.count()).select_from(fitting.limit(_MANY).subquery())
        if connection.execute(counted).scalar_one() < _MANY:
            return run.id.in_(fitting)
        return fitting.where(score.run == run.id).exists()

    def _scores(self, connection: Connection, runs: Sequence[str]) -> dict[str, dict[str, Score]]:
        from sqlalchemy import select

        found: dict[str, dict[str, Score]] = {}
        score = self._tables.ScoreRow
        for start in range(0, len(runs), 1_000):
            chosen = select(score.__table__).where(score.run.in_(runs[start : start + 1_000]))
            for run, metric, *numbers in connection.execute(chosen):
                known = (math.nan if number is None else number for number in numbers)
                found.setdefault(run, {})[metric] = Score(metric, *known)
        return found

    def _about(self, runs: Sequence[str]) -> list[Any]:
        """What chooses the changes that tell which versions some runs are, and which aliases these have."""
        from sqlalchemy import exists, select, tuple_
        from sqlalchemy.orm import aliased

        change, later = self._tables.ChangeRow, aliased(self._tables.ChangeRow)
        mine = select(change.name, change.version).where(change.run.in_(runs))
        passed_on = exists().where(
            later.name == change.name, later.alias == change.alias, later.number > change.number
        )
        return [tuple_(change.name, change.version).in_(mine), change.alias.is_(None) | ~passed_on]

    def _changes(self, conditions: Sequence[Any]) -> list[Change]:
        with self._reading() as connection:
            return [] if connection is None else _read_changes(connection, self._tables, conditions)

    # -- connections -----------------------------------------------------------------------------------------

    @cached_property
    def _tables(self) -> Any:
        from noria.backends import state_tables

        return state_tables

    @cached_property
    def _engine(self) -> Engine:
        if self.file is not None:
            return _sqlite(self.file)
        from sqlalchemy import create_engine, make_url

        url = make_url(self.settings.state or "")
        if url.drivername == "postgresql":
            require("psycopg", extra="postgres")
            url = url.set(drivername="postgresql+psycopg")
        return create_engine(url, pool_pre_ping=True)

    @contextmanager
    def _reading(self) -> Iterator[Connection | None]:
        """A connection, or None as long as there is no database."""
        if not self.made():
            yield None
            return
        with self._telling(), self._engine.connect() as connection:
            yield connection

    @contextmanager
    def _writing(self) -> Iterator[Connection]:
        """A connection whose changes count together when the block ends without an error."""
        with self._telling():
            self._make()
            with self._engine.connect().execution_options(writing=True) as connection, connection.begin():
                yield connection

    def _make(self) -> None:
        """The tables, if they are not there yet: one process makes them, others wait for it."""
        if self.made():
            return
        if self.file is None:
            self._fill(self._engine)
            return
        with _locked(self.file):
            if self.made():
                return
            draft = self.file.with_name("state.db.new")
            try:
                engine = _sqlite(draft, new=True)
                self._fill(engine)
                engine.dispose()
                draft.rename(self.file)
            finally:
                for left in self.file.parent.glob("state.db.new*"):
                    left.unlink()

    def _fill(self, engine: Engine) -> None:
        from sqlalchemy import insert

        tables = self._tables
        with engine.begin() as connection:
            tables.Table.metadata.create_all(connection)
            connection.execute(insert(tables.SchemaRow), [{"version": SCHEMA}])

    @contextmanager
    def _telling(self) -> Iterator[None]:
        """Turn the database's errors into our own."""
        from sqlalchemy.exc import DBAPIError

        try:
            yield
        except DBAPIError as error:
            raise StorageError(
                f"The state database {self.file or self._engine.url.render_as_string()} fails.",
                got=str(error.orig).strip().splitlines()[0],
                do="See that it can be reached and written, and run the same command again.",
            ) from error


class SqlHistory:
    """The history of one name, in a transaction that holds it alone."""

    def __init__(self, connection: Connection, table: Any, changes: list[Change]) -> None:
        self._connection, self._table = connection, table
        self.changes = changes

    def add(self, change: Change) -> None:
        """Take an entry into the index."""
        from sqlalchemy import insert

        self._connection.execute(insert(self._table), [change.to_dict()])
        self.changes.append(change)


def _read_changes(connection: Connection, tables: Any, conditions: Sequence[Any]) -> list[Change]:
    from sqlalchemy import select

    table = tables.ChangeRow
    chosen = select(table.__table__).where(*conditions).order_by(table.name, table.number)
    return [Change(**row) for row in connection.execute(chosen).mappings()]


def _numbers(score: Score) -> Mapping[str, float | None]:
    named = {"value": score.value, "low": score.low, "high": score.high}
    return {name: None if math.isnan(number) else number for name, number in named.items()}


def _sqlite(file: Path, *, new: bool = False) -> Engine:
    """An engine whose writers wait for each other, and whose readers do not wait (write-ahead log)."""
    from sqlalchemy import create_engine, event

    engine = create_engine(f"sqlite:///{file}", connect_args={"timeout": _WAIT})

    @event.listens_for(engine, "connect")
    def _connected(connection: Any, _: Any) -> None:
        connection.isolation_level = None
        connection.execute("PRAGMA synchronous = NORMAL")
        if new:
            connection.execute("PRAGMA journal_mode = WAL")

    @event.listens_for(engine, "begin")
    def _begun(connection: Connection) -> None:
        writing = connection.get_execution_options().get("writing")
        connection.exec_driver_sql("BEGIN IMMEDIATE" if writing else "BEGIN")

    return engine


@contextmanager
def _locked(file: Path) -> Iterator[None]:
    """Hold a lock beside a database file that is about to be made."""
    try:
        file.parent.mkdir(parents=True, exist_ok=True)
        with file.with_name("state.db.lock").open("a") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)
            yield
    except OSError as error:
        raise StorageError(
            f"Cannot write {file}.",
            got=error.strerror or str(error),
            do="Set NORIA_HOME to a folder that can be written.",
        ) from error
