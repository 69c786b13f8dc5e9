from __future__ import annotations

import json

import polars as pl
import pytest

from noria.core.events import Events
from noria.core.protocol import Trial
from noria.errors import StorageError
from noria.lifecycle.journal import EventLog, Journal, records
from noria.systems.tabular.learners import LEARNERS
from noria.systems.tabular.options import TabularOptions
from noria.systems.tabular.target import NumberTarget

RIDGE = next(kind for kind in LEARNERS if kind.name == "ridge")(NumberTarget("y"), TabularOptions())


def ridge(number: int):
    return RIDGE.with_params(RIDGE.params.replace(alpha=1.0 + number))


def trial(number: int) -> Trial:
    table = pl.DataFrame({"prediction": [0.1 * number, 0.2]})
    return Trial(number, ridge(number), 1.5 + number, table, [], 0.25, 0.5, 7)


def test_what_was_written_is_read_again(tmp_path):
    Journal(tmp_path).write(trial(0), 3.0)
    journal = Journal(tmp_path)
    assert len(journal) == 1
    assert journal.seconds == 3.0
    assert journal.outcome(RIDGE) == "finished"
    back = journal.read(RIDGE)
    assert back.predictions.equals(trial(0).predictions)
    assert (back.number, back.score, back.bytes) == (0, 1.5, 7)
    assert (back.fit_seconds, back.predict_seconds) == (0.25, 0.5)
    assert back.models == []


def test_an_empty_folder_has_no_trials(tmp_path):
    journal = Journal(tmp_path)
    assert (len(journal), journal.seconds, journal.outcome(RIDGE)) == (0, 0, None)


def test_another_learner_or_setting_is_not_taken_for_it(tmp_path):
    journal = Journal(tmp_path)
    journal.write(trial(0), 1.0)
    assert journal.outcome(ridge(76)) is None
    lasso = next(kind for kind in LEARNERS if kind.name == "lasso")(NumberTarget("y"), TabularOptions())
    assert journal.outcome(lasso) is None


def test_of_a_trial_that_came_to_nothing_only_that_is_kept(tmp_path):
    Journal(tmp_path).write(Trial(0, RIDGE, float("nan"), pl.DataFrame()), 1.0, "pruned")
    assert Journal(tmp_path).outcome(RIDGE) == "pruned"
    assert not (tmp_path / "trials").exists()


@pytest.mark.parametrize("lost", [1, 7, 100])
def test_a_last_line_that_was_cut_off_is_dropped(tmp_path, lost):
    journal = Journal(tmp_path)
    for number in range(3):
        journal.write(trial(number), float(number))
    lines = tmp_path / "trials.jsonl"
    lines.write_bytes(lines.read_bytes()[:-lost])
    journal = Journal(tmp_path)
    assert [journal.outcome(ridge(number)) for number in range(3)] == ["finished", "finished", None]
    journal.write(trial(2), 9.0)
    assert len(Journal(tmp_path)) == 3
    assert len(lines.read_text().splitlines()) == 3


def empty_file(folder) -> None:
    (folder / "trials" / "00001.arrow").write_bytes(b"")


def no_file(folder) -> None:
    (folder / "trials" / "00001.arrow").unlink()


def blank_line(folder) -> None:
    first, second, third = (folder / "trials.jsonl").read_bytes().splitlines(keepends=True)
    (folder / "trials.jsonl").write_bytes(first + b"\0" * (len(second) - 1) + b"\n" + third)


@pytest.mark.parametrize("damage", [empty_file, no_file, blank_line])
def test_what_a_loss_of_power_damaged_counts_as_not_done(tmp_path, damage):
    journal = Journal(tmp_path)
    for number in range(3):
        journal.write(trial(number), float(number))
    damage(tmp_path)
    journal = Journal(tmp_path)
    assert [journal.outcome(ridge(number)) for number in range(3)] == ["finished", None, None]
    for number in (1, 2):
        journal.write(trial(number), 9.0)
    journal = Journal(tmp_path)
    assert [journal.read(ridge(number)).score for number in range(3)] == [1.5, 2.5, 3.5]


def test_clear_keeps_the_record_and_removes_the_predictions(tmp_path):
    journal = Journal(tmp_path)
    journal.write(trial(0), 1.0)
    journal.clear()
    assert not (tmp_path / "trials").exists()
    assert len(Journal(tmp_path)) == 1
    journal.clear()


def test_a_folder_that_cannot_be_written(tmp_path):
    (tmp_path / "file").write_text("")
    (tmp_path / "trials").write_text("in the way")
    with pytest.raises(StorageError) as caught:
        Journal(tmp_path).write(trial(0), 1.0)
    assert str(caught.value) == (
        f"Cannot write {tmp_path / 'trials.jsonl'}.\n  got: File exists\n"
        "  do:  Free some space, and run the same command to go on from here."
    )
    assert len(Journal(tmp_path)) == 0


# -- events --------------------------------------------------------------------------------------------------


def kinds(folder) -> list[str]:
    return [record["kind"] for record in records(folder / "events.jsonl")]


def test_events_are_written_as_they_happen_and_those_from_before_the_folder_too(tmp_path):
    events = Events()
    log = EventLog(events)
    events.emit("data.read", rows=3)
    events.emit("download.progress", done=1)
    log.open(tmp_path)
    assert kinds(tmp_path) == ["data.read"]
    events.emit("trial.finished", score=0.5, where=tmp_path)
    lines = (tmp_path / "events.jsonl").read_text().splitlines()
    assert json.loads(lines[1])["score"] == 0.5
    assert json.loads(lines[1])["time"] >= json.loads(lines[0])["time"] > 1e9
    log.close()
    log.close()
    events.emit("run.finished")
    assert kinds(tmp_path) == ["data.read", "trial.finished"]


def test_the_log_tells_no_password(tmp_path):
    events = Events()
    log = EventLog(events)
    log.open(tmp_path)
    events.emit("data.read", source="postgresql://ann:secret@host/shop")
    log.close()
    assert records(tmp_path / "events.jsonl")[0]["source"] == "postgresql://host/shop"


def test_a_log_that_was_never_opened_writes_nothing(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    events = Events()
    log = EventLog(events)
    events.emit("data.read", rows=3)
    log.close()
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("lost", [1, 9])
def test_a_log_is_gone_on_with_after_its_last_whole_line(tmp_path, lost):
    for kind in ("one", "two"):
        events = Events()
        log = EventLog(events)
        log.open(tmp_path)
        events.emit(f"{kind}.begun")
        events.emit(f"{kind}.lost")
        log.close()
        path = tmp_path / "events.jsonl"
        path.write_bytes(path.read_bytes()[:-lost])
        assert kinds(tmp_path)[-1] == f"{kind}.begun"
    assert kinds(tmp_path) == ["one.begun", "two.begun"]


def test_events_that_cannot_be_written_are_told(tmp_path):
    (tmp_path / "events.jsonl").mkdir()
    with pytest.raises(StorageError) as caught:
        EventLog(Events()).open(tmp_path)
    assert str(caught.value).startswith(f"Cannot write {tmp_path / 'events.jsonl'}.\n  got: Is a directory\n")
