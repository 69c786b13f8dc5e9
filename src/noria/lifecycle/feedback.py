"""What predictions should have been, as far as it can be."""

from __future__ import annotations

import json
import math
import time
from collections.abc import Mapping, Sequence
from itertools import filterfalse, islice
from pathlib import Path
from typing import Any

import polars as pl

from noria.core import artifact, manifest
from noria.core.ports import PredictionLog
from noria.core.schema import Role, Schema, Type
from noria.core.serving import Label, Outcome
from noria.core.signature import Signature
from noria.data.conform import FALSE_WORDS, TRUE_WORDS, conform
from noria.errors import ColumnError, ParamError
from noria.lifecycle.watch.window import refused
from noria.lifecycle.watch.window import table as table_of

__all__ = ["demand", "tell", "tell_forecasts"]

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


def tell_forecasts(
    log: PredictionLog,
    name: str,
    folder: Path,
    told: pl.DataFrame | Sequence[Mapping[str, Any]],
    *,
    replace: bool = False,
    caller: str | None = None,
) -> list[Outcome]:
    """Keep what forecasts should have been, found by series and time; what became of each of their labels.

    Every forecast of a moment gets its truth, whenever and by whichever version it was made. A row that no
    forecast was asked for is ``unknown``.

    Parameters
    ----------
    log : PredictionLog
    name : str
        Of the model.
    folder : Path
        Of the run of a version.
    told : Table or sequence of mapping
        What came true, as in the training data: the columns of series, time and target; of several rows of a
        moment the last counts. What else rows hold is not looked at.
    replace : bool
        Whether a label may take the place of another one that was told before.
    caller : str, optional
        The id of the key that was used.

    Raises
    ------
    ParamError
        If the model does not forecast.
    ColumnError
        If a column is missing, or cannot be read.
    """
    signature = Signature.from_dict(artifact.read_manifest(folder / "model")["signature"])
    inputs = signature.inputs
    if not inputs.with_role(Role.TIME):
        raise ParamError(f"The model {name!r} does not forecast.", do="Name the rows by their ids.")
    target = (manifest.read_json(folder / "run.json") or {})["recipe"]["data"]["target"]
    keys = Schema(tuple(column for column in inputs if column.role in (Role.SERIES, Role.TIME)))
    names = [*(column.name for column in keys), target]
    table = told if isinstance(told, pl.DataFrame) else table_of(told, names)
    demand(table, names)
    labels, unknown = _matched(log, name, keys, table, target, caller)
    return tell(log, name, [signature], labels, replace=replace) + unknown * [Outcome.UNKNOWN]


def demand(table: pl.DataFrame, names: Sequence[str]) -> None:
    """See that labels have these columns. ColumnError if they do not."""
    for name in names:
        if name not in table.columns:
            raise ColumnError(
                f"The labels have no column {name!r}.", do=f"There are: {', '.join(table.columns)}."
            )


def _matched(
    log: PredictionLog, name: str, keys: Schema, table: pl.DataFrame, target: str, caller: str | None
) -> tuple[list[Label], int]:
    """The labels of forecasts, and how many rows no forecast was asked for."""
    names, now = [column.name for column in keys], time.time()
    truth = conform(table.select(names), keys).with_columns(label=table[target]).drop_nulls()
    truth = truth.unique(names, keep="last", maintain_order=True).with_row_index("row")
    labels: list[Label] = []
    found: set[int] = set()
    lines = filterfalse(refused, log.read(name))
    while page := list(islice(lines, _PAGE)):
        sent = table_of([json.loads(line.inputs) for line in page])
        if set(names) <= set(sent.columns):
            asked = conform(sent.select(names), keys).with_columns(id=pl.Series([line.id for line in page]))
            pairs = asked.join(truth, on=names)
            found.update(pairs["row"])
            labels += [
                Label.of(one, value, now, caller) for one, value in pairs.select("id", "label").iter_rows()
            ]
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
