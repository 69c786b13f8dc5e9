"""A finished run as pages see it: its parts, and the scales on which its scores are drawn."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import TYPE_CHECKING, Any, Self

from noria.core.insight import Insight
from noria.core.result import Evaluation, Figure, Goal, Leader, Score
from noria.core.schema import Column
from noria.core.signature import Signature
from noria.pages.words import Verdict, direction, measure, plainly, verdict

if TYPE_CHECKING:
    from noria.core.recipe import Recipe

__all__ = ["Axis", "Line", "Story"]


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
        What stands in ``run.json``, without the passwords of addresses.
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
        from noria.core.recipe import Recipe

        return Recipe.parse(self.record["recipe"])

    @cached_property
    def evaluation(self) -> Evaluation:
        """How good the model is."""
        return Evaluation.from_dict(self.record["evaluation"])

    @cached_property
    def insight(self) -> Insight:
        """What was found out beyond the scores, without findings that the recipe silences."""
        told = self.record.get("insight")
        return Insight.from_dict(told).without(self.recipe.silence) if told else Insight()

    @property
    def title(self) -> str:
        """What the run is about, in a line."""
        return self.recipe.title or self.recipe.name

    @property
    def source(self) -> str:
        """Where the rows came from."""
        return self.recipe.data.source or "a table that was passed in Python"

    @property
    def columns(self) -> list[Column]:
        """The columns that a prediction reads."""
        return list(self.signature.columns)

    @cached_property
    def verdict(self) -> Verdict:
        """Whether the model is good enough."""
        return verdict(self.evaluation, direction(self.evaluation.metric, self.record.get("measures", {})))

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
                self._measure(name).get("doc", ""), direction(name, self.record.get("measures", {})),
            )
            for name in names
        ]  # fmt: skip

    @property
    def headline(self) -> Line:
        """The measure that a reader sees first: of those without a goal, one that a sentence can say."""
        return next((line for line in self.lines if line.goal or plainly(line.score)), self.lines[0])

    @property
    def searched(self) -> str:
        """What people call the metric of the search."""
        return measure(self.evaluation.metric)

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
    def members(self) -> list[Leader]:
        """The learners that the model is made of, by their share."""
        used = [leader for leader in self.evaluation.leaderboard if leader.weight]
        return sorted(used, key=lambda leader: -leader.weight)

    @property
    def notes(self) -> list[str]:
        """What was repaired or should be known, beside how the rows were divided."""
        return [note for note in self.record["notes"] if self.evaluation.how not in note]

    def section(self, name: str) -> list[Figure]:
        """The figures of a chapter."""
        return [figure for figure in self.figures if figure.section == name]

    def _measure(self, name: str) -> Mapping[str, Any]:
        return self.record.get("measures", {}).get(name, {})
