"""A small neural network."""

from __future__ import annotations

from noria.core.params import Params, choice, integer, real
from noria.core.protocol import Context
from noria.methods.mlp import fit_mlp
from noria.systems.tabular.frame import Frame
from noria.systems.tabular.learners.base import TabularLearner
from noria.systems.tabular.predictors import Network

__all__ = ["NeuralNetwork"]


class NetworkParams(Params):
    """Settings of `NeuralNetwork`."""

    width: int = choice(128, 64, 256, doc="Units of a hidden layer.")
    layers: int = integer(2, low=1, high=4, doc="Hidden layers.")
    learning_rate: float = real(0.04, low=0.002, high=0.1, log=True, doc="Step size at its peak.")
    dropout: float = real(0.3, low=0.0, high=0.5, doc="Share of units left out in training.")
    decay: float = real(0.1, low=0.0, high=0.3, doc="Weight decay.")


class NeuralNetwork(TabularLearner[NetworkParams]):
    """A multilayer perceptron with tuned defaults (Holzmüller et al. 2024)."""

    name = "network"
    settings = NetworkParams
    most_rows = 100_000

    def seconds(self, rows: int, columns: int) -> float:
        """Epochs times rows times weights."""
        p = self.params
        weights = columns * p.width + (p.layers - 1) * p.width**2
        return 60 * rows * (weights * 6 / 2e10 + 1e-6) + 0.05

    def fit_arrays(self, frame: Frame, ctx: Context) -> Network:
        """Train until the validation rows stop gaining."""
        p = self.params
        mlp = fit_mlp(
            frame.X,
            frame.y,
            valid=frame.valid,
            sample_weight=frame.weight,
            classes=self.target.classes,
            numeric=~frame.encoder.discrete,
            hidden=(p.width,) * p.layers,
            lr=p.learning_rate,
            dropout=p.dropout,
            weight_decay=p.decay,
            seed=ctx.seed,
            deadline=ctx.deadline,
        )
        return Network(mlp)
