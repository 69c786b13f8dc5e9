"""``noria promote``: let another version answer."""

from __future__ import annotations

from typing import Annotated, Any

import typer

from noria.cli.options import CHANGE, OUTPUT, complete_model, takes

__all__ = ["promote", "show_change"]


@takes(CHANGE, OUTPUT)
def promote(
    model: Annotated[
        str,
        typer.Argument(
            metavar="MODEL", help="NAME, NAME@3 or NAME@challenger.", autocompletion=complete_model
        ),
    ],
    **flags: Any,
) -> None:
    """Make a version the champion, whatever the recipe's rule says.

    Without @, it is the newest one.

    The champion is what `noria predict NAME` asks. `noria rollback` undoes it.

    \b
    Examples:
      noria promote titanic@3 --why "better on women"
      noria promote titanic@4 --alias candidate
    """  # noqa: D301 - \b keeps click from joining the lines
    import noria

    given = {key: flags[key] for key in CHANGE if flags[key] is not None}
    change = noria.promote(model, **given)
    show_change(change, flags, nothing=f"{model} is {flags['alias'] or 'champion'} already.")


def show_change(change: Any, flags: dict[str, Any], *, nothing: str = "") -> None:
    """What was changed, in one line."""
    from noria.cli.ui import print_json

    if flags["json"]:
        print_json(change.to_dict() if change else None)
    elif change is None:
        typer.echo(nothing)
    else:
        before = f" (before: version {change.before})" if change.before else ""
        typer.echo(f"{change.alias} of {change.name} is version {change.version} now{before}")
