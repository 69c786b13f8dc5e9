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


def test_a_theme_is_remembered_and_no_other_word_is_one(look, tmp_path):
    path = tmp_path / "page.html"
    path.write_text(render("base.html", title="Penguins"), encoding="utf-8")
    seen = look(path)
    seen.page.get_by_role("button", name="Switch between light and dark").click()
    seen.page.reload()
    assert seen.page.locator("html").get_attribute("data-theme") == "dark"
    seen.page.evaluate("for (const key of Object.keys(localStorage)) localStorage.setItem(key, 'auto')")
    seen.page.evaluate("localStorage.setItem('theme', 'dark')")  # of another site of the same origin
    seen.page.reload()
    assert seen.page.locator("html").get_attribute("data-theme") == "light"
