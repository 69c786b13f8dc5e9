"""A recipe made from a table says what was found, and is a recipe."""

from __future__ import annotations

from datetime import datetime, timedelta
from pathlib import Path

import polars as pl
import pytest
import yaml

from noria.core import files
from noria.core.features import FeatureFunction
from noria.core.recipe import Recipe
from noria.errors import ColumnError, ParamError, RecipeError, SourceError, StorageError
from noria.lifecycle.new import Draft, draft
from noria.settings import Settings

ROWS = 90


@pytest.fixture
def table(tmp_path, monkeypatch) -> Path:
    """Customers, in a working directory of their own."""
    monkeypatch.chdir(tmp_path)
    pl.DataFrame(
        {
            "customer id": [f"C-{at:05d}" for at in range(ROWS)],
            "joined": [f"2024-{1 + at % 12:02d}-{1 + at % 28:02d}" for at in range(ROWS)],
            "spent": [f"{10 * at:,} EUR" if at % 9 else "?" for at in range(ROWS)],
            "city: or town": [("Rome", "Oslo", "Bonn")[at % 3] for at in range(ROWS)],
            "plan": [("basic", "plus", "pro")[at * 7 % 11 % 3] for at in range(ROWS)],
            "left": [("no", "no", "no", "yes")[at % 4] for at in range(ROWS)],
            "value": [0.5 * at + at % 7 for at in range(ROWS)],
        }
    ).write_csv("customers.csv")
    return tmp_path / "customers.csv"


def made(target: str = "plan", name: str = "mine", source: str = "customers.csv", **wishes: object) -> Draft:
    return draft(name, source, target, settings=Settings(home="home"), **wishes)


def test_the_recipe_is_read_back_and_says_what_was_found(table):
    drafted = made()
    text = drafted.files["recipe.yaml"]
    assert drafted.recipe == Recipe.parse(yaml.safe_load(text), folder=drafted.folder)
    assert drafted.recipe.task == "classification"
    assert drafted.recipe.data.source == "customers.csv"
    assert "90 rows, 7 columns" in text
    assert "3 classes: " in text
    for line in ("customer id: id", "joined: datetime", "spent: number", "category", "# drop: [customer id]"):
        assert line in text
    assert "10 missing" in text
    assert "# time: joined" in text


def test_every_suggestion_is_a_recipe_once_its_mark_is_taken_away(table):
    for target in ("plan", "left", "value"):
        text = made(target).files["recipe.yaml"]
        lines = [line.split("  #", 1)[0] if line.lstrip()[:1] != "#" else line for line in text.splitlines()]
        bare = "\n".join(line.replace("# ", "", 1) if line.startswith("# goal") else line for line in lines)
        wished = text.replace("  # columns:", "  columns:").replace("  #   ", "    ")
        assert Recipe.parse(yaml.safe_load(bare)).goals
        columns = Recipe.parse(yaml.safe_load(wished)).data.columns
        assert set(columns) == {
            "customer id",
            "joined",
            "spent",
            "city: or town",
            "plan",
            "left",
            "value",
        } - {target}


@pytest.mark.parametrize(
    ("target", "task", "goal"),
    [
        ("plan", "classification", "accuracy"),
        ("left", "classification", "roc_auc"),
        ("value", "regression", "r2"),
    ],
)
def test_the_goal_fits_the_target(table, target, task, goal):
    drafted = made(target)
    assert drafted.recipe.task == task
    assert f"# goal: {{{goal}:" in drafted.files["recipe.yaml"]


def test_a_rare_class_is_pointed_out(table):
    classes = ["b" if at % 20 == 0 else "a" for at in range(200)]
    pl.DataFrame({"x": [at * 7 % 31 for at in range(200)], "y": classes}).write_csv("rare.csv")
    text = made("y", source="rare.csv").files["recipe.yaml"]
    assert "imbalance: weights" in text
    assert "5.0%" in text


def test_the_task_can_be_chosen(table):
    assert made("value", task="regression").recipe.task == "regression"
    with pytest.raises(ParamError, match="no such task") as error:
        made(task="clasification")
    assert error.value.do == "Did you mean 'classification'?"


def test_the_feature_function_changes_nothing_until_it_is_written(table):
    drafted = made()
    drafted.write()
    frame = pl.DataFrame({"a": [1.0, 2.0]})
    assert FeatureFunction.read("features.py:add_features", drafted.folder)(frame).equals(frame)


def test_writing(table):
    folder = made(folder=Path("deep/mine")).write()
    assert {path.name for path in folder.iterdir()} == {"recipe.yaml", "features.py", "README.md"}
    assert Recipe.read(folder).name == "mine"


def test_writing_beside_other_files(table):
    Path("mine").mkdir()
    Path("mine/data.csv").write_text("mine", encoding="utf-8")
    made().write()
    assert Path("mine/data.csv").read_text(encoding="utf-8") == "mine"
    assert Recipe.read(Path("mine")).name == "mine"


def test_nothing_is_overwritten(table):
    Path("mine").mkdir()
    Path("mine/README.md").write_text("mine", encoding="utf-8")
    with pytest.raises(ParamError, match=r"README\.md exists already"):
        made().write()
    assert [path.name for path in Path("mine").iterdir()] == ["README.md"]


def test_a_full_disk_leaves_nothing_beside_other_files(table, monkeypatch):
    Path("mine").mkdir()
    Path("mine/data.csv").write_text("mine", encoding="utf-8")
    write = files.write_text

    def fail_late(path, text):
        if path.name == "README.md":
            raise StorageError(f"Cannot write {path}.")
        write(path, text)

    monkeypatch.setattr(files, "write_text", fail_late)
    with pytest.raises(StorageError):
        made().write()
    assert [path.name for path in Path("mine").iterdir()] == ["data.csv"]


@pytest.mark.parametrize("name", ["2024", "on"])
def test_a_name_that_yaml_takes_for_something_else(table, name):
    assert made(name=name).recipe.name == name


def test_line_breaks_in_names_and_classes(table):
    rows = {"x": [at * 7 % 31 for at in range(90)], "a\nb": [at % 17 for at in range(90)]}
    pl.DataFrame({**rows, "y": ["u\nv: {", "w", "z"] * 30}).write_csv("lines.csv")
    for target in ("y", "a\nb"):
        assert made(target, source="lines.csv").recipe.data.target == target


def test_a_folder_that_cannot_be_made(table):
    Path("file").write_text("", encoding="utf-8")
    for folder in ("file/mine", "file"):
        with pytest.raises(StorageError) as error:
            made(folder=Path(folder)).write()
        assert error.value.do == "Name another place: a part of this path is a file."


def test_a_name_that_is_none(table):
    with pytest.raises(RecipeError, match="name"):
        made(name="../mine")


def test_a_misspelt_target(table):
    with pytest.raises(ColumnError) as error:
        made("plam")
    assert error.value.do == "Did you mean 'plan'?"


def test_a_file_that_is_not_there(table):
    with pytest.raises(SourceError):
        made(source="customer.csv")


def test_a_forecast_names_its_moments_and_its_series(tmp_path):
    days = [datetime(2024, 1, 1) + timedelta(days=at) for at in range(40)]
    shops = pl.DataFrame({"day": days * 2, "shop": ["north"] * 40 + ["south"] * 40})
    rows = shops.with_columns(sold=(pl.int_range(80) % 7).cast(pl.Float64))
    rows.write_csv(tmp_path / "sales.csv")
    made = draft("sales", str(tmp_path / "sales.csv"), "sold", task="forecasting", settings=Settings())
    assert made.recipe.data.time == "day"
    assert made.recipe.data.series == ["shop"]
    made = draft("all", str(tmp_path / "sales.csv"), "sold", settings=Settings())
    assert made.recipe.data.time is None
    rows.drop("day").write_csv(tmp_path / "bare.csv")
    with pytest.raises(ParamError) as caught:
        draft("bare", str(tmp_path / "bare.csv"), "sold", task="forecasting", settings=Settings())
    assert str(caught.value) == (
        "A forecast needs a column of moments, and none was found.\n"
        "  got: shop (category), sold (number)\n"
        "  do:  Add a column of dates, or say which one it is with 'noria train --column NAME=time'."
    )
