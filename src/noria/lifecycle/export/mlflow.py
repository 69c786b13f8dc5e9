"""The model as MLflow keeps it, without a server."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from noria.lifecycle.export.package import Package

__all__ = ["write"]


def write(package: Package, draft: Path) -> Sequence[str]:
    """A pyfunc model in ``model/``."""
    package.pack(package.run, draft / "model")
    return ("mlflow models serve -m {folder}/model --env-manager local",)
