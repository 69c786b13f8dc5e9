"""``noria runs``: what was run here."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any

import typer

from noria.cli.options import OUTPUT, complete_model, takes

if TYPE_CHECKING:
    from rich.table import Table

    from noria.lifecycle.runs import Listed, Runs

__all__ = ["runs"]

_SPARED = ("model", "took", "trials", "95% interval")
_RIGHT = ("score", "95% interval", "trials", "took")


@takes(OUTPUT)
def runs(
    name: Annotated[
        str | None,
        typer.Argument(metavar="NAME", help="Only runs of this name.", autocompletion=complete_model),
    ] = None,
    where: Annotated[
        list[str] | None,
        typer.Option(
            metavar="TEXT", help="'accuracy >= 0.8', 'task = regression', 'commit ^= 3f2a'. Repeat for more."
        ),
    ] = None,
    status: Annotated[str | None, typer.Option(metavar="WORD", help="finished, running or stopped.")] = None,
    since: Annotated[
        str | None, typer.Option(metavar="TIME", help="Started within this time: 30m, 12h, 7d.")
    ] = None,
    sort: Annotated[
        str,
        typer.Option(
            metavar="FIELD", help="A metric, or started, seconds, rows, trials; -FIELD turns it round."
        ),
    ] = "-started",
    limit: Annotated[int, typer.Option(min=0, metavar="N", help="At most so many; 0 shows all.")] = 20,
    **flags: Any,
) -> None:
    """List runs, the latest first.

    \b
    Examples:
      noria runs
      noria runs titanic --where 'accuracy >= 0.8' --sort -accuracy
      noria runs --status stopped --since 7d
      noria runs --where task=regression --json
    """  # noqa: D301 - \b keeps click from joining the lines
    import noria
    from noria.cli import ui

    found = noria.runs(name, where=where or (), status=status, since=since, sort=sort, limit=limit)
    if flags["json"]:
        ui.print_json(found.to_dict())
    elif not found.lines:
        anything = name or where or status or since
        ui.show(
            "No run is like that." if anything else "Nothing was run here yet. Begin with:  noria run titanic"
        )
    else:
        more = f"\n{found.more:,} more; --limit 0 shows all." if found.more else ""
        ui.show(_table(found), *([more] if more else []))


def _table(found: Runs) -> Table:
    """As many columns as the width holds; what is spared stands in --json."""
    from noria.cli.ui import table_of

    made = table_of([_cells(found, line) for line in found], right=_RIGHT, spared=_SPARED)
    made.columns[0].no_wrap = True
    return made


def _cells(found: Runs, line: Listed) -> dict[str, str]:
    from noria.pages.units import ago, duration, interval, number

    run, score = line.run, found.score(line)
    return {
        "run": run.id,
        "model": run.name,
        "version": " ".join([str(line.version or ""), *line.aliases]),
        "status": line.status,
        "metric": score.metric if score else "",
        "score": number(score.value if score else None),
        "95% interval": interval(score),
        "trials": str(run.trials or ""),
        "took": duration(run.seconds) if run.seconds else "",
        "started": ago(run.started),
    }
