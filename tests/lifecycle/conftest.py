from __future__ import annotations

from collections.abc import Callable

import polars as pl
import pytest

import noria
from noria.lifecycle import train
from noria.lifecycle.examine import Case
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
