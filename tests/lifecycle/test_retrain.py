"""Champion and challenger, from triggers to a promotion, and what may go wrong between them."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
import time
from dataclasses import replace

import polars as pl
import pytest

import noria
from noria.core.recipe import Recipe
from noria.core.serving import Label
from noria.core.watch import Entry
from noria.errors import DataError, NoriaError, ParamError
from noria.lifecycle.promote import Verdict
from noria.lifecycle.retrain import Retrained, due, joined
from noria.lifecycle.watch import alone

CUT_OFF = """
import os, signal
import noria
from noria.lifecycle.retrain import Retrainer
Retrainer._judge = lambda *_: os.kill(os.getpid(), signal.SIGKILL)
noria.retrain("toy", why="before the kill")
"""


def champion(service) -> int:
    return service.session.registry.find("toy").number


def outcomes(service) -> list[str]:
    return [done.outcome for _, _, done in noria.retrainings("toy", session=service.session)]


def test_a_better_challenger_is_promoted_and_can_be_taken_back(service, rows):
    service.answer(rows(700, 1, odd=3.0))
    before = service.retrain("toy", dry_run=True)
    assert (before.outcome, before.learned, before.judged) == ("would", 490, 210)
    assert (champion(service), outcomes(service)) == (1, [])
    done = service.retrain("toy", why="by Ann")
    assert (done.outcome, done.champion, done.version, champion(service)) == ("promoted", 1, 2, 2)
    assert done.gains[0].metric == "roc_auc"
    assert done.gains[0].low > 0
    assert outcomes(service) == ["promoted", "started"]
    change = noria.history("toy", session=service.session)[-1]
    assert (change.kind, change.alias, change.before) == ("promoted", "champion", 1)
    assert change.why.startswith("by Ann: roc_auc 0.")
    assert "on the same 210 rows, a gain of" in change.why
    assert Retrained.from_dict(json.loads(json.dumps(done.to_dict()))) == done
    assert "toy: promoted" in done._repr_html_()
    assert noria.load("toy", session=service.session).predict(rows(5, 1)).height == 5
    assert noria.rollback("toy", session=service.session).version == 1


def test_the_wheel_turns_again_and_a_row_is_learned_once(service, rows):
    service.now -= 3 * 3_600
    service.answer(rows(700, 1, odd=3.0))
    assert service.retrain("toy").outcome == "promoted"
    with pytest.raises(DataError, match="too few rows"):  # those that it has learned from are not fresh
        service.retrain("toy")
    service.answer(rows(500, 2, odd=-4.0))
    again = service.retrain("toy")
    assert (again.outcome, again.champion, again.version) == ("promoted", 2, 3)
    assert (again.learned, again.judged) == (350, 150)
    record = service.watcher.watched("toy").record
    assert record["rows"] == 1_500 + 700 + 350
    noria.rollback("toy", session=service.session)
    assert service.retrain("toy", dry_run=True).learned == 350
    noria.promote("toy@3", session=service.session)
    third = noria.refit("toy", session=service.session)
    assert (third.version, third.record["rows"]) == (4, 1_500 + 700 + 500)
    service.now = time.time() - 3_600 + 30  # so that labels are told now
    service.answer(rows(100, 3))
    fourth = noria.refit("toy@4", session=service.session)
    assert (fourth.version, fourth.record["rows"]) == (5, 1_500 + 700 + 500 + 100)


def test_a_label_that_is_corrected_later_is_learned_once_as_it_is_now(service, rows):
    service.now -= 3 * 3_600
    ids = service.answer(rows(700, 1, odd=3.0))
    assert service.retrain("toy").outcome == "promoted"
    labels = {one.id: json.loads(one.label) for one in service.watcher.log.labels("toy")}
    told = service.now + 60
    corrected = [Label.of(one, "no" if labels[one] == "yes" else "yes", told) for one in ids[:40]]
    corrected += [Label.of(one, "yes", told) for one in ids[-1:]]  # known already, or among those that judged
    service.watcher.log.tell("toy", corrected, replace=True)
    service.answer(rows(500, 2, odd=-4.0))
    before = service.retrain("toy", dry_run=True)
    assert (before.learned, before.judged) == (350, 150)
    done = service.retrain("toy")
    model = service.watcher.watched(f"toy@{done.version}")
    assert model.record["rows"] == 1_500 + 700 + 350
    own = service.retrain._own(model)
    truth = {row["row of the log"]: row["y"] for row in own.iter_rows(named=True)}
    assert {one.id: json.loads(one.label) for one in corrected}.items() <= truth.items()
    assert own["row of the log"].drop_nulls().is_unique().all()
    assert own["row of the log"].null_count() == 1_500
    again = noria.refit(f"toy@{done.version}", session=service.session)
    assert again.record["rows"] == 1_500 + 700 + 500


def test_rows_of_a_file_use_up_none_of_the_log(service, rows):
    service.now -= 2 * 3_600
    service.answer(rows(300, 1))
    noria.promote(f"toy@{service.retrain('toy', rows(400, 2)).version}", session=service.session)
    assert service.retrain("toy", dry_run=True).learned + service.retrain("toy", dry_run=True).judged == 300


def test_nothing_is_learned_of_rows_that_were_refused(service, rows):
    service.answer(rows(300, 1))
    refused = [{"age": "old", "town": "Delft", "income": 1.0}] * 50
    service.log(refused, [{"error": {"what": "no"}}] * 50, ["yes"] * 50)
    told = service.retrain("toy", dry_run=True)
    assert told.learned + told.judged == 300


def test_one_that_is_no_better_is_kept_aside_with_the_reason(service, rows):
    service.answer(rows(400, 1))
    done = service.retrain("toy")
    assert (done.outcome, done.version, champion(service)) == ("kept", 2, 1)
    assert any(word in done.reason for word in ("that may be chance", "that is no better"))
    assert service.session.registry.find("toy@challenger").number == 2


def test_a_better_one_may_have_to_prove_itself_beside_the_champion_first(service, rows):
    service.answer(rows(700, 1, odd=3.0))
    retrain = service.retrain
    model = retrain.watcher.watched("toy")
    monitor = {"retrain": {"trial": "shadow"}}
    retrain.watcher.watched = lambda _: replace(model, recipe=model.recipe.change(monitor=monitor))
    done = retrain("toy")
    assert (done.outcome, champion(service)) == ("trial", 1)
    assert done.reason.endswith("; it is a shadow first: noria promote toy@challenger")
    assert service.session.registry.find("toy@challenger").number == done.version == 2


def test_too_few_labels(service, rows):
    service.answer(rows(150, 1))
    with pytest.raises(DataError) as caught:
        service.retrain("toy")
    assert str(caught.value) == (
        "There are too few rows with a label to retrain 'toy'.\n"
        "  got: 150 rows\n  do:  Give 200 or more: noria feedback toy labels.csv"
    )
    with pytest.raises(ParamError, match="The new rows have no column 'y'"):
        service.retrain("toy", rows(300, 1).drop("y"))


def test_a_challenger_that_cannot_be_trained_is_written_down_and_the_champion_stays(service, rows):
    broken = rows(300, 1).with_columns(age=pl.lit("old"))
    with pytest.raises(NoriaError):
        service.retrain("toy", broken)
    assert (champion(service), outcomes(service)) == (1, ["failed", "started"])
    assert "age" in noria.retrainings("toy", session=service.session)[0][2].reason
    assert service.retrain("toy", rows(300, 1), dry_run=True).outcome == "would"


def test_it_is_begun_by_triggers_and_not_again_at_once(service, rows):
    assert service.retrain("toy", only_due=True).outcome == "not due"
    for seed in (1, 2):
        service.answer(rows(400, seed, odd=3.0))
        service.check(rows=400)
    done = service.retrain("toy", rows(400, 3), only_due=True)  # rows in which nothing is new
    assert done.why.startswith("decay: roc_auc is 0.")
    assert done.outcome == "kept"
    assert service.retrain("toy", only_due=True).outcome == "not due"
    service.now += 86_401
    assert service.retrain("toy", only_due=True, dry_run=True).outcome == "would"


def test_an_alarm_of_another_version_begins_nothing(service, rows):
    for seed in (1, 2):
        service.answer(rows(400, seed, odd=3.0))
        check = service.check(rows=400)
    assert service.retrain("toy", only_due=True, dry_run=True).outcome == "would"
    later = [replace(check, alarms=()).to_dict(), {**check.to_dict(), "version": 7}]
    for body in later:
        service.watcher.ledger.add(Entry("toy", "check", service.now, "me", body))
    assert service.retrain("toy", only_due=True, dry_run=True).outcome == "not due"


def test_triggers_in_words():
    recipe = Recipe.parse({"name": "m", "monitor": {"retrain": {"on": ["data"], "every": "30d", "rows": 10}}})
    assert due(recipe, None, 40 * 86_400.0, 12) == [
        "data: 12 labels since the champion was trained",
        "schedule: the champion is 40 days old",
    ]
    assert due(recipe, None, 86_400.0, 9) == []


def test_two_at_once_and_one_acts(service, rows):
    service.answer(rows(300, 1))
    ledger = service.watcher.ledger
    assert ledger.hold("retrain toy", "elsewhere/1/1", 60) is None
    done = service.retrain("toy")
    assert (done.outcome, done.reason, outcomes(service)) == ("busy", "elsewhere/1/1 is at it", [])
    ledger.let_go("retrain toy", "elsewhere/1/1")
    with alone(ledger, "retrain toy", 60) as other:
        assert other is None


def test_a_kill_between_training_and_promotion(service, rows):
    service.now -= 2 * 3_600
    service.answer(rows(700, 1, odd=3.0))
    home = {"NORIA_HOME": str(service.session.settings.home), "PATH": "/usr/bin:/bin"}
    done = subprocess.run([sys.executable, "-c", CUT_OFF], env=home, capture_output=True, check=False)
    assert done.returncode == -signal.SIGKILL, done.stderr
    assert (champion(service), outcomes(service)) == (1, ["started"])
    service.now += 3_600
    service.answer(rows(300, 2, odd=3.0))  # comes too late for the retraining that goes on
    heard = []
    service.session.events.listen(lambda event: heard.append(event.kind))
    again = service.retrain("toy")
    assert "run.unchanged" in heard
    assert (again.outcome, again.why, again.learned + again.judged) == ("promoted", "before the kill", 700)
    assert (champion(service), len(service.session.registry.model("toy").versions)) == (2, 2)


def test_a_verdict_on_another_champion_promotes_nobody(service):
    registry = service.session.registry
    version = registry.register("toy", "other-run")
    judged = registry.judge("toy", version, lambda _: Verdict(True, "better"), against=7)
    assert judged == Verdict(False, "version 1 became champion while it was compared with 7")
    assert champion(service) == 1


def test_rows_of_unlike_types_are_joined():
    old = pl.DataFrame({"when": ["2020-01-01"], "n": [1], "kept": [2]}).with_columns(
        pl.col("when").str.to_date()
    )
    new = pl.DataFrame({"n": [2.5], "when": ["2020-02-01"], "more": [1]})
    assert joined(old, new, "kept").rows() == [("2020-01-01", 1.0, 2.0), ("2020-02-01", 2.5, 1.0)]
