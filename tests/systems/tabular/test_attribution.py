"""Exact attributions where a model is additive, sampled ones elsewhere."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import polars as pl
import pytest

import noria
from noria.core.deadline import Deadline
from noria.core.schema import Role
from noria.data.conform import conform
from noria.settings import Settings
from noria.systems.tabular.shapley import shapley


@pytest.fixture(scope="module")
def fitted(people, tmp_path_factory):
    """Train on a toy table with the named learners; made once for each wish."""
    session = noria.Session(Settings(home=tmp_path_factory.mktemp("home"), workers=2))
    made = {}

    def model(toy, *learners, **options):
        key = (toy, learners, *options.items())
        if key not in made:
            table = people(300, toy)
            made[key] = noria.train(
                table, "y", learners=list(learners), trials=len(learners) + 1, folds=2, budget="60s",
                options=options, session=session,
            ).model  # fmt: skip
        return made[key]

    return model


def _with(model, members):
    """The same model of some of its members."""
    share = sum(member.weight for member in members)
    members = [replace(member, weight=member.weight / share) for member in members]
    return type(model)(model.schema, model.target, model.encoders, members, model.finish, model.background)


LEARNERS = [("ridge",), ("lightgbm",), ("random_forest",), ("ridge", "decision_tree"), ("catboost",)]


@pytest.mark.parametrize("learners", LEARNERS, ids=" ".join)
def test_regression_of_trees_and_lines_is_exact_in_the_targets_unit(fitted, people, learners):
    if "catboost" in learners:
        pytest.importorskip("catboost")
    model, rows = fitted("number", *learners), people(40, "number", seed=3).drop("y")
    found = model.explain(rows)
    assert found.attributions.to_numpy().any()
    assert (found.method, found.unit, found.errors, found.outcome) == ("exact", "y", None, None)
    assert found.gap < 1e-6
    np.testing.assert_allclose(found.outputs, model.predict(rows)["prediction"], rtol=1e-6)
    assert found.attributions.columns == ["age", "town", "member", "joined", "remark"]


def test_a_joint_models_attributions_are_the_weighted_mean_of_its_members(fitted, people):
    rows = people(20, "number", seed=3).drop("y")
    parts = [fitted("number", name) for name in ("ridge", "decision_tree", "baseline")]
    members = [
        replace(part.members[0], weight=share) for part, share in zip(parts, (0.5, 0.3, 0.2), strict=True)
    ]
    encoders = {**parts[0].encoders, **parts[1].encoders, **parts[2].encoders}
    joint = type(parts[0])(
        parts[0].schema, parts[0].target, encoders, members, background=parts[0].background
    )
    found = joint.explain(rows)
    assert (found.method, found.gap < 1e-9) == ("exact", True)
    np.testing.assert_allclose(found.outputs, joint.predict(rows)["prediction"], rtol=1e-9)
    mean = sum(
        member.weight * _with(joint, [member]).explain(rows).attributions.to_numpy() for member in members
    )
    np.testing.assert_allclose(found.attributions.to_numpy(), mean, atol=1e-9)


def test_a_lines_attribution_is_its_slope_times_the_distance_from_the_mean(fitted, people):
    model, rows = fitted("number", "ridge"), people(20, "number", seed=3).drop("y")
    found = model.explain(rows)
    changed = rows.with_columns(age=pl.lit(40.0))
    moved = model.predict(rows)["prediction"] - model.predict(changed)["prediction"]
    added = found.attributions["age"] - model.explain(changed).attributions["age"]
    np.testing.assert_allclose(added, moved, atol=1e-6)


@pytest.mark.parametrize("toy", ["two", "three"])
def test_a_forests_probabilities_are_explained_exactly(fitted, people, toy):
    model, rows = fitted(toy, "random_forest"), people(40, toy, seed=3).drop("y")
    model = _with(model, model.members)
    model.finish = type(model.finish)()  # its calibration need not be the identity
    found = model.explain(rows)
    assert (found.method, found.unit) == ("exact", "probability")
    assert found.gap < 1e-6
    p = model.target.matrix(model.predict(rows))
    picked = p[:, 1] if toy == "two" else p.max(axis=1)
    np.testing.assert_allclose(found.outputs, picked, atol=1e-9)
    if toy == "three":
        assert found.outcome.to_list() == model.predict(rows)["prediction"].to_list()


@pytest.mark.parametrize("learner", ["lightgbm", "logistic", "catboost"])
@pytest.mark.parametrize("toy", ["two", "three"])
def test_a_single_classifier_with_a_link_is_exact_in_log_odds(fitted, people, toy, learner):
    if learner == "catboost":
        pytest.importorskip("catboost")
    model, rows = fitted(toy, learner), people(40, toy, seed=3).drop("y")
    model = _with(model, model.members[:1])
    found = model.explain(rows)
    assert (found.method, found.unit) == ("exact", "log-odds")
    assert found.gap < 1e-6
    p = np.log(model._outputs(model_rows(model, rows)))
    first, second = np.sort(p, axis=1)[:, ::-1][:, :2].T
    want = p[:, 1] - p[:, 0] if toy == "two" else first - second
    np.testing.assert_allclose(found.outputs, want, rtol=1e-4, atol=1e-4)
    labels = [model.target.labels[at] for at in p.argmax(axis=1)]
    if toy == "three":
        assert [told.split(" rather than ")[0] for told in found.outcome] == labels


def model_rows(model, rows):
    return conform(rows, model.schema, roles=(Role.FEATURE,))


def test_everything_else_is_sampled_with_errors_and_adds_up(fitted, people):
    model, rows = fitted("two", "naive_bayes"), people(10, "two", seed=3).drop("y")
    found = model.explain(rows)
    assert found.method.startswith("sampled, ")
    assert found.unit == "probability"
    assert found.gap < 1e-9
    np.testing.assert_allclose(found.outputs, model.predict(rows)["probability_yes"], atol=1e-9)
    assert (found.errors.to_numpy() >= 0).all()
    assert found.errors["age"].max() < 0.05
    few = model.explain(rows, deadline=Deadline(0))
    assert few.gap < 1e-9
    assert int(few.method.split()[1]) <= int(found.method.split()[1])


def test_sampled_values_come_near_exact_ones(fitted, people):
    model = fitted("number", "ridge")
    rows = model_rows(model, people(10, "number", seed=3))
    exact = model.explain(rows).attributions.to_numpy()
    found = shapley(model._probabilities, rows, model.background, np.zeros(10, dtype=int))
    apart = np.abs(found.attributions - exact)
    assert (apart <= 4 * found.errors + 1e-6).mean() > 0.9
