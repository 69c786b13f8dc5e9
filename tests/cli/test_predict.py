"""``noria predict`` and ``noria models``: a trained model put to use."""

from __future__ import annotations

import json
import re
import shutil
from pathlib import Path

import polars as pl
import pytest

import noria as package
from noria.testing.toy import problems


@pytest.fixture
def new(tmp_path) -> str:
    """Three rows without a target."""
    (tmp_path / "new.csv").write_text(
        "weight,legs,colour\n5,4,black\n24,4,red\n22,4,white\n", encoding="utf-8"
    )
    return "new.csv"


def test_rows_are_shown_with_the_prediction_first(trained, new):
    done = trained("predict", "pets", new)
    head, _, *rows = done.out.splitlines()
    assert done.code == 0, done.err
    assert head.split()[0] == "prediction"
    assert [row.split()[0] for row in rows[:3]] == ["cat", "dog", "dog"]


def test_what_is_not_shown_is_said(trained, home):
    done = trained("predict", "pets", home / "pets.csv", "--rows", "2", "-q")
    assert len([line for line in done.out.splitlines() if line.startswith(("cat", "dog"))]) == 2
    assert "58 more rows" in done.out


def test_json_is_one_line_per_row(trained, new):
    done = trained("predict", "pets", new, "--json")
    rows = [json.loads(line) for line in done.out.splitlines()]
    assert [row["prediction"] for row in rows] == ["cat", "dog", "dog"]
    assert [row["weight"] for row in rows] == [5, 24, 22]


@pytest.mark.parametrize("file", ["scored.csv", "scored.parquet", "deep/scored.jsonl"])
def test_output_goes_to_a_file(trained, new, file):
    done = trained("predict", "pets", new, "-o", file)
    read = {".csv": pl.read_csv, ".parquet": pl.read_parquet, ".jsonl": pl.read_ndjson}[Path(file).suffix]
    assert re.fullmatch(rf"3 rows with predictions are in {file} \([\d.]+ m?s\)\n", done.out)
    assert read(file)["prediction"].to_list() == ["cat", "dog", "dog"]


def test_output_as_json(trained, new):
    said = json.loads(trained("predict", "pets", new, "-o", "scored.csv", "--json").out)
    assert said.pop("seconds") > 0
    assert said == {"rows": 3, "output": "scored.csv", "bytes": Path("scored.csv").stat().st_size}


@pytest.mark.parametrize("output", [[], ["-o", "scored.jsonl"]])
def test_what_counts_as_missing_is_said(trained, tmp_path, output):
    (tmp_path / "bad.csv").write_text("weight,legs,colour\n5,4,black\nheavy,4,red\n", encoding="utf-8")
    done = trained("predict", "pets", "bad.csv", *output)
    assert done.code == 0
    assert done.err == "pets: 1 value of 'weight' is no number and counts as missing: 'heavy'.\n"


@pytest.mark.parametrize("output", [[], ["-o", "scored.jsonl"]])
def test_several_files_follow_each_other(trained, new, tmp_path, output):
    (tmp_path / "more.jsonl").write_text('{"colour": "red", "weight": 30, "legs": 4}\n', encoding="utf-8")
    done = trained("predict", "pets", new, "more.jsonl", new, "-q", *(output or ["--json"]))
    assert done.code == 0, done.err
    lines = (tmp_path / "scored.jsonl").read_text(encoding="utf-8") if output else done.out
    rows = [json.loads(line) for line in lines.splitlines()]
    assert [row["prediction"] for row in rows] == ["cat", "dog", "dog", "dog", "cat", "dog", "dog"]
    assert [row["weight"] for row in rows] == [5, 24, 22, 30, 5, 24, 22]


def test_columns_of_another_order_stay_in_their_places(trained, new, tmp_path):
    (tmp_path / "more.csv").write_text("colour,weight,legs\nred,30,4\n", encoding="utf-8")
    assert trained("predict", "pets", new, "more.csv", "-q", "-o", "scored.csv").code == 0
    scored = pl.read_csv("scored.csv")
    assert scored.columns[:3] == ["weight", "legs", "colour"]
    assert scored["weight"].to_list() == [5, 24, 22, 30]


def test_several_files_of_unlike_columns(trained, new, tmp_path):
    (tmp_path / "more.csv").write_text("colour,weight,legs,tail\nred,30,4,1\n", encoding="utf-8")
    for output in ([], ["-o", "scored.csv"], ["-o", "scored.parquet"]):
        done = trained("predict", "pets", new, "more.csv", "-q", *output)
        assert done.code == 3
        assert done.err.splitlines()[:2] == [
            "error: The inputs do not have the same columns.",
            "  got: not in all of them: tail",
        ]
        assert not list(tmp_path.glob("*scored*"))


def test_several_files_of_unlike_types(trained, new, tmp_path):
    (tmp_path / "more.csv").write_text("weight,legs,colour\nheavy,4,red\n24,4,red\n", encoding="utf-8")
    done = trained("predict", "pets", new, "more.csv", "-q", "-o", "scored.parquet")
    assert done.code == 3
    assert done.err.startswith("error: A column is not of the same type in all inputs.")
    assert not list(tmp_path.glob("*scored*"))
    assert trained("predict", "pets", new, "more.csv", "-q", "-o", "scored.csv").code == 0


def test_a_model_folder_is_a_model(trained, home, new):
    folder = next(home.glob("runs/*/model"))
    assert trained("predict", folder, new, "-q").code == 0


@pytest.mark.parametrize(
    ("arguments", "code", "said"),
    [
        (("pest", "new.csv"), 4, "Did you mean 'pets'?"),
        (("pets", "none.csv"), 3, "none.csv"),
        (("pets", "new.csv", "-o", "scored.xlsx"), 2, ".csv, .parquet, .jsonl"),
    ],
)
def test_errors(trained, new, arguments, code, said):
    done = trained("predict", *arguments)
    assert (done.code, done.out) == (code, "")
    assert said in done.err
    assert not Path("scored.xlsx").exists()


def test_a_missing_column_is_named(trained, tmp_path):
    (tmp_path / "bad.csv").write_text("wheight,legs,colour\n5,4,black\n", encoding="utf-8")
    done = trained("predict", "pets", "bad.csv")
    assert done.code == 3
    assert "'weight'" in done.err
    assert "wheight" in done.err


def test_models_are_listed(trained):
    assert "pets" in trained("models").out
    [run] = json.loads(trained("models", "--json").out)
    assert run["name"] == "pets"
    assert "pets-" in trained("models", "pets").out


def test_a_narrow_screen_keeps_the_whole_id(trained, monkeypatch):
    monkeypatch.setattr("noria.cli.ui._PIPE_WIDTH", 62)
    head, _, line = trained("models").out.splitlines()
    assert head.split() == ["model", "version", "alias", "score", "run"]
    [run] = json.loads(trained("runs", "--json").out)["runs"]
    assert line.split()[-1] == run["id"]


def test_models_are_found_without_an_index(noria, home, tmp_path):
    shutil.copytree(home, tmp_path / "home", ignore=shutil.ignore_patterns("state.db*"))
    assert "pets" in noria("models").out


def test_a_model_of_which_nothing_answers_is_found_by_its_name(noria):
    package.Session().registry.register("quiet", "quiet-1")
    assert noria("models").out == "No version answers to a name; list them with:  noria models NAME\n"
    assert "quiet-1" in noria("models", "quiet").out


def test_no_model_yet(noria):
    assert "noria run titanic" in noria("models").out
    assert noria("models", "pets").code == 4


def test_a_question_is_answered_with_its_sources(noria, tmp_path):
    toy = problems()[-1]
    session = package.Session(package.Settings(home=tmp_path / "home"))
    package.train(
        toy.table, "relevant", documents=toy.documents, name="pages", learners=["bm25"], trials=2,
        budget="20s", session=session,
    )  # fmt: skip
    thing, part = toy.documents["text"][0].split()[1:5:3]
    done = noria("predict", "pages", "--ask", f"{thing} {part.strip('.')}", "-q")
    assert done.code == 0, done.err
    assert f"A {thing} has a {part} [1]" in done.out
    assert "[1] page-0" in done.out


def test_rows_or_a_question_but_not_both_and_not_neither(trained, new):
    for arguments in ([], [new, "--ask", "why?"]):
        done = trained("predict", "pets", *arguments)
        assert done.code == 2
        assert "Name files of rows, or ask a question." in done.err


def test_a_model_of_rows_takes_no_question(trained):
    done = trained("predict", "pets", "--ask", "why?")
    assert done.code == 2
    assert "This model does not take a question." in done.err
