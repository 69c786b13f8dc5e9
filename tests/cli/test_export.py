from __future__ import annotations

import json


def test_a_model_is_exported_and_what_comes_next_is_said(trained, tmp_path):
    done = trained("export", "pets", "--to", "onnx", "-o", tmp_path / "out", "-q")
    assert done.code == 0, done.err
    assert done.out.startswith(f"pets@1 for onnx is in {tmp_path / 'out'}: ")
    assert "model.onnx" in done.out
    assert "Next:" in done.out
    again = trained("export", "pets", "--to", "onnx", "-o", tmp_path / "out", "-q")
    assert again.code == 2
    assert "Give --force to replace it" in again.err
    assert trained("export", "pets", "--to", "onnx", "-o", tmp_path / "out", "-q", "--force").code == 0


def test_a_dry_run_and_json(trained, tmp_path):
    done = trained("export", "pets@1", "--to", "onnx", "--dry-run", "--json")
    told = json.loads(done.out)
    assert (told["model"], told["version"], told["written"]) == ("pets", 1, False)
    assert set(told["files"]) == {"model.onnx", "model.json"}
    assert not (tmp_path / "pets-onnx").exists()
    shown = trained("export", "pets@1", "--to", "onnx", "--dry-run", "-q")
    assert "pets@1 for onnx would be in pets-onnx: " in shown.out
    assert "Next:" not in shown.out


def test_every_target_is_known_to_the_command():
    from noria.cli.export import _TARGETS
    from noria.lifecycle.export import TARGETS

    assert list(TARGETS) == list(_TARGETS)


def test_a_target_that_there_is_none_of(trained):
    done = trained("export", "pets", "--to", "docekr", "--json")
    assert done.code == 2
    assert json.loads(done.err)["do"] == "Did you mean 'docker'?"
