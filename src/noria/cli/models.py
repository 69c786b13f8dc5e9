"""``noria models``: what was trained here."""

from __future__ import annotations

from typing import Annotated, Any

import typer

from noria.cli.options import OUTPUT, complete_model, takes

__all__ = ["models"]


@takes(OUTPUT)
def models(
    name: Annotated[
        str | None,
        typer.Argument(metavar="NAME", help="Only the runs of this model.", autocompletion=complete_model),
    ] = None,
    **flags: Any,
) -> None:
    """List the trained models, or every run of one of them.

    \b
    Examples:
      noria models
      noria models titanic --json
    """  # noqa: D301 - \b keeps click from joining the lines
    import noria
    from noria.cli.ui import print_json, show, table
    from noria.cli.units import duration, number

    store = noria.Session().store
    if name is not None:
        store.champion(name)
    runs = store.runs(name)
    shown = runs if name is not None else list({run["name"]: run for run in reversed(runs)}.values())
    if flags["json"]:
        print_json(shown)
        return
    if not shown:
        show("Nothing was trained here yet. Begin with:  noria run titanic")
        return
    made = table("model", "run", "metric", "score", "trials", "time", right=("score", "trials", "time"))
    for run in shown:
        evaluation = run["evaluation"]
        metric = next(iter(run["recipe"].get("goal", {})), evaluation["metric"])
        score = evaluation["scores"][metric]["value"]
        made.add_row(
            run["name"], run["id"], metric, number(score), str(run["trials"]), duration(run["seconds"])
        )
    show(made)
