"""Services side by side: ``python -m benchmarks.serving compare|log|kills|smoke``.

``compare`` starts each service afresh in turn, several times, checks its answers, loads it over one and over
32 connections, and prints medians and Noria's bars. ``log`` writes a million predictions and asks for some.
``kills`` kills the service under load and counts what was acknowledged and is not in the log. ``smoke`` does
a little of each with what is installed.
"""

from __future__ import annotations

import argparse
import shutil
import statistics
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from benchmarks._common import append, environment, machine, python_of, say, versions
from benchmarks.serving.data import peer_model, prepare, serve_folder
from benchmarks.serving.harness import measure, started
from benchmarks.serving.load import tool
from benchmarks.serving.logged import kills, million
from benchmarks.serving.servers import SERVERS, Server

__all__ = ["main"]

_CONNECTIONS = (1, 32)
_RIVALS = ("fastapi", "fastapi:2", "litserve", "litserve:32", "bentoml", "mlflow")
_SLOW_RIVALS = ("mlflow", "bentoml")


def _ready(
    names: Sequence[str], given: argparse.Namespace
) -> dict[str, tuple[Server, Path, Path, dict[str, Any]]]:
    """The services that can be started, with their programs, model and probe."""
    envs, data = environment(given.envs), prepare(given.out, given.rows)
    found = {}
    for name in names:
        server = SERVERS[name]
        if server.env == "noria":
            home = given.out / "home"
            found[name] = (server, Path(sys.executable).parent, home, serve_folder(data, home, given.trees))
            continue
        python = python_of(server.env, envs, sys.executable if given.here else None)
        if python is None:
            say(f"{name}: no environment; run: sh benchmarks/make_env.sh {server.env}")
            continue
        model = given.out / "models" / server.env
        probe = peer_model(python, data, model, given.trees, *server.kinds)
        found[name] = (server, Path(python).parent, model, probe)
    return found


def _compare(given: argparse.Namespace) -> None:
    ready = _ready(given.servers.split(","), given)
    connections = tuple(int(count) for count in given.connections.split(","))
    records: list[dict[str, Any]] = []
    for turn in range(given.rounds):
        for name, (server, programs, model, probe) in ready.items():
            record: dict[str, Any] = {"server": name, "turn": turn, **machine(), "tool": tool()}
            env = {}
            if server.env == "noria":
                home = given.out / "turn"
                shutil.rmtree(home, ignore_errors=True)
                shutil.copytree(model, home)
                env = {"NORIA_HOME": str(home)}
            rows = probe["rows"]
            try:
                with started(server, programs, model, rows[0]["row"], env, given.out / "log") as running:
                    record |= measure(running, server, rows, connections, given.seconds)
            except RuntimeError as error:
                record["error"] = str(error)
            records.append(record)
            append(given.out / "serving.jsonl", record | {"rmse": probe["rmse"]})
            say(f"{turn + 1}/{given.rounds} {name}: {_said(record, connections)}")
    _print(records, connections, {name: probe["rmse"] for name, (_, _, _, probe) in ready.items()})


def _said(record: Mapping[str, Any], connections: Sequence[int]) -> str:
    if "error" in record:
        return record["error"]
    return ", ".join(f"{count}: {record[f'c{count}']['rps']:,.0f} req/s" for count in connections)


def _medians(records: Sequence[Mapping[str, Any]], name: str, part: str, key: str) -> float:
    found = [
        one[part][key] if part else one[key]
        for one in records
        if one["server"] == name and "error" not in one
    ]
    return statistics.median(found) if found else float("nan")


def _print(
    records: Sequence[Mapping[str, Any]], connections: Sequence[int], errors: Mapping[str, float]
) -> None:
    """The table and the bars, as Markdown."""
    heads = [f"{count} conn.: req/s, p50 / p99 ms" for count in connections]
    lines = [["server", "what", *heads, "errors", "wrong", "start s", "RSS MB", "RMSE"]]
    lines.append(["---"] * len(lines[0]))
    for name, rmse in errors.items():
        mine = [one for one in records if one["server"] == name and "error" not in one]
        if not mine:
            lines.append([name, SERVERS[name].what, "failed", *[""] * (len(lines[0]) - 3)])
            continue
        cells = [
            f"{_medians(mine, name, part, 'rps'):,.0f}, {_medians(mine, name, part, 'p50_ms'):.2f} / "
            f"{_medians(mine, name, part, 'p99_ms'):.2f}"
            for part in (f"c{count}" for count in connections)
        ]
        failed = sum(one[f"c{count}"]["errors"] for one in mine for count in connections)
        wrong = sum(one["wrong"] for one in mine)
        start, rss = _medians(mine, name, "", "start_s"), _medians(mine, name, "", "rss_mb")
        lines.append(
            [
                name,
                SERVERS[name].what,
                *cells,
                str(failed),
                str(wrong),
                f"{start:.2f}",
                f"{rss:.0f}",
                f"{rmse:.0f}",
            ]
        )
    print("\n".join(f"| {' | '.join(line)} |" for line in lines))
    if tuple(connections) == _CONNECTIONS:
        print("\n" + "\n".join(_bars(records)))
    print(f"\n{machine()} {versions(['noria', 'lightgbm', 'uvicorn', 'uvloop', 'orjson'])} load by {tool()}")


def _bars(records: Sequence[Mapping[str, Any]]) -> list[str]:
    """What issue and figures say, one line each."""

    def rate(name: str, count: int) -> float:
        return _medians(records, name, f"c{count}", "rps")

    def line(what: str, value: float, bar: float, more: bool = True) -> str:
        met = "-" if value != value else "met" if (value >= bar) == more else "MISSED"
        return f"- {what}: {value:.3g} ({'at least' if more else 'at most'} {bar:g}): {met}"

    one, many = rate("noria", 1), rate("noria", 32)
    known = {one["server"] for one in records if "error" not in one}
    lines = [line("one connection, p50 in ms", _medians(records, "noria", "c1", "p50_ms"), 1.5, False)]
    present = [name for name in _RIVALS if name in known]
    lines += [line(f"one connection, times {name}", one / rate(name, 1), 8) for name in present]
    rivals = [rate(name, 32) for name in present]
    if rivals:
        best = max(many, rate("noria:2", 32)) if "noria:2" in known else many
        lines.append(line("32 connections, times the best of them", best / max(rivals), 4))
        lines += [
            line(f"32 connections, times {name}", best / rate(name, 32), 15)
            for name in _SLOW_RIVALS
            if name in known
        ]
    tail = _medians(records, "noria", "c32", "p99_ms") / _medians(records, "noria", "c32", "p50_ms")
    lines.append(line("32 connections, p99 over p50", tail, 5, False))
    lines.append(line("start to first answer, s", _medians(records, "noria", "", "start_s"), 2, False))
    lines.append(line("memory, MB", _medians(records, "noria", "", "rss_mb"), 250, False))
    for count in _CONNECTIONS:
        share = 1 - rate("noria", count) / rate("noria:no-log", count)
        lines.append(line(f"lost to the log, {count} connections", share, 0.15, False))
    return lines


def _log(given: argparse.Namespace) -> None:
    probe = serve_folder(prepare(given.out, given.rows), given.out / "home", given.trees)["rows"]
    told = million(given.lines, probe)
    append(given.out / "log.jsonl", {**told, **machine()})
    print(
        f"{told['lines']:,} predictions: {told['lines_s']:,.0f} written and {told['read_lines_s']:,.0f} read "
        f"a second, {told['bytes_line']:.0f} bytes each"
    )
    for name, value in told["queries_ms"].items():
        print(f"- {name}: {value:,.1f} ms")


def _kills(given: argparse.Namespace) -> int:
    home = given.out / "killed"
    probe = serve_folder(prepare(given.out, given.rows), given.out / "home", given.trees)["rows"]
    shutil.rmtree(home, ignore_errors=True)
    shutil.copytree(given.out / "home", home)
    env = {"NORIA_STATE": given.state} if given.state else {}
    told = kills(SERVERS["noria"], home, probe, given.kills, env)
    append(given.out / "kills.jsonl", {**told, **machine()})
    print(
        f"{told['kills']} kills: {told['acknowledged']:,} predictions acknowledged, {told['kept']:,} kept, "
        f"{told['lost']} lost"
    )
    return 1 if told["lost"] or not told["acknowledged"] else 0


def _smoke(given: argparse.Namespace) -> int:
    given.servers, given.rounds, given.seconds, given.connections = (
        "noria,noria:no-log,fastapi",
        1,
        1.0,
        "1,32",
    )
    given.rows, given.trees, given.here, given.lines, given.kills = 3_000, 50, True, 5_000, 2
    _compare(given)
    _log(given)
    return _kills(given)


def main() -> int:
    """Run what was asked for; 1 if a prediction was lost."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.serving", description=__doc__)
    parser.add_argument("what", choices=("compare", "log", "kills", "smoke"))
    parser.add_argument("--out", type=Path, default=Path("build/bench/serving"))
    parser.add_argument("--envs", help="folder of the peers' environments")
    parser.add_argument("--here", action="store_true", help="peers without an environment run in this one")
    parser.add_argument("--servers", default=",".join(SERVERS))
    parser.add_argument("--rounds", type=int, default=5, help="fresh starts of each")
    parser.add_argument("--seconds", type=float, default=5.0, help="of each load")
    parser.add_argument("--connections", default=",".join(map(str, _CONNECTIONS)))
    parser.add_argument("--trees", type=int, default=300)
    parser.add_argument("--rows", type=int, help="of the data; all of them if not given")
    parser.add_argument("--lines", type=int, default=1_000_000, help="of the log")
    parser.add_argument("--kills", type=int, default=50)
    parser.add_argument("--state", help="address of a PostgreSQL database for kills")
    given = parser.parse_args()
    given.out = given.out.resolve()
    given.out.mkdir(parents=True, exist_ok=True)
    runs = {"compare": _compare, "log": _log, "kills": _kills, "smoke": _smoke}
    return runs[given.what](given) or 0


if __name__ == "__main__":
    sys.exit(main())
