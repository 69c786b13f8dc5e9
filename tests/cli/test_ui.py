"""Progress and small formats."""

from __future__ import annotations

import io
import json
import math
import time

import pytest
from rich.console import Console

from noria.cli import summary, ui
from noria.cli.progress import Lines, Screen, State
from noria.core.events import Event
from noria.core.result import Evaluation, Leader, Score
from noria.pages import units

SEARCH = {"budget": 10.0, "metric": "rmse", "rows": 90, "folds": 5, "learners": ["ridge", "lasso"]}


def trial(number: int, learner: str, score: float, best: float) -> Event:
    facts = {
        "number": number,
        "learner": learner,
        "score": score,
        "best": best,
        "seconds": 0.1,
        "elapsed": 1.0,
    }
    return Event("trial.finished", facts)


def heard(drawing: Screen | Lines) -> None:
    drawing.hear(Event("stage.started", {"stage": "read"}))
    drawing.hear(Event("run.started", {"run": "a-1", "name": "a", "folder": "a", "budget": 10.0}))
    drawing.hear(Event("run.resumed", {"run": "a-1", "trials": 4}))
    drawing.hear(Event("stage.started", {"stage": "search"}))
    drawing.hear(Event("search.started", SEARCH))
    drawing.hear(trial(4, "ridge", 2.5, 2.5))
    drawing.hear(trial(5, "lasso", 3.5, 2.5))
    drawing.hear(Event("trial.pruned", {"number": 6, "learner": "lasso", "why": "far behind"}))
    drawing.hear(Event("trial.started", {"number": 7, "learner": "ridge", "params": {}}))
    drawing.hear(Event("something.new", {}))


def drawn(screen: Screen, width: int) -> list[str]:
    console = Console(width=width, file=io.StringIO(), force_terminal=False)
    console.print(screen.draw())
    return console.file.getvalue().splitlines()


@pytest.mark.parametrize("width", [80, 120])
def test_the_screen_tells_time_best_and_what_is_tried(width):
    screen = Screen(Console(file=io.StringIO(), width=width), "b")
    heard(screen)
    first, second, third = drawn(screen, width)
    assert first.startswith("a  searching")
    assert "0:10 left" in first
    assert second.split("   ") == ["  best rmse 2.5000 (ridge)", "6 trials, 1 cut short", "trying ridge"]
    assert third == "  Ctrl-C stops, the same command goes on"
    screen.state.budget = 60.0
    assert drawn(screen, width)[2].endswith("goes on; sooner done with --budget 10s")


def test_the_screen_says_when_time_is_up():
    screen = Screen(Console(file=io.StringIO(), width=80), "b")
    heard(screen)
    screen.state.began = time.monotonic() - 11
    assert "finishing" in drawn(screen, 80)[0]


def test_a_download_has_its_own_share():
    screen = Screen(Console(file=io.StringIO(), width=80), "b")
    screen.hear(Event("download.progress", {"source": "u", "done": 500_000, "total": 1_000_000}))
    assert screen.state.share == 0.5
    assert drawn(screen, 80)[1].strip() == "500 kB of 1.0 MB"


def test_lines_are_few():
    out = io.StringIO()
    heard(Lines(Console(file=out, width=200), "b"))
    assert out.getvalue().splitlines() == [
        "b: reading",
        "a: Going on from an interrupted run with 4 trials; --fresh starts anew.",
        "a: searching for up to 10.0 s by rmse: 90 rows, 5 folds, 2 learners",
    ]


def test_the_best_stays_the_best():
    state = State("a")
    for event in (trial(0, "ridge", 2.5, 2.5), trial(1, "lasso", 3.5, 2.5)):
        state.take(event)
    assert (state.best, state.best_learner, state.trials) == (2.5, "ridge", 2)


def test_json_has_no_nan(capsys):
    ui.print_json({"a": math.nan, "b": [math.inf, 1.5], "c": ("x",)})
    assert json.loads(capsys.readouterr().out) == {"a": None, "b": [None, 1.5], "c": ["x"]}


@pytest.mark.parametrize(
    ("seconds", "text"),
    [(0.0004, "<1 ms"), (0.9996, "1.0 s"), (59.94, "59.9 s"), (61, "1:01 min"), (3700, "1:01 h")],
)
def test_durations(seconds, text):
    assert units.duration(seconds) == text


@pytest.mark.parametrize(("count", "text"), [(0, "0 B"), (999, "999 B"), (1500, "2 kB"), (2.5e9, "2.5 GB")])
def test_sizes(count, text):
    assert units.data_size(count) == text


def test_embedding_says_how_far_it_is_and_for_whom():
    state = State("docs")
    state.take(Event("document.progress", {"done": 5, "total": 20, "document": "a.md"}))
    assert (state.trying, state.share) == ("5 of 20 documents", 0.25)
    state.take(Event("trial.started", {"learner": "dense"}))
    for done in (16, 32):
        state.take(Event("embedding.progress", {"done": done, "total": 1_400}))
    assert state.trying == "dense, 32 of 1,400 texts embedded"


@pytest.mark.parametrize(("width", "last"), [(80, "657 kB"), (72, "4.8 s"), (64, "2")])
def test_the_names_of_learners_are_whole_on_a_narrow_terminal(capsys, monkeypatch, width, last):
    monkeypatch.setattr(ui, "_PIPE_WIDTH", width)
    score = Score("accuracy", 0.8267, 0.8009, 0.8438)
    leader = Leader("linear_discriminant", {}, 0.8267, 0.5, 4.8, 0.001, 657_000, 2, low=0.8009, high=0.8438)
    evaluation = Evaluation(9, "held out", "accuracy", {"accuracy": score}, {}, (), (leader,) * 7, ())
    ui.show(summary._leaderboard(evaluation))
    _, _, *lines, rest = capsys.readouterr().out.splitlines()
    assert {line.split()[0] for line in lines} == {"linear_discriminant"}
    assert all(line.endswith(last) for line in lines)
    assert rest.split() == ["2", "more", "100%"]
