"""The language model that a recipe names."""

from __future__ import annotations

from noria._lazy import require
from noria.core import registry
from noria.core.ports import Language
from noria.data.gguf import gguf
from noria.data.weights import digest, find
from noria.settings import Settings
from noria.systems.retrieval.options import AnswerOptions

__all__ = ["connected", "pinned"]


def connected(wish: AnswerOptions, settings: Settings) -> Language:
    """The model, to be asked; nothing is loaded or reached for before."""
    if wish.endpoint is not None:
        return registry.backend("language", "openai")(settings, wish.endpoint, wish.model)
    return registry.backend("language", "gguf")(settings, wish.model, wish.sha256, wish.context)


def pinned(wish: AnswerOptions, settings: Settings) -> AnswerOptions:
    """The same, with the hash of the file that is here today.

    Raises
    ------
    MissingExtraError
        If what runs it is not installed.
    SourceError, ArtifactError
        If there is no such file, or another one.
    """
    if not wish.local:
        return wish
    require("xllamacpp", extra="llm")
    file = gguf(wish.model, wish.sha256)
    known = {"model": file.path or wish.model, "sha256": digest(find(file, settings))}
    return wish.model_copy(update=known)
