"""The trial of a challenger that is served beside the champion: what the log says of it, and when it ends."""

from __future__ import annotations

import json
from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import polars as pl

from noria.core.ports import PredictionLog
from noria.core.protocol import Model
from noria.core.recipe import Recipe
from noria.core.serving import LoggedPrediction
from noria.core.words import percent, times
from noria.lifecycle.contest import Contest, slower
from noria.lifecycle.promote import Verdict
from noria.lifecycle.watch.realised import FEWEST
from noria.lifecycle.watch.window import refused, table
from noria.methods.intervals import share_interval

__all__ = ["Seen", "Trial"]

_TIMED = 200  # of the challenger's latest rows that both versions are timed on
_SOON = 50  # rows, or requests, that tell of its pace


@dataclass
class Seen:
    """What one version did in a trial.

    Attributes
    ----------
    rows, refused : int
    seconds : list of float
        That requests took, answers in the shadow left out: they wait for the others.
    """

    rows: int = 0
    refused: int = 0
    seconds: list[float] = field(default_factory=list, repr=False)

    def add(self, line: LoggedPrediction) -> bool:
        """Take in a line; whether its row was answered."""
        bad = refused(line)
        self.rows, self.refused = self.rows + 1, self.refused + bad
        if line.role != "shadow":
            self.seconds.append(line.seconds)
        return not bad

    @property
    def errors(self) -> tuple[float, float]:
        """The interval of the share of rows that it refuses."""
        low, high = share_interval(np.array([self.refused]), np.array([self.rows]))
        return float(low[0]), float(high[0])

    @property
    def slow(self) -> float:
        """What 95% of its requests stay within, 0 if they are too few to say."""
        return float(np.quantile(self.seconds, 0.95)) if len(self.seconds) >= _SOON else 0.0


@dataclass
class Trial:
    """What the log says of a challenger since its trial began.

    Attributes
    ----------
    champion, challenger : Seen
    latest : list of dict
        The last rows that the challenger has answered.
    known : list of (dict, label)
        Those of all of them whose truth was told.
    """

    champion: Seen = field(default_factory=Seen)
    challenger: Seen = field(default_factory=Seen)
    latest: list[dict[str, Any]] = field(default_factory=list, repr=False)
    known: list[tuple[dict[str, Any], Any]] = field(default_factory=list, repr=False)

    @classmethod
    def read(cls, log: PredictionLog, name: str, versions: tuple[int, int], since: float) -> Trial:
        """Read the log once; `versions` are champion and challenger."""
        found = cls()
        labels = {one.id: one.label for one in log.labels(name, since=since)}
        latest: deque[str] = deque(maxlen=_TIMED)
        for line in log.read(name, since=since):
            if line.version == versions[0] and line.role != "shadow":
                found.champion.add(line)
            elif line.version == versions[1] and found.challenger.add(line):
                latest.append(line.inputs)
                if line.id in labels:
                    found.known.append((json.loads(line.inputs), json.loads(labels[line.id])))
        found.latest = [json.loads(inputs) for inputs in latest]
        return found

    def objection(self, recipe: Recipe, models: Sequence[Model]) -> str | None:
        """Why the challenger, the second of the models, must not go on: it errs, or takes too long."""
        (low, _), (_, usual), rule = self.challenger.errors, self.champion.errors, recipe.monitor
        if low > rule.errors and (not self.champion.rows or low > usual):
            return f"it refuses {percent(self.challenger.refused / self.challenger.rows)} of its rows"
        if rule.latency is not None and self.challenger.slow > rule.latency >= self.champion.slow:
            told = f"95% of its requests take up to {1000 * self.challenger.slow:.3g} ms"
            return f"{told}, {1000 * rule.latency:.3g} ms are allowed"
        return slower(models, table(self.latest), rule.retrain.slower) if len(self.latest) >= _SOON else None

    def verdict(
        self, recipe: Recipe, age: float, contest: Callable[[pl.DataFrame], Contest]
    ) -> Contest | str:
        """How a trial of so many seconds ends: by a contest on the labelled rows; or what it waits for."""
        rule, count = recipe.monitor.retrain, len(self.known)
        if count >= (rule.trial_rows if age < rule.trial_time else FEWEST):
            truth = table([{recipe.data.target: label} for _, label in self.known])
            return contest(table([sent for sent, _ in self.known]).with_columns(truth))
        told = f"{times(count, 'labelled row')} of its trial"
        if age < rule.trial_time:
            return f"{told}, {rule.trial_rows} decide"
        return Contest(count, Verdict(False, f"{told} after {rule.trial_time / 86_400:.3g} days"), ())
