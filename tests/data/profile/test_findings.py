"""One planted fault per code: each is found and named, and clean tables have none."""

from __future__ import annotations

import re
from datetime import date, datetime, timedelta
from pathlib import Path

import numpy as np
import polars as pl
import pytest

from noria.core.insight import Severity
from noria.data.profile import CODES, Profiler

ROWS = 600


def clean(seed: int = 0, rows: int = ROWS) -> pl.DataFrame:
    """A table of every kind of column in which nothing is to be found."""
    rng = np.random.default_rng(seed)
    age = rng.normal(40, 9, rows).round(2)
    return pl.DataFrame(
        {
            "age": age,
            "town": rng.choice(["Delft", "Gouda", "Leiden", "Breda"], rows, p=[0.4, 0.3, 0.2, 0.1]),
            "member": rng.random(rows) < 0.5,
            "joined": [datetime(2020, 1, 1) + timedelta(hours=int(h)) for h in rng.integers(0, 20_000, rows)],
            "rooms": rng.integers(1, 7, rows),
            "left": np.where(age + rng.normal(0, 9, rows) > 40, "yes", "no"),
        }
    )


def profiled(table: pl.DataFrame, target: str | None = None, other: pl.DataFrame | None = None, **how):
    first = Profiler("here", target)
    first.update(table)
    second = None
    if other is not None:
        second = Profiler("there")
        second.update(other)
    return first.finish(second, **how)


def column(values) -> pl.DataFrame:
    return clean().with_columns(pl.Series("odd", values))


RNG = np.random.default_rng(7)
NORMAL = RNG.normal(size=ROWS)
EVERY = range(ROWS)

PLANTED = {
    "NOR101": (column([5] * ROWS), "odd has only the value '5'."),
    "NOR102": (
        column([f"u-{at * 7919 % 100_003:06d}" for at in EVERY]),
        "odd has 600 distinct values in 600 rows.",
    ),
    "NOR103": (
        column([x if at % 3 == 0 else None for at, x in enumerate(NORMAL)]),
        "odd is missing in 400 of 600 rows (67%).",
    ),
    "NOR104": (
        clean().with_columns(
            pl.when(pl.int_range(pl.len()) % 9 > 0).then(pl.col("age", "town")).name.keep()
        ),
        "age, town are missing in the same rows (11%).",
    ),
    "NOR105": (pl.concat([clean(), clean().head(60)]), "60 rows repeat an earlier one (9.1%)."),
    "NOR106": (clean().with_columns(copy="age"), "copy equals age."),
    "NOR107": (
        clean().with_columns(twice=pl.col("age") ** 2 + 1),
        "age and twice have an association of 1.000.",
    ),
    "NOR108": (
        column([*NORMAL[:-2], 80.0, 90.0]),
        r"2 values of odd \(0\.3%\) lie above [0-9.]+; they go from -[0-9.]+ to 90\.",
    ),
    "NOR109": (
        column([*np.abs(NORMAL[:-2]), 800.0, 900.0]),
        r"odd has a skewness of 1[0-9]\.[0-9]: half of it is below 0\.[0-9]+, the mean is [0-9.]+\.",
    ),
    "NOR114": (
        column(["lots" if at % 60 == 0 else f"{x:.3f}" for at, x in enumerate(NORMAL)]),
        "Not all values of odd are numbers: 'lots' (10).",
    ),
    "NOR115": (column([f"{x:.2f} km" for x in NORMAL]), "odd: numbers with the unit 'km'."),
    "NOR116": (
        column([date(1, 1, 1), date(9999, 12, 31), *(date(2020, 1, 1) + timedelta(at) for at in range(598))]),
        "odd has 1 date before 1900 (from 0001-01-01) and 1 date after 2100 (to 9999-12-31).",
    ),
    "NOR117": (column([f"shop {at % 250}" for at in EVERY]), "odd has 250 categories."),
    "NOR119": (
        column([("Paris", "paris ", "Rome", "Oslo")[at % 4] for at in EVERY]),
        "odd writes the same in several ways: 'Paris'/'paris '.",
    ),
    "NOR120": (column([*NORMAL[:-3], np.inf, -np.inf, np.inf]), "odd has 3 infinite values."),
    "NOR121": (
        column([-999 if at % 20 == 0 else at % 50 for at in EVERY]),
        "-999 occurs 30 times in odd; the next value is 0.",
    ),
    "NOR122": (column([0] * 597 + [1, 2, 3]), "99.5% of the values of odd are '0'."),
    "NOR118": (clean(rows=40), "The table has 40 rows and 6 columns."),
    "NOR123": (
        clean(rows=1_200).with_columns(odd=pl.Series(["a", "b", "c"] * 399 + ["typo", "b", "c"])),
        "1 of the 4 categories of odd are rare: 'typo' (1).",
    ),
}  # fmt: skip
TARGETS = {
    "NOR110": (
        clean().with_columns(
            left=pl.when(pl.int_range(pl.len()) % 25 == 0).then(pl.lit("yes")).otherwise(pl.lit("no"))
        ),
        "'yes' is the target of 24 rows (4.0%).",
    ),
    "NOR111": (
        clean().with_columns(refund=(pl.col("left") == "yes").cast(pl.Int64) * 30 + pl.col("rooms") % 2),
        "refund and left have an association of 0.998.",
    ),
    "NOR112": (
        clean().with_columns(left=pl.when(pl.int_range(pl.len()) % 10 > 0).then("left")),
        "60 rows (10%) have no left.",
    ),
    "NOR113": (clean().with_columns(left=pl.lit("no")), "left has one value in all rows."),
}
CHANGED = {
    "NOR131": (clean(1).drop("age"), "there has no column age."),
    "NOR132": (clean(1).with_columns(more=pl.Series(NORMAL)), "there has a column more."),
    "NOR133": (
        clean(1).with_columns(age=pl.Series(["old", "young"] * 300)),
        "age is number here, category there.",
    ),
    "NOR134": (
        clean(1).with_columns(pl.col("age") + 12),
        r"age is distributed differently \(PSI [1-9]\.[0-9]+\): its mean is [0-9.]+ here and 5.+ there\.",
    ),
    "NOR135": (
        clean(1).with_columns(town=pl.Series(["Oslo"] * 4 + clean(1)["town"].to_list()[4:])),
        "town has categories that are not known here: 'Oslo' (4).",
    ),
    "NOR136": (
        clean(1).with_columns(age=pl.when(pl.int_range(pl.len()) % 10 > 0).then("age")),
        "age is missing in 0% here, 10% there.",
    ),
    "NOR137": (
        clean(1).with_columns(rooms=pl.Series([at % 6 + 1 if at % 20 else 9 for at in EVERY])),
        "rooms has 5.0% outside of 1 to 6, the range here.",
    ),
}  # fmt: skip


def found(made, code: str) -> list[str]:
    return [finding.seen for finding in made.findings if finding.code == code]


def said(seen: list[str], words: str) -> bool:
    return any(words == one or re.match(words, one) for one in seen)


@pytest.mark.parametrize("code", PLANTED)
def test_a_fault_is_found(code):
    table, words = PLANTED[code]
    made = profiled(table)
    assert said(found(made, code), words), made.findings


@pytest.mark.parametrize("code", TARGETS)
def test_a_fault_of_the_target_is_found(code):
    table, words = TARGETS[code]
    made = profiled(table, "left")
    assert said(found(made, code), words), made.findings


@pytest.mark.parametrize("code", CHANGED)
def test_a_change_is_found(code):
    other, words = CHANGED[code]
    made = profiled(clean(), other=other)
    assert said(found(made, code), words), made.findings


def test_one_is_told_as_one():
    assert found(profiled(column([*NORMAL[:-1], 90.0])), "NOR108")[0].startswith(
        "1 value of odd (0.2%) lies above"
    )
    lacking = clean().with_columns(left=pl.when(pl.int_range(pl.len()) > 0).then("left"))
    assert found(profiled(lacking, "left"), "NOR112") == ["1 row (0.2%) has no left."]


@pytest.mark.parametrize(("name", "key"), [("odd", "odd"), ("my fare: $", '"my fare: $"')])
def test_what_to_write_names_the_column(name, key):
    made = profiled(PLANTED["NOR114"][0].rename({"odd": name}))
    assert made.findings[0].do.endswith(f" columns: {{{key}: {{parse: {{nulls: [...]}}}}}}.")


def test_repairs_are_findings():
    made = profiled(clean(), repairs=("a.csv: a second column 'a' is called 'a_2'",))
    assert found(made, "NOR124") == ["a.csv: a second column 'a' is called 'a_2'."]


@pytest.mark.parametrize("seed", range(5))
def test_clean_tables_have_no_findings(seed):
    made = profiled(clean(seed), "left", clean(seed + 100))
    assert made.findings == ()


@pytest.mark.parametrize("rows", [20, 60, 150])
def test_two_small_samples_of_one_distribution_hardly_ever_differ(rows):
    def some(seed: int) -> pl.DataFrame:
        rng = np.random.default_rng(seed)
        made = {f"x{at}": rng.normal(size=rows) for at in range(10)}
        made |= {f"c{at}": rng.choice([*"abcdefghij"], rows) for at in range(5)}
        made |= {f"k{at}": rng.poisson(3, rows) for at in range(5)}
        table = pl.DataFrame(made | {f"m{at}": rng.normal(size=rows) for at in range(5)})
        gaps = {f"m{at}": pl.Series(rng.random(rows) < 0.2) for at in range(5)}
        return table.with_columns(pl.when(~gap).then(name).alias(name) for name, gap in gaps.items())

    codes = {"NOR134", "NOR136", "NOR137"}
    told = [one for seed in range(6) for one in profiled(some(seed), other=some(seed + 99)).findings]
    assert sum(len(one.columns) for one in told if one.code in codes) <= 1  # of 450


@pytest.mark.parametrize("rows", [3, 5, 12, 30])
def test_noise_of_few_rows_is_neither_a_leak_nor_the_same(rows):
    told = []
    for seed in range(6):
        rng = np.random.default_rng(seed)
        made = {f"x{at}": rng.normal(size=rows) for at in range(10)}
        made |= {f"c{at}": rng.choice([*"abcdefgh"], rows) for at in range(3)}
        told += [profiled(pl.DataFrame(made), name) for name in ("x0", "c0")]
    assert [found(made, code) for made in told for code in ("NOR107", "NOR111")] == [[]] * 2 * len(told)
    table = pl.DataFrame({"x": [at**3 for at in range(rows)], "y": [f"{at / 2} kg" for at in range(rows)]})
    assert len(found(profiled(table, "y"), "NOR111")) == (rows >= 30)


@pytest.mark.parametrize("written", [str, int], ids=["texts", "numbers"])
def test_a_rare_class_is_found_among_more_than_ten(written):
    classes = ["99"] * 2 + [f"{at % 11}" for at in range(5_000)]
    made = profiled(pl.DataFrame({"y": list(map(written, classes)), "x": NORMAL.sum()}), "y")
    (seen,) = [finding for finding in made.findings if finding.code == "NOR110"]
    assert (seen.seen, seen.severity) == ("'99' is the target of 2 rows (under 0.1%).", Severity.HIGH)


def test_every_code_has_its_fault():
    assert {*PLANTED, *TARGETS, *CHANGED, "NOR124"} == set(CODES)


def test_the_worst_come_first():
    table = clean().with_columns(pl.lit(1).alias("one"), pl.col("age").alias("copy"), left=pl.lit("no"))
    made = profiled(table, "left")
    order = list(Severity)
    places = [order.index(finding.severity) for finding in made.findings]
    assert places == sorted(places)
    assert made.findings[0].code == "NOR113"


def test_many_alike_become_one():
    table = clean().with_columns(pl.lit(at).alias(f"c{at}") for at in range(20))
    seen = [finding for finding in profiled(table).findings if finding.code == "NOR101"]
    assert len(seen) == 1
    assert seen[0].seen.startswith("20 columns: c0 (only the value '0'), c1 (only the value '1'), ")
    assert seen[0].seen.endswith(", and 12 more.")
    assert seen[0].columns == tuple(f"c{at}" for at in range(20))


def test_few_copies_are_of_little_weight():
    table = pl.concat([clean(), clean().head(2)])
    seen = [finding for finding in profiled(table).findings if finding.code == "NOR105"]
    assert [(one.seen, one.severity) for one in seen] == [
        ("2 rows repeat an earlier one (0.3%).", Severity.LOW)
    ]


def test_a_text_column_half_full_of_numbers_is_mixed():
    table = column([f"{at}" if at % 2 else ("red", "blue")[at % 4 // 2] for at in EVERY])
    assert found(profiled(table), "NOR114") == ["50% of the texts in odd are numbers, the others are not."]


def test_the_documented_codes_are_those_of_the_table():
    lines = [
        f"| {code} | {one.title} | {one.severity} | {one.when} | {one.do} |"
        for code, one in sorted(CODES.items())
    ]
    page = Path(__file__).resolve().parents[3] / "docs/findings-tables.md"
    written = [line for line in page.read_text(encoding="utf-8").splitlines() if line.startswith("| NOR")]
    assert written == lines
