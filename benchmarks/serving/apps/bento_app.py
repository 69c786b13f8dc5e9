"""A service of BentoML."""

import os

import bentoml
import joblib
import pandas as pd


@bentoml.service(traffic={"timeout": 30})
class Diamonds:
    def __init__(self) -> None:
        self.model = joblib.load(os.environ["BENCH_MODEL"] + "/model.joblib")

    @bentoml.api
    def predict(
        self,
        carat: float,
        cut: str,
        color: str,
        clarity: str,
        depth: float,
        table: float,
        x: float,
        y: float,
        z: float,
    ) -> dict:
        row = {"carat": carat, "cut": cut, "color": color, "clarity": clarity, "depth": depth}
        row |= {"table": table, "x": x, "y": y, "z": z}
        return {"prediction": float(self.model.predict(pd.DataFrame([row]))[0])}
