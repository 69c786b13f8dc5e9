from __future__ import annotations

import json
import re
from pathlib import Path

import pytest

from noria.api import create_key, desk, keyring
from noria.server import create_app
from noria.systems.retrieval.options import AnswerOptions


@pytest.fixture
def served(handbook):
    return desk("handbook", session=handbook)


@pytest.fixture
def url(served, live):
    return live(create_app(served)).url


def ask(page, question):
    page.get_by_label("Your question").fill(question)
    page.get_by_label("Your question").press("Enter")
    page.locator("#talk .turn:last-child .thumbs").wait_for()
    return page.locator("#talk .turn:last-child .said").inner_text()


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_the_page_reads_well_with_an_answer_and_a_source(look, url, scheme):
    seen = look(f"{url}/models/handbook", scheme=scheme)
    ask(seen.page, "What do the wheels cost?")
    for opened in (False, True):
        if opened:
            seen.page.get_by_role("button", name="wheels.md").click()
            seen.page.locator("dialog mark").wait_for()
        for width in (1280, 820, 390):
            seen.page.set_viewport_size({"width": width, "height": 900})
            assert seen.faults() == []
            assert not seen.overflows()
    assert seen.errors == []


def test_a_source_is_opened_at_the_place_with_the_passage_marked(look, url):
    seen = look(f"{url}/models/handbook")
    assert ask(seen.page, "What do the wheels cost?") == "All wheels cost 20 euros. [1]"
    seen.page.get_by_role("button", name="[1]", exact=True).click()
    assert seen.page.locator("dialog mark").inner_text() == "All wheels cost 20 euros."
    assert "About wheels" in seen.page.locator("#source-title").inner_text()
    seen.page.get_by_role("button", name="Close").click()
    assert not seen.page.locator("dialog").is_visible()


def test_a_file_of_questions_is_answered(look, url, tmp_path):
    (tmp_path / "asked.csv").write_text("question\nWhat do the wheels cost?\n")
    seen = look(f"{url}/models/handbook")
    seen.page.get_by_label(re.compile("A file of questions")).set_input_files(tmp_path / "asked.csv")
    seen.page.get_by_role("button", name="Answer the file").click()
    with seen.page.expect_download() as got:
        seen.page.locator("#download").click()
    assert "All wheels cost 20 euros." in Path(got.value.path()).read_text()


def test_documents_stay_text(look, url):
    seen = look(f"{url}/models/handbook")
    assert "<script>alert(1)</script>" in ask(seen.page, "What are dragons fed with on Sundays?")
    seen.page.get_by_role("button", name="<b>bold.txt").click()
    assert "<img src=x onerror=alert(2)>" in seen.page.locator("dialog mark").inner_text()
    assert seen.page.locator("main script[src], main img, dialog b").count() == 0
    assert seen.errors == []


def test_a_follow_up_knows_what_was_asked_and_starting_anew_forgets(look, url):
    seen = look(f"{url}/models/handbook")
    ask(seen.page, "Who looks after the ladders?")
    assert "All ladders cost 20 euros." in ask(seen.page, "And what do they cost?")
    seen.page.get_by_role("button", name="Start anew").click()
    assert seen.page.locator("#talk .turn").count() == 0
    assert "ladders" not in ask(seen.page, "And what do they cost?")


def test_thumbs_are_kept_and_can_be_turned(look, url, served):
    seen = look(f"{url}/models/handbook")
    ask(seen.page, "What do the gloves cost?")
    for name, label in (("Helpful", "true"), ("Not helpful", "false")):
        seen.page.get_by_role("button", name=name, exact=True).click()
        seen.page.locator('.thumbs [aria-pressed="true"]', has_text=re.compile(f"^{name}")).wait_for()
        assert [one.label for one in served.log.labels("handbook")][-1] == label


def test_an_empty_question_and_a_service_that_has_gone_are_told(look, handbook, live):
    service = live(create_app(desk("handbook", session=handbook)))
    seen = look(f"{service.url}/models/handbook")
    seen.page.get_by_role("button", name="Ask").click()
    assert "Write a question." in seen.page.locator("#ask-form .error").inner_text()
    service.stop()
    seen.page.get_by_label("Your question").fill("What do the wheels cost?")
    seen.page.get_by_role("button", name="Ask").click()
    seen.page.locator("#talk .error").wait_for()
    assert "cannot be reached" in seen.page.locator("#talk .error").inner_text()
    assert seen.page.get_by_label("Your question").input_value() == "What do the wheels cost?"


def test_a_key_opens_the_page(look, handbook, live):
    _, secret = create_key("eve", models=["handbook"], session=handbook)
    url = live(create_app(desk("handbook", session=handbook), keyring=keyring(handbook))).url
    seen = look(f"{url}/models/handbook")
    seen.page.get_by_label("API key").fill(secret)
    seen.page.get_by_role("button", name="Continue").click()
    assert ask(seen.page, "What do the wheels cost?") == "All wheels cost 20 euros. [1]"


def test_an_answer_that_a_language_model_writes_is_shown_as_it_comes(look, handbook, live, speaker):
    made = desk("handbook", session=handbook)
    writer = AnswerOptions(endpoint=speaker.url, model="small")
    made.endpoint("handbook").serving.model.writer = writer
    speaker.says = "Wheels cost 20 euros [1]. They cost 90 euros [1]. Team W looks after the wheels [2]."
    speaker.faults = {"pause": 0.15}
    seen = look(f"{live(create_app(made)).url}/models/handbook")
    seen.page.get_by_label("Your question").fill("What do the wheels cost?")
    seen.page.get_by_role("button", name="Ask").click()
    seen.page.get_by_text("Wheels cost 20 euros. [1]").wait_for()
    assert seen.page.locator(".thumbs").count() == 0
    seen.page.locator(".thumbs").wait_for()
    assert "90" not in seen.page.locator("#talk").inner_text()
    speaker.faults = {"status": 503}
    assert ask(seen.page, "What do the gloves cost?") == "All gloves cost 20 euros. [1]"
    assert "The language model cannot be reached." in seen.page.locator("#talk").inner_text()
    [*_, line] = made.log.read("handbook")
    assert "cannot be reached" in json.loads(line.outputs)["reason"]
