from __future__ import annotations

import json

import numpy as np
import pytest
from sklearn.datasets import load_diabetes, load_digits
from sklearn.discriminant_analysis import LinearDiscriminantAnalysis
from sklearn.linear_model import Ridge
from sklearn.model_selection import cross_val_predict, train_test_split

from noria.errors import ParamError
from noria.methods.conformal import ConformalClassifier, ConformalRegressor, interval_coverage, set_coverage


def noisy(n: int, seed: int) -> tuple[np.ndarray, np.ndarray]:
    """Predictions, and truths whose noise grows with them and is skewed."""
    rng = np.random.default_rng(seed)
    predicted = rng.uniform(1, 10, n)
    return predicted, predicted + predicted * (rng.exponential(1.0, n) - 1.0)


@pytest.mark.parametrize("coverage", [0.5, 0.8, 0.9, 0.95])
def test_intervals_cover_in_every_region_of_growing_noise(coverage: float) -> None:
    predicted, y = noisy(6000, 0)
    regressor = ConformalRegressor.fit(y, predicted, coverage)
    predicted, y = noisy(20_000, 1)
    low, high = regressor.interval(predicted)
    assert interval_coverage(y, low, high) == pytest.approx(coverage, abs=0.02)
    for region in (predicted < 3, predicted > 8):
        assert interval_coverage(y[region], low[region], high[region]) == pytest.approx(coverage, abs=0.06)
    width = high - low
    assert width[predicted > 8].mean() > 2 * width[predicted < 3].mean()


def test_misses_are_shared_between_the_sides() -> None:
    predicted, y = noisy(6000, 0)
    low, high = ConformalRegressor.fit(y, predicted, 0.8).interval(predicted)
    assert (y < low).mean() == pytest.approx(0.1, abs=0.02)
    assert (y > high).mean() == pytest.approx(0.1, abs=0.02)


def test_a_scale_makes_intervals_follow_noise_that_the_prediction_does_not_show() -> None:
    rng = np.random.default_rng(0)
    scale = rng.choice([0.5, 5.0], 4000)
    y = rng.normal(size=4000) * scale
    regressor = ConformalRegressor.fit(y[:2000], np.zeros(2000), 0.9, scale[:2000])
    low, high = regressor.interval(np.zeros(2000), scale[2000:])
    for value in (0.5, 5.0):
        rows = scale[2000:] == value
        assert interval_coverage(y[2000:][rows], low[rows], high[rows]) == pytest.approx(0.9, abs=0.03)
    with pytest.raises(ParamError, match="with a scale"):
        regressor.interval(np.zeros(1))
    with pytest.raises(ParamError, match="without a scale"):
        ConformalRegressor.fit(y, y).interval(np.zeros(1), np.ones(1))


@pytest.mark.parametrize("n", [10, 19, 40])
def test_few_rows_still_cover_on_average(n: int) -> None:
    rng = np.random.default_rng(0)
    covered = []
    for _ in range(400):
        regressor = ConformalRegressor.fit(rng.normal(size=n), np.zeros(n), 0.9)
        low, high = regressor.interval(np.zeros(20))
        covered.append(interval_coverage(rng.normal(size=20), low, high))
    assert 0.885 <= np.mean(covered) <= 0.95


def test_intervals_on_real_data_from_out_of_fold_predictions() -> None:
    X, y = load_diabetes(return_X_y=True)
    covered = []
    for seed in range(8):
        X_train, X_test, y_train, y_test = train_test_split(X, y, test_size=0.4, random_state=seed)
        out_of_fold = cross_val_predict(Ridge(), X_train, y_train, cv=5)
        regressor = ConformalRegressor.fit(y_train, out_of_fold, 0.9)
        low, high = regressor.interval(Ridge().fit(X_train, y_train).predict(X_test))
        covered.append(interval_coverage(y_test, low, high))
    assert np.mean(covered) == pytest.approx(0.9, abs=0.03)


@pytest.fixture(scope="module")
def digits() -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
    """Out-of-fold probabilities and classes of blurred digits, then those of a test half."""
    X, y = load_digits(return_X_y=True)
    noise = np.random.default_rng(0).normal(scale=9.0, size=X.shape)
    X_train, X_test, y_train, y_test = train_test_split(X + noise, y, test_size=0.5, random_state=0)
    model = LinearDiscriminantAnalysis()
    p = cross_val_predict(model, X_train, y_train, cv=5, method="predict_proba")
    return p, y_train, model.fit(X_train, y_train).predict_proba(X_test), y_test


@pytest.mark.parametrize("method", ["aps", "lac"])
@pytest.mark.parametrize("coverage", [0.8, 0.95, 0.99])
def test_sets_cover_on_real_data(digits: tuple[np.ndarray, ...], method: str, coverage: float) -> None:
    p, y, new_p, y_test = digits
    classifier = ConformalClassifier.fit(p, y, coverage, method=method)
    sets = classifier.sets(new_p)
    assert sets.any(axis=1).all()
    assert set_coverage(y_test, sets) >= coverage - 0.025
    if coverage > 0.9:
        assert set_coverage(y_test, sets) <= coverage + 0.03
        assert 1 < sets.sum(axis=1).mean() < 7


def rare(n: int, seed: int) -> tuple[np.ndarray, np.ndarray]:
    """Three calibrated classes, of which the last is rare and hard."""
    rng = np.random.default_rng(seed)
    y = rng.choice(3, n, p=[0.6, 0.35, 0.05])
    x = rng.normal(size=n) + np.array([0.0, 3.0, 1.5])[y]
    density = np.exp(-0.5 * (x[:, None] - np.array([0.0, 3.0, 1.5])) ** 2) * [0.6, 0.35, 0.05]
    return density / density.sum(axis=1, keepdims=True), y


def test_coverage_by_class_protects_the_rare_one() -> None:
    p, y = rare(8000, 0)
    new_p, new_y = rare(20_000, 1)
    marginal = ConformalClassifier.fit(p, y, 0.9).sets(new_p)
    by_class = ConformalClassifier.fit(p, y, 0.9, by_class=True).sets(new_p)
    assert set_coverage(new_y, marginal) == pytest.approx(0.9, abs=0.02)
    assert set_coverage(new_y[new_y == 2], marginal[new_y == 2]) < 0.5
    for code in range(3):
        rows = new_y == code
        assert set_coverage(new_y[rows], by_class[rows]) >= 0.86
    assert set_coverage(new_y[new_y == 2], by_class[new_y == 2]) <= 0.95


def test_a_class_with_too_few_rows_is_in_every_set() -> None:
    p, y = rare(500, 0)
    y = np.where(y == 2, 0, y)
    sets = ConformalClassifier.fit(p, y, 0.9, by_class=True).sets(p)
    assert sets[:, 2].all()


def test_both_survive_json_and_repeat() -> None:
    predicted, y = noisy(1000, 0)
    regressor = ConformalRegressor.fit(y, predicted)
    assert ConformalRegressor.from_dict(json.loads(json.dumps(regressor.to_dict()))) == regressor
    p, codes = rare(500, 0)
    classifier = ConformalClassifier.fit(p, codes, method="aps")
    again = ConformalClassifier.from_dict(json.loads(json.dumps(classifier.to_dict())))
    assert again == classifier
    assert (again.sets(p) == classifier.sets(p)).all()


def test_constant_predictions_and_one_row() -> None:
    regressor = ConformalRegressor.fit(np.arange(1000.0), np.full(1000, 500.0))
    low, high = regressor.interval(np.array([500.0]))
    assert low[0] == pytest.approx(50, abs=10)
    assert high[0] == pytest.approx(950, abs=10)
    low, high = ConformalRegressor.fit(np.array([3.0]), np.array([1.0])).interval(np.array([0.0]))
    assert (low[0], high[0]) == (-2.0, 2.0)


def test_errors_say_what_is_wrong() -> None:
    with pytest.raises(ParamError, match="between 0 and 1"):
        ConformalRegressor.fit(np.ones(9), np.ones(9), 90)
    with pytest.raises(ParamError, match="no rows"):
        ConformalRegressor.fit(np.empty(0), np.empty(0))
    with pytest.raises(ParamError, match="kind of set"):
        ConformalClassifier.fit(np.eye(2), np.array([0, 1]), method="raps")
    with pytest.raises(ParamError, match="other classes"):
        ConformalClassifier.fit(np.eye(2), np.array([0, 1])).sets(np.eye(3))
