"""The packages through which fsspec reaches a store, and what they raise."""

from __future__ import annotations

import pkgutil

from noria._lazy import require

__all__ = ["driver_errors", "require_driver"]

_S3 = ("s3fs", "s3", ("botocore.exceptions:BotoCoreError", "aiohttp:ClientError"))
_DRIVERS = {"s3": _S3, "s3a": _S3}  # the package, the extra that brings it, its errors that are no OSError


def require_driver(scheme: str) -> None:
    """Import the package that a scheme needs, or say which extra brings it.

    Raises
    ------
    MissingExtraError
        If it is not installed.
    """
    if scheme in _DRIVERS:
        module, extra, _ = _DRIVERS[scheme]
        require(module, extra=extra)


def driver_errors(scheme: str) -> tuple[type[Exception], ...]:
    """What is raised where a store of this scheme fails, is away, or knows no credentials.

    Examples
    --------
    >>> driver_errors("memory")
    (<class 'OSError'>,)
    """
    others = _DRIVERS[scheme][2] if scheme in _DRIVERS else ()
    return (OSError, *map(pkgutil.resolve_name, others))
