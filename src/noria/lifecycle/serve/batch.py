"""Work on rows that an event loop cannot do itself: gathered, in a thread, in pieces."""

from __future__ import annotations

import asyncio
import math
import time
from collections import deque
from collections.abc import Sequence
from concurrent.futures import Executor
from typing import NamedTuple, TypeAlias

from noria.errors import RequestError
from noria.lifecycle.serve.cpu import timed
from noria.lifecycle.serve.serving import Answer, Row, Serving

__all__ = ["Batcher"]

_PIECE = 2_048  # rows that are worked on at once
_EASY = 0.8  # of the rows that there is time for
_SURE = 1.0  # seconds after which the time of some rows tells that of all


_Done: TypeAlias = tuple[list[Answer], float]


class _Asked(NamedTuple):
    serving: Serving
    rows: Sequence[Row]
    answered: asyncio.Future[_Done]


class Batcher:
    """Answers that take long: what arrives while a thread works is gathered into its next table.

    A request of many rows comes in pieces, each behind whatever has arrived meanwhile, so that it cannot keep
    small ones waiting for longer than one piece takes.

    Parameters
    ----------
    threads : Executor
    """

    def __init__(self, threads: Executor) -> None:
        self._threads = threads
        self._waiting: deque[_Asked] = deque()
        self._working = False

    async def answers(
        self, serving: Serving, rows: Sequence[Row], seconds: float = math.inf
    ) -> tuple[list[Answer], float]:
        """The outputs of each row, or its ``error``, and the CPU seconds that all of them took.

        RequestError as soon as it is plain that all of them would take longer than `seconds`.
        """
        answers: list[Answer] = []
        cpu, begun = 0.0, time.perf_counter()
        for start in range(0, len(rows), _PIECE):
            piece, used = await self._add(serving, rows[start : start + _PIECE])
            answers += piece
            cpu += used
            spent = time.perf_counter() - begun
            if spent > _SURE and spent * len(rows) > seconds * len(answers):
                raise _too_many(len(rows), len(answers), spent, seconds)
        return answers, cpu

    def _add(self, serving: Serving, rows: Sequence[Row]) -> asyncio.Future[_Done]:
        loop = asyncio.get_running_loop()
        answered: asyncio.Future[_Done] = loop.create_future()
        self._waiting.append(_Asked(serving, rows, answered))
        if not self._working:
            self._working = True
            loop.call_soon(self._work)
        return answered

    def _work(self) -> None:
        group = self._group()
        self._working = bool(group)
        if not group:
            return
        rows = [row for asked in group for row in asked.rows]
        work = group[0].serving.answers
        thread = asyncio.get_running_loop().run_in_executor(self._threads, timed, work, rows)
        thread.add_done_callback(lambda ended: self._done(group, ended))

    def _group(self) -> list[_Asked]:
        """The next requests of one version that nobody has given up, up to a piece."""
        group: list[_Asked] = []
        rows = 0
        while self._waiting:
            asked = self._waiting[0]
            fits = rows + len(asked.rows) <= _PIECE and asked.serving is group[0].serving if group else True
            if not fits:
                break
            self._waiting.popleft()
            if not asked.answered.done():
                group.append(asked)
                rows += len(asked.rows)
        return group

    def _done(self, group: Sequence[_Asked], ended: asyncio.Future[_Done]) -> None:
        error, start = ended.exception(), 0
        answers, cpu = ([], 0.0) if error else ended.result()
        for asked in group:
            if not asked.answered.done():
                if error is None:
                    mine = answers[start : start + len(asked.rows)]
                    asked.answered.set_result((mine, cpu * len(mine) / len(answers)))
                else:
                    asked.answered.set_exception(error)
            start += len(asked.rows)
        self._work()


def _too_many(rows: int, answered: int, spent: float, seconds: float) -> RequestError:
    fitting = max(1, int(_EASY * answered * seconds / spent))
    return RequestError(
        "So many rows take too long to be answered at once.",
        status=413,
        got=f"{rows:,} rows, of which {answered:,} took {spent:.1f} s",
        do=f"Send at most {fitting:,} rows, or send them as a file.",
    )
