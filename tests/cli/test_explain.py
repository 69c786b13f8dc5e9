"""``noria explain``: why a model says what it says."""

from __future__ import annotations

import json
from pathlib import Path

import pytest


@pytest.fixture
def row(tmp_path) -> str:
    """One animal, written over several lines."""
    (tmp_path / "row.json").write_text('{\n"weight": 12.5,\n"legs": 4,\n"colour": "red"\n}', encoding="utf-8")
    return "row.json"


def test_a_row_is_explained_with_bars(trained, row):
    done = trained("explain", "pets", row, "-q")
    lines = done.out.splitlines()
    assert done.code == 0, done.err
    assert lines[0].startswith(("cat (", "dog ("))
    assert lines[1].startswith("log-odds of dog: ")
    assert lines[1].endswith("if nothing were known; exact, parts")
    assert lines[3].split() == ["feature", "value", "added"]
    assert lines[5].split()[:2] == ["weight", "12.5"]
    assert "━" in lines[5]


def test_what_would_have_to_change_is_said_and_kept_columns_stay(trained, row):
    done = trained("explain", "pets", row, "--counterfactual", "-q")
    assert "If weight were" in done.out
    kept = trained("explain", "pets", row, "-c", "--keep", "weight", "-q")
    assert "No change of up to 4 columns" in kept.out
    assert "If weight were" in trained("explain", "pets", row, "--want", _other(done.out), "-q").out


def _other(out: str) -> str:
    return "dog" if out.startswith("cat") else "cat"


def test_rows_of_a_table_are_numbered_or_picked(trained, home):
    file = home / "pets.csv"
    some = trained("explain", "pets", file, "-q").out
    assert [f"row {at}: " in some for at in (1, 10, 11)] == [True, True, False]
    one = trained("explain", "pets", file, "--row", "2", "-q").out
    assert one.startswith("dog (")
    assert "row 1" not in one


def test_json_has_the_prediction_the_parts_and_the_change(trained, row):
    said = json.loads(trained("explain", "pets", row, "-c", "--json", "-q").out)
    (told,) = said["rows"]
    assert said["unit"] == "log-odds"
    assert told["base"] + sum(part["added"] for part in told["features"]) == pytest.approx(told["output"])
    assert told["counterfactual"]["changes"][0]["column"] == "weight"
    assert told["prediction"]["prediction"] in ("cat", "dog")


def test_a_full_disk_leaves_the_earlier_page_as_it_was(trained, row, small_disk):
    page = small_disk("16k").folder / "it.html"
    page.write_text("before", encoding="utf-8")
    done = trained("explain", "pets", row, "-o", page, "-q")
    assert done.err.startswith(f"error: Cannot write {page}.\n  got: No space left on device")
    assert [path.read_text() for path in page.parent.iterdir()] == ["before"]


def test_without_rows_the_model_as_a_whole(trained):
    done = trained("explain", "pets", "-q")
    assert done.out.splitlines()[0] == "What pets goes by: roc_auc lost by shuffling a column"
    assert done.out.splitlines()[4].split()[0] == "weight"
    said = json.loads(trained("explain", "pets", "--json", "-q").out)
    assert said["importance"][0]["feature"] == "weight"
    assert "explanation-1-importance" in said["figures"]


def test_a_narrow_terminal_shows_numbers_and_no_bars(trained, row, monkeypatch):
    from rich.console import Console

    from noria.cli import ui

    monkeypatch.setattr(ui, "console", lambda **_: Console(width=34, highlight=False))
    done = trained("explain", "pets", row, "-q")
    head = next(line for line in done.out.splitlines() if line.startswith("feature"))
    assert head.split() == ["feature", "value", "added"]
    assert "━" not in done.out
    assert max(map(len, done.out.splitlines())) <= 34


def test_two_columns_are_drawn_in_characters(trained):
    done = trained("explain", "pets", "--columns", "weight,colour", "-q")
    assert done.code == 0, done.err
    assert "The probability of dog by weight and colour" in done.out
    assert "██" in done.out


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["--row", "2"], "--row is about rows, and there are none."),
        (["--want", "dog"], "--want is about rows, and there are none."),
        (["-c"], "--counterfactual is about rows, and there are none."),
        (["row.json", "--keep", "legs"], "--keep is about a change that is looked for."),
        (["--columns", ","], "--columns needs two different columns."),
        (["--columns", ""], "--columns needs two different columns."),
        (["--columns", "legs,legs"], "--columns needs two different columns."),
    ],
)
def test_an_option_that_would_say_nothing_is_an_error(trained, row, arguments, said):
    done = trained("explain", "pets", *arguments, "-q")
    assert (done.code, done.out) == (2, "")
    assert done.err.startswith(f"error: {said}\n")
    assert "  do:  " in done.err


def test_a_page_is_written(trained, row):
    done = trained("explain", "pets", row, "-c", "-o", "deep/why.html", "-q")
    assert done.out.endswith("The page is in deep/why.html\n")
    page = Path("deep/why.html").read_text(encoding="utf-8")
    assert "Why pets says so" in page
    assert "What would have to change" in page
    assert trained("explain", "pets", row, "-o", "row.json/why.html", "-q").code != 0


@pytest.mark.parametrize(
    ("arguments", "code", "said"),
    [
        (("pest", "row.json"), 4, "Did you mean 'pets'?"),
        (("pets", "none.json"), 3, "none.json"),
        (("pets", "bad.json"), 3, "Rename 'wheight' to 'weight'"),
        (("pets", "row.json", "--row", "3"), 2, "There is no row 3.\n  got: 1 row"),
        (("pets", "row.json", "--want", "cow"), 2, "There is no class 'cow'."),
        (("pets", "row.json", "-c", "--keep", "wheight"), 3, "Did you mean 'weight'?"),
        (("pets", "--columns", "weight"), 2, "--columns needs two different columns."),
        (("pets", "--columns", "weight,tail"), 3, "There is no column 'tail'."),
    ],
)
def test_errors(trained, row, arguments, code, said):
    Path("bad.json").write_text('{"wheight": 3, "legs": 4, "colour": "red"}', encoding="utf-8")
    done = trained("explain", *arguments, "-q")
    assert (done.code, done.out) == (code, ""), done.err
    assert said in done.err


def test_a_model_folder_by_itself_explains_rows_but_has_no_run(trained, home, tmp_path, row):
    import shutil

    folder = shutil.copytree(next(home.glob("runs/*/model")), tmp_path / "alone" / "model")
    assert trained("explain", folder, row, "-c", "-q").code == 0
    done = trained("explain", folder, "-q")
    assert done.code == 4
    assert "says nothing of what its model goes by" in done.err
