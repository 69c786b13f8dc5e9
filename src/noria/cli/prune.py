"""``noria prune``: remove what is not needed any more."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Annotated, Any

import typer

from noria.cli.options import OUTPUT, complete_model, takes
from noria.errors import ParamError

if TYPE_CHECKING:
    from noria.lifecycle.prune import Pruned

__all__ = ["prune"]


@takes(OUTPUT)
def prune(
    name: Annotated[
        str | None,
        typer.Argument(metavar="NAME", help="Of a model; all if not given.", autocompletion=complete_model),
    ] = None,
    keep: Annotated[int, typer.Option(min=1, metavar="N", help="How many newest versions stay.")] = 5,
    older: Annotated[
        str | None, typer.Option(metavar="AGE", help="What is younger than this stays: 12h, 30d.")
    ] = None,
    stopped: Annotated[
        bool,
        typer.Option(
            "--stopped",
            help="Also runs that were cut off, which cannot go on then, and runs without a version.",
        ),
    ] = False,
    snapshots: Annotated[
        bool, typer.Option("--snapshots", help="Also data that no run refers to any more.")
    ] = False,
    dry_run: Annotated[bool, typer.Option("--dry-run", "-n", help="Only show what would go.")] = False,
    yes: Annotated[bool, typer.Option("--yes", "-y", help="Do not ask.")] = False,
    **flags: Any,
) -> None:
    """Remove old versions with their runs, after showing them.

    Versions with an alias (champion), the one that a rollback leads to and those tagged keep=true stay, and
    so do runs that are being worked on. `noria tag titanic@3 keep=true` keeps a version for good.

    \b
    Examples:
      noria prune titanic --keep 3 --dry-run
      noria prune --older 30d --stopped --snapshots --yes
    """  # noqa: D301 - \b keeps click from joining the lines
    import noria
    from noria.cli.ui import following, print_json

    wish: dict[str, Any] = {
        "keep": keep, "older": older, "stopped": stopped, "snapshots": snapshots,
    }  # fmt: skip
    found = noria.prune(name, **wish, dry_run=True)
    asks = not (dry_run or yes) and found.items
    if asks and (flags["json"] or not sys.stdin.isatty()):
        raise ParamError(
            "Nothing is removed unless you agree, and there is nobody to ask.",
            do="Run it again with --yes, or with --dry-run to see what would go.",
        )
    if not flags["json"] and (asks or dry_run or not found.items):
        _show(found)
    if asks and not typer.confirm("Remove all of this?"):
        return
    if found.items and not dry_run:
        with following("prune", quiet=flags["quiet"] or flags["json"]) as session:
            found = noria.prune(name, **wish, only=found, session=session)
    if flags["json"]:
        print_json(found.to_dict())
    elif found.removed:
        typer.echo(f"Removed {_told(found)}.")


def _show(found: Pruned) -> None:
    """What would go, with sizes and reasons."""
    from noria.cli.ui import show, table
    from noria.pages.units import ago, data_size

    if not found.items:
        show("There is nothing to remove. --help says what always stays.")
        return
    made = table("what", "run or data", "from", "size", "why", right=("size",))
    for item in found.items:
        made.add_row(
            item.what, item.id[:44], ago(item.when) if item.when else "", data_size(item.bytes), item.why
        )
    show(made, f"\n{_told(found)}")


def _told(found: Pruned) -> str:
    """How many of each kind, and what they take."""
    from collections import Counter

    from noria.pages.units import data_size

    count = Counter("data set" if item.kind == "data" else item.kind for item in found.items)
    parts = [f"{number} {kind}{'s' * (number > 1)}" for kind, number in count.items()]
    return f"{', '.join(parts)}: {data_size(found.bytes)}"
