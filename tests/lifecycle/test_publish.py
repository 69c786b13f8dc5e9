from __future__ import annotations

import json
import re
import shutil
from pathlib import Path
from urllib.parse import urljoin

import pytest

import noria
from noria.core.recipe import Recipe
from noria.errors import NotFoundError, ParamError, StorageError
from noria.lifecycle.publish import MARK, publish
from noria.settings import Settings

QUICK = {"budget": "60s", "trials": 2, "learners": ["naive_bayes"]}
README = "# Toys\n\n## Problem\nA <script>window.hacked=1</script> [link](javascript:alert(1)) ![](x.png)\n"


@pytest.fixture(scope="module")
def session(tmp_path_factory):
    return noria.Session(Settings(home=tmp_path_factory.mktemp("home"), workers=2))


@pytest.fixture(scope="module")
def recipes(tmp_path_factory) -> dict[str, Recipe]:
    """A recipe that is run, with a README and a hostile title, and one that never was."""
    folder = tmp_path_factory.mktemp("recipes") / "toy"
    folder.mkdir()
    (folder / "recipe.yaml").write_text("name: toy\n", encoding="utf-8")
    (folder / "README.md").write_text(README, encoding="utf-8")
    title = "<script>window.hacked=1</script> גיל 🚀"
    fields = {"title": title, "data": {"target": "y"}, "task": "classification"}
    idle = Recipe.parse({"name": "idle", "title": "Never run", "about": "What it is about."})
    return {"toy": Recipe.parse({"name": "toy", **fields}, folder=folder), "idle": idle}


@pytest.fixture(scope="module")
def trained(session, people):
    one = noria.train(people(), "y", name="toy", goal={"accuracy": ">= 0.1"}, session=session, **QUICK)
    noria.train(people(seed=1), "y", name="toy", goal={"accuracy": ">= 2"}, session=session, **QUICK)
    noria.train(people(), "y", name="Toy", goal={"accuracy": ">= 0.999"}, session=session, **QUICK)
    session.registry.promote("toy", 1)
    return one


@pytest.fixture(scope="module")
def site(session, recipes, trained, tmp_path_factory) -> Path:
    folder = tmp_path_factory.mktemp("out") / "site"
    publish(session.registry, recipes, folder)
    return folder


def files(folder: Path) -> dict[str, bytes]:
    return {
        path.relative_to(folder).as_posix(): path.read_bytes() for path in folder.rglob("*") if path.is_file()
    }


def test_a_site_has_a_page_for_each_recipe_and_shares_its_assets(session, recipes, trained, site):
    made = files(site)
    assert set(made) == {
        ".nojekyll", MARK, "404.html", "index.html",
        *(f"assets/{name}" for name in ("LICENSE-vega.txt", "figures.js", "page.js", "style.css", "vega.js")),
        *(f"recipes/toy/{name}" for name in ("index.html", "model-card.md", "report.html")),
        *(f"recipes/toy-2/{name}" for name in ("index.html", "model-card.md", "report.html")),
        "recipes/idle/index.html",
    }  # fmt: skip
    assert sum(len(text) for name, text in made.items() if name.endswith(".html")) < 800_000
    found = publish(session.registry, recipes, site, dry_run=True)
    assert [entry.status for entry in found.entries] == ["missed", "no run", "met"]
    assert found.entries[2].run.entry.id == trained.id  # the champion's, not the latest
    unknown, idle, toy = (entry.command for entry in found.entries)
    assert unknown == f"noria reproduce {found.entries[0].run.entry.id}"  # it was trained without a recipe
    assert (idle, toy) == ("noria run idle", "noria run toy")
    assert found.frame()["recipe"].to_list() == ["Toy", "idle", "toy"]
    assert set(json.loads(json.dumps(found.to_dict()))["files"]) == set(made) - {MARK}
    assert "3 recipes in" in found._repr_html_()


def test_every_link_is_relative_and_leads_somewhere(site):
    made = files(site)
    for name, content in made.items():
        if not name.endswith(".html"):
            continue
        text = content.decode()
        anchors = set(re.findall(r'id="([^"]+)"', text))
        for link in re.findall(r'(?:href|src)="([^"]*)"', text):
            if link == "data:,":
                continue
            path, _, anchor = link.partition("#")
            assert not path.startswith("/")
            assert ":" not in path
            target = urljoin(name, path) if path else name
            assert target in made, (name, link)
            if anchor:
                other = anchors if not path else set(re.findall(r'id="([^"]+)"', made[target].decode()))
                assert anchor in other, (name, link)


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("name", ["index.html", "recipes/toy/index.html", "recipes/idle/index.html"])
def test_its_pages_can_be_read(look, site, name, scheme):
    seen = look(site / name, scheme=scheme)
    for width in (1280, 820, 390):
        seen.page.set_viewport_size({"width": width, "height": 900})
        assert (seen.errors, seen.faults(), seen.overflows()) == ([], [], False)
    assert seen.page.evaluate("window.hacked") is None


def test_its_reports_draw_their_figures_from_the_shared_library(look, site):
    seen = look(site / "recipes/toy/report.html")
    seen.page.wait_for_function(
        "[...document.querySelectorAll('[data-figure]')].every((one) => one.dataset.drawn)"
    )
    assert seen.errors == []
    seen.page.get_by_role("link", name="noria").click()
    assert seen.page.get_by_role("heading", name="Recipes").is_visible()


def test_what_stands_on_the_pages(look, site):
    seen = look(site / "index.html")
    said = " ".join(seen.page.locator("main").inner_text().split())
    assert "3 problems" in said
    assert "2 were run; 1 of 2 goals met." in said
    assert "There is no run yet. noria run idle makes one." in said
    cards = seen.page.locator(".card")
    assert cards.last.get_by_role("heading").inner_text() == "Never run"
    cards.filter(has_text="goal met").get_by_role("link").click()
    said = " ".join(seen.page.locator("main").inner_text().split())
    for words in (
        "<script>window.hacked=1</script> [link](javascript:alert(1))",
        "champion",
        "noria run toy",
    ):
        assert words in said
    assert seen.page.locator("img").count() == 0


def test_the_same_runs_give_the_same_bytes_and_what_is_gone_goes(session, recipes, site, tmp_path):
    folder = shutil.copytree(site, tmp_path / "site")
    (folder / "CNAME").write_text("noria.example", encoding="utf-8")
    before = files(folder)
    publish(session.registry, recipes, folder)
    assert files(folder) == before
    publish(session.registry, recipes, folder, only=["idle"])
    assert set(files(folder)) == {
        name for name in before if not name.startswith("recipes/") or "idle" in name
    }  # fmt: skip
    assert sorted(path.name for path in (folder / "recipes").iterdir()) == ["idle"]
    assert [path.name for path in tmp_path.iterdir()] == ["site"]


def test_a_dry_run_writes_nothing(session, recipes, trained, tmp_path):
    assert publish(session.registry, recipes, tmp_path / "site", dry_run=True).files
    assert list(tmp_path.iterdir()) == []


def test_a_folder_of_others_is_left_alone_unless_forced(session, recipes, trained, tmp_path):
    (tmp_path / "thesis.txt").write_text("mine", encoding="utf-8")
    with pytest.raises(ParamError) as caught:
        publish(session.registry, recipes, tmp_path)
    assert str(caught.value) == (
        f"{tmp_path} holds files that are no site of Noria's.\n  got: thesis.txt\n"
        "  do:  Name another folder, or add --force: only files with the name of a page are replaced."
    )
    publish(session.registry, recipes, tmp_path, force=True)
    assert (tmp_path / "thesis.txt").read_text() == "mine"
    assert (tmp_path / "index.html").is_file()
    with pytest.raises(ParamError, match="is a file"):
        publish(session.registry, recipes, tmp_path / "thesis.txt")


def test_a_mark_that_names_files_elsewhere_takes_none_away(session, recipes, trained, tmp_path):
    (tmp_path / "precious").write_text("mine", encoding="utf-8")
    folder = tmp_path / "site"
    folder.mkdir()
    (folder / MARK).write_text('{"files": ["../precious", 7, "index.html"]}', encoding="utf-8")
    publish(session.registry, recipes, folder)
    assert (tmp_path / "precious").read_text() == "mine"


def test_whoever_is_interrupted_can_publish_again(session, recipes, trained, site, tmp_path, monkeypatch):
    folder, move, moved = tmp_path / "site", shutil.move, []

    def interrupted(source, target):
        moved.append(target)
        if len(moved) == 6:
            raise KeyboardInterrupt
        return move(source, target)

    for only in ((), ["idle"]):  # the first site, and one of fewer pages than what is there
        moved.clear()
        with monkeypatch.context() as patch:
            patch.setattr(shutil, "move", interrupted)
            with pytest.raises(KeyboardInterrupt):
                publish(session.registry, recipes, folder, only=only)
        publish(session.registry, recipes, folder, only=only)
        shown = {"idle"} if only else {path.name for path in (site / "recipes").iterdir()}
        assert {path.name for path in (folder / "recipes").iterdir()} == shown


def test_a_damaged_run_is_told_and_spoils_nothing_else(recipes, session, trained, tmp_path):
    home = shutil.copytree(session.settings.home, tmp_path / "home")
    (home / "runs" / trained.id / "run.json").write_text("{}", encoding="utf-8")
    harmed = noria.Session(Settings(home=home))
    found = publish(harmed.registry, recipes, tmp_path / "site")
    assert [entry.status for entry in found.entries] == ["missed", "no run", "damaged"]
    page = (tmp_path / "site/recipes/toy/index.html").read_text()
    assert "toy@1: file &#39;run.json&#39; has changed since the run was saved" in page
    assert str(tmp_path) not in page


def test_an_unknown_name(session, recipes):
    with pytest.raises(NotFoundError) as caught:
        publish(session.registry, recipes, Path("site"), only=["idel"])
    assert str(caught.value) == "There is no recipe or model 'idel'.\n  do:  Did you mean 'idle'?"


def test_a_full_disk_leaves_the_earlier_site_as_it_was(session, recipes, trained, small_disk):
    disk = small_disk("1536k")
    folder = disk.folder / "site"
    publish(session.registry, {"idle": recipes["idle"]}, folder, only=["idle"])
    before = files(folder)
    with pytest.raises(StorageError) as caught:
        publish(session.registry, recipes, folder)
    assert caught.value.what == f"The site cannot be written to {folder}."
    assert files(folder) == before
    assert [path.name for path in disk.folder.iterdir()] == ["site"]
