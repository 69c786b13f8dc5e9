from __future__ import annotations

import pytest

from noria.pages.render import render


def test_what_is_put_in_is_escaped():
    made = render("base.html", title="</title><script>alert(1)</script>")
    assert "<script>alert" not in made
    assert "&lt;script&gt;alert(1)" in made


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("width", [390, 820, 1280])
def test_the_frame_of_every_page(look, tmp_path, width, scheme):
    path = tmp_path / "page.html"
    path.write_text(render("base.html", title="Penguins"), encoding="utf-8")
    seen = look(path, width=width, scheme=scheme)
    assert seen.errors == []
    assert seen.faults() == []
    assert not seen.overflows()
    assert seen.page.locator("html").get_attribute("data-theme") == scheme
    seen.page.get_by_role("button", name="Switch between light and dark").click()
    assert seen.page.locator("html").get_attribute("data-theme") != scheme
