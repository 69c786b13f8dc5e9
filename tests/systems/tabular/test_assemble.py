from __future__ import annotations

import numpy as np
import polars as pl
import pytest

import noria
from noria.core.protocol import Trial
from noria.methods.ensemble import greedy_selection, stacking
from noria.systems.tabular import assemble
from noria.systems.tabular.assemble import _MODELS, _blend, _finish, _latest, _lean, _some
from noria.systems.tabular.learners.linear import Ridge
from noria.systems.tabular.options import TabularOptions
from noria.systems.tabular.target import ClassTarget, NumberTarget


def test_the_joint_model_keeps_about_four_fold_models_that_have_seen_every_row():
    bag = list(range(8))
    weights = [0.5, 0.3, 0.2]
    kept = [_some(bag, weight, first) for first, weight in enumerate(weights)]
    assert sum(map(len, kept)) == pytest.approx(_MODELS, abs=1)
    assert all(len(set(part)) == len(part) for part in kept)
    assert _some(bag[:_MODELS], 1.0, 0) == bag[:_MODELS]
    assert len({part[0] for part in (_some(bag, 0.01, first) for first in range(8))}) == 8


def test_of_folds_by_time_the_latest_models_are_kept():
    bag = list(range(8))
    assert _latest(bag, 0.01) == [7]
    assert _latest(bag, 1.0) == bag[-_MODELS:]


def test_a_table_with_a_time_answers_from_its_latest_rows(session):
    rng, day = np.random.default_rng(0), np.arange(1_000)
    x = rng.normal(size=1_000)
    table = pl.DataFrame({"day": day, "x": x, "y": 0.01 * day + 9 * np.sign(x)})
    run = noria.train(
        table, "y", time="day", learners=["random_forest"], trials=2, budget="60s", session=session
    )
    assert run.model.predict(table)["prediction"].mean() > 1.7  # 1.1 from folds of all times


@pytest.mark.parametrize(("plenty", "fitted"), [(400, 0), (500, 2)])
def test_of_very_many_rows_the_model_of_one_fold_is_not_fitted_again(
    plenty, fitted, people, session, monkeypatch
):
    whole, again = assemble._whole, []

    def count(learner, *rest):
        again.append(learner.name)
        return whole(learner, *rest)

    monkeypatch.setattr(assemble, "_PLENTY", plenty)
    monkeypatch.setattr(assemble, "_whole", count)
    rows = people(500, "number")
    noria.train(
        rows, "y", test=people(50, "number", seed=1), learners=["ridge"], trials=2, folds=1, budget="60s",
        session=session,
    )  # fmt: skip
    assert len(again) == fitted


def test_a_blend_leans_on_a_linear_model_unless_it_is_surely_better():
    rng = np.random.default_rng(1)
    y = rng.normal(size=500)
    alone = np.array([1.0, 0.0])
    level, better = (_lean(alone, 1, noisy(rng, y, [size, 0.5]), y, "squared_error") for size in (0.49, 0.3))
    assert 0.2 < level[1] <= 0.5
    assert level.sum() == pytest.approx(1)
    assert better.tolist() == alone.tolist()


def test_probabilities_that_are_too_sure_out_of_fold_are_calibrated():
    rng = np.random.default_rng(0)
    p = rng.uniform(0.05, 0.95, 4_000)
    y = (rng.random(4_000) < p).astype(int)
    told = 1 / (1 + ((1 - p) / p) ** 3)
    finish = _finish(ClassTarget("y", ("no", "yes")), TabularOptions(), np.column_stack([1 - told, told]), y)
    calibrated = finish.calibrator.apply(np.column_stack([1 - told, told]))[:, 1]
    assert np.abs(told - p).mean() > 0.1
    assert np.abs(calibrated - p).mean() < 0.03


def noisy(rng, y, sizes):
    """Predictions of y with errors of their own, of these sizes."""
    return np.stack([y + rng.normal(size=len(y)) * size for size in sizes])


def test_weights_are_stacked_only_where_it_helps_on_unseen_rows():
    rng = np.random.default_rng(0)
    y = rng.normal(size=6000)
    sample = noisy(rng, y, np.linspace(1.0, 1.2, 30))
    costs, loss = np.ones(30), "squared_error"
    price = 0.05
    stacked = _blend(sample, y, loss, 1e-3 * price, costs)
    light = stacking(sample, y, loss, tolerance=1e-3 * price, costs=costs)
    assert stacked.tolist() == light.tolist()
    few = sample[:, :200]
    assert _blend(few, y[:200], loss, price, costs) == pytest.approx(
        greedy_selection(few, y[:200], loss, tolerance=price, costs=costs)
    )
    alone = noisy(rng, y, [0.1, 3.0, 3.0])
    assert _blend(alone, y, loss, price, np.ones(3)).tolist() == [1.0, 0.0, 0.0]


@pytest.mark.parametrize(("rows", "doubt"), [(300, True), (9000, False)])
def test_of_few_rows_a_model_more_must_gain_more_than_noise(rows, doubt, monkeypatch):
    rng = np.random.default_rng(0)
    y, common = rng.normal(size=rows), rng.normal(size=rows)
    target = NumberTarget("y")
    learner = Ridge(target, TabularOptions())
    trials = []
    for number in range(10):
        guess = y + common + rng.normal(size=rows)
        score = float(np.sqrt(np.mean((guess - y) ** 2)))
        trials.append(Trial(number, learner, score, target.table(guess[:, None])))
    truth, rmse = pl.DataFrame({"y": y}), next(one for one in target.metrics() if one.name == "rmse")
    members = []
    for share in (assemble._DOUBT, 0.0):
        monkeypatch.setattr(assemble, "_DOUBT", share)
        weights, _ = assemble.weigh(target, TabularOptions(), trials, truth, rmse, None)
        members.append(int(np.count_nonzero(weights)))
    assert (members[0] < members[1]) is doubt
