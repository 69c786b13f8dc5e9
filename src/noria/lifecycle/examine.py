"""What a reader is told beyond a run's scores: where it fails, what it goes by, what is wrong with it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

from noria.core.deadline import Deadline
from noria.core.insight import Insight
from noria.core.ports import Executor
from noria.core.protocol import Context, Evidence, Experiments, Learner, System
from noria.core.recipe import Recipe
from noria.core.result import Evaluation, Figure
from noria.lifecycle import learning_curve, slices
from noria.lifecycle.diagnose import diagnose
from noria.lifecycle.explain import insights
from noria.lifecycle.prepare import Prepared
from noria.lifecycle.tune import Tuned

__all__ = ["Case", "examine"]

_EXPLANATION, _SLICES, _DIAGNOSTICS, _CURVE = 0.6, 0.4, 0.6, 0.6
"""Of the time that is left when each begins."""


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
    deadline, recipe, data = case.deadline, case.recipe, case.data
    importance, figures = insights(
        case.tuned.model,
        case.evidence.truth,
        case.tuned.metric,
        target=None if data.task.numeric else recipe.data.target,
        explains=case.system.tags.explains,
        held_out=recipe.split.holdout > 0 or data.test is not None,
        deadline=_part(_EXPLANATION, deadline),
        seed=recipe.search.seed,
    )
    weak = slices.worst(case, _part(_SLICES, deadline))
    figures += [slices.draw(weak)] if weak else []
    found = diagnose(replace(case, deadline=_part(_DIAGNOSTICS, deadline)), weak)
    curve = learning_curve.learning_curve(case, _part(_CURVE, deadline))
    figures += [] if curve is None else [curve]
    if isinstance(case.system, Experiments):
        ctx = Context(data.schema, data.task, recipe.search.seed, deadline, case.executor.workers)
        figures += case.system.experiments(case.evidence, ctx)
    return Insight(tuple(found), tuple(weak), tuple(importance)), figures


def _part(share: float, deadline: Deadline) -> Deadline:
    return Deadline(share * deadline.remaining, within=deadline)
