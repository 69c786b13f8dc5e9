"""A service in a process of its own: started, checked, loaded, measured, ended."""

from __future__ import annotations

import contextlib
import http.client
import json
import os
import signal
import socket
import subprocess
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from benchmarks._common import ROOT
from benchmarks.serving.load import load
from benchmarks.serving.servers import Server

__all__ = ["Started", "free_port", "measure", "started"]

_APPS = Path(__file__).with_name("apps")
_PAGE = os.sysconf("SC_PAGE_SIZE")
_PATIENCE = 120.0
_CLOSE = 1e-6
_QUIET = {
    "DO_NOT_TRACK": "1",
    "BENTOML_DO_NOT_TRACK": "True",
    "MLFLOW_DISABLE_TELEMETRY": "true",
    "OMP_NUM_THREADS": "1",
    "PYTHONUNBUFFERED": "1",
}


@dataclass(frozen=True)
class Started:
    """A service that answers."""

    process: subprocess.Popen[bytes]
    port: int
    seconds: float

    def rss_mb(self) -> float:
        """Resident memory of its processes, in 10^6 bytes; what they share counts for each."""
        total = 0
        for pid in _tree(self.process.pid):
            with contextlib.suppress(OSError):
                total += int(Path(f"/proc/{pid}/statm").read_text().split()[1]) * _PAGE
        return total / 1e6


def free_port() -> int:
    """A port that nobody listens on."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


@contextmanager
def started(
    server: Server, programs: Path, model: Path, first: Mapping[str, Any], env: Mapping[str, str], log: Path
) -> Iterator[Started]:
    """A fresh service from its first right answer on; it and all its processes are ended with the block."""
    port = free_port()
    full = {**os.environ, **_QUIET, "PYTHONPATH": str(ROOT), "BENCH_MODEL": str(model), **env}
    full["PATH"] = f"{programs}:{full['PATH']}"
    began = time.perf_counter()
    with log.open("ab") as file:
        process = subprocess.Popen(
            server.command(programs, port, model), cwd=_APPS, env=full, stdout=file, stderr=file,
            start_new_session=True,
        )  # fmt: skip
    try:
        while (answer := ask(port, server, first)) is None:
            if process.poll() is not None or time.perf_counter() - began > _PATIENCE:
                raise RuntimeError(f"does not answer; see {log}")
            time.sleep(0.01)
        seconds = time.perf_counter() - began
        del answer
        yield Started(process, port, seconds)
    finally:
        _end(process)


def ask(port: int, server: Server, row: Mapping[str, Any]) -> float | None:
    """The prediction of a row; None if there is no good answer."""
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=10)
    try:
        headers = {"Content-Type": "application/json"}
        connection.request("POST", server.route, server.request(row), headers)
        answer = connection.getresponse()
        body = answer.read()
        return float(server.read(json.loads(body))) if answer.status == http.client.OK else None
    except (OSError, http.client.HTTPException, ValueError, LookupError, TypeError):
        return None
    finally:
        connection.close()


def measure(
    running: Started,
    server: Server,
    probe: Sequence[Mapping[str, Any]],
    connections: Sequence[int],
    seconds: float,
) -> dict[str, Any]:
    """Start, memory, wrong answers, and for each number of connections what `load` finds.

    Each load is preceded by a second of the same, which is not counted.
    """
    wrong = 0
    for one in probe:
        found = ask(running.port, server, one["row"])
        wrong += found is None or abs(found - one["y"]) > _CLOSE * abs(one["y"])
    told: dict[str, Any] = {"start_s": running.seconds, "wrong": wrong, "rss_start_mb": running.rss_mb()}
    bodies = [server.request(one["row"]) for one in probe]
    for count in connections:
        load(running.port, server.route, bodies, count, min(1.0, seconds))
        told[f"c{count}"] = load(running.port, server.route, bodies, count, seconds)
    return {**told, "rss_mb": running.rss_mb()}


def _tree(pid: int) -> list[int]:
    found = [pid]
    for path in Path(f"/proc/{pid}/task").glob("*/children"):
        with contextlib.suppress(OSError):
            for child in path.read_text().split():
                found += _tree(int(child))
    return found


def _end(process: subprocess.Popen[bytes]) -> None:
    """Ask the process to end, and kill what is left of its group."""
    process.terminate()
    with contextlib.suppress(subprocess.TimeoutExpired):
        process.wait(10)
    with contextlib.suppress(ProcessLookupError):
        os.killpg(process.pid, signal.SIGKILL)
    process.wait()
