"""Runs the tools in turn, set by set, each fit in a fresh process, and records one JSON line per fit."""

from __future__ import annotations

import json
import sys
import tempfile
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks import _common
from benchmarks.tabular.score import METRICS, losses, write_losses
from benchmarks.tabular.sets import Split, prepare
from benchmarks.tabular.tools import ENVIRONMENTS, FLOORS, Job, probe

__all__ = ["DEFAULT_PRESET", "Plan", "available", "expand", "fit_once", "key", "losses_path", "run"]

DEFAULT_PRESET = "medium_quality"


@dataclass(frozen=True)
class Plan:
    """What to run: `tools` as given on the command line (``autogluon:best_quality`` names a preset)."""

    tools: tuple[str, ...]
    sets: tuple[str, ...]
    seeds: tuple[int, ...]
    budget: float
    out: Path
    envs: Path
    retry: bool = False
    one_row: int = 200


def expand(names: str) -> tuple[str, ...]:
    """Read ``--tools``; ``floors`` stands for its three, ``autogluon`` for its default preset."""
    groups = {"floors": FLOORS, "autogluon": (f"autogluon:{DEFAULT_PRESET}",)}
    chosen = [one for name in names.split(",") for one in groups.get(name, (name,))]
    unknown = [name for name in chosen if name.partition(":")[0] not in ENVIRONMENTS]
    if unknown:
        raise SystemExit(f"No such tool: {', '.join(unknown)}. There are: floors, {', '.join(ENVIRONMENTS)}.")
    return tuple(dict.fromkeys(chosen))


def key(tool: str, data: str, seed: int, budget: float) -> tuple[str, str, int, float]:
    """What makes a fit the same fit; the floors know no budget."""
    return tool, data, seed, 0.0 if tool in FLOORS else float(budget)


def losses_path(out: Path, tool: str, data: str, seed: int, budget: float) -> Path:
    """Where the per-row losses of one fit are kept."""
    name, _, _, seconds = key(tool, data, seed, budget)
    return out / "losses" / f"{name.replace(':', '-')}.{data}.{seed}.{seconds:g}.npz"


def interpreter(tool: str, envs: Path) -> str | None:
    """The Python of a tool's environment; Noria and the floors may use the one that runs this."""
    folder = ENVIRONMENTS[tool.partition(":")[0]]
    return _common.python_of(folder, envs, sys.executable if folder == "noria" else None)


def available(tool: str, envs: Path) -> bool:
    """Whether the tool's environment is there and imports it."""
    python = interpreter(tool, envs)
    return (
        bool(python)
        and _common.run_fresh([str(python), "-c", probe(tool.partition(":")[0])], timeout=120).code == 0
    )


def run(plan: Plan) -> None:
    """Do every fit of the plan that is not yet in ``results.jsonl``, the tools in turn on each split."""
    results = plan.out / "results.jsonl"
    done = {
        key(record["tool"], record["set"], record["seed"], record["budget"])
        for record in _common.read_lines(results)
        if not (plan.retry and record.get("error"))
    }
    for seed in plan.seeds:
        for name in plan.sets:
            todo = [tool for tool in plan.tools if key(tool, name, seed, plan.budget) not in done]
            if not todo:
                continue
            split = prepare(name, seed, plan.out / "data")
            for tool in todo:
                record = fit_once(plan, tool, split)
                _common.append(results, record)
                _common.say(_line(record))


def fit_once(plan: Plan, tool: str, split: Split, options: dict[str, Any] | None = None) -> dict[str, Any]:
    """One fit in a fresh process: its record, with an ``error`` in place of scores where it failed."""
    name, _, variant = tool.partition(":")
    record: dict[str, Any] = {
        "tool": tool,
        "set": split.name,
        "seed": split.seed,
        "budget": 0.0 if name in FLOORS else plan.budget,
        "task": split.task,
        "metric": METRICS[split.task],
        "rows": split.rows,
        "columns": split.columns,
    }
    with tempfile.TemporaryDirectory(prefix="noria-bench-", ignore_cleanup_errors=True) as folder:
        out, work = Path(folder) / "out", Path(folder) / "work"
        for path in (out, work):
            path.mkdir()
        job = Job(
            tool=name,
            variant=variant,
            target=split.target,
            task=split.task,
            metric=METRICS[split.task],
            budget=plan.budget,
            seed=split.seed,
            train=str(Path(split.train).resolve()),
            test=str(Path(split.test).resolve()),
            out=str(out),
            work=str(work),
            one_row=plan.one_row,
            options=options or {},
        )
        (out / "job.json").write_text(json.dumps(asdict(job)))
        command = [
            str(interpreter(tool, plan.envs)),
            "-m",
            "benchmarks.tabular.worker",
            str(out / "job.json"),
        ]
        env = {"NORIA_HOME": str(work / "home"), "TMPDIR": folder}
        outcome = _common.run_fresh(command, env=env, timeout=3 * plan.budget + 600)
        if outcome.code or outcome.timed_out:
            why = "timed out: " if outcome.timed_out else ""
            return record | {"error": why + outcome.tail[-1500:], "machine": _common.machine()}
        return record | _read(out, outcome) | _score(plan, tool, split, out)


def _read(out: Path, outcome: _common.Outcome) -> dict[str, Any]:
    """The worker's own record, with what the watch saw of its whole process tree."""
    found: dict[str, Any] = json.loads((out / "result.json").read_text())
    start, end = found.pop("fit_start"), found.pop("fit_end")
    found["fit_cpu_s"] = max(found["fit_cpu_s"], outcome.cpu_s(start, end))
    found["fit_peak_mb"] = max(found.pop("rss_mb"), outcome.peak_mb(start, end))
    return found | {"wall_s": outcome.wall_s}


def _score(plan: Plan, tool: str, split: Split, out: Path) -> dict[str, Any]:
    """Score the predictions, and keep the loss of every test row."""
    import polars as pl

    truth = pl.read_parquet(split.test, columns=[split.target])[split.target].to_numpy()
    with np.load(out / "predictions.npz") as saved:
        predicted, classes = saved["predicted"], saved["classes"]
    try:
        per_row, scores = losses(truth, predicted, classes, split.task)
    except ValueError as error:
        return {"error": f"predictions cannot be scored: {error}"}
    about = plan.out / "data" / f"{split.name}.{split.seed}.json"
    path = losses_path(plan.out, tool, split.name, split.seed, plan.budget)
    path.parent.mkdir(parents=True, exist_ok=True)
    write_losses(path, json.loads(about.read_text())["test_rows"], per_row)
    return {"scores": scores}


def _line(record: dict[str, Any]) -> str:
    """One fit in one line of progress."""
    head = f"{record['set']:14s} seed {record['seed']} {record['tool']:26s}"
    if record.get("error"):
        return f"{head} FAILED: {record['error'].strip().splitlines()[-1]}"
    row = next(iter(record["one_row"].values()))
    score = record["scores"][record["metric"]]
    return (
        f"{head} {record['metric']} {score:.5g}  "
        f"fit {record['fit_s']:.1f} s (CPU {record['fit_cpu_s']:.1f})  "
        f"row {row['p50_ms']:.3g} ms  batch {record['batch_rows_s']:,.0f}/s  {record['bytes'] / 1e6:.2f} MB  "
        f"load {record['machine']['load']:.1f}"
    )
