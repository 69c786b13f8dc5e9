"""What each column added to the predictions of a tabular model: exactly where it can be had, else sampled."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
import polars as pl

from noria.core.deadline import Deadline
from noria.core.explanation import Explanation
from noria.systems.tabular.shapley import shapley

if TYPE_CHECKING:
    from noria.systems.tabular.model import Member, TabularModel

__all__ = ["attribute"]

_LOG_ODDS = ("sigmoid", "softmax")


class _Parts(NamedTuple):
    """Attributions (rows, columns), bases and outputs (rows,), and the unit of them all."""

    attributions: np.ndarray
    base: np.ndarray
    outputs: np.ndarray
    unit: str


def attribute(model: TabularModel, typed: pl.DataFrame, deadline: Deadline | None = None) -> Explanation:
    """Explain conformed rows.

    Trees and linear models whose outputs are averaged without a link in between have exact attributions in
    the unit of the prediction: SHAP values of trees, slopes times the distance from the background's mean.
    A single classifier with a link has exact ones of its log-odds, before calibration; of more than two
    classes these are taken against the mean of all classes. Every other model is explained by sampling,
    calibration included. Of two classes the second is explained, of more the one that is predicted.
    """
    names = [column.name for column in model.schema.features]
    typed = typed.select(names)
    ground = typed if model.background is None else model.background.select(names)
    probable = model._probabilities(typed)
    last = probable.shape[1] - 1
    picked = probable.argmax(axis=1) if last > 1 else np.full(typed.height, last)
    exact, errors, method = _exact(model, typed, ground, picked), None, "exact"
    if exact is None:
        found = shapley(model._probabilities, typed, ground, picked, deadline=deadline)
        outputs = probable[np.arange(typed.height), picked]
        exact = _Parts(found.attributions, found.base, outputs, _unit(model))
        errors, method = pl.DataFrame(found.errors, schema=names), f"sampled, {found.orders} orders"
    labels = model.target.labels if model.target.classes else None  # type: ignore[attr-defined]
    return Explanation(
        base=pl.Series("base", exact.base),
        attributions=pl.DataFrame(exact.attributions, schema=names),
        outputs=pl.Series("output", exact.outputs),
        unit=exact.unit,
        method=method,
        errors=errors,
        values=typed,
        outcome=None if labels is None else pl.Series("outcome", labels, pl.String)[picked],
    )


def _unit(model: TabularModel) -> str:
    return "probability" if model.target.classes else model.target.name


def _exact(
    model: TabularModel, typed: pl.DataFrame, ground: pl.DataFrame, picked: np.ndarray
) -> _Parts | None:
    """Exact attributions, if the model is a sum over its members in some unit; None if not."""
    members, calibrator = model.members, model.finish.calibrator
    links = {getattr(member.predictor, "link", "identity") for member in members}
    if not all(member.predictor.kind in _ADDITIVE for member in members):
        return None
    if links == {"identity"} and (calibrator is None or calibrator.kind == "identity"):
        take = _outputs
    elif len(members) == 1 and links <= set(_LOG_ODDS) and model.target.classes:
        take = _log_odds
    else:
        return None
    names, at = list(typed.columns), np.arange(typed.height)
    total, base, outputs = (
        np.zeros((typed.height, len(names))),
        np.zeros(typed.height),
        np.zeros(typed.height),
    )
    for member in members:
        encoder = model.encoders[member.family]
        parts, raw = _ADDITIVE[member.predictor.kind](
            member, *(_encoded(member, encoder.matrix(table)) for table in (typed, ground))
        )
        parts, raw = (
            member.weight * take(one, model.target.classes)[at, ..., picked] for one in (parts, raw)
        )
        sources = np.array([names.index(source) for source in encoder.sources])
        np.add.at(total.T, sources, parts[:, :-1].T)
        base, outputs = base + parts[:, -1], outputs + raw
    if take is _log_odds:
        return _Parts(total, base, outputs, "log-odds")
    doubt = calibrator.doubt if calibrator is not None else 0.0
    shift = doubt / max(model.target.classes, 1)
    return _Parts(
        (1 - doubt) * total, (1 - doubt) * base + shift, (1 - doubt) * outputs + shift, _unit(model)
    )


def _encoded(member: Member, X: np.ndarray) -> np.ndarray:
    return X if member.recode is None else member.recode(X)


def _outputs(raw: np.ndarray, classes: int) -> np.ndarray:
    """Parts of all outputs, (..., outputs), where raw scores are outputs; of two classes there may be one."""
    return np.stack([-raw[..., 0], raw[..., 0]], axis=-1) if classes == 2 and raw.shape[-1] == 1 else raw


def _log_odds(raw: np.ndarray, classes: int) -> np.ndarray:
    """Parts of the log-odds of each class: against the other one, or against the mean of all."""
    if raw.shape[-1] == 1:
        return np.stack([-raw[..., 0], raw[..., 0]], axis=-1)
    return raw - (raw[..., ::-1] if classes == 2 else raw.mean(axis=-1, keepdims=True))


_Split = Callable[["Member", np.ndarray, np.ndarray], tuple[np.ndarray, np.ndarray]]
"""Encoded rows and background to parts (rows, columns + 1, raw outputs), the base last, and raw scores."""


def _trees(member: Any, X: np.ndarray, ground: np.ndarray) -> tuple[np.ndarray, np.ndarray]:  # noqa: ARG001
    return member.predictor.contributions(X), member.predictor.raw(X)


def _linear(member: Any, X: np.ndarray, ground: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    weights, bias = (
        np.asarray(part, dtype=np.float64) for part in (member.predictor.weights, member.predictor.bias)
    )
    middle = ground.mean(axis=0, dtype=np.float64)
    parts = (X - middle)[:, :, None] * weights
    base = np.broadcast_to(middle @ weights + bias, (len(X), 1, weights.shape[1]))
    return np.concatenate([parts, base], axis=1), X @ weights + bias


def _constant(member: Any, X: np.ndarray, ground: np.ndarray) -> tuple[np.ndarray, np.ndarray]:  # noqa: ARG001
    raw = member.predictor.predict(X)
    parts = np.zeros((len(X), X.shape[1] + 1, raw.shape[1]))
    parts[:, -1] = raw
    return parts, raw


_ADDITIVE: dict[str, _Split] = {"trees": _trees, "linear": _linear, "constant": _constant}
