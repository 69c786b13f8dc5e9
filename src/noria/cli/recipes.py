"""``noria recipes``: what is shipped."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from noria.cli.options import OUTPUT, takes

if TYPE_CHECKING:
    from noria.core.recipe import Recipe

__all__ = ["recipes"]


@takes(OUTPUT)
def recipes(**flags: Any) -> None:
    """List the shipped recipes and whether their data are at hand.

    \b
    Examples:
      noria recipes
      noria recipes --json
    """  # noqa: D301 - \b keeps click from joining the lines
    import noria
    from noria.cli.ui import print_json, show, table

    shipped = noria.recipes()
    if flags["json"]:
        print_json([_facts(recipe) for recipe in shipped])
        return
    made = table("recipe", "predicts", "goal", "data")
    made.columns[0].no_wrap = True
    for recipe in shipped:
        goal = ", ".join(str(goal) for goal in recipe.goals)
        made.add_row(recipe.name, recipe.title, goal, _data(recipe.data.source))
    show(made, "", "Run one with:  noria run titanic")


def _facts(recipe: Recipe) -> dict[str, Any]:
    return {
        "name": recipe.name,
        "title": recipe.title,
        "task": recipe.task,
        "source": recipe.data.source,
        "target": recipe.data.target,
        "goal": recipe.goal,
        "data": _data(recipe.data.source),
        "folder": str(recipe.folder),
    }


def _data(source: str) -> str:
    """Whether a source is at hand, in two words: ``ready``, ``download``, or the extra that brings it."""
    from noria._lazy import installed

    kind, _, rest = source.partition(":")
    if kind != "package":
        return "download" if "://" in source or kind in ("openml", "hf", "collection") else "ready"
    package = rest.partition("/")[0]
    return "ready" if installed(package) else "needs noria[recipes]"
