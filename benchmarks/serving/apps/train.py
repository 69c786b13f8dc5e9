"""The peers' model, trained in the environment that serves it: ``train.py DATA FOLDER TREES [mlflow]``.

One-hot encoding of the categories and LightGBM, as a pipeline of scikit-learn; in ``probe.json`` some rows
and what it says of them.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path

import joblib
import pandas as pd
from lightgbm import LGBMRegressor
from sklearn.compose import ColumnTransformer
from sklearn.pipeline import Pipeline
from sklearn.preprocessing import OneHotEncoder

CATEGORIES = ["cut", "color", "clarity"]


def main() -> None:
    data, folder, trees = Path(sys.argv[1]), Path(sys.argv[2]), int(sys.argv[3])
    train, test = (pd.read_csv(data / f"{part}.csv") for part in ("train", "test"))
    truth = train.pop("price")
    numbers = [column for column in train if column not in CATEGORIES]
    for table in (train, test):
        table[numbers] = table[numbers].astype(float)
    encoder = OneHotEncoder(handle_unknown="ignore", sparse_output=False)
    columns = ColumnTransformer([("cat", encoder, CATEGORIES), ("num", "passthrough", numbers)])
    model = Pipeline(
        [("pre", columns), ("lgbm", LGBMRegressor(n_estimators=trees, random_state=0, verbose=-1))]
    )
    model.fit(train, truth)
    folder.mkdir(parents=True, exist_ok=True)
    rows = test.drop(columns="price")
    error = float(((model.predict(rows) - test["price"]) ** 2).mean() ** 0.5)
    probe = rows.head(64)
    told = [{"row": row, "y": float(y)} for row, y in zip(probe.to_dict("records"), model.predict(probe))]
    joblib.dump(model, folder / "model.joblib")
    (folder / "probe.json").write_text(json.dumps({"rmse": error, "rows": told}))
    if sys.argv[4:] == ["mlflow"]:
        import mlflow.sklearn
        from mlflow.models import infer_signature

        mlflow.sklearn.save_model(
            model, folder / "mlmodel", signature=infer_signature(probe, model.predict(probe)),
            serialization_format="cloudpickle",
        )  # fmt: skip


if __name__ == "__main__":
    main()
