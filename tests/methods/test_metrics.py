from __future__ import annotations

import inspect
import math

import numpy as np
import pytest
from sklearn import metrics as sk

from noria.errors import ParamError
from noria.methods import metrics
from noria.methods.metrics import CLASSIFICATION, REGRESSION, find


def draw(seed: int, n: int, classes: int, *, ties: bool) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    rng = np.random.default_rng(seed)
    y = rng.integers(0, classes, n)
    p = rng.dirichlet(np.ones(classes), n)
    p[np.arange(n), y] += 0.3
    if ties:
        p = np.round(p, 1) + 0.05
    p /= p.sum(axis=1, keepdims=True)
    if ties and classes == 2:
        p = np.round(p, 2)
    return y, p, rng.uniform(0.1, 3.0, n)


DRAWS = [(seed, n, k, ties) for seed, n in [(0, 40), (1, 333)] for k in (2, 3, 6) for ties in (False, True)]


@pytest.mark.parametrize(("seed", "n", "classes", "ties"), DRAWS)
@pytest.mark.parametrize("weighted", [False, True])
def test_classification_equals_sklearn(seed: int, n: int, classes: int, ties: bool, weighted: bool) -> None:
    y, p, w = draw(seed, n, classes, ties=ties)
    weight = w if weighted else None
    decided = p.argmax(axis=1)
    average = "binary" if classes == 2 else "macro"
    by_label = {"sample_weight": weight, "average": average}
    one_hot = np.eye(classes)[y]
    expected = {
        "log_loss": sk.log_loss(y, p, sample_weight=weight, labels=range(classes)),
        "accuracy": sk.accuracy_score(y, decided, sample_weight=weight),
        "balanced_accuracy": sk.balanced_accuracy_score(y, decided, sample_weight=weight),
        "f1": sk.f1_score(y, decided, **by_label),
        "precision": sk.precision_score(y, decided, **by_label, zero_division=0),
        "recall": sk.recall_score(y, decided, **by_label),
        "mcc": sk.matthews_corrcoef(y, decided, sample_weight=weight),
        "brier": np.average(((p - one_hot) ** 2).sum(axis=1), weights=weight) / (2 if classes == 2 else 1),
    }
    if classes == 2:
        expected["roc_auc"] = sk.roc_auc_score(y, p[:, 1], sample_weight=weight)
        expected["average_precision"] = sk.average_precision_score(y, p[:, 1], sample_weight=weight)
        expected["brier"] = sk.brier_score_loss(y, p[:, 1], sample_weight=weight)
    else:
        expected["roc_auc"] = sk.roc_auc_score(y, p, sample_weight=weight, multi_class="ovr")
        expected["average_precision"] = sk.average_precision_score(one_hot, p, sample_weight=weight)
    for name, value in expected.items():
        assert CLASSIFICATION[name].function(y, p, weight) == pytest.approx(value, abs=1e-10), name


@pytest.mark.parametrize("weighted", [False, True])
@pytest.mark.parametrize("n", [1, 2, 5, 50, 501])
def test_regression_equals_sklearn(n: int, weighted: bool) -> None:
    rng = np.random.default_rng(n)
    y = rng.exponential(10.0, n) + 1e6 * (n == 501)
    predicted = np.abs(y + rng.normal(size=n))
    weight = rng.uniform(0.1, 3.0, n) if weighted else None
    by_row = {"sample_weight": weight}
    expected = {
        "rmse": sk.root_mean_squared_error(y, predicted, **by_row),
        "mae": sk.mean_absolute_error(y, predicted, **by_row),
        "mape": sk.mean_absolute_percentage_error(y, predicted, **by_row),
        "rmsle": sk.root_mean_squared_log_error(y, predicted, **by_row),
        "pinball": sk.mean_pinball_loss(y, predicted, **by_row),
        "median_absolute_error": sk.median_absolute_error(y, predicted, **by_row),
    }
    if n > 1:
        expected["r2"] = sk.r2_score(y, predicted, **by_row)
    for name, value in expected.items():
        assert REGRESSION[name].function(y, predicted, weight) == pytest.approx(value, rel=1e-8), name
    low = metrics.pinball(y, predicted, weight, quantile=0.1)
    assert low == pytest.approx(sk.mean_pinball_loss(y, predicted, alpha=0.1, **by_row))


@pytest.mark.parametrize("classes", [2, 4])
def test_counts_as_weights_equal_repeated_rows(classes: int) -> None:
    y, p, _ = draw(3, 60, classes, ties=True)
    counts = np.random.default_rng(0).multinomial(60, np.full(60, 1 / 60), size=4)
    for metric in CLASSIFICATION.values():
        values = metric.prepare(y, p)(counts.astype(float))
        for row, value in zip(counts, values):
            picked = np.repeat(np.arange(60), row)
            assert value == pytest.approx(metric.function(y[picked], p[picked])), metric.name
    truth, predicted = p[:, 0], p[:, 1]
    for metric in REGRESSION.values():
        values = metric.prepare(truth, predicted)(counts.astype(float))
        for row, value in zip(counts, values):
            picked = np.repeat(np.arange(60), row)
            assert value == pytest.approx(metric.function(truth[picked], predicted[picked])), metric.name


@pytest.mark.parametrize("name", ["roc_auc", "average_precision"])
def test_many_weightings_of_scores_that_repeat_are_as_good_as_one(name: str) -> None:
    rng = np.random.default_rng(0)
    common, rare = np.round(rng.random(19_700) * 1_200) / 40_000, np.round(0.9 + rng.random(300) / 10, 3)
    score = np.concatenate([common, rare])
    y = (rng.random(20_000) < score).astype(int)
    evaluate = metrics.CLASSIFICATION[name].prepare(y, np.column_stack([1 - score, score]))
    counts = rng.poisson(1.0, (5, 20_000)).astype(float)
    assert evaluate(counts) == pytest.approx([evaluate(row[None])[0] for row in counts], abs=5e-4)


def test_explicit_labels_replace_the_most_probable_class() -> None:
    y = np.array([0, 1, 1, 0])
    p = np.array([[0.9, 0.1], [0.7, 0.3], [0.6, 0.4], [0.8, 0.2]])
    assert metrics.f1(y, p) == 0.0
    labels = (p[:, 1] >= 0.25).astype(int)
    for name in ("accuracy", "balanced_accuracy", "f1", "precision", "recall", "mcc"):
        assert CLASSIFICATION[name].function(y, p, labels=labels) == 1.0


def test_a_class_that_does_not_occur_is_left_out() -> None:
    y, p, _ = draw(5, 100, 4, ties=False)
    y = np.where(y == 3, 0, y)
    present = [sk.roc_auc_score(y == k, p[:, k]) for k in range(3)]
    assert metrics.roc_auc(y, p) == pytest.approx(np.mean(present))
    assert metrics.balanced_accuracy(y, p) == pytest.approx(
        np.mean([(p.argmax(axis=1)[y == k] == k).mean() for k in range(3)])
    )


def test_a_class_unknown_to_the_model_counts_as_wrong() -> None:
    y, p = np.array([0, 1, 2]), np.array([[0.9, 0.1], [0.2, 0.8], [0.5, 0.5]])
    assert metrics.accuracy(y, p) == pytest.approx(2 / 3)
    assert metrics.log_loss(y, p) > 11
    assert metrics.balanced_accuracy(y, p) == pytest.approx(2 / 3)
    assert metrics.accuracy(np.array([0, 1, -1]), p) == pytest.approx(2 / 3)


@pytest.mark.filterwarnings("error")
def test_undefined_is_nan_without_warning() -> None:
    one = np.array([[0.3, 0.7], [0.6, 0.4]])
    assert math.isnan(metrics.roc_auc(np.array([1, 1]), one))
    assert math.isnan(metrics.average_precision(np.array([0, 0]), one))
    assert metrics.f1(np.array([0, 0]), np.array([[0.9, 0.1], [0.9, 0.1]])) == 0.0
    assert math.isnan(metrics.r2(np.array([5.0, 5.0]), np.array([5.0, 6.0])))
    assert math.isnan(metrics.rmsle(np.array([-1.0]), np.array([1.0])))
    for metric in CLASSIFICATION.values():
        assert math.isnan(metric.function(np.empty(0, int), np.empty((0, 2)))), metric.name
        assert math.isnan(metric.function(np.array([0, 1]), one, np.zeros(2))), metric.name
    for metric in REGRESSION.values():
        assert math.isnan(metric.function(np.empty(0), np.empty(0))), metric.name


def test_perfect_certainty_is_finite_and_a_certain_mistake_costs_the_clip() -> None:
    certain = np.array([[1.0, 0.0]])
    assert metrics.log_loss(np.array([0]), certain) == 0.0
    assert metrics.log_loss(np.array([1]), certain) == pytest.approx(-math.log(1e-15))


def test_calibration_error_by_hand() -> None:
    p = np.array([[0.95, 0.05]] * 10 + [[0.45, 0.55]] * 10)
    y = np.array([0] * 8 + [1] * 2 + [1] * 5 + [0] * 5)
    assert metrics.expected_calibration_error(y, p) == pytest.approx((0.15 + 0.05) / 2)


@pytest.mark.parametrize("table", [CLASSIFICATION, REGRESSION])
def test_the_registry_describes_every_function(table: dict[str, metrics.ArrayMetric]) -> None:
    for name, metric in table.items():
        assert metric.name == name
        assert getattr(metrics, name) is metric.function
        assert metric.doc
        assert ("labels" in inspect.signature(metric.function).parameters) == (metric.needs == "labels")
    assert metrics.CLASSIFICATION["brier"].better(0.1, 0.2)
    assert metrics.CLASSIFICATION["f1"].better(0.2, 0.1)


def test_find_knows_aliases_and_offers_the_nearest_name() -> None:
    assert find("AUC", CLASSIFICATION).name == "roc_auc"
    assert find("log-loss", CLASSIFICATION).name == "log_loss"
    assert find("ROC AUC", CLASSIFICATION).name == "roc_auc"
    with pytest.raises(ParamError) as caught:
        find("acuracy", CLASSIFICATION)
    assert caught.value.do == "Did you mean 'accuracy'?"
    with pytest.raises(ParamError) as caught:
        find("zzz", REGRESSION)
    assert "Use one of: mae," in str(caught.value)


def test_shapes_that_do_not_fit_are_named() -> None:
    with pytest.raises(ParamError, match="do not fit"):
        metrics.log_loss(np.array([0, 1]), np.array([0.2, 0.8]))
    with pytest.raises(ParamError, match="do not fit"):
        metrics.rmse(np.ones(3), np.ones(4))
    with pytest.raises(ParamError, match="one weight per row"):
        metrics.rmse(np.ones(3), np.ones(3), np.ones(2))
