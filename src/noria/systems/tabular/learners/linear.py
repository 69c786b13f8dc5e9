"""Linear learners: least squares and logistic, with every usual penalty."""

from __future__ import annotations

import warnings
from collections.abc import Iterator
from dataclasses import dataclass
from typing import TypeVar

import numpy as np

from noria.core.deadline import OutOfTime
from noria.core.params import Params, choice, real
from noria.core.protocol import Context, Task
from noria.systems.tabular.frame import Frame
from noria.systems.tabular.learners.base import TabularLearner
from noria.systems.tabular.predictors import Linear

__all__ = ["ElasticNet", "Lasso", "LeastSquares", "LinearDiscriminant", "Logistic", "Ridge"]

P = TypeVar("P", bound=Params)
L = TypeVar("L", bound="LassoParams")

_REGRESSION = frozenset({Task.REGRESSION})
_PIECE = 16_384  # rows between two looks at the clock


class RidgeParams(Params):
    """Settings of `Ridge`."""

    alpha: float = real(1.0, low=1e-3, high=1e4, log=True, doc="Penalty on squared weights.")
    target: str = choice("plain", "log", doc="Whether the logarithm of a positive target is fitted.")


def _pieces(rows: int, ctx: Context) -> Iterator[slice]:
    """Some rows at a time, with a look at the clock before each."""
    for start in range(0, rows, _PIECE):
        ctx.deadline.check()
        yield slice(start, start + _PIECE)


@dataclass(frozen=True)
class _Centred:
    """Rows of float32 less their centre, a centred target, and weights, without a second copy of all rows."""

    X: np.ndarray
    y: np.ndarray
    weight: np.ndarray
    centre: np.ndarray
    ctx: Context

    def normal(self) -> tuple[np.ndarray, np.ndarray]:
        """Both sides of the normal equations, (columns, columns) and (columns,), in float64."""
        columns = len(self.centre)
        gram, moment = np.zeros((columns, columns)), np.zeros(columns)
        for piece in _pieces(len(self.y), self.ctx):
            centred = self.X[piece] - self.centre
            weighted = centred * self.weight[piece, None]
            gram += weighted.T @ centred
            moment += weighted.T @ self.y[piece]
        return gram, moment


class _Penalised(TabularLearner[P]):
    """What the linear regressions share: centring, and a logarithm of the target where it is asked for."""

    tasks = _REGRESSION
    bags = False
    linear = True
    heaviness = 0.05

    def solve(self, rows: _Centred) -> np.ndarray:
        """Weights for centred rows."""
        raise NotImplementedError

    def fit_arrays(self, frame: Frame, ctx: Context) -> Linear:
        """Solve on centred rows and put the centre into the bias."""
        logged = self.params.to_dict().get("target") == "log" and frame.y.min() > -1
        y = np.log1p(frame.y) if logged else frame.y.astype(np.float64)
        weight = np.ones(len(y)) if frame.weight is None else frame.weight
        centre = sum(weight[piece] @ frame.X[piece] for piece in _pieces(len(y), ctx)) / weight.sum()
        middle = np.average(y, weights=weight)
        solved = self.solve(_Centred(frame.X, y - middle, weight, centre, ctx))
        if not logged:
            return Linear(solved[:, None], np.array([middle - centre @ solved]), "identity")
        raw = np.concatenate([frame.X[piece] @ solved for piece in _pieces(len(y), ctx)])
        raw += middle - centre @ solved
        smear = np.log(np.average(frame.y + 1, weights=weight) / np.average(np.exp(raw), weights=weight))
        return Linear(solved[:, None], np.array([middle - centre @ solved + smear]), "expm1")


class Ridge(_Penalised[RidgeParams]):
    """Least squares with a penalty on squared weights (Hoerl and Kennard 1970)."""

    name = "ridge"
    turn = 0
    settings = RidgeParams
    known = ({"alpha": 10.0}, {"alpha": 10.0, "target": "log"}, {"alpha": 1.0}, {"alpha": 100.0})

    def seconds(self, rows: int, columns: int) -> float:
        """A Gram matrix and its solution."""
        return 3e-10 * rows * columns**2 + 1e-9 * columns**3 + 0.01

    def solve(self, rows: _Centred) -> np.ndarray:
        """The normal equations."""
        gram, moment = rows.normal()
        gram.flat[:: len(gram) + 1] += self.params.alpha
        return np.linalg.solve(gram, moment)


class LeastSquares(_Penalised[Params]):
    """Ordinary least squares, of smallest norm where columns depend on each other."""

    name = "linear"
    turn = 0

    def seconds(self, rows: int, columns: int) -> float:
        """A Gram matrix and its pseudo-inverse."""
        return 3e-10 * rows * columns**2 + 1e-8 * columns**3 + 0.01

    def solve(self, rows: _Centred) -> np.ndarray:
        """The pseudo-inverse of the normal equations."""
        gram, moment = rows.normal()
        return np.linalg.pinv(gram, rcond=1e-8, hermitian=True) @ moment


class LassoParams(Params):
    """Settings of `Lasso`; the penalty is a share of the smallest one that leaves no feature."""

    strength: float = real(0.01, low=1e-4, high=0.9, log=True, doc="Share of the penalty that removes all.")
    target: str = choice("plain", "log", doc="Whether the logarithm of a positive target is fitted.")


class _CoordinateDescent(_Penalised[L]):
    """What the learners with an absolute penalty share."""

    most_rows = 200_000

    def seconds(self, rows: int, columns: int) -> float:
        """Coordinate descent on the Gram matrix."""
        return 3e-10 * rows * columns**2 + 1e-7 * columns**2 + 0.02

    def solve(self, rows: _Centred) -> np.ndarray:
        """Coordinate descent."""
        from sklearn.linear_model import ElasticNet as Solver

        root = np.sqrt(rows.weight / rows.weight.mean())
        X, y = (rows.X - rows.centre) * root[:, None], rows.y * root
        largest = float(np.abs(X.T @ y).max()) / len(y) / self.mixing
        if largest == 0:
            return np.zeros(X.shape[1])
        solver = Solver(
            alpha=self.params.strength * largest, l1_ratio=self.mixing, fit_intercept=False,
            precompute=True, max_iter=300, tol=1e-4,
        )  # fmt: skip
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            return solver.fit(X, y).coef_

    @property
    def mixing(self) -> float:
        """Share of the absolute in the penalty."""
        return 1.0


class Lasso(_CoordinateDescent[LassoParams]):
    """Least squares with a penalty on absolute weights (Tibshirani 1996)."""

    name = "lasso"
    settings = LassoParams
    known = ({}, {"target": "log"})


class ElasticNetParams(LassoParams):
    """Settings of `ElasticNet`."""

    mixing: float = real(0.5, low=0.05, high=1.0, doc="Share of the absolute in the penalty.")


class ElasticNet(_CoordinateDescent[ElasticNetParams]):
    """Least squares with a mixture of both penalties (Zou and Hastie 2005)."""

    name = "elastic_net"
    settings = ElasticNetParams

    @property
    def mixing(self) -> float:
        """Share of the absolute in the penalty."""
        return self.params.mixing


class LinearDiscriminantParams(Params):
    """Settings of `LinearDiscriminant`."""

    shrinkage: float = real(0.01, low=1e-4, high=1.0, log=True, doc="How far covariances are drawn to zero.")


class LinearDiscriminant(TabularLearner[LinearDiscriminantParams]):
    """Normal classes of one covariance, drawn to its diagonal (Fisher 1936; Friedman 1989)."""

    name = "linear_discriminant"
    turn = 0
    heaviness = 0.05
    bags = False
    linear = True
    tasks = frozenset({Task.CLASSIFICATION})
    settings = LinearDiscriminantParams
    known = ({}, {"shrinkage": 0.2})

    def seconds(self, rows: int, columns: int) -> float:
        """A covariance matrix and its solution."""
        return 3e-10 * rows * columns**2 + 1e-9 * columns**3 + 0.01

    def fit_arrays(self, frame: Frame, ctx: Context) -> Linear:
        """Class means, and the covariance within classes, piece by piece."""
        weight = np.ones(len(frame.y)) if frame.weight is None else frame.weight
        indicators = frame.one_hot() * weight[:, None]
        counts = np.maximum(indicators.sum(axis=0), 1e-9)
        sums = sum(indicators[piece].T @ frame.X[piece] for piece in _pieces(len(frame.y), ctx))
        means = sums / counts[:, None]
        covariance = np.zeros((frame.X.shape[1],) * 2)
        for piece in _pieces(len(frame.y), ctx):
            residuals = frame.X[piece] - means[frame.y[piece]]
            covariance += (residuals * weight[piece, None]).T @ residuals
        covariance /= weight.sum()
        diagonal = np.diag(np.diag(covariance) + 1e-6)
        share = self.params.shrinkage
        slopes = np.linalg.solve((1 - share) * covariance + share * diagonal, means.T)
        bias = np.log(counts / counts.sum()) - 0.5 * (means.T * slopes).sum(axis=0)
        return Linear(slopes, bias, "softmax")


class LogisticParams(Params):
    """Settings of `Logistic`."""

    strength: float = real(1.0, low=1e-4, high=1e4, log=True, doc="Penalty on the weights.")
    penalty: str = choice("l2", "l1", doc="Squared weights, or absolute ones that drop features.")


class Logistic(TabularLearner[LogisticParams]):
    """Multinomial logistic regression."""

    name = "logistic"
    turn = 0
    heaviness = 0.05
    bags = False
    linear = True
    tasks = frozenset({Task.CLASSIFICATION})
    settings = LogisticParams
    known = ({}, {"strength": 10.0}, {"strength": 0.1}, {"strength": 3.0, "penalty": "l1"})

    def seconds(self, rows: int, columns: int) -> float:
        """Some hundred passes over the rows."""
        passes = 300 if self.params.penalty == "l1" else 60
        return 1.5e-9 * rows * columns * self.target.classes * passes + 0.02

    def fit_arrays(self, frame: Frame, ctx: Context) -> Linear:
        """Maximise the penalised likelihood: as nothing can stop the solver, only if there is time enough."""
        from sklearn.linear_model import LogisticRegression

        if self.seconds(*frame.X.shape) > ctx.deadline.remaining:
            raise OutOfTime
        l1 = self.params.penalty == "l1"
        solver = LogisticRegression(
            C=1 / self.params.strength,
            l1_ratio=1.0 if l1 else 0.0,
            solver="saga" if l1 else "lbfgs",
            max_iter=100 if l1 else 300,
            random_state=ctx.seed,
        )
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            solver.fit(frame.X, frame.y, sample_weight=frame.weight)
        weights, bias = solver.coef_.T.astype(np.float64), solver.intercept_.astype(np.float64)
        if weights.shape[1] == 1:
            weights = np.concatenate([np.zeros_like(weights), weights], axis=1)
            bias = np.array([0.0, float(bias[0])])
        present = solver.classes_.astype(int)
        full = np.zeros((len(weights), self.target.classes))
        offset = np.full(self.target.classes, -30.0)
        full[:, present], offset[present] = weights, bias
        return Linear(full, offset, "softmax")
