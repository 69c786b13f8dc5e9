from __future__ import annotations

import weakref

import polars as pl
import pytest

import noria
from noria.core.events import Events
from noria.errors import ColumnError, ParamError, StorageError
from noria.lifecycle.predict import joined, save, write
from noria.settings import Settings

READERS = {".csv": pl.read_csv, ".parquet": pl.read_parquet, ".jsonl": pl.read_ndjson}


@pytest.fixture(scope="module")
def trained(people, tmp_path_factory):
    session = noria.Session(Settings(home=tmp_path_factory.mktemp("home"), workers=2))
    run = noria.train(
        people(), "y", name="toy", session=session, trials=2, learners=["naive_bayes"], budget="60s"
    )
    return session, run.model


@pytest.mark.parametrize("ending", sorted(READERS))
def test_a_stream_of_batches_equals_the_whole(trained, people, tmp_path, ending):
    _, model = trained
    rows = people(101, seed=5).drop("y")
    events, seen = Events(), []
    events.listen(lambda event: seen.append(event.data["rows"]))
    output = tmp_path / "new" / f"out{ending}"
    assert write(model, rows.iter_slices(17), output, events) == 101
    assert seen == [17, 34, 51, 68, 85, 101]
    whole = joined(rows, model.predict(rows))
    back = READERS[ending](output)
    assert back.columns == whole.columns
    assert back["prediction"].to_list() == whole["prediction"].to_list()
    assert back["probability_yes"].to_list() == pytest.approx(whole["probability_yes"].to_list(), rel=1e-12)
    sets = whole["prediction_set"].to_list()
    expected = ["|".join(one) for one in sets] if ending == ".csv" else sets
    assert back["prediction_set"].fill_null("" if ending == ".csv" else []).to_list() == expected
    assert [path.name for path in output.parent.iterdir()] == [output.name]


@pytest.mark.parametrize("ending", sorted(READERS))
def test_a_batch_is_let_go_when_it_is_written(trained, people, tmp_path, ending):
    _, model = trained
    asked, held = [], []

    def batches():
        for number in range(8):
            held.append(sum(one() is not None for one in asked))
            batch = people(20, seed=number).drop("y")
            asked.append(weakref.ref(batch))
            yield batch

    assert write(model, batches(), tmp_path / f"out{ending}", Events()) == 160
    assert max(held) <= 2


@pytest.mark.parametrize("ending", sorted(READERS))
def test_the_api_streams_a_file(trained, people, tmp_path, ending):
    session, model = trained
    rows = people(90, seed=6).drop("y")
    rows.write_parquet(tmp_path / "rows.parquet")
    output = tmp_path / f"out{ending}"
    assert noria.predict("toy", tmp_path / "rows.parquet", output=output, session=session) == 90
    assert READERS[ending](output)["prediction"].to_list() == model.predict(rows)["prediction"].to_list()


def test_a_column_that_is_called_like_a_prediction_gets_another_name():
    rows = pl.DataFrame({"x": [1], "prediction": ["old"]})
    once = joined(rows, pl.DataFrame({"prediction": ["new"]}))
    assert once.to_dicts() == [{"x": 1, "given_prediction": "old", "prediction": "new"}]
    twice = joined(once, pl.DataFrame({"prediction": ["newest"]}))
    assert twice.rows() == [(1, "old", "new", "newest")]
    assert twice.columns == ["x", "given_prediction", "given_given_prediction", "prediction"]


def test_another_ending_is_refused(trained, people, tmp_path):
    with pytest.raises(ParamError) as caught:
        write(trained[1], [people(5)], tmp_path / "out.xlsx", Events())
    assert str(caught.value) == (
        "The output's ending is not one that can be written.\n  got: out.xlsx\n"
        "  do:  Use one of: .csv, .parquet, .jsonl."
    )


@pytest.mark.parametrize("ending", sorted(READERS))
def test_a_batch_that_fails_leaves_the_file_that_was_there(trained, people, tmp_path, ending):
    output = tmp_path / f"out{ending}"
    output.write_text("before")
    with pytest.raises(ColumnError, match="'town'"):
        write(trained[1], [people(20), people(20).drop("town")], output, Events())
    assert output.read_text() == "before"
    assert [path.name for path in tmp_path.iterdir()] == [output.name]


@pytest.mark.parametrize("ending", sorted(READERS))
def test_rows_that_cannot_be_had_are_not_told_as_an_output_that_cannot_be_written(tmp_path, ending):
    def tables():
        yield pl.DataFrame({"a": [1]})
        raise PermissionError("no rows")

    with pytest.raises(PermissionError, match="no rows"):
        save(tables(), tmp_path / f"out{ending}")
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("ending", sorted(READERS))
def test_two_jobs_with_one_output_do_not_mix(tmp_path, ending):
    output = tmp_path / f"out{ending}"

    def tables():
        yield pl.DataFrame({"a": [1]})
        save([pl.DataFrame({"a": [7, 8]})], output)
        assert READERS[ending](output)["a"].to_list() == [7, 8]
        yield pl.DataFrame({"a": [2]})

    assert save(tables(), output) == 2
    assert READERS[ending](output)["a"].to_list() == [1, 2]


def test_lists_of_anything_are_written_as_text(tmp_path):
    rows = pl.DataFrame({"n": [[1, 2], None], "b": [[True], []], "s": [["x", "y"], ["z"]]})
    save([rows], tmp_path / "out.csv")
    assert (tmp_path / "out.csv").read_text() == 'n,b,s\n1|2,true,x|y\n,"",z\n'


def test_a_place_that_cannot_be_written(trained, people, tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(StorageError) as caught:
        write(trained[1], [people(5)], tmp_path / "file" / "out.csv", Events())
    assert str(caught.value) == (
        f"Cannot write {tmp_path / 'file' / 'out.csv'}.\n  got: File exists\n"
        "  do:  Free some space, or write elsewhere."
    )


@pytest.mark.parametrize("ending", sorted(READERS))
def test_batches_whose_types_differ_where_all_is_missing(trained, people, tmp_path, ending):
    first = people(20, seed=7).drop("y")
    second = first.with_columns(age=pl.lit(None), town=pl.lit(None))
    output = tmp_path / f"out{ending}"
    assert write(trained[1], [first, second], output, Events()) == 40
    assert READERS[ending](output).height == 40


def test_what_cannot_be_read_counts_as_missing_and_is_said(trained, people, tmp_path):
    _, model = trained
    rows = people(6, seed=5).drop("y").with_columns(pl.col("age").cast(pl.String))
    bad = rows.with_columns(age=pl.Series(["old", "n/a", "", "very old", "inf", "41"]))
    events, said = Events(), []
    events.listen(lambda event: said.append(event.data["what"]) if "unread" in event.kind else None)
    write(model, bad.iter_slices(2), tmp_path / "out.csv", events)
    assert said == ["3 values of 'age' are no numbers and count as missing, such as 'old'."]
    write(model, [rows.with_columns(age=pl.Series(["old", *"12345"]))], tmp_path / "out.csv", events)
    assert said[1:] == ["1 value of 'age' is no number and counts as missing: 'old'."]
    write(model, [rows], tmp_path / "out.csv", events)
    write(
        model,
        [rows.with_columns(age=pl.Series([float("inf"), float("nan"), 1, 2, 3, 4]))],
        tmp_path / "out.csv",
        events,
    )
    assert said[2:] == ["1 value of 'age' is no number and counts as missing: 'inf'."]


@pytest.mark.parametrize("size", [3, 10, 30, 60])
def test_where_a_batch_ends_decides_nothing(trained, people, tmp_path, size):
    _, model = trained
    rows = people(60, seed=5).drop("y")
    sparse = rows.with_columns(age=pl.Series(["41", *[None] * 39, "tbd", *[None] * 19]))
    events, said = Events(), []
    events.listen(lambda event: said.append(event.data["what"]) if "unread" in event.kind else None)
    write(model, sparse.iter_slices(size), tmp_path / "out.parquet", events)
    assert said == ["1 value of 'age' is no number and counts as missing: 'tbd'."]
    made = pl.read_parquet(tmp_path / "out.parquet")
    assert made["age"].to_list() == sparse["age"].to_list()
    expected = model.predict(sparse)["prediction"]
    assert made["prediction"].to_list() == expected.to_list()
    none = sparse.with_columns(age=pl.Series([None] * 40 + ["tbd"] * 20))
    with pytest.raises(ColumnError, match="'age' should hold numbers"):
        write(model, none.iter_slices(size), tmp_path / "out.parquet", events)
    assert pl.read_parquet(tmp_path / "out.parquet").equals(made)


@pytest.mark.parametrize("given", ["rows.csv", "*.csv", "link.csv", "~/rows.csv", "file://{home}/rows.csv"])
def test_an_output_that_is_an_input_is_refused(trained, people, tmp_path, monkeypatch, given):
    session, _ = trained
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("HOME", str(tmp_path))
    given = given.format(home=tmp_path)
    people(20, seed=6).drop("y").write_csv("rows.csv")
    before = (tmp_path / "rows.csv").read_bytes()
    (tmp_path / "link.csv").symlink_to("rows.csv")
    with pytest.raises(ParamError, match=r"^The output rows\.csv is an input, too\.") as caught:
        noria.predict("toy", ["rows.csv", given], output="rows.csv", session=session)
    assert caught.value.do == "Name another file."
    with pytest.raises(ParamError, match="is an input, too"):
        noria.predict("toy", given, output="link.csv", session=session)
    assert (tmp_path / "rows.csv").read_bytes() == before


@pytest.fixture(scope="module")
def marked(tmp_path_factory):
    """Files of numbers with points between thousands: many rows, and some that look like plain numbers."""
    folder = tmp_path_factory.mktemp("marked")
    rows = pl.DataFrame({"y": range(1_000)})
    rows = rows.with_columns(x=pl.Series(f"{1_234 * at:,}".replace(",", ".") for at in rows["y"]))
    some = rows[400:800:10]
    assert some["x"].cast(float).max() < 1_000
    for name, table in {"rows": rows, "some": some}.items():
        table.write_csv(folder / f"{name}.csv")
    return folder, noria.Session(Settings(home=folder / "home", workers=2)), some["y"].to_list()


def test_numbers_mean_in_a_new_file_what_they_meant_in_training(marked):
    folder, session, truth = marked
    keys = {"learners": ["neighbours"], "budget": "60s", "trials": 2, "session": session}
    run = noria.train(folder / "rows.csv", "y", name="marked", test=folder / "some.csv", **keys)
    assert run.evaluation.scores["mae"].value < 20
    scored = noria.predict("marked", folder / "some.csv", session=session)
    assert scored["prediction"].to_list() == pytest.approx(truth, abs=40)
    noria.predict("marked", folder / "some.csv", output=folder / "out.csv", session=session)
    assert pl.read_csv(folder / "out.csv")["prediction"].to_list() == scored["prediction"].to_list()
    assert scored["x"][0] == "493.600"
    assert run.model.predict_one({"x": "493.600"})["prediction"] == scored["prediction"][0]


def test_marks_that_a_recipe_declares_hold_where_a_file_does_not_show_them(marked):
    folder, session, _ = marked
    run = noria.train(
        folder / "some.csv", "y", name="declared", columns={"x": {"parse": {"thousands": "."}}},
        learners=["ridge"], budget="60s", trials=1, session=session,
    )  # fmt: skip
    assert run.model.signature.inputs["x"].low == 493_600
