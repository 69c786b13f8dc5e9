"""What a recipe may say to the retrieval system."""

from __future__ import annotations

from urllib.parse import urlsplit

from pydantic import BaseModel, ConfigDict, Field, field_validator, model_validator

from noria.data.gguf import gguf
from noria.errors import ParamError

__all__ = ["AnswerOptions", "EmbedderOptions", "RetrievalOptions"]


def _is_address(endpoint: str | None) -> str | None:
    """An endpoint, without a key in it. ValueError if it is none."""
    if endpoint is None:
        return None
    parts = urlsplit(endpoint)
    if parts.scheme not in ("http", "https") or not parts.hostname or parts.username or parts.query:
        raise ValueError("an endpoint is written as http://HOST:PORT/PATH, and holds no key")
    return endpoint


class AnswerOptions(BaseModel):
    """A language model that writes answers, under ``answer:``; a key for it stands in the environment alone.

    Examples
    --------
    >>> AnswerOptions(endpoint="http://localhost:11434/v1", model="llama3.2").seconds
    20.0
    >>> AnswerOptions(model="smollm2").local
    True
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    endpoint: str | None = Field(
        None, description="Where it speaks as OpenAI does: http://localhost:11434/v1; without, a file is run."
    )
    model: str = Field(
        min_length=1,
        description="As the endpoint calls it; without one FILE.gguf, hub:OWNER/REPO/FILE.gguf or smollm2.",
    )
    sha256: str = Field("", description="Of the file; what it is at training counts from then on if absent.")
    seconds: float = Field(20.0, gt=0, le=25, description="After which sentences of the documents answer.")
    tokens: int = Field(400, ge=16, le=4_000, description="Of an answer, at most.")
    context: int = Field(4_096, ge=256, description="Tokens that a file may be sent and write together.")
    room: int | None = Field(
        None, ge=100, description="Characters of a passage that are read; 3,000, of a file's model 600."
    )

    @property
    def local(self) -> bool:
        """Whether a file is run, and no endpoint asked."""
        return self.endpoint is None

    @property
    def reads(self) -> int:
        """Characters of a passage that are read: a processor takes its time for each."""
        return self.room or (600 if self.local else 3_000)

    @model_validator(mode="after")
    def _is_file(self) -> AnswerOptions:
        if self.local:
            try:
                gguf(self.model)
            except ParamError as error:
                raise ValueError(f"{error.what} {error.do}") from error
        return self

    _address = field_validator("endpoint")(_is_address)


class EmbedderOptions(BaseModel):
    """An embedding model in place of the one that comes with Noria, under ``embedder:``.

    Examples
    --------
    >>> EmbedderOptions(model="BAAI/bge-small-en-v1.5").tokens
    256
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    endpoint: str | None = Field(
        None, description="Where it speaks as OpenAI does; without, a model of Hugging Face in ONNX is run."
    )
    model: str = Field(
        min_length=1, description="As the endpoint or the hub calls it: BAAI/bge-small-en-v1.5."
    )
    question: str = Field("", description="What it wants to stand before a question, such as 'query: '.")
    passage: str = Field("", description="What it wants to stand before a passage.")
    tokens: int = Field(
        256, ge=16, le=8_192, description="Of a text that are read; for an endpoint, four characters are one."
    )

    _address = field_validator("endpoint")(_is_address)


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
    answer: AnswerOptions | None = Field(None, description="A language model that writes answers.")
    embedder: EmbedderOptions | None = Field(
        None, description="An embedding model instead of all-MiniLM-L6-v2."
    )
    judge: AnswerOptions | None = Field(
        None, description="A language model that judges faithfulness and relevance of answers besides."
    )
    spans: bool = Field(
        False,
        description="Whether a short answer is given too, and measured by SQuAD's rules against those that "
        "the target names after '::'.",
    )
    reader: str | None = Field(
        None, description="A model of Hugging Face, in ONNX, tuned for extractive answers; rules if absent."
    )
    refused: float = Field(
        0.05,
        ge=0.0,
        le=0.5,
        description="Share of the training questions with a known answer that may be refused, at most, so "
        "that others are rightly told that the answer is not in the documents.",
    )
    diversity: float = Field(
        0.0,
        ge=0.0,
        le=1.0,
        description="How much a passage of an answer is held back by being like others; 0 not at all.",
    )
    semantic: bool = Field(
        False,
        description="Whether cutting where the meaning changes is tried too; it embeds every sentence.",
    )
    reranker: str | None = Field(
        None,
        description="A cross-encoder of Hugging Face, such as cross-encoder/ms-marco-MiniLM-L6-v2, that "
        "orders the first places anew; it adds the learner 'reranked'.",
    )
