# ruff: noqa: E501 - pinned messages stand on one line
"""Whatever comes in: one clear error or a stated repair, and nothing half-written."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys

import numpy as np
import polars as pl
import pytest

import noria
from noria.core.runs import RunQuery
from noria.errors import ArtifactError, NoriaError, StorageError, TrustError
from noria.settings import Settings

ROWS = 120
QUICK = {"budget": "60s", "trials": 2, "learners": ["naive_bayes", "ridge"]}


@pytest.fixture(scope="module")
def table() -> pl.DataFrame:
    rng = np.random.default_rng(0)
    x, colour = rng.normal(size=ROWS), rng.choice(["amber", "blue", "coral"], ROWS)
    y = np.where(x + (colour == "amber") + rng.normal(size=ROWS) > 0.3, "yes", "no")
    return pl.DataFrame({"x": x, "colour": colour, "y": y})


def train(session, source, target="y", **wish):
    wish = {**QUICK, **wish}
    if "task" in wish or target != "y":
        wish.pop("learners", None)
    elif wish["learners"] == QUICK["learners"]:
        wish["learners"] = ["naive_bayes"]
    return noria.train(source, target, session=session, **wish)


def clean(session) -> None:
    """Nothing but snapshots of the data and an empty index may be in the home: no model, no run, no draft."""
    home = session.settings.home
    left = [path.relative_to(home) for path in home.rglob("*") if path.is_file()] if home.exists() else []
    assert [str(path) for path in left if path.parts[0] != "snapshots" and "state.db" not in path.name] == []
    assert session.state.runs() == []
    runs = session.settings.runs
    assert not runs.exists() or list(runs.iterdir()) == []
    assert not [path for path in home.rglob(".*") if path.name != ".lock"]


def refused(session, kind: str, text: str, source, target="y", **wish) -> None:
    with pytest.raises(NoriaError) as caught:
        train(session, source, target, **wish)
    assert type(caught.value).__name__ == kind
    assert str(caught.value) == text
    clean(session)


# -- the target ----------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("change", "target", "kind", "text"),
    [
        (
            None,
            "survived",
            "ColumnError",
            "There is no target column 'survived'.\n  do:  Use one of: colour, x, y.",
        ),
        (None, "color", "ColumnError", "There is no target column 'color'.\n  do:  Did you mean 'colour'?"),
        (None, "", "ColumnError", "There is no target column ''.\n  do:  Use one of: colour, x, y."),
        (
            pl.lit("yes"),
            "y",
            "TargetError",
            "The target 'y' has nothing to learn.\n  got: one value in 120 rows\n  do:  Name another target, or give rows of more than one kind.",
        ),
        (
            pl.lit(None),
            "y",
            "TargetError",
            "The target 'y' has nothing to learn.\n  got: no value in 120 rows\n  do:  Name another target, or give rows of more than one kind.",
        ),
        (
            pl.date_range(pl.date(2020, 1, 1), pl.date(2020, 4, 29)),
            "y",
            "TargetError",
            "The target 'y' cannot be learned.\n  got: a column of type datetime\n  do:  Name a target of numbers or of classes.",
        ),
    ],
    ids=["missing", "misspelt", "unnamed", "one class", "all null", "dates"],
)
def test_targets_that_cannot_be_learned(session, table, change, target, kind, text):
    rows = table if change is None else table.with_columns(y=change)
    refused(session, kind, text, rows, target)


def test_a_thousand_classes_and_more(session):
    rows = pl.DataFrame(
        {"x": np.random.default_rng(0).normal(size=4800), "y": [f"c{n % 1200}" for n in range(4800)]}
    )
    text = "The target 'y' has too many classes.\n  got: 1,200 distinct values, such as 'c0'\n  do:  Join the rare classes, or name another target."
    refused(session, "TargetError", text, rows)


def test_words_cannot_be_regressed_and_numbers_are_no_classes(session, table):
    text = "No value of the target 'y' can be read as a number.\n  got: 'no'\n  do:  Leave the task and the target's type out, or name another target."
    refused(session, "TargetError", text, table, task="regression")
    text = "The target 'x' holds too many numbers to be classes.\n  got: 120 distinct values\n  do:  Set its type: data: {columns: {x: category}}, or use task: regression."
    refused(session, "ParamError", text, table, "x", task="classification")


def test_rows_without_a_target_are_left_out_and_that_is_said(session, table):
    rows = table.with_columns(y=pl.when(pl.int_range(ROWS) < 7).then(None).otherwise("y"))
    run = train(session, rows)
    assert "7 rows without a value of the target 'y' left out" in run.notes
    assert run.record["rows"] == ROWS - 7


# -- columns -------------------------------------------------------------------------------------------------


def test_an_empty_column_is_ignored_and_that_is_said(session, table):
    run = train(session, table.with_columns(z=pl.lit(None), k=pl.lit(3)))
    assert "'z': ignored: every value is missing" in run.notes
    assert "'k': ignored: every value is the same" in run.notes
    assert run.model.predict(table.head(3)).height == 3


def test_infinite_values_are_taken_as_missing_and_that_is_said(session, table):
    rows = table.with_columns(
        z=pl.when(pl.int_range(ROWS) < 7).then(float("-inf")).otherwise(pl.col("x") ** 2)
    )
    heard = []
    session.events.listen(heard.append)
    run = train(session, rows)
    note = "'z': infinite values read as missing: 7"
    assert note in run.notes
    assert note in [event.data["text"] for event in heard if event.kind == "note"]
    assert note.partition(": ")[2] in (run.folder / "report.md").read_text()
    found = run.model.predict(rows.head(9))
    assert found.select(pl.selectors.float()).to_numpy().min() >= 0


def test_mixed_types_are_read_as_what_most_of_them_are(session, table):
    mixed = {"a": [1, "word", 2.5] * 40, "y": table["y"].to_list()}
    run = train(session, mixed)
    assert {column.name: column.type for column in run.model.schema}["a"] == "category"
    assert run.model.predict_one({"a": 1})["prediction"] in ("yes", "no")
    mostly = table.with_columns(
        a=pl.when(pl.int_range(ROWS) == 5)
        .then(pl.lit("word"))
        .otherwise((pl.col("x") * 9).round(3).cast(pl.String))
    )
    assert (
        "'a': neither a number nor a placeholder, read as missing: 'word' (1 row)"
        in train(session, mostly).notes
    )


@pytest.mark.parametrize("repeats", [1, 2])
def test_a_category_of_a_hundred_thousand_levels(session, repeats):
    rows, rng = 100_000, np.random.default_rng(0)
    level = np.char.add("k", (np.arange(rows) % (rows // repeats)).astype(str))
    big = pl.DataFrame({"c": level, "x": rng.normal(size=rows), "y": rng.choice(["no", "yes"], rows)})
    run = train(session, big)
    said = "ignored: an id, 100,000 distinct values in 100,000 rows" if repeats == 1 else "50,000 levels"
    assert f"'c': {said}" in run.notes
    assert abs(run.evaluation.scores["roc_auc"].value - 0.5) < 0.02


def test_no_feature_and_few_rows(session, table):
    refused(
        session,
        "DataError",
        "No feature is left to learn from.\n  got: y: target\n  do:  Set the role of a column to 'feature'.",
        table.select("y"),
    )
    refused(
        session,
        "DataError",
        "Too few rows can be learned from: at least 10 are needed.\n  got: 6 of 6 rows\n  do:  Give more rows.",
        table.head(6),
    )


def test_wrong_overrides(session, table):
    refused(
        session,
        "ParamError",
        "The override of column 'x' has an unknown type.\n  got: 'numbr'\n  do:  Did you mean 'number'?",
        table,
        columns={"x": "numbr"},
    )
    refused(
        session,
        "ColumnError",
        "There is no column 'colr' to override.\n  do:  Did you mean 'colour'?",
        table,
        columns={"colr": "text"},
    )


@pytest.mark.parametrize(
    ("weight", "got"),
    [
        (pl.when(pl.int_range(ROWS) < 7).then(None).otherwise(1.5), "7 rows that are not, such as None"),
        (pl.when(pl.int_range(ROWS) == 3).then(-2.0).otherwise(1.5), "1 row that is not, such as -2.0"),
    ],
    ids=["missing", "negative"],
)
def test_wrong_weights(session, table, weight, got):
    text = f"The weights in 'w' must be numbers of at least 0, one in every row.\n  got: {got}\n  do:  Fill or drop those rows, or leave 'weight' out."
    refused(session, "DataError", text, table.with_columns(w=weight), columns={"w": "weight"})


@pytest.mark.parametrize(
    ("test", "kind", "text"),
    [
        (
            lambda rows: rows.drop("y"),
            "ColumnError",
            "The table has no column 'y'.\n  do:  There are: x, colour.",
        ),
        (
            lambda rows: rows.drop("x"),
            "ColumnError",
            "The table has no column 'x'.\n  do:  There are: colour, y.",
        ),
        (
            lambda rows: rows.with_columns(y=pl.lit("maybe")),
            "TargetError",
            "The test table has a class of 'y' that no training row has.\n  got: 'maybe'\n  do:  Use one of: no, yes.",
        ),
        (
            lambda rows: rows.with_columns(y=pl.lit(None)),
            "TargetError",
            "The test table has no value of the target 'y'.\n  got: 120 rows\n  do:  Give rows with a known target, or leave the test table out.",
        ),
    ],
    ids=["no target", "no feature", "another class", "empty target"],
)
def test_wrong_test_tables(session, table, test, kind, text):
    refused(session, kind, text, table, test=test(table))


# -- files ---------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("content", "text"),
    [
        (lambda csv: b"", "{file} is empty.\n  do:  Give a file with a header and rows."),
        (
            lambda csv: b"x,colour,y\n",
            "{file} has a header and no rows.\n  got: x, colour, y\n  do:  Give a file with at least one row under the header.",
        ),
        (
            lambda csv: csv + b"1,2,3,4,5\n",
            "{file}, line 122: the header has 3 fields and this line has 5.\n  do:  Correct the line, or quote the fields that hold the separator ','.",
        ),
        (
            lambda csv: csv + b"1,\xff\x00\x81,yes\n",
            "{file} is not text: it holds zero bytes.\n  do:  Is its extension the right one?",
        ),
    ],
    ids=["empty", "header only", "ragged", "binary"],
)
def test_files_that_cannot_be_read(session, table, tmp_path, content, text):
    file = tmp_path / "rows.csv"
    file.write_bytes(content(table.write_csv().encode()))
    refused(session, "SourceError", text.format(file=file), file)


def test_a_file_that_is_not_there_offers_its_neighbour(session, table, tmp_path):
    table.write_csv(tmp_path / "houses.csv")
    with pytest.raises(NoriaError) as caught:
        train(session, tmp_path / "house.csv")
    assert str(caught.value).startswith(f"There is no file {tmp_path / 'house.csv'}.")
    assert "houses.csv" in str(caught.value)
    clean(session)


@pytest.mark.parametrize(("encoding", "name"), [("cp1252", "cp1252"), ("utf-16", "utf-16")])
def test_another_encoding_is_read_and_that_is_said(session, table, tmp_path, encoding, name):
    csv = table.with_columns(pl.col("colour").str.replace("amber", "naïve bräunlich")).write_csv()
    (tmp_path / "rows.csv").write_bytes(csv.encode(encoding))
    run = train(session, tmp_path / "rows.csv")
    assert f"read as {name}, for it is not UTF-8" in run.notes
    assert "naïve bräunlich" in run.model.schema["colour"].levels


def test_a_second_column_of_the_same_name_gets_another_and_that_is_said(session, table, tmp_path):
    lines = table.write_csv().splitlines()
    doubled = "\n".join(
        [
            "x,x,y",
            *(f"{line.split(',')[0]},{at % 7},{line.split(',')[2]}" for at, line in enumerate(lines[1:])),
        ]
    )
    (tmp_path / "rows.csv").write_text(doubled)
    run = train(session, tmp_path / "rows.csv")
    assert "a second column 'x' is called 'x_2'" in run.notes
    assert [column.name for column in run.model.signature.columns] == ["x", "x_2"]


# -- wishes --------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("wish", "text"),
    [
        (
            {"budget": "soon"},
            "Key 'search.budget' in a recipe: A budget is a positive duration. Write it as 60s, 5m or 1h.\n  got: 'soon'",
        ),
        (
            {"seed": -1},
            "Key 'search.seed' in a recipe: Input should be greater than or equal to 0.\n  got: -1",
        ),
        (
            {"holdout": 1.5},
            "Key 'split.holdout' in a recipe: Input should be less than or equal to 0.9.\n  got: 1.5",
        ),
        (
            {"metric": "acuracy"},
            "There is no metric 'acuracy' for this task.\n  do:  Did you mean 'accuracy'?",
        ),
        (
            {"learners": ["ligtgbm"]},
            "There is no learner 'ligtgbm' for this task.\n  do:  Did you mean 'lightgbm'?",
        ),
        (
            {"options": {"imbalanc": "smote"}},
            "There is no key 'imbalanc' in options.\n  do:  Did you mean 'imbalance'?",
        ),
        (
            {"options": {"decision": {"by": "f1", "at_leas": 1}}},
            "There is no key 'decision.at_leas' in options.\n  do:  Did you mean 'at_least'?",
        ),
        (
            {"goal": {"accuracy": "about 1"}},
            "The goal for 'accuracy' is not a comparison.\n  got: 'about 1'\n  do:  Write it as '>= 0.78'.",
        ),
        (
            {"goal": {"acuracy": ">= 1"}},
            "There is no metric 'acuracy' for this task.\n  do:  Did you mean 'accuracy'?",
        ),
    ],
    ids=lambda value: next(iter(value)) if isinstance(value, dict) else "",
)
def test_wishes_that_make_no_sense(session, table, wish, text):
    refused(session, "RecipeError", text, table, **wish)


def test_an_unknown_argument(session, table):
    refused(
        session,
        "ParamError",
        "train() has no argument 'budgett'.\n  do:  Did you mean 'budget'?",
        table,
        budgett="3s",
    )


def test_an_unknown_positive_class(session, table):
    refused(
        session,
        "ParamError",
        "Option 'positive' is not a class of 'y'.\n  got: 'yess'\n  do:  Did you mean 'yes'?",
        table,
        options={"positive": "yess"},
    )


@pytest.mark.parametrize(
    ("change", "kind", "text"),
    [
        ({"tsk": 1}, "RecipeError", "There is no key 'tsk' in a recipe.\n  do:  Did you mean 'task'?"),
        ({"system": "tabula"}, "NotFoundError", "There is no system 'tabula'.\n  do:  Did you mean 'tabular'?"),
        ({"data": {"target": "y"}}, "RecipeError", "There are no data to learn from.\n  do:  Name them under 'data: source:'."),
    ],
)  # fmt: skip
def test_recipes_that_make_no_sense(session, table, tmp_path, change, kind, text):
    table.write_csv(tmp_path / "rows.csv")
    recipe = {"name": "demo", "data": {"source": str(tmp_path / "rows.csv"), "target": "y"}, **change}
    with pytest.raises(NoriaError) as caught:
        noria.run(recipe, session=session, **QUICK)
    assert type(caught.value).__name__ == kind
    assert str(caught.value) == text
    clean(session)


def test_a_budget_too_short_for_one_fit(session, table):
    with pytest.raises(noria.errors.BudgetError) as caught:
        train(session, pl.concat([table] * 40), budget="0.01s", trials=None, learners=["lightgbm"])
    assert str(caught.value).startswith("The budget is too short for a single fit.\n  got: ")
    assert caught.value.exit_code == 6
    clean(session)


# -- feature functions ---------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("code", "kind", "text"),
    [
        (
            "def f(table):\n    return table['nope']\n",
            "RecipeError",
            "The feature function 'f' failed.\n  got: ColumnNotFoundError",
        ),
        (
            "def f(table):\n    return undefined\n",
            "RecipeError",
            "The feature function 'f' failed.\n  got: NameError",
        ),
        (
            "def f(table):\n    return table.head(3)\n",
            "RecipeError",
            "The feature function 'f' must give one row per row.\n  got: 3 rows\n  do:  Return a polars DataFrame of 120 rows.",
        ),
        (
            "def g(table):\n    return table\n",
            "RecipeError",
            "{file} has no function 'f'.\n  do:  Use one of: g.",
        ),
        ("def f(table:\n", "RecipeError", "{file} is not valid Python."),
        (None, "NotFoundError", "There is no file {file} for the features."),
    ],
    ids=["fails", "has a slip", "changes the rows", "is missing", "is no Python", "has no file"],
)
def test_a_feature_function_that(session, table, tmp_path, code, kind, text):
    table.write_csv(tmp_path / "rows.csv")
    if code is not None:
        (tmp_path / "features.py").write_text(code)
    fields = {
        "name": "demo",
        "data": {"source": str(tmp_path / "rows.csv"), "target": "y"},
        "features": "features.py:f",
    }
    with pytest.raises(NoriaError) as caught:
        noria.run(noria.Recipe.parse(fields, folder=tmp_path), session=session, **QUICK)
    assert type(caught.value).__name__ == kind
    assert str(caught.value).startswith(text.format(file=tmp_path / "features.py"))
    clean(session)


# -- models --------------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def saved(table, tmp_path_factory):
    session = noria.Session(Settings(home=tmp_path_factory.mktemp("home"), workers=2))
    return train(session, table).folder / "model"


@pytest.mark.parametrize("file", ["model.json", "background.parquet"])
def test_a_tampered_model_is_refused(session, saved, tmp_path, file):
    folder = tmp_path / "model"
    shutil.copytree(saved, folder)
    content = bytearray((folder / file).read_bytes())
    content[len(content) // 2] ^= 1
    (folder / file).write_bytes(content)
    with pytest.raises(ArtifactError) as caught:
        noria.load(folder, session=session)
    assert str(caught.value) == (
        f"The model in {folder} is damaged or was tampered with.\n  got: file {file!r} has changed since the model was saved\n"
        "  do:  Restore the folder from a copy, or train again."
    )


def test_code_slipped_into_a_model_is_refused(session, saved, tmp_path):
    folder = tmp_path / "model"
    shutil.copytree(saved, folder)
    code = f"open({str(tmp_path / 'proof')!r}, 'w')\ndef f(table):\n    return table\n"
    (folder / "features.py").write_text(code)
    with pytest.raises(ArtifactError, match=r"'features\.py' is not in the manifest"):
        noria.load(folder, session=session)
    manifest = json.loads((folder / "manifest.json").read_text())
    shipped = next(recipe.folder / "features.py" for recipe in noria.recipes() if recipe.features)
    known = noria.api._session._sha256(shipped)
    manifest["files"]["features.py"] = {
        "sha256": noria.api._session._sha256(folder / "features.py"),
        "bytes": len(code),
    }
    manifest["features"] = {"function": "f", "sha256": known}
    (folder / "manifest.json").write_text(json.dumps(manifest))
    with pytest.raises(TrustError):
        noria.load(folder, session=session)
    assert not (tmp_path / "proof").exists()


# -- storage -------------------------------------------------------------------------------------------------


def test_a_home_that_cannot_be_made(table, tmp_path):
    (tmp_path / "file").write_text("")
    session = noria.Session(Settings(home=tmp_path / "file" / "home"))
    with pytest.raises(StorageError) as caught:
        train(session, table)
    assert caught.value.exit_code == 7
    assert "NORIA_HOME" in str(caught.value) or "Free some space" in str(caught.value)
    assert [path.name for path in tmp_path.iterdir()] == ["file"]


@pytest.mark.skipif(os.geteuid() == 0, reason="root may write everywhere")
def test_a_home_that_may_not_be_written(table, tmp_path):
    (tmp_path / "home").mkdir(mode=0o500)
    session = noria.Session(Settings(home=tmp_path / "home"))
    with pytest.raises(StorageError):
        train(session, table)
    assert list((tmp_path / "home").iterdir()) == []


def test_a_full_disk(table, small_disk):
    disk = small_disk("192k").folder
    session = noria.Session(Settings(home=disk / "home", workers=2))
    with pytest.raises(StorageError):
        train(
            session,
            pl.concat([table] * 40).with_columns(z=pl.lit(0.5) + pl.int_range(ROWS * 40)),
            name="full",
        )
    assert session.artefacts.names() == []
    assert not [path for path in disk.rglob("*") if path.name.startswith(".") and path.name != ".lock"]


def test_a_read_only_disk(table, small_disk):
    disk = small_disk("192k")
    disk.lock()
    with pytest.raises(StorageError) as caught:
        train(noria.Session(Settings(home=disk.folder / "home")), table)
    assert "Read-only file system" in str(caught.value)


def test_what_was_trained_can_be_used_on_a_read_only_disk(table, small_disk):
    disk = small_disk("8m")
    settings = Settings(home=disk.folder / "home", workers=2)
    done = subprocess.run(
        [sys.executable, "-c", _TRAINED, str(settings.home)], input=table.write_json(), text=True, check=False
    )
    assert done.returncode == 0
    disk.lock()
    session = noria.Session(settings)
    assert session.registry.find("toy").number == 1
    assert [run.name for run in session.registry.runs(RunQuery(finished=True))] == ["toy"]
    assert noria.predict("toy", table, session=session).height == ROWS
    for write in (
        lambda: train(session, table),
        lambda: session.registry.tag("toy", 1, {"owner": "Ann"}),
        lambda: noria.reindex(session=session),
    ):
        with pytest.raises(StorageError, match=r"Read-only file system|readonly database"):
            write()
    assert session.registry.find("toy").tags == {}


_TRAINED = """
import io, sys
import noria, polars as pl
from noria.settings import Settings
table = pl.read_json(io.StringIO(sys.stdin.read()))
session = noria.Session(Settings(home=sys.argv[1], workers=2))
noria.train(table, "y", name="toy", session=session, budget="10s", trials=2, learners=["naive_bayes"])
"""


_LIMITED = """
import json, resource, sys
import polars as pl
from pathlib import Path
import noria
from noria.settings import Settings
table, home, limits = pl.read_parquet(sys.argv[1]), Path(sys.argv[2]), json.loads(sys.argv[3])
for limit in limits:
    session = noria.Session(Settings(home=home / str(limit), workers=2))
    stages = []
    session.events.listen(lambda event: stages.append(event.data.get("stage")) if event.kind == "stage.started" else None)
    resource.setrlimit(resource.RLIMIT_FSIZE, (limit, resource.RLIM_INFINITY))
    try:
        noria.train(table, "y", name="toy", session=session, budget="20s", trials=2, folds=2, learners=["extra_trees"])
        told = None
    except noria.NoriaError as error:
        told = error.to_dict()
    resource.setrlimit(resource.RLIMIT_FSIZE, (resource.RLIM_INFINITY, resource.RLIM_INFINITY))
    left = [str(path.relative_to(session.settings.home)) for path in session.settings.home.rglob("*")]
    names, stage = session.artefacts.names(), stages[-1]
    again = noria.train(table, "y", name="toy", session=session, budget="20s", trials=2, folds=2, learners=["extra_trees"])
    runs = len(list(session.settings.runs.iterdir()))
    print(json.dumps({"limit": limit, "stage": stage, "told": told, "left": left, "names": names,
                      "version": again.version, "runs": runs}), flush=True)
"""


def test_no_room_left_at_any_stage(table, tmp_path):
    """Files may not grow beyond a limit: writing fails at one stage after the other, and the next call succeeds."""
    pytest.importorskip("resource")
    rng, rows = np.random.default_rng(0), 8000
    letters = {f"letter {n}": rng.choice(list("abcdefghijkl"), rows) for n in range(3)}
    many = table.sample(rows, with_replacement=True, seed=0).hstack(pl.DataFrame(letters))
    many.write_parquet(tmp_path / "rows.parquet")
    limits = [100, 150_000, 400_000]
    done = subprocess.run(
        [sys.executable, "-c", _LIMITED, str(tmp_path / "rows.parquet"), str(tmp_path / "home"), json.dumps(limits)],
        capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    reports = [json.loads(line) for line in done.stdout.splitlines()]
    assert [report["limit"] for report in reports] == limits
    for report in reports:
        assert report["told"] is not None, report
        assert report["told"]["error"] == "StorageError", report
        assert "File too large" in report["told"]["got"], report
        assert report["names"] == [], report
        assert not [path for path in report["left"] if path.rpartition("/")[2].startswith(".")], report
        assert (report["version"], report["runs"]) == (1, 1), report
    assert [report["stage"] for report in reports] == ["read", "search", "keep"]
