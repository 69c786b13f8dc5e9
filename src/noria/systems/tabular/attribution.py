"""What each column added to the predictions of a tabular model: exactly where it can be had, else sampled."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
import polars as pl

from noria.core.deadline import Deadline
from noria.core.explanation import Explanation
from noria.methods.calibration import Calibrator
from noria.systems.tabular.shapley import shapley

if TYPE_CHECKING:
    from noria.systems.tabular.model import TabularModel

__all__ = ["attribute"]


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
    outputs = probable[np.arange(typed.height), picked]
    exact, errors, method = _exact(model, typed, ground, picked, outputs), None, "exact"
    if exact is None:
        found = shapley(model._probabilities, typed, ground, picked, deadline=deadline)
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
    model: TabularModel, typed: pl.DataFrame, ground: pl.DataFrame, picked: np.ndarray, outputs: np.ndarray
) -> _Parts | None:
    """Exact attributions, if the model is a sum over its members in some unit; None if not."""
    members, classes = model.members, model.target.classes
    calibrator = model.finish.calibrator or Calibrator()
    links = {getattr(member.predictor, "link", "identity") for member in members}
    if not all(member.predictor.kind in _ADDITIVE for member in members):
        return None
    if links == {"identity"} and calibrator.kind == "identity":
        shift = calibrator.doubt / max(classes, 1)
        parts = (1 - calibrator.doubt) * _sum(model, typed, ground, picked, _outputs)
        return _Parts(parts[:, :-1], parts[:, -1] + shift, outputs, _unit(model))
    if classes and len(members) == 1 and links <= {"sigmoid", "softmax"}:
        parts = _sum(model, typed, ground, picked, _log_odds)
        return _Parts(parts[:, :-1], parts[:, -1], parts.sum(axis=1), "log-odds")
    return None


def _sum(
    model: TabularModel,
    typed: pl.DataFrame,
    ground: pl.DataFrame,
    picked: np.ndarray,
    take: Callable[[np.ndarray, int], np.ndarray],
) -> np.ndarray:
    """The members' parts of the picked outputs by the columns of the table, the base last."""
    names, rows = list(typed.columns), np.arange(typed.height)
    total = np.zeros((typed.height, len(names) + 1))
    for member in model.members:
        encoder, split = model.encoders[member.family], _ADDITIVE[member.predictor.kind]
        encoded = [encoder.matrix(table) for table in (typed, ground)]
        X, base = (one if member.recode is None else member.recode(one) for one in encoded)
        parts = take(split(member.predictor, X, base), model.target.classes)[rows, :, picked]
        places = [*(names.index(source) for source in encoder.sources), len(names)]
        np.add.at(total.T, np.array(places), member.weight * parts.T)
    return total


def _outputs(raw: np.ndarray, classes: int) -> np.ndarray:
    """Parts of all outputs, (..., outputs), where raw scores are outputs; of two classes there may be one."""
    return np.stack([-raw[..., 0], raw[..., 0]], axis=-1) if classes == 2 and raw.shape[-1] == 1 else raw


def _log_odds(raw: np.ndarray, classes: int) -> np.ndarray:
    """Parts of the log-odds of each class: against the other one, or against the mean of all."""
    if raw.shape[-1] == 1:
        return np.stack([-raw[..., 0], raw[..., 0]], axis=-1)
    return raw - (raw[..., ::-1] if classes == 2 else raw.mean(axis=-1, keepdims=True))


def _trees(predictor: Any, X: np.ndarray, ground: np.ndarray) -> np.ndarray:  # noqa: ARG001
    return predictor.contributions(X)


def _linear(predictor: Any, X: np.ndarray, ground: np.ndarray) -> np.ndarray:
    middle = ground.mean(axis=0, dtype=np.float64)
    parts = (X - middle)[:, :, None] * predictor.weights
    base = np.broadcast_to(middle @ predictor.weights + predictor.bias, (len(X), 1, parts.shape[2]))
    return np.concatenate([parts, base], axis=1)


def _constant(predictor: Any, X: np.ndarray, ground: np.ndarray) -> np.ndarray:  # noqa: ARG001
    raw = predictor.predict(X)
    parts = np.zeros((len(X), X.shape[1] + 1, raw.shape[1]))
    parts[:, -1] = raw
    return parts


_ADDITIVE: dict[str, Callable[[Any, np.ndarray, np.ndarray], np.ndarray]] = {
    "trees": _trees,
    "linear": _linear,
    "constant": _constant,
}
"""Encoded rows and background rows to parts, (rows, columns + 1, raw outputs), the base last."""
