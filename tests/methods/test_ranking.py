import math

import numpy as np
import pytest
from sklearn.metrics import ndcg_score

from noria.methods.ranking import convex, ndcg, recall, reciprocal_rank, reciprocal_rank_fusion


def test_ndcg_is_that_of_scikit_learn():
    rng = np.random.default_rng(0)
    for _ in range(30):
        grades, scores = rng.integers(0, 4, 25).astype(float), rng.permutation(25).astype(float)
        names = [str(at) for at in range(25)]
        ranking = [names[at] for at in np.argsort(-scores)]
        judged = {name: grade for name, grade in zip(names, grades) if grade}
        assert ndcg(ranking, judged) == pytest.approx(ndcg_score([grades], [scores], k=10))


def test_recall_and_reciprocal_rank():
    ranking = ["x", "a", "y", "b"]
    assert recall(ranking, {"a": 1, "b": 2, "c": 1}, at=4) == pytest.approx(2 / 3)
    assert recall(ranking, {"b": 1}, at=3) == 0
    assert reciprocal_rank(ranking, {"b": 1, "a": 1}) == 0.5
    assert reciprocal_rank(ranking, {"b": 1}, at=3) == 0


@pytest.mark.parametrize("measure", [ndcg, recall, reciprocal_rank])
def test_nothing_relevant_has_no_score(measure):
    assert math.isnan(measure(["a"], {}))


def test_fusion_by_ranks_lets_agreement_win():
    first, second = np.array([9.0, 8.0, 0.0, 1.0]), np.array([0.0, 0.8, 0.9, 0.0])
    fused = reciprocal_rank_fusion([first, second], k=60)
    assert fused.argmax() == 1
    assert fused[3] == pytest.approx(1 / 63)


def test_a_weighted_sum_does_not_depend_on_the_scale():
    rng = np.random.default_rng(0)
    a, b = rng.random(10), rng.random(10)
    assert convex([a, b], [0.3, 0.7]) == pytest.approx(convex([100 * a, b], [0.3, 0.7]))
    assert convex([a, np.zeros(10)], [1.0, 1.0]) == pytest.approx(a / a.max())
