from __future__ import annotations

import asyncio
import re
import sqlite3
import threading
import time
from contextlib import closing

import pytest

from noria.backends.predictions_sql import SqlPredictions
from noria.core.serving import Label
from noria.errors import NotFoundError, OverloadError, RequestError
from noria.lifecycle.serve import Desk, Limits, Traffic

pytestmark = pytest.mark.anyio


def ids(count: int) -> list[str]:
    return [f"{at:032x}" for at in range(count)]


async def test_quick_rows_go_straight_through(endpoint):
    made = endpoint()
    assert made.serving.pace.quick(1)
    desk = Desk({"line": made})
    (answer,) = (await desk.predict("line", [{"x": 1.0}], "r")).rows
    assert answer.keys() >= {"prediction", "low", "high"}
    assert desk._threads._threads == set(), "no thread was needed"


async def test_what_arrives_while_a_slow_model_works_is_answered_together(endpoint):
    made = endpoint(seconds=0.02)
    model = made.serving.model
    model.tables.clear()
    desk = Desk({"line": made})
    found = await asyncio.gather(
        *(desk.predict("line", [{"x": float(at)}], one) for at, one in enumerate(ids(40)))
    )
    assert sum(model.tables) == 40
    assert len(model.tables) <= 3
    assert all(name.startswith("noria-predict") for name in model.threads - {"MainThread"})
    expected = model.model.predict(made.serving.check.table([(float(at),) for at in range(40)])).to_dicts()
    assert [answers.rows[0] for answers in found] == expected


async def test_a_bad_row_does_not_spoil_those_it_is_gathered_with(endpoint):
    desk = Desk({"line": endpoint(seconds=0.02)})
    rows = [{"x": 1.0}, {"x": "no"}, {"z": 1}, {"x": 2.0}]
    found = await asyncio.gather(*(desk.predict("line", [row], one) for row, one in zip(rows, ids(4))))
    assert [("error" in answers.rows[0]) for answers in found] == [False, True, True, False]


@pytest.mark.parametrize("kind", [ZeroDivisionError, re.error])
async def test_a_row_that_breaks_the_model_is_told_and_the_others_are_answered(endpoint, kind):
    made = endpoint(seconds=0.0)
    model, predict, asked = made.serving.model, made.serving.model.predict, []

    def fragile(rows):
        asked.append(rows.height)
        if 13.0 in rows["x"]:
            raise kind("a secret")
        return predict(rows)

    model.predict = fragile
    answers = (await Desk({"line": made}).predict("line", [{"x": float(at)} for at in range(100)], "r")).rows
    assert [at for at, one in enumerate(answers) if "error" in one] == [13]
    assert answers[13]["error"]["what"] == "The model failed on this row."
    assert "secret" not in str(answers[13])
    assert len(asked) < 20, "it is found by halves"


async def test_many_rows_come_in_pieces_between_which_others_get_their_turn(endpoint):
    made = endpoint(seconds=0.02)
    desk, ended = Desk({"line": made}), []

    async def ask(rows, name):
        await desk.predict("line", [{"x": 1.0}] * rows, name)
        ended.append(name)

    many = asyncio.create_task(ask(10_000, "many"))
    await asyncio.sleep(0.01)
    await ask(1, "one")
    await many
    assert ended == ["one", "many"]
    assert max(made.serving.model.tables) <= 2_048


async def test_beyond_what_may_wait_requests_are_turned_away(endpoint):
    made = endpoint(seconds=0.05)
    desk = Desk({"line": made}, limits=Limits(waiting=10))
    asked = [desk.predict("line", [{"x": 1.0}] * 4, one) for one in ids(5)]
    found = await asyncio.gather(*asked, return_exceptions=True)
    refused = [one for one in found if isinstance(one, OverloadError)]
    assert len(refused) == 3
    assert (refused[0].what, refused[0].got) == (
        "The service has no room for more rows now.",
        "8 rows are being worked on",
    )
    assert refused[0].retry_after >= 1
    assert desk.waiting == 0
    assert len((await desk.predict("line", [{"x": 1.0}], "r")).rows) == 1


async def test_whoever_would_have_to_wait_too_long_is_turned_away_at_once(endpoint):
    desk = Desk({"line": endpoint(seconds=0.2)}, limits=Limits(seconds=0.5))
    asked = [desk.predict("line", [{"x": 1.0}] * 100, one) for one in ids(8)]
    found = await asyncio.gather(*asked, return_exceptions=True)
    assert {one.what for one in found if isinstance(one, OverloadError)} == {
        "The service has no room for more rows now."
    }


async def test_a_model_that_is_idle_has_room_while_another_one_works(endpoint):
    busy, idle = endpoint(seconds=0.05), endpoint(seconds=0.05)
    idle.name = "idle"
    desk = Desk({"line": busy, "idle": idle}, limits=Limits(seconds=2.0))
    asked = asyncio.create_task(desk.predict("line", [{"x": 1.0}] * 4_000, "r"))
    await asyncio.sleep(0)
    assert idle.serving.pace.seconds(desk.waiting) > desk.limits.seconds
    assert len((await desk.predict("idle", [{"x": 1.0}], "s")).rows) == 1
    await asyncio.gather(asked, return_exceptions=True)  # a slow machine may find the many rows too many


async def test_explanations_that_take_long_keep_no_prediction_waiting(endpoint):
    made, release = endpoint(seconds=0.01), threading.Event()
    model = made.serving.model

    def explain(rows, *, deadline):
        release.wait(10)
        return model.model.explain(rows, deadline=deadline)

    model.explain = explain
    desk = Desk({"line": made}, limits=Limits(seconds=2.0))
    asked = [asyncio.create_task(desk.predict("line", [{"x": 1.0}], one, explain=True)) for one in ids(3)]
    await asyncio.sleep(0.2)
    try:
        assert len((await desk.predict("line", [{"x": 1.0}], "r")).rows) == 1
    finally:
        release.set()
    for answers in await asyncio.gather(*asked):
        assert answers.explanations[0]["features"][0]["feature"] == "x"


async def test_a_request_that_takes_too_long(endpoint):
    desk = Desk({"line": endpoint(seconds=0.2)}, limits=Limits(seconds=0.05))
    with pytest.raises(OverloadError) as caught:
        await desk.predict("line", [{"x": 1.0}], "r")
    assert str(caught.value) == (
        "The request took too long.\n  got: more than 0.05 s\n  do:  Send it again later."
    )
    with pytest.raises(OverloadError) as caught:
        await desk.predict("line", [{"x": 1.0}] * 2, "r")
    assert caught.value.do == "Send fewer rows at once."
    assert desk.waiting == 0


async def test_more_rows_than_there_is_time_for_are_refused_once_that_is_plain(endpoint, monkeypatch):
    monkeypatch.setattr("noria.lifecycle.serve.batch._SURE", 0.0)
    desk = Desk({"line": endpoint(seconds=0.2)}, limits=Limits(seconds=1.0))
    with pytest.raises(RequestError) as caught:
        await desk.predict("line", [{"x": 1.0}] * 20_480, "r")
    assert caught.value.http_status == 413
    assert caught.value.what == "So many rows take too long to be answered at once."
    assert re.fullmatch(r"20,480 rows, of which 2,048 took 0\.\d s", caught.value.got)
    assert re.fullmatch(r"Send at most [\d,]+ rows, or send them as a file\.", caught.value.do)
    assert desk.endpoint("line").serving.model.tables[-1] <= 2_048
    assert desk.waiting == 0
    assert len((await desk.predict("line", [{"x": 1.0}] * 4_096, "r")).rows) == 4_096


async def test_nobody_waits_for_the_log_for_ever(endpoint, session):
    log = SqlPredictions(session.settings)
    desk = Desk({"line": endpoint()}, log, Limits(seconds=0.3))
    await desk.predict("line", [{"x": 1.0}], "0" * 32)
    with closing(sqlite3.connect(session.settings.home / "state.db", isolation_level=None)) as other:
        other.execute("BEGIN IMMEDIATE")
        for call in (
            desk.predict("line", [{"x": 1.0}], "1" * 32),
            desk.tell("line", [Label.of("0" * 32, 1, 1.0)]),
        ):
            with pytest.raises(OverloadError) as caught:
                await call
            assert (caught.value.what, caught.value.got) == ("The request took too long.", "more than 0.3 s")
        other.execute("ROLLBACK")
    assert desk.waiting == 0
    assert len((await desk.predict("line", [{"x": 1.0}], "2" * 32)).rows) == 1


async def test_too_many_rows_and_no_model(endpoint):
    desk = Desk({"line": endpoint()}, limits=Limits(rows=3))
    with pytest.raises(RequestError) as caught:
        await desk.predict("line", [{"x": 1.0}] * 4, "r")
    assert (caught.value.http_status, caught.value.got) == (413, "4")
    with pytest.raises(NotFoundError):
        await desk.predict("lime", [], "r")


def busy(endpoint, seconds):
    """An endpoint whose model computes for so long."""
    made = endpoint(seconds=0.0)
    predict = made.serving.model.predict

    def working(rows):
        begun = time.thread_time()
        while time.thread_time() - begun < seconds:
            pass
        return predict(rows)

    made.serving.model.predict = working
    return made


async def test_the_log_knows_the_cpu_seconds_of_each_row_and_none_of_waiting(endpoint, session):
    log = SqlPredictions(session.settings)
    computing, sleeping = Desk({"line": busy(endpoint, 0.1)}, log), Desk({"line": endpoint(seconds=0.1)}, log)
    for name, desk in (("computing", computing), ("sleeping", sleeping)):
        for turn in range(2):
            await desk.predict("line", [{"x": 1.0}] * 100, f"{name}{turn}")
    spent = {one.request: 0.0 for one in log.read()}
    for one in log.read():
        spent[one.request] += one.cpu
    assert spent["computing1"] > 0.1 > spent["sleeping1"] > 0
    await computing.close()


async def test_a_split_answers_each_row_by_its_version(endpoint, session):
    made = endpoint(Traffic({"challenger": 0.5}, by="customer"))
    log = SqlPredictions(session.settings)
    desk = Desk({"line": made}, log)
    rows = [{"x": 10.0, "customer": at} for at in range(30)]
    answers = await desk.predict("line", rows, "0" * 32)
    by_version = {one.version: {} for one in answers.servings}
    for serving, answer in zip(answers.servings, answers.rows):
        by_version[serving.version] = answer
    assert by_version[1]["prediction"] > 0 > by_version[2]["prediction"]
    lines = list(log.read())
    assert [line.version for line in lines] == [one.version for one in answers.servings]
    assert {(line.version, line.role) for line in lines} == {(1, "champion"), (2, "challenger")}
    assert '"customer":0' in lines[0].inputs


async def test_a_shadow_answers_into_the_log_only(endpoint, session):
    made = endpoint(Traffic({}, shadow="challenger"))
    log = SqlPredictions(session.settings)
    desk = Desk({"line": made}, log)
    answers = await desk.predict("line", [{"x": 10.0}, {"x": "no"}], "0" * 32)
    assert answers.rows[0]["prediction"] > 0
    await asyncio.gather(*desk._tasks)
    lines = [(line.id[-2:], line.version, line.role, "error" in line.outputs) for line in log.read()]
    assert lines == [
        ("-0", 1, "champion", False), ("-1", 1, "champion", True),
        ("-0", 2, "shadow", False), ("-1", 2, "shadow", True),
    ]  # fmt: skip


async def test_a_shadow_that_fails_or_is_too_slow_harms_nobody(endpoint):
    made = endpoint(Traffic({}, shadow="challenger"), seconds=0.0)

    release = threading.Event()

    def fail(_):
        release.wait(10)
        raise MemoryError

    made.shadow.model.predict = fail
    desk = Desk({"line": made})
    for at in range(5):
        assert "error" not in (await desk.predict("line", [{"x": 1.0}] * 1_000, f"{at}")).rows[0]
    release.set()
    await asyncio.wait(desk._tasks)
    await asyncio.sleep(0)
    text = desk.meter.text([], 0).decode()
    assert 'noria_shadow_rows_total{model="line",outcome="failed"} 4000.0' in text
    assert 'noria_shadow_rows_total{model="line",outcome="spared"} 1000.0' in text


async def test_at_the_end_everything_is_kept(endpoint, session):
    """What waits for the log is written before it is closed."""
    made = endpoint(Traffic({}, shadow="challenger"), seconds=0.02)
    desk = Desk({"line": made}, SqlPredictions(session.settings))
    await desk.predict("line", [{"x": 1.0}], "0" * 32)
    await desk.close()
    with closing(sqlite3.connect(session.settings.home / "state.db")) as file:
        assert file.execute("SELECT role FROM predictions").fetchall() == [("champion",), ("shadow",)]
