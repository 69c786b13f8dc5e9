"""Everything that a command shows: progress, tables, JSON and errors. The only room that draws."""

from __future__ import annotations

import math
import sys
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, TextIO

import typer

if TYPE_CHECKING:
    import polars as pl
    from rich.console import Console, RenderableType
    from rich.table import Table

    from noria.api import Session
    from noria.errors import NoriaError

__all__ = [
    "console",
    "following",
    "grid",
    "print_json",
    "show",
    "show_answer",
    "show_error",
    "show_frame",
    "table",
    "table_of",
]

_PIPE_WIDTH = 100
_CELL = 24
_GAP = 3
_NARROW = 2


def console(*, stderr: bool = False) -> Console:
    """A rich console of stdout or stderr; plain, and of fixed width, where that is not a terminal."""
    from rich.console import Console

    stream = sys.stderr if stderr else sys.stdout
    width = None if stream.isatty() else _PIPE_WIDTH
    return Console(stderr=stderr, highlight=False, markup=False, emoji=False, width=width)


def show(*parts: RenderableType) -> None:
    """Print to stdout, without the blanks that tables are padded with."""
    screen = console()
    with screen.capture() as captured:
        for part in parts:
            screen.print(part)
    typer.echo("\n".join(line.rstrip() for line in captured.get().splitlines()))


def show_error(error: NoriaError, *, as_json: bool = False) -> None:
    """What is wrong, what was got and what to do, on stderr."""
    if as_json:
        print_json({**error.to_dict(), "exit_code": error.exit_code}, stream=sys.stderr)
        return
    from rich.text import Text

    first, *more = str(error).splitlines()
    text = Text.assemble(("error: ", "bold red"), (first, "bold"))
    for line in more:
        text.append("\n")
        label, found, rest = line.partition(":")
        text.append(label + found, "dim" if label.strip() in ("got", "do") else "")
        text.append(rest)
    console(stderr=True).print(text, soft_wrap=True)


def print_json(value: Any, *, stream: TextIO | None = None) -> None:
    """One JSON document; numbers that JSON has no word for become null."""
    import json

    text = json.dumps(_finite(value), default=str, ensure_ascii=False, indent=1, allow_nan=False)
    typer.echo(text, file=stream)


def _finite(value: Any) -> Any:
    """The same without NaN and infinities."""
    match value:
        case float():
            return value if math.isfinite(value) else None
        case Mapping():
            return {str(key): _finite(item) for key, item in value.items()}
        case list() | tuple():
            return [_finite(item) for item in value]
        case _:
            return value


def grid(*, pad: int = 2) -> Table:
    """A table without lines or head, for labels and values."""
    from rich.table import Table

    return Table.grid(padding=(0, pad))


def table(*heads: str, right: Sequence[str] = ()) -> Table:
    """A table with a head and one thin line.

    Parameters
    ----------
    *heads : str
    right : sequence of str
        The heads of the columns that are set flush right, on one line.
    """
    from rich import box
    from rich.table import Table

    made = Table(box=box.SIMPLE_HEAD, pad_edge=False, show_edge=False, header_style="dim", border_style="dim")
    for head in heads:
        numeric = head in right
        made.add_column(head, justify="right" if numeric else "left", no_wrap=numeric)
    return made


def table_of(
    lines: Sequence[Mapping[str, str]], *, right: Sequence[str] = (), spared: Sequence[str] = ()
) -> Table:
    """A table of lines, cell by head, with as many of its columns as the width holds.

    Parameters
    ----------
    lines : sequence of mapping
        At least one; all have the same heads.
    right : sequence of str
        The heads of the columns that are set flush right.
    spared : sequence of str
        The heads of the columns that are left out, in this order, until the others fit.
    """
    heads = list(lines[0])
    for head in spared:
        widths = [max(len(name), *(len(line[name]) for line in lines)) for name in heads]
        if sum(widths) + _NARROW * (len(widths) - 1) <= console().width:
            break
        heads.remove(head)
    made = table(*heads, right=[head for head in right if head in heads])
    made.collapse_padding = True
    for line in lines:
        made.add_row(*(line[head] for head in heads))
    return made


def show_frame(frame: pl.DataFrame, *, rows: int) -> None:
    """The first rows of a frame, with as many of its columns, from the left, as the width holds."""
    from rich.text import Text

    cells = [[_cell(value) for value in line] for line in frame.head(rows).iter_rows()]
    columns = list(zip(*cells, strict=True)) if cells else [()] * frame.width
    widths = [min(max(map(len, (name, *column))), _CELL) for name, column in zip(frame.columns, columns)]
    shown, room = 0, console().width
    while shown < frame.width and room >= widths[shown]:
        room -= widths[shown] + _GAP
        shown += 1
    shown = max(shown, 1)
    names = frame.columns[:shown]
    made = table(*names, right=[name for name in names if frame.schema[name].is_numeric()])
    for column in made.columns:
        column.no_wrap, column.overflow = True, "ellipsis"
    for line in cells:
        made.add_row(*line[:shown])
    more, hidden = max(frame.height - rows, 0), frame.width - shown
    counts = ((more, "row"), (hidden, "column"))
    left = [f"{count:,} more {what}{'s' * (count > 1)}" for count, what in counts if count]
    show(made, *([Text(f"\n{' and '.join(left)}; -o FILE writes everything.", style="dim")] if left else []))


def show_answer(answer: Mapping[str, Any]) -> None:
    """An answer, and below it the places that it cites."""
    from rich.text import Text

    lines = [Text(answer["prediction"])]
    for number, cited in enumerate(answer["citations"], 1):
        page = f", page {cited['page']}" if cited["page"] else ""
        line = f", line {cited['line']}" if cited["line"] else ""
        about = cited["heading"] or cited["title"]
        lines.append(Text(f"[{number}] {cited['document']}{page}{line}: {about}", style="dim"))
    known = {cited["document"] for cited in answer["citations"]}
    further = [name for name in answer["documents"][:5] if name not in known]
    if further and answer["citations"]:
        lines.append(Text(f"see also {', '.join(further[:3])}", style="dim"))
    show(*lines)


def _cell(value: object) -> str:
    match value:
        case None:
            return ""
        case float():
            return f"{value:.4g}" if abs(value) < 1e4 else f"{value:,.0f}"
        case list():
            return " | ".join(map(_cell, value))
        case dict():
            return _cell(next(iter(value.values()), None))
        case _:
            return " ".join(str(value).split())


@contextmanager
def following(label: str, *, quiet: bool) -> Iterator[Session]:
    """A session whose events are drawn on stderr for as long as the block lasts."""
    from noria.api import Session
    from noria.cli.progress import Lines, Screen

    session = Session()
    if quiet:
        yield session
        return
    shown = console(stderr=True)
    drawing = (
        Screen(shown, label) if shown.is_terminal and not shown.is_dumb_terminal else Lines(shown, label)
    )
    session.events.listen(drawing.hear)
    try:
        with drawing:
            yield session
    finally:
        session.events.ignore(drawing.hear)
