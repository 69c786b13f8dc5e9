"""Whether recipes reach their goals: ``python -m benchmarks.recipes [--names iris,titanic] [--seeds 0,1]``.

Each run is ``noria run NAME --json`` in a fresh process with a fresh home, as a user would call it. The
result is that of the rows held out before the search; it stands beside the recipe's goal.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import tempfile
import time
from typing import Any

from benchmarks._common import machine, versions

__all__ = ["main", "walk"]

_TABLES = "iris,house-prices,titanic,credit-risk,churn,attrition,fraud-sample,income,diamonds,salaries"
_RUN = "from noria.cli import main; main()"
_HEAD = "recipe | seed | rows | goal | result | 95% interval | baseline | reached | run, s"


def walk(name: str, seed: int) -> dict[str, Any]:
    """Run a recipe; its record as ``--json`` prints it, with the wall-clock seconds of the whole command."""
    with tempfile.TemporaryDirectory(prefix="noria-bench-") as home:
        command = [sys.executable, "-c", _RUN, "run", name, "--json", "--quiet", "--seed", str(seed)]
        started = time.monotonic()
        done = subprocess.run(
            command, env={**os.environ, "NORIA_HOME": home}, capture_output=True, text=True, check=False
        )
    if done.returncode:
        raise SystemExit(f"noria run {name} failed: {done.stderr[-2000:]}")
    return {**json.loads(done.stdout), "wall": time.monotonic() - started}


def _line(seed: int, run: dict[str, Any]) -> str:
    """The table's line of one run, of its first goal."""
    told = run["evaluation"]
    goal = told["goals"][0]
    score, base = told["scores"][goal["metric"]], told["baseline"][goal["metric"]]
    cells = [
        run["name"], seed, f"{run['rows']:,}", f"{goal['metric']} {goal['compare']} {goal['value']:g}",
        f"{score['value']:.4f}", f"{score['low']:.4f} to {score['high']:.4f}", f"{base['value']:.4f}",
        "yes" if run["goals_met"] else "**no**", f"{run['wall']:.1f}",
    ]  # fmt: skip
    return f"| {' | '.join(map(str, cells))} |"


def main() -> None:
    """Run the recipes one after the other, and print a Markdown table as it grows."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.recipes", description=__doc__)
    parser.add_argument("--names", default=_TABLES)
    parser.add_argument("--seeds", default="0")
    given = parser.parse_args()
    print(f"| {_HEAD} |\n|{' --- |' * len(_HEAD.split('|'))}", flush=True)
    missed = 0
    for seed in map(int, given.seeds.split(",")):
        for name in given.names.split(","):
            run = walk(name, seed)
            missed += not run["goals_met"]
            print(_line(seed, run), flush=True)
    print(f"\n{missed} missed. {json.dumps({'machine': machine(), 'versions': versions(['noria'])})}")


if __name__ == "__main__":
    main()
