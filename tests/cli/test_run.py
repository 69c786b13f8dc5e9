"""``noria run``: a recipe walked, a summary, an exit code."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

QUICK = "{budget: 5s, learners: [logistic], trials: 2, folds: 2}"


@pytest.fixture
def recipe(noria, home) -> str:
    """The path of a recipe on the pets, with a goal that is met and one that cannot be."""
    Path("pets").mkdir()
    Path("pets/recipe.yaml").write_text(
        f"name: pets\ntitle: Cat or dog?\nsearch: {QUICK}\n"
        f"data: {{source: {home / 'pets.csv'}, target: kind}}\n"
        'goal: {accuracy: ">= 0.5", log_loss: "<= -1"}\n',
        encoding="utf-8",
    )
    return "pets"


def test_a_run_ends_with_a_summary(noria, recipe):
    done = noria("run", recipe)
    assert done.code == 0, done.err
    text = " ".join(done.out.split())
    for words in (
        "pets version 1, 2 trials",
        "Cat or dog?",
        "predicts kind (classification)",
        "48 rows to train, 12 to evaluate",
        "stratified by kind",
        "metric score 95% interval baseline goal",
        ">= 0.5 ✓ met",
        "<= -1 ✗ missed",
        "share trials fit 1,000 rows size",
        "logistic",
        "report home/runs/pets-",
        "next noria predict pets new.csv -o scored.parquet",
    ):
        assert words in text
    assert max(map(len, done.out.splitlines())) <= 100
    assert not any(line.endswith(" ") for line in done.out.splitlines())


def test_progress_goes_to_stderr_in_one_line_per_stage(noria, recipe):
    lines = noria("run", recipe).err.splitlines()
    assert all(line.startswith("pets: ") for line in lines)
    assert "pets: 60 rows, 4 columns" in "\n".join(lines)
    assert any("searching for up to 5.0 s by" in line for line in lines)
    assert len(lines) < 10


def test_json_is_one_document(noria, recipe):
    done = noria("run", recipe, "--json", "--seed", "3")
    said = json.loads(done.out)
    assert said["name"] == "pets"
    assert said["version"] == 1
    assert said["goals_met"] is False
    assert said["recipe"]["search"]["seed"] == 3
    assert Path(said["folder"], "report.md").is_file()


def test_quiet_says_nothing_on_stderr(noria, recipe):
    assert noria("run", recipe, "--quiet").err == ""


def test_a_required_goal_that_is_missed_is_exit_code_9(noria, recipe):
    done = noria("run", recipe, "--require-goal", "--json", "--quiet")
    said = json.loads(done.err)
    assert (done.code, said["error"]) == (9, "GoalMissedError")
    assert "log_loss <= -1" in said["what"]
    assert json.loads(done.out)["version"] == 1


def test_flags_override_the_recipe(noria, recipe):
    said = json.loads(noria("run", recipe, "--json", "-q", "--learners", "naive_bayes", "--trials", "2").out)
    assert {leader["learner"] for leader in said["evaluation"]["leaderboard"]} == {"baseline", "naive_bayes"}


@pytest.mark.parametrize(
    ("arguments", "code", "said"),
    [
        (["--metric", "acuracy"], 2, "accuracy"),
        (["--learners", "logistik"], 2, "Did you mean 'logistic'?"),
        (["--budget", "soon"], 2, "60s, 5m"),
        (["--folds", "99"], 2, "50"),
    ],
)
def test_a_wrong_flag_is_named(noria, recipe, arguments, code, said):
    done = noria("run", recipe, *arguments)
    assert (done.code, done.out) == (code, "")
    assert said in done.err
    assert "Traceback" not in done.err
