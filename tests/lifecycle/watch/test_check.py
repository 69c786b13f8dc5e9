from __future__ import annotations

import json
import shutil
import threading
from dataclasses import replace
from http.server import BaseHTTPRequestHandler, HTTPServer

import polars as pl
import pytest

import noria
from noria.core.drift import DriftReport
from noria.core.schema import Column, Role, Schema, Type
from noria.core.serving import Label, Outcome
from noria.core.watch import Check, Usage
from noria.errors import ArtifactError
from noria.lifecycle.watch import alone, window
from noria.lifecycle.watch.realised import beside, truth_of


def kinds(check: Check) -> list[str]:
    return [alarm.kind for alarm in check.open]


def test_rows_like_those_of_the_training_raise_nothing(service, rows):
    service.answer(rows(600, 1))
    check = service.check()
    assert (check.verdict, check.reasons, check.notes) == ("ok", (), ())
    assert (check.usage.rows, check.usage.requests, check.labelled) == (600, 600, 600)
    assert check.usage.slow == pytest.approx(0.002)
    by_metric = {one.score.metric: one for one in check.scores}
    assert by_metric["roc_auc"].score.low < by_metric["roc_auc"].known.value < by_metric["roc_auc"].score.high
    assert {one.score.metric for one in check.report.estimates} >= {"roc_auc", "accuracy"}
    told = json.loads(json.dumps(check.to_dict()))
    assert Check.from_dict(told) == replace(check, acted=())
    assert "toy@1: ok; 600 rows" in check._repr_html_()
    assert check.frame()["drifted"].sum() == 0


@pytest.mark.parametrize("content", ["", "[]", '{"a": 1}'])
def test_what_rows_are_compared_with_is_damaged(service, rows, content):
    service.answer(rows(60, 1))
    (service.watcher.watched("toy").folder / "reference.json").write_text(content)
    check = service.check()
    assert (check.verdict, check.usage.rows, check.report.drifts) == ("ok", 60, ())
    assert check.notes == ("What new rows are compared with cannot be read. Train the model again.",)


def test_a_run_without_its_record_is_told(service):
    (service.session.registry.folder("toy") / "run.json").unlink()
    with pytest.raises(ArtifactError, match="The run of version 1 of 'toy' has no record"):
        service.check()


def test_nobody_has_asked_yet(service):
    check = service.check()
    assert (check.verdict, check.usage.rows, check.alarms) == ("no rows", 0, ())


def test_drift_opens_an_alarm_in_the_second_window_that_has_it_and_closes_as_slowly(service, rows):
    service.answer(rows(500, 1, older=15))
    first = service.check(rows=500)
    assert (first.verdict, kinds(first)) == ("suspect", [])
    again = service.check(rows=500)
    assert (again.verdict, again.alarms) == ("suspect", first.alarms)  # nothing new, nothing counted twice
    service.answer(rows(500, 2, older=15))
    second = service.check(rows=500)
    assert second.verdict == "alarm"
    assert "drift" in kinds(second)
    assert any(why.startswith("age drifted: its median is about 5") for why in second.reasons)
    service.answer(rows(500, 3))
    assert "drift" in kinds(service.check(rows=500))
    service.answer(rows(500, 4))
    assert kinds(service.check(rows=500)) == []
    assert [check.verdict for check in noria.checks("toy", session=service.session)][-1] == "suspect"


def test_rows_that_only_leave_the_window_change_no_alarm(service, rows):
    for seed in (1, 2):
        service.answer(rows(500, seed, older=15))
    first = service.check(window="2h")
    service.now += 4_000
    fewer = service.check(window="2h")
    service.now += 10_000
    none = service.check(window="2h")
    assert [check.usage.rows for check in (first, fewer, none)] == [1_000, 500, 0]
    assert first.verdict == "suspect"
    assert first.alarms == fewer.alarms == none.alarms


def test_decay_is_seen_with_labels_alone(service, rows):
    for seed in (1, 2):
        service.answer(rows(500, seed, odd=3.0))
        check = service.check(rows=500)
    assert kinds(check) == ["decay"]
    assert check.reasons[0].startswith("roc_auc is 0.")
    assert "on 500 labelled rows, it was" in check.reasons[0]


def test_refused_rows_and_slow_requests_are_alarms(service, rows):
    bad = [{"age": "old", "town": "Delft", "income": 1.0}] * 40
    for _ in range(2):
        service.answer(rows(100, 1), seconds=0.5, cpu=0.3)
        service.log(bad, [{"error": {"what": "no"}}] * 40)
        check = service.check(rows=140, latency="0.1s", price=3.6)
    assert {"errors", "latency", "quality"} <= set(kinds(check))
    assert "29% of the rows were refused, 5.0% are allowed." in check.reasons
    assert "95% of the requests take up to 500 ms, 100 ms are allowed." in check.reasons
    assert any(why.startswith("age should hold values of the type number; 29%") for why in check.reasons)
    assert check.usage.cpu == pytest.approx(1000 * (100 * 0.3 + 40 * 0.002) / 140)
    assert check.usage.cost == pytest.approx(check.usage.cpu * 3.6 / 3600)


def test_the_volume_is_held_against_rows_that_were_compared(service):
    model = service.watcher.watched("toy")
    rule, usage, report = model.recipe.monitor, Usage(rows=100, refused=40), DriftReport(60, 1_500)
    now = service.now + 9 * rule.window
    earlier = [Check("toy", 1, now - at * rule.window, usage, report, "roc_auc") for at in (1, 2, 3)]
    assert service.watcher._usual(model, rule, earlier, now) == [60, 60, 60]


def test_fields_that_callers_invent_are_not_all_looked_at(service, rows):
    service.answer(rows(100, 1))
    odd = [{f"field {at}": 1} for at in range(300)]
    service.log(odd, [{"error": {"what": "There is no such field."}}] * 300)
    named = [one for one in service.check().report.issues if one.column.startswith("field ")]
    assert len(named) == 20


def test_large_rows_are_read_a_few_at_a_time(service, rows, monkeypatch):
    sizes = []
    monkeypatch.setattr(window, "_LARGE", 2_000)
    monkeypatch.setattr(window, "_take", lambda _, page, *__: sizes.append(len(page)))
    service.answer(rows(60, 1))
    service.check()
    assert (sum(sizes), max(sizes) < 30) == (60, True)


def test_a_window_of_three_rows_is_no_reason_for_anything(service, rows):
    service.answer(rows(2, 1))
    service.log([{"age": None, "town": "Atlantis", "income": 1.0}], [{"error": {"what": "no"}}])
    check = service.check()
    assert check.open == ()
    assert "Too few rows to test: 3, at least 50 are needed." in check.notes
    assert "2 rows of this window have a label; 30 are enough to judge by." in check.notes


def test_a_feature_that_vanished_and_one_of_another_type(service, rows):
    outputs = [{"prediction": "yes", "probability_no": 0.4, "probability_yes": 0.6}] * 200
    for _ in range(2):
        sent = rows(200, 1).drop("y", "income").with_columns(age=pl.lit("old"))
        service.log(sent.to_dicts(), outputs)
        check = service.check(rows=200)
    assert "quality" in kinds(check)
    assert "income is not there in 100% of the rows." in check.reasons
    assert any(why.startswith("age should hold values of the type number; 100%") for why in check.reasons)


def test_fields_that_the_log_is_spared_are_not_missed(service, rows):
    sent = rows(300, 1).drop("y").with_columns(town=pl.lit("***"))
    service.log(sent.to_dicts(), [{"prediction": "yes"}] * 300)
    check = service.check()
    assert "The log has no values of town: they are masked, and not compared." in check.notes
    assert "town" not in {one.name for one in check.report.drifts}
    assert not any("town" in why for why in check.reasons)


def test_a_refused_row_without_a_masked_field_unmasks_nothing(service, rows):
    sent = rows(300, 1).drop("y").with_columns(town=pl.lit("***"))
    service.log(sent.to_dicts(), [{"prediction": "yes"}] * 300)
    service.log([{"age": 40.0}], [{"error": {"what": "There is no field 'town'."}}])
    assert "The log has no values of town: they are masked, and not compared." in service.check().notes


def test_labels_that_cannot_count(service, rows):
    log = service.watcher.log
    ids = service.answer(rows(100, 1), labels=False)
    labels = [Label.of(ids[0], "yes", service.now), Label.of(ids[0], "yes", service.now)]
    labels += [Label.of(ids[0], "no", service.now), Label.of("nobody", "yes", service.now)]
    said = log.tell("toy", labels)
    assert said == [Outcome.KEPT, Outcome.SAME, Outcome.CONTRADICTS, Outcome.UNKNOWN]
    assert service.check().labelled == 1
    log.tell("toy", [Label.of(one, "maybe", service.now) for one in ids[1:40]])
    check = service.check()
    assert "39 labels name a class that the model does not know, such as 'maybe'." in check.notes
    service.now += 2 * 365 * 86_400
    service.answer(rows(60, 2))
    log.tell("toy", [Label.of(ids[50], "yes", service.now)])
    late = service.check()
    assert late.labelled == 60
    assert "1 label came for rows outside of this window, and are not counted here." in late.notes


@pytest.mark.parametrize(("target", "feature"), [("row", "x"), ("y", "row")])
def test_a_target_or_a_feature_may_be_called_row(target, feature):
    schema = Schema((Column(target, Type.NUMBER, Role.TARGET),))
    truth, at, notes = truth_of(schema, (), [1.5, None, 2])
    sent = pl.DataFrame({feature: [7, 8, 9]})
    assert beside(truth, sent[at]).rows(named=True) == [{target: 1.5, feature: 7}, {target: 2.0, feature: 9}]
    assert notes == []


def test_clocks_that_jump_lose_no_rows(service, rows):
    service.answer(rows(60, 1))
    service.now -= 7_200
    service.answer(rows(60, 2))
    service.now -= 600
    check = service.check()
    assert check.usage.rows == 120
    assert any(note.startswith("The clock went back by") for note in check.notes)
    assert any("bear a time that is still to come" in note for note in check.notes)


def test_another_version_begins_anew(service, rows):
    for seed in (1, 2):
        service.answer(rows(300, seed, older=15))
        service.check(rows=300)
    service.session.registry.register("toy", service.session.registry.find("toy").run)
    folder = service.session.registry.folder("toy")
    (folder / "reference.json").unlink()
    service.log([{"age": 1.0}] * 60, [{"prediction": "yes"}] * 60, version=7)
    check = service.check()
    assert "What new rows are compared with cannot be read. Train the model again." in check.notes
    assert (check.usage.rows, check.report.drifts) == (600, ())


def test_looks_at_two_versions_in_turn_keep_each_its_alarms(service, rows):
    registry, artefacts = service.session.registry, service.session.artefacts
    run = artefacts.create("toy")
    shutil.copytree(registry.folder("toy"), artefacts.folder(run), dirs_exist_ok=True)
    registry.promote("toy", registry.register("toy", run), "rival")
    for seed in (1, 2):
        service.answer(rows(500, seed, odd=3.0))
        champion, rival = (service.watcher.check(name) for name in ("toy", "toy@rival"))
    assert (champion.version, rival.version, kinds(champion), kinds(rival)) == (1, 2, ["decay"], [])


def test_two_watchers_at_once_and_one_acts(service, rows):
    service.answer(rows(100, 1))
    with alone(service.watcher.ledger, "watch toy", 60) as other:
        assert other is None
        found = []
        thread = threading.Thread(target=lambda: found.append(service.check()))
        thread.start()
        thread.join()
    assert found[0].usage.rows == 100
    assert found[0].notes[-1].startswith("Another watcher, ")
    assert noria.checks("toy", session=service.session) == []
    assert len(service.check().notes) == 0


# -- messages ------------------------------------------------------------------------------------------------


class Hook:
    """A webhook that may be down."""

    def __init__(self) -> None:
        self.got: list[dict] = []
        hook = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                hook.got.append(json.loads(self.rfile.read(int(self.headers["Content-Length"]))))
                self.send_response(200)
                self.end_headers()

            def log_message(self, *_) -> None:
                pass

        self.handler, self.port = Handler, 0
        self.start()

    def start(self) -> None:
        self.server = HTTPServer(("127.0.0.1", self.port), self.handler)
        self.port = self.server.server_port
        threading.Thread(
            target=self.server.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True
        ).start()

    def stop(self) -> None:
        self.server.shutdown()
        self.server.server_close()

    @property
    def url(self) -> str:
        return f"json://me:secret@127.0.0.1:{self.port}/hook"


@pytest.fixture
def hook():
    pytest.importorskip("apprise")
    made = Hook()
    yield made
    made.stop()


def drifting(service, rows, seed: int, hook: Hook, **changes) -> Check:
    service.answer(rows(300, seed, older=15))
    return service.check(rows=300, notify=[hook.url], **changes)


def test_an_alarm_is_told_once_and_so_is_its_end(service, rows, hook):
    for seed in range(4):
        check = drifting(service, rows, seed, hook)
        assert bool(check.acted) == (seed == 1)
    assert len(hook.got) == 1
    assert hook.got[0]["title"].startswith("toy@1: ")
    assert "- age drifted: " in hook.got[0]["message"]
    for seed in (5, 6):
        service.answer(rows(300, seed))
        check = service.check(rows=300, notify=[hook.url])
    assert hook.got[1]["title"].startswith("toy@1: over: ")
    assert check.acted[0].startswith(f"Told json://me:****@127.0.0.1:{hook.port}/hook: toy@1: over: ")
    assert "secret" not in json.dumps([one.to_dict() for one in noria.checks("toy", session=service.session)])


def test_an_open_alarm_is_told_again_only_if_that_is_wanted(service, rows, hook):
    for seed in range(4):
        drifting(service, rows, seed, hook, remind="2h")
    assert len(hook.got) == 2


def test_a_silence_keeps_alarms_and_tells_them_when_it_ends(service, rows, hook):
    service.watcher.silence("toy", 2.5 * 3_600, ["drift", "quality"], "a campaign")
    seen = [len(drifting(service, rows, seed, hook).acted) for seed in range(4)]
    assert seen == [0, 0, 0, 1] or seen == [0, 0, 1, 0]
    assert "drift" in hook.got[0]["title"]


def test_a_silence_can_be_ended(service, rows, hook):
    service.watcher.silence("toy", 30 * 86_400.0)
    service.watcher.silence("toy", 86_400.0, ["drift"])
    assert [len(drifting(service, rows, seed, hook).acted) for seed in range(3)] == [0, 0, 0]
    service.watcher.silence("toy", 0.0)
    assert len(drifting(service, rows, 3, hook).acted) == 1
    assert "drift" in hook.got[0]["title"]


def test_a_target_that_is_down_gets_its_message_later(service, rows, hook):
    hook.stop()
    drifting(service, rows, 1, hook)
    check = drifting(service, rows, 2, hook)
    assert check.verdict == "alarm"
    assert check.acted[0].startswith("Nobody was told: json://me:****@127.0.0.1")
    assert check.acted[0].endswith("It is sent again with the next check.")
    hook.start()
    check = drifting(service, rows, 3, hook)
    assert [one["title"].partition(":")[0] for one in hook.got] == ["toy@1"]
    assert check.outbox == ()


def test_an_address_that_is_none_is_told_and_ends_nothing(service, rows):
    pytest.importorskip("apprise")
    for seed in (1, 2):
        service.answer(rows(300, seed, older=15))
        check = service.check(rows=300, notify=["nowhere"])
    assert check.acted[0].startswith("Nobody was told: A target of alerts is no address that apprise knows.")


class Killed(BaseException):
    """Where a process ends."""


class Post:
    """Keeps the messages that it gets."""

    def __init__(self) -> None:
        self.got: list[str] = []

    def shown(self, target: str) -> str:
        return target

    def send(self, target: str, title: str, text: str) -> None:
        self.got.append(f"{target} {title}")


@pytest.mark.parametrize(
    ("where", "after", "first"),
    [
        ("add", False, 0),
        ("add", True, 0),
        ("send", False, 0),
        ("send", True, 1),
        ("change", False, 1),
        ("change", True, 1),
    ],
)
def test_a_kill_anywhere_loses_no_message_and_repeats_at_most_the_one_at_hand(
    service, rows, where, after, first
):
    post, watcher = Post(), service.watcher
    watcher.alerts = lambda: post
    place = post if where == "send" else watcher.ledger
    real = getattr(place, where)

    def killed(*given, **wish):
        if after:
            real(*given, **wish)
        raise Killed

    setattr(place, where, killed)
    service.answer(rows(300, 1, older=15))
    wish = {"rows": 300, "notify": ["ann", "bob"], "after": 1}
    with pytest.raises(Killed):
        watcher.check("toy", **wish)
    assert len(post.got) == first
    setattr(place, where, real)
    check = watcher.check("toy", **wish)
    assert check.outbox == ()
    repeated = {("send", True), ("change", False)}
    times = [2 if (where, after) in repeated else 1, 1]
    assert [sum(one.startswith(name) for one in post.got) for name in ("ann", "bob")] == times
    assert watcher.check("toy", **wish).acted == ()
    assert noria.checks("toy", limit=2, session=service.session)[1].acted[-1].startswith("Told bob: toy@1: ")
