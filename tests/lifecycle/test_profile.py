from __future__ import annotations

import os
import signal
import time

import fsspec
import polars as pl
import pytest

import noria
from noria.core.events import Events
from noria.errors import ColumnError, SourceError, StorageError
from noria.lifecycle.profile import profile, write


def batches(rows: int = 100, each: int = 30) -> list[pl.DataFrame]:
    table = pl.DataFrame({"a": range(rows), "b": ["x", "y"] * (rows // 2)})
    return [table.slice(start, each) for start in range(0, rows, each)]


def test_progress_is_told():
    events, heard = Events(), []
    events.listen(lambda event: heard.append((event.kind, event.data.get("rows"))))
    made = profile(iter(batches()), source="shop", events=events)
    assert made.rows == 100
    assert [rows for kind, rows in heard if kind == "profile.progress"] == [30, 60, 90, 100]
    assert [kind for kind, _ in heard[-2:]] == ["stage.started", "stage.finished"]


def test_what_fails_while_reading_is_raised():
    def broken():
        yield from batches()
        raise SourceError("The disk is gone.")

    with pytest.raises(SourceError, match=r"The disk is gone\."):
        profile(broken(), source="shop")


def test_a_missing_target_ends_the_reading():
    read = []

    def rows():
        for batch in batches():
            read.append(batch)
            yield batch

    with pytest.raises(ColumnError, match="There is no target column 'c'"):
        profile(rows(), source="shop", target="c")
    assert len(read) < 4


def test_ctrl_c_ends_what_is_read_before_the_first_rows():
    looked = []

    def rows():
        time.sleep(0.1)
        os.kill(os.getpid(), signal.SIGINT)
        for piece in range(20):
            time.sleep(0.02)
            looked.append(piece)
        yield from batches()

    with pytest.raises(KeyboardInterrupt):
        profile(rows(), source="shop")
    assert len(looked) < 20


def test_a_page_that_cannot_be_written_leaves_nothing(tmp_path):
    made = profile(batches(), source="shop")
    (tmp_path / "taken").write_text("a file")
    with pytest.raises(StorageError, match=r"Cannot write .*taken/page\.html"):
        write(made, tmp_path / "taken" / "page.html")
    (tmp_path / "folder.html").mkdir()
    with pytest.raises(StorageError, match=r"Cannot write .*folder\.html"):
        write(made, tmp_path / "folder.html")
    assert sorted(path.name for path in tmp_path.iterdir()) == ["folder.html", "taken"]


def test_sources_of_every_kind(tmp_path, session):
    table = pl.concat(batches())
    table.write_csv(tmp_path / "a.csv")
    table.write_parquet(tmp_path / "a.parquet")
    told = {
        noria.profile(source, session=session).columns
        for source in (table, table.to_dict(as_series=False), tmp_path / "a.csv", str(tmp_path / "a.parquet"))
    }
    assert len(told) == 1


def test_a_query_and_a_name(tmp_path, session):
    path = tmp_path / "a.csv"
    pl.concat(batches()).write_csv(path)
    made = noria.profile(path, query="SELECT * FROM data WHERE a < 40", session=session)
    assert (made.source, made.rows) == ("a.csv", 40)
    assert noria.profile({"a": [1]}, session=session).source == "table"


def test_repairs_of_both_tables_are_findings(tmp_path, session):
    paths = [tmp_path / "one.csv", tmp_path / "two.csv"]
    for path in paths:
        path.write_text("a,a\n" + "1,2\n3,4\n" * 60)
    made = noria.profile(paths[0], compare=paths[1], session=session)
    seen = [finding.seen for finding in made.findings if finding.code == "NOR124"]
    assert seen == [f"{path}: a second column 'a' is called 'a_2'." for path in paths]


def test_a_long_query_is_a_source(session):
    query = f"sql:SELECT 1 AS a {'UNION ALL SELECT 2 ' * 40}"
    assert noria.profile(query, session=session).source == query
    for text in ("x" * 300, "x" * 300 + "/*.csv", "x:" * 300):
        with pytest.raises(SourceError):
            noria.profile(text, session=session)


def test_a_password_is_told_nowhere(tmp_path, session):
    page, source = tmp_path / "page.html", "memory://ann:se@c/ret@host/shop.csv"
    fsspec.filesystem("memory").pipe(source, batches()[0].write_csv().encode())
    made = noria.profile(source, compare=source, output=page, session=session)
    assert made.source == made.contrast.source == "memory://host/shop.csv"
    assert "ret@" not in page.read_text() + str(made.to_dict())
