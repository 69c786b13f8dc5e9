from __future__ import annotations

import httpx
import pytest

import noria
from noria.api import desk
from noria.server import create_app


@pytest.fixture
def served(session):
    rows = {"x": [0.5 * x for x in range(60)], "y": [2.0 * x for x in range(60)]}
    noria.train(rows, "y", name="line", task="regression", budget="3s", learners=["ridge"], session=session)
    made = desk("line", session=session)
    transport = httpx.ASGITransport(create_app(made))
    return made, httpx.AsyncClient(transport=transport, base_url="http://noria")


@pytest.mark.anyio
async def test_an_answer_is_in_the_log_before_it_goes_out(served):
    made, client = served
    told = (await client.post("/v1/models/line/predict", json={"rows": [{"x": 3.0}, {"z": 1}]})).json()
    good, bad = told["predictions"]
    assert 5 < good["prediction"] < 19
    assert bad["error"]["what"].startswith("Column 'x' is missing")
    lines = list(made.log.read("line"))
    assert [line.id for line in lines] == [f"{told['request']}-0", f"{told['request']}-1"]
    assert lines[0].inputs == '{"x":3.0}'


@pytest.mark.anyio
async def test_an_unknown_model_is_named(served):
    _, client = served
    answer = await client.post("/v1/models/lime/predict", json={"rows": [{}]})
    assert answer.status_code == 404
    assert answer.json()["do"] == "Did you mean 'line'?"


@pytest.fixture
def anyio_backend():
    return "asyncio"
