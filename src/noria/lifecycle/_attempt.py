"""What is said of a run beyond its scores must not cost the run."""

from __future__ import annotations

import logging
from collections.abc import Callable
from typing import TypeVar

from polars.exceptions import PanicException, PolarsError

from noria.core.deadline import FitFailed, OutOfTime
from noria.errors import NoriaError

__all__ = ["attempt"]

_FAILURES = (
    *(ArithmeticError, AttributeError, LookupError, RuntimeError, TypeError, ValueError),
    *(FitFailed, NoriaError, PanicException, PolarsError),
)
_log = logging.getLogger("noria")
T = TypeVar("T")
U = TypeVar("U")


def attempt(what: str, step: Callable[[], T], otherwise: U) -> T | U:
    """What a step finds; if it fails, that is logged and something else taken, and also if time runs out.

    Examples
    --------
    >>> attempt("The half", lambda: 1 / 2, 0.0)
    0.5
    """
    try:
        return step()
    except OutOfTime:
        return otherwise
    except _FAILURES as error:
        _log.warning("%s could not be looked for: %s: %s", what, type(error).__name__, error)
        return otherwise
