from __future__ import annotations

import asyncio
import json
import time
from concurrent.futures import ThreadPoolExecutor

import httpx
import polars as pl
import pytest

import noria
from noria.api import desk
from noria.api._watch import watcher
from noria.core.schema import Column, Schema, Type
from noria.core.serving import Label, LoggedPrediction, Outcome
from noria.core.signature import Output, Signature
from noria.errors import ColumnError
from noria.lifecycle.feedback import _matched, tell
from noria.server import create_app
from noria.settings import Settings

NUMBER = Signature(Schema(()), (Output("prediction", Type.NUMBER),))
TEXT = Signature(Schema(()), (Output("prediction", Type.TEXT),))


class Log:
    """What a log is told."""

    def __init__(self, lines=()):
        self.labels, self.lines = [], lines

    def read(self, _):
        return iter(self.lines)

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


async def told_over_http(served, known, later):
    """What a service answers to truth: known, of no forecast, without its value, of no moment."""
    app, found = create_app(served), []
    async with httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://localhost") as client:
        for rows in (known, later, [{"shop": "a", "day": "2024-05-01"}], [{**known[0], "day": "soon"}]):
            answer = await client.post("/v1/models/sales/feedback", json={"rows": rows})
            told = answer.json()
            found.append((answer.status_code, told if answer.status_code == 200 else told["what"]))
    await served.close()
    return found


def test_a_forecast_that_was_refused_spoils_no_truth_of_others():
    said = ('{"day": "soon"}', '{"error": {"what": "no"}}')
    lines = [LoggedPrediction("r", "r", "sales", 1, "champion", 0.0, 0.1, None, *said)]
    keys, truth = Schema((Column("day", Type.DATETIME),)), pl.DataFrame({"day": ["2024-05-01"], "sales": [1]})
    assert _matched(Log(lines), "sales", keys, truth, "sales", None) == ([], 1)


def test_forecasts_get_their_truth_by_series_and_time(tmp_path):
    session = noria.Session(Settings(home=tmp_path / "home", workers=2))
    days = pl.date_range(pl.date(2024, 1, 1), pl.date(2024, 4, 29), eager=True)
    values = [10.0 + at % 7 for at in range(len(days))]
    rows = pl.concat(
        pl.DataFrame({"shop": shop, "day": days, "sales": [plus + one for one in values]})
        for shop, plus in (("a", 0), ("b", 100))
    )
    keys = {"task": "forecasting", "time": "day", "series": ["shop"], "name": "sales", "budget": "20s"}
    options = {"horizon": 35}
    noria.train(rows, "sales", session=session, learners=["theta"], trials=2, options=options, **keys)
    ahead = pl.date_range(pl.date(2024, 4, 30), pl.date(2024, 6, 3), eager=True).cast(pl.String).to_list()
    asked = [{"shop": shop, "day": day} for shop in "ab" for day in ahead]
    said = noria.load("sales", session=session).predict(pl.DataFrame(asked)).to_dicts()
    log = watcher(session).log
    now = time.time()
    log.append(
        [
            LoggedPrediction(
                f"r-{at}", "r", "sales", 1, "champion", now, 0.01, None, json.dumps(row),
                json.dumps(answer, default=str),
            )
            for at, (row, answer) in enumerate(zip(asked, said))
        ]
    )  # fmt: skip
    truth = pl.DataFrame(asked).with_columns(sales=pl.Series([one["prediction"] for one in said]) + 2)
    later = pl.DataFrame({"shop": ["a"], "day": ["2025-01-01"], "sales": [1.0]})
    told = noria.feedback("sales", pl.concat([truth, later]), session=session)
    assert {one.value: count for one, count in told.items() if count} == {"kept": 70, "unknown": 1}
    again = noria.feedback("sales", truth.head(5), session=session)
    assert again[Outcome.SAME] == 5
    served = desk("sales", session=session)
    asked = told_over_http(served, truth.head(3).to_dicts(), later.to_dicts())
    with ThreadPoolExecutor(1) as thread:  # this one may have the loop of a browser's test
        answers = thread.submit(asyncio.run, asked).result()
    assert answers == [
        (200, {"outcomes": {"known already": 3}, "kept": 0}),
        (200, {"outcomes": {"unknown": 1}, "kept": 0}),
        (422, "The labels have no column 'sales'."),
        (422, "The column 'day' should hold dates."),
    ]
    check = noria.watch("sales", session=session)
    assert check.labelled == 70
    scores = {one.score.metric: one for one in check.scores}
    assert scores["mae"].score.value == pytest.approx(2)
    assert scores["mae"].worse
    assert any(alarm.kind == "decay" for alarm in check.alarms)
    with pytest.raises(ColumnError, match="The labels have no column 'shop'"):
        noria.feedback("sales", truth.drop("shop"), session=session)
