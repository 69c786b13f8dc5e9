"""The graph as a whole, written and compared with the model."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import polars as pl

from noria._lazy import require
from noria.core.schema import Column, Role, Type
from noria.data.conform import conform
from noria.errors import ArtifactError
from noria.methods.calibration import Calibrator
from noria.methods.conformal import ConformalClassifier, ConformalRegressor
from noria.methods.threshold import Decision
from noria.systems.tabular.graph.encodings import encoded
from noria.systems.tabular.graph.members import outputs, recoded, softmax
from noria.systems.tabular.graph.values import Graph, Value

if TYPE_CHECKING:
    from noria.systems.tabular.model import TabularModel

__all__ = ["write"]

_CLOSE = 1e-4
_MOST = 0.95  # of the rows; others may lie where an interval or a set begins to be another one
_EPSILON = 1e-15
_INPUTS: Mapping[Type, tuple[type, str]] = {
    Type.NUMBER: (float, "a number, NaN if missing"),
    Type.BOOLEAN: (float, "0 or 1, NaN if missing"),
    Type.DATETIME: (float, "seconds since 1970 in UTC, NaN if missing"),
}
_TEXT = (str, "a text, empty if missing")


def write(model: TabularModel, path: Path) -> dict[str, Any]:
    """Write a model as one ONNX graph, run it with ONNX Runtime and compare it with the model.

    Each column is an input of shape (n, 1). Numbers, booleans and moments are float64, categories are texts;
    what is written in other ways ("1,200 km") has to be read before.

    Parameters
    ----------
    model : TabularModel
    path : Path

    Returns
    -------
    dict
        ``inputs`` and ``outputs`` with their types, ``labels`` of classes in the order of ``probabilities``,
        and in ``checked`` how many rows were compared and the largest difference.

    Raises
    ------
    ParamError
        If a part has no form in ONNX.
    ArtifactError
        If the graph does not predict what the model does.
    """
    graph = Graph()
    columns = {column.name: _input(graph, column) for column in model.signature.columns}
    total: Any = None
    matrices = {family: encoded(encoder, columns) for family, encoder in model.encoders.items()}
    for member in model.members:
        X = matrices[member.family]
        if member.recode is not None:
            X = recoded(member.recode, X, len(model.encoders[member.family].names))
        part = outputs(member.predictor, X) * member.weight
        total = part if total is None else total + part
    finish = model.finish
    if model.target.classes:
        _classify(graph, model, total)
    else:
        _regress(graph, total, finish.regressor)
    told = {
        "inputs": [{"name": column.name, **_told(column)} for column in model.signature.columns],
        "outputs": list(_outputs(model)),
        "labels": list(getattr(model.target, "labels", ())),
    }
    made = graph.model({"noria": json.dumps(told, ensure_ascii=False)})
    path.write_bytes(made.SerializeToString())
    return {**told, "checked": _checked(model, path)}


def _input(graph: Graph, column: Column) -> Value:
    kind, doc = _INPUTS.get(column.type, _TEXT)
    return graph.input(column.name, kind, "n", 1, doc=doc)


def _told(column: Column) -> dict[str, str]:
    kind, doc = _INPUTS.get(column.type, _TEXT)
    return {"type": "float64" if kind is float else "string", "meaning": doc}


def _outputs(model: TabularModel) -> tuple[str, ...]:
    finish = model.finish
    if model.target.classes:
        return ("prediction", "probabilities", *(["prediction_set"] if finish.classifier else []))
    return ("prediction", *(["low", "high"] if finish.regressor else []))


def _regress(graph: Graph, value: Value, intervals: ConformalRegressor | None) -> None:
    flat = np.array([-1])
    graph.output("prediction", value.apply("Reshape", flat), float, "n")
    if intervals is None:
        return
    edges = np.asarray(intervals.edges, dtype=np.float64).reshape(1, -1)
    place = (value >= edges).cast(np.int64).sum() if edges.size else (value * 0.0).cast(np.int64)
    below, above = (np.array(side, dtype=np.float64) for side in (intervals.below, intervals.above))
    low = value - graph.node("Gather", below, place)
    high = value + graph.node("Gather", above, place)
    graph.output("low", low.apply("Reshape", flat), float, "n")
    graph.output("high", high.apply("Reshape", flat), float, "n")


def _classify(graph: Graph, model: TabularModel, p: Value) -> None:
    finish, classes = model.finish, model.target.classes
    if finish.calibrator is not None:
        p = _calibrated(finish.calibrator, p, classes)
    codes = _decided(finish.decision, p)
    labels = np.array(getattr(model.target, "labels", ()), dtype=object)
    graph.output("prediction", graph.node("Gather", labels, codes), str, "n")
    graph.output("probabilities", p, float, "n", classes)
    if finish.classifier is not None:
        graph.output("prediction_set", _sets(finish.classifier, p, classes), bool, "n", classes)


def _calibrated(calibrator: Calibrator, p: Value, classes: int) -> Value:
    if calibrator.kind == "temperature":
        p = softmax(p.clip(_EPSILON, 1.0).apply("Log") / calibrator.parameters[0])
    elif calibrator.kind == "beta":
        a, b, c = calibrator.parameters
        logs = p.clip(_EPSILON, 1.0).apply("Log")
        score = (logs @ np.array([[-b], [a]]) + c).clip(-500.0, 500.0)
        one = 1.0 / ((score * -1.0).apply("Exp") + 1.0)
        p = (1.0 - one).beside(one)
    return p * (1 - calibrator.doubt) + calibrator.doubt / classes if calibrator.doubt else p


def _decided(decision: Decision | None, p: Value) -> Value:
    """The codes (n,) that are decided for."""
    if decision is not None and decision.kind == "threshold":
        reached = p.take([1]) >= decision.threshold
        return reached.cast(np.int64).apply("Reshape", np.array([-1]))
    if decision is not None and decision.kind == "costs":
        return (p @ np.array(decision.costs, dtype=np.float64)).apply("ArgMin", axis=1, keepdims=0)
    return p.apply("ArgMax", axis=1, keepdims=0)


def _sets(classifier: ConformalClassifier, p: Value, classes: int) -> Value:
    """Which classes cannot be ruled out, the most probable one always in (n, classes)."""
    score = 1.0 - p
    if classifier.method == "aps":
        score = _before(p, classes)
    inside = score <= np.asarray(classifier.limits, dtype=np.float64) + 1e-12
    top = p.apply("ArgMax", axis=1, keepdims=1)
    best = top.apply("Equal", np.arange(classes, dtype=np.int64).reshape(1, -1))
    return inside.apply("Or", best)


def _before(p: Value, classes: int) -> Value:
    """The summed probability of the classes before each one, in falling order."""
    column = p.apply("Unsqueeze", np.array([2]))
    row = p.apply("Unsqueeze", np.array([1]))
    earlier = np.triu(np.ones((classes, classes), dtype=bool), 1)
    tie = column.apply("Equal", row).apply("And", earlier[None])
    ahead = column.apply("Greater", row).apply("Or", tie).cast(np.float64)
    return (column * ahead).apply("ReduceSum", np.array([1]), keepdims=0).apply("Min", 1.0)


def _checked(model: TabularModel, path: Path) -> dict[str, Any]:
    """How far the graph is from the model on the rows that the model keeps for explanations.

    Raises
    ------
    ArtifactError
        If it is too far.
    """
    runtime = require("onnxruntime", extra="onnx")
    rows = model.background
    if rows is None or not rows.height:
        return {"rows": 0, "largest_difference": None}
    typed = conform(rows, model.schema, roles=(Role.FEATURE,))
    session = runtime.InferenceSession(str(path), providers=["CPUExecutionProvider"])
    names = [output.name for output in session.get_outputs()]
    found = dict(zip(names, session.run(names, _feed(typed))))
    expected = model.predict(rows)
    if model.target.classes:
        wanted = model.target.matrix(expected)
        worst = float(np.abs(found["probabilities"] - wanted).max())
        same = bool((found["prediction"] == expected["prediction"].to_numpy()).mean() > 1 - _CLOSE)
    else:
        wanted = expected["prediction"].to_numpy()
        worst = float((np.abs(found["prediction"] - wanted) / np.maximum(np.abs(wanted), 1.0)).max())
        same = True
    same = same and all(share >= _MOST for share in _alike(model, found, expected))
    if not same or not worst <= _CLOSE:
        raise ArtifactError(
            "The ONNX graph does not predict what the model does.",
            got=f"a difference of {worst:.2g}, or another class, interval or set, on {rows.height} rows",
            do="Use --to docker or --to mlflow, and report it.",
        )
    return {"rows": rows.height, "largest_difference": worst}


def _alike(model: TabularModel, found: Mapping[str, np.ndarray], expected: pl.DataFrame) -> list[float]:
    """On which shares of the rows the ends of intervals, and the sets of classes, are the model's."""
    ends = [(found[name], expected[name].to_numpy()) for name in ("low", "high") if name in found]
    shares = [float((np.abs(a - b) <= _CLOSE * np.maximum(np.abs(b), 1.0)).mean()) for a, b in ends]
    if "prediction_set" in found:
        labels = getattr(model.target, "labels", ())
        held = [[label in one for label in labels] for one in expected["prediction_set"].to_list()]
        shares.append(float((found["prediction_set"] == np.array(held)).all(axis=1).mean()))
    return shares


def _feed(typed: pl.DataFrame) -> dict[str, np.ndarray]:
    """The inputs of a graph, of conformed rows."""
    fed = {}
    for column in typed:
        if column.dtype == pl.Datetime:
            column = column.dt.epoch("us").cast(pl.Float64) / 1e6
        if column.dtype == pl.String:
            values = np.array(column.fill_null("").to_list(), dtype=object)
        else:
            values = column.cast(pl.Float64).fill_null(np.nan).to_numpy()
        fed[column.name] = values.reshape(-1, 1)
    return fed
