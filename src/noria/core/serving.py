"""What a service keeps: its answers, what they should have been, and who may call it."""

from __future__ import annotations

import json
import re
from dataclasses import asdict, dataclass
from enum import StrEnum
from fnmatch import translate
from typing import Any, NamedTuple

__all__ = ["Key", "Label", "LoggedPrediction", "Outcome", "Verb", "named"]


def named(patterns: str) -> re.Pattern[str]:
    """What matches the names of documents by patterns, ``;`` in between.

    Examples
    --------
    >>> bool(named("hr/*; *.pdf").match("hr/leave.md"))
    True
    """
    wanted = [translate(one.strip()) for one in patterns.split(";") if one.strip()]
    return re.compile("|".join(wanted) or "(?!)")


class LoggedPrediction(NamedTuple):
    """One row that was predicted for somebody.

    Attributes
    ----------
    id : str
        Of the row: what feedback names. The request's id and, of several rows, ``-0``, ``-1``, ...
    request : str
    name : str
        Of the model.
    version : int
    role : str
        ``champion``, ``challenger`` or another alias, or ``shadow``, whose answers nobody saw.
    when : float
        Seconds since 1970.
    seconds : float
        From the request's last byte to its answer.
    caller : str, optional
        The id of the key that was used.
    inputs, outputs : str
        JSON objects; outputs hold ``error`` if the row was refused.
    cpu : float, optional
        CPU seconds that it took the service; unknown of what earlier versions of Noria have logged.
    """

    id: str
    request: str
    name: str
    version: int
    role: str
    when: float
    seconds: float
    caller: str | None
    inputs: str
    outputs: str
    cpu: float | None = None


class Label(NamedTuple):
    """What a prediction should have been.

    Attributes
    ----------
    id : str
        Of the predicted row.
    label : str
        A JSON scalar.
    when : float
        When it was told, seconds since 1970.
    caller : str, optional
        The id of the key that was used.
    """

    id: str
    label: str
    when: float
    caller: str | None = None

    @classmethod
    def of(cls, row: str, value: object, when: float, caller: str | None = None) -> Label:
        """The label of a row, the same whether it was read from JSON or from a table.

        Examples
        --------
        >>> [Label.of("a", value, when=0).label for value in (1.0, True, "yes")]
        ['1', 'true', '"yes"']
        """
        plain = int(value) if isinstance(value, float) and value.is_integer() else value
        return cls(row, json.dumps(plain, default=str, ensure_ascii=False), when, caller)


class Outcome(StrEnum):
    """What became of a label that was told."""

    KEPT = "kept"
    SAME = "known already"
    REPLACED = "replaced"
    CONTRADICTS = "contradicts"
    UNKNOWN = "unknown"
    NO_NUMBER = "is no number"
    NO_CLASS = "is no class of this model"

    @property
    def counts(self) -> bool:
        """Whether the label is in the log now because it was told."""
        return self in (Outcome.KEPT, Outcome.REPLACED)


class Verb(StrEnum):
    """What a key may be for."""

    PREDICT = "predict"
    EXPLAIN = "explain"
    FEEDBACK = "feedback"
    UPLOAD = "upload"
    ADMIN = "admin"


@dataclass(frozen=True)
class Key:
    """Somebody who may call a service. The key itself is kept nowhere.

    Attributes
    ----------
    id : str
        Its public part.
    name : str
        Whose it is.
    digest : str
        SHA-256 of the whole key, hexadecimal.
    models : tuple of str
        The names that it is for; empty for all. ``handbook/hr/*``: questions to the documents of `handbook`
        whose names match, and nothing else of it.
    verbs : tuple of str
        What it may do with them.
    created : float
        Seconds since 1970, as the next two.
    expires, revoked : float, optional
    """

    id: str
    name: str
    digest: str
    models: tuple[str, ...]
    verbs: tuple[str, ...]
    created: float
    expires: float | None = None
    revoked: float | None = None

    def state(self, now: float) -> str:
        """``valid``, ``revoked`` or ``expired``.

        Examples
        --------
        >>> Key("a", "ann", "", (), ("predict",), created=0, expires=60).state(now=61)
        'expired'
        """
        if self.revoked is not None:
            return "revoked"
        return "expired" if self.expires is not None and self.expires <= now else "valid"

    def within(self, model: str) -> str | None:
        """Patterns of the documents of a model that it may be asked about, ``;`` in between; None for all.

        Examples
        --------
        >>> Key("a", "ann", "", ("handbook/hr/*", "titanic"), ("predict",), created=0).within("handbook")
        'hr/*'
        """
        entries = [entry.partition("/") for entry in self.models]
        mine = [pattern for name, _, pattern in entries if name == model]
        return "; ".join(mine) if mine and all(mine) else None

    def serves(self, model: str) -> bool:
        """Whether it is for a model, or for some of its documents."""
        return not self.models or any(entry.partition("/")[0] == model for entry in self.models)

    def to_dict(self) -> dict[str, Any]:
        """JSON-ready fields, without the digest."""
        told = asdict(self)
        del told["digest"]
        return {**told, "models": list(self.models), "verbs": list(self.verbs)}
