from __future__ import annotations

import json
import shutil
import signal
import subprocess
import sys
import threading
from datetime import datetime, timedelta

import numpy as np
import polars as pl
import pytest

import noria
from noria.data.drift import Reference
from noria.errors import Interrupted, MissingExtraError
from noria.methods import metrics
from noria.settings import Settings

QUICK = {"budget": "60s", "trials": 3, "learners": ["naive_bayes", "decision_tree", "logistic"]}
NUMBERS = {"budget": "60s", "trials": 3, "learners": ["ridge", "decision_tree", "lasso"]}


def new_session(home) -> noria.Session:
    return noria.Session(Settings(home=home, workers=2))


def same(one: pl.DataFrame, two: pl.DataFrame) -> bool:
    """Equal but for the last digits, in which a matrix product may depend on where its arrays lie."""
    labels = one.select("prediction").equals(two.select("prediction"))
    floats = [table.select(pl.selectors.float()).to_numpy() for table in (one, two)]
    return labels and np.allclose(*floats, rtol=0, atol=1e-4)


def events_of(session: noria.Session) -> list:
    heard = []
    session.events.listen(heard.append)
    return heard


# -- what is kept --------------------------------------------------------------------------------------------


def test_a_run_is_kept_whole(session, people, monkeypatch, tmp_path):
    monkeypatch.chdir(tmp_path)
    heard = events_of(session)
    run = noria.train(people(), "y", name="toy", session=session, goal={"accuracy": ">= 0.1"}, **QUICK)
    assert {path.name for path in run.folder.iterdir()} == {
        "started.json", "events.jsonl", "trials.jsonl", "run.json", "report.md", "report.html", "model",
        "figures", "lock", "manifest.json", "reference.json", "reference.parquet",
    }  # fmt: skip
    reference = Reference.load(run.folder)
    assert (reference.rows, reference.classes, len(reference.sampled)) == (160, ("no", "yes"), 32)
    assert len(reference.drawn) == 160
    assert reference.schema.names == ("age", "town", "member", "joined", "remark", "y")
    assert {"reference.json", "reference.parquet"} <= set(
        json.loads((run.folder / "manifest.json").read_text())["files"]
    )
    record = json.loads((run.folder / "run.json").read_text())
    assert record["evaluation"] == json.loads(json.dumps(run.evaluation.to_dict()))
    assert record["snapshot"] == json.loads((run.folder / "started.json").read_text())["snapshot"]
    assert record["trials"] == run.trials == 3
    assert run.version == 1
    assert session.artefacts.names() == ["toy"]
    said = (run.folder / "report.md").read_text()
    assert "| accuracy |" in said
    assert ">= 0.1: met" in said
    assert "<!doctype html>" in run.report.read_text()
    assert run.evaluation.rows == 32
    assert {figure.name for figure in run.figures} >= {
        "calibration", "confusion", "cost", "gain", "leaderboard", "precision_recall", "roc", "threshold",
    }  # fmt: skip
    assert "- Learners compared: `figures/leaderboard.vl.json`" in said
    assert run.evaluation.how == "stratified by y, 20% held out"
    assert run.notes == ["128 rows to train, 32 to evaluate: stratified by y, 20% held out."]
    stages = [event.data["stage"] for event in heard if event.kind == "stage.finished"]
    assert stages == ["read", "search", "evaluate", "examine", "keep"]
    assert heard[-2].kind == "run.finished"
    rows = people(20, seed=4)
    assert noria.load("toy", session=session).predict(rows).equals(run.model.predict(rows))


def test_the_same_seed_and_trials_give_the_same_run(people, tmp_path):
    runs = [
        noria.train(people(), "y", session=new_session(tmp_path / str(at)), seed=seed, **QUICK)
        for at, seed in enumerate([3, 3, 4])
    ]
    rows = people(30, seed=4)
    one, two, other = (run.model.predict(rows) for run in runs)
    assert same(one, two)
    assert not same(one, other)
    scores = [{name: score.value for name, score in run.evaluation.scores.items()} for run in runs]
    assert scores[0] == pytest.approx(scores[1], abs=1e-3)


def test_the_evaluation_is_that_of_the_held_out_rows(session, people):
    run = noria.train(people(), "y", test=people(150, seed=2), session=session, **QUICK)
    rows = people(150, seed=2)
    y = run.model.target.encode(rows["y"])
    p = run.model.target.matrix(run.model.predict(rows))
    auc = metrics.CLASSIFICATION["roc_auc"].function(y, p)
    assert run.evaluation.scores["roc_auc"].value == pytest.approx(auc)
    assert run.evaluation.baseline["roc_auc"].value == 0.5
    assert (run.evaluation.rows, run.evaluation.how) == (150, "a table given for testing")
    low, high = run.evaluation.scores["roc_auc"].low, run.evaluation.scores["roc_auc"].high
    assert low < auc < high


def test_a_test_table_may_come_from_a_file_and_lack_some_targets(session, people, tmp_path):
    test = people(50, seed=2).with_columns(y=pl.when(pl.int_range(50) < 5).then(None).otherwise("y"))
    test.write_csv(tmp_path / "test.csv")
    people().write_csv(tmp_path / "train.csv")
    run = noria.train(tmp_path / "train.csv", "y", test=tmp_path / "test.csv", session=session, **QUICK)
    assert run.evaluation.rows == 45


def test_without_held_out_rows_the_score_is_cross_validated_and_says_so(session, people):
    run = noria.train(people(), "y", holdout=0, session=session, **QUICK)
    assert run.evaluation.rows == 160
    assert run.evaluation.how == "cross-validated, which flatters a little: no rows were held out"
    assert "no choice has seen" not in run.report.read_text()
    assert 0.6 < run.evaluation.scores["roc_auc"].value <= 1
    json.loads(
        (run.folder / "run.json").read_text(), parse_constant=lambda name: pytest.fail(f"{name} in run.json")
    )


def test_without_held_out_rows_it_is_judged_as_it_answers(session, people):
    rule = {"by": "recall", "at_least": 0.95}
    run = noria.train(people(), "y", holdout=0, session=session, options={"decision": rule}, **QUICK)
    assert run.evaluation.scores["recall"].value >= 0.95
    assert run.evaluation.scores["coverage"].value > 0.8


# -- honesty -------------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def households() -> pl.DataFrame:
    """The answer is drawn once per house, and a feature tells the house."""
    rng = np.random.default_rng(1)
    house = np.repeat(np.arange(80), 10)
    answer = rng.choice(["no", "yes"], 80)
    rows = {"house": [f"h{n}" for n in house], "spot": rng.normal(size=80)[house], "y": answer[house]}
    return (
        pl.DataFrame(rows)
        .with_columns(jitter=pl.Series(rng.normal(size=800)))
        .sample(fraction=1, shuffle=True, seed=1)
    )


def test_groups_keep_leaks_out_of_the_search_and_of_the_evaluation(session, households):
    wish = {"budget": "60s", "trials": 2, "folds": 3, "learners": ["lightgbm"], "metric": "roc_auc"}
    leaky = noria.train(households.drop("house"), "y", session=session, **wish)
    grouped = noria.train(households, "y", columns={"house": "group"}, session=session, **wish)
    assert leaky.evaluation.scores["roc_auc"].value > 0.9
    assert grouped.evaluation.scores["roc_auc"].value < 0.75
    assert grouped.evaluation.leaderboard[0].score < 0.65
    assert grouped.evaluation.how == "grouped by house: no house on both sides, 20% held out"
    assert "house" not in [column.name for column in grouped.model.signature.columns]


def test_a_feature_function_cannot_lose_the_groups(session, households, tmp_path):
    (tmp_path / "features.py").write_text("def f(table):\n    return table.select('spot', 'jitter')\n")
    households.write_csv(tmp_path / "rows.csv")
    recipe = noria.Recipe.parse(
        {"name": "houses", "data": {"source": str(tmp_path / "rows.csv"), "target": "y", "group": "house"},
         "features": "features.py:f", "search": {"trials": 2, "folds": 3, "learners": ["lightgbm"]}},
        folder=tmp_path,
    )  # fmt: skip
    run = noria.run(recipe, session=session)
    assert run.evaluation.how.startswith("grouped by house")
    assert run.evaluation.scores["roc_auc"].value < 0.75


def test_time_keeps_the_future_out(session):
    rng = np.random.default_rng(0)
    steps = np.arange(400)
    walk = np.cumsum(rng.normal(size=400))
    when = [datetime(2024, 1, 1) + timedelta(hours=int(step)) for step in steps]
    rows = pl.DataFrame({"when": when, "place": steps + rng.normal(0, 0.3, 400), "y": walk}).sample(
        fraction=1, shuffle=True, seed=0
    )
    wish = {"budget": "60s", "trials": 2, "learners": ["decision_tree"], "session": session}
    leaky = noria.train(rows.drop("when"), "y", **wish)
    timed = noria.train(rows, "y", columns={"when": "time"}, **wish)
    assert leaky.evaluation.scores["r2"].value > 0.8
    assert timed.evaluation.scores["r2"].value < 0.5
    assert timed.evaluation.how.startswith("ordered by when: judged on rows later than those learned from")
    assert timed.model.predict(rows.select("place").head(3)).height == 3


def test_weights_are_used_and_are_no_feature(session):
    rng = np.random.default_rng(0)
    x, old = rng.normal(size=300).round(3), rng.random(300) < 0.5
    rows = pl.DataFrame({"x": x, "w": np.where(old, 0.001, 1.0), "y": np.where(old, x, 9 - x)})
    run = noria.train(rows, "y", columns={"w": "weight"}, holdout=0, session=session, **NUMBERS)
    assert [column.name for column in run.model.signature.columns] == ["x"]
    found = run.model.predict(pl.DataFrame({"x": [-1.0, 1.0]}))["prediction"].to_list()
    assert found == pytest.approx([10.0, 8.0], abs=1.0)


def test_a_table_for_testing_needs_no_weights(session, people):
    rows = people(100).with_columns(w=pl.lit(1.5))
    run = noria.train(rows, "y", weight="w", test=people(60, seed=2), session=session, **QUICK)
    assert run.evaluation.rows == 60


def test_a_feature_function_never_sees_the_target_or_the_weights(session, tmp_path, people):
    (tmp_path / "features.py").write_text(
        "def f(table):\n    assert not {'y', 'w'} & set(table.columns), table.columns\n"
        "    return table.with_columns(old=table['age'] > 50)\n"
    )
    rows = people().with_columns(w=pl.lit(1.5) + pl.int_range(160) % 3)
    rows.write_parquet(tmp_path / "rows.parquet")
    recipe = noria.Recipe.parse(
        {"name": "w", "data": {"source": str(tmp_path / "rows.parquet"), "target": "y", "weight": "w",
                               "columns": {"old": "boolean", "town": "category"}},
         "features": "features.py:f", "search": QUICK},
        folder=tmp_path,
    )  # fmt: skip
    run = noria.run(recipe, session=session)
    assert [column.name for column in run.model.signature.columns] == [
        "age",
        "town",
        "member",
        "joined",
        "remark",
    ]
    batch = run.model.predict(rows.drop("y", "w"))
    row = rows.drop("y", "w").row(5, named=True)
    assert run.model.predict_one(row)["prediction"] == batch["prediction"][5]
    assert noria.load("w", session=session).predict(rows).equals(batch)


# -- decisions and promises ----------------------------------------------------------------------------------


def simulated(rows: int, seed: int) -> pl.DataFrame:
    rng = np.random.default_rng(seed)
    x = rng.normal(size=(rows, 2))
    y = np.where(1.6 * x[:, 0] - x[:, 1] + rng.logistic(size=rows) > 2.5, "yes", "no")
    return pl.DataFrame({"a": x[:, 0], "b": x[:, 1], "y": y})


@pytest.fixture(scope="module")
def decide(tmp_path_factory):
    """Codes of truth and of the decisions under a rule, on many rows never seen."""

    def decide(rule, **options):
        if rule is not None:
            options["decision"] = rule
        wish = {"budget": "60s", "trials": 2, "learners": ["logistic"], "options": options}
        run = noria.train(
            simulated(5000, 0), "y", session=new_session(tmp_path_factory.mktemp("home")), **wish
        )
        fresh = simulated(6000, 1)
        found = run.model.predict(fresh)
        truth, said = (run.model.target.encode(one) for one in (fresh["y"], found["prediction"]))
        return truth, said, found["probability_yes"].to_numpy()

    return decide


def f1(truth, said):
    return 2 * (truth & said).sum() / (truth.sum() + said.sum())


def test_by_f1(decide):
    truth, said, p = decide({"by": "f1"})
    assert f1(truth, said) > f1(truth, p > 0.5) + 0.02
    assert f1(truth, said) > max(f1(truth, p > cut) for cut in np.linspace(0.05, 0.95, 50)) - 0.02


@pytest.mark.parametrize("wanted", [0.75, 0.9])
def test_by_precision(decide, wanted):
    truth, said, _ = decide({"by": "precision", "at_least": wanted})
    assert said.sum() > 0
    assert (truth & said).sum() / said.sum() > wanted - 0.06


def test_by_recall(decide):
    truth, said, _ = decide({"by": "recall", "at_least": 0.9})
    assert (truth & said).sum() / truth.sum() > 0.86
    assert said.mean() < 0.6


def test_by_cost(decide):
    truth, said, p = decide({"by": "cost", "cost": [[0, 1], [10, 0]]})

    def cost(said):
        return np.mean(np.where(truth == 1, 10 * (said == 0), said == 1))

    assert cost(said) < 0.8 * cost(p > 0.5)
    assert cost(said) < 1.05 * min(cost(p > cut) for cut in np.linspace(0.02, 0.98, 50))


def test_by_cost_of_several_classes(session):
    rng = np.random.default_rng(0)
    x = rng.normal(size=900)
    level = np.array(["high", "low", "mid"])[np.digitize(x + rng.normal(0, 0.7, 900), [-0.5, 0.5])]
    rows, cost = pl.DataFrame({"x": x, "y": level}), [[0, 20, 20], [1, 0, 1], [1, 1, 0]]
    wish = {"budget": "60s", "trials": 2, "learners": ["logistic"], "session": session}
    run = noria.train(rows, "y", options={"decision": {"by": "cost", "cost": cost}}, **wish)
    found = run.model.predict(rows)
    p = found.select("^probability_.*$").to_numpy()
    assert np.array_equal(run.model.target.encode(found["prediction"]), (p @ np.array(cost)).argmin(axis=1))
    assert (found["prediction"] == "high").sum() > 1.5 * (rows["y"] == "high").sum()


def test_without_a_rule_the_most_probable_class_is_said(decide):
    _, said, p = decide(None)
    assert np.array_equal(said, p > 0.5)


@pytest.mark.parametrize("coverage", [0.8, 0.95])
def test_intervals_cover_what_the_recipe_asks_for(session, coverage):
    rng = np.random.default_rng(0)
    x = rng.normal(size=3600)
    rows = pl.DataFrame({"x": x, "y": x + rng.standard_t(4, 3600)})
    run = noria.train(rows.head(600), "y", options={"coverage": coverage}, session=session, **NUMBERS)
    found, truth = run.model.predict(rows.tail(3000)), rows["y"].tail(3000)
    assert ((found["low"] <= truth) & (truth <= found["high"])).mean() == pytest.approx(coverage, abs=0.035)


# -- going on, stopping, together ----------------------------------------------------------------------------

LONG = {"budget": "600s", "trials": 8, "learners": ["naive_bayes", "decision_tree", "logistic"], "seed": 2}
KILLED = """
import os, signal, sys
import noria
from noria.settings import Settings
session = noria.Session(Settings(home=sys.argv[1], workers=2))
def kill(event):
    if event.kind == "trial.started" and event.data["number"] == 5:
        os.kill(os.getpid(), signal.SIGKILL)
session.events.listen(kill)
noria.train(sys.argv[2], "y", session=session, **eval(sys.argv[3]))
"""


@pytest.fixture(scope="module")
def source(people, tmp_path_factory):
    path = tmp_path_factory.mktemp("data") / "toy.csv"
    people(120).write_csv(path)
    return path


@pytest.fixture(scope="module")
def uninterrupted(source, tmp_path_factory):
    return noria.train(source, "y", session=new_session(tmp_path_factory.mktemp("home")), **LONG)


@pytest.mark.parametrize("cut", [0, 11], ids=["clean journal", "cut-off last line"])
def test_a_killed_run_goes_on_and_ends_with_the_same_model(source, uninterrupted, people, tmp_path, cut):
    home = tmp_path / "home"
    done = subprocess.run(
        [sys.executable, "-c", KILLED, str(home), str(source), repr(LONG)],
        capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert done.returncode == -signal.SIGKILL, done.stderr
    session = new_session(home)
    assert session.artefacts.names() == []
    (folder,) = session.settings.runs.iterdir()
    lines = folder / "trials.jsonl"
    assert len(lines.read_text().splitlines()) == 5
    if cut:
        lines.write_bytes(lines.read_bytes()[:-cut])
    heard = events_of(session)
    run = noria.train(source, "y", session=session, **LONG)
    left = 4 if cut else 5
    assert [event.data["trials"] for event in heard if event.kind == "run.resumed"] == [left]
    assert [event.data["number"] for event in heard if event.kind == "trial.started"] == list(range(left, 8))
    rows = people(50, seed=4)
    assert same(run.model.predict(rows), uninterrupted.model.predict(rows))
    assert [path.name for path in session.settings.runs.iterdir()] == [run.folder.name]
    assert run.version == 1
    assert not (run.folder / "trials").exists()


def test_ctrl_c_leaves_a_clean_state_that_goes_on(source, uninterrupted, people, session):
    def press(event):
        if event.kind == "trial.started" and event.data["number"] == 3:
            signal.raise_signal(signal.SIGINT)

    session.events.listen(press)
    with pytest.raises(Interrupted) as caught:
        noria.train(source, "y", session=session, **LONG)
    assert caught.value.exit_code == 130
    assert str(caught.value) == "Stopped after 3 trials.\n  do:  Run the same command to go on from here."
    assert session.artefacts.names() == []
    (folder,) = session.settings.runs.iterdir()
    assert not [path for path in folder.iterdir() if path.name.startswith(".")]
    session.events.ignore(press)
    heard = events_of(session)
    run = noria.train(source, "y", session=session, **LONG)
    assert [event.data["trials"] for event in heard if event.kind == "run.resumed"] == [3]
    rows = people(50, seed=4)
    assert same(run.model.predict(rows), uninterrupted.model.predict(rows))


@pytest.mark.parametrize("stage", ["read", "evaluate", "keep"])
def test_ctrl_c_outside_the_search(source, session, stage):
    def press(event):
        if event.kind == "stage.started" and event.data["stage"] == stage:
            signal.raise_signal(signal.SIGINT)

    session.events.listen(press)
    with pytest.raises(Interrupted):
        noria.train(source, "y", session=session, **QUICK)
    session.events.ignore(press)
    assert session.artefacts.names() == []
    run = noria.train(source, "y", session=session, **QUICK)
    assert run.version == 1
    assert [path.name for path in session.settings.runs.iterdir()] == [run.folder.name]


def test_a_run_that_lacks_an_extra_leaves_nothing_behind(source, session):
    def miss(event):
        if event.kind == "trial.started" and event.data["number"] == 2:
            raise MissingExtraError("This needs another package.")

    session.events.listen(miss)
    with pytest.raises(MissingExtraError):
        noria.train(source, "y", session=session, **QUICK)
    assert not list(session.settings.runs.iterdir())


def test_another_wish_or_other_data_begin_anew(source, session, people):
    def press(event):
        if event.kind == "trial.started" and event.data["number"] == 2:
            raise KeyboardInterrupt

    session.events.listen(press)
    with pytest.raises(Interrupted):
        noria.train(source, "y", name="toy", session=session, **QUICK)
    session.events.ignore(press)
    heard = events_of(session)
    noria.train(source, "y", name="toy", session=session, **{**QUICK, "seed": 9})
    noria.train(people(120, seed=3), "y", name="toy", session=session, **QUICK)
    assert "run.resumed" not in [event.kind for event in heard]
    noria.train(source, "y", name="toy", session=session, **QUICK)
    noria.train(source, "y", name="toy", session=session, resume=False, **QUICK)
    assert [event.kind for event in heard].count("run.resumed") == 1


def test_two_runs_at_once_leave_each_other_alone_and_both_are_kept(source, tmp_path):
    both, runs, heard = threading.Barrier(2, timeout=120), [], []

    def work():
        session = new_session(tmp_path / "home")
        session.events.listen(lambda event: both.wait() if event.kind == "run.started" else None)
        session.events.listen(lambda event: heard.append(event.kind))
        runs.append(noria.train(source, "y", session=session, **QUICK))

    threads = [threading.Thread(target=work) for _ in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(run.version for run in runs) == [1, 2]
    assert len({run.id for run in runs}) == 2
    assert "run.resumed" not in heard
    versions = new_session(tmp_path / "home").registry.model("toy").versions
    assert {version.run for version in versions} == {run.id for run in runs}


def test_a_run_folder_can_be_copied(session, people, tmp_path):
    run = noria.train(people(), "y", session=session, **QUICK)
    shutil.copytree(run.folder, tmp_path / "copy")
    rows = people(10, seed=4)
    other = new_session(tmp_path / "other")
    assert noria.load(tmp_path / "copy", session=other).predict(rows).equals(run.model.predict(rows))
