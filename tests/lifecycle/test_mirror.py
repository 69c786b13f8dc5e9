from __future__ import annotations

import json
import logging
from pathlib import Path

import pytest

from noria.backends.artefacts_local import LocalArtefacts
from noria.backends.state_sql import SqlState
from noria.core.events import Events
from noria.core.result import Evaluation, Score
from noria.errors import NotFoundError, StorageError
from noria.lifecycle.mirror import Mirror
from noria.lifecycle.register import Registry
from noria.settings import Settings


class Board:
    """A tracker that keeps what it is sent in two dictionaries."""

    def __init__(self) -> None:
        self.runs: dict[str, Path] = {}
        self.aliases: dict[str, str] = {}
        self.fails: BaseException | None = None
        self.meanwhile = lambda: None

    def mirror(self, version, folder, aliases=()) -> bool:
        if self.fails is not None:
            raise self.fails
        new = version.run not in self.runs
        self.runs[version.run] = folder
        self.aliases |= dict.fromkeys(aliases, version.run)
        change, self.meanwhile = self.meanwhile, lambda: None
        change()
        return new


@pytest.fixture
def settings(tmp_path) -> Settings:
    return Settings(home=tmp_path / "home")


@pytest.fixture
def board() -> Board:
    return Board()


@pytest.fixture
def events() -> Events:
    return Events()


@pytest.fixture
def registry(settings, board, events) -> Registry:
    made = Registry(LocalArtefacts(settings), SqlState(settings))
    made.follow = Mirror(made, board, events).follow
    return made


@pytest.fixture
def mirror(registry, board, events) -> Mirror:
    return Mirror(registry, board, events)


def registered(registry: Registry, name: str = "demo") -> str:
    run = registry.artefacts.create(name)
    folder = registry.artefacts.folder(run)
    told = {"id": run, "name": name, "started": 5.0, "key": "k", "snapshot": "s", "noria": "1"}
    (folder / "started.json").write_text(json.dumps(told))
    evaluation = Evaluation(10, "random", "accuracy", {"accuracy": Score("accuracy", 0.8)})
    record = {
        "ended": 9.0, "task": "classification", "seconds": 4.0, "rows": 50, "trials": 3, "features": None,
        "commit": None, "evaluation": evaluation.to_dict(),
    }  # fmt: skip
    (folder / "run.json").write_text(json.dumps(record))
    registry.record(run)
    registry.register(name, run)
    registry.artefacts.release(run)
    return run


def test_a_version_is_sent_once_it_answers_to_an_alias(registry, board):
    one, two = registered(registry), registered(registry)
    assert board.runs == {}
    registry.promote("demo", 1)
    assert board.runs == {one: registry.artefacts.folder(one)}
    registry.promote("demo", 2, "challenger")
    assert board.aliases == {"champion": one, "challenger": two}


def test_roll_backs_are_followed_and_tags_are_not(registry, board):
    one, two = registered(registry), registered(registry)
    registry.promote("demo", 1)
    registry.promote("demo", 2)
    assert board.aliases == {"champion": two}
    registry.rollback("demo")
    assert board.aliases == {"champion": one}
    board.fails = StorageError("It is away.")
    registry.tag("demo", 1, {"stage": "test"})


def test_what_a_killed_process_could_not_tell_is_followed_with_the_next_change(registry, settings, board):
    one, two = registered(registry), registered(registry)
    alone = Registry(LocalArtefacts(settings), SqlState(settings))
    alone.promote("demo", 1)
    alone.promote("demo", 2, "challenger")
    lost = alone.artefacts.change("demo", 4)
    with registry.state.alone("demo"):
        pass
    registry.state.rebuild(registry.state.runs(), [c for c in alone.state.changes("demo") if c != lost])
    registry.tag("demo", 1, {"stage": "test"})
    assert board.aliases == {"champion": one, "challenger": two}


@pytest.mark.parametrize(
    ("error", "why"),
    [(StorageError("It is away.", got="nothing"), "It is away."), (KeyboardInterrupt(), "Stopped.")],
    ids=["away", "Ctrl-C"],
)
def test_a_failure_is_a_note_and_the_promotion_stands(registry, board, events, caplog, error, why):
    heard = []
    events.listen(heard.append)
    run = registered(registry)
    board.fails = error
    with caplog.at_level(logging.WARNING, "noria"):
        change = registry.promote("demo", 1)
    assert change is not None
    assert registry.model("demo").aliases == {"champion": 1}
    note = f"Run {run} is kept, but not mirrored: {why} Send it later: noria mirror {run}"
    assert [event.data["text"] for event in heard if event.kind == "note"] == [note]
    assert [record.message for record in caplog.records] == [note]


def test_an_alias_that_moves_meanwhile_ends_where_it_is(registry, settings, board):
    other = Registry(LocalArtefacts(settings), SqlState(settings))
    one, two = registered(registry), registered(registry)
    board.meanwhile = lambda: other.promote("demo", 2)
    registry.promote("demo", 1)
    assert board.aliases == {"champion": two}
    assert set(board.runs) == {one, two}


def test_all_versions_one_of_them_or_a_run_are_sent(registry, board, mirror):
    runs = [registered(registry) for _ in range(4)]
    sent = [(done.version.number, done.sent) for done in mirror("demo@2")]
    assert (sent, set(board.runs)) == ([(2, True)], {runs[1]})
    sent = [(done.version.number, done.sent) for done in mirror(runs[2])]
    assert (sent, set(board.runs)) == ([(3, True)], {runs[1], runs[2]})
    sent = [(done.version.number, done.sent) for done in mirror("demo")]
    assert (sent, set(board.runs)) == ([(1, True), (2, False), (3, False), (4, True)], set(runs))


def test_versions_with_an_alias_are_sent_along(registry, board, mirror):
    one, two = registered(registry), registered(registry)
    board.fails = StorageError("It is away.")
    registry.promote("demo", 1)
    board.fails = None
    assert [(done.version.run, done.sent) for done in mirror(two)] == [(one, True), (two, True)]
    assert board.aliases == {"champion": one}


def test_a_failure_that_was_asked_for_is_an_error(registry, board, mirror):
    run = registered(registry)
    board.fails = StorageError("It is away.")
    with pytest.raises(StorageError, match="It is away"):
        mirror(run)


def test_what_is_not_there(registry, mirror):
    registered(registry)
    begun = registry.artefacts.create("demo")
    for reference, advice in (("demu", "Did you mean 'demo'?"), (begun, "Use one of: demo.")):
        with pytest.raises(NotFoundError) as caught:
            mirror(reference)
        assert str(caught.value) == f"There is no model or finished run {reference!r}.\n  do:  {advice}"


def test_a_stage_says_what_goes_on(registry, events):
    heard = []
    events.listen(heard.append)
    registered(registry)
    registry.promote("demo", 1)
    assert [event.kind for event in heard if event.data.get("stage") == "mirror"] == [
        "stage.started",
        "stage.finished",
    ]
