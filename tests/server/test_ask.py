from __future__ import annotations

import json

import polars as pl
import pytest

from noria.api import create_key, desk, keyring
from noria.server import create_app
from noria.systems.retrieval.options import AnswerOptions


@pytest.fixture
def served(handbook):
    return desk("handbook", "line", session=handbook)


@pytest.fixture
async def client(served):
    import httpx

    transport = httpx.ASGITransport(create_app(served), raise_app_exceptions=False)
    async with httpx.AsyncClient(transport=transport, base_url="http://localhost") as made:
        yield made


pytestmark = pytest.mark.anyio
PREDICT, ASK = "/v1/models/handbook/predict", "/v1/models/handbook/ask"


def events(text):
    """The kind and the content of each server-sent event."""
    parts = [part.split("\n") for part in text.strip().split("\n\n")]
    return [(kind.removeprefix("event: "), json.loads(data.removeprefix("data: "))) for kind, data in parts]


async def test_a_question_is_answered_with_its_places_and_logged(client, served):
    told = (await client.post(PREDICT, json={"question": "What do the wheels cost?"})).json()
    [answer] = told["predictions"]
    [cited] = answer["citations"]
    assert answer["prediction"] == "All wheels cost 20 euros. [1]"
    assert (cited["document"], cited["heading"], cited["line"]) == ("wheels.md", "About wheels > Costs", 7)
    assert answer["documents"][0] == "wheels.md"
    *_, line = served.log.read("handbook")
    assert (line.id, json.loads(line.inputs)) == (told["request"], {"question": "What do the wheels cost?"})
    assert json.loads(line.outputs) == answer


async def test_what_is_not_there_is_said_so(client):
    told = (await client.post(PREDICT, json={"question": "Who was Napoleon?"})).json()
    assert told["predictions"][0]["prediction"] == "Not in the documents."
    assert not told["predictions"][0]["found"]
    text = (await client.get("/metrics")).text
    assert 'noria_rows_unanswered_total{model="handbook",role="champion",version="1"} 1.0' in text


async def test_rows_of_questions_get_the_answers_of_the_table(client, served):
    rows = [{"question": "What do the wheels cost?"}, {"question": ""}]
    told = (await client.post(PREDICT, json={"rows": rows})).json()["predictions"]
    assert told == served.endpoint("handbook").serving.model.predict(pl.DataFrame(rows)).to_dicts()


async def test_a_follow_up_carries_over_what_it_is_about(client):
    history = [{"question": "Who looks after the ladders?", "answer": "Team L."}]
    told = (
        await client.post(PREDICT, json={"question": "And what do they cost?", "history": history})
    ).json()
    [answer] = told["predictions"]
    assert answer["asked"] == "And what do they cost? looks ladders"
    assert "All ladders cost 20 euros." in answer["prediction"]


async def test_an_answer_is_streamed(client):
    answer = await client.post(ASK, json={"question": "What do the wheels cost?"})
    assert answer.headers["content-type"].startswith("text/event-stream")
    told = events(answer.text)
    assert [kind for kind, _ in told] == ["sentence", "answer"]
    assert told[0][1]["text"] == told[1][1]["predictions"][0]["prediction"]


async def test_a_question_that_is_masked_is_not_kept(handbook):
    import httpx

    made = desk("handbook", session=handbook, mask=["question"])
    transport = httpx.ASGITransport(create_app(made))
    async with httpx.AsyncClient(transport=transport, base_url="http://localhost") as one:
        told = (await one.post(PREDICT, json={"question": "What do secret wheels cost?"})).json()
    [line] = made.log.read("handbook", limit=1)
    assert (line.request, "secret" in line.inputs + line.outputs) == (told["request"], False)


async def test_thumbs_are_feedback(client, served):
    request = (await client.post(PREDICT, json={"question": "What do the wheels cost?"})).json()["request"]
    labels = {"labels": [{"id": request, "label": True}]}
    told = (await client.post("/v1/models/handbook/feedback", json=labels)).json()
    assert told["results"] == [{"id": request, "outcome": "kept"}]
    assert {one.id: one.label for one in served.log.labels("handbook")}[request] == "true"


async def test_a_document_is_opened_at_the_place(client):
    told = (await client.post(PREDICT, json={"question": "What are dragons fed with?"})).json()
    [cited] = told["predictions"][0]["citations"]
    place = {name: cited[name] for name in ("document", "begin", "end")}
    shown = (await client.get("/v1/models/handbook/documents", params=place)).json()
    assert shown["document"] == "<b>bold.txt"
    assert shown["blocks"][0]["parts"] == ["", cited["text"], ""]
    cited = {"document": "pumps.md", "begin": 16, "end": 21}
    blocks = (await client.get("/v1/models/handbook/documents", params=cited)).json()["blocks"]
    assert blocks[1]["parts"] == ["The ", "pumps", " are looked after by team P. 🏘"]


async def test_a_question_may_be_held_to_some_documents(client):
    asked = {"question": "What do the wheels cost?"}
    for within, found in (("p*; ladders.md", ["pumps.md", "ladders.md"]), ("", None), (None, None)):
        [answer] = (await client.post(PREDICT, json={**asked, "within": within})).json()["predictions"]
        assert set(answer["documents"]) == set(found or answer["documents"])
        told = events((await client.post(ASK, json={**asked, "within": within})).text)[-1][1]
        assert told["predictions"][0]["documents"] == answer["documents"]
        assert found or answer["documents"][0] == "wheels.md"


async def test_each_row_of_a_table_of_questions_may_be_held_to_some_documents(client):
    rows = [
        {"question": "What do they cost?", "within": within} for within in ("pumps.md", "w*", None, "zzz")
    ]
    rows.append({"question": "What do they cost?"})
    for sent in (rows, [*rows, *rows * 20]):
        answer = await client.post(PREDICT, json={"rows": sent})
        told = answer.json()["predictions"][: len(rows)]
        assert [one.get("documents") for one in told[:2]] == [["pumps.md"], ["wheels.md"]]
        assert len(told[2]["documents"]) == len(told[4]["documents"]) > 2
        assert told[3]["error"]["what"] == "No document has a name to search within."
    for odd in ({"question": "why", "inside": "x"}, {"within": "w*"}, {"question": "why", "within": 3}):
        answer = await client.post(PREDICT, json={"rows": [odd]})
        assert answer.status_code == 422, answer.json()


async def test_a_wish_narrows_what_a_key_allows_and_never_widens_it(handbook):
    import httpx

    _, secret = create_key("may", models=["handbook/wheels*", "handbook/p*"], session=handbook)
    app = create_app(desk("handbook", session=handbook), keyring=keyring(handbook))
    headers = {"authorization": f"Bearer {secret}"}
    transport = httpx.ASGITransport(app, raise_app_exceptions=False)
    async with httpx.AsyncClient(transport=transport, base_url="http://localhost", headers=headers) as may:
        for within, found in (("*", {"wheels.md", "pumps.md"}), ("g*; pumps.md", {"pumps.md"})):
            told = await may.post(PREDICT, json={"question": "What do the pumps cost?", "within": within})
            assert set(told.json()["predictions"][0]["documents"]) == found
        for within in ("gloves.md", "nothing.md"):
            sent = {"question": "What do the gloves cost?", "within": within}
            refused = await may.post(PREDICT, json=sent)
            told = events((await may.post(ASK, json=sent)).text)[-1][1]
            assert refused.status_code == 422
            for error in (refused.json()["predictions"][0]["error"], told["predictions"][0]["error"]):
                assert error["what"] == "No document has a name to search within."
                assert (error["got"], error["do"]) == (repr(within), None)


async def test_what_a_language_model_costs_and_what_is_not_answered_is_counted(client, served, speaker):
    model = served.endpoint("handbook").serving.model
    assert (model.writer, speaker.says) == (None, "Nothing.")
    model.writer = AnswerOptions(endpoint=speaker.url, model="small")
    try:
        speaker.says = "All wheels cost 20 euros [1]."
        told = (await client.post(PREDICT, json={"question": "What do the wheels cost?"})).json()
        spent = {"calls": 1, "failures": 0, "read": 7, "written": 2}
        assert told["predictions"][0]["language"] == spent
        await client.post(PREDICT, json={"question": "Who was Napoleon?"})
        speaker.faults = {"status": 500}
        await client.post(PREDICT, json={"question": "What do the wheels cost?"})
    finally:
        model.writer = None
    counted = (await client.get("/v1/models/handbook/metrics")).text
    of = 'model="handbook",role="champion",version="1"}'
    for line in (
        f"noria_rows_unanswered_total{{{of} 1.0", f"noria_rows_total{{{of} 3.0",
        f"noria_language_calls_total{{{of} 2.0", f"noria_language_failures_total{{{of} 1.0",
        f'noria_language_tokens_total{{kind="read",{of} 7.0',
        f'noria_language_tokens_total{{kind="written",{of} 2.0',
    ):  # fmt: skip
        assert line in counted


@pytest.mark.parametrize(
    ("name", "sent", "what"),
    [
        ("handbook", {"question": 1}, "The question is no text."),
        ("handbook", {"question": "a", "histroy": []}, "A question has no key 'histroy'."),
        ("handbook", {"question": "a", "history": {}}, "The history is no list."),
        (
            "handbook",
            {"question": "a", "history": [{"question": "b"}]},
            "Turn 0 of the history has no",
        ),
        ("handbook", {"question": "a", "within": ["*"]}, "'within' is no text of patterns."),
        ("handbook", {"question": "a", "within": "*" * 1_001}, "'within' is no text of patterns."),
        ("handbook", {"question": "a", "within": "z*; ;"}, "No document has a name to search within."),
        ("handbook", {"question": "x" * 100_001}, "The text of 'question' is too long."),
        ("line", {"question": "a"}, "The model 'line' does not take a question."),
    ],
)
async def test_what_is_no_question(client, name, sent, what):
    answer = await client.post(f"/v1/models/{name}/predict", json=sent)
    assert answer.status_code == 422
    assert answer.json()["what"].startswith(what)


async def test_a_stream_that_cannot_begin_is_an_error(client):
    assert (await client.post("/v1/models/line/ask", json={"question": "a"})).status_code == 422
    assert (await client.post("/v1/models/lime/ask", json={"question": "a"})).status_code == 404
    assert (await client.get("/v1/models/handbook/documents?document=x")).status_code == 404
    assert (await client.get("/v1/models/handbook/documents")).status_code == 422


async def test_a_key_is_needed_for_answers_and_documents(handbook):
    import httpx

    _, secret = create_key("ann", models=["handbook"], session=handbook)
    app = create_app(desk("handbook", session=handbook), keyring=keyring(handbook))
    async with httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://localhost") as one:
        assert (await one.post(ASK, json={"question": "a"})).status_code == 401
        assert (await one.get("/v1/models/handbook/documents?document=pumps.md")).status_code == 401
        key = {"authorization": f"Bearer {secret}"}
        assert (await one.post(ASK, json={"question": "a"}, headers=key)).status_code == 200


async def test_a_key_for_some_documents_gets_nothing_of_the_others(handbook):
    import httpx

    _, secret = create_key("bob", models=["handbook/wheels*", "handbook/p*"], session=handbook)
    _, nothing = create_key("eve", models=["handbook/hr/*"], session=handbook)
    app = create_app(desk("handbook", session=handbook), keyring=keyring(handbook))
    place = "/v1/models/handbook"
    headers = {"authorization": f"Bearer {secret}"}
    transport = httpx.ASGITransport(app)
    async with httpx.AsyncClient(transport=transport, base_url="http://localhost", headers=headers) as bob:
        told = (await bob.post(PREDICT, json={"question": "What do the wheels cost?"})).json()
        assert told["predictions"][0]["documents"] == ["wheels.md", "pumps.md"]
        told = events((await bob.post(ASK, json={"question": "What do the gloves cost?"})).text)
        assert "gloves" not in json.dumps(told[-1][1]["predictions"]).replace("What do the gloves cost?", "")
        assert (await bob.get(f"{place}/documents?document=pumps.md")).status_code == 200
        hidden = await bob.get(f"{place}/documents?document=gloves.md")
        absent = await bob.get(f"{place}/documents?document=gloves.mp")
        assert (hidden.status_code, hidden.json()["do"]) == (404, None)
        assert hidden.json()["what"].replace("md", "mp") == absent.json()["what"]
        allowed = await bob.get(f"{place}/documents?document=pzz")
        assert (allowed.status_code, allowed.json()["do"]) == (404, None)
        for path in ("predict", "explain"):
            refused = await bob.post(f"{place}/{path}", json={"rows": [{"question": "What do gloves cost?"}]})
            assert refused.status_code == 403
        assert (await bob.post(f"{place}/files?file=a.csv&to=csv", content=b"question")).status_code == 403
        assert (await bob.get("/models/handbook")).status_code == 200
        assert (await bob.get("/models/handbook/report")).status_code == 403
        eve = {"authorization": f"Bearer {nothing}"}
        told = (await bob.post(PREDICT, json={"question": "What do the wheels cost?"}, headers=eve)).json()
        assert ".md" not in json.dumps(told)
