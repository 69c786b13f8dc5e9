"""``noria runs``: found, sorted, and as wide as the screen."""

from __future__ import annotations

import json

import pytest


def test_runs_are_listed_the_latest_first(looked, history):
    done = looked("runs")
    head, _, *lines = done.out.splitlines()
    assert done.code == 0, done.err
    assert head.split()[:5] == ["run", "version", "status", "metric", "score"]
    assert {line.split()[0] for line in lines} == {path.name for path in (history / "runs").iterdir()}
    assert lines[0].split()[1:4] == ["2", "champion", "finished"]
    assert sum("stopped" in line for line in lines) == 1
    assert max(map(len, done.out.splitlines())) <= 100


def test_what_is_left_out_is_counted(looked):
    assert looked("runs", "--limit", "1").out.splitlines()[-1] == "2 more; --limit 0 shows all."
    assert "more" not in looked("runs", "--limit", "0").out


@pytest.mark.parametrize(
    ("asked", "count"),
    [
        (["pets"], 3),
        (["--status", "stopped"], 1),
        (["--status", "finished", "--since", "7d"], 2),
        (["--where", "accuracy >= 0.5", "--where", "task=classification", "--sort", "-accuracy"], 2),
        (["--where", "trials > 99"], 0),
    ],
)
def test_runs_are_found(looked, asked, count):
    told = json.loads(looked("runs", *asked, "--json").out)
    assert len(told["runs"]) == count


def test_the_metric_of_the_order_is_shown(looked):
    lines = looked("runs", "--sort", "-accuracy", "--status", "finished").out.splitlines()[2:]
    assert len(lines) == sum(" accuracy " in line for line in lines) == 2


def test_a_wide_screen_shows_every_column(looked, monkeypatch):
    monkeypatch.setattr("noria.cli.ui._PIPE_WIDTH", 140)
    head = looked("runs").out.splitlines()[0].split()
    assert " ".join(head) == "run model version status metric score 95% interval trials took started"


def test_nothing_to_list(looked, noria, monkeypatch, tmp_path):
    assert looked("runs", "--where", "trials > 99").out == "No run is like that.\n"
    monkeypatch.setenv("NORIA_HOME", str(tmp_path / "new"))
    assert noria("runs").out == "Nothing was run here yet. Begin with:  noria run titanic\n"


def test_a_misspelt_metric(looked):
    done = looked("runs", "--where", "acuracy > 0.5")
    assert (done.code, done.out) == (2, "")
    assert "Did you mean 'accuracy'?" in done.err
