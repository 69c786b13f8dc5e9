"""Manifests that Kustomize applies, and the image that they run."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from noria.lifecycle.export.image import write_image
from noria.lifecycle.export.package import Package, render

__all__ = ["write"]


def write(package: Package, draft: Path) -> Sequence[str]:
    """The manifests, and the image in ``image/``."""
    write_image(package, draft / "image")
    render("kubernetes", draft, package)
    return (
        "cd {folder}",
        f"docker build -t REGISTRY/{package.label}:{package.number} image    # then push it",
        "cp secret.env.example secret.env    # and set the database's address in it",
        f"kustomize edit set image {package.label}=REGISTRY/{package.label}:{package.number}",
        "NORIA_STATE=ADDRESS noria keys create --name me    # in that database",
        "kubectl apply -k .",
    )
