"""The exceptions that Noria raises, their exit codes and their HTTP statuses.

::

    NoriaError                  exit 1   HTTP 500
    |-- InputError              exit 2   HTTP 422   what the user wrote or sent is wrong
    |   |-- RequestError                            an HTTP request; it says its own status
    |   |-- RecipeError                             the recipe file or object
    |   |-- ParamError                              an argument or a parameter
    |   `-- DataError           exit 3   HTTP 422   the data themselves
    |       |-- SourceError                         cannot be read
    |       |-- ColumnError                         a column is missing or misspelt
    |       `-- TargetError                         the target cannot be learned
    |-- NotFoundError           exit 4   HTTP 404   no such recipe, model or run
    |-- ArtifactError           exit 5   HTTP 500   a model folder is damaged, tampered with or too new
    |   `-- TrustError                              it holds code that nobody has vouched for
    |-- BudgetError             exit 6   HTTP 503   time or memory is too short for the work
    |   `-- OverloadError                           a service has no room for it now
    |-- StorageError            exit 7   HTTP 507   disk full, read-only or unreachable
    |-- MissingExtraError       exit 8   HTTP 501   an optional package is not installed
    |-- GoalMissedError         exit 9   HTTP 409   trained, and worse than the recipe's goal
    |-- AccessError             exit 10  HTTP 401   no key, or one that is not valid
    |   `-- ForbiddenError               HTTP 403   a valid key that is not for this
    |-- UnreachableError        exit 11  HTTP 502   a service that is asked is away
    |   `-- TooLongError                            a language model cannot read so much at once
    `-- Interrupted             exit 130 HTTP 503   Ctrl-C; the state on disk is clean

Every error says *what* is wrong, what was *got*, and what to *do* next.
"""

from __future__ import annotations

import difflib
from collections.abc import Iterable

__all__ = [
    "AccessError",
    "ArtifactError",
    "BudgetError",
    "ColumnError",
    "DataError",
    "ForbiddenError",
    "GoalMissedError",
    "InputError",
    "Interrupted",
    "MissingExtraError",
    "NoriaError",
    "NotFoundError",
    "OverloadError",
    "ParamError",
    "RecipeError",
    "RequestError",
    "SourceError",
    "StorageError",
    "TargetError",
    "TooLongError",
    "TrustError",
    "UnreachableError",
    "nearest",
    "suggestion",
]


class NoriaError(Exception):
    """Base of all errors that Noria raises on purpose.

    Parameters
    ----------
    what : str
        What is wrong, in one sentence, naming the column, key or file.
    got : object, optional
        The value that was received.
    do : str, optional
        What to do next: the nearest valid name, the exact command.

    Examples
    --------
    >>> print(NoriaError("No column 'agee' in the table.", do="Did you mean 'age'?"))
    No column 'agee' in the table.
      do:  Did you mean 'age'?
    """

    exit_code = 1
    http_status = 500

    def __init__(self, what: str, *, got: object = None, do: str | None = None) -> None:
        super().__init__(what)
        self.what = what
        self.got = got
        self.do = do

    def __str__(self) -> str:
        lines = [self.what]
        if self.got is not None:
            lines.append(f"  got: {self.got}")
        if self.do:
            lines.append(f"  do:  {self.do}")
        return "\n".join(lines)

    def to_dict(self) -> dict[str, object]:
        """The error as JSON-ready fields, the same for ``--json`` and HTTP."""
        got = None if self.got is None else str(self.got)
        return {"error": type(self).__name__, "what": self.what, "got": got, "do": self.do}


class InputError(NoriaError):
    """What the user wrote or sent is wrong."""

    exit_code = 2
    http_status = 422


class RequestError(InputError):
    """An HTTP request that is not understood or not taken.

    Parameters
    ----------
    what, got, do
        As of `NoriaError`.
    status : int
        Of HTTP: 400, 408, 413, 415, ...
    """

    def __init__(self, what: str, *, status: int, got: object = None, do: str | None = None) -> None:
        super().__init__(what, got=got, do=do)
        self.http_status = status


class RecipeError(InputError):
    """A recipe has an unknown key or a wrong value."""


class ParamError(InputError):
    """An argument or a learner's parameter is unknown or out of range."""


class DataError(InputError):
    """The data themselves cannot be used."""

    exit_code = 3


class SourceError(DataError):
    """A data source cannot be read: missing, empty, ragged, wrongly encoded."""


class ColumnError(DataError):
    """A column is missing, misspelt or of another type than the model was trained on."""


class TargetError(DataError):
    """The target cannot be learned: absent, constant, all null."""


class NotFoundError(NoriaError):
    """There is no recipe, model or run of that name."""

    exit_code = 4
    http_status = 404


class ArtifactError(NoriaError):
    """A model folder is damaged, tampered with, or of a newer format."""

    exit_code = 5


class TrustError(ArtifactError):
    """A model folder holds Python code (a feature function) that nobody has vouched for."""


class BudgetError(NoriaError):
    """The time or the memory at hand is too short for the work."""

    exit_code = 6
    http_status = 503


class OverloadError(BudgetError):
    """A service has no room for a request now; what was asked is not done.

    Parameters
    ----------
    what, got, do
        As of `NoriaError`.
    retry_after : int
        Seconds after which it is worth asking again.
    """

    def __init__(self, what: str, *, got: object = None, do: str | None = None, retry_after: int = 1) -> None:
        super().__init__(what, got=got, do=do)
        self.retry_after = retry_after


class StorageError(NoriaError):
    """Writing failed: disk full, read-only, unreachable."""

    exit_code = 7
    http_status = 507


class MissingExtraError(NoriaError):
    """An optional package is not installed."""

    exit_code = 8
    http_status = 501


class GoalMissedError(NoriaError):
    """The model was trained and is worse than the recipe's goal."""

    exit_code = 9
    http_status = 409


class AccessError(NoriaError):
    """There is no key, or it is forged, revoked or expired."""

    exit_code = 10
    http_status = 401


class ForbiddenError(AccessError):
    """The key is valid, and not for this."""

    http_status = 403


class UnreachableError(NoriaError):
    """A service that is asked does not answer."""

    exit_code = 11
    http_status = 502


class TooLongError(UnreachableError):
    """What a language model is sent is more than it can read at once."""


class Interrupted(NoriaError):  # noqa: N818 - named for what happened, like KeyboardInterrupt
    """Stopped by the user; what stands on disk is complete."""

    exit_code = 130
    http_status = 503


def nearest(name: str, known: Iterable[str]) -> str | None:
    """The known name closest to `name`, or None if none is close.

    Examples
    --------
    >>> nearest("surived", ["survived", "sex"])
    'survived'
    """
    options = list(known)
    by_folded = {option.casefold(): option for option in options}
    if name.casefold() in by_folded:
        return by_folded[name.casefold()]
    found = difflib.get_close_matches(name.casefold(), by_folded, n=1, cutoff=0.6)
    return by_folded[found[0]] if found else None


def suggestion(name: str, known: Iterable[str], *, limit: int = 12) -> str:
    """One line for an error's `do`: the nearest name, or the names there are.

    Examples
    --------
    >>> suggestion("surived", ["survived", "sex"])
    "Did you mean 'survived'?"
    >>> suggestion("zzz", ["survived", "sex"])
    'Use one of: sex, survived.'
    """
    options = sorted(str(name) for name in known)
    close = nearest(name, options)
    if close is not None:
        return f"Did you mean {close!r}?"
    if not options:
        return "There are none yet."
    more = f", and {len(options) - limit} more" if len(options) > limit else ""
    return f"Use one of: {', '.join(options[:limit])}{more}."
