"""One name that answers: the versions behind it, exchanged while requests go on."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import NamedTuple

from noria.errors import NoriaError
from noria.lifecycle.register import Registry
from noria.lifecycle.serve.serving import Loaded, Row, Serving
from noria.lifecycle.serve.traffic import Traffic

__all__ = ["Endpoint", "Exchange"]

_AGAIN = 30.0  # seconds after which a version that could not be loaded is tried once more


class Exchange(NamedTuple):
    """What became of a version that an alias has moved to.

    Attributes
    ----------
    name, alias : str
    before, after : int
        Versions.
    problem : str, optional
        Why the one before stays.
    """

    name: str
    alias: str
    before: int
    after: int
    problem: str | None = None


class Endpoint:
    """A name and the versions of it that answer to aliases.

    Parameters
    ----------
    name : str
    registry : Registry
    load : callable
        From the folder of a model to the model.
    alias : str
        That answers, apart from what `traffic` gives to others.
    traffic : Traffic, optional
    text : int
        Characters that one value may have.

    Attributes
    ----------
    servings : dict of str to Serving
        By alias.
    problems : dict of str to str
        What keeps an alias at the version before.
    """

    def __init__(
        self,
        name: str,
        registry: Registry,
        load: Callable[[Path], Loaded],
        alias: str = "champion",
        traffic: Traffic | None = None,
        text: int = 100_000,
    ) -> None:
        self.name, self.alias, self.traffic = name, alias, traffic or Traffic({})
        self._registry, self._load, self._text = registry, load, text
        self._tried: dict[str, tuple[int, float]] = {}
        self.problems: dict[str, str] = {}
        aliases = dict.fromkeys([alias, *self.traffic.shares, *filter(None, [self.traffic.shadow])])
        self.servings = {alias: self._loaded(alias) for alias in aliases}

    @property
    def serving(self) -> Serving:
        """The version that answers, apart from what `traffic` gives to others."""
        return self.servings[self.alias]

    @property
    def shadow(self) -> Serving | None:
        """The version whose answers nobody sees."""
        return self.servings[self.traffic.shadow] if self.traffic.shadow else None

    def routed(self, rows: Sequence[Row], key: str) -> list[Serving]:
        """The version that answers each row; `key` decides where no field of the row does, or it is null."""
        traffic, servings = self.traffic, self.servings
        if not traffic.shares:
            return [servings[self.alias]] * len(rows)
        if traffic.field is None:
            return [servings[traffic.alias(self.name, key) or self.alias]] * len(rows)
        keys = [_key(row.get(traffic.field), key) for row in rows]
        return [servings[traffic.alias(self.name, one) or self.alias] for one in keys]

    def refresh(self) -> list[Exchange]:
        """Take up the versions that the aliases mean now; what has changed, or could not.

        Requests that are being answered keep the version that they began with. A version that cannot be
        loaded leaves the one before in its place.
        """
        return [found for alias in self.servings if (found := self._refresh(alias)) is not None]

    def _refresh(self, alias: str) -> Exchange | None:
        old, new = self.servings[alias].version, 0
        try:
            new = self._registry.find(f"{self.name}@{alias}").number
            if new == old:
                self.problems.pop(alias, None)
                return None
            tried, when = self._tried.get(alias, (0, 0.0))
            if tried == new and time.monotonic() - when < _AGAIN:
                return None
            self._tried[alias] = new, time.monotonic()
            self.servings = {**self.servings, alias: self._loaded(alias)}
        except NoriaError as error:
            problem = error.what
        except Exception as error:  # noqa: BLE001 - nor may one model keep the others from being exchanged
            problem = f"{type(error).__name__}: {error}"
        else:
            self.problems.pop(alias, None)
            return Exchange(self.name, alias, old, self.servings[alias].version)
        known = self.problems.get(alias)
        self.problems[alias] = problem
        return Exchange(self.name, alias, old, new, problem) if problem != known else None

    def _loaded(self, alias: str) -> Serving:
        found = self._registry.find(f"{self.name}@{alias}")
        folder = self._registry.folder(f"{self.name}@{found.number}")  # the alias may have moved on by now
        field = self.traffic.field
        also = () if field is None else (field,)
        model = self._load(folder / "model")
        return Serving(self.name, found.number, alias, folder, model, also, self._text)


def _key(value: object, otherwise: str) -> str:
    """What decides for a row: 7 and 7.0 are the same customer."""
    if value is None:
        return otherwise
    return str(int(value)) if isinstance(value, float) and value.is_integer() else str(value)
