"""The end of a run on one screen."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

from noria.cli.ui import console, grid, show, table
from noria.cli.units import data_size, duration, number

if TYPE_CHECKING:
    from rich.table import Table
    from rich.text import Text

    from noria.api import Run
    from noria.core.result import Evaluation, Goal

__all__ = ["show_run"]

_LEADERS = 5
_NOTES = 6


def show_run(run: Run) -> None:
    """What was predicted, from what, how well, by which learners, and what to do next."""
    from rich.padding import Padding

    parts = [Padding(part, (1, 0, 0, 1), expand=False) for part in _parts(run)]
    show(*parts, "")


def _parts(run: Run) -> Iterator[Table | Text]:
    evaluation = run.evaluation
    yield _title(run)
    yield _facts(run)
    yield _scores(evaluation, tick=_can_print("✓✗"))
    if evaluation.leaderboard:
        yield _leaderboard(evaluation)
    notes = [note for note in run.notes if note not in _split_notes(run)]
    if notes:
        yield _notes(notes)
    yield _places(run)


def _can_print(marks: str) -> bool:
    """Whether the terminal's encoding holds these marks."""
    try:
        marks.encode(console().encoding)
    except UnicodeEncodeError:
        return False
    return True


def _title(run: Run) -> Text:
    from rich.text import Text

    took = f"{run.trials} trials in {duration(run.seconds)}"
    if run.record["earlier"]:
        took = f"taken from run {run.record['earlier']}: data, code and parameters are the same"
    text = Text.assemble((run.name, "bold"), f"  version {run.version}, {took}")
    if not run.promotion.promoted:
        text.append(f"\nnot promoted: {run.promotion.why}", "yellow")
    if run.recipe.title:
        text.append(f"\n{run.recipe.title}", "dim")
    return text


def _facts(run: Run) -> Table:
    facts = grid()
    facts.add_column(style="dim", no_wrap=True)
    facts.add_column()
    facts.add_row("predicts", f"{run.recipe.data.target} ({run.record['task']})")
    facts.add_row("rows", _rows(run))
    return facts


def _rows(run: Run) -> str:
    """How the rows were divided, in words."""
    said = _split_notes(run)
    return said[0].rstrip(".") if said else f"{run.evaluation.rows:,} evaluated, {run.evaluation.how}"


def _split_notes(run: Run) -> list[str]:
    """The notes that tell how the rows were divided."""
    return [note for note in run.evaluation.notes if run.evaluation.how in note][:1]


def _scores(evaluation: Evaluation, *, tick: bool) -> Table:
    from rich.text import Text

    goals = {goal.metric: goal for goal in evaluation.goals}
    heads = ["metric", "score", "95% interval", "baseline", *(["goal"] if goals else [])]
    made = table(*heads, right=("score", "95% interval", "baseline"))
    for name, score in evaluation.scores.items():
        base, goal = evaluation.baseline.get(name), goals.get(name)
        value = Text(number(score.value), style="bold" if goal or name == evaluation.metric else "")
        interval = f"{number(score.low)} to {number(score.high)}" if score.low == score.low else ""
        cells: list[Text | str] = [name, value, interval, number(base.value if base else None)]
        made.add_row(*cells, *([_verdict(goal, score.value, tick=tick)] if goals else []))
    return made


def _verdict(goal: Goal | None, value: float, *, tick: bool) -> Text | str:
    from rich.text import Text

    if goal is None:
        return ""
    met = goal.met(value)
    word = "met" if met else "missed"
    mark = ("✓ " if met else "✗ ") if tick else ""
    return Text(f"{goal.compare} {goal.value:g}  {mark}{word}", style="green" if met else "red")


def _leaderboard(evaluation: Evaluation) -> Table:
    numeric = (evaluation.metric, "share", "trials", "fit", "size")
    made = table("learner", *numeric, right=numeric)
    for leader in evaluation.leaderboard[:_LEADERS]:
        made.add_row(
            leader.learner,
            number(leader.score),
            f"{leader.weight:.0%}" if leader.weight else "-",
            str(leader.trials),
            duration(leader.fit_seconds),
            data_size(leader.bytes),
        )
    rest = evaluation.leaderboard[_LEADERS:]
    weight = sum(leader.weight for leader in rest)
    if rest:
        made.add_row(f"{len(rest)} more", "", f"{weight:.0%}" if weight else "-", "", "", "", style="dim")
    return made


def _notes(notes: list[str]) -> Table:
    made = grid()
    made.add_column(style="dim", no_wrap=True)
    made.add_column(overflow="fold")
    for at, note in enumerate(notes[:_NOTES]):
        made.add_row("notes" if not at else "", note)
    if len(notes) > _NOTES:
        made.add_row("", f"and {len(notes) - _NOTES} more in the report")
    return made


def _places(run: Run) -> Table:
    made = grid()
    made.add_column(style="dim", no_wrap=True)
    made.add_column(overflow="fold")
    made.add_row("run", _short(run.folder))
    made.add_row("report", _short(run.report))
    made.add_row("next", f"noria predict {run.name} new.csv -o scored.parquet")
    return made


def _short(path: Path) -> str:
    """Relative to the working directory or to the home directory, where it is below one of them."""
    for base, mark in ((Path.cwd(), ""), (Path.home(), "~/")):
        if path.is_relative_to(base):
            return mark + str(path.relative_to(base))
    return str(path)
