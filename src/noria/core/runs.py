"""What is known of a run at a glance, and what happened to the models of a name."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field, replace
from datetime import UTC, datetime
from typing import Any, Literal, get_args

from noria.core.result import Evaluation, Score, without_nan
from noria.errors import ArtifactError, ParamError, suggestion

__all__ = [
    "FIELDS",
    "Change",
    "Condition",
    "ModelEntry",
    "RunEntry",
    "RunQuery",
    "Version",
    "before",
    "moment",
]

Kind = Literal["registered", "promoted", "rolled back", "tagged", "removed"]


def moment(seconds: float) -> str:
    """A time in seconds since 1970 as UTC, ISO 8601.

    Examples
    --------
    >>> moment(0)
    '1970-01-01T00:00:00+00:00'
    """
    return datetime.fromtimestamp(seconds, UTC).isoformat()


@dataclass(frozen=True)
class RunEntry:
    """One line of the index of runs, all of it read from the run's folder.

    Attributes
    ----------
    id, name : str
    started, ended : float
        Seconds since 1970; a run that has not ended is being worked on, or was cut off.
    key : str
        Digest of what was asked for: recipe, data, code.
    snapshot : str
        Fingerprint of the data.
    seconds : float
        Wall-clock time of the walk.
    metric : str
        What the search optimised.
    tested : str, optional
        Fingerprint of the rows that were given for testing.
    features, commit : str, optional
        SHA-256 of the feature function, and the commit that the recipe was run at.
    scores : mapping of str to Score
    """

    id: str
    name: str
    started: float
    key: str
    snapshot: str
    noria: str
    ended: float | None = None
    task: str | None = None
    metric: str | None = None
    seconds: float | None = None
    rows: int | None = None
    trials: int | None = None
    goals_met: bool | None = None
    tested: str | None = None
    features: str | None = None
    commit: str | None = None
    scores: Mapping[str, Score] = field(default_factory=dict)

    @property
    def finished(self) -> bool:
        """Whether it came to its end."""
        return self.ended is not None

    @classmethod
    def of(cls, started: Mapping[str, Any] | None, record: Mapping[str, Any] | None = None) -> RunEntry:
        """The line of a run whose ``started.json``, and ``run.json`` if it has ended, hold these.

        Raises
        ------
        ArtifactError
            If one of them lacks what every run has.
        """
        try:
            known = {
                name: (started or {})[name] for name in ("id", "name", "started", "key", "snapshot", "noria")
            }
            if record is None:
                return cls(**known)
            evaluation = Evaluation.from_dict(record["evaluation"])
            told = ("ended", "task", "seconds", "rows", "trials", "features", "commit")
            return cls(
                **known,
                **{name: record[name] for name in told},
                tested=record.get("tested"),
                metric=evaluation.metric,
                goals_met=evaluation.goals_met,
                scores=evaluation.scores,
            )
        except (KeyError, TypeError, AttributeError) as error:
            raise ArtifactError(
                f"The record of run {(started or {}).get('id')!r} is damaged.",
                got=f"{type(error).__name__}: {error}",
                do="Restore its folder from a copy, or remove it, and run: noria reindex",
            ) from error

    def to_dict(self) -> dict[str, Any]:
        """JSON-ready fields."""
        return asdict(self, dict_factory=without_nan)


@dataclass(frozen=True)
class Change:
    """One thing that happened to the models of a name; all of them in order are its history.

    Attributes
    ----------
    name : str
    number : int
        1, 2, 3, ... within the name.
    kind : str
        ``registered``, ``promoted``, ``rolled back``, ``tagged`` or ``removed``.
    version : int
        Of the model that it happened to; of a roll back, the one that answers from now on.
    when : float
        Seconds since 1970.
    who : str
        ``user@host``.
    run : str, optional
        Where a registered version came from.
    alias : str, optional
        What a version was promoted to.
    before : int, optional
        The version that had the alias before.
    why : str
    tags : mapping of str to str
        Of a tagged version, those that changed; an empty value takes the tag away.
    """

    name: str
    number: int
    kind: Kind
    version: int
    when: float
    who: str
    run: str | None = None
    alias: str | None = None
    before: int | None = None
    why: str = ""
    tags: Mapping[str, str] = field(default_factory=dict)

    def to_dict(self) -> dict[str, Any]:
        """JSON-ready fields; `from_dict` reads them back."""
        return asdict(self)

    @classmethod
    def from_dict(cls, fields: Mapping[str, Any]) -> Change:
        """The inverse of `to_dict`.

        Raises
        ------
        ArtifactError
            If a field is missing or unknown.
        """
        try:
            change = cls(**fields)
        except TypeError as error:
            raise ArtifactError("An entry of a model's history is damaged.", got=str(error)) from error
        if change.kind not in get_args(Kind):
            raise ArtifactError("An entry of a model's history is of an unknown kind.", got=change.kind)
        return change


@dataclass(frozen=True)
class Version:
    """A registered model.

    Attributes
    ----------
    name : str
    number : int
    run : str
        Whose model it is.
    when : float
        Seconds since 1970.
    tags : mapping of str to str
    """

    name: str
    number: int
    run: str
    when: float
    tags: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class ModelEntry:
    """The versions of a name, and which of them answer to an alias.

    Attributes
    ----------
    name : str
    versions : tuple of Version
        Oldest first; removed ones are left out.
    aliases : mapping of str to int
    """

    name: str
    versions: tuple[Version, ...] = ()
    aliases: Mapping[str, int] = field(default_factory=dict)

    @classmethod
    def of(cls, name: str, changes: Sequence[Change]) -> ModelEntry:
        """What a history leads to.

        Examples
        --------
        >>> story = [
        ...     Change("m", 1, "registered", 1, 0.0, "me", run="r1"),
        ...     Change("m", 2, "promoted", 1, 0.0, "me", alias="champion"),
        ... ]
        >>> ModelEntry.of("m", story).aliases
        {'champion': 1}
        """
        versions: dict[int, Version] = {}
        aliases: dict[str, int] = {}
        for change in changes:
            if change.kind == "registered":
                assert change.run is not None
                versions[change.version] = Version(name, change.version, change.run, change.when)
            elif change.kind == "tagged":
                old = versions[change.version]
                tags = {key: text for key, text in {**old.tags, **change.tags}.items() if text}
                versions[change.version] = replace(old, tags=tags)
            elif change.kind == "removed":
                versions.pop(change.version)
            else:
                assert change.alias is not None
                aliases[change.alias] = change.version
        return cls(name, tuple(versions.values()), aliases)

    def held_by(self, version: int) -> tuple[str, ...]:
        """The aliases that a version answers to."""
        return tuple(alias for alias, number in self.aliases.items() if number == version)


def before(changes: Sequence[Change], alias: str) -> int | None:
    """The version that a roll back of an alias leads to: the last that was promoted and is still there.

    Examples
    --------
    >>> story = [Change("m", at, "promoted", at, 0.0, "me", alias="champion") for at in (1, 2, 3)]
    >>> back = Change("m", 4, "rolled back", 2, 0.0, "me", alias="champion", before=3)
    >>> before(story, "champion"), before([*story, back], "champion")
    (2, 1)
    """
    gone = {change.version for change in changes if change.kind == "removed"}
    stack: list[int] = []
    for change in changes:
        if change.alias == alias and change.kind == "promoted":
            stack.append(change.version)
        elif change.alias == alias and change.kind == "rolled back":
            while stack and stack[-1] != change.version:
                stack.pop()
    now = stack.pop() if stack else None
    while stack and (stack[-1] in gone or stack[-1] == now):
        stack.pop()
    return stack[-1] if stack else None


_NUMBERS = ("started", "ended", "seconds", "rows", "trials")
_TEXTS = ("id", "name", "task", "metric", "key", "snapshot", "tested", "features", "commit", "noria")
FIELDS = (*_NUMBERS, *_TEXTS)
"""The facts of a run that can be asked for, beside its scores."""
_OPERATORS = (">=", "<=", "!=", "^=", "=", ">", "<")


@dataclass(frozen=True)
class Condition:
    """What a run must fulfil: a field or a metric, compared with a value; ``^=`` means begins with.

    Examples
    --------
    >>> Condition.parse("accuracy >= 0.9"), Condition.parse("task=regression").value
    (Condition(field='accuracy', compare='>=', value=0.9), 'regression')
    """

    field: str
    compare: str
    value: float | str

    @classmethod
    def parse(cls, text: str) -> Condition:
        """Read ``accuracy >= 0.9`` or ``task=regression``.

        Raises
        ------
        ParamError
            If it is no comparison, or compares a number with a text.
        """
        operator = next((one for one in _OPERATORS if one in text), "")
        name, _, wanted = (part.strip() for part in text.partition(operator or " "))
        if not operator or not name or not wanted:
            raise ParamError("That is not a condition.", got=repr(text), do="Write it as 'accuracy >= 0.9'.")
        if name in _TEXTS:
            if operator not in ("=", "!=", "^="):
                raise ParamError(
                    f"{name!r} is a text, which is equal, is not, or begins like another.",
                    got=repr(text),
                    do=f"Write '{name} = ...', '{name} != ...' or '{name} ^= ...'.",
                )
            return cls(name, operator, wanted)
        if operator == "^=":
            raise ParamError(
                f"{name!r} is a number, and begins with nothing.", got=repr(text), do="Use >= or <=."
            )
        try:
            return cls(name, operator, float(wanted))
        except ValueError as error:
            raise ParamError(
                f"{name!r} is compared with a number.", got=repr(wanted), do=suggestion(name, _TEXTS)
            ) from error

    @property
    def of_score(self) -> bool:
        """Whether the field is a metric, and no fact about the run."""
        return self.field not in FIELDS


@dataclass(frozen=True)
class RunQuery:
    """Which runs to list.

    Attributes
    ----------
    name : str, optional
    finished : bool, optional
        Only those that have ended, or only those that have not.
    where : tuple of Condition
    sort : str
        A field of `RunEntry` or a metric.
    descending : bool
    limit : int, optional
    """

    name: str | None = None
    finished: bool | None = None
    where: tuple[Condition, ...] = ()
    sort: str = "started"
    descending: bool = True
    limit: int | None = None

    @property
    def metrics(self) -> list[str]:
        """The metrics that it sorts and filters by."""
        fields = (self.sort, *(condition.field for condition in self.where))
        return [field for field in fields if field not in FIELDS]
