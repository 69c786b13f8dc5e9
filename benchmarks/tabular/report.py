"""Turns ``results.jsonl`` into Markdown: scores, shares of wins, intervals, overruns, speed and size."""

from __future__ import annotations

import statistics
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from benchmarks._common import read_lines
from benchmarks.tabular.harness import key, losses_path
from benchmarks.tabular.score import Losses, mean_metric, paired, read_losses
from benchmarks.tabular.sets import SETS
from benchmarks.tabular.tools import FLOORS

__all__ = ["Results", "render"]

_OVERRUN = 1.05


@dataclass(frozen=True)
class Results:
    """The good fits of one budget, and the failures; `fits` by tool, set and seed."""

    budget: float
    fits: dict[tuple[str, str, int], dict[str, Any]]
    failures: list[dict[str, Any]]
    out: Path

    @classmethod
    def read(cls, out: Path, budget: float) -> Results:
        """Later records of the same fit replace earlier ones; a failure that was mended is forgotten."""
        fits: dict[tuple[str, str, int], dict[str, Any]] = {}
        for record in read_lines(out / "results.jsonl"):
            tool, data, seed, seconds = key(record["tool"], record["set"], record["seed"], budget)
            if seconds == record["budget"]:
                fits[tool, data, seed] = record
        good = {name: record for name, record in fits.items() if not record.get("error")}
        return cls(budget, good, [record for record in fits.values() if record.get("error")], out)

    @property
    def tools(self) -> list[str]:
        """Tools that have a result: the peers in the order they were run, then the floors."""
        found = list(dict.fromkeys(tool for tool, _, _ in self.fits))
        return [t for t in found if t not in FLOORS] + [t for t in found if t in FLOORS]

    @property
    def sets(self) -> list[str]:
        """Sets that have a result, in the benchmark's order."""
        found = {data for _, data, _ in self.fits}
        return [name for name in SETS if name in found]

    def of(self, tool: str, data: str) -> list[dict[str, Any]]:
        """The fits of one tool on one set, by seed."""
        return [record for (t, d, _), record in sorted(self.fits.items()) if t == tool and d == data]

    def losses(self, tool: str, data: str) -> Losses:
        """The per-row losses of one tool on one set, by seed."""
        seeds = [record["seed"] for record in self.of(tool, data)]
        return {seed: read_losses(losses_path(self.out, tool, data, seed, self.budget)) for seed in seeds}

    def mean(self, tool: str, data: str) -> float | None:
        """The metric's mean over seeds."""
        found = [record["scores"][record["metric"]] for record in self.of(tool, data)]
        return statistics.fmean(found) if found else None


def render(out: Path, budget: float, subject: str = "noria") -> str:
    """The whole page.

    Parameters
    ----------
    out : Path
        The folder of `run`.
    budget : float
        Which fits to read, in seconds (the floors have none and always count).
    subject : str
        The tool that the others are compared with.
    """
    results = Results.read(out, budget)
    if not results.fits:
        raise SystemExit(f"No fit with a budget of {budget:g} s in {out / 'results.jsonl'}.")
    parts = [_scores(results)]
    if subject in results.tools:
        peers = [tool for tool in results.tools if tool != subject and tool not in FLOORS]
        parts += [_duel(results, subject, peer) for peer in peers]
        parts += [_floors(results, subject), *(_ratios(results, subject, peer) for peer in peers)]
    parts += [_costs(results), _overruns(results), _failures(results), _conditions(results)]
    return "\n\n".join(part for part in parts if part) + "\n"


def table(head: Iterable[str], rows: Iterable[Iterable[object]]) -> str:
    """A Markdown table."""
    head = list(head)
    lines = [head, ["---"] * len(head), *([str(cell) for cell in row] for row in rows)]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)


def number(value: float | None, digits: int = 4) -> str:
    """A figure with so many significant digits, grouped by thousands; a dash for none."""
    if value is None:
        return "-"
    return f"{value:,.0f}" if abs(value) >= 1000 else f"{value:.{digits}g}"


def last_line(record: dict[str, Any]) -> str:
    """What a failed fit said last."""
    return record["error"].strip().splitlines()[-1]


def _scores(results: Results) -> str:
    rows = []
    for data in results.sets:
        means = {tool: results.mean(tool, data) for tool in results.tools}
        best = min(value for value in means.values() if value is not None)
        cells = [f"**{number(v)}**" if v == best else number(v) for v in means.values()]
        record = next(record for (_, d, _), record in results.fits.items() if d == data)
        seeds = sorted({seed for _, d, seed in results.fits if d == data})
        size = f"{record['rows']:,} x {record['columns']}"
        rows.append([data, size, record["metric"], len(seeds), *cells])
    title = f"## Scores, budget {results.budget:g} s: mean over seeds, lower is better, the best in bold"
    return f"{title}\n\n{table(['set', 'rows x columns', 'metric', 'seeds', *results.tools], rows)}"


def _duel(results: Results, subject: str, peer: str) -> str:
    """Set by set against one peer, on the seeds that both have."""
    rows, wins, clear_wins, clear_losses = [], 0, 0, 0
    for data in results.sets:
        ours, theirs = results.losses(subject, data), results.losses(peer, data)
        if not set(ours) & set(theirs):
            continue
        task = SETS[data].task
        difference, low, high = paired(ours, theirs, task)
        wins += difference < 0
        clear_wins += high < 0
        clear_losses += low > 0
        verdict = "better" if high < 0 else "worse" if low > 0 else "within noise"
        share = 100 * difference / mean_metric(theirs, task)
        rows.append([data, number(difference), f"[{number(low)}, {number(high)}]", f"{share:+.1f}%", verdict])
    if not rows:
        return ""
    title = (
        f"## {subject} against {peer}: better on {wins} of {len(rows)} sets ({wins / len(rows):.0%}), "
        f"beyond the interval on {clear_wins}; worse beyond it on {clear_losses}"
    )
    head = ["set", "difference (below 0: better)", "95% interval", "relative", "verdict"]
    return f"{title}\n\n{table(head, rows)}"


def _floors(results: Results, subject: str) -> str:
    """Against the best of the floors, set by set."""
    rows, worse = [], []
    for data in results.sets:
        means = {floor: results.mean(floor, data) for floor in FLOORS}
        known = {floor: value for floor, value in means.items() if value is not None}
        if not known or not results.of(subject, data):
            continue
        best = min(known, key=known.__getitem__)
        task = SETS[data].task
        difference, low, high = paired(results.losses(subject, data), results.losses(best, data), task)
        if low > 0:
            worse.append(data)
        verdict = "better" if high < 0 else "**worse**" if low > 0 else "within noise"
        rows.append([data, best, number(difference), f"[{number(low)}, {number(high)}]", verdict])
    if not rows:
        return ""
    title = (
        f"## {subject} against the best floor: worse beyond the interval on {len(worse)} of {len(rows)} sets"
    )
    return f"{title}\n\n{table(['set', 'best floor', 'difference', '95% interval', 'verdict'], rows)}"


def _fastest(record: dict[str, Any]) -> float:
    return min(way["p50_ms"] for way in record["one_row"].values())


def _left(record: dict[str, Any]) -> float:
    """Bytes that a fit leaves on disk; of a tool that writes nothing by itself, those of its saved model."""
    return record.get("bytes_left") or record["bytes"]


_RATIOS: dict[str, Callable[[dict[str, Any], dict[str, Any]], float]] = {
    "one row: times faster (p50)": lambda ours, theirs: _fastest(theirs) / _fastest(ours),
    "batch: times more rows/s": lambda ours, theirs: ours["batch_rows_s"] / theirs["batch_rows_s"],
    "disk, what predicting needs: times smaller": lambda ours, theirs: theirs["bytes"] / ours["bytes"],
    "disk, what a fit leaves: times smaller": lambda ours, theirs: _left(theirs) / _left(ours),
}


def _ratios(results: Results, subject: str, peer: str) -> str:
    """How many times faster and smaller, per fit that both have."""
    pairs = [
        (record, results.fits[peer, data, seed])
        for (tool, data, seed), record in results.fits.items()
        if tool == subject and (peer, data, seed) in results.fits
    ]
    if not pairs:
        return ""
    rows = []
    for name, ratio in _RATIOS.items():
        found = [ratio(*pair) for pair in pairs]
        rows.append([name, number(statistics.median(found), 3), number(min(found), 3), number(max(found), 3)])
    title = f"## {subject} against {peer}: speed and size over {len(pairs)} pairs of fits"
    return f"{title}\n\n{table(['what', 'median', 'least', 'most'], rows)}"


def _costs(results: Results) -> str:
    rows = []
    for tool in results.tools:
        fits = [record for (t, _, _), record in results.fits.items() if t == tool]
        fit = [record["fit_s"] for record in fits]
        rows.append(
            [
                tool,
                len(fits),
                f"{number(statistics.median(fit), 3)} ({number(max(fit), 3)})",
                _median(fits, lambda record: record["fit_cpu_s"]),
                _median(fits, lambda record: record["fit_peak_mb"]),
                _median(fits, _fastest),
                _median(fits, lambda record: min(way["p99_ms"] for way in record["one_row"].values())),
                _median(fits, lambda record: record["batch_rows_s"]),
                _median(fits, lambda record: record["bytes"] / 1e6),
            ]
        )
    head = ["tool", "fits", "fit s, median (most)", "CPU s", "peak MB"]
    head += ["one row p50 ms", "p99 ms", "batch rows/s", "model MB"]
    return f"## Costs: medians over all fits\n\n{table(head, rows)}"


def _median(fits: list[dict[str, Any]], figure: Callable[[dict[str, Any]], float]) -> str:
    return number(statistics.median(figure(record) for record in fits), 3)


def _overruns(results: Results) -> str:
    lines = [
        f"- {tool} on {data}, seed {seed}: {record['fit_s']:.1f} s"
        for (tool, data, seed), record in results.fits.items()
        if tool not in FLOORS and record["fit_s"] > _OVERRUN * results.budget
    ]
    return f"## Fits over 105% of the budget: {len(lines)}\n\n" + ("\n".join(lines) or "None.")


def _failures(results: Results) -> str:
    lines = [
        f"- {record['tool']} on {record['set']}, seed {record['seed']}: `{last_line(record)[:200]}`"
        for record in results.failures
    ]
    return f"## Failed fits: {len(lines)}\n\n" + "\n".join(lines) if lines else ""


def _threads(records: list[dict[str, Any]]) -> str:
    """Thread settings of the environment, which all fits of one page should share."""
    found = {str(record["machine"]["threads"] or "at their defaults") for record in records}
    return " and ".join(sorted(found))


def _conditions(results: Results) -> str:
    """Machine, dates, load and versions that the figures were taken under."""
    records = list(results.fits.values())
    loads = [record["machine"]["load"] for record in records if record["machine"]["load"] is not None]
    days = sorted(record["machine"]["when"][:10] for record in records)
    found: dict[str, dict[str, str]] = {}
    for record in records:
        found.setdefault(record["tool"], {}).update(record["versions"])
    lines = [f"- {tool}: {', '.join(f'{n} {v}' for n, v in names.items())}" for tool, names in found.items()]
    about = (
        f"{days[0]} to {days[-1]}, {records[0]['machine']['cpus']} CPUs, load average before a fit "
        f"{statistics.median(loads):.1f} (most {max(loads):.1f}), threads {_threads(records)}."
    )
    return "## Conditions\n\n" + "\n".join([about, "", *lines])
