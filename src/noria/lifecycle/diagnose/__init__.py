"""Coded diagnostics: what is wrong with a run, with the numbers seen and what to do about it.

Each is a small function over `Facts`, in the module of what it looks at. A diagnostic that does not apply to
a kind of problem, or has too little to tell from, finds nothing.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import partial
from typing import TYPE_CHECKING

from noria.core.insight import Code, Finding, Slice, worst_first
from noria.core.result import Evaluation
from noria.errors import RecipeError, suggestion
from noria.lifecycle._attempt import attempt
from noria.lifecycle.diagnose import answers, columns, rows, scores, search
from noria.lifecycle.diagnose.facts import Facts
from noria.lifecycle.diagnose.registry import Diagnostic

if TYPE_CHECKING:
    from noria.lifecycle.examine import Case

__all__ = ["DIAGNOSTICS", "by_goals", "check_silence", "codes", "diagnose"]

DIAGNOSTICS: tuple[Diagnostic, ...] = (
    *(search.cut_short, rows.few_held_out, rows.few_of_class, answers.weak_slices),
    *(scores.no_better, scores.worse, scores.goal_in_noise, scores.too_wide),
    *(columns.target_leak, columns.explains_all, rows.duplicated, rows.contradicted),
    *(rows.judged_too_early, rows.neighbours_in_time, rows.groups_straddle),
    *(columns.like_an_id, columns.constant, columns.missing_tells, columns.high_cardinality),
    *(answers.accuracy_misleads, answers.heavy_tail, answers.uncalibrated, answers.uncovered),
    answers.unreached,
    *(scores.too_close, scores.rank_unstable, scores.folds_disagree, scores.slower),
    *(answers.residuals_bend, answers.labels_contradict, rows.beyond_training, columns.repeated),
    *(search.at_boundary, scores.far_from_folds, rows.unlike, scores.overfit),
)
"""All that is looked for, in the order in which it is: what is cheap and matters most comes first."""
_COUNTED = 3  # the first ones, which take no time, and say when there was little of it


def codes() -> dict[str, Code]:
    """Every code of a run's findings, in order.

    Examples
    --------
    >>> codes()["NOR003"].title
    'Worse than the baseline'
    """
    return {one.code.code: one.code for one in sorted(DIAGNOSTICS, key=lambda one: one.code.code)}


def check_silence(silenced: Sequence[str]) -> None:
    """Raise a RecipeError about a code that does not exist."""
    known = codes()
    for code in silenced:
        if code not in known:
            raise RecipeError(f"There is no code {code!r} to silence.", do=suggestion(code, known))


def by_goals(
    found: Sequence[Finding], evaluation: Evaluation, counts: Mapping[str, int]
) -> tuple[Finding, ...]:
    """The findings of an earlier run, but those that read the goals looked for anew.

    Parameters
    ----------
    found : sequence of Finding
    evaluation : Evaluation
        With the goals of now.
    counts : mapping of str to int
        Rows of each class; none if the target is no class.
    """
    anew = {
        scores.goal_in_noise: scores.unsettled(evaluation),
        answers.accuracy_misleads: answers.misled(evaluation, counts),
    }
    kept = [one for one in found if one.code not in {of.code.code for of in anew}]
    made = (of.finding(seen) for of, seen in anew.items())
    return worst_first([*kept, *(one for one in made if one is not None)])


def diagnose(case: Case, slices: Sequence[Slice] = ()) -> list[Finding]:
    """What is wrong with a run, worst first; what does not fit into the case's time is left out.

    Parameters
    ----------
    case : Case
    slices : sequence of Slice
        On which the model was found to be worse, worst first.
    """
    facts, found = Facts(case, slices), []
    for number, one in enumerate(DIAGNOSTICS):
        if case.deadline.expired and number >= _COUNTED:
            break
        finding = attempt(one.code.code, partial(one, facts), None)
        if finding is not None:
            found.append(finding)
    return list(worst_first(found))
