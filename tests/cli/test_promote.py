"""``noria promote``, ``rollback``, ``tag`` and ``history``."""

from __future__ import annotations

import json
import shutil

import pytest

TRAIN = ("train", "-t", "kind", "-b", "5s", "--learners", "logistic", "--trials", "2", "--folds", "2", "-q")


@pytest.fixture
def two(noria, home, tmp_path):
    """Run a command in a home with two versions of 'pets', of which the first is the champion."""
    shutil.copytree(home, tmp_path / "home")
    rows = (home / "pets.csv").read_text().replace("dog", "hound")
    (tmp_path / "pets.csv").write_text(rows)
    assert noria(*TRAIN, "--goal", "accuracy < 0", tmp_path / "pets.csv").code == 0
    return noria


def test_a_version_that_misses_its_goal_is_told_and_waits_as_challenger(two):
    models = json.loads(two("models", "--json").out)
    assert models[0]["aliases"] == {"champion": 1, "challenger": 2}
    kinds = [(entry["kind"], entry["version"]) for entry in json.loads(two("history", "pets", "--json").out)]
    assert kinds == [("registered", 1), ("promoted", 1), ("registered", 2), ("promoted", 2)]
    assert "the goal accuracy < 0 is missed" in " ".join(two("history", "pets").out.split())


def test_promote_and_rollback(two):
    assert two("promote", "pets@challenger", "--why", "trust me").out == (
        "champion of pets is version 2 now (before: version 1)\n"
    )
    assert two("promote", "pets").out == "pets is champion already.\n"
    last = json.loads(two("history", "pets", "--json").out)[-1]
    assert (last["why"], last["before"]) == ("trust me", 1)
    assert two("rollback", "pets").out == "champion of pets is version 1 now (before: version 2)\n"
    done = two("rollback", "pets")
    assert done.code == 4
    assert "No version of 'pets' was champion before." in done.err


def test_a_reason_cannot_steer_the_terminal(two):
    two("promote", "pets@2", "--why", "\x1b[31mred\x07")
    assert "[31mred" in two("history", "pets").out
    assert "\x1b" not in two("history", "pets").out


def test_another_alias(two):
    assert two("promote", "pets@1", "--alias", "candidate").code == 0
    assert json.loads(two("models", "pets", "--json").out)[0]["aliases"]["candidate"] == 1
    assert "candidate" in two("models", "pets").out


def test_tags(two):
    assert two("tag", "pets", "owner=ann", "stage=test").code == 0
    assert two("tag", "pets@1", "stage=").code == 0
    assert json.loads(two("models", "pets", "--json").out)[0]["versions"][0]["tags"] == {"owner": "ann"}
    done = two("tag", "pets", "owner")
    assert done.code == 2
    assert done.err == "error: A tag is a pair.\n  got: 'owner'\n  do:  Write it as owner=ann.\n"


def test_a_version_is_predicted_with_by_its_number(two, tmp_path):
    rows = tmp_path / "rows.csv"
    rows.write_text("weight,legs,colour\n20,4,red\n")
    assert "dog" in two("predict", "pets", rows).out
    assert "hound" in two("predict", "pets@2", rows).out
    assert two("predict", "pets@3", rows).code == 4


@pytest.mark.parametrize("verb", ["promote", "rollback", "history"])
def test_an_unknown_model(noria, verb):
    done = noria(verb, "pats")
    assert done.code == 4
    assert done.err == "error: There is no model 'pats'.\n  do:  Train it first: noria run pats\n"


@pytest.mark.parametrize("command", ["promote", "show"])
def test_a_reference_that_ends_early_names_no_version(trained, command):
    done = trained(command, "pets@")
    assert (done.code, done.err) == (
        2,
        "error: Nothing follows the '@'.\n  got: 'pets@'\n  do:  Write pets@1, pets@champion or pets.\n",
    )


def test_a_version_whose_run_is_lost_is_not_promoted(two, tmp_path):
    lost = json.loads(two("models", "--json").out)[0]["versions"][1]["run"]
    shutil.rmtree(tmp_path / "home" / "runs" / lost)
    done = two("promote", "pets@2")
    assert (done.code, done.err) == (
        4,
        f"error: The run of pets@2 is lost.\n  got: no folder {lost}\n"
        "  do:  Restore it from a copy, or promote another version.\n",
    )
    assert json.loads(two("models", "--json").out)[0]["aliases"]["champion"] == 1
