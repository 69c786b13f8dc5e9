"""Faults of real services: what breaks, whoever is slow, whatever is too much."""

from __future__ import annotations

import http.client
import os
import signal
import socket
import sqlite3
import subprocess
import sys
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from pathlib import Path

import httpx
import polars as pl
import pytest

import noria
from noria.backends.predictions_sql import SqlPredictions
from noria.settings import Settings


def wait_for(fulfilled, seconds: float = 60.0) -> None:
    """Until something is the case; it has to be in the end."""
    last = time.monotonic() + seconds
    while not fulfilled():
        assert time.monotonic() < last, "it has not come to be"
        time.sleep(0.05)


def refused(home: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    """A service that does not begin."""
    return subprocess.run(
        [sys.executable, "-m", "noria", "serve", *arguments], env={**os.environ, "NORIA_HOME": str(home)},
        capture_output=True, text=True, check=False, timeout=60,
    )  # fmt: skip


# -- before it listens ---------------------------------------------------------------------------------------


def test_an_unknown_model(home):
    done = refused(home, "lime", "--port", "0")
    assert (done.returncode, done.stdout) == (4, "")
    assert done.stderr == "error: There is no model 'lime'.\n  do:  Did you mean 'line'?\n"


def test_an_alias_that_nobody_has(home):
    done = refused(home, "line", "--port", "0", "--shadow", "best")
    assert (done.returncode, done.stdout) == (4, "")
    assert done.stderr.startswith("error: No version of 'line' is 'best'.")


@pytest.mark.parametrize("workers", ["1", "2"])
def test_a_damaged_model(home, session, workers):
    next((session.registry.folder("line@1") / "model").glob("member*")).write_bytes(b"broken")
    done = refused(home, "line", "--port", "0", "--workers", workers)
    assert (done.returncode, done.stdout) == (5, "")
    assert "is damaged or was tampered with." in done.stderr
    assert "Traceback" not in done.stderr


def test_a_port_that_is_taken(home):
    with closing(socket.create_server(("127.0.0.1", 0))) as other:
        port = str(other.getsockname()[1])
        done = refused(home, "line", "--port", port)
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr == (
        f"error: Cannot listen on 127.0.0.1, port {port}.\n  got: Address already in use\n"
        "  do:  Choose another port: --port 0 picks a free one.\n"
    )


def test_an_address_that_is_none(home):
    done = refused(home, "line", "--host", "no.such.host.invalid", "--port", "0")
    assert done.returncode == 2
    assert done.stderr.startswith("error: A service on no.such.host.invalid needs keys")


def test_beyond_this_machine_keys_are_needed(home, process, session):
    done = refused(home, "line", "--host", "0.0.0.0", "--port", "0")
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr == (
        "error: A service on 0.0.0.0 needs keys, and there is no valid one.\n"
        "  do:  Run: noria keys create --name me; or let everybody predict: --public\n"
    )
    line, key = noria.create_key("me", session=session)
    service = process("line", "--host", "0.0.0.0")
    headers = {"authorization": f"Bearer {key}"}
    assert service.predict([{"x": 1}]).status_code == 401
    assert service.predict([{"x": 1}], headers=headers).status_code == 200
    noria.revoke_key(line.id, session=session)
    wait_for(lambda: service.predict([{"x": 1}], headers=headers).status_code == 401)


# -- clients -------------------------------------------------------------------------------------------------


def talk(service, *parts: bytes, pause: float = 0.0) -> bytes:
    """Send bytes as they are; what comes back until the service closes or says nothing for long."""
    host, port = service.told["url"].removeprefix("http://").split(":")
    with closing(socket.create_connection((host, int(port)), timeout=30)) as line:
        for part in parts:
            line.sendall(part)
            time.sleep(pause)
        got = b""
        while piece := line.recv(65_536):
            got += piece
        return got


HEAD = b"POST /v1/models/line/predict HTTP/1.1\r\nhost: localhost\r\ncontent-type: application/json\r\n"


def test_what_is_no_http(process):
    service = process("line")
    refused = talk(service, b"\x16\x03\x01 hello\r\n\r\n")
    assert refused.startswith(b"HTTP/1.1 400 ")
    assert b'"The request is not HTTP."' in refused, "the connections are not those of noria.server.patient"
    assert talk(service, HEAD + b"content-length: 999999999999\r\n\r\n").startswith(b"HTTP/1.1 413 ")
    assert service.stop()[0] == 0


def test_a_million_rows_at_once(process):
    service = process("line")
    answer = service.predict([{"x": 1}] * 1_000_000)
    assert (answer.status_code, answer.json()["what"]) == (413, "Too many rows were sent at once.")
    assert service.predict([{"x": 1}]).status_code == 200


def test_many_rows_keep_nobody_waiting(process):
    """They come in pieces: single rows are answered in between, and in the end all are there."""
    service = process("line")
    rows = [{"x": at} for at in range(100_000)]
    with ThreadPoolExecutor(1) as pool:
        many = pool.submit(
            httpx.post, f"{service.told['url']}/v1/models/line/predict", json={"rows": rows}, timeout=60
        )
        between = 0
        while not many.done():
            between += service.predict([{"x": 1}]).status_code == 200
    told = many.result().json()
    assert len(told["predictions"]) == len(rows)
    assert between > 3
    assert told["predictions"][7] == service.predict([{"x": 7}]).json()["predictions"][0]


# -- storage -------------------------------------------------------------------------------------------------


def test_a_locked_database(process, home):
    """Whoever waits gets 503 and may come again; nothing unlogged is answered."""
    service = process("line")
    assert service.predict([{"x": 1}]).status_code == 200
    with closing(sqlite3.connect(home / "state.db", isolation_level=None)) as other:
        other.execute("BEGIN IMMEDIATE")
        answer = service.predict([{"x": 2}])
        assert (answer.status_code, answer.headers["retry-after"]) == (503, "1")
        assert answer.json()["what"] == "Nothing can be kept now, and nothing is answered that is not kept."
        assert service.client.get("/ready").status_code == 503
        other.execute("ROLLBACK")
    assert service.predict([{"x": 3}]).status_code == 200
    assert service.client.get("/ready").status_code == 200
    inputs = [line.inputs for line in SqlPredictions(Settings(home=home)).read()]
    assert inputs == ['{"x":1}', '{"x":3}']


def test_a_full_disk(process, home, small_disk):
    disk = small_disk("1m")
    state = f"sqlite:///{disk.folder}/state.db"
    noria.reindex(session=noria.Session(Settings(home=home, state=state)))
    service = process("line", NORIA_STATE=state)
    answers = []
    while len(answers) < 200 and (not answers or answers[-1].status_code == 200):
        answers.append(service.predict([{"x": at} for at in range(200)]))
    assert answers[-1].status_code == 507
    assert str(disk.folder) not in answers[-1].text, "where it lies is for its operator"
    known = {line.request for line in SqlPredictions(Settings(home=home, state=state)).read()}
    assert known == {answer.json()["request"] for answer in answers[:-1]}
    assert service.client.get("/health").status_code == 200
    code, said = service.stop()
    assert code == 0
    assert "got: database or disk is full" in said


def test_a_public_service_takes_smaller_files(process, tmp_path):
    """As a Space does: less is sent, scored and written than where callers are known."""
    service = process("line", "--public", "--no-log")
    assert "up to 100.0 MB" in service.client.get("/models/line").text
    place, kind = "/v1/models/line/files?file=rows.parquet&to=csv", "application/octet-stream"
    line = http.client.HTTPConnection(service.told["url"].removeprefix("http://"))
    line.putrequest("POST", place)
    for name, value in (("content-type", kind), ("content-length", str(10**8 + 1))):
        line.putheader(name, value)
    line.endheaders()
    assert line.getresponse().status == 413
    line.close()
    pl.DataFrame({"x": pl.Series([1.0]).new_from_index(0, 1_100_000)}).write_parquet(
        tmp_path / "rows.parquet"
    )
    sent = (tmp_path / "rows.parquet").read_bytes()
    assert len(sent) < 100_000
    job = service.client.post(place, content=sent, headers={"content-type": kind}).json()
    where = f"/v1/models/line/files/{job['id']}"
    wait_for(lambda: service.client.get(where).json()["state"] != "running")
    told = service.client.get(where).json()
    assert (told["state"], told["error"]["what"]) == (
        "failed",
        "The file is more than is scored here at once.",
    )
    assert service.client.get(f"{where}/result").status_code == 404


# -- its end -------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("how", [signal.SIGTERM, signal.SIGINT])
@pytest.mark.parametrize("workers", ["1", "2"])
def test_it_ends_cleanly(process, how, workers):
    service = process("line", "--workers", workers)
    assert service.predict([{"x": 1}]).status_code == 200
    children = service.workers()
    assert len(children) == (0 if workers == "1" else 2)
    service.client.close()
    service.process.send_signal(how)
    said = service.process.communicate(timeout=60)[1]
    assert (service.process.returncode, said) == (0, "")
    wait_for(lambda: not any(Path(f"/proc/{one}").exists() for one in children))


def test_what_is_being_answered_is_answered(process, home):
    """Requests that came before the end are answered, and are in the log."""
    service = process("line")
    rows = [{"x": at} for at in range(50_000)]
    with ThreadPoolExecutor(1) as pool:
        many = pool.submit(
            httpx.post, f"{service.told['url']}/v1/models/line/predict", json={"rows": rows}, timeout=60
        )
        wait_for(lambda: "noria_waiting_rows 50000.0" in service.client.get("/metrics").text or many.done())
        service.client.close()
        assert service.stop() == (0, "")
    answer = many.result()
    assert answer.status_code == 200
    kept = [line.request for line in SqlPredictions(Settings(home=home)).read()]
    assert kept == [answer.json()["request"]] * 50_000


def test_workers_end_with_the_process_that_started_them(process, tmp_path):
    service = process("line", "--workers", "2", TMPDIR=str(tmp_path))
    children = service.workers()
    assert len(children) == 2
    assert list(tmp_path.glob("noria-metrics-*"))
    service.process.kill()
    wait_for(lambda: not any(Path(f"/proc/{one}").exists() for one in children))
    assert not list(tmp_path.glob("noria-metrics-*"))


def test_a_worker_that_is_killed_is_started_again(process, home):
    """Under load: whoever was answered is in the log, and soon there are as many workers as before."""
    service = process("line", "--workers", "2")
    stop, answered, failures = threading.Event(), [], []

    def load() -> None:
        client = httpx.Client(base_url=service.told["url"], timeout=30)
        while not stop.is_set():
            try:
                answer = client.post("/v1/models/line/predict", json={"rows": [{"x": 1}]})
                answered.append(answer.json()["request"])
            except httpx.TransportError as error:
                failures.append(error)

    before = service.workers()
    threads = [threading.Thread(target=load) for _ in range(4)]
    for thread in threads:
        thread.start()
    wait_for(lambda: len(answered) > 50)
    os.kill(before[0], signal.SIGKILL)
    wait_for(lambda: before[0] not in service.workers() and len(service.workers()) == 2)
    seen = len(answered)
    wait_for(lambda: len(answered) > seen + 50)
    stop.set()
    for thread in threads:
        thread.join()
    assert len(failures) <= 4 + 4, "only what the killed worker was about to answer"
    kept = {line.request for line in SqlPredictions(Settings(home=home)).read()}
    assert set(answered) <= kept


def test_counters_of_all_workers_are_told_together(process):
    service = process("line", "--workers", "2")
    with ThreadPoolExecutor(8) as pool:
        list(
            pool.map(
                lambda _: httpx.post(
                    f"{service.told['url']}/v1/models/line/predict", json={"rows": [{"x": 1}]}
                ),
                range(40),
            )
        )
    text = service.client.get("/metrics").text
    assert 'noria_requests_total{model="line",role="champion",version="1"} 40.0' in text
    assert 'noria_model_version{alias="champion",model="line"} 1.0' in text


def test_the_version_is_told_whichever_worker_is_asked_and_whichever_has_died(process, session):
    service = process("line", "--workers", "2")

    def promoted(version: int) -> None:
        noria.promote(f"line@{version}", session=session)
        line = f'noria_model_version{{alias="champion",model="line"}} {version}.0'
        wait_for(lambda: line in httpx.get(f"{service.told['url']}/metrics").text)

    promoted(2)
    before = service.workers()
    os.kill(before[0], signal.SIGKILL)
    wait_for(lambda: before[0] not in service.workers() and len(service.workers()) == 2)
    promoted(1)
