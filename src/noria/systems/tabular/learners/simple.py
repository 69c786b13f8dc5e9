"""The learners that every other has to beat: baseline, neighbours, naive Bayes."""

from __future__ import annotations

import numpy as np

from noria.core.params import Params, choice, integer, real
from noria.core.protocol import Context, Task
from noria.systems.tabular.frame import Frame
from noria.systems.tabular.learners.base import TabularLearner
from noria.systems.tabular.predictors import Constant, NaiveBayes, Neighbours

__all__ = ["Baseline", "NaiveBayesLearner", "NeighboursLearner"]


class Baseline(TabularLearner[Params]):
    """Predicts the shares of the classes, or the mean, whatever the row."""

    name = "baseline"
    turn = 0
    heaviness = 0.0
    bags = False
    family = "trees"

    def fit_arrays(self, frame: Frame, ctx: Context) -> Constant:  # noqa: ARG002
        """The weighted mean of the targets."""
        return Constant(np.average(frame.one_hot(), axis=0, weights=frame.weight))

    def _balanced(self, frame: Frame, ctx: Context) -> Frame:  # noqa: ARG002
        """The rows as they are: what others gain from balancing them shows beside it."""
        return frame


class NeighboursParams(Params):
    """Settings of `NeighboursLearner`."""

    neighbours: int = integer(15, low=1, high=200, log=True, doc="How many nearest rows are averaged.")
    weights: str = choice("distance", "uniform", doc="Whether nearer rows count more.")


class NeighboursLearner(TabularLearner[NeighboursParams]):
    """The mean of the k nearest training rows (Fix and Hodges 1951)."""

    name = "neighbours"
    heaviness = 20.0
    bags = False
    settings = NeighboursParams
    known = ({}, {"neighbours": 5}, {"neighbours": 40})
    most_rows = 30_000
    weighs = False

    def seconds(self, rows: int, columns: int) -> float:
        """Distances from every validation row to every training row."""
        return 4e-10 * rows * rows * max(columns, 10) * 0.25 + 0.01

    def fit_arrays(self, frame: Frame, ctx: Context) -> Neighbours:
        """Keep the rows, shuffled, as the first of equally near ones count; nothing else is learned."""
        outputs, order = frame.one_hot(), np.random.default_rng(ctx.seed).permutation(len(frame.X))
        return Neighbours(
            points=frame.X[order],
            outputs=outputs[order],
            shrink=outputs.mean(axis=0),
            neighbours=min(self.params.neighbours, len(frame.X)),
            by_distance=self.params.weights == "distance",
        )


class NaiveBayesParams(Params):
    """Settings of `NaiveBayesLearner`."""

    smoothing: float = real(1.0, low=0.01, high=30.0, log=True, doc="Rows added to every count.")
    temper: float = real(2.0, low=1.0, high=20.0, log=True, doc="Divides evidence that features repeat.")


class NaiveBayesLearner(TabularLearner[NaiveBayesParams]):
    """Features taken as independent given the class (Maron 1961)."""

    name = "naive_bayes"
    turn = 0
    heaviness = 0.1
    bags = False
    tasks = frozenset({Task.CLASSIFICATION})
    settings = NaiveBayesParams

    def fit_arrays(self, frame: Frame, ctx: Context) -> NaiveBayes:  # noqa: ARG002
        """Class-wise means, variances and indicator shares."""
        indicators = frame.one_hot()
        if frame.weight is not None:
            indicators = indicators * frame.weight[:, None]
        counts = indicators.sum(axis=0)[:, None]
        extra = self.params.smoothing
        discrete = frame.encoder.discrete
        quantities, bits = frame.X[:, ~discrete].astype(np.float64), frame.X[:, discrete]
        overall = quantities.var(axis=0) + 1e-6
        mean = indicators.T @ quantities / np.maximum(counts, 1e-9)
        spread = indicators.T @ quantities**2 - counts * mean**2
        variance = (np.maximum(spread, 0) + extra * overall) / (counts + extra) + 1e-6
        share = (indicators.T @ bits + extra * bits.mean(axis=0)) / (counts + extra)
        share = np.clip(share, 1e-6, 1 - 1e-6)
        prior = np.log((counts[:, 0] + extra) / (counts.sum() + extra * len(counts)))
        return NaiveBayes(
            prior=prior,
            mean=mean,
            precision=1 / variance,
            on=np.log(share),
            off=np.log1p(-share),
            discrete=discrete,
            temper=self.params.temper,
        )
