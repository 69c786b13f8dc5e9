"""Whether more rows would help: the score of a learner by how many rows it is fitted to."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, NamedTuple

import numpy as np
import polars as pl

from noria.core.deadline import Deadline, FitFailed, OutOfTime
from noria.core.protocol import Context, Fold, Learner, Metric
from noria.core.result import Figure, Leader, Score
from noria.core.schema import Role
from noria.core.split import Split
from noria.lifecycle import evaluate
from noria.methods.intervals import bootstrap_together
from noria.pages import charts
from noria.pages.charts import amount, number

if TYPE_CHECKING:
    from noria.lifecycle.examine import Case

__all__ = ["learning_curve"]

_SHARES = (0.1, 0.2, 0.4, 0.7, 1.0)
_BEFORE = 0.4  # what all rows are compared with
_FEWEST_ROWS, _FEWEST_SIZES = 20, 3
_MOST_FOLDS = 3
_SLACK, _FITTING = 2.0, 0.7
_SEEN = 5_000  # rows fitted to that are predicted again
_SPARE = 0.05


class _Point(NamedTuple):
    """What one fit says of the rows it was judged by, and of those it was fitted to."""

    share: float
    rows: int
    valid: tuple[pl.DataFrame, pl.DataFrame]
    train: tuple[pl.DataFrame, pl.DataFrame] | None


def learning_curve(case: Case, deadline: Deadline) -> Figure | None:
    """The score by rows, of the best learner whose fits are likely to end in time; None if there is none.

    As many folds are taken as there is time for, up to three, and their predictions judged together.
    """
    table, wish = case.evidence.train, case.recipe.search
    splits = case.system.folds(table, wish.folds, wish.seed)
    chosen, folds = _affordable(case, len(splits), deadline)
    if chosen is None:
        return None
    metric = case.tuned.metric
    until = Deadline(_FITTING * deadline.remaining, deadline)
    data = case.data
    ctx = Context(data.schema, data.task, wish.seed, until, documents=data.documents, settings=data.settings)
    works = list(_works(case, table, splits[:folds], ctx))

    def fit(work: tuple[float, Fold, pl.DataFrame]) -> _Point | None:
        return _fitted(chosen, *work, ctx, again=not case.system.tags.needs_time_order)

    points = [point for point in case.executor.map(fit, works) if point is not None]
    sizes = {share: [point for point in points if point.share == share] for share in _SHARES}
    whole = [made for made in sizes.values() if len(made) == folds]
    if len(whole) < _FEWEST_SIZES or sizes[1.0] not in whole:
        return None
    return _draw(chosen.name, metric, whole, deadline, wish.seed, case.tuned.leaderboard[0].learner)


def _affordable(case: Case, folds: int, deadline: Deadline) -> tuple[Learner | None, int]:
    """The best learner on the leaderboard that fits into the time, and on how many folds."""
    known = {learner.name: learner for learner in case.learners[1:]}
    rows = case.evidence.train.height / 1_000
    for leader in case.tuned.leaderboard:
        needed = _SLACK * sum(_SHARES) * (leader.fit_seconds / folds + rows * leader.predict_seconds) + _SPARE
        count = int(min(folds, _MOST_FOLDS, _FITTING * deadline.remaining / needed))
        if leader.learner in known and count:
            return _learner(known[leader.learner], leader), count
    return None, 0


def _learner(learner: Learner, leader: Leader) -> Learner:
    return learner.with_params(learner.params.replace(**leader.params))


def _works(
    case: Case, table: pl.DataFrame, splits: Sequence[Split], ctx: Context
) -> Iterator[tuple[float, Fold, pl.DataFrame]]:
    """Each share of each fold's rows, drawn at random, or the latest where time has an order.

    Every fold has a number of its own, for arrays are shared by it; the rows to be judged are taken out once.
    """
    times = ctx.schema.with_role(Role.TIME)
    ordered = case.system.tags.needs_time_order and times
    late = table[times[0].name].arg_sort(descending=True).arg_sort().to_numpy() if ordered else None
    for at, split in enumerate(splits):
        order, valid = np.random.default_rng([ctx.seed, at]).permutation(split.train), table[split.valid]
        if late is not None:
            order = split.train[np.argsort(late[split.train], kind="stable")]
        for place, share in enumerate(_SHARES):
            rows = np.sort(order[: round(share * len(order))])
            if len(rows) >= _FEWEST_ROWS:
                fold = Fold(table, Split(rows, split.valid, split.how), at * len(_SHARES) + place)
                yield share, fold, valid


def _fitted(
    learner: Learner, share: float, fold: Fold, valid: pl.DataFrame, ctx: Context, *, again: bool
) -> _Point | None:
    """One fit; None if it did not end in time, or could not be done on so few rows."""
    train = fold.table[fold.split.train]
    try:
        model = learner.fit(train, valid, ctx.within(fold))
        ctx.deadline.check()
        judged = valid, model.predict(valid)
        seen = train.gather_every(train.height // _SEEN + 1)
        return _Point(share, train.height, judged, (seen, model.predict(seen)) if again else None)
    except (OutOfTime, FitFailed):
        return None


def _draw(
    learner: str, metric: Metric, sizes: Sequence[list[_Point]], deadline: Deadline, seed: int, best: str
) -> Figure:
    rows = []
    for made in sizes:
        mean = round(sum(point.rows for point in made) / len(made))
        for of, parts in ((_UNSEEN, [p.valid for p in made]), (_FITTED, [p.train for p in made if p.train])):
            if parts:
                score = _score(metric, parts, deadline.remaining / (4 * len(sizes)), seed)
                rows.append(
                    {"rows": mean, "of": of, "score": score.value, "low": score.low, "high": score.high}
                )
    frame = pl.DataFrame(rows).with_columns(pl.col("low", "high").fill_nan(None))
    side = "more" if metric.greater_is_better else "less"
    x = number("rows", "rows fitted to", scale={"zero": False}, axis={"tickCount": 6, "labelOverlap": True})
    y = number("score", f"{metric.name} ({side} is better)", scale={"zero": False})
    tips = [("of", "judged by"), ("rows", "rows fitted to", ",d"), ("score", metric.name, ".4~g")]
    colour = {**charts.colour("of"), "scale": {"domain": [_UNSEEN, _FITTED]}}
    layers = [
        charts.band(x, y, color=colour),
        *charts.line(x, y, [*tips, *charts.interval(".4~g")], color=colour),
    ]
    text = _said(metric, sizes, deadline, seed)
    if learner != best:
        text += (
            f" The curve is that of {learner}, which is quick enough to be fitted this often; "
            f"the model's best learner, {best}, is not, and may gain more or less."
        )
    return Figure("learning_curve", "Would more rows help?", frame, charts.chart(*layers), "learning", text)


_UNSEEN, _FITTED = "rows it was not fitted to", "rows it was fitted to"


def _pooled(parts: Sequence[tuple[pl.DataFrame, pl.DataFrame]]) -> tuple[pl.DataFrame, pl.DataFrame]:
    truth, predictions = zip(*parts)
    return pl.concat(truth), pl.concat(predictions)


def _score(
    metric: Metric, parts: Sequence[tuple[pl.DataFrame, pl.DataFrame]], budget: float, seed: int
) -> Score:
    truth, predictions = _pooled(parts)
    return evaluate.score(predictions, truth, [metric], budget=budget, seed=seed)[metric.name]


def _said(metric: Metric, sizes: Sequence[list[_Point]], deadline: Deadline, seed: int) -> str:
    """Whether the last rows brought anything, judged row by row."""
    few = min(sizes, key=lambda made: abs(made[0].share - _BEFORE))
    (truth, after), (_, before) = (_pooled([point.valid for point in made]) for made in (sizes[-1], few))
    scorers = [metric.bind(truth, before), metric.bind(truth, after)]
    low, high = bootstrap_together(scorers, truth.height, seed=seed, deadline=deadline)[1][1]
    change = scorers[1](None) - scorers[0](None)
    better = change == 0 or (change > 0) == metric.greater_is_better
    low, high = (low, high) if better == metric.greater_is_better else (-high, -low)
    what = f"From {few[0].rows:,} to {sizes[-1][0].rows:,} rows {metric.name} became "
    what += f"{'better' if better else 'worse'} by {amount(abs(change))}"
    if np.isnan(low):
        return f"{what}."
    sure = f"{what} (95%: {amount(low)} to {amount(high)})"
    if low > 0:
        return f"{sure}: more rows of the same kind would probably {'help' if better else 'not help'}."
    return f"{sure}, which may be chance: more rows of the same kind would hardly help."
