"""``noria watch`` and ``noria retrain``, on a log that a service would have left."""

from __future__ import annotations

import json
import shutil
import signal
import subprocess
import sys
import time

import pytest

from noria.backends.predictions_sql import SqlPredictions
from noria.core.serving import Label, LoggedPrediction
from noria.settings import Settings


@pytest.fixture
def watched(noria, home, monkeypatch, tmp_path):
    """Run a command in a copy of the home that has 'pets'; `serve` leaves 80 answers in its log."""
    folder = shutil.copytree(home, tmp_path / "watched")
    monkeypatch.setenv("NORIA_HOME", str(folder))

    def serve(heavier: int = 0, tag: str = "a") -> None:
        log, now = SqlPredictions(Settings(home=folder)), time.time()
        lines = [
            LoggedPrediction(
                f"{tag}-{at}", f"{tag}-{at}", "pets", 1, "champion", now - 9, 0.002, None,
                json.dumps({"weight": (4, 20)[at % 2] + at % 7 + heavier, "legs": 4, "colour": "red"}),
                json.dumps(
                    {
                        "prediction": ("cat", "dog")[at % 2],
                        "probability_cat": 0.9 - 0.8 * (at % 2),
                        "probability_dog": 0.1 + 0.8 * (at % 2),
                    }
                ),
            )
            for at in range(80)
        ]  # fmt: skip
        log.append(lines)
        log.tell("pets", [Label.of(line.id, json.loads(line.outputs)["prediction"], now) for line in lines])
        log.close()

    noria.serve = serve
    return noria


def test_help_teaches(noria):
    said = noria("watch", "--help").out
    for option in ("--since", "--last", "--every", "--notify", "--silence", "--history", "--no-retrain"):
        assert option in said
    assert "exit code is 12 while an alarm is open" in " ".join(said.split())
    assert "--if-due" in noria("retrain", "--help").out


def test_nobody_has_asked_and_nobody_has_looked(watched):
    assert watched("watch", "pets", "--history").out == "Nobody has looked yet.\n"
    done = watched("watch", "pets")
    assert (done.code, done.out) == (0, "no rows  pets@1\n")
    assert watched("retrain", "pets", "--history").out == "It was never retrained.\n"
    done = watched("watch", "pest")
    assert (done.code, done.err) == (4, "error: There is no model 'pest'.\n  do:  Did you mean 'pets'?\n")


def test_the_exit_code_tells_of_an_open_alarm(watched):
    for turn, code in enumerate((0, 12)):
        watched.serve(heavier=30, tag=str(turn))
        done = watched("watch", "pets", "--last", "80")
        assert done.code == code
    assert done.out.startswith("alarm  pets@1\n\nrows     80 in 80 requests, 0% refused")
    assert "weight drifted: its median is about" in done.out
    told = watched("watch", "pets", "--last", "80", "--json")
    assert (told.code, json.loads(told.out)["verdict"]) == (12, "alarm")
    assert "alarm" in watched("watch", "pets", "--history").out
    assert watched("watch", "pets", "--quiet").out == ""


def test_a_silence(watched):
    done = watched("watch", "pets", "--silence", "2h", "--kinds", "drift,decay", "--why", "moving")
    assert done.out == "Nobody is told of drift, decay of pets for 2h.\n"
    told = json.loads(watched("watch", "pets", "--silence", "2h", "--json").out)
    assert (told["kind"], told["body"]["kinds"]) == ("silence", [])
    assert watched("watch", "pets", "--silence", "soon").code == 2
    done = watched("watch", "pets", "--silence", "2h", "--kinds", "drift,decoy")
    assert (done.code, done.err) == (2, "error: There is no alarm 'decoy'.\n  do:  Did you mean 'decay'?\n")
    assert watched("watch", "pets", "--silence", "off").out == "Alarms of pets are told again.\n"


def test_an_age_that_is_none(watched):
    done = watched("watch", "pets", "--since", "banana")
    assert (done.code, done.err.splitlines()[0]) == (2, "error: An age is a positive duration.")


def test_what_a_retraining_would_do_and_what_is_missing(watched):
    done = watched("retrain", "pets")
    assert (done.code, done.out) == (3, "")
    assert "There are too few rows with a label to retrain 'pets'.\n  got: 0 rows" in done.err
    for tag in "abc":
        watched.serve(tag=tag)
    assert watched("retrain", "pets", "--dry-run").out == (
        "pets would learn from 140 fresh rows and be judged by 100. Nothing was done.\n"
    )
    assert watched("retrain", "pets", "--if-due").out == (
        "Nothing was done: no trigger of the recipe asks for it.\n"
    )


def test_a_challenger_that_is_no_better(watched):
    for tag in "abc":
        watched.serve(tag=tag)
    done = watched("retrain", "pets", "--quiet", "--why", "a try")
    assert done.code == 0, done.err
    assert done.out.startswith("Version 1 of pets stays champion; the new one is version 2.\na try: ")
    history = watched("retrain", "pets", "--history").out
    assert "kept" in history
    assert json.loads(watched("retrain", "pets", "--history", "--json").out)[0]["outcome"] == "kept"


def test_a_loop_ends_cleanly(watched):
    command = [sys.executable, "-m", "noria", "watch", "pets", "--every", "1h", "--json"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as loop:
        first = json.loads(loop.stdout.readline())
        loop.send_signal(signal.SIGINT)
        _, said = loop.communicate(timeout=60)
    assert (first["verdict"], loop.returncode, said) == ("no rows", 0, "")
