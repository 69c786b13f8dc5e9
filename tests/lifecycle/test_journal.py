from __future__ import annotations

import polars as pl
import pytest

from noria.core.protocol import Trial
from noria.errors import StorageError
from noria.lifecycle.journal import Journal
from noria.systems.tabular.learners import LEARNERS
from noria.systems.tabular.options import TabularOptions
from noria.systems.tabular.target import NumberTarget

RIDGE = next(kind for kind in LEARNERS if kind.name == "ridge")(NumberTarget("y"), TabularOptions())


def trial(number: int) -> Trial:
    table = pl.DataFrame({"prediction": [0.1 * number, 0.2]})
    return Trial(number, RIDGE, 1.5 + number, table, [], 0.25, 0.5)


def test_what_was_written_is_read_again(tmp_path):
    Journal(tmp_path).write(trial(0), 3.0)
    journal = Journal(tmp_path)
    assert len(journal) == 1
    assert journal.seconds == 3.0
    assert journal.outcome(0, RIDGE) == "finished"
    back = journal.read(0, RIDGE)
    assert back.predictions.equals(trial(0).predictions)
    assert (back.number, back.score, back.fit_seconds, back.predict_seconds) == (0, 1.5, 0.25, 0.5)
    assert back.models == []


def test_an_empty_folder_has_no_trials(tmp_path):
    journal = Journal(tmp_path)
    assert (len(journal), journal.seconds, journal.outcome(0, RIDGE)) == (0, 0, None)


def test_another_learner_or_setting_is_not_taken_for_it(tmp_path):
    journal = Journal(tmp_path)
    journal.write(trial(0), 1.0)
    assert journal.outcome(0, RIDGE.with_params(RIDGE.params.replace(alpha=77.0))) is None
    lasso = next(kind for kind in LEARNERS if kind.name == "lasso")(NumberTarget("y"), TabularOptions())
    assert journal.outcome(0, lasso) is None
    assert journal.outcome(1, RIDGE) is None


def test_of_a_trial_that_came_to_nothing_only_that_is_kept(tmp_path):
    Journal(tmp_path).write(Trial(0, RIDGE, float("nan"), pl.DataFrame()), 1.0, "pruned")
    assert Journal(tmp_path).outcome(0, RIDGE) == "pruned"
    assert not (tmp_path / "trials").exists()


@pytest.mark.parametrize("lost", [1, 7, 100])
def test_a_last_line_that_was_cut_off_is_dropped(tmp_path, lost):
    journal = Journal(tmp_path)
    for number in range(3):
        journal.write(trial(number), float(number))
    lines = tmp_path / "trials.jsonl"
    lines.write_bytes(lines.read_bytes()[:-lost])
    journal = Journal(tmp_path)
    assert [journal.outcome(number, RIDGE) for number in range(3)] == ["finished", "finished", None]
    journal.write(trial(2), 9.0)
    assert len(Journal(tmp_path)) == 3
    assert len(lines.read_text().splitlines()) == 3


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
