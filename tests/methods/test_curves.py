"""Against scikit-learn on real data, and intervals that hold on new draws."""

from __future__ import annotations

import math

import numpy as np
import pytest
from sklearn import metrics
from sklearn.calibration import calibration_curve
from sklearn.datasets import load_breast_cancer, load_diabetes
from sklearn.linear_model import LinearRegression, LogisticRegression
from sklearn.model_selection import cross_val_predict
from sklearn.preprocessing import scale

from noria.methods import curves
from noria.methods.metrics import average_precision, roc_auc
from noria.methods.threshold import best_f1, by_cost


@pytest.fixture(scope="module")
def cancer() -> tuple[np.ndarray, np.ndarray]:
    """Whether a tumour is benign, and how likely a model thinks so from five rounded columns: ties occur."""
    X, y = load_breast_cancer(return_X_y=True)
    p = cross_val_predict(LogisticRegression(), scale(X[:, :5]), y, method="predict_proba")
    return y == 1, p[:, 1].round(3)


@pytest.fixture(scope="module")
def diabetes() -> tuple[np.ndarray, np.ndarray]:
    X, y = load_diabetes(return_X_y=True)
    return y, cross_val_predict(LinearRegression(), X, y)


def both(score: np.ndarray) -> np.ndarray:
    return np.column_stack([1 - score, score])


def test_the_roc_curve_equals_sklearn(cancer):
    truth, score = cancer
    false, true, _ = metrics.roc_curve(truth, score, drop_intermediate=False)
    curve = curves.roc(truth, score)
    assert np.abs(curve.false - false).max() < 1e-12
    assert np.abs(curve.true - true).max() < 1e-12
    assert ((curve.low <= curve.true) & (curve.true <= curve.high)).all()
    for at in range(0, len(false), 25):
        assert np.mean(score[~truth] >= curve.threshold[at]) == pytest.approx(false[at], abs=1e-12)


def test_the_precision_recall_curve_equals_sklearn(cancer):
    truth, score = cancer
    precision, recall, _ = metrics.precision_recall_curve(truth, score)
    curve = curves.precision_recall(truth, score)
    first = len(curve.recall) - len(recall[:-1])
    assert first == 1  # scikit-learn's last point, precision 1 at recall 0, stands for ours
    assert np.abs(curve.precision[1:] - precision[:-1][::-1]).max() < 1e-12
    assert np.abs(curve.recall[1:] - recall[:-1][::-1]).max() < 1e-12
    assert np.isnan(curve.precision[0])
    gained = np.diff(curve.recall) @ curve.precision[1:]
    assert gained == pytest.approx(average_precision(truth.astype(int), both(score)), abs=1e-12)


def test_the_area_equals_sklearn_and_its_interval_holds(cancer):
    truth, score = cancer
    value, low, high = curves.area(truth, score)
    assert value == pytest.approx(metrics.roc_auc_score(truth, score), abs=1e-12)
    assert value == pytest.approx(roc_auc(truth.astype(int), both(score)), abs=1e-12)
    assert low < value < high
    rng, held = np.random.default_rng(0), 0
    for _ in range(400):
        kind = rng.random(150) < 0.3
        _, low, high = curves.area(kind, kind + rng.normal(size=150))
        held += low <= 0.7602 <= high  # the normal distribution's value at a distance of 1 / sqrt(2)
    assert 0.92 <= held / 400 <= 0.98


@pytest.mark.parametrize(
    ("truth", "score", "expected"),
    [
        ([True, True, True], [0.1, 0.2, 0.3], (math.nan, math.nan, math.nan)),
        ([True, False], [0.9, 0.1], (1.0, math.nan, math.nan)),
        ([True] * 20 + [False] * 20, [0.9] * 20 + [0.1] * 20, (1.0, 0.839, 1.0)),
        ([True] * 20 + [False] * 20, [0.5] * 40, (0.5, 0.299, 0.701)),
    ],
    ids=["one class", "too few for an interval", "perfect", "all alike"],
)
def test_areas_at_the_edge(truth, score, expected):
    found = curves.area(np.array(truth), np.array(score))
    assert found == pytest.approx(expected, abs=1e-3, nan_ok=True)


def test_gain_is_recall_by_rows_and_lift_its_multiple_of_chance(cancer):
    truth, score = cancer
    curve = curves.gain(truth, score)
    top = np.argsort(-score, kind="stable")[: round(curve.rows[40] * len(truth))]
    assert curve.found[40] == pytest.approx(truth[top].sum() / truth.sum(), abs=1e-12)
    assert curve.lift[40] == pytest.approx(truth[top].mean() / truth.mean(), abs=1e-12)
    assert (curve.rows[-1], curve.found[-1], curve.lift[-1]) == (1.0, 1.0, 1.0)


def test_decisions_equal_sklearn_at_every_threshold(cancer):
    truth, score = cancer
    made = curves.decisions(truth, score)
    for at in range(1, len(made.threshold), 20):
        labels = score >= made.threshold[at]
        assert made.precision[0][at] == pytest.approx(metrics.precision_score(truth, labels), abs=1e-12)
        assert made.recall[0][at] == pytest.approx(metrics.recall_score(truth, labels), abs=1e-12)
        assert made.f1[0][at] == pytest.approx(metrics.f1_score(truth, labels), abs=1e-12)
        for value, low, high in (made.precision, made.recall, made.f1):
            assert low[at] <= value[at] <= high[at]
    best = best_f1(truth.astype(int), both(score)).threshold
    assert made.threshold[np.nanargmax(made.f1[0])] == best


def test_intervals_of_f1_hold():
    rng, held = np.random.default_rng(1), 0
    truth = rng.random(200_000) < 0.3
    score = rng.normal(size=200_000) + truth
    real = metrics.f1_score(truth, score >= 0.5)
    for _ in range(400):
        rows = rng.integers(0, len(truth), 150)
        made = curves.decisions(truth[rows], score[rows])
        _, low, high = (part[np.searchsorted(-made.threshold, -0.5)] for part in made.f1)
        held += low <= real <= high
    assert 0.92 <= held / 400 <= 0.99


def test_the_expense_is_the_mean_of_what_each_row_costs(cancer):
    truth, score = cancer
    table = np.array([[0.0, 1.0], [5.0, -0.5]])
    made = curves.expense(truth, score, table)
    for at in range(0, len(made.threshold), 50):
        paid = table[truth.astype(int), (score >= made.threshold[at]).astype(int)]
        assert made.cost[at] == pytest.approx(paid.mean(), abs=1e-12)
        half = 1.96 * paid.std(ddof=1) / math.sqrt(len(paid))
        assert made.high[at] - made.cost[at] == pytest.approx(half, abs=1e-12)
    assert made.threshold[made.cost.argmin()] == by_cost(truth.astype(int), both(score), table).threshold


def test_the_calibration_curve_equals_sklearn(cancer):
    truth, score = cancer
    score = 0.99 * score + np.random.default_rng(0).random(len(score)) * 1e-9  # no ties: the same bins
    observed, stated = calibration_curve(truth, score, n_bins=9, strategy="quantile")
    curve = curves.calibration(both(score), truth.astype(int), bins=9)
    assert np.abs(curve.observed - observed).max() < 1e-12
    assert np.abs(curve.stated - stated).max() < 1e-12
    assert curve.rows.sum() == len(truth)
    assert ((curve.low <= curve.observed) & (curve.observed <= curve.high)).all()


def test_the_error_by_range_adds_up_to_sklearns(diabetes):
    y, predicted = diabetes
    found = curves.error_by_range(y, predicted, bins=6)
    share = found.rows / found.rows.sum()
    assert share @ found.error == pytest.approx(metrics.mean_absolute_error(y, predicted), abs=1e-12)
    assert share @ found.bias == pytest.approx((predicted - y).mean(), abs=1e-12)
    assert (found.start[1:] > found.stop[:-1]).all()
    assert ((found.low < found.error) & (found.error < found.high)).all()
    assert found.bias[0] > 0 > found.bias[-1]  # a model draws extremes towards the mean


def test_a_truth_of_few_values_has_as_many_ranges():
    y = np.repeat([0.0, 0.0, 0.0, 7.0], 10)
    found = curves.error_by_range(y, y + 1)
    assert (found.start.tolist(), found.stop.tolist(), found.rows.tolist()) == ([0, 7], [0, 7], [30, 10])
    alone = curves.error_by_range(np.array([3.0]), np.array([4.0]))
    assert alone.error.tolist() == [1.0]
    assert np.isnan(alone.high).all()


def test_residuals_hold_nine_in_ten(diabetes):
    y, predicted = diabetes
    found = curves.residuals(y, predicted, bins=4)
    assert (np.diff(found.predicted) > 0).all()
    place = np.searchsorted(np.quantile(predicted, [0.25, 0.5, 0.75]), predicted, side="right")
    inside = (found.lower[place] <= y - predicted) & (y - predicted <= found.upper[place])
    assert inside.mean() == pytest.approx(0.9, abs=0.02)


def test_coverage_by_range_finds_where_intervals_are_too_narrow():
    rng = np.random.default_rng(0)
    predicted = rng.uniform(0, 10, 4000)
    y = predicted + rng.normal(size=4000) * np.where(predicted > 7.5, 4.0, 1.0)
    found = curves.coverage_by_range(np.abs(y - predicted) <= 1.64, predicted, bins=4)
    assert found.inside[:3] == pytest.approx([0.9] * 3, abs=0.03)
    assert found.high[3] < 0.5


def test_intervals_of_quantiles_hold():
    rng, held = np.random.default_rng(0), 0
    for _ in range(600):
        value, low, high = curves.quantile(rng.exponential(size=80), 0.9)
        assert low <= value <= high
        held += low <= math.log(10) <= high
    assert 0.92 <= held / 600 <= 0.98
    assert curves.quantile(np.array([4.0]), 0.5) == (4.0, 4.0, 4.0)


def test_a_thinned_curve_keeps_ends_corners_and_its_shape(cancer):
    curve = curves.roc(*cancer)
    rows = curves.thinned(curve.false, curve.true, 60)
    assert len(rows) <= 60
    assert (rows[0], rows[-1]) == (0, len(curve.true) - 1)
    drawn = np.trapezoid(curve.true[rows], curve.false[rows])
    assert drawn == pytest.approx(np.trapezoid(curve.true, curve.false), abs=0.002)
