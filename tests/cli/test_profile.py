"""``noria profile``: a page, and its gist on the terminal."""

from __future__ import annotations

import json
import subprocess
import sys

import polars as pl
import pytest

from noria.core.profile import Profile


@pytest.fixture
def shop(tmp_path):
    """A file in the working directory."""
    rows = 300
    table = pl.DataFrame(
        {
            "price": [(at * 37) % 101 + at / 7 for at in range(rows)],
            "town": ["Delft", "Gouda", "Leiden"] * (rows // 3),
            "one": [1] * rows,
            "sold": ["yes" if (at * 37) % 101 > 50 else "no" for at in range(rows)],
        }
    )
    table.write_csv(tmp_path / "shop.csv")
    table.with_columns(pl.col("price") + 300).head(200).write_csv(tmp_path / "new.csv")
    return tmp_path


def test_a_page_and_its_gist(noria, shop):
    done = noria("profile", "shop.csv", "--target", "sold")
    text = " ".join(done.out.split())
    assert done.code == 0, done.err
    for words in (
        "table shop.csv: 300 rows, 4 columns,",
        "columns 1 number, 1 category, 1 constant, 1 boolean",
        "missing 0% of all values",
        "sold goes with price",
        "medium NOR101 Constant column: one has only the value '1'.",
        "The page is shop-profile.html",
    ):
        assert words in text, text
    assert max(map(len, done.out.splitlines())) <= 100
    assert "<h1>Profile of <bdi>shop.csv</bdi></h1>" in (shop / "shop-profile.html").read_text(
        encoding="utf-8"
    )
    assert "shop.csv: relating columns" in done.err


def test_two_tables(noria, shop):
    done = noria("profile", "shop.csv", "--compare", "new.csv", "-o", "pages/both.html", "-q")
    assert "compared with new.csv: 200 rows" in " ".join(done.out.split())
    assert "price is distributed differently" in " ".join(done.out.split())
    assert done.err == ""
    assert (shop / "pages" / "both.html").exists()


def test_json(noria, shop):
    done = noria("profile", "shop.csv", "--json", "-q")
    made = Profile.from_dict(json.loads(done.out))
    assert (made.rows, [column.name for column in made.columns]) == (300, ["price", "town", "one", "sold"])
    assert sorted(path.name for path in shop.iterdir()) == ["new.csv", "shop.csv"]
    noria("profile", "shop.csv", "--json", "-o", "page.html")
    assert (shop / "page.html").exists()


def test_the_page_of_a_source_that_is_no_file(noria, shop):
    done = noria("profile", "sql:SELECT * FROM 'shop.csv' WHERE price > 20", "-q")
    assert done.code == 0, done.err
    assert [path.name for path in shop.glob("*.html")] == ["sql-SELECT-FROM-shop-profile.html"]


def test_opening_it(noria, shop, monkeypatch):
    opened = []
    monkeypatch.setattr("webbrowser.open", opened.append)
    noria("profile", "shop.csv", "--json", "--open")
    assert opened == [(shop / "shop-profile.html").resolve().as_uri()]


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("a,b\n", "shop.csv has a header and no rows."),
        ("", "shop.csv is empty."),
        ("a,b\n1,2\n3\n", "shop.csv, line 3: the header has 2 fields and this line has 1."),
    ],
    ids=["header only", "empty", "ragged"],
)
def test_what_cannot_be_profiled(noria, shop, text, said):
    (shop / "shop.csv").write_text(text, encoding="utf-8")
    done = noria("profile", "shop.csv")
    assert (done.code, done.out) == (3, "")
    assert said in done.err
    assert list(shop.glob("*.html")) == []


def test_a_missing_target(noria, shop):
    done = noria("profile", "shop.csv", "-t", "sodl")
    assert done.code == 3
    assert "There is no target column 'sodl'." in done.err
    assert "Did you mean 'sold'?" in done.err


def test_nothing_heavy_is_loaded(shop):
    heavy = {"duckdb", "lightgbm", "optuna", "pandas", "pyarrow", "scipy", "sklearn", "sqlalchemy"}
    code = (
        "import sys; from noria.cli import main\n"
        "try: main(['profile', 'shop.csv', '-q'])\n"
        "except SystemExit: pass\n"
        f"print(sorted({heavy} & {{*sys.modules}}))"
    )
    done = subprocess.run([sys.executable, "-c", code], cwd=shop, capture_output=True, text=True, check=True)
    assert done.stdout.splitlines()[-1] == "[]"
