"""The report on a window of new rows: it survives JSON, tells what alarms, and renders."""

from __future__ import annotations

import json
import math

from noria.core.drift import Drift, DriftReport, Estimate, Issue
from noria.core.result import Score

MOVED = Drift("age", "feature", "ks", 0.3, 0.1, 0.0001, True, "age drifted: <b>.")
UNTESTED = Drift("id", "feature", reason="id is not compared.")
NULLS = Issue("missing values", "age", 0.2, 0.01, 0.0001, True, "age is missing.")
NEW = Issue("new column", "x", 1.0, 0.0, math.nan, False, "x is not known from training.")
GUESS = Estimate(Score("roc_auc", 0.8, 0.75, 0.85), 0.9, True)
REPORT = DriftReport(1_000, 5_000, (MOVED, UNTESTED), (NULLS, NEW), (GUESS,), ("a note",))


def test_it_survives_json():
    text = json.dumps(REPORT.to_dict(), allow_nan=False)
    again = DriftReport.from_dict(json.loads(text))
    assert repr(again) == repr(REPORT)  # NaN is not equal to itself


def test_what_alarms():
    assert REPORT.drifted == ("age",)
    assert REPORT.alarming
    assert REPORT.reasons == ("age drifted: <b>.", "age is missing.")
    assert not DriftReport(10, 10, (UNTESTED,), (NEW,)).alarming


def test_it_is_a_table_and_a_page():
    assert REPORT.frame()["drifted"].to_list() == [True, False]
    assert DriftReport(0, 0).frame().height == 0
    html = REPORT._repr_html_()
    assert "&lt;b&gt;" in html
    assert "roc_auc" in html
    assert "1 drifted" in html
