"""What the peers of `benchmarks.drift` run, each in its own environment, where pandas and the tool are there.

``python -m benchmarks.drift_peers TOOL ARGUMENTS``: the last line on standard output is the result as JSON.
"""

from __future__ import annotations

import json
import os
import sys
import warnings
from collections.abc import Sequence
from typing import Any

os.environ["NML_DISABLE_USAGE_LOGGING"] = "1"
warnings.filterwarnings("ignore")


def evidently(reference: str, current: str) -> dict[str, Any]:
    """The preset with its defaults on two Parquet files: which columns drifted."""
    import pandas as pd
    from evidently import DataDefinition, Dataset, Report
    from evidently.presets import DataDriftPreset

    tables = [pd.read_parquet(path) for path in (current, reference)]
    numbers = list(tables[0].select_dtypes("number").columns)
    others = [name for name in tables[0].columns if name not in numbers]
    definition = DataDefinition(numerical_columns=numbers, categorical_columns=others)
    sides = [Dataset.from_pandas(table, data_definition=definition) for table in tables]
    found = Report([DataDriftPreset()]).run(*sides).dict()["metrics"]
    return {"drifted": int(found[0]["value"]["count"]), "columns": len(found) - 1}


def nannyml(path: str, chunk: str) -> dict[str, Any]:
    """Estimated metrics of CBPE per chunk of the rows whose part is ``new``."""
    import nannyml as nml
    import pandas as pd

    table = pd.read_parquet(path).rename(columns={"probability_1": "p"})[["part", "p", "y"]]
    table["decided"] = (table["p"] > 0.5).astype(int)
    parts = [table[table["part"] == part].reset_index(drop=True) for part in ("known", "new")]
    metrics = {
        "roc_auc": "roc_auc",
        "accuracy": "accuracy",
        "f1": "f1",
        "average_precision": "average_precision",
    }
    estimator = nml.CBPE(
        y_pred_proba="p", y_pred="decided", y_true="y", problem_type="classification_binary",
        metrics=list(metrics), chunk_size=int(chunk),
    )  # fmt: skip
    estimator.fit(parts[0])
    found = estimator.estimate(parts[1]).filter(period="analysis").to_df()
    return {name: found[(name, "value")].tolist() for name in metrics}


def employment(folder: str, path: str) -> dict[str, Any]:
    """NannyML's own real set (employment in Massachusetts, by year) as one Parquet file."""
    import pandas as pd

    known, new, truth = (
        pd.read_parquet(f"{folder}/employment_MA_{part}.pq")
        for part in ("reference", "analysis", "analysis_target")
    )
    new = new.merge(truth, on="id")
    both = pd.concat([known.assign(part="known"), new.assign(part="new")], ignore_index=True)
    both = both.rename(columns={"predicted_probability": "probability_1", "employed": "y"})
    both.drop(columns=["id", "prediction", "year"]).to_parquet(path)
    return {"rows": len(both)}


def main(arguments: Sequence[str]) -> None:
    """Run one tool and say what it found."""
    tools = {"evidently": evidently, "nannyml": nannyml, "employment": employment}
    print(json.dumps(tools[arguments[0]](*arguments[1:])))


if __name__ == "__main__":
    main(sys.argv[1:])
