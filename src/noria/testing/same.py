"""Comparing tables, and choosing checks by tags."""

from __future__ import annotations

from collections.abc import Callable

import polars as pl
from polars.testing import assert_frame_equal

from noria.core.protocol import Tags

__all__ = ["always", "same", "tagged"]


def same(first: pl.DataFrame, second: pl.DataFrame, otherwise: str, tolerance: float = 1e-6) -> None:
    """Two tables of predictions are equal, or an AssertionError says `otherwise` and where they differ."""
    try:
        assert_frame_equal(first, second, rel_tol=tolerance, abs_tol=tolerance)
    except AssertionError as error:
        raise AssertionError(f"{otherwise}: {error}") from error


def always(tags: Tags) -> bool:  # noqa: ARG001
    """Whatever the tags."""
    return True


def tagged(name: str) -> Callable[[Tags], bool]:
    """Only where this tag is set."""
    return lambda tags: bool(getattr(tags, name))
