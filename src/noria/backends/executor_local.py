"""Work on this machine's cores, in threads: the fits release Python's lock and share the data."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Iterable, Iterator
from typing import Any, TypeVar

__all__ = ["LocalExecutor"]

A = TypeVar("A")
B = TypeVar("B")


class LocalExecutor:
    """Runs pieces of work in as many threads as there are workers.

    OpenMP's threads are asked to sleep, not to spin, while they wait for each other: on a busy machine
    spinning makes a fit tens of times slower.

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
        os.environ.setdefault("OMP_WAIT_POLICY", "passive")
        self._modules = 0
        self._libraries: Any = None

    def map(self, work: Callable[[A], B], items: Iterable[A]) -> Iterator[B]:
        """The results in the order of the items; the first error ends it, and what was not begun is left.

        Numerical libraries are held to one thread each meanwhile, so that workers do not crowd each other. A
        Ctrl-C does not wait for what has begun, so that the caller can tell it to stop.
        """
        from concurrent.futures import ThreadPoolExecutor

        pool, waits = ThreadPoolExecutor(self.workers, initializer=self._one_thread_each), True
        with self._one_thread_each():
            try:
                for future in [pool.submit(work, item) for item in items]:
                    yield future.result()
            except KeyboardInterrupt:
                waits = False
                raise
            finally:
                pool.shutdown(waits, cancel_futures=True)

    def _one_thread_each(self) -> Any:
        """Limit the libraries that are loaded; they are looked for again when modules were added.

        BLAS is limited for the whole process, OpenMP for the thread that asks.
        """
        from threadpoolctl import ThreadpoolController

        if len(sys.modules) != self._modules:
            self._modules, self._libraries = len(sys.modules), ThreadpoolController()
        return self._libraries.limit(limits=1)
