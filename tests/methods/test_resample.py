from __future__ import annotations

import sys

import lightgbm as lgb
import numpy as np
import pytest
from sklearn.utils.class_weight import compute_sample_weight

from noria.errors import MissingExtraError, ParamError
from noria.methods.resample import FocalLoss, balanced_weights, oversample

FOCALS = [FocalLoss(gamma, alpha) for gamma in (0.0, 0.5, 2.0, 5.0) for alpha in (0.25, 0.5, 0.9)]


def test_balanced_weights_equal_sklearns() -> None:
    y = np.random.default_rng(0).choice([0, 1, 2, 7], 200, p=[0.7, 0.2, 0.05, 0.05])
    assert balanced_weights(y) == pytest.approx(compute_sample_weight("balanced", y))
    weight = np.random.default_rng(1).uniform(0.1, 3, 200)
    after = balanced_weights(y, weight)
    assert after.sum() == pytest.approx(weight.sum())
    assert [after[y == code].sum() for code in (0, 1, 2, 7)] == pytest.approx([weight.sum() / 4] * 4)
    assert balanced_weights(np.empty(0, int)).shape == (0,)
    assert balanced_weights(np.array([0, 1]), np.array([1.0, 0.0])).tolist() == [1.0, 0.0]


@pytest.mark.parametrize("focal", FOCALS)
@pytest.mark.parametrize("truth", [0, 1])
def test_the_gradient_equals_the_numerical_derivative(focal: FocalLoss, truth: int) -> None:
    raw = np.linspace(-6, 6, 49)
    y = np.full(49, truth)
    slope, curve = focal.gradient(y, raw)
    h = 1e-5
    assert slope == pytest.approx((focal.loss(y, raw + h) - focal.loss(y, raw - h)) / (2 * h), abs=1e-8)
    second = (focal.gradient(y, raw + h)[0] - focal.gradient(y, raw - h)[0]) / (2 * h)
    assert curve == pytest.approx(np.maximum(second, 1e-6), abs=1e-8)


def test_gamma_zero_is_the_log_loss() -> None:
    raw, y = np.linspace(-5, 5, 11), np.array([0, 1] * 5 + [1])
    focal = FocalLoss(gamma=0.0)
    p = 1 / (1 + np.exp(-raw))
    assert focal.loss(y, raw) == pytest.approx(-np.log(np.where(y == 1, p, 1 - p)))
    assert focal.gradient(y, raw)[0] == pytest.approx(p - y)
    assert focal.probability(raw) == pytest.approx(p)


@pytest.mark.parametrize("focal", FOCALS)
@pytest.mark.parametrize("share", [0.02, 0.3, 0.9])
def test_the_link_turns_the_minimiser_into_the_true_share(focal: FocalLoss, share: float) -> None:
    from scipy.optimize import minimize_scalar

    def risk(raw: float) -> float:
        one = np.array([raw])
        return float(share * focal.loss(np.ones(1), one)[0] + (1 - share) * focal.loss(np.zeros(1), one)[0])

    best = minimize_scalar(risk, bounds=(-15, 15), method="bounded", options={"xatol": 1e-9}).x
    assert focal.probability(np.array([best]))[0] == pytest.approx(share, rel=1e-3)
    assert focal.start(share) == pytest.approx(best, abs=1e-3)


@pytest.mark.filterwarnings("error")
def test_extreme_scores_stay_finite() -> None:
    for focal in FOCALS:
        raw = np.array([-1e4, -50.0, 50.0, 1e4])
        p = focal.probability(raw)
        assert np.isfinite(p).all()
        assert (np.diff(p) >= 0).all()
        for y in (np.zeros(4), np.ones(4)):
            assert np.isfinite(focal.loss(y, raw)).all()
            assert all(np.isfinite(part).all() for part in focal.gradient(y, raw))


def test_lightgbm_learns_calibrated_probabilities_with_it() -> None:
    rng = np.random.default_rng(0)
    X = rng.normal(size=(6000, 3))
    share = 1 / (1 + np.exp(3 - 2 * X[:, 0]))
    y = (rng.random(6000) < share).astype(float)
    focal = FocalLoss(gamma=2.0, alpha=0.75)
    start = np.full(6000, focal.start(y.mean()))
    data = lgb.Dataset(X, y, weight=np.ones(6000), init_score=start)
    settings = {"objective": focal.objective, "verbosity": -1, "num_leaves": 7, "num_threads": 1, "seed": 0}
    booster = lgb.train(settings, data, num_boost_round=60)
    p = focal.probability(booster.predict(X, raw_score=True) + start[0])
    assert p.mean() == pytest.approx(y.mean(), abs=0.02)
    assert np.abs(p - share).mean() < 0.03
    raw = 1 / (1 + np.exp(-booster.predict(X, raw_score=True) - start[0]))
    assert np.abs(raw - share).mean() > 0.1


def test_the_objective_weights_rows() -> None:
    focal, raw = FocalLoss(), np.array([0.3, -0.2])
    data = lgb.Dataset(np.zeros((2, 1)), np.array([0.0, 1.0]), weight=np.array([2.0, 3.0])).construct()
    slope, curve = focal.objective(raw, data)
    plain = focal.gradient(np.array([0.0, 1.0]), raw)
    assert slope == pytest.approx(plain[0] * [2, 3])
    assert curve == pytest.approx(plain[1] * [2, 3])


def unequal() -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(0)
    y = np.array([0] * 60 + [1] * 12 + [2] * 4)
    return rng.normal(size=(76, 3)) + y[:, None] * 0.3, y


@pytest.mark.parametrize("method", ["adasyn", "smote"])
def test_oversampling_adds_rows_of_the_rare_classes(method: str) -> None:
    pytest.importorskip("imblearn", reason="the extra 'imbalance' is not installed")
    X, y = unequal()
    more, codes = oversample(X, y, method=method, seed=1)
    assert (more[:76] == X).all()
    assert (codes[:76] == y).all()
    counts = np.bincount(codes)
    assert counts[0] == 60
    assert (np.abs(counts[1:] - 60) <= (0 if method == "smote" else 8)).all()
    again, _ = oversample(X, y, method=method, seed=1)
    assert (again == more).all()
    assert more[codes == 2].min() >= X[y == 2].min()


def test_oversampling_copes_with_the_awkward() -> None:
    pytest.importorskip("imblearn", reason="the extra 'imbalance' is not installed")
    X, y = unequal()
    _, codes = oversample(X, np.where(np.arange(76) == 75, 9, np.minimum(y, 1)))
    assert (codes == 9).sum() == 1
    far = np.vstack([np.zeros((30, 2)), np.full((6, 2), 100.0)]) + np.random.default_rng(0).random((36, 2))
    _, codes = oversample(far, np.array([0] * 30 + [1] * 6), method="adasyn")
    assert np.bincount(codes).tolist() == [30, 30]
    assert oversample(X, np.zeros(76, int))[0] is X
    mixed = X.copy()
    mixed[:, 1] = np.arange(76) % 3
    more, _ = oversample(mixed, y, categorical=np.array([1]))
    assert set(more[:, 1]) == {0.0, 1.0, 2.0}
    wider = np.column_stack([mixed, np.arange(76) % 2])
    more, _ = oversample(wider, y, categorical=np.array([1, 3]))
    assert set(more[:, 3]) == {0.0, 1.0}


@pytest.mark.parametrize("method", ["smote", "adasyn"])
def test_rows_of_categories_only_are_drawn_from_their_neighbours(method) -> None:
    pytest.importorskip("imblearn", reason="the extra 'imbalance' is not installed")
    X, y = np.random.default_rng(0).integers(0, 3, (60, 4)).astype(float), np.repeat([0, 1], [45, 15])
    more, codes = oversample(X, y, method=method, categorical=np.arange(4))
    assert np.bincount(codes).tolist() == [45, 45]
    assert set(more.ravel()) == {0.0, 1.0, 2.0}


class WithoutImblearn:
    """Makes imports behave as where imbalanced-learn is not installed."""

    def find_spec(self, name: str, *_: object) -> None:
        if name == "imblearn":
            raise ModuleNotFoundError(name=name)


def test_errors_say_what_is_wrong(monkeypatch: pytest.MonkeyPatch) -> None:
    X, y = unequal()
    with pytest.raises(ParamError, match="no such way"):
        oversample(X, y, method="smoot")
    with pytest.raises(ParamError, match="complete rows"):
        oversample(np.where(X > 2, np.nan, X), y)
    with pytest.raises(ParamError, match="gamma"):
        FocalLoss(gamma=-1)
    with pytest.raises(ParamError, match="alpha"):
        FocalLoss(alpha=1.0)
    for name in [name for name in sys.modules if name.partition(".")[0] == "imblearn"]:
        monkeypatch.delitem(sys.modules, name)
    monkeypatch.setattr(sys, "meta_path", [WithoutImblearn(), *sys.meta_path])
    with pytest.raises(MissingExtraError, match="imblearn"):
        oversample(X, y)
