"""What happens, as a stream of events. Library code emits; only the user interfaces draw."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

__all__ = ["Event", "Events"]

_log = logging.getLogger("noria")


@dataclass(frozen=True)
class Event:
    """One thing that happened.

    Attributes
    ----------
    kind : str
        A dotted name, noun first: ``"trial.finished"``.
    data : dict
        JSON-ready facts.
    time : float
        Seconds since 1970.
    """

    kind: str
    data: dict[str, Any] = field(default_factory=dict)
    time: float = field(default_factory=time.time)

    def to_dict(self) -> dict[str, Any]:
        """JSON-ready fields."""
        return {"kind": self.kind, "time": self.time, **self.data}


class Events:
    """A stream that any number of listeners may follow.

    Examples
    --------
    >>> events, seen = Events(), []
    >>> events.listen(seen.append)
    >>> events.emit("stage.started", stage="train")
    >>> seen[0].kind
    'stage.started'
    """

    def __init__(self) -> None:
        self._listeners: list[Callable[[Event], object]] = []

    def listen(self, listener: Callable[[Event], object]) -> None:
        """Call `listener` with every event from now on."""
        self._listeners.append(listener)

    def ignore(self, listener: Callable[[Event], object]) -> None:
        """Stop calling `listener`."""
        self._listeners.remove(listener)

    def emit(self, kind: str, **data: Any) -> None:
        """Tell every listener, and the logger ``noria`` at level DEBUG."""
        event = Event(kind, data)
        _log.debug("%s %s", kind, data)
        for listener in tuple(self._listeners):
            listener(event)

    @contextmanager
    def stage(self, name: str) -> Iterator[None]:
        """Say that a stage begins and, if the block does not fail, that it has ended and how long it took."""
        began = time.monotonic()
        self.emit("stage.started", stage=name)
        yield
        self.emit("stage.finished", stage=name, seconds=time.monotonic() - began)
