"""``noria models``: what was trained here."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import asdict
from typing import TYPE_CHECKING, Annotated, Any

import typer

from noria.cli.options import OUTPUT, complete_model, takes

if TYPE_CHECKING:
    from noria.core.runs import ModelEntry, RunEntry, Version

__all__ = ["models"]


@takes(OUTPUT)
def models(
    name: Annotated[
        str | None,
        typer.Argument(metavar="NAME", help="All versions of this model.", autocompletion=complete_model),
    ] = None,
    **flags: Any,
) -> None:
    """List the trained models, or the versions of one of them.

    \b
    Examples:
      noria models
      noria models titanic --json
    """  # noqa: D301 - \b keeps click from joining the lines
    import noria
    from noria.cli.ui import print_json, show, table_of
    from noria.pages.units import ago

    session = noria.Session()
    models = [session.registry.model(name)] if name is not None else session.registry.state.models()
    if flags["json"]:
        print_json([asdict(model) for model in models])
        return
    if not models:
        show("Nothing was trained here yet. Begin with:  noria run titanic")
        return
    lines = [
        {
            "model": model.name,
            "version": str(version.number),
            "alias": ", ".join(aliases),
            "trained": ago(version.when),
            **_measured(session.registry.run(version.run)),
            "run": version.run,
        }
        for model in models
        for version, aliases in shown(model, every=name is not None)
    ]
    if not lines:
        show("No version answers to a name; list them with:  noria models NAME")
        return
    made = table_of(lines, right=("version", "score"), spared=("metric", "trained", "score"))
    made.columns[-1].no_wrap = True
    made.columns[-1].overflow = "fold"
    show(made)


def _measured(run: RunEntry | None) -> dict[str, str]:
    from noria.pages.units import number

    metric = (run.metric if run else None) or ""
    score = run.scores.get(metric) if run else None
    return {"metric": metric, "score": number(score.value if score else None)}


def shown(model: ModelEntry, *, every: bool) -> Iterator[tuple[Version, tuple[str, ...]]]:
    """The versions of a model with their aliases, newest first: every one, or those with an alias."""
    for version in reversed(model.versions):
        aliases = model.held_by(version.number)
        if every or aliases:
            yield version, aliases
