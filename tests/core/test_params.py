from __future__ import annotations

import json

import pytest

from noria.core.params import Params, choice, flag, integer, real
from noria.errors import ParamError


class Tree(Params):
    depth: int = integer(6, low=1, high=16, doc="Deepest level.")
    rate: float = real(0.1, low=0.0, high=1.0, doc="Step.", log=True)
    kind: str = choice("a", "b", "c", doc="Kind.")
    units: int = choice(64, 128, doc="Units.")
    prune: bool = flag(True, doc="Cut back.")
    rounds: int = integer(10, low=1, high=99, doc="Rounds.", tune=False)


class Bush(Tree):
    width: int = integer(2, low=1, high=9, doc="Width.")


def test_defaults_and_values():
    assert Tree().to_dict() == {
        "depth": 6,
        "rate": 0.1,
        "kind": "a",
        "units": 64,
        "prune": True,
        "rounds": 10,
    }
    given = Tree(depth=3.0, rate=1, units=128.0)
    assert (given.depth, given.rate, given.units) == (3, 1.0, 128)
    assert type(given.depth) is int
    assert type(given.units) is int
    assert type(given.rate) is float


@pytest.mark.parametrize(
    ("values", "text"),
    [
        ({"depth": 17}, "Parameter 'depth' is out of range.\n  got: 17\n  do:  Use a value from 1 to 16."),
        ({"depth": 2.5}, "Parameter 'depth' is a whole number.\n  got: 2.5\n  do:  Use a whole number."),
        ({"depth": True}, "Parameter 'depth' is a whole number.\n  got: True\n  do:  Use a whole number."),
        (
            {"depth": float("inf")},
            "Parameter 'depth' is a whole number.\n  got: inf\n  do:  Use a whole number.",
        ),
        ({"rate": float("nan")}, "Parameter 'rate' is a number.\n  got: nan\n  do:  Use a number."),
        ({"rate": "fast"}, "Parameter 'rate' is a number.\n  got: 'fast'\n  do:  Use a number."),
        (
            {"rate": -0.1},
            "Parameter 'rate' is out of range.\n  got: -0.1\n  do:  Use a value from 0.0 to 1.0.",
        ),
        (
            {"kind": "d"},
            "Parameter 'kind' is not one of its options.\n  got: d\n  do:  Use one of: 'a', 'b', 'c'.",
        ),
        ({"prune": 1}, "Parameter 'prune' is true or false.\n  got: 1\n  do:  Use true or false."),
        ({"dept": 1}, "Tree has no parameter 'dept'.\n  do:  Did you mean 'depth'?"),
    ],
)
def test_wrong_values_are_named(values, text):
    with pytest.raises(ParamError) as caught:
        Tree(**values)
    assert str(caught.value) == text


def test_params_are_values():
    assert Tree(depth=3) == Tree(depth=3)
    assert Tree(depth=3) != Tree(depth=4)
    assert Tree() != Bush()
    assert len({Tree(depth=3), Tree(depth=3), Tree()}) == 2
    with pytest.raises(AttributeError, match="frozen"):
        Tree().depth = 3


def test_replace_checks_and_copies():
    tree = Tree(depth=3)
    assert tree.replace(rate=0.5).to_dict() == {**tree.to_dict(), "rate": 0.5}
    assert tree.rate == 0.1
    with pytest.raises(ParamError):
        tree.replace(depth=99)


def test_a_subclass_adds_its_own_and_leaves_its_parent_alone():
    assert list(Bush.fields) == [*Tree.fields, "width"]
    assert "width" not in Tree.fields


def test_a_search_may_begin_above_what_is_allowed():
    class Slow(Params):
        rate: float = real(0.1, low=0.01, high=1.0, least=0.05, doc="Step.", log=True)

    assert Slow(rate=0.02).rate == 0.02
    assert (Slow.space()["rate"].low, Slow.space()["rate"].high) == (0.05, 1.0)
    assert Slow.json_schema()["properties"]["rate"]["minimum"] == 0.01


def test_what_is_derived_from_the_declaration():
    assert list(Tree.space()) == ["depth", "rate", "kind", "units", "prune"]
    schema = json.loads(json.dumps(Tree.json_schema()))
    assert schema["additionalProperties"] is False
    assert schema["properties"]["depth"] == {
        "description": "Deepest level.", "default": 6, "type": "integer", "minimum": 1, "maximum": 16
    }  # fmt: skip
    assert schema["properties"]["kind"]["enum"] == ["a", "b", "c"]
    assert Tree.from_dict(json.loads(json.dumps(Tree(depth=2).to_dict()))) == Tree(depth=2)
