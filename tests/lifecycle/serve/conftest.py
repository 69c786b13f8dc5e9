"""Endpoints of a model that was trained once, which may be made slow."""

from __future__ import annotations

import shutil
import threading
import time
from collections.abc import Callable
from pathlib import Path

import polars as pl
import pytest

import noria
from noria.core import artifact
from noria.data.conform import conform
from noria.lifecycle.serve import Endpoint, Traffic
from noria.settings import Settings


@pytest.fixture(scope="session")
def trained(tmp_path_factory) -> Path:
    """A home with two versions of 'line': champion and challenger."""
    home = tmp_path_factory.mktemp("endpoints") / "home"
    session = noria.Session(Settings(home=home, workers=2))
    for slope in (2.0, -3.0):
        rows = {"x": [0.5 * at for at in range(80)], "y": [slope * 0.5 * at for at in range(80)]}
        noria.train(
            rows,
            "y",
            name="line",
            task="regression",
            learners=["ridge"],
            budget="10s",
            trials=2,
            session=session,
        )
    noria.promote("line@1", session=session)
    noria.promote("line@2", alias="challenger", session=session)
    return home


@pytest.fixture
def session(trained, tmp_path) -> noria.Session:
    return noria.Session(Settings(home=shutil.copytree(trained, tmp_path / "home"), workers=2))


class Slow:
    """A model that takes its time, and remembers how many rows it was given at once."""

    def __init__(self, model, seconds: float) -> None:
        self.model, self.seconds, self.signature = model, seconds, model.signature
        self.tables: list[int] = []
        self.threads: set[str] = set()
        self.size = 0

    def predict(self, rows: pl.DataFrame) -> pl.DataFrame:
        self.tables.append(rows.height)
        self.threads.add(threading.current_thread().name)
        time.sleep(self.seconds)
        return self.model.predict(rows)

    explain = save = None


@pytest.fixture
def endpoint(session) -> Callable[..., Endpoint]:
    """Make an endpoint of 'line'; `seconds` makes its model slow."""

    def make(traffic: Traffic | None = None, seconds: float | None = None, registry=None) -> Endpoint:
        def load(folder):
            model = artifact.load(folder, prepare=conform, trusted=session.trusts)
            return model if seconds is None else Slow(model, seconds)

        return Endpoint("line", registry or session.registry, load, traffic=traffic)

    return make


@pytest.fixture
def anyio_backend() -> str:
    return "asyncio"
