from __future__ import annotations

from noria.core.recipe import Recipe
from noria.core.result import Evaluation, Goal, Leader, Score
from noria.core.schema import Column, Schema, Type
from noria.lifecycle.report import markdown

RECIPE = Recipe.parse({"name": "demo", "title": "A demo", "about": "What it is about.\n"})
EVALUATION = Evaluation(
    rows=1200,
    how="stratified by y, 20% held out",
    metric="accuracy",
    scores={"accuracy": Score("accuracy", 0.8, 0.75, 0.85), "log_loss": Score("log_loss", 0.41)},
    baseline={"accuracy": Score("accuracy", 0.6)},
    goals=(Goal.parse("accuracy", ">= 0.78"), Goal.parse("log_loss", "<= 0.4")),
    leaderboard=(
        Leader("ridge", {}, 0.81, 1.0, 0.5, 0.002, 12_345, trials=3),
        Leader("baseline", {}, 0.6, 0.0, 0.1, 0.001, 10),
    ),
)
SCHEMA = Schema((Column("a|b", Type.NUMBER, distinct=1000, nulls=3, notes=("one", "two")),))


def report(recipe: Recipe = RECIPE, notes: tuple[str, ...] = ("7 rows left out",)) -> str:
    return markdown(recipe, EVALUATION, SCHEMA, notes, {"seed": "0"})


def test_goal_and_result_stand_side_by_side():
    text = report()
    assert text.startswith("# A demo\n\nWhat it is about.\n\n## Results\n")
    assert "Measured on 1,200 rows, with 95% intervals: stratified by y, 20% held out." in text
    assert "| accuracy | 0.8 [0.75, 0.85] | 0.6 | >= 0.78: met |" in text
    assert "| log_loss | 0.41 |  | <= 0.4: missed |" in text


def test_learners_columns_notes_and_facts_are_listed():
    text = report()
    assert "| ridge | 0.81 | 100% | 3 | 0.50 | 2.00 | 12 |" in text
    assert "| baseline | 0.6 |  | 1 | 0.10 | 1.00 | 0 |" in text
    assert "| a\\|b | number | feature | 1,000 | 3 | one; two |" in text
    assert "## Notes\n\n- 7 rows left out" in text
    assert "| seed | 0 |" in text
    assert "noria predict demo new.csv -o scored.parquet" in text


def test_what_is_empty_is_left_out():
    text = report(Recipe.parse({"name": "plain"}), ())
    assert text.startswith("# plain\n\n## Results")
    assert "## Notes" not in text
    assert "\n\n\n" not in text
