"""The pictures of a tabular evaluation, as data and Vega-Lite specifications."""

from __future__ import annotations

from noria.core.protocol import Evidence
from noria.core.result import Evaluation, Figure
from noria.systems.tabular.figures import decisions, probabilities, values
from noria.systems.tabular.figures.held import Held
from noria.systems.tabular.options import TabularOptions
from noria.systems.tabular.target import ClassTarget, Target

__all__ = ["draw"]


def draw(target: Target, options: TabularOptions, evidence: Evidence, evaluation: Evaluation) -> list[Figure]:
    """What the held-out rows say of decisions and probabilities, or of predicted values and their errors."""
    if isinstance(target, ClassTarget):
        return _classes(Held.of(target, options, evidence), options, evaluation)
    y = target.encode(evidence.truth[target.name])
    return values.draw(target.name, options.coverage, y, evidence.predictions)


def _classes(held: Held, options: TabularOptions, evaluation: Evaluation) -> list[Figure]:
    """Curves are left out where the held-out rows are all of one class."""
    figures = [decisions.confusion(held), probabilities.calibration(held)]
    if not held.drawn:
        return figures
    figures += [
        probabilities.roc(held, evaluation),
        probabilities.precision_recall(held, evaluation),
        probabilities.gain(held),
    ]
    if held.target.binary:
        costs = None if options.decision is None else options.decision.cost
        figures += [decisions.threshold(held), decisions.cost(held, costs)]
    return figures
