"""Retrieval: questions answered from documents with cited sentences, by strategies compared like learners."""

from noria.systems.retrieval.system import RetrievalSystem

__all__ = ["RetrievalSystem"]
