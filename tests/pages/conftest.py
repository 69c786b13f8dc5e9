from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from types import SimpleNamespace
from typing import Any

import polars as pl
import pytest

from noria.core.insight import Finding, Importance, Insight, Severity, Slice
from noria.core.result import Evaluation, Figure, Goal, Leader, Score
from noria.core.schema import Column, Schema, Type
from noria.core.signature import Output, Signature
from noria.pages.story import Story

EVIL = "<script>window.hacked = 1</script><b>"
RTL = "גיל המנוע"
EMOJI = "🚀 km/h"


def insight(name: str = "age") -> Insight:
    return Insight(
        (
            Finding("NOR004", Severity.HIGH, f"{name} tells all", "It scores 0.84.", "Check it.", (name,)),
            Finding("NOR017", Severity.MEDIUM, "The interval is wide", "0.79 to 0.89.", "More rows."),
            Finding("NOR021", Severity.LOW, "Too sure", "Of rows with 90%, 84% are right.", "Calibrate."),
        ),
        (
            Slice(
                f"{name} is 60 or more", 41, Score("accuracy", 0.61, 0.48, 0.74),
                Score("accuracy", 0.87, 0.83, 0.91),
            ),
        ),
        (Importance(name, 0.17, 0.12, 0.22), Importance("sex", 0.06, 0.01, 0.1)),
    )  # fmt: skip


def figures(name: str = "age") -> list[Figure]:
    frame = pl.DataFrame({"feature": [name, "sex", "class"], "value": [0.3, 0.2, 0.1]})
    axis = {"x": {"field": "value", "type": "quantitative"}, "y": {"field": "feature", "type": "nominal"}}
    bars = {"mark": "bar", "width": "container", "height": 120, "encoding": axis}
    facets = {
        "facet": {"field": "feature", "title": None}, "columns": 2,
        "spec": {"width": 300, "height": 80, "mark": "bar", "encoding": {"x": axis["x"]}},
    }  # fmt: skip
    return [
        Figure("confusion", f"Shares of {name}", frame, bars, "results", "The longer, the more."),
        Figure("weak", "Errors", frame, bars, "errors", "The longer, the worse."),
        Figure("dependence", "Dependence", frame, facets, "explanation", "One box per column."),
        Figure("curve", "Learning", frame, bars, "learning"),
    ]


def record(name: str = "age", title: str = "Who survived?", **changes: Any) -> dict[str, Any]:
    evaluation = Evaluation(
        263,
        "stratified by survived, 20% held out",
        "accuracy",
        {
            "accuracy": Score("accuracy", 0.8441, 0.79, 0.8868),
            "roc_auc": Score("roc_auc", 0.88, 0.84, 0.93),
            "mcc": Score("mcc", 0.6),
        },
        {"accuracy": Score("accuracy", 0.6578, 0.61, 0.71)},
        (Goal("accuracy", ">=", 0.78),),
        (
            Leader("lightgbm", {}, 0.82, 0.75, 1.2, 0.01, 65_000, 4),
            Leader("logistic", {}, 0.81, 0.25, 0.1, 0.001, 4_000, 2),
            Leader("baseline", {}, 0.6571, 0.0, 0.01, 0.001, 80),
        ),
        ("1,050 rows to train, 263 to evaluate: stratified by survived, 20% held out.",),
    )
    recipe = {
        "name": "titanic",
        "title": title,
        "about": "People of the passenger list.\n\nAnd a second paragraph.",
        "data": {"source": "postgresql://host/ships", "target": "survived"},
        "goal": {"accuracy": ">= 0.78"},
        "features": "features.py:passenger_features",
    }
    made = {
        "id": "titanic-20261122-145948-1", "name": "titanic", "recipe": recipe, "task": "classification",
        "ended": 1795359598.7, "seconds": 11.1, "trials": 23, "until": "the time was up", "earlier": None,
        "rows": 1313, "notes": [*evaluation.notes, "7 rows without a target were left out"],
        "snapshot": "669b0a140e0fce60b23f", "noria": "0.1.0", "python": "3.11.7",
        "commit": "7d6718cfe835475f8d2e", "evaluation": evaluation.to_dict(),
        "insight": insight(name).to_dict(),
        "measures": {"accuracy": {"doc": "Share of rows whose class is right.", "greater_is_better": True}},
        "lineage": {"environment": {"platform": "Linux", "cpus": 2, "packages": {"polars": "1.30"}}},
    }  # fmt: skip
    return json.loads(json.dumps(made | changes))


def signature(name: str = "age") -> Signature:
    columns = (
        Column(name, Type.NUMBER, nulls=557, distinct=75, low=0.17, high=71.0, notes=("in years",)),
        Column("class", Type.CATEGORY, distinct=9, levels=("3rd", "1st", EVIL, "2nd", "*", "a", "b", "c")),
        Column("member", Type.BOOLEAN, distinct=2, low=0, high=1),
        Column("born", Type.DATETIME, distinct=1300, low=-62135596800.0, high=1e12),
        Column("remark", Type.TEXT, distinct=1310),
        Column(RTL, Type.NUMBER, distinct=5, low=1, high=5),
        Column(EMOJI, Type.NUMBER, distinct=5, low=1000, high=250_000),
    )
    return Signature(
        Schema(columns), (Output("prediction", Type.CATEGORY),), {"remark": "a person's own words"}
    )


@pytest.fixture(scope="session")
def hostile() -> SimpleNamespace:
    """Names that try to run a script, are written from right to left, or hold signs of Markdown."""
    return SimpleNamespace(script=EVIL, rtl=RTL, emoji=EMOJI, markdown=f"{EVIL}|[a](javascript:x)`*_")


@pytest.fixture(scope="session")
def story() -> Callable[..., Story]:
    """A story of all that there may be; ``name`` is that of a column, other fields are the record's."""

    def make(name: str = "age", drawn: bool = True, **changes: Any) -> Story:
        return Story(record(name, **changes), signature(name), figures(name) if drawn else ())

    return make


@pytest.fixture(scope="session")
def bare(story) -> Story:
    """A story of a run in which nothing was found out beyond the scores."""
    told: Mapping[str, Any] = record()
    recipe = {"name": "plain", "data": {"target": "y"}}
    evaluation = {**told["evaluation"], "goals": [], "leaderboard": [], "baseline": {}}
    old = {key: value for key, value in told.items() if key not in ("insight", "measures", "lineage")}
    return Story({**old, "recipe": recipe, "evaluation": evaluation, "commit": None}, signature())
