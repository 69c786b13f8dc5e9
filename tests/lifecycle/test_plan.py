from __future__ import annotations

import numpy as np
import polars as pl
import pytest

from noria.core.protocol import Task, Trial
from noria.core.schema import Column, Role, Schema, Type
from noria.lifecycle.plan import Proposer, portfolio
from noria.systems.tabular import TabularSystem

SCHEMA = Schema((Column("x", Type.NUMBER), Column("y", Type.NUMBER, Role.TARGET)), rows=200)


@pytest.fixture
def learners():
    return TabularSystem(SCHEMA, Task.REGRESSION).learners()


def trials(learners, scores):
    known = {learner.name: learner for learner in learners}
    return [Trial(at, known[name], score, pl.DataFrame()) for at, (name, score) in enumerate(scores)]


def test_the_baseline_comes_first_then_the_learners_by_turn_quickest_first(learners):
    planned = list(portfolio(learners, 1000, 10))
    assert planned[0].name == "baseline"
    assert {learner.turn for learner in learners} == {0, 1, 2}
    first = [planned.index(next(one for one in planned if one.name == item.name)) for item in learners]
    for early, at in zip(learners, first):
        for late, after in zip(learners, first):
            if early.turn < late.turn:
                assert at < after
    soon = [one for one in planned[1:] if one.params == next(iter(one.portfolio(1000))) and one.turn == 0]
    seconds = [one.seconds(1000, 10) for one in soon]
    assert seconds == sorted(seconds)


def test_every_known_setting_is_planned_once_and_best_known_ones_early(learners):
    planned = list(portfolio(learners, 1000, 10))
    for learner in learners:
        mine = [item.params for item in planned if item.name == learner.name]
        assert mine == list(learner.portfolio(1000))
    assert len({(item.name, item.params) for item in planned}) == len(planned)


def test_learners_that_cannot_bear_the_rows_are_left_out(learners):
    names = {learner.name for learner in portfolio(learners, 5_000_000, 10)}
    assert "baseline" in names
    assert "lightgbm" in names
    assert not names & {"svm", "neighbours"}


def test_the_same_seed_and_trials_give_the_same_proposals(learners):
    done = trials(learners, [("baseline", 3.0), ("ridge", 1.0), ("lightgbm", 1.2), ("lasso", 1.1)])
    weights = np.array([0, 0.5, 0.5, 0])

    def drawn(seed):
        proposer = Proposer(learners, False, seed)
        return [(one.name, one.params) for one in (proposer.propose(done, weights) for _ in range(6))]

    assert drawn(3) == drawn(3)
    assert drawn(3) != drawn(4)


def test_draws_stay_in_their_ranges_and_leave_alone_what_is_not_tuned(learners):
    done = trials(learners, [("baseline", 3.0), ("lightgbm", 1.2)])
    proposer = Proposer(learners, False, 0)
    for _ in range(8):
        learner = proposer.propose(done, np.ones(len(done)))
        assert learner.name == "lightgbm"
        assert type(learner.params).from_dict(learner.params.to_dict()) == learner.params
        assert learner.params.rounds == done[1].learner.params.rounds
        assert learner.params.learning_rate >= 0.02
        done.append(Trial(len(done), learner, 1.0, pl.DataFrame()))


def test_an_earlier_trial_below_where_the_search_begins_is_learned_from(learners):
    done = trials(learners, [("baseline", 3.0), ("lightgbm", 1.2)])
    slow = done[1].learner.with_params(done[1].learner.params.replace(learning_rate=0.01))
    done.append(Trial(2, slow, 1.0, pl.DataFrame()))
    learner = Proposer(learners, False, 0).propose(done, np.array([0.0, 0.5, 0.5]))
    assert learner.params.learning_rate >= 0.02


@pytest.mark.parametrize("wanted", [0.01, 30.0])
def test_draws_gather_where_earlier_draws_scored_well(learners, wanted):
    done = trials(learners, [("baseline", 9.0), ("ridge", 9.0)])
    proposer = Proposer(learners, False, 0)
    for _ in range(30):
        learner = proposer.propose(done, np.ones(len(done)))
        distance = abs(np.log(learner.params.alpha / wanted))
        done.append(Trial(len(done), learner, distance, pl.DataFrame()))
    assert np.median([trial.score for trial in done[-10:]]) < 0.5 * np.median(
        [trial.score for trial in done[2:12]]
    )


def test_what_was_given_up_is_not_drawn_again_and_again(learners):
    done, hopeless = trials(learners, [("baseline", 9.0), ("ridge", 1.0)]), []
    proposer, drawn = Proposer(learners, False, 0), []
    for _ in range(40):
        learner = proposer.propose(done, np.ones(len(done)), hopeless)
        drawn.append(learner.params.alpha)
        if learner.params.alpha > 1.0:
            hopeless.append(learner)
        else:
            done.append(Trial(len(done), learner, learner.params.alpha, pl.DataFrame()))
    assert sum(alpha > 1.0 for alpha in drawn[20:]) <= 4


@pytest.mark.parametrize("greater_is_better", [True, False])
def test_learners_that_serve_the_model_or_score_well_are_drawn_more_often(learners, greater_is_better):
    sign = 1 if greater_is_better else -1
    done = trials(learners, [("baseline", -9.0 * sign), ("ridge", 1.0 * sign), ("lasso", -1.0 * sign)])
    proposer = Proposer(learners, greater_is_better, 0)
    by_score = [proposer.propose(done, np.zeros(3)).name for _ in range(30)]
    assert by_score.count("ridge") > by_score.count("lasso")
    by_weight = [proposer.propose(done, np.array([0, 0, 1.0])).name for _ in range(30)]
    assert by_weight.count("lasso") > by_weight.count("ridge")


def test_without_anything_to_tune_there_is_no_proposal(learners):
    assert Proposer(learners[:1], False, 0).propose(trials(learners, [("baseline", 1.0)]), np.ones(1)) is None
    assert Proposer(learners, False, 0).propose([], np.zeros(0)) is None
