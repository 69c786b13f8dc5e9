"""A service that watches its models in processes of their own."""

from __future__ import annotations

import logging
import threading

import noria
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


def test_without_a_schedule_nothing_is_begun(tmp_path):
    before = threading.active_count()
    with watching(["line"], None, Settings(home=tmp_path)):
        assert threading.active_count() == before
