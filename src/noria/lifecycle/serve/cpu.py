"""What answers cost: CPU seconds of the threads that work on them."""

from __future__ import annotations

import time
from collections.abc import Callable
from threading import Lock
from typing import ParamSpec, TypeVar

__all__ = ["Cpu", "timed"]

A = TypeVar("A")
P = ParamSpec("P")


def timed(work: Callable[P, A], *args: P.args, **keys: P.kwargs) -> tuple[A, float]:
    """What some work returns, and the CPU seconds of this thread that it took.

    Threads that a library starts for itself are not seen.

    Examples
    --------
    >>> total, seconds = timed(sum, range(100_000))
    >>> total, 0 < seconds < 1
    (4999950000, True)
    """
    begun = time.thread_time()
    found = work(*args, **keys)
    return found, time.thread_time() - begun


class Cpu:
    """CPU seconds of an event loop, and of threads that help it, until somebody takes them over.

    A clock of the whole process would be simpler; it is read in hundreds of microseconds where the machine is
    a virtual one, and cannot tell apart two models that answer at once.

    Examples
    --------
    >>> cpu = Cpu()
    >>> cpu.take(), cpu.counted(sum, range(100_000)), cpu.take() > 0
    (0.0, 4999950000, True)
    """

    def __init__(self) -> None:
        self._lock = Lock()
        self._helped = 0.0
        self._last: float | None = None

    def counted(self, work: Callable[P, A], *args: P.args, **keys: P.kwargs) -> A:
        """Do some work in a thread that helps."""
        found, seconds = timed(work, *args, **keys)
        with self._lock:
            self._helped += seconds
        return found

    def take(self) -> float:
        """What the loop and its helpers have used since the last time; to be called by the loop."""
        now = time.thread_time()
        with self._lock:
            helped, self._helped = self._helped, 0.0
        own = 0.0 if self._last is None else max(0.0, now - self._last)
        self._last = now
        return own + helped
