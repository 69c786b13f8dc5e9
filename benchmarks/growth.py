"""How training grows with the rows: ``python -m benchmarks.growth --out DIR``.

A synthetic table of 20 mixed columns and a binary target, written as Parquet, at 10k, 100k, 1M and 10M rows;
each training in a fresh, watched process that is given the path. LightGBM with its defaults on the whole
table in memory stands beside Noria. Draws ``growth.svg`` and ``growth.png``.
"""

from __future__ import annotations

import argparse
import json
import sys
import time
from pathlib import Path
from typing import Any

from benchmarks._common import append, machine, read_lines, run_fresh, say, versions

__all__ = ["main"]

_CHUNK = 500_000
_LEVELS = {"plan": 3, "month": 12, "region": 100, "shop": 5_000}
_NUMBERS = 10
_TEST_ROWS = 20_000


def _chunk(random: Any, rows: int) -> Any:
    """One piece of the table: ten reals, four counts, four texts, a boolean, a moment, and the target."""
    import numpy as np
    import polars as pl

    reals = random.normal(size=(rows, _NUMBERS)).astype(np.float32)
    counts = random.poisson([1, 3, 10, 50], (rows, 4))
    codes = {name: random.integers(0, levels, rows) for name, levels in _LEVELS.items()}
    member = random.random(rows) < 0.3
    day = random.integers(0, 365 * 3, rows)
    logit = reals[:, 0] - 0.7 * reals[:, 1] * reals[:, 2] + np.sin(2 * reals[:, 3]) + 0.2 * counts[:, 0]
    logit += 0.8 * (codes["plan"] == 1) * reals[:, 4] + np.cos(codes["region"]) + 0.5 * member - 1.2
    target = random.random(rows) < 1 / (1 + np.exp(-logit))
    reals[random.random((rows, _NUMBERS)) < 0.02] = np.nan
    columns: dict[str, Any] = {f"real_{index}": reals[:, index] for index in range(_NUMBERS)}
    columns |= {f"count_{index}": counts[:, index] for index in range(4)}
    columns |= {
        name: pl.Series(code).cast(pl.String).str.pad_start(5, name[0]) for name, code in codes.items()
    }
    columns |= {"member": member, "joined": np.datetime64("2022-01-01") + day.astype("timedelta64[D]")}
    frame = pl.DataFrame(columns).with_columns(pl.selectors.float().fill_nan(None))
    return frame.with_columns(
        pl.when(pl.Series(target)).then(pl.lit("yes")).otherwise(pl.lit("no")).alias("left")
    )


def write_table(path: Path, rows: int, seed: int) -> None:
    """Write the table piece by piece, so that its making needs little memory."""
    import numpy as np
    import pyarrow.parquet as pq

    random = np.random.default_rng(seed)
    path.parent.mkdir(parents=True, exist_ok=True)
    writer = None
    for start in range(0, rows, _CHUNK):
        piece = _chunk(random, min(_CHUNK, rows - start)).to_arrow()
        writer = writer or pq.ParquetWriter(path, piece.schema)
        writer.write_table(piece)
    if writer:
        writer.close()


def _train_noria(path: str, budget: float) -> Any:
    """Noria, given the path; returns a function from test rows to the probability of 'yes'."""
    import noria

    run = noria.train(
        path, target="left", task="classification", budget=budget, metric="log_loss", seed=0, resume=False
    )
    return lambda frame: run.model.predict(frame)["probability_yes"].to_numpy()


def _train_lightgbm(path: str, _budget: float) -> Any:
    """Default LightGBM on the whole table in memory, for which the budget means nothing."""
    import lightgbm
    import polars as pl

    frame = pl.read_parquet(path)
    levels = {name: frame[name].unique().sort() for name in _LEVELS}

    def encode(table: Any) -> Any:
        codes = [
            pl.col(name).cast(pl.Enum(kept), strict=False).to_physical() for name, kept in levels.items()
        ]
        table = table.drop("left", strict=False).with_columns(
            *codes, pl.col("joined").cast(pl.Date).to_physical()
        )
        return table.cast(pl.Float32).to_numpy()

    order = [name for name in frame.columns if name != "left"]
    where = [order.index(name) for name in _LEVELS]
    model = lightgbm.LGBMClassifier(random_state=0, verbose=-1)
    model.fit(encode(frame), (frame["left"] == "yes").to_numpy(), categorical_feature=where)
    return lambda rows: model.predict_proba(encode(rows))[:, 1]


_TOOLS = {"noria": _train_noria, "lightgbm": _train_lightgbm}


def _worker(tool: str, path: str, test: str, budget: float, out: str) -> None:
    """Train once, in this fresh process, and score on the test rows."""
    start = time.monotonic()
    predict = _TOOLS[tool](path, budget)
    end = time.monotonic()
    import numpy as np
    import polars as pl

    rows = pl.read_parquet(test)
    share = np.clip(predict(rows.drop("left")), 1e-15, 1 - 1e-15)
    truth = (rows["left"] == "yes").to_numpy()
    loss = float(-np.log(np.where(truth, share, 1 - share)).mean())
    Path(out).write_text(json.dumps({"start": start, "end": end, "train_s": end - start, "log_loss": loss}))


def _measure(tool: str, rows: int, path: Path, test: Path, given: argparse.Namespace) -> dict[str, Any]:
    """One training in a fresh process, with what the watch saw."""
    record = {"tool": tool, "rows": rows, "budget": given.budget, "file_mb": path.stat().st_size / 1e6}
    out = given.out / "result.json"
    out.unlink(missing_ok=True)
    command = [
        sys.executable,
        "-m",
        "benchmarks.growth",
        "--out",
        str(given.out),
        "--budget",
        str(given.budget),
    ]
    command += ["--worker", tool, str(path.resolve()), str(test.resolve()), str(out.resolve())]
    home = {"NORIA_HOME": str((given.out / "home").resolve())}
    outcome = run_fresh(command, env=home, timeout=3 * given.budget + 3000)
    record |= {"machine": machine(), "versions": versions(["noria", "lightgbm", "polars"])}
    if outcome.code or not out.exists():
        return record | {"error": outcome.tail[-800:], "peak_mb": outcome.peak_mb()}
    found = json.loads(out.read_text())
    start, end = found.pop("start"), found.pop("end")
    return record | found | {"peak_mb": outcome.peak_mb(start, end), "cpu_s": outcome.cpu_s(start, end)}


def _draw(records: list[dict[str, Any]], out: Path) -> None:
    """Time and memory against rows, both axes logarithmic, from the recorded figures."""
    import vl_convert

    panels = [("train_s", "training, s"), ("peak_mb", "peak memory, MB")]
    log = {"scale": {"type": "log"}, "axis": {"format": "~s", "labelOverlap": True}}
    spec = {
        "$schema": "https://vega.github.io/schema/vega-lite/v5.json",
        "data": {"values": [{k: r.get(k) for k in ("tool", "rows", "train_s", "peak_mb")} for r in records]},
        "hconcat": [
            {
                "width": 320,
                "height": 240,
                "mark": {"type": "line", "point": True},
                "encoding": {
                    "x": {"field": "rows", "type": "quantitative", **log, "title": "rows"},
                    "y": {"field": field, "type": "quantitative", **log, "title": title},
                    "color": {"field": "tool", "type": "nominal", "title": None},
                },
            }
            for field, title in panels
        ],
    }
    (out / "growth.svg").write_text(vl_convert.vegalite_to_svg(spec))
    (out / "growth.png").write_bytes(vl_convert.vegalite_to_png(spec, scale=2))


def main() -> None:
    """Train at every size not yet recorded, print each record, draw the chart."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.growth", description=__doc__)
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--sizes", default="10000,100000,1000000,10000000")
    parser.add_argument("--tools", default="noria,lightgbm")
    parser.add_argument("--budget", type=float, default=60.0)
    parser.add_argument("--keep", action="store_true", help="keep the Parquet files")
    parser.add_argument("--worker", nargs=4, help=argparse.SUPPRESS)
    given = parser.parse_args()
    if given.worker:
        tool, path, test, out = given.worker
        _worker(tool, path, test, given.budget, out)
        return
    results = given.out / "growth.jsonl"
    done = {(r["tool"], r["rows"], r["budget"]) for r in read_lines(results)}
    test = given.out / "data" / "test.parquet"
    for rows in map(int, given.sizes.split(",")):
        todo = [tool for tool in given.tools.split(",") if (tool, rows, given.budget) not in done]
        path = given.out / "data" / f"{rows}.parquet"
        if todo:
            write_table(test, _TEST_ROWS, seed=1)
            write_table(path, rows, seed=0)
        for tool in todo:
            record = _measure(tool, rows, path, test, given)
            append(results, record)
            say(json.dumps(record))
        if not given.keep:
            path.unlink(missing_ok=True)
    good = [r for r in read_lines(results) if r["budget"] == given.budget and not r.get("error")]
    if good:
        _draw(good, given.out)


if __name__ == "__main__":
    main()
