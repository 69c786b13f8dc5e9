"""What the search says of itself: cut short, or stopped at the edge of its space."""

from __future__ import annotations

import math

import numpy as np

from noria.core.params import Param
from noria.core.words import number, times
from noria.lifecycle.diagnose.facts import Facts
from noria.lifecycle.diagnose.registry import LOW, MEDIUM, Seen, diagnostic
from noria.lifecycle.tune import Attempt
from noria.methods.significance import values_differ

__all__ = ["at_boundary", "cut_short"]

_MISSING = 1 / 3
_EDGE = 0.02
_ATTEMPTS = 16
_CHANCE = 1e-3


@diagnostic("NOR010")
def cut_short(facts: Facts) -> Seen | None:
    """The budget was too short to try every learner once."""
    learners = {
        learner.name for learner in facts.case.learners if len(learner.portfolio(facts.evidence.train.height))
    }
    tried = {attempt.learner.name for attempt in facts.tuned.attempts}
    missing = sorted(learners - tried)
    if not facts.tuned.cut_short or len(missing) < _MISSING * len(learners):
        return None
    return Seen(
        MEDIUM if 2 * len(missing) > len(learners) else LOW,
        f"{times(facts.tuned.trials, 'trial')} in {facts.case.recipe.search.budget:g} s; of "
        f"{times(len(learners), 'learner')}, {len(missing)} "
        f"{'was' if len(missing) == 1 else 'were'} never tried: {', '.join(missing[:4])}"
        f"{', ...' if len(missing) > 4 else ''}.",
    )


@diagnostic("NOR011")
def at_boundary(facts: Facts) -> Seen | None:
    """The search pushes against an end of its space."""
    if not facts.tuned.best:
        return None
    best = facts.tuned.best[0].learner
    mine = [one for one in facts.tuned.attempts if one.learner.name == best.name and math.isfinite(one.score)]
    for name, param in best.params.space().items():
        place = _place(param, getattr(best.params, name))
        edge = None if place is None else 0 if place < _EDGE else 1 if place > 1 - _EDGE else None
        if edge is None or _natural(param, edge) or len(mine) < _ATTEMPTS:
            continue
        if _pushes(mine, name, param, edge, facts.scores.sign):
            limit = param.high if edge else param.low
            return Seen(
                LOW,
                f"{name} of '{best.name}' is {number(getattr(best.params, name))} after "
                f"{times(len(mine), 'trial')}, and may be {number(limit or 0.0)} at "
                f"{'most' if edge else 'least'}; trials nearer to it were better.",
            )
    return None


def _place(param: Param, value: float) -> float | None:
    """Where a number lies in its range, 0 to 1, on the scale that is searched."""
    if param.low is None or param.high is None or param.low >= param.high:
        return None
    scale = math.log if param.log else float
    return (scale(value) - scale(param.low)) / (scale(param.high) - scale(param.low))


def _natural(param: Param, edge: int) -> bool:
    """Whether nothing lies beyond this end (share above 1, number below 0, count below 1), or ought to."""
    if edge:
        return param.high == 1.0
    return param.low == 0 or (param.kind == "integer" and param.low == 1) or param.least is not None


def _pushes(mine: list[Attempt], name: str, param: Param, edge: int, sign: float) -> bool:
    """Whether the better half of the trials lies nearer to that end."""
    places = np.array([_place(param, getattr(one.learner.params, name)) for one in mine], dtype=np.float64)
    distance = np.abs(places - edge)
    order = np.argsort([-sign * one.score for one in mine], kind="stable")
    better, others = distance[order[: len(mine) // 2]], distance[order[len(mine) // 2 :]]
    _, p = values_differ(better, others)
    return bool(p < _CHANCE and better.mean() < others.mean())
