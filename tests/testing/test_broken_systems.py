"""Deliberately broken systems: each check fails on the one that is broken in its way."""

import threading
from dataclasses import replace

import numpy as np
import polars as pl
import pytest

from noria.core import registry
from noria.core.params import Params, real
from noria.core.protocol import Tags
from noria.core.split import Split
from noria.systems.tabular import TabularSystem
from noria.systems.tabular.learners.simple import Baseline, NeighboursLearner
from noria.testing import CheckFailed, check_system, checks, problems

PROBLEM = problems(160)[0]


class Wrapped:
    """A model in which some methods are replaced."""

    def __init__(self, model, **methods):
        self._model, self._methods = model, methods

    def __getattr__(self, name):
        if name in self._methods:
            return lambda *args: self._methods[name](self._model, *args)
        return getattr(self._model, name)


def with_model(**methods):
    """A system whose models are broken."""

    class Broken(TabularSystem):
        def assemble(self, *args):
            return Wrapped(super().assemble(*args), **methods)

    return Broken


def with_learners(change):
    """A system whose list of learners is broken."""

    class Broken(TabularSystem):
        def learners(self):
            return change(super().learners())

    return Broken


class _ForgetfulParams(Params):
    shrink: float = real(1.0, low=0.0, high=9.0, doc="Lost on the way.")

    @classmethod
    def from_dict(cls, values):
        return cls()


class ForgetfulParams(Baseline):
    settings = _ForgetfulParams
    known = ({"shrink": 2.0},)


class Remembering(NeighboursLearner):
    """Keeps what it saw in an earlier fit."""

    def fit(self, train, valid, ctx):
        seen = getattr(self, "seen", train)
        self.seen = train
        return super().fit(seen, valid, ctx)

    def seconds(self, rows, columns):
        return 0.001


class Writing(NeighboursLearner):
    """Changes the table that it is fitted on."""

    def fit(self, train, valid, ctx):
        model = super().fit(train, valid, ctx)
        train.insert_column(0, pl.lit(1).alias("intruder"))
        return model

    def seconds(self, rows, columns):
        return 0.001


class Crowded(NeighboursLearner):
    """Learns otherwise in the second of several threads."""

    def fit(self, train, valid, ctx):
        second = threading.current_thread().name.endswith("_1")
        return super().fit(train.head(40) if second else train, valid, replace(ctx, fold=None))

    def seconds(self, rows, columns):
        return 0.001


class Threaded(TabularSystem):
    def __init__(self, *args):
        super().__init__(*args)
        threading.Thread(target=threading.Event().wait, args=(2.0,), daemon=True).start()


class Random(TabularSystem):
    """Deals by a seed of its own; judged by log-loss, since two deals may well rank all rows alike."""

    def folds(self, table, count, seed):
        return super().folds(table, count, int(np.random.default_rng().integers(2**31)))

    def metrics(self):
        return sorted(super().metrics(), key=lambda metric: metric.name != "log_loss")


class Overlapping(TabularSystem):
    def folds(self, table, count, seed):
        return [Split(np.arange(table.height), split.valid) for split in super().folds(table, count, seed)]


class Foresighted(TabularSystem):
    def holdout(self, table, share, seed, how=None):
        return super().holdout(table, share, seed, "random")


class Peeping(TabularSystem):
    """Lets a feature carry the target into the folds."""

    def weigh(self, trials, truth, metric, ctx):
        weights, _ = super().weigh(trials, truth, metric, ctx)
        sure = np.eye(2)[self.target.encode(truth[self.target.name])] * 0.98 + 0.01
        return weights, self.target.table(sure)


class BlindSystem(TabularSystem):
    def learners(self):
        return [Baseline(self.target, self.chosen), _Twin(self.target, self.chosen)]


class _Twin(Baseline):
    name = "twin"


class Hasty(Wrapped):
    """Says something else where it is asked for one row by itself."""

    def predict_one(self, row):
        return {**self._model.predict_one(row), _probability(self._model): 0.5}


class HastySystem(TabularSystem):
    @classmethod
    def load(cls, folder):
        return Hasty(super().load(folder))


class Embellishing(TabularSystem):
    """Learns from other rows than it was given."""

    def completed(self, table):
        return table.with_columns(pl.col("size") + 3.0), []


def save_in_one_place(model, folder):
    Forgetful.last = model
    model.save(folder)


class Forgetful(with_model(save=save_in_one_place)):
    """Knows only the version that was saved last."""

    last = None

    @classmethod
    def load(cls, folder):
        return cls.last


def nan_intervals(system):
    sound, *others = TabularSystem.metrics(system)

    def bind(truth, predictions):
        score = sound.bind(truth, predictions)
        return lambda rows: score(None) if rows is None else float("nan")

    return [replace(sound, bind=bind), *others]


class Unmeasured(TabularSystem):
    metrics = nan_intervals


def swallow_missing(model, rows):
    names = [column.name for column in model.signature.columns]
    return model.predict(rows.with_columns(pl.lit(None).alias(n) for n in names if n not in rows.columns))


def shy_error(model, rows):
    from noria.errors import ColumnError

    names = {column.name for column in model.signature.columns}
    if names - set(rows.columns):
        raise ColumnError("A column is missing: " + repr(sorted(names - set(rows.columns))[0]))
    return model.predict(rows)


def by_position(model, rows):
    first = rows.columns[0]
    return model.predict(rows).with_columns(pl.lit(float(len(first))).alias(_probability(model)))


def _probability(model):
    return model.signature.outputs[1].name


def null_for_unseen(model, rows):
    unseen = pl.Series(rows["colour"] == "a level never seen").fill_null(value=False)
    return _punch(model, rows, unseen)


def null_for_nulls(model, rows):
    return _punch(model, rows, rows["colour"].is_null())


def _punch(model, rows, holes):
    predicted = model.predict(rows)
    name = _probability(model)
    return predicted.with_columns(pl.when(~holes).then(pl.col(name)).alias(name))


def batch_mean(model, rows):
    predicted = model.predict(rows)
    return predicted.with_columns(pl.col(_probability(model)) - 0.01 * rows.height / 1000)


def extra_output(model, rows):
    return model.predict(rows).with_columns(surprise=pl.lit(1))


def untyped_when_empty(model, rows):
    return model.predict(rows) if rows.height else pl.DataFrame()


def explain_too_much(model, rows):
    found = model.explain(rows)
    return replace(found, attributions=found.attributions.select(pl.all() + 0.1))


def explain_something(model, rows):
    return model.explain(rows if rows.height else pl.DataFrame([model.signature.example]))


def save_other_weights(model, folder):
    model.members[0] = replace(model.members[0], weight=model.members[0].weight * 0.5)
    try:
        model.save(folder)
    finally:
        model.members[0] = replace(model.members[0], weight=model.members[0].weight * 2)


def save_pickle(model, folder):
    import pickle

    model.save(folder)
    (folder / "extra.bin").write_bytes(pickle.dumps({"a": 1}))


BROKEN = {
    "params_round_trip": with_learners(lambda ls: [*ls, ForgetfulParams(ls[0].target, ls[0].options)]),
    "constructor_does_nothing": Threaded,
    "refit_is_fresh": with_learners(lambda ls: [ls[0], Remembering(ls[0].target, ls[0].options)]),
    "same_seed_same_result": Random,
    "input_is_untouched": with_learners(lambda ls: [ls[0], Writing(ls[0].target, ls[0].options)]),
    "missing_column_is_named": with_model(predict=swallow_missing),
    "renamed_column_is_offered": with_model(predict=shy_error),
    "column_order_is_irrelevant": with_model(predict=by_position),
    "unseen_category_is_predicted": with_model(predict=null_for_unseen),
    "nulls_are_predicted": with_model(predict=null_for_nulls),
    "one_row_is_predicted": with_model(predict=extra_output),
    "empty_table_is_predicted": with_model(predict=untyped_when_empty),
    "one_row_equals_batch": with_model(predict=batch_mean),
    "batches_equal_whole": with_model(predict=batch_mean),
    "baseline_is_blind": with_learners(lambda ls: ls[::-1]),
    "scores_have_intervals": Unmeasured,
    "splits_do_not_overlap": Overlapping,
    "no_future_rows_are_used": Foresighted,
    "signal_is_learned": BlindSystem,
    "shuffled_target_falls_to_the_baseline": Peeping,
    "attributions_add_up": with_model(explain=explain_too_much),
    "no_rows_are_explained": with_model(explain=explain_something),
    "loads_in_a_fresh_process": with_model(save=save_other_weights),
    "damage_is_found": with_model(save=lambda model, folder: None),
    "no_pickle_inside": with_model(save=save_pickle),
    "trains_and_registers": with_model(predict=batch_mean),
    "serves_what_it_predicts": HastySystem,
    "drift_is_told_from_none": Embellishing,
    "retrains": Forgetful,
    "workers_do_not_matter": with_learners(lambda ls: [ls[0], Crowded(ls[0].target, ls[0].options)]),
}


@pytest.mark.parametrize("name", BROKEN)
def test_check_can_fail(name, monkeypatch):
    monkeypatch.setattr(registry, "system", lambda system: BROKEN[name])
    (check,) = [check for check in checks(BROKEN[name], [PROBLEM]) if check.name == name]
    with pytest.raises(CheckFailed, match=name):
        check()


def test_every_check_has_a_broken_system():
    assert {check.name for check in checks(TabularSystem, [PROBLEM])} == set(BROKEN)


def test_a_system_that_accepts_nothing_is_not_passed():
    class Picky(TabularSystem):
        @classmethod
        def accepts(cls, schema, task):
            return False

    with pytest.raises(CheckFailed, match="accepts none"):
        check_system(Picky, [PROBLEM])


def test_tags_choose_the_checks():
    class Tagged(TabularSystem):
        tags = Tags(deterministic=False, streams=False, rows_independent=False)

    left_out = {
        "refit_is_fresh",
        "same_seed_same_result",
        "workers_do_not_matter",
        "one_row_equals_batch",
        "batches_equal_whole",
    }
    assert left_out.isdisjoint(check.name for check in checks(Tagged, [PROBLEM]))
