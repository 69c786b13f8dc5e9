from __future__ import annotations

import json
import os
import subprocess
import sys
import time

import polars as pl
import pytest

import noria
from noria.core.runs import RunQuery
from noria.data import snapshot
from noria.errors import NotFoundError, ParamError
from noria.lifecycle.prune import Prune
from noria.settings import Settings
from noria.testing.artefacts_contract import write_run

DAY = 86_400.0


@pytest.fixture(params=["local", "s3"])
def session(request, tmp_path) -> noria.Session:
    url = f"s3://{request.getfixturevalue('bucket')}/x" if request.param == "s3" else None
    return noria.Session(Settings(home=tmp_path / "home", artefacts=url))


@pytest.fixture
def local(tmp_path) -> noria.Session:
    return noria.Session(Settings(home=tmp_path / "home"))


def trained(
    session: noria.Session, name: str = "demo", data: str = "none", documents: str | None = None
) -> str:
    """A run that is finished and registered."""
    artefacts = session.artefacts
    run = artefacts.create(name)
    write_run(artefacts.folder(run), name, data=data, documents=documents)
    artefacts.publish(run)
    session.registry.record(run)
    session.registry.register(name, run)
    artefacts.release(run)
    return run


def stopped(session: noria.Session, name: str = "demo", started: float = 5.0, data: str = "none") -> str:
    """A run that was cut off, and that this process still holds."""
    run = session.artefacts.create(name)
    write_run(session.artefacts.folder(run), name, started=started, data=data)
    (session.artefacts.folder(run) / "run.json").unlink()
    session.registry.record(run)
    return run


def numbers(session: noria.Session, name: str = "demo") -> list[int]:
    return [version.number for version in session.registry.model(name).versions]


def whats(pruned) -> list[str]:
    return [item.what for item in pruned.items]


def known(session: noria.Session) -> tuple:
    """All that the index says."""
    state = session.state
    names = [model.name for model in state.models()]
    return state.runs(RunQuery(sort="id")), state.models(), [state.changes(name) for name in names]


# -- versions ------------------------------------------------------------------------------------------------


def test_the_newest_versions_stay(session):
    runs = [trained(session) for _ in range(4)]
    other = trained(session, "other")
    found = noria.prune(keep=2, dry_run=True, session=session)
    assert (whats(found), found.removed) == (["demo@1", "demo@2"], False)
    assert [item.id for item in found.items] == runs[:2]
    assert {item.why for item in found.items} == {"older than the newest 2"}
    assert found.bytes == sum(session.artefacts.size(run) for run in runs[:2]) > 0
    assert numbers(session) == [1, 2, 3, 4]
    done = noria.prune(keep=2, session=session)
    assert (done.items, done.removed) == (found.items, True)
    assert numbers(session) == [3, 4]
    assert session.artefacts.runs() == sorted([*runs[2:], other])
    assert {entry.id for entry in session.registry.runs(RunQuery())} == {*runs[2:], other}
    assert noria.history("demo", session=session)[-1].why == "pruned: older than the newest 2"
    assert noria.prune(keep=2, session=session).items == ()


def test_the_index_is_what_the_folders_say_afterwards(session):
    for _ in range(4):
        trained(session)
    noria.promote("demo@2", session=session)
    noria.prune(keep=1, session=session)
    before = known(session)
    session.registry.reindex()
    assert known(session) == before


def test_versions_that_are_needed_stay(local):
    for _ in range(7):
        trained(local)
    for model in ("demo@1", "demo@2", "demo@3"):
        noria.promote(model, session=local)
    noria.promote("demo@4", alias="candidate", session=local)
    noria.tag("demo@5", {"keep": "true"}, session=local)
    noria.tag("demo@6", {"keep": "false"}, session=local)
    assert whats(noria.prune(keep=1, session=local)) == ["demo@1", "demo@6"]
    assert numbers(local) == [2, 3, 4, 5, 7]
    assert noria.rollback("demo", session=local).version == 2


def test_a_version_that_is_needed_by_now_stays(local):
    for _ in range(3):
        trained(local)
    found = noria.prune(keep=1, dry_run=True, session=local)
    noria.promote("demo@1", session=local)
    assert whats(noria.prune(keep=1, only=found, session=local)) == ["demo@2"]
    assert numbers(local) == [1, 3]


def test_what_was_needed_after_the_plan_was_made_stays(local):
    for _ in range(4):
        trained(local)
    work = Prune(local.registry, local.events, keep=1)
    plan = work.plan()
    noria.promote("demo@1", session=local)
    noria.promote("demo@2", session=local)
    noria.tag("demo@3", {"keep": "true"}, session=local)
    assert work(plan).items == ()
    assert numbers(local) == [1, 2, 3, 4]


def test_nothing_goes_but_what_was_shown(local):
    for _ in range(2):
        trained(local)
    found = noria.prune(keep=1, dry_run=True, session=local)
    trained(local)
    assert whats(noria.prune(keep=1, only=found, session=local)) == ["demo@1"]
    assert numbers(local) == [2, 3]


def test_what_is_young_stays(local):
    for _ in range(2):
        trained(local)
    assert noria.prune(keep=1, older="1h", session=local).items == ()
    assert whats(noria.prune(keep=1, older=0.001, session=local)) == ["demo@1"]


def test_a_run_that_is_worked_on_stays(local):
    run = trained(local)
    trained(local)
    other = noria.Session(local.settings)
    assert other.artefacts.claim(run)
    assert noria.prune(keep=1, session=local).items == ()
    other.artefacts.release(run)
    assert whats(noria.prune(keep=1, session=local)) == ["demo@1"]


def test_a_run_that_another_name_has_too_stays(local):
    run = trained(local)
    trained(local)
    local.registry.register("twin", run)
    assert noria.prune("demo", keep=1, session=local).items == ()


def test_one_model_only(local):
    for name in ("demo", "demo", "other", "other"):
        trained(local, name)
    assert whats(noria.prune("other", keep=1, session=local)) == ["other@1"]
    with pytest.raises(NotFoundError) as caught:
        noria.prune("demu", session=local)
    assert str(caught.value) == "There is no model 'demu'.\n  do:  Did you mean 'demo'?"


def test_bad_wishes(local):
    with pytest.raises(ParamError) as caught:
        noria.prune(keep=0, session=local)
    assert str(caught.value) == (
        "At least the newest version of a model stays.\n  got: 0\n  do:  Keep 1 or more."
    )
    with pytest.raises(ParamError) as caught:
        noria.prune(older="old", session=local)
    assert caught.value.what == "An age is a positive duration."


def test_an_empty_home_stays_empty(local):
    assert noria.prune(stopped=True, snapshots=True, session=local).items == ()
    assert not local.settings.home.exists()


# -- runs that were cut off ----------------------------------------------------------------------------------


def test_runs_that_were_cut_off_go_if_that_is_asked_for(session):
    kept, run, silent = trained(session), stopped(session), session.artefacts.create("demo")
    assert noria.prune(stopped=True, session=noria.Session(session.settings)).items == ()
    session.artefacts.release(run)
    session.artefacts.release(silent)
    assert noria.prune(session=session).items == ()
    done = noria.prune(stopped=True, session=session)
    assert [(item.kind, item.id, item.why) for item in done.items] == [
        ("run", run, "was cut off"),
        ("run", silent, "was cut off before it began"),
    ]
    assert session.artefacts.runs() == [kept]
    assert [entry.id for entry in session.registry.runs(RunQuery())] == [kept]


def test_old_runs_without_a_version_go_if_that_is_asked_for(local, monkeypatch):
    kept, again = trained(local), local.artefacts.create("demo")
    write_run(local.artefacts.folder(again), "demo")
    record = local.artefacts.folder(again) / "run.json"
    record.write_text(json.dumps({**json.loads(record.read_text()), "ended": time.time()}))
    local.registry.record(again)
    local.artefacts.release(again)
    assert noria.prune(stopped=True, session=local).items == ()
    monkeypatch.setattr("noria.lifecycle.prune._DAY", 0.0)
    assert noria.prune(session=local).items == ()
    done = noria.prune(stopped=True, session=local)
    assert [(item.kind, item.id, item.why) for item in done.items] == [
        ("folder", again, "no version was made of it")
    ]
    assert local.artefacts.runs() == [kept]


def test_a_run_that_is_taken_up_again_after_the_plan_was_made_stays(local):
    run = stopped(local)
    local.artefacts.release(run)
    work = Prune(local.registry, local.events, stopped=True)
    plan = work.plan()
    other = noria.Session(local.settings)
    assert other.artefacts.claim(run)
    assert work(plan).items == ()
    other.artefacts.release(run)
    write_run(local.artefacts.folder(run), "demo")
    assert work(plan).items == ()
    assert local.artefacts.runs() == [run]


def test_young_runs_that_were_cut_off_stay(local):
    old, young = stopped(local), stopped(local, started=time.time())
    local.artefacts.release(old)
    local.artefacts.release(young)
    assert [item.id for item in noria.prune(stopped=True, older="1d", session=local).items] == [old]


# -- data ----------------------------------------------------------------------------------------------------


def kept_data(session: noria.Session, value: int, days: float = 2.0) -> str:
    """A snapshot that was last used some days ago."""
    made = snapshot.save(pl.DataFrame({"a": [value]}), session.settings)
    then = time.time() - days * DAY
    os.utime(made.path, (then, then))
    return made.hash


def test_data_that_no_run_refers_to_go_if_that_is_asked_for(session):
    old, used, young, loose = (kept_data(session, at, days) for at, days in enumerate((2, 2, 0.5, 2)))
    trained(session, data=old)
    trained(session, data=used)
    stopped(session, data=young)
    assert noria.prune(keep=2, session=session).items == ()
    found = noria.prune(keep=1, snapshots=True, dry_run=True, session=session)
    assert [(item.what, item.id) for item in found.items if item.kind == "data"] == sorted(
        [("data", old), ("data", loose)]
    )
    noria.prune(keep=1, snapshots=True, session=session)
    assert set(session.artefacts.snapshots.kept()) == {used, young}


def test_documents_that_questions_were_asked_of_stay(session):
    rows, documents = kept_data(session, 1), kept_data(session, 2)
    trained(session, data=rows, documents=documents)
    assert noria.prune(snapshots=True, session=session).items == ()


def test_data_of_a_run_that_the_index_does_not_know_stay(local):
    digest = kept_data(local, 1)
    run = trained(local, data=digest)
    local.state.forget(run)
    assert noria.prune(snapshots=True, session=local).items == ()


def test_data_that_are_used_by_now_stay(local):
    digest = kept_data(local, 1)
    work = Prune(local.registry, local.events, data=True)
    plan = work.plan()
    assert [item.id for item in plan] == [digest]
    trained(local, data=digest)
    assert work(plan).items == ()
    snapshot.save(pl.DataFrame({"a": [2]}), local.settings)
    assert work.plan() == ()


# -- after an accident ---------------------------------------------------------------------------------------

KILLED = """
import os, sys
import noria
from noria.backends import artefacts_local, state_sql

def die(*_):
    os.kill(os.getpid(), 9)

place, name = sys.argv[2].split(".")
setattr(getattr(artefacts_local, place, None) or getattr(state_sql, place), name, die)
noria.prune(keep=2, session=noria.Session(noria.Settings(home=sys.argv[1])))
"""


@pytest.mark.parametrize(
    ("where", "left"),
    [
        ("SqlHistory.add", "the change is written and not indexed"),
        ("LocalArtefacts.discard", "the version is gone, and its folder is there"),
        ("SqlState.forget", "the folder is gone, and the index knows it"),
    ],
)
def test_a_kill_between_the_steps_leaves_what_the_next_prune_removes(local, where, left):
    runs = [trained(local) for _ in range(3)]
    done = subprocess.run(
        [sys.executable, "-c", KILLED, str(local.settings.home), where],
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == -9, done.stderr
    session = noria.Session(local.settings)
    noria.prune(keep=2, session=session)
    assert numbers(session) == [2, 3], left
    assert session.artefacts.runs() == runs[1:]
    before = known(session)
    session.registry.reindex()
    assert known(session) == before


def test_what_is_left_of_a_removed_version_is_named(local):
    runs = [trained(local) for _ in range(2)]
    local.registry.remove("demo", 1)
    found = noria.prune(dry_run=True, session=local)
    assert [(item.kind, item.id, item.why) for item in found.items] == [
        ("folder", runs[0], "version 1 was removed")
    ]
    assert whats(noria.prune("demo", session=local)) == ["folder"]
    assert local.artefacts.runs() == runs[1:]


# -- the result ----------------------------------------------------------------------------------------------


def test_the_result_is_a_table_and_json(local):
    for _ in range(2):
        trained(local)
    found = noria.prune(keep=1, dry_run=True, session=local)
    assert found.frame()["version"].to_list() == [1]
    told = found.to_dict()
    assert (told["removed"], told["bytes"], told["items"][0]["what"]) == (False, found.bytes, "demo@1")
    assert "demo" in found._repr_html_()


def test_vectors_in_a_database_go_with_the_last_model_and_each_folder_is_read_once(local, monkeypatch):
    runs = [trained(local) for _ in range(6)]
    for run, name in zip(runs, ["a", "a", "b", "c", "c", "d"]):
        (local.artefacts.folder(run) / "model" / "vectors.json").write_text(json.dumps({"name": name}))
    gone, read = [], []

    class Kept:
        def __init__(self, name):
            self.discard = lambda: gone.append(name)

    vectors_of = Prune._vectors_of
    monkeypatch.setattr(Prune, "_vectors_of", lambda self, run: read.append(run) or vectors_of(self, run))
    work = Prune(local.registry, local.events, keep=2, vectors=Kept)
    work(work.plan())
    assert numbers(local) == [5, 6]
    assert gone == ["a", "b"]
    assert len(read) <= 4 + 5  # of each that goes, and each other one once
