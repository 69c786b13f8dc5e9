"""Checks that a system's scores mean what they say."""

from __future__ import annotations

import math
from dataclasses import replace
from datetime import datetime, timedelta

import numpy as np
import polars as pl

from noria.core.schema import Role
from noria.core.split import Split
from noria.lifecycle.evaluate import score
from noria.lifecycle.tune import Tuned
from noria.testing.bench import Bench
from noria.testing.same import always, same

__all__ = ["CHECKS"]

_SHARE = 0.25


def baseline_is_blind(bench: Bench) -> None:
    """The first learner predicts the same whatever the features, so that it is a floor to stand on."""
    model = bench.fit(bench.system.learners()[0])
    names = [column.name for column in bench.schema.features if column.name in bench.rows.columns]
    turned = bench.rows.with_columns(bench.rows[name].reverse() for name in names)
    same(model.predict(turned), model.predict(bench.rows), "the first learner looks at the features")


def scores_have_intervals(bench: Bench) -> None:
    """Every metric comes with an interval that holds its value."""
    tuned, truth = bench.held_out
    predictions = tuned.model.predict(truth)
    for name, found in score(predictions, truth, bench.system.metrics(), budget=5.0, seed=0).items():
        assert not math.isnan(found.value), f"{name} is not a number"
        assert found.low <= found.value <= found.high, f"{name} {found} lies outside its interval"


def signal_is_learned(bench: Bench) -> None:
    """On held-out rows of a problem with a signal, the model beats the baseline."""
    model, baseline = _held_out_scores(bench)
    metric = bench.system.metrics()[0]
    assert metric.better(model, baseline), (
        f"{metric.name} {model:.4g} is no better than the baseline's {baseline:.4g}"
    )


def shuffled_target_falls_to_the_baseline(bench: Bench) -> None:
    """Where there is nothing to learn, the out-of-fold score is that of the baseline: nothing leaks."""
    tuned = bench.search(bench.shuffled())
    metric = tuned.metric
    model, baseline = _scores(tuned)
    honest, floor = _scores(bench.tuned)
    lead, true_lead = abs(model - baseline), abs(honest - floor)
    assert not metric.better(model, baseline) or lead < _SHARE * true_lead, (
        f"on a shuffled target {metric.name} is {model:.4g}, the baseline's {baseline:.4g}"
    )


def _scores(tuned: Tuned) -> tuple[float, float]:
    """Out of fold, of the model and of the baseline."""
    predictions = (tuned.predictions, tuned.baseline_predictions)
    model, baseline = (tuned.metric.bind(tuned.truth, table)(None) for table in predictions)
    return model, baseline


def _held_out_scores(bench: Bench) -> tuple[float, float]:
    tuned, truth = bench.held_out
    metric = bench.system.metrics()[0]
    model, baseline = (
        metric.bind(truth, fitted.predict(truth))(None) for fitted in (tuned.model, tuned.baseline)
    )
    return model, baseline


def splits_do_not_overlap(bench: Bench) -> None:
    """No row is on both sides of a split, and there are rows on both."""
    for split in _splits(bench):
        both = set(split.train.tolist()) & set(split.valid.tolist())
        assert not both, f"{len(both)} rows are on both sides of a split"
        assert len(split.train), "a split has no rows to train on"
        assert len(split.valid), "a split has no rows to validate on"


def no_future_rows_are_used(bench: Bench) -> None:
    """Over time nothing is learned from rows later than the first that it is judged by, in any series."""
    timed = _timed(bench)
    if not timed.kind.accepts(timed.schema, timed.problem.task) or timed.schema.with_role(Role.GROUP):
        return  # whole groups are held out, whenever their rows came
    time, series = ([one.name for one in timed.schema.with_role(role)] for role in (Role.TIME, Role.SERIES))
    rows = timed.table.select(pl.col(time[0]).alias("at"), pl.struct(pl.lit(0), *series).alias("series"))
    for split in _splits(timed):
        learned = rows[split.train].group_by("series").agg(last=pl.col("at").max())
        judged = rows[split.valid].group_by("series").agg(first=pl.col("at").min())
        late = judged.join(learned, on="series").filter(pl.col("last") > pl.col("first"))
        assert late.is_empty(), f"{split.how}: {late['last'][0]} is learned and {late['first'][0]} judged"


def _timed(bench: Bench) -> Bench:
    """The bench itself, or one whose rows came in an order of their own if they have no time."""
    problem = bench.problem
    if bench.schema.with_role(Role.TIME):
        return bench
    days = np.random.default_rng(0).permutation(problem.table.height)
    moments = pl.Series("moment", [datetime(2024, 1, 1) + timedelta(days=int(day)) for day in days])
    columns = {**problem.columns, "moment": "time"}
    return Bench(bench.kind, replace(problem, table=problem.table.with_columns(moments), columns=columns))


def _splits(bench: Bench) -> list[Split]:
    """The holdout and the folds."""
    return [bench.system.holdout(bench.table, 0.3, 0), *bench.system.folds(bench.table, 3, 0)]


CHECKS = [
    ("baseline_is_blind", always, baseline_is_blind),
    ("scores_have_intervals", always, scores_have_intervals),
    ("splits_do_not_overlap", always, splits_do_not_overlap),
    ("no_future_rows_are_used", always, no_future_rows_are_used),
    ("signal_is_learned", always, signal_is_learned),
    ("shuffled_target_falls_to_the_baseline", always, shuffled_target_falls_to_the_baseline),
]
