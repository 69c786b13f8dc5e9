from __future__ import annotations

import json

import numpy as np
import pytest
from scipy.optimize import minimize_scalar

from noria.errors import ParamError
from noria.methods.calibration import Calibrator, apply_temperature, fit_temperature, reliability
from noria.methods.metrics import expected_calibration_error, log_loss


def draw(n: int, k: int, seed: int = 0) -> tuple[np.ndarray, np.ndarray]:
    """Probabilities, and classes drawn from them."""
    rng = np.random.default_rng(seed)
    scores = rng.normal(size=(n, k)) * 1.5
    p = np.exp(scores) / np.exp(scores).sum(axis=1, keepdims=True)
    return p, (p.cumsum(axis=1) > rng.random((n, 1))).argmax(axis=1)


@pytest.mark.parametrize("k", [2, 5])
@pytest.mark.parametrize("bold", [0.4, 1.0, 3.0])
def test_temperature_is_recovered(k: int, bold: float) -> None:
    p, y = draw(8000, k)
    assert fit_temperature(apply_temperature(p, 1 / bold), y) == pytest.approx(bold, rel=0.08)


def test_temperature_is_the_minimum_for_many_rows() -> None:
    p, y = draw(20_000, 3)
    p = apply_temperature(p, 0.5)
    best = minimize_scalar(lambda t: log_loss(y, apply_temperature(p, t)), bounds=(0.1, 10), method="bounded")
    assert fit_temperature(p, y) == pytest.approx(best.x, rel=0.01)
    weight = np.random.default_rng(0).uniform(0.1, 2, 20_000)
    best = minimize_scalar(
        lambda t: log_loss(y, apply_temperature(p, t), weight), bounds=(0.1, 10), method="bounded"
    )
    assert fit_temperature(p, y, weight) == pytest.approx(best.x, rel=0.01)


def test_few_rows_hardly_move_the_temperature() -> None:
    assert 0.8 < fit_temperature(np.array([[0.8, 0.2]] * 3), np.zeros(3, int)) < 1.0
    assert fit_temperature(np.empty((0, 2)), np.empty(0, int)) == 1.0


def test_certain_mistakes_stay_finite() -> None:
    p = np.array([[1.0, 0.0]] * 90 + [[0.0, 1.0]] * 10)
    y = np.zeros(100, int)
    temperature = fit_temperature(p, y)
    assert 1 < temperature <= 20
    assert log_loss(y, apply_temperature(p, temperature)) < log_loss(y, p)


def test_good_probabilities_are_left_alone() -> None:
    chosen = [Calibrator.fit(*draw(1500, k, seed)).kind for k in (2, 4) for seed in range(8)]
    assert chosen.count("identity") >= 14


@pytest.mark.parametrize("k", [2, 4])
def test_bold_probabilities_are_repaired_on_new_rows(k: int) -> None:
    p, y = draw(6000, k)
    bold = apply_temperature(p, 0.4)
    calibrator = Calibrator.fit(bold[:3000], y[:3000])
    after = calibrator.apply(bold[3000:])
    assert calibrator.kind == "temperature"
    assert log_loss(y[3000:], after) < log_loss(y[3000:], bold[3000:]) - 0.05
    assert expected_calibration_error(y[3000:], after) < 0.03
    assert (after.argmax(axis=1) == bold[3000:].argmax(axis=1)).all()


def test_a_shift_that_temperature_cannot_repair_gets_beta_calibration() -> None:
    p, y = draw(8000, 2)
    odds = np.log(p[:, 1] / p[:, 0]) + 1.5
    one = 1 / (1 + np.exp(-odds))
    shifted = np.column_stack([1 - one, one])
    calibrator = Calibrator.fit(shifted[:4000], y[:4000])
    assert calibrator.kind == "beta"
    assert calibrator.parameters == pytest.approx((1.0, 1.0, -1.5), abs=0.4)
    assert log_loss(y[4000:], calibrator.apply(shifted[4000:])) < log_loss(y[4000:], p[4000:]) + 0.003


@pytest.mark.parametrize("kind", [("identity", ()), ("temperature", (2.0,)), ("beta", (0.5, 2.0, 0.1))])
def test_every_kind_gives_probabilities_and_survives_json(kind: tuple[str, tuple[float, ...]]) -> None:
    calibrator = Calibrator(*kind)
    again = Calibrator.from_dict(json.loads(json.dumps(calibrator.to_dict())))
    assert again == calibrator
    p = np.array([[0.0, 1.0], [1.0, 0.0], [0.3, 0.7]])
    after = again.apply(p)
    assert after.sum(axis=1) == pytest.approx(1.0)
    assert ((after >= 0) & (after <= 1)).all()


def test_tiny_or_single_class_data_do_not_break() -> None:
    p, y = draw(5, 2)
    assert Calibrator.fit(p, y).kind == "identity"
    p, _ = draw(200, 2)
    assert np.isfinite(Calibrator.fit(p, np.zeros(200, int)).apply(p)).all()
    with pytest.raises(ParamError, match="no such calibration"):
        Calibrator("isotonics")


def test_the_same_seed_gives_the_same_calibrator() -> None:
    p, y = draw(2000, 2)
    bold = apply_temperature(p, 0.5)
    assert Calibrator.fit(bold, y, seed=1) == Calibrator.fit(bold, y, seed=1)


def test_reliability_equals_sklearn() -> None:
    from sklearn.calibration import calibration_curve

    p, y = draw(2000, 2)
    stated, observed, rows = reliability(p, y, bins=8)
    fraction, mean = calibration_curve(y, p[:, 1], n_bins=8, strategy="quantile")
    assert stated == pytest.approx(mean)
    assert observed == pytest.approx(fraction)
    assert rows.sum() == 2000
    p, y = draw(500, 4)
    assert reliability(p, y)[2].sum() == 500
    assert len(reliability(np.full((9, 2), 0.5), np.zeros(9, int))[0]) == 1
    assert len(reliability(np.empty((0, 2)), np.empty(0, int))[0]) == 0


def test_no_class_is_ruled_out_by_rows_without_an_error():
    y = np.array([0, 1, 2] * 50)
    sure = np.eye(3)[y]
    calibrated = Calibrator.fit(sure, y).apply(sure)
    assert calibrated.min() == pytest.approx(0.25 / 150 / 3)
    np.testing.assert_allclose(calibrated.sum(axis=1), 1)
    again = Calibrator.from_dict(Calibrator.fit(sure, y).to_dict())
    np.testing.assert_array_equal(again.apply(sure), calibrated)
