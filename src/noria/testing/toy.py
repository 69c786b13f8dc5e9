"""Small problems with a known answer, made from a seed."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from itertools import product
from typing import Any

import numpy as np
import polars as pl

from noria.core.protocol import Task

__all__ = ["Problem", "problems"]

_START = datetime(2024, 1, 1)


@dataclass(frozen=True)
class Problem:
    """A table with a target that can be learned from it.

    Attributes
    ----------
    name : str
    table : Table
        Raw rows.
    target : str
    task : Task
    options : mapping
        Of the system.
    columns : mapping of str to str
        Roles that cannot be inferred.
    asked : Table, optional
        Rows to predict, where those of the table cannot be.
    documents : Table, optional
        What the rows are asked of: ``document``, ``title``, ``text``.
    """

    name: str
    table: pl.DataFrame
    target: str
    task: Task
    options: Mapping[str, Any] = field(default_factory=dict)
    columns: Mapping[str, str] = field(default_factory=dict)
    asked: pl.DataFrame | None = None
    documents: pl.DataFrame | None = None


def problems(rows: int = 240, seed: int = 0) -> list[Problem]:
    """Two classes, three classes and a number on columns of every type, with gaps; series; questions.

    Examples
    --------
    >>> [problem.name for problem in problems(50)]
    ['two classes', 'three classes', 'number', 'series', 'questions']
    """
    rng = np.random.default_rng(seed)
    size, colour, member = rng.normal(size=rows), rng.integers(0, 4, rows), rng.random(rows) < 0.5
    days = rng.integers(0, 700, rows)
    signal = 1.5 * size + 1.2 * (colour == 2) - 1.2 * (colour == 0) + member + 0.3 * rng.normal(size=rows)
    missing = rng.random(rows) < 0.08
    features = pl.DataFrame(
        {
            "size": np.where(missing, np.nan, size),
            "colour": np.array(["red", "green", "blue", "grey"])[colour],
            "member": member,
            "joined": [_START + timedelta(days=int(day)) for day in days],
            "remark": [_remark(value, rng) for value in signal],
        }
    ).with_columns(pl.col("size").fill_nan(None))
    binary = np.where(signal > 0.4, "yes", "no")
    triple = np.array(["low", "middle", "top"])[np.digitize(signal, [-0.4, 1.4])]
    return [
        Problem("two classes", features.with_columns(left=pl.Series(binary)), "left", Task.CLASSIFICATION),
        Problem("three classes", features.with_columns(tier=pl.Series(triple)), "tier", Task.CLASSIFICATION),
        Problem(
            "number", features.with_columns(price=pl.Series(100 + 10 * signal)), "price", Task.REGRESSION
        ),
        _series(rows, rng),
        _questions(rows, rng),
    ]


def _series(rows: int, rng: np.random.Generator) -> Problem:
    """Two shops' daily sales with a week's rhythm, and the days after."""
    days, ahead = max(rows // 2, 30), 7
    parts = []
    for shop, level in (("north", 100.0), ("south", 40.0)):
        at = np.arange(days + ahead)
        sold = level * (1 + 0.3 * np.sin(2 * np.pi * at / 7) + 0.002 * at) + 0.03 * level * rng.normal(
            size=len(at)
        )
        stamps = [_START + timedelta(days=int(day)) for day in at]
        parts.append(pl.DataFrame({"day": stamps, "shop": shop, "sold": sold}))
    past = pl.concat([part.head(days) for part in parts])
    future = pl.concat([part.tail(ahead) for part in parts]).drop("sold")
    return Problem(
        "series",
        past,
        "sold",
        Task.FORECASTING,
        {"horizon": ahead},
        {"day": "time", "shop": "series"},
        future,
    )


def _questions(rows: int, rng: np.random.Generator) -> Problem:
    """Documents about one thing each, and questions after two of its words; some are about nothing known."""
    syllables = ["ba", "do", "fi", "ku", "la", "me", "no", "ri", "sa", "tu"]
    every = ["".join(parts) for parts in product(syllables, repeat=3)]
    words = [every[at] for at in rng.permutation(len(every))]
    count = max(rows // 8, 12)
    themes = [words[4 * at : 4 * at + 4] for at in range(count + 6)]
    texts = [f"A {a} has a {b}. Every {b} needs some {c}. No {d} was ever seen." for a, b, c, d in themes]
    asked, relevant = [], []
    for number in range(max(2 * rows // 3, 40)):
        theme = number % (count + 6)
        pair = rng.permutation(4)[:2]
        asked.append(f"what about the {themes[theme][pair[0]]} and the {themes[theme][pair[1]]}")
        relevant.append(f"page-{theme}" if theme < count else "not in the documents")
    documents = pl.DataFrame({"document": [f"page-{at}" for at in range(count)], "text": texts[:count]})
    return Problem(
        "questions",
        pl.DataFrame({"question": asked, "relevant": relevant}),
        "relevant",
        Task.QUESTION_ANSWERING,
        columns={"question": "text", "relevant": "text"},
        documents=documents,
    )


def _remark(value: float, rng: np.random.Generator) -> str:
    words = ["came back", "asked twice", "paid early", "never called", "left a note"]
    mood = "very happy with it" if value > 0.4 else "not happy with it"
    return f"{words[rng.integers(len(words))]} and was {mood} number {rng.integers(10_000)}"
