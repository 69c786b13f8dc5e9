"""Estimated metrics against realised ones, on data whose truth is known and held back."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from noria.methods import estimation
from noria.methods.estimation import estimate_classification, estimate_regression
from noria.methods.metrics import CLASSIFICATION, REGRESSION
from noria.methods.two_sample import classifier_two_sample

NAMES = ("roc_auc", "average_precision", "log_loss", "brier", "accuracy", "f1", "precision", "recall")
METRICS = [CLASSIFICATION[name] for name in NAMES]


def two(p):
    return np.column_stack([1 - p, p])


def realised(metric, y, p, labels=None):
    if metric.needs == "labels":
        return metric.function(y, p, labels=labels)
    return metric.function(y, p)


def distorted(seed, n=5_000):
    """Overconfident probabilities, and the truth."""
    rng = np.random.default_rng(seed)
    honest = rng.beta(1.2, 2.0, n)
    y = (rng.random(n) < honest).astype(int)
    odds = np.log(honest / (1 - honest))
    return two(1 / (1 + np.exp(-2.5 * odds - 0.5))), y


def test_metrics_of_dishonest_probabilities_are_estimated():
    (known, y), (p, truth) = distorted(0), distorted(1)
    found = estimate_classification(known, y, p, METRICS)
    for metric in METRICS:
        right = realised(metric, truth, p)
        assert found[metric.name].value == pytest.approx(right, abs=0.03), metric.name
    stated = estimate_classification(
        p, (np.random.default_rng(0).random(5_000) < p[:, 1]).astype(int), p, METRICS
    )
    assert (
        abs(stated["log_loss"].value - realised(CLASSIFICATION["log_loss"], truth, p)) > 0.2
    )  # as it is told


def test_intervals_hold_the_realised_metric_mostly():
    inside = []
    for seed in range(25):
        (known, y), (p, truth) = distorted(2 * seed, 1_500), distorted(2 * seed + 1, 1_500)
        found = estimate_classification(known, y, p, METRICS[:5], seed=seed)
        inside += [found[m.name].low <= realised(m, truth, p) <= found[m.name].high for m in METRICS[:5]]
    assert 0.8 < np.mean(inside) <= 1.0


def test_the_model_own_decisions_are_judged():
    (known, y), (p, truth) = distorted(0), distorted(1)
    labels = (p[:, 1] > 0.9).astype(int)
    found = estimate_classification(known, y, p, METRICS, labels=labels)
    assert found["recall"].value == pytest.approx(
        realised(CLASSIFICATION["recall"], truth, p, labels), abs=0.03
    )
    assert found["recall"].value < estimate_classification(known, y, p, METRICS)["recall"].value - 0.2


def test_weights_follow_rows_of_which_more_come():
    rng = np.random.default_rng(3)

    def drawn(share, n=6_000):
        easy = rng.random(n) < share
        honest = np.where(easy, rng.choice([0.02, 0.98], n), rng.choice([0.35, 0.65], n))
        said = two(np.where(honest > 0.5, 0.8, 0.2))  # the model does not know which are easy
        return easy[:, None].astype(float), said, (rng.random(n) < honest).astype(int)

    (a, known, y), (b, p, truth) = drawn(0.5), drawn(0.95)
    ratio = classifier_two_sample(a, b).ratio
    accuracy = CLASSIFICATION["accuracy"]
    right = realised(accuracy, truth, p)
    plain = estimate_classification(known, y, p, [accuracy])["accuracy"].value
    weighted = estimate_classification(known, y, p, [accuracy], weight=ratio)["accuracy"].value
    assert plain < right - 0.1
    assert weighted == pytest.approx(right, abs=0.03)


def test_a_model_of_few_distinct_probabilities():
    rng = np.random.default_rng(2)
    score = np.round(rng.beta(0.3, 6, 50_000) * 2_200) / 2_200
    p, y = two(score), (rng.random(50_000) < score).astype(int)
    auc = CLASSIFICATION["roc_auc"]
    found = estimate_classification(p[:20_000], y[:20_000], p[20_000:], [auc])["roc_auc"]
    assert found.value == pytest.approx(realised(auc, y[20_000:], p[20_000:]), abs=0.01)


def test_average_precision_of_a_rare_class():
    known = np.concatenate([np.linspace(0.0, 0.09, 19_800), np.linspace(0.9, 1.0, 200)])
    y = np.concatenate([np.zeros(19_800, int), np.arange(200) % 10 > 0])
    new = np.concatenate([np.linspace(0.0, 0.0899, 49_980), np.linspace(0.91, 0.99, 20)])
    found = estimate_classification(two(known), y, two(new), [CLASSIFICATION["average_precision"]])
    assert found["average_precision"].value == pytest.approx(0.9, abs=0.05)
    assert found["average_precision"].low < 0.85


def test_three_classes():
    rng = np.random.default_rng(0)
    honest = rng.dirichlet([1, 1, 1], 6_000)
    y = (honest.cumsum(axis=1) < rng.random((6_000, 1))).sum(axis=1)
    bold = honest**2 / (honest**2).sum(axis=1, keepdims=True)
    known, new = slice(3_000), slice(3_000, None)
    found = estimate_classification(bold[known], y[known], bold[new], METRICS)
    for name in ("roc_auc", "accuracy", "brier", "log_loss", "f1"):
        assert found[name].value == pytest.approx(realised(CLASSIFICATION[name], y[new], bold[new]), rel=0.06)


def test_errors_of_numbers_are_estimated_where_the_new_rows_are():
    rng = np.random.default_rng(1)
    x = rng.random((8_000, 2))
    answer = 5 * x[:, 0]
    y = answer + (0.2 + 2 * x[:, 1]) * rng.normal(size=8_000)
    known, new = np.arange(8_000) < 5_000, (np.arange(8_000) >= 5_000) & (x[:, 1] > 0.8)
    metrics = [REGRESSION[name] for name in ("rmse", "mae", "r2", "median_absolute_error")]
    found = estimate_regression(x[known], answer[known], y[known], x[new], answer[new], metrics)
    for metric in metrics:
        right = metric.function(y[new], answer[new])
        assert found[metric.name].value == pytest.approx(right, rel=0.12), metric.name
    before = REGRESSION["mae"].function(y[known], answer[known])
    assert found["mae"].low > before * 1.2  # it is known to be worse there


def test_estimates_stay_in_the_range_of_their_metric():
    rng = np.random.default_rng(0)
    score = np.concatenate([rng.random(500) * 0.01, 1 - rng.random(500) * 0.01])
    p, y = two(score), (rng.random(1_000) < score).astype(int)
    found = estimate_classification(p[::2], y[::2], p[1::2], METRICS)
    for metric in METRICS:
        value, low, high = found[metric.name]
        assert metric.range[0] <= low <= value <= high <= metric.range[1], metric.name


def test_a_model_without_errors_stays_without():
    x = np.random.default_rng(0).random((500, 1))
    found = estimate_regression(x, x[:, 0], x[:, 0], x, x[:, 0], [REGRESSION["mae"]])
    assert found["mae"] == (0, 0, 0)


def test_the_same_seed_gives_the_same():
    (known, y), (p, _) = distorted(0, 500), distorted(1, 500)
    one, other = (estimate_classification(known, y, p, METRICS, seed=4) for _ in range(2))
    assert one == other


def test_of_many_classes_some_rows_stand_for_all(monkeypatch):
    monkeypatch.setattr(estimation, "_STACKED", 9 * 500)
    asked = []
    accuracy = CLASSIFICATION["accuracy"]
    spied = replace(accuracy, prepare=lambda y, *p: asked.append(y.shape) or accuracy.prepare(y, *p))
    rng = np.random.default_rng(0)
    p = rng.dirichlet([1, 1, 1], 6_000)
    y = (p.cumsum(axis=1) < rng.random((6_000, 1))).sum(axis=1)
    found = estimate_classification(p[:3_000], y[:3_000], p[3_000:], [spied], labels=p[3_000:].argmax(axis=1))
    assert asked == [(3 * 500,)]
    assert found["accuracy"].value == pytest.approx(realised(accuracy, y[3_000:], p[3_000:]), abs=0.05)
