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

_LOG_ODDS = "log-odds"


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
    classes those against the second most probable one. Every other model is explained by sampling,
    calibration included. Of two classes the second is explained, of more the most probable one.
    What is exact and does not fit before the deadline raises OutOfTime.
    """
    names = [column.name for column in model.schema.features]
    typed = typed.select(names)
    ground = typed if model.background is None else model.background.select(names)
    probable = model._probabilities(typed)
    last = probable.shape[1] - 1
    picked = probable.argmax(axis=1) if last > 1 else np.full(typed.height, last)
    exact, errors, method = _exact(model, typed, ground, picked, probable, deadline), None, "exact"
    if exact is None:
        found = shapley(model._probabilities, typed, ground, picked, deadline=deadline)
        outputs = probable[np.arange(typed.height), picked]
        exact = _Parts(found.attributions, found.base, outputs, _unit(model))
        errors, method = pl.DataFrame(found.errors, schema=names), f"sampled, {found.orders} orders"
    return Explanation(
        base=pl.Series("base", exact.base),
        attributions=pl.DataFrame(exact.attributions, schema=names),
        outputs=pl.Series("output", exact.outputs),
        unit=exact.unit,
        method=method,
        errors=errors,
        values=typed,
        outcome=_outcome(model, probable, picked, exact.unit),
    )


def _unit(model: TabularModel) -> str:
    return "probability" if model.target.classes else model.target.name


def _outcome(model: TabularModel, probable: np.ndarray, picked: np.ndarray, unit: str) -> pl.Series | None:
    """The class that each row's explanation is about, and against which other one."""
    if not model.target.classes:
        return None
    labels = pl.Series("outcome", model.target.labels, pl.String)  # type: ignore[attr-defined]
    if model.target.classes == 2 or unit != _LOG_ODDS:
        return labels[picked]
    return labels[picked] + " rather than " + labels[_second(probable)]


def _second(probable: np.ndarray) -> np.ndarray:
    """The second most probable class of each row."""
    return np.argsort(-probable, axis=1, kind="stable")[:, 1]


def _exact(
    model: TabularModel,
    typed: pl.DataFrame,
    ground: pl.DataFrame,
    picked: np.ndarray,
    probable: np.ndarray,
    deadline: Deadline | None,
) -> _Parts | None:
    """Exact attributions, if the model is a sum over its members in some unit; None if not."""
    members, classes, rows = model.members, model.target.classes, np.arange(typed.height)
    calibrator = model.finish.calibrator or Calibrator()
    links = {getattr(member.predictor, "link", "identity") for member in members}
    if not all(member.predictor.kind in _ADDITIVE for member in members):
        return None
    if links == {"identity"} and calibrator.kind == "identity":
        shift = calibrator.doubt / max(classes, 1)

        def own_class(raw: np.ndarray) -> np.ndarray:
            return raw[..., -1] if classes == 2 else raw[rows, :, picked]

        own = _sum(model, typed, ground, own_class, deadline)
        parts = (1 - calibrator.doubt) * own
        return _Parts(parts[:, :-1], parts[:, -1] + shift, probable[rows, picked], _unit(model))
    if classes and len(members) == 1 and links <= {"sigmoid", "softmax"}:
        parts = _sum(model, typed, ground, lambda raw: _log_odds(raw, picked, probable), deadline)
        return _Parts(parts[:, :-1], parts[:, -1], parts.sum(axis=1), _LOG_ODDS)
    return None


def _sum(
    model: TabularModel,
    typed: pl.DataFrame,
    ground: pl.DataFrame,
    take: Callable[[np.ndarray], np.ndarray],
    deadline: Deadline | None,
) -> np.ndarray:
    """What `take` takes of the members' parts, by the columns of the table, the base last."""
    names = list(typed.columns)
    total = np.zeros((typed.height, len(names) + 1))
    for member in model.members:
        encoder, split = model.encoders[member.family], _ADDITIVE[member.predictor.kind]
        encoded = [encoder.matrix(table) for table in (typed, ground)]
        X, base = (one if member.recode is None else member.recode(one) for one in encoded)
        parts = take(split(member.predictor, X, base, deadline))
        places = [*(names.index(source) for source in encoder.sources), len(names)]
        np.add.at(total.T, np.array(places), member.weight * parts.T)
    return total


def _log_odds(raw: np.ndarray, picked: np.ndarray, probable: np.ndarray) -> np.ndarray:
    """Parts of the log-odds of a class against the other, or the second most probable, one."""
    if raw.shape[2] == 1:
        return raw[..., 0]
    rows = np.arange(len(raw))
    other = 1 - picked if probable.shape[1] == 2 else _second(probable)
    return raw[rows, :, picked] - raw[rows, :, other]


def _trees(predictor: Any, X: np.ndarray, ground: np.ndarray, deadline: Deadline | None) -> np.ndarray:  # noqa: ARG001
    return predictor.contributions(X, deadline)


def _linear(predictor: Any, X: np.ndarray, ground: np.ndarray, deadline: Deadline | None) -> np.ndarray:  # noqa: ARG001
    middle = ground.mean(axis=0, dtype=np.float64)
    parts = (X - middle)[:, :, None] * predictor.weights
    base = np.broadcast_to(middle @ predictor.weights + predictor.bias, (len(X), 1, parts.shape[2]))
    return np.concatenate([parts, base], axis=1)


def _constant(predictor: Any, X: np.ndarray, ground: np.ndarray, deadline: Deadline | None) -> np.ndarray:  # noqa: ARG001
    raw = predictor.predict(X)
    parts = np.zeros((len(X), X.shape[1] + 1, raw.shape[1]))
    parts[:, -1] = raw
    return parts


_ADDITIVE: dict[str, Callable[[Any, np.ndarray, np.ndarray, Deadline | None], np.ndarray]] = {
    "trees": _trees,
    "catboost": _trees,
    "linear": _linear,
    "constant": _constant,
}
"""Encoded rows and background rows to parts, (rows, columns + 1, raw outputs), the base last."""
