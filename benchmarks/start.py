"""What it costs to start: ``python -m benchmarks.start [--repeat 15]``.

CPU time (user and system) of a bare ``python -c pass``, of ``import noria`` and of ``noria --help``, each in
fresh processes run in turn, and the heavy modules that the last two have loaded.
"""

from __future__ import annotations

import argparse
import json
import resource
import statistics
import subprocess
import sys
from pathlib import Path

from benchmarks._common import machine, versions

__all__ = ["cpu_seconds", "loaded", "main"]

_HEAVY = (
    *(
        "altair",
        "catboost",
        "duckdb",
        "fastapi",
        "imblearn",
        "lightgbm",
        "matplotlib",
        "mlflow",
        "numpy",
        "optuna",
    ),
    *(
        "pandas",
        "polars",
        "pyarrow",
        "pydantic",
        "ray",
        "rich",
        "scipy",
        "skops",
        "sklearn",
        "sqlalchemy",
        "torch",
    ),
    *("transformers", "typer", "vl_convert", "xgboost", "yaml"),
)
_HELP = "from noria.cli import main; main()"
_SPY = """
import atexit, json, os, sys
names = lambda: json.dumps(sorted(name for name in sys.modules if "." not in name))
atexit.register(lambda: os.write(2, ("\\n" + names()).encode()))
"""


def _command(what: str) -> list[str]:
    """The command line of one case; the installed script where there is one, as a user would call it."""
    script = Path(sys.executable).parent / "noria"
    help_command = [str(script), "--help"] if script.exists() else [sys.executable, "-c", _HELP, "--help"]
    cases = {
        "python -c pass": [sys.executable, "-c", "pass"],
        "import noria": [sys.executable, "-c", "import noria"],
        "noria --help": help_command,
    }
    return cases[what]


def cpu_seconds(command: list[str]) -> float:
    """CPU seconds of one fresh process."""
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    if done.returncode:
        raise SystemExit(f"{' '.join(command)} failed: {done.stderr[-500:]}")
    return after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime


def loaded(code: str, *arguments: str) -> list[str]:
    """Which heavy modules a piece of Python has loaded when it ends."""
    command = [sys.executable, "-c", _SPY + code, *arguments]
    done = subprocess.run(command, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True, check=False)
    modules = set(json.loads(done.stderr.splitlines()[-1]))
    return [name for name in _HEAVY if name in modules]


def main() -> None:
    """Measure, and print one JSON object."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.start", description=__doc__)
    parser.add_argument(
        "--repeat", type=int, default=15, help="fresh processes per case, after one that warms up"
    )
    repeat = parser.parse_args().repeat
    cases = ["python -c pass", "import noria", "noria --help"]
    times: dict[str, list[float]] = {case: [] for case in cases}
    for turn in range(repeat + 1):
        for case in cases:
            used = cpu_seconds(_command(case))
            if turn:
                times[case].append(used)
    figures = {
        case: {"median_cpu_s": round(statistics.median(found), 4), "least_cpu_s": round(min(found), 4)}
        for case, found in times.items()
    }
    heavy = {"import noria": loaded("import noria"), "noria --help": loaded(_HELP, "--help")}
    about = {"repeat": repeat, "machine": machine(), "versions": versions(["noria"])}
    print(json.dumps({"cpu": figures, "heavy_modules": heavy, **about}, indent=1))


if __name__ == "__main__":
    main()
