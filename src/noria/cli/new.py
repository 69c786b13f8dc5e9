"""``noria new``: a recipe from a file of one's own."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import typer

from noria.cli.options import OUTPUT, takes

__all__ = ["new"]


@takes(OUTPUT)
def new(
    name: Annotated[str, typer.Argument(metavar="NAME", help="Name of the recipe and of its folder.")],
    data: Annotated[str, typer.Option("--data", "-d", metavar="FILE", help="The table to learn from.")],
    target: Annotated[
        str, typer.Option("--target", "-t", metavar="COLUMN", help="The column to be learned.")
    ],
    task: Annotated[
        str | None,
        typer.Option(
            metavar="TASK", help="classification, regression or forecasting; inferred, save the last."
        ),
    ] = None,
    folder: Annotated[
        Path | None, typer.Option(metavar="FOLDER", help="Where to put it; ./NAME if not given.")
    ] = None,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Print the files; write nothing.")] = False,
    **flags: Any,
) -> None:
    """Make a recipe from your own table.

    It runs at once, and every line of it says what it does.

    \b
    Examples:
      noria new churn --data churn.csv --target left
      noria new prices -d 'data/*.parquet' -t price --folder recipes/prices
      noria new churn -d churn.csv -t left --dry-run
    """  # noqa: D301 - \b keeps click from joining the lines
    from noria.cli.ui import following, print_json
    from noria.lifecycle.new import draft

    with following(name, quiet=flags["quiet"]) as session:
        made = draft(
            name, data, target, folder=folder, task=task, settings=session.settings, events=session.events
        )
    if not dry_run:
        made.write()
    if flags["json"]:
        print_json({**made.to_dict(), "written": not dry_run})
    elif dry_run:
        for file, text in made.files.items():
            typer.echo(f"# {made.folder / file}\n{text}")
    else:
        typer.echo(f"Made {', '.join(str(made.folder / file) for file in made.files)}")
        for note in made.notes:
            typer.echo(f"  {note}")
        typer.echo(f"Next:  noria run {made.reference}")
