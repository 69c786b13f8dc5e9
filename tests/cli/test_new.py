"""``noria new``: a recipe that runs at once."""

from __future__ import annotations

import json
from pathlib import Path


def test_a_new_recipe_runs_at_once(noria, home):
    done = noria("new", "mine", "--data", home / "pets.csv", "--target", "kind")
    assert done.code == 0, done.err
    assert done.out.splitlines()[-1] == "Next:  noria run mine"
    assert {path.name for path in Path("mine").iterdir()} == {"recipe.yaml", "features.py", "README.md"}
    walked = noria("run", "mine", "-b", "5s", "--learners", "logistic", "--trials", "2", "-q", "--json")
    assert json.loads(walked.out)["name"] == "mine"


def test_a_dry_run_writes_nothing(noria, home):
    done = noria("new", "mine", "-d", home / "pets.csv", "-t", "kind", "--dry-run")
    assert "# mine/recipe.yaml" in done.out
    assert not Path("mine").exists()
    said = json.loads(noria("new", "mine", "-d", home / "pets.csv", "-t", "kind", "--dry-run", "--json").out)
    assert (said["written"], said["recipe"]["name"]) == (False, "mine")


def test_nothing_is_overwritten(noria, home):
    arguments = ("new", "mine", "-d", home / "pets.csv", "-t", "kind")
    noria(*arguments)
    Path("mine/recipe.yaml").write_text("mine", encoding="utf-8")
    done = noria(*arguments)
    assert (done.code, done.out) == (2, "")
    assert "exists already" in done.err
    assert Path("mine/recipe.yaml").read_text(encoding="utf-8") == "mine"
