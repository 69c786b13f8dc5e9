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
from noria.core.insight import Finding, Insight
from noria.core.result import Figure
from noria.lifecycle import slices, train
from noria.lifecycle.diagnose import diagnose
from noria.lifecycle.examine import Case
from noria.settings import Settings

Diagnosed = tuple[noria.Run, Case]


@pytest.fixture(scope="module")
def diagnosed(tmp_path_factory) -> Callable[..., Diagnosed]:
    """Train, look for faults and nothing else, and give the run with the case that its findings came from."""

    def make(source: Any, target: str = "y", *, test: pl.DataFrame | None = None, **keys: Any) -> Diagnosed:
        cases: list[Case] = []

        def judged(case: Case) -> tuple[Insight, list[Figure]]:
            whole = replace(case, deadline=Deadline(math.inf))
            cases.append(whole)
            weak = slices.worst(whole, whole.deadline)
            return Insight(tuple(diagnose(whole, weak)), tuple(weak)), []

        session = noria.Session(Settings(home=tmp_path_factory.mktemp("home"), workers=2))
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(train, "examine", judged)
            wish = {"budget": "60s", "trials": 4, **keys}
            run = noria.train(source, target, test=test, session=session, **wish)
        return run, cases[0]

    return make


def by_code(findings) -> dict[str, Finding]:
    return {one.code: one for one in findings}
