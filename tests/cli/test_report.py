"""``noria report``: what a run is told in."""

from __future__ import annotations

import json
import sys
from pathlib import Path


def test_it_says_where_the_report_is(looked, history):
    done = looked("report", "pets@1")
    assert done.code == 0, done.err
    assert Path(done.out.strip()).is_file()
    assert done.out.strip().endswith("report.html")
    told = json.loads(looked("report", "pets@1", "--json").out)
    assert told == {"run": "pets@1", "format": "html", "path": done.out.strip()}


def test_other_kinds_and_places(looked, tmp_path):
    done = looked("report", "pets@1", "--format", "card", "-o", tmp_path / "card.md")
    assert done.out == f"{tmp_path / 'card.md'}\n"
    assert (tmp_path / "card.md").read_text().startswith("---\nlibrary_name: noria\n")


def test_it_is_opened_in_the_browser(looked, tmp_path, monkeypatch):
    seen = tmp_path / "seen"
    browser = tmp_path / "browser"
    browser.write_text(f"#!{sys.executable}\nimport sys\nopen({str(seen)!r}, 'w').write(sys.argv[1])\n")
    browser.chmod(0o755)
    monkeypatch.setenv("BROWSER", f"{browser} %s")
    done = looked("report", "pets@1", "--open", "-o", tmp_path / "it.html")
    assert done.code == 0, done.err
    assert seen.read_text() == (tmp_path / "it.html").as_uri()


def test_what_cannot_be_reported(looked):
    assert "There is no run or model 'cats'." in looked("report", "cats").err
    done = looked("report", "pets@1", "--format", "pdf")
    assert (done.code, "There is no report of the kind 'pdf'." in done.err) == (2, True)
    done = looked("report", "pets-2020")
    assert (done.code, "has nothing to report yet." in done.err) == (2, True)


def test_a_card_is_called_like_one(looked):
    done = looked("report", "pets@1", "--format", "card", "-o", "card.html")
    assert (done.code, "do:  End its name in .md or .markdown." in done.err) == (2, True)
