from __future__ import annotations

import gzip
import pickle
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor

import lightgbm
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from sklearn import datasets, ensemble, tree
from threadpoolctl import threadpool_limits

from noria.errors import ArtifactError, ParamError
from noria.methods.trees import TreePredictor
from noria.methods.trees import _text as model_text

ROWS = 900
CATEGORIES = [4, 5]
LINKS = {0: "identity", 2: "sigmoid"}


@pytest.fixture(autouse=True, scope="module")
def _one_thread():
    """OpenMP spins when the machine is busy."""
    with threadpool_limits(1):
        yield


@pytest.fixture(scope="module", name="X")
def table():
    """Numbers with missing values, a category of 40 codes with missing values, one of 5."""
    rng = np.random.default_rng(0)
    X = rng.normal(size=(ROWS, 6)).astype(np.float32)
    X[rng.random(X.shape) < 0.15] = np.nan
    X[:, 3] = rng.integers(0, 3, ROWS)
    X[:, 4] = np.where(rng.random(ROWS) < 0.1, np.nan, rng.integers(2, 42, ROWS))
    X[:, 5] = rng.integers(0, 5, ROWS)
    return X


@pytest.fixture(scope="module")
def unseen(X):
    """Rows that no training row resembles: unknown codes, everything missing, far values."""
    rng = np.random.default_rng(1)
    Z = X[rng.permutation(ROWS)].copy()
    Z[:200, 4] = rng.integers(38, 300, 200)
    Z[200:250] = np.nan
    Z[250:350, :3] *= 100
    return Z


@pytest.fixture(scope="module")
def targets(X):
    """By number of classes; 0 is a regression far from zero."""
    noise = np.random.default_rng(2).normal(size=ROWS)
    score = (
        np.nan_to_num(X[:, 0] + X[:, 1] * X[:, 2]) + (np.nan_to_num(X[:, 4], nan=7.0) % 3 == 0) + noise / 2
    )
    ranks = score.argsort().argsort()
    return {0: 1e3 * score + 1e5, 2: (score > 0.3).astype(int), **{k: ranks * k // ROWS for k in (3, 10)}}


def original(model, X):
    """What scikit-learn predicts, as (rows, outputs)."""
    return model.predict_proba(X) if hasattr(model, "predict_proba") else model.predict(X)[:, None]


def boost(X, y, classes, rounds=15, seed=0, **params):
    name = {0: "regression", 2: "binary"}.get(classes, "multiclass")
    params = {
        "objective": name,
        "verbose": -1,
        "min_data_per_group": 5,
        "seed": seed,
        "num_threads": 1,
    } | params
    if classes > 2:
        params["num_class"] = classes
    return lightgbm.train(params, lightgbm.Dataset(X, y, categorical_feature=CATEGORIES), rounds)


def compiled(booster, classes):
    return TreePredictor.from_lightgbm(booster, link=LINKS.get(classes, "softmax"), outputs=max(classes, 1))


def raw(predictor, X):
    """The sum of the leaves, from the contributions."""
    return predictor.contributions(X).sum(axis=1)


FORESTS = [
    (2, tree.DecisionTreeClassifier(max_depth=1)),
    (2, ensemble.RandomForestClassifier(15, random_state=0, class_weight="balanced")),
    (3, tree.DecisionTreeClassifier(min_samples_leaf=3)),
    (3, ensemble.ExtraTreesClassifier(15, max_leaf_nodes=40, random_state=0)),
    (10, ensemble.RandomForestClassifier(15, min_samples_leaf=2, random_state=0)),
    (0, tree.ExtraTreeRegressor(random_state=0)),
    (0, ensemble.RandomForestRegressor(15, random_state=0)),
    (0, ensemble.ExtraTreesRegressor(15, random_state=0)),
]


@pytest.mark.parametrize(("classes", "forest"), FORESTS, ids=lambda v: getattr(type(v), "__name__", v))
def test_a_forest_predicts_as_in_scikit_learn(classes, forest, X, unseen, targets):
    forest.fit(X, targets[classes])
    predictor = TreePredictor.from_forest(forest)
    np.testing.assert_allclose(predictor.predict(unseen), original(forest, unseen), rtol=1e-6, atol=1e-12)
    assert predictor.trees == len(getattr(forest, "estimators_", [forest]))
    assert predictor.outputs == max(classes, 1)


@pytest.mark.parametrize("classes", [0, 2, 3, 10])
def test_histogram_boosting_predicts_as_in_scikit_learn(classes, X, unseen, targets):
    kind = ensemble.HistGradientBoostingClassifier if classes else ensemble.HistGradientBoostingRegressor
    model = kind(max_iter=5, categorical_features=CATEGORIES, random_state=0).fit(X, targets[classes])
    predictor = TreePredictor.from_hist_boosting(model)
    assert any(
        p.is_categorical.any() for group in model._predictors for p in [group[0].nodes.view(np.recarray)]
    )
    np.testing.assert_allclose(predictor.predict(unseen), original(model, unseen), rtol=1e-6)


def test_histogram_boosting_without_categories_and_with_a_logarithmic_link(X, unseen, targets):
    model = ensemble.HistGradientBoostingRegressor(loss="poisson", max_iter=10)
    model.fit(X, targets[3])
    predictor = TreePredictor.from_hist_boosting(model)
    assert predictor.link == "exp"
    np.testing.assert_allclose(predictor.predict(unseen)[:, 0], model.predict(unseen), rtol=1e-6)
    np.testing.assert_allclose(predictor.predict_one(unseen[0]), predictor.predict(unseen[:1])[0], rtol=1e-12)


def test_histogram_boosting_wants_codes_as_categories(X, targets):
    model = ensemble.HistGradientBoostingClassifier(max_iter=2, categorical_features=[5])
    model.fit(np.where(np.arange(6) == 5, X + 0.5, X), targets[2])
    with pytest.raises(ParamError, match="column 5 are not codes"):
        TreePredictor.from_hist_boosting(model)


@pytest.mark.parametrize("classes", [0, 2, 3, 10])
def test_a_booster_predicts_as_in_lightgbm(classes, X, unseen, targets):
    booster = boost(X, targets[classes], classes)
    want = booster.predict(unseen).reshape(ROWS, -1)
    want = np.hstack([1 - want, want]) if classes == 2 else want
    assert "cat_threshold=" in booster.model_to_string()
    np.testing.assert_allclose(compiled(booster, classes).predict(unseen), want, rtol=1e-6)


@pytest.mark.parametrize(
    "params", [{"boosting": "rf", "bagging_freq": 1, "bagging_fraction": 0.5}, {"sigmoid": 2.0}]
)
def test_averaged_trees_and_another_slope(params, X, unseen, targets):
    booster = boost(X, targets[2], 2, **params)
    np.testing.assert_allclose(compiled(booster, 2).predict(unseen)[:, 1], booster.predict(unseen), rtol=1e-6)


def test_only_the_best_iteration_is_kept(X, targets):
    booster = boost(X, targets[3], 3)
    booster.best_iteration = 4
    predictor = compiled(booster, 3)
    assert predictor.trees == 12
    np.testing.assert_allclose(predictor.predict(X), booster.predict(X, num_iteration=4), rtol=1e-6)


def test_a_booster_that_found_no_split(X, targets):
    booster = boost(X, targets[0], 0, min_data_in_leaf=ROWS)
    predictor = compiled(booster, 0)
    np.testing.assert_allclose(predictor.predict(X), targets[0].mean(), rtol=1e-6)
    assert np.all(predictor.contributions(X)[:, :-1] == 0)


def test_linear_leaves_are_refused(X, targets):
    booster = boost(X, targets[0], 0, linear_tree=True)
    with pytest.raises(ParamError, match="linear models"):
        compiled(booster, 0)


@pytest.mark.parametrize("classes", [0, 2, 3])
@pytest.mark.parametrize("weights", [[1.0, 1.0, 1.0], [0.2, 0.0, 5.0]])
def test_merged_boosters_average_the_raw_scores(classes, weights, X, unseen, targets):
    boosters = [boost(X[i::3], targets[classes][i::3], classes, rounds=4 + i) for i in range(3)]
    parts = [compiled(booster, classes) for booster in boosters]
    merged = TreePredictor.merge(parts, weights)
    scores = [booster.predict(unseen, raw_score=True).reshape(ROWS, -1) for booster in boosters]
    want = np.average(scores, axis=0, weights=weights)
    np.testing.assert_allclose(raw(merged, unseen), want, rtol=1e-6, atol=1e-7)
    assert merged.trees == sum(part.trees for part, weight in zip(parts, weights, strict=True) if weight)
    again = TreePredictor.merge([merged, parts[0]], [1, 1])
    np.testing.assert_allclose(raw(again, unseen), (want + scores[0]) / 2, rtol=1e-6, atol=1e-7)


@pytest.mark.parametrize("classes", [2, 3])
def test_merged_forests_average_the_shares(classes, X, unseen, targets):
    parts = [ensemble.ExtraTreesClassifier(5 + i, random_state=i).fit(X, targets[classes]) for i in range(3)]
    merged = TreePredictor.merge([TreePredictor.from_forest(part) for part in parts], [1, 2, 3])
    want = np.average([part.predict_proba(unseen) for part in parts], axis=0, weights=[1, 2, 3])
    np.testing.assert_allclose(merged.predict(unseen), want, rtol=1e-6, atol=1e-12)


def test_unlike_trees_are_not_merged(X, targets):
    parts = [compiled(boost(X, targets[k], k, rounds=2), k) for k in (2, 3)]
    with pytest.raises(ParamError, match="same features, link and outputs"):
        TreePredictor.merge(parts, [1, 1])
    with pytest.raises(ParamError, match="weights that sum to more than 0"):
        TreePredictor.merge(parts[:1], [0])


@pytest.mark.parametrize(("classes", "forest"), FORESTS[1:7:2], ids=["binary", "classes", "values"])
def test_contributions_of_a_forest_sum_to_the_prediction(classes, forest, X, targets):
    forest.fit(X, targets[classes])
    predictor = TreePredictor.from_forest(forest)
    values = predictor.contributions(X[:40])
    want = original(forest, X[:40])[:, -values.shape[2] :]
    assert values.shape == (40, 7, 1 if classes in (0, 2) else classes)
    np.testing.assert_allclose(values.sum(axis=1), want, rtol=1e-6, atol=1e-7)
    assert np.all(np.abs(values[:, :6]).max(axis=(0, 2)) > 0)


def test_contributions_are_those_of_lightgbm(X, targets):
    booster = boost(X, targets[3], 3)
    want = booster.predict(X[:50], pred_contrib=True).reshape(50, 3, 7).swapaxes(1, 2)
    np.testing.assert_allclose(compiled(booster, 3).contributions(X[:50]), want, rtol=1e-5, atol=1e-8)


@pytest.mark.parametrize("classes", [0, 2, 3])
def test_one_row_is_the_row_of_a_batch_in_every_thread(classes, X, unseen, targets):
    forest_kind = ensemble.RandomForestClassifier if classes else ensemble.RandomForestRegressor
    forest = TreePredictor.from_forest(forest_kind(20, random_state=0).fit(X, targets[classes]))
    for predictor in (forest, compiled(boost(X, targets[classes], classes), classes)):
        batch = predictor.predict(unseen)
        with ThreadPoolExecutor(8) as pool:
            one = np.array(list(pool.map(predictor.predict_one, unseen, chunksize=10)))
        np.testing.assert_allclose(one, batch, rtol=1e-12, atol=1e-15)
        np.testing.assert_allclose(predictor.predict(unseen), batch, rtol=1e-15)
        np.testing.assert_allclose(
            predictor.predict(unseen[:7].astype(float)), batch[:7], rtol=1e-12, atol=1e-15
        )


def test_one_rows_result_is_the_callers_own(X, targets):
    predictor = compiled(boost(X, targets[0], 0), 0)
    first = predictor.predict_one(X[0])
    kept = first.copy()
    predictor.predict_one(X[1])
    assert first == kept


def test_no_rows_and_too_many_columns(X, targets):
    predictor = compiled(boost(X, targets[3], 3, rounds=2), 3)
    assert predictor.predict(X[:0]).shape == (0, 3)
    with pytest.raises(ParamError, match="rows of 6 features"):
        predictor.predict(X[:, :5])


@pytest.mark.parametrize("classes", [0, 2, 3])
def test_a_fresh_process_loads_and_predicts_the_same(classes, X, unseen, targets, tmp_path):
    kind = ensemble.RandomForestClassifier if classes else ensemble.RandomForestRegressor
    predictor = TreePredictor.from_forest(kind(10, random_state=0).fit(X, targets[classes]))
    predictor.save(tmp_path / "trees.txt.gz")
    assert (tmp_path / "trees.txt.gz").stat().st_size == predictor.size
    np.save(tmp_path / "X.npy", unseen)
    code = (
        "import numpy, pathlib, sys; from noria.methods.trees import TreePredictor as T; "
        "here = pathlib.Path(sys.argv[1]); model = T.load(here / 'trees.txt.gz'); "
        "numpy.save(here / 'p.npy', model.predict(numpy.load(here / 'X.npy'))); "
        "assert not {'lightgbm', 'sklearn'} & set(sys.modules)"
    )
    subprocess.run([sys.executable, "-c", code, str(tmp_path)], check=True)
    np.testing.assert_array_equal(np.load(tmp_path / "p.npy"), predictor.predict(unseen))


def test_the_file_is_text_that_lightgbm_reads(X, unseen, targets, tmp_path):
    booster = boost(X, targets[2], 2)
    predictor = compiled(booster, 2)
    predictor.save(tmp_path / "trees")
    text = gzip.decompress((tmp_path / "trees").read_bytes()).decode().partition("\n")[2]
    theirs = lightgbm.Booster(model_str=text)
    np.testing.assert_allclose(
        theirs.predict(unseen, raw_score=True), raw(predictor, unseen)[:, 0], rtol=1e-10
    )
    assert len(text) < len(booster.model_to_string()) / 2


def test_damaged_and_newer_files_are_named(X, targets, tmp_path):
    predictor, path = compiled(boost(X, targets[2], 2, rounds=2), 2), tmp_path / "trees"
    predictor.save(path)
    data = path.read_bytes()
    for damaged in (b"", data[:-20], data[:40] + b"x" + data[41:], gzip.compress(b"{}\n")):
        path.write_bytes(damaged)
        with pytest.raises(ArtifactError, match="cannot be read"):
            TreePredictor.load(path)
    path.write_bytes(gzip.compress(gzip.decompress(data).replace(b'"format": 1', b'"format": 99')))
    with pytest.raises(ArtifactError, match="newer format"):
        TreePredictor.load(path)


def test_a_worker_gets_a_copy(X, targets):
    predictor = compiled(boost(X, targets[2], 2), 2)
    want = predictor.predict(X)
    np.testing.assert_array_equal(pickle.loads(pickle.dumps(predictor)).predict(X), want)  # noqa: S301


def test_real_tables(tmp_path):
    for data in (datasets.load_breast_cancer(), datasets.load_wine(), datasets.load_digits()):
        X = data.data.astype(np.float32)
        forest = ensemble.RandomForestClassifier(30, random_state=0).fit(X, data.target)
        predictor = TreePredictor.from_forest(forest)
        np.testing.assert_allclose(predictor.predict(X), forest.predict_proba(X), rtol=1e-6, atol=1e-12)
        predictor.save(tmp_path / "trees")
        np.testing.assert_array_equal(TreePredictor.load(tmp_path / "trees").predict(X), predictor.predict(X))


def test_a_big_forest_is_walked_in_parts_from_many_threads():
    rng = np.random.default_rng(0)
    X = rng.normal(size=(1500, 8)).astype(np.float32)
    forest = ensemble.ExtraTreesRegressor(60, max_features=1, random_state=0).fit(X, rng.normal(size=1500))
    predictor = TreePredictor.from_forest(forest)
    assert len(predictor._booster.parts) > 3
    np.testing.assert_allclose(predictor.predict(X)[:, 0], forest.predict(X), rtol=1e-6, atol=1e-8)
    with ThreadPoolExecutor(8) as pool:
        parts = list(pool.map(predictor.predict, [X[at : at + 300] for at in range(0, 1500, 300)] * 20))
        rows = list(pool.map(predictor.predict_one, X[:300]))
    for part in np.split(np.concatenate(parts), 20):
        np.testing.assert_allclose(part[:, 0], forest.predict(X), rtol=1e-6, atol=1e-8)
    np.testing.assert_allclose(np.array(rows)[:, 0], forest.predict(X[:300]), rtol=1e-6, atol=1e-8)


def walked(predictor, X):
    """Raw scores by the library, some rows at a time."""
    return np.concatenate([predictor._booster.raw(X[at : at + 250]) for at in range(0, len(X), 250)])


@pytest.mark.parametrize("classes", [0, 2, 3])
@pytest.mark.parametrize("leaves", [2, 15, 31, 63, 64, 200])
def test_very_many_rows_are_masked_and_score_as_when_walked(classes, leaves, X, unseen, targets):
    many = np.tile(unseen, (3, 1))
    with_nan = boost(X, targets[classes], classes, num_leaves=leaves, min_data_in_leaf=1)
    without = boost(np.nan_to_num(X), targets[classes], classes, num_leaves=leaves, min_data_in_leaf=1)
    for predictor in (compiled(with_nan, classes), compiled(without, classes)):
        assert predictor._booster._masked is not None
        np.testing.assert_allclose(predictor._booster.raw(many), walked(predictor, many), rtol=1e-12)


@pytest.mark.parametrize("columns", [3, 70])
def test_few_and_many_columns_are_masked(columns):
    rng = np.random.default_rng(0)
    X = rng.normal(size=(2100, columns)).round(1).astype(np.float32)
    y = X[:, 0] * X[:, 1] + X.sum(axis=1)
    booster = lightgbm.train({"verbose": -1, "num_threads": 1}, lightgbm.Dataset(X, y), 150)
    predictor = compiled(booster, 0)
    np.testing.assert_allclose(predictor.predict(X)[:, 0], booster.predict(X), rtol=1e-6, atol=1e-6)
    thresholds = np.unique(model_text.read(predictor._text).threshold).astype(np.float32)
    thresholds = thresholds[np.abs(thresholds) > 1e-30]  # LightGBM takes anything smaller for zero
    around = np.concatenate([np.nextafter(thresholds, np.float32(way)) for way in (-np.inf, np.inf)])
    edges = rng.choice(np.concatenate([thresholds, around]), X.shape)
    np.testing.assert_allclose(predictor._booster.raw(edges), walked(predictor, edges), rtol=1e-12)


def test_trees_without_a_split_large_ones_and_zeros_for_missing(X, unseen, targets):
    many = np.tile(unseen, (3, 1))
    constant = compiled(boost(X, targets[0], 0, min_data_in_leaf=ROWS), 0)
    np.testing.assert_allclose(constant.predict(many), targets[0].mean(), rtol=1e-6)
    large = compiled(boost(X, targets[0], 0, num_leaves=300, min_data_in_leaf=1), 0)
    zeros = compiled(boost(X, targets[0], 0, zero_as_missing=True), 0)
    for predictor in (large, zeros):
        assert predictor._booster._masked is None
        np.testing.assert_allclose(predictor._booster.raw(many), walked(predictor, many), rtol=1e-12)


def test_an_unknown_link_is_named(X, targets):
    with pytest.raises(ParamError, match="no link 'probit'"):
        TreePredictor.from_lightgbm(boost(X, targets[2], 2, rounds=1), link="probit", outputs=2)


doubles = st.floats(allow_nan=False, allow_infinity=False)
floats = st.floats(allow_nan=False, allow_infinity=False, width=32)


@settings(max_examples=60, deadline=None)
@given(
    arrays(np.float64, 20, elements=doubles),
    arrays(np.float32, 20, elements=floats),
)
def test_short_thresholds_split_all_float32_alike(thresholds, values):
    thresholds = np.concatenate([thresholds, values, np.nextafter(values, np.float32(0)).astype(np.float64)])
    short = model_text._short_thresholds(thresholds)
    near = thresholds.clip(-3.4e38, 3.4e38).astype(np.float32)
    with np.errstate(over="ignore"):
        beside = [np.nextafter(near, np.float32(s * np.inf)) for s in (-1, 1)]
    probes = np.concatenate([values, near, *beside])
    probes = probes[np.isfinite(probes)].astype(np.float64)
    np.testing.assert_array_equal(probes[:, None] <= short, probes[:, None] <= thresholds)


@settings(max_examples=60, deadline=None)
@given(arrays(np.float64, 12, elements=st.floats(-1e30, 1e30)))
def test_short_leaves_keep_nine_digits(values):
    short = model_text._short_leaves(values, np.array([5, 1, 6]))
    np.testing.assert_allclose(short, values, rtol=1e-8, atol=0)


@settings(max_examples=40, deadline=None)
@given(arrays(np.float64, 12, elements=doubles))
def test_numbers_survive_the_text(values):
    lines = model_text._joined(values, np.array([5, 0, 1, 6]))
    assert lines[1] == ""
    np.testing.assert_array_equal(np.array(" ".join(lines).split(), dtype=float), values)


@pytest.mark.parametrize("classes", [0, 2, 4])
def test_xgboost_is_run_as_it_predicts_with_categories_and_missing_values(classes):
    xgboost = pytest.importorskip("xgboost")
    rng = np.random.default_rng(0)
    X = rng.normal(size=(2000, 4)).astype(np.float32)
    X[:, 2], X[:, 3] = rng.integers(0, 40, 2000), rng.integers(0, 3, 2000)
    X[rng.random(X.shape) < 0.1] = np.nan
    score = np.nan_to_num(X[:, 0]) + rng.normal(size=40)[np.nan_to_num(X[:, 2]).astype(int)] + (X[:, 3] == 1)
    y = {0: score, 2: score > 0, 4: np.digitize(score, [-1, 0, 1])}[classes].astype(float)
    base = float(np.float32(y.mean())) if classes == 0 else 0.0
    objective = {
        0: {"objective": "reg:squarederror", "base_score": base},
        2: {"objective": "binary:logistic", "base_score": 0.5},
        4: {"objective": "multi:softprob", "num_class": 4, "base_score": 0.0},
    }[classes]
    data = xgboost.DMatrix(X, y, feature_types=["q", "q", "c", "c"], enable_categorical=True)
    booster = xgboost.train({**objective, "max_cat_to_onehot": 4}, data, 30)
    link, bases = (
        {0: "identity", 2: "sigmoid", 4: "softmax"}[classes],
        [base] * (classes if classes > 2 else 1),
    )
    predictor = TreePredictor.from_xgboost(
        booster, bases=bases, link=link, outputs=max(classes, 1), levels=40
    )
    got = predictor.predict(X)
    np.testing.assert_allclose(got if classes > 2 else got[:, -1], booster.predict(data), atol=1e-5)
