from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from noria.core.deadline import Deadline
from noria.methods._prune import prune
from noria.methods.mlp import Mlp, fit_mlp

FAST: dict[str, Any] = {"epochs": 30, "batch": 64}


def wave(n: int, classes: int, seed: int = 0) -> tuple[np.ndarray, np.ndarray]:
    """Rows of three columns with a curved answer under noise."""
    rng = np.random.default_rng(seed)
    X = rng.normal(size=(n, 3)).astype(np.float32)
    score = np.sin(2 * X[:, 0]) + X[:, 1] + rng.normal(size=n) / 2
    return X, np.digitize(score, [-0.5, 0.5])[: len(X)] if classes else 40 * score + 1e4


def pair(classes: int, **settings: Any) -> tuple[Mlp, Mlp]:
    """The same training without pruning and with it."""
    X, y = wave(800, classes)
    fit = {"valid": wave(300, classes, 1), "classes": classes} | FAST | settings
    return fit_mlp(X, y, **(fit | {"prune": 0})), fit_mlp(X, y, **fit)


def sizes(network: Mlp) -> tuple[int, ...]:
    """Waves, and the units of the hidden layers."""
    w = network.weights
    return w["frequency"].shape[1], w["bias_0"].size, w["bias_1"].size


def loss(network: Mlp, X: np.ndarray, y: np.ndarray) -> float:
    predicted = network.predict(X)
    if network.link == "identity":
        return float(np.square(predicted[:, 0] - y).mean())
    return -float(np.log(predicted[np.arange(len(y)), y]).mean())


@pytest.mark.parametrize("classes", [0, 3])
@pytest.mark.parametrize("embed", [True, False])
def test_a_pruned_network_is_smaller_and_answers_nearly_alike(classes: int, embed: bool) -> None:
    whole, small = pair(classes, embed=embed)
    assert sizes(whole)[1:] == (128, 128)
    assert max(sizes(small)[1:]) <= 64
    assert not embed or sizes(small)[0] < sizes(whole)[0] == 16
    X, y = wave(3_000, classes, 2)
    assert loss(small, X, y) == pytest.approx(loss(whole, X, y), rel=0.01)
    assert small.predict_one(X[0]) == pytest.approx(small.predict(X[:1])[0], rel=1e-4)


def test_a_pruned_network_is_smaller_on_disk_and_comes_back() -> None:
    whole, small = pair(3)
    arrays = small.to_arrays()
    assert 3 * sum(a.nbytes for a in arrays.values()) < sum(a.nbytes for a in whole.to_arrays().values())
    X, _ = wave(50, 3, 3)
    assert (Mlp.from_arrays(arrays).predict(X) == small.predict(X)).all()


def test_what_is_allowed_decides_how_much_goes() -> None:
    strict, loose = pair(3, prune=1e-6)[1], pair(3, prune=0.05)[1]
    assert sum(sizes(strict)) > sum(sizes(loose))


def doubled() -> dict[str, np.ndarray]:
    """A network each of whose units stands there twice, with a share of what the unit has to say."""
    whole = fit_mlp(*wave(400, 0), hidden=(8, 8), prune=0, **FAST).weights
    twice = dict(whole)
    for i in range(2):
        twice |= {name: np.concatenate([twice[name]] * 2, axis=-1) for name in (f"weight_{i}", f"bias_{i}")}
        onward = twice[f"weight_{i + 1}"]
        twice[f"weight_{i + 1}"] = np.concatenate([onward * 0.75, onward * 0.25])
    return twice


def test_units_that_stand_there_twice_go_without_a_trace() -> None:
    weights = doubled()
    X, y = wave(600, 0, 4)
    network = Mlp(weights, "identity")
    rows = network._scaled(X)
    outputs = network._forward(rows)

    def apart(raw: np.ndarray) -> float:
        return float(np.abs(raw - outputs[400:]).max()) / 0.01

    small = prune(weights, rows[:400], rows[400:], apart)
    assert small["bias_0"].size <= 8
    assert small["bias_1"].size <= 8
    assert Mlp(small, "identity").predict(X) == pytest.approx(network.predict(X), abs=0.02 * y.std())


def test_nothing_goes_where_nothing_may() -> None:
    weights = doubled()
    rows = np.random.default_rng(0).normal(size=(200, 3)).astype(np.float32)
    small = prune(weights, rows, rows, lambda _: np.inf)
    assert all(small[name] is weights[name] for name in weights)


def test_a_layer_of_one_unit_and_fewer_rows_than_units() -> None:
    X, y = wave(9, 0)
    network = fit_mlp(X, y, valid=wave(4, 0, 1), hidden=(64, 1), **FAST)
    assert np.isfinite(network.predict(X)).all()
    assert sizes(network)[2] == 1


def test_without_held_rows_or_time_all_units_stay() -> None:
    X, y = wave(300, 0)
    assert sizes(fit_mlp(X, y, **FAST)) == (16, 128, 128)

    class Late(Deadline):
        remaining, expired = 0.0, False

    assert sizes(fit_mlp(X, y, valid=(X, y), deadline=Late(), **FAST)) == (16, 128, 128)
