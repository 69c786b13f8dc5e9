"""The encodings of columns in ONNX; a column comes as (n, 1), numbers in float64 and texts as texts."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping

import numpy as np

from noria.errors import ParamError
from noria.systems.tabular.encode import Encoder
from noria.systems.tabular.encode.blocks import Codes, Counts, DateParts, OneHot, Passed, Scaled
from noria.systems.tabular.graph.values import Value

__all__ = ["encoded"]

_DAY = 86_400.0


def encoded(encoder: Encoder, columns: Mapping[str, Value]) -> Value:
    """The encoded matrix (n, d), of float32 numbers in float64.

    Raises
    ------
    ParamError
        If a column's encoding has no form in ONNX.
    """
    parts = []
    for block in encoder.blocks:
        if block.kind not in _WRITERS:
            raise ParamError(
                "The model cannot be written as ONNX: it reads words out of a text.",
                got=f"the column {block.column!r}",
                do=f"Use --to docker or --to mlflow, or train with --drop {block.column}.",
            )
        parts.append(_WRITERS[block.kind](block, columns[block.column]).cast(np.float32).cast(np.float64))
    first, *others = parts
    return first.beside(*others)


def _passed(block: Passed, x: Value) -> Value:  # noqa: ARG001 - one face for all
    return x


def _scaled(block: Scaled, x: Value) -> Value:
    absent = x.apply("IsNaN")
    filled = absent.where(block.median, x)
    if block.logarithm:
        filled = (filled.apply("Max", 0.0) + 1.0).apply("Log")
    scaled = ((filled - block.centre) / block.scale).clip(-block.clip, block.clip)
    return scaled.beside(absent.cast(np.float64)) if block.missing else scaled


def _codes(block: Codes, x: Value) -> Value:
    return x.graph.lookup(x, block.levels, np.arange(len(block.levels)), math.nan)


def _counts(block: Counts, x: Value) -> Value:
    return x.graph.lookup(x, block.levels, np.array(block.counts), 0.0)


def _one_hot(block: OneHot, x: Value) -> Value:
    count, width = len(block.levels), len(block.names)
    table = np.zeros((count + 2, width))
    table[:count, :count] = np.eye(count)
    if block.other:
        table[count, count] = 1.0
    if block.missing:
        table[-1, -1] = 1.0
    codes = np.append(np.arange(count), count + 1)
    place = x.graph.lookup(x, (*block.levels, ""), codes, count, np.int64)
    rows = x.graph.node("Gather", table, place, axis=0)
    return rows.apply("Reshape", np.array([-1, width]))


def _dates(block: DateParts, x: Value) -> Value:
    calendar = _calendar(x)
    first, *others = (calendar[part] for part in block.parts)
    scaled = (first.beside(*others) - np.array(block.centres)) / np.array(block.scales)
    return scaled.apply("IsNaN").where(0.0, scaled) if block.fills else scaled


def _calendar(seconds: Value) -> dict[str, Value]:
    """Calendar parts of moments in seconds since 1970, NaN where they are.

    References
    ----------
    Hinnant (2013), "chrono-compatible low-level date algorithms", civil_from_days.
    """
    whole = (seconds < 0.0).where(seconds.apply("Ceil"), seconds.apply("Floor")) // _DAY
    shifted = whole + 719_468.0
    era = shifted // 146_097.0
    of_era = shifted - era * 146_097.0
    years = (of_era - of_era // 1_460.0 + of_era // 36_524.0 - of_era // 146_096.0) // 365.0
    of_year = of_era - (years * 365.0 + years // 4.0 - years // 100.0)
    from_march = (of_year * 5.0 + 2.0) // 153.0
    month = from_march + (from_march < 10.0).where(3.0, -9.0)
    return {
        "days": seconds / _DAY,
        "year": years + era * 400.0 + (month <= 2.0).where(1.0, 0.0),
        "month": month,
        "day": of_year - (from_march * 153.0 + 2.0) // 5.0 + 1.0,
        "weekday": (whole + 3.0) % 7.0 + 1.0,
        "hour": (seconds % _DAY) // 3_600.0,
    }


_WRITERS: Mapping[str, Callable[..., Value]] = {
    kind.kind: writer
    for kind, writer in (
        (Passed, _passed), (Scaled, _scaled), (Codes, _codes), (Counts, _counts), (OneHot, _one_hot),
        (DateParts, _dates),
    )
}  # fmt: skip
