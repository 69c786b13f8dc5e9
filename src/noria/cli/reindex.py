"""``noria reindex``: the state database anew, from the folders."""

from __future__ import annotations

from typing import Any

from noria.cli.options import OUTPUT, takes

__all__ = ["reindex"]


@takes(OUTPUT)
def reindex(**flags: Any) -> None:
    """Build the state database anew from the folders.

    Nothing is lost by it. What is damaged is left out, and named. A SQLite file that is no database any
    more is set aside.

    \b
    Examples:
      noria reindex
      noria reindex --json
    """  # noqa: D301 - \b keeps click from joining the lines
    import noria
    from noria.cli.ui import following, print_json, show, table

    with following("reindex", quiet=flags["quiet"]) as session:
        made = noria.reindex(session=session)
    if flags["json"]:
        print_json(made.to_dict())
        return
    show(f"{_counted(made.runs, 'run')}, {_counted(made.changes, 'change')} of models")
    if made.damaged:
        one = len(made.damaged) == 1
        said = f"{_counted(len(made.damaged), 'folder')} {'is' if one else 'are'} damaged and left out; "
        lines = table("folder", "what is wrong")
        for name, why in made.damaged.items():
            lines.add_row(name, why)
        show("", f"{said}restore or remove {'it' if one else 'them'}, and run: noria reindex", "", lines)


def _counted(number: int, noun: str) -> str:
    return f"{number:,} {noun}" + "s" * (number != 1)
