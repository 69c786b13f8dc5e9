"""A run as it is told to people: all that its report, its model card and its README say."""

from __future__ import annotations

import json
import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from functools import cached_property
from pprint import pformat
from typing import Any, Self

from noria.core.insight import Insight, Severity
from noria.core.recipe import Recipe
from noria.core.result import Evaluation, Figure, Goal, Leader, Score
from noria.core.schema import Column, Role, Type
from noria.core.signature import Signature
from noria.pages.units import duration, number, without_password
from noria.pages.words import Verdict, goal_text, listed, measure, plainly, verdict

__all__ = ["Axis", "Line", "Story"]

_EXAMPLE = 30  # columns of a row that is shown
_FEW, _MANY_MISSING, _DIGEST = 200, 0.3, 12
_LEVELS, _FEATURES, _LONG = 6, 15, 60
_PIPELINES = {
    "classification": "tabular-classification",
    "regression": "tabular-regression",
    "forecasting": "time-series-forecasting",
}
"""What Hugging Face calls the tasks."""


@dataclass(frozen=True)
class Axis:
    """The scale of a strip on which scores and their intervals are drawn."""

    low: float
    high: float

    @classmethod
    def over(cls, values: Iterable[float | None]) -> Self:
        """One that all these values fit on, with a margin; what is no number is left out.

        Examples
        --------
        >>> axis = Axis.over([0.0, 1.0, float("nan"), None])
        >>> axis.at(0.5)
        50.0
        """
        known = [value for value in values if value is not None and math.isfinite(value)]
        low, high = min(known, default=0.0), max(known, default=1.0)
        margin = 0.08 * (high - low) or 0.5 * abs(high) or 1.0
        return cls(low - margin, high + margin)

    @classmethod
    def of(cls, scores: Iterable[Score | None], *others: float | None) -> Self:
        """One that these scores, their intervals and further values fit on."""
        return cls.over(
            [*others, *(end for one in scores if one is not None for end in (one.low, one.value, one.high))]
        )

    def at(self, value: float) -> float:
        """Where a value lies, in percent of the width."""
        return round(100 * (value - self.low) / (self.high - self.low), 2)


@dataclass(frozen=True)
class Line:
    """A measure of a run: its score beside the baseline's and the goal."""

    score: Score
    base: Score | None
    goal: Goal | None
    about: str
    greater: bool | None

    @property
    def name(self) -> str:
        """What people call it."""
        return measure(self.score.metric)

    @property
    def better(self) -> str:
        """Which direction is better."""
        return {True: "more is better", False: "less is better", None: ""}[self.greater]

    @property
    def axis(self) -> Axis:
        """A scale that score, baseline and goal fit on."""
        return Axis.of([self.score, self.base], self.goal.value if self.goal else None)


@dataclass(frozen=True)
class Story:
    """What there is to tell of a finished run.

    Parameters
    ----------
    record : mapping
        What stands in ``run.json``.
    signature : Signature
        Of the model.
    figures : sequence of Figure
    """

    record: Mapping[str, Any]
    signature: Signature
    figures: Sequence[Figure] = field(default=())

    @cached_property
    def recipe(self) -> Recipe:
        """What was asked for."""
        return Recipe.parse(self.record["recipe"])

    @cached_property
    def evaluation(self) -> Evaluation:
        """How good the model is."""
        return Evaluation.from_dict(self.record["evaluation"])

    @cached_property
    def insight(self) -> Insight:
        """What was found out beyond the scores."""
        told = self.record.get("insight")
        return Insight.from_dict(told) if told else Insight()

    @property
    def title(self) -> str:
        """What the run is about, in a line."""
        return self.recipe.title or self.recipe.name

    @property
    def source(self) -> str:
        """Where the rows came from; no password."""
        return without_password(self.recipe.data.source) or "a table that was passed in Python"

    @property
    def columns(self) -> list[Column]:
        """The columns that a prediction reads."""
        return list(self.signature.columns)

    @property
    def features(self) -> str:
        """What it predicts from, in words."""
        names = listed([column.name for column in self.columns if column.role is Role.FEATURE], 8)
        return names or "the past of the series itself"

    @cached_property
    def verdict(self) -> Verdict:
        """Whether the model is good enough."""
        return verdict(self.evaluation, self._measure(self.evaluation.metric).get("greater_is_better"))

    @cached_property
    def lines(self) -> list[Line]:
        """All measures: those with a goal first, then the one that was searched by."""
        goals = {goal.metric: goal for goal in self.evaluation.goals}
        first = [*goals, self.evaluation.metric]
        names = dict.fromkeys(
            [*(name for name in first if name in self.evaluation.scores), *self.evaluation.scores]
        )
        return [
            Line(
                self.evaluation.scores[name], self.evaluation.baseline.get(name), goals.get(name),
                self._measure(name).get("doc", ""), self._measure(name).get("greater_is_better"),
            )
            for name in names
        ]  # fmt: skip

    @property
    def headline(self) -> Line:
        """The measure that a reader sees first."""
        return self.lines[0]

    @property
    def searched(self) -> str:
        """What people call the metric of the search."""
        return measure(self.evaluation.metric)

    @property
    def well(self) -> str:
        """How good the model is, in plain words."""
        line, rows = self.headline, f"{self.evaluation.rows:,} rows"
        said = plainly(line.score) or f"its {line.name} is {number(line.score.value)}"
        base = f" A simple guess, the baseline, reaches {number(line.base.value)}." if line.base else ""
        return f"On {rows} that it had not learned from, {said}.{base}"

    @property
    def enough(self) -> str:
        """The goals, and whether they are met."""
        goals = [goal_text(goal) for goal in self.evaluation.goals]
        asked = f"Asked for: {listed(goals)}. " if goals else ""
        return f"{asked}{self.verdict.text}"

    @property
    def chapters(self) -> dict[str, str]:
        """The headings of the report by their anchors; what is empty has none."""
        insight = self.insight
        known = {
            "problem": ("Problem", self.recipe.about),
            "data": ("Data", True),
            "method": ("Method", True),
            "results": ("Results", True),
            "errors": ("Where it fails", insight.slices or self.section("errors")),
            "explanation": ("What it goes by", insight.importance or self.section("explanation")),
            "learning": ("Learning", self.section("learning")),
            "findings": ("Findings", insight.findings),
            "limits": ("Limits", True),
            "use": ("Use it", True),
            "facts": ("Facts", True),
        }
        return {anchor: name for anchor, (name, there) in known.items() if there}

    @property
    def slice_axis(self) -> Axis:
        """A scale that the scores of all weak slices fit on."""
        return Axis.of(score for weak in self.insight.slices for score in (weak.score, weak.rest))

    @property
    def importance(self) -> list[tuple[str, Score, Axis]]:
        """The most important features with their scores, all on one scale."""
        top = self.insight.importance[:_FEATURES]
        scores = [Score(one.feature, one.value, one.low, one.high) for one in top]
        axis = Axis.of(scores, 0.0)
        return [(score.metric, score, axis) for score in scores]

    @property
    def members(self) -> list[Leader]:
        """The learners that the model is made of, by their share."""
        used = [leader for leader in self.evaluation.leaderboard if leader.weight]
        return sorted(used, key=lambda leader: -leader.weight)

    @property
    def method(self) -> list[str]:
        """How the model was made, in sentences."""
        record, evaluation = self.record, self.evaluation
        said = [f"{note.rstrip('.')}." for note in evaluation.notes if evaluation.how in note]
        made = self.recipe.features
        if made:
            said.append(
                f"Further features are made of the columns by {made}, in training and predicting alike."
            )
        if record.get("earlier"):
            said.append(f"Search and model were taken from run {record['earlier']}: nothing had changed.")
        else:
            tried = f"{record['trials']:,} settings of {len(evaluation.leaderboard)} learners were tried"
            said.append(f"{tried} in {duration(record['seconds'])}, until {record['until']}.")
        said.append(
            f"Each was judged by its {measure(evaluation.metric)} on rows that it had not learned from."
        )
        if len(self.members) > 1:
            shares = [f"{leader.learner} ({leader.weight:.0%})" for leader in self.members]
            said.append(f"The model joins {listed(shares)}.")
        elif self.members:
            said.append(f"The model is {self.members[0].learner} alone: joining others brought nothing.")
        return said

    @property
    def notes(self) -> list[str]:
        """What was repaired or should be known, beside how the rows were divided."""
        return [note for note in self.record["notes"] if self.evaluation.how not in note]

    def section(self, name: str) -> list[Figure]:
        """The figures of a chapter."""
        return [figure for figure in self.figures if figure.section == name]

    @property
    def limits(self) -> list[str]:
        """What a reader should be careful about, most particular first."""
        said = []
        rows = self.evaluation.rows
        if rows < _FEW:
            said.append(
                f"Only {rows:,} rows judged it. The scores of other rows may differ by as much as the intervals say."
            )
        for weak in self.insight.slices[:3]:
            said.append(
                f"It is weaker where {weak.where}: {measure(weak.score.metric)} {number(weak.score.value)} there,"
                f" {number(weak.rest.value)} elsewhere."
            )
        serious = sum(finding.severity is Severity.HIGH for finding in self.insight.findings)
        if serious:
            said.append(
                f"{serious} serious finding{'s' * (serious > 1)} above should be settled before it is used."
            )
        total = max(self.record["rows"], 1)
        holes = [column.name for column in self.columns if column.nulls > _MANY_MISSING * total]
        if holes:
            said.append(f"Many values are missing: {listed(holes)}. There, it goes by what is usual.")
        return [
            *said,
            "It knows rows like those that it learned from. Where the world changes, it becomes worse without a"
            " sign, until new rows with known answers judge it again.",
            "It tells what goes together in these rows, not what causes what.",
        ]

    @property
    def use(self) -> str:
        """What the model is for."""
        named = (
            f"rows like those of {self.source}"
            if self.recipe.data.source
            else "rows like those it learned from"
        )
        return f"Made to predict {self.recipe.data.target} for {named}."

    @property
    def python(self) -> str:
        """How to predict from Python; the row is a likely one, none of the data."""
        name = json.dumps(self.recipe.name)
        lines = ["import noria", "", f'scored = noria.predict({name}, "new.csv")  # a table']
        row = {column.name: [_usual(column)] for column in self.columns[: _EXAMPLE + 1]}
        if 0 < len(row) <= _EXAMPLE:
            text = pformat(row, sort_dicts=False, width=84).replace("\n", "\n       ")
            lines += ["", f"rows = {text}", f"noria.predict({name}, rows)"]
        return "\n".join(lines)

    @property
    def again(self) -> str:
        """How to repeat the run."""
        return f"noria reproduce {self.record['id']}"

    @property
    def card(self) -> dict[str, Any]:
        """The head of a model card, as Hugging Face reads it.

        References
        ----------
        https://huggingface.co/docs/hub/model-cards
        """
        task = _PIPELINES.get(self.record["task"], self.record["task"])
        measured = [
            {"type": name, "name": measure(name), "value": score.value}
            for name, score in self.evaluation.scores.items()
            if math.isfinite(score.value)
        ]
        result = {
            "task": {"type": task, "name": self.title},
            "dataset": {"name": self.source, "type": self.source},
            "metrics": measured,
        }
        return {
            "library_name": "noria",
            "pipeline_tag": task,
            "tags": ["noria", self.record["task"]],
            "metrics": [one["type"] for one in measured],
            "model-index": [{"name": self.recipe.name, "results": [result]}],
        }

    @property
    def facts(self) -> dict[str, str]:
        """Where the run came from, by label."""
        record = self.record
        code = record.get("commit")
        around = record.get("lineage", {}).get("environment", {})
        return {
            "run": record["id"],
            "rows, columns": f"{record['rows']:,}, {len(self.columns)} that a prediction reads",
            "fingerprint of the data": record["snapshot"][:_DIGEST],
            "seed": str(self.recipe.search.seed),
            **({"code": f"commit {code[:_DIGEST]}"} if code else {}),
            "made with": f"Noria {record['noria']}, Python {record['python']}",
            **({"machine": f"{around['platform']}, {around['cpus']} CPUs"} if around else {}),
        }

    @property
    def packages(self) -> dict[str, str]:
        """The versions of the libraries at work, by name."""
        return self.record.get("lineage", {}).get("environment", {}).get("packages", {})

    @staticmethod
    def values(column: Column) -> str:
        """What a column holds, in words."""
        if column.levels:
            more = len(column.levels) - _LEVELS
            return ", ".join(column.levels[:_LEVELS]) + (f" and {more:,} more" if more > 0 else "")
        if column.low is None or column.high is None or column.type is Type.BOOLEAN:
            return ""
        return f"{_end(column, column.low)} to {_end(column, column.high)}"

    def _measure(self, name: str) -> Mapping[str, Any]:
        return self.record.get("measures", {}).get(name, {})


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
    return float(f"{(column.low + column.high) / 2:.3g}")


def _end(column: Column, value: float) -> str:
    """The smallest or largest value of a column."""
    if column.type is not Type.DATETIME:
        return f"{value:,.10g}"
    try:
        return str((datetime(1970, 1, 1, tzinfo=UTC) + timedelta(seconds=value)).date())
    except OverflowError:
        return f"{value:,.0f} s since 1970"
