"""A Hugging Face Space that serves the model's page."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from noria.lifecycle.export.image import write_image
from noria.lifecycle.export.package import Package, render

__all__ = ["write"]


def write(package: Package, draft: Path) -> Sequence[str]:
    """A Space of the kind ``docker``, which listens where Spaces are asked and keeps nothing of visitors."""
    write_image(package, draft, port=7860, user=1000, options=("--public", "--no-log"))
    render("space", draft, package)
    return (
        "cd {folder} && git init -b main && git add . && git commit -m 'Export'",
        f"git push https://huggingface.co/spaces/YOU/{package.label} main",
    )
