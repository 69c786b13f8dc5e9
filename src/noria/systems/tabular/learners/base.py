"""What all learners of tables share: parameters in, arrays in, a model of one member out."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, ClassVar, Generic, TypeVar

import numpy as np
import polars as pl

from noria.core.deadline import FitFailed
from noria.core.params import Params
from noria.core.protocol import Context, Task
from noria.errors import ParamError
from noria.methods import resample
from noria.systems.tabular.frame import Frame
from noria.systems.tabular.model import Member, TabularModel
from noria.systems.tabular.options import TabularOptions
from noria.systems.tabular.predictors import Predictor
from noria.systems.tabular.recode import target_means
from noria.systems.tabular.target import Target

__all__ = ["TabularLearner"]

P = TypeVar("P", bound=Params)


class TabularLearner(Generic[P]):
    """An unfitted algorithm for tables. Subclasses declare facts and fit arrays.

    Attributes
    ----------
    name : str
    family : {"trees", "slopes"}
        Which encoding of the columns it is fitted on.
    tasks : set of Task
        The tasks that it solves.
    settings : type of Params
    known : sequence of dict
        Settings known to work, best first; the search starts with them.
    turn : int
        The round of the portfolio in which the first of them is tried.
    most_rows : int
        Beyond this many training rows it is left out.
    package : str, optional
        The optional package without which it is left out.
    weighs : bool
        Whether its fit listens to row weights.
    bags : bool
        Whether the fold models are kept and averaged; otherwise one model of all rows takes their place, as
        befits what needs no rows to stop early on.
    watches : bool
        Whether its fit looks at validation rows, to stop early or to scale its outputs.
    linear : bool
        Whether it is linear in the encoded columns: what a joint model leans on where nothing else is surely
        better.
    heaviness : float
        What one of its models costs to predict with, against one of boosted trees, roughly.
    smoothing : float
        Rows of the overall mean that target means of levels start from.
    """

    name: ClassVar[str]
    family: ClassVar[str] = "slopes"
    tasks: ClassVar[frozenset[Task]] = frozenset(Task)
    settings: ClassVar[type[Params]] = Params
    known: ClassVar[Sequence[dict[str, Any]]] = ({},)
    turn: ClassVar[int] = 1
    most_rows: ClassVar[int] = 100_000_000
    package: ClassVar[str | None] = None
    weighs: ClassVar[bool] = True
    bags: ClassVar[bool] = True
    watches: ClassVar[bool] = False
    linear: ClassVar[bool] = False
    heaviness: ClassVar[float] = 1.0
    smoothing: ClassVar[float] = 10.0

    def __init__(self, target: Target, options: TabularOptions, params: P | None = None) -> None:
        self.target = target
        self.options = options
        self.params: P = params if params is not None else self.settings()  # type: ignore[assignment]

    def with_params(self, params: P) -> TabularLearner[P]:
        """A copy with other parameters."""
        return type(self)(self.target, self.options, params)

    def portfolio(self, rows: int) -> Sequence[P]:
        """The settings in `known`; none when there are more rows than it can bear."""
        known = self.known if rows <= self.most_rows else ()
        return [self.settings(**values) for values in known]  # type: ignore[misc]

    def seconds(self, rows: int, columns: int) -> float:
        """A rough guess of one fit's time on one core."""
        return 1e-8 * rows * columns * max(self.target.classes, 1) + 0.01

    def fit(self, train: pl.DataFrame, valid: pl.DataFrame | None, ctx: Context) -> TabularModel:
        """Learn from `train`; where rows are many, `valid` may be used to stop early.

        Raises
        ------
        OutOfTime
            If the context's deadline passes first.
        """
        frame = Frame.of(train, valid, ctx, self.family, self.target)
        member = self.fit_member(frame.apart(ctx) if self.watches else frame, ctx)
        model = TabularModel(ctx.schema, self.target, {self.family: frame.encoder}, [member])
        if ctx.fold is not None and valid is not None:
            model.remember(valid, frame.X_valid)
        return model

    def fit_member(self, frame: Frame, ctx: Context) -> Member:
        """Learn from a frame, after what the options and the parameters do to its rows and columns."""
        recode = None
        try:
            balanced = self._balanced(frame, ctx)
            if self.recodes(balanced):
                balanced, recode = target_means(balanced, self.smoothing, ctx.seed)
            predictor = self.fit_arrays(balanced, ctx)
        except ParamError as error:
            raise FitFailed(error.what) from error
        except (ArithmeticError, ValueError, np.linalg.LinAlgError) as error:
            raise FitFailed(f"{type(error).__name__}: {error}") from error
        return Member(1.0, self.family, predictor, recode)

    def fit_whole(self, frame: Frame, ctx: Context, bag: Sequence[Member]) -> Member:  # noqa: ARG002
        """The one model of all rows that takes the place of the fold models in `bag`."""
        return self.fit_member(frame, ctx)

    def fit_arrays(self, frame: Frame, ctx: Context) -> Predictor:
        """Learn from arrays. To be written by each learner."""
        raise NotImplementedError

    def recodes(self, frame: Frame) -> bool:  # noqa: ARG002
        """Whether category codes are to be replaced by out-of-fold target means."""
        return False

    def _balanced(self, frame: Frame, ctx: Context) -> Frame:
        """The frame after what the options say about rare classes."""
        rule = self.options.imbalance
        if not self.target.classes or rule in ("none", "focal"):
            return frame
        if rule == "weights":
            return frame.weighted(resample.balanced_weights(frame.y)) if self.weighs else frame
        codes = np.flatnonzero(frame.encoder.discrete) if self.family == "trees" else np.zeros(0, np.int64)
        padded = np.vstack([frame.X, np.zeros_like(frame.X[:1])])
        filling = np.nanmedian(padded, axis=0)
        filling[codes] = np.nanmax(padded[:, codes], axis=0) + 1  # missing, for as long as rows are made
        filled = np.where(np.isnan(frame.X), filling, frame.X)
        X, y = resample.oversample(filled, frame.y, method=rule, categorical=codes, seed=ctx.seed)
        added = X[len(frame.y) :].astype(np.float32)
        added[:, codes] = np.where(added[:, codes] == filling[codes], np.nan, added[:, codes])
        return frame.extended(added, y[len(frame.y) :])
