from __future__ import annotations

import math

import numpy as np
import pytest
from scipy import stats

from noria.core.deadline import Deadline
from noria.errors import ParamError
from noria.methods.intervals import (
    bootstrap,
    bootstrap_together,
    metric_intervals,
    paired_difference,
    share_interval,
    wilson,
)
from noria.methods.metrics import CLASSIFICATION, REGRESSION


def classes(n: int, k: int, seed: int = 0) -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(seed)
    y, p = rng.integers(0, k, n), rng.dirichlet(np.ones(k), n)
    p[np.arange(n), y] += 0.3
    return y, p / p.sum(axis=1, keepdims=True)


def test_bootstrap_of_a_mean_is_near_the_normal_interval() -> None:
    values = np.random.default_rng(0).normal(3.0, 2.0, 400)
    low, high = bootstrap(lambda rows: values[rows].mean(), 400, resamples=2000, seed=1)
    half = 1.96 * values.std() / 20
    assert low == pytest.approx(values.mean() - half, abs=0.03)
    assert high == pytest.approx(values.mean() + half, abs=0.03)


def test_bootstrap_covers_the_truth() -> None:
    inside = 0
    for seed in range(80):
        values = np.random.default_rng(seed).exponential(1.0, 80)
        low, high = bootstrap(lambda rows: values[rows].mean(), 80, resamples=300, seed=seed)  # noqa: B023
        inside += low <= 1.0 <= high
    assert 0.86 <= inside / 80 <= 0.99


def test_large_tables_are_subsampled_with_the_spread_of_all() -> None:
    values = np.random.default_rng(0).normal(size=400_000)
    sizes = []

    def mean(rows: np.ndarray) -> float:
        sizes.append(len(rows))
        return float(values[rows].mean())

    low, high = bootstrap(mean, len(values), resamples=200)
    assert sizes[0] == 50_000
    assert high - low == pytest.approx(2 * 1.96 / math.sqrt(400_000), rel=0.25)
    assert low < values.mean() < high
    fast = metric_intervals([REGRESSION["mae"]], values, np.zeros(400_000), resamples=200)["mae"]
    spread = np.abs(values).std()
    assert fast[1] - fast[0] == pytest.approx(2 * 1.96 * spread / math.sqrt(400_000), rel=0.25)
    assert fast[0] < np.abs(values).mean() < fast[1]


def test_strata_keep_their_share_and_missing_classes_are_skipped() -> None:
    strata = np.array([0] * 47 + [1] * 3)
    shares = []
    bootstrap(lambda rows: shares.append(strata[rows].mean()) or 0.0, 50, strata=strata)
    assert set(shares) == {3 / 50}
    y, p = classes(12, 2)
    y[:] = 0
    y[0] = 1  # a third of the resamples lacks class 1
    low, high = bootstrap(lambda rows: CLASSIFICATION["roc_auc"].function(y[rows], p[rows]), 12)
    assert 0 <= low <= high <= 1
    low, high = metric_intervals([CLASSIFICATION["roc_auc"]], y, p)["roc_auc"]
    assert 0 <= low <= high <= 1


def test_no_interval_where_there_can_be_none() -> None:
    assert np.isnan(bootstrap(lambda rows: 1.0, 1)).all()
    assert np.isnan(bootstrap(lambda rows: math.nan, 10)).all()
    y, p = classes(10, 2)
    found = metric_intervals(list(CLASSIFICATION.values()), y * 0, p)
    assert np.isnan(found["roc_auc"]).all()
    assert np.isfinite(found["log_loss"]).all()
    assert np.isnan(metric_intervals([REGRESSION["mae"]], np.ones(1), np.ones(1))["mae"]).all()
    with pytest.raises(ParamError, match="between 0 and 1"):
        bootstrap(lambda rows: 1.0, 10, level=95)


@pytest.mark.parametrize("k", [2, 4])
def test_fast_paths_agree_with_resampling_rows(k: int) -> None:
    y, p = classes(400, k)
    metrics = list(CLASSIFICATION.values())
    fast = metric_intervals(metrics, y, p, resamples=1000, seed=1)
    for metric in metrics:
        slow = bootstrap(lambda rows: metric.function(y[rows], p[rows]), 400, resamples=250, seed=2)  # noqa: B023
        width = slow[1] - slow[0]
        assert fast[metric.name][0] == pytest.approx(slow[0], abs=0.25 * width), metric.name
        assert fast[metric.name][1] == pytest.approx(slow[1], abs=0.25 * width), metric.name
        assert fast[metric.name][0] < metric.function(y, p) or metric.name == "expected_calibration_error"


def test_fast_regression_paths_agree_with_resampling_rows() -> None:
    rng = np.random.default_rng(0)
    y = rng.exponential(5.0, 3000)
    predicted = y + rng.normal(size=3000) * (1 + y)
    metrics = list(REGRESSION.values())
    fast = metric_intervals(metrics, y, predicted, resamples=1000, seed=1)
    for metric in metrics:
        slow = bootstrap(lambda rows: metric.function(y[rows], predicted[rows]), 3000, resamples=300, seed=2)  # noqa: B023
        width = slow[1] - slow[0]
        assert fast[metric.name][0] == pytest.approx(slow[0], abs=0.25 * width), metric.name
        assert fast[metric.name][1] == pytest.approx(slow[1], abs=0.25 * width), metric.name


@pytest.mark.parametrize("name", ["roc_auc", "average_precision"])
def test_pooled_ranks_differ_little_from_exact_ones(name: str) -> None:
    y, p = classes(6000, 2)
    weights = np.random.default_rng(0).multinomial(6000, np.full(6000, 1 / 6000), size=8).astype(float)
    evaluate = CLASSIFICATION[name].prepare(y, p)
    exact = [float(evaluate(row[None])[0]) for row in weights]
    assert evaluate(weights) == pytest.approx(exact, abs=2e-4)


def test_labels_and_weights_are_used() -> None:
    y, p = classes(300, 2)
    recall = [CLASSIFICATION["recall"], CLASSIFICATION["accuracy"]]
    never = metric_intervals(recall, y, p, labels=np.zeros(300, int))
    assert never["recall"] == (0.0, 0.0)
    assert never["accuracy"][0] < (y == 0).mean() < never["accuracy"][1]
    right = p.argmax(axis=1) == y
    weight = np.where(right, 1.0, 1e-6)
    low, _ = metric_intervals([CLASSIFICATION["f1"]], y, p, weight)["f1"]
    assert low > 0.99


def test_the_same_seed_gives_the_same_interval_and_a_deadline_stops_early() -> None:
    y, p = classes(200, 2)
    metrics = list(CLASSIFICATION.values())
    assert metric_intervals(metrics, y, p, seed=3) == metric_intervals(metrics, y, p, seed=3)
    assert metric_intervals(metrics, y, p, seed=3) != metric_intervals(metrics, y, p, seed=4)
    calls = []
    bootstrap(lambda rows: calls.append(1) or 0.5, 100, resamples=10_000, deadline=Deadline(0.0))
    assert len(calls) == 20


def test_wilson_is_scipys_and_stays_open_when_all_are_right() -> None:
    hits = np.array([True] * 27 + [False] * 3)
    expected = stats.binomtest(27, 30).proportion_ci(method="wilson")
    assert wilson(hits) == pytest.approx((expected.low, expected.high))
    assert wilson(hits, np.full(30, 7.0)) == pytest.approx(wilson(hits))
    y = np.array([0, 1] * 15)
    low, high = metric_intervals([CLASSIFICATION["accuracy"]], y, np.eye(2)[y])["accuracy"]
    assert 0.85 < low < 0.9
    assert high == pytest.approx(1.0)
    assert np.isnan(wilson(np.empty(0))).all()


def test_paired_difference_is_the_paired_t_test() -> None:
    rng = np.random.default_rng(0)
    a, b = rng.exponential(size=50), rng.exponential(size=50)
    expected = stats.ttest_rel(a, b)
    interval = expected.confidence_interval()
    wanted = (a.mean() - b.mean(), interval.low, interval.high, expected.pvalue)
    assert paired_difference(a, b) == pytest.approx(wanted)
    assert paired_difference(a, b, np.full(50, 3.0)) == pytest.approx(wanted)
    assert paired_difference(a, a) == (0.0, 0.0, 0.0, 1.0)
    assert paired_difference(a, a + 1)[3] == 0.0
    assert math.isnan(paired_difference(a[:1], b[:1])[3])
    assert math.isnan(paired_difference(a[:0], b[:0])[0])


@pytest.mark.parametrize("rows", [10, 25, 27, 57])
def test_wilson_holds_its_share_whatever_is_rounded(rows) -> None:
    assert wilson(np.ones(rows, bool))[1] == 1.0
    assert wilson(np.zeros(rows, bool))[0] == 0.0


def test_intervals_of_shares_are_wilsons_one_by_one() -> None:
    hits, tries = np.array([0, 3, 20, 20, 0]), np.array([10, 10, 20, 40, 0])
    low, high = share_interval(hits, tries, level=0.9)
    for at in range(4):
        rows = np.arange(tries[at]) < hits[at]
        assert (low[at], high[at]) == pytest.approx(wilson(rows, level=0.9), abs=1e-12)
    assert (low[4], high[4]) == (0.0, 1.0)
    with pytest.raises(ParamError, match="confidence level"):
        share_interval(hits, tries, level=1.0)


def means(*columns: np.ndarray) -> list:
    return [lambda rows, column=column: float(column[rows].mean()) for column in columns]


def test_a_difference_is_judged_row_by_row() -> None:
    noise = np.random.default_rng(0).normal(size=300)
    own, over_first = zip(*bootstrap_together(means(noise, noise + 0.05, noise), 300))
    assert own[0][1] > own[1][0]
    assert over_first[1] == pytest.approx((0.05, 0.05))
    assert over_first[2] == (0.0, 0.0)
    assert own[0] == bootstrap(means(noise)[0], 300, resamples=200)


def test_differences_cover_the_truth_also_of_fewer_rows_than_there_are() -> None:
    held = {50_000: 0, 100: 0}
    for seed in range(300):
        rng = np.random.default_rng(seed)
        a, b = rng.normal(size=(2, 400)) + np.array([[0.0], [0.3]])
        for largest in held:
            low, high = bootstrap_together(means(a, b), 400, seed=seed, largest=largest)[1][1]
            held[largest] += low <= 0.3 <= high
    assert all(0.91 <= count / 300 <= 0.98 for count in held.values())


def test_without_time_or_rows_there_are_no_intervals_together() -> None:
    values = np.arange(10.0)
    for found in (
        bootstrap_together(means(values), 10, deadline=Deadline(0)),
        bootstrap_together(means(values), 1),
    ):
        assert np.isnan(found).all()
