from __future__ import annotations

import json
import os
import random
import re
import time
from pathlib import Path
from urllib.request import urlopen

import httpx
import polars as pl
import pytest

import noria
from noria.api import create_key, desk, keyring
from noria.lifecycle.serve import Limits
from noria.server import create_app
from noria.settings import Settings

SIZE = "<b onmouseover=alert(1)>size</b>"
TARGET = "</script><script>alert(2)</script>"
TOWNS = ["<img src=x  onerror=alert(3)>", "a\"b'c", "مدينة", "plain"]


def hostile(rows: int = 240) -> pl.DataFrame:
    """Columns of every control, with names and values that would be dangerous if they were not escaped."""
    draw = random.Random(1)
    size = [round(draw.gauss(50, 10), 1) for _ in range(rows)]
    return pl.DataFrame(
        {
            SIZE: size,
            "town 🏘": [draw.choice(TOWNS) for _ in range(rows)],
            "مدينة": [draw.choice([True, False]) for _ in range(rows)],
            "member": [draw.choice([True, False, None]) for _ in range(rows)],
            "day": [f"2021-{draw.randint(1, 12):02}-{draw.randint(1, 28):02}" for _ in range(rows)],
            "at": [f"2021-03-{draw.randint(1, 28):02} {draw.randint(0, 23):02}:15:00" for _ in range(rows)],
            "code": [f"c{draw.randint(0, 40)}" for _ in range(rows)],
            TARGET: ["<script>alert(4)</script>" if one > 50 else "no" for one in size],
        }
    )


@pytest.fixture(scope="module")
def shop(tmp_path_factory):
    session = noria.Session(Settings(home=tmp_path_factory.mktemp("shop") / "home", workers=2))
    budget = {"budget": "3s", "session": session}
    noria.train(hostile(), TARGET, name="hostile", learners=["logistic"], **budget)
    rows = {"x": [0.5 * x for x in range(60)], "y": [2.0 * x for x in range(60)]}
    noria.train(rows, "y", name="line", task="regression", learners=["ridge"], **budget)
    wide = {f"column {at}": [float((at + 2) * row**2 % 97) for row in range(80)] for at in range(20)}
    run = noria.train(
        {**wide, "y": [float(row) for row in range(80)]}, "y", name="wide", learners=["ridge"], **budget
    )
    run.report.unlink()
    days = pl.date_range(pl.date(2021, 1, 1), pl.date(2021, 5, 1), eager=True)
    sold = pl.DataFrame({"day": days, "sold": [10 + at % 7 for at in range(len(days))]})
    forecast = {"task": "forecasting", "columns": {"day": "time"}, "learners": ["seasonal_naive"]}
    noria.train(sold, "sold", name="sales", **forecast, **budget)
    return session


@pytest.fixture
def app(shop, tmp_path):
    return create_app(desk("hostile", "line", "wide", "sales", session=shop), files=tmp_path / "files")


@pytest.fixture
def url(app, live):
    return live(app).url


def answer(page):
    page.get_by_role("button", name="Predict", exact=True).click()
    page.locator("#result .big").wait_for()
    return page.locator("#result .big").inner_text()


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("place", ["/", "/models/hostile", "/models/wide"])
def test_every_page_reads_well(look, url, place, scheme):
    seen = look(url + place, scheme=scheme)
    if "models" in place:
        answer(seen.page)
        seen.page.locator("#why").wait_for()
    for width in (1280, 820, 390):
        seen.page.set_viewport_size({"width": width, "height": 900})
        assert seen.faults() == []
        assert not seen.overflows()
    assert seen.errors == []


def test_the_example_is_predicted_and_explained(look, url, shop):
    seen = look(f"{url}/models/line")
    model = noria.load("line", session=shop)
    row = model.signature.example
    found = model.predict(pl.DataFrame([row])).row(0, named=True)
    assert float(answer(seen.page).replace(",", "")) == pytest.approx(found["prediction"], rel=1e-3)
    assert "Probably between" in seen.page.locator("#result").inner_text()
    seen.page.locator("#why").wait_for()
    said = seen.page.locator("#explanation tr").all_inner_texts()
    added = model.explain(pl.DataFrame([row])).attributions["x"][0]
    assert len(said) == 1
    assert said[0].startswith("x")
    assert float(re.search(r"([\d.]+)$", said[0].strip())[1]) == pytest.approx(abs(added), rel=0.01)
    assert seen.errors == []


def test_another_value_gives_another_answer(look, url, shop):
    seen = look(f"{url}/models/line")
    before = answer(seen.page)
    box = seen.page.get_by_label("x")
    box.fill("1000")
    assert seen.page.locator("#result.old").count() == 1
    assert "unusual: 0 to 29.5 in training" in seen.page.locator(".field").inner_text()
    box.press("Enter")
    seen.page.locator("#result:not(.old)").wait_for()
    assert answer(seen.page) != before


def test_a_click_is_one_line_of_the_log(look, url, app, shop):
    log = desk("line", session=shop).log
    before = log.count("line")
    seen = look(f"{url}/models/line")
    answer(seen.page)
    seen.page.locator("#why").wait_for()
    assert log.count("line") == before + 1
    seen.page.route("**/explain", lambda route: route.fulfill(status=403, body='{"what": "no"}'))
    with seen.page.expect_response("**/predict"):
        assert answer(seen.page)
    seen.page.locator("#explanation").wait_for(state="hidden")
    assert log.count("line") == before + 2


def test_clearing_takes_the_answer_away(look, url):
    seen = look(f"{url}/models/line")
    answer(seen.page)
    seen.page.get_by_role("button", name="Clear").click()
    assert seen.page.locator("#explanation").is_hidden()
    assert seen.page.locator("#result").inner_text() == "Give the values, and press Predict."
    assert answer_after_example(seen.page)


def answer_after_example(page):
    page.get_by_role("button", name="Example").click()
    return answer(page)


def test_what_counted_as_missing_is_said_beside_the_file(look, url, tmp_path):
    (tmp_path / "rows.csv").write_text("x\n1\nold\n")
    seen = look(f"{url}/models/line")
    seen.page.get_by_label(re.compile("A file of rows")).set_input_files(tmp_path / "rows.csv")
    seen.page.get_by_role("button", name="Predict the file").click()
    seen.page.get_by_text(re.compile(r"^2 rows with predictions, \d+ B$")).wait_for()
    told = "1 value of 'x' is no number and counts as missing: 'old'."
    assert seen.page.locator("#scored-notes").inner_text() == told
    assert seen.faults() == []


@pytest.mark.parametrize("place", ["/models/lime", "/models/wide/report", "/nothing"])
def test_a_page_that_is_not_there_leads_back(look, url, place):
    page = look(url + place).page
    assert page.get_by_role("heading", name="This page is not there").is_visible()
    page.get_by_role("link", name="All models").click()
    assert page.get_by_role("heading", name="Models", exact=True).is_visible()


def test_every_control_sends_what_it_shows(look, url, shop):
    seen = look(f"{url}/models/hostile")
    page = seen.page
    page.get_by_label(SIZE, exact=True).fill("12.5")
    page.get_by_label("town 🏘", exact=True).select_option(TOWNS[0])
    page.get_by_role("switch", name="مدينة").set_checked(True)
    page.locator("#field-3").select_option("Not known")
    page.get_by_label("day", exact=True).fill("2021-02-03")
    page.get_by_label("at", exact=True).fill("2021-02-03T04:05")
    page.get_by_label("code", exact=True).fill("c7")
    with page.expect_response("**/explain") as waited:
        page.get_by_role("button", name="Predict", exact=True).click()
    sent = waited.value.request.post_data_json["rows"][0]
    assert sent == {
        SIZE: 12.5, "town 🏘": TOWNS[0], "مدينة": True, "member": None, "day": "2021-02-03",
        "at": "2021-02-03T04:05:00", "code": "c7",
    }  # fmt: skip
    assert waited.value.json()["predictions"][0]["prediction"] == "no"
    assert seen.errors == []


def test_hostile_names_and_values_stay_text(look, url):
    seen = look(f"{url}/models/hostile")
    seen.page.on("dialog", lambda shown: seen.errors.append(shown.message))
    seen.page.get_by_label(SIZE, exact=True).fill("75")
    assert answer(seen.page) == "<script>alert(4)</script>"
    seen.page.locator("#why").wait_for()
    assert seen.page.locator("#result .what").inner_text() == TARGET
    for name in ("Random values", "Example", "Clear"):
        seen.page.get_by_role("button", name=name).click()
    for language in ("Python", "JavaScript", "curl"):
        seen.page.get_by_role("tab", name=language).click()
        assert "onerror" in seen.page.locator("#snippet").inner_text() or language
    assert seen.page.locator("main b, main img, main [onerror], main [onmouseover]").count() == 0
    assert seen.errors == []


def test_a_wrong_value_is_marked_at_its_field(look, url):
    seen = look(f"{url}/models/hostile")
    box = seen.page.get_by_label(SIZE, exact=True)
    box.fill("")
    seen.page.get_by_role("button", name="Predict", exact=True).click()
    assert box.get_attribute("aria-invalid") == "true"
    assert seen.page.locator("#field-0-error").inner_text() == "Give a value."
    assert box.evaluate("box => box === document.activeElement")
    box.press_sequentially("1e")
    seen.page.get_by_role("button", name="Predict", exact=True).click()
    assert seen.page.locator("#field-0-error").inner_text() == "Write a number such as 12.5."
    assert seen.faults() == []
    box.fill("12")
    assert box.get_attribute("aria-invalid") == "false"
    assert answer(seen.page) == "no"


def test_what_the_model_refuses_is_said(look, url):
    seen = look(f"{url}/models/sales")
    assert answer(seen.page)
    seen.page.get_by_label("day").fill("1999-01-01")
    seen.page.get_by_role("button", name="Predict", exact=True).click()
    told = seen.page.locator(".error:not(:empty)")
    told.wait_for()
    assert "forecast from 2021-05-02" in told.inner_text()


def test_many_columns_are_folded_and_one_that_is_wrong_is_unfolded(look, url):
    seen = look(f"{url}/models/wide")
    more = seen.page.locator("#more")
    assert more.get_attribute("open") is None
    assert more.locator("summary").inner_text() == "8 more values"
    seen.page.get_by_role("button", name="Clear").click()
    for box in seen.page.locator("form > .fields input").all():
        box.fill("1")
    seen.page.get_by_role("button", name="Predict", exact=True).click()
    assert more.get_attribute("open") is not None
    assert more.locator("input").first.evaluate("box => box === document.activeElement")


def test_a_page_is_walked_by_keyboard(look, url):
    seen = look(f"{url}/models/line")
    seen.page.get_by_label("x").focus()
    seen.page.keyboard.press("Tab")
    seen.page.keyboard.press("Enter")
    seen.page.locator("#result .big").wait_for()
    tab = seen.page.get_by_role("tab", name="curl")
    tab.focus()
    seen.page.keyboard.press("ArrowRight")
    assert seen.page.get_by_role("tab", name="Python").get_attribute("aria-selected") == "true"
    assert "noria.Client" in seen.page.locator("#snippet").inner_text()
    seen.page.keyboard.press("ArrowLeft")
    seen.page.keyboard.press("ArrowLeft")
    assert "await fetch" in seen.page.locator("#snippet").inner_text()


def test_the_python_snippet_runs(look, url, capsys):
    seen = look(f"{url}/models/hostile")
    seen.page.get_by_role("tab", name="Python").click()
    exec(seen.page.locator("#snippet").text_content(), {})
    assert "'prediction'" in capsys.readouterr().out


@pytest.mark.parametrize("output", ["csv", "parquet", "jsonl"])
def test_a_file_is_scored_and_downloaded(look, url, shop, tmp_path, output):
    rows = hostile(1000).drop(TARGET)
    rows.write_csv(tmp_path / "new rows.csv")
    expected = tmp_path / f"expected.{output}"
    noria.predict("hostile", tmp_path / "new rows.csv", output=expected, session=shop)
    seen = look(f"{url}/models/hostile")
    seen.page.get_by_label(re.compile("A file of rows")).set_input_files(tmp_path / "new rows.csv")
    seen.page.get_by_label("Result as").select_option(output)
    seen.page.get_by_role("button", name="Predict the file").click()
    seen.page.locator("#scored").wait_for()
    assert "1,000 rows with predictions" in seen.page.locator("#scored-text").inner_text()
    assert seen.faults() == []
    with seen.page.expect_download() as waited:
        seen.page.get_by_role("link", name="Download").click()
    assert waited.value.suggested_filename == f"new_rows-scored.{output}"
    assert Path(waited.value.path()).read_bytes() == expected.read_bytes()
    assert seen.errors == []
    with seen.page.expect_response(lambda answered: answered.request.method == "DELETE"):
        seen.page.get_by_role("button", name="Remove").click()
    assert list((tmp_path / "files").iterdir()) == []


def test_progress_is_shown_and_scoring_can_be_cancelled(look, url, tmp_path):
    pl.DataFrame({"x": range(5_000_000)}).write_csv(tmp_path / "rows.csv")
    seen = look(f"{url}/models/line")
    seen.page.get_by_label(re.compile("A file of rows")).set_input_files(tmp_path / "rows.csv")
    seen.page.get_by_role("button", name="Predict the file").click()
    seen.page.get_by_text(re.compile(r"^[\d,]+ of about 5,000,000 rows$")).wait_for()
    assert 0 < float(seen.page.locator("#progress").get_attribute("value") or 0) <= 1
    with seen.page.expect_response(lambda answered: answered.request.method == "DELETE"):
        seen.page.get_by_role("button", name="Cancel").click()
    seen.page.locator("#scoring").wait_for(state="hidden")
    assert seen.page.locator("#scored").is_hidden()
    assert seen.page.locator("#file-error").inner_text() == ""


def test_a_service_that_is_away_for_a_moment_loses_no_file(look, url, tmp_path):
    (tmp_path / "rows.csv").write_text("x\n1\n")
    seen, missed = look(f"{url}/models/line"), []

    def ask(route):
        if len(missed) < 2 and route.request.method == "GET":
            missed.append(route.request.url)
            route.abort() if len(missed) == 1 else route.fulfill(status=502, body="<h1>Bad gateway</h1>")
        else:
            route.continue_()

    seen.page.route("**/files/*", ask)
    seen.page.get_by_label(re.compile("A file of rows")).set_input_files(tmp_path / "rows.csv")
    seen.page.get_by_role("button", name="Predict the file").click()
    seen.page.get_by_text(re.compile("^1 row with predictions")).wait_for()
    assert len(missed) == 2


def test_a_file_that_cannot_be_scored_is_said_beside_it(look, url, tmp_path):
    (tmp_path / "rows.csv").write_text("z\n1\n")
    seen = look(f"{url}/models/line")
    seen.page.get_by_role("button", name="Predict the file").click()
    assert seen.page.locator("#file-error").inner_text() == "Choose a file first."
    seen.page.get_by_label(re.compile("A file of rows")).set_input_files(tmp_path / "rows.csv")
    seen.page.get_by_role("button", name="Predict the file").click()
    told = seen.page.locator("#file-error:not(:empty)")
    told.wait_for()
    assert told.inner_text().startswith("The table has no column 'x'.")
    (tmp_path / "rows.csv").write_text("x,y\n1,2\n3,4,5,6\n")
    seen.page.get_by_label(re.compile("A file of rows")).set_input_files(tmp_path / "rows.csv")
    seen.page.get_by_role("button", name="Predict the file").click()
    told.wait_for()
    assert told.inner_text().startswith("The file")


def test_a_file_may_be_dropped(look, url):
    seen = look(f"{url}/models/line")
    moved = seen.page.evaluate_handle(
        "() => { const moved = new DataTransfer();"
        " moved.items.add(new File(['{\"x\": 1}\\n'], 'rows.jsonl')); return moved; }"
    )
    seen.page.dispatch_event("#drop", "drop", {"dataTransfer": moved})
    assert seen.page.get_by_label("Result as").input_value() == "jsonl"
    seen.page.get_by_role("button", name="Predict the file").click()
    seen.page.get_by_text(re.compile("^1 row with predictions")).wait_for()


def test_the_report_opens_where_it_can_reach_nothing(look, url):
    seen = look(f"{url}/models/line")
    seen.page.get_by_role("link", name="Read the report").click()
    assert seen.page.get_by_role("heading", name="Results", exact=True).is_visible()
    assert seen.page.evaluate("origin") == "null"
    assert look(f"{url}/models/wide").page.get_by_role("link", name="Read the report").count() == 0


def test_pages_allow_no_script_but_their_own(url):
    for place in ("/", "/models/line"):
        with urlopen(url + place) as page:
            rules, text = page.headers["content-security-policy"], page.read().decode()
        assert "script-src 'self';" in rules
        assert "unsafe" not in rules
        assert re.findall(r"<script(?! src| type=\"application/json\")|<style|\son\w+=|style=", text) == []
        for asset in re.findall(r'(?:href|src)="(/static/[^"]+)"', text):
            with urlopen(url + asset) as file:
                assert file.headers["cache-control"] == "public, max-age=31536000, immutable"


@pytest.fixture
def locked(shop, tmp_path, live):
    """The address of a service that asks for a key, and one."""
    _, key = create_key("ann", session=shop)
    app = create_app(desk("line", session=shop), keyring=keyring(shop), files=tmp_path / "files")
    return live(app).url, key


def test_a_key_is_asked_for_once_and_sent_with_every_request(look, locked, tmp_path):
    url, key = locked
    seen = look(f"{url}/models/line")
    assert "29.5" not in seen.page.content()
    assert seen.faults() == []
    box = seen.page.get_by_label("API key")
    box.fill("wrong")
    box.press("Enter")
    seen.page.get_by_text("This key is not known, or not valid any more.").wait_for()
    box.fill(key)
    box.press("Enter")
    seen.page.locator("#form").wait_for()
    with seen.page.expect_request("**/explain") as asked:
        assert answer(seen.page)
    assert asked.value.headers["authorization"] == f"Bearer {key}"
    assert "authorization: Bearer $NORIA_KEY" in seen.page.locator("#snippet").inner_text()
    (tmp_path / "rows.csv").write_text("x\n1\n")
    seen.page.get_by_label(re.compile("A file of rows")).set_input_files(tmp_path / "rows.csv")
    seen.page.get_by_role("button", name="Predict the file").click()
    with seen.page.expect_download() as waited:
        seen.page.get_by_role("link", name="Download").click()
    assert Path(waited.value.path()).read_text().startswith("x,prediction")
    seen.page.reload()
    seen.page.locator("#form").wait_for()
    seen.page.get_by_role("link", name="Models").click()
    seen.page.get_by_role("link", name="line").wait_for()


@pytest.fixture
def caller(app):
    return httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://noria")


RAW = {"content-type": "application/octet-stream"}


@pytest.mark.anyio
async def test_uploads_are_refused_that_are_too_large_or_of_a_form_s_kind(shop, tmp_path):
    app = create_app(desk("line", session=shop, limits=Limits(file=100)), files=tmp_path / "files")
    caller = httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://noria")
    place, asked = "/v1/models/line/files", {"file": "a.csv", "to": "csv"}
    assert (await caller.post(place, params=asked, content=b"x\n1\n")).status_code == 415

    async def pieces():
        for _ in range(20):
            yield b"1234567890"

    for body in (b"x" * 101, pieces()):
        told = await caller.post(place, params=asked, content=body, headers=RAW)
        assert told.status_code == 413
        assert told.json()["what"] == ("The file is larger than 100 B, which is the most that is taken here.")
    told = await caller.post(place, params={"to": "csv"}, content=b"", headers=RAW)
    assert (told.status_code, told.json()["what"]) == (422, "The address has no 'file'.")
    assert list((tmp_path / "files").iterdir()) == []


def test_results_go_in_time_though_nobody_sends_another_file(app, live, tmp_path):
    old = tmp_path / "files" / "old"
    old.mkdir(parents=True)
    os.utime(old, (0, 0))
    live(app)
    last = time.monotonic() + 20
    while old.exists():
        assert time.monotonic() < last, "it is still there"
        time.sleep(0.05)


def test_a_service_that_ends_scores_no_file_to_its_end(shop, tmp_path, live):
    served = live(create_app(desk("line", session=shop), files=tmp_path / "files"))
    rows, asked = b"x\n" + b"1.5\n" * 5_000_000, {"file": "a.csv", "to": "csv"}
    job = httpx.post(f"{served.url}/v1/models/line/files", params=asked, content=rows, headers=RAW).json()
    where = f"{served.url}/v1/models/line/files/{job['id']}"
    while httpx.get(where).json()["rows"] == 0:
        pass
    served.stop()
    record = tmp_path / "files" / job["id"] / "job.json"
    while (told := json.loads(record.read_text()))["state"] == "running":
        pass  # until the batch that is being scored has ended
    assert (told["state"], told["error"]["what"]) == (
        "failed", "The service stopped while it scored this file.",
    )  # fmt: skip
    assert 0 < told["rows"] < 5_000_000


@pytest.mark.anyio
async def test_a_result_is_asked_for_by_who_knows_its_id(caller):
    place = "/v1/models/line/files"
    told = await caller.post(place, params={"file": "a.csv", "to": "csv"}, content=b"x\n1\n", headers=RAW)
    assert told.status_code == 202
    where = told.headers["location"]
    assert where == f"{place}/{told.json()['id']}"
    while (await caller.get(where)).json()["state"] == "running":
        pass
    assert (await caller.get(f"{where}/result")).text.startswith("x,prediction,low,high\n")
    assert (await caller.get(where.replace("line", "wide"))).status_code == 404
    assert (await caller.delete(where)).status_code == 204
    assert (await caller.get(f"{where}/result")).status_code == 404


@pytest.mark.anyio
@pytest.mark.parametrize(
    "place", ["/models/lime", "/static/..%2fform.py", "/static/vega.js", "/models/wide/report"]
)
async def test_what_is_not_there_is_404(caller, place):
    assert (await caller.get(place)).status_code == 404
