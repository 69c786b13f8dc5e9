"""New rows beside those that a model was trained on: drift, quality, and what the model is probably worth."""

from noria.data.drift.compare import Rule, compare
from noria.data.drift.reference import Reference, Window

__all__ = ["Reference", "Rule", "Window", "compare"]
