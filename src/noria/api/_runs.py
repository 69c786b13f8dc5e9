"""Runs: listed, looked at, compared."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

from noria.api._session import Session

if TYPE_CHECKING:
    from noria.lifecycle.compare import Comparison
    from noria.lifecycle.reindex import Reindexed
    from noria.lifecycle.runs import Runs
    from noria.lifecycle.show import Details

__all__ = ["compare", "reindex", "report", "runs", "show"]


def runs(
    name: str | None = None, *, status: str | None = None, session: Session | None = None, **wishes: Any
) -> Runs:
    """Runs by what they are and what they reached, the latest first.

    Parameters
    ----------
    name : str, optional
        Only runs of this name.
    status : str, optional
        ``finished``, ``running`` or ``stopped``.
    session : Session, optional
    **wishes
        ``where``, ``since``, ``sort`` and ``limit``, as `noria.lifecycle.runs.asked` takes them.

    Raises
    ------
    ParamError
        If a wish cannot be read, or no run was measured by a metric.

    Examples
    --------
    >>> found = runs(where=["accuracy >= 0.5", "task = classification"], sort="-accuracy", limit=5)
    >>> len(found) <= 5
    True
    """
    from noria.lifecycle import runs as listing

    return listing.runs((session or Session()).registry, listing.asked(name, **wishes), status)


def show(reference: str | Path, *, session: Session | None = None) -> Details:
    """All that is known of a run: scores, leaderboard, data, code, parameters, environment, versions.

    Parameters
    ----------
    reference : str or Path
        A run's id or a unique beginning of it, ``titanic``, ``titanic@3``, ``titanic@challenger``, or the
        folder of a run.
    session : Session, optional

    Raises
    ------
    NotFoundError, ParamError
        If there is no such run, or more than one.
    ArtifactError
        If a file of a finished run has changed, is missing, or is of a newer format.
    """
    from noria.lifecycle.show import show as found

    return found(reference, (session or Session()).registry)


def compare(*references: str | Path, session: Session | None = None) -> Comparison:
    """Finished runs side by side: scores, and what differs in recipe, data, code, environment and learners.

    Parameters
    ----------
    *references : str or Path
        Two or more, each as `show` takes it; the others are compared with the first.
    session : Session, optional

    Raises
    ------
    NoriaError
        As `show` does; ParamError for a run that is not finished.
    """
    from noria.lifecycle.compare import compare as compared

    session = session or Session()
    return compared({str(reference): show(reference, session=session) for reference in references})


def report(
    reference: str | Path,
    *,
    kind: str = "html",
    output: str | Path | None = None,
    session: Session | None = None,
) -> Path:
    """The file that tells of a run: a page, a summary in Markdown, a model card, or a README.

    Parameters
    ----------
    reference : str or Path
        As `show` takes it.
    kind : str
        ``html``, ``md``, ``card`` or ``readme``.
    output : str or Path, optional
        A file to write it into, or a folder; without it, it is kept in the run's folder.
    session : Session, optional

    Raises
    ------
    NoriaError
        As `show` does; ParamError for a run that is not finished.
    """
    from noria.lifecycle import report as reports

    run = show(reference, session=session)
    return reports.report(run, kind, None if output is None else Path(output))


def reindex(*, session: Session | None = None) -> Reindexed:
    """Build the index of runs and models anew from their folders.

    Parameters
    ----------
    session : Session, optional

    Returns
    -------
    Reindexed
        How many runs and changes there are, and which folders are damaged and left out.

    Raises
    ------
    StorageError
        If the state database cannot be written; it is as it was before.

    Examples
    --------
    >>> reindex().damaged
    {}
    """
    from noria.lifecycle import reindex as folders

    session = session or Session()
    return folders.reindex(session.artefacts, session.state, session.events)
