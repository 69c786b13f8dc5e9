"""Where the vectors of a model lie: in its folder, or in a database (``NORIA_VECTORS``)."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from noria.core import registry
from noria.core.ports import KEPT_ELSEWHERE, KeptVectors
from noria.settings import Settings
from noria.systems.retrieval.dense import Arrays

__all__ = ["load", "save"]


def save(
    vectors: Arrays | KeptVectors, documents: NDArray[np.int64], folder: Path
) -> dict[str, NDArray[np.float16]]:
    """The arrays that a model keeps of its vectors; if they go into a database, a file with their name.

    The name tells of the content: versions that say the same share it, and no other version has it.

    Parameters
    ----------
    vectors : Arrays or KeptVectors
    documents : array of int, (chunks,)
        The document of each chunk.
    folder : Path
        Of the model.
    """
    if isinstance(vectors, Arrays):
        rows, settings = vectors.rows.astype(np.float16), Settings()
        if settings.vectors is None:
            return {"vectors": rows}
        name = f"noria_{hashlib.sha256(rows.tobytes() + documents.tobytes()).hexdigest()[:32]}"
        registry.vectors(settings, name).write(rows.astype(np.float32), documents)
    else:
        name = vectors.name
    (folder / KEPT_ELSEWHERE).write_text(json.dumps({"name": name}), encoding="utf-8")
    return {}


def load(folder: Path, arrays: Mapping[str, NDArray[np.float16]]) -> Arrays | KeptVectors:
    """The vectors of a model in a folder.

    Raises
    ------
    ArtifactError
        If they lie in a database, and nobody says in which.
    """
    path = folder / KEPT_ELSEWHERE
    if not path.exists():
        return Arrays(arrays["vectors"].astype(np.float32))
    return registry.vectors(Settings(), json.loads(path.read_text(encoding="utf-8"))["name"])
