"""``noria publish``: a site of recipes and their runs."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from noria.cli.options import OUTPUT, takes, words

if TYPE_CHECKING:
    from noria.lifecycle.publish import Entry

__all__ = ["publish"]


@takes(OUTPUT)
def publish(
    output: Annotated[
        Path, typer.Option("--output", "-o", metavar="FOLDER", help="The folder of the site.")
    ] = Path("site"),
    recipes: Annotated[str | None, typer.Option(metavar="A,B", help="Only these recipes and models.")] = None,
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Say what it would be, and write nothing.")
    ] = False,
    force: Annotated[
        bool, typer.Option("--force", help="Write into a folder that holds other files, too; they stay.")
    ] = False,
    **flags: Any,
) -> None:
    """Write a static site of all recipes and their best runs.

    Results against goals, reports, model cards, versions, and how to run each. It is ready for GitHub Pages.

    \b
    Examples:
      noria publish
      noria publish -o docs/site --recipes titanic,iris
      noria publish --dry-run
    """  # noqa: D301 - \b keeps click from joining the lines
    import noria
    from noria.cli.ui import print_json, show, table

    done = noria.publish(output, recipes=words(recipes), dry_run=dry_run, force=force)
    if flags["json"]:
        print_json(done.to_dict())
        return
    made = table("recipe", "result", "goal", "run", right=("result",))
    for entry in done.entries:
        made.add_row(entry.recipe.name, *_cells(entry))
    would = "would be" if dry_run else "are"
    show(
        made,
        "",
        f"{len(done.files)} files {would} in {done.folder}; it begins with {done.folder / 'index.html'}",
    )


def _cells(entry: Entry) -> tuple[str, str, str]:
    """The result, how it stands to the goal, and the run."""
    from noria.pages.units import number

    if entry.story is None or entry.run is None:
        return "", "", entry.problem or "not run yet"
    line = entry.story.headline
    goals = ", ".join(map(str, entry.story.evaluation.goals))
    return (
        f"{line.score.metric} {number(line.score.value)}",
        f"{goals}: {entry.status}" if goals else "",
        entry.run.entry.id,
    )
