from __future__ import annotations

import sys
from datetime import date

import numpy as np
import pytest

from noria.errors import DataError, MissingExtraError, ParamError
from noria.systems.forecast.frequency import Frequency
from noria.systems.forecast.holidays import Holidays, known_country
from noria.systems.forecast.options import ForecastOptions

DAY = 86_400.0
DAILY = Frequency("seconds", DAY)


def step(day: date) -> int:
    return (day - date(1970, 1, 1)).days


def near(frequency: Frequency, at: int, country: str = "US") -> list[float]:
    return Holidays.of(country, frequency, at, at).near(np.array([at]))[0].tolist()


@pytest.mark.parametrize(
    ("day", "found"),
    [
        (date(2024, 7, 4), [1, 7, 7]),  # Juneteenth and Labor Day are further away than a week
        (date(2024, 7, 2), [0, 7, 2]),
        (date(2024, 7, 6), [0, 2, 7]),
        (date(2024, 12, 28), [0, 3, 4]),  # between Christmas and New Year
        (date(2021, 7, 5), [1, 1, 7]),  # stands in for the 4th, a Sunday
    ],
)
def test_a_day_knows_whether_it_is_a_holiday_and_how_far_the_next_ones_are(day, found):
    assert near(DAILY, step(day)) == found


def test_an_hour_is_as_far_from_holidays_as_its_day():
    hourly = Frequency("seconds", 3600.0)
    assert near(hourly, 24 * step(date(2024, 7, 2)) + 17) == [0, 7, 2]
    assert near(hourly, 24 * step(date(2024, 7, 4)) + 23) == [1, 7, 7]


def test_a_day_that_is_stamped_at_noon_is_that_day():
    assert near(Frequency("seconds", DAY, DAY / 2), step(date(2024, 7, 4))) == [1, 7, 7]


def test_a_business_day_does_not_count_the_weekend_behind_it():
    friday = int(np.busday_count("1970-01-01", "2027-12-24"))
    assert near(Frequency("business", 1), friday) == [1, 7, 1]  # for Christmas, a Saturday


def test_a_longer_step_counts_its_holidays_and_those_of_the_steps_around_it():
    weekly = Frequency("seconds", 7 * DAY)  # weeks begin on Thursdays
    assert near(weekly, step(date(2024, 12, 26)) // 7) == [1, 1, 0]
    assert near(Frequency("month", 1), 12 * 54 + 10) == [2, 1, 1]  # Veterans Day, Thanksgiving
    assert near(Frequency("month", 12), 54) == [11, 11, 11]


def test_weekends_are_made_up_for_only_where_days_are_counted():
    weekly = Frequency("seconds", 7 * DAY)
    assert near(weekly, step(date(2021, 7, 1)) // 7) == [1, 0, 0]  # Sunday the 4th, observed on the 5th


def test_each_holiday_has_its_own_effects_in_around_and_after():
    at = np.array([step(date(2024, 7, 3)), step(date(2024, 7, 4)), step(date(2025, 7, 5))])
    each = Holidays.of("US", DAILY, int(at[0]), int(at[-1])).each(at)
    names = each.shape[1] // 3
    same, before, after = (each[:, names * part : names * (part + 1)] for part in range(3))
    assert same.sum(axis=1).tolist() == [0, 1, 0]
    assert before.sum(axis=1).tolist() == [0, 0, 1]
    assert after.sum(axis=1).tolist() == [1, 0, 0]
    assert same[1].argmax() == before[2].argmax() == after[0].argmax()


def test_a_part_of_a_country_has_holidays_of_its_own():
    epiphany = step(date(2025, 1, 6))
    assert near(DAILY, epiphany, "DE-BY")[0] == 1
    assert near(DAILY, epiphany, "DE")[0] == 0


def test_numbers_have_no_calendar():
    with pytest.raises(DataError) as caught:
        Holidays.of("US", Frequency("number", 1.0), 0, 9)
    assert str(caught.value) == (
        "Holidays need a calendar, and the time of these series is a number.\n"
        "  got: options: {holidays: US}\n"
        "  do:  Give dates as time, or leave holidays out."
    )


@pytest.mark.parametrize(
    ("code", "do"),
    [
        ("us", "Did you mean 'US'?"),
        ("US-NYY", "Did you mean 'US-NY'?"),
        ("Germany", "Give a code such as 'US', or 'US-NY' for a part of it."),
    ],
)
def test_an_unknown_country_is_an_error_that_offers_the_nearest_code(code, do):
    with pytest.raises(ParamError) as caught:
        ForecastOptions(holidays=code)
    assert str(caught.value) == f"The holidays of {code!r} are not known.\n  do:  {do}"


@pytest.mark.parametrize("code", ["US", "USA", "US-NY", "DE-BY"])
def test_a_known_country_is_taken_as_it_is(code):
    assert known_country(code) == code


def test_without_the_package_the_error_names_the_extra(monkeypatch):
    monkeypatch.setitem(sys.modules, "holidays", None)
    with pytest.raises(MissingExtraError) as caught:
        ForecastOptions(holidays="US")
    assert 'pip install "noria[forecast]"' in str(caught.value)
    assert ForecastOptions(holidays=None).holidays is None
