from __future__ import annotations

import json
import re

import numpy as np
import polars as pl
import pytest
import vl_convert

from noria.core.protocol import Evidence
from noria.core.result import Evaluation, Figure, Score
from noria.core.schema import Schema
from noria.methods.threshold import Decision, best_f1
from noria.pages.theme import themes
from noria.systems.tabular.figures import draw
from noria.systems.tabular.finish import Finish
from noria.systems.tabular.model import TabularModel
from noria.systems.tabular.options import DecisionRule, TabularOptions
from noria.systems.tabular.target import ClassTarget, NumberTarget, Target

NONE = pl.DataFrame()


def drawn(
    target: Target,
    truth: pl.Series,
    predictions: pl.DataFrame,
    options: TabularOptions | None = None,
    model: TabularModel | None = None,
    **scores: Score,
) -> dict[str, Figure]:
    evidence = Evidence(NONE, truth.to_frame(target.name), predictions, NONE, NONE, NONE, model)
    evaluation = Evaluation(len(truth), "at random", "log_loss", scores)
    figures = draw(target, options or TabularOptions(), evidence, evaluation)
    return {figure.name: figure for figure in figures}


def classes(count: int, rows: int = 600, seed: int = 0) -> tuple[ClassTarget, pl.Series, np.ndarray]:
    """Labels that a page must not take for its own language, and probabilities that mean what they say."""
    rng = np.random.default_rng(seed)
    labels = tuple(sorted([f"<b>{at}.x[0]</b>" for at in range(count)]))
    p = rng.dirichlet(np.ones(count) * 0.7, rows)
    y = (p.cumsum(axis=1) > rng.random(rows)[:, None]).argmax(axis=1)
    return ClassTarget("y", labels), pl.Series(np.array(labels)[y]), p


@pytest.mark.parametrize("count", [2, 3, 10, 30])
def test_all_figures_of_classes_are_well_drawn(count, well_drawn):
    target, truth, p = classes(count)
    figures = drawn(target, truth, target.answers(p, Finish()), roc_auc=Score("roc_auc", 0.8, 0.7, 0.9))
    binary = {"threshold", "cost"} if count == 2 else set()
    assert set(figures) == {"confusion", "calibration", "roc", "precision_recall", "gain"} | binary
    for figure in figures.values():
        well_drawn(figure)


def test_the_confusion_matrix_counts_with_shares_and_intervals():
    target = ClassTarget("y", ("no", "yes"))
    truth = pl.Series(["no"] * 10 + ["yes"] * 5)
    p = np.where(np.arange(15) % 5 == 0, 0.9, 0.1)
    frame = drawn(target, truth, target.answers(np.column_stack([1 - p, p]), Finish()))["confusion"].frame
    assert frame.select("actual", "predicted", "rows", "cell").rows() == [
        ("no", "no", 8, "8\n80%"), ("no", "yes", 2, "2\n20%"), ("yes", "no", 4, "4\n80%"),
        ("yes", "yes", 1, "1\n20%"),
    ]  # fmt: skip
    assert frame["low"][0] == pytest.approx(0.490, abs=1e-3)


def test_of_many_classes_the_most_confused_are_named():
    target, truth, p = classes(30, rows=3_000)
    worst = target.labels[7]
    p[(truth == worst).to_numpy()] = np.eye(30)[8]
    figure = drawn(target, truth, target.answers(p, Finish()))["confusion"]
    names = figure.frame["actual"].unique(maintain_order=True).to_list()
    assert len(names) == 10
    assert names[-1] == "(21 other classes)"
    assert {worst, target.labels[8]} <= set(names)
    assert figure.frame["rows"].sum() == 3_000


def test_curves_of_several_classes_have_a_legend_with_intervals():
    target, truth, p = classes(8)
    figures = drawn(target, truth, target.answers(p, Finish()))
    legend = figures["roc"].frame["class"].unique(maintain_order=True).to_list()
    assert len(legend) == 6
    assert all("[" in name and name.endswith("]") for name in legend)
    assert figures["roc"].text.endswith("The 6 most frequent of 8 classes are drawn.")


def test_the_title_of_two_classes_has_the_score_with_its_interval():
    target, truth, p = classes(2)
    scores = {
        "roc_auc": Score("roc_auc", 0.81, 0.75, 0.86),
        "average_precision": Score("average_precision", 0.7, 0.6, 0.8),
    }
    figures = drawn(target, truth, target.answers(p, Finish()), **scores)
    assert figures["roc"].title.endswith(": area 0.810 [0.750, 0.860]")
    assert figures["precision_recall"].title.endswith(": average precision 0.700 [0.600, 0.800]")


def test_the_threshold_that_was_learned_is_marked():
    target, truth, p = classes(2)
    decision = best_f1(target.encode(truth), p)
    options = TabularOptions(decision=DecisionRule(by="f1"))
    figures = drawn(target, truth, target.answers(p, Finish(decision=decision)), options)
    for name in ("threshold", "cost", "roc", "precision_recall"):
        assert f"{decision.threshold:.2f}" in figures[name].text
    points = [layer["data"]["values"][0] for layer in figures["roc"].spec["layer"] if "data" in layer]
    assert points[-1]["threshold"] == pytest.approx(decision.threshold, abs=0.02)
    raw = drawn(target, truth, target.table(p), options)
    assert "model's threshold" not in raw["threshold"].text + raw["roc"].text
    assert "0.50 is the model's" in drawn(target, truth, target.table(p))["threshold"].text


@pytest.mark.parametrize("limit", [0.0, 0.25, 0.9, 1.5])
def test_a_threshold_that_all_or_none_reach(limit):
    target, truth, p = classes(2)
    p = 0.3 + 0.4 * p if 0.0 < limit < 1.0 else p
    finish = Finish(decision=Decision("threshold", limit))
    options = TabularOptions(decision=DecisionRule(by="f1"))
    decided = target.answers(p, finish)
    known = drawn(target, truth, decided, options, TabularModel(Schema(()), target, {}, [], finish))
    unknown = drawn(target, truth, decided, options)
    for name in ("threshold", "cost"):
        assert f"The dashed line at {min(limit, 1.0):.2f} is the model's threshold." in known[name].text
        assert "model's threshold" not in unknown[name].text
    assert f"The point is the model's threshold, {min(limit, 1.0):.2f}." in known["roc"].text


def test_costs_are_the_recipes_or_of_several_worths():
    target, truth, p = classes(2)
    figure = drawn(target, truth, target.answers(p, Finish()))["cost"]
    assert figure.frame["worth"].n_unique() == 3
    assert figure.frame["cost"].max() <= 2
    best = figure.frame.filter(worth="5 times as bad").sort("cost")["threshold"][0]
    assert best == pytest.approx(1 / 6, abs=0.1)
    rule = DecisionRule(by="cost", cost=[[0, 1], [4, 0]])
    given = drawn(target, truth, target.answers(p, Finish()), TabularOptions(decision=rule))["cost"]
    assert given.frame["worth"].unique().to_list() == [""]
    assert given.frame["cost"].max() > 0.3


def test_where_only_one_class_came_there_are_no_curves(well_drawn):
    target, _, p = classes(2)
    figures = drawn(target, pl.Series([target.labels[0]] * 600), target.answers(p, Finish()))
    assert set(figures) == {"confusion", "calibration"}
    for figure in figures.values():
        well_drawn(figure)


def numbers(rows: int) -> tuple[pl.Series, pl.DataFrame]:
    rng = np.random.default_rng(0)
    predicted = rng.gamma(3.0, 20_000.0, rows)
    y = predicted * rng.normal(1.0, 0.2, rows)
    half = 1.64 * 0.2 * predicted
    ends = {"low": predicted - half, "high": predicted + half}
    return pl.Series(y), pl.DataFrame({"prediction": predicted, **ends})


@pytest.mark.parametrize("rows", [1, 2, 30, 600, 20_000])
def test_all_figures_of_numbers_are_well_drawn(rows, well_drawn):
    figures = drawn(NumberTarget("price"), *numbers(rows))
    assert set(figures) == {"predicted", "errors", "residuals", "error_by_range", "coverage"}
    for figure in figures.values():
        well_drawn(figure)


def test_many_rows_are_counted_in_cells():
    figures = drawn(NumberTarget("price"), *numbers(20_000))
    assert figures["predicted"].frame["rows"].sum() == 20_000
    assert figures["errors"].frame["rows"].sum() == 20_000
    assert figures["error_by_range"].frame["rows"].to_list() == [2_500] * 8
    assert drawn(NumberTarget("price"), *numbers(600))["predicted"].frame.height == 600


def test_words_tell_the_error_and_the_coverage_with_intervals():
    y, predictions = numbers(2_000)
    figures = drawn(NumberTarget("price"), y, predictions)
    worst = figures["error_by_range"].frame[-1]
    assert f"furthest off where price is {worst['range'][0]}" in figures["error_by_range"].text
    assert worst["low"][0] < worst["error"][0] < worst["high"][0]
    share = (predictions["low"] <= y) & (y <= predictions["high"])
    assert (
        f"made to hold 90% of the actual values (dashed), and hold {share.mean():.1%} ("
        in figures["coverage"].text
    )
    assert "coverage" not in drawn(NumberTarget("price"), y, predictions.select("prediction"))


def test_ranges_are_told_apart_with_as_few_digits_as_do():
    y = pl.Series([2001.0, 2002.0, 2003.0, 2004.0] * 50)
    frame = drawn(NumberTarget("year"), y, pl.DataFrame({"prediction": y + 1}))["error_by_range"].frame
    assert frame["range"].to_list() == ["2001", "2002", "2003", "2004"]


def test_the_bars_of_the_errors_are_as_wide_as_their_bins():
    y, predictions = numbers(600)
    figure = drawn(NumberTarget("y"), y, predictions)["errors"]
    told = json.dumps({**figure.to_dict(), "width": 500, "config": themes()["light"]})
    marks = vl_convert.vegalite_to_svg(told).partition("mark-rect")[2]
    widths = [float(width) for width in re.findall(r'" d="M[^h"]*h(-?[0-9.]+)v', marks)]
    assert len(widths) >= figure.frame.height
    assert min(widths[: figure.frame.height]) > 5
