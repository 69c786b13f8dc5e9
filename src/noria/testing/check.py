"""One suite of checks for every system; the tags say which of them apply."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

from noria.core.protocol import System
from noria.testing import (
    artefact_checks,
    data_checks,
    explain_checks,
    honesty_checks,
    life_checks,
    object_checks,
)
from noria.testing.bench import Bench
from noria.testing.toy import Problem, problems

__all__ = ["Check", "CheckFailed", "check_system", "checks"]


class CheckFailed(AssertionError):  # noqa: N818 - what pytest users expect of an assertion
    """A system fails a check; the message says which, on what, and how."""


@dataclass(frozen=True)
class Check:
    """One check of one system on one problem.

    Attributes
    ----------
    name : str
        As ``"one_row_equals_batch"``.
    bench : Bench
    run : callable
        Raises AssertionError when the system is wrong.
    """

    name: str
    bench: Bench
    run: Callable[[Bench], None]

    def __call__(self) -> None:
        """Run it.

        Raises
        ------
        CheckFailed
        """
        try:
            self.run(self.bench)
        except AssertionError as error:
            where = f"{self.bench.kind.__name__}, problem {self.bench.problem.name!r}"
            raise CheckFailed(f"{where}: check {self.name!r} fails: {error}") from error

    def __repr__(self) -> str:
        return f"{self.bench.kind.name}-{self.bench.problem.name}-{self.name}".replace(" ", "_")


def checks(system: type[System], on: Sequence[Problem] | None = None) -> Iterator[Check]:
    """Every check that the system's tags allow, on every problem that it accepts.

    Parameters
    ----------
    system : type of System
    on : sequence of Problem, optional
        Toy problems of all kinds by default.

    Examples
    --------
    >>> from noria.core import registry
    >>> names = {check.name for check in checks(registry.system("tabular"))}
    >>> "shuffled_target_falls_to_the_baseline" in names
    True
    """
    for problem in problems() if on is None else on:
        bench = Bench(system, problem)
        if not system.accepts(bench.schema, problem.task):
            continue
        for module in (
            object_checks,
            data_checks,
            honesty_checks,
            explain_checks,
            artefact_checks,
            life_checks,
        ):
            for name, applies, run in module.CHECKS:
                if applies(system.tags):
                    yield Check(name, bench, run)


def check_system(system: type[System], on: Sequence[Problem] | None = None) -> int:
    """Run every check; how many there were.

    Raises
    ------
    CheckFailed
        By the first check that fails, or when the system accepts none of the problems.
    """
    count = 0
    for check in checks(system, on):
        check()
        count += 1
    if not count:
        raise CheckFailed(f"{system.__name__} accepts none of the problems, so nothing was checked.")
    return count
