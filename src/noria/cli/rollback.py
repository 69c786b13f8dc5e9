"""``noria rollback``: undo a promotion."""

from __future__ import annotations

from typing import Annotated, Any

import typer

from noria.cli.options import CHANGE, OUTPUT, complete_model, takes
from noria.cli.promote import show_change

__all__ = ["rollback"]


@takes(CHANGE, OUTPUT)
def rollback(
    name: Annotated[
        str, typer.Argument(metavar="NAME", help="A trained name.", autocompletion=complete_model)
    ],
    **flags: Any,
) -> None:
    """Undo the last promotion.

    The version answers again that did before. Repeat it to go further back.

    \b
    Examples:
      noria rollback titanic --why "too slow"
      noria rollback titanic --alias candidate
    """  # noqa: D301 - \b keeps click from joining the lines
    import noria

    given = {key: flags[key] for key in CHANGE if flags[key] is not None}
    show_change(noria.rollback(name, **given), flags)
