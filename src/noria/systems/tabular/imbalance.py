"""What could be done about a rare class, tried out with a quick learner."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace

import numpy as np
import polars as pl

from noria._lazy import installed
from noria.core.deadline import Deadline, FitFailed, OutOfTime
from noria.core.protocol import Context, Fold
from noria.core.result import Figure
from noria.core.split import Split
from noria.methods import metrics, threshold
from noria.methods.intervals import bootstrap_together, metric_intervals
from noria.pages import charts
from noria.pages.charts import PERCENT, number, words
from noria.systems.tabular.learners.boosting import LightGbm, LightGbmParams
from noria.systems.tabular.options import TabularOptions
from noria.systems.tabular.target import ClassTarget

__all__ = ["compared"]

_RARE, _FEWEST, _LEAST_ROWS = 0.2, 30, 300
_FOLDS, _SHARE, _FITTING = 2, 0.4, 0.6
_QUICK = LightGbmParams(learning_rate=0.15, leaves=7, rounds=60)
_RULES = {"none": "as it is", "weights": "class weights", "focal": "focal loss", "smote": "SMOTE"}
_CHOSEN = "chosen threshold"
_MEASURES = ("recall", "precision", "f1", "balanced_accuracy")


def compared(
    target: ClassTarget,
    options: TabularOptions,
    table: pl.DataFrame,
    folds: Callable[[pl.DataFrame, int, int], list[Split]],
    ctx: Context,
) -> Figure | None:
    """Recall, precision, F1 and balanced accuracy of the rarest class, out of fold, by strategy.

    None where no class is rarer than one row in five, or too few rows of it fit into the time.

    Parameters
    ----------
    target : ClassTarget
    options : TabularOptions
    table : Table
        Rows to learn from.
    folds : callable
        ``folds(table, count, seed)`` as the system makes them.
    ctx : Context
    """
    counts = np.bincount(target.encode(table[target.name]), minlength=target.classes)
    rare = int(np.where(counts > 0, counts, counts.max() + 1).argmin())
    rows = _affordable(target, options, table, ctx)
    if counts[rare] >= _RARE * table.height or counts[rare] * rows < _FEWEST * table.height:
        return None
    part = table if rows == table.height else table.sample(rows, seed=ctx.seed)
    splits = folds(part, _FOLDS, ctx.seed)
    judged = np.concatenate([split.valid for split in splits])
    truth = (target.encode(part[target.name]) == rare)[judged].astype(np.int64)
    found: dict[str, tuple[np.ndarray, np.ndarray]] = {}
    fitting = replace(ctx, deadline=Deadline(_FITTING * ctx.deadline.remaining, within=ctx.deadline))
    for rule, name in _RULES.items():
        if (rule == "smote" and not installed("imblearn")) or (rule == "focal" and target.classes > 2):
            continue
        chosen = options.model_copy(update={"imbalance": rule})
        try:
            p = _out_of_fold(LightGbm(target, chosen, _QUICK), part, splits, fitting)
        except (OutOfTime, FitFailed):
            continue
        found[name] = p[:, rare], (p.argmax(axis=1) == rare).astype(np.int64)
    if len(found) < 2 or _RULES["none"] not in found:
        return None
    score = found[_RULES["none"]][0]
    sizes = [len(split.valid) for split in splits]
    found[_CHOSEN] = score, _thresholded(truth, score, np.repeat(np.arange(len(sizes)), sizes))
    return _draw(target.labels[rare], counts[rare] / table.height, truth, found, ctx)


def _affordable(target: ClassTarget, options: TabularOptions, table: pl.DataFrame, ctx: Context) -> int:
    """As many rows as all fits are likely to end in time on."""
    learner, columns = LightGbm(target, options, _QUICK), len(ctx.schema.features)
    rows, fits = table.height, _FOLDS * len(_RULES)
    while rows >= _LEAST_ROWS and fits * learner.seconds(rows, columns) > _SHARE * ctx.deadline.remaining:
        rows //= 2
    return rows if rows >= _LEAST_ROWS else 0


def _out_of_fold(learner: LightGbm, table: pl.DataFrame, splits: Sequence[Split], ctx: Context) -> np.ndarray:
    """Probabilities of the rows validated on, (n, K), split by split."""
    parts = []
    for at, split in enumerate(splits):
        train, valid = table[split.train], table[split.valid]
        ctx.deadline.check()
        model = learner.fit(train, valid, ctx.within(Fold(table, split, at)))
        parts.append(learner.target.matrix(model.predict(valid)))
    return np.concatenate(parts)


def _thresholded(truth: np.ndarray, score: np.ndarray, fold: np.ndarray) -> np.ndarray:
    """Decisions (n,) from the threshold of the best F1 on the other folds."""
    decided = np.zeros(len(truth), dtype=np.int64)
    for at in np.unique(fold):
        rest, mine = fold != at, fold == at
        made = threshold.best_f1(truth[rest], _both(score[rest]))
        decided[mine] = made.labels(_both(score[mine]))
    return decided


def _both(score: np.ndarray) -> np.ndarray:
    return np.column_stack([1 - score, score])


def _draw(
    label: str,
    share: float,
    truth: np.ndarray,
    found: dict[str, tuple[np.ndarray, np.ndarray]],
    ctx: Context,
) -> Figure:
    measures = [metrics.CLASSIFICATION[name] for name in _MEASURES]
    rows, f1 = [], {}
    for name, (score, decided) in found.items():
        p = _both(score)
        limits = metric_intervals(
            measures, truth, p, labels=decided, resamples=200, seed=ctx.seed, deadline=ctx.deadline
        )
        for one in measures:
            value, (low, high) = one.function(truth, p, labels=decided), limits[one.name]
            measure = _SAID.get(one.name, one.name)
            rows.append({"strategy": name, "measure": measure, "value": value, "low": low, "high": high})
        f1[name] = metrics.f1(truth, p, labels=decided)
    frame = pl.DataFrame(rows).with_columns(pl.col("low", "high").fill_nan(None))
    x = number("value", f"for '{label}', out of fold", scale={"domain": [0, 1]}, axis=PERCENT)
    tips = [
        ("strategy", "strategy"),
        ("measure", "measure"),
        ("value", "value", ".1%"),
        *charts.interval(".1%"),
    ]
    y, offset = words("strategy", None, axis={"grid": False}), words("measure", None)
    layers = charts.dots("x", y, x, tips, color=charts.colour("measure"), yOffset=offset)
    spec = charts.chart(*layers, height=14 * len(rows))
    text = _said(label, share, truth, found, f1, ctx)
    return Figure("imbalance", f"What could be done about the rare '{label}'", frame, spec, "learning", text)


_SAID = {"f1": "F1", "balanced_accuracy": "balanced accuracy"}


def _said(
    label: str,
    share: float,
    truth: np.ndarray,
    found: dict[str, tuple[np.ndarray, np.ndarray]],
    f1: dict[str, float],
    ctx: Context,
) -> str:
    """Which strategy has the best F1, and whether by more than chance."""
    plain, best = _RULES["none"], max(f1, key=f1.__getitem__)
    text = f"'{label}' is {share:.1%} of the rows. A quick learner (LightGBM) was fitted in several ways: "
    if best == plain:
        return f"{text}none has a better F1 than leaving the rows as they are, {f1[plain]:.3f}."

    def scorer(name: str) -> Callable[[np.ndarray], float]:
        p, decided = _both(found[name][0]), found[name][1]
        return lambda rows: metrics.f1(truth[rows], p[rows], labels=decided[rows])

    gaps = bootstrap_together([scorer(plain), scorer(best)], len(truth), seed=ctx.seed, deadline=ctx.deadline)
    low, high = gaps[1][1]
    text += f"F1 is best with {best}, {f1[best]:.3f} against {f1[plain]:.3f} as it is"
    if np.isnan(low):
        return f"{text}."
    sure = "is more than chance" if low > 0 else "may be chance"
    return f"{text}; the lead of {f1[best] - f1[plain]:.3f} ({low:.3f} to {high:.3f}) {sure}."
