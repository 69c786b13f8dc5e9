from __future__ import annotations

from dataclasses import replace

import numpy as np
import polars as pl
import pytest

from noria._lazy import installed
from noria.backends.executor_local import LocalExecutor
from noria.core import artifact
from noria.core.deadline import Deadline, OutOfTime
from noria.core.protocol import Context, Fold, Task
from noria.core.split import Split
from noria.data.conform import conform
from noria.data.infer import infer
from noria.data.validate import prepare
from noria.methods import metrics
from noria.systems.tabular import TabularSystem
from noria.systems.tabular.encode import Encoder
from noria.systems.tabular.frame import Frame
from noria.systems.tabular.learners import LEARNERS, available
from noria.systems.tabular.options import TabularOptions

TASKS = {"two": Task.CLASSIFICATION, "three": Task.CLASSIFICATION, "number": Task.REGRESSION}
CASES = [
    pytest.param(kind.name, toy, id=f"{kind.name}-{toy}")
    for kind in LEARNERS
    for toy, task in TASKS.items()
    if task in kind.tasks and (not kind.package or installed(kind.package))
]
CLASSES = [case for case in CASES if case.values[1] == "two" and case.values[0] != "baseline"]


class Bench:
    """A toy table and what is needed to fit learners on it."""

    def __init__(self, raw: pl.DataFrame, task: Task, **options) -> None:
        schema = infer(raw, target="y")
        table, self.schema, _ = prepare(raw, schema, task)
        self.table = conform(table, self.schema)
        self.task = task
        self.system = TabularSystem(self.schema, task, TabularOptions(**options))
        self.learners = {learner.name: learner for learner in self.system.learners()}
        cut = self.table.height * 2 // 3
        self._fitted = {}
        self.train, self.valid = self.table[:cut], self.table[cut:]

    def context(self, seed: int = 0, deadline: Deadline | None = None) -> Context:
        return Context(self.schema, self.task, seed, deadline or Deadline(600))

    def fit(self, name: str, params=None):
        learner = self.learners[name]
        learner = learner if params is None else learner.with_params(learner.params.replace(**params))
        return learner.fit(self.train, self.valid, self.context())

    def fitted(self, name: str):
        """The learner with its defaults, fitted once."""
        if name not in self._fitted:
            self._fitted[name] = self.fit(name)
        return self._fitted[name]

    def loss(self, model) -> float:
        """The share of wrong answers, or the root mean squared error."""
        target = self.system.target
        p, y = target.matrix(model.predict(self.valid)), target.encode(self.valid["y"])
        if target.classes:
            return 1 - metrics.CLASSIFICATION["accuracy"].function(y, p)
        return metrics.REGRESSION["rmse"].function(y, p[:, 0])


@pytest.fixture(scope="module")
def benches(people):
    return {toy: Bench(people(180, toy), task) for toy, task in TASKS.items()}


def test_every_learner_has_its_task(benches):
    assert {kind.name for kind in available(Task.REGRESSION)} == set(benches["number"].learners)
    assert next(iter(benches["two"].learners)) == "baseline"


@pytest.mark.parametrize(("name", "toy"), CASES)
def test_a_learner_learns_predicts_rows_alone_and_survives_its_folder(benches, people, tmp_path, name, toy):
    bench = benches[toy]
    model = bench.fitted(name)
    if name != "baseline":
        assert bench.loss(model) < 0.95 * bench.loss(bench.fitted("baseline"))
    rows = people(8, toy, seed=9).drop("y")
    odd = rows.head(2).with_columns(town=pl.lit("Nowhere"), age=pl.lit(1e12), remark=pl.lit(""))
    empty = rows.head(2).with_columns(
        pl.lit(None, dtype=kind).alias(col) for col, kind in rows.schema.items()
    )
    rows = pl.concat([rows, odd, empty])
    batch = model.predict(rows)
    numbers = batch.select(pl.selectors.float()).to_numpy()
    assert np.isfinite(numbers).all()
    for at, row in enumerate(rows.iter_rows(named=True)):
        alone = pl.DataFrame([model.predict_one(row)], schema=batch.schema)
        assert np.allclose(alone.select(pl.selectors.float()).to_numpy(), numbers[at], rtol=1e-4, atol=1e-6)
        assert model.predict(rows[at]).equals(alone)
    loaded = artifact.load(
        artifact.save(model, tmp_path / "model", system="tabular"), prepare=conform, trusted=lambda _: False
    )
    assert loaded.predict(rows).equals(batch)
    assert loaded.predict_one(rows.row(0, named=True)) == model.predict_one(rows.row(0, named=True))


@pytest.mark.parametrize(("name", "toy"), [case for case in CASES if case.values[1] != "three"])
def test_the_same_seed_gives_the_same_model(benches, name, toy):
    bench = benches[toy]
    assert bench.fit(name).predict(bench.valid).equals(bench.fitted(name).predict(bench.valid))


@pytest.mark.parametrize("kind", [kind for kind in LEARNERS if not kind.package], ids=lambda kind: kind.name)
def test_fits_side_by_side_give_what_fits_alone_give(benches, kind):
    """A library that keeps its random numbers in one place for all threads would not."""
    bench = benches["two" if Task.CLASSIFICATION in kind.tasks else "number"]
    learner = bench.learners[kind.name]
    for params in learner.portfolio(100)[:4]:
        one = learner.with_params(params)

        def fit(_, one=one):
            return bench.system.target.matrix(
                one.fit(bench.train, bench.valid, bench.context()).predict(bench.valid)
            )

        (alone,) = LocalExecutor(1).map(fit, range(1))
        for beside in LocalExecutor(2).map(fit, range(2)):
            assert np.allclose(beside, alone, rtol=0, atol=1e-4), params


@pytest.mark.parametrize("name", ["lightgbm", "hist_boosting"])
def test_boosting_stops_when_the_validation_rows_stop_gaining(benches, name):
    bench = benches["two"]
    noise = bench.valid.with_columns(y=bench.valid["y"].shuffle(seed=1))
    learner = bench.learners[name]
    honest = learner.fit(bench.train, bench.valid, bench.context())
    misled = learner.fit(bench.train, noise, bench.context())
    most = learner.fit(bench.train, None, bench.context())
    assert misled.size < honest.size
    assert honest.size < most.size * 20
    assert misled.size < most.size


@pytest.mark.parametrize(
    "name", ["lightgbm", "hist_boosting", "random_forest", "extra_trees", "svm", "network", "logistic"]
)
def test_a_slow_learner_keeps_the_deadline(benches, name):
    deadline = Deadline(600)
    deadline.cancel()
    bench = benches["two"]
    with pytest.raises(OutOfTime):
        bench.learners[name].fit(bench.train, bench.valid, bench.context(deadline=deadline))


# -- what is said about rare classes -------------------------------------------------------------------------


@pytest.fixture(scope="module")
def rare():
    rng = np.random.default_rng(0)
    x = rng.normal(size=(500, 3)).round(3)
    y = np.where(x[:, 0] + 0.5 * x[:, 1] + rng.normal(0, 0.7, 500) > 2.0, "rare", "usual")
    return pl.DataFrame({"a": x[:, 0], "b": x[:, 1], "c": x[:, 2], "y": y})


def mean_rare(bench: Bench, name: str) -> float:
    return bench.fit(name).predict(bench.valid)["probability_rare"].mean()


@pytest.mark.parametrize(
    "name", ["logistic", "lightgbm", "random_forest", "naive_bayes", "svm", "decision_tree", "network"]
)
def test_class_weights_raise_the_rare_class(rare, name):
    plain, weighed = (
        mean_rare(Bench(rare, Task.CLASSIFICATION, imbalance=rule), name) for rule in ("none", "weights")
    )
    assert weighed > 1.2 * plain


@pytest.mark.skipif(not installed("imblearn"), reason="imbalanced-learn is not installed")
@pytest.mark.parametrize("rule", ["smote", "adasyn"])
@pytest.mark.parametrize("name", ["logistic", "lightgbm", "neighbours"])
def test_oversampling_raises_the_rare_class(rare, rule, name):
    plain, more = (mean_rare(Bench(rare, Task.CLASSIFICATION, imbalance=one), name) for one in ("none", rule))
    assert more > 1.2 * plain


@pytest.mark.parametrize("rule", ["weights", "smote"])
def test_the_baseline_says_the_shares_as_they_are(rare, rule):
    bench = Bench(rare, Task.CLASSIFICATION, imbalance=rule)
    assert mean_rare(bench, "baseline") == pytest.approx((bench.train["y"] == "rare").mean())


@pytest.mark.skipif(not installed("imblearn"), reason="imbalanced-learn is not installed")
def test_a_missing_level_stays_missing_in_synthetic_rows(rare):
    rng = np.random.default_rng(0)
    town = np.array(["delft", "gouda", "urk", "breda", None, None])[rng.integers(0, 6, len(rare))]
    bench = Bench(rare.with_columns(town=pl.Series(town.tolist())), Task.CLASSIFICATION, imbalance="smote")
    learner, ctx = bench.learners["hist_boosting"], bench.context()
    frame = Frame.of(bench.train, None, ctx, learner.family, learner.target)
    added = learner._balanced(frame, ctx).X[len(frame.X) :]
    (at,) = np.flatnonzero(frame.encoder.discrete)
    assert len(added) > 100
    assert 0.1 < np.isnan(added[:, at]).mean() < 0.8
    assert set(added[~np.isnan(added[:, at]), at].tolist()) == {0.0, 1.0, 2.0, 3.0}


def test_focal_loss_changes_boosting_and_nothing_else(rare):
    plain, focal = (Bench(rare, Task.CLASSIFICATION, imbalance=rule) for rule in ("none", "focal"))
    a, b = plain.fit("lightgbm").predict(plain.valid), focal.fit("lightgbm").predict(focal.valid)
    assert not np.allclose(a["probability_rare"], b["probability_rare"], atol=0.01)
    y = focal.system.target.encode(focal.valid["y"])
    auc = metrics.CLASSIFICATION["roc_auc"].function
    assert auc(y, focal.system.target.matrix(b)) > 0.85
    assert b["probability_rare"].mean() == pytest.approx(a["probability_rare"].mean(), abs=0.01)
    assert plain.fit("logistic").predict(plain.valid).equals(focal.fit("logistic").predict(focal.valid))


# -- weights, target means, classes that a fold lacks --------------------------------------------------------


@pytest.mark.parametrize("name", sorted({kind.name for kind in LEARNERS if kind.weighs and not kind.package}))
def test_row_weights_are_listened_to_and_are_no_feature(name):
    rng = np.random.default_rng(0)
    x = rng.normal(size=300).round(3)
    old = np.arange(300) % 2 == 0
    task = next(
        iter(next(kind for kind in LEARNERS if kind.name == name).tasks & {Task.REGRESSION}),
        Task.CLASSIFICATION,
    )
    y = np.where(old, x, 5 - x) if task is Task.REGRESSION else np.where((x > 0.6) ^ old, "yes", "no")
    raw = pl.DataFrame({"x": x, "z": rng.normal(size=300), "w": np.where(old, 1e-3, 1.0), "y": y})
    schema = infer(raw, target="y", overrides={"w": {"role": "weight", "type": "number"}})
    table, schema, _ = prepare(raw, schema, task)
    learner = {one.name: one for one in TabularSystem(schema, task).learners()}[name]
    model = learner.fit(table, None, Context(schema, task))
    assert "w" not in [column.name for column in model.signature.columns]
    target = learner.target
    found = target.encode(model.predict(raw.drop("w", "y"))["prediction"])
    error = np.abs(found - target.encode(table["y"]))
    assert error[~old].mean() < error[old].mean()


@pytest.mark.parametrize(("name", "toy"), CASES)
def test_the_targets_of_judged_rows_have_no_say_in_a_fit_of_few_rows(benches, name, toy):
    bench, rows = benches[toy], benches[toy].table.height
    fold = Split(np.arange(rows - 60), np.arange(rows - 60, rows))
    other = bench.table.with_columns(
        y=pl.concat([bench.table["y"][: rows - 60], bench.table["y"][rows - 60 :].shuffle(seed=1)])
    )
    first, second = (
        bench.learners[name].fit(
            table[fold.train], table[fold.valid], bench.context().within(Fold(table, fold))
        )
        for table in (bench.table, other)
    )
    features = bench.table[fold.valid].drop("y")
    assert first.predict(features).equals(second.predict(features))


def test_boosting_of_many_rows_stops_where_the_judged_rows_stop_gaining(benches, monkeypatch):
    bench = benches["two"]
    rows, ctx = bench.table.height, bench.context()
    fold = Fold(bench.table, Split(np.arange(rows - 60), np.arange(rows - 60, rows)))
    frame = Frame.of(bench.train, bench.valid, ctx.within(fold), "trees", bench.system.target)
    assert np.isin(frame.apart(ctx.within(fold)).rows_valid, fold.split.train).all()
    monkeypatch.setattr("noria.systems.tabular.frame._FEW", rows - 60)
    monkeypatch.setattr("noria.systems.tabular.frame._FEW_RARE", 20)
    assert frame.apart(ctx.within(fold)) is frame
    rare = replace(frame, y=(np.arange(rows - 60) % 30 == 0).astype(int))
    assert rare.apart(ctx.within(fold)) is not rare


def test_boosting_stops_early_by_the_weights_of_the_rows_that_it_is_judged_on(people):
    table = people(400, "two").with_columns(w=pl.Series(np.where(np.arange(400) % 2 == 0, 1e-3, 1.0)))
    schema = infer(table, target="y", overrides={"w": {"role": "weight", "type": "number"}})
    table, schema, _ = prepare(table, schema, Task.CLASSIFICATION)
    table = conform(table, schema)
    learner = {one.name: one for one in TabularSystem(schema, Task.CLASSIFICATION).learners()}["lightgbm"]
    fold = Fold(table, Split(np.arange(300), np.arange(300, 400)))
    ctx = Context(schema, Task.CLASSIFICATION).within(fold)
    frame = Frame.of(table[:300], table[300:], ctx, learner.family, learner.target)
    _, judged = learner._datasets(frame, learner._settings(ctx), ctx)
    assert judged.get_weight() == pytest.approx(table["w"][300:].to_numpy())


@pytest.mark.skipif(not installed("xgboost"), reason="xgboost is not installed")
def test_levels_that_a_folds_training_rows_lack_go_where_xgboost_sends_them(monkeypatch):
    import xgboost

    rng = np.random.default_rng(0)
    level, x = rng.integers(0, 10, 600), rng.normal(size=600)
    town = np.array([*"abcdefgh", None, None])[level].tolist()
    y = rng.normal(size=10)[level] + 3 * x + rng.normal(size=600)
    bench = Bench(pl.DataFrame({"town": town, "x": x, "y": y}), Task.REGRESSION)
    learner, table, ctx = bench.learners["xgboost"], bench.table, bench.context()
    known = ~(Encoder.fit("trees", bench.schema.features, table).matrix(table)[:, 0] > 4)
    fold = Fold(table, Split(np.flatnonzero(known), np.flatnonzero(~known)))
    train, valid = table[fold.split.train], table[fold.split.valid]
    boosters, boost = [], xgboost.train

    def boosted(*given, **named):
        boosters.append(boost(*given, **named))
        return boosters[0]

    monkeypatch.setattr(xgboost, "train", boosted)
    model = learner.fit(train, valid, ctx.within(fold))
    frame = Frame.of(train, valid, ctx.within(fold), learner.family, learner.target)
    native = boosters[0].predict(learner._matrix(frame, frame.X_valid, None, None))
    assert model.predict(valid)["prediction"].to_numpy() == pytest.approx(native, abs=1e-4)


def test_of_equally_near_rows_it_is_not_the_first_of_the_table_that_count():
    y = ["a"] * 40 + ["b"] * 80
    bench = Bench(pl.DataFrame({"x": [1.0] * 119 + [2.0], "y": y}), Task.CLASSIFICATION)
    bench.train = bench.table
    share = bench.fit("neighbours").predict(bench.table[:1])["probability_b"][0]
    assert share == pytest.approx(2 / 3, abs=0.25)


def test_target_means_do_not_leak_a_random_column():
    rng = np.random.default_rng(0)
    rows = 600
    raw = pl.DataFrame(
        {"c": [f"k{n}" for n in rng.integers(0, 150, rows)], "y": rng.choice(["no", "yes"], rows)}
    )
    bench = Bench(raw, Task.CLASSIFICATION)
    model = bench.fit("lightgbm", params={"categories": "target", "least_rows": 5})
    assert model.members[0].recode is not None
    y, p = (
        bench.system.target.encode(bench.valid["y"]),
        bench.system.target.matrix(model.predict(bench.valid)),
    )
    assert abs(metrics.CLASSIFICATION["roc_auc"].function(y, p) - 0.5) < 0.12
    assert metrics.CLASSIFICATION["log_loss"].function(y, p) < 1.05 * np.log(2)


@pytest.mark.parametrize("name", [case.values[0] for case in CASES if case.values[1] == "three"])
def test_a_fold_without_a_class_still_gives_it_a_probability(benches, name):
    bench = benches["three"]
    table = bench.table
    missing = (table["y"] != "mid").arg_true().to_numpy().astype(np.int64)
    some = (table["y"] == "mid").arg_true().to_numpy().astype(np.int64)
    fold = Fold(table, Split(missing[20:], np.sort(np.concatenate([missing[:20], some]))))
    model = bench.learners[name].fit(
        table[fold.split.train], table[fold.split.valid], bench.context().within(fold)
    )
    p = bench.system.target.matrix(model.predict(table[fold.split.valid]))
    assert p.shape == (len(fold.split.valid), 3)
    assert p.sum(axis=1) == pytest.approx(1, abs=1e-6)
    assert (p >= 0).all()


# -- parameters ----------------------------------------------------------------------------------------------


@pytest.mark.parametrize("kind", LEARNERS, ids=lambda kind: kind.name)
def test_known_settings_are_valid_and_distinct(benches, kind):
    settings = [kind.settings(**values) for values in kind.known]
    assert settings
    assert len(set(settings)) == len(settings)
    assert all(kind.settings.from_dict(one.to_dict()) == one for one in settings)


@pytest.mark.parametrize(("name", "toy"), CASES)
def test_the_guess_of_its_time_grows_with_the_rows(benches, name, toy):
    learner = benches[toy].learners[name]
    assert 0 < learner.seconds(1000, 10) <= learner.seconds(100_000, 10)
