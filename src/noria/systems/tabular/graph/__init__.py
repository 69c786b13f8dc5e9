"""A tabular model as one ONNX graph: encodings, members, calibration, decision and intervals."""

from __future__ import annotations

from noria.systems.tabular.graph.write import write

__all__ = ["write"]
