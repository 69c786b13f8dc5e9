from __future__ import annotations

import base64
import sqlite3
import threading
import time
from contextlib import closing

import httpx
import pytest

import noria
from noria.api import desk, keyring
from noria.backends import predictions_sql
from noria.lifecycle import keys
from noria.server import create_app

pytestmark = pytest.mark.anyio


@pytest.fixture
def guarded(inside, session):
    """A service that needs keys, and a way to make them."""
    service = inside("line", "pets", keys=True)

    def make(**wish):
        line, key = noria.create_key("ann", session=session, **wish)
        service.desk.refresh()
        keyring_of(service).refresh()
        return line, {"authorization": f"Bearer {key}"}

    return service, make


def keyring_of(service):
    return service.client._transport.app._keyring


async def ask(service, headers, verb="predict", name="line", **more):
    body = {"labels": []} if verb == "feedback" else {"rows": [], **more}
    return await service.client.post(f"/v1/models/{name}/{verb}", json=body, headers=headers)


async def test_without_a_key_nothing_but_health(guarded):
    service, _ = guarded
    for path in ("/metrics", "/v1/models", "/openapi.json", "/v1/models/line/schema", "/nothing"):
        answer = await service.client.get(path)
        assert (answer.status_code, answer.json()["what"]) == (401, "A key is needed.")
        assert answer.headers["www-authenticate"] == "Bearer"
    for path in ("/health", "/ready"):
        assert (await service.client.get(path)).status_code == 200
    assert (await ask(service, {})).status_code == 401


async def test_a_key_opens(guarded):
    service, make = guarded
    line, headers = make()
    answer = await service.client.post("/v1/models/line/predict", json={"rows": [{"x": 1}]}, headers=headers)
    assert answer.status_code == 200
    assert [one.caller for one in service.desk.log.read()] == [line.id]
    key = headers["authorization"].partition(" ")[2]
    basic = base64.b64encode(f"anybody:{key}".encode()).decode()
    assert (await ask(service, {"authorization": f"Basic {basic}"})).status_code == 200


@pytest.mark.parametrize(
    "header",
    [
        "", "Bearer", "Bearer ", "Bearer noria_", "Bearer noria_00000000_x", "Basic", "Basic !!",
        "Basic /w==", "Digest x", "Bearer \xff\xfe", "Bearer " + "x" * 5_000,
    ],
)  # fmt: skip
async def test_what_is_no_key(guarded, header):
    service, make = guarded
    make()
    answer = await ask(service, {"authorization": header.encode("latin-1")})
    assert answer.status_code == 401


async def test_a_forged_key(guarded):
    """The public part of a real one, and another secret."""
    service, make = guarded
    line, headers = make()
    for forged in (f"noria_{line.id}_{'A' * 43}", headers["authorization"][7:-1], f"noria_{line.id}"):
        answer = await ask(service, {"authorization": f"Bearer {forged}"})
        assert (answer.status_code, answer.json()["what"]) == (401, "The key is not known.")


async def test_a_revoked_and_an_expired_key(guarded, session):
    service, make = guarded
    line, headers = make()
    assert (await ask(service, headers)).status_code == 200
    noria.revoke_key(line.id, session=session)
    keyring_of(service).refresh()
    answer = await ask(service, headers)
    assert (answer.status_code, answer.json()["what"]) == (401, f"The key {line.id} (ann) is revoked.")
    line, headers = make(expires=0.001)
    answer = await ask(service, headers)
    assert (answer.status_code, answer.json()["what"]) == (401, f"The key {line.id} (ann) is expired.")


async def test_a_key_is_for_its_verbs_and_models(guarded):
    service, make = guarded
    line, headers = make(models=["line"], verbs=["predict"])
    assert (await ask(service, headers)).status_code == 200
    for verb, more in (("explain", {}), ("predict", {"explain": True}), ("feedback", {})):
        answer = await ask(service, headers, verb, **more)
        wanted = "feedback" if verb == "feedback" else "explain"
        assert (answer.status_code, answer.json()["what"]) == (
            403,
            f"The key {line.id} (ann) is not for {wanted}.",
        )
    answer = await ask(service, headers, name="pets")
    assert (answer.status_code, answer.json()["what"]) == (403, f"The key {line.id} (ann) is not for 'pets'.")
    assert (await service.client.get("/v1/models/pets/schema", headers=headers)).status_code == 403
    assert (await service.client.get("/metrics", headers=headers)).status_code == 403
    _, admin = make(verbs=["admin"])
    assert (await service.client.get("/metrics", headers=admin)).status_code == 200
    assert (await ask(service, admin)).status_code == 403


async def test_who_has_no_key_for_it_sees_that_something_is_wrong_but_not_what(guarded, session, monkeypatch):
    monkeypatch.setattr(predictions_sql, "_PATIENCE", 0.1)
    service, make = guarded
    (_, user), (_, admin) = make(), make(verbs=["admin"])
    folder = session.registry.folder("line@2") / "model"
    next(folder.glob("member*")).write_bytes(b"broken")
    noria.promote("line@2", session=session)
    service.desk.refresh()
    with closing(sqlite3.connect(session.settings.home / "state.db", isolation_level=None)) as other:
        other.execute("BEGIN IMMEDIATE")
        answer = await service.client.post("/v1/models/line/predict", json={"rows": [{"x": 1}]}, headers=user)
        assert (answer.status_code, answer.json()["got"]) == (503, None)
        for headers in ({}, user, {"authorization": "Bearer no"}):
            told = [(await service.client.get(path, headers=headers)) for path in ("/health", "/ready")]
            assert [one.status_code for one in told] == [200, 503]
            assert told[0].json() == {"status": "degraded", "problems": [told[1].json()["problem"]]}
            assert told[1].json()["problem"] == "See the log of the service, or ask with a key for admin."
        told = (await service.client.get("/health", headers=admin)).json()["problems"]
    assert [one.partition(":")[0] for one in told] == ["line@champion", "log"]
    assert str(folder) in told[0]


async def test_a_key_sees_no_other_models(guarded):
    """Neither that they are there, nor the row of their training that describes them."""
    service, make = guarded
    seen = {}
    for wish in ({"models": ["line"]}, {"verbs": ["feedback"]}, {}):
        _, headers = make(**wish)
        listed = (await service.client.get("/v1/models", headers=headers)).json()
        told = (await service.client.get("/openapi.json", headers=headers)).json()
        paths = {path.split("/")[3] for path in told["paths"] if path.startswith("/v1/models/")}
        assert paths == {one["name"] for one in listed}
        seen[str(wish)] = sorted(paths)
    assert list(seen.values()) == [["line"], [], ["line", "pets"]]


async def test_keys_that_cannot_be_read_again_count_no_more(guarded, monkeypatch):
    service, make = guarded
    _, headers = make()
    monkeypatch.setattr("noria.lifecycle.keys._STALE", -1.0)
    answer = await ask(service, headers)
    assert (answer.status_code, answer.json()["what"]) == (503, "Keys cannot be checked now.")
    assert answer.headers["retry-after"] == "5"


async def test_a_public_service_answers_anybody_and_shows_nobody_its_books(inside, session):
    service = inside("line", keys=True, public=True)
    rows = {"rows": [{"x": 1}]}
    for verb in ("predict", "explain"):
        assert (await service.client.post(f"/v1/models/line/{verb}", json=rows)).status_code == 200
    for path in ("/models/line", "/v1/models/line/schema", "/openapi.json"):
        assert (await service.client.get(path)).status_code == 200
    assert (await service.client.get("/metrics")).status_code == 401
    assert (await ask(service, {}, "feedback")).status_code == 401
    forged = {"authorization": "Bearer noria_00000000_x"}
    assert (await ask(service, forged)).status_code == 401
    _, key = noria.create_key("ann", verbs=["admin"], session=session)
    keyring_of(service).refresh()
    admin = {"authorization": f"Bearer {key}"}
    assert (await service.client.get("/metrics", headers=admin)).status_code == 200


async def test_only_pages_of_a_public_service_stand_in_frames(inside):
    for public, ancestors in ((True, "*"), (False, "'none'")):
        headers = (await inside(keys=True, public=public).client.get("/models/line")).headers
        assert headers["content-security-policy"].endswith(f"frame-ancestors {ancestors}")
        assert ("x-frame-options" in headers) is not public


@pytest.mark.parametrize(
    ("host", "status"),
    [
        ("localhost", 200), ("localhost:8000", 200), ("127.0.0.1:1", 200), ("[::1]:8000", 200),
        ("LOCALHOST", 200), ("evil.example", 421), ("evil.example:8000", 421),
        ("localhost.evil.example", 421), ("", 421),
    ],
)  # fmt: skip
async def test_hosts_that_a_service_on_loopback_is_called_by(inside, host, status):
    service = inside(hosts=["localhost", "127.0.0.1", "::1"])
    assert (await service.client.get("/health", headers={"host": host})).status_code == status


@pytest.mark.parametrize("path", ["/health", "/nothing", "/openapi.json"])
async def test_headers_that_keep_browsers_safe(inside, path):
    headers = (await inside().client.get(path, headers={"origin": "https://evil.example"})).headers
    assert headers["x-content-type-options"] == "nosniff"
    assert headers["referrer-policy"] == "no-referrer"
    assert "frame-ancestors 'none'" in headers["content-security-policy"]
    assert not [name for name in headers if name.startswith("access-control")]


async def test_a_foreign_page_gets_no_permission(inside):
    """A preflight is not granted, and without one no request of another content type is read."""
    client = inside().client
    asked = {"origin": "https://evil.example", "access-control-request-method": "POST"}
    answer = await client.options("/v1/models/line/predict", headers=asked)
    assert answer.status_code == 405
    assert "access-control-allow-origin" not in answer.headers


def test_a_version_that_takes_long_to_load_keeps_no_keys_from_being_read(session, live, monkeypatch):
    monkeypatch.setattr(keys, "_STALE", 0.5)
    _, key = noria.create_key("me", session=session)
    made, loading, loaded = desk("line", session=session), threading.Event(), threading.Event()
    load = made.endpoint("line")._load

    def slow(folder):
        loading.set()
        loaded.wait(30)
        return load(folder)

    made.endpoint("line")._load = slow
    service = live(create_app(made, keyring=keyring(session), poll=0.05))
    noria.promote("line@2", session=session)
    assert loading.wait(10)
    time.sleep(0.7)
    answer = httpx.post(
        f"{service.url}/v1/models/line/predict", json={"rows": [{"x": 1}]},
        headers={"authorization": f"Bearer {key}"},
    )  # fmt: skip
    loaded.set()
    assert answer.status_code == 200
