"""A service that watches its models, in processes that answer no requests."""

from __future__ import annotations

import logging
import signal
import subprocess
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from functools import partial

from noria.errors import NoriaError
from noria.lifecycle.serve import Watch
from noria.server.apart import environment
from noria.settings import Settings

__all__ = ["watching"]

_ALARM = 12  # the exit code of ``noria watch`` while an alarm is open
_logger = logging.getLogger("noria.serve")


@contextmanager
def watching(models: Sequence[str], seconds: float | None, settings: Settings) -> Iterator[None]:
    """Run ``noria watch`` for each model every so often, for as long as the block lasts.

    A check, and a retraining that it may lead to, take neither time nor memory of those who answer, and what
    fails in them ends no service.
    """
    if seconds is None:
        yield
        return
    home = environment(settings)
    running: list[subprocess.Popen[str]] = []
    turns = Watch([partial(_look, name, home, running) for name in models], seconds)
    turns.start()
    try:
        yield
    finally:
        turns.stop()
        for one in running:
            one.terminate()


def _look(name: str, home: dict[str, str], running: list[subprocess.Popen[str]]) -> None:
    command = [sys.executable, "-m", "noria", "watch", name, "--quiet"]
    with subprocess.Popen(
        command, env=home, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True
    ) as looking:
        running.append(looking)
        _, said = looking.communicate()
        running.remove(looking)
    if looking.returncode == _ALARM:
        _logger.warning("An alarm of %r is open; see: noria watch %s --history", name, name)
    elif looking.returncode not in (0, -signal.SIGTERM):
        got = said.strip()[-500:] or f"its process ended with {looking.returncode}"
        raise NoriaError(f"{name!r} could not be watched.", got=got)
