"""``noria compare``: runs side by side."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from noria.cli.options import OUTPUT, complete_run, page_path, takes

if TYPE_CHECKING:
    from rich.table import Table

    from noria.lifecycle.compare import Comparison

__all__ = ["compare"]


@takes(OUTPUT)
def compare(
    runs: Annotated[
        list[str],
        typer.Argument(
            metavar="RUN RUN...",
            help="Run ids, run folders, models, NAME@VERSION; the others are compared with the first.",
            autocompletion=complete_run,
        ),
    ],
    every: Annotated[bool, typer.Option("--all", help="Show what is equal, too.")] = False,
    output: Annotated[
        Path | None, typer.Option("--output", "-o", metavar="FILE", help="Write it as a web page, too.")
    ] = None,
    **flags: Any,
) -> None:
    """Compare finished runs.

    Their scores, and what differs in recipe, data, code, environment and learners.

    \b
    Examples:
      noria compare titanic titanic@challenger
      noria compare titanic@1 titanic@2 titanic@3 -o compared.html
      noria compare titanic ./copy-of-a-run --all --json
    """  # noqa: D301 - \b keeps click from joining the lines
    import noria
    from noria.cli.ui import print_json, show
    from noria.core.files import write_text

    page_path(output)
    found = noria.compare(*runs)
    if output is not None:
        write_text(output, found.page())
    if flags["json"]:
        print_json(found.to_dict(every=every))
        return
    facts = found.differences(every=every)
    show(
        _runs(found), "", _scores(found), "", _rows(found), "",
        _grouped(facts.columns, facts.rows()) if facts.height else "Nothing else differs.",
        *([] if output is None else ["", f"The page is {output}"]),
    )  # fmt: skip


def _runs(found: Comparison) -> Table:
    from noria.cli.ui import table
    from noria.pages.units import ago

    made = table("compared", "run", "started")
    for name, run in zip(found.names, found.runs):
        made.add_row(name, run.entry.id, ago(run.entry.started))
    return made


def _scores(found: Comparison) -> Table:
    from noria.pages.units import interval, number

    rows = []
    for metric, scores in found.scores.items():
        first = scores[0]
        for name, score in zip(found.names, scores):
            gain = score.value - first.value if score and first and score is not first else None
            rows.append(
                (metric, name, number(score.value if score else None), interval(score), _signed(gain))
            )
    return _grouped(["metric", "run", "score", "95% interval", "difference"], rows, "score", "difference")


def _rows(found: Comparison) -> str:
    if not found.other_rows:
        return "All were judged by the same held-out rows."
    return f"Not judged by the same held-out rows: different {' and '.join(found.other_rows)}."


def _signed(gain: float | None) -> str:
    from noria.pages.units import number

    return "" if gain is None else ("-" if gain < 0 else "+") + number(abs(gain))


def _grouped(heads: list[str], rows: list[tuple[Any, ...]], *right: str) -> Table:
    """A table whose first column says only once what several rows share."""
    from noria.cli.ui import table

    made = table(*heads, right=right)
    for column in made.columns:
        column.overflow = "fold"
    before = None
    for first, *rest in rows:
        made.add_row("" if first == before else first, *rest)
        before = first
    return made
