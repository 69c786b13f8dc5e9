"""``noria report``: what a run is told in."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import typer

from noria.cli.options import OUTPUT, complete_run, page_path, takes

__all__ = ["report"]

_KINDS = ("html", "md", "card", "readme")


def _complete_kind(incomplete: str) -> list[str]:
    return [kind for kind in _KINDS if kind.startswith(incomplete)]


@takes(OUTPUT)
def report(
    run: Annotated[
        str,
        typer.Argument(
            metavar="RUN",
            help="A run's id or the beginning of it, a run's folder, a model, or NAME@VERSION.",
            autocompletion=complete_run,
        ),
    ],
    kind: Annotated[
        str,
        typer.Option(
            "--format",
            "-f",
            metavar="KIND",
            help="html: a page to send around. md: the same in short. card: a model card. "
            "readme: problem, data, method, results, limits.",
            autocompletion=_complete_kind,
        ),
    ] = "html",
    output: Annotated[
        Path | None,
        typer.Option("--output", "-o", metavar="FILE", help="Write it there, not into the run's folder."),
    ] = None,
    show: Annotated[bool, typer.Option("--open", help="Open it in the browser.")] = False,
    **flags: Any,
) -> None:
    """Say where a run's report is, or make a model card or README.

    The report is a page that needs no network and no other file. What is missing is written.

    \b
    Examples:
      noria report titanic --open
      noria report titanic@2 -o titanic.html
      noria report titanic --format card -o README.md
    """  # noqa: D301 - \b keeps click from joining the lines
    import webbrowser

    import noria
    from noria.cli.ui import print_json

    page_path(output, endings=(".html", ".htm") if kind == "html" else (".md", ".markdown"))
    path = noria.report(run, kind=kind, output=output)
    if show:
        webbrowser.open(path.resolve().as_uri())
    if flags["json"]:
        print_json({"run": run, "format": kind, "path": str(path.resolve())})
    else:
        typer.echo(str(path))
