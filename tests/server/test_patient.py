from __future__ import annotations

import json
import re
import socket
import time
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


@pytest.mark.parametrize(("pause", "whole"), [(2.0, False), (0.0, True)])
def test_an_answer_that_nobody_reads_is_not_kept(url, pause, whole):
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
