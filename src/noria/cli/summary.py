"""The end of a run on one screen."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from noria.cli.ui import console, grid, show, table, table_of
from noria.core.result import Score
from noria.pages.units import ago, data_size, duration, interval, number, without_password

if TYPE_CHECKING:
    from rich.table import Table
    from rich.text import Text

    from noria.api import Run
    from noria.core.insight import Finding
    from noria.core.recipe import Recipe
    from noria.core.result import Evaluation, Goal
    from noria.lifecycle.show import Details

__all__ = ["show_details", "show_run"]

_LEADERS = 5
_NOTES = 6
_FINDINGS = 4
_COLOURS = {"high": "bold red", "medium": "yellow", "low": "cyan"}
_DIGEST = 12


def show_run(run: Run) -> None:
    """What was predicted, from what, how well, by which learners, and what to do next."""
    facts = {"predicts": _predicts(run.recipe, run.record), "rows": _rows(run.evaluation)}
    places = {
        "run": _short(run.folder),
        "report": _short(run.report),
        "next": f"noria predict {_answering(run)} new.csv -o scored.parquet",
    }
    found = _findings(run.findings[:_FINDINGS], len(run.findings), run.id)
    _show(_title(run), _grid(facts), *_results(run.evaluation, run.notes), *found, _grid(places))


def show_details(run: Details) -> None:
    """Everything about a run: where it came from, how well it did, and what became of it."""
    if run.record is None or run.evaluation is None:
        _show(_heading(run), _grid(_unfinished(run)))
        return
    facts = {
        "predicts": _predicts(run.recipe, run.record),
        "rows": _rows(run.evaluation),
        **_origin(run.record.get("lineage", {}), run),
    }
    report = _short(run.report) if run.report.exists() else f"noria report {run.entry.id}"
    places = {"run": _short(run.folder), "report": report}
    results = _results(run.evaluation, run.record["notes"])
    found = _findings(run.insight.findings, 0, advice=True)
    _show(_heading(run), _grid(facts), *results, *found, _grid(places))


def _show(*parts: Table | Text) -> None:
    from rich.padding import Padding

    show(*(Padding(part, (1, 0, 0, 1), expand=False) for part in parts), "")


def _results(evaluation: Evaluation, notes: Sequence[str]) -> Iterator[Table]:
    """Scores, leaderboard and notes, as far as there are any."""
    yield _scores(evaluation, tick=_can_print("✓✗"))
    if evaluation.leaderboard:
        yield _leaderboard(evaluation)
    others = [note for note in notes if note not in _split_notes(evaluation)]
    if others:
        yield _notes(others)


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


def _answering(run: Run) -> str:
    """What the run's model answers to: its name, or the version if another one has the name."""
    return run.name if run.promotion.promoted else f"{run.name}@{run.version}"


def _heading(run: Details) -> Text:
    """Which run it is, how it stands, and which versions its model is."""
    from rich.text import Text

    entry = run.entry
    took = f"{entry.trials} trials in {duration(entry.seconds)}, " if entry.seconds else ""
    text = Text.assemble((entry.id, "bold"), f"  {run.status}, {took}started {ago(entry.started)}")
    for model in run.models:
        for version in model.versions:
            aliases = ", ".join(model.held_by(version.number))
            text.append(f"\n{model.name}@{version.number}" + (f", {aliases}" if aliases else ""), "green")
            text.append("".join(f"  {key}={value}" for key, value in version.tags.items()), "dim")
    if run.recipe.title:
        text.append(f"\n{run.recipe.title}", "dim")
    return text


def _unfinished(run: Details) -> dict[str, str]:
    """How far a run came that has not ended, or not yet."""
    trials = [event for event in run.events if event["kind"] == "trial.finished"]
    facts = {
        "predicts": run.recipe.data.target,
        "data": _data(run.recipe.data.source, run),
        "trials": f"{len(trials)} finished",
    }
    if trials:
        facts["best"] = f"{number(trials[-1]['best'])} out of fold, after {duration(trials[-1]['elapsed'])}"
    if run.events:
        facts["last"] = f"{run.events[-1]['kind']}, {ago(run.events[-1]['time'])}"
    facts["run"] = _short(run.folder)
    if run.status == "stopped":
        facts["next"] = "the same command again goes on from here"
    return facts


def _origin(lineage: Mapping[str, Any], run: Details) -> dict[str, str]:
    """Data, code and environment, a line each."""
    data, code, around = (lineage.get(part) or {} for part in ("data", "code", "environment"))
    test = f", tested on {data['test'][:_DIGEST]}" if data.get("test") else ""
    facts = {
        "data": f"{_data(data.get('source'), run)}{test}",
        "code": _code(code),
        "search": f"seed {run.recipe.search.seed}, {_search(run.record or {})}",
        "made with": f"Noria {run.entry.noria}",
    }
    if around:
        facts["made with"] += (
            f", Python {around['python']}, {around['cpus']} CPUs, {len(around['packages'])} packages (--json)"
            f"\n{around['platform']}"
        )
    return facts


def _data(source: str | None, run: Details) -> str:
    return f"{without_password(source or 'a table')}, fingerprint {run.entry.snapshot[:_DIGEST]}"


def _search(record: Mapping[str, Any]) -> str:
    earlier = record.get("earlier")
    return f"taken from run {earlier}" if earlier else f"until {record.get('until')}"


def _code(code: Mapping[str, Any]) -> str:
    if not code:
        return "not in a Git repository"
    cut = ", which was cut" if code["cut"] else ""
    changes = {
        True: f", and changes to it: code.diff{cut}",
        False: "",
        None: ", changes unknown: Git was slow",
    }
    return f"commit {code['commit'][:_DIGEST]}{changes[code['dirty']]}"


def _predicts(recipe: Recipe, record: Mapping[str, Any]) -> str:
    return f"{recipe.data.target} ({record['task']})"


def _rows(evaluation: Evaluation) -> str:
    """How the rows were divided, in words."""
    said = _split_notes(evaluation)
    return said[0].rstrip(".") if said else f"{evaluation.rows:,} evaluated, {evaluation.how}"


def _split_notes(evaluation: Evaluation) -> list[str]:
    """The notes that tell how the rows were divided."""
    return [note for note in evaluation.notes if evaluation.how in note][:1]


def _scores(evaluation: Evaluation, *, tick: bool) -> Table:
    from rich.text import Text

    goals = {goal.metric: goal for goal in evaluation.goals}
    heads = ["metric", "score", "95% interval", "baseline", *(["goal"] if goals else [])]
    made = table(*heads, right=("score", "95% interval", "baseline"))
    for name, score in evaluation.scores.items():
        base, goal = evaluation.baseline.get(name), goals.get(name)
        value = Text(number(score.value), style="bold" if goal or name == evaluation.metric else "")
        cells: list[Text | str] = [name, value, interval(score), number(base.value if base else None)]
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
    from rich.text import Text

    numeric = (evaluation.metric, "95% interval", "share", "trials", "fit", "1,000 rows", "size")
    lines: list[dict[str, str | Text]] = []
    for leader in evaluation.leaderboard[:_LEADERS]:
        cells = (
            leader.learner,
            number(leader.score),
            interval(Score(evaluation.metric, leader.score, leader.low, leader.high)),
            f"{leader.weight:.0%}" if leader.weight else "-",
            str(leader.trials),
            duration(leader.fit_seconds),
            duration(leader.predict_seconds),
            data_size(leader.bytes),
        )
        lines.append(dict(zip(("learner", *numeric), cells, strict=True)))
    rest = evaluation.leaderboard[_LEADERS:]
    weight = sum(leader.weight for leader in rest)
    if rest:
        last = {"learner": f"{len(rest)} more", "share": f"{weight:.0%}" if weight else "-"}
        lines.append({head: Text(last.get(head, ""), "dim") for head in ("learner", *numeric)})
    return table_of(lines, right=numeric, spared=("1,000 rows", "size", "fit"))


def _notes(notes: list[str]) -> Table:
    made = grid()
    made.add_column(style="dim", no_wrap=True)
    made.add_column(overflow="fold")
    for at, note in enumerate(notes[:_NOTES]):
        made.add_row("notes" if not at else "", note)
    if len(notes) > _NOTES:
        made.add_row("", f"and {len(notes) - _NOTES} more in the report")
    return made


def _findings(
    findings: Sequence[Finding], count: int, run: str = "", *, advice: bool = False
) -> Iterator[Table]:
    """Findings by severity, `count` in all; with advice, what to do about each."""
    from rich.text import Text

    if not findings:
        return
    made = grid()
    for options in ({"style": "dim", "no_wrap": True}, {"no_wrap": True}, {"overflow": "fold"}):
        made.add_column(**options)
    for at, one in enumerate(findings):
        text = Text.assemble((one.title, "bold"), f": {one.seen} ", (one.code, "dim"))
        if advice:
            text.append(f"\n{one.do}", "dim")
        made.add_row("findings" if not at else "", Text(one.severity, _COLOURS[one.severity]), text)
    if count > len(findings):
        made.add_row("", "", Text(f"and {count - len(findings)} more: noria show {run}", "dim"))
    yield made


def _grid(facts: Mapping[str, str]) -> Table:
    """Labels and what they say."""
    made = grid()
    made.add_column(style="dim", no_wrap=True)
    made.add_column(overflow="fold")
    for label, said in facts.items():
        made.add_row(label, said)
    return made


def _short(path: Path) -> str:
    """Relative to the working directory or to the home directory, where it is below one of them."""
    for base, mark in ((Path.cwd(), ""), (Path.home(), "~/")):
        if path.is_relative_to(base):
            return mark + str(path.relative_to(base))
    return str(path)
