from __future__ import annotations

import json
import shutil
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import pytest

import noria
from noria.api._walks import _walk
from noria.api._watch import retrainer, watcher
from noria.core.serving import Label, LoggedPrediction
from noria.lifecycle import train
from noria.lifecycle.examine import Case
from noria.lifecycle.retrain import Retrainer
from noria.lifecycle.watch import Watcher
from noria.settings import Settings


@pytest.fixture(scope="session")
def judged(tmp_path_factory) -> Callable[..., Case]:
    """The judged model of a real run and all that it came from, as `examine` gets it."""

    def walk(table: pl.DataFrame, target: str = "y", **keys) -> Case:
        seen: list[Case] = []
        examine = train.examine
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(train, "examine", lambda case: (seen.append(case), examine(case))[1])
            session = noria.Session(Settings(home=tmp_path_factory.mktemp("home"), workers=2))
            noria.train(table, target, session=session, **{"budget": "60s", "folds": 3, **keys})
        return seen[0]

    return walk


def townsfolk(rows: int, seed: int, *, older: float = 0.0, odd: float = 0.0) -> pl.DataFrame:
    """Rows whose classes follow age and town; `older` moves the ages, `odd` what Leiden means."""
    rng = np.random.default_rng(seed)
    age, town = rng.normal(40 + older, 12, rows), rng.choice(["Delft", "Gouda", "Leiden"], rows)
    signal = (age - 40) / 12 + (town == "Delft") + odd * (town == "Leiden") + rng.normal(0, 0.5, rows)
    income = rng.lognormal(10, 0.5, rows)
    return pl.DataFrame(
        {"age": age, "town": town, "income": income, "y": np.where(signal > 0.5, "yes", "no")}
    )


@pytest.fixture(scope="session")
def home(tmp_path_factory) -> Path:
    """A home in which 'toy' was trained once."""
    folder = tmp_path_factory.mktemp("watched") / "home"
    session = noria.Session(Settings(home=folder, workers=2))
    recipe = {
        "name": "toy",
        "data": {"target": "y"},
        "search": {"learners": ["logistic"], "trials": 2, "budget": "20s", "folds": 2},
        "monitor": {"retrain": {"on": ["drift", "decay"], "every": "30d"}},
    }
    _walk(noria.Recipe.parse(recipe), session, source=townsfolk(1_500, 0))
    return folder


@dataclass
class Service:
    """What a service would leave in the log, without the service."""

    session: noria.Session
    now: float = field(default_factory=time.time)
    count: int = 0

    @property
    def watcher(self) -> Watcher:
        made = watcher(self.session)
        made.clock = lambda: self.now
        return made

    @property
    def retrain(self) -> Retrainer:
        made = retrainer(self.session)
        made.watcher = self.watcher
        return made

    def answer(self, rows: pl.DataFrame, *, labels: bool = True, **facts: Any) -> list[str]:
        """Log the champion's answers to some rows, and their truth; the ids."""
        version = self.session.registry.find("toy").number
        inputs = rows.drop("y", strict=False)
        outputs = noria.load("toy", session=self.session).predict(inputs).to_dicts()
        return self.log(inputs.to_dicts(), outputs, rows["y"] if labels else (), version=version, **facts)

    def log(
        self, inputs, outputs, labels=(), *, version=1, role="champion", seconds=0.002, step=0.01, cpu=0.002
    ) -> list[str]:
        self.count += 1
        ids = [f"{self.count}-{at}" for at in range(len(inputs))]
        self.now += 3_600
        begun = self.now - 60
        log = self.watcher.log
        log.append(
            [
                LoggedPrediction(
                    one, one, "toy", version, role, begun + step * at, seconds, None, json.dumps(sent),
                    json.dumps(said), cpu,
                )
                for at, (one, sent, said) in enumerate(zip(ids, inputs, outputs))
            ]
        )  # fmt: skip
        log.tell("toy", [Label.of(one, truth, begun + 30) for one, truth in zip(ids, labels)])
        return ids

    def check(self, **changes: Any) -> Any:
        return self.watcher.check("toy", **changes)


@pytest.fixture
def service(home, tmp_path) -> Service:
    return Service(noria.Session(Settings(home=shutil.copytree(home, tmp_path / "home"), workers=2)))


@pytest.fixture(scope="session")
def served() -> type[Service]:
    return Service


@pytest.fixture(scope="session")
def rows() -> Callable[..., pl.DataFrame]:
    return townsfolk
