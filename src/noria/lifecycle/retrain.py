"""A new version of a served model, from the rows that it answered and their truth."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass, field, replace
from functools import partial, reduce
from typing import Any

import polars as pl

from noria.core.protocol import Model, Task
from noria.core.recipe import Recipe
from noria.core.result import Evaluation, html_table, without_nan
from noria.core.watch import Check, Entry
from noria.core.words import times
from noria.data.drift import Reference
from noria.data.snapshot import open_snapshot
from noria.errors import DataError, NoriaError, ParamError
from noria.lifecycle import refit
from noria.lifecycle.contest import Contest, Gain, contest
from noria.lifecycle.learned import Learned
from noria.lifecycle.promote import Judged, Verdict
from noria.lifecycle.train import Training, Walk
from noria.lifecycle.trial import Trial
from noria.lifecycle.watch import Watched, Watcher, alone
from noria.lifecycle.watch.realised import beside, system_of, truth_of
from noria.lifecycle.watch.window import labelled, table
from noria.settings import Settings

__all__ = ["Retrained", "Retrainer", "due"]

_SHARE, _FEWEST, _LARGEST = 0.3, 100, 10_000  # of the fresh rows that judge: the share, and how many
_LEASE = 600.0
_DECIDED = ("won", "lost")
_ID = "row of the log"  # a column beside those of the data while a retraining is prepared
_LOOKED = 64  # checks among which the last one of the champion is looked for
_AGAIN = 86_400.0  # seconds after which a champion that has held its place is challenged again


@dataclass(frozen=True)
class Retrained:
    """What became of a retraining.

    Attributes
    ----------
    name : str
    outcome : str
        ``promoted``, ``kept`` (the champion stays), ``trial`` (the challenger is served beside it first),
        ``failed``, ``not due``, ``busy`` or ``would`` (a dry run); ``started`` while it goes on, and ``won``
        or ``lost`` when a trial is decided, until that is carried out.
    why : str
        What it was begun for.
    reason : str
        Why it ended so.
    champion : int
        The version that answered when it began.
    version : int, optional
        The new one.
    until : float
        Rows of the log whose label was told by then are used up, seconds since 1970.
    learned, judged : int
        Fresh rows that were learned from, beside those of the champion, and that both were judged by.
    gains : tuple of Gain
    """

    name: str
    outcome: str
    why: str
    reason: str = ""
    champion: int = 0
    version: int | None = None
    until: float = 0.0
    learned: int = 0
    judged: int = 0
    gains: tuple[Gain, ...] = field(default=(), repr=False)

    def frame(self) -> pl.DataFrame:
        """Every metric of both versions, and the gain with its interval."""
        types = {
            "metric": pl.String,
            **dict.fromkeys(("champion", "challenger", "value", "low", "high"), pl.Float64),
        }
        return pl.DataFrame([asdict(gain) for gain in self.gains], schema=types)

    def to_dict(self) -> dict[str, Any]:
        """JSON-ready fields, NaN as null."""
        return asdict(self, dict_factory=without_nan)

    @classmethod
    def from_dict(cls, fields: Mapping[str, Any]) -> Retrained:
        """The inverse of `to_dict`."""
        gains = (Gain.from_dict(one) for one in fields["gains"])
        return cls(**{**fields, "gains": tuple(gains)})

    def _repr_html_(self) -> str:
        return html_table(self.frame(), f"{self.name}: {self.outcome}. {self.reason}")


@dataclass(frozen=True)
class _Fresh:
    """Rows with their truth, as they came, oldest first: to learn from and to judge by.

    `own` are those of the champion, with labels as they are now.
    """

    own: pl.DataFrame
    learn: pl.DataFrame
    judge: pl.DataFrame


@dataclass
class Retrainer:
    """Makes challengers of served models and judges them.

    Parameters
    ----------
    watcher : Watcher
    settings : Settings
    training : callable
        `Training` with all but recipe, source, test, replay and judge.
    trusts : callable
        Whether a feature function may be run.
    """

    watcher: Watcher
    settings: Settings
    training: Callable[..., Training]
    trusts: Callable[[str], bool]

    def __call__(
        self,
        reference: str,
        source: pl.DataFrame | None = None,
        *,
        why: str = "",
        search: bool | None = None,
        dry_run: bool = False,
        only_due: bool = False,
    ) -> Retrained:
        """Train a challenger, judge it beside the champion, and promote it if it is better.

        A retraining that was cut off goes on with the same rows.

        Parameters
        ----------
        reference : str
            A name.
        source : Table, optional
            Rows with the target, oldest first, in place of those of the log.
        why : str
            For the history.
        search : bool, optional
            Whether to search again instead of fitting the champion's pipeline; as the recipe says if absent.
        dry_run : bool
            Only say what would be done.
        only_due : bool
            Do nothing unless the recipe's triggers ask for it; a trial that is over is concluded.
        """
        model = self.watcher.watched(reference)
        name, now = model.version.name, self.watcher.clock()
        with alone(self.watcher.ledger, f"retrain {name}", _LEASE + 2 * model.recipe.search.budget) as other:
            until = now if source is None else model.learned_until
            told = Retrained(name, "busy", why or "by hand", champion=model.version.number, until=until)
            if other is not None:
                return replace(told, reason=f"{other} is at it")
            begun = self._begun(model)
            if begun is not None:
                told = replace(told, why=begun.why, until=begun.until)
            elif only_due and (tried := self._tried(model)) is not None:
                return tried[0] if dry_run else self._concluded(model, *tried)
            elif only_due:
                reasons = self._due(model)
                if not reasons:
                    return replace(
                        told, outcome="not due", why="", reason="no trigger of the recipe asks for it"
                    )
                told = replace(told, why="; ".join(reasons))
            fresh = self._fresh(model, source, told.until)
            told = replace(told, learned=fresh.learn.height, judged=fresh.judge.height)
            if dry_run:
                return replace(told, outcome="would", reason="nothing was done: a dry run")
            return self._walked(model, fresh, told, search)

    def kept(self, reference: str) -> tuple[pl.DataFrame, Learned] | None:
        """What a retrained version can be fitted on again, and which rows of the log are among it.

        Its own rows and those of the log whose label was told since; None if no retraining made the version.
        """
        model, now = self.watcher.watched(reference), self.watcher.clock()
        if model.record.get("learned_until") is None:
            return None
        rows = joined(*self._rows(model, now), model.recipe.data.weight)
        return rows.drop(_ID), Learned(now, rows[_ID])

    def _walked(self, model: Watched, fresh: _Fresh, told: Retrained, search: bool | None) -> Retrained:
        """Train and judge; whatever comes of it is written down."""
        self._write(replace(told, outcome="started"))
        held: list[Contest] = []
        try:
            walk = self._train(model, fresh, told, search, held)
        except NoriaError as error:
            self._write(replace(told, outcome="failed", reason=f"{error.what} {error.do or ''}".strip()))
            raise
        verdict = walk.promotion
        trial = not verdict.promoted and bool(held) and held[0].verdict.promoted
        outcome = "promoted" if verdict.promoted else "trial" if trial else "kept"
        gains = held[0].gains if held else ()
        done = replace(told, outcome=outcome, reason=verdict.why, version=walk.version, gains=gains)
        self._write(done)
        return done

    def _train(
        self, model: Watched, fresh: _Fresh, told: Retrained, search: bool | None, held: list[Contest]
    ) -> Walk:
        recipe, record = refit.again(model.folder, self.trusts)
        anew = recipe.monitor.retrain.search if search is None else search
        source = joined(fresh.own, fresh.learn, recipe.data.weight)
        test = joined(fresh.own.clear(), fresh.judge, recipe.data.weight)
        return self.training(
            refit.as_kept(recipe), source=source.drop(_ID), test=test.drop(_ID),
            documents=None if recipe.data.documents else self._documents(record),
            replay=() if anew else refit.pipeline(record),
            judge=partial(self._judge, model, fresh, told, held),
            learned=Learned(told.until, pl.concat([source[_ID], test[_ID]])),
        )()  # fmt: skip

    def _documents(self, record: Mapping[str, Any]) -> pl.DataFrame | None:
        """The documents of the champion, as they were kept: nobody named a place to read them from again."""
        digest = record.get("documents")
        if digest is None:
            return None
        self.watcher.registry.artefacts.snapshots.fetch(digest)
        return open_snapshot(digest, self.settings)

    def _rows(self, model: Watched, until: float) -> tuple[pl.DataFrame, pl.DataFrame]:
        """A version's own rows, with labels as they were corrected by then, and further ones of the log."""
        own, told = self._own(model), self._logged(model, until)
        again = told[_ID].is_in(own[_ID].drop_nulls().implode())
        if again.any():
            stays = ~own[_ID].is_in(told[_ID].filter(again).implode()).fill_null(False)
            own = joined(own.filter(stays), told.filter(again), model.recipe.data.weight)
        return own, told.filter(~again)

    def _own(self, model: Watched) -> pl.DataFrame:
        """The rows that a version was trained on and, if a retraining made it, those that judged it."""
        record = model.record
        again = record["tested"] if record.get("learned_until") is not None else None
        tables = []
        for digest in filter(None, (record["snapshot"], again)):
            self.watcher.registry.artefacts.snapshots.fetch(digest)
            tables.append(open_snapshot(digest, self.settings))
        rows = reduce(partial(joined, weight=model.recipe.data.weight), tables)
        return rows.with_columns(Learned.ids(model.folder, rows.height).alias(_ID))

    def _judge(
        self,
        model: Watched,
        fresh: _Fresh,
        told: Retrained,
        held: list[Contest],
        challenger: Model,
        evaluation: Evaluation,
    ) -> Judged:
        """Champion and challenger on the rows that are kept to judge by."""
        rows = fresh.judge.drop(_ID, strict=False)
        held.append(self._contest(model, challenger, rows, metric=evaluation.metric))
        found = held[0].verdict
        trial = model.recipe.monitor.retrain.trial
        if found.promoted and trial:
            found = Verdict(
                False, f"{found.why}; it is a {trial} first: noria promote {told.name}@challenger"
            )
        return Judged(model.version.number, replace(found, why=f"{told.why}: {found.why}"))

    def _contest(self, model: Watched, challenger: Model, rows: pl.DataFrame, *, metric: str) -> Contest:
        """Champion and challenger on rows with the target, by the recipe's metric or this one."""
        champion = self.watcher.load(model.folder / "model")
        reference = Reference.load(model.folder)
        recipe, schema = model.recipe, reference.schema
        system = system_of(model.folder, recipe, model.record["task"], schema)
        wanted = recipe.promote.metric or metric
        metrics = sorted(system.metrics(), key=lambda one: one.name != wanted)
        target = recipe.data.target
        truth, at, _ = truth_of(schema, reference.classes, rows[target].to_list())
        rows = rows.drop(target)[at]
        return contest(recipe, metrics, (champion, challenger), rows, beside(truth, rows))

    def _fresh(self, model: Watched, source: pl.DataFrame | None, until: float) -> _Fresh:
        """Rows with their truth: the latest are kept to judge by."""
        target = model.recipe.data.target
        if source is None:
            own, source = self._rows(model, until)
        elif target in source.columns:
            own = self._own(model)
        else:
            raise ParamError(f"The new rows have no column {target!r}.", do="Name the truth as in training.")
        if model.recipe.data.time in source.columns:
            source = source.sort(model.recipe.data.time, maintain_order=True)
        count = min(max(round(_SHARE * source.height), _FEWEST), _LARGEST)
        if source.height < 2 * _FEWEST:
            raise DataError(
                f"There are too few rows with a label to retrain {model.version.name!r}.",
                got=times(source.height, "row"),
                do=f"Give {2 * _FEWEST} or more: noria feedback {model.version.name} labels.csv",
            )
        return _Fresh(own, source.head(source.height - count), source.tail(count))

    def _logged(self, model: Watched, until: float) -> pl.DataFrame:
        """The rows of the log whose label was told by a moment, and after the model was made."""
        log, name, target = self.watcher.log, model.version.name, model.recipe.data.target
        pairs = list(labelled(log, name, since=model.learned_until, until=until))
        if Task(model.record["task"]) is Task.QUESTION_ANSWERING:  # a thumb names no document
            pairs = [(line, label) for line, label in pairs if not isinstance(label, bool)]
        sent = table([json.loads(line.inputs) for line, _ in pairs])
        ids = pl.Series(_ID, [line.id for line, _ in pairs], pl.String)
        return sent.with_columns(ids, *table([{target: label} for _, label in pairs]))

    def _tried(self, model: Watched) -> tuple[Retrained, float] | None:
        """The trial beside this champion, or one that is decided and not carried out, and since when."""
        last = self.watcher.ledger.entries(model.version.name, "retraining", limit=1)
        told = Retrained.from_dict(last[0].body) if last else None
        if told is None or told.outcome not in ("trial", *_DECIDED):
            return None
        aliases = self.watcher.registry.model(told.name).aliases
        begun = (aliases["champion"], aliases.get("challenger")) == (told.champion, told.version)
        return (told, last[0].when) if begun or told.outcome in _DECIDED else None

    def _concluded(self, model: Watched, told: Retrained, begun: float) -> Retrained:
        """Decide a trial if it is over, write that down, and then carry it out: each of them once."""
        if told.outcome == "trial":
            ended = self._ended(model, told, begun)
            if isinstance(ended, str):
                return replace(told, reason=ended)
            reason = f"{told.why}: in its trial: {ended.verdict.why}"
            outcome = "won" if ended.verdict.promoted else "lost"
            told = replace(
                told, outcome=outcome, reason=reason, judged=ended.rows, gains=ended.gains or told.gains
            )
            self._write(told)
        assert told.version is not None
        registry, name = self.watcher.registry, told.name
        if told.outcome == "won":
            change = partial(registry.promote, name, told.version, instead_of=told.champion)
        else:
            change = partial(registry.promote, name, told.champion, "challenger", instead_of=told.version)
        change(why=told.reason)
        promoted = registry.model(name).aliases["champion"] == told.version
        done = replace(told, outcome="promoted" if promoted else "kept")
        self._write(done)
        return done

    def _ended(self, model: Watched, told: Retrained, begun: float) -> Contest | str:
        """How a trial ends, or what it waits for."""
        versions = model.version.number, told.version or 0
        trial = Trial.read(self.watcher.log, told.name, versions, begun)
        try:
            models = [
                self.watcher.load(self.watcher.watched(f"{told.name}@{one}").folder / "model")
                for one in versions
            ]
            against = trial.objection(model.recipe, models)
            if against is not None:
                return Contest(trial.challenger.rows, Verdict(False, against), ())
            metric = model.record["evaluation"]["metric"]
            contested = partial(self._contest, model, models[1], metric=metric)
            return trial.verdict(model.recipe, self.watcher.clock() - begun, contested)
        except NoriaError as error:
            return Contest(trial.challenger.rows, Verdict(False, f"it fails: {error.what}"), ())

    def _begun(self, model: Watched) -> Retrained | None:
        """A retraining of this champion that was cut off."""
        last = self.watcher.ledger.entries(model.version.name, "retraining", limit=1)
        told = Retrained.from_dict(last[0].body) if last else None
        if told is None or told.outcome != "started" or told.champion != model.version.number:
            return None
        return told if self.watcher.clock() - last[0].when < _AGAIN else None

    def _due(self, model: Watched) -> list[str]:
        """What the recipe's triggers say now; nothing soon after a champion has held its place."""
        name, now = model.version.name, self.watcher.clock()
        last = self.watcher.ledger.entries(name, "retraining", limit=1)
        if last and last[0].body["champion"] == model.version.number and now - last[0].when < _AGAIN:
            return []
        checks = self.watcher.ledger.entries(name, "check", limit=_LOOKED)
        mine = (Check.from_dict(one.body) for one in checks if one.body["version"] == model.version.number)
        since = model.learned_until or model.record["ended"]
        labels = sum(one.when > since for one in self.watcher.log.labels(name, since=since))
        return due(model.recipe, next(mine, None), now - model.record["ended"], labels)

    def _write(self, told: Retrained) -> None:
        who, now = self.watcher.registry.who, self.watcher.clock()
        self.watcher.ledger.add(Entry(told.name, "retraining", now, who, told.to_dict()))


def due(recipe: Recipe, check: Check | None, age: float, labels: int) -> list[str]:
    """The triggers of a recipe that ask for a retraining, in words.

    Parameters
    ----------
    recipe : Recipe
    check : Check, optional
        The last one.
    age : float
        Of the champion, in seconds.
    labels : int
        That were told since it was trained.

    Examples
    --------
    >>> recipe = Recipe.parse({"name": "m", "monitor": {"retrain": {"every": "30d", "on": ["data"]}}})
    >>> due(recipe, None, 31 * 86_400.0, 20)
    ['schedule: the champion is 31 days old']
    """
    rule = recipe.monitor.retrain
    kinds = {"drift": ("drift",), "decay": ("decay", "estimate")}
    found = [
        f"{trigger}: {alarm.reasons[0]}"
        for trigger, wanted in kinds.items()
        if trigger in rule.on
        for alarm in (check.open if check else ())
        if alarm.kind in wanted
    ]
    if "data" in rule.on and labels >= rule.rows:
        found.append(f"data: {times(labels, 'label')} since the champion was trained")
    if rule.every is not None and age >= rule.every:
        found.append(f"schedule: the champion is {age / 86_400:.3g} days old")
    return found


def joined(old: pl.DataFrame, new: pl.DataFrame, weight: str | None) -> pl.DataFrame:
    """Rows of an earlier table and new ones below them, in the columns and types of the earlier.

    Examples
    --------
    >>> joined(pl.DataFrame({"a": [1], "b": ["x"]}), pl.DataFrame({"b": ["y"], "a": [2.5]}), None).rows()
    [(1.0, 'x'), (2.5, 'y')]
    """
    below = new.select(name for name in old.columns if name in new.columns)
    if weight is not None and weight not in below.columns:
        below = below.with_columns(pl.lit(1.0).alias(weight))
    odd = [
        name
        for name, kind in below.schema.items()
        if kind != old.schema[name] and not (kind.is_numeric() and old.schema[name].is_numeric())
    ]
    texts = [pl.col(name).cast(pl.String) for name in odd]
    return pl.concat([old.with_columns(texts), below.with_columns(texts)], how="diagonal_relaxed")
