from __future__ import annotations

import pytest

from noria.errors import ParamError
from noria.lifecycle.serve import Traffic


def test_shares_are_kept_and_every_key_stays_with_its_version():
    traffic = Traffic({"challenger": 0.1, "candidate": 0.3})
    answers = [traffic.alias("churn", str(key)) for key in range(5_000)]
    assert answers == [traffic.alias("churn", str(key)) for key in range(5_000)]
    assert answers.count("challenger") / 5_000 == pytest.approx(0.1, abs=0.02)
    assert answers.count("candidate") / 5_000 == pytest.approx(0.3, abs=0.03)


def test_a_larger_share_takes_nobody_back():
    """Whoever has met the challenger keeps it while its share grows."""
    small, large = Traffic({"challenger": 0.1}), Traffic({"challenger": 0.3})
    met = [key for key in range(2_000) if small.alias("churn", str(key))]
    assert all(large.alias("churn", str(key)) for key in met)


def test_models_are_split_each_for_itself():
    traffic = Traffic({"challenger": 0.5})
    keys = [str(key) for key in range(200)]
    assert [traffic.alias("a", key) for key in keys] != [traffic.alias("b", key) for key in keys]


@pytest.mark.parametrize(
    ("by", "field", "header"),
    [
        (None, None, None),
        ("customer", "customer", None),
        ("header:X-User", None, "x-user"),
        ("a header:b", "a header:b", None),
    ],
)
def test_what_decides(by, field, header):
    traffic = Traffic({}, by)
    assert (traffic.field, traffic.header) == (field, header)


def test_options_are_read():
    found = Traffic.parse(["challenger=0.1", "churn@3=0.2"], "customer", ["churn@best"], ["titanic", "churn"])
    assert found == {
        "titanic": Traffic({"challenger": 0.1}, "customer"),
        "churn": Traffic({"challenger": 0.1, "3": 0.2}, "customer", "best"),
    }


@pytest.mark.parametrize(
    ("split", "shadow", "what"),
    [
        (["challenger"], [], "A share is a number above 0, up to 1."),
        (["challenger=two"], [], "A share is a number above 0, up to 1."),
        (["challenger=1.1"], [], "A share is a number above 0, up to 1."),
        (["challenger=nan"], [], "A share is a number above 0, up to 1."),
        (["lime@challenger=0.1"], [], "--split names no alias of a served model."),
        (["=0.1"], [], "--split names no alias of a served model."),
        ([], ["line@"], "--shadow names no alias of a served model."),
        (["a=0.6", "b=0.6"], [], "The shares of 'line' are more than all."),
    ],
)
def test_options_that_cannot_be(split, shadow, what):
    with pytest.raises(ParamError) as caught:
        Traffic.parse(split, None, shadow, ["line"])
    assert caught.value.what == what


def test_what_decides_where_nothing_is_split():
    with pytest.raises(ParamError) as caught:
        Traffic.parse([], "customer", ["challenger"], ["line"])
    assert caught.value.what == "Nothing is split, so that 'customer' decides nothing."
    assert caught.value.do == "Give --split challenger=0.1, too."
