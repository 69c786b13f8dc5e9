from __future__ import annotations

import pytest

from noria.core.schema import Schema, Type
from noria.core.serving import Label, Outcome
from noria.core.signature import Output, Signature
from noria.lifecycle.feedback import tell

NUMBER = Signature(Schema(()), (Output("prediction", Type.NUMBER),))
TEXT = Signature(Schema(()), (Output("prediction", Type.TEXT),))


class Log:
    """What a log is told."""

    def __init__(self):
        self.labels = []

    def tell(self, name, labels, *, replace=False):
        self.labels += labels
        return [Outcome.KEPT] * len(labels)


def classes(*names):
    return Signature(
        Schema(()),
        (Output("prediction", Type.CATEGORY), *(Output(f"probability_{one}", Type.NUMBER) for one in names)),
    )


@pytest.mark.parametrize(
    ("signatures", "value", "kept"),
    [
        ([NUMBER], 6.5, "6.5"), ([NUMBER], "6.5", "6.5"), ([NUMBER], 10**400, None),
        ([NUMBER], "banana", None), ([NUMBER], True, None), ([NUMBER], "nan", None),
        ([NUMBER], "inf", None), ([NUMBER], "", None),
        ([classes("cat", "dog")], "dog", '"dog"'), ([classes("cat", "dog")], " dog ", '"dog"'),
        ([classes("cat", "dog")], "Dog", None), ([classes("cat", "dog")], 1, None),
        ([classes("0", "1")], 1, '"1"'), ([classes("0", "1")], 1.0, '"1"'), ([classes("0", "1")], "2", None),
        ([classes("false", "true")], True, '"true"'), ([classes("false", "true")], "No", '"false"'),
        ([classes("cat", "dog"), classes("cat", "fox")], "fox", '"fox"'), ([TEXT], "any", '"any"'),
    ],
)  # fmt: skip
def test_a_label_is_one_that_could_have_been_predicted(signatures, value, kept):
    log = Log()
    labels = [Label.of("a", value, when=0.0), Label.of("b", value, when=0.0)]
    outcomes = tell(log, "pets", signatures, labels)
    refused = Outcome.NO_NUMBER if signatures[0] is NUMBER else Outcome.NO_CLASS
    assert outcomes == [refused if kept is None else Outcome.KEPT] * 2
    assert [label.label for label in log.labels] == [] if kept is None else [kept] * 2


def test_one_that_is_none_spoils_no_other():
    log = Log()
    labels = [Label.of(id_, label, when=0.0) for id_, label in (("a", 1), ("b", "banana"), ("c", 3))]
    assert tell(log, "line", [NUMBER], labels) == [Outcome.KEPT, Outcome.NO_NUMBER, Outcome.KEPT]
    assert [label.id for label in log.labels] == ["a", "c"]
