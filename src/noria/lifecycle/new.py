"""A recipe made from a user's own table: it runs at once, and says of every line what it does."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import polars as pl

from noria.core import files
from noria.core.events import Events
from noria.core.protocol import Task
from noria.core.recipe import Recipe
from noria.core.schema import Column, Role, Schema, Type
from noria.core.words import times
from noria.data import sources
from noria.data.infer import infer, infer_task
from noria.data.validate import prepare
from noria.errors import ParamError, StorageError, suggestion
from noria.settings import Settings

__all__ = ["Draft", "draft"]

_RARE = 0.2
_LISTED = 200
_SHOWN = 4
_WIDTH = 44


@dataclass(frozen=True)
class Draft:
    """The files of a recipe that is not written yet.

    Attributes
    ----------
    recipe : Recipe
        What the text says, parsed.
    folder : Path
        Where the files are to stand.
    files : dict of str to str
        Text by file name.
    notes : tuple of str
        What was found in the table.
    """

    recipe: Recipe
    folder: Path
    files: Mapping[str, str]
    notes: tuple[str, ...] = ()

    @property
    def reference(self) -> str:
        """What ``noria run`` takes."""
        return str(self.folder)

    def write(self) -> Path:
        """Write all files, or none.

        Raises
        ------
        ParamError
            If one of them exists already.
        StorageError
            If the folder cannot be written.
        """
        for name in self.files:
            if (self.folder / name).exists():
                raise ParamError(
                    f"{self.folder / name} exists already, and nothing was written.",
                    do="Name another recipe, or another --folder.",
                )
        if self.folder.exists():
            try:
                for name, text in self.files.items():
                    files.write_text(self.folder / name, text)
            except StorageError:
                for name in self.files:
                    with suppress(OSError):
                        (self.folder / name).unlink()
                raise
        else:
            with files.new_folder(self.folder) as fresh:
                for name, text in self.files.items():
                    (fresh / name).write_text(text, encoding="utf-8")
        return self.folder

    def to_dict(self) -> dict[str, Any]:
        """JSON-ready fields."""
        return {
            "name": self.recipe.name,
            "folder": str(self.folder),
            "files": dict(self.files),
            "recipe": self.recipe.to_dict(),
            "notes": list(self.notes),
        }


def draft(
    name: str,
    source: str,
    target: str,
    *,
    folder: Path | None = None,
    task: str | None = None,
    settings: Settings,
    events: Events | None = None,
) -> Draft:
    r"""Read a table and write down what a recipe would say about it.

    Parameters
    ----------
    name : str
        Of the recipe.
    source : str
        Anything that ``data: source:`` takes; a relative path is relative to the working directory.
    target : str
        The column to be learned.
    folder : Path, optional
        A folder called `name` in the working directory if not given.
    task : {"classification", "regression", "forecasting"}, optional
        Inferred from the target if not given.
    settings : Settings
    events : Events, optional

    Returns
    -------
    Draft
        Nothing is written before `Draft.write`.

    Raises
    ------
    InputError
        If name or task are no such, or the table cannot be learned from.

    Examples
    --------
    >>> import tempfile
    >>> path = Path(tempfile.mkdtemp()) / "pets.csv"
    >>> _ = path.write_text("weight,kind\n" + "4.1,cat\n23.5,dog\n" * 20)
    >>> made = draft("pets", str(path), "kind", settings=Settings())
    >>> made.recipe.task.value, sorted(made.files)
    ('classification', ['README.md', 'features.py', 'recipe.yaml'])
    """
    Recipe.parse({"name": name})
    tasks = [known.value for known in Task]
    if task is not None and task not in tasks:
        raise ParamError("There is no such task.", got=repr(task), do=suggestion(task, tasks))
    raw = sources.read(source, settings=settings, events=events)
    wish = {target: "number"} if task is not None and Task(task).numeric else None
    schema = infer(raw, target=target, overrides=wish)
    chosen = task or infer_task(schema[target], raw)
    typed, fitted, notes = prepare(raw, schema, chosen)
    time, series = _over_time(typed, fitted) if chosen == Task.FORECASTING else (None, [])
    page = _Page(
        name, source, Task(chosen), schema, fitted, typed[target], folder or Path(name), time, series
    )
    return Draft(page.recipe, page.folder, page.files(), notes)


@dataclass(frozen=True)
class _Page:
    """What the files are written from.

    Attributes
    ----------
    schema, fitted : Schema
        As inferred, and as training will see it.
    target : Series
        The values to be learned.
    time : str, optional
        The column of moments, of a forecast.
    series : list of str
        The columns that tell its series apart.
    """

    name: str
    source: str
    task: Task
    schema: Schema
    fitted: Schema
    target: pl.Series
    folder: Path
    time: str | None = None
    series: list[str] = field(default_factory=list)

    @property
    def recipe(self) -> Recipe:
        """The text of the recipe, read back."""
        import yaml

        return Recipe.parse(yaml.safe_load(self._recipe()), folder=self.folder)

    def files(self) -> dict[str, str]:
        """All texts by file name."""
        return {"recipe.yaml": self._recipe(), "features.py": self._features(), "README.md": self._readme()}

    @property
    def _title(self) -> str:
        return f"{self.target.name} of {Path(self.source).name or self.source}"

    def _recipe(self) -> str:
        parts = [
            f"# Run it:  noria run {self.folder}",
            f"name: {_yaml(self.name)}",
            f"title: {_yaml(self._title)}",
            "# about: The problem in a few sentences, for the report.",
            _line(f"task: {self.task.value}", _spread(self.target, self.task)),
            "",
            "data:",
            _line(
                f"  source: {_yaml(self.source)}",
                f"{times(self.schema.rows, 'row')}, {times(len(self.schema), 'column')}",
            ),
            f"  target: {_yaml(self.target.name)}",
            *self._data(),
            *self._columns(),
            "",
            _line("# features: features.py:add_features", "a function of your own, applied to every table"),
            *self._split(),
            _line("search: {budget: 60s}", "also metric, folds, learners, trials, seed"),
            *self._wishes(),
        ]
        return "\n".join(parts) + "\n"

    def _data(self) -> Iterator[str]:
        """Suggestions of what else may be said about the data, with this table's own names."""
        features = [column for column in self.schema if column.name != self.target.name]
        ids = [column.name for column in features if column.type is Type.ID]
        dates = [column.name for column in features if column.type is Type.DATETIME]
        odd = ids[:3] or [column.name for column in features[:1]]
        yield _line("  # test: later.csv", "rows that are only ever evaluated on")
        yield _line(f"  # drop: {_yaml(odd)}", "columns to leave out")
        yield _line(
            "  # group: customer",
            "rows that share a value stay on one side of every split",
        )
        if self.time is not None:
            yield _line(f"  time: {_yaml(self.time)}", "when a row happened")
            kept = self.series or ["shop"]
            start = "" if self.series else "# "
            yield _line(f"  {start}series: {_yaml(kept)}", "columns that tell series apart")
            return
        yield _line(
            f"  # time: {_yaml(dates[0] if dates else 'day')}", "judge on later rows than are learned from"
        )

    def _split(self) -> Iterator[str]:
        """What is held out; of a forecast, it is the last steps."""
        if self.time is None:
            yield _line("split: {holdout: 0.2}", "share of rows that no choice sees, to judge by")

    def _columns(self) -> Iterator[str]:
        """Every column as it was understood, to be overridden by taking away a ``#``."""
        yield _line("  # columns:", "what was inferred; take the '#' away to say otherwise")
        for column in list(self.schema)[:_LISTED]:
            if column.name != self.target.name:
                yield _line(f"  #   {_yaml(column.name)}: {column.type.value}", _about(column, self.fitted))
        if len(self.schema) > _LISTED:
            yield f"  #   ... and {len(self.schema) - _LISTED} more"

    def _wishes(self) -> Iterator[str]:
        """Options and a goal, as comments that fit the target."""
        if self.time is not None:
            yield _line(
                "# options: {horizon: 12}", "steps ahead, also held out to judge by; else by frequency"
            )
            yield _line('# goal: {mase: "< 1"}', "repeating the last season gives about 1")
            return
        if self.task is Task.REGRESSION:
            yield _line("# options: {coverage: 0.9}", "share of truths that the intervals hold")
            yield _line('# goal: {r2: ">= 0.7"}', "always guessing the mean gives 0")
            return
        shares = _shares(self.target)
        usual, often, rare = *shares[0], shares[-1][1]
        if rare < _RARE:
            yield _line("# options: {imbalance: weights}", f"the rarest class has {rare:.1%} of the rows")
        if len(shares) == 2:
            yield _line('# goal: {roc_auc: ">= 0.8"}', "guessing gives 0.5")
        else:
            hoped = round(often + 0.5 * (1 - often), 2)
            yield _line(f'# goal: {{accuracy: ">= {hoped:g}"}}', f"always guessing {usual} gives {often:.2f}")

    def _features(self) -> str:
        numbers = [column.name for column in self.fitted.features if column.type is Type.NUMBER]
        first, second = (*numbers, "income", "age")[:2] if len(numbers) != 1 else (numbers[0], numbers[0])
        return _FEATURES.format(name=self.name, first=first, second=second)

    def _readme(self) -> str:
        kinds: dict[str, int] = {}
        for column in self.fitted.features:
            kinds[column.type.value] = kinds.get(column.type.value, 0) + 1
        columns = ", ".join(f"{count} {kind}" for kind, count in sorted(kinds.items()))
        return _README.format(
            title=self._title,
            task=self.task.value,
            target=self.target.name,
            spread=_spread(self.target, self.task),
            source=self.source,
            rows=f"{self.schema.rows:,}",
            columns=columns,
            folder=self.folder,
            name=self.name,
        )


def _over_time(typed: pl.DataFrame, schema: Schema) -> tuple[str, list[str]]:
    """The column of moments, and the category that tells series apart where moments repeat."""
    moments = [column.name for column in schema if column.type is Type.DATETIME]
    if not moments:
        raise ParamError(
            "A forecast needs a column of moments, and none was found.",
            got=", ".join(f"{column.name} ({column.type})" for column in schema),
            do="Add a column of dates, or say which one it is with 'noria train --column NAME=time'.",
        )
    time = moments[0]
    if typed[time].n_unique() == typed.height:
        return time, []
    names = [column.name for column in schema.features if column.type in (Type.CATEGORY, Type.ID)]
    return time, [name for name in names if typed.select(name, time).n_unique() == typed.height][:1]


def _line(text: str, comment: str) -> str:
    """A line of YAML and what it means, in a second column."""
    return f"{text:<{_WIDTH}}  # {' '.join(comment.split())}" if comment else text


def _yaml(value: Any) -> str:
    """A value as YAML on one line."""
    import yaml

    def write(style: str | None = None) -> str:
        text = yaml.safe_dump(
            value, default_style=style, default_flow_style=True, width=10_000, allow_unicode=True
        )
        return str(text).strip()

    text = write().removesuffix("...").strip()
    return text if "\n" not in text else write('"')


def _shares(target: pl.Series) -> list[tuple[Any, float]]:
    """The classes and their shares, most frequent first."""
    counts = target.alias("value").value_counts(sort=True, normalize=True, name="share")
    return counts.sort(["share", "value"], descending=[True, False]).rows()


def _spread(target: pl.Series, task: Task) -> str:
    """The target's values in a few words."""
    if task.numeric:
        low, middle, high = (target.quantile(share) or 0.0 for share in (0.0, 0.5, 1.0))
        return f"{low:,.6g} to {high:,.6g}, half of them below {middle:,.6g}"
    shares = _shares(target)
    shown = ", ".join(f"{value} {share:.1%}" for value, share in shares[:_SHOWN])
    return f"{len(shares)} classes: {shown}{', ...' if len(shares) > _SHOWN else ''}"


def _about(column: Column, fitted: Schema) -> str:
    """What was seen in a column, in a few words."""
    said = []
    if column.type is Type.NUMBER and column.low is not None and column.high is not None:
        said.append(f"{column.low:,.6g} to {column.high:,.6g}")
    elif column.type is Type.CATEGORY:
        levels = ", ".join(" ".join(level.split())[:20] for level in column.levels[:_SHOWN])
        said.append(f"{column.distinct:,} values: {levels}{', ...' if column.distinct > _SHOWN else ''}")
    if column.nulls:
        said.append(f"{column.nulls:,} missing")
    left_out = column.name not in fitted or fitted[column.name].role is Role.IGNORE
    if left_out:
        said.append("left out")
    return "; ".join([*said, *column.notes])


_FEATURES = '''"""Features of {name}."""

from __future__ import annotations

import polars as pl

__all__ = ["add_features"]


def add_features(table: pl.DataFrame) -> pl.DataFrame:
    """Add columns to a table; training and serving both call it, before anything else.

    It gets the typed columns without the target, and must give back as many rows. A row's features may depend
    on that row only: compute nothing over the whole table. To use it, take away the '#' before 'features:' in
    recipe.yaml. An example of a column to add:

        (pl.col({first!r}) / pl.col({second!r})).alias("ratio")
    """
    return table.with_columns()
'''

_README = """# {title}

## Problem
{task} of `{target}` ({spread}). *Say here who asks, and what is done with the answer.*

## Data
`{source}`: {rows} rows; features: {columns}. *Say here where the rows come from and what they leave out.*

## Run
```
noria run {folder}
noria predict {name} new.csv -o scored.parquet
```
Settings are in `recipe.yaml`; features of your own go into `features.py`.

## Limits
*Say here on whom and on what the model must not be used.*
"""
