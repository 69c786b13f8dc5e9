"""``noria mirror`` and ``noria import``, with an MLflow store that needs no server."""

from __future__ import annotations

import json

import pytest

pytest.importorskip("mlflow", reason="needs noria[mlflow]")
pytest.importorskip("alembic", reason="MLflow's SQLite store needs alembic")


def test_a_model_goes_there_and_comes_back(trained, tmp_path, monkeypatch):
    monkeypatch.setenv("NORIA_MLFLOW", f"sqlite:///{tmp_path}/ml.db")
    done = trained("mirror", "pets")
    assert (done.code, done.err) == (0, "pets: sending to MLflow\n")
    head, _, row = done.out.splitlines()
    assert (head.split(), row.split()[:2], row.endswith("  sent")) == (
        ["model", "version", "run"],
        ["pets", "1"],
        True,
    )
    [again] = json.loads(trained("mirror", "pets", "--json", "--quiet").out)
    assert (again["name"], again["number"], again["sent"]) == ("pets", 1, False)

    monkeypatch.setenv("NORIA_HOME", str(tmp_path / "other"))
    done = trained("import", "mlflow:models:/pets/1", "--promote", "--name", "guests")
    assert done.code == 0, done.err
    assert done.err == "mlflow:models:/pets/1: importing\nmlflow:models:/pets/1: sending to MLflow\n"
    first, second = done.out.splitlines()
    assert first.startswith("mlflow:models:/pets/1 is version 1 of guests, and its champion (run guests-")
    assert second == "Use it with:  noria predict guests@1 new.csv"
    said = json.loads(trained("import", "mlflow:models:/pets@champion", "--json", "-q").out)
    assert (said["name"], said["number"], said["promoted"]) == ("pets", 1, False)


def test_without_an_address(trained, monkeypatch):
    monkeypatch.delenv("NORIA_MLFLOW", raising=False)
    done = trained("mirror", "pets", "-q")
    assert (done.code, done.out) == (2, "")
    assert (
        done.err == "error: No MLflow server is set.\n  do:  Run: export NORIA_MLFLOW=http://localhost:5000\n"
    )


def test_a_server_that_is_away(trained, monkeypatch):
    monkeypatch.setenv("NORIA_MLFLOW", "http://127.0.0.1:1")
    done = trained("mirror", "pets", "-q")
    assert (done.code, done.out) == (7, "")
    assert done.err.startswith("error: The MLflow server http://127.0.0.1:1 does not answer.\n")
