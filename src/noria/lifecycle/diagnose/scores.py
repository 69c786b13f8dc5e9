"""What scores say: too good, too bad, too uncertain."""

from __future__ import annotations

import math
from collections.abc import Iterator

import numpy as np
import polars as pl

from noria.core.protocol import Trial
from noria.core.result import Evaluation
from noria.core.words import number, percent
from noria.lifecycle.diagnose.facts import Estimate, Facts
from noria.lifecycle.diagnose.registry import HIGH, LOW, MEDIUM, Seen, diagnostic
from noria.methods.significance import crossed, unequal

__all__ = [
    "far_from_folds",
    "folds_disagree",
    "goal_in_noise",
    "no_better",
    "overfit",
    "rank_unstable",
    "slower",
    "too_close",
    "too_wide",
    "unsettled",
    "worse",
]

_SURE, _LIKELY = 3.3, 1.645  # standard errors: p < 0.001 two-sided, p < 0.05 one-sided
_CHANCE = 1e-3
_TRIFLE = 0.05
_KEPT = 1 / 3
_FAR = 0.25
_WIDE = 0.5
_CLOSE = 0.25
_SAME = 0.05
_SLOWER, _NOTICED, _TIMED = 10.0, 0.02, 1_000
_FOLD_ROWS = 10
_APART = 0.2
_TRAINED, _PIECE = 600, 200


@diagnostic("NOR001")
def overfit(facts: Facts) -> Seen | None:
    """The training score is far above the held-out one."""
    if facts.ordered or not facts.held_out or not facts.known or not math.isfinite(facts.scores.gain.error):
        return None
    learned_from, model = [], []
    for piece in facts.seen.head(_TRAINED).iter_slices(_PIECE):
        if facts.case.deadline.expired:
            return None
        learned_from.append(piece)
        model.append(facts.tuned.model.predict(piece))
    rows, judged, metric = pl.concat(learned_from), facts.evidence.truth, facts.metric.name
    learned = facts.scores.bind(rows, pl.concat(model))
    guessed = facts.scores.bind(rows, facts.tuned.baseline.predict(rows))
    train = facts.scores.estimate(lambda at: facts.scores.sign * (learned(at) - guessed(at)), rows)
    others = max(facts.scores.gain, facts.scores.fold_gain, key=lambda one: one.value)
    lost = Estimate(train.value - others.value, math.hypot(train.error, others.error))
    if not (lost.z > _SURE and others.value < _KEPT * train.value):
        return None
    held = facts.scores.bind(judged, facts.evidence.predictions)(None)
    left = max(facts.scores.gain.value, 0.0) / train.value
    return Seen(
        HIGH if not facts.scores.gain.z > _LIKELY else MEDIUM,
        f"{metric} is {number(learned(None))} on training rows and {number(held)} on held-out ones: "
        f"{percent(left)} of the lead over the baseline is left.",
    )


@diagnostic("NOR002")
def no_better(facts: Facts) -> Seen | None:
    """The gain over the baseline may be chance."""
    gain, folds = facts.scores.gain, facts.evidence.fold_truth
    model, guess = (
        facts.scores.bind(folds, part)(None) for part in (facts.evidence.fold_predictions, facts.guesses)
    )
    if math.isfinite(gain.error):
        if gain.z > _LIKELY or gain.z < -_SURE or (gain.error == 0 and gain.value > 0):
            return None
        unsure = ", which may be chance" if gain.value else ""
    elif gain.value <= 0 and facts.scores.sign * (model - guess) <= _TRIFLE * abs(guess):
        unsure = ""  # too few rows, groups or series to tell chance, but neither kind of score is better
    else:
        return None
    severity = HIGH if not gain.value > gain.error else MEDIUM
    return Seen(
        LOW if gain.value > 0 and facts.scores.fold_gain.z > _SURE else severity,
        f"{_beside_baseline(facts)}{unsure}; out of fold {number(model)} against {number(guess)}.",
    )


@diagnostic("NOR003")
def worse(facts: Facts) -> Seen | None:
    """The model loses against the baseline."""
    return Seen(HIGH, f"{_beside_baseline(facts)}.") if facts.scores.gain.z < -_SURE else None


def _beside_baseline(facts: Facts) -> str:
    name = facts.metric.name
    model, baseline = facts.evaluation.scores[name].value, facts.evaluation.baseline[name].value
    difference = facts.scores.sign * (model - baseline)
    if difference == 0:
        return f"{name} is {number(model)}, and so is the baseline's"
    word, error = "better" if difference > 0 else "worse", 1.96 * facts.scores.gain.error
    spread = f", give or take {number(error)}" if math.isfinite(error) else ""
    return (
        f"{name} is {number(model)}, the baseline's {number(baseline)}: {word} by "
        f"{number(abs(difference))}{spread}"
    )


@diagnostic("NOR004")
def slower(facts: Facts) -> Seen | None:
    """A quick learner is as good as the model."""
    if not facts.known:
        return None
    board = facts.evaluation.leaderboard
    cost = sum(leader.predict_seconds for leader in board if leader.weight)
    if cost < _NOTICED or facts.evidence.fold_truth.height < _TIMED:
        return None
    model, baseline = facts.scores.fold_losses
    lead = float((baseline - model).mean())
    quick = {one.learner: one.predict_seconds for one in board if _SLOWER * one.predict_seconds < cost}
    for trial, losses in _rivals(facts):
        if trial.learner.name in quick:
            apart = facts.scores.mean(losses - model, facts.evidence.fold_truth)
            if lead > 0 and apart.value + _LIKELY * apart.error < _SAME * lead:
                return Seen(
                    LOW,
                    f"'{trial.learner.name}' alone is as good out of fold and takes "
                    f"{number(1000 * quick[trial.learner.name])} ms for 1,000 rows, the model's learners "
                    f"{number(1000 * cost)} ms.",
                )
    return None


@diagnostic("NOR005")
def far_from_folds(facts: Facts) -> Seen | None:
    """Held-out rows are judged otherwise than validated ones."""
    if not facts.held_out:
        return None
    evidence = facts.evidence
    scored = facts.scores.bind(evidence.truth, evidence.predictions)
    validated = facts.scores.bind(evidence.fold_truth, evidence.fold_predictions)
    held, folds = (
        facts.scores.estimate(scored, evidence.truth),
        facts.scores.estimate(validated, evidence.fold_truth),
    )
    baseline = facts.scores.bind(evidence.fold_truth, facts.guesses)(None)
    apart = Estimate(facts.scores.sign * (held.value - folds.value), math.hypot(held.error, folds.error))
    if folds.value == baseline and held.error == 0:  # shares of classes rank folds, and no rows
        return None
    if not (abs(apart.z) > 4 and abs(apart.value) > _FAR * abs(folds.value - baseline)):
        return None
    word = "better" if apart.value > 0 else "worse"
    return Seen(
        MEDIUM,
        f"{facts.metric.name} is {number(held.value)} on held-out rows and {number(folds.value)} out of "
        f"fold: {word} by {abs(apart.z):.1f} standard errors.",
    )


@diagnostic("NOR006")
def too_wide(facts: Facts) -> Seen | None:
    """The interval of the gain is wide against the gain."""
    score, gain = facts.evaluation.scores[facts.metric.name], facts.scores.gain
    half = 1.96 * gain.error
    if not (gain.z > _LIKELY and half > _WIDE * gain.value):
        return None
    return Seen(
        LOW,
        f"{facts.metric.name} is better than the baseline's by {number(gain.value)}, give or take "
        f"{number(half)}, and lies between {number(score.low)} and {number(score.high)} (95%, "
        f"{facts.evaluation.rows:,} rows).",
    )


@diagnostic("NOR007")
def goal_in_noise(facts: Facts) -> Seen | None:
    """Whether the goal is reached is not settled."""
    return unsettled(facts.evaluation)


def unsettled(evaluation: Evaluation) -> Seen | None:
    """The first goal whose value the score's interval holds."""
    for goal in evaluation.goals:
        score = evaluation.scores[goal.metric]
        if score.low < goal.value < score.high:
            met = goal.met(score.value)
            return Seen(
                MEDIUM if met else LOW,
                f"{goal.metric} {number(score.value)} {'meets' if met else 'misses'} {goal.compare} "
                f"{goal.value:g}, and lies between {number(score.low)} and {number(score.high)} (95%, "
                f"{evaluation.rows:,} rows).",
            )
    return None


@diagnostic("NOR008")
def too_close(facts: Facts) -> Seen | None:
    """The two best learners cannot be told apart, and the interval is wide."""
    first, second = _first_two(facts)
    if first is None or second is None or facts.evidence.fold_truth.height < 2:
        return None
    model, baseline = facts.scores.fold_losses
    apart = facts.scores.mean(second[1] - first[1], facts.evidence.fold_truth)
    half = 1.96 * apart.error
    lead = float(baseline.mean() - min(first[1].mean(), second[1].mean()))
    if not (abs(apart.value) < half and lead > 0 and half > _CLOSE * lead):
        return None
    return Seen(
        LOW,
        f"'{first[0].learner.name}' ({number(first[0].score)}) and '{second[0].learner.name}' "
        f"({number(second[0].score)}) cannot be told apart on {len(model):,} rows.",
    )


@diagnostic("NOR009")
def rank_unstable(facts: Facts) -> Seen | None:
    """Each of the two best learners wins some folds beyond chance."""
    first, second = _first_two(facts)
    if facts.ordered or first is None or second is None:
        return None
    differences, errors = [], []
    for at in _fold_rows(facts):
        gaps = second[1][at] - first[1][at]
        differences.append(float(gaps.mean()))
        errors.append(float(gaps.std(ddof=1)) / math.sqrt(len(gaps)))
    p = crossed(np.array(differences), np.array(errors))
    if not p < _CHANCE:
        return None
    won = int((np.array(differences) > 0).sum())
    return Seen(
        MEDIUM,
        f"'{first[0].learner.name}' is better in {won} folds and '{second[0].learner.name}' in "
        f"{len(differences) - won}, each beyond chance (p = {p:.1g}).",
    )


@diagnostic("NOR035")
def folds_disagree(facts: Facts) -> Seen | None:
    """Losses depend on the fold."""
    if facts.ordered or not facts.known:
        return None
    parts, (losses, guessed) = list(_fold_rows(facts)), facts.scores.fold_losses
    lead = float(guessed.mean() - losses.mean())
    if len(parts) < 2 or lead <= 0:
        return None
    means = np.array([losses[part].mean() for part in parts])
    errors = np.array([losses[part].std(ddof=1) / math.sqrt(len(part)) for part in parts])
    spread, p = unequal(means, errors)
    if not (p < _CHANCE / 10 and spread > _APART * lead):
        return None
    score = facts.scores.bind(facts.evidence.fold_truth, facts.evidence.fold_predictions)
    scores = [score(part) for part in parts]
    return Seen(
        LOW,
        f"{facts.metric.name} lies between {number(np.nanmin(scores))} and {number(np.nanmax(scores))} over "
        f"{len(parts)} folds, more than chance makes it (p = {p:.1g}).",
    )


def _rivals(facts: Facts) -> Iterator[tuple[Trial, np.ndarray]]:
    """Every learner's best trial, best first, the baseline left out, with its losses out of fold."""
    truth = facts.evidence.fold_truth
    for trial in facts.tuned.best:
        if trial.learner.name != facts.case.learners[0].name:
            yield trial, facts.scores.losses(truth, trial.predictions[facts.kept])


def _first_two(
    facts: Facts,
) -> tuple[tuple[Trial, np.ndarray] | None, tuple[Trial, np.ndarray] | None]:
    """The two best learners."""
    if not facts.known:
        return None, None
    rivals = _rivals(facts)
    return next(rivals, None), next(rivals, None)


def _fold_rows(facts: Facts) -> Iterator[np.ndarray]:
    """The rows of each fold that has enough."""
    folds = facts.tuned.folds[facts.kept]
    for fold in range(int(folds.max(initial=-1)) + 1):
        rows = np.flatnonzero(folds == fold)
        if len(rows) >= _FOLD_ROWS:
            yield rows
