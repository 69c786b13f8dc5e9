"""What a service keeps of every answer."""

from __future__ import annotations

from typing import NamedTuple

__all__ = ["LoggedPrediction"]


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
        ``champion``, ``challenger`` or ``shadow``, whose answers nobody saw.
    when : float
        Seconds since 1970.
    seconds : float
        From the request's last byte to its answer.
    caller : str, optional
        The id of the key that was used.
    inputs, outputs : str
        JSON objects; outputs hold ``error`` if the row was refused.
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
