"""Checks of the life around a system: trained, registered, served, watched, retrained."""

from __future__ import annotations

import polars as pl

from noria.api import load, promote, retrain, watch
from noria.errors import NoriaError
from noria.testing.bench import Bench
from noria.testing.same import always, same, tagged
from noria.testing.served import as_json, served

__all__ = ["CHECKS"]

_WINDOW, _FRESH = 50, 200  # rows, the fewest that are watched and that are learned from anew


def trains_and_registers(bench: Bench) -> None:
    """The whole walk on embedded defaults ends in a registered model that answers by its name."""
    run = bench.run
    assert run.version == 1, f"the first model has version {run.version}"
    assert run.report.is_file(), "there is no report"
    assert set(run.evaluation.baseline) == set(run.evaluation.scores), "the baseline is not reported"
    again = load("checked", session=bench.session)
    same(again.predict(bench.rows), run.model.predict(bench.rows), "the registered model differs")


def serves_what_it_predicts(bench: Bench) -> None:
    """The JSON of a service equals the predictions from Python, of many rows at once and of one."""
    model = load(f"checked@{bench.run.version}", session=bench.session)
    for rows in (bench.rows, bench.rows.head(1)):
        told = served(f"checked@{bench.run.version}", rows, bench.session)
        same(told, as_json(model.predict(rows)), f"of {rows.height} rows, the service says something else")


def drift_is_told_from_none(bench: Bench) -> None:
    """Watching a service raises no alarm of drift on known rows, and one on rows that are all alike."""
    name, session = f"checked@{bench.run.version}", bench.session
    known = pl.concat([bench.rows] * -(-_WINDOW // bench.rows.height))
    for rows, drifts in ((known, False), (known[[0] * known.height], True)):
        for _ in range(2):  # an alarm opens when something is found twice in a row
            served(name, rows, session)
            check = watch(name, rows=rows.height, session=session)
        found = any(alarm.kind == "drift" for alarm in check.open)
        reasons = " ".join(one.reason for one in check.report.drifts)
        assert found is drifts, f"{'no' if drifts else 'an'} alarm of drift is open: {reasons}"


def retrains(bench: Bench) -> None:
    """Fresh rows make a further version, or are refused with what to do; the first one is still there."""
    run, session = bench.run, bench.session
    fresh = pl.concat([bench.problem.table] * -(-_FRESH // bench.problem.table.height))
    try:
        done = retrain("checked", fresh, session=session)
        assert (done.version or 0) > run.version, f"no version was made: {done.outcome}, {done.reason}"
    except NoriaError as refusal:
        if not refusal.do:
            raise AssertionError("the refusal does not say what to do") from refusal
    first = load(f"checked@{run.version}", session=session)
    same(first.predict(bench.rows), run.model.predict(bench.rows), "the first version is another one now")
    promote(f"checked@{run.version}", session=session)


def workers_do_not_matter(bench: Bench) -> None:
    """One worker finds what two find."""
    alone = bench.search(bench.table, workers=1)
    same(alone.model.predict(bench.rows), bench.predictions, "the number of workers changes the model")


CHECKS = [
    ("trains_and_registers", always, trains_and_registers),
    ("serves_what_it_predicts", always, serves_what_it_predicts),
    ("drift_is_told_from_none", always, drift_is_told_from_none),
    ("retrains", always, retrains),
    ("workers_do_not_matter", tagged("deterministic"), workers_do_not_matter),
]
