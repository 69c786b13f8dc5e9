"""``noria models``: what was trained here."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import asdict
from typing import TYPE_CHECKING, Annotated, Any

import typer

from noria.cli.options import OUTPUT, complete_model, takes

if TYPE_CHECKING:
    from noria.core.runs import ModelEntry, Version

__all__ = ["models"]


@takes(OUTPUT)
def models(
    name: Annotated[
        str | None,
        typer.Argument(metavar="NAME", help="All versions of this model.", autocompletion=complete_model),
    ] = None,
    **flags: Any,
) -> None:
    """List the trained models and their champions, or the versions of one of them.

    \b
    Examples:
      noria models
      noria models titanic --json
    """  # noqa: D301 - \b keeps click from joining the lines
    import noria
    from noria.cli.ui import print_json, show, table
    from noria.cli.units import ago, number

    session = noria.Session()
    models = [session.registry.model(name)] if name is not None else session.state.models()
    if flags["json"]:
        print_json([asdict(model) for model in models])
        return
    if not models:
        show("Nothing was trained here yet. Begin with:  noria run titanic")
        return
    heads = ("model", "version", "alias", "trained", "metric", "score", "run")
    made = table(*heads, right=("version", "score"))
    for model in models:
        for version, aliases in shown(model, every=name is not None):
            run = session.registry.run(version.run)
            score = run.scores[run.metric].value if run and run.metric else None
            made.add_row(
                model.name,
                str(version.number),
                ", ".join(aliases),
                ago(version.when),
                run.metric if run else "",
                number(score),
                version.run,
            )
    show(made)


def shown(model: ModelEntry, *, every: bool) -> Iterator[tuple[Version, tuple[str, ...]]]:
    """The versions of a model with their aliases, newest first: every one, or those with an alias."""
    for version in reversed(model.versions):
        aliases = model.held_by(version.number)
        if every or aliases:
            yield version, aliases
