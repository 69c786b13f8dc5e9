"""``noria predictions``: what a service has answered."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from noria.cli.options import OUTPUT, complete_model, takes

if TYPE_CHECKING:
    import polars as pl

__all__ = ["predictions"]

_SAID = ("$.prediction", "$.error.what")


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
    """List or export what a service has answered.

    Each answer comes with its inputs, outputs and labels.

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
        show_frame(_shown(found), rows=found.height)


def _shown(found: pl.DataFrame) -> pl.DataFrame:
    """What fits a terminal: predictions or errors instead of all outputs, as short as they are told apart."""
    import polars as pl

    outputs = pl.col("outputs")
    return found.select(
        pl.col("when").dt.strftime("%Y-%m-%d %H:%M:%S"),
        pl.concat_str("version", "role", separator=" ").alias("version"),
        pl.coalesce(outputs.str.json_path_match(path) for path in _SAID).alias("prediction"),
        "label",
        "id",
        "inputs",
    )
