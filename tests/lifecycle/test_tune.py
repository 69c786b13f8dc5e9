from __future__ import annotations

import json
import math
import time

import numpy as np
import polars as pl
import pytest

from noria.backends.executor_local import LocalExecutor
from noria.core.deadline import Deadline, FitFailed
from noria.core.protocol import Context, Fold, Task, Trial
from noria.data.conform import conform
from noria.data.infer import infer
from noria.data.validate import prepare
from noria.errors import BudgetError, InputError, Interrupted
from noria.lifecycle.journal import Journal
from noria.lifecycle.plan import Plan
from noria.lifecycle.tune import Search
from noria.systems.tabular import TabularSystem
from noria.systems.tabular.learners import LEARNERS
from noria.systems.tabular.learners.simple import Baseline, NeighboursLearner
from noria.systems.tabular.predictors import Constant

QUICK = ["baseline", "naive_bayes", "decision_tree", "extra_trees"]


class Bench:
    """A table, a system, and searches on them."""

    def __init__(self, raw: pl.DataFrame, task: Task = Task.CLASSIFICATION) -> None:
        raw, self.schema, _ = prepare(raw, infer(raw, target="y"), task)
        self.table = conform(raw, self.schema)
        self.system = TabularSystem(self.schema, task)
        self.task = task

    def search(
        self, folder, trials=None, *, learners=QUICK, seed=0, budget=600.0, workers=2, heard=None
    ) -> Search:
        folder.mkdir(exist_ok=True)
        ctx = Context(self.schema, self.task, seed, Deadline(budget))
        if heard is not None:
            ctx.events.listen(heard)
        known = {learner.name: learner for learner in self.system.learners()}
        chosen = [known[name] if isinstance(name, str) else name for name in learners]
        folds = [Fold(self.table, *at[::-1]) for at in enumerate(self.system.folds(self.table, 3, seed))]
        return Search(
            self.system, folds, self.system.metrics()[0], LocalExecutor(workers), ctx,
            Journal(folder), Plan(chosen, trials),
        )  # fmt: skip


@pytest.fixture(scope="module")
def bench(people):
    return Bench(people(150))


@pytest.fixture(scope="module")
def rows(people):
    return people(40, seed=8)


def test_the_same_seed_and_trials_give_the_same_model(bench, rows, tmp_path):
    one = bench.search(tmp_path / "a", 9).run()
    two = bench.search(tmp_path / "b", 9).run()
    other = bench.search(tmp_path / "c", 9, seed=1).run()
    assert one.trials == two.trials
    assert one.model.predict(rows).equals(two.model.predict(rows))
    assert not one.model.predict(rows).equals(other.model.predict(rows))


def test_it_says_what_it_did(bench, tmp_path):
    events = []
    tuned = bench.search(tmp_path / "a", 5, heard=events.append).run()
    assert tuned.trials == 5
    finished = [event.data for event in events if event.kind == "trial.finished"]
    assert [data["number"] for data in finished] == [0, 1, 2, 3, 4]
    assert finished[0]["learner"] == "baseline"
    assert events[-1].kind == "search.finished"
    scores = [leader.score for leader in tuned.leaderboard]
    assert scores == sorted(scores, reverse=tuned.metric.greater_is_better)
    assert {leader.learner for leader in tuned.leaderboard} == set(QUICK)
    assert sum(leader.weight for leader in tuned.leaderboard) == pytest.approx(1)
    assert sum(leader.trials for leader in tuned.leaderboard) == 5


def test_it_keeps_what_the_search_is_judged_by(bench, tmp_path):
    search = bench.search(tmp_path / "a", 5)
    tuned = search.run()
    assert [one.score for one in tuned.attempts] == [trial.score for trial in search.trials]
    assert [one.learner.name for one in tuned.best] == [leader.learner for leader in tuned.leaderboard]
    assert [one.score for one in tuned.best] == [leader.score for leader in tuned.leaderboard]
    sizes = [len(fold.split.valid) for fold in search.folds]
    assert np.bincount(tuned.folds).tolist() == sizes
    first = search.table[search.folds[1].split.valid]
    assert tuned.truth.filter(pl.Series(tuned.folds == 1)).equals(first)
    assert not tuned.cut_short
    assert bench.search(tmp_path / "b", budget=2.0).run().cut_short


def test_predictions_are_out_of_fold(tmp_path):
    rng = np.random.default_rng(0)
    raw = pl.DataFrame({"x": rng.normal(size=240), "y": rng.choice(["no", "yes"], 240)})
    bench = Bench(raw)
    near = next(learner for learner in bench.system.learners() if learner.name == "neighbours")
    near = near.with_params(near.params.replace(neighbours=1))
    search = bench.search(tmp_path / "a", 2, learners=["baseline", "neighbours"])
    search._try(near)
    trial = search.trials[0]
    assert trial.predictions.height == search.truth.height == 240
    assert abs(trial.score - 0.5) < 0.15
    inside = trial.models[0].predict(search.table[search.folds[0].split.train])
    assert (
        inside["prediction"] == search.table[search.folds[0].split.train]["y"].cast(pl.String)
    ).mean() > 0.9


def test_a_search_is_taken_up_where_it_was_cut_off(bench, rows, tmp_path):
    whole = bench.search(tmp_path / "whole", 9).run()
    bench.search(tmp_path / "cut", 5).run()
    lines = tmp_path / "cut" / "trials.jsonl"
    lines.write_bytes(lines.read_bytes()[:-9])
    begun = []
    again = bench.search(
        tmp_path / "cut",
        9,
        heard=lambda e: begun.append(e.data["number"]) if e.kind == "trial.started" else None,
    ).run()
    assert begun == [4, 5, 6, 7, 8]
    assert again.model.predict(rows).equals(whole.model.predict(rows))
    assert [leader.score for leader in again.leaderboard] == [leader.score for leader in whole.leaderboard]
    numbers = [json.loads(line)["number"] for line in lines.read_text().splitlines()]
    assert numbers == list(range(9))


class Costly(NeighboursLearner):
    """Says that it takes longer than it does."""

    name = "costly"

    def seconds(self, rows, columns):
        return 4.0


def test_what_was_finished_is_taken_up_though_there_would_be_no_time_to_fit_it(bench, tmp_path):
    costly = Costly(bench.system.target, bench.system.chosen)
    learners = ["baseline", "naive_bayes", costly, "extra_trees"]
    first = bench.search(tmp_path / "a", 6, learners=learners).run()
    assert "costly" in {leader.learner for leader in first.leaderboard}
    events = []
    again = bench.search(tmp_path / "a", 6, learners=learners, budget=5.0, heard=events.append).run()
    assert again.leaderboard == first.leaderboard
    assert all(leader.bytes for leader in again.leaderboard)
    assert not [event for event in events if event.kind == "trial.started"]


def test_drawn_settings_are_taken_up_too_though_no_time_is_left(bench, tmp_path):
    first = bench.search(tmp_path / "a", 24).run()
    begun = []
    again = bench.search(
        tmp_path / "a",
        24,
        budget=1e-6,
        heard=lambda e: begun.append(e) if e.kind == "trial.started" else None,
    ).run()
    assert not begun
    assert again.trials == first.trials
    assert again.leaderboard == first.leaderboard


def test_what_was_finished_is_taken_up_before_a_setting_that_had_not_fitted(bench, tmp_path):
    costly = Costly(bench.system.target, bench.system.chosen)
    learners = [*QUICK, costly]
    first = bench.search(tmp_path / "a", 20, learners=learners, budget=12.0).run()
    assert "costly" not in {leader.learner for leader in first.leaderboard}
    again = bench.search(tmp_path / "a", 20, learners=learners).run()
    scores = [one.score for one in first.attempts]
    assert [one.score for one in again.attempts][: len(scores)] == scores


class Second(Baseline):
    name = "second"


def test_a_search_says_that_time_was_short_where_a_setting_did_not_fit(bench, tmp_path):
    costly = Costly(bench.system.target, bench.system.chosen)
    learners = ["baseline", Second(bench.system.target, bench.system.chosen), costly]
    tuned = bench.search(tmp_path / "a", learners=learners, budget=5.0).run()
    assert tuned.why == "nothing more fitted into the time left"
    assert tuned.cut_short


def test_an_interrupt_leaves_what_was_finished(bench, rows, tmp_path):
    def stop(event):
        if event.kind == "trial.started" and event.data["number"] == 3:
            raise KeyboardInterrupt

    with pytest.raises(Interrupted) as caught:
        bench.search(tmp_path / "a", 6, heard=stop).run()
    assert str(caught.value) == "Stopped after 3 trials.\n  do:  Run the same command to go on from here."
    assert len(Journal(tmp_path / "a")) == 3
    whole, again = bench.search(tmp_path / "b", 6).run(), bench.search(tmp_path / "a", 6).run()
    assert again.model.predict(rows).equals(whole.model.predict(rows))


def test_a_budget_too_short_for_one_fit(bench, tmp_path):
    with pytest.raises(BudgetError) as caught:
        bench.search(tmp_path / "a", learners=["baseline", "lightgbm"], budget=1e-6).run()
    lines = str(caught.value).splitlines()
    assert lines[0] == "The budget is too short for a single fit."
    assert lines[-1] == "  do:  Use at least --budget 5s."


class Fragile(next(kind for kind in LEARNERS if kind.name == "ridge")):
    name = "fragile"
    tasks = frozenset(Task)

    def fit(self, train, valid, ctx):
        raise FitFailed("these rows are not for me")


def test_a_learner_that_fails_is_left_out_and_not_tried_again(bench, tmp_path):
    events = []
    fragile = Fragile(bench.system.target, bench.system.chosen)
    tuned = bench.search(
        tmp_path / "a", 5, learners=["baseline", fragile, "naive_bayes"], heard=events.append
    ).run()
    failed = [event.data for event in events if event.kind == "trial.failed"]
    assert failed
    assert failed[0]["why"] == "these rows are not for me"
    assert {leader.learner for leader in tuned.leaderboard} == {"baseline", "naive_bayes"}
    again = []
    bench.search(tmp_path / "a", 5, learners=["baseline", fragile, "naive_bayes"], heard=again.append).run()
    assert not [event for event in again if event.kind.startswith("trial.")]


class Undecided(NeighboursLearner):
    """Predicts nothing that is a number."""

    name = "undecided"

    def fit_arrays(self, frame, ctx):
        return Constant(np.full(frame.one_hot().shape[1], np.nan))


def test_a_learner_whose_score_is_not_a_number_is_left_out(people, tmp_path):
    bench = Bench(people(120, "number"), Task.REGRESSION)
    events = []
    undecided = Undecided(bench.system.target, bench.system.chosen)
    tuned = bench.search(
        tmp_path / "a", 4, learners=["baseline", undecided, "ridge"], heard=events.append
    ).run()
    assert {leader.learner for leader in tuned.leaderboard} == {"baseline", "ridge"}
    failed = [event.data["why"] for event in events if event.kind == "trial.failed"]
    assert failed[0] == "its rmse is not a number"
    with pytest.raises(InputError) as caught:
        bench.search(tmp_path / "b", 3, learners=[undecided]).run()
    assert str(caught.value).startswith("No learner could be fitted.\n  got: its rmse is not a number\n")


class Erratic(NeighboursLearner):
    """Good with its first setting, and hopeless with any other."""

    name = "erratic"

    def fit_arrays(self, frame, ctx):
        if self.params == self.settings():
            return super().fit_arrays(frame, ctx)
        return Constant(np.eye(frame.one_hot().shape[1])[0])


def test_a_trial_without_hope_is_given_up_after_two_folds(bench, tmp_path):
    events = []
    search = bench.search(
        tmp_path / "a", 5, learners=["baseline", Erratic(bench.system.target, bench.system.chosen)],
        heard=events.append,
    )  # fmt: skip
    search.run()
    pruned = [event.data for event in events if event.kind == "trial.pruned"]
    assert {data["learner"] for data in pruned} == {"erratic"}
    assert {data["why"] for data in pruned} == {"far behind the best"}
    assert [trial.learner.name for trial in search.trials] == ["baseline", "erratic"]


def test_of_many_trials_only_the_best_keep_their_predictions(bench, tmp_path):
    search = bench.search(tmp_path / "a", 1)
    search.run()
    made, ridge = search.trials[0].predictions, search.learners[1]
    for at in range(70):
        search._keep(Trial(at + 1, ridge, 0.6 + at / 1000, made))
    kept = [trial.number for trial in search.trials if trial.predictions.height]
    assert kept == [0, *range(11, 71)]


def test_a_number_is_searched_as_well(people, tmp_path):
    bench = Bench(people(120, "number"), Task.REGRESSION)
    tuned = bench.search(tmp_path / "a", 4, learners=["baseline", "ridge", "decision_tree", "lasso"]).run()
    scores = {leader.learner: leader.score for leader in tuned.leaderboard}
    assert all(math.isfinite(score) for score in scores.values())
    assert scores["ridge"] < 0.7 * scores["baseline"]
    assert tuned.baseline.predict(bench.table)["prediction"].n_unique() == 1


def test_the_clock_has_no_say_in_the_model(people):
    bench = Bench(people(200, "number"), Task.REGRESSION)
    rng, truth = np.random.default_rng(0), bench.table
    y = truth["y"].to_numpy()
    ridge = next(learner for learner in bench.system.learners() if learner.name == "ridge")
    shared = y + rng.normal(0, 0.3, len(y))
    guesses = [pl.DataFrame({"prediction": shared + rng.normal(0, 0.1, len(y))}) for _ in range(8)]
    metric, ctx = bench.system.metrics()[0], Context(bench.schema, bench.task)

    def weights(seconds):
        trials = [
            Trial(at, ridge, metric.bind(truth, guess)(None), guess, [None] * 3, 0.1, seconds[at])
            for at, guess in enumerate(guesses)
        ]
        return bench.system.weigh(trials, truth, metric, ctx)[0]

    first = weights(np.ones(8))
    for _ in range(5):
        assert np.array_equal(weights(rng.uniform(0.001, 1, 8)), first)


def test_of_very_few_rows_the_folds_are_repeated_and_each_row_is_reported_once(people, tmp_path):
    bench = Bench(people(80))
    splits = bench.system.folds(bench.table, 0, 0)
    assert len(splits) == 16
    judged = np.concatenate([split.valid for split in splits])
    assert np.bincount(judged).tolist() == [2] * 80
    search = bench.search(tmp_path / "a", 2)
    search = Search(
        bench.system, [Fold(bench.table, *at[::-1]) for at in enumerate(splits)], search.metric,
        LocalExecutor(2), search.ctx, Journal(tmp_path / "a"), Plan(search.learners, 2),
    )  # fmt: skip
    tuned = search.run()
    assert tuned.truth.sort(tuned.truth.columns).equals(bench.table.sort(bench.table.columns))
    assert tuned.predictions.height == tuned.baseline_predictions.height == 80


class Slow(NeighboursLearner):
    """Takes for ever, and says that it is quick."""

    name = "slow"

    def seconds(self, rows, columns):
        return 0.001

    def fit_arrays(self, frame, ctx):
        while True:
            time.sleep(0.01)
            ctx.deadline.check()


def test_a_learner_that_takes_too_long_costs_its_share_of_the_budget_and_not_the_rest(bench, tmp_path):
    events = []
    target = bench.system.target
    slow = Slow(target, bench.system.chosen)
    search = bench.search(
        tmp_path / "a",
        learners=["baseline", "naive_bayes", slow, "extra_trees"],
        budget=9.0,
        heard=events.append,
    )
    tuned = search.run()
    failed = [event.data for event in events if event.kind == "trial.failed"]
    assert [data["learner"] for data in failed] == ["slow"]
    assert "share" in failed[0]["why"]
    assert "extra_trees" in {leader.learner for leader in tuned.leaderboard}
    assert search.ctx.deadline.elapsed < 9.5
