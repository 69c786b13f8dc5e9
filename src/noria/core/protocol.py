"""The one face that every system shows, from a decision tree to a tool-using agent.

The lifecycle around a system is written once and knows nothing but what stands here.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar, NamedTuple, Protocol, TypeVar, runtime_checkable

from noria.core.deadline import Deadline
from noria.core.events import Events
from noria.core.explanation import Explanation
from noria.core.params import Params
from noria.core.result import Evaluation, Figure
from noria.core.schema import Schema
from noria.core.signature import Signature
from noria.settings import Settings

if TYPE_CHECKING:
    import numpy as np
    import polars as pl
    from pydantic import BaseModel

    from noria.core.split import Split

    Scorer = Callable[[np.ndarray | None], float]

__all__ = [
    "Completes",
    "Context",
    "Conversational",
    "Ensembles",
    "Evidence",
    "Experiments",
    "Fold",
    "Graphs",
    "Inspects",
    "Learner",
    "Metric",
    "Model",
    "Refines",
    "Rowwise",
    "Shared",
    "System",
    "Tags",
    "Task",
    "Trial",
    "Turn",
]

T = TypeVar("T")


class Task(StrEnum):
    """What is asked, by its usual name."""

    CLASSIFICATION = "classification"
    REGRESSION = "regression"
    FORECASTING = "forecasting"
    QUESTION_ANSWERING = "question-answering"

    @property
    def numeric(self) -> bool:
        """Whether its target is a quantity."""
        return self in (Task.REGRESSION, Task.FORECASTING)

    @property
    def asked(self) -> bool:
        """Whether its rows are questions to documents that lie beside the table."""
        return self is Task.QUESTION_ANSWERING

    @property
    def ordered(self) -> bool:
        """Whether its rows follow each other in time, so that none can be left out."""
        return self is Task.FORECASTING


@dataclass(frozen=True)
class Tags:
    """Facts about a system that everything else reads instead of asking for its class.

    Attributes
    ----------
    deterministic : bool
        The same seed gives the same model.
    streams : bool
        Rows may be predicted in batches.
    rows_independent : bool
        A row's prediction does not depend on the rows beside it.
    needs_time_order : bool
        Rows of the future must not be seen in training.
    explains : bool
        Models give attributions.
    needs_extra : str, optional
        The extra without which it does not run.
    """

    deterministic: bool = True
    streams: bool = True
    rows_independent: bool = True
    needs_time_order: bool = False
    explains: bool = False
    needs_extra: str | None = None


@dataclass(frozen=True)
class Metric:
    """A measure of predictions against the truth.

    Attributes
    ----------
    name, doc : str
    greater_is_better : bool
    bind : callable
        ``bind(truth, predictions)`` reads the arrays out of both tables once and returns a function of row
        indices (None for all rows), so that a bootstrap costs no table work.
    losses : callable, optional
        ``losses(truth, predictions)`` gives an array of one loss per row, the smaller the better, whose mean
        tells where predictions are bad; None where a single row has no loss.
    """

    name: str
    greater_is_better: bool
    bind: Callable[[pl.DataFrame, pl.DataFrame], Scorer]
    doc: str = ""
    losses: Callable[[pl.DataFrame, pl.DataFrame], np.ndarray] | None = None

    def better(self, a: float, b: float) -> bool:
        """Whether the score `a` is better than `b`."""
        return a > b if self.greater_is_better else a < b


class Shared:
    """Work done once per search and used by every trial: a keyed store of made things.

    Attributes
    ----------
    seconds : float
        Wall-clock time that making them took in all.
    common : float
        That of things which all folds have in common, so that no later fit will take it again.

    Examples
    --------
    >>> Shared().get("square", lambda: 3 * 3)
    9
    """

    def __init__(self) -> None:
        from threading import RLock

        self._lock = RLock()
        self._made: dict[Any, Any] = {}
        self.seconds = self.common = 0.0

    def get(self, key: Any, make: Callable[[], T], *, common: bool = False) -> T:
        """What was made under `key`; made now if it was not. One thread makes at a time."""
        if key not in self._made:
            with self._lock:
                if key not in self._made:
                    clock = Deadline()
                    self._made[key] = make()
                    self.seconds += clock.elapsed
                    self.common += clock.elapsed if common else 0.0
        return self._made[key]


@dataclass(frozen=True)
class Fold:
    """The part of a search's table that one fit sees.

    Attributes
    ----------
    table : Table
        All training rows of the search. What is learned from it must not look at the target.
    split : Split
        Which of its rows are `train` and `valid`.
    index : int
    """

    table: pl.DataFrame
    split: Split
    index: int = 0


@dataclass(frozen=True)
class Context:
    """What a fit may use besides its rows.

    Attributes
    ----------
    schema : Schema
    task : Task
    seed : int
    deadline : Deadline
        A fit that sees it pass raises OutOfTime, or returns what it has if that is of use.
    threads : int
        Threads that the fit may keep busy.
    events : Events
    shared : Shared
    fold : Fold, optional
        Present inside a search.
    documents : Table, optional
        What the rows are asked of: it lies beside them, and no split divides it.
    settings : Settings
        Where copies and caches are kept.
    """

    schema: Schema
    task: Task
    seed: int = 0
    deadline: Deadline = field(default_factory=Deadline)
    threads: int = 1
    events: Events = field(default_factory=Events)
    shared: Shared = field(default_factory=Shared)
    fold: Fold | None = None
    documents: pl.DataFrame | None = None
    settings: Settings = field(default_factory=Settings)

    def within(self, fold: Fold) -> Context:
        """The same context inside one fold."""
        return replace(self, fold=fold)


@runtime_checkable
class Model(Protocol):
    """A fitted system. `noria.core.artifact` saves it to a folder and loads it again."""

    signature: Signature

    @property
    def size(self) -> int:
        """Bytes on disk, nearly."""
        ...

    def predict(self, rows: pl.DataFrame) -> pl.DataFrame:
        """One row of predictions per row, in the same order."""
        ...

    def explain(self, rows: pl.DataFrame, *, deadline: Deadline | None = None) -> Explanation:
        """What each feature added to each prediction.

        After the deadline what is sampled becomes no finer, and what takes long at once raises OutOfTime.
        """
        ...

    def save(self, folder: Path) -> None:
        """Write data files, and no code, into an existing empty folder."""
        ...


@runtime_checkable
class Rowwise(Protocol):
    """A model that answers for one row faster than through a table."""

    def predict_one(self, row: Mapping[str, Any]) -> dict[str, Any]:
        """The same as ``predict`` of a table of this one row."""
        ...


class Turn(NamedTuple):
    """A question that was asked before, and what was answered."""

    question: str
    answer: str


@runtime_checkable
class Conversational(Protocol):
    """A model that takes one question at a time, and shows the documents that its answers cite."""

    def converse(
        self,
        question: str,
        *,
        history: Sequence[Turn] = (),
        within: Sequence[str] = (),
        tell: Callable[[str], None] | None = None,
    ) -> dict[str, Any]:
        """The answer, with the fields of ``predict`` and more; `tell` hears its sentences as they come.

        The question may refer to those before it, and be searched for within documents whose names match
        patterns, ``"how-to/*; *.pdf"``; of several such texts, a name must match each. Where ``predict`` must
        be quick and give the same again, this may take its time and ask others.
        """
        ...

    def source(self, document: str, begin: int, end: int) -> dict[str, Any]:
        """A document around some of its characters, block by block; NotFoundError if there is none."""
        ...


@runtime_checkable
class Graphs(Protocol):
    """A model that can be written as one ONNX graph, encodings included."""

    def to_onnx(self, path: Path) -> dict[str, Any]:
        """Write it; what goes in and comes out, and how far it is from ``predict``, JSON-ready.

        ParamError naming the part that cannot be expressed; MissingExtraError without the extra ``onnx``.
        """
        ...


class Learner(Protocol):
    """An unfitted algorithm with its parameters.

    Attributes
    ----------
    name : str
    params : Params
    turn : int
        The round of the portfolio in which its first setting is tried, from 0; its second follows in the
        next.
    bags : bool
        Whether the models of the folds are kept; otherwise one model of all rows takes their place.
    """

    name: ClassVar[str]
    params: Params
    turn: ClassVar[int]
    bags: ClassVar[bool]

    def with_params(self, params: Params) -> Learner:
        """A copy with other parameters."""
        ...

    def portfolio(self, rows: int) -> Sequence[Params]:
        """Settings known to work on this many rows, best first; the search starts with them."""
        ...

    def seconds(self, rows: int, columns: int) -> float:
        """A rough guess of one fit's time on one core, to plan with before it was ever measured."""
        ...

    def fit(self, train: pl.DataFrame, valid: pl.DataFrame | None, ctx: Context) -> Model:
        """Learn from `train`; `valid` may be used to stop early. OutOfTime and FitFailed end the trial."""
        ...


class System(Protocol):
    """A class that solves tasks on one kind of data. The constructor only keeps what it is given."""

    name: ClassVar[str]
    tags: ClassVar[Tags]
    options: ClassVar[type[BaseModel]]

    def __init__(self, schema: Schema, task: Task, options: BaseModel | None = None) -> None: ...

    @classmethod
    def accepts(cls, schema: Schema, task: Task) -> bool:
        """Whether it can solve this task on these columns."""
        ...

    def learners(self) -> list[Learner]:
        """The candidates, simple baseline first."""
        ...

    def holdout(self, table: pl.DataFrame, share: float, seed: int, how: str | None = None) -> Split:
        """Rows that no choice may see; `Split.how` says in words how they were chosen."""
        ...

    def folds(self, table: pl.DataFrame, count: int, seed: int) -> list[Split]:
        """Splits of the training rows for comparing learners; `count` 0 leaves the number to the system."""
        ...

    def metrics(self) -> list[Metric]:
        """What it is measured by; the first is what the search optimises unless told otherwise."""
        ...

    def figures(self, evidence: Evidence, evaluation: Evaluation) -> list[Figure]:
        """What a reader of the report looks at."""
        ...

    @classmethod
    def load(cls, folder: Path) -> Model:
        """The inverse of `Model.save`; `noria.core.artifact.load` has checked the files before."""
        ...


@dataclass
class Trial:
    """One setting of one learner, tried on every fold.

    Attributes
    ----------
    number : int
    learner : Learner
        With the parameters that were tried.
    score : float
        The search metric over all out-of-fold predictions.
    predictions : Table
        One row per training row, predicted by models that have not seen it.
    models : list of Model
        One per fold; empty when the trial was read back from a journal.
    fit_seconds, predict_seconds : float
        Summed over the folds.
    bytes : int
        The size of the models.
    """

    number: int
    learner: Learner
    score: float
    predictions: pl.DataFrame
    models: list[Model] = field(default_factory=list)
    fit_seconds: float = 0.0
    predict_seconds: float = 0.0
    bytes: int = 0


@dataclass(frozen=True)
class Evidence:
    """The rows that a run's pictures are drawn from, and what its model says of them.

    Attributes
    ----------
    train : Table
        Learned from.
    truth, predictions, baseline : Table
        Held out, with all columns; what the model and the baseline say of them, row by row.
    fold_truth, fold_predictions : Table
        Validated on in the search, and the joint model's out-of-fold predictions.
    model : Model, optional
        That said it.
    """

    train: pl.DataFrame
    truth: pl.DataFrame
    predictions: pl.DataFrame
    baseline: pl.DataFrame
    fold_truth: pl.DataFrame
    fold_predictions: pl.DataFrame
    model: Model | None = None


@runtime_checkable
class Experiments(Protocol):
    """A system that tries out, after its model was judged, what else could have been done."""

    def experiments(self, evidence: Evidence, ctx: Context) -> list[Figure]:
        """What came out, as far as it fits into the context's time."""
        ...


@runtime_checkable
class Refines(Protocol):
    """A model that calibrates what its parts predict, or decides by it."""

    def refined(self, predictions: pl.DataFrame) -> pl.DataFrame:
        """Predictions of its parts, such as those out of fold, as it would have answered."""
        ...


@runtime_checkable
class Inspects(Protocol):
    """A system that repairs its rows, or infers what they are, and says so."""

    def findings(self, table: pl.DataFrame) -> list[str]:
        """What was repaired or inferred, in words."""
        ...


@runtime_checkable
class Completes(Protocol):
    """A system that learns from rows which follow from those that came, such as sums of series."""

    def completed(self, table: pl.DataFrame) -> tuple[pl.DataFrame, list[str]]:
        """The rows to learn from, and what was added, in words."""
        ...


@runtime_checkable
class Ensembles(Protocol):
    """A system whose trials can be joined into one model."""

    def weigh(
        self, trials: Sequence[Trial], truth: pl.DataFrame, metric: Metric, ctx: Context
    ) -> tuple[np.ndarray, pl.DataFrame]:
        """The share of each trial in the joint model, and the joint model's out-of-fold predictions."""
        ...

    def assemble(
        self,
        trials: Sequence[Trial],
        weights: np.ndarray,
        table: pl.DataFrame,
        truth: pl.DataFrame,
        ctx: Context,
    ) -> Model:
        """The joint model, calibrated on the out-of-fold predictions. Trials of weight 0 may lack models.

        `table` holds all rows of the search, `truth` those that were predicted, in the predictions' order.
        """
        ...
