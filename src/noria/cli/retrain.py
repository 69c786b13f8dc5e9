"""``noria retrain``: a new version from what a service has answered."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Annotated, Any

import typer

from noria.cli.options import OUTPUT, complete_model, takes

if TYPE_CHECKING:
    from noria.lifecycle.retrain import Retrained

__all__ = ["retrain", "show_retrained"]

_SAID = {
    "promoted": "{name}@{version} is the champion now; it was version {champion}.",
    "kept": "Version {champion} of {name} stays champion; the new one is version {version}.",
    "trial": "{name}@{version} is on trial; version {champion} stays champion.",
    "busy": "Nothing was done: {name} is being retrained already.",
    "not due": "Nothing was done: {reason}.",
    "would": "{name} would learn from {learned:,} fresh rows and be judged by {judged:,}. Nothing was done.",
}
WISH: Mapping[str, Any] = {
    "why": Annotated[str | None, typer.Option(metavar="TEXT", help="The reason, for the history.")],
    "search": Annotated[
        bool | None,
        typer.Option("--search/--refit", help="Search again, or fit the champion's pipeline anew [--refit]."),
    ],
    "if_due": Annotated[
        bool, typer.Option("--if-due", help="Only if the recipe's 'monitor: retrain' asks for it.")
    ],
    "dry_run": Annotated[bool, typer.Option("--dry-run", help="Only say what would be done.")],
    "history": Annotated[bool, typer.Option("--history", help="List earlier retrainings instead.")],
}
"""What it is for, and how far it goes."""


@takes(WISH, OUTPUT)
def retrain(
    name: Annotated[
        str, typer.Argument(metavar="NAME", help="A served name.", autocompletion=complete_model)
    ],
    file: Annotated[
        str | None,
        typer.Argument(metavar="[FILE]", help="Rows with the target, oldest first; else the log's."),
    ] = None,
    **flags: Any,
) -> None:
    """Train on fresh rows with labels, and promote what is better.

    The new version challenges the champion. The latest fresh rows are kept to judge by: both versions answer
    them, and the new one must be better by
    more than chance, as the recipe's 'promote:' says. `noria rollback` undoes it.

    \b
    Examples:
      noria retrain titanic
      noria retrain titanic november.csv --search
      noria retrain titanic --dry-run
      noria retrain titanic --history
    """  # noqa: D301 - \b keeps click from joining the lines
    import noria
    from noria.cli.ui import following

    if flags["history"]:
        _show_history(name, flags)
        return
    given = {"search": flags["search"], "dry_run": flags["dry_run"], "only_due": flags["if_due"]}
    with following(name, quiet=flags["quiet"]) as session:
        done = noria.retrain(name, file, why=flags["why"] or "", session=session, **given)
    show_retrained(done, flags)


def show_retrained(done: Retrained, flags: Mapping[str, Any]) -> None:
    """What became of a retraining."""
    import json

    from noria.cli.ui import show, table
    from noria.pages.units import number

    if flags["json"]:
        typer.echo(json.dumps(done.to_dict(), ensure_ascii=False))
        return
    parts: list[Any] = [_SAID[done.outcome].format_map(done.to_dict())]
    if done.reason and done.outcome not in ("not due", "would"):
        parts += [done.reason]
    if done.gains:
        heads = ("metric", "champion", "new", "gain", "95% interval")
        made = table(*heads, right=heads[1:])
        for gain in done.gains:
            ends = f"{number(gain.low)} to {number(gain.high)}"
            made.add_row(gain.metric, *map(number, (gain.champion, gain.challenger, gain.value)), ends)
        parts += ["", made]
    show(*parts)


def _show_history(name: str, flags: Mapping[str, Any]) -> None:
    import noria
    from noria.cli.ui import print_json, show, table_of
    from noria.pages.units import ago

    found = noria.retrainings(name)
    if flags["json"]:
        print_json([{"when": when, "who": who, **done.to_dict()} for when, who, done in found])
    elif not found:
        show("It was never retrained.")
    else:
        lines = [
            {
                "when": ago(when),
                "what": done.outcome,
                "version": str(done.version or ""),
                "who": who,
                "why": done.reason or done.why,
            }
            for when, who, done in found
        ]
        show(table_of(lines, right=("version",)))
