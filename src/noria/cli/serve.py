"""``noria serve``: models as a service."""

from __future__ import annotations

from typing import Annotated, Any

import typer

from noria.cli.options import OUTPUT, complete_model, takes

__all__ = ["serve"]


@takes(OUTPUT)
def serve(
    models: Annotated[
        list[str],
        typer.Argument(metavar="MODEL...", help="Trained names.", autocompletion=complete_model),
    ],
    host: Annotated[str, typer.Option(metavar="ADDRESS", help="Where to listen.")] = "127.0.0.1",
    port: Annotated[int, typer.Option(min=0, max=65535, metavar="N", help="The port.")] = 8000,
    log: Annotated[bool, typer.Option("--log/--no-log", help="Keep every prediction.")] = True,
    **flags: Any,
) -> None:
    """Serve models over HTTP.

    \b
    Examples:
      noria serve titanic
      noria serve titanic churn --port 9000
    """  # noqa: D301 - \b keeps click from joining the lines
    from noria.server import serve as run

    run(*models, host=host, port=port, log=log)
