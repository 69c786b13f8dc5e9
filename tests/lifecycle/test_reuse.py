"""Only what has changed is run again."""

from __future__ import annotations

import json

import noria

QUICK = {
    "name": "toy",
    "budget": "60s",
    "trials": 3,
    "learners": ["naive_bayes", "decision_tree", "logistic"],
}


def stages(session: noria.Session) -> list[str]:
    heard = []
    session.events.listen(
        lambda event: heard.append(event.data["stage"]) if event.kind == "stage.started" else None
    )
    return heard


def test_nothing_has_changed(session, people):
    first = noria.train(people(), "y", session=session, **QUICK)
    heard = stages(session)
    second = noria.train(people(), "y", session=session, **QUICK)
    assert heard == ["read"]
    assert (second.id, second.version, second.promotion) == (first.id, 1, first.promotion)
    assert second.evaluation.to_dict() == first.evaluation.to_dict()
    rows = people(20, seed=4)
    assert second.model.predict(rows).equals(first.model.predict(rows))
    assert len(session.registry.model("toy").versions) == 1


def test_a_new_goal_needs_no_new_search(session, people):
    first = noria.train(people(), "y", session=session, **QUICK)
    heard = stages(session)
    second = noria.train(people(), "y", session=session, goal={"accuracy": "> 1"}, **QUICK)
    third = noria.train(people(), "y", session=session, goal={"accuracy": "> 0"}, **QUICK)
    assert heard == ["read", "keep"] * 2
    assert [run.record["earlier"] for run in (first, second, third)] == [None, first.id, first.id]
    assert [run.version for run in (first, second, third)] == [1, 2, 3]
    assert [run.promotion.promoted for run in (second, third)] == [False, True]
    assert not second.evaluation.goals_met
    assert "taken from run" in second.report.read_text()
    assert [figure.name for figure in second.figures] == [figure.name for figure in first.figures]
    rows = people(20, seed=4)
    assert noria.load("toy@3", session=session).predict(rows).equals(first.model.predict(rows))


def changed(session, people, tmp_path):
    """What must be searched for again, each against the run before."""
    yield {"source": people(seed=9)}
    yield {"source": people(seed=9), "test": people(40, seed=2)}
    yield {"source": people(seed=9), "test": people(40, seed=3)}
    yield {"source": people(seed=9), "seed": 1}
    yield {"source": people(seed=9), "options": {"ensemble": False}}
    path = tmp_path / "features.py"
    for factor in (2, 3):
        path.write_text(f"def made(table):\n    return table.with_columns(more={factor})\n")
        yield {"source": people(seed=9), "features": f"{path}:made"}


def test_other_rows_settings_or_code_are_run(session, people, tmp_path):
    before = noria.train(people(), "y", session=session, **QUICK)
    heard = stages(session)
    for count, wish in enumerate(changed(session, people, tmp_path), start=1):
        run = noria.train(wish.pop("source"), "y", session=session, **QUICK, **wish)
        assert (run.id != before.id, heard.count("search")) == (True, count)
        before = run


def test_fresh_runs_it_all_again(session, people):
    first = noria.train(people(), "y", session=session, **QUICK)
    second = noria.train(people(), "y", session=session, resume=False, **QUICK)
    assert (second.version, second.record["earlier"]) == (2, None)
    assert second.id != first.id


def test_a_damaged_run_is_not_taken(session, people):
    first = noria.train(people(), "y", session=session, **QUICK)
    manifest = first.folder / "model" / "manifest.json"
    manifest.write_text("{")
    second = noria.train(people(), "y", session=session, **QUICK)
    assert second.id != first.id
    assert second.record["earlier"] is None


def test_a_run_that_was_cut_off_before_it_was_registered_is_registered_now(session, people):
    first = noria.train(people(), "y", session=session, **QUICK)
    for path in (session.settings.models / "toy").iterdir():
        path.unlink()
    session.registry.reindex()
    assert session.state.models() == []
    second = noria.train(people(), "y", session=session, **QUICK)
    assert (second.id, second.version, second.promotion.promoted) == (first.id, 1, True)


def test_a_rolled_back_version_stays_where_it_is(session, people):
    noria.train(people(), "y", session=session, **QUICK)
    noria.train(people(), "y", session=session, goal={"accuracy": "> 0"}, **QUICK)
    noria.rollback("toy", session=session)
    again = noria.train(people(), "y", session=session, goal={"accuracy": "> 0"}, **QUICK)
    assert again.version == 2
    assert session.registry.find("toy").number == 1


def test_the_record_names_the_pipeline(session, people):
    run = noria.train(people(), "y", session=session, **QUICK)
    pipeline = json.loads((run.folder / "run.json").read_text())["lineage"]["parameters"]["pipeline"]
    assert sum(part["weight"] for part in pipeline) > 0
    assert {part["learner"] for part in pipeline} <= {"baseline", *QUICK["learners"]}
