"""How the meaning changes from sentence to sentence."""

from __future__ import annotations

from dataclasses import dataclass, field
from itertools import chain
from typing import Any

import numpy as np
from numpy.typing import NDArray

from noria.systems.retrieval.chunks import sentences
from noria.systems.retrieval.corpus import Corpus
from noria.systems.retrieval.embedder import Embedder

__all__ = ["Gaps"]


@dataclass(frozen=True, eq=False)
class Gaps:
    """Distances in meaning between the sentences of documents.

    Attributes
    ----------
    model : str
        The embedding model that they depend on.
    known : dict of str to array of float32, (sentences - 1,)
        By document, one minus the cosine of each sentence with the next one.
    """

    model: str
    known: dict[str, NDArray[np.float32]] = field(repr=False)

    @classmethod
    def of(cls, corpus: Corpus, embedder: Embedder, **wish: Any) -> Gaps:
        """Embed every sentence, with the deadline and the events of `Embedder.texts`."""
        texts = [
            [corpus.text(number, *span) for span in sentences(corpus.text(number))]
            for number in range(len(corpus))
        ]
        vectors = embedder.texts(list(chain.from_iterable(texts)), **wish)
        parts = np.split(vectors, np.cumsum([len(some) for some in texts])[:-1])
        gaps = (1 - (part[:-1] * part[1:]).sum(axis=1) for part in parts)
        return cls(embedder.name, dict(zip(corpus.names, gaps)))

    def __call__(self, document: str) -> NDArray[np.float32]:
        """Those of one document."""
        return self.known[document]
