from __future__ import annotations

from dataclasses import replace

import numpy as np
import polars as pl
import pytest

from noria.core.deadline import Deadline
from noria.core.protocol import Context, Metric
from noria.lifecycle.learning_curve import _Point, _said, _works, learning_curve


def numbers(rows: int, columns: int, seed: int = 0) -> pl.DataFrame:
    """A number that is the sum of columns and noise: the more columns, the more rows it takes to learn."""
    rng = np.random.default_rng(seed)
    X = rng.normal(size=(rows, columns))
    y = X.sum(axis=1) + rng.normal(0, 0.5, rows)
    return pl.DataFrame({f"x{at}": X[:, at] for at in range(columns)} | {"y": y})


@pytest.fixture(scope="module")
def hungry(judged):
    """Sixty columns and few rows."""
    return judged(numbers(400, 60), learners=["baseline", "linear"], trials=2, metric="rmse")


def test_a_learner_that_has_seen_too_few_rows_wants_more(hungry, well_drawn):
    figure = learning_curve(hungry, Deadline(60))
    well_drawn(figure)
    assert figure.section == "learning"
    assert figure.title == "Would more rows help?"
    assert figure.text.endswith("more rows of the same kind would probably help.")
    frame = figure.frame
    unseen, fitted = (frame.filter(of=of) for of in frame["of"].unique(maintain_order=True))
    assert unseen["rows"].to_list() == fitted["rows"].to_list() == [21, 43, 85, 149, 213]
    assert unseen["score"][-1] < unseen["score"][0]
    assert fitted["score"][-1] > fitted["score"][0]
    for part in (unseen, fitted):
        assert ((part["low"] <= part["score"]) & (part["score"] <= part["high"])).all()


def test_a_learner_that_has_seen_enough_wants_no_more(judged):
    case = judged(numbers(4_000, 2), learners=["baseline", "linear"], trials=2, metric="rmse")
    assert learning_curve(case, Deadline(60)).text.endswith(
        "may be chance: more rows of the same kind would hardly help."
    )


def test_the_same_seed_draws_the_same_curve(hungry):
    one, two = (learning_curve(hungry, Deadline(60)).frame for _ in range(2))
    assert one.equals(two)


def test_without_time_there_is_none(hungry):
    assert learning_curve(hungry, Deadline(0.0)) is None
    assert learning_curve(hungry, Deadline(0.02)) is None


def test_the_rows_to_be_judged_are_taken_out_of_the_table_once(hungry):
    table, data = hungry.evidence.train, hungry.data
    ctx = Context(data.schema, data.task, 0, Deadline(60))
    works = list(_works(hungry, table, hungry.system.folds(table, 3, 0)[:1], ctx))
    assert len(works) == 5
    assert len({id(valid) for _, _, valid in works}) == 1


def test_a_quicker_learner_stands_in_and_is_named(judged, people):
    case = judged(people(300), learners=["baseline", "naive_bayes", "logistic"], trials=3)
    board = case.tuned.leaderboard
    slow = tuple(replace(board[0], fit_seconds=1e6) if one is board[0] else one for one in board)
    tuned = replace(case.tuned, leaderboard=slow)
    figure = learning_curve(replace(case, tuned=tuned), Deadline(60))
    name = next(one.learner for one in board[1:] if one.learner != "baseline")
    assert figure.text.endswith(
        f" The curve is that of {name}, which is quick enough to be fitted this often; the model's best "
        f"learner, {board[0].learner}, is not, and may gain more or less."
    )


def test_the_baseline_alone_has_no_curve(judged, people):
    case = judged(people(100), learners=["baseline"], trials=1)
    assert learning_curve(case, Deadline(60)) is None


def test_over_time_it_is_the_latest_rows_that_are_learned_from(judged, well_drawn):
    from datetime import date, timedelta

    rng = np.random.default_rng(0)
    days = [date(2024, 1, 1) + timedelta(days=at) for at in range(300)]
    sold = 10 + 5 * (np.arange(300) % 7 == 5) + rng.normal(size=300)
    case = judged(
        pl.DataFrame({"day": days, "sold": sold}), "sold", time="day", task="forecasting", trials=3,
        learners=["naive", "seasonal_naive", "theta"], options={"horizon": 7}, folds=0,
    )  # fmt: skip
    figure = learning_curve(case, Deadline(60))
    well_drawn(figure)
    assert set(figure.frame["of"]) == {"rows it was not fitted to"}


@pytest.mark.parametrize(
    ("before", "after", "said"),
    [
        (1.0, 0.5, "became better by 0.5 (95%: 0.5 to 0.5): more rows of the same kind would probably help."),
        (
            0.5,
            1.0,
            "became worse by 0.5 (95%: 0.5 to 0.5): more rows of the same kind would probably not help.",
        ),
    ],
)
def test_what_is_surely_worse_is_not_called_chance(before, after, said):
    truth = pl.DataFrame({"y": np.zeros(100)})

    def point(share: float, error: float) -> _Point:
        return _Point(share, round(1_000 * share), (truth, pl.DataFrame({"p": np.full(100, error)})), None)

    error = Metric("mae", False, lambda _, found: lambda rows: float(found["p"].to_numpy()[rows].mean()))
    assert _said(error, [[point(0.4, before)], [point(1.0, after)]], Deadline(60), 0).endswith(said)
