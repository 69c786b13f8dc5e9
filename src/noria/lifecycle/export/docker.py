"""A container, and beside it PostgreSQL, Prometheus and Grafana."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from noria.lifecycle.export.image import write_image
from noria.lifecycle.export.package import Package, render

__all__ = ["write"]


def write(package: Package, draft: Path) -> Sequence[str]:
    """Everything that ``docker compose up`` needs."""
    write_image(package, draft)
    render("docker", draft, package)
    return (
        "cd {folder}",
        "cp .env.example .env          # and set the passwords in it",
        "docker compose build",
        "docker compose run --rm api noria keys create --name me",
        "docker compose run --rm -T api noria keys create --name prometheus --verbs admin > prometheus/key",
        "docker compose up --detach",
    )
