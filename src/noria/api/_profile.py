"""What a table is like."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING, Any

from noria.api._session import Session
from noria.core.files import exists

if TYPE_CHECKING:
    from noria.core.profile import Profile

__all__ = ["profile"]


def profile(
    source: Any,
    target: str | None = None,
    *,
    compare: Any = None,
    output: str | Path | None = None,
    query: str | None = None,
    table: str | None = None,
    session: Session | None = None,
) -> Profile:
    """Say what a table is like: its columns, how they go together, and what should be looked at.

    Delimited text, Parquet, Arrow files and JSON lines may be larger than memory.

    Parameters
    ----------
    source : str, path or table
        Anything that can be trained on.
    target : str, optional
        The column to be learned: every other one is related to it.
    compare : str, path or table, optional
        Another table, to be told what is different there.
    output : str or Path, optional
        An HTML file to be written: the profile as a page that needs nothing else.
    query, table : str, optional
        SQL, or the name of a table or sheet, to take from `source`.
    session : Session, optional

    Returns
    -------
    Profile

    Raises
    ------
    SourceError
        If it cannot be read or has no rows.
    ColumnError
        If there is no such target.
    StorageError
        If the page cannot be written.

    Examples
    --------
    >>> told = profile({"age": [31, 45, 28, 28], "town": ["Delft"] * 4})
    >>> [str(finding) for finding in told.findings][0]
    "NOR101 Constant column: town has only the value 'Delft'."
    """
    from noria.data.sources import scan
    from noria.lifecycle import profile as profiling

    session = session or Session()
    settings, events = session.settings, session.events
    batches = scan(source, settings=settings, query=query, table=table, events=events)
    other = None
    if compare is not None:
        other = (_name(compare, "the other table"), scan(compare, settings=settings, events=events))
    made = profiling.profile(
        batches, source=_name(source, "table"), target=target, other=other, events=events
    )
    if output is not None:
        profiling.write(made, Path(output))
    return made


def _name(source: Any, otherwise: str) -> str:
    """What a source is called."""
    from noria.pages.units import without_password

    if not isinstance(source, str | os.PathLike):
        return otherwise
    text = str(source)
    return Path(text).name if exists(text) else without_password(text)
