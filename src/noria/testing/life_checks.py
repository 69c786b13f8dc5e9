"""Checks of the life around a system: trained, registered, interrupted, resumed."""

from __future__ import annotations

from pathlib import Path
from tempfile import TemporaryDirectory

from noria.api import Session, load, train
from noria.settings import Settings
from noria.testing.bench import Bench
from noria.testing.same import always, same, tagged

__all__ = ["CHECKS"]


def trains_and_registers(bench: Bench) -> None:
    """The whole walk on embedded defaults ends in a registered model that answers by its name."""
    problem = bench.problem
    with TemporaryDirectory() as home:
        session = Session(Settings(home=Path(home)))
        run = train(
            problem.table, problem.target, documents=problem.documents, name="checked",
            system=bench.kind.name, task=problem.task.value,
            options=problem.options, columns=problem.columns, budget="30s", trials=4, folds=3,
            session=session,
        )  # fmt: skip
        assert run.version == 1, f"the first model has version {run.version}"
        assert run.report.is_file(), "there is no report"
        assert set(run.evaluation.baseline) == set(run.evaluation.scores), "the baseline is not reported"
        again = load("checked", session=session)
        same(again.predict(bench.rows), run.model.predict(bench.rows), "the registered model differs")


def workers_do_not_matter(bench: Bench) -> None:
    """One worker finds what two find."""
    alone = bench.search(bench.table, workers=1)
    same(alone.model.predict(bench.rows), bench.predictions, "the number of workers changes the model")


CHECKS = [
    ("trains_and_registers", always, trains_and_registers),
    ("workers_do_not_matter", tagged("deterministic"), workers_do_not_matter),
]
