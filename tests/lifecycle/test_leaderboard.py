from __future__ import annotations

import json
import math
from dataclasses import replace

import pytest

import noria
from noria.core.protocol import Metric
from noria.core.result import Evaluation, Leader
from noria.lifecycle.leaderboard import compared, draw
from noria.settings import Settings

ACCURACY = Metric("accuracy", True, lambda *_: lambda _: 0.0)


@pytest.fixture(scope="module")
def run(tmp_path_factory, people):
    session = noria.Session(Settings(home=tmp_path_factory.mktemp("home"), workers=2))
    learners = ["baseline", "naive_bayes", "logistic", "extra_trees"]
    keys = {"trials": 5, "metric": "log_loss", "budget": "60s"}
    return noria.train(people(600), "y", session=session, learners=learners, **keys)


def test_every_learner_has_an_interval_around_its_score(run):
    board = run.evaluation.leaderboard
    assert [leader.learner for leader in board][-1] == "baseline"
    for leader in board:
        assert leader.low <= leader.score <= leader.high
    assert board[0].even
    assert not board[-1].even


def test_the_record_keeps_intervals_and_older_ones_can_be_read(run):
    fields = json.loads((run.folder / "run.json").read_text())["evaluation"]
    assert Evaluation.from_dict(fields).leaderboard == run.evaluation.leaderboard
    for leader in fields["leaderboard"]:
        for name in ("low", "high", "even"):
            del leader[name]
    old = Evaluation.from_dict(fields).leaderboard[0]
    assert math.isnan(old.low)
    assert not old.even


def test_the_figure_says_who_leads_and_whether_by_chance(run, well_drawn):
    figure = next(figure for figure in run.figures if figure.name == "leaderboard")
    well_drawn(figure)
    assert figure.section == "learning"
    best = run.evaluation.leaderboard[0].learner
    assert best in figure.text
    assert figure.frame["learner"].to_list() == [leader.learner for leader in run.evaluation.leaderboard]
    assert set(figure.frame["used"]) == {"in the model", "left out"}


def leader(name: str, score: float, **more) -> Leader:
    return Leader(name, {}, score, more.pop("weight", 0.0), 1.0, 0.1, 100, **more)


def drawn(*leaders: Leader):
    return draw(Evaluation(10, "at random", "accuracy", {}, leaderboard=leaders), ACCURACY)


@pytest.mark.parametrize(
    ("others", "said"),
    [
        ([], "a has the best accuracy."),
        ([leader("b", 0.8, low=0.7)], "a is better than all others by more than chance."),
        ([leader("b", 0.8, low=0.7), leader("c", 0.5)], "a has the best accuracy."),
        ([leader("b", 0.8, even=True)], "a is best, but its lead over b may be chance."),
        (
            [leader(name, 0.8, even=True) for name in "bcdef"],
            "a is best, but its lead over b, c, d and 2 more may be chance.",
        ),
    ],
)
def test_words(others, said):
    assert drawn(leader("a", 0.9, low=0.8, high=0.95, even=True), *others).text.endswith(said)


def test_a_learner_that_went_astray_does_not_hide_the_others():
    scores = [1.0, 1.1, 1.2, 1.3, 1e9]
    error = Metric("rmse", False, lambda *_: lambda _: 0.0)
    leaders = tuple(leader(str(at), score) for at, score in enumerate(scores))
    figure = draw(Evaluation(10, "at random", "rmse", {}, leaderboard=leaders), error)
    scale = figure.spec["layer"][0]["encoding"]["x"]["scale"]
    assert scale["clamp"]
    assert scale["domain"][1] < 100


def test_without_time_there_are_scores_and_no_intervals(judged, people):
    tuned = judged(people(200), learners=["baseline", "naive_bayes"], trials=2).tuned
    board = compared(tuned, budget=0.0, seed=0)
    assert board == tuned.leaderboard
    assert math.isnan(board[0].low)
    assert compared(tuned, budget=60.0, seed=0) == compared(tuned, budget=60.0, seed=0) != board


def test_long_fits_are_told_in_plain_seconds():
    figure = drawn(replace(leader("a", 0.9), fit_seconds=1234.0))
    assert figure.frame["label"].to_list() == ["a\nleft out, 1200 s"]
