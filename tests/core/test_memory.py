import pytest

from noria.core import memory
from noria.errors import BudgetError


def test_available_memory_is_that_of_this_machine():
    assert 1e8 < memory.available() < 1e14


def test_work_that_fits_is_let_through():
    memory.require(1e6, "A megabyte")


def test_work_that_does_not_fit_is_refused_with_both_sizes():
    with pytest.raises(BudgetError) as raised:
        memory.require(1e15, "Training on 10 rows")
    assert "about 1000000.0 GB needed" in str(raised.value)
    assert str(raised.value).startswith("Training on 10 rows needs more memory than there is.")
    assert "USING SAMPLE" in raised.value.do
