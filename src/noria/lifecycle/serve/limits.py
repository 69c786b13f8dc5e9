"""How much a service takes on."""

from __future__ import annotations

from dataclasses import dataclass

__all__ = ["Limits"]


@dataclass(frozen=True)
class Limits:
    """How much a service takes on; more is refused at once.

    Attributes
    ----------
    rows : int
        Of one request.
    explained : int
        Rows of one request that are to be explained.
    waiting : int
        Rows of all requests that are being worked on.
    explaining : float
        Seconds after which sampled explanations become no finer.
    seconds : float
        That one request may take.
    text : int
        Characters of one value.
    body : int
        Bytes of one request.
    file : int
        Bytes of a file that is scored.
    file_rows : int
        Rows of it, which may be many in few bytes.
    result : int
        Bytes of its result.
    """

    rows: int = 100_000
    explained: int = 100
    waiting: int = 200_000
    explaining: float = 5.0
    seconds: float = 30.0
    text: int = 100_000
    body: int = 16 * 2**20
    file: int = 10**9
    file_rows: int = 20_000_000
    result: int = 4 * 10**9
