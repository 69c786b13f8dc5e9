"""Whether a new version takes the champion's place: the rule of the recipe."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from noria.core.protocol import Metric
from noria.core.recipe import Promotion
from noria.core.result import Evaluation, Score

__all__ = ["Judged", "Verdict", "unlike", "verdict"]


@dataclass(frozen=True)
class Verdict:
    """Whether a version is promoted, and why, in words."""

    promoted: bool
    why: str


@dataclass(frozen=True)
class Judged:
    """A verdict on a version beside the one that answered when both were compared."""

    champion: int
    verdict: Verdict


def verdict(
    rule: Promotion, metric: Metric, evaluation: Evaluation, champion: Mapping[str, Score] | None
) -> Verdict:
    """Judge a new version by the recipe's rule.

    Parameters
    ----------
    rule : Promotion
    metric : Metric
        What versions are compared by.
    evaluation : Evaluation
        Of the new version.
    champion : mapping of str to Score, optional
        Of the version that answers now, none if its run is not known any more; None if no version answers.
    """
    if champion is None:
        return Verdict(True, "the first version")
    if rule.rule != "better":
        return Verdict(rule.rule == "always", f"the recipe's rule is {rule.rule!r}")
    missed = [goal for goal in evaluation.goals if not goal.met(evaluation.scores[goal.metric].value)]
    if missed:
        return Verdict(False, f"the goal {missed[0]} is missed: {evaluation.scores[missed[0].metric]}")
    old, new = champion.get(metric.name), evaluation.scores[metric.name]
    if old is None:
        return Verdict(False, f"the champion was not measured by {metric.name}")
    gain = new.value - old.value if metric.greater_is_better else old.value - new.value
    told = f"{metric.name} {new}, the champion had {old}"
    return Verdict(gain >= rule.margin, told)


def unlike(reference: str, new: Mapping[str, Any], champion: Mapping[str, Any]) -> Verdict | None:
    """The verdict on a version that predicts something else than the champion does: no score compares them.

    None if both predict the same, as far as is known, or if the recipe promotes always.

    Parameters
    ----------
    reference : str
        Of the new version: ``name@3``.
    new, champion : mapping
        The records of their runs; empty if not known.
    """
    (target, task), (old, before) = (_predicts(record) for record in (new, champion))
    always = new.get("recipe", {}).get("promote", {}).get("rule") == "always"
    if not new or not champion or always or (target, task) == (old, before):
        return None
    return Verdict(
        False,
        f"the champion predicts {old!r} ({before}), this version {target!r} ({task}); give it a name of its "
        f"own, or run: noria promote {reference}",
    )


def _predicts(record: Mapping[str, Any]) -> tuple[str | None, str | None]:
    """The target and the task of a run."""
    return record.get("recipe", {}).get("data", {}).get("target"), record.get("task")
