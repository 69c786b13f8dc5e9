"""What keeps a home or a store in order."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING

from noria.api._session import Session
from noria.core.deadline import seconds
from noria.errors import ParamError

if TYPE_CHECKING:
    from noria.lifecycle.prune import Pruned

__all__ = ["prune"]


def prune(
    name: str | None = None,
    *,
    keep: int = 5,
    older: str | float | None = None,
    stopped: bool = False,
    snapshots: bool = False,
    dry_run: bool = False,
    only: Pruned | None = None,
    session: Session | None = None,
) -> Pruned:
    """Remove what is not needed any more: old versions with their runs, and more if that is asked for.

    Versions that have an alias, that a roll back leads to or that are tagged ``keep=true`` stay, and so do
    runs that some process works on.

    Parameters
    ----------
    name : str, optional
        Of a model; all of them if absent. Data are of no model.
    keep : int
        How many of the newest versions of each model stay.
    older : str or float, optional
        ``"30d"``: what is younger stays.
    stopped : bool
        Whether runs of this machine that were cut off go too; they cannot be taken up again then.
    snapshots : bool
        Whether data that no run refers to any more go too.
    dry_run : bool
        Only say what would go.
    only : Pruned, optional
        What a dry run has found: nothing else goes.
    session : Session, optional

    Returns
    -------
    Pruned

    Raises
    ------
    NotFoundError
        If there is no model of that name.
    ParamError
        If no version would stay.

    Examples
    --------
    >>> found = prune(keep=3, older="30d", dry_run=True)
    >>> found.removed
    False
    """
    from noria.core.registry import vectors
    from noria.lifecycle.prune import Prune, Pruned

    if keep < 1:
        raise ParamError("At least the newest version of a model stays.", got=keep, do="Keep 1 or more.")
    session = session or Session()
    age = 0.0 if older is None else seconds(older, "An age")
    kept = partial(vectors, session.settings) if session.settings.vectors else None
    work = Prune(session.registry, session.events, name, keep, age, stopped, snapshots, kept)
    plan = work.plan()
    if only is not None:
        agreed = {(item.kind, item.id) for item in only.items}
        plan = tuple(item for item in plan if (item.kind, item.id) in agreed)
    return Pruned(plan, removed=False) if dry_run else work(plan)
