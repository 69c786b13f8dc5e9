"""Why a model said what it said: how much each feature added to each prediction."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, time
from typing import TYPE_CHECKING, Any, Self

from noria.core.result import html_table

if TYPE_CHECKING:
    import polars as pl

__all__ = ["Explanation", "plain", "word"]

_SHOWN = 10


@dataclass(frozen=True)
class Explanation:
    """What each feature added to each prediction; with the base it adds up to what is explained.

    Attributes
    ----------
    base : Series, (rows,)
        What is expected of a row of which nothing is known.
    attributions : Table, rows x features
    outputs : Series, (rows,)
        What is explained, as the model gives it: `base` and the attributions of each row add up to it.
    unit : str
        Of all of these: ``probability``, ``log-odds``, or the target's name.
    method : str
        ``exact``, or ``sampled, 32 orders``.
    errors : Table, rows x features, optional
        Standard errors of the attributions; None where they are exact.
    values : Table, rows x features, optional
        The features' values.
    outcome : Series, (rows,), optional
        The class whose probability or log-odds is explained, ``virginica rather than versicolor`` if against
        another one.

    Examples
    --------
    >>> import polars as pl
    >>> table = pl.DataFrame({"age": [0.3], "sex": [-0.1]})
    >>> found = Explanation(pl.Series([0.5]), table, pl.Series([0.7]), "probability")
    >>> found.frame()["feature"].to_list(), round(found.gap, 9)
    (['age', 'sex'], 0.0)
    """

    base: pl.Series
    attributions: pl.DataFrame
    outputs: pl.Series
    unit: str
    method: str = "exact"
    errors: pl.DataFrame | None = None
    values: pl.DataFrame | None = None
    outcome: pl.Series | None = None

    @property
    def gap(self) -> float:
        """The largest difference between base and attributions of a row, summed, and its output."""
        import polars as pl

        whole = self.attributions.select(pl.sum_horizontal(pl.all())).to_series() + self.base
        return float((whole - self.outputs).abs().max() or 0.0)  # type: ignore[arg-type]

    def frame(self) -> pl.DataFrame:
        """Features by mean absolute attribution, most important first."""
        import polars as pl

        means = self.attributions.select(pl.all().abs().mean().fill_null(0.0))
        found = {"feature": means.columns, "importance": list(means.row(0))}
        schema = {"feature": pl.String, "importance": pl.Float64}
        return pl.DataFrame(found, schema=schema).sort("importance", descending=True)

    def row(self, at: int) -> pl.DataFrame:
        """One row, by absolute attribution: ``feature``, ``value`` in words, ``added`` and ``error``."""
        import polars as pl

        names = self.attributions.columns
        known = {} if self.values is None else self.values.row(at, named=True)
        found = {
            "feature": names,
            "value": [word(known[name]) if name in known else None for name in names],
            "added": list(self.attributions.row(at)),
            "error": [None] * len(names) if self.errors is None else list(self.errors.row(at)),
        }
        schema = {"feature": pl.String, "value": pl.String, "added": pl.Float64, "error": pl.Float64}
        table = pl.DataFrame(found, schema=schema)
        return table.sort(pl.col("added").abs(), descending=True, maintain_order=True)

    def to_dict(self) -> dict[str, Any]:
        """JSON-ready fields: the rows one by one, their features most important first."""
        rows = [
            {
                "base": self.base[at],
                "output": self.outputs[at],
                "outcome": None if self.outcome is None else self.outcome[at],
                "features": self.row(at).to_dicts(),
            }
            for at in range(len(self.base))
        ]
        return {"unit": self.unit, "method": self.method, "rows": rows}

    @classmethod
    def from_dict(cls, told: Mapping[str, Any]) -> Self:
        """The inverse of `to_dict`, except that the values are words, and features stand as in the first row.

        Examples
        --------
        >>> import polars as pl
        >>> table = pl.DataFrame({"age": [0.3], "sex": [-0.1]})
        >>> found = Explanation(pl.Series([0.5]), table, pl.Series([0.7]), "probability")
        >>> Explanation.from_dict(found.to_dict()).attributions.equals(table)
        True
        """
        import polars as pl

        rows = told["rows"]
        names = dict.fromkeys(one["feature"] for row in rows for one in row["features"])

        def table(field: str, kind: Any) -> pl.DataFrame:
            parts = [{one["feature"]: one[field] for one in row["features"]} for row in rows]
            return pl.DataFrame(parts, schema=dict.fromkeys(names, kind))

        outcome = pl.Series("outcome", [row["outcome"] for row in rows], pl.String)
        return cls(
            base=pl.Series("base", [row["base"] for row in rows], pl.Float64),
            attributions=table("added", pl.Float64),
            outputs=pl.Series("output", [row["output"] for row in rows], pl.Float64),
            unit=told["unit"],
            method=told["method"],
            errors=None if told["method"] == "exact" else table("error", pl.Float64),
            values=table("value", pl.String),
            outcome=None if outcome.null_count() == len(outcome) else outcome,
        )

    def _repr_html_(self) -> str:
        if len(self.base) != 1:
            return html_table(self.frame(), f"Mean absolute {self.unit} added, {self.method}")
        about = (
            f"{self.outputs[0]:.4g} {self.unit} from {self.base[0]:.4g} without any feature, {self.method}"
        )
        return html_table(self.row(0).head(_SHOWN), about)


def plain(value: Any) -> Any:
    """A value as JSON has it, or a mapping or list of values: moments as ISO text, others as they are.

    Examples
    --------
    >>> plain({"day": date(2026, 1, 31), "price": 3.5})
    {'day': '2026-01-31', 'price': 3.5}
    """
    match value:
        case dict():
            return {name: plain(part) for name, part in value.items()}
        case list() | tuple():
            return [plain(part) for part in value]
        case date() | time():
            return value.isoformat()
        case _:
            return value


def word(value: Any) -> str:
    """A feature's value as people write it.

    Examples
    --------
    >>> word(None), word(3.0), word(0.123456), word("x" * 100)[-3:]
    ('missing', '3', '0.1235', 'xx…')
    >>> word(2009.0), word(166712.4), word(-1234.5)
    ('2009', '166,712', '-1,234')
    """
    match value:
        case None:
            return "missing"
        case bool():
            return "yes" if value else "no"
        case float():
            whole, size = value.is_integer(), abs(value)
            if size >= 1e15 or not (whole or size >= 1_000):
                return f"{value:.4g}"
            return f"{value:.0f}" if whole and size < 10_000 else f"{value:,.0f}"  # a year has no comma
        case _:
            text = " ".join(str(value).split())
            return text if len(text) <= 40 else f"{text[:39]}…"
