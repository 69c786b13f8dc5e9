"""What a reader is told beyond a run's scores: where it fails, what it goes by, what is wrong with it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

from noria.core.deadline import Deadline
from noria.core.insight import Importance, Insight
from noria.core.ports import Executor
from noria.core.protocol import Context, Evidence, Experiments, Learner, System
from noria.core.recipe import Recipe
from noria.core.result import Evaluation, Figure
from noria.lifecycle import learning_curve, slices
from noria.lifecycle._attempt import attempt
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
    again : bool
        Whether an earlier run is only fitted again: whether more rows would help stands in its report.
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
    again: bool = False


def examine(case: Case) -> tuple[Insight, list[Figure]]:
    """Find out what can be found out before the deadline, most useful first; what fails is left out."""
    deadline = case.deadline
    importance, drawn = attempt("What the model goes by", lambda: _explained(case), ((), ()))
    figures = [*drawn]
    weak = attempt("Weak slices", lambda: slices.worst(case, _part(_SLICES, deadline)), ())
    figures += attempt("A figure of the slices", lambda: [slices.draw(weak)] if weak else [], ())
    judging = replace(case, deadline=_part(_DIAGNOSTICS, deadline))
    found = attempt("What is wrong", lambda: diagnose(judging, weak), ())
    if not case.again:
        until = _part(_CURVE, deadline)
        curve = attempt("A learning curve", lambda: learning_curve.learning_curve(case, until), None)
        figures += [] if curve is None else [curve]
    figures += attempt("Experiments", lambda: _experiments(case), ())
    return Insight(tuple(found), tuple(weak), tuple(importance)), figures


def _explained(case: Case) -> tuple[tuple[Importance, ...], list[Figure]]:
    recipe, data = case.recipe, case.data
    return insights(
        case.tuned.model,
        case.evidence.truth,
        case.tuned.metric,
        target=None if data.task.numeric else recipe.data.target,
        explains=case.system.tags.explains,
        held_out=recipe.split.holdout > 0 or data.test is not None,
        deadline=_part(_EXPLANATION, case.deadline),
        seed=recipe.search.seed,
    )


def _experiments(case: Case) -> list[Figure]:
    if not isinstance(case.system, Experiments):
        return []
    seed, workers = case.recipe.search.seed, case.executor.workers
    ctx = Context(case.data.schema, case.data.task, seed, case.deadline, workers)
    return case.system.experiments(case.evidence, ctx)


def _part(share: float, deadline: Deadline) -> Deadline:
    return Deadline(share * deadline.remaining, within=deadline)
