"""``noria train``: what a recipe says, as flags."""

from __future__ import annotations

import json

import pytest

from noria.cli.options import goals, pairs
from noria.errors import ParamError

QUICK = ("-q", "-b", "5s", "--learners", "logistic", "--trials", "2", "--folds", "2")


def test_flags_become_a_recipe(noria, home):
    done = noria(
        *("train", home / "pets.csv", "-t", "kind", "--json", "--name", "animals", "--drop", "legs"),
        *("--column", "colour=text", "--option", "coverage=0.8", "--goal", "accuracy >= 0.5"),
        *("--holdout", "0.3", *QUICK),
    )
    assert done.code == 0, done.err
    recipe = json.loads(done.out)["recipe"]
    assert recipe["name"] == "animals"
    assert recipe["data"]["columns"] == {"colour": "text", "legs": {"role": "ignore"}}
    assert recipe["options"] == {"coverage": 0.8}
    assert recipe["goal"] == {"accuracy": ">= 0.5"}
    assert recipe["split"] == {"holdout": 0.3}
    assert json.loads(done.out)["goals_met"] is True


def test_a_column_may_be_told_how_it_is_read(noria, home):
    wish = "{type: category, parse: {nulls: [none]}}"
    done = noria("train", home / "pets.csv", "-t", "kind", "--json", "--column", f"colour={wish}", *QUICK)
    assert done.code == 0, done.err
    columns = json.loads(done.out)["recipe"]["data"]["columns"]
    assert columns == {"colour": {"type": "category", "parse": {"nulls": ["none"]}}}


def test_a_seed_that_not_every_learner_takes_is_refused(noria, home):
    done = noria("train", home / "pets.csv", "-t", "kind", "--seed", 2**32, *QUICK)
    assert done.code == 2
    assert "less than or equal to 4294967295" in done.err


def test_the_name_is_the_file_s(noria, home):
    assert json.loads(noria("train", home / "pets.csv", "-t", "kind", "--json", *QUICK).out)["name"] == "pets"


def test_a_misspelt_target_offers_the_nearest(noria, home):
    done = noria("train", home / "pets.csv", "-t", "kynd", *QUICK)
    assert (done.code, done.out) == (3, "")
    assert "Did you mean 'kind'?" in done.err


def test_another_target_under_the_same_name_takes_nobody_s_place(noria, home):
    assert noria("train", home / "pets.csv", "-t", "colour", *QUICK).code == 0
    done = noria("train", home / "pets.csv", "-t", "kind", *QUICK)
    said = " ".join(done.out.split())
    assert "not promoted: the champion predicts 'colour' (classification), this version 'kind'" in said
    assert "next noria predict pets@2 new.csv -o scored.parquet" in said
    assert noria("promote", "pets@2").code == 0


def test_a_target_is_needed(noria, home):
    done = noria("train", home / "pets.csv")
    assert done.code == 2
    assert "--target" in done.err


def test_documents_alone_are_enough(noria, home):
    for kind in "abcdefghijkl":
        (home / f"wheel-{kind}.txt").write_text(
            f"Wheel {kind}{kind} lifts water with great force, day and night."
        )
    done = noria(
        *("train", "--documents", home / "wheel-*.txt", "--name", "wheels", "--json"),
        *("-q", "-b", "5s", "--learners", "bm25", "--trials", "1", "--folds", "2"),
    )
    assert done.code == 0, done.err
    assert "12 questions were made" in json.loads(done.out)["notes"][0]


@pytest.mark.parametrize("item", ["coverage", "=3", "a={b", "a=2024-02-30"])
def test_a_pair_that_is_none(item):
    with pytest.raises(ParamError, match="--option is not a pair"):
        pairs([item], "--option")


@pytest.mark.parametrize("item", ["accuracy", "accuracy 0.9", ">= 0.9"])
def test_a_goal_that_is_none(item):
    with pytest.raises(ParamError, match="--goal is not a comparison"):
        goals([item])
