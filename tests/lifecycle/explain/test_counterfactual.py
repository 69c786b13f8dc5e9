from __future__ import annotations

import json
from datetime import date, datetime

import numpy as np
import polars as pl
import pytest

from noria.core.deadline import Deadline
from noria.errors import ColumnError, ParamError
from noria.lifecycle.explain import Change, Counterfactual, Wanted, counterfactual


@pytest.fixture
def people():
    rng = np.random.default_rng(0)
    return pl.DataFrame(
        {
            "age": rng.integers(18, 80, 400).astype(float),
            "income": rng.normal(50, 15, 400).round(1),
            "town": rng.choice(["Delft", "Gouda", "Leiden"], 400),
            "member": rng.random(400) < 0.5,
        }
    )


def loan(rows):
    score = 0.1 * (rows["income"] - 60) + 4.0 * (rows["town"] == "Delft") + 0.5 * rows["member"]
    return 1 / (1 + np.exp(-score.to_numpy()))


def only(**values) -> pl.DataFrame:
    return pl.DataFrame([{"age": 30.0, "income": 45.0, "town": "Gouda", "member": False} | values])


def test_the_smallest_change_of_one_column_is_found_and_true(view, people):
    shown = view(loan, people, labels=("no", "yes"))
    found = counterfactual(shown, only(income=30.0))
    assert found.found
    assert (found.before["prediction"], found.after["prediction"]) == ("no", "yes")
    (change,) = found.changes
    assert (change.column, change.before, change.after) == ("town", "Gouda", "Delft")
    assert str(found) == (
        "If town were Delft instead of Gouda, the prediction would be yes (73%) instead of no (95%)."
    )


def test_numbers_go_only_as_far_as_they_must_and_keep_their_precision(view, people):
    shown = view(loan, people, labels=("no", "yes"))
    found = counterfactual(shown, only(), Wanted(keep=("town",)))
    (change,) = found.changes
    assert change.column == "income"
    assert 60 < change.after < 61.5
    assert change.after == round(change.after, 1)
    changed = only(income=change.after)
    assert shown.model.predict(changed)["prediction"][0] == "yes" == found.after["prediction"]


def test_two_columns_change_where_one_is_not_enough(view, people):
    def both(rows):
        return 0.9 * ((rows["town"] == "Leiden") & rows["member"]).to_numpy() + 0.05

    shown = view(both, people, labels=("no", "yes"))
    found = counterfactual(shown, only())
    assert {change.column: change.after for change in found.changes} == {"town": "Leiden", "member": True}
    assert " and " in str(found)


def test_a_number_is_moved_past_what_is_wanted(view, people):
    shown = view(lambda rows: 1000 * rows["income"] + 500 * rows["age"], people)
    found = counterfactual(shown, only(), Wanted(">= 70000", keep=("age",)))
    assert found.after["prediction"] >= 70000
    assert found.changes[0].after == pytest.approx(55, abs=1)
    assert "would be " in str(found)
    less = counterfactual(shown, only(), Wanted("< 50000"))
    assert less.after["prediction"] < 50000


def test_nothing_is_claimed_where_nothing_is_found(view, people):
    shown = view(lambda rows: np.full(rows.height, 0.2), people, labels=("no", "yes"))
    found = counterfactual(shown, only(), Wanted(keep=("age",)))
    assert not found.found
    assert found.after is None
    assert str(found) == (
        f"No change of up to 4 columns to values seen in training, with age as before, leads to yes: "
        f"none of {found.tried:,} that were tried."
    )
    none = counterfactual(shown, only(), Wanted(keep=("age", "income", "town", "member")))
    assert str(none) == "No column is left that could change, so nothing leads to yes."
    assert not counterfactual(shown, only(), deadline=Deadline(0)).found


def test_what_is_so_already_is_said(view, people):
    shown = view(loan, people, labels=("no", "yes"))
    found = counterfactual(shown, only(), Wanted("no"))
    assert (found.changes, str(found)) == ((), "The prediction is no already.")


def test_of_three_classes_any_other_or_a_named_one(view, people):
    def shares(rows):
        young = (rows["age"] < 25).to_numpy() * 0.8
        rich = (rows["income"] > 70).to_numpy() * 0.8
        return np.stack([young, rich * (young == 0)], axis=1)

    shown = view(shares, people, labels=("usual", "young", "rich"))
    assert counterfactual(shown, only()).after["prediction"] != "usual"
    named = counterfactual(shown, only(), Wanted("rich"))
    assert named.after["prediction"] == "rich"
    assert [change.column for change in named.changes] == ["income"]


def test_a_missing_value_may_be_filled_in(view, people):
    shown = view(lambda rows: rows["income"].fill_null(0).to_numpy() > 40, people, labels=("no", "yes"))
    found = counterfactual(shown, only(income=None).cast({"income": pl.Float64}), Wanted(keep=("age",)))
    assert "income were " in str(found)
    assert "instead of missing" in str(found)


@pytest.mark.parametrize(
    ("wanted", "kind", "text"),
    [
        (Wanted("yess"), ParamError, "There is no class 'yess'.\n  do:  Did you mean 'yes'?"),
        (Wanted(keep=("agee",)), ColumnError, "There is no column 'agee'.\n  do:  Did you mean 'age'?"),
    ],
)
def test_what_cannot_be_is_a_clear_error(view, people, wanted, kind, text):
    with pytest.raises(kind) as caught:
        counterfactual(view(loan, people, labels=("no", "yes")), only(), wanted)
    assert str(caught.value) == text


def test_a_number_needs_to_know_what_is_wanted(view, people):
    with pytest.raises(ParamError) as caught:
        counterfactual(view(lambda rows: rows["income"], people), only())
    assert str(caught.value) == (
        "A counterfactual of a number needs to know what is wanted.\n  do:  Say it as --want '>= 49.5'."
    )


def test_it_is_json(view, people):
    told = json.loads(
        json.dumps(counterfactual(view(loan, people, labels=("no", "yes")), only(income=30.0)).to_dict())
    )
    assert told["found"] is True
    assert told["changes"] == [{"column": "town", "before": "Gouda", "after": "Delft"}]
    assert told["text"].startswith("If town were Delft")


def test_moments_become_text():
    before, after = datetime(2020, 1, 1), date(2021, 1, 1)
    changed = Counterfactual("", {"prediction": before}, {"prediction": after}, (Change("d", before, after),))
    told = json.loads(json.dumps(changed.to_dict()))
    assert (told["before"], told["after"]) == (
        {"prediction": "2020-01-01T00:00:00"}, {"prediction": "2021-01-01"},
    )  # fmt: skip
    assert told["changes"] == [{"column": "d", "before": "2020-01-01T00:00:00", "after": "2021-01-01"}]


def test_very_many_columns_are_searched_where_the_prediction_moves(view):
    rng = np.random.default_rng(0)
    rows = pl.DataFrame({f"x{at}": rng.normal(size=200).round(2) for at in range(120)})
    shown = view(lambda rows: (rows["x77"] > 0.5).to_numpy() * 0.9, rows, labels=("no", "yes"))
    found = counterfactual(shown, rows.head(1).with_columns(x77=pl.lit(-1.0)))
    assert [change.column for change in found.changes] == ["x77"]
