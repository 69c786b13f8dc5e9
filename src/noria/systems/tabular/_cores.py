"""Long tables on all cores."""

from __future__ import annotations

import functools
import os
from collections.abc import Callable, Sequence
from typing import Any, TypeVar

__all__ = ["pieces", "spread"]

A = TypeVar("A")
B = TypeVar("B")


def pieces(rows: int, most: int, least: int) -> list[slice]:
    """Even pieces of at most so many rows: as many for each core, unless that makes them too short.

    Examples
    --------
    >>> pieces(3, 4, 2)
    [slice(0, 3, None)]
    """
    fewest = max(1, -(-rows // most))
    count = max(fewest, min(-(-fewest // _cores()) * _cores(), rows // least))
    size = max(1, -(-rows // count))
    return [slice(at, min(at + size, rows)) for at in range(0, max(rows, 1), size)]


def spread(work: Callable[[A], B], parts: Sequence[A]) -> list[B]:
    """The results in the order of the parts, worked on in as many threads as there are cores.

    BLAS is held to one thread meanwhile: the parts are small, and its threads would wait for each other.

    Examples
    --------
    >>> spread(abs, [-1, 2, -3])
    [1, 2, 3]
    """
    if len(parts) == 1:
        return [work(parts[0])]
    from concurrent.futures import ThreadPoolExecutor

    with (
        _libraries().limit(limits=1, user_api="blas"),
        ThreadPoolExecutor(_cores()) as pool,
    ):
        return list(pool.map(work, parts))


def _cores() -> int:
    """The cores that this process may use."""
    return len(os.sched_getaffinity(0))


@functools.cache
def _libraries() -> Any:
    """The numerical libraries of this process; looking for them takes milliseconds."""
    from threadpoolctl import ThreadpoolController

    return ThreadpoolController()
