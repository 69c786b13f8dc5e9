"""``noria predictions``: what a service has answered."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import typer

from noria.cli.options import OUTPUT, complete_model, takes

__all__ = ["predictions"]


@takes(OUTPUT)
def predictions(
    model: Annotated[
        str, typer.Argument(metavar="MODEL", help="A served name.", autocompletion=complete_model)
    ],
    since: Annotated[str | None, typer.Option(metavar="AGE", help="Only younger ones: 12h, 7d.")] = None,
    limit: Annotated[
        int, typer.Option(min=0, metavar="N", help="At most so many of the latest; 0 shows all.")
    ] = 20,
    output: Annotated[
        Path | None,
        typer.Option(
            "--output", "-o", metavar="FILE", help="Write all of them to a .csv, .parquet or .jsonl file."
        ),
    ] = None,
    **flags: Any,
) -> None:
    """List or export what a service has answered, with inputs, outputs and labels.

    \b
    Examples:
      noria predictions titanic
      noria predictions titanic --since 7d -o week.parquet
      noria predictions titanic --limit 0 --json
    """  # noqa: D301 - \b keeps click from joining the lines
    import noria
    from noria.cli.ui import print_json, show, show_frame

    if output is not None:
        rows: Any = noria.predictions(model, since=since, output=output)
        told = {"rows": rows, "output": str(output), "bytes": output.stat().st_size}
        if flags["json"]:
            print_json(told)
        else:
            typer.echo(f"{rows:,} predictions are in {output}")
        return
    found: Any = noria.predictions(model, since=since, limit=limit or None)
    if flags["json"]:
        typer.echo(found.write_ndjson(), nl=False)
    elif found.is_empty():
        show(f"Nothing was answered yet. Begin with:  noria serve {model}")
    else:
        show_frame(
            found.select("when", "version", "role", "outputs", "label", "id", "inputs"), rows=found.height
        )
