"""Question and text read together by a cross-encoder, which orders the first places anew."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from noria.errors import ArtifactError
from noria.settings import Settings
from noria.systems.retrieval.hub import HubModel

__all__ = ["Reranker"]

_REMEMBERED = 20_000


class Reranker:
    """How well texts answer a question, by a cross-encoder in ONNX; see `HubModel` for where it comes from.

    Parameters
    ----------
    model : str
        As on the hub: ``cross-encoder/ms-marco-MiniLM-L6-v2``.
    settings : Settings
    known : dict of str to str, optional
        The SHA-256 of each file.

    References
    ----------
    Nogueira and Cho (2019), "Passage re-ranking with BERT".
    """

    def __init__(self, model: str, settings: Settings, known: dict[str, str] | None = None) -> None:
        self.model, self._hub = model, HubModel(model, settings, known)
        self._said: dict[tuple[str, str], float] = {}

    def scores(self, question: str, texts: list[str]) -> NDArray[np.float64]:
        """How well each text answers, (texts,), 0 to 1; what was said before is remembered.

        Raises
        ------
        SourceError
            If the weights cannot be had.
        ArtifactError
            If they are others than those that the index was made with, or no cross-encoder.
        """
        if len(self._said) > _REMEMBERED:
            self._said.clear()
        return np.array([self._score(question, text) for text in texts])

    def to_dict(self) -> dict[str, Any]:
        """The model and the hashes of its files, JSON-ready."""
        return self._hub.to_dict()

    def _score(self, question: str, text: str) -> float:
        if (question, text) not in self._said:
            logit = self._hub.run(question, text)[0][0]
            if logit.shape != (1, 1):
                raise ArtifactError(
                    f"{self.model} is no cross-encoder.",
                    got=f"an output of shape {logit.shape}",
                    do="Name a model that gives a pair of texts one number.",
                )
            self._said[question, text] = float(1 / (1 + np.exp(-np.clip(logit[0, 0], -50, 50))))
        return self._said[question, text]
