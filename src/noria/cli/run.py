"""``noria run``: walk a recipe."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from noria.cli.options import OUTPUT, SEARCH, WALK, complete_recipe, search, takes

if TYPE_CHECKING:
    from noria.api import Run

__all__ = ["finish", "run"]


@takes(SEARCH, WALK, OUTPUT)
def run(
    recipe: Annotated[
        str,
        typer.Argument(
            metavar="RECIPE",
            help="A shipped recipe's name, a recipe folder, or a YAML file.",
            autocompletion=complete_recipe,
        ),
    ],
    **flags: Any,
) -> None:
    """Walk a recipe: read, split, search, evaluate, keep the model.

    An interrupted run goes on where it was when the same command is given again.

    \b
    Examples:
      noria run titanic
      noria run ./churn --budget 5m --metric roc_auc
      noria run iris --learners logistic,svm --json > iris.json
    """  # noqa: D301 - \b keeps click from joining the lines
    import noria
    from noria.cli.ui import following

    with following(Path(recipe).stem or recipe, quiet=flags["quiet"]) as session:
        done = noria.run(recipe, session=session, resume=not flags["fresh"], **search(flags))
    finish(done, flags)


def finish(done: Run, flags: dict[str, Any]) -> None:
    """Print a run, and fail if it misses a goal that was required.

    Raises
    ------
    GoalMissedError
        With ``--require-goal`` only.
    """
    from noria.cli.summary import show_run
    from noria.cli.ui import print_json
    from noria.errors import GoalMissedError

    if flags["json"]:
        print_json(done.to_dict())
    else:
        show_run(done)
    scores = done.evaluation.scores
    missed = [goal for goal in done.evaluation.goals if not goal.met(scores[goal.metric].value)]
    if missed and flags["require_goal"]:
        raise GoalMissedError(
            f"The goal {', '.join(map(str, missed))} is missed.",
            got=", ".join(f"{goal.metric} {scores[goal.metric]}" for goal in missed),
            do="Give it more time with --budget, better features, or a goal that these data allow.",
        )
