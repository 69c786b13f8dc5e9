"""Sites of recipes and their runs."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from noria.api import _recipes
from noria.api._session import Session

if TYPE_CHECKING:
    from noria.lifecycle.publish import Published

__all__ = ["publish"]


def publish(
    output: str | Path = "site",
    *,
    recipes: Sequence[str] = (),
    dry_run: bool = False,
    force: bool = False,
    session: Session | None = None,
) -> Published:
    """Write a static site of the shipped recipes and of everything that was trained here.

    Parameters
    ----------
    output : str or Path
        The site's folder. What lies in it beside an earlier site stays.
    recipes : sequence of str
        The names that the site is about; all, if empty.
    dry_run : bool
        Whether nothing is written.
    force : bool
        Whether the folder may hold other files; those with the name of a page are replaced.
    session : Session, optional

    Raises
    ------
    NotFoundError
        If there is no recipe or model of a name.
    ParamError
        If the folder holds something else.
    StorageError
        If the site cannot be written.

    Examples
    --------
    >>> "index.html" in publish("my-site", recipes=["iris"], dry_run=True).files
    True
    """
    from noria.lifecycle import publish as sites

    known = {recipe.name: recipe for recipe in _recipes.recipes()}
    registry = (session or Session()).registry
    return sites.publish(registry, known, Path(output), only=recipes, dry_run=dry_run, force=force)
