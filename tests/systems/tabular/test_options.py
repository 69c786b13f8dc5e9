from __future__ import annotations

import sys

import pytest

from noria.core.protocol import Task
from noria.core.recipe import validated
from noria.core.schema import Column, Role, Schema, Type
from noria.errors import MissingExtraError, ParamError, RecipeError
from noria.systems.tabular import TabularSystem
from noria.systems.tabular.options import DecisionRule, TabularOptions


@pytest.mark.parametrize(
    ("rule", "text"),
    [
        (
            {"by": "f1"},
            "A threshold is chosen for two classes.\n  got: by: f1 for 3 classes\n"
            "  do:  Use by: cost with a cost for each pair of classes, or leave the decision out.",
        ),
        (
            {"by": "cost", "cost": [[0, 1], [5, 0]]},
            "A cost matrix has one row per true class and one column per decision.\n"
            "  got: 2 rows for 3 classes\n  do:  Write one cost for each pair of classes.",
        ),
        (
            {"by": "cost", "cost": [[0, 1], [5, 0], [1, 1]]},
            "A cost matrix has one row per true class and one column per decision.\n"
            "  got: shape (3, 2)\n  do:  Write it as [[0, 1], [5, 0]] for two classes.",
        ),
    ],
)
def test_a_rule_that_cannot_decide_on_the_classes_is_told_before_the_search(rule, text):
    target = Column("y", Type.CATEGORY, Role.TARGET, levels=("a", "b", "c"), distinct=3)
    schema = Schema((Column("x", Type.NUMBER), target), rows=90)
    with pytest.raises(ParamError) as caught:
        TabularSystem(schema, Task.CLASSIFICATION, TabularOptions(decision=rule)).learners()
    assert str(caught.value) == text


@pytest.mark.parametrize(
    ("options", "target", "text"),
    [
        (
            TabularOptions(imbalance="smote"),
            Column("y", Type.NUMBER, Role.TARGET),
            "'decision' and 'imbalance' are for classes.\n  got: a target of numbers\n"
            "  do:  Leave them out, or use the task classification.",
        ),
        (
            TabularOptions(decision=DecisionRule(by="f1")),
            Column("y", Type.NUMBER, Role.TARGET),
            "'decision' and 'imbalance' are for classes.\n  got: a target of numbers\n"
            "  do:  Leave them out, or use the task classification.",
        ),
        (
            TabularOptions(imbalance="focal"),
            Column("y", Type.CATEGORY, Role.TARGET, levels=("a", "b", "c"), distinct=3),
            "The focal loss is for two classes.\n  got: 3 classes\n  do:  Use imbalance: weights.",
        ),
    ],
)
def test_an_option_that_would_do_nothing_is_told_before_the_search(options, target, text):
    schema = Schema((Column("x", Type.NUMBER), target), rows=90)
    task = Task.REGRESSION if target.type is Type.NUMBER else Task.CLASSIFICATION
    with pytest.raises(ParamError) as caught:
        TabularSystem(schema, task, options).learners()
    assert str(caught.value) == text


@pytest.mark.parametrize("rule", ["smote", "adasyn"])
def test_a_missing_extra_is_told_before_the_search(monkeypatch, rule):
    monkeypatch.setitem(sys.modules, "imblearn", None)
    target = Column("y", Type.CATEGORY, Role.TARGET, levels=("a", "b"), distinct=2)
    schema = Schema((Column("x", Type.NUMBER), target), rows=90)
    with pytest.raises(MissingExtraError) as caught:
        TabularSystem(schema, Task.CLASSIFICATION, TabularOptions(imbalance=rule)).learners()
    assert caught.value.do == 'Run: pip install "noria[imbalance]"'


def test_defaults_change_nothing():
    options = TabularOptions()
    assert (options.imbalance, options.decision, options.coverage, options.ensemble) == (
        "none",
        None,
        0.9,
        True,
    )


@pytest.mark.parametrize(
    ("fields", "text"),
    [
        ({"imbalanc": "smote"}, "There is no key 'imbalanc' in options.\n  do:  Did you mean 'imbalance'?"),
        (
            {"imbalance": "weigths"},
            "Key 'imbalance' in options: Input should be 'none', 'weights', 'smote', 'adasyn' or 'focal'.\n"
            "  got: 'weigths'",
        ),
        ({"coverage": 1}, "Key 'coverage' in options: Input should be less than 1.\n  got: 1"),
        (
            {"decision": {"by": "precision"}},
            "Key 'decision' in options: by: precision needs at_least, as 0.9.\n  got: {'by': 'precision'}",
        ),
        (
            {"decision": {"by": "cost"}},
            "Key 'decision' in options: by: cost needs a cost matrix, as [[0, 1], [5, 0]].\n"
            "  got: {'by': 'cost'}",
        ),
        ({"decision": {"at_least": 0.9}}, "Key 'decision.by' in options: Field required."),
        (
            {"decision": {"by": "recall", "at_least": 1.5}},
            "Key 'decision.at_least' in options: Input should be less than or equal to 1.\n  got: 1.5",
        ),
    ],
)
def test_wrong_options_are_named(fields, text):
    with pytest.raises(RecipeError) as caught:
        validated(TabularOptions, fields, "options")
    assert str(caught.value) == text
