"""What a reader is told beyond a run's scores: where it fails, what it goes by, what is wrong with it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from noria.core.deadline import Deadline
from noria.core.insight import Insight
from noria.core.ports import Executor
from noria.core.protocol import Context, Evidence, Experiments, Learner, System
from noria.core.recipe import Recipe
from noria.core.result import Evaluation, Figure
from noria.lifecycle import learning_curve, slices
from noria.lifecycle.prepare import Prepared
from noria.lifecycle.tune import Tuned

__all__ = ["Case", "examine"]

_SLICES, _CURVE = 0.3, 0.5  # of the time, and of what is left of it


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
    weak = slices.worst(case, Deadline(_SLICES * case.deadline.budget, within=case.deadline))
    figures = [slices.draw(weak)] if weak else []
    curve = learning_curve.learning_curve(
        case, Deadline(_CURVE * case.deadline.remaining, within=case.deadline)
    )
    figures += [] if curve is None else [curve]
    if isinstance(case.system, Experiments):
        seed, threads = case.recipe.search.seed, case.executor.workers
        ctx = Context(case.data.schema, case.data.task, seed, case.deadline, threads)
        figures += case.system.experiments(case.evidence, ctx)
    return Insight(slices=tuple(weak)).without(case.recipe.silence), figures
