"""The composition root: names become objects here, and nowhere else."""

from __future__ import annotations

from noria.api._export import export
from noria.api._mlflow import import_model, mirror
from noria.api._models import history, load, predict, promote, rollback, tag
from noria.api._recipes import find_recipe, recipes
from noria.api._runs import compare, reindex, runs, show
from noria.api._serve import desk
from noria.api._session import Session
from noria.api._upkeep import prune
from noria.api._walks import Run, refit, reproduce, run, train

__all__ = [
    "Run",
    "Session",
    "compare",
    "desk",
    "export",
    "find_recipe",
    "history",
    "import_model",
    "load",
    "mirror",
    "predict",
    "promote",
    "prune",
    "recipes",
    "refit",
    "reindex",
    "reproduce",
    "rollback",
    "run",
    "runs",
    "show",
    "tag",
    "train",
]
