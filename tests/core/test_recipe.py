# ruff: noqa: E501 - pinned messages stand on one line
from __future__ import annotations

import json
from pathlib import Path

import pytest

from noria.core.recipe import Recipe, validated
from noria.errors import NotFoundError, ParamError, RecipeError
from noria.systems.tabular.options import TabularOptions

FIELDS = {
    "name": "demo",
    "task": "classification",
    "data": {"source": "x.csv", "target": "y", "group": "house"},
    "search": {"budget": "2m", "metric": "accuracy"},
    "goal": {"accuracy": ">= 0.78"},
}


@pytest.mark.parametrize(
    ("change", "text"),
    [
        ({"tsk": "x"}, "There is no key 'tsk' in a recipe.\n  do:  Did you mean 'task'?"),
        ({"data": {"targt": "y"}}, "There is no key 'data.targt' in a recipe.\n  do:  Did you mean 'target'?"),
        ({"folder_": 1}, "There is no key 'folder_' in a recipe.\n  do:  Use one of: about, data, features, goal, monitor, name, options, promote, search, silence, split, system, and 2 more."),
        ({"name": "my model"}, "Key 'name' in a recipe: String should match pattern '^[A-Za-z0-9][A-Za-z0-9._-]*$'.\n  got: 'my model'"),
        ({"name": "../evil"}, "Key 'name' in a recipe: String should match pattern '^[A-Za-z0-9][A-Za-z0-9._-]*$'.\n  got: '../evil'"),
        ({"task": "clasification"}, "Key 'task' in a recipe: Input should be 'classification', 'regression', 'forecasting' or 'question-answering'.\n  got: 'clasification'"),
        ({"search": {"budget": "soon"}}, "Key 'search.budget' in a recipe: A budget is a positive duration. Write it as 60s, 5m or 1h.\n  got: 'soon'"),
        ({"search": {"trials": 0}}, "Key 'search.trials' in a recipe: Input should be greater than or equal to 1.\n  got: 0"),
        ({"search": {"seed": 2**32}}, "Key 'search.seed' in a recipe: Input should be less than or equal to 4294967295.\n  got: 4294967296"),
        ({"split": {"how": "rows"}}, "Key 'split.how' in a recipe: Input should be 'random', 'stratified', 'grouped' or 'time'.\n  got: 'rows'"),
        ({"goal": {"accuracy": "high"}}, "The goal for 'accuracy' is not a comparison.\n  got: 'high'\n  do:  Write it as '>= 0.78'."),
        ({"goal": {"accuracy": 0.8}}, "Key 'goal.accuracy' in a recipe: Input should be a valid string.\n  got: 0.8"),
    ],
)  # fmt: skip
def test_the_first_wrong_key_is_named(change, text):
    with pytest.raises(RecipeError) as caught:
        Recipe.parse({**FIELDS, **change})
    assert str(caught.value) == text


def test_a_recipe_needs_a_name():
    with pytest.raises(RecipeError) as caught:
        Recipe.parse({})
    assert str(caught.value) == "Key 'name' in a recipe: Field required."


def test_a_key_that_is_no_text_is_an_error_of_the_recipe():
    with pytest.raises(RecipeError):
        Recipe.parse({**FIELDS, 1: 2})


def test_a_wrong_key_inside_an_optional_part_offers_the_nearest():
    with pytest.raises(RecipeError) as caught:
        validated(TabularOptions, {"decision": {"by": "recall", "at_leas": 0.9}}, "options")
    assert (
        str(caught.value) == "There is no key 'decision.at_leas' in options.\n  do:  Did you mean 'at_least'?"
    )


def test_a_recipe_survives_json_without_its_defaults():
    recipe = Recipe.parse(FIELDS, folder=Path("here"))
    fields = json.loads(json.dumps(recipe.to_dict()))
    assert fields == {**FIELDS, "search": {"budget": 120.0, "metric": "accuracy"}}
    assert Recipe.parse(fields, folder=Path("here")) == recipe


def test_change_replaces_single_keys_and_checks_them():
    recipe = Recipe.parse(FIELDS, folder=Path("here"))
    changed = recipe.change(search={"budget": 5}, title="A title")
    assert (changed.search.budget, changed.search.metric, changed.title) == (5.0, "accuracy", "A title")
    assert changed.folder == Path("here")
    assert recipe.search.budget == 120.0
    with pytest.raises(RecipeError, match="Did you mean 'budget'"):
        recipe.change(search={"budgt": 5})


def test_read_takes_a_file_or_a_folder(tmp_path):
    path = tmp_path / "recipe.yaml"
    path.write_text("name: demo\ndata: {source: x.csv, target: y}\n")
    assert Recipe.read(path) == Recipe.read(tmp_path)
    assert Recipe.read(path).folder == tmp_path


@pytest.mark.parametrize(
    ("text", "start"),
    [
        ("name: [", "{path} is not valid YAML.\n  got: while parsing"),
        ("- a\n- b\n", "{path} is not a recipe.\n  got: list\n  do:  Run: noria new --help"),
        ("", "{path} is not a recipe.\n  got: NoneType\n  do:  Run: noria new --help"),
        (b"name: \xff\xfe", "{path} is not valid YAML."),
        ("title: 2024-02-30", "{path} is not valid YAML.\n  got: day"),
        ("!!python/object/apply:os.system ['true']", "{path} is not valid YAML."),
    ],
)
def test_files_that_are_no_recipes(tmp_path, text, start):
    path = tmp_path / "recipe.yaml"
    path.write_bytes(text if isinstance(text, bytes) else text.encode())
    with pytest.raises(RecipeError) as caught:
        Recipe.read(path)
    assert str(caught.value).startswith(start.format(path=path))


def test_a_recipe_that_is_a_folder(tmp_path):
    (tmp_path / "recipe.yaml" / "recipe.yaml").mkdir(parents=True)
    with pytest.raises(RecipeError) as caught:
        Recipe.read(tmp_path / "recipe.yaml")
    assert caught.value.what == f"{tmp_path / 'recipe.yaml' / 'recipe.yaml'} cannot be read."
    assert caught.value.got == "Is a directory"


def test_a_missing_file_says_where_recipes_are(tmp_path):
    with pytest.raises(NotFoundError) as caught:
        Recipe.read(tmp_path / "no.yaml")
    assert str(caught.value) == f"There is no recipe {tmp_path / 'no.yaml'}.\n  do:  Run: noria recipes"


def test_errors_of_a_recipe_are_not_those_of_a_parameter():
    with pytest.raises(RecipeError) as caught:
        Recipe.parse({**FIELDS, "search": {"budget": -1}})
    assert not isinstance(caught.value, ParamError)
    assert caught.value.exit_code == 2


def test_what_is_watched_is_read_as_it_is_written(tmp_path):
    text = "name: m\nmonitor: {drift: psi, window: 2d, retrain: {on: [drift, decay], every: 30d}}\n"
    (tmp_path / "recipe.yaml").write_text(text)
    monitor = Recipe.read(tmp_path).monitor
    assert (monitor.drift, monitor.window, monitor.retrain.every) == ("psi", 2 * 86_400, 30 * 86_400)
    assert monitor.retrain.on == ["drift", "decay"]
    told = Recipe.read(tmp_path).to_dict()
    assert Recipe.parse(told).to_dict() == told
    with pytest.raises(
        RecipeError, match=r"Key 'monitor.window' in a recipe: A duration is a positive duration"
    ):
        Recipe.parse({"name": "m", "monitor": {"window": "soon"}})
