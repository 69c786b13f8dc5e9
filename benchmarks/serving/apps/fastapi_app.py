"""What most people write first: FastAPI, a model of pydantic, a data frame, the pipeline."""

from __future__ import annotations

import os

import joblib
import pandas as pd
from fastapi import FastAPI
from pydantic import BaseModel

model = joblib.load(os.environ["BENCH_MODEL"] + "/model.joblib")
app = FastAPI()


class Row(BaseModel):
    carat: float
    cut: str
    color: str
    clarity: str
    depth: float
    table: float
    x: float
    y: float
    z: float


@app.post("/predict")
def predict(row: Row) -> dict[str, float]:
    return {"prediction": float(model.predict(pd.DataFrame([row.model_dump()]))[0])}
