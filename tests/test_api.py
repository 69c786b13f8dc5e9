from __future__ import annotations

import json
import shutil

import polars as pl
import pytest

import noria
from noria.core.recipe import Recipe
from noria.errors import ArtifactError, ColumnError, NotFoundError, RecipeError, SourceError, TrustError
from noria.settings import Settings

QUICK = {"budget": "60s", "trials": 2, "learners": ["naive_bayes"]}
FEATURES = "def f(table):\n    return table.with_columns(old=table['age'] > 50)\n"


@pytest.fixture(scope="module")
def home(tmp_path_factory):
    return tmp_path_factory.mktemp("home")


@pytest.fixture(scope="module")
def trained(home, people):
    session = noria.Session(Settings(home=home, workers=2))
    return session, noria.train(people(), "y", name="toy", session=session, **QUICK)


@pytest.fixture(scope="module")
def featured(home, people):
    session = noria.Session(Settings(home=home / "featured", workers=2))
    folder = home / "recipe"
    folder.mkdir()
    people().write_parquet(folder / "rows.parquet")
    (folder / "features.py").write_text(FEATURES)
    fields = {"name": "aged", "data": {"source": str(folder / "rows.parquet"), "target": "y"},
              "features": "features.py:f", "search": QUICK}  # fmt: skip
    (folder / "recipe.yaml").write_text(json.dumps(fields))
    return session, noria.run(folder, session=session)


# -- recipes -------------------------------------------------------------------------------------------------


def test_every_shipped_recipe_can_be_read_and_found():
    shipped = noria.recipes()
    assert "iris" in [recipe.name for recipe in shipped]
    for recipe in shipped:
        assert recipe.folder is not None
        assert recipe.folder.name == recipe.name
        assert noria.api.find_recipe(recipe.name) == recipe
        assert recipe.goals


def test_a_recipe_is_found_by_path_mapping_or_as_it_is(tmp_path):
    fields = {"name": "demo", "data": {"source": "x.csv", "target": "y"}}
    (tmp_path / "recipe.yaml").write_text(json.dumps(fields))
    recipe = Recipe.parse(fields, folder=tmp_path)
    for given in (tmp_path, str(tmp_path), tmp_path / "recipe.yaml", recipe):
        assert noria.api.find_recipe(given) == recipe
    assert noria.api.find_recipe(fields).name == "demo"


def test_an_unknown_recipe_offers_the_nearest():
    with pytest.raises(NotFoundError) as caught:
        noria.run("titanik")
    assert str(caught.value) == "There is no recipe 'titanik'.\n  do:  Did you mean 'titanic'?"


def test_search_settings_in_place_of_the_recipes_own(session, people, tmp_path):
    people().write_csv(tmp_path / "rows.csv")
    recipe = {"name": "demo", "data": {"source": str(tmp_path / "rows.csv"), "target": "y"},
              "search": {"metric": "accuracy", "trials": 50}}  # fmt: skip
    run = noria.run(recipe, session=session, **QUICK)
    assert (run.trials, run.evaluation.metric) == (2, "accuracy")
    assert run.recipe.search.trials == 2


# -- training ------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("source", "target", "name"),
    [
        ("some folder/My Data.2024.csv", "y", "My-Data"),
        ("données.csv", "y", "donn-es"),
        (None, "price (€)", "price"),
        (None, "größe", "gr--e"),
        (None, "目标", "model"),
        (None, "a" * 200, "a" * 80),
    ],
)
def test_a_model_gets_a_name_that_a_file_can_have(source, target, name):
    assert noria.api._walks._name_of(source if source is not None else target) == name
    Recipe.parse({"name": name})


@pytest.mark.parametrize("kind", ["dict", "pandas", "arrow", "rows"])
def test_any_kind_of_table_will_do(session, people, kind):
    table = people().drop("joined")
    given = {
        "dict": lambda: table.to_dict(as_series=False),
        "pandas": lambda: pytest.importorskip("pandas") and table.to_pandas(),
        "arrow": table.to_arrow,
        "rows": table.to_dicts,
    }[kind]()
    run = noria.train(given, "y", session=session, **QUICK)
    assert run.evaluation.scores["roc_auc"].value > 0.6
    assert (run.name, run.version) == ("y", 1)


def test_a_run_tells_about_itself(trained):
    _, run = trained
    text = json.dumps(run.to_dict(), allow_nan=False)
    assert json.loads(text)["goals_met"] is True
    assert json.loads(text)["version"] == run.version == 1
    assert run.report.is_file()
    assert run.seconds > 0
    assert f"{run.id}, {run.name}@1" in run._repr_html_()


def test_nothing_to_learn_from(session):
    with pytest.raises(RecipeError) as caught:
        noria.train(None, "y", session=session)
    assert str(caught.value) == "There are no data to learn from.\n  do:  Name them under 'data: source:'."
    with pytest.raises(ColumnError, match="There is no target column"):
        noria.train({"x": [1, 2]}, session=session)


# -- models --------------------------------------------------------------------------------------------------


def test_a_model_is_loaded_by_name_run_folder_or_model_folder(trained, people):
    session, run = trained
    rows = people(10, seed=4)
    expected = run.model.predict(rows)
    for name in ("toy", run.folder, run.folder / "model", str(run.folder)):
        assert noria.load(name, session=session).predict(rows).equals(expected)


def test_a_model_that_is_not_there(trained, tmp_path):
    session, _ = trained
    with pytest.raises(NotFoundError) as caught:
        noria.load("toi", session=session)
    assert str(caught.value) == "There is no model 'toi'.\n  do:  Did you mean 'toy'?"
    with pytest.raises(ArtifactError) as caught:
        noria.load(tmp_path / "nothing", session=session)
    assert str(caught.value) == (
        f"{tmp_path / 'nothing'} is not a model folder: it has no manifest.json.\n"
        "  do:  Name a folder that Noria saved."
    )


def test_predict_puts_predictions_beside_the_rows(trained, people, tmp_path):
    session, run = trained
    rows = people(12, seed=4).drop("y")
    rows.write_csv(tmp_path / "rows.csv")
    found = noria.predict("toy", tmp_path / "rows.csv", session=session)
    assert found.columns == [*rows.columns, *run.model.predict(rows).columns]
    assert found["prediction"].to_list() == run.model.predict(rows)["prediction"].to_list()
    assert noria.predict("toy", rows, session=session)["prediction"].equals(found["prediction"])
    with pytest.raises(SourceError):
        noria.predict("toy", tmp_path / "nothing.csv", session=session)


def test_rows_to_predict_may_be_a_list_of_dicts(trained, people):
    session, run = trained
    rows = people(3, seed=4).drop("y")
    found = noria.predict("toy", rows.to_dicts(), session=session)
    assert found["prediction"].equals(run.model.predict(rows)["prediction"])
    with pytest.raises(SourceError, match="Column 'age' holds no list of values") as caught:
        noria.predict("toy", rows.row(0, named=True), session=session)
    assert caught.value.do == "If the dict is a row, put it in a list, or use predict_one."


def test_columns_that_are_called_like_patterns_are_trained_profiled_and_predicted(session, people, tmp_path):
    table = people().select("age", "town", "member", "y")
    plain = noria.train(table, "y", session=session, **QUICK)
    path = tmp_path / "rows.csv"
    table.rename({"age": "*", "member": "^t.*$"}).write_csv(path)
    run = noria.train(path, "y", session=session, **QUICK)
    assert [column.name for column in run.model.signature.inputs] == ["(*)", "town", "(^t.*$)"]
    assert "column '*', a pattern, is called '(*)'" in run.notes
    found = noria.predict(run.folder, path, session=session)
    assert found.columns[:4] == ["(*)", "town", "(^t.*$)", "y"]
    assert found["prediction"].equals(plain.model.predict(table)["prediction"])
    told = noria.profile(path, session=session)
    assert [column.name for column in told.columns] == ["(*)", "town", "(^t.*$)", "y"]


# -- trust ---------------------------------------------------------------------------------------------------


def test_a_feature_function_serves_as_it_trained(featured, people):
    session, run = featured
    rows = people(12, seed=4).drop("y")
    model = noria.load("aged", session=session)
    assert model.predict(rows).equals(run.model.predict(rows))
    assert "old" in model.featured(rows).columns
    assert "old" not in [column.name for column in model.signature.columns]
    assert model.explain(rows.head(2)).attributions.height == 2
    assert model.predict_one(rows.row(3, named=True))["prediction"] == model.predict(rows)["prediction"][3]


def test_foreign_code_is_refused_without_trust(featured, people, tmp_path):
    _, run = featured
    shutil.copytree(run.folder / "model", tmp_path / "foreign")
    other = noria.Session(Settings(home=tmp_path / "home"))
    with pytest.raises(TrustError) as caught:
        noria.load(tmp_path / "foreign", session=other)
    assert str(caught.value).startswith(
        f"The model in {tmp_path / 'foreign'} holds Python code (features.py) that did not come from here."
    )
    assert str(caught.value).endswith(
        "  do:  Read the file; if you trust it, load with trust=True or --trust."
    )
    with pytest.raises(TrustError):
        noria.predict(tmp_path / "foreign", people(3), session=other)
    rows = people(5, seed=4)
    assert (
        noria.load(tmp_path / "foreign", trust=True, session=other)
        .predict(rows)
        .equals(run.model.predict(rows))
    )


def test_shipped_code_and_code_that_trained_here_are_trusted(featured):
    session, run = featured
    assert session.trusts(run.model.function.sha256)
    assert not session.trusts("0" * 64)
    shipped = [recipe.folder / "features.py" for recipe in noria.recipes()]
    for path in filter(lambda path: path.is_file(), shipped):
        assert session.trusts(noria.api._session._sha256(path))


def test_a_version_whose_run_is_lost(people, tmp_path):
    session = noria.Session(Settings(home=tmp_path / "home"))
    run = noria.train(
        people(), "y", name="toy", session=session, budget="60s", trials=1, learners=["logistic"]
    )
    run.folder.rename(tmp_path / "away")
    with pytest.raises(noria.errors.ArtifactError) as caught:
        noria.load("toy", session=session)
    assert str(caught.value) == (
        f"The run of version 1 of 'toy' is lost.\n  got: no folder of run {run.id}\n"
        "  do:  Restore it from a copy, or promote another version and run: noria reindex"
    )


def test_importing_and_a_session_touch_nothing(tmp_path):
    session = noria.Session(Settings(home=tmp_path / "home"))
    assert session.executor.workers > 0
    assert session.artefacts.names() == []
    assert session.state.runs() == []
    assert not (tmp_path / "home").exists()


def test_rows_survive_a_round_trip_through_every_format(trained, people, tmp_path):
    session, run = trained
    rows = people(15, seed=4).drop("y")
    rows.write_parquet(tmp_path / "a.parquet")
    rows.write_ndjson(tmp_path / "a.jsonl")
    rows.write_csv(tmp_path / "a.csv")
    expected = run.model.predict(rows)
    for ending in ("parquet", "jsonl", "csv"):
        found = noria.predict(run.folder, tmp_path / f"a.{ending}", session=session)
        assert (
            found.select(expected.columns)
            .select(pl.exclude(pl.Float64))
            .equals(expected.select(pl.exclude(pl.Float64)))
        )
