"""What the lifecycle asks of the world outside. Implementations stand in `noria.backends`."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import astuple, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple, Protocol, TypeVar

from noria.core.deadline import Deadline
from noria.core.runs import Change, ModelEntry, RunEntry, RunQuery, Version
from noria.core.serving import Key, Label, LoggedPrediction, Outcome
from noria.core.watch import Entry

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

__all__ = [
    "KEPT_ELSEWHERE",
    "Alerts",
    "Artefacts",
    "Embeddings",
    "Executor",
    "History",
    "Kept",
    "KeptVectors",
    "Keys",
    "Language",
    "Ledger",
    "PredictionLog",
    "Snapshots",
    "Spent",
    "State",
    "Tracker",
    "Vectors",
]

A = TypeVar("A")
B = TypeVar("B")


class Executor(Protocol):
    """Runs independent pieces of work, possibly at the same time."""

    workers: int

    def map(self, work: Callable[[A], B], items: Iterable[A]) -> Iterator[B]:
        """The results of ``work(item)``, in the order of the items."""
        ...


class Kept(NamedTuple):
    """A snapshot: its size in bytes, and when it was last used on this machine (seconds since 1970)."""

    bytes: int
    used: float


class Snapshots(Protocol):
    """Keeps the data that runs were trained on, by the digests of their content."""

    def kept(self) -> dict[str, Kept]:
        """All snapshots, by digest; one that was never used on this machine was used at 0."""
        ...

    def fetch(self, digest: str) -> None:
        """Bring a snapshot to this machine, if it is kept elsewhere only."""
        ...

    def discard(self, digest: str) -> None:
        """Remove a snapshot, wherever it is."""
        ...


class Artefacts(Protocol):
    """Keeps the folders of runs and the histories of models: what everything else can be rebuilt from.

    A run is worked on in a folder of this machine. Where artefacts are kept elsewhere, `publish` takes it
    there, and `folder` brings it back.
    """

    readers: int
    """How many entries are best read at the same time."""
    snapshots: Snapshots

    def create(self, name: str) -> str:
        """Reserve a folder for a new run of `name`, claimed for this process; return the run's id."""
        ...

    def claim(self, run: str) -> bool:
        """Take a run on this machine for this process; False if another process works on it."""
        ...

    def release(self, run: str) -> None:
        """Say that this process no longer works on the run."""
        ...

    def busy(self, run: str) -> bool:
        """Whether some process of this machine works on the run."""
        ...

    def publish(self, run: str) -> None:
        """Keep a finished run, and its data, where runs are kept: whole or not at all."""
        ...

    def discard(self, run: str) -> None:
        """Remove a run, wherever it is."""
        ...

    def folder(self, run: str) -> Path:
        """Where the run's files are on this machine. NotFoundError if there is no such run."""
        ...

    def runs(self) -> list[str]:
        """The ids of all runs that are kept, or worked on, here."""
        ...

    def record(self, run: str) -> dict[str, Any] | None:
        """All that a finished run's folder says of it; None if it has not come to its end."""
        ...

    def entry(self, run: str) -> RunEntry | None:
        """What a run's folder says of it; None if it was cut off before it said anything."""
        ...

    def size(self, run: str) -> int:
        """The bytes that a run takes where it is kept."""
        ...

    def names(self) -> list[str]:
        """All names that have a history."""
        ...

    def change(self, name: str, number: int) -> Change | None:
        """One entry of a history, if there is one of that number."""
        ...

    def changes(self, name: str) -> list[Change]:
        """A history, oldest first."""
        ...

    def add(self, change: Change) -> None:
        """Write the next entry of a history: whole or not at all, and never in place of another."""
        ...


class History(Protocol):
    """The history of one name, held alone."""

    @property
    def changes(self) -> Sequence[Change]:
        """All entries that the index knows, oldest first."""
        ...

    def add(self, change: Change) -> None:
        """Take an entry into the index."""
        ...


class State(Protocol):
    """The index of runs and models: quick to ask, and rebuilt from the artefacts whenever that is wanted."""

    def made(self) -> bool:
        """Whether there is an index, be it an empty one."""
        ...

    def put(self, entry: RunEntry) -> None:
        """Add the line of a run, or replace it."""
        ...

    def forget(self, run: str) -> None:
        """Remove the line of a run."""
        ...

    def runs(self, query: RunQuery = ...) -> list[RunEntry]:
        """The runs that a query asks for."""
        ...

    def count(self, query: RunQuery = ...) -> int:
        """How many runs a query asks for, its limit aside."""
        ...

    def metrics(self) -> list[str]:
        """All metrics that some run was measured by."""
        ...

    def model(self, name: str) -> ModelEntry | None:
        """The versions and aliases of a name."""
        ...

    def models(self, runs: Sequence[str] | None = None) -> list[ModelEntry]:
        """All names, in alphabetical order; or those of some runs, with theirs alone."""
        ...

    def changes(self, name: str) -> list[Change]:
        """The history of a name, oldest first."""
        ...

    def alone(self, name: str) -> AbstractContextManager[History]:
        """Hold the history of a name alone; what was added counts when the block ends without an error."""
        ...

    def rebuild(self, entries: Iterable[RunEntry], changes: Iterable[Change]) -> None:
        """Put these in place of everything that is known of runs and models, at once or not at all.

        They are read while nobody else can write, once the index is held. An index that is damaged is set
        aside.
        """
        ...


class PredictionLog(Protocol):
    """Keeps what a service answered; what `append` returned from survives the death of the process."""

    quick: bool
    """Whether `append` without waiting takes so little time that an event loop may do it itself."""

    def append(self, lines: Sequence[LoggedPrediction], *, wait: bool = True) -> bool:
        """Add lines, all or none; False if somebody else writes and `wait` is false.

        StorageError if they cannot be written; OverloadError if that may be over in a moment: somebody holds
        the database for seconds, or its server is away.
        """
        ...

    def read(
        self, name: str | None = None, *, since: float | None = None, limit: int | None = None
    ) -> Iterator[LoggedPrediction]:
        """The lines of a model, or of all, oldest first."""
        ...

    def count(self, name: str | None = None) -> int:
        """How many lines there are."""
        ...

    def tell(self, name: str, labels: Sequence[Label], *, replace: bool = False) -> list[Outcome]:
        """Keep what predictions of a model should have been; what became of each label, in their order.

        A label that contradicts one that is there is kept only if it may `replace` it.
        """
        ...

    def labels(self, name: str, *, since: float | None = None) -> Iterator[Label]:
        """The labels of a model, by the ids of the rows."""
        ...

    def tidy(self) -> None:
        """Work that need not be done while somebody waits."""
        ...

    def close(self) -> None:
        """Let go of the database."""
        ...


class Keys(Protocol):
    """Keeps who may call a service."""

    def add(self, key: Key) -> None:
        """Take a new key in."""
        ...

    def all(self) -> list[Key]:
        """All keys, oldest first, those that are not valid any more too."""
        ...

    def revoke(self, key: str, when: float) -> None:
        """Let a key, given by its id, count no more."""
        ...


@dataclass
class Spent:
    """What a language model was asked so far.

    Attributes
    ----------
    calls, failures : int
    read, written : int
        Tokens, as far as it tells them.
    """

    calls: int = 0
    failures: int = 0
    read: int = 0
    written: int = 0

    def __add__(self, other: Spent) -> Spent:
        """Both together."""
        return Spent(*(mine + yours for mine, yours in zip(astuple(self), astuple(other))))


class Language(Protocol):
    """A language model; `spent` counts what this object has asked it."""

    spent: Spent

    def write(
        self,
        messages: Sequence[Mapping[str, str]],
        most: int,
        deadline: Deadline,
        form: str | None = None,
    ) -> Iterator[str]:
        """The answer to some messages, of ``role`` and ``content``, in at most so many tokens, as it comes.

        It matches `form`, a regular expression, if the model is one that can be held to that.
        UnreachableError if there is none, if it is no text, or if it is not complete at the deadline;
        TooLongError if the messages are more than it can read.
        """
        ...


class Embeddings(Protocol):
    """An embedding model that is asked."""

    def vectors(self, texts: Sequence[str], deadline: Deadline) -> NDArray[np.float32]:
        """The vector of each text, (texts, dimensions), none of them 0.

        UnreachableError if there is none, if it is no such vector, or if it does not come in time.
        """
        ...


class Ledger(Protocol):
    """Keeps what was done about served models, and who does it now."""

    def add(self, entry: Entry, *, most: int | None = None) -> int:
        """Write a line, and return its number; of lines of this name and kind, at most so many are kept."""
        ...

    def change(self, number: int, body: Mapping[str, Any]) -> None:
        """Let the line of a number say something else."""
        ...

    def entries(self, name: str | None = None, kind: str | None = None, *, limit: int = 100) -> list[Entry]:
        """The latest lines, latest first."""
        ...

    def hold(self, name: str, holder: str, seconds: float) -> str | None:
        """Take something that only one may do at a time; None, or who has it.

        It is free again when it is let go, after so many seconds, or when its holder, a process of this
        machine, is gone.
        """
        ...

    def let_go(self, name: str, holder: str) -> None:
        """Give back what `hold` took."""
        ...


class Alerts(Protocol):
    """Sends messages to people."""

    def shown(self, target: str) -> str:
        """A target without its secrets. ParamError if it is none."""
        ...

    def send(self, target: str, title: str, text: str) -> None:
        """Send one message. UnreachableError if it could not be delivered."""
        ...


class Tracker(Protocol):
    """Shows runs and models where others look for them, and brings models from there."""

    def mirror(self, version: Version, folder: Path, aliases: Sequence[str] = ()) -> bool:
        """Send a run and its model unless they are there, and let the aliases mean it; whether it was sent.

        StorageError if the server is away or refuses; the same call later goes on from there.
        """
        ...

    def fetch(self, address: str, folder: Path) -> dict[str, Any]:
        """Bring the files of a run with its model into an empty folder; where they were, JSON-ready."""
        ...

    def pack(self, run: Path, folder: Path) -> None:
        """Write the model of a run's folder into a new folder that their programs read; asks no server."""
        ...


KEPT_ELSEWHERE = "vectors.json"
"""The file of a model's folder that tells what its vectors are called in the database that has them."""


class Vectors(Protocol):
    """The vectors of a model's chunks, of unit length, in the order of the chunks."""

    def count(self) -> int:
        """How many there are."""
        ...

    def similar(
        self, asked: NDArray[np.float32], documents: NDArray[np.int64] | None = None
    ) -> NDArray[np.float32]:
        """The cosine of each with another, (chunks,): exact for the nearest ones.

        What is said of all others is not above that. Of some documents, given by their numbers, the nearest
        are those among their chunks. UnreachableError if that cannot be told now.
        """
        ...


class KeptVectors(Vectors, Protocol):
    """Vectors in a database, under a name: whole or not there, and never changed."""

    name: str

    def write(self, vectors: NDArray[np.float32], documents: NDArray[np.int64]) -> None:
        """Keep vectors, (chunks, dimensions), of chunks of these documents, (chunks,): all or none.

        StorageError or UnreachableError if that cannot be done.
        """
        ...

    def discard(self) -> None:
        """Remove them, if they are there."""
        ...
