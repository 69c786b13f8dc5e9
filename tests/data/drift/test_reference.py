"""What is kept of a training table, and how a window is counted against it."""

from __future__ import annotations

import numpy as np
import polars as pl
import pytest

from noria.core.schema import Column, Parse, Role, Schema, Type
from noria.data.drift import Reference, compare
from noria.data.drift.reference import FILE
from noria.data.drift.sample import LARGEST
from noria.errors import ArtifactError

SCHEMA = Schema(
    (
        Column("km", Type.NUMBER, parse=Parse(suffix=" km")),
        Column("city", Type.CATEGORY),
        Column("new", Type.BOOLEAN),
        Column("text", Type.TEXT),
        Column("when", Type.DATETIME, Role.TIME),
        Column("id", Type.ID),
        Column("sold", Type.CATEGORY, Role.TARGET),
    )
)


def table(n=600, seed=0):
    rng = np.random.default_rng(seed)
    return pl.DataFrame(
        {
            "km": [f"{value:.1f} km" for value in rng.gamma(2, 10, n)],
            "city": rng.choice(["Rome", "Oslo", "Lima"], n, p=[0.6, 0.3, 0.1]),
            "new": rng.choice(["yes", "no"], n),
            "text": ["word " * k for k in rng.integers(1, 9, n)],
            "when": ["2024-01-01"] * n,
            "id": [str(k) for k in range(n)],
            "sold": rng.choice(["no", "yes"], n),
        }
    )


def answers(n=600, seed=0):
    p = np.random.default_rng(seed).random(n)
    labels = np.where(p > 0.5, "yes", "no")
    return pl.DataFrame({"prediction": labels, "probability_no": 1 - p, "probability_yes": p})


def reference():
    return Reference.of(table(), SCHEMA, table(seed=1), answers())


def test_columns_are_counted_by_what_they_mean():
    made = reference()
    kinds = {name: sketch.kind for name, sketch in made.features.items()}
    assert kinds == {
        "km": "number", "city": "category", "new": "category", "text": "text", "id": "opaque",
    }  # fmt: skip
    assert all(made.features[name].counts.sum() == 600 for name in ("km", "city", "new", "text"))
    assert made.features["city"].levels == ("Rome", "Oslo", "Lima")
    assert made.classes == ("no", "yes")
    assert made.rows == 600


def test_held_out_rows_are_read_back_as_codes():
    made = reference()
    rows = made.read(made.sampled)
    held, said = table(seed=1), answers()
    assert rows.truth.tolist() == (held["sold"] == "yes").cast(pl.Float64).to_list()
    assert rows.answer.tolist() == (said["prediction"] == "yes").cast(pl.Float64).to_list()
    assert rows.probabilities[:, 1].tolist() == said["probability_yes"].to_list()
    assert rows.features[:, 0].tolist() == held["km"].str.strip_suffix(" km").cast(pl.Float64).to_list()


def test_numeric_classes_are_found_again():
    rows = pl.DataFrame({"x": np.arange(60.0), "digit": [1.0, 7.0] * 30})
    said = pl.DataFrame(
        {"prediction": ["1", "7"] * 30, "probability_1": [0.9, 0.2] * 30, "probability_7": [0.1, 0.8] * 30}
    )
    schema = Schema((Column("x", Type.NUMBER), Column("digit", Type.NUMBER, Role.TARGET)))
    made = Reference.of(rows, schema, rows, said)
    assert made.read(made.sampled).truth.tolist() == [0.0, 1.0] * 30


def test_it_is_kept_without_a_pickle_and_read_back(tmp_path):
    made = reference()
    made.save(tmp_path)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["reference.json", "reference.parquet"]
    again = Reference.load(tmp_path)
    window, other = made.window(), again.window()
    for one in (window, other):
        one.update(table(seed=2), answers(seed=2))
    assert compare(made, window).to_dict() == compare(again, other).to_dict()


@pytest.mark.parametrize(
    ("text", "said"),
    [("{", "JSONDecodeError"), ('{"version": 99}', "version 99"), ("{}", "KeyError")],
)
def test_a_damaged_reference_is_one_error(tmp_path, text, said):
    reference().save(tmp_path)
    (tmp_path / FILE).write_text(text)
    with pytest.raises(ArtifactError, match=said) as caught:
        Reference.load(tmp_path)
    assert str(caught.value).startswith("What new rows are compared with cannot be read.")


def test_its_size_does_not_grow_with_the_rows(tmp_path):
    rng = np.random.default_rng(0)
    schema = Schema((Column("x", Type.NUMBER), Column("c", Type.CATEGORY)))
    sizes = []
    for n in (60_000, 240_000):
        big = pl.DataFrame({"x": rng.normal(size=n), "c": rng.integers(0, 40, n).astype(str)})
        made = Reference.of(big, schema)
        made.save(tmp_path)
        sizes.append(sum(path.stat().st_size for path in tmp_path.iterdir()))
        assert made.features["x"].counts.sum() == n
        assert len(made.sampled) == LARGEST
    assert sizes[1] < 1.05 * sizes[0]


def test_batches_count_as_the_whole():
    made = reference()
    whole, parts = made.window(), made.window()
    rows, said = table(1_000, seed=3), answers(1_000, seed=3)
    whole.update(rows, said)
    for start in range(0, 1_000, 300):
        parts.update(rows[start : start + 300], said[start : start + 300])
    assert parts.rows == whole.rows == 1_000
    for name, sketch in whole.features.items():  # but for the texts that are drawn
        assert sketch.masked().to_dict() == parts.features[name].masked().to_dict()
    assert np.allclose(parts.sampled, whole.sampled, equal_nan=True)


def test_counts_fill_the_cells_that_numpy_would_fill():
    made = reference()
    sketch = made.features["km"]
    window = made.window()
    values = np.array([-5.0, 3.0, 20.0, 20.0, 1e6])
    window.update(pl.DataFrame({"km": values}))
    expected = np.bincount(np.searchsorted(sketch.edges, values), minlength=sketch.counts.size)
    assert window.features["km"].counts.tolist() == expected.tolist()
    assert window.features["km"].outside == 2
    window.update(pl.DataFrame({"km": [f"{value} km" for value in values]}))  # as text
    assert window.features["km"].counts.tolist() == (2 * expected).tolist()


def test_what_cannot_be_read_is_counted_and_no_error():
    window = reference().window()
    window.update(pl.DataFrame({"km": ["3 km", "?", None, "far"], "city": ["Rome", "Rom", None, ""]}))
    window.update(pl.DataFrame({"km": [[1], [2]], "other": [1, 2]}))
    km, city = window.features["km"], window.features["city"]
    assert (km.rows, km.missing, km.unreadable) == (6, 2, 3)
    assert km.example == "values of type List(Int64)"
    assert (city.missing, city.outside, city.new, city.absent) == (2, 1, {"Rom": 1}, 2)
    assert window.extra == {"other"}
    assert window.sampled.shape == (6, 8)


def test_columns_may_have_any_name():
    rows = pl.DataFrame({"count": ["a", "b"] * 40, "value": [1, 2] * 40, "": ["3", "4"] * 40})
    types = {"count": Type.CATEGORY, "value": Type.CATEGORY, "": Type.NUMBER}
    made = Reference.of(rows, Schema(tuple(Column(name, kind) for name, kind in types.items())))
    window = made.window()
    window.update(rows)
    assert [sketch.counts.sum() for sketch in window.features.values()] == [80, 80, 80]


def test_a_column_without_values_can_be_kept(tmp_path):
    empty = pl.DataFrame(
        {"x": pl.Series([None] * 60, dtype=pl.Float64), "c": pl.Series([None] * 60, dtype=pl.String)}
    )
    made = Reference.of(empty, Schema((Column("x", Type.NUMBER), Column("c", Type.CATEGORY))))
    made.save(tmp_path)
    window = Reference.load(tmp_path).window()
    window.update(pl.DataFrame({"x": [1.0] * 60, "c": ["a"] * 60}))
    report = compare(made, window, seed=0)
    assert {one.kind for one in report.issues if one.alarming} >= {"missing values", "new categories"}
