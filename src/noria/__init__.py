"""Noria: one recipe, one command, one protocol, from raw data to a live model.

Importing it loads nothing else; each name is fetched when it is first used.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

from noria._version import __version__

if TYPE_CHECKING:
    from noria.api import (
        Run,
        Session,
        checks,
        compare,
        create_key,
        explain,
        export,
        feedback,
        findings,
        history,
        import_model,
        keys,
        load,
        mirror,
        predict,
        predictions,
        profile,
        promote,
        prune,
        publish,
        recipes,
        refit,
        reindex,
        report,
        reproduce,
        retrain,
        retrainings,
        revoke_key,
        rollback,
        run,
        runs,
        show,
        silence,
        tag,
        train,
        watch,
    )
    from noria.client import Client
    from noria.core.recipe import Recipe
    from noria.errors import NoriaError
    from noria.server import serve
    from noria.settings import Settings

_HOMES = {
    "Client": "noria.client",
    "NoriaError": "noria.errors",
    "Recipe": "noria.core.recipe",
    "Run": "noria.api",
    "Session": "noria.api",
    "Settings": "noria.settings",
    "checks": "noria.api",
    "compare": "noria.api",
    "create_key": "noria.api",
    "explain": "noria.api",
    "export": "noria.api",
    "feedback": "noria.api",
    "findings": "noria.api",
    "history": "noria.api",
    "import_model": "noria.api",
    "keys": "noria.api",
    "load": "noria.api",
    "mirror": "noria.api",
    "predict": "noria.api",
    "predictions": "noria.api",
    "profile": "noria.api",
    "promote": "noria.api",
    "prune": "noria.api",
    "publish": "noria.api",
    "recipes": "noria.api",
    "refit": "noria.api",
    "reindex": "noria.api",
    "report": "noria.api",
    "reproduce": "noria.api",
    "retrain": "noria.api",
    "retrainings": "noria.api",
    "revoke_key": "noria.api",
    "rollback": "noria.api",
    "run": "noria.api",
    "runs": "noria.api",
    "serve": "noria.server",
    "show": "noria.api",
    "silence": "noria.api",
    "tag": "noria.api",
    "train": "noria.api",
    "watch": "noria.api",
}

__all__ = [
    "Client",
    "NoriaError",
    "Recipe",
    "Run",
    "Session",
    "Settings",
    "__version__",
    "checks",
    "compare",
    "create_key",
    "explain",
    "export",
    "feedback",
    "findings",
    "history",
    "import_model",
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
    "serve",
    "show",
    "silence",
    "tag",
    "train",
    "watch",
]


def __getattr__(name: str) -> Any:
    if name not in _HOMES:
        raise AttributeError(f"module 'noria' has no attribute {name!r}")
    return getattr(import_module(_HOMES[name]), name)


def __dir__() -> list[str]:
    return __all__
