"""Trees fitted by the C library alone are those of LightGBM's Python package."""

from __future__ import annotations

import subprocess
import sys

import lightgbm
import numpy as np
import pytest

from noria.errors import ArtifactError
from noria.methods.trees import FittedTrees

SETTINGS = {"objective": "binary", "num_leaves": 7, "learning_rate": 0.2}


def rows(n=500):
    rng = np.random.default_rng(0)
    X = np.column_stack([rng.normal(size=n), rng.integers(0, 8, n), rng.normal(size=n)])
    X[::7, 0] = np.nan
    return X, ((np.nan_to_num(X[:, 0]) + (X[:, 1] % 2)) > 0.5).astype(float)


@pytest.mark.parametrize("categorical", [[], [1]])
def test_they_are_those_of_the_python_package(categorical):
    X, y = rows()
    data = lightgbm.Dataset(X, y, categorical_feature=categorical, params={"verbosity": -1})
    settings = {**SETTINGS, "verbosity": -1, "num_threads": 1, "deterministic": True, "force_row_wise": True}
    right = lightgbm.train(settings, data, 20)
    found = FittedTrees(X, y, SETTINGS, rounds=20, categorical=categorical)
    assert found.predict(X) == pytest.approx(right.predict(X))
    assert found.predict(X, raw=True) == pytest.approx(right.predict(X, raw_score=True))
    assert found.gain == pytest.approx(right.feature_importance("gain"))


def test_no_rows_have_no_predictions():
    assert FittedTrees(*rows(), SETTINGS, rounds=3).predict(np.zeros((0, 3))).shape == (0,)


def test_a_target_that_cannot_be_learned_is_one_error():
    X, y = rows()
    with pytest.raises(ArtifactError):
        FittedTrees(X, y - 3, {"objective": "gamma"}, rounds=3)


def test_the_python_package_is_not_imported():
    code = (
        "import sys, numpy as np; from noria.methods.trees import FittedTrees; "
        "FittedTrees(np.ones((90, 1)), np.ones(90), {}, rounds=1); print('lightgbm' in sys.modules)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "False"
