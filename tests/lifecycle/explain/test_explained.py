from __future__ import annotations

import json

import numpy as np
import polars as pl
import pytest

from noria.core.features import FeaturedModel, FeatureFunction
from noria.core.insight import Importance
from noria.data.conform import conform
from noria.errors import ColumnError, ParamError
from noria.lifecycle.explain import Background, Explained, Wanted, explain, said


def share(rows):
    return 1 / (1 + np.exp(-(rows["a"] + rows["b"]).to_numpy()))


@pytest.fixture
def shown(view, numbers):
    return view(share, numbers, labels=("no", "yes"))


def test_rows_are_predicted_explained_and_turned(shown, numbers):
    background = Background(numbers.with_columns(y=pl.lit("no")), "y")
    found = explain(shown.model, numbers.head(2), background=background, wanted=Wanted())
    assert found.predictions.height == len(found.counterfactuals) == 2
    assert found.frame().columns == ["row", "feature", "value", "added", "error"]
    told = json.loads(json.dumps(found.to_dict()))
    said_of = [row["prediction"]["prediction"] for row in told["rows"]]
    assert said_of == found.predictions["prediction"].to_list()
    assert told["rows"][0]["counterfactual"]["found"]
    assert "<table" in found._repr_html_()


def test_rows_that_are_few_are_no_background(shown, numbers):
    model = shown.model
    model.columns = tuple(
        type(column)(column.name, column.type, low=-3.0, high=3.0) for column in model.columns
    )
    found = explain(model, numbers.head(1), wanted=Wanted())
    assert found.counterfactuals[0].found
    assert all(-3 <= change.after <= 3 for change in found.counterfactuals[0].changes)


def test_a_boundary_of_numbers_and_a_heat_map_of_anything_else(view, numbers):
    rows = numbers.with_columns(town=pl.Series(["x", "y", "z"] * 100))
    model = view(share, rows, labels=("no", "yes")).model
    truth = rows.with_columns(kind=pl.Series(np.where(share(rows) > 0.5, "yes", "no")))
    background = Background(truth, "kind")
    (boundary,) = explain(model, rows.head(1), background=background, columns=("a", "b")).figures
    counts = dict(boundary.frame["kind"].value_counts().iter_rows())
    assert counts["cell"] == 900
    assert counts["asked"] == 1
    assert counts["row"] > 100
    cells = boundary.frame.filter(kind="cell")
    assert (cells["class"] == np.where(cells["x"] + cells["y"] > 0, "yes", "no")).mean() > 0.97
    (heat,) = explain(model, rows.head(0), background=background, columns=("a", "town")).figures
    assert heat.name == "surface"
    assert heat.frame["y"].n_unique() == 3


@pytest.mark.parametrize(
    ("columns", "kind", "text"),
    [
        (("a",), ParamError, "A picture needs two columns.\n  got: a\n  do:  Name two: a,b."),
        (("a", "a"), ParamError, "A picture needs two columns.\n  got: a, a\n  do:  Name two: a,b."),
        (("a", "bb"), ColumnError, "There is no column 'bb'.\n  do:  Did you mean 'b'?"),
        (
            ("a", "flat"),
            ParamError,
            "A picture needs two columns that vary and hold numbers, levels or moments.\n"
            "  got: a: number, flat: number",
        ),
    ],
)
def test_columns_that_cannot_be_drawn_are_a_clear_error(view, numbers, columns, kind, text):
    rows = numbers.with_columns(flat=pl.lit(1.0), y=pl.lit("no"))
    model = view(share, rows, labels=("no", "yes"), target="y").model
    with pytest.raises(kind) as caught:
        explain(model, rows.head(0), background=Background(rows, "y"), columns=columns)
    assert str(caught.value) == text


def test_behind_a_feature_function_both_kinds_of_columns_can_be_drawn(view, numbers):
    def twice(rows):
        return rows.select("c", a=2 * pl.col("a"), b=pl.col("b"), twice=2 * pl.col("a"))

    inner = view(share, twice(numbers), labels=("no", "yes")).model
    raw = view(share, numbers).model.signature.inputs
    function = FeatureFunction("twice", "", twice)
    model = FeaturedModel(inner, function, raw, conform)
    background = Background(numbers.with_columns(y=pl.lit("no")), "y")
    assert explain(model, numbers.head(1)).made_by == "twice"
    for columns, widest in ((("a", "b"), 1.0), (("twice", "b"), 2.0)):
        (figure,) = explain(model, numbers.head(0), background=background, columns=columns).figures
        reach = figure.frame["x"].abs().max() / numbers["a"].abs().quantile(0.96)
        assert reach == pytest.approx(widest, rel=0.3)


@pytest.mark.parametrize(
    ("prediction", "text"),
    [
        ({"prediction": "yes", "probability_yes": 0.8, "prediction_set": ["yes", "no"]},
         "yes (80%; no cannot be ruled out)"),
        ({"prediction": 1234567.0}, "1,234,567"),
        ({"prediction": 1.5, "low": 1.0, "high": 2.25}, "1.5 (1 to 2.25)"),
    ],
)  # fmt: skip
def test_a_prediction_is_said_with_how_sure_it_is(prediction, text):
    assert said(prediction) == text


def test_a_model_as_a_whole():
    found = Explained("toy", pl.DataFrame(), importance=(Importance("a", 0.2, 0.1, 0.3),), metric="log_loss")
    assert found.frame().to_dicts() == [{"feature": "a", "value": 0.2, "low": 0.1, "high": 0.3}]
    assert found.to_dict()["importance"][0]["feature"] == "a"
    assert "log_loss lost" in found._repr_html_()
    assert "What the model goes by" in found.page()
