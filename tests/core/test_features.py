# ruff: noqa: E501 - pinned messages stand on one line
from __future__ import annotations

from pathlib import Path

import polars as pl
import pytest

from noria.core.features import FeatureFunction
from noria.errors import NotFoundError, RecipeError

ROWS = pl.DataFrame({"x": [1, 2, 3]})


def made(body: str) -> FeatureFunction:
    return FeatureFunction.compile("f", f"import polars as pl\n\ndef f(table):\n    {body}\n", "features.py")


def test_a_function_is_read_from_the_recipes_folder(tmp_path):
    (tmp_path / "features.py").write_text("def f(table):\n    return table.with_row_index()\n")
    function = FeatureFunction.read("features.py:f", tmp_path)
    assert function(ROWS).columns == ["index", "x"]
    assert function.sha256 == FeatureFunction.compile("f", function.source, "elsewhere").sha256


@pytest.mark.parametrize(
    ("reference", "kind", "text"),
    [
        ("features.py", RecipeError, "A feature function is named by file and function.\n  got: 'features.py'\n  do:  Write it as features.py:my_features."),
        ("feature.py:f", NotFoundError, "There is no file {path}/feature.py for the features.\n  do:  Check 'features:'."),
        ("features.py:g", RecipeError, "{path}/features.py has no function 'g'.\n  do:  Use one of: f."),
        ("broken.py:f", RecipeError, "{path}/broken.py is not valid Python.\n  got: '(' was never closed (broken.py, line 1)"),
        ("absent.py:f", RecipeError, "{path}/absent.py cannot be imported.\n  got: ModuleNotFoundError: No module named 'nowhere'"),
        ("latin.py:f", RecipeError, "{path}/latin.py cannot be read.\n  got: 'utf-8' codec can't decode byte 0xe9 in position 5: invalid continuation byte\n  do:  Save it as UTF-8, where it may be read."),
    ],
)  # fmt: skip
def test_what_cannot_be_read(tmp_path, reference, kind, text):
    (tmp_path / "features.py").write_text("def f(table):\n    return table\n")
    (tmp_path / "broken.py").write_text("def f(table:\n")
    (tmp_path / "absent.py").write_text("import nowhere\n")
    (tmp_path / "latin.py").write_bytes(b"# caf\xe9\n")
    with pytest.raises(kind) as caught:
        FeatureFunction.read(reference, tmp_path)
    assert str(caught.value) == text.format(path=tmp_path)


@pytest.mark.parametrize(
    ("body", "got"),
    [
        ("return table.select('nope')", "ColumnNotFoundError"),
        ("return table['x'] / undefined", "NameError: name 'undefined' is not defined"),
        ("raise RuntimeError('no')", "RuntimeError: no"),
        ("assert False", "AssertionError: "),
        ("return 1 / 0", "ZeroDivisionError: division by zero"),
        ("return open('/nowhere/at/all')", "FileNotFoundError"),
        ("import nowhere", "ModuleNotFoundError: No module named 'nowhere'"),
        ("import re; re.compile('(')", "error: missing ), unterminated subpattern"),
    ],
)
def test_a_function_that_fails_is_named(body, got):
    with pytest.raises(RecipeError) as caught:
        made(body)(ROWS)
    assert str(caught.value).startswith(f"The feature function 'f' failed.\n  got: {got}")
    assert str(caught.value).endswith("\n  do:  Correct the function, and run again.")


@pytest.mark.parametrize(
    ("body", "got"),
    [
        ("return table.head(2)", "2 rows"),
        ("return pl.concat([table, table])", "6 rows"),
        ("return None", "NoneType"),
        ("return table.lazy()", "LazyFrame"),
        ("return table.to_dict()", "dict"),
    ],
)
def test_one_row_per_row(body, got):
    with pytest.raises(RecipeError) as caught:
        made(body)(ROWS)
    assert str(caught.value) == (
        f"The feature function 'f' must give one row per row.\n  got: {got}\n"
        "  do:  Return a polars DataFrame of 3 rows."
    )


def test_without_a_folder_the_file_is_looked_for_here(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    Path("features.py").write_text("def f(table):\n    return table\n")
    assert FeatureFunction.read("features.py:f", None)(ROWS).equals(ROWS)
