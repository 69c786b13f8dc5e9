"""Why a model says what it says: of single rows, and as a whole.

A model is only ever asked through the protocol: `Model.predict`, `Model.explain`, its signature, a metric.
"""

from __future__ import annotations

from noria.lifecycle.explain.counterfactual import Change, Counterfactual, Wanted, counterfactual
from noria.lifecycle.explain.dependence import dependence, interactions, surface
from noria.lifecycle.explain.explained import Background, Explained, explain, said, unit
from noria.lifecycle.explain.importance import permute
from noria.lifecycle.explain.insights import insights
from noria.lifecycle.explain.view import View

__all__ = [
    "Background",
    "Change",
    "Counterfactual",
    "Explained",
    "View",
    "Wanted",
    "counterfactual",
    "dependence",
    "explain",
    "insights",
    "interactions",
    "permute",
    "said",
    "surface",
    "unit",
]
