"""The log of predictions: a million of them, and none lost when the service is killed."""

from __future__ import annotations

import http.client
import json
import os
import random
import signal
import sqlite3
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from benchmarks._common import say
from benchmarks.serving.harness import Started, started
from benchmarks.serving.servers import Server

__all__ = ["kills", "million"]

_GROUP = 64  # lines of one transaction, as many as requests that arrive together
_CLIENTS = 8

# What the people who look after a model ask for; the time of each is that of all its rows.
_QUERIES: Mapping[str, str] = {
    "how many of a model": "SELECT count(*) FROM predictions WHERE name = 'diamonds'",
    "the last hundred": "SELECT * FROM predictions WHERE name = 'diamonds' ORDER BY \"when\" DESC LIMIT 100",
    "one by its id": "SELECT * FROM predictions WHERE id = 'r500000'",
    "rows by hour of the last day": (
        "SELECT CAST(\"when\" / 3600 AS INT), count(*), avg(json_extract(outputs, '$.prediction')) "
        "FROM predictions WHERE name = 'diamonds' "
        "AND \"when\" >= (SELECT max(\"when\") FROM predictions) - 86400 GROUP BY 1"
    ),
    "a column's mean over all": (
        "SELECT avg(json_extract(inputs, '$.carat')) FROM predictions WHERE name = 'diamonds'"
    ),
}  # fmt: skip


def million(lines: int, probe: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    """Append so many lines, some at a time, through the log itself; its speed, its size and its queries."""
    from noria.core import registry
    from noria.core.serving import LoggedPrediction
    from noria.settings import Settings

    with TemporaryDirectory() as home:
        log = registry.backend("predictions", "sql")(Settings(home=Path(home)))
        inputs = [json.dumps(one["row"]) for one in probe]
        outputs = [json.dumps({"prediction": one["y"], "low": one["y"], "high": one["y"]}) for one in probe]
        fields: dict[str, Any] = dict.fromkeys(LoggedPrediction._fields)
        fields |= {"name": "diamonds", "version": 1, "role": "champion", "seconds": 0.0004}
        start = time.time() - lines
        began = time.perf_counter()
        for first in range(0, lines, _GROUP):
            log.append(
                [
                    LoggedPrediction(
                        **{
                            **fields, "id": f"r{at}", "request": f"r{at}", "when": start + at,
                            "inputs": inputs[at % len(inputs)], "outputs": outputs[at % len(outputs)],
                        }
                    )
                    for at in range(first, min(first + _GROUP, lines))
                ]
            )  # fmt: skip
        seconds = time.perf_counter() - began
        assert log.count("diamonds") == lines
        read = time.perf_counter()
        assert sum(1 for _ in log.read("diamonds")) == lines
        streamed = time.perf_counter() - read
        log.close()
        files = sum(path.stat().st_size for path in Path(home).glob("state.db*"))
        with sqlite3.connect(Path(home) / "state.db") as connection:
            queries = {
                name: _timed(lambda query=query: connection.execute(query).fetchall())
                for name, query in _QUERIES.items()
            }
    return {
        "lines": lines, "lines_s": lines / seconds, "bytes_line": files / lines,
        "read_lines_s": lines / streamed, "queries_ms": queries,
    }  # fmt: skip


def _timed(query: Callable[[], object]) -> float:
    """Milliseconds of the better of two."""
    times = []
    for _ in range(2):
        began = time.perf_counter()
        query()
        times.append(1e3 * (time.perf_counter() - began))
    return min(times)


def kills(
    server: Server,
    home: Path,
    probe: Sequence[Mapping[str, Any]],
    count: int,
    env: Mapping[str, str],
    seed: int = 0,
) -> dict[str, Any]:
    """Kill the service under load so many times; how many acknowledged predictions are not in the log.

    A prediction is acknowledged once a client has read the whole answer with its request's id.
    """
    rng = random.Random(seed)
    acknowledged: set[str] = set()
    full = {**env, "NORIA_HOME": str(home)}
    for number in range(count):
        with started(server, Path(), home, probe[0]["row"], full, home / "kills.log") as running:
            acknowledged |= _until_killed(running, server, probe, rng.uniform(0.05, 1.0))
        if (number + 1) % 10 == 0:
            say(f"{number + 1} kills, {len(acknowledged):,} acknowledged")
    kept = _kept(home, env)
    lost = acknowledged - kept
    return {"kills": count, "acknowledged": len(acknowledged), "kept": len(kept), "lost": len(lost)}


def _until_killed(
    running: Started, server: Server, probe: Sequence[Mapping[str, Any]], after: float
) -> set[str]:
    found: list[set[str]] = [set() for _ in range(_CLIENTS)]
    bodies = [server.request(one["row"]) for one in probe]

    def client(number: int) -> None:
        connection = http.client.HTTPConnection("127.0.0.1", running.port, timeout=10)
        at = number
        try:
            while True:
                connection.request(
                    "POST", server.route, bodies[at % len(bodies)], {"Content-Type": "application/json"}
                )
                answer = connection.getresponse()
                told = json.loads(answer.read())
                if answer.status == http.client.OK:
                    found[number].add(told["request"])
                at += _CLIENTS
        except (OSError, http.client.HTTPException, ValueError):
            return

    threads = [threading.Thread(target=client, args=(number,)) for number in range(_CLIENTS)]
    for thread in threads:
        thread.start()
    time.sleep(after)
    os.killpg(running.process.pid, signal.SIGKILL)
    for thread in threads:
        thread.join()
    return set().union(*found)


def _kept(home: Path, env: Mapping[str, str]) -> set[str]:
    """The requests in the log."""
    from noria.core import registry
    from noria.settings import Settings

    state = {"state": env["NORIA_STATE"]} if "NORIA_STATE" in env else {}
    log = registry.backend("predictions", "sql")(Settings(home=home, **state))
    kept = {line.request for line in log.read()}
    log.close()
    return kept
