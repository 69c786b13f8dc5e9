"""What exact SHAP values cost beside the shap library: ``python -m benchmarks.shap_speed`` (needs shap).

The same fitted trees for both, in this process and in turn: what is timed is making the explainer, or
preparing the compiled trees, and the values of all rows. What imports cost is measured apart, in fresh
processes, and how far the values lie apart stands beside each ratio.
"""

from __future__ import annotations

import argparse
import subprocess
import sys
import time
import warnings
from collections.abc import Callable, Iterator
from typing import Any

import lightgbm
import numpy as np
from sklearn import datasets, ensemble, tree

from benchmarks._common import machine, versions
from benchmarks.tabular.report import table
from noria.methods.trees import TreePredictor

__all__ = ["main"]

_SETS: dict[str, tuple[Callable[..., Any], int]] = {
    "breast_cancer": (datasets.load_breast_cancer, 2),
    "diabetes": (datasets.load_diabetes, 0),
    "iris": (datasets.load_iris, 3),
    "digits": (datasets.load_digits, 10),
}
_IMPORTS = {"shap": "import shap", "noria": "from noria.methods.trees import TreePredictor, _shap"}


def _models(X: np.ndarray, y: np.ndarray, classes: int) -> Iterator[tuple[str, Any, TreePredictor]]:
    """Name, fitted model, compiled trees."""
    objective = {0: "regression", 2: "binary"}.get(classes, "multiclass")
    link = {0: "identity", 2: "sigmoid"}.get(classes, "softmax")
    several = {"num_class": classes} if classes > 2 else {}
    booster = lightgbm.train({"objective": objective, "verbose": -1, **several}, lightgbm.Dataset(X, y), 100)
    yield "LightGBM", booster, TreePredictor.from_lightgbm(booster, link=link, outputs=max(classes, 1))
    end = "Classifier" if classes else "Regressor"
    model = getattr(ensemble, "HistGradientBoosting" + end)(random_state=0).fit(X, y)
    yield "HistGradientBoosting", model, TreePredictor.from_hist_boosting(model)
    for kind in ("RandomForest", "ExtraTrees"):
        model = getattr(ensemble, kind + end)(100, random_state=0).fit(X, y)
        yield kind, model, TreePredictor.from_forest(model)
    model = getattr(tree, "DecisionTree" + end)(random_state=0).fit(X, y)
    yield "DecisionTree", model, TreePredictor.from_forest(model)


def _line(
    name: str, kind: str, model: Any, trees: TreePredictor, X: np.ndarray, repeats: int
) -> tuple[list[str], float]:
    """A line of the table, and how many times faster."""
    import shap

    theirs, ours, shares = [], [], []
    for _ in range(repeats):
        started = time.perf_counter()
        explainer = shap.TreeExplainer(model)
        made = time.perf_counter()
        values = np.asarray(explainer.shap_values(X)).reshape(*X.shape, -1)
        ended = time.perf_counter()
        theirs.append(ended - started)
        shares.append(made - started)
        fresh = TreePredictor(trees._text, link=trees.link, outputs=trees.outputs, scale=trees._meaning.scale)
        started = time.perf_counter()
        found = fresh.contributions(X)[:, :-1]
        ours.append(time.perf_counter() - started)
    apart = np.abs(found - values[..., -found.shape[2] :]).max()
    ratio = min(theirs) / min(ours)
    cells = [
        name,
        kind,
        f"{len(X):,}",
        f"{trees.trees:,}",
        *(f"{1e3 * min(t):.1f}" for t in (theirs, shares, ours)),
    ]
    return [*cells, f"{ratio:.1f}", f"{apart / max(np.abs(values).max(), 1):.0e}"], ratio


def _import_seconds(code: str, repeats: int) -> float:
    """CPU seconds of a fresh interpreter, less those of an empty one."""

    def once(text: str) -> float:
        measure = f"{text}\nimport time; print(time.process_time())"
        done = subprocess.run([sys.executable, "-c", measure], check=True, capture_output=True, text=True)
        return float(done.stdout.split()[-1])

    return min(once(code) for _ in range(repeats)) - min(once("") for _ in range(repeats))


def main() -> None:
    """Time, and print a table."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--repeats", type=int, default=5)
    parser.add_argument("--rows", type=int, default=400, help="rows explained at most")
    given = parser.parse_args()
    warnings.simplefilter("ignore")
    lines, ratios = [], []
    for name, (load, classes) in _SETS.items():
        X, y = load(return_X_y=True)
        X = X.astype(np.float32)
        for kind, model, trees in _models(X, y, classes):
            line, ratio = _line(name, kind, model, trees, X[: given.rows], given.repeats)
            lines.append(line)
            ratios.append(ratio)
    head = [
        "set",
        "trees of",
        "rows",
        "trees",
        "shap, ms",
        "of it its explainer",
        "noria, ms",
        "times faster",
        "apart",
    ]
    won = sum(ratio > 1 for ratio in ratios)
    middle = f"median {np.median(ratios):.1f} times faster; faster on {won} of {len(ratios)}"
    costs = {name: _import_seconds(code, given.repeats) for name, code in _IMPORTS.items()}
    imports = "import: " + ", ".join(f"{name} {cost:.2f} s of CPU" for name, cost in costs.items())
    about = f"{machine()} {versions(('noria', 'shap', 'lightgbm', 'scikit-learn', 'numpy'))}"
    sys.stdout.write(f"{table(head, lines)}\n\n{middle}\n{imports}\n\n{about}\n")


if __name__ == "__main__":
    main()
