"""What a reader is told beyond a run's scores: where it fails, what it goes by, what is wrong with it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

from noria.core.deadline import Deadline
from noria.core.insight import Insight
from noria.core.ports import Executor
from noria.core.protocol import Context, Evidence, Experiments, Learner, System, Task
from noria.core.recipe import Recipe
from noria.core.result import Evaluation, Figure
from noria.lifecycle import learning_curve, slices
from noria.lifecycle.diagnose import diagnose
from noria.lifecycle.explain import insights
from noria.lifecycle.prepare import Prepared
from noria.lifecycle.tune import Tuned

__all__ = ["Case", "examine"]

_SLICES, _DIAGNOSTICS = 0.15, 0.2  # of the time
_EXPLANATION, _CURVE = 0.6, 0.5  # of what is then left of it


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
    deadline, budget, data = case.deadline, case.deadline.budget, case.data
    weak = slices.worst(case, Deadline(_SLICES * budget, within=deadline))
    found = diagnose(replace(case, deadline=Deadline(_DIAGNOSTICS * budget, within=deadline)), weak)
    importance, figures = insights(
        case.tuned.model, case.evidence.truth, case.tuned.metric,
        target=case.recipe.data.target if data.task is Task.CLASSIFICATION else None,
        explains=case.system.tags.explains, held_out=case.recipe.split.holdout > 0 or data.test is not None,
        deadline=Deadline(_EXPLANATION * deadline.remaining), seed=case.recipe.search.seed,
    )  # fmt: skip
    figures += [slices.draw(weak)] if weak else []
    curve = learning_curve.learning_curve(case, Deadline(_CURVE * deadline.remaining, within=deadline))
    figures += [] if curve is None else [curve]
    if isinstance(case.system, Experiments):
        ctx = Context(data.schema, data.task, case.recipe.search.seed, deadline, case.executor.workers)
        figures += case.system.experiments(case.evidence, ctx)
    return Insight(tuple(found), tuple(weak), tuple(importance)), figures
