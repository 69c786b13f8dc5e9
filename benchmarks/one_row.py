"""One row in process: ``python -m benchmarks.one_row --out DIR``.

A boosted model of 30 columns (attrition: 15 texts and 15 numbers; breast_cancer: 30 numbers): Noria held to
LightGBM, a LightGBM pipeline of scikit-learn, and what AutoGluon chooses, after ``persist()``. Each in a
fresh process of its own environment, in turn.
"""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import Any

from benchmarks._common import append, environment, say
from benchmarks.tabular.harness import Plan, available, expand, fit_once
from benchmarks.tabular.report import last_line, number, table
from benchmarks.tabular.sets import prepare

__all__ = ["main"]

_SETS = ("attrition", "breast_cancer")


def _row(record: dict[str, Any]) -> list[str]:
    """One line of the table per way of asking."""
    head = [record["set"], record["tool"]]
    if record.get("error"):
        return [*head, f"failed: {last_line(record)[:100]}", *["-"] * 4]
    ways = record["one_row"]
    p50, p99 = (
        " / ".join(f"{way} {number(ways[way][part], 3)}" for way in ways) for part in ("p50_ms", "p99_ms")
    )
    score = number(record["scores"][record["metric"]])
    return [*head, p50, p99, number(record["batch_rows_s"]), number(record["bytes"] / 1e6, 3), score]


def main() -> None:
    """Fit, time, append to ``one_row.jsonl`` and print a Markdown table."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.one_row", description=__doc__)
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--tools", default="noria:lightgbm,lightgbm,autogluon")
    parser.add_argument("--sets", default=",".join(_SETS))
    parser.add_argument("--budget", type=float, default=30.0)
    parser.add_argument("--rows", type=int, default=2000, help="single rows to time, 20 s at most")
    parser.add_argument("--trees", type=int, default=300, help="of the LightGBM pipeline")
    parser.add_argument("--envs", help="folder of the peers' environments")
    given = parser.parse_args()
    envs = environment(given.envs)
    tools = [tool for tool in expand(given.tools) if available(tool, envs)]
    say(f"installed: {', '.join(tools)}")
    sets = tuple(given.sets.split(","))
    plan = Plan(tuple(tools), sets, (0,), given.budget, given.out, envs, one_row=given.rows)
    rows = []
    for name in sets:
        split = prepare(name, 0, given.out / "data")
        for tool in tools:
            options = {"n_estimators": given.trees} if tool == "lightgbm" else {}
            record = fit_once(plan, tool, split, options)
            append(given.out / "one_row.jsonl", record | {"options": options})
            rows.append(_row(record))
            say(" ".join(rows[-1]))
    print(table(["set", "tool", "p50 ms", "p99 ms", "batch rows/s", "MB", "log-loss"], rows))


if __name__ == "__main__":
    main()
