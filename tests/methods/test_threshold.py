from __future__ import annotations

import json

import numpy as np
import pytest
from sklearn.metrics import f1_score, precision_recall_curve, precision_score, recall_score

from noria.errors import ParamError
from noria.methods import threshold as th
from noria.methods.threshold import Decision


def draw(n: int, seed: int = 0, *, ties: bool = False) -> tuple[np.ndarray, np.ndarray]:
    """Calibrated probabilities (n, 2) of a rare class, and codes drawn from them."""
    rng = np.random.default_rng(seed)
    one = rng.beta(0.6, 3.0, n)
    one = np.round(one, 1) if ties else one
    return (rng.random(n) < one).astype(int), np.column_stack([1 - one, one])


@pytest.mark.parametrize("ties", [False, True])
@pytest.mark.parametrize("n", [30, 500])
def test_best_f1_is_the_best_of_all_thresholds(n: int, ties: bool) -> None:
    y, p = draw(n, ties=ties)
    precision, recall, _ = precision_recall_curve(y, p[:, 1])
    best = np.nan_to_num(2 * precision * recall / (precision + recall)).max()
    assert f1_score(y, th.best_f1(y, p).labels(p)) == pytest.approx(best)


@pytest.mark.parametrize("ties", [False, True])
@pytest.mark.parametrize("wanted", [0.3, 0.5, 0.7])
def test_wanted_precision_is_met_with_the_most_recall(wanted: float, ties: bool) -> None:
    y, p = draw(800, ties=ties)
    decision = th.for_precision(y, p, wanted)
    labels = decision.labels(p)
    assert decision.reached
    assert precision_score(y, labels) >= wanted
    precision, recall, _ = precision_recall_curve(y, p[:, 1])
    assert recall_score(y, labels) == pytest.approx(recall[precision >= wanted].max())


@pytest.mark.parametrize("ties", [False, True])
@pytest.mark.parametrize("wanted", [0.2, 0.8, 1.0])
def test_wanted_recall_is_met_with_the_highest_threshold(wanted: float, ties: bool) -> None:
    y, p = draw(800, ties=ties)
    decision = th.for_recall(y, p, wanted)
    assert recall_score(y, decision.labels(p)) >= wanted
    higher = p[:, 1] > p[p[:, 1] >= decision.threshold, 1].min()
    assert recall_score(y, higher) < wanted


def test_a_precision_that_cannot_be_had_is_marked() -> None:
    p1 = np.array([0.9, 0.8, 0.7, 0.1])
    decision = th.for_precision(np.array([0, 1, 1, 0]), np.column_stack([1 - p1, p1]), 0.95)
    assert not decision.reached
    assert decision.labels(np.column_stack([1 - p1, p1])).tolist() == [1, 1, 1, 0]
    assert not th.for_recall(np.zeros(4, int), np.column_stack([1 - p1, p1]), 0.5).reached
    assert not th.for_precision(np.zeros(4, int), np.column_stack([1 - p1, p1]), 0.5).reached


@pytest.mark.parametrize("costs", [[[0, 1], [5, 0]], [[0, 10], [1, 0]], [[-1, 2], [8, -3]]])
def test_the_empirical_threshold_has_the_least_cost_and_agrees_with_the_closed_form(
    costs: list[list[float]],
) -> None:
    y, p = draw(20_000)
    empirical, closed = th.by_cost(y, p, costs), th.from_costs(costs)
    paid = {t: th.decision_cost(y, (p[:, 1] >= t).astype(int), costs) for t in np.linspace(0, 1.01, 60)}
    least = th.decision_cost(y, empirical.labels(p), costs)
    assert least <= min(paid.values()) + 1e-12
    assert th.decision_cost(y, closed.labels(p), costs) == pytest.approx(least, abs=0.02)
    assert (closed.labels(p) == th.decide(p, costs)).all()


def test_costs_that_make_one_decision_always_right() -> None:
    y, p = draw(300)
    assert th.by_cost(y, p, [[0, 1], [-1, 0]]).labels(p).sum() == 0
    assert th.by_cost(y, p, [[0, -1], [1, 0]]).labels(p).all()
    assert th.from_costs([[0, -1], [1, 0]]).labels(p).all()


def test_expected_cost_of_several_classes() -> None:
    costs = [[0, 1, 1], [1, 0, 1], [10, 10, 0]]
    p = np.array([[0.6, 0.35, 0.05], [0.5, 0.35, 0.15], [0.1, 0.88, 0.02]])
    decision = th.from_costs(costs)
    expected = [min(range(3), key=lambda k: sum(q[t] * costs[t][k] for t in range(3))) for q in p]
    assert decision.labels(p).tolist() == expected == [0, 2, 1]
    assert th.decision_cost(np.array([2, 0]), np.array([0, 0]), costs, np.array([1, 3])) == 2.5


def test_weights_count_as_repeated_rows() -> None:
    y, p = draw(100, ties=True)
    counts = np.random.default_rng(1).integers(0, 4, 100)
    rows = np.repeat(np.arange(100), counts)
    for choose in (th.best_f1, lambda y, p, w=None: th.for_recall(y, p, 0.7, w)):
        labels = choose(y, p, counts).labels(p)[rows]
        assert f1_score(y[rows], labels) == pytest.approx(
            f1_score(y[rows], choose(y[rows], p[rows]).labels(p[rows]))
        )


BY_COSTS = Decision("costs", costs=((0.0, 1.0), (2.0, 0.0)))


@pytest.mark.parametrize("decision", [Decision(), Decision("threshold", 0.2, reached=False), BY_COSTS])
def test_decisions_survive_json(decision: Decision) -> None:
    again = Decision.from_dict(json.loads(json.dumps(decision.to_dict())))
    assert again == decision
    assert again.labels(np.array([[0.9, 0.1], [0.3, 0.7]])).tolist() == [0, 1]


def test_errors_say_what_is_wrong() -> None:
    y, p = draw(10)
    with pytest.raises(ParamError, match="two classes"):
        th.best_f1(y, np.full((10, 3), 1 / 3))
    with pytest.raises(ParamError, match="one row per true class"):
        th.by_cost(y, p, [[0, 1]])
    with pytest.raises(ParamError, match="finite"):
        th.from_costs([[0, np.inf], [1, 0]])
    with pytest.raises(ParamError, match="wanted precision"):
        th.for_precision(y, p, 90)


def test_a_precision_that_must_be_sure_holds_on_new_rows():
    held = {0.5: 0, 0.9: 0}
    for seed in range(60):
        rng = np.random.default_rng(seed)
        p1 = rng.beta(1, 3, 6000)
        y = (rng.random(6000) < p1).astype(int)
        p = np.column_stack([1 - p1, p1])
        for sure in held:
            decision = th.for_precision(y[:1000], p[:1000], 0.7, sure=sure)
            found = decision.labels(p[1000:]) == 1
            held[sure] += bool(y[1000:][found].mean() >= 0.7)
    assert held[0.9] > 48 > held[0.5]


def test_the_unit_of_weights_makes_a_precision_no_surer() -> None:
    y, p = draw(800)
    one, thousand = (th.for_precision(y, p, 0.5, np.full(800, each), sure=0.9) for each in (1, 1_000))
    assert one == thousand
    assert one != th.for_precision(y, p, 0.5)


@pytest.mark.parametrize("choose", [th.from_costs, lambda costs: th.by_cost(*draw(500), costs)])
def test_costs_near_the_largest_float_decide_as_their_ratio(choose) -> None:
    most = 2.0**1023
    assert choose([[0, most], [most, -most]]).threshold == choose([[0, 1], [1, -1]]).threshold
