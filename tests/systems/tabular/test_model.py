from __future__ import annotations

import json

import numpy as np
import polars as pl
import pytest

import noria
from noria.core import artifact
from noria.data.conform import conform
from noria.errors import ColumnError
from noria.settings import Settings


@pytest.fixture(scope="module")
def runs(people, tmp_path_factory):
    """A joint model of several learners for each kind of target."""
    session = noria.Session(Settings(home=tmp_path_factory.mktemp("home"), workers=2))
    wish = {"session": session, "budget": "60s", "trials": 4, "folds": 3}
    classes = ["naive_bayes", "logistic", "decision_tree", "neighbours"]
    names = {"two": classes, "three": classes, "number": ["ridge", "lasso", "decision_tree", "neighbours"]}
    return {toy: noria.train(people(300, toy), "y", learners=names[toy], **wish) for toy in names}


TOYS = pytest.mark.parametrize("toy", ["two", "three", "number"])


@TOYS
def test_one_row_equals_a_batch_equals_parts(runs, people, toy):
    model, rows = runs[toy].model, people(40, toy, seed=3).drop("y")
    whole = model.predict(rows)
    floats = pl.selectors.float()
    for at, row in enumerate(rows.iter_rows(named=True)):
        one = pl.DataFrame([model.predict_one(row)], schema=whole.schema)
        assert np.allclose(
            one.select(floats).to_numpy(), whole[at].select(floats).to_numpy(), rtol=1e-5, atol=1e-7
        )
        assert one.select(pl.exclude(pl.Float64)).equals(whole[at].select(pl.exclude(pl.Float64)))
    parts = pl.concat([model.predict(part) for part in rows.iter_slices(9)])
    assert np.allclose(parts.select(floats).to_numpy(), whole.select(floats).to_numpy(), rtol=1e-6)


def test_a_long_table_gets_what_its_pieces_get_one_by_one(people, tmp_path):
    session = noria.Session(Settings(home=tmp_path, workers=2))
    run = noria.train(
        people(1500, "number"),
        "y",
        learners=["random_forest"],
        trials=2,
        folds=2,
        budget="60s",
        session=session,
    )
    rows = pl.concat([people(4000, "number", seed=seed).drop("y") for seed in range(4)])
    assert any(len(member.predictor._booster.parts) > 3 for member in run.model.members)
    whole = run.model.predict(rows)
    pieces = pl.concat([run.model.predict(piece) for piece in rows.iter_slices(2000)])
    np.testing.assert_allclose(whole["prediction"], pieces["prediction"], rtol=1e-9)


@TOYS
def test_a_folder_holds_the_model_and_nothing_but_data(runs, people, tmp_path, toy):
    model, rows = runs[toy].model, people(40, toy, seed=3).drop("y")
    folder = artifact.save(model, tmp_path / "model", system="tabular")
    endings = {path.suffix for path in folder.iterdir()}
    assert endings <= {".json", ".gz", ".parquet"}
    loaded = artifact.load(folder, prepare=conform, trusted=lambda _: False)
    assert loaded.predict(rows).equals(model.predict(rows))
    assert loaded.explain(rows.head(3)).attributions.equals(model.explain(rows.head(3)).attributions)
    assert loaded.signature == model.signature


@TOYS
def test_what_comes_out_is_what_the_signature_says(runs, people, toy):
    model = runs[toy].model
    found = model.predict(people(5, toy).drop("y"))
    assert found.columns == [output.name for output in model.signature.outputs]
    assert model.predict(people(5, toy).drop("y").head(0)).schema == found.schema
    assert json.loads(json.dumps(model.signature.json_schema()))["required"] == [
        "age", "town", "member", "joined", "remark"
    ]  # fmt: skip
    assert model.predict_one(model.signature.example)


@pytest.mark.parametrize("toy", ["two", "three"])
def test_probabilities_are_probabilities_and_the_answer_the_largest(runs, people, toy):
    model = runs[toy].model
    found = model.predict(people(200, toy, seed=4))
    p = model.target.matrix(found)
    assert p.sum(axis=1) == pytest.approx(1)
    assert (p >= 0).all()
    assert found["prediction"].to_list() == [model.target.labels[at] for at in p.argmax(axis=1)]


@TOYS
def test_intervals_and_sets_cover_what_they_promise_on_rows_never_seen(runs, people, toy):
    model, rows = runs[toy].model, people(2000, toy, seed=11)
    covered = model.target.covered(rows["y"], model.predict(rows)).mean()
    assert 0.85 <= covered <= 0.96


def test_intervals_hold_the_prediction(runs, people):
    found = runs["number"].model.predict(people(50, "number", seed=4))
    assert (found["low"] < found["prediction"]).all()
    assert (found["prediction"] < found["high"]).all()


@pytest.mark.parametrize("many", [1, 4, 5, 50])
def test_a_missing_column_is_named_however_many_rows_there_are(runs, people, many):
    rows = people(many).drop("town").rename({"age": "aeg"})
    with pytest.raises(ColumnError) as caught:
        runs["two"].model.predict(rows)
    assert str(caught.value).startswith("The table has no column 'age'.\n  do:  Rename 'aeg' to 'age'")


def test_a_missing_key_of_one_row_is_named(runs, people):
    row = people(1).drop("town").row(0, named=True)
    with pytest.raises(ColumnError, match="'town'"):
        runs["two"].model.predict_one(row)


def test_a_cell_that_cannot_be_read_counts_as_missing_alone_and_in_a_batch(runs, people):
    model, rows = runs["two"].model, people(20).with_columns(pl.col("age").cast(pl.String))
    broken = rows.with_columns(age=pl.when(pl.int_range(20) == 3).then(pl.lit("old")).otherwise("age"))
    missing = {**broken.row(3, named=True), "age": None}
    assert model.predict_one(broken.row(3, named=True)) == model.predict_one(missing)
    assert model.predict(broken)["prediction"][3] == model.predict_one(missing)["prediction"]
    assert model.predict(broken[2:5]).equals(model.predict(broken)[2:5])


@pytest.mark.parametrize("many", [1, 4, 5, 20])
def test_a_column_that_cannot_be_read_is_named_however_many_rows_there_are(runs, people, many):
    with pytest.raises(ColumnError) as caught:
        runs["two"].model.predict(people(many).with_columns(age=pl.lit("old")))
    assert str(caught.value) == (
        "The column 'age' should hold numbers.\n  got: 'old'\n"
        "  do:  Write a number such as 12.5, or leave it empty where it is unknown."
    )


@TOYS
def test_an_explanation_has_a_column_per_feature_and_finds_what_matters(runs, people, toy):
    model, rows = runs[toy].model, people(30, toy, seed=3).drop("y")
    found = model.explain(rows)
    assert found.attributions.columns == ["age", "town", "member", "joined", "remark"]
    assert found.attributions.height == 30
    assert found.frame()["feature"][0] in {"age", "town"}


def test_the_order_of_columns_and_strangers_among_them_change_nothing(runs, people):
    model, rows = runs["two"].model, people(30, seed=3)
    turned = rows.select(reversed(rows.columns)).with_columns(stranger=pl.lit(1))
    assert model.predict(turned).equals(model.predict(rows))
