"""``noria predictions`` and ``noria feedback``, on what was answered to somebody."""

from __future__ import annotations

import json
import re

import polars as pl
import pytest

import noria as package
from noria.backends.predictions_sql import SqlPredictions
from noria.core.serving import LoggedPrediction
from noria.settings import Settings


@pytest.fixture
def answered(trained, home):
    """Three rows that were answered; the home is shared, so they go with the test."""
    log = SqlPredictions(Settings(home=home))
    log.append(
        [
            LoggedPrediction(
                f"r-{at}", "r", "pets", 1, "champion", 1.7e9 + at, 0.001, None,
                json.dumps({"weight": at}), json.dumps({"prediction": "dog"}),
            )
            for at in range(3)
        ]
    )  # fmt: skip
    yield trained
    with log._database.writing() as connection:
        for table in ("predictions", "feedback"):
            connection.exec_driver_sql(f"DELETE FROM {table}")


def test_nothing_was_answered_yet(trained):
    assert trained("predictions", "pets").out == "Nothing was answered yet. Begin with:  noria serve pets\n"
    assert trained("predictions", "pets", "--json").out == ""
    done = trained("predictions", "pest")
    assert (done.code, done.err) == (4, "error: There is no model 'pest'.\n  do:  Did you mean 'pets'?\n")


def test_the_latest_are_listed(answered):
    shown = answered("predictions", "pets", "--limit", "2").out
    assert "r-0" not in shown
    assert re.search(r"2023-11-14 22:13:22 +1 champion +dog +r-2 +\{\"weight\": 2\}", shown)
    lines = [json.loads(line) for line in answered("predictions", "pets", "--json").out.splitlines()]
    assert [line["id"] for line in lines] == ["r-0", "r-1", "r-2"]
    assert lines[0]["inputs"] == '{"weight": 0}'
    assert answered("predictions", "pets", "--since", "1h", "--json").out == ""


@pytest.mark.parametrize(
    ("ending", "read"), [("csv", pl.read_csv), ("parquet", pl.read_parquet), ("jsonl", pl.read_ndjson)]
)
def test_all_are_exported(answered, tmp_path, ending, read):
    file = tmp_path / "folder" / f"log.{ending}"
    assert answered("predictions", "pets", "-o", file).out == f"3 predictions are in {file}\n"
    table = read(file)
    assert table["id"].to_list() == ["r-0", "r-1", "r-2"]
    assert table.columns == [
        "id",
        "when",
        "version",
        "role",
        "seconds",
        "cpu",
        "caller",
        "inputs",
        "outputs",
        "label",
    ]
    told = json.loads(answered("predictions", "pets", "-o", file, "--json").out)
    assert (told["rows"], told["bytes"]) == (3, file.stat().st_size)
    assert sorted(path.name for path in file.parent.iterdir()) == [file.name]


def test_files_that_cannot_be(answered, tmp_path):
    done = answered("predictions", "pets", "-o", tmp_path / "log.xlsx")
    assert (done.code, done.err) == (
        2, "error: The output's ending is not one that can be written.\n  got: log.xlsx\n"
        "  do:  Use one of: .csv, .parquet, .jsonl.\n",
    )  # fmt: skip
    (tmp_path / "file").touch()
    done = answered("predictions", "pets", "-o", tmp_path / "file" / "log.csv")
    assert done.code == 7
    assert done.err.startswith("error: Cannot write ")


def test_labels_are_kept(answered, tmp_path):
    file = tmp_path / "labels.csv"
    file.write_text("id,label\nr-0,dog\nr-1,cat\nr-9,cat\n")
    shown = answered("feedback", "pets", str(file)).out
    assert "2   kept\n" in shown
    assert "1   not kept: no such prediction is in the log\n" in shown
    file.write_text("id,label\nr-0,dog\nr-1,dog\n")
    counts = json.loads(answered("feedback", "pets", str(file), "--json").out)
    assert counts == {
        "kept": 0, "known already": 1, "replaced": 0, "contradicts": 1, "unknown": 0, "is no number": 0,
        "is no class of this model": 0,
    }  # fmt: skip
    assert "1   kept in place of another one" in answered("feedback", "pets", str(file), "--replace").out
    lines = [json.loads(line) for line in answered("predictions", "pets", "--json").out.splitlines()]
    assert [line["label"] for line in lines] == ['"dog"', '"dog"', None]


def test_labels_from_python(answered):
    counts = package.feedback("pets", pl.DataFrame({"id": ["r-0", "r-1"], "label": ["cat", None]}))
    assert counts["kept"] == 1
    assert package.predictions("pets")["label"].to_list() == ['"cat"', None, None]


def test_labels_that_the_model_could_not_have_predicted(answered, tmp_path):
    file = tmp_path / "labels.csv"
    file.write_text("id,label\nr-0,banana\nr-1,cat\n")
    assert "1   not kept: the label is no class of this model\n" in answered("feedback", "pets", file).out
    assert package.predictions("pets")["label"].to_list() == [None, '"cat"', None]


def test_a_file_without_the_columns(answered, tmp_path):
    file = tmp_path / "labels.csv"
    file.write_text("row,label\nr-0,dog\n")
    done = answered("feedback", "pets", str(file))
    assert (done.code, done.err) == (
        3,
        "error: The labels have no column 'id'.\n  do:  There are: row, label.\n",
    )
