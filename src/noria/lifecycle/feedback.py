"""What predictions should have been, as far as it can be."""

from __future__ import annotations

import json
import math
from collections.abc import Sequence
from itertools import islice

import polars as pl

from noria.core.ports import PredictionLog
from noria.core.schema import Role, Schema, Type
from noria.core.serving import Label, Outcome
from noria.core.signature import Signature
from noria.data.conform import FALSE_WORDS, TRUE_WORDS, conform
from noria.lifecycle.watch.window import table as rows_of

__all__ = ["matched", "tell"]

_PAGE = 5_000
_WORDS = {**dict.fromkeys(TRUE_WORDS, "true"), **dict.fromkeys(FALSE_WORDS, "false")}


def tell(
    log: PredictionLog,
    name: str,
    signatures: Sequence[Signature],
    labels: Sequence[Label],
    *,
    replace: bool = False,
) -> list[Outcome]:
    """Keep what predictions of a model should have been; what became of each label, in their order.

    Parameters
    ----------
    log : PredictionLog
    name : str
        Of the model.
    signatures : sequence of Signature
        Of its versions; a label that none of them could have predicted is not kept.
    labels : sequence of Label
    replace : bool
        Whether a label may take the place of another one that was told before.
    """
    read = [_read(label, signatures) for label in labels]
    kept = iter(log.tell(name, [one for one in read if isinstance(one, Label)], replace=replace))
    return [next(kept) if isinstance(one, Label) else one for one in read]


def matched(
    log: PredictionLog, name: str, inputs: Schema, table: pl.DataFrame, target: str, now: float
) -> tuple[list[Label], int]:
    """What forecasts should have been, found by series and time, and how many rows no forecast was asked for.

    Every forecast of a moment gets its truth, whenever and by whichever version it was made.

    Parameters
    ----------
    log : PredictionLog
    name : str
        Of the model.
    inputs : Schema
        What the model is asked with.
    table : Table
        What came true; of several rows of a moment the last counts.
    target : str
        Its column of values.
    now : float
        When it is told, seconds since 1970.
    """
    keys = Schema(tuple(column for column in inputs if column.role in (Role.SERIES, Role.TIME)))
    names = [column.name for column in keys]
    truth = conform(table.select(names), keys).with_columns(label=table[target]).drop_nulls()
    truth = truth.unique(names, keep="last", maintain_order=True).with_row_index("row")
    labels: list[Label] = []
    found: set[int] = set()
    lines = log.read(name)
    while page := list(islice(lines, _PAGE)):
        sent = rows_of([json.loads(line.inputs) for line in page])
        if set(names) <= set(sent.columns):
            asked = conform(sent.select(names), keys).with_columns(id=pl.Series([line.id for line in page]))
            pairs = asked.join(truth, on=names)
            found.update(pairs["row"])
            labels += [Label.of(one, value, now) for one, value in pairs.select("id", "label").iter_rows()]
    return labels, truth.height - len(found)


def _read(label: Label, signatures: Sequence[Signature]) -> Label | Outcome:
    """A label as predictions are written, or what is wrong with it."""
    if all(signature.outputs[0].type is Type.NUMBER for signature in signatures):
        return _number(label)
    known = {one for signature in signatures for one in signature.classes}
    return _class(label, known) if known else label


def _number(label: Label) -> Label | Outcome:
    value = json.loads(label.label)
    try:
        number = math.nan if isinstance(value, bool) else float(value)
    except (ValueError, OverflowError):
        return Outcome.NO_NUMBER
    if not math.isfinite(number):
        return Outcome.NO_NUMBER
    return Label.of(label.id, number, label.when, label.caller) if isinstance(value, str) else label


def _class(label: Label, known: set[str]) -> Label | Outcome:
    value = json.loads(label.label)
    text = value.strip() if isinstance(value, str) else label.label
    if known == {"true", "false"}:
        text = _WORDS.get(text.lower(), text)
    return Label.of(label.id, text, label.when, label.caller) if text in known else Outcome.NO_CLASS
