"""``noria reproduce``: whether a run comes out the same a second time."""

from __future__ import annotations

from typing import Annotated, Any

import typer

from noria.cli.options import OUTPUT, complete_model, takes

__all__ = ["reproduce"]


@takes(OUTPUT)
def reproduce(
    run: Annotated[
        str,
        typer.Argument(
            metavar="RUN",
            help="A run's id, or NAME, NAME@3 for that of a version.",
            autocompletion=complete_model,
        ),
    ],
    **flags: Any,
) -> None:
    """Repeat a run on the same rows, and compare both models.

    The repetition is a run of its own, which no name answers with. The exit code is 1 if the scores differ.

    \b
    Examples:
      noria reproduce titanic
      noria reproduce titanic-20261122-091500-1 --json
    """  # noqa: D301 - \b keeps click from joining the lines
    import noria
    from noria.cli.ui import following, print_json, show, table
    from noria.pages.units import number

    with following(run, quiet=flags["quiet"]) as session:
        done = noria.reproduce(run, session=session)
    if flags["json"]:
        print_json(done.to_dict())
    elif done.exact:
        show(f"{done.run} is reproduced by {done.again}: the same model, byte for byte.")
    else:
        made = table("metric", "then", "now", right=("then", "now"))
        for name, (then, now) in done.scores.items():
            made.add_row(name, number(then), number(now))
        same = "the same scores" if done.close else "other scores"
        parts = [f"{done.again} has {same} as {done.run}, and {len(done.files)} other files in its model."]
        show(*parts, "", made, *(["", "What was not the same:"] if done.differs else []), *done.differs)
    if not done.close:
        raise typer.Exit(1)
