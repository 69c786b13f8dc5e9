"""A service that watches its models in processes of their own."""

from __future__ import annotations

import json
import logging
import shutil
import subprocess
import sys
import threading
import time

import polars as pl

import noria
from noria.api._watch import retrainer, watcher
from noria.core.serving import Label, LoggedPrediction
from noria.server.watching import watching
from noria.settings import Settings


def wait(condition) -> None:
    for _ in range(600):
        if condition():
            return
        threading.Event().wait(0.05)
    raise AssertionError("It took too long.")


def test_models_are_looked_at_for_as_long_as_the_service_runs(tmp_path):
    session = noria.Session(Settings(home=tmp_path / "home", workers=2))
    rows = {"x": [0.5 * at for at in range(60)], "y": [1.0 * at for at in range(60)]}
    noria.train(rows, "y", name="line", task="regression", learners=["ridge"], trials=2, session=session)
    with watching(["line"], 0.05, session.settings):
        wait(lambda: noria.checks("line", session=session))
    assert noria.checks("line", session=session)[-1].verdict == "no rows"


def test_what_fails_is_logged_and_ends_nothing(tmp_path, caplog):
    with caplog.at_level(logging.ERROR, "noria.serve"), watching(["nobody"], 0.05, Settings(home=tmp_path)):
        wait(lambda: caplog.records)
    assert "'nobody' could not be watched." in caplog.text
    assert "There is no model 'nobody'." in caplog.text


def test_a_watcher_that_is_killed_is_told(tmp_path, caplog, monkeypatch):
    killed = [sys.executable, "-c", "import os; os.kill(os.getpid(), 9)"]
    begin = subprocess.Popen
    monkeypatch.setattr(subprocess, "Popen", lambda _, **more: begin(killed, **more))
    with caplog.at_level(logging.ERROR, "noria.serve"), watching(["line"], 0.05, Settings(home=tmp_path)):
        wait(lambda: caplog.records)
    assert "its process ended with -9" in caplog.text


def test_without_a_schedule_nothing_is_begun(tmp_path):
    before = set(threading.enumerate())
    with watching(["line"], None, Settings(home=tmp_path)):
        assert set(threading.enumerate()) <= before


def test_what_answers_questions_is_watched_too(handbook, tmp_path):
    home = shutil.copytree(handbook.settings.home, tmp_path / "home")
    session = noria.Session(Settings(home=home, workers=2))
    asked = ["Who looks after pumps?"] * 20 + [
        "Who painted the Mona Lisa?",
        "Where is Oslo on the moon?",
    ] * 20
    said = noria.load("handbook", session=session).predict(pl.DataFrame({"question": asked})).to_dicts()
    missing = sum(not one["found"] for one in said)
    assert 20 < missing <= 40
    looking, now = watcher(session), time.time() - 60
    lines = [
        LoggedPrediction(
            f"q{at}", f"q{at}", "handbook", 1, "champion", now, 0.01, None,
            json.dumps({"question": question}), json.dumps(answer),
        )
        for at, (question, answer) in enumerate(zip(asked, said))
    ]  # fmt: skip
    looking.log.append(lines)
    looking.log.tell("handbook", [Label.of(f"q{at}", at % 5 == 0, now) for at in range(40)])
    check = looking.check("handbook", after=1, rows=60)
    shares = {one.metric: one for one in check.shares}
    assert (shares["unanswered"].value, shares["helpful"].value) == (missing / 60, 0.2)
    assert shares["helpful"].low < 0.2 < shares["helpful"].high < 0.5
    assert {alarm.kind for alarm in check.open} >= {"unanswered", "decay"}
    assert "20% of the thumbs point up, 50% are wanted." in check.reasons
    assert any(why.endswith("of the questions got no answer, 30% are allowed.") for why in check.reasons)
    assert check.scores == ()  # a thumb names no document
    assert type(check).from_dict(json.loads(json.dumps(check.to_dict()))).shares == check.shares
    assert "question" in {one.name for one in check.report.drifts}
    model = looking.watched("handbook")
    assert "Mona Lisa" not in str(retrainer(session)._logged(model, time.time()).to_dicts())
