from __future__ import annotations

import numpy as np
import pytest

from noria.errors import ParamError
from noria.methods.reconcile import reconciled

BELONGS = np.array([[1, 1, 1, 1], [1, 1, 0, 0], [0, 0, 1, 1]], dtype=bool)


def test_it_equals_generalised_least_squares_over_all_series():
    rng = np.random.default_rng(0)
    parts, sums, variances = rng.normal(size=(4, 3)), rng.normal(size=(3, 3)), rng.uniform(0.1, 3, 7)
    S = np.vstack([BELONGS, np.eye(4)])
    weight = np.diag(1 / variances)
    expected = np.linalg.solve(S.T @ weight @ S, S.T @ weight @ np.vstack([sums, parts]))
    assert reconciled(parts, sums, BELONGS, variances) == pytest.approx(expected)


def test_forecasts_that_add_up_stay_as_they_are():
    parts = np.arange(8.0).reshape(4, 2)
    assert reconciled(parts, BELONGS @ parts, BELONGS, np.ones(7)) == pytest.approx(parts)


def test_what_is_surest_moves_least():
    variances = np.array([1e-9, 1, 1, 1, 1, 1, 1])
    found = reconciled(np.ones((4, 1)), np.array([[8.0], [2.0], [2.0]]), BELONGS, variances)
    assert found.sum() == pytest.approx(8.0)


@pytest.mark.parametrize(
    ("parts", "variances", "words"),
    [(np.ones((3, 1)), np.ones(7), "3 parts"), (np.ones((4, 1)), np.zeros(7), "not above 0")],
)
def test_what_does_not_fit_is_refused(parts, variances, words):
    with pytest.raises(ParamError, match=words):
        reconciled(parts, np.ones((3, 1)), BELONGS, variances)
