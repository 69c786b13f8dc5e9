"""What a model takes and gives, typed: the source of JSON schemas, forms and examples."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any

from noria.core.schema import Column, Role, Schema, Type

__all__ = ["PROBABILITY", "Output", "Signature"]

PROBABILITY = "probability_"
"""What the name of an output begins with that is the probability of a class."""

_JSON_TYPES = {Type.NUMBER: "number", Type.BOOLEAN: "boolean"}
_LEVELS_LISTED = 100


@dataclass(frozen=True)
class Output:
    """One column of a prediction."""

    name: str
    type: Type
    doc: str = ""


@dataclass(frozen=True)
class Signature:
    """A model's typed input and output.

    Attributes
    ----------
    inputs : Schema
        The columns that a caller sends (before any feature function).
    outputs : tuple of Output
    example : dict
        One real row of the training data, JSON-ready.
    also : tuple of str
        Texts that a row may have beside the inputs.

    Examples
    --------
    >>> age = Column("age", Type.NUMBER, low=18, high=90)
    >>> signature = Signature(Schema((age,)), (Output("prediction", Type.NUMBER),))
    >>> signature.json_schema()["properties"]["age"]["type"]
    ['number', 'null']
    """

    inputs: Schema
    outputs: tuple[Output, ...]
    example: Mapping[str, Any] | None = None
    also: tuple[str, ...] = ()

    @property
    def columns(self) -> tuple[Column, ...]:
        """The input columns that a prediction reads."""
        used = (Role.FEATURE, Role.TIME, Role.SERIES, Role.USER, Role.ITEM)
        return tuple(column for column in self.inputs if column.role in used)

    @property
    def classes(self) -> tuple[str, ...]:
        """The classes that it predicts; none if it predicts something else."""
        names = [output.name for output in self.outputs]
        return tuple(name.removeprefix(PROBABILITY) for name in names if name.startswith(PROBABILITY))

    @property
    def question(self) -> str | None:
        """The column of questions, if that is all that goes in and answers cite documents."""
        documents = any(output.type is Type.DOCUMENT for output in self.outputs)
        asked = self.columns
        return asked[0].name if documents and len(asked) == 1 else None

    def json_schema(self) -> dict[str, Any]:
        """One row of input as a JSON schema object."""
        properties: dict[str, Any] = {}
        for column in self.columns:
            prop: dict[str, Any] = {"type": [_JSON_TYPES.get(column.type, "string"), "null"]}
            if column.type is Type.CATEGORY and 0 < len(column.levels) <= _LEVELS_LISTED:
                prop["examples"] = list(column.levels)
            if column.type is Type.NUMBER and column.low is not None:
                prop["description"] = f"from {column.low:g} to {column.high:g} in training"
            if column.type is Type.DATETIME:
                prop["format"] = "date-time"
            properties[column.name] = prop
        beside = {name: {"type": ["string", "null"]} for name in self.also}
        return {"type": "object", "properties": properties | beside, "required": list(properties)}

    def to_dict(self) -> dict[str, Any]:
        """JSON-ready fields; `from_dict` reads them back."""
        return {
            "inputs": self.inputs.to_dict(),
            "outputs": [asdict(output) for output in self.outputs],
            "example": dict(self.example) if self.example is not None else None,
            **({"also": list(self.also)} if self.also else {}),
        }

    @classmethod
    def from_dict(cls, fields: Mapping[str, Any]) -> Signature:
        """The inverse of `to_dict`."""
        outputs = tuple(Output(o["name"], Type(o["type"]), o["doc"]) for o in fields["outputs"])
        inputs, also = Schema.from_dict(fields["inputs"]), tuple(fields.get("also", ()))
        return cls(inputs, outputs, fields["example"], also)
