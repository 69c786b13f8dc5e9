"""A challenger on trial: when it ends, how, and that nothing of it is done twice."""

from __future__ import annotations

import json
import shutil
import threading
import time
from dataclasses import replace
from typing import Any

import pytest

import noria
from noria.core.serving import LoggedPrediction
from noria.errors import ArtifactError
from noria.lifecycle.retrain import Retrainer
from noria.settings import Settings


class Killed(BaseException):
    """Where a process ends."""


def retrainer(service: Any, **rule) -> Retrainer:
    """Of a recipe that wants a trial."""
    made = service.retrain
    real = made.watcher.watched

    def watched(reference):
        model = real(reference)
        monitor = {"latency": "0.1s", "retrain": {"trial": "shadow", **rule}}
        return replace(model, recipe=model.recipe.change(monitor=monitor))

    made.watcher.watched = watched
    return made


@pytest.fixture(scope="module")
def tried(home, tmp_path_factory, served, rows):
    """A home in which version 2, which knows what Leiden means now, is on trial."""
    folder = tmp_path_factory.mktemp("tried") / "home"
    service = served(noria.Session(Settings(home=shutil.copytree(home, folder), workers=2)))
    service.answer(rows(700, 1, odd=3.0))
    done = retrainer(service)("toy", why="odd")
    assert (done.outcome, done.version) == ("trial", 2)
    return folder, service.now


@pytest.fixture
def trial(tried, tmp_path, served):
    folder, now = tried
    home = shutil.copytree(folder, tmp_path / "home")
    return served(noria.Session(Settings(home=home, workers=2)), now, 100)


def beside(service: Any, rows, *, role: str = "shadow", seconds: float = 0.002, **facts) -> None:
    """Let the champion answer, and the challenger to the same requests."""
    ids = service.answer(rows, **facts)
    inputs = rows.drop("y")
    said = noria.load("toy@2", session=service.session).predict(inputs).to_dicts()
    lines = [
        LoggedPrediction(
            one, one, "toy", 2, role, service.now - 30, seconds, None, json.dumps(sent), json.dumps(answer)
        )
        for one, sent, answer in zip(ids, inputs.to_dicts(), said)
    ]
    service.watcher.log.append(lines)


def outcomes(service: Any) -> list[str]:
    return [done.outcome for _, _, done in noria.retrainings("toy", session=service.session)]


def aliases(service: Any) -> dict[str, int]:
    return dict(service.session.registry.model("toy").aliases)


def test_a_shadow_that_wins_its_trial_is_promoted_once(trial, rows):
    retrain = retrainer(trial)
    beside(trial, rows(150, 5, odd=3.0))
    waits = retrain("toy", only_due=True)
    assert (waits.outcome, waits.reason) == ("trial", "150 labelled rows of its trial, 200 decide")
    beside(trial, rows(150, 6, odd=3.0))
    assert retrain("toy", only_due=True, dry_run=True).outcome == "trial"
    done = retrain("toy", only_due=True)
    assert (done.outcome, done.judged, aliases(trial)["champion"]) == ("promoted", 300, 2)
    assert done.gains[0].low > 0
    assert done.reason.startswith("odd: in its trial: roc_auc 0.")
    assert "on the same 300 rows, a gain of" in done.reason
    assert outcomes(trial) == ["promoted", "won", "trial", "started"]
    change = noria.history("toy", session=trial.session)[-1]
    assert (change.kind, change.alias, change.why) == ("promoted", "champion", done.reason)
    assert retrain("toy", only_due=True).outcome == "not due"


def test_a_canary_that_loses_its_trial_answers_no_more(trial, rows):
    beside(trial, rows(250, 5), role="challenger")
    done = retrainer(trial)("toy", only_due=True)
    assert done.outcome == "kept"
    assert done.reason.endswith("that is no better")
    assert aliases(trial) == {"champion": 1, "challenger": 1}
    assert outcomes(trial)[:2] == ["kept", "lost"]


def test_one_that_errs_is_taken_out_at_once(trial, rows):
    trial.answer(rows(50, 5))
    sent = rows(10, 6).drop("y").to_dicts()
    trial.log(sent, [{"error": {"what": "The model failed on this row."}}] * 10, version=2, role="challenger")
    done = retrainer(trial)("toy", only_due=True)
    assert (done.outcome, aliases(trial)["challenger"]) == ("kept", 1)
    assert done.reason == "odd: in its trial: it refuses 100% of its rows"


def test_rows_that_both_refuse_are_no_fault_of_the_challenger(trial, rows):
    sent = rows(50, 6).drop("y").to_dicts()
    for version, role in ((1, "champion"), (2, "shadow")):
        trial.log(sent, [{"error": {"what": "no"}}] * 50, version=version, role=role)
    assert retrainer(trial)("toy", only_due=True).outcome == "trial"


def test_one_whose_requests_take_too_long_is_taken_out_at_once(trial, rows):
    beside(trial, rows(60, 5), role="challenger", seconds=0.4, labels=False)
    done = retrainer(trial)("toy", only_due=True)
    assert done.reason == "odd: in its trial: 95% of its requests take up to 400 ms, 100 ms are allowed"


def test_one_that_is_slower_than_allowed_is_taken_out_at_once(trial, rows):
    beside(trial, rows(60, 5), labels=False)
    retrain = retrainer(trial)
    load, slow = retrain.watcher.load, trial.session.registry.folder("toy@2") / "model"

    class Slow:
        def __init__(self, model) -> None:
            self.model = model

        def predict(self, table):
            time.sleep(0.1)
            return self.model.predict(table)

    retrain.watcher.load = lambda folder: Slow(load(folder)) if folder == slow else load(folder)
    done = retrain("toy", only_due=True)
    assert done.outcome == "kept"
    assert done.reason.endswith("times as long per row, 3 times are allowed")


def test_one_that_cannot_be_loaded_is_taken_out(trial):
    (trial.session.registry.folder("toy@2") / "model/model.json").write_text("{")
    done = retrainer(trial)("toy", only_due=True)
    assert (done.outcome, aliases(trial)["challenger"]) == ("kept", 1)
    assert done.reason.startswith("odd: in its trial: it fails: ")


@pytest.mark.parametrize(
    ("count", "said"), [(20, "20 labelled rows of its trial after 1 days"), (60, "gain")]
)
def test_when_its_time_is_over_the_labels_that_there_are_decide(trial, rows, count, said):
    beside(trial, rows(count, 5, odd=3.0))
    trial.now += 86_400
    done = retrainer(trial, trial_time="1d")("toy", only_due=True)
    assert done.outcome == ("kept" if count == 20 else "promoted")
    assert said in done.reason


@pytest.mark.parametrize("after", [False, True], ids=["before the promotion", "after it"])
def test_a_kill_between_decision_and_record(trial, rows, after, monkeypatch):
    beside(trial, rows(250, 5, odd=3.0))
    retrain = retrainer(trial)
    registry = retrain.watcher.registry
    promote = registry.promote

    def killed(*place, **wish):
        if after:
            promote(*place, **wish)
        raise Killed

    monkeypatch.setattr(registry, "promote", killed)
    with pytest.raises(Killed):
        retrain("toy", only_due=True)
    monkeypatch.undo()
    assert (outcomes(trial)[0], aliases(trial)["champion"]) == ("won", 2 if after else 1)
    if after:
        noria.rollback("toy", session=trial.session)
    done = retrainer(trial)("toy", only_due=True)  # a promotion that was taken back is not made again
    assert (done.outcome, aliases(trial)["champion"]) == (("kept", 1) if after else ("promoted", 2))
    promoted = [one for one in noria.history("toy", session=trial.session) if one.kind == "promoted"]
    assert [one.version for one in promoted if one.alias == "champion"] == [1, 2]


def test_two_watchers_at_once(trial, rows):
    beside(trial, rows(250, 5, odd=3.0))
    found: list[str] = []
    threads = [
        threading.Thread(target=lambda: found.append(retrainer(trial)("toy", only_due=True).outcome))
        for _ in range(2)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(found) in (["busy", "promoted"], ["not due", "promoted"])
    assert outcomes(trial).count("promoted") == 1
    changes = noria.history("toy", session=trial.session)
    assert [one.version for one in changes if one.alias == "champion"] == [1, 2]


def test_another_champion_ends_the_trial(trial, rows):
    beside(trial, rows(250, 5, odd=3.0))
    trial.session.registry.register("toy", "other-run")
    trial.session.registry.promote("toy", 3)
    with pytest.raises(ArtifactError):
        retrainer(trial)("toy", only_due=True)
    assert aliases(trial)["champion"] == 3
    trial.session.registry.promote("toy", 1)
    assert retrainer(trial)("toy", only_due=True).outcome == "promoted"
