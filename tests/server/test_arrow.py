from __future__ import annotations

import io
from datetime import date

import polars as pl
import pyarrow as pa
import pytest

from noria.errors import ParamError, RequestError
from noria.lifecycle.serve import Limits
from noria.server import arrow

LIMITS = Limits(rows=1_000, body=100_000)


def stream(*columns: pa.Array, compression: str | None = None, size: int | None = None) -> bytes:
    table = pa.table({f"x{at}": column for at, column in enumerate(columns)})
    written = io.BytesIO()
    options = pa.ipc.IpcWriteOptions(compression=compression)
    with pa.ipc.new_stream(written, table.schema, options=options) as writer:
        writer.write_table(table, max_chunksize=size)
    return written.getvalue()


def test_rows_of_many_kinds():
    sent = stream(
        pa.array([1.5, None]), pa.array(["a", "b"]).dictionary_encode(), pa.nulls(2),
        pa.array([date(2020, 1, 1)] * 2), size=1,
    )  # fmt: skip
    assert arrow.rows(sent, LIMITS) == [
        {"x0": 1.5, "x1": "a", "x2": None, "x3": date(2020, 1, 1)},
        {"x0": None, "x1": "b", "x2": None, "x3": date(2020, 1, 1)},
    ]
    assert arrow.rows(stream(pa.array([], pa.int8())), LIMITS) == []


def test_what_polars_writes_is_read():
    written = io.BytesIO()
    table = pl.DataFrame(
        {"x": [1, 2], "y": ["a", None], "z": ["u", "v"]}, schema_overrides={"z": pl.Categorical}
    )
    table.write_ipc_stream(written)
    assert arrow.rows(written.getvalue(), LIMITS) == table.to_dicts()


@pytest.mark.parametrize(
    ("sent", "got"),
    [
        (stream(pa.nulls(2_000_000_000)), "2,000,000,000"),
        (stream(pa.nulls(3_000), size=500), "1,500"),
        (stream(pa.array([0] * 1_001).dictionary_encode()), "1,001"),
    ],
)
def test_rows_are_counted_before_they_are_made(sent, got):
    with pytest.raises(RequestError) as caught:
        arrow.rows(sent, LIMITS)
    assert (caught.value.http_status, caught.value.what) == (413, "Too many rows were sent at once.")
    assert (caught.value.got, caught.value.do) == (got, "Send at most 1,000.")


@pytest.mark.parametrize(
    ("sent", "what"),
    [
        (stream(*[pa.nulls(1_000)] * 30), "Too many values were sent at once."),
        (
            stream(pa.DictionaryArray.from_arrays([0] * 1_000, ["a" * 50_000])),
            "Too many bytes of text were sent at once.",
        ),
    ],
)
def test_little_that_becomes_much(sent, what):
    assert len(sent) < LIMITS.body
    with pytest.raises(RequestError) as caught:
        arrow.rows(sent, LIMITS)
    assert (caught.value.http_status, caught.value.what) == (413, what)


@pytest.mark.parametrize("column", [pa.array([0.0] * 500), pa.array(["a" * 500] * 9).dictionary_encode()])
def test_what_is_compressed(column):
    with pytest.raises(ParamError) as caught:
        arrow.rows(stream(column, compression="zstd"), LIMITS)
    assert str(caught.value) == "The stream is compressed.\n  do:  Write it without compression."


def whole_numbers_too_wide() -> bytes:
    written = io.BytesIO()
    pl.DataFrame({"x": [2**100]}, schema={"x": pl.Int128}).write_ipc_stream(written)
    return written.getvalue()


@pytest.mark.parametrize(
    ("sent", "what"),
    [
        (b"", "The request is no Arrow IPC stream."),
        (b"{}", "The request is no Arrow IPC stream."),
        (stream(pa.array([1.0] * 50))[:-100], "The request is no Arrow IPC stream."),
        (whole_numbers_too_wide(), "The request is no Arrow IPC stream."),
        (stream(pa.array([[1]])), "The column 'x0' does not hold single values."),
        (stream(pa.array([b"a"])), "The column 'x0' does not hold single values."),
        (stream(pa.array([10**9], pa.date32())), "A value lies outside of what dates and times can be."),
        (
            stream(pa.array([253_402_300_799], pa.timestamp("s", "Pacific/Auckland"))),
            "A value lies outside of what dates and times can be.",
        ),
        (
            stream(pa.array([86_400_000 * 2**30], pa.date64())),
            "A value lies outside of what dates and times can be.",
        ),
    ],
)
def test_what_cannot_be_read(sent, what):
    with pytest.raises(ParamError) as caught:
        arrow.rows(sent, LIMITS)
    assert (caught.value.http_status, caught.value.what) == (422, what)
