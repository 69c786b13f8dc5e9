"""``/models/<name>/watch``: what was found whenever somebody looked, and what was done."""

from __future__ import annotations

import shutil
from dataclasses import replace

import httpx
import pytest

import noria
from noria.api import create_key, desk
from noria.core.watch import Alarm
from noria.server import create_app
from noria.settings import Settings

PLACE = "/models/line/watch"


@pytest.fixture
def watched(handbook, tmp_path, live):
    """A service that was asked questions, half of whose answers were liked, and looked at twice."""
    home = shutil.copytree(handbook.settings.home, tmp_path / "home")
    session = noria.Session(Settings(home=home, workers=2))
    url = live(create_app(desk("handbook", session=session))).url
    with httpx.Client(base_url=f"{url}/v1/models/handbook") as client:
        for question in ("Who looks after wheels?", "Is it going to be sunny in the mountains tomorrow?"):
            for at in range(60):
                request = client.post("/predict", json={"question": question}).json()["request"]
                client.post("/feedback", json={"labels": [{"id": request, "label": at % 2 == 0}]})
            noria.watch("handbook", rows=60, session=session)  # other tests ask this model, too
    noria.silence("handbook", "2h", why="<b>moving</b>", session=session)
    return url


@pytest.mark.anyio
async def test_nobody_has_looked(inside, session):
    page = await inside().client.get(PLACE)
    assert (page.status_code, "Nobody has looked yet: run <code>noria watch line</code>" in page.text) == (
        200,
        True,
    )
    assert (await inside().client.get("/models/lime/watch")).status_code == 404


@pytest.mark.anyio
async def test_it_is_for_those_who_keep_the_service(inside, session):
    _, caller = create_key("ann", verbs=["predict"], session=session)
    _, keeper = create_key("ben", verbs=["predict", "admin"], session=session)
    service = inside(keys=True)
    for key, status, told in ((caller, 403, "A key is needed"), (keeper, 200, "Nobody has looked yet")):
        headers = {"authorization": f"Bearer {key}"}
        page = await service.client.get(PLACE, headers=headers)
        assert (page.status_code, told in page.text) == (status, True)
        model = await service.client.get("/models/line", headers=headers)
        assert (PLACE in model.text) == (status == 200)
    assert (await service.client.get(PLACE)).status_code == 401


def test_questions_are_watched(watched, look):
    seen = look(f"{watched}/models/handbook/watch")
    text = seen.page.locator("main").inner_text()
    for told in (
        "unanswered questions",
        "thumbs that point up",
        "question is out of its range",
        "CPU seconds",
        "silence",
    ):
        assert told in text
    assert seen.page.locator("svg.line polyline").count() >= 3
    assert "<b>moving</b>" in text
    for width, scheme in ((1280, "light"), (390, "dark")):
        seen.page.set_viewport_size({"width": width, "height": 900})
        seen.page.emulate_media(color_scheme=scheme)
        assert seen.faults() == []
        assert not seen.overflows()
    assert seen.errors == []
    seen.page.get_by_role("link", name="handbook").click()
    seen.page.get_by_role("link", name="How it is doing").click()
    assert seen.page.url.endswith("/models/handbook/watch")


@pytest.mark.anyio
async def test_alarms_are_told_with_their_reasons(inside, session, monkeypatch):
    service = inside()
    await service.predict([{"x": float(at)} for at in range(60)])
    check = noria.watch("line", session=session)
    alarms = (Alarm("drift", 2, open=True, reasons=("<i>x</i> drifted.",)), Alarm("errors", 1))
    monkeypatch.setattr(service.desk, "course", lambda name: ([replace(check, alarms=alarms)], []))
    page = (await service.client.get(PLACE)).text
    assert "&lt;i&gt;x&lt;/i&gt; drifted." in page
    assert "drift of x" in page
    assert '<path class="limit"' in page, "what is normal is drawn, too"
    assert page.count("not found often enough for an alarm yet") == 1
    assert '<span class="badge missed">alarm</span>' in page
