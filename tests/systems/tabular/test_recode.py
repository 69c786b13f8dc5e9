from __future__ import annotations

import numpy as np
import polars as pl
import pytest

from noria.core.protocol import Context, Task
from noria.data.conform import conform
from noria.data.infer import infer
from noria.methods import metrics
from noria.systems.tabular.frame import Frame
from noria.systems.tabular.recode import Recode, target_means
from noria.systems.tabular.target import target_for


def framed(codes, y, task=Task.CLASSIFICATION) -> Frame:
    table = pl.DataFrame({"c": codes, "y": y})
    schema = infer(table, target="y", overrides={"c": "category"})
    table = conform(table, schema)
    target = target_for(schema.target, task)
    return Frame.whole(table, Context(schema, task), "trees", target)


def test_a_random_column_of_many_levels_teaches_nothing():
    rng = np.random.default_rng(0)
    frame = framed([f"k{n}" for n in rng.integers(0, 250, 1500)], rng.choice(["no", "yes"], 1500))
    recoded, recode = target_means(frame, 1.0, 0)
    honest = metrics.CLASSIFICATION["roc_auc"].function
    seen = honest(frame.y, np.stack([1 - recoded.X[:, 0], recoded.X[:, 0]], axis=1))
    leaked = recode(frame.X)[:, 0]
    assert seen < 0.55
    assert honest(frame.y, np.stack([1 - leaked, leaked], axis=1)) > 0.65


def test_a_telling_column_keeps_what_it_tells():
    rng = np.random.default_rng(0)
    level = rng.integers(0, 20, 1000)
    frame = framed([f"k{n}" for n in level], np.where(rng.random(1000) < level / 20, "yes", "no"))
    recoded, _ = target_means(frame, 10.0, 0)
    assert np.corrcoef(recoded.X[:, 0], level)[0, 1] > 0.9


def test_a_rows_own_target_does_not_reach_its_encoding():
    codes = ["a", "b"] * 30
    y = np.array(["no", "yes", "yes", "no"] * 15)
    one, _ = target_means(framed(codes, y), 2.0, 0)
    flipped = y.copy()
    flipped[7] = "yes" if y[7] == "no" else "no"
    two, _ = target_means(framed(codes, flipped), 2.0, 0)
    assert one.X[7, 0] == two.X[7, 0]
    assert not np.array_equal(one.X[:, 0], two.X[:, 0])


def test_means_are_smoothed_towards_the_overall_mean():
    frame = framed(["a"] * 8 + ["b"] * 2, [1.0] * 8 + [6.0] * 2, Task.REGRESSION)
    _, recode = target_means(frame, 10.0, 0)
    means = recode(np.array([[0.0], [1.0], [np.nan]], dtype=np.float32))[:, 0]
    assert means.tolist() == pytest.approx([(8 + 20) / 18, (12 + 20) / 12, 2.0])


def test_levels_that_a_folds_training_rows_lack_count_as_unseen():
    frame = framed(list("aabbcc") * 10, [1.0, 2.0, 3.0, 4.0, 5.0, 6.0] * 10, Task.REGRESSION)
    codes = frame.X[:, 0]
    recoded, recode = target_means(frame._slice(np.flatnonzero(codes < 1), np.arange(60)), 10.0, 0)
    mean = frame.y[codes < 1].mean()
    assert recoded.X_valid[codes > 0] == pytest.approx(mean)
    assert recode(frame.X)[codes > 0] == pytest.approx(mean)


def test_one_row_is_recoded_as_in_the_table():
    recode = Recode(np.array([1]), np.array([[0.5, 0.7, 0.1]], dtype=np.float32))
    rows = np.array([[9.0, 0.0], [9.0, 1.0], [9.0, np.nan], [9.0, 2.0], [9.0, 7.0]], dtype=np.float32)
    assert np.array_equal(np.stack([recode(row) for row in rows]), recode(rows))
    unseen = [9.0, np.float32(0.1)]
    assert recode(rows).tolist() == [[9.0, 0.5], [9.0, np.float32(0.7)], unseen, unseen, unseen]
    assert rows[0, 1] == 0.0
