from __future__ import annotations

import json
import socket
import threading
from datetime import datetime
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import numpy as np
import polars as pl
import pytest
from polars.testing import assert_frame_equal

import noria
from noria.api import desk
from noria.errors import BudgetError, ColumnError, NotFoundError, ParamError, UnreachableError
from noria.server import create_app
from noria.settings import Settings


@pytest.fixture(scope="module")
def shop(tmp_path_factory, people):
    """A home with a classifier of every type of column and a model of one number."""
    session = noria.Session(Settings(home=tmp_path_factory.mktemp("shop") / "home", workers=2))
    noria.train(people(), "y", name="people", budget="3s", learners=["logistic"], session=session)
    rows = {"x": [0.5 * x for x in range(60)], "y": [2.0 * x for x in range(60)]}
    noria.train(rows, "y", name="line", task="regression", budget="3s", learners=["ridge"], session=session)
    return session


@pytest.fixture
def app(shop, tmp_path):
    return create_app(desk("people", "line", session=shop), files=tmp_path / "files")


@pytest.fixture
def client(app, live):
    with noria.Client(live(app).url) as made:
        yield made


def test_what_is_served_is_told(client, shop):
    assert [(one.name, one.version) for one in client.models()] == [("people", 1), ("line", 1)]
    assert client.health()["status"] == "ok"
    signature = noria.load("line", session=shop).signature
    told = client.schema("line")
    assert (told.inputs, told.outputs) == (signature.inputs, signature.outputs)
    assert told.example == {"x": signature.example["x"]}


def test_one_dict_many_dicts_and_a_table_are_answered_as_they_come(client, shop):
    model = noria.load("line", session=shop)
    expected = model.predict(pl.DataFrame({"x": [3.0, 4.0]}))
    assert client.predict({"x": 3.0}, "line") == expected.row(0, named=True)
    assert client.predict([{"x": 3.0}, {"x": 4.0}], "line") == expected.to_dicts()
    assert client.predict(pl.DataFrame({"x": [3.0, 4.0]}), "line").equals(expected)
    assert client.predict([], "line") == []


def test_tables_of_all_kinds_and_types_arrive(client, shop, people):
    rows = people(60, seed=3).drop("y")
    expected = noria.load("people", session=shop).predict(rows)
    assert_frame_equal(client.predict(rows, "people"), expected)
    assert_frame_equal(client.predict(rows.lazy(), "people"), expected)
    assert_frame_equal(client.predict(rows.to_arrow(), "people"), expected)
    coded = rows.with_columns(pl.col("town").cast(pl.Categorical), pl.col("age").cast(pl.Decimal(scale=2)))
    assert_frame_equal(client.predict(coded, "people"), expected)
    first = client.predict(rows.to_dicts()[0], "people")
    assert first["prediction_set"] == expected["prediction_set"][0].to_list()
    assert first["probability_yes"] == pytest.approx(expected["probability_yes"][0])


def test_a_large_table_travels_in_pieces(client, shop, monkeypatch):
    monkeypatch.setattr("noria.client._BODY", 2_000)
    rows = pl.DataFrame({"x": [float(x) for x in range(700)]})
    assert client.predict(rows, "line").equals(noria.load("line", session=shop).predict(rows))
    found = client.predict(rows.to_dicts(), "line", ids=True)
    assert len({one["id"] for one in found}) == 700


def test_a_refused_row_raises_what_the_model_raised_and_is_named(client):
    with pytest.raises(ColumnError, match=r"^Row 1: .*'x'"):
        client.predict([{"x": 1.0}, {"z": 1.0}], "line")
    with pytest.raises(ColumnError, match=r"^Row 0: .*'x'"):
        client.predict(pl.DataFrame({"z": [1.0, 2.0]}), "line")


def test_a_refused_row_may_be_left_empty_and_say_why(client):
    good, bad = client.predict([{"x": 1.0}, {"z": 1.0}], "line", on_error="null")
    assert good["error"] is None
    assert bad["prediction"] is bad["low"] is None
    assert "'x'" in bad["error"]
    table = client.predict(pl.DataFrame({"x": [1.0, 2.0]}), "line", on_error="null")
    assert table["error"].null_count() == 2
    assert "'x'" in client.predict(pl.DataFrame({"z": [1.0]}), "line", on_error="null")["error"][0]


def test_where_all_rows_are_refused_the_outputs_are_there_still(client):
    told = client.predict(pl.DataFrame({"z": [1.0, 2.0]}), "line", on_error="null", ids=True)
    assert told.columns == ["prediction", "low", "high", "error", "id"]
    assert told["prediction"].to_list() == [None, None]
    assert list(client.predict({"z": 1.0}, "line", on_error="null")) == ["prediction", "low", "high", "error"]


@pytest.mark.parametrize("value", [float("inf"), float("-inf"), np.float32("inf")])
def test_infinity_is_refused_however_it_is_sent(client, value):
    for rows in ({"x": value}, [{"x": value}], pl.DataFrame({"x": [float(value)]})):
        with pytest.raises(ColumnError, match=r"^Row 0: The column 'x' should hold numbers\.") as caught:
            client.predict(rows, "line")
        assert "inf" in str(caught.value.got)
        assert caught.value.do == "Write a number such as 12.5, or leave it empty where it is unknown."
    good, bad = client.predict([{"x": float("nan")}, {"x": value}], "line", on_error="null")
    assert (good["error"], bad["prediction"]) == (None, None)


def test_a_model_must_be_named_where_there_are_several(client, live, shop):
    with pytest.raises(ParamError, match="more than one model") as caught:
        client.predict({"x": 1.0})
    assert caught.value.do == "Name it. Use one of: line, people."
    alone = noria.Client(live(create_app(desk("line", session=shop))).url)
    assert alone.predict({"x": 3.0})["prediction"] == client.predict({"x": 3.0}, "line")["prediction"]


def test_an_explanation_is_the_model_s(client, shop):
    rows = pl.DataFrame({"x": [3.0, 20.0]})
    expected = noria.load("line", session=shop).explain(rows)
    found = client.explain(rows, "line")
    assert found.base.equals(expected.base)
    assert found.attributions.equals(expected.attributions)
    assert (found.unit, found.method, found.gap < 1e-9) == ("y", "exact", True)
    assert client.explain({"x": 3.0}, "line").attributions.height == 1


def test_labels_are_told_by_id(client):
    one = client.predict({"x": 3.0}, "line", ids=True)
    told = client.feedback({one["id"]: 6.5, "nobody": 1}, "line")
    assert told == {one["id"]: "kept", "nobody": "unknown"}
    table = pl.DataFrame({"id": [one["id"]], "label": [7.5]})
    assert client.feedback(table, "line", replace=True) == {one["id"]: "replaced"}
    with pytest.raises(ParamError, match="The model 'line' does not forecast"):
        client.feedback(pl.DataFrame({"x": [3.0], "y": [7.5]}), "line")


def test_an_unknown_model_is_told_by_the_service(client):
    with pytest.raises(NotFoundError, match="'lime'") as caught:
        client.predict({"x": 1.0}, "lime")
    assert caught.value.do == "Did you mean 'line'?"


def test_rows_that_are_none_are_refused(client):
    for rows in (42, None, "x", b"x"):
        with pytest.raises(ParamError, match="These are no rows"):
            client.predict(rows, "line")
    with pytest.raises(ParamError, match="on_error is not 'nul'") as caught:
        client.predict({"x": 1.0}, "line", on_error="nul")
    assert caught.value.do == "Did you mean 'null'?"
    with pytest.raises(ParamError, match="not the address"):
        noria.Client("localhost:8000")


def test_a_service_that_is_restarted_is_found_again(app, live):
    first = live(app)
    with noria.Client(first.url) as client:
        before = client.predict({"x": 3.0}, "line")
        first.stop()
        again = threading.Timer(0.5, live, [app, first.port])
        again.start()
        assert client.predict({"x": 3.0}, "line") == before
        again.join()


def test_nobody_there(tmp_path):
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        url = f"http://127.0.0.1:{free.getsockname()[1]}"
    with pytest.raises(UnreachableError, match="cannot be reached") as caught:
        noria.Client(url, retries=1).health()
    assert caught.value.do == "Check the address, and that noria serve runs there."


def test_many_threads_share_a_client(client):
    found = []
    threads = [
        threading.Thread(target=lambda: found.extend(client.predict({"x": 3.0}, "line") for _ in range(20)))
        for _ in range(8)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(found) == 160
    assert all(one == found[0] for one in found)


class Scripted(BaseHTTPRequestHandler):
    """Answers one after the other, and notes what was asked."""

    protocol_version = "HTTP/1.1"
    script: list[tuple[int, dict[str, str], str]]
    asked: list[dict[str, str]]

    def do_GET(self):
        type(self).asked.append(dict(self.headers))
        status, headers, body = type(self).script.pop(0)
        self.send_response(status)
        for name, value in {**headers, "content-length": str(len(body))}.items():
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(body.encode())

    def log_message(self, *_):
        pass


@pytest.fixture
def scripted():
    """A server that answers what a test wants it to."""

    class Handler(Scripted):
        script, asked = [], []

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield Handler, f"http://127.0.0.1:{server.server_port}"
    server.shutdown()


def test_overload_is_waited_for_as_long_as_the_service_says(scripted, monkeypatch):
    handler, url = scripted
    slept = []
    monkeypatch.setattr("noria.client.line.time.sleep", slept.append)
    busy = json.dumps({"error": "BudgetError", "what": "No room."})
    handler.script += [(503, {"retry-after": "3"}, busy), (503, {}, busy), (200, {}, "[]")]
    assert noria.Client(url, key="secret").models() == []
    assert slept == [3.0, 0.2]
    assert handler.asked[0]["authorization"] == "Bearer secret"
    handler.script += [(503, {}, busy)] * 2
    with pytest.raises(BudgetError, match="No room"):
        noria.Client(url, retries=1).models()


@pytest.mark.parametrize(
    ("status", "body", "kind", "what"),
    [
        (404, json.dumps({"error": "NotFoundError", "what": "No model."}), NotFoundError, "No mo"),
        (418, "<html>teapot</html>", noria.NoriaError, "The service answered with status 418"),
        (500, json.dumps({"error": "nearest", "what": "Odd."}), noria.NoriaError, "Odd"),
    ],
)  # fmt: skip
def test_errors_come_as_what_they_were(scripted, status, body, kind, what):
    handler, url = scripted
    handler.script.append((status, {}, body))
    with pytest.raises(kind, match=what) as caught:
        noria.Client(url).health()
    assert type(caught.value) is kind
    assert caught.value.http_status == status


def test_silence_ends_at_the_timeout():
    with socket.create_server(("127.0.0.1", 0)) as deaf:
        client = noria.Client(f"http://127.0.0.1:{deaf.getsockname()[1]}", timeout=0.2)
        with pytest.raises(BudgetError, match=r"did not answer within 0.2 s"):
            client.health()


def test_moments_travel_in_dicts(client, people):
    row = {**people().drop("y").to_dicts()[0], "joined": datetime(2021, 5, 6, 7, 8)}
    assert client.predict(row, "people") == client.predict({**row, "joined": "2021-05-06T07:08:00"}, "people")
