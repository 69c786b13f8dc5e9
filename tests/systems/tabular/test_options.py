from __future__ import annotations

import pytest

from noria.core.recipe import validated
from noria.errors import RecipeError
from noria.systems.tabular.options import TabularOptions


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
