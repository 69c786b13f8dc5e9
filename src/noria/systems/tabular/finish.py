"""What turns averaged outputs into an answer."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from noria.methods.calibration import Calibrator
from noria.methods.conformal import ConformalClassifier, ConformalRegressor
from noria.methods.threshold import Decision

__all__ = ["Finish"]


@dataclass(frozen=True)
class Finish:
    """Calibration, decision and intervals, learned from out-of-fold predictions; each may be absent."""

    calibrator: Calibrator | None = None
    decision: Decision | None = None
    classifier: ConformalClassifier | None = None
    regressor: ConformalRegressor | None = None

    def to_dict(self) -> dict[str, Any]:
        """JSON-ready state."""
        return {name: None if part is None else part.to_dict() for name, part in vars(self).items()}

    @classmethod
    def from_dict(cls, fields: Mapping[str, Any]) -> Finish:
        """The inverse of `to_dict`."""
        kinds: dict[str, Any] = {
            "calibrator": Calibrator,
            "decision": Decision,
            "classifier": ConformalClassifier,
            "regressor": ConformalRegressor,
        }
        return cls(**{name: kinds[name].from_dict(part) for name, part in fields.items() if part is not None})
