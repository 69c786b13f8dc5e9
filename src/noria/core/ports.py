"""What the lifecycle asks of the world outside. Implementations stand in `noria.backends`."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import Any, Protocol, TypeVar

__all__ = ["Executor", "RunStore"]

A = TypeVar("A")
B = TypeVar("B")


class Executor(Protocol):
    """Runs independent pieces of work, possibly at the same time."""

    workers: int

    def map(self, work: Callable[[A], B], items: Iterable[A]) -> Iterator[B]:
        """The results of ``work(item)``, in the order of the items."""
        ...


class RunStore(Protocol):
    """Keeps runs and the versions of models that came out of them."""

    def create(self, name: str) -> str:
        """Reserve a folder for a new run of `name`, claimed for this process; return the run's id."""
        ...

    def release(self, run_id: str) -> None:
        """Say that this process no longer works on the run."""
        ...

    def discard(self, run_id: str) -> None:
        """Remove a run that came to nothing."""
        ...

    def folder(self, run_id: str) -> Path:
        """Where the run's files are. NotFoundError if there is no such run."""
        ...

    def unfinished(self, name: str, key: str) -> str | None:
        """The newest run of `name` with this key that never finished, now claimed for this process."""
        ...

    def register(self, name: str, run_id: str) -> int:
        """Make the run's model the next version of `name` and its champion; return the version."""
        ...

    def champion(self, name: str) -> Path:
        """The model folder that answers for `name`. NotFoundError if there is none."""
        ...

    def names(self) -> list[str]:
        """All models that have a champion."""
        ...

    def runs(self, name: str | None = None) -> list[dict[str, Any]]:
        """The manifests of finished runs, newest first."""
        ...
