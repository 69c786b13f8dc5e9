"""``noria profile``: what a table is like, as a page and in short."""

from __future__ import annotations

import re
from collections import Counter
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from noria.cli.options import OUTPUT, page_path, takes

if TYPE_CHECKING:
    from rich.table import Table
    from rich.text import Text

    from noria.core.profile import Profile

__all__ = ["profile"]

_FINDINGS = 12
_LONGEST = 60
_STYLES = {"high": "bold red", "medium": "yellow", "low": "dim"}


@takes(OUTPUT)
def profile(
    file: Annotated[
        str,
        typer.Argument(metavar="FILE", help="A table: path, pattern, URL, package:, openml:, hf: or sql:"),
    ],
    target: Annotated[
        str | None,
        typer.Option("--target", "-t", metavar="COLUMN", help="Relate every other column to this one."),
    ] = None,
    compare: Annotated[
        str | None, typer.Option("--compare", metavar="FILE", help="Say what is different in this table.")
    ] = None,
    output: Annotated[
        Path | None,
        typer.Option(
            "--output", "-o", metavar="FILE", help="The page [NAME-profile.html]; none with --json."
        ),
    ] = None,
    open_: Annotated[bool, typer.Option("--open", help="Open the page in the browser.")] = False,
    **flags: Any,
) -> None:
    """Say what a table is like, and what should be looked at.

    Writes one HTML page of its columns and relations that needs no network. Files may be larger than memory.

    \b
    Examples:
      noria profile houses.csv
      noria profile churn.parquet --target left -o churn.html --open
      noria profile train.csv --compare new.csv
      noria profile "sql:SELECT * FROM 'day-*.csv' WHERE price > 0" --json
    """  # noqa: D301 - \b keeps click from joining the lines
    import webbrowser

    import noria
    from noria.cli.ui import following, print_json

    if output is None and (open_ or not flags["json"]):
        output = Path(f"{_stem(file)}-profile.html")
    page_path(output, file, compare)
    with following(Path(file).name, quiet=flags["quiet"]) as session:
        made = noria.profile(file, target, compare=compare, output=output, session=session)
    if flags["json"]:
        print_json(made.to_dict())
    else:
        _show(made, output)
    if open_ and output is not None:
        webbrowser.open(output.resolve().as_uri())


def _stem(file: str) -> str:
    """What the page of a source is called."""
    from noria.pages.units import without_password

    stem = Path(without_password(file)).name.partition(".")[0]
    return re.sub(r"[^\w-]+", "-", stem)[:_LONGEST].strip("-") or "table"


def _show(made: Profile, output: Path | None) -> None:
    from rich.padding import Padding

    from noria.cli.ui import show

    parts = [_facts(made), _findings(made)]
    show(*(Padding(part, (1, 0, 0, 1), expand=False) for part in parts), "")
    if output is not None:
        typer.echo(f" The page is {output}")


def _facts(made: Profile) -> Table:
    """The table in a few lines."""
    from noria.cli.ui import grid
    from noria.core.words import data_size, percent, times

    kinds = Counter(str(column.type) for column in made.columns)
    cells = made.rows * len(made.columns)
    lost = sum(column.nulls for column in made.columns)
    facts = {
        "table": f"{made.source}: {times(made.rows, 'row')}, {times(len(made.columns), 'column')}, "
        f"{data_size(made.bytes)}",
        "columns": ", ".join(f"{count:,} {kind}" for kind, count in kinds.most_common()),
        "missing": f"{percent(lost / max(1, cells))} of all values",
    }
    if made.duplicates:
        facts["repeated"] = times(made.duplicates, "row")
    if made.target is not None and made.target.relations:
        strongest = (f"{one.column} {abs(one.strength):.2f}" for one in made.target.relations[:5])
        facts[made.target.column] = f"goes with {', '.join(strongest)}"
    if made.contrast is not None:
        facts["compared"] = f"with {made.contrast.source}: {times(made.contrast.rows, 'row')}"
    lines = grid()
    lines.add_column(style="dim", no_wrap=True, max_width=20, overflow="ellipsis")
    lines.add_column(overflow="fold")
    for label, said in facts.items():
        lines.add_row(label, said)
    return lines


def _findings(made: Profile) -> Table | Text:
    """The worst findings, a few lines each."""
    from rich.text import Text

    from noria.cli.ui import grid

    if not made.findings:
        return Text("Nothing was found that should be looked at.", style="dim")
    lines = grid()
    for _ in range(2):
        lines.add_column(no_wrap=True)
    lines.add_column(overflow="fold")
    for finding in made.findings[:_FINDINGS]:
        style = _STYLES[finding.severity]
        lines.add_row(
            Text(finding.severity, style=style),
            Text(finding.code, style="dim"),
            Text.assemble((f"{finding.title}: ", "bold"), finding.seen),
        )
    if len(made.findings) > _FINDINGS:
        lines.add_row("", "", Text(f"{len(made.findings) - _FINDINGS} more on the page", style="dim"))
    return lines
