"""Checks of explanations."""

from __future__ import annotations

from noria.testing.bench import Bench
from noria.testing.same import tagged

__all__ = ["CHECKS"]

_ROWS = 20
_CLOSE = 1e-6


def attributions_add_up(bench: Bench) -> None:
    """Base and attributions of each row add up to what is explained, and the unit of it is named."""
    rows = bench.rows.head(_ROWS)
    found = bench.model.explain(rows)
    spread = float(found.outputs.abs().max() or 0.0)  # type: ignore[arg-type]
    assert found.attributions.height == rows.height, f"{found.attributions.height} of {rows.height} rows"
    assert found.gap <= _CLOSE * max(spread, 1.0), f"what was added and the output differ by {found.gap:.2g}"
    assert found.unit, "the unit of the attributions is not named"
    assert not found.attributions.sum_horizontal().is_null().any(), "an attribution is missing"


def no_rows_are_explained(bench: Bench) -> None:
    """A table of no rows gets an explanation of no rows."""
    found = bench.model.explain(bench.rows.head(0))
    assert found.attributions.height == 0, "attributions came out of nothing"


CHECKS = [
    ("attributions_add_up", tagged("explains"), attributions_add_up),
    ("no_rows_are_explained", tagged("explains"), no_rows_are_explained),
]
