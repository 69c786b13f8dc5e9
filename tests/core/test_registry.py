from __future__ import annotations

import pytest

from noria.core import registry
from noria.core.protocol import Task
from noria.core.schema import Column, Role, Schema, Type
from noria.errors import NotFoundError, RecipeError


def test_systems_and_backends_come_by_name():
    assert registry.systems()["tabular"] is registry.system("tabular")
    assert registry.backend("executor", "local")(1).workers == 1


def test_unknown_names_offer_the_nearest():
    with pytest.raises(NotFoundError) as caught:
        registry.system("tabula")
    assert str(caught.value) == "There is no system 'tabula'.\n  do:  Did you mean 'tabular'?"
    with pytest.raises(NotFoundError) as caught:
        registry.backend("executor", "locl")
    assert str(caught.value) == "There is no executor 'locl'.\n  do:  Did you mean 'local'?"


def test_pick_takes_a_system_that_accepts_the_columns():
    y = Column("y", Type.BOOLEAN, Role.TARGET)
    assert registry.pick(Schema((Column("x", Type.NUMBER), y)), Task.CLASSIFICATION).name == "tabular"
    with pytest.raises(RecipeError) as caught:
        registry.pick(Schema((Column("x", Type.VECTOR), y)), Task.CLASSIFICATION)
    assert str(caught.value) == (
        "No system solves classification on these columns.\n  got: x (vector), y (boolean)\n"
        "  do:  Name another task, or change the columns' types under 'data: columns:'."
    )
