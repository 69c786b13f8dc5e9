"""Problems with a planted fault, one for each code of findings that rows can show."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

import numpy as np
import polars as pl

__all__ = ["FAULTS", "Fault", "sound"]

_START = datetime(2024, 1, 1)
_NUMBERS = ("ridge", "decision_tree")
_CLASSES = ("logistic", "decision_tree")
_KINDS = np.array(["no", "yes"])


@dataclass(frozen=True)
class Fault:
    """A table with something wrong, and how to train on it.

    Attributes
    ----------
    table : Table
        Raw rows with the target ``y``.
    test : Table, optional
        Rows to judge by.
    keys : mapping
        Further arguments of `noria.train`.
    """

    table: pl.DataFrame
    test: pl.DataFrame | None = None
    keys: Mapping[str, Any] = field(default_factory=dict)


def sound(rows: int = 400, seed: int = 0, *, classes: bool = False, noise: float = 1.0) -> pl.DataFrame:
    """Rows with nothing wrong: three numbers and a category that each say something of the target ``y``.

    Examples
    --------
    >>> sound(5).columns
    ['a', 'b', 'c', 'kind', 'y']
    """
    rng = np.random.default_rng(seed)
    a, b, c = rng.normal(size=(3, rows))
    kind = rng.integers(0, 4, rows)
    signal = a + b - 0.7 * c + 0.8 * (kind == 1) - 0.8 * (kind == 2)
    y = signal + noise * rng.normal(size=rows)
    table = pl.DataFrame({"a": a, "b": b, "c": c, "kind": np.array(["oak", "elm", "ash", "fir"])[kind]})
    return table.with_columns(y=pl.Series(_KINDS[(y > 0).astype(int)] if classes else y))


def _made(seed: int = 0, **keys: Any) -> tuple[np.random.Generator, pl.DataFrame, dict[str, Any]]:
    """A generator, sound rows, and keys that name their learners."""
    table = sound(seed=seed, **keys)
    learners = _CLASSES if keys.get("classes") else _NUMBERS
    return np.random.default_rng(seed + 1), table, {"learners": list(learners)}


def _overfit(seed: int) -> Fault:
    rng = np.random.default_rng(seed)
    X = rng.normal(size=(500, 20))
    y = 0.35 * X[:, 0] + rng.normal(size=500)
    table = pl.DataFrame({f"x{at}": X[:, at] for at in range(20)}).with_columns(y=pl.Series(y))
    return Fault(table, keys={"learners": ["extra_trees"], "trials": 2})


def _noise(seed: int) -> Fault:
    rng, table, keys = _made(seed)
    return Fault(table.with_columns(y=pl.Series(rng.normal(size=table.height))), keys=keys)


def _reversed(seed: int) -> Fault:
    _, table, keys = _made(seed)
    return Fault(table, sound(200, seed + 7).with_columns(-pl.col("y")), keys)


def _easier(seed: int) -> Fault:
    _, table, keys = _made(seed, noise=2.0)
    return Fault(table, sound(300, seed + 7, noise=0.1), keys)


def _small(seed: int) -> Fault:
    _, _, keys = _made(seed)
    return Fault(sound(170, seed, noise=1.8), keys=keys)


def _near_goal(seed: int) -> Fault:
    _, table, keys = _made(seed)
    return Fault(table, keys={**keys, "goal": {"r2": ">= 0.69"}})


def _few(seed: int) -> Fault:
    return Fault(sound(60, seed, noise=1.5), keys={"learners": ["ridge", "neighbours"], "holdout": 0.5})


def _two_worlds(seed: int) -> Fault:
    rng = np.random.default_rng(seed)
    site = np.arange(1_200) % 4
    x = rng.uniform(-1, 1, 1_200) + np.array([-2, 0, 0, 2])[site]
    w = rng.uniform(-1, 1, 1_200)
    y = 4 * x + 5 * (np.abs(w) > 0.5) + 0.3 * rng.normal(size=1_200)
    table = pl.DataFrame({"x": x, "w": w, "site": [f"s{at}" for at in site], "y": y})
    return Fault(table, keys={"learners": list(_NUMBERS), "group": "site", "folds": 4, "holdout": 0})


def _harder_sites(seed: int) -> Fault:
    rng, table, keys = _made(seed)
    site = np.arange(table.height) % 5
    y = table["y"] + pl.Series(np.where(site == 0, 9.0, 0.0) * rng.normal(size=table.height))
    table = table.with_columns(y=y, site=pl.Series([f"s{at}" for at in site]))
    return Fault(table, keys={**keys, "group": "site", "folds": 5, "holdout": 0})


def _hurried(seed: int) -> Fault:
    rng = np.random.default_rng(seed)
    X = rng.normal(size=(40_000, 30))
    table = pl.DataFrame({f"x{at}": X[:, at] for at in range(30)})
    return Fault(table.with_columns(y=pl.Series(X[:, 0] + rng.normal(size=40_000))), keys={
        "budget": "2s", "trials": None})  # fmt: skip


def _at_edge(seed: int) -> Fault:
    table = sound(300, seed).select("a", "b", "c", y=pl.col("a") + pl.col("b") - pl.col("c"))
    return Fault(table, keys={"learners": ["ridge"], "trials": 40})


def _copied(seed: int) -> Fault:
    _, table, keys = _made(seed)
    return Fault(table, pl.concat([sound(100, seed + 7), table.sample(25, seed=seed)]), keys)


def _contradicted(seed: int) -> Fault:
    _, table, keys = _made(seed, classes=True)
    copies = table.sample(25, seed=seed).with_columns(
        y=pl.when(pl.col("y") == "no").then(pl.lit("yes")).otherwise(pl.lit("no"))
    )
    return Fault(table, pl.concat([sound(100, seed + 7, classes=True), copies]), keys)


def _at_random_in_time(seed: int) -> Fault:
    _, table, keys = _made(seed)
    days = [_START + timedelta(days=at) for at in range(table.height)]
    return Fault(table.with_columns(day=pl.Series(days)), keys={**keys, "time": "day", "how": "random"})


def _walk(seed: int) -> Fault:
    rng, table, keys = _made(seed)
    days = [_START + timedelta(days=at) for at in range(table.height)]
    walk = table["y"] + pl.Series(rng.normal(size=table.height).cumsum())
    return Fault(table.with_columns(y=walk, day=pl.Series(days)), keys=keys)


def _patients(seed: int) -> Fault:
    rng, table, keys = _made(seed)
    patient = rng.integers(0, 60, table.height)
    y = table["y"] + pl.Series(rng.normal(size=60)[patient] * 2)
    table = table.with_columns(patient=pl.Series([f"p{at}" for at in patient]), y=y)
    return Fault(table, keys={**keys, "group": "patient", "how": "random"})


def _shifted(seed: int) -> Fault:
    _, table, keys = _made(seed)
    return Fault(table, sound(200, seed + 7).with_columns(pl.col("b") + 1), keys)


def _stretched(seed: int) -> Fault:
    _, table, keys = _made(seed)
    late = pl.when(pl.int_range(pl.len()) < 20).then(pl.col("a") + 6).otherwise("a")
    return Fault(table, sound(300, seed + 7).with_columns(late.alias("a")), keys)


def _rare(seed: int) -> Fault:
    _, table, keys = _made(seed, classes=True)
    rare = pl.when(pl.int_range(pl.len()) % 60 == 0).then(pl.lit("perhaps")).otherwise("y")
    return Fault(table.with_columns(rare.alias("y")), keys=keys)


def _tiny(seed: int) -> Fault:
    _, _, keys = _made(seed)
    return Fault(sound(100, seed), keys=keys)


def _leaking(seed: int) -> Fault:
    rng, table, keys = _made(seed)
    later = 3 * table["y"] + 7 + pl.Series(0.02 * rng.normal(size=table.height))
    return Fault(table.with_columns(later=later), keys=keys)


def _one_cause(seed: int) -> Fault:
    rng, _, keys = _made(seed)
    table = sound(1_500, seed)
    y = 2.0 * table["a"] + pl.Series(2 * rng.normal(size=table.height))
    return Fault(table.with_columns(y=y), keys=keys)


def _numbered(seed: int) -> Fault:
    rng, table, keys = _made(seed)
    number = rng.permutation(table.height * 3)[: table.height]
    return Fault(table.with_columns(number=pl.Series(number)), keys=keys)


def _constant(seed: int) -> Fault:
    _, table, keys = _made(seed)
    return Fault(table.with_columns(country=pl.lit("NL")), keys=keys)


def _twice(seed: int) -> Fault:
    _, table, keys = _made(seed)
    return Fault(table.with_columns(fahrenheit=32 + 1.8 * pl.col("a")), keys=keys)


def _telling_gaps(seed: int) -> Fault:
    rng, table, keys = _made(seed, classes=True)
    lost = (table["y"] == "yes").to_numpy() & (rng.random(table.height) < 0.6)
    form = np.where(lost, np.nan, rng.normal(size=table.height))
    return Fault(table.with_columns(form=pl.Series(form).fill_nan(None)), keys=keys)


def _many_levels(seed: int) -> Fault:
    rng, table, keys = _made(seed)
    street = [f"street {at}" for at in rng.integers(0, 250, table.height)]
    return Fault(
        table.with_columns(street=pl.Series(street)), keys={**keys, "columns": {"street": "category"}}
    )


def _surer_than_right(seed: int) -> Fault:
    _, table, keys = _made(seed, classes=True, noise=0.1)
    return Fault(table, sound(400, seed + 7, classes=True, noise=2.0), keys)


def _noisier(seed: int) -> Fault:
    _, table, keys = _made(seed)
    return Fault(table, sound(300, seed + 7, noise=3.0), keys)


def _bent(seed: int) -> Fault:
    rng = np.random.default_rng(seed)
    x, z = rng.normal(size=(2, 800))
    y = x + 2 * z**2 + rng.normal(size=800)
    return Fault(pl.DataFrame({"x": x, "z": z, "y": y}), keys={"learners": ["ridge"]})


def _mistyped(seed: int) -> Fault:
    rng, _, keys = _made(seed)
    table = sound(1_000, seed, classes=True, noise=0.1)
    other = pl.when(pl.col("y") == "no").then(pl.lit("yes")).otherwise(pl.lit("no"))
    wrong = pl.Series(rng.random(table.height) < 0.05)
    return Fault(table.with_columns(y=pl.when(wrong).then(other).otherwise("y")), keys={
        **keys, "learners": list(_CLASSES)})  # fmt: skip


def _unequal(seed: int) -> Fault:
    _, table, keys = _made(seed, classes=True)
    some = pl.concat([table.filter(y="no"), table.filter(y="yes").head(30)])
    return Fault(some.sample(fraction=1.0, shuffle=True, seed=seed), keys={**keys, "metric": "accuracy"})


def _extreme(seed: int) -> Fault:
    _, _, keys = _made(seed)
    return Fault(sound(1_000, seed).with_columns(pl.col("y").exp()), keys={**keys, "metric": "rmse"})


def _too_much_asked(seed: int) -> Fault:
    _, table, keys = _made(seed, classes=True, noise=2.0)
    rule = {"by": "precision", "at_least": 0.99}
    return Fault(table, keys={**keys, "options": {"decision": rule}})


FAULTS: Mapping[str, Callable[[int], Fault]] = {
    "NOR001": _overfit,
    "NOR002": _noise,
    "NOR003": _reversed,
    "NOR005": _easier,
    "NOR006": _small,
    "NOR007": _near_goal,
    "NOR008": _few,
    "NOR009": _two_worlds,
    "NOR010": _hurried,
    "NOR011": _at_edge,
    "NOR012": _copied,
    "NOR013": _contradicted,
    "NOR014": _at_random_in_time,
    "NOR015": _walk,
    "NOR016": _patients,
    "NOR017": _shifted,
    "NOR018": _stretched,
    "NOR019": _rare,
    "NOR020": _tiny,
    "NOR021": _leaking,
    "NOR022": _one_cause,
    "NOR023": _numbered,
    "NOR024": _constant,
    "NOR025": _twice,
    "NOR026": _telling_gaps,
    "NOR027": _many_levels,
    "NOR028": _surer_than_right,
    "NOR029": _noisier,
    "NOR030": _bent,
    "NOR031": _mistyped,
    "NOR032": _unequal,
    "NOR033": _extreme,
    "NOR035": _harder_sites,
    "NOR036": _too_much_asked,
}
"""By code, a function of a seed. What rows cannot show is left out: speed (NOR004), slices (NOR034)."""
