"""The index of runs and models in a database: SQLite beside the runs, or PostgreSQL for a team."""

from __future__ import annotations

import math
import operator
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import replace
from functools import cached_property
from itertools import groupby
from typing import TYPE_CHECKING, Any

from noria.backends.state_database import Database
from noria.core.result import Score
from noria.core.runs import Change, Condition, ModelEntry, RunEntry, RunQuery
from noria.settings import Settings

if TYPE_CHECKING:
    from sqlalchemy import Connection, Select

__all__ = ["SqlState"]

_MANY = 10_000
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
        self._database = Database(settings)

    def made(self) -> bool:
        """Whether the database has its tables."""
        return self._database.made()

    def put(self, entry: RunEntry) -> None:
        """Add the line of a run, or replace it."""
        with self._database.writing(entry.id) as connection:
            self._forget(connection, entry.id)
            self._insert(connection, [entry])
            if connection.dialect.name == "sqlite":
                connection.exec_driver_sql("PRAGMA optimize")

    def forget(self, run: str) -> None:
        """Remove the line of a run."""
        with self._database.writing(run) as connection:
            self._forget(connection, run)

    def runs(self, query: RunQuery | None = None) -> list[RunEntry]:
        """The runs that a query asks for, by default all, newest first."""
        query = query or RunQuery()
        with self._database.reading() as connection:
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
        with self._database.reading() as connection:
            if connection is None:
                return 0
            chosen = self._chosen(connection, replace(query, sort=metric))
            return connection.scalar(chosen.with_only_columns(func.count(), maintain_column_froms=True)) or 0

    def metrics(self) -> list[str]:
        """All metrics that some run was measured by."""
        from sqlalchemy import select

        metric = self._tables.ScoreRow.metric
        with self._database.reading() as connection:
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
        with self._database.writing(name) as connection:
            change = self._tables.ChangeRow
            yield SqlHistory(
                connection, change, _read_changes(connection, self._tables, [change.name == name])
            )

    def rebuild(self, entries: Iterable[RunEntry], changes: Iterable[Change]) -> None:
        """Put these in place of everything that is known of runs and models, at once or not at all.

        They are read while nobody else can write, once the index is held. A SQLite file that is damaged is
        set aside.
        """
        from sqlalchemy import delete, insert

        tables = (self._tables.RunRow, self._tables.ScoreRow, self._tables.ChangeRow)
        self._database.mend()
        with self._database.writing() as connection:
            for table in tables:
                connection.execute(delete(table))
            self._insert(connection, list(entries))
            rows = [change.to_dict() for change in changes]
            if rows:
                connection.execute(insert(self._tables.ChangeRow), rows)
            for table in tables:
                connection.exec_driver_sql(f"ANALYZE {table.__tablename__}")

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
        with self._database.reading() as connection:
            return [] if connection is None else _read_changes(connection, self._tables, conditions)

    @cached_property
    def _tables(self) -> Any:
        from noria.backends import state_tables

        return state_tables


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
