"""The learners of a search beside each other, and what of their order is chance."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import polars as pl

from noria.core.deadline import Deadline
from noria.core.protocol import Metric
from noria.core.result import Evaluation, Figure, Leader
from noria.lifecycle.tune import Tuned
from noria.methods.intervals import bootstrap_together
from noria.pages import charts
from noria.pages.charts import amount, number, words

__all__ = ["compared", "draw"]

_LARGEST = 5_000  # rows of a resample
_USED = ("in the model", "left out")
_FAR = 100


def compared(tuned: Tuned, *, budget: float, seed: int) -> tuple[Leader, ...]:
    """The leaderboard with 95% intervals, and which learners may be as good as the best.

    Parameters
    ----------
    tuned : Tuned
    budget : float
        Seconds; what does not fit has no intervals.
    """
    metric, truth = tuned.metric, tuned.truth
    scorers = [metric.bind(truth, trial.predictions.head(truth.height)) for trial in tuned.best]
    found = bootstrap_together(scorers, truth.height, seed=seed, largest=_LARGEST, deadline=Deadline(budget))
    return tuple(
        replace(
            leader,
            low=min(own[0], leader.score),
            high=max(own[1], leader.score),
            even=bool(behind[0] <= 0 <= behind[1]),
        )
        if np.isfinite(own).all()
        else leader
        for leader, (own, behind) in zip(tuned.leaderboard, found)
    )


def draw(evaluation: Evaluation, metric: Metric) -> Figure:
    """The learners' out-of-fold scores with intervals, their shares in the model and their training times."""
    leaders = evaluation.leaderboard
    frame = pl.DataFrame(
        [
            {
                "learner": leader.learner,
                "label": f"{leader.learner}\n{_share(leader)}, {amount(leader.fit_seconds, 2)} s",
                "score": leader.score,
                "low": leader.low,
                "high": leader.high,
                "share": leader.weight,
                "seconds": leader.fit_seconds,
                "trials": leader.trials,
                "used": _USED[not leader.weight],
            }
            for leader in leaders
        ]
    ).with_columns(pl.col("low", "high").fill_nan(None))
    tips = [
        ("learner", "learner"),
        ("score", metric.name, ".4~g"),
        *charts.interval(".4~g"),
        ("share", "share in the model", ".0%"),
        ("seconds", "training (s)", ",.2~r"),
        ("trials", "settings tried", ",d"),
    ]
    x = number(
        "score",
        f"{metric.name}, out of fold ({'more' if metric.greater_is_better else 'less'} is better)",
        scale=_scale(leaders, metric),
        axis={"tickCount": 6, "labelOverlap": True},
    )
    axis = {"labelExpr": "split(datum.label, '\\n')", "labelLimit": 200, "grid": False}
    y = words("label", None, axis=axis)
    colour = {**charts.colour("used"), "scale": {"domain": [*_USED]}}
    spec = charts.chart(*charts.dots("x", y, x, tips, color=colour), height=38 * len(leaders))
    return Figure("leaderboard", "Learners compared", frame, spec, "learning", _said(leaders, metric))


def _share(leader: Leader) -> str:
    return f"{leader.weight:.0%} of the model" if leader.weight else "left out"


def _said(leaders: tuple[Leader, ...], metric: Metric) -> str:
    best, others = leaders[0], leaders[1:]
    text = "Each learner's best setting, judged on rows that it was not fitted to, with 95% intervals. "
    even = [leader.learner for leader in others if leader.even]
    if even:
        few = ", ".join(even[:3]) + (f" and {len(even) - 3} more" if len(even) > 3 else "")
        return f"{text}{best.learner} is best, but its lead over {few} may be chance."
    if others and np.isfinite([leader.low for leader in leaders]).all():
        return f"{text}{best.learner} is better than all others by more than chance."
    return f"{text}{best.learner} has the best {metric.name}."


def _scale(leaders: tuple[Leader, ...], metric: Metric) -> dict[str, object]:
    """What lies further behind than a hundred times the usual distance stands at the edge."""
    best = leaders[0]
    gaps = np.abs([leader.score - best.score for leader in leaders])
    most = _FAR * float(np.median(gaps))
    if not most or gaps.max() <= most:
        return {"zero": False}
    edge = best.score - most if metric.greater_is_better else best.score + most
    ends = [end for end in (edge, best.score, best.low, best.high) if np.isfinite(end)]
    return {"domain": [min(ends), max(ends)], "clamp": True, "nice": True}
