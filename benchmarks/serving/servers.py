"""Every service that is compared: how it is started, what it is sent, and how its answer is read."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from benchmarks.serving.data import NAME

__all__ = ["SERVERS", "Server"]

Row = Mapping[str, Any]


@dataclass(frozen=True)
class Server:
    """One service.

    Attributes
    ----------
    env : str
        The environment that it runs in; ``noria`` is this one.
    what : str
        What it is, for the report.
    words : tuple of str
        Its command, with the folder of the environment's programs, the port and the model's folder left open.
    route : str
    body : callable
        A row as it wants it, JSON-ready.
    read : callable
        The prediction in its answer.
    kinds : tuple of str
        What the model is saved as beside joblib.
    """

    env: str
    what: str
    words: tuple[str, ...]
    route: str = "/predict"
    body: Callable[[Row], Any] = dict
    read: Callable[[Any], float] = lambda told: told["prediction"]
    kinds: tuple[str, ...] = ()

    def command(self, programs: Path, port: int, model: Path) -> list[str]:
        """What starts it."""
        return [word.format(programs=programs, port=port, model=model) for word in self.words]

    def request(self, row: Row) -> str:
        """The body of a request."""
        return json.dumps(self.body(row))


def _noria(what: str, *options: str) -> Server:
    start = (sys.executable, "-c", "from noria.cli import main; main()", "serve", NAME, "--port", "{port}")
    return Server(
        "noria",
        what,
        (*start, *options),
        f"/v1/models/{NAME}/predict",
        lambda row: {"rows": [row]},
        lambda told: told["predictions"][0]["prediction"],
    )


_PYTHON = "{programs}/python"
_UVICORN = (_PYTHON, "-m", "uvicorn", "fastapi_app:app", "--port", "{port}", "--log-level", "warning")
_LITSERVE = (_PYTHON, "litserve_app.py", "{port}")
_MLFLOW = ("{programs}/mlflow", "models", "serve", "-m", "{model}/mlmodel", "--env-manager", "local")

SERVERS: Mapping[str, Server] = {
    "noria": _noria("Noria, one process, every answer logged"),
    "noria:no-log": _noria("Noria, one process, without the log", "--no-log"),
    "noria:2": _noria("Noria, two processes, every answer logged", "--workers", "2"),
    "fastapi": Server("fastapi", "FastAPI + scikit-learn pipeline", _UVICORN),
    "fastapi:2": Server("fastapi", "the same, two processes", (*_UVICORN, "--workers", "2")),
    "litserve": Server("litserve", "LitServe", _LITSERVE),
    "litserve:32": Server("litserve", "LitServe, batches of 32 within 5 ms", (*_LITSERVE, "32")),
    "bentoml": Server(
        "bentoml", "BentoML", ("{programs}/bentoml", "serve", "bento_app:Diamonds", "-p", "{port}")
    ),
    "mlflow": Server(
        "mlflow",
        "MLflow models serve",
        (*_MLFLOW, "-p", "{port}"),
        "/invocations",
        lambda row: {"dataframe_records": [row]},
        lambda told: told["predictions"][0],
        ("mlflow",),
    ),
}
