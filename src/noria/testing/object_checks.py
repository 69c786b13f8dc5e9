"""Checks of systems and learners as objects."""

from __future__ import annotations

import json
import threading

from noria.core.protocol import Learner
from noria.testing.bench import Bench
from noria.testing.same import always, same, tagged

__all__ = ["CHECKS"]


def _quickest(bench: Bench) -> list[Learner]:
    """The baseline and the three learners that are thought to be quickest."""
    baseline, *others = bench.system.learners()
    rows, columns = bench.table.height, len(bench.schema.features)
    return [baseline, *sorted(others, key=lambda learner: learner.seconds(rows, columns))[:3]]


def params_round_trip(bench: Bench) -> None:
    """Parameters survive JSON, and every setting of the portfolio is a valid one."""
    for learner in bench.system.learners():
        for params in (learner.params, *learner.portfolio(bench.table.height)):
            read = type(params).from_dict(json.loads(json.dumps(params.to_dict())))
            assert read == params, f"{learner.name}: {params} came back as {read}"
            assert set(params.json_schema()["properties"]) == set(params.to_dict())
        copy = learner.with_params(learner.params)
        assert copy is not learner, f"{learner.name}: with_params must give a copy"
        assert copy.params == learner.params


def constructor_does_nothing(bench: Bench) -> None:
    """Making a system and its learners starts no thread, changes no schema and keeps no state."""
    threads, schema = threading.active_count(), bench.schema.to_dict()
    made = [bench.kind(bench.schema, bench.problem.task) for _ in range(2)]
    names = [[(learner.name, learner.params) for learner in system.learners()] for system in made]
    assert names[0] == names[1], "two systems made alike differ"
    assert len({name for name, _ in names[0]}) == len(names[0]), "two learners share a name"
    assert threading.active_count() == threads, "a thread was started"
    assert bench.schema.to_dict() == schema, "the schema was changed"


def refit_is_fresh(bench: Bench) -> None:
    """A learner that was fitted before learns the same as a new one."""
    half = bench.table.head(bench.table.height // 2)
    for learner in _quickest(bench):
        bench.fit(learner, half)
        used = bench.fit(learner).predict(bench.rows)
        new = bench.fit(learner.with_params(learner.params)).predict(bench.rows)
        same(used, new, f"{learner.name} remembers an earlier fit")


def same_seed_same_result(bench: Bench) -> None:
    """The same seed gives the same trials and the same model."""
    again = bench.search(bench.table)
    first = [(leader.learner, leader.score) for leader in bench.tuned.leaderboard]
    second = [(leader.learner, leader.score) for leader in again.leaderboard]
    assert first == second, f"the leaderboards differ: {first} and {second}"
    same(bench.predictions, again.model.predict(bench.rows), "the same seed gave two models")


def input_is_untouched(bench: Bench) -> None:
    """Neither training nor prediction changes the table that it was given."""
    table, rows = bench.table.clone(), bench.rows.clone()
    for learner in _quickest(bench):
        bench.fit(learner, table).predict(rows)
    assert table.equals(bench.table), "training changed its table"
    assert rows.equals(bench.rows), "prediction changed its rows"


CHECKS = [
    ("params_round_trip", always, params_round_trip),
    ("constructor_does_nothing", always, constructor_does_nothing),
    ("refit_is_fresh", tagged("deterministic"), refit_is_fresh),
    ("same_seed_same_result", tagged("deterministic"), same_seed_same_result),
    ("input_is_untouched", always, input_is_untouched),
]
