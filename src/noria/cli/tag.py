"""``noria tag``: say something about a version."""

from __future__ import annotations

from typing import Annotated, Any

import typer

from noria.cli.options import OUTPUT, complete_model, takes

__all__ = ["tag"]


@takes(OUTPUT)
def tag(
    model: Annotated[
        str,
        typer.Argument(
            metavar="MODEL", help="NAME for its champion, or NAME@3.", autocompletion=complete_model
        ),
    ],
    tags: Annotated[list[str], typer.Argument(metavar="KEY=TEXT", help="KEY= takes a tag away.")],
    **flags: Any,
) -> None:
    """Set tags of a version.

    \b
    Examples:
      noria tag titanic owner=ann stage=test
      noria tag titanic@3 keep=true
      noria tag titanic stage=
    """  # noqa: D301 - \b keeps click from joining the lines
    import noria
    from noria.cli.ui import print_json
    from noria.errors import ParamError

    given = dict(item.partition("=")[::2] for item in tags)
    for item in tags:
        if not item.partition("=")[1] or not item.partition("=")[0]:
            raise ParamError("A tag is a pair.", got=repr(item), do="Write it as owner=ann.")
    change = noria.tag(model, given)
    if flags["json"]:
        print_json(change.to_dict())
    else:
        typer.echo(f"version {change.version} of {change.name}: {', '.join(tags)}")
