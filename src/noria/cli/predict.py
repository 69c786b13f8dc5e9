"""``noria predict``: rows in, rows with predictions out."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import typer

from noria.cli.options import OUTPUT, complete_model, takes

__all__ = ["predict"]


@takes(OUTPUT)
def predict(
    model: Annotated[
        str,
        typer.Argument(
            metavar="MODEL", help="A trained name, or a model folder.", autocompletion=complete_model
        ),
    ],
    files: Annotated[
        list[str] | None,
        typer.Argument(metavar="FILE...", help="Rows, from any sources that can be trained on."),
    ] = None,
    ask: Annotated[
        str | None,
        typer.Option("--ask", "-a", metavar="QUESTION", help="One question, to a model that answers such."),
    ] = None,
    within: Annotated[
        str | None,
        typer.Option(metavar="A*;B", help="The documents to search with --ask, by patterns of their names."),
    ] = None,
    output: Annotated[
        Path | None,
        typer.Option(
            "--output", "-o", metavar="FILE", help="Write all rows to a .csv, .parquet or .jsonl file."
        ),
    ] = None,
    rows: Annotated[int, typer.Option(min=1, metavar="N", help="How many rows to show without -o.")] = 10,
    trust: Annotated[
        bool, typer.Option("--trust", help="Run the feature code of a model that was not trained here.")
    ] = False,
    **flags: Any,
) -> None:
    """Predict every row of a table.

    With -o the rows stream through, so the file may be larger than memory. With --json and no -o, every row
    is printed as one line of JSON.

    \b
    Examples:
      noria predict titanic new.csv
      noria predict titanic new.csv -o scored.parquet
      noria predict titanic monday.csv tuesday.csv -o week.csv
      noria predict docs-qa --ask "How do I make an older version answer again?"
      noria predict ./titanic-model 's3://bucket/day-*.parquet' -o scored.csv --trust
    """  # noqa: D301 - \b keeps click from joining the lines
    import time

    import noria
    from noria.cli.ui import following, show_answer, show_frame
    from noria.errors import ParamError

    if bool(files) == (ask is not None):
        raise ParamError("Name files of rows, or ask a question.", do='Use FILE or --ask "...".')
    began = time.monotonic()
    with following(Path(model).name, quiet=flags["quiet"]) as session:
        table: Any = noria.predict(
            model, files, ask=ask, within=within, output=output, trust=trust, session=session
        )
    seconds = time.monotonic() - began
    if output is not None:
        _tell(table, output, seconds, as_json=flags["json"])
    elif flags["json"]:
        typer.echo(table.write_ndjson(), nl=False)
    elif "citations" in table.columns and ask is not None:
        show_answer(table.row(0, named=True))
    else:
        start = table.columns.index("prediction")
        show_frame(table.select(*table.columns[start:], *table.columns[:start]), rows=rows)


def _tell(rows: int, output: Path, seconds: float, *, as_json: bool) -> None:
    """Say what was written."""
    from noria.cli.ui import print_json
    from noria.core.words import times
    from noria.pages.units import duration

    if as_json:
        size = output.stat().st_size
        print_json({"rows": rows, "output": str(output), "bytes": size, "seconds": round(seconds, 3)})
        return
    verb = "is" if rows == 1 else "are"
    typer.echo(f"{times(rows, 'row')} with predictions {verb} in {output} ({duration(seconds)})")
