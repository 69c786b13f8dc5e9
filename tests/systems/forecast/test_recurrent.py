from __future__ import annotations

import math
import subprocess
import sys
from collections.abc import Sequence
from datetime import datetime, timedelta

import numpy as np
import polars as pl
import pytest

import noria
from noria._lazy import installed
from noria.core.deadline import Deadline, FitFailed, OutOfTime
from noria.core.protocol import Context, Task
from noria.core.schema import Column, Role, Schema, Type
from noria.errors import MissingExtraError
from noria.systems.forecast import ForecastSystem
from noria.systems.forecast.frequency import Frequency
from noria.systems.forecast.knowledge import Knowledge
from noria.systems.forecast.learners.base import Outlook
from noria.systems.forecast.learners.recurrent import Recurrent, RecurrentParams, _Adam, _origins, _Windows
from noria.systems.forecast.options import ForecastOptions
from noria.systems.forecast.panel import Panel

START = datetime(2024, 1, 1)
SCHEMA = Schema((Column("day", Type.DATETIME, Role.TIME), Column("sold", Type.NUMBER, Role.TARGET)), rows=90)

needs_torch = pytest.mark.skipif(not installed("torch"), reason="torch is not installed: noria[deep]")


def outlook(
    values: Sequence[np.ndarray], horizon: int = 7, seasons: tuple[int, ...] = (7,), **ctx
) -> Outlook:
    names = [f"{at}" for at in range(len(values))]
    panel = Panel(Frequency("seconds", 86_400.0), names, np.arange(len(values)) * 3, list(values))
    context, options = Context(SCHEMA, Task.FORECASTING, **ctx), ForecastOptions()
    knowledge = Knowledge.of(pl.DataFrame(), panel, SCHEMA, options, season=seasons[0], horizon=horizon)
    return Outlook(panel, knowledge, seasons, horizon, context)


def week(n: int, phase: int = 0) -> np.ndarray:
    """A rhythm of seven days that no single lag gives away: a pulse on two of them."""
    return 100 + 30.0 * np.isin((np.arange(n) + phase) % 7, (2, 3))


def learner(*, indicators: bool = False, **params) -> Recurrent:
    return Recurrent(ForecastOptions(indicators=indicators), RecurrentParams(**params))


def test_it_is_offered_only_where_torch_is_installed(monkeypatch):
    monkeypatch.setattr("noria.systems.forecast.system.installed", lambda name: name != "torch")
    names = [one.name for one in ForecastSystem(SCHEMA, Task.FORECASTING).learners()]
    assert "boosting" in names
    assert "lstm" not in names


def test_without_torch_it_says_which_extra_brings_it(monkeypatch):
    monkeypatch.setitem(sys.modules, "torch", None)
    with pytest.raises(MissingExtraError, match="'torch', which is not installed") as caught:
        learner().paths(outlook([week(60)]))
    assert 'pip install "noria[deep]"' in str(caught.value)


@needs_torch
def test_it_is_offered_where_torch_is_installed():
    assert "lstm" in [one.name for one in ForecastSystem(SCHEMA, Task.FORECASTING).learners()]


@needs_torch
def test_it_learns_a_rhythm_over_series_of_unlike_size():
    series = [week(70), 50 * week(63, phase=2), week(56, phase=4) - 1000]
    paths = learner(window=10).paths(outlook(series))
    coming = np.array([week(77)[-7:], 50 * week(70, phase=2)[-7:], week(63, phase=4)[-7:] - 1000])
    flat = np.array([one[-1] for one in series])[:, None]
    unit = np.array([1, 50, 1])[:, None]
    assert np.abs((paths - coming) / unit).mean() < 0.35 * np.abs((flat - coming) / unit).mean()


@needs_torch
def test_the_same_seed_gives_the_same_forecasts_and_another_one_others():
    series = [week(60) + np.random.default_rng(0).normal(0, 5, 60)]
    quick = learner(epochs=5)
    one, same, other = (quick.paths(outlook(series, seed=seed)) for seed in (1, 1, 2))
    np.testing.assert_array_equal(one, same)
    assert not np.array_equal(one, other)


@needs_torch
def test_torch_itself_is_left_as_it_was():
    import torch

    torch.manual_seed(5)
    state, threads = torch.random.get_rng_state(), torch.get_num_threads()
    learner(epochs=5).paths(outlook([week(60)], threads=1))
    assert torch.equal(torch.random.get_rng_state(), state)
    assert torch.get_num_threads() == threads
    assert torch.is_grad_enabled()


@needs_torch
def test_adam_moves_as_that_of_torch_does():
    import torch

    ours, theirs = (torch.nn.Parameter(torch.tensor([1.0, -2.0, 3.0])) for _ in range(2))
    adam, reference = _Adam([ours], 0.1), torch.optim.Adam([theirs], 0.1)
    for at in range(20):
        gradients = [torch.tensor([1.0, 5.0, 0.01]) * (at % 3 - 0.5)]
        adam.step(gradients)
        theirs.grad = gradients[0].clone()
        torch.nn.utils.clip_grad_norm_([theirs], 1.0)
        reference.step()
    np.testing.assert_allclose(ours.detach().numpy(), theirs.detach().numpy(), rtol=1e-4)


@needs_torch
def test_it_keeps_to_its_threads(monkeypatch):
    import torch

    seen, step = [], _Adam.step
    monkeypatch.setattr(_Adam, "step", lambda *a: seen.append(torch.get_num_threads()) or step(*a))
    learner(epochs=5).paths(outlook([week(60)], threads=1))
    assert set(seen) == {1}


@needs_torch
def test_indicators_are_read_only_where_they_are_asked_for():
    walk = np.cumsum(np.random.default_rng(0).normal(size=120)) + 100
    without, with_ = (learner(epochs=5, indicators=on).paths(outlook([walk])) for on in (False, True))
    assert np.isfinite(with_).all()
    assert not np.array_equal(without, with_)


def test_one_series_does_not_change_the_window_of_another():
    one, other = week(60), np.cumsum(np.ones(5))
    alone = _Windows.of(outlook([one]), 10, indicators=False)
    beside = _Windows.of(outlook([other, one]), 10, indicators=False)
    found, expected = beside.inputs(np.array([7, 64])), alone.inputs(np.array([2, 59]))
    np.testing.assert_array_equal(found[0][:, :, 0], expected[0][:, :, 0])
    np.testing.assert_array_equal(found[1:], expected[1:])


def test_no_input_depends_on_what_comes_after_the_origin():
    seen = 100 + np.cumsum(np.random.default_rng(0).normal(size=120))
    changed = np.append(seen[:80], 3 * seen[80:])
    scaled = [_Windows.of(outlook([one]), 10, indicators=False) for one in (seen, changed)]
    for before, after in zip(*(windows.inputs(np.array([30, 79])) for windows in scaled)):
        np.testing.assert_array_equal(before, after)


def test_the_steps_held_back_for_stopping_are_not_learned():
    windows = _Windows.of(outlook([week(60), week(40)]), 10, indicators=False)
    train, (_, _, known), ends = _origins(windows, 7, np.random.default_rng(0))
    *_, counted = windows.examples(train, ends[train], 7)
    learned = train[:, None] + np.arange(1, 8)
    last = np.where(train < 60, 60 - 6 - 1, 100 - 4 - 1)[:, None]
    np.testing.assert_array_equal(counted, learned <= last)
    assert sorted(known.sum(axis=1)) == sorted([*range(1, 7), *range(1, 5)])
    assert ends[train].max() == 95


@needs_torch
@pytest.mark.parametrize(
    "values", [np.zeros(40), np.full(40, 7.5), -week(40), 1e-9 * week(40), 1e12 * week(40)]
)
def test_series_of_any_size_give_numbers(values):
    paths = learner(epochs=5).paths(outlook([values, week(50)]))
    assert np.isfinite(paths).all()
    assert np.abs(paths[0]).max() <= 3 * np.abs(values).max() + 1e-6


@needs_torch
def test_a_series_shorter_than_the_window_is_continued_beside_a_long_one():
    paths = learner(epochs=5).paths(outlook([week(90), np.array([5.0]), np.array([1.0, 2.0, 3.0])]))
    assert paths.shape == (3, 7)
    assert np.isfinite(paths).all()


@needs_torch
def test_series_too_short_for_the_horizon_are_refused():
    with pytest.raises(FitFailed, match="no series is long enough to learn 30 steps ahead from"):
        learner().paths(outlook([week(25)], horizon=30))
    with pytest.raises(FitFailed):
        learner().paths(outlook([np.array([1.0])], horizon=1))


@needs_torch
def test_a_deadline_that_has_passed_ends_the_fit():
    with pytest.raises(OutOfTime):
        learner().paths(outlook([week(60)], deadline=Deadline(0)))
    assert learner(epochs=5).paths(outlook([week(60)], deadline=Deadline(math.inf))).shape == (1, 7)


@needs_torch
def test_it_stops_when_the_held_back_windows_gain_nothing(monkeypatch):
    steps, step = [], _Adam.step
    monkeypatch.setattr(_Adam, "step", lambda *a: steps.append(1) or step(*a))
    noise = np.random.default_rng(0).normal(size=300)
    learner(epochs=100, learning_rate=2e-2).paths(outlook([noise]))
    assert len(steps) < 100 * 16 / 2


def test_more_work_is_said_to_take_longer():
    base = learner().seconds(5_000, 0)
    assert learner(epochs=60).seconds(5_000, 0) > base
    assert learner(hidden=64).seconds(5_000, 0) > base
    assert learner().seconds(100, 0) < base


@needs_torch
def test_the_model_of_a_run_needs_no_torch(tmp_path):
    days = [START + timedelta(days=at) for at in range(90)]
    table = pl.DataFrame({"day": days, "sold": week(90)})
    session = noria.Session(noria.Settings(home=tmp_path, workers=1))
    run = noria.train(
        table, "sold", task="forecasting", time="day", learners=["naive", "lstm"], trials=2, budget="60s",
        options={"horizon": 7}, name="week", session=session,
    )  # fmt: skip
    assert {leader.learner for leader in run.evaluation.leaderboard} == {"naive", "lstm"}
    assert run.evaluation.scores["mae"].value < run.evaluation.baseline["mae"].value
    ahead = pl.DataFrame({"day": [START + timedelta(days=90 + at) for at in range(7)]})
    ahead.write_parquet(tmp_path / "ahead.parquet")
    code = (
        "import sys; sys.modules['torch'] = None\n"
        "import noria, polars as pl\n"
        f"session = noria.Session(noria.Settings(home={str(tmp_path)!r}))\n"
        f"rows = pl.read_parquet({str(tmp_path / 'ahead.parquet')!r})\n"
        "print(noria.load('week', session=session).predict(rows)['prediction'].to_list())"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert done.stdout.strip() == str(run.model.predict(ahead)["prediction"].to_list())
