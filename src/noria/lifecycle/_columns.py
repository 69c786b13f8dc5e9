"""The columns of a run's tables: what a caller sends, what is judged, what weighs."""

from __future__ import annotations

import json
from typing import Any

import numpy as np
import polars as pl

from noria.core.protocol import Task
from noria.core.schema import Column, Role, Schema, Type
from noria.core.words import times
from noria.errors import DataError, ParamError, TargetError, suggestion

__all__ = [
    "affordable",
    "check_target",
    "check_weights",
    "drawn",
    "example",
    "findings",
    "inputs",
    "judged",
]

_PACE, _FEWEST = 250_000, 50_000  # cells that a second of the budget is enough for; rows that it always is
_LEVELS, _PARTS = 100, 6  # numbers that a category or a text, and a moment, become at most
_SHARE, _BYTES = 0.6, 40  # of the free memory; of such a number, in a whole search


def check_weights(table: pl.DataFrame, schema: Schema) -> None:
    """Every row's weight must be a number, none of them negative and not all of them zero."""
    for column in schema.with_role(Role.WEIGHT):
        weight = table[column.name].cast(pl.Float64, strict=False)
        bad = weight.is_null() | weight.is_nan() | (weight < 0)
        if bad.any() or not weight.sum():
            first = table[column.name].filter(bad)
            verb = "is" if len(first) == 1 else "are"
            raise DataError(
                f"The weights in {column.name!r} must be numbers of at least 0, one in every row.",
                got=f"{times(len(first), 'row')} that {verb} not, such as {first[0]!r}"
                if len(first)
                else "only zeros",
                do="Fill or drop those rows, or leave 'weight' out.",
            )


def drawn(table: pl.DataFrame, schema: Schema, free: float, seed: int) -> tuple[pl.DataFrame, list[str]]:
    """As many rows as a search can hold in so many bytes, at random, and a note if they are not all."""
    widths = {Type.NUMBER: 1, Type.BOOLEAN: 1, Type.DATETIME: _PARTS, Type.TEXT: _LEVELS}
    width = 1 + sum(widths.get(one.type, min(one.distinct, _LEVELS)) for one in schema.features)
    return _sample(table, int(_SHARE * free / (_BYTES * width)), seed, "there is memory")


def affordable(table: pl.DataFrame, budget: float, seed: int) -> tuple[pl.DataFrame, list[str]]:
    """As many rows as can be typed and searched in so many seconds, and a note if they are not all."""
    most = max(_FEWEST, int(_PACE * budget / max(table.width, 1)))
    return _sample(table, most, seed, f"a budget of {budget:g} s leaves time")


def _sample(table: pl.DataFrame, most: int, seed: int, why: str) -> tuple[pl.DataFrame, list[str]]:
    """At most so many rows, at random but in their order, and a note if they are not all."""
    if table.height <= most:
        return table, []
    note = f"{most:,} of {table.height:,} rows were drawn at random, as many as {why} to learn from"
    at = np.random.default_rng(seed).choice(table.height, most, replace=False)
    return table[np.sort(at)], [note]


def findings(schema: Schema) -> list[str]:
    """What was read in another way than it came, or left out, in words."""
    return [f"{column.name!r}: {note}" for column in schema for note in column.notes]


def judged(test: pl.DataFrame, schema: Schema) -> pl.DataFrame:
    """The typed rows of a test table that have a target, which must be of a class that was learned."""
    target = schema.target
    if target is None:
        return test
    known = test.filter(pl.col(target.name).is_not_null())
    if not known.height:
        raise TargetError(
            f"The test table has no value of the target {target.name!r}.",
            got=times(test.height, "row"),
            do="Give rows with a known target, or leave the test table out.",
        )
    strange = set() if not target.levels else set(known[target.name].cast(pl.String)) - set(target.levels)
    if strange:
        name = min(strange)
        raise TargetError(
            f"The test table has a class of {target.name!r} that no training row has.",
            got=repr(name),
            do=suggestion(name, target.levels),
        )
    return known


def inputs(schema: Schema, target: str) -> Schema:
    """The raw columns that a caller sends: all but the target, row weights and those that never vary."""
    names = [
        column.name
        for column in schema
        if column.name != target and column.role is not Role.WEIGHT and column.type is not Type.CONSTANT
    ]
    inputs = schema.select(names)
    for name in names:
        if inputs[name].role is Role.IGNORE:
            inputs = inputs.change(name, role=Role.FEATURE)
    return inputs


def example(raw: pl.DataFrame) -> dict[str, Any]:
    """The first row, JSON-ready."""
    return json.loads(raw.head(1).write_ndjson())


def check_target(target: Column, task: Task) -> None:
    """Refuse a target of a type that the task cannot have."""
    if task.numeric and target.type is not Type.NUMBER:
        raise ParamError(
            f"The target {target.name!r} is not a number, so it is no target of {task.value}.",
            got=f"{target.type} with values like {list(target.levels[:3])}",
            do="Leave the task out, or set it to classification.",
        )
    if not task.numeric and target.type is Type.NUMBER:
        raise ParamError(
            f"The target {target.name!r} holds too many numbers to be classes.",
            got=f"{target.distinct:,} distinct values",
            do=f"Set its type: data: {{columns: {{{target.name}: category}}}}, or use task: regression.",
        )
