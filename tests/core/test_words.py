from __future__ import annotations

import pytest

from noria.core.words import data_size, moment, number, percent, quoted


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (0.0, "0"), (-3.0, "-3"), (1234.5, "1,234"), (0.123456, "0.1235"), (1e20, "1e+20"), (1e-9, "1e-09"),
        (float("inf"), "inf"),
    ],
)  # fmt: skip
def test_numbers(value, text):
    assert number(value) == text


@pytest.mark.parametrize(
    ("share", "text"),
    [
        (0, "0%"), (1e-9, "under 0.1%"), (0.05, "5.0%"), (0.5, "50%"), (0.95, "95.0%"),
        (1 - 1e-9, "over 99.9%"), (1, "100%"),
    ],
)  # fmt: skip
def test_shares(share, text):
    assert percent(share) == text


@pytest.mark.parametrize(
    ("seconds", "text"),
    [
        (0, "1970-01-01"),
        (-62_135_596_800, "0001-01-01"),
        (253_402_300_799, "9999-12-31 23:59:59"),
        (1e18, "1e+18"),
        (1_700_000_000.7, "2023-11-14 22:13:21"),
    ],
)
def test_moments(seconds, text):
    assert moment(seconds) == text


def test_sizes_and_quotes():
    assert data_size(2.5e9) == "2.5 GB"
    assert quoted("a\nb") == r"'a\nb'"
    assert quoted("x" * 41) == "'" + "x" * 39 + "…'"
