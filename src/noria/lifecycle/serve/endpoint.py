"""One name that answers: the version behind it, exchanged while requests go on."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import polars as pl

from noria.core.features import FeaturedModel
from noria.core.protocol import Model, Rowwise
from noria.errors import NoriaError
from noria.lifecycle.register import Registry

__all__ = ["Endpoint", "Serving"]

Row = Mapping[str, Any]
_FEW = 16  # rows up to which single answers are quicker than a table


@dataclass(frozen=True)
class Serving:
    """A version that is loaded and answers."""

    name: str
    version: int
    role: str
    folder: Path
    model: Model | FeaturedModel

    def answers(self, rows: Sequence[Row]) -> list[dict[str, Any]]:
        """The outputs of each row, or its ``error``: a bad row does not spoil the others."""
        if len(rows) <= _FEW:
            return [self._answer(row) for row in rows]
        try:
            return self.model.predict(pl.DataFrame(rows, infer_schema_length=None, strict=False)).to_dicts()
        except (NoriaError, pl.exceptions.PolarsError, TypeError):
            return [self._answer(row) for row in rows]

    def _answer(self, row: Row) -> dict[str, Any]:
        try:
            if isinstance(self.model, Rowwise):
                return self.model.predict_one(row)
            return self.model.predict(pl.DataFrame([row])).row(0, named=True)
        except NoriaError as error:
            return {"error": error.to_dict()}


class Endpoint:
    """A name and the version of it that answers to an alias.

    Parameters
    ----------
    name : str
    registry : Registry
    load : callable
        From the folder of a model to the model.
    alias : str
    """

    def __init__(
        self,
        name: str,
        registry: Registry,
        load: Callable[[Path], Model | FeaturedModel],
        alias: str = "champion",
    ) -> None:
        self.name, self.alias = name, alias
        self._registry, self._load = registry, load
        self.serving = self._loaded()

    def refresh(self) -> bool:
        """Take up the version that the alias means now; whether it is another one.

        Requests that are being answered keep the version that they began with.
        """
        if self._registry.find(f"{self.name}@{self.alias}").number == self.serving.version:
            return False
        self.serving = self._loaded()
        return True

    def _loaded(self) -> Serving:
        reference = f"{self.name}@{self.alias}"
        found, folder = self._registry.find(reference), self._registry.folder(reference)
        return Serving(self.name, found.number, self.alias, folder, self._load(folder / "model"))
