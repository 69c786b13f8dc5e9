"""Support vector machines."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from noria.core.params import Params, real
from noria.core.protocol import Context
from noria.systems.tabular.frame import Frame
from noria.systems.tabular.learners.base import TabularLearner
from noria.systems.tabular.model import Member
from noria.systems.tabular.predictors import Kernel

__all__ = ["Svm"]


class SvmParams(Params):
    """Settings of `Svm`."""

    cost: float = real(1.0, low=0.03, high=300.0, log=True, doc="Price of a training row on the wrong side.")
    width: float = real(1.0, low=0.05, high=8.0, log=True, doc="Kernel width, as a multiple of 1/features.")


class Svm(TabularLearner[SvmParams]):
    """A support vector machine with a Gaussian kernel (Cortes and Vapnik 1995).

    One machine per class against the rest; probabilities by Platt's scaling of their scores.
    """

    name = "svm"
    heaviness = 20.0
    watches = True
    settings = SvmParams
    known = ({}, {"cost": 10.0, "width": 0.3})
    most_rows = 6_000
    bags = False

    def seconds(self, rows: int, columns: int) -> float:
        """Quadratic in the rows, once per class."""
        return 2.5e-9 * rows**2 * columns * max(self.target.classes - 1, 1) + 0.02

    def fit_arrays(self, frame: Frame, ctx: Context) -> Kernel:
        """Fit one machine per output, then scale the scores to outputs."""
        X = frame.X.astype(np.float64)
        gamma = self.params.width / max(float(X.var(axis=0).sum()), 1e-9)
        fit = self._classify if self.target.classes else self._regress
        return fit(X, frame, gamma, ctx)

    def fit_whole(self, frame: Frame, ctx: Context, bag: Sequence[Member]) -> Member:
        """One machine of all rows, with the scaling that fold models learned on rows they had not seen."""
        member = self.fit_member(frame, ctx)
        machine, folds = member.predictor, [other.predictor for other in bag]
        if self.target.classes and isinstance(machine, Kernel):
            kernels = [fold for fold in folds if isinstance(fold, Kernel)]
            machine.slope = np.mean([kernel.slope for kernel in kernels], axis=0)
            machine.shift = np.mean([kernel.shift for kernel in kernels], axis=0)
        return member

    def _regress(self, X: np.ndarray, frame: Frame, gamma: float, ctx: Context) -> Kernel:  # noqa: ARG002
        from sklearn.svm import SVR

        middle, spread = frame.y.mean(), frame.y.std() or 1.0
        machine = SVR(C=self.params.cost, gamma=gamma, epsilon=0.1)
        machine.fit(X, (frame.y - middle) / spread, sample_weight=frame.weight)
        return Kernel(
            vectors=frame.X[machine.support_], dual=machine.dual_coef_.T, bias=machine.intercept_,
            slope=np.array([spread]), shift=np.array([middle]), gamma=gamma, link="identity",
        )  # fmt: skip

    def _classify(self, X: np.ndarray, frame: Frame, gamma: float, ctx: Context) -> Kernel:
        from sklearn.svm import SVC

        count = self.target.classes
        dual, bias = np.zeros((len(X), count)), np.full(count, -1.0)
        for code in range(1 if count == 2 else 0, count):
            positive = frame.y == code
            ctx.deadline.check()
            if not positive.any() or positive.all():
                continue
            machine = SVC(C=self.params.cost, gamma=gamma).fit(X, positive, sample_weight=frame.weight)
            dual[machine.support_, code] = machine.dual_coef_[0]
            bias[code] = machine.intercept_[0]
        if count == 2:
            dual[:, 0], bias[0] = -dual[:, 1], -bias[1]
        used = dual.any(axis=1)
        kernel = Kernel(
            vectors=frame.X[used], dual=dual[used], bias=bias,
            slope=np.ones(count), shift=np.zeros(count), gamma=gamma, link="softmax",
        )  # fmt: skip
        return _platt(kernel, *(frame.valid or (frame.X, frame.y)))


def _platt(kernel: Kernel, X: np.ndarray, y: np.ndarray) -> Kernel:
    """Scale and shift the scores so that their softmax fits the classes (Platt 1999)."""
    from scipy.optimize import minimize

    raw = kernel.raw(X)
    rows, count = raw.shape
    truth = np.eye(count)[y]

    def loss(free: np.ndarray) -> tuple[float, np.ndarray]:
        scores = free[0] * raw + free[1:]
        scores -= scores.max(axis=1, keepdims=True)
        log_p = scores - np.log(np.exp(scores).sum(axis=1, keepdims=True))
        error = np.exp(log_p) - truth
        penalty = 1e-2 * free[1:] @ free[1:] + 1e-2 * (free[0] - 2) ** 2
        gradient = np.concatenate([[(error * raw).sum()], error.sum(axis=0)]) / rows
        gradient += 2e-2 * np.concatenate([[free[0] - 2], free[1:]])
        return float(-(log_p * truth).sum() / rows + penalty), gradient

    found = minimize(loss, np.concatenate([[2.0], np.zeros(count)]), jac=True, method="L-BFGS-B")
    kernel.slope, kernel.shift = np.full(count, found.x[0]), found.x[1:]
    return kernel
