"""Delimited text: whatever its encoding, separator and quotes, no value is lost and no error is silent."""

from __future__ import annotations

import csv
import gzip
import io
from datetime import date, datetime

import polars as pl
import pytest
from hypothesis import HealthCheck, given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st

from noria.core.events import Events
from noria.data.sources import read, scan
from noria.data.sources.structure import count_records
from noria.errors import ParamError, SourceError
from noria.settings import Settings


@pytest.fixture
def settings(tmp_path):
    return Settings(home=tmp_path / "home", mirror=None, offline=True)


@pytest.fixture
def write(tmp_path):
    def _write(content, name="table.csv"):
        path = tmp_path / name
        path.write_bytes(content if isinstance(content, bytes) else content.encode())
        return path

    return _write


def _heard(kind):
    events, seen = Events(), []
    events.listen(lambda event: seen.append(event.data["what"]) if event.kind == kind else None)
    return events, seen


@pytest.mark.parametrize("separator", [",", ";", "\t", "|"])
@pytest.mark.parametrize("suffix", [".csv", ".txt"])
def test_separator_is_sniffed(write, settings, separator, suffix):
    text = "name;price;note\nann;1,5;a|b\nbob;2,5;c".replace(";", separator)
    if separator in ",|":
        text = text.replace("1,5", "1.5").replace("2,5", "2.5").replace("a|b", "ab")
    frame = read(write(text, f"t{suffix}"), settings=settings)
    assert frame.columns == ["name", "price", "note"]
    assert frame.height == 2


def test_a_header_may_be_longer_than_what_is_sniffed_first(write, settings):
    names = [f"probe_{at:05d}{'_' * 500}" for at in range(600)]
    path = write("\n".join(["\t".join(names), "\t".join(["1"] * 600)]))
    table = read(path, settings=settings)
    assert table.columns == names
    assert table.height == 1


def test_decimal_commas_stay_text(write, settings):
    frame = read(write("a;b\n1,5;2,25\n3,5;4,75\n"), settings=settings)
    assert frame.rows() == [("1,5", "2,25"), ("3,5", "4,75")]


def test_types_are_decided_on_every_row(write, settings):
    rows = "".join(f"{i},{i}\n" for i in range(5_000))
    frame = read(write("a,b\n" + rows + "5000,many\n"), settings=settings)
    assert frame.schema == {"a": pl.Int64, "b": pl.String}
    assert frame["b"][-1] == "many"
    assert frame["b"].null_count() == 0


@pytest.mark.parametrize(
    ("values", "dtype", "first"),
    [
        (["1", "-2", "+3"], pl.Int64, 1),
        (["1", "2.5", "1e3", ".5"], pl.Float64, 1.0),
        (["2024-02-29", "1999-12-31"], pl.Date, date(2024, 2, 29)),
        (["2024-02-29T10:00", "2024-02-29 10:00:01.5"], pl.Datetime("us"), datetime(2024, 2, 29, 10)),
        (["true", "false"], pl.Boolean, True),
        (["007", "100"], pl.String, "007"),
        (["00.5", "1"], pl.String, "00.5"),
        (["12345678901234567890", "1"], pl.String, "12345678901234567890"),
        (["9007199254740993", "0.5"], pl.String, "9007199254740993"),
        (["nan", "1"], pl.String, "nan"),
        (["inf", "1"], pl.String, "inf"),
        (["1e999", "1"], pl.String, "1e999"),
        (["N/A", "1"], pl.String, "N/A"),
        (["1,234", "1"], pl.String, "1,234"),
        (["31/12/2024", "01/02/2024"], pl.String, "31/12/2024"),
        (["2024-02-30", "2024-01-01"], pl.String, "2024-02-30"),
        (["True", "true"], pl.String, "True"),
        ([" 1", "2"], pl.String, " 1"),
    ],
)
@pytest.mark.parametrize("gap", [[], [""]])
def test_a_type_is_given_only_where_nothing_is_lost(write, settings, values, dtype, first, gap):
    out = io.StringIO()
    csv.writer(out).writerows([["x", "k"], *([value, "k"] for value in values + gap)])
    frame = read(write(out.getvalue()), settings=settings)
    assert frame.schema["x"] == dtype
    assert frame["x"][0] == first
    assert frame["x"].null_count() == len(gap)


def test_only_an_empty_field_is_null(write, settings):
    frame = read(write('a,b\nNA,x\n"",y\n,null\n'), settings=settings)
    assert frame["a"].to_list() == ["NA", None, None]
    assert frame["b"].to_list() == ["x", "y", "null"]


def test_quoted_newlines_separators_and_quotes(write, settings):
    frame = read(write('a,b\r\n"two\r\nlines","x, ""y"""\r\n1,2\r\n'), settings=settings)
    assert frame.rows() == [("two\r\nlines", 'x, "y"'), ("1", "2")]


def test_stray_quotes_are_part_of_the_text(write, settings):
    frame = read(write('size,n\n5" pipe,1\n6" pipe,2\nplain,3\n'), settings=settings)
    assert frame.rows() == [('5" pipe', 1), ('6" pipe', 2), ("plain", 3)]


def test_space_before_a_quote(write, settings):
    assert read(write('a, b\n1, "x, y"\n2, "z"\n'), settings=settings).rows() == [(1, "x, y"), (2, "z")]


def test_blank_lines_are_left_out(write, settings):
    assert read(write("\n\na,b\n1,2\n\n3,4\n\n"), settings=settings).rows() == [(1, 2), (3, 4)]


def test_lines_of_text_need_no_separator(write, settings):
    lines = ["text", 'he said "no', "a, b; c", '"quoted" then not', "", "end"]
    frame = read(write("\n".join(lines), "lines.txt"), settings=settings)
    assert frame["text"].to_list() == ['he said "no', "a, b; c", '"quoted" then not', "end"]


def test_old_line_ends(write, settings):
    assert read(write("a,b\r1,x\r2,y\r"), settings=settings).rows() == [(1, "x"), (2, "y")]


@pytest.mark.parametrize(
    ("encoding", "told"),
    [
        ("utf-8", []),
        ("utf-8-sig", []),
        ("utf-16", ["read as utf-16, for it is not UTF-8"]),
        ("utf-16-le", ["read as utf-16-le, for it is not UTF-8"]),
        ("utf-16-be", ["read as utf-16-be, for it is not UTF-8"]),
        ("cp1252", ["read as cp1252, for it is not UTF-8"]),
    ],
)
def test_encodings(write, settings, encoding, told):
    events, seen = _heard("data.repaired")
    frame = read(write('"name",price\ncafé,1\nnaïve,2\n'.encode(encoding)), settings=settings, events=events)
    assert frame.to_dict(as_series=False) == {"name": ["café", "naïve"], "price": [1, 2]}
    assert seen == told


def test_latin1_where_cp1252_has_gaps(write, settings):
    events, seen = _heard("data.repaired")
    frame = read(write(b"a,b\n\x81,caf\xe9\n"), settings=settings, events=events)
    assert frame.row(0) == ("\x81", "café")
    assert seen == ["read as latin-1, for it is not UTF-8"]


def test_doubled_and_missing_names_are_repaired_and_told(write, settings):
    events, seen = _heard("data.repaired")
    frame = read(write(",x,x,x_2,x\n1,2,3,4,5\n"), settings=settings, events=events)
    assert frame.columns == ["column_1", "x", "x_3", "x_2", "x_4"]
    assert seen == [
        "column 1 has no name and is called 'column_1'",
        "a second column 'x' is called 'x_3'",
        "a second column 'x' is called 'x_4'",
    ]


def test_names_that_are_patterns_are_repaired_and_told(write, settings):
    events, seen = _heard("data.repaired")
    path = write("^a.*$,abc,*,(*)\n1,x,2,3\n")
    frame = read(path, settings=settings, events=events)
    assert frame.schema == {"(^a.*$)": pl.Int64, "abc": pl.String, "((*))": pl.Int64, "(*)": pl.Int64}
    assert frame.row(0) == (1, "x", 2, 3)
    assert pl.concat(scan(path, settings=settings)).equals(frame)
    assert seen == [
        "column '^a.*$', a pattern, is called '(^a.*$)'",
        "column '*', a pattern, is called '((*))'",
    ]


@pytest.mark.parametrize("pack", [gzip.compress])
def test_compressed(write, settings, pack):
    assert read(write(pack(b"a\tb\n1\tx\n"), "t.tsv.gz"), settings=settings).rows() == [(1, "x")]


def test_damaged_compression(write, settings):
    path = write(gzip.compress(b"a,b\n" + b"1,2\n" * 1000)[:-20], "t.csv.gz")
    with pytest.raises(SourceError, match=r"t\.csv\.gz cannot be decompressed\."):
        read(path, settings=settings)


@pytest.mark.parametrize(
    ("content", "text"),
    [
        (b"", "{path} is empty.\n  do:  Give a file with a header and rows."),
        (
            b",,\n1,2,3\n",
            "{path} has no names in its first line.\n  do:  Give a file with a header and rows.",
        ),
        (b"\n \n", "{path} is empty.\n  do:  Give a file with a header and rows."),
        (
            b"a,b\n",
            "{path} has a header and no rows.\n  got: a, b\n"
            "  do:  Give a file with at least one row under the header.",
        ),
        (
            b'a,b\n1,"x\ny"\n3,4,5\n',
            "{path}, line 4: the header has 2 fields and this line has 3.\n"
            "  do:  Correct the line, or quote the fields that hold the separator ','.",
        ),
        (
            b"a;b;c\n1;2;3\n1;2\n",
            "{path}, line 3: the header has 3 fields and this line has 2.\n"
            "  do:  Correct the line, or quote the fields that hold the separator ';'.",
        ),
        (
            b'a,b\n1,"x\n2,y\n3,z\n',
            "{path}, line 2: a quote is opened and never closed.\n"
            "  do:  Close it, or double the quotes that are part of the text.",
        ),
        (
            b"a,b\n1,\0\0\0\0\xff\xfe\0\n",
            "{path} is not text: it holds zero bytes.\n  do:  Is its extension the right one?",
        ),
    ],
)
@pytest.mark.parametrize("how", [read, lambda *a, **k: list(scan(*a, **k))])
def test_errors(write, settings, content, text, how):
    path = write(content)
    with pytest.raises(SourceError) as caught:
        how(path, settings=settings)
    assert str(caught.value) == text.format(path=path)


def test_scan_is_read_in_batches(write, settings):
    rows = "".join(f"{i},{i % 7},w{i}\n" for i in range(120_000))
    path = write("a,b,c\n" + rows + "1,x,y\n")
    whole, batches = read(path, settings=settings), list(scan(path, settings=settings))
    assert len(batches) > 1
    assert max(batch.height for batch in batches) <= 50_000
    assert pl.concat(batches).equals(whole)
    assert whole.schema == {"a": pl.Int64, "b": pl.String, "c": pl.String}


def test_glob_types_are_decided_over_all_files(write, settings, tmp_path):
    write("a,b\n1,2\n", "p1.csv")
    write("b;a\nx;3\n", "p2.csv")
    frame = read(tmp_path / "p*.csv", settings=settings)
    assert frame.to_dict(as_series=False) == {"a": [1, 3], "b": ["2", "x"]}
    assert pl.concat(scan(tmp_path / "p*.csv", settings=settings)).equals(frame)


def test_glob_with_unlike_columns(write, settings, tmp_path):
    first, second = write("a,b\n1,2\n", "p1.csv"), write("a,c\n1,2\n", "p2.csv")
    with pytest.raises(SourceError) as caught:
        read(tmp_path / "p*.csv", settings=settings)
    assert str(caught.value) == (
        f"{second} lacks column 'b', unlike {first}.\n"
        "  do:  Read only files together that have the same columns."
    )


_cell = st.text(alphabet="ab1,;\"\n\r é'", max_size=6)
_tables = st.integers(2, 4).flatmap(
    lambda width: st.lists(st.lists(_cell, min_size=width, max_size=width), min_size=1, max_size=8)
)


@given(rows=_tables)
@hypothesis_settings(max_examples=150, deadline=None, suppress_health_check=list(HealthCheck))
def test_what_csv_writes_is_what_is_read(tmp_path_factory, rows):
    path = tmp_path_factory.mktemp("any") / "t.csv"
    names = [f"c{place}" for place in range(len(rows[0]))]
    with path.open("w", encoding="utf-8", newline="") as file:
        writer = csv.writer(file, quoting=csv.QUOTE_ALL)
        writer.writerows([names, *rows])
    frame = read(path, settings=Settings(home=path.parent)).cast(pl.String)
    kept = [tuple(_as_typed(cell, column) for cell, column in zip(row, zip(*rows))) for row in rows]
    assert frame.rows() == kept


def _as_typed(cell, column):
    """As text again after its column became a number: ``01`` cannot occur, ``1`` and ``111`` can."""
    return cell or None


@pytest.mark.parametrize("size", [1, 2, 3, 7, 64])
def test_chunks_do_not_matter(write, monkeypatch, size):
    monkeypatch.setattr("noria.data.sources.structure._CHUNK_BYTES", size)
    regular = write('a,b\r\n"x\n""y""",1\r\n2,"z"\r\n,\r\nlast,row')
    assert count_records(regular, ",", 2).count == 5
    for irregular in (
        'a,b\n1,2"\n',
        'a,b\n"1"x,2\n',
        "a,b\n\n1,2\n",
        "a,b\n1\n",
        'a,b\n1,"2\n',
        "a,b\n1,2,3",
    ):
        assert count_records(write(irregular), ",", 2) is None
    assert count_records(write("a\n1\n\n2\n"), ",", 1) is None


@pytest.mark.parametrize("piece", [1, 20, 100])
def test_pieces_hold_the_same_rows_as_the_whole(tmp_path, settings, monkeypatch, piece):
    monkeypatch.setattr("noria.data.sources.structure._CHUNK_BYTES", 16)
    monkeypatch.setattr("noria.data.sources.delimited._CELL_BYTES", piece)
    rows = "".join(f'{at},"line {at}\r\nand ""more""",é{at}\r\n' for at in range(40))
    path = tmp_path / "a.csv"
    path.write_text(f"\ufeffn,text,mark\r\n{rows}", encoding="utf-8", newline="")
    batches = list(scan(path, settings=settings))
    assert len(batches) > 1
    whole = read(path, settings=settings)
    assert pl.concat(batches).equals(whole)
    assert whole.row(39) == (39, 'line 39\r\nand "more"', "é39")


@pytest.mark.parametrize("start", ["", "\ufeff"])
def test_names_of_a_file_without_a_header_leave_its_first_row_as_it_is(write, settings, monkeypatch, start):
    monkeypatch.setattr("noria.data.sources.structure._CHUNK_BYTES", 16)
    monkeypatch.setattr("noria.data.sources.delimited._CELL_BYTES", 1)
    path, names = write(f"{start}50, Self-emp,13,0,,0\n38,Private,9,0,x,13\n"), list("abcdef")
    frame = read(path, settings=settings, names=names)
    assert frame.rows() == [(50, " Self-emp", 13, 0, None, 0), (38, "Private", 9, 0, "x", 13)]
    assert frame.columns == names
    assert pl.concat(scan(path, settings=settings, names=names)).equals(frame)
    assert read(write("7,8\n"), settings=settings, names=["a", "b"]).rows() == [(7, 8)]


@pytest.mark.parametrize("names", [["a"], ["a", "a"], ["a", "b", "c"]])
def test_names_must_be_those_of_all_columns(write, settings, names):
    with pytest.raises(ParamError, match="must name every column, each another one"):
        read(write("1,2\n3,4\n"), settings=settings, names=names)
