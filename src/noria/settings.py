"""One object of settings, read from the environment (prefix ``NORIA_``)."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from pydantic import Field, ValidationError
from pydantic_settings import BaseSettings, SettingsConfigDict

from noria.errors import ParamError, suggestion

__all__ = ["Settings"]


def _default_home() -> Path:
    """The folder ``.noria`` of the working directory if there is one, else that of the user."""
    here = Path.cwd() / ".noria"
    return here if here.is_dir() else Path.home() / ".noria"


class Settings(BaseSettings):
    """Where Noria keeps things and how much of the machine it may use.

    Raises
    ------
    ParamError
        If one of them cannot be read, naming the variable of the environment that it came from.

    Examples
    --------
    >>> Settings(home="/srv/noria").runs
    PosixPath('/srv/noria/runs')
    """

    model_config = SettingsConfigDict(env_prefix="NORIA_", extra="forbid", frozen=True)

    home: Path = Field(default_factory=_default_home, description="Folder of runs, models and cache.")
    cache: Path = Field(
        default_factory=lambda known: known["home"] / "cache",
        description="Folder of downloads and of files that a service scores, in the home folder if absent; "
        "may be deleted at any time.",
    )
    state: str | None = Field(
        default=None, description="Address of the state database; a SQLite file in the home folder if absent."
    )
    index: str | None = Field(
        default=None,
        description="Address of the index of runs and models, where it is not kept in the state database.",
    )
    artefacts: str | None = Field(
        default=None,
        description="Address of a shared store of runs and models, such as s3://bucket/prefix.",
    )
    vectors: str | None = Field(
        default=None,
        description="Address of a database that vectors of documents are kept in, such as "
        "postgresql://user@host/database with pgvector; in the model's folder if absent.",
    )
    mirror: str | None = Field(
        default=None, description="Folder or URL that is looked up before any public source."
    )
    mlflow: str | None = Field(
        default=None, description="Tracking address of an MLflow server that finished runs are mirrored to."
    )
    notify: str | None = Field(
        default=None,
        description="Whom alarms of all models are told: addresses of apprise, parted by blanks.",
    )
    workers: int = Field(default=0, ge=0, description="Parallel workers; 0 means one per core.")
    offline: bool = Field(
        default=False, description="Never reach for the network; use cache and mirror only."
    )

    def __init__(self, **given: Any) -> None:
        try:
            super().__init__(**given)
        except ValidationError as error:
            first = error.errors()[0]
            name, known = str(first["loc"][0]), type(self).model_fields
            called = f"{name}=" if name in given else f"NORIA_{name.upper()}"
            do = f"Correct it: {known[name].description}" if name in known else suggestion(name, known)
            raise ParamError(
                f"The setting {called} cannot be read: {first['msg']}.", got=repr(first["input"]), do=do
            ) from error

    @property
    def runs(self) -> Path:
        """One folder per run."""
        return self.home / "runs"

    @property
    def models(self) -> Path:
        """One folder per name, of what happened to its versions."""
        return self.home / "models"

    @property
    def snapshots(self) -> Path:
        """Content-addressed copies of the data that runs were trained on."""
        return self.home / "snapshots"

    def snapshot(self, digest: str) -> Path:
        """The file of one of them, whether it is there or not; its time is that of its last use."""
        return self.snapshots / digest[:2] / f"{digest}.parquet"
