"""Lines of many requests, written in one transaction before any of them is answered."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence

from noria.core.ports import PredictionLog
from noria.core.serving import LoggedPrediction
from noria.errors import NoriaError

__all__ = ["GroupCommit"]


class GroupCommit:
    """Gathers what arrives while the log is busy, and commits it together.

    A quick log is written by the event loop itself, once all requests that have arrived were worked on; one
    that must wait for another writer, or for a network, is written by a thread.

    Parameters
    ----------
    log : PredictionLog
    """

    def __init__(self, log: PredictionLog) -> None:
        self._log = log
        self._waiting: list[tuple[Sequence[LoggedPrediction], asyncio.Future[None]]] = []
        self._writing = False

    def add(self, lines: Sequence[LoggedPrediction]) -> asyncio.Future[None]:
        """A future that is done once the lines are kept, or holds the error that prevents it."""
        loop = asyncio.get_running_loop()
        kept: asyncio.Future[None] = loop.create_future()
        self._waiting.append((lines, kept))
        if not self._writing:
            self._writing = True
            loop.call_soon(self._write)
        return kept

    def _write(self) -> None:
        group, self._waiting = self._waiting, []
        lines = [line for some, _ in group for line in some]
        loop = asyncio.get_running_loop()
        try:
            if self._log.quick and self._log.append(lines, wait=False):
                self._done(group, None)
                return
        except NoriaError as error:
            self._done(group, error)
            return
        thread = loop.run_in_executor(None, self._log.append, lines)
        thread.add_done_callback(lambda ended: self._done(group, ended.exception()))

    def _done(
        self,
        group: list[tuple[Sequence[LoggedPrediction], asyncio.Future[None]]],
        error: BaseException | None,
    ) -> None:
        for _, kept in group:
            if kept.done():
                continue
            if error is None:
                kept.set_result(None)
            else:
                kept.set_exception(error)
        self._writing = bool(self._waiting)
        if self._waiting:
            asyncio.get_running_loop().call_soon(self._write)
