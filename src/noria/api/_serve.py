"""Registered models behind HTTP."""

from __future__ import annotations

from typing import TYPE_CHECKING

from noria.api._session import Session
from noria.core import artifact, registry
from noria.errors import ParamError

if TYPE_CHECKING:
    from noria.lifecycle.serve import Desk

__all__ = ["desk"]


def desk(*models: str, log: bool = True, session: Session | None = None) -> Desk:
    """The champions of some names, ready to answer.

    Parameters
    ----------
    *models : str
    log : bool
        Whether every answer is kept in the state database before it goes out.
    session : Session, optional

    Raises
    ------
    NotFoundError
        If there is no such model.
    ArtifactError
        If one is damaged.
    """
    from noria.data.conform import conform
    from noria.lifecycle.serve import Desk, Endpoint

    if not models:
        raise ParamError("There is nothing to serve.", do="Name a model: noria models")
    session = session or Session()
    endpoints = {
        name: Endpoint(
            name,
            session.registry,
            lambda folder: artifact.load(folder, prepare=conform, trusted=session.trusts),
        )
        for name in models
    }
    kept = registry.backend("predictions", "sql")(session.settings) if log else None
    return Desk(endpoints, kept)
