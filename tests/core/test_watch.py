from __future__ import annotations

import json
import math

from noria.core.drift import DriftReport
from noria.core.result import Score
from noria.core.watch import Alarm, Check, Realised, Usage


def test_an_alarm_opens_and_closes_after_as_many_windows():
    alarm, states = Alarm("drift"), []
    for now, found in enumerate([1, 1, 0, 1, 0, 0, 1]):
        alarm = alarm.step(("moved",) if found else (), now=float(now), after=2)
        states.append(alarm.open)
    assert states == [False, True, True, True, True, False, False]
    assert alarm.since == 6


def test_an_alarm_that_has_closed_is_told_again_when_it_opens():
    told = Alarm("drift", seen=2, open=True, told=1.0)
    assert told.step((), now=2.0, after=1) == Alarm("drift", quiet=1)


def test_a_check_without_rows():
    check = Check("m", 1, 0.0, Usage(), DriftReport(0, 10), "accuracy")
    assert (check.verdict, check.usage.errors) == ("no rows", 0.0)
    assert math.isnan(check.usage.per_hour)
    again = Check.from_dict(check.to_dict())
    assert math.isnan(again.usage.median)
    assert "m@1: no rows; 0 rows" in check._repr_html_()


def test_a_score_without_end_is_kept_as_none():
    score = Score("rmse", math.inf, math.inf, math.nan)
    check = Check("m", 1, 0.0, Usage(), DriftReport(0, 10), "rmse", scores=(Realised(score, score, True),))
    told = json.dumps(check.to_dict(), allow_nan=False)
    assert math.isnan(Check.from_dict(json.loads(told)).scores[0].score.value)
