"""``noria mirror``: show on an MLflow server what it does not have yet."""

from __future__ import annotations

from typing import Annotated, Any

import typer

from noria.cli.options import OUTPUT, complete_model, takes

__all__ = ["mirror"]


@takes(OUTPUT)
def mirror(
    reference: Annotated[
        str,
        typer.Argument(
            metavar="NAME", help="A model, one version of it, or a run.", autocompletion=complete_model
        ),
    ],
    **flags: Any,
) -> None:
    """Send a model's runs to the MLflow server in NORIA_MLFLOW.

    A finished run is sent by itself where NORIA_MLFLOW is set. This sends what was trained before, or while
    the server was away. What is there already is not sent again.

    \b
    Examples:
      noria mirror titanic
      noria mirror titanic@3
      noria mirror titanic-20261122-093000-1
    """  # noqa: D301 - \b keeps click from joining the lines
    import noria
    from noria.cli.ui import following, print_json, show, table

    with following(reference, quiet=flags["quiet"]) as session:
        done = noria.mirror(reference, session=session)
    if flags["json"]:
        print_json([{**vars(one.version), "sent": one.sent} for one in done])
        return
    made = table("model", "version", "run", "", right=("version",))
    for one in done:
        told = "sent" if one.sent else "was there"
        made.add_row(one.version.name, str(one.version.number), one.version.run, told)
    show(made)
