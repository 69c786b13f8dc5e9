"""What a table is like, before anything is learned from it."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import TYPE_CHECKING

from noria.core import files
from noria.core.events import Event, Events
from noria.core.profile import Profile

if TYPE_CHECKING:
    import polars as pl

    from noria.data.profile import Profiler

__all__ = ["profile", "write"]

Batches = Iterable["pl.DataFrame"]


def profile(
    batches: Batches,
    *,
    source: str,
    target: str | None = None,
    other: tuple[str, Batches] | None = None,
    events: Events | None = None,
) -> Profile:
    """Take in a table batch by batch and tell what it is like.

    Parameters
    ----------
    batches : iterable of Table
    source : str
        What the table is called.
    target : str, optional
        The column to be learned.
    other : tuple of str and iterable of Table, optional
        Name and rows of a table to compare with.
    events : Events, optional
        Hears ``profile.progress``; what ``data.repaired`` tells becomes a finding.

    Returns
    -------
    Profile

    Raises
    ------
    ColumnError
        If there is no such target.
    SourceError
        If there are no rows.
    """
    from noria.data.profile import Profiler

    events, repairs = events or Events(), []

    def hear(event: Event) -> None:
        if event.kind == "data.repaired":
            repairs.append(f"{event.data['source']}: {event.data['what']}")

    first = Profiler(source, target)
    second = None if other is None else Profiler(other[0])
    events.listen(hear)
    try:
        _take(first, batches, events)
        if second is not None and other is not None:
            _take(second, other[1], events)
    finally:
        events.ignore(hear)
    with events.stage("profile"):
        return first.finish(second, tuple(repairs))


def _take(profiler: Profiler, batches: Batches, events: Events) -> None:
    for batch in _ahead(batches):
        profiler.update(batch)
        events.emit("profile.progress", source=profiler.source, rows=profiler.rows)


def _ahead(batches: Batches) -> Iterator[pl.DataFrame]:
    """The same; the next batch is read while one is worked on.

    The first one is read here: all of a text may have to be looked at for it, and only this thread hears
    Ctrl-C.
    """
    source = iter(batches)
    batch = next(source, None)
    with ThreadPoolExecutor(1) as reader:
        while batch is not None:
            coming = reader.submit(next, source, None)
            yield batch
            batch = coming.result()


def write(made: Profile, path: Path) -> None:
    """Write the page of a profile; it appears when it is complete.

    Raises
    ------
    StorageError
        If it cannot be written.
    """
    from noria.pages.profile import page

    files.write_text(path, page(made))
