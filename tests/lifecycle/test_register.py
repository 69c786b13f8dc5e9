from __future__ import annotations

import json
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace

import pytest

from noria.backends.artefacts_local import LocalArtefacts
from noria.backends.state_sql import SqlState
from noria.core.result import Evaluation, Score
from noria.core.runs import Condition, RunQuery
from noria.errors import ArtifactError, NotFoundError, ParamError, StorageError
from noria.lifecycle.promote import Verdict
from noria.lifecycle.register import Registry
from noria.lifecycle.reindex import Reindexed
from noria.settings import Settings


@pytest.fixture
def settings(tmp_path) -> Settings:
    return Settings(home=tmp_path / "home")


@pytest.fixture
def registry(settings) -> Registry:
    return Registry(LocalArtefacts(settings), SqlState(settings), who="me@here")


def begun(registry: Registry, name: str = "demo", key: str = "k") -> str:
    run = registry.artefacts.create(name)
    told = {"id": run, "name": name, "started": 5.0, "key": key, "snapshot": "s", "noria": "1"}
    (registry.artefacts.folder(run) / "started.json").write_text(json.dumps(told))
    registry.record(run)
    return run


def ended(registry: Registry, name: str = "demo", key: str = "k", accuracy: float = 0.8) -> str:
    run = begun(registry, name, key)
    evaluation = Evaluation(10, "random", "accuracy", {"accuracy": Score("accuracy", accuracy, 0.7, 0.9)})
    record = {
        "ended": 9.0, "task": "classification", "seconds": 4.0, "rows": 50, "trials": 3, "features": None,
        "commit": None, "evaluation": evaluation.to_dict(),
    }  # fmt: skip
    (registry.artefacts.folder(run) / "run.json").write_text(json.dumps(record))
    registry.record(run)
    registry.artefacts.release(run)
    return run


# -- runs ----------------------------------------------------------------------------------------------------


def test_a_discarded_run_is_in_no_list(registry):
    registry.discard(begun(registry))
    assert registry.runs(RunQuery()) == []


def test_runs_are_asked_for_by_what_they_reached(registry):
    good, bad = ended(registry, accuracy=0.9), ended(registry, "other", accuracy=0.6)
    begun(registry)
    above = RunQuery(where=(Condition.parse("accuracy > 0.7"),))
    assert [run.id for run in registry.runs(above)] == [good]
    ranked = registry.runs(RunQuery(sort="accuracy", descending=False))
    assert [run.id for run in ranked] == [bad, good]
    assert ranked[0].scores["accuracy"] == Score("accuracy", 0.6, 0.7, 0.9)
    assert len(registry.runs(RunQuery(finished=False))) == 1
    assert len(registry.runs(RunQuery(limit=2))) == 2
    assert registry.state.count(RunQuery(limit=2)) == 3
    assert registry.state.count(above) == 1
    assert registry.state.metrics() == ["accuracy"]


def test_the_beginning_of_a_text_is_meant_literally(registry):
    one = ended(registry, "a_b")
    ended(registry, "axb")
    found = registry.runs(RunQuery(where=(Condition.parse("id ^= a_b"),)))
    assert [run.id for run in found] == [one]


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("accuracy", "That is not a condition.\n  got: 'accuracy'\n  do:  Write it as 'accuracy >= 0.9'."),
        ("accuracy ^= 1", "'accuracy' is a number, and begins with nothing.\n  got: 'accuracy ^= 1'\n"
                          "  do:  Use >= or <=."),
        ("task > x", "'task' is a text, which is equal, is not, or begins like another.\n  got: 'task > x'\n"
                     "  do:  Write 'task = ...', 'task != ...' or 'task ^= ...'."),
        ("taks = x", "'taks' is compared with a number.\n  got: 'x'\n  do:  Did you mean 'task'?"),
    ],
)  # fmt: skip
def test_a_wrong_condition(text, said):
    with pytest.raises(ParamError) as caught:
        Condition.parse(text)
    assert str(caught.value) == said


# -- versions ------------------------------------------------------------------------------------------------


def test_a_run_has_one_version_however_often_it_is_registered(registry):
    one, two = ended(registry), ended(registry)
    assert [registry.register("demo", run) for run in (one, two, one)] == [1, 2, 1]
    assert [version.run for version in registry.model("demo").versions] == [one, two]


def test_a_version_is_found_by_alias_and_number(registry):
    runs = [ended(registry) for _ in range(2)]
    for run in runs:
        registry.register("demo", run)
    registry.promote("demo", 1)
    registry.promote("demo", 2, "challenger")
    found = [registry.find(name).run for name in ("demo", "demo@champion", "demo@challenger", "demo@2")]
    assert found == [runs[0], runs[0], runs[1], runs[1]]
    with pytest.raises(NotFoundError) as caught:
        registry.find("demo@champ")
    assert str(caught.value) == "No version of 'demo' is 'champ'.\n  do:  Did you mean 'champion'?"
    with pytest.raises(NotFoundError) as caught:
        registry.find("demo@3")
    assert str(caught.value) == "There is no version 3 of 'demo'.\n  do:  Use one of: 1, 2."


def test_an_unknown_model_says_what_to_do(registry):
    with pytest.raises(NotFoundError) as caught:
        registry.find("demo")
    assert str(caught.value) == "There is no model 'demo'.\n  do:  Train it first: noria run demo"
    registry.register("demo", ended(registry))
    with pytest.raises(NotFoundError) as caught:
        registry.find("demu")
    assert str(caught.value) == "There is no model 'demu'.\n  do:  Did you mean 'demo'?"


def test_a_promotion_says_who_why_and_what_was_before(registry):
    for _ in range(2):
        registry.register("demo", ended(registry))
    registry.promote("demo", 1)
    change = registry.promote("demo", 2, why="better")
    assert (change.who, change.why, change.before, change.version) == ("me@here", "better", 1, 2)
    assert registry.promote("demo", 2) is None
    assert registry.state.changes("demo") == registry.artefacts.changes("demo")


@pytest.mark.parametrize("alias", ["2", "", "a b", "a@b"])
def test_an_alias_is_a_word(registry, alias):
    registry.register("demo", ended(registry))
    with pytest.raises(ParamError):
        registry.promote("demo", 1, alias)


def test_rollback_goes_step_by_step_past_what_was_removed(registry):
    for _ in range(4):
        registry.register("demo", ended(registry))
    for version in (1, 2, 3, 4):
        registry.promote("demo", version)
    assert registry.rollback("demo").version == 3
    registry.remove("demo", 2)
    assert registry.rollback("demo", why="worse").version == 1
    with pytest.raises(NotFoundError) as caught:
        registry.rollback("demo")
    assert str(caught.value) == (
        "No version of 'demo' was champion before.\n  got: version 1 now\n  do:  Run: noria history demo"
    )
    registry.promote("demo", 4)
    assert registry.rollback("demo").version == 1


def test_tags_are_set_and_taken_away(registry):
    registry.register("demo", ended(registry))
    registry.tag("demo", 1, {"owner": "ann", "stage": "test"})
    registry.tag("demo", 1, {"stage": ""})
    assert registry.find("demo@1").tags == {"owner": "ann"}


def test_of_some_runs_only_their_versions_are_read(registry):
    runs = [ended(registry) for _ in range(4)]
    other = ended(registry, "other")
    loose = ended(registry, "other", key="loose")
    for run in runs:
        registry.register("demo", run)
    registry.register("other", other)
    for version in (2, 3, 1):
        registry.promote("demo", version)
    registry.promote("demo", 2, "challenger")
    registry.tag("demo", 2, {"owner": "ann"})
    registry.remove("demo", 4)
    one, two = registry.state.models([runs[1], runs[3], other, loose])
    assert [(version.number, version.tags) for version in one.versions] == [(2, {"owner": "ann"})]
    assert (one.aliases, registry.model("demo").aliases["champion"]) == ({"challenger": 2}, 1)
    assert two == registry.model("other")
    assert registry.state.models([loose]) == registry.state.models([]) == []


def test_a_run_whose_version_was_removed_gets_a_new_one(registry):
    one = ended(registry)
    registry.register("demo", one)
    registry.remove("demo", 1)
    assert registry.register("demo", one) == 2
    assert registry.promote("demo", 2) is not None


def test_a_version_that_answers_is_not_removed_and_numbers_are_not_given_again(registry):
    for _ in range(2):
        registry.register("demo", ended(registry))
    registry.promote("demo", 1)
    with pytest.raises(ParamError) as caught:
        registry.remove("demo", 1)
    assert str(caught.value) == (
        "Version 1 of 'demo' is champion, and stays.\n  do:  Promote another one first."
    )
    assert registry.remove("demo", 2) == registry.remove("demo", 2)
    assert registry.register("demo", ended(registry)) == 3
    assert [version.number for version in registry.model("demo").versions] == [1, 3]


# -- together, and after an accident -------------------------------------------------------------------------


def test_no_version_is_lost_when_many_register_at_once(registry, settings):
    runs = [ended(registry) for _ in range(24)]

    def register(run):
        return Registry(LocalArtefacts(settings), SqlState(settings)).register("demo", run)

    with ThreadPoolExecutor(8) as pool:
        versions = list(pool.map(register, runs))
    assert sorted(versions) == list(range(1, 25))
    assert {version.run for version in registry.model("demo").versions} == set(runs)


def test_a_change_that_was_written_and_not_indexed_counts_with_the_next_one(registry):
    registry.register("demo", ended(registry))
    registry.promote("demo", 1)
    lost = replace(registry.artefacts.change("demo", 1), number=3, version=2, run="elsewhere")
    registry.artefacts.add(lost)
    assert registry.register("demo", ended(registry)) == 3
    assert [version.number for version in registry.model("demo").versions] == [1, 2, 3]


def test_a_history_with_a_gap_is_not_gone_on_with(registry, settings):
    for _ in range(3):
        registry.register("demo", ended(registry))
    (settings.models / "demo" / "000001.json").unlink()
    registry.reindex()
    with pytest.raises(ArtifactError) as caught:
        registry.register("demo", ended(registry))
    assert str(caught.value) == (
        "The history of 'demo' is damaged.\n  got: entry 1 is missing\n"
        "  do:  Restore it from a copy, or remove its folder."
    )
    assert not (settings.models / "demo" / "000001.json").exists()


def test_the_index_is_built_again_from_the_folders(registry, settings):
    for _ in range(3):
        registry.register("demo", ended(registry))
    registry.promote("demo", 2, why="better")
    begun(registry, "other")
    runs, models = registry.runs(RunQuery()), registry.state.models()
    (settings.home / "state.db").unlink()
    again = Registry(LocalArtefacts(settings), SqlState(settings))
    assert again.runs(RunQuery()) == []
    assert again.reindex() == Reindexed(4, 4, {})
    assert again.runs(RunQuery()) == runs
    assert again.state.models() == models


def test_nothing_is_made_by_reading(registry, settings):
    assert registry.runs(RunQuery()) == []
    assert registry.state.models() == []
    assert not registry.state.made()
    assert not settings.home.exists()


def test_a_database_that_cannot_be_written_is_told(registry, settings):
    settings.home.parent.mkdir(exist_ok=True)
    settings.home.write_text("")
    with pytest.raises(StorageError, match=r"Cannot write .*state\.db"):
        registry.register("demo", "run")


def test_of_runs_that_end_together_the_best_one_stays(registry):
    names = {accuracy: ended(registry, accuracy=accuracy) for accuracy in (0.9, 0.6, 0.8, 0.7)}

    def keep(accuracy: float) -> None:
        def rule(champion):
            return Verdict(champion is None or accuracy > champion["accuracy"].value, f"{accuracy}")

        registry.judge("demo", registry.register("demo", names[accuracy]), rule)

    with ThreadPoolExecutor(4) as pool:
        list(pool.map(keep, names))
    assert registry.find("demo").run == names[0.9]


def test_a_version_is_judged_once(registry):
    registry.register("demo", ended(registry))
    first = registry.judge("demo", 1, lambda _: Verdict(False, "too coarse"))
    registry.promote("demo", 1, "champion", "by hand")
    assert registry.judge("demo", 1, lambda _: Verdict(True, "again")) == first
    assert len(registry.state.changes("demo")) == 3


def test_a_champion_whose_run_is_not_known_is_no_missing_champion(registry):
    run = ended(registry)
    registry.promote("demo", registry.register("demo", run))
    registry.state.forget(run)
    heard = []
    registry.judge(
        "demo",
        registry.register("demo", ended(registry)),
        lambda champion: heard.append(champion) or Verdict(False, ""),
    )
    assert heard == [{}]
