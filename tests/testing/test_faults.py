"""Planted faults are the same for a seed, and lie in the rows that they are said to lie in."""

from __future__ import annotations

import pytest

from noria.lifecycle.diagnose import codes
from noria.testing.faults import FAULTS, sound


@pytest.mark.parametrize("code", FAULTS)
def test_a_fault_is_made_from_its_seed(code):
    one, two, other = FAULTS[code](3), FAULTS[code](3), FAULTS[code](4)
    assert code in codes()
    assert "y" in one.table.columns
    assert one.table.equals(two.table)
    assert not one.table.equals(other.table)
    assert (one.test is None) == (two.test is None)
    assert one.test is None or one.test.equals(two.test)
    assert one.keys == two.keys


def test_sound_rows_have_a_target_of_the_kind_that_was_asked_for():
    assert sound(50)["y"].dtype.is_float()
    assert set(sound(50, classes=True)["y"]) == {"no", "yes"}
    assert sound(50).drop("y").equals(sound(50, classes=True).drop("y"))
