"""Series of the M4 and M3 competitions: ``python -m benchmarks.forecast [--sets Hourly,Weekly,Monthly]``.

Noria gets the official training part as one long table and forecasts the official test part: hourly and
weekly series of the M4, monthly and quarterly ones of the M3 (which needs the package rdata). The scores are
the competitions' own: sMAPE, MASE with its seasons, and for the M4 OWA, their mean relative to the official
Naive2; that the scorer is right shows in the seasonal naive forecast, which must get the published figures.

References
----------
Makridakis, Spiliotis and Assimakopoulos, The M4 competition, International Journal of Forecasting 2020;
Makridakis and Hibon, The M3 competition, International Journal of Forecasting 2000.
"""

from __future__ import annotations

import argparse
import csv
import sys
import time
import urllib.request
import warnings
from dataclasses import dataclass
from io import StringIO
from os import environ
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl

from benchmarks._common import machine, versions
from benchmarks.tabular.report import table

__all__ = ["long", "main", "monthly"]

_M4 = "https://raw.githubusercontent.com/Mcompetitions/M4-methods/master/Dataset"
_M3 = "https://raw.githubusercontent.com/robjhyndman/Mcomp/master/data"

Series = dict[str, np.ndarray]


@dataclass(frozen=True)
class _Set:
    """One part of a competition: steps to forecast, seasons, MASE's season, and Naive2's scores of the M4."""

    name: str
    horizon: int
    seasons: tuple[int, ...]
    lag: int
    naive2: tuple[float, float] | None
    published: str


_SETS = {
    "Hourly": _Set("Hourly", 48, (24, 168), 24, (18.383, 2.395), "seasonal naive 13.912 / 1.193 / 0.628"),
    "Weekly": _Set("Weekly", 13, (52,), 1, (9.161, 2.777), "naive 9.161 / 2.777 / 1.000"),
    "Monthly": _Set("Monthly", 18, (12,), 12, None, "Theta 13.85"),
    "Quarterly": _Set("Quarterly", 8, (4,), 4, None, "Theta 8.96"),
}


def _kept(folder: str, inside: str, public: str) -> Path:
    """A file in a folder of NORIA_MIRROR, or fetched from its public address."""
    kept = Path(environ.get("NORIA_MIRROR", ".")) / folder / inside
    if kept.exists():
        return kept
    path, _ = urllib.request.urlretrieve(f"{public}/{inside}")
    return Path(path)


def _series(one: _Set) -> tuple[Series, Series]:
    """Training and test part by the names of the series."""
    if one.naive2 is None:
        return _m3(one.name)
    train, test = (_m4(f"{part}/{one.name}-{part.lower()}.csv") for part in ("Train", "Test"))
    return train, test


def _m4(inside: str) -> Series:
    text = _kept("m4", inside, _M4).read_text(encoding="utf-8")
    rows = list(csv.reader(StringIO(text)))[1:]
    return {row[0]: np.array([float(value) for value in row[1:] if value not in ("", "NA")]) for row in rows}


def _m3(period: str) -> tuple[Series, Series]:
    import rdata

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        whole = rdata.read_rda(str(_kept("m1_m3", "M3.rda", _M3)))["M3"]
    some = {str(name): one for name, one in whole.items() if one["period"][0] == period.upper()}
    train, test = ({name: np.asarray(one[part], float) for name, one in some.items()} for part in ("x", "xx"))
    return train, test


def monthly() -> Series:
    """The training parts of the M3's monthly series."""
    return _m3("Monthly")[0]


def long(series: Series, starts: dict[str, int]) -> pl.DataFrame:
    """One row per value: series, step and value, the steps of a series from its start."""
    parts = [
        {"series": name, "step": np.arange(starts[name], starts[name] + len(values)), "value": values}
        for name, values in series.items()
    ]
    return pl.concat([pl.DataFrame(part) for part in parts])


def _scores(one: _Set, train: Series, test: Series, forecast: Series) -> tuple[float, float, float]:
    smape, mase = [], []
    for name, truth in test.items():
        found, past = forecast[name], train[name]
        smape.append(200 * np.mean(np.abs(truth - found) / (np.abs(truth) + np.abs(found))))
        mase.append(np.mean(np.abs(truth - found)) / np.mean(np.abs(past[one.lag :] - past[: -one.lag])))
    mean = float(np.mean(smape)), float(np.mean(mase))
    owa = np.nan if one.naive2 is None else (mean[0] / one.naive2[0] + mean[1] / one.naive2[1]) / 2
    return *mean, owa


def _noria(one: _Set, budget: float, train: Series, test: Series) -> list[Any]:
    import noria

    started = time.monotonic()
    run = noria.train(
        long(train, dict.fromkeys(train, 0)),
        "value",
        task="forecasting",
        time="step",
        series=["series"],
        options={"horizon": one.horizon, "season": list(one.seasons), "coverage": 0.95},
        budget=budget,
        name=f"competition-{one.name.lower()}",
        resume=False,
    )
    seconds = time.monotonic() - started
    asked = long(test, {name: len(values) for name, values in train.items()})
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
    parser.add_argument("--sets", default=",".join(_SETS))
    parser.add_argument("--budget", type=float, default=240.0, help="seconds for each set")
    given = parser.parse_args()
    rows = []
    for name in given.sets.split(","):
        one = _SETS[name]
        train, test = _series(one)
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
