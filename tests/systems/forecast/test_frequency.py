from __future__ import annotations

import json
from datetime import date, datetime, timedelta

import numpy as np
import polars as pl
import pytest

from noria.errors import DataError
from noria.systems.forecast.frequency import Frequency

START = datetime(2023, 1, 1)
DAY, HOUR = timedelta(days=1), timedelta(hours=1)


def months(count: int, every: int = 1, first: datetime = START) -> list[datetime]:
    at = [first.year * 12 + first.month - 1 + every * step for step in range(count)]
    return [first.replace(year=month // 12, month=month % 12 + 1) for month in at]


def month_ends(count: int) -> list[datetime]:
    return [first - DAY for first in months(count + 1)[1:]]


def regular(count: int, gap: timedelta, first: datetime = START) -> list[datetime]:
    return [first + step * gap for step in range(count)]


def weekdays(count: int, first: datetime = START) -> list[datetime]:
    return [day for day in regular(2 * count, DAY, first) if day.weekday() < 5][:count]


def inferred(*series: list) -> tuple[Frequency, float]:
    numbers = np.repeat(np.arange(len(series)), [len(one) for one in series])
    return Frequency.infer(pl.Series([stamp for one in series for stamp in one]), numbers)


def steps(frequency: Frequency, stamps: list) -> list[int]:
    return frequency.steps(pl.Series(stamps)).tolist()


def one_apart(found: list[int]) -> bool:
    return found == list(range(found[0], found[0] + len(found)))


STAMPS = {
    "monthly": (months(30), "month", 1, "monthly", 12, 12),
    "month ends": (month_ends(30), "month", 1, "monthly", 12, 12),
    "every 2 months": (months(20, 2), "month", 2, "every 2 months", 6, 6),
    "quarterly": (months(20, 3), "month", 3, "quarterly", 4, 8),
    "quarters from February": (months(20, 3, datetime(2001, 2, 15)), "month", 3, "quarterly", 4, 8),
    "half-yearly": (months(12, 6), "month", 6, "half-yearly", 2, 6),
    "every 5 months": (months(20, 5), "month", 5, "every 5 months", 1, 6),
    "every 4 years": (months(9, 48), "month", 48, "every 48 months", 1, 6),
    "yearly": (months(15, 12, datetime(1990, 12, 31)), "month", 12, "yearly", 1, 4),
    "weekly": (regular(60, 7 * DAY), "seconds", 604_800, "weekly", 52, 13),
    "every 4 weeks": (regular(40, 28 * DAY), "seconds", 2_419_200, "every 28 days", 13, 26),
    "daily": (regular(60, DAY), "seconds", 86_400, "daily", 7, 14),
    "business days": (weekdays(60), "business", 1, "on business days", 5, 10),
    "hourly": (regular(60, HOUR), "seconds", 3600, "hourly", 24, 48),
    "every 15 minutes": (regular(200, HOUR / 4), "seconds", 900, "every 15 minutes", 96, 48),
    "every minute": (regular(60, HOUR / 60), "seconds", 60, "every minute", 1, 6),
    "every second": (regular(60, HOUR / 3600), "seconds", 1, "every second", 1, 6),
    "every 6 hours": (regular(60, 6 * HOUR), "seconds", 21_600, "every 6 hours", 4, 8),
    "whole numbers": ([float(year) for year in range(1990, 2020)], "number", 1, "every 1", 1, 6),
    "every 10": ([float(at) for at in range(0, 300, 10)], "number", 10, "every 10", 1, 6),
}


@pytest.mark.parametrize("name", STAMPS)
def test_a_regular_clock_is_recognised_and_its_stamps_are_one_step_apart(name):
    stamps, kind, every, *_ = STAMPS[name]
    frequency, share = inferred(stamps)
    assert (frequency.kind, frequency.every) == (kind, every)
    assert share == 1.0
    assert one_apart(steps(frequency, stamps))


@pytest.mark.parametrize("name", STAMPS)
def test_a_clock_has_a_name_a_season_and_a_horizon(name):
    stamps, _, _, words, season, horizon = STAMPS[name]
    frequency, _ = inferred(stamps)
    assert str(frequency) == words
    assert frequency.season == season
    assert frequency.horizon == horizon


def test_longer_seasons_come_after_the_shortest():
    assert Frequency("seconds", 3600.0).seasons == (24, 168)
    assert Frequency("seconds", 86_400.0).seasons == (7, 364)
    assert Frequency("seconds", 604_800.0).seasons == (52,)
    assert Frequency("seconds", 7.0).seasons == (1,)
    assert Frequency("month", 1).seasons == (12,)
    assert Frequency("number", 1.0).seasons == (1,)


@pytest.mark.parametrize("name", STAMPS)
def test_the_moment_of_a_step_is_in_that_step(name):
    stamps = STAMPS[name][0]
    frequency, _ = inferred(stamps)
    first = steps(frequency, stamps)[0]
    wanted = list(range(first - 700, first + 700))
    if frequency.kind == "month" and frequency.every >= 12:
        wanted = list(range(first - 200, first + 200))
    assert steps(frequency, [frequency.moment(step) for step in wanted]) == wanted


WITHIN = {"quarters from February", "every 5 months"}


@pytest.mark.parametrize("name", sorted(STAMPS.keys() - WITHIN))
def test_the_moment_of_a_stamp_is_that_stamp(name):
    stamps = STAMPS[name][0]
    frequency, _ = inferred(stamps)
    assert [frequency.moment(step) for step in steps(frequency, stamps)] == stamps


def test_a_step_of_months_is_named_by_its_first_day_where_the_stamps_lie_on_many():
    stamps = [month.replace(day=day) for month, day in zip(months(12), [1, 2, 2] * 4)]
    frequency, _ = inferred(stamps)
    assert [frequency.moment(step) for step in steps(frequency, stamps)] == months(12)


@pytest.mark.parametrize("name", STAMPS)
def test_a_clock_survives_json(name):
    frequency, _ = inferred(STAMPS[name][0])
    assert Frequency.from_dict(json.loads(json.dumps(frequency.to_dict()))) == frequency


def test_dates_are_read_as_moments_are():
    days = [date(2024, 1, 1) + timedelta(days=at) for at in range(40)]
    frequency, share = inferred(days)
    assert (str(frequency), share) == ("daily", 1.0)
    assert one_apart(steps(frequency, days))


# --- numbers ---------------------------------------------------------------------------------------


@pytest.mark.parametrize("parts", [4, 12, 52, 365])
@pytest.mark.parametrize("start", [1949.0, 1749.042, 0.1])
def test_decimal_years_are_steps_whatever_the_noise_of_their_last_digits(parts, start):
    stamps = [start + at / parts for at in range(20 * parts)]
    frequency, share = inferred(stamps)
    assert frequency.kind == "number"
    assert frequency.every == pytest.approx(1 / parts, rel=1e-9)
    assert share > 0.99
    assert steps(frequency, stamps) == list(range(20 * parts))


@pytest.mark.parametrize("digits", [2, 3, 4])
def test_rounded_decimal_years_do_not_drift_from_their_steps(digits):
    stamps = [round(1749 + at / 12, digits) for at in range(3000)]
    frequency, share = inferred(stamps)
    assert frequency.every == pytest.approx(1 / 12, rel=1e-4)
    assert share == 1.0
    assert steps(frequency, stamps) == list(range(3000))


def test_missing_numbers_leave_gaps_and_not_a_coarser_step():
    rng = np.random.default_rng(0)
    kept = np.flatnonzero(rng.random(300) < 0.6)
    frequency, share = inferred((2.5 * kept).tolist())
    assert frequency.every == 2.5
    assert steps(frequency, (2.5 * kept).tolist()) == (kept - kept[0]).tolist()
    assert share == pytest.approx(np.mean(np.diff(kept) == 1))


def test_numbers_without_a_clock_get_steps_of_the_usual_gap_not_of_the_smallest():
    stamps = np.sort(np.random.default_rng(0).uniform(0, 1000, 400))
    frequency, share = inferred(stamps.tolist())
    gaps = np.diff(stamps)
    assert np.quantile(gaps, 0.3) < frequency.every < np.quantile(gaps, 0.7)
    assert share < 0.5


# --- moments that are not quite regular -------------------------------------------------------------


def test_missing_days_leave_gaps():
    days = [day for at, day in enumerate(regular(100, DAY)) if at % 9 not in (3, 4)]
    frequency, share = inferred(days)
    assert str(frequency) == "daily"
    assert share == pytest.approx(1 - 11 / (len(days) - 1))
    assert [found - steps(frequency, days)[0] for found in steps(frequency, days)] == [
        (day - START).days for day in days
    ]


def test_missing_months_leave_gaps():
    stamps = [stamp for at, stamp in enumerate(months(60)) if at % 10 != 7]
    frequency, _ = inferred(stamps)
    assert str(frequency) == "monthly"
    assert [found - steps(frequency, stamps)[0] for found in steps(frequency, stamps)] == [
        at for at in range(60) if at % 10 != 7
    ]


@pytest.mark.parametrize("stamps", [months(240), month_ends(240)])
def test_months_that_are_mostly_missing_are_still_months(stamps):
    kept = np.flatnonzero(np.random.default_rng(0).random(240) < 0.35)
    frequency, share = inferred([stamps[at] for at in kept])
    assert str(frequency) == "monthly"
    assert share == np.mean(np.diff(kept) == 1) < 0.5
    assert steps(frequency, [stamps[at] for at in kept]) == (kept + steps(frequency, stamps)[0]).tolist()


def test_years_of_which_every_third_is_missing_are_still_years():
    years = [datetime(1990 + at, 7, 1) for at in range(20) if at % 3]
    frequency, share = inferred(years)
    assert str(frequency) == "yearly"
    assert share == 0.5
    assert steps(frequency, years) == [year.year - 1970 for year in years]


def test_holidays_are_gaps_between_business_days():
    days = [day for day in weekdays(200) if day.day != 17]
    frequency, share = inferred(days)
    assert str(frequency) == "on business days"
    assert 0.9 < share < 1.0
    assert not one_apart(steps(frequency, days))


def test_a_weekend_belongs_to_the_monday_after_it():
    frequency = Frequency("business", 1)
    friday, saturday, sunday, monday = regular(4, DAY, datetime(2024, 3, 1))
    found = steps(frequency, [friday, saturday, sunday, monday])
    assert [step - found[0] for step in found] == [0, 1, 1, 1]
    assert frequency.moment(found[1]) == monday


def test_a_few_weekdays_are_no_proof_of_business_days():
    assert str(inferred(regular(5, DAY, datetime(2024, 1, 1)))[0]) == "daily"
    assert str(inferred(regular(60, DAY, datetime(2024, 1, 1)))[0]) == "daily"


def test_seconds_late_or_early_stay_in_their_step():
    rng = np.random.default_rng(0)
    late = rng.integers(-120, 120, 80) * (rng.random(80) < 0.2)
    hours = [hour + timedelta(seconds=int(by)) for hour, by in zip(regular(80, HOUR), late)]
    frequency, share = inferred(hours)
    assert str(frequency) == "hourly"
    assert 0.5 < share < 0.9
    assert one_apart(steps(frequency, hours))


def test_days_that_begin_an_hour_later_in_winter_are_days():
    days = regular(90, DAY, datetime(2024, 8, 31, 22)) + regular(90, DAY, datetime(2024, 11, 29, 23))
    days += regular(90, DAY, datetime(2025, 2, 27, 22))
    frequency, share = inferred(days)
    assert str(frequency) == "daily"
    assert share > 0.98
    assert one_apart(steps(frequency, days))


def test_series_that_are_taken_half_a_step_apart_each_keep_all_their_steps():
    midnights, noons = regular(50, DAY), regular(50, DAY, START + DAY / 2)
    frequency, share = inferred(midnights, noons)
    assert (str(frequency), share) == ("daily", 1.0)
    assert one_apart(steps(frequency, midnights))
    assert one_apart(steps(frequency, noons))


def test_stamps_at_any_time_of_the_day_belong_to_the_day_that_they_lie_in():
    rng = np.random.default_rng(0)
    stamps = sorted(START + DAY * float(at) for at in rng.uniform(0, 300, 300))
    frequency, share = inferred(stamps)
    assert str(frequency) in {"daily", "every 12 hours"}
    assert share < 0.1
    for stamp, step in zip(stamps, steps(frequency, stamps)):
        begin = frequency.moment(step)
        assert begin <= stamp < begin + timedelta(seconds=frequency.every)
        assert begin.hour in (0, 12)


def test_an_irregular_clock_is_one_that_people_use():
    rng = np.random.default_rng(1)
    for seconds, words in ((50, "every minute"), (4000, "hourly"), (80_000, "daily"), (700_000, "weekly")):
        at = np.cumsum(rng.uniform(0.6, 1.4, 200) * seconds)
        stamps = [START + timedelta(seconds=float(one)) for one in at]
        assert str(inferred(stamps)[0]) == words


# --- several series --------------------------------------------------------------------------------


def test_gaps_between_series_count_for_nothing():
    early, late = regular(3, 7 * DAY), regular(3, 7 * DAY, START + 1001 * DAY)
    frequency, share = inferred(early, late)
    assert (str(frequency), share) == ("weekly", 1.0)


def test_the_order_of_the_rows_is_irrelevant():
    rng = np.random.default_rng(0)
    stamps, series = regular(40, HOUR) * 2, np.repeat([0, 1], 40)
    order = rng.permutation(80)
    shuffled = Frequency.infer(pl.Series(stamps)[order], series[order])
    assert shuffled == Frequency.infer(pl.Series(stamps), series)


def test_stamps_that_repeat_count_for_nothing():
    assert inferred([stamp for stamp in months(10) for _ in range(5)]) == inferred(months(10))


@pytest.mark.parametrize("stamps", [[START], [START, START], [3.0, 3.0]])
def test_one_moment_is_no_series(stamps):
    with pytest.raises(DataError) as caught:
        inferred(stamps, stamps)
    assert str(caught.value) == (
        "No series has two different stamps, so nothing can be forecast.\n"
        "  do:  Give more than one moment per series, or name the columns that tell series apart."
    )
