"""The rows of a window, read from the log in one pass and in bounded memory."""

from __future__ import annotations

import json
import math
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import islice
from typing import Any, NamedTuple

import numpy as np
import polars as pl

from noria.core.features import FeaturedModel
from noria.core.ports import PredictionLog
from noria.core.protocol import Model
from noria.core.serving import LoggedPrediction
from noria.core.watch import Usage
from noria.core.words import times
from noria.data.drift import Reference, Window
from noria.errors import NoriaError

__all__ = ["Labelled", "Logged", "Span", "labelled", "read", "refused", "table"]

_PAGE, _LARGE = 5_000, 20_000_000
_MASK = "***"
_DAY = 86_400.0
_JUMP = 60.0  # seconds that clocks of several machines may differ
_SHADOW = "shadow"
_OTHERS = 20  # fields of a page that no model knows; callers may invent any number of them


@dataclass(frozen=True)
class Span:
    """Which rows: not older than `since` (seconds since 1970), at most the latest `rows`."""

    since: float
    rows: int


class Labelled(NamedTuple):
    """Rows whose truth was told.

    Attributes
    ----------
    inputs, outputs : list of dict
        As they were logged.
    labels : list
        JSON scalars.
    ids : list of str
    """

    inputs: list[dict[str, Any]]
    outputs: list[dict[str, Any]]
    labels: list[Any]
    ids: list[str]

    def add(self, sent: dict[str, Any], answer: dict[str, Any], label: Any, row: str) -> None:
        """One more row."""
        self.inputs.append(sent)
        self.outputs.append(answer)
        self.labels.append(label)
        self.ids.append(row)


@dataclass
class Logged:
    """What the log says of a window.

    Attributes
    ----------
    usage : Usage
    window : Window, optional
        Of the rows, beside a reference.
    known : Labelled
    last : str
        The id of the last row.
    answers, unanswered : int
        Rows of what says whether it has found an answer, and those where it has not.
    notes : list of str
    reference : Reference, optional
        What the window is beside: without fields whose values are not kept.
    """

    usage: Usage = field(default_factory=Usage)
    window: Window | None = None
    known: Labelled = field(default_factory=lambda: Labelled([], [], [], []))
    last: str = ""
    answers: int = 0
    unanswered: int = 0
    notes: list[str] = field(default_factory=list)
    reference: Reference | None = None


def read(
    log: PredictionLog,
    name: str,
    version: int,
    span: Span,
    reference: Reference | None,
    model: Model,
    now: float,
) -> Logged:
    """Take in what one version answered, shadows left out.

    Rows are counted in the order of the log: clocks may jump.
    """
    found = Logged(reference=reference)
    labels = {one.id: one for one in log.labels(name, since=span.since - _DAY)}
    seconds: dict[str, float] = {}
    refused, rows, ids, clock = 0, 0, set[str](), _Clock(now)
    cpu: list[float] = []
    lines = log.read(name, since=span.since, limit=span.rows)
    for page in _pages(lines):
        ids.update(line.id for line in page)
        mine = [line for line in page if line.version == version and line.role != _SHADOW]
        if not mine:
            continue
        clock.take(mine)
        seconds.update((line.request, line.seconds) for line in mine)
        cpu += [line.cpu for line in mine if line.cpu is not None]
        inputs, outputs = _parsed(mine)
        refused += sum("error" in output for output in outputs)
        found.answers += sum("found" in output for output in outputs)
        found.unanswered += sum(output.get("found") is False for output in outputs)
        if found.reference is not None:
            if found.window is None:
                _begin(found, inputs, outputs)
            _take(found, inputs, outputs, model)
        for line, sent, answer in zip(mine, inputs, outputs):
            if line.id in labels and "error" not in answer:
                found.known.add(sent, answer, json.loads(labels[line.id].label), line.id)
        rows, found.last = rows + len(mine), mine[-1].id
    if not rows:
        return found
    spent = np.fromiter(seconds.values(), np.float64, len(seconds))
    median, slow, slowest = np.quantile(spent, [0.5, 0.95, 0.99]).tolist()
    each = 1000 * sum(cpu) / len(cpu) if cpu else None
    found.usage = Usage(len(seconds), rows, refused, clock.first, clock.last, median, slow, slowest, each)
    late = sum(one.when >= clock.first for one in labels.values() if one.id not in ids)
    if late:
        found.notes.append(
            f"{times(late, 'label')} came for rows outside of this window, and are not counted here."
        )
    found.notes += clock.notes()
    return found


def labelled(
    log: PredictionLog, name: str, *, since: float = 0.0, until: float
) -> Iterator[tuple[LoggedPrediction, Any]]:
    """Rows with an answer whose truth was told after a moment and by another, oldest first, each once.

    A row that was refused is none to learn from: what is kept of it may be cut, and no version reads it.
    """
    told = log.labels(name, since=since)
    labels = {one.id: json.loads(one.label) for one in told if since < one.when <= until}
    for line in log.read(name):
        wanted = line.role != _SHADOW and line.when <= until and line.id in labels
        if wanted and not refused(line):
            yield line, labels.pop(line.id)


def refused(line: LoggedPrediction) -> bool:
    """Whether a row got an error in place of an answer."""
    return line.outputs.startswith('{"error"')


def table(rows: Sequence[Mapping[str, Any]], only: Collection[str] | None = None) -> pl.DataFrame:
    """Rows of JSON as columns, all of them or `only` some; one that mixes types becomes text.

    Examples
    --------
    >>> table([{"a": 1, "b": "x"}, {"a": 2.5, "b": 3}]).rows()
    [(1.0, 'x'), (2.5, '3')]
    """
    names = dict.fromkeys(name for row in rows for name in row if only is None or name in only)
    return pl.DataFrame([_series(name, [row.get(name) for row in rows]) for name in names])


def _series(name: str, values: list[Any]) -> pl.Series:
    kinds = {type(value) for value in values if value is not None}
    if kinds <= {int, float}:
        return pl.Series(name, [None if value is None else float(value) for value in values], pl.Float64)
    if kinds in ({str}, {bool}):
        return pl.Series(name, values)
    if kinds == {list}:
        return pl.Series(name, values, strict=False)
    texts = [value if value is None or isinstance(value, str) else json.dumps(value) for value in values]
    return pl.Series(name, texts, pl.String)


def _pages(lines: Iterator[LoggedPrediction]) -> Iterator[list[LoggedPrediction]]:
    """So many lines at once, or so many characters: a line may have millions of them."""
    page: list[LoggedPrediction] = []
    size = 0
    for line in lines:
        page.append(line)
        size += len(line.inputs) + len(line.outputs)
        if len(page) == _PAGE or size > _LARGE:
            yield page
            page, size = [], 0
    if page:
        yield page


def _parsed(lines: Collection[LoggedPrediction]) -> tuple[list[dict[str, Any]], list[dict[str, Any]]]:
    return [json.loads(line.inputs) for line in lines], [json.loads(line.outputs) for line in lines]


def _begin(found: Logged, inputs: list[dict[str, Any]], outputs: list[dict[str, Any]]) -> None:
    """Begin a window without the features that the log is spared: a refused row may have lacked them."""
    assert found.reference is not None
    rows = [sent for sent, answer in zip(inputs, outputs) if "error" not in answer] or inputs
    masked = [name for name in found.reference.features if all(row.get(name) == _MASK for row in rows)]
    if masked:
        found.notes.append(
            f"The log has no values of {', '.join(masked)}: they are masked, and not compared."
        )
        found.reference = found.reference.without(masked)
    found.window = found.reference.window()


def _take(found: Logged, inputs: list[dict[str, Any]], outputs: list[dict[str, Any]], model: Model) -> None:
    """Take a page into the window, through the model's feature function if it has one."""
    assert found.window is not None
    if not isinstance(model, FeaturedModel):
        sent = dict.fromkeys(name for row in inputs for name in row)
        others = (name for name in sent if name not in found.window.features)
        known = {*found.window.features, *islice(others, _OTHERS)}
        found.window.update(table(inputs, known), _answers(outputs))
        return
    good = [at for at, output in enumerate(outputs) if "error" not in output]
    try:
        if good:
            rows = model.featured(table([inputs[at] for at in good]))
            found.window.update(rows, _answers([outputs[at] for at in good]))
    except NoriaError as error:
        found.notes.append(f"The feature function failed on {times(len(good), 'row')}: {error.what}")


def _answers(outputs: list[dict[str, Any]]) -> pl.DataFrame:
    made = table([{} if "error" in output else output for output in outputs])
    return made if made.height else pl.DataFrame({"prediction": [None] * len(outputs)})


class _Clock:
    """What the clocks of the lines say."""

    def __init__(self, now: float) -> None:
        self.now = now
        self.first, self.last, self.back, self.ahead = math.inf, -math.inf, 0.0, 0

    def take(self, lines: Collection[LoggedPrediction]) -> None:
        for line in lines:
            self.back = max(self.back, self.last - line.when)
            self.ahead += line.when > self.now + _JUMP
            self.first, self.last = min(self.first, line.when), max(self.last, line.when)

    def notes(self) -> Iterator[str]:
        told = "rows are counted in the order of the log"
        if self.back > _JUMP:
            yield f"The clock went back by {self.back:,.0f} s between two rows; {told}."
        if self.ahead:
            yield f"{times(self.ahead, 'row')} bear a time that is still to come; {told}."
