"""Served models that are watched."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from noria.api._session import Session
from noria.core import registry
from noria.core.deadline import seconds

if TYPE_CHECKING:
    from noria.core.watch import Check, Entry, Step
    from noria.lifecycle.retrain import Retrained, Retrainer
    from noria.lifecycle.watch import Watcher

__all__ = ["checks", "course", "retrain", "retrainer", "retrainings", "silence", "watch", "watcher"]


def watch(
    model: str,
    *,
    since: str | float | None = None,
    rows: int | None = None,
    notify: Sequence[str] | None = None,
    session: Session | None = None,
) -> Check:
    """Look once at a served model, and tell of alarms that have opened or closed.

    Parameters
    ----------
    model : str
        A name, ``name@challenger`` or ``name@3``.
    since : str or float, optional
        ``"7d"``: the age up to which rows of the log are looked at, in place of ``monitor: window``.
    rows : int, optional
        At most so many of the latest of them.
    notify : sequence of str, optional
        Whom to tell, in place of the recipe's ``monitor: notify``: addresses of apprise.
    session : Session, optional

    Returns
    -------
    Check
        Also kept in the state database.

    Raises
    ------
    NotFoundError
        If there is no such model.
    ParamError
        If the age is none.
    RecipeError
        If the rows are fewer than 50.
    """
    window = None if since is None else seconds(since, "An age")
    changes: dict[str, Any] = {"window": window, "rows": rows, "notify": notify}
    given = {key: value for key, value in changes.items() if value is not None}
    return watcher(session).check(model, **given)


def silence(
    model: str,
    duration: str | float,
    *,
    kinds: Sequence[str] = (),
    why: str = "",
    session: Session | None = None,
) -> Entry:
    """Tell nobody of a model's alarms for a while; they are kept all the same.

    Parameters
    ----------
    model : str
        A name.
    duration : str or float
        ``"2h"``; 0 ends every silence of the model.
    kinds : sequence of str
        ``drift``, ``quality``, ``decay``, ``estimate``, ``unanswered``, ``latency``, ``errors``; all if
        empty.
    why : str
        For the history.
    session : Session, optional

    Raises
    ------
    NotFoundError
        If there is no such model.
    ParamError
        If there is no such kind, or the duration is none.
    """
    lasts = seconds(duration, "A silence") if duration else 0.0
    return watcher(session).silence(model, lasts, kinds, why)


def checks(model: str, *, limit: int = 100, session: Session | None = None) -> list[Check]:
    """What was found whenever somebody looked at a model, latest first."""
    from noria.core.watch import Check

    return [Check.from_dict(one.body) for one in _entries(model, "check", limit, session)]


def retrain(
    model: str,
    source: Any = None,
    *,
    why: str = "",
    search: bool | None = None,
    dry_run: bool = False,
    only_due: bool = False,
    session: Session | None = None,
) -> Retrained:
    """Train a new version on fresh rows with their truth, and promote it if it is better.

    The latest of these rows are kept to judge champion and challenger by; both versions are compared row by
    row. Without `source` the rows are those of the log that have a label.

    Parameters
    ----------
    model : str
        A name.
    source : str, path or table, optional
        Rows with the target, oldest first.
    why : str
        For the history.
    search : bool, optional
        Whether to search again instead of fitting the champion's pipeline anew; as the recipe says if absent.
    dry_run : bool
        Only say what would be done.
    only_due : bool
        Do nothing unless the triggers of the recipe's ``monitor: retrain`` ask for it.
    session : Session, optional

    Raises
    ------
    NotFoundError
        If there is no such model.
    DataError
        If there are fewer than 200 rows.
    """
    from noria.data import sources

    session = session or Session()
    told: dict[str, Any] = {"settings": session.settings, "events": session.events}
    table = None if source is None else sources.read(source, **told)
    work = retrainer(session)
    return work(model, table, why=why, search=search, dry_run=dry_run, only_due=only_due)


def retrainings(
    model: str, *, limit: int = 100, session: Session | None = None
) -> list[tuple[float, str, Retrained]]:
    """When and by whom a model was retrained, and what became of it, latest first."""
    from noria.lifecycle.retrain import Retrained

    found = _entries(model, "retraining", limit, session)
    return [(one.when, one.who, Retrained.from_dict(one.body)) for one in found]


def _entries(model: str, kind: str, limit: int, session: Session | None) -> list[Entry]:
    session = session or Session()
    name = session.registry.find(model).name
    return registry.backend("ledger", "sql")(session.settings).entries(name, kind, limit=limit)


def course(model: str, *, limit: int = 60, session: Session | None = None) -> tuple[list[Check], list[Step]]:
    """What was found of a served model, and what was done about it, latest first."""
    from noria.core.watch import Step

    session = session or Session()
    name = session.registry.find(model).name
    steps = [
        Step(one.when, one.who, f"{one.kind} {one.alias or ''}".strip(), one.version, one.why)
        for one in session.registry.state.changes(name)
        if one.kind != "tagged"
    ]
    steps += [
        Step(when, who, f"retraining: {done.outcome}", done.version, done.reason or done.why)
        for at, (when, who, done) in enumerate(retrainings(model, limit=limit, session=session))
        if done.outcome != "started" or at == 0
    ]
    steps += [
        Step(one.when, one.who, "silence", None, one.body["why"])
        for one in _entries(model, "silence", limit, session)
    ]
    latest = sorted(steps, key=lambda one: one.when, reverse=True)
    return checks(model, limit=limit, session=session), latest[:limit]


def watcher(session: Session | None = None) -> Watcher:
    """What looks at the models of a session."""
    from noria.core import artifact
    from noria.data.conform import conform
    from noria.lifecycle.watch import Watcher

    session = session or Session()

    def load(folder: Path) -> Any:
        return artifact.load(folder, prepare=conform, trusted=session.trusts)

    def embed(texts: Sequence[str]) -> Any:
        from noria.systems.retrieval.embedder import Embedder

        return Embedder(session.settings).texts(texts)

    return Watcher(
        session.registry,
        registry.backend("predictions", "sql")(session.settings),
        registry.backend("ledger", "sql")(session.settings),
        load,
        lambda: registry.backend("alerts", "apprise")(),
        (session.settings.notify or "").split(),
        embed,
    )


def retrainer(session: Session) -> Retrainer:
    """What retrains the models of a session."""
    from functools import partial

    from noria.lifecycle.retrain import Retrainer
    from noria.lifecycle.train import Training

    training = partial(
        Training, settings=session.settings, registry=session.registry, executor=session.executor,
        events=session.events,
    )  # fmt: skip
    return Retrainer(watcher(session), session.settings, training, session.trusts)
