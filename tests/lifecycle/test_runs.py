from __future__ import annotations

import json
import time

import pytest

import noria
from noria.core.result import Evaluation, Score
from noria.errors import ParamError
from noria.settings import Settings


@pytest.fixture
def session(tmp_path) -> noria.Session:
    return noria.Session(Settings(home=tmp_path / "home", workers=1))


def add(session, name="demo", *, accuracy=None, ago=0.0, busy=False, task="classification") -> str:
    """A run in a folder of its own; without an accuracy, one that has not ended."""
    artefacts = session.artefacts
    run = artefacts.create(name)
    started = {
        "id": run,
        "name": name,
        "started": time.time() - ago,
        "key": "k",
        "snapshot": "s",
        "noria": "1",
    }
    (artefacts.folder(run) / "started.json").write_text(json.dumps(started))
    if accuracy is not None:
        scores = {"accuracy": Score("accuracy", accuracy, accuracy - 0.1, accuracy + 0.1)}
        if task == "classification":
            scores["f1"] = Score("f1", 1 - accuracy)
        record = {
            "ended": time.time(), "task": task, "seconds": 4.0, "rows": 50, "trials": 3, "features": None,
            "commit": "c0ffee", "evaluation": Evaluation(10, "random", "accuracy", scores).to_dict(),
        }  # fmt: skip
        (artefacts.folder(run) / "run.json").write_text(json.dumps(record))
    session.registry.record(run)
    if not busy:
        artefacts.release(run)
    return run


def ids(found) -> list[str]:
    return [line.run.id for line in found]


def test_the_latest_run_comes_first_and_what_is_left_out_is_counted(session):
    runs = [add(session, accuracy=0.8, ago=100 - at) for at in range(5)]
    found = noria.runs(limit=2, session=session)
    assert (ids(found), found.more, len(found)) == (runs[:2:-1], 3, 2)
    assert noria.runs(limit=0, session=session).more == 0
    assert len(noria.runs(limit=None, session=session)) == 5


def test_runs_are_found_by_what_they_are_and_what_they_reached(session):
    low, high = add(session, accuracy=0.7), add(session, "other", accuracy=0.9)
    number = add(session, accuracy=0.95, task="regression")

    def found(**wishes) -> list[str]:
        return ids(noria.runs(**wishes, session=session))

    assert found(where="accuracy >= 0.8", sort="accuracy") == [high, number]
    assert found(where=["accuracy >= 0.8", "task=regression"]) == [number]
    assert found(where="commit ^= c0f", name="other") == [high]
    assert found(sort="-accuracy") == [number, high, low]
    assert found(sort="f1") == [high, low]
    assert found(name="nothing") == []


def test_status_tells_what_is_worked_on_from_what_was_cut_off(session):
    done, cut, busy = add(session, accuracy=0.8), add(session), add(session, busy=True)
    told = {line.run.id: line.status for line in noria.runs(session=session)}
    assert told == {done: "finished", cut: "stopped", busy: "running"}
    for status, run in (("finished", done), ("stopped", cut), ("running", busy)):
        assert ids(noria.runs(status=status, session=session)) == [run]
    add(session)
    assert noria.runs(status="stopped", limit=1, session=session).more == 1


def test_since_counts_from_the_start_of_a_run(session):
    add(session, accuracy=0.8, ago=3 * 86400)
    new = add(session, accuracy=0.8, ago=3600)
    assert ids(noria.runs(since="2d", session=session)) == [new]
    assert len(noria.runs(since="7d", session=session)) == 2


def test_versions_and_aliases_stand_beside_the_runs(session):
    one, two, loose = (add(session, accuracy=0.8, ago=-at) for at in range(3))
    for run in (one, two):
        session.registry.register("demo", run)
    session.registry.promote("demo", 1)
    session.registry.promote("demo", 2, "challenger")
    found = noria.runs(sort="started", session=session)
    assert ids(found) == [one, two, loose]
    assert [(line.version, line.aliases) for line in found] == [
        (1, ("champion",)), (2, ("challenger",)), (None, ())
    ]  # fmt: skip


def test_the_metric_that_was_asked_for_is_shown(session):
    add(session, accuracy=0.75)
    add(session)
    frame = noria.runs(sort="started", session=session).frame()
    assert frame["metric"].to_list() == ["accuracy", None]
    assert frame.row(0, named=True)["low"] == 0.65
    assert noria.runs(where="f1 > 0", session=session).frame()["metric"].to_list() == ["f1"]


def test_the_result_renders_itself(session):
    add(session, accuracy=0.75)
    found = noria.runs(session=session)
    told = json.loads(json.dumps(found.to_dict(), allow_nan=False))
    assert told["more"] == 0
    assert (told["runs"][0]["status"], told["runs"][0]["version"]) == ("finished", None)
    assert told["runs"][0]["scores"]["f1"]["low"] is None
    assert found._repr_html_().count("1 run</caption>") == 1
    empty = noria.runs(name="nothing", session=session)
    assert (empty.frame().height, empty.frame().columns) == (0, found.frame().columns)


@pytest.mark.parametrize(
    ("wish", "said"),
    [
        ({"where": "acuracy > 0.5"}, "No run was measured by 'acuracy'.\n  do:  Did you mean 'accuracy'?"),
        ({"sort": "-stared"}, "No run was measured by 'stared'.\n  do:  Did you mean 'started'?"),
        ({"status": "done"}, "There is no status 'done'.\n  do:  Use one of: finished, running, stopped."),
        ({"since": "soon"}, "The time since then is a positive duration.\n  got: 'soon'\n"
                            "  do:  Write it as 60s, 5m or 1h."),
    ],
)  # fmt: skip
def test_a_wish_that_cannot_be_meant(session, wish, said):
    add(session, accuracy=0.8)
    with pytest.raises(ParamError) as caught:
        noria.runs(**wish, session=session)
    assert str(caught.value) == said


def test_where_nothing_was_run_nothing_is_wrong(session):
    assert noria.runs(sort="-accuracy", session=session).lines == ()
    assert not session.settings.home.exists()
