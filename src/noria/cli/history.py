"""``noria history``: what happened to the versions of a model."""

from __future__ import annotations

from typing import Annotated, Any

import typer

from noria.cli.options import OUTPUT, complete_model, takes

__all__ = ["history"]


@takes(OUTPUT)
def history(
    name: Annotated[
        str, typer.Argument(metavar="NAME", help="A trained name.", autocompletion=complete_model)
    ],
    **flags: Any,
) -> None:
    """Show what happened to a model's versions: when, by whom, why.

    They are registered, promoted, rolled back, tagged and removed.

    \b
    Examples:
      noria history titanic
      noria history titanic --json
    """  # noqa: D301 - \b keeps click from joining the lines
    from datetime import datetime

    import noria
    from noria.cli.ui import print_json, show, table

    changes = noria.history(name)
    if flags["json"]:
        print_json([change.to_dict() for change in changes])
        return
    made = table("when", "what", "version", "who", "why", right=("version",))
    for change in changes:
        when = datetime.fromtimestamp(change.when).strftime("%Y-%m-%d %H:%M")
        what = f"{change.kind} {change.alias or ''}".strip()
        tags = ", ".join(f"{key}={text}" for key, text in change.tags.items())
        why = "".join(letter for letter in change.why or tags if letter.isprintable())  # no terminal codes
        made.add_row(when, what, str(change.version), change.who, why)
    show(made)
