"""Retrieval: questions answered from documents with cited sentences, by strategies compared on known questions."""

from noria.systems.retrieval.system import RetrievalSystem

__all__ = ["RetrievalSystem"]
