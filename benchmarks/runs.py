"""What recording, listing and reindexing runs cost: ``python -m benchmarks.runs [--smoke]``.

Each figure stands beside a floor that was measured in the same process: the same files written or read, the
same rows asked of SQLite, by hand. Everything lies in a folder of its own, which is removed.
"""

from __future__ import annotations

import argparse
import json
import random
import sqlite3
import statistics
import sys
import tempfile
import time
from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from typing import Any

import noria
from benchmarks._common import machine, say, versions
from benchmarks.start import cpu_seconds, loaded
from noria.core.files import write_text
from noria.core.result import Evaluation, Goal, Leader, Score
from noria.core.runs import Condition, RunEntry, RunQuery

__all__ = ["main"]

_METRICS = ("accuracy", "roc_auc", "log_loss", "f1", "brier", "precision", "recall", "mcc")
_NAMES = 20
_FRESH = """
import sys
from benchmarks import runs
runs.record(runs.session(sys.argv[1]), 0)
"""
_QUERIES = {
    "name, metric above a half, sorted by a metric": RunQuery(
        "name-3", where=(Condition.parse("accuracy > 0.5"),), sort="log_loss", limit=50
    ),
    "metric above a half, sorted by a metric": RunQuery(
        where=(Condition.parse("accuracy > 0.5"),), sort="log_loss", descending=False, limit=50
    ),
    "metric near the best, newest first": RunQuery(where=(Condition.parse("accuracy > 0.999"),), limit=50),
    "two metrics, slowest first": RunQuery(
        where=(Condition.parse("accuracy > 0.5"), Condition.parse("roc_auc < 0.3")), sort="seconds", limit=50
    ),
    "newest first": RunQuery(limit=50),
    "four metrics that few runs reach together, sorted by one more": RunQuery(
        where=tuple(Condition.parse(f"{name} > 0.85") for name in _METRICS[:4]), sort="brier", limit=50
    ),
}
_BY_HAND = """
SELECT runs.* FROM runs JOIN scores AS sorted ON sorted.run = runs.id AND sorted.metric = 'log_loss'
WHERE name = 'name-3' AND EXISTS (
    SELECT 1 FROM scores WHERE run = runs.id AND metric = 'accuracy' AND value > 0.5
) ORDER BY sorted.value DESC, runs.id DESC LIMIT 50
"""


def session(home: str | Path) -> noria.Session:
    """A session with a home of its own, and SQLite."""
    return noria.Session(noria.Settings(home=Path(home), state=None))


def _told(run: str, at: int) -> tuple[dict[str, Any], dict[str, Any]]:
    """What started.json and run.json of a run hold, as long as those of a real one."""
    chance = random.Random(at)
    scores = {name: Score(name, chance.random(), 0.1, 0.9) for name in _METRICS}
    leaders = tuple(
        Leader(
            f"learner-{number}", {f"setting_{key}": chance.random() for key in range(8)}, 0.5, 0.1, 9, 1, 9
        )
        for number in range(12)
    )
    evaluation = Evaluation(
        200, "20% held out", "accuracy", scores, scores, (Goal("accuracy", ">=", 0.5),), leaders
    )
    recipe = {"name": f"name-{at % _NAMES}", "data": {"source": "rows.csv", "target": "y"}, "search": {}}
    started = {
        "id": run, "name": recipe["name"], "started": 1e9 + at, "key": f"{at:064x}", "recipe": recipe,
        "snapshot": f"{at % 50:064x}", "noria": "0.1.0",
    }  # fmt: skip
    record = {
        **started, "task": "classification", "ended": 1e9 + at + 60, "seconds": chance.uniform(1, 60),
        "trials": 20, "until": "the time was over", "rows": 1000, "notes": [], "features": None,
        "evaluation": evaluation.to_dict(), "python": "3.11", "commit": None,
    }  # fmt: skip
    return started, record


def record(session: noria.Session, at: int) -> None:
    """What `noria run` does for its record: begin, end, register, promote."""
    registry = session.registry
    run = registry.artefacts.create("demo")
    folder = registry.artefacts.folder(run)
    started, ended = _told(run, at)
    write_text(folder / "started.json", json.dumps(started, indent=1))
    registry.record(run)
    write_text(folder / "run.json", json.dumps(ended, indent=1))
    registry.record(run)
    registry.artefacts.release(run)
    registry.promote("demo", registry.register("demo", run), why="better")


def _write_by_hand(folder: Path, at: int) -> None:
    """The same four files, each complete or absent, and nothing else."""
    folder.mkdir(parents=True)
    started, ended = _told(folder.name, at)
    for name, text in (("started", started), ("run", ended), ("1", {"number": 1}), ("2", {"number": 2})):
        write_text(folder / f"{name}.json", json.dumps(text, indent=1))


def _seconds(work: Callable[[], object]) -> tuple[float, float]:
    """Wall and CPU seconds of one call."""
    wall, cpu = time.perf_counter(), time.process_time()
    work()
    return time.perf_counter() - wall, time.process_time() - cpu


def _in_ms(times: list[tuple[float, float]]) -> dict[str, float]:
    wall, cpu = zip(*times)
    return {
        "median_ms": round(statistics.median(wall) * 1e3, 2),
        "least_ms": round(min(wall) * 1e3, 2),
        "median_cpu_ms": round(statistics.median(cpu) * 1e3, 2),
    }


def _recording(home: Path, repeat: int) -> dict[str, Any]:
    mine, ours, floor = session(home), [], []
    record(mine, 0)
    for at in range(1, repeat + 1):
        ours.append(_seconds(lambda at=at: record(mine, at)))
        floor.append(_seconds(lambda at=at: _write_by_hand(home / "by-hand" / str(at), at)))
    alone = [sys.executable, "-c", _FRESH, str(home / "alone")]
    return {
        "noria": _in_ms(ours),
        "four files by hand": _in_ms(floor),
        "fresh_process": {
            "cpu_s": round(min(cpu_seconds(alone) for _ in range(3)), 3),
            "cpu_s_of_import_noria": round(
                min(cpu_seconds([*alone[:2], "import noria"]) for _ in range(3)), 3
            ),
            "heavy_modules": loaded(_FRESH, str(home / "fresh")),
        },
    }


def _listing(home: Path, runs: int) -> dict[str, Any]:
    mine, entries = session(home), []
    for at in range(runs):
        run = f"run-{at:06}"
        entries.append(RunEntry.of(*_told(run, at)))
    mine.state.rebuild(entries, [])
    found: dict[str, Any] = {}
    for what, query in _QUERIES.items():
        mine.registry.runs(query)
        found[what] = _in_ms([_seconds(lambda query=query: mine.registry.runs(query)) for _ in range(9)])
    with closing(sqlite3.connect(home / "state.db")) as raw:
        found["the first, SQL by hand"] = _in_ms(
            [_seconds(lambda: raw.execute(_BY_HAND).fetchall()) for _ in range(9)]
        )
        ids = [row[0] for row in raw.execute(_BY_HAND)]
    assert ids == [run.id for run in mine.registry.runs(next(iter(_QUERIES.values())))]
    return found


def _reindexing(home: Path, folders: int) -> dict[str, Any]:
    mine = session(home)
    size = 0
    for at in range(folders):
        folder = mine.settings.runs / f"run-{at:06}"
        folder.mkdir(parents=True)
        for name, fields in zip(("started", "run"), _told(folder.name, at)):
            size += (folder / f"{name}.json").write_text(json.dumps(fields, indent=1))

    def by_hand() -> None:
        for folder in mine.settings.runs.iterdir():
            for name in ("started", "run"):
                json.loads((folder / f"{name}.json").read_bytes())

    floor = min(_seconds(by_hand) for _ in range(3))
    ours = min(_seconds(lambda: noria.reindex(session=mine)) for _ in range(3))
    assert len(mine.registry.runs(RunQuery())) == folders
    return {
        "bytes_of_a_run": size // folders,
        "noria": {"least_s": round(ours[0], 2), "cpu_s": round(ours[1], 2)},
        "json.loads of the same files": {"least_s": round(floor[0], 2), "cpu_s": round(floor[1], 2)},
        "times": round(ours[1] / floor[1], 2),
    }


def main() -> None:
    """Measure, and print one JSON object."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.runs", description=__doc__)
    parser.add_argument("--smoke", action="store_true", help="few runs, to see that it works")
    parser.add_argument("--runs", type=int, default=100_000, help="to list")
    parser.add_argument("--folders", type=int, default=10_000, help="to reindex")
    parser.add_argument("--repeat", type=int, default=50, help="runs to record")
    given = parser.parse_args()
    if given.smoke:
        given.runs, given.folders, given.repeat = 500, 200, 3
    parts = {
        "recording": lambda home: _recording(home, given.repeat),
        "listing": lambda home: _listing(home, given.runs),
        "reindexing": lambda home: _reindexing(home, given.folders),
    }
    figures: dict[str, Any] = {}
    with tempfile.TemporaryDirectory() as folder:
        for name, measure in parts.items():
            say(f"{name} ...")
            figures[name] = measure(Path(folder) / name)
    sizes = {"runs": given.runs, "folders": given.folders, "repeat": given.repeat}
    about = {"machine": machine(), "versions": versions(["noria", "sqlalchemy"])}
    print(json.dumps({**figures, **sizes, "sqlite": sqlite3.sqlite_version, **about}, indent=1))


if __name__ == "__main__":
    main()
