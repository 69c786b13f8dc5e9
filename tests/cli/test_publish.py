"""``noria publish``: a site of recipes and their runs."""

from __future__ import annotations

import json


def test_a_site_of_everything(looked, tmp_path):
    done = looked("publish", "-o", tmp_path / "out", "--recipes", "pets,iris")
    assert done.code == 0, done.err
    text = " ".join(done.out.split())
    assert "recipe result goal run" in text
    assert "iris not run yet" in text
    assert "pets log_loss" in text or "pets roc_auc" in text
    assert f"it begins with {tmp_path / 'out' / 'index.html'}" in text
    assert (tmp_path / "out/recipes/pets/report.html").is_file()
    assert max(map(len, done.out.splitlines()[:-1])) <= 100


def test_a_dry_run_and_json(looked, tmp_path):
    told = json.loads(looked("publish", "--dry-run", "--recipes", "pets", "--json").out)
    assert (told["folder"], told["recipes"][0]["recipe"]) == ("site", "pets")
    assert not (tmp_path / "site").exists()
    assert "files would be in site" in looked("publish", "--dry-run").out


def test_a_folder_of_others(looked, tmp_path):
    (tmp_path / "site").mkdir()
    (tmp_path / "site/mine.txt").write_text("x")
    done = looked("publish")
    assert (done.code, "holds files that are no site of Noria's." in done.err) == (2, True)
