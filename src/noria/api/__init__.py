"""The composition root: names become objects here, and nowhere else."""

from __future__ import annotations

from noria.api._explain import explain
from noria.api._export import export
from noria.api._findings import findings
from noria.api._mlflow import import_model, mirror
from noria.api._models import history, load, predict, promote, rollback, tag
from noria.api._profile import profile
from noria.api._recipes import find_recipe, recipes
from noria.api._runs import compare, reindex, report, runs, show
from noria.api._serve import create_key, desk, feedback, keyring, keys, predictions, revoke_key
from noria.api._session import Session
from noria.api._sites import publish
from noria.api._upkeep import prune
from noria.api._walks import Run, refit, reproduce, run, train
from noria.api._watch import checks, retrain, retrainings, silence, watch

__all__ = [
    "Run",
    "Session",
    "checks",
    "compare",
    "create_key",
    "desk",
    "explain",
    "export",
    "feedback",
    "find_recipe",
    "findings",
    "history",
    "import_model",
    "keyring",
    "keys",
    "load",
    "mirror",
    "predict",
    "predictions",
    "profile",
    "promote",
    "prune",
    "publish",
    "recipes",
    "refit",
    "reindex",
    "report",
    "reproduce",
    "retrain",
    "retrainings",
    "revoke_key",
    "rollback",
    "run",
    "runs",
    "show",
    "silence",
    "tag",
    "train",
    "watch",
]
