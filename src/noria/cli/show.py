"""``noria show``: everything about a run."""

from __future__ import annotations

from typing import Annotated, Any

import typer

from noria.cli.options import OUTPUT, complete_run, takes

__all__ = ["show"]


@takes(OUTPUT)
def show(
    run: Annotated[
        str,
        typer.Argument(
            metavar="RUN",
            help="A run's id or the beginning of it, a run's folder, a model, or NAME@VERSION.",
            autocompletion=complete_run,
        ),
    ],
    **flags: Any,
) -> None:
    """Show all about a run.

    Scores, learners, data, code, environment, and where everything is.

    The files of a finished run are checked against its manifest first.

    \b
    Examples:
      noria show titanic
      noria show titanic@challenger
      noria show titanic-20261105-1012
      noria show ./copy-of-a-run --json
    """  # noqa: D301 - \b keeps click from joining the lines
    import noria
    from noria.cli.summary import show_details
    from noria.cli.ui import print_json

    found = noria.show(run)
    if flags["json"]:
        print_json(found.to_dict())
    else:
        show_details(found)
