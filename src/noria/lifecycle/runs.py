"""Runs, found by what they are and by what they reached."""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import Any, Literal, get_args

import polars as pl

from noria.core.deadline import seconds
from noria.core.ports import Artefacts, State
from noria.core.result import Score, html_table
from noria.core.runs import FIELDS, Condition, ModelEntry, RunEntry, RunQuery
from noria.core.words import times
from noria.errors import ParamError, suggestion
from noria.lifecycle.register import Registry

__all__ = ["Listed", "Runs", "Status", "asked", "runs", "status"]

Status = Literal["finished", "running", "stopped"]

_COLUMNS: dict[str, Any] = {
    "id": pl.String,
    "model": pl.String,
    "version": pl.Int64,
    "aliases": pl.String,
    "status": pl.String,
    "metric": pl.String,
    "score": pl.Float64,
    "low": pl.Float64,
    "high": pl.Float64,
    "trials": pl.Int64,
    "seconds": pl.Float64,
    "started": pl.Datetime("ms", "UTC"),
}


@dataclass(frozen=True)
class Listed:
    """A run and how it stands.

    Attributes
    ----------
    run : RunEntry
    status : str
        ``finished``, ``running`` (a process of this machine works on it), or ``stopped`` (it was cut off).
    version : int, optional
        Which version of its name its model is.
    aliases : tuple of str
        What this version answers to.
    """

    run: RunEntry
    status: Status
    version: int | None = None
    aliases: tuple[str, ...] = ()

    def to_dict(self) -> dict[str, Any]:
        """JSON-ready fields."""
        standing = {"status": self.status, "version": self.version, "aliases": list(self.aliases)}
        return {**self.run.to_dict(), **standing}


@dataclass(frozen=True)
class Runs:
    """Runs in the order that was asked for.

    Attributes
    ----------
    lines : tuple of Listed
    more : int
        How many there are beyond the limit.
    metric : str, optional
        The one to show, if runs were asked for by one; else each run's own.
    """

    lines: tuple[Listed, ...]
    more: int = 0
    metric: str | None = None

    def __iter__(self) -> Iterator[Listed]:
        return iter(self.lines)

    def __len__(self) -> int:
        return len(self.lines)

    def score(self, line: Listed) -> Score | None:
        """The score that is shown of a run."""
        return line.run.scores.get(self.metric or line.run.metric or "")

    def frame(self) -> pl.DataFrame:
        """One row per run."""
        return pl.DataFrame([self._row(line) for line in self.lines], schema=_COLUMNS, orient="row")

    def _row(self, line: Listed) -> tuple[Any, ...]:
        run, score = line.run, self.score(line)
        measured = (score.metric, score.value, score.low, score.high) if score else (None,) * 4
        standing = (line.version, ", ".join(line.aliases), line.status)
        started = datetime.fromtimestamp(run.started, UTC)
        return run.id, run.name, *standing, *measured, run.trials, run.seconds, started

    def to_dict(self) -> dict[str, Any]:
        """JSON-ready fields."""
        return {"runs": [line.to_dict() for line in self.lines], "more": self.more}

    def _repr_html_(self) -> str:
        more = f", and {self.more:,} more" if self.more else ""
        return html_table(self.frame(), f"{times(len(self), 'run')}{more}")


def asked(
    name: str | None = None,
    *,
    where: str | Sequence[str] = (),
    since: str | float | None = None,
    sort: str = "-started",
    limit: int | None = 20,
) -> RunQuery:
    """A query as people write it.

    Parameters
    ----------
    name : str, optional
    where : str or sequence of str
        Conditions that all hold: ``"accuracy >= 0.8"``, ``"task = regression"``, ``"commit ^= 3f2a"``.
    since : str or float, optional
        Only runs that were started within this time: ``"7d"``, ``"12h"``, or seconds.
    sort : str
        A metric, or a field of a run; a minus before it puts the greatest first.
    limit : int, optional
        At most so many; 0 or None means all.

    Raises
    ------
    ParamError
        If a condition or a time cannot be read.

    Examples
    --------
    >>> asked(sort="-accuracy", limit=5)
    RunQuery(name=None, finished=None, where=(), sort='accuracy', descending=True, limit=5)
    """
    conditions = [Condition.parse(text) for text in ([where] if isinstance(where, str) else where)]
    if since is not None:
        conditions.append(Condition("started", ">=", time.time() - seconds(since, "The time since then")))
    return RunQuery(
        name, where=tuple(conditions), sort=sort.removeprefix("-"), descending=sort.startswith("-"),
        limit=limit or None,
    )  # fmt: skip


def runs(registry: Registry, query: RunQuery, wanted: str | None = None) -> Runs:
    """The runs that a query asks for, of one status or of any.

    Raises
    ------
    ParamError
        If there is no such status, or no run was measured by a metric that is asked for.
    """
    if wanted is not None and wanted not in get_args(Status):
        raise ParamError(f"There is no status {wanted!r}.", do=suggestion(wanted, get_args(Status)))
    unended = wanted in ("running", "stopped")
    if wanted is not None:
        query = replace(query, finished=not unended)
    found = registry.runs(replace(query, limit=None) if unended else query)
    standing = {run.id: status(run, registry.artefacts) for run in found}
    if unended:
        found = [run for run in found if standing[run.id] == wanted]
    full = not unended and query.limit is not None and len(found) == query.limit
    total = registry.state.count(query) if full else len(found)
    if not found:
        _check(query.metrics, registry.state)
    found = found[: query.limit]
    versions = registry.state.models([run.id for run in found])
    lines = tuple(_listed(run, standing[run.id], versions) for run in found)
    return Runs(lines, total - len(found), next(iter(query.metrics), None))


def status(run: RunEntry, artefacts: Artefacts) -> Status:
    """Whether a run has come to its end, is worked on, or was cut off."""
    return "finished" if run.finished else "running" if artefacts.busy(run.id) else "stopped"


def _check(metrics: Sequence[str], state: State) -> None:
    """See that runs were measured by these metrics, if there are any runs."""
    known = state.metrics()
    for name in metrics if known else ():
        if name not in known:
            raise ParamError(f"No run was measured by {name!r}.", do=suggestion(name, [*known, *FIELDS]))


def _listed(run: RunEntry, standing: Status, models: Sequence[ModelEntry]) -> Listed:
    for model in models:
        for version in model.versions:
            if version.run == run.id:
                return Listed(run, standing, version.number, model.held_by(version.number))
    return Listed(run, standing)
