from __future__ import annotations

import gc
import io
from datetime import datetime
from decimal import Decimal

import httpx
import orjson
import polars as pl
import pytest

from noria.core.schema import Column, Schema, Type
from noria.data.conform import RowConformer, conform
from noria.lifecycle.serve import Limits
from noria.server import arrow
from noria.server.predict import PredictRoute, _loaded

pytestmark = pytest.mark.anyio


async def test_an_answer_is_in_the_log_before_it_goes_out(inside):
    service = inside()
    told = (await service.predict([{"x": 3.0}, {"z": 1}])).json()
    good, bad = told["predictions"]
    expected = service.desk.endpoint("line").serving.model.predict(pl.DataFrame({"x": [3.0]}))
    assert good == expected.row(0, named=True)
    assert good["low"] <= good["prediction"] <= good["high"]
    assert bad["error"]["what"] == "The field 'x' is missing."
    lines = list(service.desk.log.read("line"))
    assert [line.id for line in lines] == [f"{told['request']}-0", f"{told['request']}-1"]
    assert (lines[0].inputs, lines[0].version, lines[0].role) == ('{"x":3.0}', 1, "champion")
    assert str(good["prediction"]) in lines[0].outputs
    assert "The field 'x' is missing." in lines[1].outputs


async def test_what_is_text_to_a_model_is_the_same_text_in_arrow_as_in_a_file():
    """Or it would be a level that the model has never seen."""
    day = datetime(2021, 3, 5, 7, 9, 11, 120_000)
    table = pl.DataFrame(
        {
            "decimal": [Decimal("1.10")],
            "large": [Decimal("12345678901234567890")],
            "single": pl.Series([0.1], dtype=pl.Float32),
            "double": [7.0],
            "level": pl.Series([" a "], dtype=pl.Categorical),
            "milli": pl.Series([day], dtype=pl.Datetime("ms")),
            "nano": pl.Series([day], dtype=pl.Datetime("ns")),
            "clock": [day.time()],
            "none": [None],
            "text": ["b"],
        }
    )
    schema = Schema(tuple(Column(name, Type.CATEGORY) for name in table.columns))
    sent, read = io.BytesIO(), RowConformer(schema)
    table.write_ipc_stream(sent)
    got = [read(row) for row in arrow.rows(sent.getvalue(), Limits(), schema)]
    assert got == conform(table, schema).rows()
    assert got[0][:3] == ("1.10", "12345678901234567890", "0.1")


async def test_one_row_has_the_id_of_its_request(inside):
    service = inside()
    answer = await service.predict([{"x": 3.0}])
    assert [line.id for line in service.desk.log.read()] == [answer.json()["request"]]
    assert answer.headers["x-request-id"] == answer.json()["request"]


async def test_an_unknown_model_is_named(inside):
    answer = await inside().predict([{}], name="lime")
    assert answer.status_code == 404
    assert answer.json()["what"] == "No model 'lime' is served here."
    assert answer.json()["do"] == "Did you mean 'line'?"


async def test_if_no_row_can_be_answered_the_request_is_refused(inside):
    answer = await inside().predict([{"x": "many"}, {"x": 1, "y": 2}])
    assert answer.status_code == 422
    told = answer.json()
    assert told["what"] == "The column 'x' should hold numbers."
    assert [one["error"]["what"] for one in told["predictions"]] == [told["what"], "There is no field 'y'."]


async def test_rows_of_many_kinds_are_answered_as_if_alone(inside):
    service = inside("pets")
    rows = [
        {"weight": 4, "colour": "red"}, {"weight": "21", "colour": None}, {"weight": None, "colour": 7},
        {"weight": [1], "colour": "red"}, {"weight": 5.5, "colour": True}, {"weight": {"a": 1}, "colour": ""},
    ] * 60  # fmt: skip
    together = (await service.predict(rows, name="pets")).json()["predictions"]
    alone = [(await service.predict([row], name="pets")).json()["predictions"][0] for row in rows[:6]]
    for at, answer in enumerate(together):
        expected = alone[at % 6]
        assert answer.keys() == expected.keys()
        if "error" in answer:
            assert answer == expected
        else:
            assert answer["prediction"] == expected["prediction"]
            assert answer["probability_cat"] == pytest.approx(expected["probability_cat"])
    assert [("error" in one) for one in alone] == [False, False, False, True, False, True]


async def test_explanations_come_on_request(inside):
    service = inside("pets")
    rows = [{"weight": 4, "colour": "red"}, {"colour": "red"}]
    told = (await service.predict(rows, name="pets", explain=True)).json()
    same = (await service.predict(rows, name="pets", verb="explain")).json()
    why, none = told["explanations"]
    assert {part["feature"] for part in why["features"]} == {"weight", "colour"}
    assert (why["method"], why["outcome"]) == ("exact", "dog")
    assert why["base"] + sum(part["added"] for part in why["features"]) == pytest.approx(why["output"])
    assert none is None
    assert same["predictions"] == told["predictions"]
    assert "explanations" not in (await service.predict(rows, name="pets")).json()
    answer = await service.predict(rows * 100, name="pets", explain=True)
    assert (answer.status_code, answer.json()["what"]) == (413, "Too many rows are to be explained at once.")


async def test_no_rows_are_no_fault(inside):
    answer = await inside().predict([])
    assert (answer.status_code, answer.json()["predictions"]) == (200, [])


@pytest.mark.parametrize(
    ("body", "status", "what", "got"),
    [
        (b"", 400, "The request is not JSON.", "Input is a zero-length, empty document"),
        (b'{"rows": [{"x": NaN}]}', 400, "JSON has no number NaN.", "at character 16"),
        (b'{"rows": [{"x": -Infinity}]}', 400, "JSON has no number -Infinity.", None),
        (b'{"rows": [{"x": 1e999}]}', 400, "The request is not JSON.", None),
        (b'{"rows": ' + b"[" * 5_000 + b"]" * 5_000 + b"}", 400, "The request is not JSON.", None),
        (b"\xff\xfe", 400, "The request is not JSON.", None),
        (b"[]", 422, "The request is no JSON object.", "list"),
        (b"{}", 422, "The request has no list of rows.", "nothing"),
        (b'{"rows": {"x": 1}}', 422, "The request has no list of rows.", "dict"),
        (b'{"rows": [{"x": 1}, 5]}', 422, "Row 1 is no JSON object.", "int"),
        (b'{"row": []}', 422, "A request has no key 'row'.", None),
        (b'{"rows": [], "explain": 1}', 422, "'explain' is true or false.", "1"),
    ],
)
async def test_bad_requests(inside, body, status, what, got):
    answer = await inside().client.post(
        "/v1/models/line/predict", content=body, headers={"content-type": "application/json"}
    )
    told = answer.json()
    assert (answer.status_code, told["what"]) == (status, what)
    assert got is None or told["got"] == got


@pytest.mark.parametrize("kind", ["text/plain", "application/x-www-form-urlencoded", "", None])
async def test_another_content_type(inside, kind):
    headers = {} if kind is None else {"content-type": kind}
    answer = await inside().client.post("/v1/models/line/predict", content=b"{}", headers=headers)
    assert answer.status_code == 415
    assert answer.json()["got"] == (kind or "no content-type")


async def test_limits_of_a_request(inside):
    service = inside(limits=Limits(rows=3, body=200, text=10))
    many = await service.predict([{"x": 1}] * 4)
    assert (many.status_code, many.json()["what"]) == (413, "Too many rows were sent at once.")
    large = await service.predict([{"x": "1" * 300}])
    assert (large.status_code, large.json()["what"]) == (413, "The request is too large.")
    assert large.headers["connection"] == "close"

    async def pieces():
        for _ in range(30):
            yield b"          "

    headers = {"content-type": "application/json"}
    streamed = await service.client.post("/v1/models/line/predict", content=pieces(), headers=headers)
    assert streamed.status_code == 413
    long = await service.predict([{"x": "1" * 50}])
    assert (long.status_code, long.json()["what"]) == (422, "The text of 'x' is too long.")


async def test_what_fails_unforeseen_shows_no_traceback(inside, monkeypatch):
    service = inside()

    async def fail(*_, **__):
        raise RuntimeError("a secret of the house")

    monkeypatch.setattr(service.desk, "predict", fail)
    answer = await service.predict([{"x": 1}])
    assert answer.status_code == 500
    assert answer.json()["what"] == "The service failed in a way that it should not."
    assert "secret" not in answer.text


async def test_other_paths_are_passed_on():
    seen = []

    async def others(scope, receive, send):
        seen.append((scope["method"], scope["path"]))
        await send({"type": "http.response.start", "status": 204, "headers": []})
        await send({"type": "http.response.body", "body": b""})

    client = httpx.AsyncClient(
        transport=httpx.ASGITransport(PredictRoute(None, others)), base_url="http://noria"
    )
    for path in ("/v1/models/line/predict/", "/v1/models/predict", "/v1/models/a/b/predict"):
        await client.post(path)
    assert (await client.get("/v1/models/line/predict")).status_code == 405
    assert [path for _, path in seen] == [
        "/v1/models/line/predict/",
        "/v1/models/predict",
        "/v1/models/a/b/predict",
    ]


async def test_what_is_refused_is_logged_no_larger_than_it_need_be(inside):
    """A value of megabytes, one that is nested too deep to be written as JSON again, and many fields."""
    service = inside()
    deep = b"[" * 300 + b"]" * 300
    wide = b",".join(b'"f%d":"%s"' % (at, b"a" * 100) for at in range(2_000))
    for bad in (b'{"x":"%s"}' % (b"a" * 2_000_000), b'{"x":%s}' % deep, b"{%s}" % wide):
        answer = await service.client.post(
            "/v1/models/line/predict",
            content=b'{"rows":[{"x":1},%s]}' % bad,
            headers={"content-type": "application/json"},
        )
        assert answer.status_code == 200
        good, refused = answer.json()["predictions"]
        assert ("error" in good, "error" in refused) == (False, True)
        assert len(answer.content) < 1_000
    kept = [line.inputs for line in service.desk.log.read()]
    assert kept[::2] == ['{"x":1}'] * 3
    assert max(map(len, kept)) < 20_000
    assert kept[1].startswith('{"x":"')
    assert kept[3] == '{"x":"[[[[[[[...]]]]]]]"}'
    assert orjson.loads(kept[5]).keys() == {f"f{at}" for at in range(100)}


async def test_the_garbage_collector_rests_while_much_is_read_and_works_after(inside):
    service = inside(limits=Limits(rows=3))
    collected = []
    gc.callbacks.append(lambda phase, _: collected.append(phase))
    try:
        _loaded(b'{"rows":[%s]}' % b",".join([b'{"x":1}'] * 100_000))
    finally:
        gc.callbacks.pop()
    assert len(collected) <= 2
    assert gc.isenabled()
    with pytest.raises(orjson.JSONDecodeError):
        _loaded(b"x" * 200_000)
    assert gc.isenabled()
    answer = await service.predict([{"x": 1}] * 30_000 + [5])
    assert (answer.status_code, answer.json()["what"]) == (413, "Too many rows were sent at once.")
