import time

import pytest

from noria.core.protocol import Shared, Task


def test_what_all_folds_share_is_told_apart():
    shared = Shared()
    shared.get("fold 0", lambda: time.sleep(0.02))
    shared.get("all", lambda: time.sleep(0.02), common=True)
    assert shared.get("all", lambda: pytest.fail("made twice"), common=True) is None
    assert 0 < shared.common < shared.seconds


@pytest.mark.parametrize(
    ("task", "numeric", "asked"),
    [
        (Task.CLASSIFICATION, False, False),
        (Task.REGRESSION, True, False),
        (Task.FORECASTING, True, False),
        (Task.QUESTION_ANSWERING, False, True),
    ],
)
def test_tasks(task, numeric, asked):
    assert (task.numeric, task.asked) == (numeric, asked)
