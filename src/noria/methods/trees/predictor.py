"""One engine for every learner of trees: whatever fitted them, they are kept and run as a LightGBM model."""

from __future__ import annotations

import gzip
import json
import math
import zlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np

from noria.core.deadline import Deadline, OutOfTime
from noria.errors import ArtifactError, ParamError
from noria.methods.resample import FocalLoss
from noria.methods.trees import _text as model_text
from noria.methods.trees._library import NativeBooster, VectorBooster
from noria.methods.trees._sources import (
    Nodes,
    compile_nodes,
    forest_nodes,
    hist_nodes,
    xgboost_nodes,
)
from noria.methods.trees._text import Trees

if TYPE_CHECKING:
    import lightgbm

    from noria.methods.trees._shap import TreeShap

__all__ = ["TreePredictor", "arrays"]

_FORMAT = 1
_COMPRESSION = 4
_LARGEST = 700.0
_PREPARED = 5e6  # characters of trees that are made ready for SHAP values in a second


def _softmax(raw: np.ndarray) -> np.ndarray:
    """Shares that sum to one, along the last axis."""
    power = np.exp(raw - raw.max(axis=-1, keepdims=True))
    return power / power.sum(axis=-1, keepdims=True)


def _sigmoid(raw: np.ndarray) -> np.ndarray:
    """The logistic function."""
    return 1.0 / (1.0 + np.exp(np.minimum(-raw, _LARGEST)))


_LINKS: dict[str, Callable[[np.ndarray], np.ndarray]] = {
    "identity": lambda raw: raw,
    "exp": lambda raw: np.exp(np.minimum(raw, _LARGEST)),
    "sigmoid": _sigmoid,
    "focal": FocalLoss().probability,
    "softmax": _softmax,
}
_LINKS_OF_ONE: dict[str, Callable[[float], float]] = {
    "identity": float,
    "exp": lambda raw: math.exp(min(raw, _LARGEST)),
    "sigmoid": lambda raw: 1.0 / (1.0 + math.exp(min(-raw, _LARGEST))),
}


@dataclass(frozen=True)
class _Meaning:
    """How the sum of the leaves becomes a prediction."""

    link: str
    outputs: int
    scale: float = 1.0

    def __post_init__(self) -> None:
        if self.link not in _LINKS:
            options = ", ".join(map(repr, _LINKS))
            raise ParamError(f"There is no link {self.link!r}.", do=f"Use one of: {options}.")

    def predictions(self, raw: np.ndarray) -> np.ndarray:
        """Raw sums, (..., raw outputs), as predictions, (..., outputs)."""
        values = _LINKS[self.link](raw * self.scale)
        if self.outputs > 1:
            values = np.minimum(np.maximum(values, 0.0), 1.0)
        if self.outputs == 2 and raw.shape[-1] == 1:
            return np.concatenate([1.0 - values, values], axis=-1)
        return values

    def prediction(self, raw: np.ndarray) -> np.ndarray:
        """The same for one row, (raw outputs,), without array arithmetic where there is but one."""
        if len(raw) > 1 or self.link not in _LINKS_OF_ONE:
            return self.predictions(raw)
        value = _LINKS_OF_ONE[self.link](raw.item() * self.scale)
        if self.outputs == 1:
            return np.array([value])
        value = min(max(value, 0.0), 1.0)
        return np.array([1.0 - value, value])


class TreePredictor:
    """A sum of decision trees and a link: gradient boosting, random forests and single trees alike.

    Missing values are NaN; categories are codes from 0 up. Inputs are finite, float32.

    Parameters
    ----------
    text : str
        The trees as LightGBM model text.
    link : {"identity", "exp", "sigmoid", "focal", "softmax"}
        Applied to the scaled sum of the leaves.
    outputs : int
        Columns of a prediction: 1 for values, one per class for probabilities.
    scale : float
        The sum of the leaves is multiplied by it.

    Examples
    --------
    >>> import numpy as np
    >>> from sklearn.ensemble import RandomForestRegressor
    >>> X = np.arange(12, dtype=np.float32).reshape(6, 2)
    >>> forest = RandomForestRegressor(10, random_state=0).fit(X, X[:, 0])
    >>> bool(np.allclose(TreePredictor.from_forest(forest).predict(X)[:, 0], forest.predict(X)))
    True
    """

    kind: ClassVar[str] = "trees"
    suffix: ClassVar[str] = "txt.gz"

    def __init__(self, text: str, *, link: str, outputs: int, scale: float = 1.0) -> None:
        self._text = text
        self._header = model_text.read_header(text)
        self._meaning = _Meaning(link, outputs, scale)

    @classmethod
    def from_lightgbm(cls, booster: lightgbm.Booster, *, link: str, outputs: int) -> TreePredictor:
        """The trees of a booster up to its best iteration; its raw scores under a link of our own.

        Parameters
        ----------
        booster : lightgbm.Booster
        link : str
        outputs : int
            One per class, even if the booster has one raw score for two classes.
        """
        text = booster.model_to_string()
        header = model_text.read_header(text)
        scale = header.per_iteration / header.trees if header.average else 1.0
        slope = header.sigmoid if link == "sigmoid" else 1.0
        short = model_text.join(
            model_text.blocks(model_text.read(text)),
            features=header.features,
            per_iteration=header.per_iteration,
        )
        return cls(short, link=link, outputs=outputs, scale=scale * slope)

    @classmethod
    def from_forest(cls, forest: Any) -> TreePredictor:
        """A scikit-learn DecisionTree, ExtraTree, RandomForest or ExtraTrees, classifier or regressor."""
        nodes, outputs = forest_nodes(forest)
        scale = 1.0 / len(nodes.roots)
        return cls._from_nodes([nodes], forest.n_features_in_, link="identity", outputs=outputs, scale=scale)

    @classmethod
    def from_hist_boosting(cls, model: Any) -> TreePredictor:
        """A scikit-learn HistGradientBoosting, classifier or regressor."""
        nodes = hist_nodes(model)
        classes = getattr(model, "classes_", None)
        outputs = 1 if classes is None else len(classes)
        links = {"LogitLink": "sigmoid", "HalfLogitLink": "sigmoid", "MultinomialLogit": "softmax"}
        links |= {"LogLink": "exp", "IdentityLink": "identity"}
        link = links[type(model._loss.link).__name__]
        return cls._from_nodes(nodes, model.n_features_in_, link=link, outputs=outputs)

    @classmethod
    def from_xgboost(
        cls, booster: Any, *, bases: Sequence[float], link: str, outputs: int, levels: int
    ) -> TreePredictor:
        """An XGBoost booster up to its last round.

        Parameters
        ----------
        booster : xgboost.Booster
        bases : sequence of float
            The raw score of each output before the first tree.
        link : str
        outputs : int
        levels : int
            Category codes are below it.
        """
        nodes = xgboost_nodes(booster, bases, levels)
        return cls._from_nodes(nodes, booster.num_features(), link=link, outputs=outputs)

    @classmethod
    def merge(cls, parts: Sequence[TreePredictor], weights: Sequence[float]) -> TreePredictor:
        """One predictor whose raw score is the weighted mean of those of the parts.

        Parameters
        ----------
        parts : sequence of TreePredictor
            With the same features, link and outputs.
        weights : sequence of float
            Not negative; only their ratios matter.

        Raises
        ------
        ParamError
            If the parts differ or there is nothing to merge.
        """
        kinds = {(p.features, p.link, p.outputs, p._header.per_iteration, p._header.vector) for p in parts}
        total = math.fsum(weights)
        if len(kinds) != 1 or len(parts) != len(weights) or total <= 0 or min(weights) < 0:
            raise ParamError(
                "Merged trees have the same features, link and outputs, and weights that sum to more than 0.",
                got=f"{sorted(kinds)} with weights {list(weights)}",
            )
        scales = [part._meaning.scale * weight / total for part, weight in zip(parts, weights, strict=True)]
        scale = max(scales)
        merged: list[str] = []
        for part, own in zip(parts, scales, strict=True):
            blocks = model_text.split(part._text) if own > 0 else []
            same = math.isclose(own, scale, rel_tol=1e-12)
            merged += blocks if same else [model_text.rescale(block, own / scale) for block in blocks]
        features, link, outputs, per_iteration, vector = kinds.pop()
        text = model_text.join(merged, features=features, per_iteration=per_iteration, vector=vector)
        return cls(text, link=link, outputs=outputs, scale=scale)

    @property
    def link(self) -> str:
        """The name of the link."""
        return self._meaning.link

    @property
    def outputs(self) -> int:
        """Columns of a prediction."""
        return self._meaning.outputs

    @property
    def features(self) -> int:
        """Columns of the input."""
        return self._header.features

    @property
    def trees(self) -> int:
        """How many trees there are; boosting of K > 2 classes has K per round."""
        return self._header.trees

    @property
    def size(self) -> int:
        """Bytes of the saved file."""
        return len(self._packed)

    def predict(self, X: np.ndarray) -> np.ndarray:
        """Predict rows.

        Parameters
        ----------
        X : array, shape (rows, features)
            Best as float32 in C order, which is not copied.

        Returns
        -------
        array of float64, shape (rows, outputs)
            Probabilities that sum to 1, or values.
        """
        return self._meaning.predictions(self._booster.raw(self._matrix(X)))

    def predict_one(self, x: np.ndarray) -> np.ndarray:
        """Predict one row, (features,), in microseconds; the result has shape (outputs,)."""
        return self._meaning.prediction(self._booster.raw_row(x))

    def contributions(self, X: np.ndarray, deadline: Deadline | None = None) -> np.ndarray:
        """SHAP values of the raw scores, before the link: path-dependent and exact.

        Parameters
        ----------
        X : array, shape (rows, features)
        deadline : Deadline, optional
            OutOfTime is raised if it passes, or would pass while large trees are prepared.

        Returns
        -------
        array of float64, shape (rows, features + 1, raw outputs)
            What each feature added, and last the base, the mean over the training rows; they sum to the raw
            score. Forests of two classes and boosters of two have one raw output, that of the last class.

        Reference
        ---------
        Lundberg et al. (2020), "From local explanations to global understanding with explainable AI for
        trees".
        """
        ready = "_shap" in self.__dict__
        if deadline is not None and deadline.remaining < (0.0 if ready else len(self._text) / _PREPARED):
            raise OutOfTime
        return self._shap(self._matrix(X), deadline) * self._meaning.scale

    def save(self, path: Path) -> None:
        """Write one gzip-compressed text file: a line of JSON, then the LightGBM model text."""
        Path(path).write_bytes(self._packed)

    @classmethod
    def load(cls, path: Path) -> TreePredictor:
        """Read what `save` wrote.

        Raises
        ------
        ArtifactError
            If the file is damaged or of a newer format.
        """
        try:
            head, _, text = gzip.decompress(Path(path).read_bytes()).decode("ascii").partition("\n")
            fields = json.loads(head)
            if fields["format"] > _FORMAT:
                raise ArtifactError(
                    f"The trees in {path} are of a newer format.", got=fields["format"], do="Update noria."
                )
            return cls(text, link=fields["link"], outputs=fields["outputs"], scale=fields["scale"])
        except (OSError, EOFError, zlib.error, ValueError, KeyError, TypeError) as error:
            raise ArtifactError(
                f"The trees in {path} cannot be read.",
                got=repr(error),
                do="Copy the model again, or train it again.",
            ) from error

    def __getstate__(self) -> dict[str, Any]:
        return {"_text": self._text, "_header": self._header, "_meaning": self._meaning}

    @classmethod
    def _from_nodes(
        cls, nodes: list[Nodes], features: int, *, link: str, outputs: int, scale: float = 1.0
    ) -> TreePredictor:
        """Compile the trees of each raw output and take turns among them."""
        per_output = [model_text.blocks(compile_nodes(part)) for part in nodes]
        turns = [block for turn in zip(*per_output, strict=True) for block in turn]
        vector = 1 if nodes[0].value.ndim == 1 else nodes[0].value.shape[1]
        text = model_text.join(turns, features=features, per_iteration=len(nodes), vector=vector)
        return cls(text, link=link, outputs=outputs, scale=scale)

    @cached_property
    def _booster(self) -> NativeBooster | VectorBooster:
        """The trees, loaded on first use."""
        return NativeBooster(self._text) if self._header.vector == 1 else VectorBooster(self._text)

    @cached_property
    def _shap(self) -> TreeShap:
        """The trees, prepared for SHAP values on first use."""
        from noria.methods.trees._shap import TreeShap

        trees, header = model_text.read(self._text), self._header
        values = trees.value[:, None] if header.vector == 1 else model_text.vectors(self._text)[0]
        return TreeShap(trees, values, features=header.features, outputs=header.per_iteration)

    @cached_property
    def _packed(self) -> bytes:
        """The file's bytes, the same every time."""
        meaning = self._meaning
        head = {"format": _FORMAT, "link": meaning.link, "outputs": meaning.outputs, "scale": meaning.scale}
        data = f"{json.dumps(head)}\n{self._text}".encode("ascii")
        return gzip.compress(data, _COMPRESSION, mtime=0)

    def _matrix(self, X: np.ndarray) -> np.ndarray:
        """The rows as the library wants them."""
        matrix = np.ascontiguousarray(X, dtype=np.float32)
        if matrix.ndim != 2 or matrix.shape[1] != self.features:
            raise ParamError(f"The trees want rows of {self.features} features.", got=f"shape {np.shape(X)}")
        return matrix


def arrays(predictor: TreePredictor) -> tuple[Trees, int, float]:
    """The trees of a predictor, for others to run.

    Returns
    -------
    trees : Trees
        With one value per leaf.
    turns : int
        How many of them, one for each raw output, take turns.
    scale : float
        The sums of the leaves are multiplied by it, and then put under the link.
    """
    text = predictor._text if predictor._header.vector == 1 else model_text.unstack(predictor._text)
    return model_text.read(text), model_text.read_header(text).per_iteration, predictor._meaning.scale
