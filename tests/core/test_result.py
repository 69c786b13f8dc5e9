# ruff: noqa: E501 - pinned messages stand on one line
from __future__ import annotations

import json
import math
from datetime import date

import polars as pl
import pytest

from noria.core.result import Evaluation, Figure, Goal, Leader, Score
from noria.errors import RecipeError


@pytest.mark.parametrize(
    ("text", "value", "met"),
    [
        (">= 0.78", 0.78, True), ("> 0.78", 0.78, False), ("<=3", 3.0, True), ("< -1e-3", -1.0, True),
        ("  >= .5 ", 0.5, True), (">= 1.", 0.999, False), (">= 0.5", math.nan, False), ("<= +2E2", 200.0, True),
    ],
)  # fmt: skip
def test_goals(text, value, met):
    assert Goal.parse("m", text).met(value) is met


@pytest.mark.parametrize(
    "text", ["0.78", "= 0.78", ">= high", ">= 1.2.3", ">= .", "", ">= 78%", 0.78, None, ">= nan"]
)
def test_what_is_no_goal(text):
    with pytest.raises(RecipeError) as caught:
        Goal.parse("accuracy", text)
    expected = f"The goal for 'accuracy' is not a comparison.\n  got: {text!r}\n  do:  Write it as '>= 0.78'."
    assert str(caught.value) == expected


def test_a_score_shows_its_interval_where_it_has_one():
    assert str(Score("accuracy", 0.81234, 0.78, 0.85)) == "0.8123 [0.78, 0.85]"
    assert str(Score("accuracy", 0.81234)) == "0.8123"


def evaluation(**changes):
    fields = {
        "rows": 1200,
        "how": "stratified by <y>",
        "metric": "accuracy",
        "scores": {"accuracy": Score("accuracy", 0.8, 0.7, 0.9), "log_loss": Score("log_loss", 0.5)},
        "baseline": {"accuracy": Score("accuracy", 0.6)},
        "goals": (Goal.parse("accuracy", ">= 0.78"),),
        "leaderboard": (Leader("ridge", {"alpha": 1.0}, 0.8, 1.0, 0.1, 0.01, 900),),
        "notes": ("a note",),
    }
    return Evaluation(**{**fields, **changes})


def test_an_evaluation_survives_json_with_null_for_what_is_unknown():
    text = json.dumps(evaluation().to_dict(), allow_nan=False)
    back = Evaluation.from_dict(json.loads(text))
    assert math.isnan(back.scores["log_loss"].low)
    assert json.dumps(back.to_dict()) == text
    assert (back.goals, back.leaderboard, back.notes) == (
        evaluation().goals,
        evaluation().leaderboard,
        ("a note",),
    )


def test_the_frame_puts_goal_and_baseline_beside_the_value():
    frame = evaluation().frame()
    assert frame.row(0) == ("accuracy", 0.8, 0.7, 0.9, 0.6, ">= 0.78", True)
    assert frame["baseline"].to_list() == [0.6, None]
    assert frame["met"].to_list() == [True, None]
    assert evaluation(scores={}, goals=()).frame().height == 0


def test_goals_met_asks_all_of_them():
    assert evaluation().goals_met
    assert not evaluation(
        goals=(Goal.parse("accuracy", ">= 0.78"), Goal.parse("log_loss", "<= 0.4"))
    ).goals_met
    assert evaluation(goals=()).goals_met


def test_html_is_escaped():
    text = evaluation()._repr_html_()
    assert "stratified by &lt;y&gt;" in text
    assert "1,200 held-out rows" in text
    assert "<y>" not in text


def test_a_figure_survives_json():
    frame = pl.DataFrame({"day": [date(2024, 1, 1)], "sold": [2.0], "low": [None]})
    figure = Figure("sales", "Sales", frame, {"mark": "line"})
    fields = json.loads(json.dumps(figure.to_dict()))
    again = Figure.from_dict("sales", fields)
    assert fields["data"]["values"] == [{"day": "2024-01-01", "sold": 2.0, "low": None}]
    assert again.to_dict() == fields
