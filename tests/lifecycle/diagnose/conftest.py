"""Runs whose case is kept, to be looked at again."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import polars as pl
import pytest

import noria
from noria.core.deadline import Deadline
from noria.core.insight import Finding
from noria.lifecycle import train
from noria.lifecycle.examine import Case
from noria.settings import Settings

Diagnosed = tuple[noria.Run, Case]


@pytest.fixture(scope="module")
def diagnosed(tmp_path_factory) -> Callable[..., Diagnosed]:
    """Train, and give the run with the case that its findings came from."""

    def make(source: Any, target: str = "y", *, test: pl.DataFrame | None = None, **keys: Any) -> Diagnosed:
        cases: list[Case] = []
        examine = train.examine

        def kept(case: Case):
            cases.append(case)
            return examine(case)

        session = noria.Session(Settings(home=tmp_path_factory.mktemp("home"), workers=2))
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(train, "examine", kept)
            wish = {"budget": "120s", "trials": 4, **keys}
            run = noria.train(source, target, test=test, session=session, **wish)
        return run, replace(cases[0], deadline=Deadline(math.inf))

    return make


def by_code(findings) -> dict[str, Finding]:
    return {one.code: one for one in findings}
