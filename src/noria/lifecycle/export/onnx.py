"""The model as one ONNX graph."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path

from noria.core.features import FeaturedModel
from noria.core.protocol import Graphs
from noria.errors import ParamError
from noria.lifecycle.export.package import Package

__all__ = ["write"]


def write(package: Package, draft: Path) -> Sequence[str]:
    """``model.onnx`` and ``model.json``, which says what goes in and comes out.

    Raises
    ------
    ParamError
        Naming the part of the model that ONNX cannot express.
    """
    model = package.load()
    if isinstance(model, FeaturedModel):
        raise ParamError(
            f"{package.name}@{package.number} cannot be written as ONNX: it computes its features in Python.",
            got=f"the feature function {model.function.name!r}",
            do="Use --to docker or --to mlflow, or train without features.",
        )
    if not isinstance(model, Graphs):
        raise ParamError(
            f"{package.name}@{package.number} cannot be written as ONNX.",
            got=f"a model of the task {package.record['task']}",
            do="Use --to docker or --to mlflow.",
        )
    told = model.to_onnx(draft / "model.onnx")
    about = {"model": package.name, "version": package.number, "run": package.version.run, **told}
    (draft / "model.json").write_text(json.dumps(about, indent=1, ensure_ascii=False), encoding="utf-8")
    return (
        "python -c \"import onnxruntime as o; s = o.InferenceSession('{folder}/model.onnx'); "
        'print([i.name for i in s.get_inputs()])"',
    )
