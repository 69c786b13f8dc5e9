"""A service under load while the world changes: no answer is lost, no request fails by an exchange."""

from __future__ import annotations

import os
import signal
import threading
import time
from collections.abc import Callable
from contextlib import contextmanager

import httpx
import pytest

import noria
from noria.backends.predictions_sql import SqlPredictions
from noria.settings import Settings


class Load:
    """Requests of some clients, one after the other, until they are told to stop."""

    def __init__(self, url: str, clients: int = 4) -> None:
        self.answered: list[dict] = []
        self.refused: list[httpx.Response] = []
        self.broken: list[httpx.TransportError] = []
        self._url, self._stopped = url, threading.Event()
        self._threads = [threading.Thread(target=self._run, args=(at,)) for at in range(clients)]

    def _run(self, at: int) -> None:
        with httpx.Client(base_url=self._url, timeout=60) as client:
            number = 0
            while not self._stopped.is_set():
                number += 1
                body = {"rows": [{"x": at}, {"x": number}]}
                try:
                    answer = client.post("/v1/models/line/predict", json=body)
                except httpx.TransportError as error:
                    self.broken.append(error)
                    time.sleep(0.05)
                    continue
                if answer.status_code == 200:
                    self.answered.append(answer.json())
                else:
                    self.refused.append(answer)
                    time.sleep(0.05)

    @contextmanager
    def going(self):
        """While the block lasts."""
        for thread in self._threads:
            thread.start()
        try:
            yield self
        finally:
            self._stopped.set()
            for thread in self._threads:
                thread.join()

    def wait(self, fulfilled: Callable[[], bool]) -> None:
        last = time.monotonic() + 60
        while not fulfilled():
            assert time.monotonic() < last, "it has not come to be"
            time.sleep(0.02)

    def more(self, count: int = 40) -> None:
        """Until so many more were answered."""
        seen = len(self.answered)
        self.wait(lambda: len(self.answered) >= seen + count)


def kept(settings: Settings) -> set[str]:
    return {line.id for line in SqlPredictions(settings).read()}


def acknowledged(load: Load) -> set[str]:
    return {f"{told['request']}-{at}" for told in load.answered for at in range(2)}


@pytest.mark.parametrize("workers", ["1", "2"])
def test_versions_are_exchanged_under_load_without_a_failed_request(home, process, workers):
    session = noria.Session(Settings(home=home))
    service = process("line", "--workers", workers)
    load = Load(service.told["url"])
    with load.going():
        load.more()
        for version in (2, 1, 2):
            noria.promote(f"line@{version}", session=session)
            load.wait(lambda version=version: all(told["version"] == version for told in load.answered[-30:]))
    assert (load.refused, load.broken) == ([], [])
    slopes = {
        told["version"]: told["predictions"][1]["prediction"] - told["predictions"][0]["prediction"]
        for told in load.answered[5:]
    }
    assert set(slopes) == {1, 2}
    lines = list(SqlPredictions(session.settings).read())
    assert {line.id for line in lines} == acknowledged(load)
    by_request = {told["request"]: told["version"] for told in load.answered}
    assert all(line.version == by_request[line.request] for line in lines)


@pytest.mark.parametrize("kind", ["sqlite", "postgresql"])
def test_nothing_acknowledged_is_lost_when_a_service_is_killed(home, process, kind, request):
    environment = {}
    if kind == "postgresql":
        pytest.importorskip("psycopg", reason="the extra noria[postgres] is not installed")
        environment["NORIA_STATE"] = request.getfixturevalue("postgres").database()
    settings = Settings(home=home, state=environment.get("NORIA_STATE"))
    all_answered: set[str] = set()
    for _ in range(3):
        service = process("line", **environment)
        load = Load(service.told["url"])
        with load.going():
            load.more()
            os.kill(service.process.pid, signal.SIGKILL)
            load.wait(lambda load=load: len(load.broken) >= 4)
        assert load.refused == []
        all_answered |= acknowledged(load)
    found = kept(settings)
    assert all_answered <= found
    assert len(found) <= len(all_answered) + 3 * 4 * 2, "only what was not answered any more"


def test_a_server_is_restarted_under_load(home, process, postgres):
    """Requests wait for it for some seconds, then they are refused; when it is back everything goes on."""
    pytest.importorskip("psycopg", reason="the extra noria[postgres] is not installed")
    settings = Settings(home=home, state=postgres.database())
    service = process("line", NORIA_STATE=settings.state)
    load = Load(service.told["url"])
    with load.going():
        load.more()
        with postgres.away():
            pass
        load.more()
        assert (load.refused, load.broken) == ([], []), "a quick restart is waited for"
        with postgres.away():
            load.wait(lambda: bool(load.refused))
            assert httpx.get(f"{service.told['url']}/health").json()["status"] == "degraded"
        load.more()
    assert load.broken == []
    assert {answer.status_code for answer in load.refused} == {503}
    assert {answer.headers["retry-after"] for answer in load.refused} == {"1"}
    found = kept(settings)
    assert acknowledged(load) <= found
    assert not {answer.json().get("request") for answer in load.refused} & found
    assert sum(1 for _ in SqlPredictions(settings).read()) == len(found), "no line is there twice"
    assert service.stop()[0] == 0
