from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest

from noria.core.deadline import Deadline, OutOfTime
from noria.errors import ParamError
from noria.methods._network import Adam, Network, activate
from noria.methods.mlp import Mlp, MlpSettings, fit_mlp

FAST: dict[str, Any] = {"hidden": (32, 32), "batch": 64}


class Looks(Deadline):
    """A deadline that passes at its n-th look."""

    def __init__(self, looks: int) -> None:
        super().__init__()
        self.looks = looks

    @property
    def expired(self) -> bool:
        self.looks -= 1
        return self.looks < 0


def xor(n: int = 400, seed: int = 0) -> tuple[np.ndarray, np.ndarray]:
    X = np.random.default_rng(seed).normal(size=(n, 3)).astype(np.float32)
    return X, (X[:, 0] * X[:, 1] > 0).astype(int)


def line(n: int = 400, seed: int = 0) -> tuple[np.ndarray, np.ndarray]:
    X = np.random.default_rng(seed).normal(size=(n, 4)).astype(np.float32)
    X[:, 3] = X[:, 3] > 0
    return X, 1e6 + 50 * X[:, 0] - 20 * X[:, 1] + 30 * X[:, 3]


def log_loss(network: Mlp, X: np.ndarray, y: np.ndarray) -> float:
    return -float(np.log(network.predict(X)[np.arange(len(y)), y]).mean())


def rmse(network: Mlp, X: np.ndarray, y: np.ndarray) -> float:
    return float(np.sqrt(np.mean((network.predict(X)[:, 0] - y) ** 2)))


def forward(network: Network, x: np.ndarray) -> np.ndarray:
    """The training network, written the plain way."""
    w = network.weights
    z = x[:, network.embedded].T[:, :, None]
    waves = np.cos(z * w["frequency"] + w["phase"]) @ w["mix"]
    h = np.concatenate([x, *waves], axis=1) * w["scale"]
    for i in range(network.depth):
        h = h @ w[f"weight_{i}"] + w[f"bias_{i}"]
        if i < network.depth - 1:
            h = h * np.tanh(np.log1p(np.exp(h)))
    return h


def mean_loss(network: Network, x: np.ndarray, target: np.ndarray, weight: np.ndarray) -> float:
    raw = forward(network, x)
    if target.shape[1] == 1:
        return float(np.mean(weight * (raw - target) ** 2) / 2)
    log_p = raw - np.log(np.exp(raw).sum(axis=1, keepdims=True))
    return -float(np.mean(weight[:, 0] * (target * log_p).sum(axis=1)))


@pytest.mark.parametrize("embedded", [[], [0, 2]])
@pytest.mark.parametrize("outputs", [1, 3])
def test_gradient_equals_finite_differences(outputs: int, embedded: list[int]) -> None:
    rng = np.random.default_rng(1)
    x = rng.normal(size=(12, 4))
    target = rng.normal(size=(12, 1)) if outputs == 1 else rng.dirichlet(np.ones(outputs), 12)
    weight = rng.uniform(0.5, 2, (12, 1))
    network = Network((4, 6, 5, outputs), np.array(embedded, dtype=np.intp), 12, np.float64)
    network.initialise(x, rng)
    network.gradient(x, target, weight, 0.0, rng)
    for at, slope in enumerate(network.flat_gradient.copy()):
        here = network.flat[at]
        network.flat[at] = here + 1e-5
        above = mean_loss(network, x, target, weight)
        network.flat[at] = here - 1e-5
        below = mean_loss(network, x, target, weight)
        network.flat[at] = here
        assert slope == pytest.approx((above - below) / 2e-5, abs=1e-7)


def test_mish_and_its_slope_stay_finite() -> None:
    x = np.array([-1e30, -50, -1, 0, 1, 50, 1e30], dtype=np.float32)
    slope, y = np.empty_like(x), x.copy()
    activate(y, slope)
    assert y[1:-1] == pytest.approx([0, -0.303401, 0, 0.865098, 50], abs=1e-5)
    assert np.isfinite(y).all()
    assert slope[1:-1] == pytest.approx([0, 0.0592, 0.6, 1.0490, 1], abs=1e-3)


def test_dropout_leaves_out_its_share_and_keeps_the_mean() -> None:
    network = Network((2, 200, 1), np.empty(0, dtype=np.intp), 500)
    network.initialise(np.zeros((500, 2), np.float32), np.random.default_rng(0))
    h, slope = np.ones((500, 200), np.float32), np.ones((500, 200), np.float32)
    network._drop(h, slope, 64, np.random.default_rng(0))
    assert (h == 0).mean() == pytest.approx(0.25, abs=0.01)
    assert h.mean() == pytest.approx(1, abs=0.02)
    assert (h == slope).all()


def test_decay_shrinks_weights_and_nothing_else() -> None:
    network = Network((2, 3, 1), np.array([0]), 5)
    network.flat[:] = 1
    Adam(network).step(0.1, 0.5)
    assert network.weights["weight_0"] == pytest.approx(np.full((5, 3), 0.95))
    for name in ("bias_0", "scale", "mix", "frequency"):
        assert (network.weights[name] == 1).all()


def test_learns_xor() -> None:
    X, y = xor()
    X_new, y_new = xor(seed=1)
    network = fit_mlp(X, y, classes=2, epochs=40, **FAST)
    assert network.link == "softmax"
    assert (network.predict(X_new).argmax(axis=1) == y_new).mean() > 0.93
    assert network.predict(X_new).sum(axis=1) == pytest.approx(np.ones(400))


def test_learns_a_line_far_from_zero() -> None:
    X, y = line()
    X_new, y_new = line(seed=1)
    network = fit_mlp(X, y, numeric=np.array([True, True, True, False]), epochs=60, **FAST)
    assert network.link == "identity"
    assert rmse(network, X_new, y_new) < 0.2 * y_new.std()


def test_more_classes_than_two() -> None:
    X = np.random.default_rng(0).normal(size=(600, 2)).astype(np.float32)
    y = np.digitize(X[:, 0], [-0.5, 0.5])
    network = fit_mlp(X, y, classes=4, epochs=30, **FAST)
    assert network.predict(X).shape == (600, 4)
    assert (network.predict(X).argmax(axis=1) == y).mean() > 0.9
    assert network.predict(X)[:, 3].max() < 0.2, "a class without rows stays improbable"


@pytest.mark.parametrize(("make", "classes"), [(xor, 2), (line, 0)])
@pytest.mark.parametrize("embed", [True, False])
def test_one_row_equals_the_same_row_in_a_batch(make: Any, classes: int, embed: bool) -> None:
    X, y = make(1500)
    network = fit_mlp(X, y, classes=classes, epochs=3, embed=embed, **FAST)
    batch = network.predict(X)
    assert batch.dtype == np.float64
    for row in (0, 1023, 1024, 1499):
        one = network.predict_one(X[row])
        assert one.shape == batch[row].shape
        assert one == pytest.approx(batch[row], rel=1e-5)


def test_prediction_equals_the_training_network() -> None:
    rng = np.random.default_rng(0)
    x = rng.normal(size=(30, 4))
    network = Network((4, 8, 7, 2), np.array([1, 3]), 30, np.float64)
    network.initialise(x, rng)
    network.weights["scale"][:] = rng.uniform(0.5, 2, network.weights["scale"].shape)
    scaling = {
        "center": np.zeros(4),
        "factor": np.full(4, 1e-4),
        "location": np.zeros(1),
        "spread": np.ones(1),
    }
    predicted = Mlp(scaling | network.fitted(), "identity").predict(x * 1e4)
    assert predicted == pytest.approx(forward(network, x / np.sqrt(1 + x**2 / 9)), rel=1e-4, abs=1e-5)


def test_same_seed_same_weights_and_another_seed_others() -> None:
    X, y = xor()
    first, again, other = (
        fit_mlp(X, y, valid=xor(100, 1), classes=2, epochs=4, seed=seed, **FAST) for seed in (3, 3, 4)
    )
    arrays = again.to_arrays()
    assert all((array == arrays[name]).all() for name, array in first.to_arrays().items())
    assert (first.predict(X) != other.predict(X)).any()


def test_inputs_stay_untouched() -> None:
    X, y = line()
    X_before, y_before = X.copy(), y.copy()
    fit_mlp(X, y, valid=(X, y), epochs=2, **FAST).predict(X)
    assert (X_before == X).all()
    assert (y_before == y).all()


@pytest.mark.parametrize(("make", "classes"), [(xor, 2), (line, 0)])
def test_arrays_round_trip_through_a_file(make: Any, classes: int, tmp_path: Any) -> None:
    from safetensors.numpy import load_file, save_file

    X, y = make()
    network = fit_mlp(X, y, classes=classes, epochs=2, **FAST)
    save_file(network.to_arrays(), tmp_path / "network.safetensors")
    loaded = Mlp.from_arrays(load_file(tmp_path / "network.safetensors"))
    assert loaded.link == network.link
    assert (loaded.predict(X) == network.predict(X)).all()


def test_sample_weights_decide_between_contradicting_rows() -> None:
    X = np.zeros((200, 1), np.float32)
    y = np.arange(200) % 2
    weighted = dict(sample_weight=np.where(y == 1, 3.0, 1.0), dropout=0.0, epochs=40, **FAST)
    network = fit_mlp(X, y, classes=2, **weighted)
    assert network.predict_one(X[0])[1] == pytest.approx(0.75, abs=0.03)
    values = fit_mlp(X, y * 8.0, **weighted)
    assert values.predict_one(X[0])[0] == pytest.approx(6, abs=0.3)


def test_scale_and_offset_of_a_column_do_not_matter() -> None:
    X, y = line()
    plain = fit_mlp(X, y, epochs=3, **FAST).predict(X)
    scaled = fit_mlp(X * 64 + 128, y, epochs=3, **FAST).predict(X * 64 + 128)
    assert scaled == pytest.approx(plain, rel=1e-4)


def test_outlier_and_constant_column_are_harmless() -> None:
    X, y = line()
    X = np.column_stack([X, np.full(len(X), 7)]).astype(np.float32)
    X[0, 0] = 1e9
    network = fit_mlp(X, y, epochs=60, **FAST)
    assert rmse(network, X[1:], y[1:]) < 0.2 * y.std()


def test_validation_picks_the_best_epoch() -> None:
    rng = np.random.default_rng(0)
    X, y = rng.normal(size=(100, 10)).astype(np.float32), rng.integers(0, 2, 100)
    held = rng.normal(size=(200, 10)).astype(np.float32), rng.integers(0, 2, 200)
    noise = dict(classes=2, epochs=40, dropout=0.0, **FAST)
    picked, last = fit_mlp(X, y, valid=held, **noise), fit_mlp(X, y, **noise)
    assert log_loss(picked, *held) < 0.8 < log_loss(last, *held)


def test_patience_ends_training_early() -> None:
    X, y = line()
    held = X[:50], np.random.default_rng(0).normal(size=50) + 1e6
    deadline = Looks(10**6)
    fit_mlp(X, y, valid=held, epochs=500, patience=2, deadline=deadline, **FAST)
    assert 10**6 - deadline.looks < 50 * len(X) / FAST["batch"]


@pytest.mark.parametrize("looks", [0, 5])
def test_deadline_within_the_first_epoch_is_out_of_time(looks: int) -> None:
    X, y = xor()
    with pytest.raises(OutOfTime):
        fit_mlp(X, y, classes=2, deadline=Looks(looks), **FAST)


@pytest.mark.parametrize("held", [None, xor(100, 1)])
def test_deadline_after_the_first_epoch_returns_what_there_is(held: Any) -> None:
    X, y = xor()
    deadline = Looks(9)
    network = fit_mlp(X, y, valid=held, classes=2, epochs=10**6, deadline=deadline, **FAST)
    assert deadline.looks == -1
    assert np.isfinite(network.predict(X)).all()


def test_a_near_deadline_plans_fewer_epochs_and_is_kept() -> None:
    X, y = xor()
    deadline = Deadline(0.5)
    network = fit_mlp(X, y, classes=2, epochs=10**6, deadline=deadline, **FAST)
    assert not deadline.expired
    assert (network.predict(X).argmax(axis=1) == y).mean() > 0.8


@pytest.mark.parametrize("n", [1, 2, 65])
def test_few_rows(n: int) -> None:
    X, y = line(n)
    network = fit_mlp(X, y, epochs=2, **FAST)
    assert network.predict(X).shape == (n, 1)
    assert network.predict(X[:0]).shape == (0, 1)


@pytest.mark.parametrize(
    ("change", "text"),
    [
        ({"X": np.ones(3)}, "X and y do not fit each other."),
        ({"y": np.zeros(3)}, "got: X of shape (400, 3), y of shape (3,)"),
        ({"X": np.full((400, 3), np.nan)}, "X and y hold missing or infinite numbers."),
        ({"y": np.full(400, 2)}, "got: codes 2 to 2, classes=2"),
        ({"classes": 1}, "at least 2 classes"),
        ({"valid": (np.ones((3, 3)), np.full(3, -1))}, "The validation rows hold codes outside"),
        ({"sample_weight": np.zeros(400)}, "The sample weights do not fit the rows."),
        ({"numeric": np.ones(2, dtype=bool)}, "'numeric'"),
        ({"droput": 0.1}, "Did you mean 'dropout'?"),
        ({"dropout": 1.0}, "A network's 'dropout' is out of range."),
        ({"hidden": ()}, "'hidden'"),
        ({"lr": math.nan}, "'lr'"),
    ],
)
def test_bad_input_is_named(change: dict[str, Any], text: str) -> None:
    X, y = xor()
    with pytest.raises(ParamError) as caught:
        fit_mlp(**{"X": X, "y": y, "classes": 2, "epochs": 1} | change)
    assert text in str(caught.value)


def test_rows_of_another_width_are_refused() -> None:
    X, y = xor(70)
    network = fit_mlp(X, y, classes=2, epochs=1, **FAST)
    with pytest.raises(ParamError, match="do not fit the network"):
        network.predict(X[:, :2])


def test_settings_say_their_defaults() -> None:
    assert MlpSettings() == MlpSettings(hidden=(128, 128), epochs=None, seed=0)
