"""Checks that a system's scores mean what they say."""

from __future__ import annotations

import math

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
    """No row is on both sides of a split, and every training row is validated at least once or never seen."""
    system = bench.system
    for split in (system.holdout(bench.table, 0.3, 0), *system.folds(bench.table, 3, 0)):
        both = set(split.train.tolist()) & set(split.valid.tolist())
        assert not both, f"{len(both)} rows are on both sides of a split"
        assert len(split.train), "a split has no rows to train on"
        assert len(split.valid), "a split has no rows to validate on"


CHECKS = [
    ("baseline_is_blind", always, baseline_is_blind),
    ("scores_have_intervals", always, scores_have_intervals),
    ("splits_do_not_overlap", always, splits_do_not_overlap),
    ("signal_is_learned", always, signal_is_learned),
    ("shuffled_target_falls_to_the_baseline", always, shuffled_target_falls_to_the_baseline),
]
