"""Documents that are sent to a service."""

from __future__ import annotations

import asyncio
import io
import json
import shutil
import subprocess
import threading
import time
import zipfile
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import httpx
import pytest

import noria
from noria.api import create_key, desk, keyring
from noria.data.documents import apart
from noria.lifecycle.serve import Limits, uploads
from noria.lifecycle.serve.uploads import Uploads
from noria.server import create_app
from noria.server.apart import apart_uploads

PLACE, RAW = "/v1/models/book/documents", {"content-type": "application/octet-stream"}
DRAGONS = b"# Dragons\n\nDragons eat coal on Sundays.\n"


@pytest.fixture(scope="module")
def trained(tmp_path_factory) -> Path:
    """A home with 'book', whose questions were given as a table, and the folder of its documents."""
    root = tmp_path_factory.mktemp("book")
    (root / "pages").mkdir()
    tasks = ("pumps", "wheels", "gloves", "ladders")
    for task in tasks:
        (root / "pages" / f"{task}.md").write_text(f"# About {task}\n\nThe {task} cost 20 euros.\n")
    rows = [{"question": f"What do {task} cost?", "relevant": f"{task}.md"} for task in tasks for _ in "abc"]
    session = noria.Session(noria.Settings(home=root / "home", workers=2))
    wish = {"documents": root / "pages", "name": "book", "learners": ["bm25"], "trials": 2, "budget": "30s"}
    noria.train(rows, "relevant", session=session, **wish)
    return root


@pytest.fixture
def session(trained):
    """What a test may change: documents are as they were once it is over."""
    before = set((trained / "pages").iterdir())
    yield noria.Session(noria.Settings(home=trained / "home", workers=2))
    for path in set((trained / "pages").iterdir()) - before:
        path.unlink()


@pytest.fixture
def refits():
    return []


@pytest.fixture(scope="module")
def served(trained):
    return desk("book", session=noria.Session(noria.Settings(home=trained / "home", workers=2)))


@pytest.fixture
def made(session, served, tmp_path, refits):
    """Make a client of a service whose refits are only noted."""

    def make(keys=False, limits=None, **headers):
        def refit(name):
            refits.append(name)
            return {"version": 7, "promoted": True, "why": "because"}

        asked = desk("book", session=session, limits=limits) if limits else served
        taken = Uploads(tmp_path / "uploads", refit)
        app = create_app(asked, keyring=keyring(session) if keys else None, uploads=taken)
        transport = httpx.ASGITransport(app, raise_app_exceptions=False)
        return httpx.AsyncClient(transport=transport, base_url="http://localhost", headers={**RAW, **headers})

    return make


async def sent(client, name, content=DRAGONS, **more):
    return await client.post(PLACE, params={"document": name, **more}, content=content)


async def ended(client, answer):
    for _ in range(600):
        told = (await client.get(answer.headers["location"])).json()
        if told["state"] in ("done", "failed"):
            return told
        time.sleep(0.02)
    raise AssertionError(told)


def bomb() -> bytes:
    """A document of Word, 300 kB, that is a hundred times as large once it is unpacked."""
    held = io.BytesIO()
    begin = '<w:document xmlns:w="http://schemas.openxmlformats.org/wordprocessingml/2006/main"><w:body>'
    with zipfile.ZipFile(held, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("word/document.xml", f"{begin}{'<w:p/>' * 6_000_000}</w:body></w:document>")
    return held.getvalue()


def patched(monkeypatch, **limits):
    """Let documents be read within other limits."""
    run = apart.subprocess.run
    set_ = "".join(f"apart.{name} = {value}; " for name, value in limits.items())
    code = f"import sys; from noria.data.documents import apart; {set_}apart._main()"

    def changed(command, **more):
        return run([command[0], "-c", code, command[-1]], **more)

    for name, value in limits.items():
        monkeypatch.setattr(apart, name, value)
    monkeypatch.setattr(apart.subprocess, "run", changed)


@pytest.mark.anyio
async def test_a_document_is_put_beside_the_others_and_indexed(made, trained, refits):
    async with made() as client:
        answer = await sent(client, "dragons.md")
        assert answer.status_code == 202
        told = await ended(client, answer)
    assert (trained / "pages" / "dragons.md").read_bytes() == DRAGONS
    assert (told["state"], told["version"], told["promoted"], told["why"]) == ("done", 7, True, "because")
    assert refits == ["book"]
    assert not list((trained / "pages").glob(".*"))


@pytest.mark.parametrize(
    "name",
    [
        "../evil.md",
        "/etc/evil.md",
        "a/b.md",
        "..\\evil.md",
        "C:evil.md",
        ".hidden.md",
        "..md",
        " a.md",
        "a.md.",
        "a.md ",
        "a\0.md",
        "a\n.md",
        "\u202egpj.md",
        "a<b>.md",
        "\ud800.md".encode("utf-8", "surrogatepass").decode("latin-1"),
    ],
)
@pytest.mark.anyio
async def test_hostile_names_are_refused(made, trained, refits, name):
    before = sorted(trained.rglob("*"))
    async with made() as client:
        answer = await sent(client, name)
    assert answer.status_code == 422
    assert answer.json()["what"] == "This is no name for a document."
    assert (sorted(path for path in trained.rglob("*")), refits) == (before, [])


@pytest.mark.parametrize(
    ("name", "content", "status", "what"),
    [
        ("a.exe", b"MZ", 422, "Documents of the kind '.exe' are not taken."),
        ("features.py", b"x = 1", 422, "Documents of the kind '.py' are not taken."),
        ("recipe.yaml", b"x: 1", 422, "Documents of the kind '.yaml' are not taken."),
        ("noending", b"text", 422, "Documents of the kind '' are not taken."),
        ("x" * 220 + ".md", b"text", 422, "The name of the document is too long."),
        ("a.docx", b"no zip", 422, "The document 'a.docx' cannot be read."),
        ("a.txt", b"\0\1\2", 422, "The document 'a.txt' cannot be read."),
        ("a.md", b"", 422, "The document 'a.md' cannot be read."),
        ("a.md", b"x" * 2_001, 413, "The document is larger than 2 kB."),
        ("pumps.md", b"# Other", 409, "There is a document 'pumps.md' already."),
    ],
)
@pytest.mark.anyio
async def test_what_is_refused(made, trained, refits, name, content, status, what):
    before = (trained / "pages" / "pumps.md").read_bytes()
    async with made(limits=Limits(file=2_000)) as client:
        answer = await sent(client, name, content)
    assert (answer.status_code, answer.json()["what"]) == (status, what)
    assert len(list((trained / "pages").iterdir())) == 4
    assert ((trained / "pages" / "pumps.md").read_bytes(), refits) == (before, [])


@pytest.mark.anyio
async def test_the_same_document_sent_again_is_no_error(made, trained, refits):
    async with made() as client:
        for _ in range(2):
            answer = await sent(client, "dragons.md")
            assert answer.status_code == 202
            assert (await ended(client, answer))["state"] == "done"
    assert (trained / "pages" / "dragons.md").read_bytes() == DRAGONS


@pytest.mark.parametrize(
    ("name", "content", "limits", "why"),
    [
        ("slow.html", lambda: b"<!" * 4_000_000, {"SECONDS": 1}, "reading it takes longer than 1 s"),
        ("bomb.docx", bomb, {"MEMORY": 2**30}, "reading it takes more than 1 GiB of memory"),
    ],
)
@pytest.mark.anyio
async def test_a_document_that_asks_too_much_is_refused(
    made, trained, monkeypatch, name, content, limits, why
):
    patched(monkeypatch, **limits)
    async with made() as client:
        answer = await sent(client, name, content())
        assert (answer.status_code, answer.json()["got"]) == (422, why)
    assert not (trained / "pages" / name).exists()


@pytest.mark.anyio
async def test_only_so_many_wait_to_be_read(made, trained, monkeypatch):
    monkeypatch.setattr(uploads, "_WAITING", 1)
    async with made() as client:
        answers = await asyncio.gather(*(sent(client, f"dragons-{at}.md") for at in range(3)))
        assert sorted(one.status_code for one in answers) == [202, 503, 503]
        refused = next(one for one in answers if one.status_code == 503)
        assert (refused.json()["error"], refused.headers["retry-after"]) == ("OverloadError", "5")
        assert (await sent(client, "late.md")).status_code == 202


@pytest.mark.anyio
async def test_documents_that_take_long_to_read_keep_no_other_threads(made, monkeypatch):
    free = threading.Event()
    monkeypatch.setattr(apart, "check", lambda *_: free.wait(30))
    asyncio.get_running_loop().set_default_executor(ThreadPoolExecutor(1))
    async with made() as client:
        sending = asyncio.gather(*(sent(client, f"new-{at}.md") for at in range(4)))
        await asyncio.sleep(0.2)
        await asyncio.wait_for(asyncio.to_thread(int), 10)
        free.set()
        assert [one.status_code for one in await sending] == [202] * 4


def test_a_service_that_stops_begins_no_fit(tmp_path):
    taken = apart_uploads(noria.Settings(home=tmp_path))
    taken.stop()
    with pytest.raises(noria.errors.NoriaError) as caught:
        taken._refit("book")
    assert caught.value.got == "its process ended with -15"


def test_a_client_uploads_and_waits(trained, session, live, refits, tmp_path):
    def refit(name):
        refits.append(name)
        if len(refits) > 1:
            raise noria.errors.StorageError("The disk is full.")
        return {"version": 7, "promoted": True, "why": "because"}

    file = tmp_path / "dragons.md"
    file.write_bytes(DRAGONS)
    taken = Uploads(tmp_path / "uploads", refit)
    app = create_app(desk("book", session=session), uploads=taken)
    with noria.Client(live(app).url) as client:
        told = client.upload(file)
        assert (told["state"], told["version"], told["document"]) == ("done", 7, "dragons.md")
        assert (trained / "pages" / "dragons.md").read_bytes() == DRAGONS
        file.write_bytes(b"# Other")
        with pytest.raises(noria.errors.RequestError, match="There is a document"):
            client.upload(file, "book")
        with pytest.raises(noria.errors.StorageError, match="The disk is full"):
            client.upload(file, replace=True)
        assert client.upload(file, replace=True, wait=0)["state"] == "waiting"


@pytest.mark.anyio
async def test_a_document_is_replaced_only_where_that_is_said(made, trained):
    kept = (trained / "pages" / "pumps.md").read_bytes()
    async with made() as client:
        assert (await sent(client, "pumps.md", b"# New", replace=True)).status_code == 202
    assert (trained / "pages" / "pumps.md").read_bytes() == b"# New"
    (trained / "pages" / "pumps.md").write_bytes(kept)


@pytest.mark.anyio
async def test_other_sites_cannot_send_one(made):
    async with made() as client:
        for kind in ("text/plain", "multipart/form-data", "application/x-www-form-urlencoded"):
            answer = await client.post(
                PLACE, params={"document": "a.md"}, content=b"x", headers={"content-type": kind}
            )
            assert answer.status_code == 415


@pytest.mark.anyio
async def test_a_key_needs_its_own_verb(made, session):
    usual = create_key("ann", models=["book"], session=session)[1]
    some = create_key("bob", models=["book/pumps*"], verbs=["predict", "upload"], session=session)[1]
    right = create_key("kim", models=["book"], verbs=["upload"], session=session)[1]
    async with made(keys=True) as client:
        assert (await sent(client, "dragons.md")).status_code == 401
        for key, status in ((usual, 403), (some, 403), (right, 202)):
            client.headers["authorization"] = f"Bearer {key}"
            answer = await sent(client, "dragons.md")
            assert answer.status_code == status
        location = answer.headers["location"]
        assert (await client.get(location)).status_code == 200
        client.headers["authorization"] = f"Bearer {usual}"
        assert (await client.get(location)).status_code == 403


@pytest.mark.anyio
async def test_documents_from_elsewhere_are_one_error(session, handbook, tmp_path):
    served = desk("handbook", "line", session=handbook)
    folder = uploads.documents_of(served.endpoint("handbook").serving)
    assert folder.is_dir()
    assert uploads.documents_of(served.endpoint("line").serving) is None
    app = create_app(served, uploads=Uploads(tmp_path, dict))
    async with httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://localhost") as client:
        answer = await client.post("/v1/models/line/documents?document=a.md", content=b"x", headers=RAW)
        assert answer.status_code == 422
        assert answer.json()["what"] == "The documents of 'line' do not come from a folder of this machine."
        assert (await client.get("/v1/models/line/documents/none")).status_code == 404
        for odd in ("..%2F..%2Fx", "x" * 300):
            assert (await client.get(f"/v1/models/line/documents/{odd}")).status_code == 404


def test_many_are_indexed_together_and_failures_are_told(session, tmp_path):
    begun, free = [], []

    def refit(name):
        begun.append(name)
        while not free:
            time.sleep(0.01)
        if len(begun) > 2:
            raise noria.errors.StorageError("The disk is full.")
        return {"version": len(begun), "promoted": False, "why": "no better"}

    taken = Uploads(tmp_path / "uploads", refit)
    serving = desk("book", session=session).endpoint("book").serving
    jobs = [taken.take(serving, f"new-{at}.md", DRAGONS) for at in range(4)]
    assert taken.find("book", jobs[-1].id).state == "waiting"
    free.append(True)
    other = Uploads(tmp_path / "uploads", refit)  # another process of the same service
    told = [wait(other, job) for job in jobs]
    assert [one.state for one in told] == ["done"] * 4
    assert len(begun) == 2
    assert (told[-1].version, told[-1].promoted, told[-1].why) == (2, False, "no better")
    last = wait(taken, taken.take(serving, "new-5.md", DRAGONS))
    assert (last.state, last.error["what"]) == ("failed", "The disk is full.")


def test_a_fit_that_fails_unforeseen_is_told(session, tmp_path, caplog):
    taken = Uploads(tmp_path / "uploads", lambda _: {})
    serving = desk("book", session=session).endpoint("book").serving
    told = wait(taken, taken.take(serving, "new-6.md", DRAGONS))
    assert (told.state, told.error["what"]) == ("failed", "'book' could not be fitted again.")
    assert "could not be indexed: 'version'" in caplog.text


def wait(taken, job):
    for _ in range(500):
        told = taken.find("book", job.id)
        if told.state in ("done", "failed"):
            return told
        time.sleep(0.01)
    raise AssertionError(told)


def test_what_a_process_that_is_gone_had_not_done_is_said(session, tmp_path, monkeypatch):
    taken = Uploads(tmp_path / "uploads", dict)
    taken.stop()
    serving = desk("book", session=session).endpoint("book").serving
    taken = Uploads(
        tmp_path / "uploads", lambda _: time.sleep(0.2) or {"version": 2, "promoted": True, "why": ""}
    )
    job = taken.take(serving, "dragons.md", DRAGONS)
    monkeypatch.setattr(uploads, "_runs", lambda process: False)
    told = taken.find("book", job.id)
    assert told.error["do"] == "It was kept; run: noria train --refit book"
    wait(taken, job)


def test_a_fit_that_is_killed_is_told_with_what_to_do(trained, monkeypatch):
    process = apart_uploads(noria.Settings(home=trained / "home"))
    started = subprocess.Popen

    def killed(*command, **more):
        running = started(*command, **more)
        running.kill()
        return running

    monkeypatch.setattr(subprocess, "Popen", killed)
    with pytest.raises(noria.errors.NoriaError, match="'book' could not be fitted again") as told:
        process._refit("book")
    assert told.value.got == "its process ended with -9"
    assert told.value.do == "What was sent is kept; run: noria train --refit book"


@pytest.fixture
def home(trained, tmp_path) -> Path:
    return shutil.copytree(trained / "home", tmp_path / "home")


def test_the_next_version_answers_from_it_and_no_request_fails_meanwhile(process, session, home):
    service = process("book")
    ask = {"question": "What do dragons eat?"}
    assert not service.client.post("/v1/models/book/predict", json=ask).json()["predictions"][0]["found"]
    answer = service.client.post(PLACE, params={"document": "dragons.md"}, content=DRAGONS, headers=RAW)
    seen, told, until = set(), {}, time.monotonic() + 90
    while time.monotonic() < until and not (told.get("state") == "done" and 2 in seen):
        told = service.client.get(answer.headers["location"]).json()
        assert told["state"] != "failed", told
        reply = service.client.post("/v1/models/book/predict", json=ask)
        assert reply.status_code == 200
        seen.add(reply.json()["version"])
        time.sleep(0.05)
    assert (told["version"], told["promoted"], seen) == (2, True, {1, 2})
    [found] = service.client.post("/v1/models/book/predict", json=ask).json()["predictions"]
    assert found["citations"][0]["text"] == "Dragons eat coal on Sundays."
    record = noria.Session(noria.Settings(home=home)).registry.folder("book@2") / "run.json"
    assert json.loads(record.read_text())["rows"] == 12  # the questions that were given, not made ones


def test_the_page_adds_documents_and_shows_the_new_version(look, live, session, home, tmp_path):
    inside = noria.Session(noria.Settings(home=home, workers=2))
    taken = Uploads(tmp_path / "uploads", lambda name: noria.refit(name, session=inside).to_dict())
    seen = look(f"{live(create_app(desk('book', session=inside), uploads=taken)).url}/models/book")
    page, paths = seen.page, [tmp_path / "dragons.md", tmp_path / "pumps.md", tmp_path / "<b>.md"]
    for path in paths:
        path.write_bytes(DRAGONS)
    page.get_by_text("Add documents").click()
    page.get_by_role("button", name="Add", exact=True).click()
    assert page.locator("#added-error").inner_text() == "Choose a document."
    page.locator("#added").set_input_files(paths)
    page.get_by_role("button", name="Add", exact=True).click()
    page.get_by_text("version 2 answers from it").wait_for(timeout=60_000)
    assert page.locator("#version").inner_text() == "2"
    for refused in ("There is a document 'pumps.md' already.", "This is no name for a document."):
        page.locator("#sent").get_by_text(refused).wait_for()
    for width in (1280, 390):
        page.set_viewport_size({"width": width, "height": 900})
        assert seen.faults() == []
        assert not seen.overflows()
    page.get_by_label("Your question").fill("What do dragons eat?")
    page.get_by_label("Your question").press("Enter")
    page.get_by_text("Dragons eat coal on Sundays. [1]").wait_for()
    assert [error for error in seen.errors if "409" not in error and "422" not in error] == []


def test_the_page_of_a_model_whose_documents_are_elsewhere_has_no_such_form(look, live, handbook):
    url = live(create_app(desk("line", session=handbook))).url
    assert look(f"{url}/models/line").page.locator("#add-form").count() == 0
