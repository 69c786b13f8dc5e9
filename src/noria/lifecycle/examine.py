"""What a reader is told beyond a run's scores: where it fails, what it goes by, what is wrong with it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from noria.core.deadline import Deadline
from noria.core.insight import Insight
from noria.core.ports import Executor
from noria.core.protocol import Evidence, Learner, System, Task
from noria.core.recipe import Recipe
from noria.core.result import Evaluation, Figure
from noria.lifecycle.explain import insights
from noria.lifecycle.prepare import Prepared
from noria.lifecycle.tune import Tuned

__all__ = ["Case", "examine"]

_EXPLANATION = 0.6  # of the time that is left


@dataclass(frozen=True)
class Case:
    """A judged model and all that it came from.

    Attributes
    ----------
    recipe : Recipe
    data : Prepared
    system : System
    learners : sequence of Learner
        Those that could be tried, the baseline first.
    tuned : Tuned
    evidence : Evidence
    evaluation : Evaluation
    executor : Executor
    deadline : Deadline
        Of all that is found out; what does not fit is left out.
    """

    recipe: Recipe
    data: Prepared
    system: System
    learners: Sequence[Learner]
    tuned: Tuned
    evidence: Evidence
    evaluation: Evaluation
    executor: Executor
    deadline: Deadline


def examine(case: Case) -> tuple[Insight, list[Figure]]:
    """Find out what can be found out before the deadline, most useful first."""
    recipe = case.recipe
    importance, figures = insights(
        case.tuned.model,
        case.evidence.truth,
        case.tuned.metric,
        target=recipe.data.target if case.data.task is Task.CLASSIFICATION else None,
        explains=case.system.tags.explains,
        held_out=recipe.split.holdout > 0 or case.data.test is not None,
        deadline=Deadline(_EXPLANATION * case.deadline.remaining),
        seed=recipe.search.seed,
    )
    return Insight(importance=importance).without(recipe.silence), figures
