from __future__ import annotations

import time

import httpx
import pytest

from noria.api import desk
from noria.server import create_app, patient

PLACE = "/v1/models/line/files?file=rows.csv&to=csv"
RAW = {"content-type": "application/octet-stream"}


@pytest.fixture
def url(session, tmp_path, live, monkeypatch):
    monkeypatch.setattr(patient, "_WHOLE", 0.4)
    app = create_app(desk("line", session=session), files=tmp_path / "files")
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
