"""ONNX graphs written as arithmetic."""

from __future__ import annotations

from typing import Any

import numpy as np

from noria._lazy import require

__all__ = ["Graph", "Value"]

_OPSETS = {"": 18, "ai.onnx.ml": 5}
_IR = 10


class Graph:
    """Nodes in the order in which they were asked for; each result is a `Value`."""

    def __init__(self) -> None:
        self._onnx = require("onnx", extra="onnx")
        self._nodes: list[Any] = []
        self._constants: list[Any] = []
        self._inputs: list[Any] = []
        self._outputs: list[Any] = []

    def input(self, name: str, kind: type, *shape: int | str, doc: str = "") -> Value:
        """What a caller gives."""
        self._inputs.append(self._described(name, kind, shape, doc))
        return Value(self, name)

    def output(self, name: str, value: Value, kind: type, *shape: int | str, doc: str = "") -> None:
        """What a caller gets."""
        self._nodes.append(self._onnx.helper.make_node("Identity", [value.name], [name]))
        self._outputs.append(self._described(name, kind, shape, doc))

    def node(self, operator: str, *inputs: Any, domain: str = "", **attributes: Any) -> Value:
        """The result of an operator; numbers and arrays among its inputs become constants."""
        names = [self.lift(value).name for value in inputs]
        result = f"v{len(self._nodes)}"
        self._nodes.append(
            self._onnx.helper.make_node(operator, names, [result], domain=domain, **attributes)
        )
        return Value(self, result)

    def lift(self, value: Any) -> Value:
        """A constant, unless it is a value already; numbers are float64, texts objects."""
        if hasattr(value, "graph"):
            return value
        array = np.asarray(value, dtype=np.float64 if np.isscalar(value) else None)
        name = f"c{len(self._constants)}"
        self._constants.append(self.tensor(array, name))
        return Value(self, name)

    def tensor(self, array: np.ndarray, name: str = "") -> Any:
        """An array in ONNX's own form."""
        return self._onnx.numpy_helper.from_array(np.ascontiguousarray(array), name)

    def lookup(
        self, keys: Any, texts: tuple[str, ...], values: np.ndarray, default: float, kind: type = np.float32
    ) -> Value:
        """Texts (n, 1) replaced by numbers."""
        return self.node(
            "LabelEncoder", keys, domain="ai.onnx.ml",
            keys_strings=list(texts) or ["\0"], default_tensor=self.tensor(np.array([default], kind)),
            values_tensor=self.tensor(values.astype(kind) if len(texts) else np.array([default], kind)),
        )  # fmt: skip

    def model(self, about: dict[str, str]) -> Any:
        """The whole as a checked model."""
        helper = self._onnx.helper
        graph = helper.make_graph(self._nodes, "noria", self._inputs, self._outputs, self._constants)
        opsets = [helper.make_opsetid(domain, version) for domain, version in _OPSETS.items()]
        model = helper.make_model(graph, opset_imports=opsets, ir_version=_IR, producer_name="noria")
        helper.set_model_props(model, about)
        self._onnx.checker.check_model(model)
        return model

    def _described(self, name: str, kind: type, shape: tuple[int | str, ...], doc: str) -> Any:
        types = self._onnx.TensorProto
        known = {str: types.STRING, bool: types.BOOL, float: types.DOUBLE}
        return self._onnx.helper.make_tensor_value_info(name, known[kind], shape, doc_string=doc)


class Value:
    """A result inside a graph; arithmetic with it adds nodes."""

    def __init__(self, graph: Graph, name: str) -> None:
        self.graph, self.name = graph, name

    def __add__(self, other: Any) -> Value:
        return self.graph.node("Add", self, other)

    def __sub__(self, other: Any) -> Value:
        return self.graph.node("Sub", self, other)

    def __rsub__(self, other: Any) -> Value:
        return self.graph.node("Sub", other, self)

    def __mul__(self, other: Any) -> Value:
        return self.graph.node("Mul", self, other)

    def __truediv__(self, other: Any) -> Value:
        return self.graph.node("Div", self, other)

    def __rtruediv__(self, other: Any) -> Value:
        return self.graph.node("Div", other, self)

    def __matmul__(self, other: Any) -> Value:
        return self.graph.node("MatMul", self, other)

    def __ge__(self, other: Any) -> Value:
        return self.graph.node("GreaterOrEqual", self, other)

    def __le__(self, other: Any) -> Value:
        return self.graph.node("LessOrEqual", self, other)

    def __lt__(self, other: Any) -> Value:
        return self.graph.node("Less", self, other)

    def __floordiv__(self, other: Any) -> Value:
        return self.graph.node("Floor", self / other)

    def __mod__(self, other: float) -> Value:
        """The remainder that has the sign of the divisor."""
        return self - (self // other) * other

    def __rmul__(self, other: Any) -> Value:
        return self * other

    def apply(self, operator: str, *others: Any, **attributes: Any) -> Value:
        """An operator of which this is the first input."""
        return self.graph.node(operator, self, *others, **attributes)

    def clip(self, low: float, high: float) -> Value:
        """Held between two numbers."""
        return self.apply("Clip", low, high)

    def where(self, yes: Any, no: Any) -> Value:
        """One or the other, as this is true or false."""
        return self.apply("Where", yes, no)

    def cast(self, kind: type) -> Value:
        """The same in another type."""
        types = self.graph._onnx.helper.np_dtype_to_tensor_dtype(np.dtype(kind))
        return self.apply("Cast", to=types)

    def sum(self) -> Value:
        """Over the columns, which one stays of."""
        return self.apply("ReduceSum", np.array([1]), keepdims=1)

    def take(self, columns: Any) -> Value:
        """Some of the columns."""
        return self.apply("Gather", np.asarray(columns, dtype=np.int64), axis=1)

    def beside(self, *others: Value) -> Value:
        """All of them as columns of one matrix."""
        return self.apply("Concat", *others, axis=1) if others else self
