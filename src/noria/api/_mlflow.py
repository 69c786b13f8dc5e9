"""Runs and models beside those of an MLflow server."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

from noria.api._session import Session
from noria.errors import ParamError

if TYPE_CHECKING:
    from noria.core.ports import Tracker
    from noria.core.runs import Version
    from noria.lifecycle.mirror import Mirrored

__all__ = ["import_model", "mirror"]


def mirror(reference: str, *, session: Session | None = None) -> list[Mirrored]:
    """Send to the MLflow server (``NORIA_MLFLOW``) what it does not have yet, and set its aliases.

    Parameters
    ----------
    reference : str
        ``titanic`` for all versions, ``titanic@3``, ``titanic@champion``, or a run.
    session : Session, optional

    Returns
    -------
    list of Mirrored
        The versions that are there now, and which of them were sent.
    """
    from noria.lifecycle.mirror import Mirror

    session = session or Session()
    return Mirror(session.registry, _tracker(session), session.events)(reference)


def import_model(
    source: str,
    *,
    name: str | None = None,
    promote: bool = False,
    trust: bool = False,
    session: Session | None = None,
) -> Version:
    """Bring a model from the MLflow server in, as a run and the next version of a name.

    Parameters
    ----------
    source : str
        ``mlflow:models:/titanic@champion`` or ``mlflow:models:/titanic/3``.
    name : str, optional
        Of the model here; its name there if absent.
    promote : bool
        Whether it becomes the champion.
    trust : bool
        Take a model with a feature function that was not trained here, and run it from now on.
    session : Session, optional
    """
    from noria.lifecycle import import_model as bring

    session = session or Session()
    trusted: Callable[[str], bool] = (lambda _: True) if trust else session.trusts
    return bring.import_model(
        source,
        session.registry,
        _tracker(session),
        session.events,
        name=name,
        promote=promote,
        trusted=trusted,
    )


def _tracker(session: Session) -> Tracker:
    if session.tracker is None:
        raise ParamError("No MLflow server is set.", do="Run: export NORIA_MLFLOW=http://localhost:5000")
    return session.tracker
