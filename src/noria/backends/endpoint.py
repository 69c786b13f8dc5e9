"""What clients of endpoints that speak as OpenAI's do share: the key, the line, and plain errors."""

from __future__ import annotations

import http.client
import os
from collections.abc import Iterator
from contextlib import contextmanager
from http import HTTPStatus
from socket import socket
from urllib.parse import SplitResult

from noria.core.deadline import Deadline
from noria.errors import UnreachableError

__all__ = ["HOST", "KEY", "LOCAL", "SHOWN", "connection", "key_for", "left", "pieces", "plain", "refused"]

KEY = "NORIA_LANGUAGE_KEY"
"""The environment variable of the endpoint's key, which stands nowhere else."""
HOST = "NORIA_LANGUAGE_HOST"
"""The environment variable of the host that the key is for, since a model may come from somebody else."""
LOCAL = frozenset({"localhost", "127.0.0.1", "::1"})
SHOWN = 200
"""Characters of what an endpoint says that an error shows."""
_READ = 2**16  # bytes at once
_PATIENCE = 60.0


def key_for(at: SplitResult) -> str | None:
    """The key, if it may be sent there: to this machine, and over TLS to the host it is for."""
    for_it = at.scheme == "https" and at.hostname == os.environ.get(HOST, "").lower()
    return os.environ.get(KEY) if for_it or at.hostname in LOCAL else None


def connection(at: SplitResult, deadline: Deadline) -> http.client.HTTPConnection:
    """A line to an endpoint, not yet connected; it gives up at the deadline. Redirects are not followed."""
    kind = http.client.HTTPSConnection if at.scheme == "https" else http.client.HTTPConnection
    return kind(str(at.hostname), at.port, timeout=left(deadline))


def pieces(answer: http.client.HTTPResponse, line: socket, deadline: Deadline) -> Iterator[bytes]:
    """What comes, however slowly the bytes drip in. TimeoutError at the deadline."""
    while came := answer.read1(_READ):
        yield came
        line.settimeout(left(deadline))


def left(deadline: Deadline) -> float:
    """Seconds that are left, at most a minute for one wait. TimeoutError if there are none."""
    if deadline.expired:
        raise TimeoutError
    return min(deadline.remaining, _PATIENCE)


def refused(who: str, at: SplitResult, status: int, said: bytes, key: str | None) -> Exception:
    """What to raise when the answer is an error."""
    if status == HTTPStatus.UNAUTHORIZED and not key:
        return UnreachableError(
            f"The {who} wants a key, and none is set for its host.",
            got=at.hostname,
            do=f"Set {KEY}, and {HOST}={at.hostname} if that is whom the key is for.",
        )
    return http.client.HTTPException(f"status {status}: {said[:SHOWN]!r}")


@contextmanager
def plain(who: str, at: SplitResult, *, offline: bool) -> Iterator[None]:
    """UnreachableError in place of whatever goes wrong; offline, only this machine is asked."""
    if offline and at.hostname not in LOCAL:
        raise UnreachableError(f"The {who} is not asked, since Noria is offline.")
    try:
        yield
    except TimeoutError as error:
        raise UnreachableError(f"The {who} took too long.") from error
    except (OSError, http.client.HTTPException) as error:
        raise UnreachableError(f"The {who} cannot be reached.", got=str(error)[:SHOWN]) from error
    except (LookupError, TypeError, ValueError) as error:
        raise UnreachableError(
            f"The {who} answered in a form that is not known.", got=str(error)[:SHOWN]
        ) from error
