"""A window of new rows beside the reference: every test, and one correction over all of them."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace

import numpy as np

from noria.core.drift import MEASURES, Drift, DriftReport
from noria.core.words import percent
from noria.data.drift.estimate import estimates
from noria.data.drift.quality import issues, judged
from noria.data.drift.reference import Reference, Window
from noria.data.drift.sketch import Sketch
from noria.errors import NoriaError, ParamError
from noria.methods.drift import drift_test, merged
from noria.methods.significance import holm
from noria.methods.two_sample import TwoSample, classifier_two_sample, embedding_two_sample

__all__ = ["Rule", "compare"]

_FEWEST = 50  # rows of a window that are tested
_BINS = 10
_PER_BIN = 20  # rows of the smaller side
_JOINT = "all features"
_SHOWN, _TELLING = 3, 0.1
_BY_NATURE = "its values are new in every row, or move on with time"
Embed = Callable[[Sequence[str]], np.ndarray]


@dataclass(frozen=True)
class Rule:
    """What counts as drift.

    Attributes
    ----------
    number, category : {"ks", "psi", "js", "chi_square"}
        The tests of numbers and of categories; the Kolmogorov-Smirnov test needs an order.
    least : float
        What is nearer than this is too little to matter, however sure it is. All distances are of one order:
        0.1 is what a shift by a quarter to a third of a standard deviation makes.
    level : float
        The chance of an alarm, of any kind, by a window in which nothing has changed.
    joint, estimated : bool
        Whether all features are compared together, and metrics estimated; both learn from samples.
    """

    number: str = "ks"
    category: str = "chi_square"
    least: float = 0.1
    level: float = 0.05
    joint: bool = True
    estimated: bool = True

    def __post_init__(self) -> None:
        for test in (self.number, self.category):
            drift_test(test)
        if self.category == "ks":
            raise ParamError(
                "The Kolmogorov-Smirnov test cannot compare categories: they have no order.",
                do="Choose 'chi_square', 'psi' or 'js'.",
            )


def compare(
    reference: Reference,
    window: Window,
    rule: Rule | None = None,
    *,
    usual: Sequence[int] = (),
    embed: Embed | None = None,
    seed: int = 0,
) -> DriftReport:
    """What is different about a window of new rows.

    Everything that is tested (each feature, each output, all features together, missing and new values,
    ranges, the volume) shares one correction, Holm's. It keeps the chance of a single false alarm per window
    below the level, whatever the tests have to do with each other. Benjamini and Hochberg's would find a
    little more, but promises only that few alarms are false among many, and presumes things of how the tests
    depend on each other; and what it finds more is small, while small drift is no alarm here.

    Parameters
    ----------
    reference : Reference
    window : Window
        Made by it. Of fewer than 50 rows only what needs no test is said.
    rule : Rule, optional
    usual : sequence of int
        How many rows earlier windows had; five at least, or the volume is not judged.
    embed : callable, optional
        Makes unit vectors (n, d) of texts. Without it, or if it fails, texts are compared by length alone.
    seed : int
        Of what is drawn and learned.

    Examples
    --------
    >>> import polars as pl
    >>> from noria.core.schema import Column, Schema, Type
    >>> rng = np.random.default_rng(0)
    >>> table = pl.DataFrame({"age": rng.normal(40, 10, 5_000)})
    >>> reference = Reference.of(table, Schema((Column("age", Type.NUMBER),)))
    >>> window = reference.window()
    >>> window.update(pl.DataFrame({"age": rng.normal(45, 10, 1_000)}))
    >>> compare(reference, window).drifted
    ('age',)
    """
    rule = rule or Rule()
    enough = window.rows >= _FEWEST
    notes = [] if enough else [f"Too few rows to test: {window.rows:,}, at least {_FEWEST} are needed."]
    tested = []
    for part, here, there in _pairs(reference, window):
        tested.append(_alone(part, here, there, rule))
        if enough and here.kind == "text":
            meant, why = _meant(part, here, there, rule, embed, seed)
            tested += meant
            notes += why
    joint = enough and rule.joint and len(reference.features) > 1
    found = _apart(reference, window, seed) if joint else None
    if found is not None:
        tested.append(_together(found, reference, rule))
    odd = issues(reference, window, usual, tested=enough)
    p = np.array([one.drift.p_value for one in tested] + [one.p_value for one in odd])
    adjusted = holm(p)
    levels = _levels(p, rule.level)
    drifts = [one.judged(q, level, rule) for one, q, level in zip(tested, adjusted, levels)]
    ratio = None if found is None or found.p_value > rule.level else found.ratio
    guesses, why = estimates(reference, window, ratio, seed) if enough and rule.estimated else ([], [])
    return DriftReport(
        window.rows,
        reference.rows,
        tuple(sorted(drifts, key=lambda one: (not one.drifted, -_times(one)))),
        judged(odd, adjusted[len(tested) :], rule.level),
        tuple(guesses),
        (*notes, *why),
    )


@dataclass(frozen=True)
class _Tested:
    """A drift whose p-value is not adjusted yet, the value that chance exceeds, and what is different."""

    drift: Drift
    critical: Callable[[float], float]
    least: float
    change: str

    def judged(self, adjusted: float, level: float, rule: Rule) -> Drift:
        """The drift with its threshold, its verdict and the reason."""
        drift = self.drift
        if math.isnan(drift.p_value):
            return replace(drift, reason=f"{drift.name} is not compared: {self.change}.")
        threshold = max(self.least, self.critical(level))
        sure = bool(adjusted <= rule.level)
        drifted = bool(sure and drift.statistic >= self.least)
        seen = f"{MEASURES[drift.test]} {drift.statistic:.2f}"
        if drifted:
            reason = f"{drift.name} drifted: {self.change} ({seen}, at most {threshold:.2f} is normal)."
        elif sure:
            reason = f"{drift.name} moved too little to matter: {self.change} ({seen}, below {self.least:g})."
        else:
            reason = (
                f"Nothing is seen of a drift of {drift.name} ({seen}, at most {threshold:.2f} is normal)."
            )
        return replace(drift, threshold=threshold, p_value=float(adjusted), drifted=drifted, reason=reason)


def _pairs(reference: Reference, window: Window) -> Iterator[tuple[str, Sketch, Sketch]]:
    """What is compared: features and outputs; of two probabilities that add up to one, the second."""
    for name, sketch in reference.features.items():
        yield "feature", sketch, window.features[name]
    names = list(reference.outputs)
    if len(reference.classes) == 2:
        names.pop(1)
    for name in names:
        yield "prediction", reference.outputs[name], window.outputs[name]


def _alone(part: str, here: Sketch, there: Sketch, rule: Rule) -> _Tested:
    """One column by itself."""
    name = here.column.name
    counts = here.cells(there)
    n, m = (side.sum() for side in counts)
    if min(n, m) < _FEWEST:
        why = f"there are {m:,.0f} new values and {n:,.0f} old ones" if here.counts.size else _BY_NATURE
        return _Tested(Drift(name, part), lambda _: math.nan, math.nan, why)
    test = rule.number if here.ordered else rule.category
    if here.ordered and test != "ks":
        cells = int(min(_BINS, max(2, min(n, m) // _PER_BIN)))
        counts = merged(here.counts, here.counts, cells), merged(there.counts, here.counts, cells)
    found = drift_test(test)(*counts)
    drift = Drift(name, part, test, found.value, p_value=found.p_value)
    return _Tested(drift, found.critical, rule.least, here.describe(there))


def _meant(
    part: str, here: Sketch, there: Sketch, rule: Rule, embed: Embed | None, seed: int
) -> tuple[list[_Tested], list[str]]:
    """A column of texts by what they mean, or why that is left out."""
    name, texts = here.column.name, (here.drawn(), there.drawn())
    alone = f"The texts of {name} are compared by length alone:"
    if embed is None:
        return [], [f"{alone} nothing makes vectors of them."]
    if min(map(len, texts)) < _FEWEST:
        return [], [f"{alone} {len(texts[1])} new ones and {len(texts[0])} old ones are kept."]
    try:
        found = embedding_two_sample(*(embed(side) for side in texts), seed=seed)
    except NoriaError as error:
        return [], [f"{alone} {error.what} {error.do or ''}".strip()]
    change = "a classifier tells new texts from old ones"
    drift = Drift(f"the meaning of {name}", part, "embedding", found.value, p_value=found.p_value)
    return [_Tested(drift, found.critical, 0.5 + rule.least / 2, change)], []


def _apart(reference: Reference, window: Window, seed: int) -> TwoSample:
    """What a classifier makes of rows of the training and of the window, and of those that were held out."""
    there = reference.read(window.sampled).features
    held_out = reference.read(reference.sampled).features if reference.outputs else None
    classes = [
        at for at, sketch in enumerate(reference.features.values()) if sketch.kind in ("category", "hashed")
    ]
    return classifier_two_sample(reference.drawn, there, categorical=classes, seed=seed, scored=held_out)


def _together(found: TwoSample, reference: Reference, rule: Rule) -> _Tested:
    """All features together."""
    names = list(reference.features)
    first = [at for at in np.argsort(-found.importance)[:_SHOWN] if found.importance[at] >= _TELLING]
    told = ", ".join(f"{names[at]} {percent(float(found.importance[at]))}" for at in first)
    change = f"a classifier tells new rows from old ones, by {told}" if told else "there is nothing to go by"
    drift = Drift(_JOINT, "joint", "auc", found.auc, p_value=found.p_value)
    return _Tested(drift, found.critical, 0.5 + rule.least / 2, change)


def _levels(p: np.ndarray, level: float) -> np.ndarray:
    """The level that Holm's procedure holds each p-value (n,) against."""
    order = np.argsort(p, kind="stable")
    known = int((~np.isnan(p)).sum())
    levels = np.full(len(p), level)
    levels[order[:known]] = level / np.arange(known, 0, -1)
    return levels


def _times(drift: Drift) -> float:
    """How many times its threshold a distance is, 0 where nothing was tested."""
    less = 0.5 if drift.test in ("auc", "embedding") else 0.0
    times = (drift.statistic - less) / (drift.threshold - less) if drift.threshold > less else 0.0
    return 0.0 if math.isnan(times) else times
