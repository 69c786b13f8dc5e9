"""``noria import``: a model of an MLflow server as a version here."""

from __future__ import annotations

from typing import Annotated, Any

import typer

from noria.cli.options import OUTPUT, complete_model, takes

__all__ = ["import_model"]


@takes(OUTPUT)
def import_model(
    source: Annotated[
        str, typer.Argument(metavar="MODEL", help="mlflow:models:/NAME@ALIAS or mlflow:models:/NAME/VERSION.")
    ],
    name: Annotated[
        str | None,
        typer.Option(metavar="NAME", help="Name of the model here.", autocompletion=complete_model),
    ] = None,
    promote: Annotated[bool, typer.Option("--promote", help="Make it the champion.")] = False,
    trust: Annotated[
        bool, typer.Option("--trust", help="Take feature code that did not come from here, and run it.")
    ] = False,
    **flags: Any,
) -> None:
    """Bring a model in from the MLflow server in NORIA_MLFLOW.

    It becomes a run and the next version of its name. Only models that Noria mirrored there can be brought
    in.

    \b
    Examples:
      noria import mlflow:models:/titanic@champion
      noria import mlflow:models:/titanic/3 --promote
      noria import mlflow:models:/titanic/3 --name rescued --trust
    """  # noqa: D301 - \b keeps click from joining the lines
    import noria
    from noria.cli.ui import following, print_json

    with following(source, quiet=flags["quiet"]) as session:
        version = noria.import_model(source, name=name, promote=promote, trust=trust, session=session)
    if flags["json"]:
        print_json({**vars(version), "promoted": promote})
        return
    as_what = ", and its champion" if promote else ""
    typer.echo(f"{source} is version {version.number} of {version.name}{as_what} (run {version.run}).")
    typer.echo(f"Use it with:  noria predict {version.name}@{version.number} new.csv")
