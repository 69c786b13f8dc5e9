"""Lines of many requests, written in one transaction before any of them is answered."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Sequence
from typing import NamedTuple

from noria.core.ports import PredictionLog
from noria.core.serving import LoggedPrediction
from noria.lifecycle.serve.cpu import Cpu

__all__ = ["GroupCommit"]

_MOST = 5_000  # lines of one transaction, if they are of several requests


class _Added(NamedTuple):
    lines: Sequence[LoggedPrediction]
    kept: asyncio.Future[None]
    when: float


class GroupCommit:
    """Gathers what arrives while the log is busy, and commits it together.

    A quick log is written by the event loop itself, once all requests that have arrived were worked on; one
    that must wait for another writer, or for a network, is written by a thread.

    Parameters
    ----------
    log : PredictionLog
    told : callable, optional
        Called with the number of lines that were kept and the seconds that the first of them waited.
    cpu : Cpu, optional
        Counts what a thread spends on it.

    Attributes
    ----------
    failed : str, optional
        Why the last lines could not be kept.
    """

    def __init__(
        self, log: PredictionLog, told: Callable[[int, float], None] | None = None, cpu: Cpu | None = None
    ) -> None:
        self._log, self._told, self._cpu = log, told, cpu or Cpu()
        self._waiting: list[_Added] = []
        self._writing = False
        self.failed: str | None = None

    def add(self, lines: Sequence[LoggedPrediction]) -> asyncio.Future[None]:
        """A future that is done once the lines are kept, or holds the error that prevents it."""
        loop = asyncio.get_running_loop()
        kept: asyncio.Future[None] = loop.create_future()
        self._waiting.append(_Added(lines, kept, time.perf_counter()))
        if not self._writing:
            self._writing = True
            loop.call_soon(self._write)
        return kept

    def tidy(self) -> None:
        """Let the log do what need not be done while somebody waits; and see whether it can be written again.

        StorageError if it cannot. To be called from a thread.
        """
        if self.failed is not None:
            self._log.append([])
            self.failed = None
        self._log.tidy()

    def _write(self) -> None:
        group = self._group()
        self._writing = bool(group)
        if not group:
            return
        lines = [line for added in group for line in added.lines]
        loop = asyncio.get_running_loop()
        try:
            kept = self._log.quick and self._log.append(lines, wait=False)
        except Exception as error:  # noqa: BLE001 - whatever it is, those who wait must hear of it
            self._done(group, error)
            return
        if kept:
            self._done(group, None)
            return
        thread = loop.run_in_executor(None, self._cpu.counted, self._log.append, lines)
        thread.add_done_callback(lambda ended: self._done(group, ended.exception()))

    def _group(self) -> list[_Added]:
        """What is written now: all that somebody waits for, up to a number of lines."""
        self._waiting = [added for added in self._waiting if not added.kept.done()]
        size, lines = 0, 0
        for added in self._waiting:
            lines += len(added.lines)
            if size and lines > _MOST:
                break
            size += 1
        group, self._waiting = self._waiting[:size], self._waiting[size:]
        return group

    def _done(self, group: Sequence[_Added], error: BaseException | None) -> None:
        self.failed = None if error is None else str(error) or type(error).__name__
        for _, kept, _ in group:
            if kept.done():
                continue
            if error is None:
                kept.set_result(None)
            else:
                kept.set_exception(error)
        self._writing = bool(self._waiting)
        if self._waiting:
            asyncio.get_running_loop().call_soon(self._write)
        if error is None and self._told is not None:
            self._told(sum(len(added.lines) for added in group), time.perf_counter() - group[0].when)
