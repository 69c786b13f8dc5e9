"""What cannot be found out about a run does not cost the run."""

from __future__ import annotations

from dataclasses import replace

import pytest

from noria.lifecycle import examine as module
from noria.lifecycle.examine import examine
from noria.lifecycle.explain import insights


@pytest.fixture(scope="module")
def case(judged, people):
    return judged(people(400), learners=["naive_bayes"], trials=1)


def broken(*_, **__):
    raise ZeroDivisionError("it cannot be")


@pytest.mark.parametrize(
    ("place", "name", "what"),
    [
        (module, "insights", "What the model goes by"),
        (insights.__globals__, "_dependence", "dependence"),
        (module.slices, "worst", "Weak slices"),
        (module, "diagnose", "What is wrong"),
        (module.learning_curve, "learning_curve", "A learning curve"),
    ],
)
def test_what_fails_is_left_out_and_told(case, monkeypatch, caplog, place, name, what):
    change = monkeypatch.setitem if isinstance(place, dict) else monkeypatch.setattr
    change(place, name, broken)
    insight, figures = examine(replace(case, deadline=module.Deadline(20)))
    assert caplog.messages == [f"{what} could not be looked for: ZeroDivisionError: it cannot be"]
    assert figures
    assert bool(insight.importance) == (name != "insights")


def test_experiments_that_fail_are_left_out(case, monkeypatch, caplog):
    monkeypatch.setattr(type(case.system), "experiments", broken)
    assert examine(replace(case, deadline=module.Deadline(20)))[1]
    assert caplog.messages == ["Experiments could not be looked for: ZeroDivisionError: it cannot be"]


def test_what_was_fitted_again_has_no_learning_curve(case, monkeypatch, caplog):
    monkeypatch.setattr(module.learning_curve, "learning_curve", broken)
    assert examine(replace(case, deadline=module.Deadline(20), again=True))[1]
    assert caplog.messages == []
