from __future__ import annotations

import numpy as np
import pytest

from noria.core.deadline import Deadline
from noria.errors import ParamError
from noria.methods.ensemble import greedy_selection, mean_loss, stacking
from noria.methods.metrics import log_loss


def models(m: int, n: int, k: int, seed: int = 0) -> tuple[np.ndarray, np.ndarray]:
    """Probabilities (m, n, k) of models with errors of their own, and the classes."""
    rng = np.random.default_rng(seed)
    truth = rng.normal(size=(n, k)) * 1.5
    scores = truth + rng.normal(size=(m, n, k)) * np.linspace(0.5, 1.5, m)[:, None, None]
    p = np.exp(truth) / np.exp(truth).sum(axis=1, keepdims=True)
    y = (p.cumsum(axis=1) > rng.random((n, 1))).argmax(axis=1)
    return np.exp(scores) / np.exp(scores).sum(axis=2, keepdims=True), y


def squared(y: np.ndarray, predicted: np.ndarray) -> float:
    return float(((y - predicted) ** 2).mean())


def blended(weights: np.ndarray, stack: np.ndarray) -> np.ndarray:
    return np.tensordot(weights, stack, axes=1)


@pytest.mark.parametrize("k", [2, 4])
def test_the_fast_log_loss_equals_the_general_callable(k: int) -> None:
    stack, y = models(8, 400, k)
    truth = stack[:, np.arange(400), y]
    fast = greedy_selection(stack, y, "log_loss", rounds=25)
    assert fast == pytest.approx(greedy_selection(truth, y, "log_loss", rounds=25))
    assert fast == pytest.approx(greedy_selection(list(stack), y, "log_loss", rounds=25))
    assert fast == pytest.approx(greedy_selection(stack, y, log_loss, rounds=25))


@pytest.mark.parametrize("shape", [(300,), (300, 2)])
def test_the_fast_squared_error_equals_the_general_callable(shape: tuple[int, ...]) -> None:
    rng = np.random.default_rng(0)
    y = rng.normal(size=shape)
    stack = y + rng.normal(size=(6, *shape)) * np.linspace(0.5, 1, 6).reshape(6, *[1] * len(shape))
    fast = greedy_selection(stack, y, "squared_error", rounds=30)
    assert fast == pytest.approx(greedy_selection(stack, y, squared, rounds=30))


def test_a_blend_beats_the_best_single_model_on_new_rows() -> None:
    stack, y = models(10, 4000, 3)
    weights = greedy_selection(stack[:, :2000], y[:2000], "log_loss")
    assert weights.sum() == pytest.approx(1)
    assert weights.min() >= 0
    assert (weights[weights > 0] >= 0.02).all()
    singles = [log_loss(y[2000:], one[2000:]) for one in stack]
    assert log_loss(y[2000:], blended(weights, stack)[2000:]) < min(singles) - 0.005


def test_a_constant_bias_is_cancelled_by_repeating_members() -> None:
    y = np.random.default_rng(0).normal(size=500)
    weights = greedy_selection([y + 1.0, y - 3.0], y, "squared_error")
    assert weights == pytest.approx([0.75, 0.25], abs=0.02)


def test_models_that_do_not_help_get_nothing() -> None:
    rng = np.random.default_rng(0)
    y = rng.normal(size=500)
    stack = np.array([rng.normal(size=500), y.copy(), y + 5.0])
    assert greedy_selection(stack, y, "squared_error").tolist() == [0.0, 1.0, 0.0]
    assert greedy_selection(stack[:1], y, "squared_error").tolist() == [1.0]


def test_tolerance_keeps_the_simpler_blend_and_ties_go_to_the_first() -> None:
    stack, y = models(8, 300, 2)
    sizes = [(greedy_selection(stack, y, tolerance=t) > 0).sum() for t in (0.0, 0.005, 1.0)]
    assert sizes[0] >= sizes[1] >= sizes[2] == 1
    assert sizes[0] > 1
    best = min(range(8), key=lambda i: log_loss(y, stack[i]))
    assert greedy_selection(stack, y, tolerance=1.0)[best] == 1.0
    assert greedy_selection(np.array([stack[0], stack[0]]), y).tolist() == [1.0, 0.0]
    full = greedy_selection(stack, y)
    light = greedy_selection(stack, y, tolerance=0.005)
    assert log_loss(y, blended(light, stack)) <= log_loss(y, blended(full, stack)) + 0.007


def test_of_two_nearly_equal_models_the_cheaper_is_taken() -> None:
    stack, y = models(3, 1000, 2)
    stack = np.array([stack[0], stack[0] * 0.999 + 0.0005])
    assert greedy_selection(stack, y, tolerance=0.001)[0] > 0 or log_loss(y, stack[1]) < log_loss(y, stack[0])
    for costs in ([100.0, 1.0], [1.0, 100.0]):
        cheap = int(np.argmin(costs))
        assert greedy_selection(stack, y, tolerance=0.001, costs=np.array(costs))[cheap] == 1.0


def test_row_weights_choose_the_model_that_is_good_where_they_are_high() -> None:
    y = np.zeros(100)
    stack = np.array([np.r_[np.zeros(50), np.ones(50)], np.r_[np.ones(50), np.zeros(50)]])
    weight = np.r_[np.full(50, 1.0), np.full(50, 0.001)]
    assert greedy_selection(stack, y, "squared_error", weight=weight).argmax() == 0
    assert greedy_selection(stack, y, "squared_error", weight=weight[::-1]).argmax() == 1
    truth = 0.9 - 0.8 * stack
    assert greedy_selection(truth, y, "log_loss", weight=weight).argmax() == 0
    with pytest.raises(ParamError, match="Row weights"):
        greedy_selection(stack, y, squared, weight=weight)


def test_a_passed_deadline_gives_the_best_single_model() -> None:
    stack, y = models(5, 200, 2)
    weights = greedy_selection(stack, y, deadline=Deadline(0.0))
    assert weights.max() == 1.0
    assert weights.argmax() == min(range(5), key=lambda i: log_loss(y, stack[i]))


@pytest.mark.parametrize("loss", ["log_loss", "squared_error"])
def test_stacking_finds_the_blend_of_least_loss(loss: str) -> None:
    stack, y = models(6, 3000, 3)
    if loss == "squared_error":
        stack, y = stack[:, :, 0], (y == 0).astype(float)
    of = {"log_loss": log_loss, "squared_error": squared}[loss]
    weights = stacking(stack, y, loss)
    assert weights.sum() == pytest.approx(1)
    best = of(y, blended(weights, stack))
    assert best <= of(y, blended(greedy_selection(stack, y, loss), stack)) + 1e-9
    for seed in range(20):
        nearby = 0.9 * weights + 0.1 * np.random.default_rng(seed).dirichlet(np.ones(6))
        assert best <= of(y, blended(nearby, stack)) + 2e-4


@pytest.mark.parametrize("loss", ["log_loss", "squared_error"])
def test_a_stack_within_tolerance_is_lighter_and_loses_its_dearest_models_first(loss: str) -> None:
    rng = np.random.default_rng(1)
    y, skill = np.zeros(2000), rng.normal(size=2000)
    stack = np.stack([skill + rng.normal(size=2000) for _ in range(4)])
    if loss == "log_loss":
        stack = 1 / (1 + np.exp(-stack))
    stack[3] = stack[2] + 0.001 * rng.normal(size=2000)  # one model in two copies, of which one costs more
    stack = np.clip(stack, 0.01, None)
    costs = np.array([1.0, 1.0, 1.0, 50.0])
    full = stacking(stack, y, loss)
    least = mean_loss(full @ stack, y, loss)
    sizes = []
    for tolerance in (1e-3 * least, 1e-2 * least, 10 * least):
        light = stacking(stack, y, loss, tolerance=tolerance, costs=costs)
        assert light.sum() == pytest.approx(1)
        assert light[3] == 0
        assert mean_loss(light @ stack, y, loss) <= least + tolerance
        sizes.append(np.count_nonzero(light))
    assert sizes == sorted(sizes, reverse=True)
    assert sizes[-1] == 1


def test_models_with_nan_are_never_taken_and_errors_say_why() -> None:
    y = np.arange(10.0)
    stack = np.array([np.full(10, np.nan), y + 1])
    assert greedy_selection(stack, y, squared).tolist() == [0.0, 1.0]
    with pytest.raises(ParamError, match="finite loss"):
        greedy_selection(stack[:1], y, squared)
    with pytest.raises(ParamError, match="no such loss"):
        greedy_selection(stack, y, "hinge")
    with pytest.raises(ParamError, match="no predictions"):
        greedy_selection([], y)
