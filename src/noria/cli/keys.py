"""``noria keys``: who may call a service."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Annotated, Any

import typer

from noria.cli.options import OUTPUT, complete_model, takes, words

if TYPE_CHECKING:
    from noria.core.serving import Key

__all__ = ["keys"]

keys = typer.Typer(
    name="keys",
    help="Make, list and revoke the keys of those who call a service.",
    no_args_is_help=True,
    rich_markup_mode=None,
    context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100},
)


@takes(OUTPUT)
def create(
    name: Annotated[str, typer.Option(metavar="TEXT", help="Whose it is.")],
    model: Annotated[
        list[str] | None,
        typer.Option(
            metavar="NAME", help="Only for this model. Repeat for more.", autocompletion=complete_model
        ),
    ] = None,
    verbs: Annotated[
        str | None,
        typer.Option(metavar="A,B", help="Of predict, explain, feedback, upload, admin [the first three]."),
    ] = None,
    expires: Annotated[str | None, typer.Option(metavar="TIME", help="Valid for so long: 12h, 30d.")] = None,
    **flags: Any,
) -> None:
    """Make a key. It is shown once; only a digest of it is kept.

    \b
    Examples:
      noria keys create --name ci
      noria keys create --name shop --model titanic --verbs predict,feedback --expires 90d
      noria keys create --name prometheus --verbs admin
    """  # noqa: D301 - \b keeps click from joining the lines
    import noria
    from noria.cli.ui import print_json

    line, key = noria.create_key(name, models=model or (), verbs=words(verbs), expires=expires)
    if flags["json"]:
        print_json({**line.to_dict(), "key": key})
        return
    typer.echo(key)
    if not flags["quiet"]:
        typer.echo(
            f"\nKeep it: it cannot be shown again. Send it as the header  Authorization: Bearer KEY\n"
            f"To take it back:  noria keys revoke {line.id}",
            err=True,
        )


@takes(OUTPUT)
def listed(**flags: Any) -> None:
    """List keys, those that are not valid any more too.

    \b
    Examples:
      noria keys list
      noria keys list --json
    """  # noqa: D301 - \b keeps click from joining the lines
    import noria
    from noria.cli.ui import print_json, show, table_of

    found = noria.keys()
    if flags["json"]:
        print_json([{**key.to_dict(), "state": key.state(time.time())} for key in found])
    elif not found:
        show("There are no keys yet. Make one with:  noria keys create --name me")
    else:
        show(table_of([_cells(key) for key in found], spared=("created", "expires")))


@takes(OUTPUT)
def revoke(
    key: Annotated[str, typer.Argument(metavar="KEY", help="An id, or a name for all keys of it.")],
    **flags: Any,
) -> None:
    """Let a key count no more. Running services know within seconds.

    \b
    Examples:
      noria keys revoke 1f0c22aa
      noria keys revoke ci
    """  # noqa: D301 - \b keeps click from joining the lines
    import noria
    from noria.cli.ui import print_json

    found = noria.revoke_key(key)
    if flags["json"]:
        print_json([one.to_dict() for one in found])
    else:
        typer.echo(f"Revoked: {', '.join(f'{one.id} ({one.name})' for one in found)}")


keys.command("create", no_args_is_help=True)(create)
keys.command("list")(listed)
keys.command("revoke", no_args_is_help=True)(revoke)


def _cells(key: Key) -> dict[str, str]:
    from noria.pages.units import ago

    now = time.time()
    ends = "" if key.expires is None else time.strftime("%Y-%m-%d", time.localtime(key.expires))
    return {
        "id": key.id,
        "name": key.name,
        "models": ", ".join(key.models) or "all",
        "verbs": ", ".join(key.verbs),
        "state": key.state(now),
        "expires": ends,
        "created": ago(key.created, now),
    }
