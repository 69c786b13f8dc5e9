"""The shipped recipes: complete, and with features that serve as they train."""

from __future__ import annotations

import re
from pathlib import Path

import polars as pl
import pytest

import noria
from noria.core.features import FeatureFunction
from noria.core.protocol import Task
from noria.core.recipe import Recipe
from noria.core.schema import Role, Type
from noria.data import sources
from noria.data.conform import conform
from noria.data.infer import infer, infer_task
from noria.errors import MissingExtraError, SourceError

RECIPES = {recipe.name: recipe for recipe in noria.recipes()}
WANTED = {
    "iris",
    "house-prices",
    "titanic",
    "credit-risk",
    "churn",
    "attrition",
    "fraud",
    "income",
    "diamonds",
    "docs-qa",
    "docs-qa-pro",
    "squad",
}
SECTIONS = ["Problem", "Data", "Method", "Run", "Goal", "Limits"]
FEATURED = [name for name, recipe in RECIPES.items() if recipe.features]


def rows(recipe: Recipe) -> pl.DataFrame:
    """The recipe's raw table, or a skip that says why there is none."""
    settings = noria.Settings()
    beside = recipe.folder / recipe.data.source
    source = str(beside) if beside.is_file() else recipe.data.source
    if not (source.startswith("package:") or beside.is_file()) and settings.mirror is None:
        pytest.skip(f"{recipe.data.source} needs the network, or a mirror that NORIA_MIRROR names")
    try:
        offline = settings.model_copy(update={"offline": True})
        table = sources.read(source, query=recipe.data.query, names=recipe.data.names, settings=offline)
    except (MissingExtraError, SourceError) as error:
        pytest.skip(str(error))
    return table.drop(recipe.data.drop)


def typed(recipe: Recipe) -> pl.DataFrame:
    """What the feature function gets: every column but the target, typed."""
    table = rows(recipe)
    schema = infer(table, target=recipe.data.target, overrides=recipe.data.columns)
    for column in schema:
        if column.role is Role.IGNORE and column.type is not Type.CONSTANT:
            schema = schema.change(column.name, role=Role.FEATURE)
    return conform(table, schema).drop(recipe.data.target)


def test_all_that_were_promised_are_there():
    assert set(RECIPES) >= WANTED


@pytest.mark.parametrize("name", RECIPES)
def test_a_recipe_is_complete(name):
    recipe = RECIPES[name]
    readme = Path(recipe.folder, "README.md").read_text(encoding="utf-8")
    assert recipe.folder.name == name
    assert recipe.title
    assert len(recipe.about) > 80
    assert recipe.goals
    assert re.findall(r"^## (.+)$", readme, re.MULTILINE) == SECTIONS
    assert f"noria run {name}\n" in readme
    for goal in recipe.goals:
        assert f"{goal.value:g}" in readme.partition("## Goal")[2]


@pytest.mark.parametrize("name", RECIPES)
def test_its_data_are_what_it_says(name):
    recipe = RECIPES[name]
    table = rows(recipe)
    asked = dict.fromkeys(table.columns if recipe.task.asked else (), "text")
    schema = infer(table, target=recipe.data.target, overrides={**asked, **recipe.data.columns})
    target = schema[recipe.data.target]
    if recipe.task not in (Task.FORECASTING, Task.QUESTION_ANSWERING):  # which a user says
        assert recipe.task == infer_task(target, table)
    if recipe.options.get("positive"):
        assert recipe.options["positive"] in target.levels
    said = {"fraud-sample": "1,230"}.get(name, f"{table.height:,}")
    assert re.search(rf"\b{said}\b", Path(recipe.folder, "README.md").read_text(encoding="utf-8"))


@pytest.mark.parametrize("name", FEATURED)
def test_features_keep_the_rows_and_add_columns(name):
    recipe = RECIPES[name]
    table = typed(recipe)
    made = FeatureFunction.read(recipe.features, recipe.folder)(table)
    assert made.height == table.height
    new = [column for column in made.columns if column not in table.columns]
    assert len(new) >= 3
    assert [column for column in new if made[column].null_count() == made.height] == []
    assert [column for column in new if made[column].n_unique() < 2] == []
    numbers = made.select(pl.selectors.float())
    assert sum(numbers[column].is_nan().sum() for column in numbers.columns) == 0


@pytest.mark.parametrize("name", FEATURED)
def test_a_row_alone_has_the_same_features(name):
    recipe = RECIPES[name]
    table = typed(recipe).head(60)
    function = FeatureFunction.read(recipe.features, recipe.folder)
    together = function(table)
    alone = pl.concat([function(table[at : at + 1]) for at in range(table.height)])
    assert together.equals(alone)
    assert function(table.head(0)).schema == together.schema


@pytest.mark.parametrize("name", FEATURED)
def test_features_bear_missing_values(name):
    recipe = RECIPES[name]
    table = typed(recipe).head(5)
    empty = table.with_columns(
        pl.lit(None, dtype=kind).alias(column) for column, kind in table.schema.items()
    )
    assert FeatureFunction.read(recipe.features, recipe.folder)(empty).height == 5


def test_titles_families_and_ages_of_passengers():
    recipe = RECIPES["titanic"]
    people = pl.DataFrame(
        {
            "name": [
                "Sage, Master Tom",
                "Rothes, the Countess of (Lucy)",
                "Brown, Mlle Ann",
                "Jacobsohn Mr Samuel",
            ],
            "class": ["3rd", "1st", "2nd", "*"],
            "age": [4.0, 33.0, None, 60.0],
            "sex": ["male", "female", "female", "male"],
        }
    )
    made = FeatureFunction.read(recipe.features, recipe.folder)(people)
    assert made["title"].to_list() == ["Master", "Noble", "Miss", "Mr"]
    assert made["namesakes"].to_list() == [11.0, 1.0, 6.0, 1.0]
    assert made["age_group"].to_list() == ["infant", "adult", "unknown", "old"]
    assert made["family"].to_list() == ["Sage", "alone", "Brown", "alone"]
    assert made["woman_or_child"].to_list() == [True, True, True, False]


def test_iris_runs(tmp_path):
    session = noria.Session(noria.Settings(home=tmp_path))
    run = noria.run("iris", budget="10s", learners=["logistic"], trials=2, session=session)
    assert run.evaluation.scores["accuracy"].value > 0.8
    assert run.evaluation.scores["accuracy"].value > run.evaluation.baseline["accuracy"].value


def test_questions_about_the_documentation_name_pages_that_are_there():
    from noria.data import documents
    from noria.systems.retrieval.target import judged

    recipe = RECIPES["docs-qa"]
    pages, left_out = documents.read(recipe.data.documents, settings=noria.Settings())
    known = set(pages["document"])
    assert not left_out
    for relevant in rows(recipe)["relevant"]:
        assert set(judged(relevant)) <= known, relevant


def test_docs_qa_answers_from_noria_s_own_documentation(tmp_path):
    session = noria.Session(noria.Settings(home=tmp_path))
    run = noria.run("docs-qa", budget="20s", trials=4, learners=["bm25"], session=session)
    scores, floor = run.evaluation.scores, run.evaluation.baseline
    assert scores["ndcg@10"].low > floor["ndcg@10"].value
    asked = "How do I make an older version answer again?"
    answer = noria.predict("docs-qa", ask=asked, session=session).row(0, named=True)
    assert answer["found"]
    assert answer["citations"][0]["line"] > 0
