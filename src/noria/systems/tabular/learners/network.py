"""A small neural network."""

from __future__ import annotations

from noria.core.params import Params, choice, flag, integer, real
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
    learning_rate: float = real(0.02, low=0.005, high=0.1, log=True, doc="Step size at its peak.")
    dropout: float = real(0.3, low=0.05, high=0.5, doc="Share of units left out in training.")
    embed: bool = flag(True, doc="Whether numbers are seen through learned waves.")
    decay: float = real(0.3, low=0.03, high=1.0, log=True, doc="Weight decay.")


class NeuralNetwork(TabularLearner[NetworkParams]):
    """A multilayer perceptron with tuned defaults (Holzmüller et al. 2024)."""

    name = "network"
    heaviness = 1.0
    watches = True
    settings = NetworkParams
    known = (
        {},
        {"embed": False, "dropout": 0.4, "decay": 0.1},
        {"width": 256, "learning_rate": 0.04, "decay": 0.1},
    )
    most_rows = 100_000

    def seconds(self, rows: int, columns: int) -> float:
        """Steps of gradient descent, each a few matrix products."""
        batch = 64 if rows < 2_000 else 256
        steps = rows / batch * min(max(2_000 * batch / rows, 15), 100)
        weights = columns * self.params.width + (self.params.layers - 1) * self.params.width**2
        return steps * (3e-4 + 6e-11 * batch * weights) + 0.05

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
            embed=p.embed,
            weight_decay=p.decay,
            seed=ctx.seed,
            deadline=ctx.deadline,
        )
        return Network(mlp)
