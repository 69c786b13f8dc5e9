"""What a kill leaves behind: ``python -m benchmarks.kills [--kills 50]``.

``noria run iris`` is killed with SIGKILL at moments drawn at random, each time in a home of its own: every
other time over all that a run takes, and else after the search has ended, where models are saved and
registered. Then the home is looked at, the same command is run to its end, and the home is looked at again.
"""

from __future__ import annotations

import argparse
import contextlib
import json
import math
import os
import random
import signal
import subprocess
import sys
import time
from collections import Counter
from pathlib import Path
from tempfile import TemporaryDirectory

from benchmarks._common import machine, say, versions

__all__ = ["main"]

_COMMAND = [
    *(sys.executable, "-c", "from noria.cli import main; main()", "run", "iris", "--quiet", "--json"),
    *("--budget", "60s", "--trials", "12", "--learners", "logistic,decision_tree,lightgbm"),
]


def _started(home: Path) -> subprocess.Popen[str]:
    environment = {**os.environ, "NORIA_HOME": str(home)}
    return subprocess.Popen(
        _COMMAND, env=environment, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    )


def _searched(home: Path) -> bool:
    """Whether the search of the only run has ended."""
    return any('"search.finished"' in path.read_text() for path in (home / "runs").glob("*/events.jsonl"))


def _killed(home: Path, after: float, *, searched: bool) -> bool:
    """Run, perhaps wait for the end of the search, and kill; whether the kill came before the end."""
    process = _started(home)
    while searched and process.poll() is None and not _searched(home):
        time.sleep(0.002)
    with contextlib.suppress(subprocess.TimeoutExpired):
        process.wait(after)
    early = process.poll() is None
    process.send_signal(signal.SIGKILL)
    process.communicate()
    return early


def _faults(home: Path) -> list[str]:
    """What is wrong with a home: a version without a whole run, an index unlike the files."""
    import noria
    from noria.core.runs import RunQuery
    from noria.settings import Settings

    session = noria.Session(Settings(home=home))
    faults = []
    session.registry.reindex()
    entries = {entry.id: entry for entry in session.state.runs(RunQuery())}
    for run, entry in entries.items():
        if session.artefacts.entry(run) != entry:
            faults.append(f"{run} is not indexed as its folder says")
    for model in session.state.models():
        for version in model.versions:
            if version.run not in entries or not entries[version.run].finished:
                faults.append(f"version {version.number} has no finished run")
                continue
            try:
                noria.load(f"{model.name}@{version.number}", session=session)
            except noria.NoriaError as error:
                faults.append(f"version {version.number}: {error.what}")
    return faults


def _left(home: Path) -> str:
    """How far the killed run had come, in words."""
    runs = [path for path in (home / "runs").glob("*") if path.is_dir()]
    if not runs:
        return "before the run had a folder"
    if not (runs[0] / "started.json").exists():
        return "before the run said anything"
    if not (runs[0] / "model").exists():
        return "searching or evaluating"
    if not (runs[0] / "run.json").exists():
        return "with a model, without a record"
    changes = len(list((home / "models").glob("*/*.json")))
    return ("with a record, not registered", "registered, not promoted", "promoted")[min(changes, 2)]


def main() -> None:
    """Kill, look, go on, look; print one JSON object."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.kills", description=__doc__)
    parser.add_argument("--kills", type=int, default=50)
    parser.add_argument("--seed", type=int, default=0)
    wish = parser.parse_args()
    draw = random.Random(wish.seed)
    with TemporaryDirectory() as folder:
        home, clock, tail = Path(folder), time.monotonic(), math.inf
        process = _started(home)
        while process.poll() is None:
            time.sleep(0.002)
            if math.isinf(tail) and _searched(home):
                tail = time.monotonic()
        whole, tail = time.monotonic() - clock, time.monotonic() - tail
    if process.returncode:
        raise SystemExit(process.communicate()[1])
    places, outcomes, faults = Counter[str](), Counter[str](), []
    for number in range(wish.kills):
        with TemporaryDirectory() as folder:
            home = Path(folder)
            late = number % 2 == 0
            early = _killed(home, draw.random() * (tail if late else whole), searched=late)
            place = _left(home) if early else "after its end"
            say(f"kill {number + 1} of {wish.kills}: {place}")
            places[place] += 1
            faults += [f"kill {number}: {fault}" for fault in _faults(home)]
            out, said = _started(home).communicate()
            if not out:
                faults.append(f"kill {number}: the next run failed: {said.strip()}")
                continue
            done = json.loads(out)
            if done["version"] != 1 or not done["promoted"]:
                faults.append(f"kill {number}: version {done['version']}, {done['why']}")
            whole_runs = list((home / "runs").glob("*/run.json"))
            outcomes["the next run resumed or was clean" if len(whole_runs) == 1 else "two whole runs"] += 1
            faults += [f"kill {number}, after the next run: {fault}" for fault in _faults(home)]
    times = {"seconds_of_a_run": round(whole, 2), "after_the_search": round(tail, 3)}
    about = {**times, "machine": machine(), "versions": versions(["noria"])}
    print(json.dumps({"killed": places, "then": outcomes, "faults": faults, **about}, indent=1))
    raise SystemExit(bool(faults))


if __name__ == "__main__":
    main()
