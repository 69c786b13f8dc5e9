"""Answers as lines of the log."""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

import orjson

from noria.core.serving import LoggedPrediction
from noria.lifecycle.serve.serving import Answer, Row, Serving

__all__ = ["Asked", "Privacy", "lines"]

_MASK = "***"


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
        return self.share >= 1.0 or int(request[:8], 16) < self.share * 2**32

    def outputs(self, answer: Answer) -> Answer:
        """An answer as it is logged: an error repeats the value that it is about."""
        if not self.masked or "error" not in answer:
            return answer
        return {"error": {**answer["error"], "got": None}}

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
    *,
    role: str | None = None,
) -> list[LoggedPrediction]:
    """The lines of one request; of the role of the versions, unless another is given."""
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
            _json(privacy.inputs(row, serving.check.names)),
            _json(privacy.outputs(answer)),
        )
        for at, (row, serving, answer) in enumerate(zip(rows, servings, answers, strict=True))
    ]


def _json(value: Any) -> str:
    return orjson.dumps(value, default=str, option=orjson.OPT_SERIALIZE_NUMPY).decode()
