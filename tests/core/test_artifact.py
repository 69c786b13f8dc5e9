# ruff: noqa: E501 - pinned messages stand on one line
from __future__ import annotations

import hashlib
import json
import shutil
from pathlib import Path

import numpy as np
import polars as pl
import pytest

from noria.core import artifact
from noria.core.features import FeaturedModel, FeatureFunction
from noria.core.schema import Column, Role, Schema, Type
from noria.data.conform import conform
from noria.errors import ArtifactError, StorageError, TrustError
from noria.systems.tabular.encode import Encoder
from noria.systems.tabular.model import Member, TabularModel
from noria.systems.tabular.predictors import Linear
from noria.systems.tabular.target import NumberTarget

SOURCE = "def double(table):\n    return table.with_columns(x=table['x'] * 2)\n"
AGAIN = "Restore the folder from a copy, or train again."


@pytest.fixture
def model() -> TabularModel:
    """y = 2x, fitted by nobody."""
    schema = Schema((Column("x", Type.NUMBER), Column("y", Type.NUMBER, Role.TARGET)), rows=3)
    rows = pl.DataFrame({"x": [1.0, 2.0, 3.0], "y": [2.0, 4.0, 6.0]})
    member = Member(1.0, "trees", Linear(np.array([[2.0]]), np.zeros(1), "identity"))
    encoder = Encoder.fit("trees", schema.features, rows)
    return TabularModel(schema, NumberTarget("y"), {"trees": encoder}, [member], background=rows.select("x"))


@pytest.fixture
def featured(model) -> FeaturedModel:
    function = FeatureFunction.compile("double", SOURCE, "features.py")
    return FeaturedModel(model, function, Schema((Column("x", Type.NUMBER),)), conform, {"x": 1.0})


def load(folder: Path, trust: bool = False):
    return artifact.load(folder, prepare=conform, trusted=lambda _: trust)


def names(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


# -- writing -------------------------------------------------------------------------------------------------


def test_a_folder_that_exists_is_left_alone(tmp_path, model):
    (tmp_path / "model").mkdir()
    (tmp_path / "model" / "mine.txt").write_text("mine")
    with pytest.raises(StorageError) as caught:
        artifact.save(model, tmp_path / "model", system="tabular")
    assert str(caught.value).startswith(f"Cannot write {tmp_path / 'model'}.\n  got: ")
    assert names(tmp_path) == ["model"]
    assert names(tmp_path / "model") == ["mine.txt"]


# -- reading -------------------------------------------------------------------------------------------------


def test_a_model_comes_back_as_it_was(tmp_path, model):
    folder = artifact.save(model, tmp_path / "model", system="tabular", about={"run": "r1"})
    loaded = load(folder)
    rows = pl.DataFrame({"x": [5.0, None, 7.0]})
    assert loaded.predict(rows).equals(model.predict(rows))
    assert loaded.signature == model.signature
    manifest = artifact.read_manifest(folder)
    assert manifest["about"] == {"run": "r1"}
    assert set(manifest["files"]) == {p.name for p in folder.iterdir()} - {"manifest.json"}


def test_a_copy_elsewhere_is_as_good(tmp_path, model):
    folder = artifact.save(model, tmp_path / "model", system="tabular")
    shutil.copytree(folder, tmp_path / "copy")
    shutil.rmtree(folder)
    assert load(tmp_path / "copy").predict(pl.DataFrame({"x": [5.0]}))["prediction"][0] == 10.0


def _change(path: Path):
    content = bytearray(path.read_bytes())
    content[len(content) // 2] ^= 1
    path.write_bytes(bytes(content))


def _link(path: Path):
    shutil.copy(path, path.parent.parent / "elsewhere")
    path.unlink()
    path.symlink_to(path.parent.parent / "elsewhere")


@pytest.mark.parametrize(
    ("damage", "problem"),
    [
        (
            lambda folder: _change(folder / "model.json"),
            "file 'model.json' has changed since the model was saved",
        ),
        (lambda folder: (folder / "model.json").unlink(), "file 'model.json' is missing"),
        (lambda folder: (folder / "a.pkl").write_bytes(b"x"), "file 'a.pkl' is not in the manifest"),
        (
            lambda folder: _link(folder / "model.json"),
            "file 'model.json' has changed since the model was saved",
        ),
    ],
    ids=["changed", "missing", "surplus", "linked"],
)
def test_damage_is_named(tmp_path, model, damage, problem):
    folder = artifact.save(model, tmp_path / "model", system="tabular")
    damage(folder)
    with pytest.raises(ArtifactError) as caught:
        load(folder)
    assert str(caught.value) == (
        f"The model in {folder} is damaged or was tampered with.\n  got: {problem}\n  do:  {AGAIN}"
    )


@pytest.mark.parametrize("text", ["", "{", "[]", "null", '{"format": 1}', '{"format": 1, "system": "x", "files": [1]}',
                                  '{"format": "1", "system": "x", "files": {}}', b"\xff"])  # fmt: skip
def test_a_damaged_manifest(tmp_path, model, text):
    folder = artifact.save(model, tmp_path / "model", system="tabular")
    (folder / "manifest.json").write_bytes(text if isinstance(text, bytes) else text.encode())
    with pytest.raises(ArtifactError) as caught:
        load(folder)
    lines = str(caught.value).splitlines()
    assert lines[0] == f"The manifest of the model in {folder} is damaged."
    assert lines[-1] == f"  do:  {AGAIN}"


def test_a_newer_format_and_no_manifest(tmp_path, model):
    folder = artifact.save(model, tmp_path / "model", system="tabular")
    manifest = json.loads((folder / "manifest.json").read_text())
    (folder / "manifest.json").write_text(json.dumps({**manifest, "format": 99, "noria": "9.0"}))
    with pytest.raises(ArtifactError) as caught:
        load(folder)
    assert str(caught.value) == (
        f"The model in {folder} was saved by a newer Noria.\n  got: manifest.json of format 99, saved by Noria 9.0\n"
        "  do:  Run: pip install --upgrade noria"
    )
    (folder / "manifest.json").unlink()
    with pytest.raises(ArtifactError, match=r"is not a model folder: it has no manifest\.json"):
        load(folder)


# -- trust ---------------------------------------------------------------------------------------------------


def test_code_is_run_only_with_trust(tmp_path, featured):
    folder = artifact.save(featured, tmp_path / "model", system="tabular")
    with pytest.raises(TrustError) as caught:
        load(folder)
    assert str(caught.value) == (
        f"The model in {folder} holds Python code (features.py) that did not come from here.\n"
        f"  got: features.py with SHA-256 {featured.function.sha256[:12]}...\n"
        "  do:  Read the file; if you trust it, load with trust=True or --trust."
    )
    assert load(folder, trust=True).predict(pl.DataFrame({"x": [5.0]}))["prediction"][0] == 20.0


def test_trust_is_asked_for_the_code_that_is_there_not_for_what_the_manifest_says(tmp_path, featured):
    folder = artifact.save(featured, tmp_path / "model", system="tabular")
    good = featured.function.sha256
    evil = SOURCE + f"open({str(tmp_path / 'proof')!r}, 'w')\n"
    (folder / "features.py").write_text(evil)
    manifest = json.loads((folder / "manifest.json").read_text())
    manifest["files"]["features.py"]["sha256"] = hashlib.sha256(evil.encode()).hexdigest()
    assert manifest["features"]["sha256"] == good
    (folder / "manifest.json").write_text(json.dumps(manifest))
    with pytest.raises(TrustError):
        artifact.load(folder, prepare=conform, trusted=lambda sha256: sha256 == good)
    assert not (tmp_path / "proof").exists()
