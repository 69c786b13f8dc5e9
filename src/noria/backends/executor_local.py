"""Work on this machine's cores, in threads: the fits release Python's lock and share the data."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Iterator
from typing import TypeVar

__all__ = ["LocalExecutor"]

A = TypeVar("A")
B = TypeVar("B")


class LocalExecutor:
    """Runs pieces of work in as many threads as there are workers.

    Parameters
    ----------
    workers : int
        0 means one per core that this process may use.

    Examples
    --------
    >>> list(LocalExecutor(2).map(abs, [-1, 2, -3]))
    [1, 2, 3]
    """

    def __init__(self, workers: int = 0) -> None:
        self.workers = workers or len(os.sched_getaffinity(0))

    def map(self, work: Callable[[A], B], items: Iterable[A]) -> Iterator[B]:
        """The results in the order of the items; the first error ends it, and what was not begun is left.

        Numerical libraries are held to one thread each meanwhile, so that workers do not crowd each other out.
        """
        from concurrent.futures import ThreadPoolExecutor

        from threadpoolctl import threadpool_limits

        with threadpool_limits(1), ThreadPoolExecutor(self.workers) as pool:
            futures = [pool.submit(work, item) for item in items]
            try:
                for future in futures:
                    yield future.result()
            finally:
                for future in futures:
                    future.cancel()
