from __future__ import annotations

from datetime import datetime, timedelta

import numpy as np
import polars as pl
import pytest

from noria.core.protocol import Task
from noria.core.schema import Column, Role, Schema, Type
from noria.data.conform import conform
from noria.data.infer import infer
from noria.data.validate import prepare
from noria.errors import DataError
from noria.systems.forecast.frequency import Frequency
from noria.systems.forecast.panel import Panel, keys

START, DAY = datetime(2024, 1, 1), timedelta(days=1)


def schema(*series: str, time: Type = Type.DATETIME, features: tuple[Column, ...] = ()) -> Schema:
    kinds = [Column(name, Type.CATEGORY, Role.SERIES) for name in series]
    return Schema(
        (Column("day", time, Role.TIME), *kinds, *features, Column("sold", Type.NUMBER, Role.TARGET))
    )


def days(*numbers: int) -> list[datetime]:
    return [START + number * DAY for number in numbers]


def table(sold: list[float], numbers: list[int] | None = None, **more: object) -> pl.DataFrame:
    stamps = days(*(range(len(sold)) if numbers is None else numbers))
    return pl.DataFrame({"day": stamps, "sold": sold}).with_columns(
        **{
            name: pl.Series(value) if isinstance(value, list) else pl.lit(value)
            for name, value in more.items()
        }
    )


def values(panel: Panel) -> dict[str, list[float]]:
    return dict(zip(panel.names, (one.tolist() for one in panel.values)))


def firsts(panel: Panel) -> list[datetime]:
    return [panel.frequency.moment(int(step)) for step in panel.starts]


def test_one_series_needs_no_name():
    panel = Panel.of(table([3.0, 1.0, 4.0, 1.5]), schema())
    assert values(panel) == {"series": [3.0, 1.0, 4.0, 1.5]}
    assert firsts(panel) == [START]
    assert panel.notes == ("1 series, daily",)


def test_rows_in_any_order_give_the_same_series():
    rng = np.random.default_rng(0)
    parts = [table(rng.normal(size=30).tolist(), shop=shop) for shop in ("b", "a", "c")]
    whole = pl.concat(parts)
    ordered = Panel.of(whole, schema("shop"))
    shuffled = Panel.of(whole[rng.permutation(90)], schema("shop"))
    assert ordered.names == ["a", "b", "c"]
    assert values(ordered) == {
        shop: part["sold"].to_list() for shop, part in zip("bac", parts)
    }  # fmt: skip
    assert values(shuffled) == values(ordered)
    assert shuffled.starts.tolist() == ordered.starts.tolist()
    assert shuffled.frequency == ordered.frequency
    assert shuffled.notes == ordered.notes == ("3 series, daily",)


def test_stamps_that_repeat_are_averaged_and_counted():
    panel = Panel.of(table([1.0, 2.0, 5.0, 8.0, 4.0], [0, 1, 1, 1, 2]), schema())
    assert values(panel) == {"series": [1.0, 5.0, 4.0]}
    assert panel.notes == ("1 series, daily", "2 stamps that repeat were averaged")


def test_the_same_stamp_in_two_series_is_no_repeat():
    panel = Panel.of(
        table([1.0, 2.0, 3.0, 7.0, 8.0, 9.0], [0, 1, 2] * 2, shop=list("aaabbb")), schema("shop")
    )
    assert values(panel) == {"a": [1.0, 2.0, 3.0], "b": [7.0, 8.0, 9.0]}
    assert panel.notes == ("2 series, daily",)


def test_gaps_are_filled_on_a_straight_line_and_counted():
    numbers = [*range(10), 12, *range(13, 20), 24]
    panel = Panel.of(table([float(number**2) for number in numbers], numbers), schema())
    expected = [float(number**2) for number in range(25)]
    expected[10:12] = [81 + (144 - 81) / 3, 81 + 2 * (144 - 81) / 3]
    expected[20:24] = [361 + step * (576 - 361) / 5 for step in range(1, 5)]
    assert values(panel)["series"] == pytest.approx(expected)
    assert panel.notes == (
        "1 series, daily",
        "6 missing steps filled on a straight line, the longest gap 4 steps",
    )


def test_business_days_have_no_gaps_at_weekends():
    numbers = [number for number in range(60) if days(number)[0].weekday() < 5]
    panel = Panel.of(table([float(number) for number in numbers], numbers), schema())
    assert values(panel) == {"series": [float(number) for number in numbers]}
    assert panel.notes == ("1 series, on business days",)


def test_series_may_begin_and_end_when_they_like():
    rows = pl.concat(
        [
            table([1.0, 2.0, 3.0], [0, 1, 2], shop="early"),
            table([4.0, 5.0], [10, 11], shop="late"),
            table([6.0], [5], shop="once"),
        ]
    )
    panel = Panel.of(rows, schema("shop"))
    assert values(panel) == {"early": [1.0, 2.0, 3.0], "late": [4.0, 5.0], "once": [6.0]}
    assert firsts(panel) == days(0, 10, 5)
    assert [panel.frequency.moment(int(step)) for step in panel.ends] == days(2, 11, 5)
    assert panel.lengths.tolist() == [3, 2, 1]
    assert panel.number == {"early": 0, "late": 1, "once": 2}
    assert panel.notes == ("3 series, daily",)


def test_two_columns_name_a_series_together():
    rows = table([1.0, 2.0, 3.0, 4.0], [0, 1, 0, 1], shop=["a", "a", "a", "a"], item=["x", "x", "y", "y"])
    panel = Panel.of(rows, schema("shop", "item"))
    assert values(panel) == {"a / x": [1.0, 2.0], "a / y": [3.0, 4.0]}
    assert keys(rows, schema("shop", "item")).to_list() == ["a / x", "a / x", "a / y", "a / y"]
    assert keys(rows, schema("item", "shop")).to_list() == ["x / a", "x / a", "y / a", "y / a"]


def test_rows_without_a_name_are_a_series_of_their_own():
    rows = table([1.0, 2.0, 3.0, 4.0], [0, 1, 0, 1], shop=["a", "a", None, None])
    assert values(Panel.of(rows, schema("shop"))) == {"": [3.0, 4.0], "a": [1.0, 2.0]}


def test_numbers_may_be_the_time():
    rows = pl.DataFrame({"day": [1950.25, 1950.0, 1950.75], "sold": [2.0, 1.0, 4.0]})
    panel = Panel.of(rows, schema(time=Type.NUMBER))
    assert values(panel) == {"series": [1.0, 2.0, 3.0, 4.0]}
    assert panel.frequency == Frequency("number", 0.25, 1950.0)
    assert panel.notes[0] == "1 series, every 0.25"


def test_a_given_frequency_is_kept_and_the_series_are_laid_out_on_it():
    weekly = Frequency("seconds", 7 * 86_400.0, (START - datetime(1970, 1, 1)).total_seconds())
    panel = Panel.of(table([float(at) for at in range(-3, 11)], list(range(-3, 11))), schema(), weekly)
    assert panel.frequency is weekly
    assert values(panel) == {"series": [0.0, 7.0]}
    assert panel.notes == ("12 stamps that repeat were averaged",)


def test_irregular_stamps_are_averaged_per_step_and_said_to_be():
    rng = np.random.default_rng(0)
    at = np.sort(np.arange(400) % 50 + rng.random(400))
    rows = pl.DataFrame({"day": [START + DAY * float(one) for one in at], "sold": at})
    panel = Panel.of(rows, schema(), Frequency("span", 86_400.0))
    assert values(panel)["series"] == pytest.approx([at[np.floor(at) == day].mean() for day in range(50)])
    assert panel.notes == ("350 stamps that repeat were averaged",)
    assert Panel.of(rows, schema()).notes[1] == (
        "100% of the stamps are not one step apart: values are averaged per step"
    )


def test_features_stand_at_the_steps_of_their_rows_and_are_unknown_in_gaps():
    known = (Column("price", Type.NUMBER), Column("open", Type.BOOLEAN))
    rows = table([1.0, 2.0, 4.0, 9.0], [0, 1, 3, 0], shop=list("aaab")).with_columns(
        price=pl.Series([5.0, 6.0, 8.0, None]), open=pl.Series([True, False, None, True])
    )
    panel = Panel.of(rows, schema("shop", features=known), Frequency("seconds", 86_400.0))
    nan = np.nan
    assert panel.covariates is not None
    assert np.array_equal(panel.covariates[0], [[5, 1], [6, 0], [nan, nan], [8, nan]], equal_nan=True)
    assert np.array_equal(panel.covariates[1], [[nan, 1]], equal_nan=True)
    assert Panel.of(rows, schema("shop")).covariates is None


def test_a_table_as_it_came_is_laid_out_after_it_was_typed():
    raw = pl.DataFrame(
        {
            "day": [f"{day:%d/%m/%Y}" for day in days(*range(20), *range(20))],
            "shop": ["north"] * 20 + ["south"] * 20,
            "sold": [f"{number},5" for number in range(40)],
        }
    )
    known = infer(raw, target="sold", overrides={"day": "time", "shop": "series"})
    typed, known, _ = prepare(raw, known, Task.FORECASTING)
    panel = Panel.of(conform(typed, known), known)
    assert values(panel) == {
        "north": [number + 0.5 for number in range(20)],
        "south": [number + 0.5 for number in range(20, 40)],
    }
    assert firsts(panel) == [START, START]


# --- what cannot be laid out -----------------------------------------------------------------------


def test_a_row_without_a_moment_is_an_error():
    rows = table([1.0, 2.0, 3.0, 4.0]).with_columns(
        day=pl.Series([START, None, None, START + DAY], dtype=pl.Datetime("us"))
    )
    with pytest.raises(DataError) as caught:
        Panel.of(rows, schema())
    assert str(caught.value) == "2 rows have no moment in 'day'.\n  do:  Fill or drop them."


def test_series_that_are_too_long_for_their_step_are_an_error():
    seconds = [START + timedelta(seconds=second) for second in range(60)]
    rows = pl.DataFrame({"day": [*seconds, START + 100 * DAY], "sold": np.arange(61.0)})
    with pytest.raises(DataError) as caught:
        Panel.of(rows, schema())
    assert str(caught.value) == (
        "The series are too long to be laid out step by step.\n"
        "  got: 8,640,001 steps, every second\n"
        "  do:  Aggregate them to a coarser step, such as days instead of seconds."
    )


def test_series_of_one_moment_each_are_an_error():
    with pytest.raises(DataError, match="No series has two different stamps"):
        Panel.of(table([1.0, 2.0], [0, 1], shop=["a", "b"]), schema("shop"))


# --- scales ----------------------------------------------------------------------------------------


def scales(season: int, *series: list[float]) -> list[float]:
    names = [str(at) for at in range(len(series))]
    arrays = [np.array(one) for one in series]
    starts = np.zeros(len(series), dtype=np.int64)
    return Panel(Frequency("month", 1), names, starts, arrays).scales(season).tolist()


def test_a_scale_is_the_mean_change_from_one_season_to_the_next():
    rng = np.random.default_rng(0)
    series = [rng.normal(size=n).tolist() for n in (24, 13, 40)]
    expected = [np.mean([abs(one[at] - one[at - 12]) for at in range(12, len(one))]) for one in series]
    assert scales(12, *series) == pytest.approx(expected)


def test_a_series_shorter_than_its_season_is_scaled_by_its_steps():
    assert scales(12, [1.0, 4.0, 2.0, 2.0]) == pytest.approx([5 / 3])
    assert scales(4, [1.0, 4.0, 2.0, 2.0]) == pytest.approx([5 / 3])
    assert scales(3, [1.0, 4.0, 2.0, 2.0]) == [1.0]


def test_a_series_that_never_changes_takes_the_mean_scale_of_the_others():
    assert scales(1, [5.0] * 8, [0.0, 2.0, 0.0], [0.0, 4.0, 0.0], [7.0]) == [3.0, 2.0, 4.0, 3.0]


def test_scales_are_one_where_nothing_ever_changes():
    assert scales(1, [5.0] * 8, [0.0] * 3, [7.0]) == [1.0, 1.0, 1.0]
    assert scales(4, [1.0, 2.0, 3.0, 4.0] * 5) == [1.0]


def test_no_two_series_share_a_name():
    schema = Schema((Column("a", Type.CATEGORY, Role.SERIES), Column("b", Type.CATEGORY, Role.SERIES)))
    table = pl.DataFrame({"a": ["x / y", "x"], "b": ["z", "y / z"]})
    assert keys(table, schema).n_unique() == 2


def test_where_the_calendar_knows_no_season_the_values_show_it():
    wave = [float(10 + at % 5) for at in range(60)]
    steps = pl.DataFrame({"day": list(range(60)), "sold": wave})
    panel = Panel.of(steps, schema(time=Type.NUMBER))
    assert panel.frequency.seasons == (5,)
    assert "the values repeat after 5 steps, which is taken for their season" in panel.notes
    assert Frequency.from_dict(panel.frequency.to_dict()) == panel.frequency
    assert Panel.of(table(wave), schema()).frequency.season == 7  # of days, the calendar's
    noise = np.random.default_rng(0).normal(size=60).tolist()
    assert Panel.of(
        steps.with_columns(sold=pl.Series(noise)), schema(time=Type.NUMBER)
    ).frequency.seasons == (1,)
