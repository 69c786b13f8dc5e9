"""Against the shap library's TreeExplainer on the same trees, and against the libraries' own SHAP values."""

from __future__ import annotations

from itertools import combinations
from math import factorial

import lightgbm
import numpy as np
import pytest
from sklearn import datasets, ensemble, tree
from threadpoolctl import threadpool_limits

from noria.core.deadline import Deadline, OutOfTime
from noria.methods.trees import TreePredictor
from noria.methods.trees import _text as model_text

SETS = {
    "breast_cancer": (datasets.load_breast_cancer, 2),
    "diabetes": (datasets.load_diabetes, 0),
    "iris": (datasets.load_iris, 3),
}
OBJECTIVES = {0: "regression", 2: "binary", 3: "multiclass"}


@pytest.fixture(autouse=True, scope="module")
def _one_thread():
    """OpenMP spins when the machine is busy."""
    with threadpool_limits(1):
        yield


@pytest.fixture(scope="module", params=SETS)
def data(request):
    """A real table: rows as float32, the target, the number of classes."""
    load, classes = SETS[request.param]
    found = load()
    return found.data.astype(np.float32), found.target, classes


def boosted(X, y, classes, **params):
    settings = {"objective": OBJECTIVES[classes], "verbose": -1, "num_threads": 1, "seed": 0, **params}
    if classes > 2:
        settings["num_class"] = classes
    return lightgbm.train(settings, lightgbm.Dataset(X, y), 30)


def compiled(booster, classes):
    link = {0: "identity", 2: "sigmoid"}.get(classes, "softmax")
    return TreePredictor.from_lightgbm(booster, link=link, outputs=max(classes, 1))


def same_as_shap(predictor, model, X):
    """The explainer's values and base are those of the predictor, to 1e-6 of the spread of the values."""
    shap = pytest.importorskip("shap")
    explainer = shap.TreeExplainer(model)
    want = np.asarray(explainer.shap_values(X)).reshape(len(X), X.shape[1], -1)
    base = np.atleast_1d(explainer.expected_value)
    found = predictor.contributions(X)
    if want.shape[2] == 2:  # of two classes we keep the second
        want, base = want[:, :, 1:], base[1:]
    np.testing.assert_allclose(found[:, :-1], want, rtol=0, atol=1e-6 * max(np.abs(want).max(), 1))
    np.testing.assert_allclose(found[:, -1], np.tile(base, (len(X), 1)), rtol=1e-6)


def test_lightgbm_equals_shap(data):
    X, y, classes = data
    booster = boosted(X, y, classes)
    same_as_shap(compiled(booster, classes), booster, X)


@pytest.mark.parametrize("kind", ["RandomForest", "ExtraTrees", "HistGradientBoosting", "DecisionTree"])
def test_scikit_learn_equals_shap(kind, data):
    X, y, classes = data
    module = tree if kind == "DecisionTree" else ensemble
    settings = {} if kind in ("DecisionTree", "HistGradientBoosting") else {"n_estimators": 20}
    model = getattr(module, kind + ("Classifier" if classes else "Regressor"))(random_state=0, **settings)
    model.fit(X, y)
    make = TreePredictor.from_hist_boosting if kind.startswith("Hist") else TreePredictor.from_forest
    same_as_shap(make(model), model, X[:150])


def test_weights_that_are_no_whole_numbers_count_as_they_are():
    X, y = datasets.load_breast_cancer(return_X_y=True)
    X = X.astype(np.float32)
    model = ensemble.RandomForestClassifier(20, class_weight="balanced", random_state=0).fit(X, y)
    same_as_shap(TreePredictor.from_forest(model), model, X[:100])


@pytest.mark.parametrize("classes", [0, 2, 3])
def test_xgboost_equals_its_own_values(classes):
    xgboost = pytest.importorskip("xgboost")
    load = {0: datasets.load_diabetes, 2: datasets.load_breast_cancer, 3: datasets.load_iris}[classes]
    X, y = load(return_X_y=True)
    objective = {
        0: {"objective": "reg:squarederror", "base_score": 150.0},
        2: {"objective": "binary:logistic", "base_score": 0.5},
        3: {"objective": "multi:softprob", "num_class": 3, "base_score": 0.5},
    }[classes]
    rows = xgboost.DMatrix(X.astype(np.float32), y)
    booster = xgboost.train({**objective, "nthread": 1}, rows, 20)
    bases = {0: [150.0], 2: [0.0], 3: [0.5] * 3}[classes]
    link = {0: "identity", 2: "sigmoid", 3: "softmax"}[classes]
    found = TreePredictor.from_xgboost(booster, bases=bases, link=link, outputs=max(classes, 1), levels=0)
    want = booster.predict(rows, pred_contribs=True).reshape(len(X), -1, X.shape[1] + 1).swapaxes(1, 2)
    # XGBoost adds them up in single precision.
    np.testing.assert_allclose(found.contributions(X), want, rtol=1e-4, atol=1e-5 * np.abs(want).max())


def test_zero_for_missing_and_missing_values_go_where_lightgbm_sends_them():
    rng = np.random.default_rng(0)
    X = rng.normal(size=(400, 5)).astype(np.float32)
    X[rng.random(X.shape) < 0.3] = 0
    X[rng.random(X.shape) < 0.2] = np.nan
    y = np.nan_to_num(X[:, 0] * X[:, 1]) + np.isnan(X[:, 2])
    for params in ({}, {"zero_as_missing": True}, {"use_missing": False}):
        booster = boosted(X, y, 0, **params)
        want = booster.predict(X, pred_contrib=True)[:, :, None]
        np.testing.assert_allclose(compiled(booster, 0).contributions(X), want, atol=1e-7)


def test_the_definition_by_all_coalitions():
    rng = np.random.default_rng(1)
    X = rng.normal(size=(300, 4)).astype(np.float32)
    model = tree.DecisionTreeRegressor(max_depth=6, random_state=0).fit(X, X[:, 0] * X[:, 1] + X[:, 2] ** 2)
    found = TreePredictor.from_forest(model).contributions(X[:5])[:, :-1, 0]
    for row, values in zip(X[:5], found):
        for feature in range(4):
            others = [other for other in range(4) if other != feature]
            whole = 0.0
            for size in range(4):
                weight = factorial(size) * factorial(3 - size) / factorial(4)
                for known in combinations(others, size):
                    gain = expected(model.tree_, row, {*known, feature}) - expected(
                        model.tree_, row, {*known}
                    )
                    whole += weight * gain
            assert values[feature] == pytest.approx(whole, abs=1e-9)


def expected(nodes, row, known, node=0):
    """The mean of a tree below a node where only some features of the row are known."""
    left, right = nodes.children_left[node], nodes.children_right[node]
    if left < 0:
        return nodes.value[node, 0, 0]
    if nodes.feature[node] in known:
        went = left if row[nodes.feature[node]] <= nodes.threshold[node] else right
        return expected(nodes, row, known, went)
    share = nodes.n_node_samples[left] / nodes.n_node_samples[node]
    return share * expected(nodes, row, known, left) + (1 - share) * expected(nodes, row, known, right)


def test_large_trees_many_rows_no_rows_and_trees_without_a_split():
    rng = np.random.default_rng(0)
    X = rng.normal(size=(3000, 3)).astype(np.float32)
    forest = ensemble.ExtraTreesRegressor(3, random_state=0).fit(X, rng.normal(size=3000))
    predictor = TreePredictor.from_forest(forest)
    found = predictor.contributions(X)
    np.testing.assert_allclose(found.sum(axis=1), predictor.predict(X), atol=1e-9)
    np.testing.assert_array_equal(predictor.contributions(X[70:71]), found[70:71])
    assert predictor.contributions(X[:0]).shape == (0, 4, 1)
    constant = TreePredictor.from_forest(tree.DecisionTreeRegressor().fit(X, np.ones(3000)))
    assert constant.contributions(X[:2]).tolist() == [[[0.0]] * 3 + [[1.0]]] * 2


def test_a_deadline_holds_before_the_trees_are_ready_and_after():
    X, y = datasets.load_diabetes(return_X_y=True)
    forest = TreePredictor.from_forest(ensemble.RandomForestRegressor(50, random_state=0).fit(X, y))
    for late in (1e-3, 0.0):  # too little to prepare the trees; none at all
        with pytest.raises(OutOfTime):
            forest.contributions(X, Deadline(late))
        assert forest.contributions(X[:2], Deadline(60)).shape == (2, 11, 1)


def test_covers_count_a_row_as_often_as_it_was_drawn():
    X, y = datasets.load_diabetes(return_X_y=True)
    predictor = TreePredictor.from_forest(ensemble.RandomForestRegressor(3, random_state=0).fit(X, y))
    trees = model_text.read(predictor._text)
    roots = np.cumsum(trees.leaves - 1) - trees.leaves + 1
    assert trees.count[roots].tolist() == [len(y)] * 3
