from __future__ import annotations

import json
from datetime import datetime, timedelta
from itertools import count
from types import SimpleNamespace

import numpy as np
import polars as pl
import pytest

from noria.core.deadline import Deadline
from noria.core.protocol import Metric
from noria.lifecycle.explain import insights

KINDS = {
    "explanation-1-importance": "importance",
    "explanation-2-attributions": "attributions",
    "explanation-3-dependence-1": "dependence",
    "explanation-4-interactions": "interactions",
    "explanation-5-together": "a heat map",
    "explanation-6-boundary": "a boundary",
}


@pytest.fixture
def drawn(view, mse):
    """Everything about two formulas, of three classes and of a number, on columns with hostile names."""
    rng = np.random.default_rng(0)
    rows = pl.DataFrame(
        {
            "<b>age</b>": rng.integers(18, 80, 200).astype(float),
            "in.come[0] 💰": rng.normal(50, 15, 200),
            "town": rng.choice(["Delft", "</script><script>alert(1)</script>", None], 200),
            "member": rng.random(200) < 0.5,
        }
    )

    def shares(rows):
        old = 1 / (1 + np.exp(-(rows["<b>age</b>"].to_numpy() - 50) / 5))
        rich = 1 / (1 + np.exp(-(rows["in.come[0] 💰"].to_numpy() - 50) / 5))
        return np.stack([0.9 * old * rich, 0.9 * old * (1 - rich)], axis=1)

    wrong = Metric("wrong", False, lambda truth, said: lambda at: _wrong(truth, said, at))
    shown = view(shares, rows.with_columns(kind=pl.lit("b")), labels=("a", "b", "c"), target="kind")
    classes = insights(shown.model, shown.rows, wrong, target="kind", deadline=Deadline())
    price = view(
        lambda rows: rows["<b>age</b>"] * rows["in.come[0] 💰"],
        rows.with_columns(y=pl.Series(rng.normal(size=200))),
        target="y",
    )
    return {"classes": classes, "number": insights(price.model, price.rows, mse, deadline=Deadline())}


def _wrong(truth, said, at):
    missed = (truth["kind"] != said["prediction"]).to_numpy()
    return float(missed.mean() if at is None else missed[at].mean())


def test_everything_is_drawn_in_its_order(drawn):
    names = [figure.name for figure in drawn["classes"][1]]
    assert names == sorted(names)
    assert set(KINDS) <= set(names)
    assert set(KINDS) - {figure.name for figure in drawn["number"][1]} == {"explanation-6-boundary"}


@pytest.mark.parametrize("kind", ["classes", "number"])
def test_every_figure_is_drawn_by_vega_lite_without_a_complaint(drawn, kind, capfd):
    convert = pytest.importorskip("vl_convert")
    for figure in drawn[kind][1]:
        told = json.dumps({**figure.to_dict(), "width": 500})
        svg = convert.vegalite_to_svg(told)
        assert svg.count("<path") > 3, figure.name
        assert "WARN" not in capfd.readouterr().err, figure.name


def test_specifications_hold_no_colours_and_no_names_of_users_as_fields(drawn):
    for figure in (*drawn["classes"][1], *drawn["number"][1]):
        spec = json.dumps(figure.spec)
        assert "#" not in spec
        assert not {"town", "member", "<b>age</b>"} & set(figure.frame.columns), figure.name
        assert '"field": "<b>age</b>"' not in spec
        assert figure.section == "explanation"
        assert figure.text.endswith((".", ")."))
        assert figure.frame.height <= 2_000
        assert figure.spec["width"] == "container"


def test_importance_is_ranked(drawn):
    found, _ = drawn["classes"]
    assert {one.feature for one in found[:2]} == {"<b>age</b>", "in.come[0] 💰"}
    assert [one.value for one in found] == sorted((one.value for one in found), reverse=True)


def test_the_deadline_holds_and_what_comes_first_is_done_first(view, numbers, mse):
    def slow(rows):
        import time

        time.sleep(0.002 + 1e-5 * rows.height)
        return 3 * rows["a"] - rows["b"]

    shown = view(slow, numbers.with_columns(y=slow(numbers)), target="y")
    for budget in (0.05, 0.5, 1.5):
        clock = Deadline()
        found, figures = insights(shown.model, shown.rows, mse, deadline=Deadline(budget))
        assert clock.elapsed < 3 * budget + 0.5
        if figures:
            assert figures[0].name == "explanation-1-importance"
    assert len(found) == 3
    assert insights(shown.model, shown.rows, mse, deadline=Deadline(0)) == ((), [])


@pytest.mark.parametrize(("budget", "rows"), [(10, [10]), (102, [10, 24]), (1_000, [10, 150])])
def test_attributions_are_of_as_many_rows_as_there_is_time_for(view, numbers, mse, monkeypatch, budget, rows):
    shown = view(lambda rows: rows["a"], numbers.with_columns(y=numbers["a"]), target="y")
    explain, asked, ticks = type(shown.model).explain, [], count()

    def slow(self, rows, *, deadline=None):  # a second for each; all else takes next to no time
        asked.append(rows.height)
        deadline.check()
        return explain(self, rows, deadline=deadline)

    monkeypatch.setattr(type(shown.model), "explain", slow)
    clock = SimpleNamespace(monotonic=lambda: sum(asked) + 1e-6 * next(ticks))
    monkeypatch.setattr("noria.core.deadline.time", clock)
    _, figures = insights(shown.model, shown.rows, mse, deadline=Deadline(budget))
    drawn = [figure.name for figure in figures if figure.name == "explanation-2-attributions"]
    assert (asked, len(drawn)) == (rows, int(budget > 10))


def test_a_system_that_does_not_explain_is_not_asked_to(view, numbers, mse):
    shown = view(lambda rows: rows["a"], numbers.with_columns(y=numbers["a"]), target="y")
    _, figures = insights(shown.model, shown.rows, mse, explains=False, deadline=Deadline())
    assert "explanation-2-attributions" not in {figure.name for figure in figures}


def test_a_flat_model_and_few_rows(view, numbers, mse):
    rows = numbers.head(3).with_columns(y=pl.Series([1.0, 2.0, 3.0]))
    shown = view(lambda rows: np.zeros(rows.height), rows, target="y")
    found, figures = insights(shown.model, shown.rows, mse, deadline=Deadline())
    assert [one.value for one in found] == [0.0] * 3
    assert all(json.dumps(figure.to_dict()) for figure in figures)
    no_features = view(lambda rows: np.zeros(rows.height), rows.select("y"), target="y")
    assert insights(no_features.model, rows, mse, deadline=Deadline()) == ((), [])


def test_moments_are_drawn(view):
    from noria.core.schema import Column, Type
    from noria.lifecycle.explain import View, curves, dependence, surface

    days = pl.Series("day", [datetime(2020, 1, 1) + timedelta(days=at) for at in range(60)])
    rows = pl.DataFrame([days, pl.Series("a", np.arange(60.0))])
    model = view(lambda rows: rows["a"], rows.select("a")).model
    model.columns = (Column("day", Type.DATETIME), Column("a", Type.NUMBER))
    shown = View(model, rows)
    figure = curves.partial(shown, dependence(shown, shown.columns[0]), "x")
    assert figure.frame["point"][0].startswith("2020-01-0")
    flat = curves.heatmap(shown, surface(shown, shown.columns), "y")
    assert flat.frame["x"][0] == "2020-01-02"
