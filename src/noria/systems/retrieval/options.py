"""What a recipe may say to the retrieval system."""

from __future__ import annotations

from pydantic import BaseModel, ConfigDict, Field

__all__ = ["RetrievalOptions"]


class RetrievalOptions(BaseModel):
    """Settings of `RetrievalSystem`, under ``options:`` in a recipe.

    Examples
    --------
    >>> RetrievalOptions(sentences=1).sentences
    1
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    sentences: int = Field(3, ge=1, le=10, description="Sentences of an answer, at most.")
    depth: int = Field(100, ge=10, le=1_000, description="Documents that a ranking names, at most.")
    refused: float = Field(
        0.05,
        ge=0.0,
        le=0.5,
        description="Share of the training questions with a known answer that may be refused, at most, so "
        "that others are rightly told that the answer is not in the documents.",
    )
