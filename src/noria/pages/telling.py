"""What is said of a run, in sentences: by its report, its model card and its README alike."""

from __future__ import annotations

import json
import math
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pprint import pformat
from typing import Any

from noria.core.insight import Severity
from noria.core.result import Score
from noria.core.schema import Column, Role, Type
from noria.core.words import times
from noria.pages.charts import amount
from noria.pages.story import Axis, Story
from noria.pages.units import duration, number
from noria.pages.words import goal_text, listed, measure, plainly

__all__ = [
    "card",
    "enough",
    "facts",
    "features",
    "importance",
    "limits",
    "method",
    "python",
    "use",
    "values",
    "well",
]

_EXAMPLE = 30  # columns of a row that is shown
_FEW, _MANY_MISSING, _WEAK, _DIGEST = 200, 0.3, 3, 12
_LEVELS, _FEATURES, _LONG = 6, 15, 60
_PIPELINES = {
    "classification": "tabular-classification",
    "regression": "tabular-regression",
    "forecasting": "time-series-forecasting",
}
"""What Hugging Face calls the tasks."""


def features(story: Story) -> str:
    """What the model predicts from."""
    names = listed([column.name for column in story.columns if column.role is Role.FEATURE], 8)
    return names or "the past of the series itself"


def well(story: Story) -> str:
    """How good the model is."""
    line = story.headline
    said = plainly(line.score) or f"its {line.name} is {number(line.score.value)}"
    base = f" A simple guess, the baseline, reaches {number(line.base.value)}." if line.base else ""
    return f"On {times(story.evaluation.rows, 'row')} that it had not learned from, {said}.{base}"


def enough(story: Story) -> str:
    """The goals, and whether they are met."""
    goals = [goal_text(goal) for goal in story.evaluation.goals]
    return f"{f'Asked for: {listed(goals)}. ' if goals else ''}{story.verdict.text}"


def method(story: Story) -> Iterator[str]:
    """How the model was made."""
    record, evaluation, members = story.record, story.evaluation, story.members
    yield from (f"{note.rstrip('.')}." for note in evaluation.notes if evaluation.how in note)
    made = story.recipe.features
    if made:
        yield f"Further features are made of the columns by {made}, in training and predicting alike."
    if record.get("earlier"):
        yield f"Search and model were taken from run {record['earlier']}: nothing had changed."
    else:
        tried = f"{record['trials']:,} settings of {len(evaluation.leaderboard)} learners were tried"
        yield f"{tried} in {duration(record['seconds'])}, until {record['until']}."
    yield f"Each was judged by its {story.searched} on rows that it had not learned from."
    if len(members) > 1:
        yield f"The model joins {listed([f'{one.learner} ({one.weight:.0%})' for one in members])}."
    elif members:
        yield f"The model is {members[0].learner} alone: joining others brought nothing."


def importance(story: Story) -> list[tuple[str, Score, Axis]]:
    """The most important features with their scores, all on one scale."""
    top = story.insight.importance[:_FEATURES]
    scores = [Score(one.feature, one.value, one.low, one.high) for one in top]
    axis = Axis.of(scores, 0.0)
    return [(score.metric, score, axis) for score in scores]


def limits(story: Story) -> Iterator[str]:
    """What a reader should be careful about, most particular first."""
    rows, insight = story.evaluation.rows, story.insight
    if rows < _FEW:
        judged = f"Only {times(rows, 'row')} judged it"
        yield f"{judged}: on others, scores may differ by as much as the intervals say."
    for weak in insight.slices[:_WEAK]:
        there = f"{measure(weak.score.metric)} {number(weak.score.value)} there"
        yield f"It is weaker where {weak.where}: {there}, {number(weak.rest.value)} elsewhere."
    serious = sum(finding.severity is Severity.HIGH for finding in insight.findings)
    if serious:
        yield f"{serious} serious finding{'s' * (serious > 1)} should be settled before it is used."
    total = max(story.record["rows"], 1)
    holes = [column.name for column in story.columns if column.nulls > _MANY_MISSING * total]
    if holes:
        yield f"Many values are missing: {listed(holes)}. There, it goes by what is usual."
    yield (
        "It knows rows like those that it learned from. Where the world changes, it becomes worse without a"
        " sign, until new rows with known answers judge it again."
    )
    yield "It tells what goes together in these rows, not what causes what."


def use(story: Story) -> str:
    """What the model is for."""
    named = f"of {story.source}" if story.recipe.data.source else "that it learned from"
    return f"Made to predict {story.recipe.data.target} for rows like those {named}."


def python(story: Story) -> str:
    """How to predict from Python; the row is a likely one, none of the data."""
    name = json.dumps(story.recipe.name)
    lines = ["import noria", "", f'scored = noria.predict({name}, "new.csv")  # a table']
    if 0 < len(story.columns) <= _EXAMPLE:
        row = {column.name: [_usual(column)] for column in story.columns}
        text = pformat(row, sort_dicts=False, width=84).replace("\n", "\n       ")
        lines += ["", f"rows = {text}", f"noria.predict({name}, rows)"]
    return "\n".join(lines)


def card(story: Story) -> dict[str, Any]:
    """The head of a model card, as Hugging Face reads it.

    References
    ----------
    https://huggingface.co/docs/hub/model-cards
    """
    task = _PIPELINES.get(story.record["task"], story.record["task"])
    measured = [
        {"type": name, "name": measure(name), "value": score.value}
        for name, score in story.evaluation.scores.items()
        if math.isfinite(score.value)
    ]
    result = {
        "task": {"type": task, "name": story.title},
        "dataset": {"name": story.source, "type": story.source},
        "metrics": measured,
    }
    return {
        "library_name": "noria",
        "pipeline_tag": task,
        "tags": ["noria", story.record["task"]],
        "metrics": [one["type"] for one in measured],
        "model-index": [{"name": story.recipe.name, "results": [result]}],
    }


def facts(story: Story) -> dict[str, str]:
    """Where the run came from, by label."""
    record = story.record
    code, around = record.get("commit"), record.get("lineage", {}).get("environment", {})
    return {
        "run": record["id"],
        "rows, columns": f"{record['rows']:,}, {len(story.columns)} that a prediction reads",
        "fingerprint of the data": record["snapshot"][:_DIGEST],
        "seed": str(story.recipe.search.seed),
        **({"code": f"commit {code[:_DIGEST]}"} if code else {}),
        "made with": f"Noria {record['noria']}, Python {record['python']}",
        **({"machine": f"{around['platform']}, {around['cpus']} CPUs"} if around else {}),
    }


def values(column: Column) -> str:
    """What a column holds.

    Examples
    --------
    >>> values(Column("age", Type.NUMBER, low=18, high=90))
    '18 to 90'
    """
    if column.levels:
        more = len(column.levels) - _LEVELS
        return ", ".join(column.levels[:_LEVELS]) + (f" and {more:,} more" if more > 0 else "")
    if column.low is None or column.high is None or column.type is Type.BOOLEAN:
        return ""
    return f"{_end(column, column.low)} to {_end(column, column.high)}"


def _usual(column: Column) -> Any:
    """A value that a column may well have."""
    if column.levels:
        return column.levels[0][:_LONG]
    if column.type is Type.BOOLEAN:
        return True
    if column.low is None or column.high is None:
        return "..."
    if column.type is Type.DATETIME:
        return _end(column, column.high)
    middle = (column.low + column.high) / 2
    short = float(f"{middle:.3g}")
    return short if column.low <= short <= column.high else middle


def _end(column: Column, value: float) -> str:
    """The smallest or largest value of a column."""
    if column.type is not Type.DATETIME:
        return amount(value, 10)
    try:
        return str((datetime(1970, 1, 1, tzinfo=UTC) + timedelta(seconds=value)).date())
    except OverflowError:
        return f"{value:,.0f} s since 1970"
