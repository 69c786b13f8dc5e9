from __future__ import annotations

import importlib
import json
import os
import shutil
import subprocess
import sys
from importlib import metadata

import polars as pl
import pytest

import noria
from noria.data.snapshot import fingerprint
from noria.lifecycle import lineage

QUICK = {"trials": 3, "learners": ["ridge", "decision_tree"]}


def git(folder, *arguments: str) -> str:
    named = ["-c", "user.name=t", "-c", "user.email=t@example.org"]
    done = subprocess.run(
        ["git", "-C", str(folder), *named, *arguments], check=True, capture_output=True, text=True
    )
    return done.stdout.strip()


@pytest.fixture
def repository(tmp_path, monkeypatch):
    """A repository with a committed recipe, which is the working directory too."""
    folder = tmp_path / "project"
    (folder / "churn").mkdir(parents=True)
    (folder / "churn" / "features.py").write_text("def f(table):\n    return table\n")
    git(folder, "init", "-q")
    git(folder, "add", ".")
    git(folder, "commit", "-qm", "first")
    monkeypatch.chdir(folder)
    return folder


# -- code ----------------------------------------------------------------------------------------------------


def test_a_clean_repository_has_a_commit_and_no_diff(repository):
    (repository / "data.csv").write_text("not tracked")
    found = lineage.code(repository / "churn")
    assert found == lineage.Code(git(repository, "rev-parse", "HEAD"))
    assert found.to_dict() == {"commit": found.commit, "dirty": False, "diff": None, "cut": False}


def test_a_changed_file_stands_in_the_diff_which_git_can_apply(repository):
    path = repository / "churn" / "features.py"
    path.write_text("def f(table):\n    return table.head(3)\n")
    found = lineage.code(repository)
    assert "+    return table.head(3)" in found.diff
    assert found.to_dict()["dirty"] is True
    changed = path.read_text()
    git(repository, "checkout", "-q", ".")
    (repository / "code.diff").write_text(found.diff)
    git(repository, "apply", "code.diff")
    assert path.read_text() == changed


def test_a_long_diff_is_cut_and_says_so(repository):
    (repository / "churn" / "features.py").write_text("x = 1\n" * 400_000)
    found = lineage.code(repository)
    assert (len(found.diff), found.cut) == (1_000_000, True)


def test_git_that_takes_too_long_is_left(repository, monkeypatch, tmp_path):
    slow = tmp_path / "bin" / "git"
    slow.parent.mkdir()
    real = subprocess.run(["which", "git"], capture_output=True, text=True, check=True).stdout.strip()
    slow.write_text(f'#!/bin/sh\ncase "$*" in *diff*) exec sleep 60;; esac\nexec {real} "$@"\n')
    slow.chmod(0o755)
    monkeypatch.setenv("PATH", str(slow.parent), prepend=os.pathsep)
    monkeypatch.setattr(lineage, "_PATIENCE", 0.5)
    assert lineage.code(repository).to_dict()["dirty"] is None


def test_a_search_does_not_wait_for_git(repository, monkeypatch, tmp_path, people, session):
    """Git answers here once the search has begun, and is left if it takes longer than five seconds."""
    slow, begun = tmp_path / "bin" / "git", tmp_path / "begun"
    slow.parent.mkdir()
    real = shutil.which("git")
    slow.write_text(f'#!/bin/sh\nwhile [ ! -e {begun} ]; do sleep 0.05; done\nexec {real} "$@"\n')
    slow.chmod(0o755)
    monkeypatch.setenv("PATH", str(slow.parent), prepend=os.pathsep)
    session.events.listen(lambda event: begun.touch() if event.kind == "search.started" else None)
    run = noria.train(people(), "y", session=session, budget="60s", trials=1, learners=["logistic"])
    assert run.record["commit"] == git(repository, "rev-parse", "HEAD")


@pytest.mark.parametrize("case", ["no repository", "no commit", "no Git"])
def test_without_git_there_is_no_code(tmp_path, monkeypatch, case):
    if case == "no commit":
        git(tmp_path, "init", "-q")
    if case == "no Git":
        monkeypatch.setenv("PATH", str(tmp_path))
    assert lineage.code(tmp_path) is None


def test_the_recipes_repository_comes_before_that_of_the_working_directory(repository, tmp_path):
    other = tmp_path / "other"
    other.mkdir()
    here = git(repository, "rev-parse", "HEAD")
    assert lineage.Origin(other).code.commit == here
    git(other, "init", "-q")
    git(other, "commit", "-qm", "other", "--allow-empty")
    assert lineage.Origin(other).code.commit == git(other, "rev-parse", "HEAD") != here


# -- environment ---------------------------------------------------------------------------------------------


def test_the_environment_names_what_is_installed_and_imports_nothing():
    code = (
        "import json, sys\nfrom noria.lifecycle import lineage\nbefore = set(sys.modules)\n"
        "told = lineage.environment()\n"
        "json.dump([told, [m for m in ('torch', 'xgboost', 'catboost', 'lightgbm') "
        "if m in set(sys.modules) - before]], sys.stdout)"
    )
    done = subprocess.run([sys.executable, "-c", code], check=True, capture_output=True, text=True)
    told, imported = json.loads(done.stdout)
    assert imported == []
    assert told["packages"]["polars"] == metadata.version("polars")
    assert told["packages"]["lightgbm"] == metadata.version("lightgbm")
    assert "noria" not in told["packages"]
    assert told["cpus"] == os.cpu_count()
    assert not any(value in json.dumps(told) for key, value in os.environ.items() if "HOME" in key)


# -- a run ---------------------------------------------------------------------------------------------------


def test_a_run_tells_what_it_came_from(repository, session, people):
    path = repository / "churn" / "features.py"
    path.write_text(path.read_text() + "# changed\n")
    people(target="number").write_csv(repository / "churn" / "rows.csv")
    test = people(40, target="number", seed=3)
    recipe = noria.Recipe.parse(
        {"name": "churn", "data": {"source": "rows.csv", "target": "y"}, "features": "features.py:f",
         "options": {"coverage": 0.8}, "search": QUICK},
        folder=repository / "churn",
    )  # fmt: skip
    run = noria.run(recipe, session=session, seed=4)
    told = json.loads((run.folder / "run.json").read_text())["lineage"]
    assert told == run.record["lineage"]
    assert told["data"] == {
        "fingerprint": run.record["snapshot"], "source": "rows.csv", "rows": 160, "columns": 6, "test": None,
            "documents": None,
    }  # fmt: skip
    assert told["code"]["commit"] == run.record["commit"] == git(repository, "rev-parse", "HEAD")
    assert "+# changed" in (run.folder / "code.diff").read_text()
    resolved = told["parameters"]["recipe"]
    assert (resolved["task"], resolved["system"], resolved["split"]["holdout"]) == (
        "regression",
        "tabular",
        0.2,
    )
    assert resolved["search"]["metric"] == run.evaluation.metric
    assert resolved["options"]["coverage"] == 0.8
    assert len(resolved["options"]) > 1
    assert told["seed"] == resolved["search"]["seed"] == 4
    pipeline = told["parameters"]["pipeline"]
    assert sum(member["weight"] for member in pipeline) == pytest.approx(1)
    for leader in run.evaluation.leaderboard:
        mine = [member["weight"] for member in pipeline if member["learner"] == leader.learner]
        assert sum(mine) == pytest.approx(leader.weight)
    tested = noria.train(people(target="number"), "y", test=test, session=session, **QUICK)
    told = tested.record["lineage"]["data"]
    assert told["source"] is None
    assert len(told["test"]) == len(fingerprint(pl.DataFrame()))
    assert tested.record["lineage"]["code"]["dirty"] is True


def test_a_system_of_ones_own_is_told_from_what_it_was_before(tmp_path, monkeypatch):
    path = tmp_path / "own_system.py"
    path.write_text("class System:\n    pass\n")
    monkeypatch.syspath_prepend(tmp_path)
    system = importlib.import_module("own_system").System()
    before = lineage.sources(system)
    path.write_text("class System:\n    changed = True\n")
    after = lineage.sources(system)
    assert list(before) == ["noria", "own_system"]
    assert [before[name] == after[name] for name in before] == [True, False]
