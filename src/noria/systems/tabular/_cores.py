"""Long tables on all cores."""

from __future__ import annotations

import functools
import os
from collections.abc import Callable, Sequence
from typing import Any, TypeVar

__all__ = ["spread"]

A = TypeVar("A")
B = TypeVar("B")


def spread(work: Callable[[A], B], pieces: Sequence[A]) -> list[B]:
    """The results in the order of the pieces, worked on in as many threads as there are cores.

    BLAS is held to one thread meanwhile: the pieces are small, and its threads would wait for each other.

    Examples
    --------
    >>> spread(abs, [-1, 2, -3])
    [1, 2, 3]
    """
    if len(pieces) == 1:
        return [work(pieces[0])]
    from concurrent.futures import ThreadPoolExecutor

    with (
        _libraries().limit(limits=1, user_api="blas"),
        ThreadPoolExecutor(len(os.sched_getaffinity(0))) as pool,
    ):
        return list(pool.map(work, pieces))


@functools.cache
def _libraries() -> Any:
    """The numerical libraries of this process; looking for them takes milliseconds."""
    from threadpoolctl import ThreadpoolController

    return ThreadpoolController()
