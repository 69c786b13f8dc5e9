"""The M4 competition's hourly and weekly series: ``python -m benchmarks.forecast [--sets Hourly,Weekly]``.

Noria gets the official training part as one long table and forecasts the official test part. The scores are
the competition's own: sMAPE, MASE with its seasons, and OWA, their mean relative to the official Naive2; that
the scorer is right shows in the seasonal naive forecast, which must get the published figures.

References
----------
Makridakis, Spiliotis and Assimakopoulos, The M4 competition, International Journal of Forecasting 2020.
"""

from __future__ import annotations

import argparse
import csv
import sys
import time
import urllib.request
from dataclasses import dataclass
from io import StringIO
from os import environ
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl

from benchmarks._common import machine, versions
from benchmarks.tabular.report import table

__all__ = ["main"]

_PUBLIC = "https://raw.githubusercontent.com/Mcompetitions/M4-methods/master/Dataset"


@dataclass(frozen=True)
class _Set:
    """One part of the competition: steps to forecast, seasons, MASE's season, and Naive2's scores."""

    name: str
    horizon: int
    seasons: tuple[int, ...]
    lag: int
    naive2: tuple[float, float]
    published: str


_SETS = {
    "Hourly": _Set("Hourly", 48, (24, 168), 24, (18.383, 2.395), "seasonal naive 13.912 / 1.193 / 0.628"),
    "Weekly": _Set("Weekly", 13, (52,), 1, (9.161, 2.777), "naive 9.161 / 2.777 / 1.000"),
}


def _series(name: str, part: str) -> dict[str, np.ndarray]:
    """The series of one file, from the folder ``m4`` of NORIA_MIRROR or from the competition's repository."""
    inside = f"{part}/{name}-{part.lower()}.csv"
    kept = Path(environ.get("NORIA_MIRROR", ".")) / "m4" / inside
    if kept.exists():
        text = kept.read_text(encoding="utf-8")
    else:
        with urllib.request.urlopen(f"{_PUBLIC}/{inside}", timeout=60) as answer:
            text = answer.read().decode("utf-8")
    rows = list(csv.reader(StringIO(text)))[1:]
    return {row[0]: np.array([float(value) for value in row[1:] if value not in ("", "NA")]) for row in rows}


def _long(series: dict[str, np.ndarray], starts: dict[str, int]) -> pl.DataFrame:
    parts = [
        {"series": name, "step": np.arange(starts[name], starts[name] + len(values)), "value": values}
        for name, values in series.items()
    ]
    return pl.concat([pl.DataFrame(part) for part in parts])


def _scores(
    one: _Set, train: dict[str, np.ndarray], test: dict[str, np.ndarray], forecast: dict[str, np.ndarray]
) -> tuple[float, float, float]:
    smape, mase = [], []
    for name, truth in test.items():
        found, past = forecast[name], train[name]
        smape.append(200 * np.mean(np.abs(truth - found) / (np.abs(truth) + np.abs(found))))
        mase.append(np.mean(np.abs(truth - found)) / np.mean(np.abs(past[one.lag :] - past[: -one.lag])))
    owa = (np.mean(smape) / one.naive2[0] + np.mean(mase) / one.naive2[1]) / 2
    return float(np.mean(smape)), float(np.mean(mase)), float(owa)


def _noria(one: _Set, budget: float, train: dict[str, np.ndarray], test: dict[str, np.ndarray]) -> list[Any]:
    import noria

    started = time.monotonic()
    run = noria.train(
        _long(train, dict.fromkeys(train, 0)),
        "value",
        task="forecasting",
        time="step",
        series=["series"],
        options={"horizon": one.horizon, "season": list(one.seasons), "coverage": 0.95},
        budget=budget,
        name=f"m4-{one.name.lower()}",
    )
    seconds = time.monotonic() - started
    asked = _long(test, {name: len(values) for name, values in train.items()})
    found = asked.hstack(run.model.predict(asked.drop("value")))
    inside = ((found["low"] <= found["value"]) & (found["value"] <= found["high"])).mean()
    paths = {str(name): part["prediction"].to_numpy() for (name,), part in found.group_by("series")}
    shares = [
        f"{leader.learner} {leader.weight:.0%}" for leader in run.evaluation.leaderboard if leader.weight
    ]
    return [*_scores(one, train, test, paths), inside, seconds, ", ".join(shares)]


def main() -> None:
    """Forecast, score and print a table."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--sets", default="Hourly,Weekly")
    parser.add_argument("--budget", type=float, default=240.0, help="seconds for each set")
    given = parser.parse_args()
    rows = []
    for name in given.sets.split(","):
        one, train, test = _SETS[name], _series(name, "Train"), _series(name, "Test")
        repeated = {key: np.resize(past[-one.lag :], one.horizon) for key, past in train.items()}
        scores = _scores(one, train, test, repeated)
        rows.append(
            [name, "repeat the last season", *(f"{score:.3f}" for score in scores), "", "", one.published]
        )
        *scores, inside, seconds, shares = _noria(one, given.budget, train, test)
        figures = [f"{score:.3f}" for score in scores]
        rows.append([name, "noria", *figures, f"{inside:.3f}", f"{seconds:.0f}", shares])
    head = ["set", "forecast", "sMAPE", "MASE", "OWA", "coverage of 95%", "seconds", "of"]
    about = f"{machine()} {versions(('noria', 'lightgbm', 'polars', 'numpy'))}"
    sys.stdout.write(f"{table(head, rows)}\n\n{about}\n")


if __name__ == "__main__":
    main()
