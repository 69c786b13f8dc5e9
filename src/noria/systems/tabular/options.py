"""What a recipe may say under ``options:`` for a table."""

from __future__ import annotations

from typing import Literal

from pydantic import BaseModel, ConfigDict, Field, model_validator

from noria._lazy import require
from noria.errors import ParamError
from noria.methods import threshold

__all__ = ["DecisionRule", "TabularOptions"]


class DecisionRule(BaseModel):
    """How probabilities become a decision; without one, the most probable class is it.

    Examples
    --------
    >>> DecisionRule(by="precision", at_least=0.9).at_least
    0.9
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    by: Literal["f1", "precision", "recall", "cost"]
    at_least: float | None = Field(None, gt=0, le=1, description="The wanted precision or recall.")
    cost: list[list[float]] | None = Field(
        None, description="Cost of each decision (column) for each true class (row)."
    )

    @model_validator(mode="after")
    def _complete(self) -> DecisionRule:
        if self.by in ("precision", "recall") and self.at_least is None:
            raise ValueError(f"by: {self.by} needs at_least, as 0.9")
        if self.by == "cost" and self.cost is None:
            raise ValueError("by: cost needs a cost matrix, as [[0, 1], [5, 0]]")
        return self

    def check(self, classes: int) -> None:
        """Raise ParamError where so many classes cannot be decided on in this way."""
        if self.cost is not None:
            threshold.from_costs(self.cost)
            if len(self.cost) != classes:
                raise ParamError(
                    "A cost matrix has one row per true class and one column per decision.",
                    got=f"{len(self.cost)} rows for {classes} classes",
                    do="Write one cost for each pair of classes.",
                )
        elif classes > 2:
            raise ParamError(
                "A threshold is chosen for two classes.",
                got=f"by: {self.by} for {classes} classes",
                do="Use by: cost with a cost for each pair of classes, or leave the decision out.",
            )


class TabularOptions(BaseModel):
    """Settings of the tabular system.

    Examples
    --------
    >>> TabularOptions(imbalance="weights").coverage
    0.9
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    imbalance: Literal["none", "weights", "smote", "adasyn", "focal"] = Field(
        "none", description="What training does about rare classes."
    )
    decision: DecisionRule | None = Field(None, description="How probabilities become a decision.")
    coverage: float = Field(0.9, gt=0, lt=1, description="Share of truths that intervals and sets hold.")
    ensemble: bool = Field(True, description="Join several learners; false keeps the single best.")
    positive: str | None = Field(None, description="The class that binary metrics are about.")

    def check(self, classes: int) -> None:
        """Raise where an option has no effect on so many classes, 0 for a number, or lacks its extra."""
        if not classes and (self.decision is not None or self.imbalance != "none"):
            raise ParamError(
                "'decision' and 'imbalance' are for classes.",
                got="a target of numbers",
                do="Leave them out, or use the task classification.",
            )
        if classes > 2 and self.imbalance == "focal":
            raise ParamError(
                "The focal loss is for two classes.", got=f"{classes} classes", do="Use imbalance: weights."
            )
        if self.imbalance in ("smote", "adasyn"):
            require("imblearn", extra="imbalance")
        if self.decision is not None:
            self.decision.check(classes)
