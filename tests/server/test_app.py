from __future__ import annotations

import sqlite3
from contextlib import closing

import pytest

import noria
from noria.backends import predictions_sql
from noria.lifecycle.serve import Privacy
from noria.lifecycle.watch import window

pytestmark = pytest.mark.anyio


async def tell(service, labels, name="line", **more):
    return await service.client.post(f"/v1/models/{name}/feedback", json={"labels": labels, **more})


async def test_what_becomes_of_feedback(inside):
    service = inside()
    request = (await service.predict([{"x": 3.0}, {"x": 4.0}])).json()["request"]
    labels = [
        {"id": f"{request}-0", "label": 6.0},
        {"id": f"{request}-1", "label": 8},
        {"id": "?", "label": 1},
        {"id": f"{request}-0", "label": "banana"},
    ]
    told = (await tell(service, labels)).json()
    assert told == {
        "results": [
            {"id": f"{request}-0", "outcome": "kept"},
            {"id": f"{request}-1", "outcome": "kept"},
            {"id": "?", "outcome": "unknown"},
            {"id": f"{request}-0", "outcome": "is no number"},
        ],
        "kept": 2,
    }
    again = (await tell(service, [{"id": f"{request}-0", "label": 6}])).json()
    assert [one["outcome"] for one in again["results"]] == ["known already"]
    other = [{"id": f"{request}-0", "label": 7}]
    assert (await tell(service, other)).json()["results"][0]["outcome"] == "contradicts"
    assert (await tell(service, other, replace=True)).json()["results"][0]["outcome"] == "replaced"
    assert [label.label for label in service.desk.log.labels("line")] == ["7", "8"]


@pytest.mark.parametrize(
    ("body", "what"),
    [
        ([], "The request has no list of labels."),
        ({"labels": {}}, "The request has no list of labels."),
        ({"labels": [], "replace": "yes"}, "The request has no list of labels."),
        ({"labels": [], "more": 1}, "The request has no list of labels."),
        ({"labels": [{"id": "a"}]}, "Label 0 is no object of 'id' and 'label'."),
        ({"labels": [{"id": 1, "label": 1}]}, "Label 0 is no object of 'id' and 'label'."),
        ({"labels": [{"id": "a", "label": [1]}]}, "Label 0 is no single value."),
        ({"labels": [{"id": "a", "label": None}]}, "Label 0 is no single value."),
        ({"labels": [{"id": "a\0", "label": 1}]}, "Label 0 holds a NUL character."),
        ({"labels": [{"id": "a", "label": "\0"}]}, "Label 0 holds a NUL character."),
        ({"labels": [], "rows": []}, "The request has no list of rows."),
        ({"rows": {}}, "The request has no list of rows."),
        ({"rows": [1]}, "Row 0 is no object of single values."),
        ({"rows": [{"x": [1]}]}, "Row 0 is no object of single values."),
        ({"rows": [{"x": "\0"}]}, "Row 0 holds a NUL character."),
        ({"rows": [{"x": 1, "y": 2}]}, "The model 'line' does not forecast."),
    ],
)
async def test_feedback_that_is_none(inside, body, what):
    answer = await inside().client.post("/v1/models/line/feedback", json=body)
    assert (answer.status_code, answer.json()["what"]) == (422, what)


async def test_no_table_is_made_of_fields_that_tell_no_forecast_apart(inside, monkeypatch):
    made = []
    monkeypatch.setattr(window, "_series", lambda name, _: made.append(name))
    rows = [{f"field {at}": at} for at in range(100)]
    answer = await inside().client.post("/v1/models/line/feedback", json={"rows": rows})
    assert (answer.status_code, made) == (422, [])


async def test_feedback_needs_a_log_and_a_model(inside):
    answer = await tell(inside(log=False), [])
    assert (answer.status_code, answer.json()["do"]) == (422, "Serve without --no-log.")
    assert (await tell(inside(), [], name="lime")).status_code == 404


async def test_what_is_served(inside):
    service = inside("line", "pets", split=["line@challenger=0.25"], shadow=["line@challenger"])
    assert (await service.client.get("/v1/models")).json() == [
        {
            "name": "line", "version": 1, "aliases": {"champion": 1, "challenger": 2},
            "shares": {"challenger": 0.25}, "shadow": "challenger",
        },
        {"name": "pets", "version": 1, "aliases": {"champion": 1}, "shares": {}, "shadow": None},
    ]  # fmt: skip
    schema = (await service.client.get("/v1/models/pets/schema")).json()
    assert schema["row"]["properties"]["colour"]["examples"] == ["black", "white", "red"]
    assert set(schema["example"]) == {"weight", "colour"}
    assert (await service.client.get("/v1/models/cats/schema")).status_code == 404


async def test_health_tells_what_is_wrong(inside, session):
    service = inside()
    assert (await service.client.get("/health")).json() == {"status": "ok", "problems": []}
    folder = session.registry.folder("line@2") / "model"
    next(folder.glob("member*")).write_bytes(b"broken")
    noria.promote("line@2", session=session)
    service.desk.refresh()
    told = (await service.client.get("/health")).json()
    assert told["status"] == "degraded"
    assert told["problems"] == [f"line@champion: The model in {folder} is damaged or was tampered with."]
    assert (await service.predict([{"x": 1}])).json()["version"] == 1
    assert (await service.client.get("/ready")).status_code == 200
    text = (await service.client.get("/metrics")).text
    assert 'noria_swaps_total{alias="champion",model="line",outcome="failed"} 1.0' in text


async def test_each_model_has_its_own_state(inside, session):
    service = inside("line", "pets")
    assert (await service.predict([{"x": 1}])).status_code == 200
    folder = session.registry.folder("line@2") / "model"
    next(folder.glob("member*")).write_bytes(b"broken")
    noria.promote("line@2", session=session)
    service.desk.refresh()
    problem = f"champion: The model in {folder} is damaged or was tampered with."
    told = [(await service.client.get(f"/v1/models/{name}/health")).json() for name in ("line", "pets")]
    assert told == [
        {"status": "degraded", "version": 1, "problems": [problem]},
        {"status": "ok", "version": 1, "problems": []},
    ]
    assert (await service.client.get("/v1/models/pets/ready")).json() == {"ready": True, "problem": None}
    text = (await service.client.get("/v1/models/line/metrics")).text
    assert '\nnoria_requests_total{model="line",role="champion",version="1"} 1.0\n' in text
    assert "pets" not in text
    assert "noria_logged_rows" not in text
    for verb in ("health", "ready", "metrics"):
        answer = await service.client.get(f"/v1/models/cats/{verb}")
        assert (answer.status_code, answer.json()["what"]) == (404, "No model 'cats' is served here.")


async def test_a_question_for_the_headers_alone(inside):
    client = inside().client
    for path in ("/health", "/metrics", "/models/line", "/v1/models", "/openapi.json"):
        head, got = await client.head(path), await client.get(path)
        assert (head.status_code, head.content) == (got.status_code, b"") == (200, b"")
        assert head.headers["content-type"] == got.headers["content-type"]
    assert (await client.head("/v1/models/line/predict")).status_code == 405


@pytest.mark.parametrize("place", ["predict", "explain", "feedback", "files?file=a.csv&to=csv"])
async def test_a_body_that_is_compressed(inside, place):
    kind = "application/octet-stream" if "files" in place else "application/json"
    headers = {"content-type": kind, "content-encoding": "gzip"}
    answer = await inside().client.post(f"/v1/models/line/{place}", content=b"\x1f\x8b", headers=headers)
    assert (answer.status_code, answer.json()["what"]) == (415, "The request is compressed.")
    assert (answer.json()["got"], answer.json()["do"]) == ("gzip", "Send it as it is, uncompressed.")


async def test_what_is_no_json_is_told_what_would_be_right(inside):
    headers = {"content-type": "application/json"}
    for verb, shape in (("predict", '{"rows": '), ("feedback", '{"labels": ')):
        answer = await inside().client.post(f"/v1/models/line/{verb}", content=b"{", headers=headers)
        assert answer.status_code == 400
        assert answer.json()["do"].startswith(f"Send {shape}")


async def test_not_ready_while_nothing_can_be_kept(inside, session, monkeypatch):
    monkeypatch.setattr(predictions_sql, "_PATIENCE", 0.3)
    service = inside()
    with closing(sqlite3.connect(session.settings.home / "state.db", isolation_level=None)) as other:
        other.execute("BEGIN IMMEDIATE")
        assert (await service.predict([{"x": 1}])).status_code == 503
        answer = await service.client.get("/ready")
        assert (answer.status_code, answer.json()["ready"]) == (503, False)
        problems = (await service.client.get("/health")).json()["problems"]
        assert problems == [
            "log: The state database cannot be written now, and nothing is answered that is not kept."
        ]
        other.execute("ROLLBACK")
    service.desk.refresh()
    assert (await service.client.get("/ready")).json() == {"ready": True, "problem": None}
    assert (await service.predict([{"x": 1}])).status_code == 200


async def test_metrics(inside):
    service = inside()
    await service.predict([{"x": 1}, {"z": 1}])
    await service.predict([{"x": 1}], name="lime")
    text = (await service.client.get("/metrics")).text
    for line in (
        'noria_requests_total{model="line",role="champion",version="1"} 1.0',
        'noria_rows_total{model="line",role="champion",version="1"} 1.0',
        'noria_rows_refused_total{model="line",role="champion",version="1"} 1.0',
        'noria_errors_total{error="NotFoundError",model=""} 1.0',
        'noria_request_seconds_count{model="line",role="champion",version="1"} 1.0',
        "noria_logged_rows_total 2.0",
        "noria_log_lag_seconds_count 1.0",
        'noria_model_version{alias="champion",model="line"} 1.0',
        "noria_waiting_rows 0.0",
    ):
        assert f"\n{line}\n" in text, line


async def test_paths_that_are_none(inside):
    client = inside().client
    answer = await client.get("/nothing")
    assert (answer.status_code, answer.json()["what"]) == (404, "There is no such path.")
    answer = await client.get("/v1/models/line/predict")
    assert (answer.status_code, answer.headers["allow"]) == (405, "POST")
    answer = await client.delete("/health")
    assert (answer.status_code, answer.json()["what"]) == (405, "The path takes another method.")
    assert answer.headers["allow"] == "GET"


# -- the log -------------------------------------------------------------------------------------------------


async def test_a_share_of_the_requests_is_logged(inside):
    service = inside(log=0.5)
    requests = [(await service.predict([{"x": 1}])).json()["request"] for _ in range(40)]
    kept = {line.request for line in service.desk.log.read()}
    assert kept == {one for one in requests if Privacy(0.5).keeps(one)}
    assert 0 < len(kept) < 40


async def test_masked_fields_are_not_kept(inside):
    service = inside("pets", mask=["colour"])
    rows = [
        {"weight": 4, "colour": "secret"},
        {"weight": 4, "color": "secret"},
        {"weight": 4, "colour": ["secret"]},
    ]
    told = (await service.predict(rows, name="pets")).json()
    assert [("error" in one) for one in told["predictions"]] == [False, True, True]
    lines = list(service.desk.log.read())
    assert lines[0].inputs == '{"weight":4,"colour":"***"}'
    assert "secret" not in "".join(line.inputs + line.outputs for line in lines)


async def test_nothing_is_kept_if_nothing_is_to_be(inside):
    service = inside(log=False)
    assert (await service.predict([{"x": 1}])).status_code == 200
    assert service.desk.log is None
