"""What a user writes: data, a target, a goal."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any, Literal, TypeVar, get_args

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, ValidationError, model_validator

from noria.core.deadline import seconds
from noria.core.protocol import Task
from noria.core.result import Goal
from noria.errors import NoriaError, NotFoundError, RecipeError, suggestion

__all__ = ["Data", "Monitor", "Promotion", "Recipe", "Retrain", "Search", "Split", "validated"]


M = TypeVar("M", bound=BaseModel)


def _plain(read: Any) -> Any:
    """Let pydantic report one of our own errors."""
    try:
        return read()
    except NoriaError as error:
        raise ValueError(f"{error.what} {error.do}") from error


Duration = Annotated[float, BeforeValidator(lambda value: _plain(lambda: seconds(value, "A duration")))]


class _Part(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class Data(_Part):
    """Where the rows come from and what the columns are."""

    source: str = Field("", description="Path, glob, URL, package:, openml:, hf:, sql: or database address.")
    target: str = Field("", description="The column to be learned.")
    documents: str | list[str] | None = Field(
        None,
        description="What the rows are asked of: a folder, pattern, package: or collection:. Questions are "
        "made from them if there is no source.",
    )
    test: str | None = Field(None, description="A source of rows that are only ever evaluated on.")
    table: str | None = Field(None, description="The table of a database, or the sheet of a workbook.")
    query: str | None = Field(None, description="SQL to run on the source.")
    columns: dict[str, str | dict[str, Any]] = Field(
        default_factory=dict, description="Types and roles that override what is inferred."
    )
    names: list[str] | None = Field(None, description="Column names of a file that has no header.")
    drop: list[str] = Field(default_factory=list, description="Columns to leave out.")
    series: list[str] = Field(default_factory=list, description="Columns that tell time series apart.")
    group: str | None = Field(None, description="Rows of one group stay on one side of every split.")
    time: str | None = Field(None, description="When a row happened: later rows judge, earlier ones teach.")
    weight: str | None = Field(None, description="How much each row counts in training.")

    @model_validator(mode="before")
    @classmethod
    def _questions_are_made(cls, fields: Any) -> Any:
        """Without a table, questions are made from the documents, and their target has a name."""
        if isinstance(fields, dict) and fields.get("documents") and not fields.get("source"):
            return {**fields, "target": fields.get("target") or "relevant"}
        return fields

    @property
    def asks_documents(self) -> bool:
        """Whether its rows are questions to documents; a test collection brings its documents."""
        return bool(self.documents) or self.source.startswith("collection:")


class Split(_Part):
    """Which rows are kept aside for the evaluation."""

    holdout: float = Field(0.2, ge=0.0, le=0.9, description="Share of rows that no choice sees.")
    how: Literal["random", "stratified", "grouped", "time"] | None = Field(
        None, description="Chosen from the columns if absent."
    )


class Search(_Part):
    """How long to look for a good model, and by what measure."""

    budget: Annotated[float, BeforeValidator(lambda value: _plain(lambda: seconds(value)))] = Field(
        60.0, description="Wall-clock time: 60s, 5m, 1h."
    )
    metric: str | None = Field(None, description="What to optimise; the task's usual measure if absent.")
    folds: int = Field(0, ge=0, le=50, description="Cross-validation folds; 0 chooses by the number of rows.")
    learners: list[str] | None = Field(None, description="Only these learners.")
    trials: int | None = Field(None, ge=1, description="Stop after this many trials, whatever the time.")
    seed: int = Field(
        0, ge=0, le=2**32 - 1, description="The same seed gives the same trials and the same model."
    )


class Promotion(_Part):
    """When a new version takes the champion's place; the first one always does."""

    rule: Literal["better", "always", "never"] = Field(
        "better", description="better: all goals met, and at least as good as the champion."
    )
    metric: str | None = Field(None, description="What is compared; the search metric if absent.")
    margin: float = Field(0.0, description="How much better it must be, in the metric's unit.")


class Retrain(_Part):
    """What makes a new version of a served model, and how it is judged."""

    on: list[Literal["drift", "decay", "data"]] = Field(
        default_factory=list, description="Open alarms, or enough new labels, that begin a retraining."
    )
    every: Duration | None = Field(None, description="The age of the champion that begins one.")
    rows: int = Field(1_000, ge=1, description="How many new labels 'data' waits for.")
    search: bool = Field(False, description="Search again instead of fitting the champion's pipeline anew.")
    slower: float = Field(3.0, gt=0, description="How many times as long it may take per row.")
    trial: Literal["shadow", "canary"] | None = Field(
        None, description="Serve it beside the champion before it may take its place."
    )
    trial_rows: int = Field(200, ge=30, description="Of its trial, with a label, that decide.")
    trial_time: Duration = Field(14 * 86_400.0, description="After which those decide that there are.")

    @model_validator(mode="before")
    @classmethod
    def _read_on(cls, fields: Any) -> Any:
        """Take the key ``on`` as it was meant: YAML reads it as true."""
        if isinstance(fields, dict) and True in fields:
            return {"on" if name is True else name: value for name, value in fields.items()}
        return fields


class Monitor(_Part):
    """How a served model is watched."""

    drift: Literal["ks", "psi", "js", "chi_square"] | None = Field(
        None, description="The test of every column; by its type if absent. Categories have no 'ks'."
    )
    least: float = Field(0.1, gt=0, le=1, description="A smaller distance is too little to matter.")
    decay: float = Field(0.02, ge=0, description="A smaller loss of the metric, as a share, does not matter.")
    window: Duration = Field(
        7 * 86_400.0, description="The age up to which rows of the log are looked at.", validate_default=True
    )
    rows: int = Field(50_000, ge=50, description="At most so many of the latest of them.")
    after: int = Field(2, ge=1, description="Windows in a row that open an alarm, or close it.")
    remind: Duration | None = Field(None, description="After how long an open alarm is told again.")
    errors: float = Field(0.05, ge=0, le=1, description="The share of refused rows that is an alarm.")
    unanswered: float = Field(
        0.3, ge=0, le=1, description="The share of questions without an answer that is an alarm."
    )
    helpful: float = Field(0.5, ge=0, le=1, description="The share of thumbs up below which is an alarm.")
    latency: Duration | None = Field(None, description="What 95% of the requests should stay within.")
    price: float | None = Field(None, ge=0, description="Of an hour of one core, to tell what rows cost.")
    notify: list[str] = Field(default_factory=list, description="Whom to tell: addresses of apprise.")
    masked: list[str] = Field(
        default_factory=list, description="Columns no text of which is kept to compare."
    )
    retrain: Retrain = Field(default_factory=Retrain)


class Recipe(_Part):
    """Applies a system to data, with a goal.

    Examples
    --------
    >>> recipe = Recipe.parse({"name": "demo", "data": {"source": "x.csv", "target": "y"}})
    >>> recipe.search.budget
    60.0
    """

    name: str = Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9._-]*$", max_length=80)
    title: str = Field("", description="One line for people.")
    about: str = Field("", description="The problem in a few sentences, for the report.")
    task: Task | None = Field(None, description="Inferred from the target if absent.")
    system: str | None = Field(None, description="Forces one system.")
    data: Data = Field(default_factory=Data)
    features: str | None = Field(None, description="file.py:function, a pure Table -> Table function.")
    split: Split = Field(default_factory=Split)
    search: Search = Field(default_factory=Search)
    options: dict[str, Any] = Field(default_factory=dict, description="Settings of the system.")
    goal: dict[str, str] = Field(default_factory=dict, description="What the model should reach.")
    promote: Promotion = Field(default_factory=Promotion)
    monitor: Monitor = Field(default_factory=Monitor)
    silence: list[str] = Field(default_factory=list, description="Codes of findings that are left out.")
    folder: Path | None = Field(None, exclude=True, description="Where the recipe was read from.")

    @property
    def goals(self) -> tuple[Goal, ...]:
        """The goals, parsed."""
        return tuple(Goal.parse(metric, text) for metric, text in self.goal.items())

    @classmethod
    def parse(cls, fields: Mapping[str, Any], *, folder: Path | None = None) -> Recipe:
        """Check the fields of a recipe.

        Raises
        ------
        RecipeError
            Naming the first key that is wrong, what came and what was expected.
        """
        recipe = validated(cls, {**fields, "folder": folder}, "a recipe")
        recipe.goals  # noqa: B018 - a goal that cannot be read is an error of the recipe
        return recipe

    @classmethod
    def read(cls, path: Path) -> Recipe:
        """Read a recipe from a YAML file, or from the ``recipe.yaml`` of a folder."""
        import yaml

        path = path / "recipe.yaml" if path.is_dir() else path
        try:
            fields = yaml.safe_load(path.read_text(encoding="utf-8"))
        except FileNotFoundError as error:
            raise NotFoundError(f"There is no recipe {path}.", do="Run: noria recipes") from error
        except (yaml.YAMLError, ValueError) as error:  # a date that there is not is a ValueError
            raise RecipeError(f"{path} is not valid YAML.", got=str(error).replace("\n", " ")) from error
        except OSError as error:
            raise RecipeError(
                f"{path} cannot be read.", got=error.strerror, do="Check that it is a file that may be read."
            ) from error
        if not isinstance(fields, dict):
            raise RecipeError(
                f"{path} is not a recipe.", got=type(fields).__name__, do="Run: noria new --help"
            )
        return cls.parse(fields, folder=path.parent)

    def to_dict(self) -> dict[str, Any]:
        """The recipe's keys, JSON-ready, without those left at their defaults."""
        return json.loads(self.model_dump_json(exclude_defaults=True))

    def change(self, **parts: Any) -> Recipe:
        """A copy with fields replaced; a mapping changes single keys of a part."""
        fields: dict[str, Any] = self.model_dump()
        for key, value in parts.items():
            old = fields.get(key)
            fields[key] = {**old, **value} if isinstance(old, dict) and isinstance(value, dict) else value
        return type(self).parse(fields, folder=self.folder)


def validated(model: type[M], fields: Mapping[str, Any], where: str) -> M:
    """An object of a pydantic model, or a RecipeError about the first key that is wrong.

    Examples
    --------
    >>> validated(Split, {"holdout": 0.3}, "split").holdout
    0.3
    """
    try:
        return model.model_validate(dict(fields))
    except ValidationError as error:
        first = error.errors()[0]
        key = ".".join(str(part) for part in first["loc"])
        if first["type"] == "extra_forbidden":
            advice = suggestion(str(first["loc"][-1]), _keys(model, first["loc"][:-1]))
            raise RecipeError(f"There is no key {key!r} in {where}.", do=advice) from error
        message = first["msg"].removeprefix("Value error, ").rstrip(".")
        got = None if first["type"] == "missing" else repr(first["input"])
        raise RecipeError(f"Key {key!r} in {where}: {message}.", got=got) from error


def _keys(model: type[BaseModel], path: tuple[Any, ...]) -> list[str]:
    part: Any = model
    for step in path:
        kind = part.model_fields[step].annotation
        part = next(one for one in (*get_args(kind), kind) if hasattr(one, "model_fields"))
    return [name for name in part.model_fields if name != "folder"]
