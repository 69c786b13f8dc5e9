"""Shared by every benchmark: fresh processes that are watched, timings, and records of one JSON line.

Imported by the workers in the peers' own environments too, so the standard library is all it needs.
"""

from __future__ import annotations

import contextlib
import json
import os
import platform
import signal
import statistics
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from importlib import metadata
from pathlib import Path
from typing import Any

__all__ = [
    "ROOT",
    "Outcome",
    "append",
    "disk_bytes",
    "environment",
    "latency",
    "machine",
    "python_of",
    "read_lines",
    "run_fresh",
    "say",
    "throughput",
    "versions",
]

ROOT = Path(__file__).resolve().parent.parent
_QUIET = {"DO_NOT_TRACK": "1", "MLFLOW_DISABLE_TELEMETRY": "true", "PYTHONHASHSEED": "0"}
_THREADS = ("OMP_NUM_THREADS", "OMP_WAIT_POLICY")
_TICK = os.sysconf("SC_CLK_TCK") if hasattr(os, "sysconf") else 100


@dataclass
class Outcome:
    """How a fresh process ended: exit code, wall seconds, what it used, and the last lines it wrote."""

    code: int
    wall_s: float
    tail: str
    timed_out: bool
    samples: list[tuple[float, float, float]] = field(default_factory=list)

    def cpu_s(self, start: float, end: float) -> float:
        """CPU seconds of the whole process tree between two moments of the monotonic clock."""
        return self._cpu_at(end) - self._cpu_at(start)

    def peak_mb(self, start: float = 0.0, end: float = float("inf")) -> float:
        """Largest memory (sum of PSS) of the whole process tree between two moments, in MB."""
        return max((memory for when, memory, _ in self.samples if start <= when <= end), default=0.0) / 1e6

    def _cpu_at(self, moment: float) -> float:
        return max((cpu for when, _, cpu in self.samples if when <= moment), default=0.0)


class _Watch(threading.Thread):
    """Samples memory and CPU of a process and all its descendants, seen once and followed (Linux)."""

    def __init__(self, pid: int, every: float = 0.5) -> None:
        super().__init__(daemon=True)
        self.samples: list[tuple[float, float, float]] = []
        self.born: dict[int, str] = {}
        self._cpu: dict[int, float] = {}
        self._first, self._every, self._over = pid, every, threading.Event()

    def run(self) -> None:
        while not self._over.is_set():
            memory = sum(self._look(pid) for pid in self._tree())
            self.samples.append((time.monotonic(), memory, sum(self._cpu.values())))
            self._over.wait(self._every)

    def stop(self) -> None:
        """Stop sampling, and end what the process left running behind it."""
        self._over.set()
        self.join()
        for pid, birth in self.born.items():
            fields = _stat(pid)
            if fields and fields[19] == birth:
                with contextlib.suppress(ProcessLookupError):
                    os.kill(pid, signal.SIGKILL)

    def _tree(self) -> list[int]:
        found, todo = [], [self._first, *self.born]
        while todo:
            pid = todo.pop()
            if pid in found:
                continue
            found.append(pid)
            for path in Path(f"/proc/{pid}/task").glob("*/children"):
                todo += [int(child) for child in (_text(path) or "").split()]
        return found

    def _look(self, pid: int) -> float:
        fields = _stat(pid)
        if not fields or self.born.setdefault(pid, fields[19]) != fields[19]:
            return 0.0
        self._cpu[pid] = (int(fields[11]) + int(fields[12])) / _TICK
        rollup = _text(Path(f"/proc/{pid}/smaps_rollup")) or ""
        return next((float(x.split()[1]) * 1024 for x in rollup.splitlines() if x.startswith("Pss:")), 0.0)


def _text(path: Path) -> str | None:
    """A file of /proc, or None when its process is gone."""
    try:
        return path.read_text()
    except OSError:
        return None


def _stat(pid: int) -> list[str]:
    """Fields of /proc/PID/stat after the command's name: [19] start time, [11] and [12] CPU ticks."""
    text = _text(Path(f"/proc/{pid}/stat"))
    return text.rpartition(")")[2].split() if text else []


def run_fresh(
    command: Sequence[str], *, cwd: Path = ROOT, env: Mapping[str, str] | None = None, timeout: float = 3600.0
) -> Outcome:
    """Run a command in a process of its own and watch it; what it leaves running is ended.

    Parameters
    ----------
    command : sequence of str
    cwd : Path
    env : mapping of str to str, optional
        Added to this process's environment.
    timeout : float
        Seconds of wall clock after which the whole tree is killed.
    """
    full = {**os.environ, **_QUIET, "PYTHONPATH": str(ROOT), **(env or {})}
    with tempfile.TemporaryFile() as log:  # a pipe would stay open as long as any daemon left behind
        started = time.monotonic()
        process = subprocess.Popen(command, cwd=cwd, env=full, stdout=log, stderr=subprocess.STDOUT)
        watch = _Watch(process.pid)
        watch.start()
        try:
            process.wait(timeout)
        except subprocess.TimeoutExpired:
            timed_out = True
        else:
            timed_out = False
        finally:
            wall = time.monotonic() - started
            watch.stop()
        process.wait()
        log.seek(max(0, log.tell() - 4000))
        tail = log.read().decode(errors="replace")
    return Outcome(process.returncode, wall, tail, timed_out, watch.samples)


def python_of(name: str, envs: Path, fallback: str | None = None) -> str | None:
    """The interpreter of the environment `name`, or `fallback` where there is none."""
    for path in (envs / name / "bin" / "python", envs / name / "Scripts" / "python.exe"):
        if path.exists():
            return str(path)
    return fallback


def environment(envs: str | None) -> Path:
    """The folder of the peers' environments: the argument, ``NORIA_BENCH_ENVS``, or the user's cache."""
    chosen = envs or os.environ.get("NORIA_BENCH_ENVS") or "~/.cache/noria-bench"
    return Path(chosen).expanduser()


def latency(calls: Iterable[tuple[Callable[[Any], object], Any]], seconds: float = 20.0) -> dict[str, float]:
    """Time single calls after a warm-up of five.

    Parameters
    ----------
    calls : iterable of (function, argument)
    seconds : float
        Stop after this much wall clock.

    Returns
    -------
    dict
        p50_ms, p99_ms and how many calls were timed (n).
    """
    pairs = list(calls)
    for call, argument in pairs[:5]:
        call(argument)
    times: list[float] = []
    started = time.perf_counter()
    for call, argument in pairs:
        before = time.perf_counter()
        call(argument)
        times.append(time.perf_counter() - before)
        if time.perf_counter() - started > seconds:
            break
    times.sort()
    return {
        "p50_ms": statistics.median(times) * 1e3,
        "p99_ms": times[min(len(times) - 1, round(0.99 * (len(times) - 1)))] * 1e3,
        "n": len(times),
    }


def throughput(call: Callable[[Any], object], batch: Any, seconds: float = 12.0) -> float:
    """Rows per second of `call` on a batch: the median of up to three passes."""
    times: list[float] = []
    while len(times) < 3 and sum(times) < seconds:
        before = time.perf_counter()
        call(batch)
        times.append(time.perf_counter() - before)
    return len(batch) / statistics.median(times)


def disk_bytes(path: Path) -> int:
    """The bytes of a file, or of all files in a folder."""
    if path.is_file():
        return path.stat().st_size
    return sum(file.stat().st_size for file in path.rglob("*") if file.is_file())


def versions(names: Iterable[str]) -> dict[str, str]:
    """The installed version of each distribution that is installed."""
    found = {"python": platform.python_version()}
    for name in names:
        try:
            found[name] = metadata.version(name)
        except metadata.PackageNotFoundError:
            continue
    return found


def machine() -> dict[str, Any]:
    """What the figures were taken on, and when."""
    load = os.getloadavg()[0] if hasattr(os, "getloadavg") else None
    when = datetime.now(UTC).isoformat(timespec="seconds")
    threads = {name: os.environ[name] for name in _THREADS if name in os.environ}
    return {"cpus": os.cpu_count(), "load": load, "when": when, "threads": threads}


def append(path: Path, record: Mapping[str, Any]) -> None:
    """Add one JSON line, whole or not at all."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("a", encoding="utf-8") as file:
        file.write(json.dumps(record, sort_keys=True) + "\n")


def read_lines(path: Path) -> list[dict[str, Any]]:
    """The records of a JSON-lines file; none when there is no file yet."""
    if not path.exists():
        return []
    return [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines() if line.strip()]


def say(text: str) -> None:
    """One line of progress on standard error, so that standard output stays the result."""
    sys.stderr.write(text + "\n")
    sys.stderr.flush()
