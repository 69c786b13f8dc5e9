"""Models that were trained once, in a home of each test's own; services in this process and as real ones."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import httpx
import pytest

import noria
from noria.api import desk, keyring
from noria.lifecycle.serve import Desk
from noria.server import create_app
from noria.settings import Settings

TASKS = ("pumps", "wheels", "invoices", "holidays", "gloves", "ladders")
HOSTILE = "<script>alert(1)</script> & <img src=x onerror=alert(2)>"
SLOPES = {1: 2.0, 2: -3.0}
"""The versions of the model 'line', and what x is multiplied by: champion and challenger."""


@pytest.fixture(scope="session")
def trained(tmp_path_factory) -> Path:
    """A home with two versions of 'line', and 'pets' with text in it."""
    home = tmp_path_factory.mktemp("served") / "home"
    session = noria.Session(Settings(home=home, workers=2))
    wish = {"budget": "10s", "trials": 2, "session": session}
    for slope in SLOPES.values():
        rows = {"x": [0.5 * at for at in range(80)], "y": [slope * 0.5 * at for at in range(80)]}
        noria.train(rows, "y", name="line", task="regression", learners=["ridge"], **wish)
    noria.promote("line@1", session=session)
    noria.promote("line@2", alias="challenger", session=session)
    pets = {
        "weight": [(4 if at % 2 else 20) + at % 7 for at in range(80)],
        "colour": [("black", "white", "red")[at % 3] for at in range(80)],
        "kind": [("dog", "cat")[at % 2] for at in range(80)],
    }
    noria.train(pets, "kind", name="pets", learners=["logistic"], **wish)
    return home


@pytest.fixture(scope="session")
def handbook(tmp_path_factory) -> noria.Session:
    """A home with 'handbook', which answers from pages, one of them hostile, and 'line', which does not."""
    folder = tmp_path_factory.mktemp("handbook")
    for task in TASKS:
        kept = f"The {task} are looked after by team {task[0].upper()}. 🏘"
        text = f"# About {task}\n\n{kept}\n\n## Costs\n\nAll {task} cost 20 euros.\n"
        (folder / f"{task}.md").write_text(text, encoding="utf-8")
    (folder / "<b>bold.txt").write_text(f"Dragons are fed with {HOSTILE} on Sundays.\n")
    rows = [{"question": f"Who looks after {task}?", "relevant": f"{task}.md"} for task in TASKS]
    rows += [{"question": f"What do {task} cost?", "relevant": f"{task}.md"} for task in TASKS]
    places = ("Oslo", "Rome", "Bern")
    rows += [{"question": f"Where is {place}?", "relevant": "not in the documents"} for place in places]
    session = noria.Session(Settings(home=tmp_path_factory.mktemp("served") / "home", workers=2))
    wish = {"budget": "20s", "trials": 2, "session": session}
    noria.train(rows, "relevant", documents=folder, name="handbook", learners=["bm25"], **wish)
    line = {"x": [0.5 * x for x in range(60)], "y": [2.0 * x for x in range(60)]}
    noria.train(line, "y", name="line", task="regression", learners=["ridge"], **wish)
    return session


@pytest.fixture
def home(trained, tmp_path) -> Path:
    """A copy of it."""
    return shutil.copytree(trained, tmp_path / "home")


@pytest.fixture
def session(home) -> noria.Session:
    return noria.Session(Settings(home=home, workers=2))


@dataclass
class Inside:
    """A service in this process."""

    desk: Desk
    client: httpx.AsyncClient

    async def predict(self, rows, name="line", verb="predict", **more) -> httpx.Response:
        """What a request gets."""
        return await self.client.post(f"/v1/models/{name}/{verb}", json={"rows": rows, **more})


@pytest.fixture
def inside(session) -> Callable[..., Inside]:
    """Make a service of desk's options."""

    def make(*models, keys=False, hosts=None, public=False, **options) -> Inside:
        made = desk(*(models or ["line"]), session=session, **options)
        app = create_app(made, keyring=keyring(session) if keys else None, hosts=hosts, public=public)
        transport = httpx.ASGITransport(app, raise_app_exceptions=False)
        return Inside(made, httpx.AsyncClient(transport=transport, base_url="http://localhost"))

    return make


class Process:
    """A service as users start it."""

    def __init__(self, home: Path, *arguments: object, **environment: str) -> None:
        command = [sys.executable, "-m", "noria", "serve", *map(str, arguments), "--port", "0", "--json"]
        known = {name: value for name, value in os.environ.items() if name != "NORIA_STATE"}
        self.process = subprocess.Popen(
            command, env={**known, "NORIA_HOME": str(home), **environment},
            stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
        )  # fmt: skip
        line = self.process.stdout.readline()
        if not line:
            raise AssertionError(self.process.communicate()[1])
        self.told = json.loads(line)
        self.client = httpx.Client(base_url=self.told["url"], timeout=60)

    def predict(self, rows, name="line", **more) -> httpx.Response:
        """What a request gets."""
        return self.client.post(f"/v1/models/{name}/predict", json={"rows": rows}, **more)

    def workers(self) -> list[int]:
        """The processes that answer."""
        listed = Path(f"/proc/{self.process.pid}/task/{self.process.pid}/children").read_text().split()
        return [int(one) for one in listed if "spawn_main" in self._program(one)]

    @staticmethod
    def _program(process: str) -> str:
        try:
            return Path(f"/proc/{process}/cmdline").read_text()
        except (FileNotFoundError, ProcessLookupError):  # it has ended meanwhile
            return ""

    def stop(self) -> tuple[int, str]:
        """End it as an operator does; its exit code and what it said on stderr."""
        self.process.terminate()
        said = self.process.communicate(timeout=60)[1]
        return self.process.returncode, said

    def close(self) -> None:
        """Let nothing be left."""
        self.client.close()
        if self.process.poll() is None:
            self.process.kill()
            self.process.communicate()


@pytest.fixture
def process(home) -> Iterator[Callable[..., Process]]:
    """Start services; they end with the test."""
    started: list[Process] = []

    def start(*arguments: object, **environment: str) -> Process:
        started.append(Process(home, *(arguments or ["line"]), **environment))
        return started[-1]

    yield start
    for one in started:
        one.close()


@pytest.fixture
def anyio_backend() -> str:
    return "asyncio"
