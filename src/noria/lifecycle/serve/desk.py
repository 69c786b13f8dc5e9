"""What every way into a service calls: rows of a name in, logged answers out."""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import orjson

from noria.core.ports import PredictionLog
from noria.core.serving import LoggedPrediction
from noria.errors import NotFoundError, suggestion
from noria.lifecycle.serve.commit import GroupCommit
from noria.lifecycle.serve.endpoint import Endpoint, Serving

__all__ = ["Answers", "Desk"]


@dataclass(frozen=True)
class Answers:
    """What a request gets back.

    Attributes
    ----------
    request : str
    serving : Serving
        The version that answered.
    rows : list of dict
        Outputs, or ``error``, in the order of the request.
    """

    request: str
    serving: Serving
    rows: list[dict[str, Any]]


class Desk:
    """The models of a service and the log of what they answered.

    Parameters
    ----------
    endpoints : mapping of str to Endpoint
    log : PredictionLog, optional
        Without it nothing is kept.
    """

    def __init__(self, endpoints: Mapping[str, Endpoint], log: PredictionLog | None = None) -> None:
        self.endpoints = dict(endpoints)
        self.log = log
        self._commit = GroupCommit(log) if log is not None else None

    def endpoint(self, name: str) -> Endpoint:
        """The endpoint of a name. NotFoundError if it is not served here."""
        found = self.endpoints.get(name)
        if found is None:
            raise NotFoundError(f"No model {name!r} is served here.", do=suggestion(name, self.endpoints))
        return found

    async def predict(
        self, name: str, rows: Sequence[Mapping[str, Any]], request: str, caller: str | None = None
    ) -> Answers:
        """Answers for rows, which are in the log before they are returned.

        Raises
        ------
        NotFoundError
            If there is no such model.
        StorageError
            If the answers cannot be kept; then nobody gets them.
        """
        begun = time.perf_counter()
        serving = self.endpoint(name).serving
        answers = serving.answers(rows)
        if self._commit is not None:
            await self._commit.add(self._lines(serving, request, rows, answers, begun, caller))
        return Answers(request, serving, answers)

    def _lines(
        self,
        serving: Serving,
        request: str,
        rows: Sequence[Mapping[str, Any]],
        answers: Sequence[Mapping[str, Any]],
        begun: float,
        caller: str | None,
    ) -> list[LoggedPrediction]:
        now, seconds = time.time(), time.perf_counter() - begun
        ids = [request] if len(rows) == 1 else [f"{request}-{at}" for at in range(len(rows))]
        name, version, role = serving.name, serving.version, serving.role
        return [
            LoggedPrediction(
                one,
                request,
                name,
                version,
                role,
                now,
                seconds,
                caller,
                orjson.dumps(row).decode(),
                orjson.dumps(answer, default=str).decode(),
            )  # fmt: skip
            for one, row, answer in zip(ids, rows, answers, strict=True)
        ]
