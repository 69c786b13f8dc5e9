"""Commands that a service runs in processes that answer no requests."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Mapping
from typing import Any

from noria.errors import NoriaError
from noria.lifecycle.serve.uploads import Uploads
from noria.settings import Settings

__all__ = ["apart_uploads", "environment"]


def environment(settings: Settings) -> dict[str, str]:
    """What leads another process of Noria to the same home."""
    given = settings.model_dump(mode="json", exclude_none=True)
    return {**os.environ, **{f"NORIA_{name.upper()}": str(value) for name, value in given.items()}}


def apart_uploads(settings: Settings) -> Uploads:
    """Documents that a service takes, and indexes in another process."""
    refits = _Refits(settings)
    return Uploads(settings.cache / "uploads", refits, refits.stop)


class _Refits:
    """``noria train --refit``: it takes neither time nor memory of those who answer.

    Parameters
    ----------
    settings : Settings
    """

    def __init__(self, settings: Settings) -> None:
        self._environment: Mapping[str, str] = environment(settings)
        self._running: subprocess.Popen[str] | None = None
        self._stopped = False

    def __call__(self, model: str) -> dict[str, Any]:
        """The record of the run.

        Raises
        ------
        NoriaError
            If it fails.
        """
        command = [sys.executable, "-m", "noria", "train", "--refit", model, "--quiet", "--json"]
        with subprocess.Popen(
            command, env=self._environment, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
        ) as self._running:
            if self._stopped:
                self._running.terminate()
            told, said = self._running.communicate()
        if code := self._running.returncode:
            raise NoriaError(
                f"{model!r} could not be fitted again.",
                got=said.strip()[-500:] or f"its process ended with {code}",
                do=f"What was sent is kept; run: noria train --refit {model}",
            )
        return json.loads(told)

    def stop(self) -> None:
        """End the one that is running, and whatever would be begun."""
        self._stopped = True
        if self._running is not None:
            self._running.terminate()
