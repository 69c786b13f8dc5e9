"""Registered models as a service: the desk, its keys, what it has answered and what it is told."""

from __future__ import annotations

import time
from collections.abc import Sequence
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from noria.api._session import Session
from noria.api._watch import course
from noria.core import registry
from noria.core.deadline import seconds
from noria.core.schema import Role
from noria.core.serving import Key, Label, Outcome
from noria.core.signature import Signature
from noria.errors import ParamError, suggestion

if TYPE_CHECKING:
    import polars as pl

    from noria.core.ports import Keys, PredictionLog
    from noria.lifecycle.keys import Keyring
    from noria.lifecycle.serve import Desk, Limits

__all__ = ["create_key", "desk", "feedback", "keyring", "keys", "predictions", "revoke_key"]


def desk(
    *models: str,
    split: Sequence[str] = (),
    by: str | None = None,
    shadow: Sequence[str] = (),
    log: bool | float = True,
    mask: Sequence[str] = (),
    limits: Limits | None = None,
    session: Session | None = None,
) -> Desk:
    """The champions of some names, ready to answer.

    Parameters
    ----------
    *models : str
        Names; ``titanic@challenger`` and ``titanic@3`` choose another version.
    split : sequence of str
        The shares of others: ``challenger=0.1``, or, of one model of several, ``titanic@challenger=0.1``.
    by : str, optional
        The field of a row by which it always goes to the same version; ``header:x-user`` names a header.
    shadow : sequence of str
        Aliases whose answers nobody sees: ``challenger`` or ``titanic@challenger``.
    log : bool or float
        Whether answers are kept in the state database before they go out; or the share of them that is.
    mask : sequence of str
        Fields whose values are not kept.
    limits : Limits, optional
    session : Session, optional

    Raises
    ------
    NotFoundError
        If there is no such model or version.
    ArtifactError
        If one is damaged.
    ParamError
        If nothing is named, or a model twice, or a share or a field cannot be.
    """
    from noria.core import artifact
    from noria.data.conform import conform
    from noria.lifecycle.serve import Desk, Endpoint, Limits, Privacy, Traffic

    if not models:
        raise ParamError("There is nothing to serve.", do="Name a model: noria models")
    names = [model.partition("@")[0] for model in models]
    twice = next((name for name in names if names.count(name) > 1), None)
    if twice is not None:
        raise ParamError(
            f"The model {twice!r} is named twice.",
            got=", ".join(models),
            do="Name one version of it; --split and --shadow let another one answer too.",
        )
    aliases = {name: alias or "champion" for name, _, alias in (model.partition("@") for model in models)}
    session, limits = session or Session(), limits or Limits()
    traffic = Traffic.parse(split, by, shadow, list(aliases))

    def load(folder: Path) -> Any:
        return artifact.load(folder, prepare=conform, trusted=session.trusts)

    endpoints = {
        name: Endpoint(name, session.registry, load, alias, traffic[name], limits.text)
        for name, alias in aliases.items()
    }
    known = {field for one in endpoints.values() for field in one.serving.check.names}
    for field in mask:
        if field not in known:
            raise ParamError(f"No served model has a field {field!r} to mask.", do=suggestion(field, known))
    share = float(log)
    if not 0 <= share <= 1:
        raise ParamError("The share of answers that is logged is a number from 0 to 1.", got=share)
    kept = _log(session) if share else None
    return Desk(endpoints, kept, limits, Privacy(share, frozenset(mask)), partial(course, session=session))


def keyring(session: Session | None = None) -> Keyring:
    """The keys that a service checks."""
    from noria.lifecycle.keys import Keyring

    return Keyring(_keys(session or Session()))


def create_key(
    name: str,
    *,
    models: Sequence[str] = (),
    verbs: Sequence[str] = (),
    expires: str | float | None = None,
    session: Session | None = None,
) -> tuple[Key, str]:
    """Make a key for a service; it cannot be shown again.

    Parameters
    ----------
    name : str
        Whose it is.
    models : sequence of str
        The names that it is for; all if empty. ``handbook/wheels*`` is for some documents of ``handbook``.
    verbs : sequence of str
        ``predict``, ``explain``, ``feedback``, ``upload``, ``admin``; all but the last two if empty.
    expires : str or float, optional
        ``"30d"``: when it counts no more.
    session : Session, optional

    Returns
    -------
    The key's line, and the key itself.

    Raises
    ------
    NotFoundError
        If there is no such model.
    ParamError
        If there is no name, or no such verb.

    Examples
    --------
    >>> line, key = create_key("ci", verbs=["predict"], expires="30d")
    >>> key.startswith(f"noria_{line.id}_"), keys()[-1].name
    (True, 'ci')
    """
    from noria.lifecycle import keys as work

    session = session or Session()
    for model in models:
        session.registry.model(model.partition("/")[0])
    until = None if expires is None else seconds(expires, "The life of a key")
    return work.create(_keys(session), name, models, verbs, until)


def keys(*, session: Session | None = None) -> list[Key]:
    """The keys of the service, oldest first, those that are not valid any more too."""
    return _keys(session or Session()).all()


def revoke_key(key: str, *, session: Session | None = None) -> list[Key]:
    """Let keys, given by an id or by a name, count no more; running services know within seconds.

    Raises
    ------
    NotFoundError
        If there is none.
    """
    from noria.lifecycle import keys as work

    return work.revoke(_keys(session or Session()), key)


def predictions(
    model: str,
    *,
    since: str | float | None = None,
    limit: int | None = None,
    output: str | Path | None = None,
    session: Session | None = None,
) -> pl.DataFrame | int:
    """What a service has answered, oldest first.

    Parameters
    ----------
    model : str
        A name.
    since : str or float, optional
        ``"7d"``: only what is younger.
    limit : int, optional
        Only so many of the latest.
    output : str or Path, optional
        A ``.csv``, ``.parquet`` or ``.jsonl`` file, of any length.
    session : Session, optional

    Returns
    -------
    Table of id, time, version, role, latency, caller, inputs and outputs (JSON) and label, or the number of
    rows written to `output`.

    Raises
    ------
    NotFoundError
        If there is no such model.
    """
    from noria.lifecycle import predictions as work

    session = session or Session()
    session.registry.model(model)
    start = None if since is None else time.time() - seconds(since, "An age")
    tables = work.tables(_log(session), model, since=start, limit=limit)
    return work.together(tables) if output is None else work.write(tables, Path(output))


def feedback(
    model: str, source: Any, *, replace: bool = False, session: Session | None = None
) -> dict[Outcome, int]:
    """Keep what predictions should have been.

    Parameters
    ----------
    model : str
        A name.
    source : str, path or table
        With the columns ``id``, of the predicted rows, and ``label``; for forecasts also what came true, with
        the columns of the series, the time and the target.
    replace : bool
        Whether a label may take the place of another one that was told before.
    session : Session, optional

    Returns
    -------
    How many labels came to which end.

    Raises
    ------
    NotFoundError
        If there is no such model.
    ColumnError
        If a column is missing.
    """
    from noria.core import artifact
    from noria.data import sources
    from noria.lifecycle import feedback as work

    session = session or Session()
    session.registry.model(model)
    table = sources.read(source, settings=session.settings, events=session.events)
    log, folder = _log(session), session.registry.folder(model)
    signature = Signature.from_dict(artifact.read_manifest(folder / "model")["signature"])
    if signature.inputs.with_role(Role.TIME) and "id" not in table.columns:
        outcomes = work.tell_forecasts(log, model, folder, table, replace=replace)
    else:
        work.demand(table, ["id", "label"])
        told, now = table.select("id", "label").drop_nulls().rows(), time.time()
        labels = [Label.of(str(one), label, now) for one, label in told]
        outcomes = work.tell(log, model, [signature], labels, replace=replace)
    return {outcome: outcomes.count(outcome) for outcome in Outcome}


def _log(session: Session) -> PredictionLog:
    return registry.backend("predictions", "sql")(session.settings)


def _keys(session: Session) -> Keys:
    return registry.backend("keys", "sql")(session.settings)
