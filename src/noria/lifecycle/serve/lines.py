"""Answers as lines of the log."""

from __future__ import annotations

import reprlib
import secrets
import time
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import islice
from typing import Any, NamedTuple

import orjson

from noria.core.serving import LoggedPrediction
from noria.lifecycle.serve.serving import Answer, Row, Serving

__all__ = ["Asked", "Privacy", "lines", "request_id"]

_MASK = "***"
_MOST = 100_000  # characters of a refused row that are kept
_CUT = 100  # fields, and characters of their names, that are kept of a larger one


def request_id() -> str:
    """A new id of 32 hexadecimal digits: the time in milliseconds, then 80 random bits.

    Ids that grow are written at one end of the log's index; of a million lines, random ones take three times
    as long to write.

    Reference
    ---------
    RFC 9562, section 5.7, UUID version 7, whose layout this is without the version's bits.
    """
    return f"{time.time_ns() // 1_000_000:012x}{secrets.token_hex(10)}"


class Asked(NamedTuple):
    """A request: its id, who sent it, and when it was complete (seconds of ``time.perf_counter``)."""

    request: str
    caller: str | None
    begun: float


@dataclass(frozen=True)
class Privacy:
    """What the log is spared.

    Attributes
    ----------
    share : float
        Of the requests that are logged, 0 to 1.
    masked : frozenset of str
        Fields whose values are not kept. Where there are such, neither is what a model does not know: it may
        be one of them, misspelt.

    Examples
    --------
    >>> Privacy(masked=frozenset({"name"})).inputs({"name": "Ann", "age": 41}, ("name", "age"))
    {'name': '***', 'age': 41}
    """

    share: float = 1.0
    masked: frozenset[str] = frozenset()

    def keeps(self, request: str) -> bool:
        """Whether a request, given by its id, is logged."""
        return self.share >= 1.0 or int(request[-8:], 16) < self.share * 2**32

    def outputs(self, answer: Answer) -> Answer:
        """An answer as it is logged: an error repeats the value that it is about, others the question."""
        if not self.masked:
            return answer
        if "error" in answer:
            return {"error": {**answer["error"], "got": None}}
        return {**answer, "asked": _MASK} if "asked" in answer else answer

    def inputs(self, row: Row, known: Sequence[str]) -> Row:
        """A row as it is logged."""
        if not self.masked:
            return row
        return {name: _MASK if name in self.masked else row[name] for name in known if name in row}


def lines(
    asked: Asked,
    rows: Sequence[Row],
    servings: Sequence[Serving],
    answers: Sequence[Answer],
    privacy: Privacy,
    cpu: Sequence[float],
    *,
    role: str | None = None,
) -> list[LoggedPrediction]:
    """The lines of one request, with the CPU seconds of each row.

    They are of the role of the versions, unless another is given.
    """
    now, seconds = time.time(), time.perf_counter() - asked.begun
    request, single = asked.request, len(rows) == 1
    return [
        LoggedPrediction(
            request if single else f"{request}-{at}",
            request,
            serving.name,
            serving.version,
            role or serving.role,
            now,
            seconds,
            asked.caller,
            (_refused if "error" in answer else _json)(privacy.inputs(row, serving.check.names)),
            _json(privacy.outputs(answer)),
            used,
        )
        for at, (row, serving, answer, used) in enumerate(zip(rows, servings, answers, cpu, strict=True))
    ]


def _refused(row: Row) -> str:
    """A row that was refused, cut where it is too large or too deep to be kept as it came."""
    try:
        told = _json(row)
    except TypeError:
        told = ""
    if 0 < len(told) <= _MOST:
        return told
    return _json({name[:_CUT]: reprlib.repr(value) for name, value in islice(row.items(), _CUT)})


def _json(value: Any) -> str:
    return orjson.dumps(value, default=str, option=orjson.OPT_SERIALIZE_NUMPY).decode()
