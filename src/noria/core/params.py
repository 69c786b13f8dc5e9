"""Parameters, each declared once: type, range, default, search space and documentation.

The tuner, the command line, the JSON schema and the documentation are derived from the declaration.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any, ClassVar, Self

from noria.errors import ParamError, suggestion

__all__ = ["Param", "Params", "choice", "flag", "integer", "real"]


@dataclass(frozen=True)
class Param:
    """The declaration of one parameter.

    Attributes
    ----------
    kind : {"real", "integer", "choice", "flag"}
    default : object
    doc : str
        One line for people.
    low, high : float, optional
        Inclusive range of a number.
    log : bool
        Whether the search moves on a logarithmic scale.
    options : tuple
        The values of a choice.
    tune : bool
        Whether the tuner may change it.
    least : float, optional
        Where the search begins, if not at `low`.
    """

    kind: str
    default: Any
    doc: str
    low: float | None = None
    high: float | None = None
    log: bool = False
    options: tuple[Any, ...] = ()
    tune: bool = True
    least: float | None = None

    def check(self, name: str, value: Any) -> Any:
        """The value in its own type, or a ParamError that names the parameter."""
        if self.kind == "choice":
            if value not in self.options:
                options = ", ".join(repr(option) for option in self.options)
                raise ParamError(
                    f"Parameter {name!r} is not one of its options.", got=value, do=f"Use one of: {options}."
                )
            return self.options[self.options.index(value)]
        if self.kind == "flag":
            if not isinstance(value, bool):
                raise ParamError(f"Parameter {name!r} is true or false.", got=value, do="Use true or false.")
            return value
        whole = self.kind == "integer"
        number = isinstance(value, int | float) and not isinstance(value, bool) and math.isfinite(value)
        if not number or (whole and value != int(value)):
            noun = "a whole number" if whole else "a number"
            raise ParamError(f"Parameter {name!r} is {noun}.", got=repr(value), do=f"Use {noun}.")
        if (self.low is not None and value < self.low) or (self.high is not None and value > self.high):
            raise ParamError(
                f"Parameter {name!r} is out of range.",
                got=value,
                do=f"Use a value from {self.low} to {self.high}.",
            )
        return int(value) if whole else float(value)

    def json_schema(self) -> dict[str, Any]:
        """The parameter as a JSON schema property."""
        types = {"real": "number", "integer": "integer", "flag": "boolean"}
        schema: dict[str, Any] = {"description": self.doc, "default": self.default}
        if self.kind == "choice":
            schema["enum"] = list(self.options)
        else:
            schema["type"] = types[self.kind]
        if self.low is not None:
            schema["minimum"] = self.low
        if self.high is not None:
            schema["maximum"] = self.high
        return schema


def real(
    default: float,
    *,
    low: float,
    high: float,
    doc: str,
    log: bool = False,
    tune: bool = True,
    least: float | None = None,
) -> Any:
    """Declare a number."""
    return Param("real", default, doc, low=low, high=high, log=log, tune=tune, least=least)


def integer(default: int, *, low: int, high: int, doc: str, log: bool = False, tune: bool = True) -> Any:
    """Declare a whole number."""
    return Param("integer", default, doc, low=low, high=high, log=log, tune=tune)


def choice(default: Any, *options: Any, doc: str, tune: bool = True) -> Any:
    """Declare one of several values."""
    return Param("choice", default, doc, options=(default, *options), tune=tune)


def flag(default: bool, *, doc: str, tune: bool = True) -> Any:
    """Declare a switch."""
    return Param("flag", default, doc, tune=tune)


class Params:
    """A frozen set of parameter values; subclasses declare the fields.

    Examples
    --------
    >>> class TreeParams(Params):
    ...     depth: int = integer(6, low=1, high=16, doc="Deepest level of the tree.")
    >>> TreeParams(depth=3)
    TreeParams(depth=3)
    >>> TreeParams.fields["depth"].default
    6
    """

    fields: ClassVar[dict[str, Param]] = {}

    def __init_subclass__(cls, **kwargs: Any) -> None:
        super().__init_subclass__(**kwargs)
        own = {name: value for name, value in vars(cls).items() if isinstance(value, Param)}
        cls.fields = {**cls.fields, **own}

    def __init__(self, **values: Any) -> None:
        for name in values:
            if name not in self.fields:
                raise ParamError(
                    f"{type(self).__name__} has no parameter {name!r}.", do=suggestion(name, self.fields)
                )
        for name, param in self.fields.items():
            value = param.check(name, values[name]) if name in values else param.default
            object.__setattr__(self, name, value)

    def __setattr__(self, name: str, value: Any) -> None:
        raise AttributeError(f"{type(self).__name__} is frozen; use replace({name}=...).")

    def __eq__(self, other: object) -> bool:
        return type(self) is type(other) and self.to_dict() == other.to_dict()

    def __hash__(self) -> int:
        return hash((type(self), tuple(self.to_dict().items())))

    def __repr__(self) -> str:
        inner = ", ".join(f"{name}={value!r}" for name, value in self.to_dict().items())
        return f"{type(self).__name__}({inner})"

    def to_dict(self) -> dict[str, Any]:
        """The values by name, JSON-ready."""
        return {name: getattr(self, name) for name in self.fields}

    def replace(self, **changes: Any) -> Self:
        """A copy with some values changed."""
        return type(self)(**{**self.to_dict(), **changes})

    @classmethod
    def from_dict(cls, values: Mapping[str, Any]) -> Self:
        """The inverse of `to_dict`."""
        return cls(**values)

    @classmethod
    def space(cls) -> dict[str, Param]:
        """The parameters that the tuner may change, with the ranges that it draws from."""
        return {
            name: param if param.least is None else replace(param, low=param.least)
            for name, param in cls.fields.items()
            if param.tune
        }

    @classmethod
    def json_schema(cls) -> dict[str, Any]:
        """All parameters as a JSON schema object."""
        properties = {name: param.json_schema() for name, param in cls.fields.items()}
        return {"type": "object", "properties": properties, "additionalProperties": False}
