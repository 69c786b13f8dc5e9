from __future__ import annotations

import json
import re
import socket
import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing

import httpx
import pytest

from noria.api import desk
from noria.server import create_app, patient

PLACE = "/v1/models/line/files?file=rows.csv&to=csv"
RAW = {"content-type": "application/octet-stream"}


@pytest.fixture
def url(session, tmp_path, live, monkeypatch):
    monkeypatch.setattr(patient, "_WHOLE", 0.4)
    app = create_app(desk("line", session=session, log=False), files=tmp_path / "files")
    return live(app, http=patient.Patient).url


def dribbled(*pieces: bytes):
    for piece in pieces:
        yield piece
        time.sleep(0.15)


def test_a_large_file_may_take_longer_than_a_request(url):
    rows = b"1.5\n" * 100_000
    answer = httpx.post(url + PLACE, content=dribbled(b"x\n", *[rows] * 6), headers=RAW)
    assert answer.status_code == 202


def test_one_that_dribbles_may_not(url):
    answer = httpx.post(url + PLACE, content=dribbled(b"x\n", *[b"1\n"] * 20), headers=RAW)
    assert (answer.status_code, answer.json()["what"]) == (408, "The request came too slowly.")


@pytest.mark.parametrize(("pause", "whole"), [(5.0, False), (0.0, True)])
def test_an_answer_that_nobody_reads_is_not_kept(url, monkeypatch, pause, whole):
    monkeypatch.setattr(patient, "_WHOLE", 1.5)  # long enough for a request of a megabyte, however busy it is
    body = json.dumps({"rows": [{"x": 1}] * 100_000}).encode()
    head = "POST /v1/models/line/predict HTTP/1.1\r\nhost: localhost\r\ncontent-type: application/json\r\n"
    with closing(socket.socket()) as line:
        line.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 2**16)
        line.connect(("127.0.0.1", int(url.rpartition(":")[2])))
        line.sendall(f"{head}connection: close\r\ncontent-length: {len(body)}\r\n\r\n".encode() + body)
        got = line.recv(1_000)
        time.sleep(pause)
        size, length = len(got), int(re.search(rb"content-length: (\d+)", got)[1])
        while piece := line.recv(65_536):
            size += len(piece)
    assert (size > length) is whole


GOOD = b"GET /health HTTP/1.1\r\nhost: localhost\r\n\r\n"


def said(url: str, *pieces: bytes) -> list[tuple[int, dict[str, str], dict]]:
    """The answers to what is sent on one connection: their status, headers and JSON."""
    with closing(socket.create_connection(("127.0.0.1", int(url.rpartition(":")[2])), timeout=10)) as line:
        for piece in pieces:
            line.sendall(piece)
        got = b""
        while piece := line.recv(65_536):
            got += piece
    answers = []
    while got:
        head, _, rest = got.partition(b"\r\n\r\n")
        first, *lines = head.decode().split("\r\n")
        headers = dict(one.split(": ", 1) for one in lines)
        length = int(headers["content-length"])
        answers.append((int(first.split()[1]), headers, json.loads(rest[:length])))
        got = rest[length:]
    return answers


def test_headers_that_do_not_come_to_their_end(url):
    ((status, headers, told),) = said(url, GOOD[:30])
    assert (status, told["what"]) == (408, "The request came too slowly.")
    assert headers["connection"] == "close"


def test_slow_clients_hold_up_nobody(url):
    """One that never ends its headers, one that never sends its body; meanwhile others are answered."""
    head = b"POST /v1/models/line/predict HTTP/1.1\r\nhost: localhost\r\ncontent-type: application/json\r\n"
    with ThreadPoolExecutor(2) as pool:
        slow = [
            pool.submit(said, url, head), pool.submit(said, url, head + b"content-length: 100\r\n\r\n", b"{")
        ]  # fmt: skip
        assert httpx.post(f"{url}/v1/models/line/predict", json={"rows": [{"x": 1}]}).status_code == 200
        assert [one.result()[0][0] for one in slow] == [408, 408]


def test_a_connection_on_which_nothing_comes_is_just_closed(url, monkeypatch):
    monkeypatch.setattr(patient, "_HEAD", 0.2)
    assert said(url) == []


@pytest.mark.parametrize(
    ("head", "status"),
    [
        (b"x: " + b"y" * 70_000, 431),
        (b"x: " + b"y" * 40_000 + b"\r\n\r\n", 431),
        (b"x: y\r\n" * 101 + b"\r\n", 431),
    ],
)
def test_headers_that_are_too_large(url, head, status):
    request = b"GET /health HTTP/1.1\r\nhost: localhost\r\nconnection: close\r\n" + head
    ((found, headers, told),) = said(url, request)
    assert (found, told["what"]) == (status, "The headers of the request are too large.")
    assert headers["x-content-type-options"] == "nosniff"


def test_what_is_no_http_is_refused_and_spoils_nothing_before_it(url):
    ((status, headers, told),) = said(url, b"garbage\r\n\r\n")
    assert (status, told["what"]) == (400, "The request is not HTTP.")
    assert (headers["content-type"], headers["x-content-type-options"]) == ("application/json", "nosniff")
    answers = said(url, GOOD + GOOD + b"garbage\r\n\r\n", GOOD)
    assert [one[0] for one in answers] == [200, 200, 400]
    broken = GOOD.replace(b"GET", b"POST").replace(
        b"\r\n\r\n", b"\r\ntransfer-encoding: chunked\r\n\r\nzz\r\n"
    )
    assert [one[0] for one in said(url, broken.replace(b"/health", b"/v1/models/line/predict"))][-1] in (
        400,
        415,
    )


def test_another_protocol_is_not_spoken(url, caplog):
    upgrade = b"connection: upgrade, close\r\nupgrade: websocket\r\n\r\n"
    ((status, _, _),) = said(url, GOOD[:-2] + upgrade)
    assert status == 200
    assert "pip install" not in caplog.text
