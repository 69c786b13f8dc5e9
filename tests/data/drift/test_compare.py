"""The check of a window: silent where nothing changed, and telling what did."""

from __future__ import annotations

import zlib

import numpy as np
import polars as pl
import pytest

from noria.core.schema import Column, Role, Schema, Type
from noria.data.drift import Reference, Rule, compare, estimate
from noria.errors import ParamError, SourceError

NUMBERS, CLASSES = [f"x{at}" for at in range(6)], ["c0", "c1"]
SCHEMA = Schema(
    (
        *(Column(name, Type.NUMBER) for name in NUMBERS),
        *(Column(name, Type.CATEGORY) for name in CLASSES),
        Column("y", Type.CATEGORY, Role.TARGET),
    )
)


def table(n, seed=0):
    rng = np.random.default_rng(seed)
    columns = {name: rng.normal(size=n) for name in NUMBERS[:-2]}
    columns["x4"], columns["x5"] = rng.lognormal(sigma=2, size=n), rng.poisson(0.3, n).astype(float)
    columns |= {
        name: rng.choice(list("abcdefg"), n, p=[0.4, 0.3, 0.1, 0.1, 0.05, 0.04, 0.01]) for name in CLASSES
    }
    odds = 1 / (1 + np.exp(-2 * columns["x0"]))
    return pl.DataFrame({**columns, "y": np.where(rng.random(n) < odds, "yes", "no")})


def answers(rows):
    p = 1 / (1 + np.exp(-2 * rows["x0"].to_numpy()))
    return pl.DataFrame(
        {"prediction": np.where(p > 0.5, "yes", "no"), "probability_no": 1 - p, "probability_yes": p}
    )


@pytest.fixture(scope="module")
def reference():
    held = table(4_000, seed=1)
    return Reference.of(table(10_000), SCHEMA, held, answers(held))


def report(reference, rows, **options):
    window = reference.window()
    window.update(rows.drop("y"), answers(rows))
    rule = options.pop("rule", Rule(estimated=False))
    return compare(reference, window, rule, **options)


@pytest.mark.parametrize("rule", [Rule(), Rule("psi", "psi"), Rule("js", "js"), Rule("chi_square")])
def test_nothing_is_said_of_rows_that_are_as_before(reference, rule):
    quiet = Rule(rule.number, rule.category, joint=False, estimated=False)
    alarms = [report(reference, table(1_000, seed), rule=quiet).alarming for seed in range(10, 50)]
    assert not any(alarms)


def test_tests_alone_keep_their_promise(reference):
    """Without the rule that small differences do not matter: 5% of 150 windows are 7 or 8."""
    bare = Rule(least=0.0, estimated=False, joint=False)
    assert sum(report(reference, table(500, seed), rule=bare).alarming for seed in range(100, 250)) <= 13


@pytest.mark.parametrize("name", ["x1", "x4"])
def test_half_a_sigma_is_found_in_a_thousand_rows_and_nothing_else_is_named(reference, name):
    rows = table(1_000, seed=7)
    moved = rows.with_columns((pl.col(name).log() + 1).exp() if name == "x4" else pl.col(name) + 0.5)
    found = report(reference, moved)
    assert set(found.drifted) - {"all features"} == {name}
    told = next(one for one in found.drifts if one.name == name)
    assert told.statistic > told.threshold >= 0.1
    assert told.p_value < 1e-6


def test_reasons_are_sentences(reference):
    rows = table(1_000, seed=7).with_columns(pl.col("x1") + 2, c0=pl.lit("b"))
    told = {one.name: one.reason for one in report(reference, rows).drifts}
    assert told["x1"].startswith("x1 drifted: its median is about 1.9")
    assert told["x1"].endswith("is normal).")
    assert told["c0"].startswith("c0 drifted: 'b' makes up 100% of it, it was 3")
    assert told["all features"].startswith(
        "all features drifted: a classifier tells new rows from old ones, by "
    )
    assert told["x2"].startswith("Nothing is seen of a drift of x2 (Kolmogorov-Smirnov distance 0.0")


def test_a_sure_but_small_change_is_no_alarm(reference):
    found = report(
        reference,
        table(40_000, seed=7).with_columns(pl.col("x1") + 0.1),
        rule=Rule(joint=False, estimated=False),
    )
    told = next(one for one in found.drifts if one.name == "x1")
    assert told.p_value < 0.001
    assert not told.drifted
    assert told.reason.startswith("x1 moved too little to matter: its median is about ")
    assert not found.alarming


def test_what_only_columns_together_show_is_found(reference):
    rows = table(2_000, seed=7)
    rng = np.random.default_rng(0)
    twin = (2 * rows["x2"].to_numpy() + rng.normal(size=2_000)) / np.sqrt(5)
    found = report(reference, rows.with_columns(x3=pl.Series(twin)))
    assert found.drifted == ("all features",)
    assert "x2" in found.reasons[0]
    assert "x3" in found.reasons[0]


def test_the_prediction_is_watched(reference):
    rows = table(1_000, seed=7)
    window = reference.window()
    window.update(rows, answers(rows.with_columns(pl.col("x0") + 1)))
    found = compare(reference, window, Rule(joint=False, estimated=False))
    assert {one.name for one in found.drifts if one.drifted and one.part == "prediction"} == {
        "prediction", "probability_yes",
    }  # fmt: skip
    assert "probability_no" not in {one.name for one in found.drifts}  # says the same


def test_missing_new_and_extreme_values(reference):
    rows = table(1_000, seed=7).with_columns(
        x1=pl.when(pl.int_range(1_000) < 60).then(None).otherwise("x1"),
        x2=pl.when(pl.int_range(1_000) < 30).then(99.0).otherwise("x2"),
        c1=pl.when(pl.int_range(1_000) < 20).then(pl.lit("zz")).otherwise("c1"),
        c0=pl.when(pl.int_range(1_000) < 2).then(pl.lit("qq")).otherwise("c0"),
    )
    issues = report(reference, rows, rule=Rule(joint=False, estimated=False)).issues
    assert [(one.kind, one.column) for one in issues if one.alarming] == [
        ("missing values", "x1"), ("out of range", "x2"), ("new categories", "c1"),
    ]  # fmt: skip
    told = {one.column: one.reason for one in issues}
    assert told["x1"] == "x1 is missing in 6.0% of the rows, it was in 0%."
    assert told["c1"] == "c1 has categories that are not known from training ('zz') in 2.0% of the rows."
    assert told["x2"].startswith("x2 is out of its range in training, -")
    assert told["c0"].endswith("('qq') in 0.2% of the rows.")  # worth knowing, and no alarm


def test_a_rare_category_that_training_missed_is_no_alarm():
    rng = np.random.default_rng(0)
    names = np.array([f"v{at}" for at in range(5_000)])
    rare = lambda n: pl.DataFrame({"c": names[rng.integers(0, 5_000, n)], "d": names[:1].repeat(n)})  # noqa: E731
    schema = Schema((Column("c", Type.CATEGORY), Column("d", Type.CATEGORY)))
    reference = Reference.of(rare(900), schema)
    assert len(reference.features["c"].levels) > 700
    window = reference.window()
    window.update(rare(900))
    assert window.features["c"].outside > 500
    assert not compare(reference, window).alarming


def test_very_many_categories_are_compared_without_a_false_alarm():
    names = np.array([f"v{at}" for at in range(5_000)])

    def rows(seed, share=None):
        drawn = np.random.default_rng(seed).choice(5_000, 10_000, p=share)
        return pl.DataFrame({"c": names[drawn]})

    reference = Reference.of(rows(0), Schema((Column("c", Type.CATEGORY),)))
    found = []
    for seed, share in [*((seed, None) for seed in range(1, 21)), (99, np.repeat([4e-4, 0.0], 2_500))]:
        window = reference.window()
        window.update(rows(seed, share))
        found.append(compare(reference, window, Rule(least=0.0)))
    assert sum(one.alarming for one in found[:-1]) <= 3
    assert found[-1].drifted == ("c",)
    assert "make up" in found[-1].reasons[0]


def test_a_column_that_vanished_or_changed_its_type(reference):
    rows = table(500, seed=7).drop("x1").with_columns(x2=pl.lit("high"), extra=pl.lit(1))
    window = reference.window()
    window.update(rows, answers(rows))
    found = compare(reference, window)
    told = {one.kind: one for one in found.issues}
    assert told["missing column"].reason == "x1 is not there in 100% of the rows."
    assert told["unreadable values"].reason == (
        "x2 should hold values of the type number; 100% of the rows cannot be read, such as 'high'."
    )
    assert told["new column"].reason == "extra is not known from training."
    assert not told["new column"].alarming
    assert {one.reason for one in found.drifts if one.name in ("x1", "x2")} == {
        "x1 is not compared: there are 0 new values and 10,000 old ones.",
        "x2 is not compared: there are 0 new values and 10,000 old ones.",
    }


@pytest.mark.parametrize("rows", [0, 3])
def test_a_window_of_few_rows_says_so(reference, rows):
    found = report(reference, table(rows, seed=7), rule=Rule())
    assert not found.alarming
    assert not found.estimates
    assert found.notes == (f"Too few rows to test: {rows}, at least 50 are needed.",)


def test_the_volume_beside_what_is_usual(reference):
    quiet = Rule(joint=False, estimated=False)
    usual = [980, 1_050, 1_000, 940, 1_020, 1_010, 990]
    assert not report(reference, table(1_100, seed=7), rule=quiet, usual=usual).alarming
    found = report(reference, table(200, seed=7), rule=quiet, usual=usual)
    assert found.reasons == ("There are 200 rows where 1,000 are usual.",)
    assert not report(reference, table(200, seed=7), rule=quiet, usual=usual[:4]).alarming


def test_moments_and_ids_are_not_compared():
    days = pl.datetime_range(pl.datetime(2024, 1, 1), pl.datetime(2024, 3, 1), "1h", eager=True)
    rows = pl.DataFrame({"since": days, "id": [str(at) for at in range(len(days))]})
    schema = Schema((Column("since", Type.DATETIME), Column("id", Type.ID)))
    reference = Reference.of(rows, schema)
    window = reference.window()
    window.update(rows.with_columns(pl.col("since").dt.offset_by("1y")))
    found = compare(reference, window)
    assert not found.alarming
    assert found.drifts[0].reason == (
        "since is not compared: its values are new in every row, or move on with time."
    )


def test_metrics_are_estimated(reference):
    rows = table(3_000, seed=9)
    shifted = rows.filter(pl.col("x0").abs() < 0.7)
    found = {one.score.metric: one for one in report(reference, shifted, rule=Rule()).estimates}
    p = answers(shifted)["probability_yes"].to_numpy()
    real = float(((p > 0.5) == (shifted["y"] == "yes").to_numpy()).mean())
    assert found["accuracy"].score.value == pytest.approx(real, abs=0.05)
    assert found["accuracy"].known > real + 0.08
    assert found["accuracy"].worse
    assert found["log_loss"].worse
    same = {one.score.metric: one for one in report(reference, rows, rule=Rule()).estimates}
    assert not same["roc_auc"].worse


def test_errors_of_a_regression_are_estimated():
    rng = np.random.default_rng(0)
    x = rng.random(6_000)
    rows = pl.DataFrame({"x": x, "y": 3 * x + (0.1 + x) * rng.normal(size=6_000)})
    schema = Schema((Column("x", Type.NUMBER), Column("y", Type.NUMBER, Role.TARGET)))
    said = pl.DataFrame({"prediction": 3 * x})
    held = slice(0, 4_000)
    reference = Reference.of(rows, schema, rows[held], said[held])
    wild = (np.arange(6_000) >= 4_000) & (x > 0.6)
    window = reference.window()
    window.update(rows.filter(pl.Series(wild)), said.filter(pl.Series(wild)))
    found = {one.score.metric: one for one in compare(reference, window).estimates}
    real = float(np.abs(rows["y"].to_numpy() - 3 * x)[wild].mean())
    assert found["mae"].score.value == pytest.approx(real, rel=0.1)
    assert found["mae"].worse


def test_without_probabilities_nothing_is_estimated(reference):
    held = table(500, seed=1)
    bare = Reference.of(table(500), SCHEMA, held, answers(held).select("prediction"))
    found = report(bare, table(500, seed=2), rule=Rule())
    assert found.estimates == ()
    assert found.notes[0].startswith("No metric is estimated: ")


def test_of_too_many_classes_nothing_is_estimated(reference, monkeypatch):
    monkeypatch.setattr(estimate, "MOST_CLASSES", 1)
    found = report(reference, table(500, seed=2), rule=Rule())
    assert found.estimates == ()
    assert found.notes == ("No metric is estimated: the model knows 2 classes, more than 1.",)


def test_the_same_seed_gives_the_same(reference):
    rows = table(800, seed=3)
    assert report(reference, rows, rule=Rule()).to_dict() == report(reference, rows, rule=Rule()).to_dict()


def test_a_rule_that_cannot_be_is_refused():
    with pytest.raises(ParamError, match="There is no such test of drift"):
        Rule(number="t-test")
    with pytest.raises(ParamError) as caught:
        Rule(category="ks")
    assert str(caught.value) == (
        "The Kolmogorov-Smirnov test cannot compare categories: they have no order.\n"
        "  do:  Choose 'chi_square', 'psi' or 'js'."
    )


def test_held_out_rows_that_are_unlike_the_others_are_no_drift():
    rng = np.random.default_rng(0)
    table = pl.DataFrame({"x": rng.normal(size=2_000), "z": rng.normal(size=2_000)})
    schema = Schema((Column("x", Type.NUMBER), Column("z", Type.NUMBER)))
    later = table.filter(pl.col("x") > 0.5)
    reference = Reference.of(table, schema, later, pl.DataFrame({"prediction": later["z"]}))
    window = reference.window()
    new = pl.DataFrame({"x": rng.normal(size=500), "z": rng.normal(size=500)})
    window.update(new, pl.DataFrame({"prediction": new["z"]}))
    assert "all features" not in compare(reference, window).drifted


# -- texts ---------------------------------------------------------------------------------------------------

WATER = ["pump", "wheel", "river", "basin", "flow", "dam"]
MONEY = ["bank", "loan", "credit", "share", "price", "fund"]


def bag(texts):
    """Unit vectors of the words of texts."""
    counts = np.zeros((len(texts), 64))
    for at, text in enumerate(texts):
        for word in text.split():
            counts[at, zlib.crc32(word.encode()) % 64] += 1
    return counts / np.linalg.norm(counts, axis=1, keepdims=True)


def notes(n, seed, words=WATER, more=()):
    rng = np.random.default_rng(seed)
    texts = [" ".join(rng.choice([*words, *WATER, *more], 8)) for _ in range(n)]
    return pl.DataFrame({"note": texts})


def compared(rows, embed, known=None):
    reference = known or Reference.of(notes(1_000, 0), Schema((Column("note", Type.TEXT),)))
    window = reference.window()
    for part in rows.iter_slices(200):
        window.update(part)
    return compare(reference, window, embed=embed)


def test_texts_are_compared_by_their_meaning_too():
    quiet, moved = (compared(notes(500, 1, words), bag) for words in (WATER, MONEY))
    assert quiet.drifted == ()
    assert {one.name: one.test for one in quiet.drifts} == {"note": "ks", "the meaning of note": "embedding"}
    assert not any("length alone" in note for note in quiet.notes)
    assert "the meaning of note" in moved.drifted
    said = next(one.reason for one in moved.drifts if one.test == "embedding")
    told = "the meaning of note drifted: a classifier tells new texts from old ones (AUC of embeddings "
    assert said.startswith(told)


def test_texts_whose_meaning_cannot_be_had_are_compared_by_length_and_the_check_says_so():
    def fails(texts):
        raise SourceError("The weights are not here.")

    for embed, why in (
        (None, "nothing makes vectors of them."),
        (fails, "The weights are not here."),
    ):
        found = compared(notes(500, 1, MONEY), embed)
        assert [one.test for one in found.drifts] == ["ks"]
        assert f"The texts of note are compared by length alone: {why}" in found.notes
    known = Reference.of(notes(1_000, 0), Schema((Column("note", Type.TEXT),))).masked(["note"])
    assert "256 new ones and 0 old ones are kept." in compared(notes(500, 1), bag, known).notes[0]


def test_few_texts_are_kept_and_they_come_back(tmp_path):
    rows = pl.DataFrame({"note": [f"text {at} " + 2_000 * "x" for at in range(3_000)]})
    known = Reference.of(rows, Schema((Column("note", Type.TEXT),)))
    texts = known.features["note"].drawn()
    assert (len(texts), max(map(len, texts))) == (256, 1_000)
    assert 1_000 < np.median([int(text.split()[1]) for text in texts]) < 2_000
    known.save(tmp_path)
    assert Reference.load(tmp_path).features["note"].drawn() == texts


def test_texts_of_the_same_source_seldom_differ():
    known = Reference.of(notes(2_000, 0), Schema((Column("note", Type.TEXT),)))
    assert sum(compared(notes(300, seed), bag, known).alarming for seed in range(1, 41)) <= 3
