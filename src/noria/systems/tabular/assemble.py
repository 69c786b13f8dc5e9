"""Many trials into one model: weights by greedy selection, then calibration and intervals."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from functools import partial
from typing import Any

import numpy as np
import polars as pl

from noria.core.protocol import Context, Metric, Trial
from noria.core.schema import Role
from noria.methods import threshold
from noria.methods.calibration import Calibrator
from noria.methods.conformal import ConformalClassifier, ConformalRegressor
from noria.methods.ensemble import greedy_selection, mean_loss, row_losses, stacking
from noria.methods.trees import TreePredictor
from noria.systems.tabular.finish import Finish
from noria.systems.tabular.frame import Frame
from noria.systems.tabular.learners import TabularLearner
from noria.systems.tabular.model import Member, TabularModel
from noria.systems.tabular.options import DecisionRule, TabularOptions
from noria.systems.tabular.target import Target

__all__ = ["join", "weigh"]

_CANDIDATES = 40
_BACKGROUND = 100
_ROWS = 10_000
_TRIFLE = 1e-3
_DOUBT = 0.25  # of a standard error: a gain below it is no reason for one model more
_SURE_ERRORS = 3.0  # standard errors by which a blend is surely better than a linear model
_LEAST_LEAN = 0.05
_MODELS = 4
_PLENTY = 200_000  # rows
_PARTS = 4
_FEWEST_STACKED = 1_000
_SURE = 0.9


def weigh(
    target: Target,
    options: TabularOptions,
    trials: Sequence[Trial],
    truth: pl.DataFrame,
    metric: Metric,
    ctx: Context,  # noqa: ARG001
) -> tuple[np.ndarray, pl.DataFrame]:
    """The share of each trial in the joint model, and the joint model's out-of-fold predictions."""
    weights = np.zeros(len(trials))
    order = sorted(range(len(trials)), key=lambda at: trials[at].score, reverse=metric.greater_is_better)
    if not options.ensemble or len(trials) == 1:
        weights[order[0]] = 1.0
        return weights, trials[order[0]].predictions
    candidates = order[:_CANDIDATES]
    linear = next((at for at in order if trials[at].learner.linear), None)  # type: ignore[attr-defined]
    if linear is not None and linear not in candidates:
        candidates.append(linear)
    outputs = [target.matrix(trials[at].predictions) for at in candidates]
    y = target.encode(truth[target.name])
    some = slice(None, None, truth.height // _ROWS + 1)
    sample = np.stack([target.judged(matrix[some], y[some]) for matrix in outputs])
    costs = np.array([_cost(trials[at].learner) for at in candidates])  # type: ignore[arg-type]
    trifle = _TRIFLE * target.mean_loss(sample[0], y[some])
    tolerance = max(trifle, _DOUBT * _noise(sample, y[some], target.loss))
    picked = _blend(sample, y[some], target.loss, tolerance, costs)
    if linear is not None:
        picked = _lean(picked, candidates.index(linear), sample, y[some], target.loss)
    weights[candidates] = picked
    joint = sum(weight * matrix for weight, matrix in zip(picked, outputs) if weight)
    return weights, target.table(joint)


def _gain(model: np.ndarray, blend: np.ndarray, y: np.ndarray, loss: str) -> tuple[float, float]:
    """What a blend gains on a model, row by row: the mean and its standard error."""
    gain = row_losses(model, y, loss) - row_losses(blend, y, loss)
    return float(gain.mean()), float(gain.std() / math.sqrt(len(y)))


def _noise(stack: np.ndarray, y: np.ndarray, loss: str) -> float:
    """The standard error of what the blend of least loss gains on the best model."""
    if not np.isfinite(stack).all():
        return 0.0
    return _gain(stack[0], greedy_selection(stack, y, loss) @ stack, y, loss)[1]


def _lean(picked: np.ndarray, linear: int, stack: np.ndarray, y: np.ndarray, loss: str) -> np.ndarray:
    """Up to half of the weight to a linear model, the more the less surely the blend is better than it.

    The blend was chosen among many on the same rows: of what it seems to gain, some errors' worth is luck.
    """
    gain, error = _gain(stack[linear], picked @ stack, y, loss)
    sure = gain / (_SURE_ERRORS * error) if error > 0 else 1.0
    share = 0.5 * min(1 - sure, 1)
    return (1 - share) * picked + share * np.eye(len(picked))[linear] if share > _LEAST_LEAN else picked


def _blend(stack: np.ndarray, y: np.ndarray, loss: str, tolerance: float, costs: np.ndarray) -> np.ndarray:
    """Greedy weights; stacked ones where those do better on rows that neither was fitted to."""
    every = np.ones(len(y), dtype=bool)

    def greedy(rows: np.ndarray) -> np.ndarray:
        return greedy_selection(stack[:, rows], y[rows], loss, tolerance=tolerance, costs=costs)

    def stacked(rows: np.ndarray) -> np.ndarray:
        return stacking(stack[:, rows], y[rows], loss)

    def light() -> np.ndarray:
        return stacking(stack, y, loss, tolerance=tolerance, costs=costs)

    if len(y) < _FEWEST_STACKED or not np.isfinite(stack).all():
        return greedy(every)
    parts = [np.arange(len(y)) % _PARTS == part for part in range(_PARTS)]
    mean = {make: _cross_loss(make, stack, y, loss, parts) for make in (greedy, stacked)}
    return light() if mean[stacked] < mean[greedy] - tolerance else greedy(every)


def _cross_loss(
    make: Callable[[np.ndarray], np.ndarray],
    stack: np.ndarray,
    y: np.ndarray,
    loss: str,
    parts: Sequence[np.ndarray],
) -> float:
    """The mean loss of weights on the rows of each part, made from the other parts."""
    return float(np.mean([mean_loss(make(~part) @ stack[:, part], y[part], loss) for part in parts]))


def _cost(learner: TabularLearner[Any]) -> float:
    """What predicting with a trial of this learner costs, from declarations: the clock must have no say."""
    return learner.heaviness + 1e-3


def join(
    target: Target,
    options: TabularOptions,
    trials: Sequence[Trial],
    weights: np.ndarray,
    table: pl.DataFrame,
    truth: pl.DataFrame,
    ctx: Context,
) -> TabularModel:
    """One model of all fold models of the trials with a weight, finished on out-of-fold predictions."""
    members: list[Member] = []
    encoders = {}
    bags, by_time = 0, bool(ctx.schema.with_role(Role.TIME))
    outputs = np.zeros((truth.height, target.outputs))
    for trial, weight in zip(trials, weights):
        if not weight:
            continue
        outputs += weight * target.matrix(trial.predictions)
        models: list[TabularModel] = trial.models  # type: ignore[assignment]
        for model in models:
            encoders.update(model.encoders)
        learner: TabularLearner[Any] = trial.learner  # type: ignore[assignment]
        bag = [model.members[0] for model in models]
        if learner.bags or _suffices(bag, table.height):
            bag, bags = _latest(bag, weight) if by_time else _some(bag, weight, bags), bags + 1
            members += _bag(bag, float(weight))
        else:
            members += _bag([_whole(learner, table, ctx, bag)], float(weight))
    background = table.select([column.name for column in ctx.schema.features])
    background = background.sample(min(_BACKGROUND, table.height), seed=ctx.seed)
    finish = _finish(target, options, outputs, target.encode(truth[target.name]))
    return TabularModel(ctx.schema, target, encoders, members, finish, background, _example(background))


def _suffices(bag: Sequence[Member], rows: int) -> bool:
    """Whether a model of most of very many rows may stand for one of all, which would take long to fit."""
    return len(bag) == 1 and rows > _PLENTY


def _whole(learner: TabularLearner[Any], table: pl.DataFrame, ctx: Context, bag: Sequence[Member]) -> Member:
    """A learner that gains nothing from folds, fitted on all rows of the search."""
    family = learner.family
    make = partial(Frame.whole, table, ctx, family, learner.target)
    return learner.fit_whole(ctx.shared.get(("frame", family), make), ctx, bag)


def _some(bag: Sequence[Member], weight: float, first: int) -> list[Member]:
    """As many fold models of a trial as its weight calls for, so that the joint model has about four in all.

    The other trials' models average out what the folds that are left out would have; each trial begins
    with another fold, so that together they have seen every row.
    """
    count = _count(bag, weight)
    return [bag[(first + at * len(bag) // count) % len(bag)] for at in range(count)]


def _latest(bag: list[Member], weight: float) -> list[Member]:
    """As many, of folds by time: each learned from all rows before its own, the last from the most."""
    return bag[-_count(bag, weight) :]


def _count(bag: Sequence[Member], weight: float) -> int:
    return min(len(bag), max(1, round(_MODELS * weight)))


def _bag(members: Sequence[Member], weight: float) -> list[Member]:
    """The fold models of one trial; trees on the same encoding become one sum of trees."""
    share = weight / len(members)
    trees = [m.predictor for m in members if isinstance(m.predictor, TreePredictor) and m.recode is None]
    if len(trees) == len(members):
        merged = TreePredictor.merge(trees, [1 / len(trees)] * len(trees))
        return [Member(weight, members[0].family, merged)]
    return [Member(share, m.family, m.predictor, m.recode) for m in members]


def _finish(target: Target, options: TabularOptions, outputs: np.ndarray, y: np.ndarray) -> Finish:
    """Calibration, decision and intervals from out-of-fold outputs."""
    if not target.classes:
        return Finish(regressor=ConformalRegressor.fit(y, outputs[:, 0], coverage=options.coverage))
    calibrator = Calibrator.fit(outputs, y)
    p = calibrator.apply(outputs)
    decision = None if options.decision is None else _decision(options.decision, y, p)
    classifier = ConformalClassifier.fit(p, y, coverage=options.coverage)
    return Finish(calibrator=calibrator, decision=decision, classifier=classifier)


def _decision(rule: DecisionRule, y: np.ndarray, p: np.ndarray) -> threshold.Decision:
    wanted, costs = rule.at_least or 0.0, rule.cost or []
    makers = {
        "f1": lambda: threshold.best_f1(y, p),
        "precision": lambda: threshold.for_precision(y, p, wanted, sure=_SURE),
        "recall": lambda: threshold.for_recall(y, p, wanted),
        "cost": lambda: threshold.by_cost(y, p, costs) if len(costs) == 2 else threshold.from_costs(costs),
    }
    return makers[rule.by]()


def _example(background: pl.DataFrame) -> dict[str, object]:
    row = background.row(0, named=True)
    plain = (str, int, float, bool, type(None))
    return {name: value if isinstance(value, plain) else value.isoformat() for name, value in row.items()}
