"""Snapshots: equal content has one address, whatever it came from; nothing is ever half-written."""

from __future__ import annotations

import os
import subprocess
import sys
from datetime import date, datetime, time, timedelta
from decimal import Decimal

import numpy as np
import polars as pl
import pytest

from noria.data.snapshot import fingerprint, open_snapshot, save
from noria.errors import ArtifactError, DataError, NotFoundError, StorageError
from noria.settings import Settings

TYPES = {
    "text": pl.Series(["a", None, "é"]),
    "bytes": pl.Series([b"x", None, b""]),
    "list": pl.Series([[1, None], None, []]),
    "texts": pl.Series([["a"], [], ["bb", None]]),
    "nested": pl.Series([[[1], [2, 3]], None, [[]]]),
    "struct": pl.Series([{"a": 1, "b": "x"}, None, {"a": None, "b": "y"}]),
    "array": pl.Series([[1, 2], None, [3, 4]], dtype=pl.Array(pl.Int64, 2)),
    "date": pl.Series([date(2020, 1, 1), None, None]),
    "datetime": pl.Series([datetime(2020, 1, 1), None, None]),
    "zoned": pl.Series([datetime(2020, 1, 1), None, None]).dt.replace_time_zone("UTC"),
    "time": pl.Series([time(1, 2), None, None]),
    "duration": pl.Series([timedelta(1), None, None]),
    "decimal": pl.Series([Decimal("1.20"), None, Decimal(3)]),
    "boolean": pl.Series([True, None, False]),
    "float": pl.Series([0.5, None, float("nan")]),
    "float32": pl.Series([1, None, 2], dtype=pl.Float32),
    "small": pl.Series([1, None, 2], dtype=pl.Int8),
    "unsigned": pl.Series([1, None, 2**63], dtype=pl.UInt64),
    "wide": pl.Series([1, None, 2], dtype=pl.Int128),
    "category": pl.Series(["a", None, "b"], dtype=pl.Categorical),
    "enum": pl.Series(["a", None, "b"], dtype=pl.Enum(["a", "b"])),
    "nothing": pl.Series([None, None, None]),
}


@pytest.fixture
def settings(tmp_path):
    return Settings(home=tmp_path / "home")


@pytest.mark.parametrize("name", TYPES)
def test_every_type_comes_back_equal(name, settings):
    table = TYPES[name].alias(name).to_frame()
    kept = save(table, settings)
    back = open_snapshot(kept.hash, settings)
    assert back.schema == table.schema
    assert back.equals(table)
    assert (kept.rows, kept.columns, kept.bytes) == (3, 1, kept.path.stat().st_size)


@pytest.mark.parametrize("name", TYPES)
def test_chunks_and_slices_do_not_matter(name):
    table = TYPES[name].alias(name).to_frame()
    chunked = pl.concat([table[:1], table[1:2], table[2:]], rechunk=False)
    padded = pl.concat([table, table, table])[3:6]
    assert fingerprint(chunked) == fingerprint(padded) == fingerprint(table)


@pytest.mark.parametrize("name", [name for name in TYPES if name != "nothing"])
def test_order_and_nulls_matter(name):
    table = TYPES[name].alias(name).to_frame()
    assert fingerprint(table.reverse()) != fingerprint(table)
    assert fingerprint(table[:2]) != fingerprint(table)
    assert fingerprint(table.clear()) != fingerprint(table)


def test_source_does_not_matter(tmp_path):
    table = pl.DataFrame({"a": [1, 2, None], "b": ["x", None, "yy"], "c": [0.5, None, 2.0]})
    table.write_parquet(tmp_path / "t.parquet", row_group_size=1)
    table.write_ipc(tmp_path / "t.arrow", compression="zstd")
    copies = [
        pl.read_parquet(tmp_path / "t.parquet"),
        pl.read_ipc(tmp_path / "t.arrow"),
        pl.DataFrame(table.to_dict(as_series=False)),
        pl.DataFrame(pl.from_arrow(table.to_arrow())),
    ]
    assert {fingerprint(copy) for copy in copies} == {fingerprint(table)}


def test_what_lies_under_a_null_does_not_matter():
    hidden = pl.DataFrame({"n": [7, 2], "s": ["abc", "d"], "l": [[9], [1]]})
    masked = hidden.with_columns(pl.when(pl.int_range(2) == 1).then(pl.all()))
    clean = pl.DataFrame({"n": [None, 2], "s": [None, "d"], "l": [None, [1]]})
    assert fingerprint(masked) == fingerprint(clean)


def test_equal_floats_are_one():
    other_nan = np.array([0x7FF8000000000001], dtype=np.uint64).view(np.float64)[0]
    assert fingerprint(pl.DataFrame({"a": [0.0, float("nan")]})) == fingerprint(
        pl.DataFrame({"a": [-0.0, other_nan]})
    )


@pytest.mark.parametrize(
    "other",
    [
        pl.DataFrame({"a": ["ab", "c"], "b": [1, 2]}).select("b", "a"),
        pl.DataFrame({"a": ["a", "bc"], "b": [1, 2]}),
        pl.DataFrame({"a": ["ab", "c"], "b": [1.0, 2.0]}),
        pl.DataFrame({"a": ["ab", "c"], "c": [1, 2]}),
        pl.DataFrame({"a": ["ab", None], "b": [1, 2]}),
        pl.DataFrame({"a": ["ab", ""], "b": [1, 2]}),
        pl.DataFrame({"a": ["c", "ab"], "b": [2, 1]}),
    ],
)
def test_other_content_has_another_address(other):
    assert fingerprint(other) != fingerprint(pl.DataFrame({"a": ["ab", "c"], "b": [1, 2]}))


def test_null_and_empty_and_zero_differ():
    lists = [[[None, 1]], [[1, None]], [[1]], [[]], [None], [[None]]]
    hashes = {fingerprint(pl.DataFrame({"a": pl.Series(value, dtype=pl.List(pl.Int64))})) for value in lists}
    assert len(hashes) == len(lists)
    structs = [{"x": None}, None]
    dtype = pl.Struct({"x": pl.Int64})
    assert len({fingerprint(pl.DataFrame({"a": pl.Series([one], dtype=dtype)})) for one in structs}) == 2


def test_the_address_is_pinned():
    """A change of this value makes all kept snapshots unreadable: raise the version on purpose."""
    table = pl.DataFrame({"a": [1, None], "b": ["x", "é"], "c": [0.5, float("nan")]})
    assert fingerprint(table) == "7fcee366c98d91f944ce85d05c0443fa63cb4a6d"


def test_the_same_content_is_stored_once(settings):
    table = pl.DataFrame({"a": [1, 2]})
    first = save(table, settings)
    before = first.path.stat()
    os.utime(first.path, (5, 5))
    second = save(pl.concat([table[:1], table[1:]], rechunk=False), settings)
    assert second == first
    assert first.path.stat().st_ino == before.st_ino
    assert first.path.stat().st_mtime >= before.st_mtime  # that of its last use
    assert [path for path in settings.snapshots.rglob("*") if path.is_file()] == [first.path]
    assert first.path == settings.snapshots / first.hash[:2] / f"{first.hash}.parquet"


def test_a_table_without_rows(settings):
    table = pl.DataFrame(schema={"a": pl.Int64, "b": pl.String, "c": pl.List(pl.Float64)})
    assert open_snapshot(save(table, settings).hash, settings).equals(table)


def test_python_objects_are_refused(settings):
    table = pl.DataFrame({"a": pl.Series([object()], dtype=pl.Object)})
    with pytest.raises(DataError) as caught:
        save(table, settings)
    assert str(caught.value) == (
        "Column 'a' cannot be kept: it holds Object values.\n  do:  Turn them into numbers or text first."
    )


def test_missing(settings):
    with pytest.raises(NotFoundError, match="There is no snapshot 00ff"):
        open_snapshot("00ff", settings)


@pytest.mark.parametrize("harm", ["cut", "flip", "swap"])
def test_damage_is_noticed(settings, harm):
    kept = save(pl.DataFrame({"a": list(range(1000))}), settings)
    content = bytearray(kept.path.read_bytes())
    if harm == "cut":
        content = content[:-10]
    elif harm == "flip":
        content[len(content) // 3] ^= 0xFF
    else:
        other = save(pl.DataFrame({"a": [1]}), settings)
        content = other.path.read_bytes()
    kept.path.write_bytes(content)
    with pytest.raises(ArtifactError, match=f"The snapshot {kept.hash} (is damaged|was changed)") as caught:
        open_snapshot(kept.hash, settings)
    assert caught.value.do == f"Delete {kept.path} and run again from the source of the data."


_FULL_DISK = """
import resource, sys, numpy, polars
from noria.data.snapshot import save
from noria.errors import StorageError
from noria.settings import Settings
resource.setrlimit(resource.RLIMIT_FSIZE, (50_000, 50_000))
table = polars.DataFrame({"a": numpy.random.default_rng(0).normal(size=50_000)})
try:
    save(table, Settings(home=sys.argv[1]))
except StorageError as error:
    print(error.what, "|", error.do)
"""


def test_a_full_disk_leaves_nothing_half_written(tmp_path):
    """A limit on the size of files fails in the middle of a write, as a full disk does."""
    done = subprocess.run(
        [sys.executable, "-c", _FULL_DISK, str(tmp_path)], capture_output=True, text=True, env=os.environ
    )
    assert "The snapshot of the data cannot be written to" in done.stdout, done.stderr
    assert "Free some space there, or set NORIA_HOME to another disk." in done.stdout
    assert [path for path in tmp_path.rglob("*") if path.is_file()] == []


def test_a_folder_that_cannot_be_made(tmp_path):
    (tmp_path / "home").write_text("a file where the folder should be")
    with pytest.raises(StorageError, match="cannot be written"):
        save(pl.DataFrame({"a": [1]}), Settings(home=tmp_path / "home"))


@pytest.mark.skipif(os.geteuid() == 0, reason="root may write to read-only folders")
def test_a_read_only_folder(tmp_path):
    (tmp_path / "snapshots").mkdir(mode=0o500)
    with pytest.raises(StorageError, match="cannot be written"):
        save(pl.DataFrame({"a": [1]}), Settings(home=tmp_path))
