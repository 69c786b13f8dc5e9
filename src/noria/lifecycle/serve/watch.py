"""What a service does every second beside its requests."""

from __future__ import annotations

import logging
from collections.abc import Callable, Sequence
from threading import Event, Thread

from noria.errors import NoriaError

__all__ = ["Watch"]

_logger = logging.getLogger("noria.serve")


class Watch(Thread):
    """A thread that does some work again and again until it is stopped; what fails is logged once.

    Parameters
    ----------
    work : sequence of callable
    seconds : float
        Between two turns.
    """

    def __init__(self, work: Sequence[Callable[[], object]], seconds: float = 1.0) -> None:
        super().__init__(name="noria-watch", daemon=True)
        self._work, self._seconds = work, seconds
        self._stopped = Event()
        self._known: dict[int, str] = {}

    def run(self) -> None:
        """The turns."""
        while not self._stopped.wait(self._seconds):
            for at, work in enumerate(self._work):
                if not self._stopped.is_set():
                    self._do(at, work)

    def stop(self) -> None:
        """Begin nothing more."""
        self._stopped.set()

    def _do(self, at: int, work: Callable[[], object]) -> None:
        try:
            work()
        except Exception as error:  # no fault of a model or a library may end the watch
            told = str(error) or type(error).__name__
            if self._known.get(at) != told:
                _logger.error("%s", told, exc_info=not isinstance(error, NoriaError))
            self._known[at] = told
        else:
            self._known.pop(at, None)
