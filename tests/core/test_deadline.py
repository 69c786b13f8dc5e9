from __future__ import annotations

import math

import pytest

from noria.core.deadline import Deadline, OutOfTime, seconds
from noria.errors import ParamError


@pytest.mark.parametrize(
    ("text", "value"),
    [
        (60, 60.0),
        ("60", 60.0),
        ("60s", 60.0),
        ("1.5m", 90.0),
        ("2min", 120.0),
        ("1h", 3600.0),
        ("1d", 86400.0),
    ],
)
def test_durations(text, value):
    assert seconds(text) == value


@pytest.mark.parametrize(
    "text", ["soon", "", "0s", 0, "-5s", "5 parsecs", "1h30m", math.inf, math.nan, None, True]
)
def test_what_is_no_duration(text):
    with pytest.raises(ParamError) as caught:
        seconds(text)
    expected = f"A budget is a positive duration.\n  got: {text!r}\n  do:  Write it as 60s, 5m or 1h."
    assert str(caught.value) == expected


def test_a_deadline_without_a_budget_never_passes():
    deadline = Deadline()
    deadline.check()
    assert deadline.remaining == math.inf


def test_a_cancelled_deadline_has_passed():
    deadline = Deadline(1000)
    deadline.check()
    deadline.cancel()
    assert deadline.expired
    with pytest.raises(OutOfTime):
        deadline.check()


def test_an_earlier_one_shares_its_beginning():
    deadline = Deadline(1000)
    deadline.started -= 100
    sooner = deadline.earlier(950)
    assert sooner.started == deadline.started
    assert sooner.expired
    assert not deadline.expired
