"""What is asked of a source, and what a source answers."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import polars as pl
from polars.selectors import by_name

from noria.core.events import Events
from noria.errors import ParamError, SourceError
from noria.settings import Settings

__all__ = ["Ask", "File", "Reading", "checked", "plain", "records"]

BATCH_ROWS = 50_000


@dataclass(frozen=True)
class Ask:
    """One request to read a source.

    Attributes
    ----------
    source : object
        What the user named or handed over.
    settings : Settings
    query, table : str, optional
    names : sequence of str, optional
        Of the columns, where the source tells none or others.
    events : Events
    fresh : bool
        Whether a copy is fetched anew where its server does not say if it has changed.
    written : collection of str
        Columns of delimited text that stay text: what their numbers mean is known already.
    """

    source: Any
    settings: Settings
    query: str | None = None
    table: str | None = None
    names: Sequence[str] | None = None
    events: Events = field(default_factory=Events)
    fresh: bool = False
    written: Collection[str] = ()

    @property
    def text(self) -> str:
        """The source as written."""
        return str(self.source)

    def named(self, width: int) -> list[str]:
        """The names asked for, which must be those of so many columns."""
        names = list(self.names or ())
        if len(set(names)) != len(names) or len(names) != width:
            raise ParamError(
                "The names of columns must name every column, each another one.",
                got=f"{len(set(names))} names for {width} columns",
                do="List each column once, in the order of the file.",
            )
        return names

    def repaired(self, name: str, what: str) -> None:
        """Tell the listeners that something was put right while reading."""
        self.events.emit("data.repaired", source=name, what=what)


@dataclass(frozen=True)
class File:
    """A file at hand, and the name by which the user knows it.

    Attributes
    ----------
    path : Path
    name : str
        The path or the URL as written; errors and events use it.
    suffix : str
        The extension that decides the format, lower case; of the path unless given.
    """

    path: Path
    name: str
    suffix: str = ""

    @property
    def format(self) -> str:
        """The extension that decides the format, as ``".csv"``."""
        return self.suffix or self.path.suffix.lower()


@dataclass(frozen=True)
class Reading:
    """A source that has been found and can be read.

    Attributes
    ----------
    name : str
        For errors.
    whole : callable
        Reads everything into one frame.
    batches : callable, optional
        Reads frame by frame in bounded memory, where the format allows it.
    queried : bool
        Whether `query` has been answered by the source itself.
    tabled : bool
        Whether `table` means something to it.
    """

    name: str
    whole: Callable[[], pl.DataFrame]
    batches: Callable[[], Iterator[pl.DataFrame]] | None = None
    queried: bool = False
    tabled: bool = False


def plain(frame: pl.DataFrame) -> pl.DataFrame:
    """The frame without storage types that carry no meaning of their own.

    Decimals and 128-bit integers become floats, categoricals and enums text, extension types what they
    are stored as.
    """
    extended = [name for name, dtype in frame.schema.items() if isinstance(dtype, pl.BaseExtension)]
    frame = frame.with_columns([frame[name].ext.storage() for name in extended])
    wide = [name for name, dtype in frame.schema.items() if dtype.is_decimal() or dtype == pl.Int128]
    coded = [name for name, dtype in frame.schema.items() if dtype in (pl.Categorical, pl.Enum)]
    return frame.with_columns(by_name(*wide).cast(pl.Float64), by_name(*coded).cast(pl.String))


def checked(frame: pl.DataFrame, name: str) -> pl.DataFrame:
    """The plain frame, or a SourceError if it has no columns or no rows."""
    if frame.width == 0:
        raise SourceError(f"{name} has no columns.", do="Give a file with at least one column and one row.")
    if frame.height == 0:
        raise SourceError(f"{name} has columns and no rows.", do="Give a file with at least one row.")
    return plain(frame)


def records(names: list[str], columns: list[list[Any]], source: str) -> pl.DataFrame:
    """A frame from Python values; a column of mixed types becomes text instead of losing values.

    Examples
    --------
    >>> records(["a"], [[1, "x", None]], "here")["a"].to_list()
    ['1', 'x', None]
    """
    made = []
    for name, values in zip(names, columns, strict=True):
        kinds = {type(value) for value in values if value is not None}
        if len(kinds) > 1 and not kinds <= {int, float}:
            values = [value if value is None else str(value) for value in values]
        try:
            made.append(pl.Series(name, values, strict=False))
        except (pl.exceptions.PolarsError, TypeError, ValueError, OverflowError) as error:
            raise SourceError(f"{source}: column {name!r} cannot be read.", got=str(error)) from error
    return pl.DataFrame(made)
