from __future__ import annotations

from dataclasses import replace

import numpy as np
import onnxruntime
import polars as pl
import pytest

import noria
from noria.errors import ArtifactError, MissingExtraError, ParamError
from noria.settings import Settings
from noria.systems.tabular.model import TabularModel
from noria.systems.tabular.recode import Recode

TREES = ("decision_tree", "random_forest", "hist_boosting", "lightgbm", "xgboost")
OTHERS = ("logistic", "naive_bayes", "linear_discriminant", "svm", "network", "baseline")


@pytest.fixture(scope="module")
def fitted(people, tmp_path_factory):
    """A model of some learners, trained once for each wish."""
    known = {}

    def make(target, *learners, drop=("remark",), **wish):
        key = (target, learners, drop, repr(sorted(wish.items())))
        if key not in known:
            session = noria.Session(Settings(home=tmp_path_factory.mktemp("home"), workers=2))
            table = crowded(people(300, target)).drop(drop)
            wish = {"trials": 1 + len(learners), "budget": "60s", "folds": 2, **wish}
            run = noria.train(table, "y", name="m", session=session, learners=list(learners), **wish)
            used = {member.predictor.kind for member in run.model.members}
            assert learners == ("baseline",) or used != {"constant"}
            known[key] = run.model
        return known[key]

    return make


def crowded(table: pl.DataFrame) -> pl.DataFrame:
    """The same with a category of eighty levels."""
    street = pl.Series([f"street {at * at % 80}" for at in range(table.height)])
    return table.with_columns(street=street)


def strange(people, target: str) -> pl.DataFrame:
    """Rows that the model has not seen: other towns, nothing known, moments before 1970."""
    table = crowded(people(80, target, seed=9)).drop("remark", "y")
    odd = table.head(12).with_columns(
        town=pl.lit("Atlantis"), street=pl.lit(None, pl.String), age=pl.lit(None, pl.Float64)
    )
    old = table.head(20).with_columns(joined=pl.col("joined").dt.offset_by("-60y"))
    empty = table.head(1).select(pl.lit(None, kind).alias(name) for name, kind in table.schema.items())
    return pl.concat([table, odd, old, empty])


def run(path, rows: pl.DataFrame) -> dict[str, np.ndarray]:
    """What ONNX Runtime makes of rows, given as the documentation says."""
    session = onnxruntime.InferenceSession(str(path), providers=["CPUExecutionProvider"])
    fed = {}
    for asked in session.get_inputs():
        values = rows[asked.name]
        if asked.type == "tensor(string)":
            array = np.array(["" if value is None else value for value in values], dtype=object)
        else:
            seconds = values.dt.epoch("us") / 1e6 if values.dtype == pl.Datetime else values
            array = np.array([np.nan if value is None else float(value) for value in seconds])
        fed[asked.name] = array.reshape(-1, 1)
    return dict(zip([output.name for output in session.get_outputs()], session.run(None, fed)))


@pytest.mark.parametrize("learner", [*TREES, *OTHERS])
@pytest.mark.parametrize("target", ["two", "three"])
def test_classes_of_every_kind_of_member(fitted, people, tmp_path, target, learner):
    if learner == "xgboost":
        pytest.importorskip("xgboost")
    model = fitted(target, learner)
    told = model.to_onnx(tmp_path / "m.onnx")
    assert told["checked"]["rows"] > 50
    assert told["checked"]["largest_difference"] < 1e-5
    rows = strange(people, target)
    found, expected = run(tmp_path / "m.onnx", rows), model.predict(rows)
    assert told["labels"] == list(model.target.labels)
    np.testing.assert_allclose(found["probabilities"], model.target.matrix(expected), atol=1e-5)
    assert found["prediction"].tolist() == expected["prediction"].to_list()
    sets = [[told["labels"][at] for at in np.flatnonzero(row)] for row in found["prediction_set"]]
    assert sets == expected["prediction_set"].to_list()


@pytest.mark.parametrize(
    "learners",
    [
        ("ridge",),
        ("lightgbm",),
        ("extra_trees",),
        ("network",),
        ("ridge", "lightgbm", "random_forest", "svm"),
    ],
)
def test_numbers_and_their_intervals(fitted, people, tmp_path, learners):
    model = fitted("number", *learners)
    assert model.to_onnx(tmp_path / "m.onnx")["outputs"] == ["prediction", "low", "high"]
    rows = strange(people, "number")
    found, expected = run(tmp_path / "m.onnx", rows), model.predict(rows)
    for name in ("prediction", "low", "high"):
        np.testing.assert_allclose(found[name], expected[name].to_numpy(), rtol=1e-5, atol=1e-5)


def test_target_means_in_place_of_codes(fitted, people, tmp_path):
    model = fitted("two", "random_forest")
    encoder = model.encoders["trees"]
    columns = np.flatnonzero(encoder.discrete)
    tables = np.random.default_rng(0).random((len(columns), 3)).astype(np.float32)
    member = replace(model.members[0], recode=Recode(columns, tables))
    recoded = TabularModel(
        model.schema, model.target, {"trees": encoder}, [member], model.finish, model.background
    )
    recoded.to_onnx(tmp_path / "m.onnx")
    rows = strange(people, "two")
    expected = model.target.matrix(recoded.predict(rows))
    assert np.abs(expected - model.target.matrix(model.predict(rows))).max() > 0.01
    np.testing.assert_allclose(run(tmp_path / "m.onnx", rows)["probabilities"], expected, atol=1e-5)


def test_the_focal_loss_has_its_own_probabilities(fitted, people, tmp_path):
    model = fitted("two", "lightgbm", options={"imbalance": "focal"})
    model.to_onnx(tmp_path / "m.onnx")
    rows = strange(people, "two")
    expected = model.target.matrix(model.predict(rows))
    assert model.members[0].predictor.link == "focal"
    np.testing.assert_allclose(run(tmp_path / "m.onnx", rows)["probabilities"], expected, atol=1e-5)


@pytest.mark.parametrize("decision", [{"by": "f1"}, {"by": "cost", "cost": [[0, 1], [5, 0]]}])
def test_decisions(fitted, people, tmp_path, decision):
    model = fitted("two", "logistic", options={"decision": decision})
    model.to_onnx(tmp_path / "m.onnx")
    rows = strange(people, "two")
    assert (
        run(tmp_path / "m.onnx", rows)["prediction"].tolist() == model.predict(rows)["prediction"].to_list()
    )


def test_what_cannot_be_expressed_is_one_error_that_names_it(fitted, tmp_path):
    with pytest.raises(ParamError) as caught:
        fitted("two", "neighbours").to_onnx(tmp_path / "m.onnx")
    assert str(caught.value).splitlines()[:2] == [
        "The model cannot be written as ONNX: one of its members cannot be expressed there.",
        "  got: a member of the kind 'neighbours'",
    ]
    with pytest.raises(ParamError) as caught:
        fitted("two", "logistic", drop=()).to_onnx(tmp_path / "m.onnx")
    assert str(caught.value) == (
        "The model cannot be written as ONNX: it reads words out of a text.\n"
        "  got: the column 'remark'\n"
        "  do:  Use --to docker or --to mlflow, or train with --drop remark."
    )
    assert list(tmp_path.iterdir()) == []


def test_a_graph_that_differs_is_refused(fitted, tmp_path, monkeypatch):
    model = fitted("number", "ridge")
    right = model.predict
    monkeypatch.setattr(
        model, "predict", lambda rows: right(rows).with_columns(prediction=pl.col("prediction") + 0.01)
    )
    with pytest.raises(ArtifactError, match="does not predict what the model does"):
        model.to_onnx(tmp_path / "m.onnx")


@pytest.mark.parametrize(
    ("target", "learner", "wrong"),
    [
        ("number", "ridge", pl.col("low") - 0.01),
        ("number", "ridge", pl.col("high") + 0.01),
        ("two", "logistic", pl.col("prediction_set").list.reverse().list.slice(1)),
    ],
)
def test_a_graph_with_other_intervals_or_sets_is_refused(
    fitted, tmp_path, monkeypatch, target, learner, wrong
):
    model = fitted(target, learner)
    right = model.predict
    monkeypatch.setattr(model, "predict", lambda rows: right(rows).with_columns(wrong))
    with pytest.raises(ArtifactError, match="does not predict what the model does"):
        model.to_onnx(tmp_path / "m.onnx")


def test_without_the_extra(fitted, tmp_path, monkeypatch):
    import sys

    monkeypatch.setitem(sys.modules, "onnx", None)
    with pytest.raises(MissingExtraError, match=r'pip install "noria\[onnx\]"'):
        fitted("number", "ridge").to_onnx(tmp_path / "m.onnx")
