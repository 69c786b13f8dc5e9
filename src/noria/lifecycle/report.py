"""A run in words: what was learned, from what, how well, and how to use it.

All of it is read from the run's folder, so that it can be made again wherever the folder was copied to.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from noria.core import artifact, files
from noria.core.insight import Finding
from noria.core.recipe import Recipe
from noria.core.result import Evaluation, Figure, Leader
from noria.core.schema import Schema
from noria.core.signature import Signature
from noria.core.words import times
from noria.errors import ParamError, suggestion
from noria.pages.render import markdown as plain
from noria.pages.render import render
from noria.pages.story import Story
from noria.pages.units import without_passwords

if TYPE_CHECKING:
    from noria.lifecycle.show import Details

__all__ = ["FORMATS", "PAGE", "card", "draw", "drawn", "markdown", "page", "report", "story", "text"]

PAGE = "report.html"
_FIGURES, _SUFFIX = "figures", ".vl.json"
_COLUMNS = 300
FORMATS = {"html": PAGE, "md": "report.md", "card": "model-card.md", "readme": "README.md"}
"""The files that a run is told in."""
_TEMPLATES = {"card": "model-card.md", "readme": "readme.md"}


def draw(figures: Sequence[Figure], folder: Path) -> None:
    """Write figures into a run's folder, each as a Vega-Lite file with its data."""
    (folder / _FIGURES).mkdir(exist_ok=True)
    for figure in figures:
        files.write_text(folder / _FIGURES / f"{figure.name}{_SUFFIX}", json.dumps(figure.to_dict()))


def drawn(folder: Path) -> list[Figure]:
    """The figures of a run's folder, by name."""
    return [
        Figure.from_dict(path.name.removesuffix(_SUFFIX), json.loads(path.read_text(encoding="utf-8")))
        for path in sorted((folder / _FIGURES).glob(f"*{_SUFFIX}"))
    ]


def story(folder: Path, record: Mapping[str, Any]) -> Story:
    """All that is told of a finished run; its addresses name no user and no password.

    Parameters
    ----------
    folder : Path
    record : mapping
        What stands, or will stand, in its ``run.json``.

    Raises
    ------
    ArtifactError
        If the model's manifest is missing or damaged.
    """
    signature = Signature.from_dict(artifact.read_manifest(folder / "model")["signature"])
    return Story(without_passwords(record), signature, drawn(folder))


def page(told: Story, assets: str | None = None, home: str | None = None) -> str:
    """The report of a run as a web page.

    Parameters
    ----------
    told : Story
    assets : str, optional
        The folder of styles and scripts, relative to the page; without it the page carries them itself.
    home : str, optional
        The page that the name at the top leads to.
    """
    shared = {name: value for name, value in {"assets": assets, "home": home}.items() if value}
    return render("report.html", title=told.title, story=told, most_columns=_COLUMNS, **shared)


def card(told: Story) -> str:
    """The model card of a run, Markdown."""
    return render("model-card.md", story=told)


def report(run: Details, kind: str = "html", output: Path | None = None) -> Path:
    """The file that tells of a run; it is written if it is not there.

    Parameters
    ----------
    run : Details
    kind : str
        ``html``, ``md`` for the same in short, ``card`` for a model card, ``readme`` for a recipe's README.
    output : Path, optional
        A file to write it into, or a folder; without it, it is kept in the run's folder.

    Raises
    ------
    ParamError
        If the run is not finished, or there is no such kind.
    StorageError
        If the file cannot be written.
    """
    if kind not in FORMATS:
        raise ParamError(f"There is no report of the kind {kind!r}.", do=suggestion(kind, FORMATS))
    if run.record is None:
        raise ParamError(
            f"Run {run.entry.id!r} has nothing to report yet.",
            got=run.status,
            do=f"Run: noria show {run.entry.id}",
        )
    kept = run.folder / FORMATS[kind]
    path = kept if output is None else output / kept.name if output.is_dir() else output
    if path != kept or not kept.exists():
        files.write_text(path, text(run, kind))
    return path


def text(run: Details, kind: str) -> str:
    """What a finished run is told in, anew."""
    assert run.record is not None
    if kind == "md":
        return (run.folder / FORMATS[kind]).read_text(encoding="utf-8")
    told = story(run.folder, run.record)
    return page(told) if kind == "html" else render(_TEMPLATES[kind], story=told)


def markdown(
    recipe: Recipe,
    evaluation: Evaluation,
    schema: Schema,
    notes: Sequence[str],
    facts: dict[str, str],
    figures: Sequence[Figure] = (),
    findings: Sequence[Finding] = (),
) -> str:
    """The report of a run as Markdown.

    Parameters
    ----------
    recipe : Recipe
    evaluation : Evaluation
    schema : Schema
        Of the columns that were learned from.
    notes : sequence of str
        What was repaired or should be known.
    facts : dict
        Further lines for the table of facts, by label.
    figures : sequence of Figure
        Those that `draw` has written.
    findings : sequence of Finding
        Worst first.
    """
    sections = [
        f"# {plain(recipe.title or recipe.name)}",
        plain(recipe.about),
        "## Results",
        _results(evaluation),
        "## Findings" if findings else "",
        "\n".join(f"- **{one.severity}** {plain(f'{one} {one.do}')}" for one in findings),
        "## Learners compared",
        _leaderboard(evaluation),
        "## Figures" if figures else "",
        "\n".join(f"- {plain(figure.title)}: `{_FIGURES}/{figure.name}{_SUFFIX}`" for figure in figures),
        "## Data",
        _columns(schema),
        "## Notes" if notes else "",
        "\n".join(f"- {plain(note)}" for note in notes),
        "## How it was made",
        _table(["fact", "value"], [[label, plain(value)] for label, value in facts.items()]),
        "## Use it",
        f"```\nnoria predict {recipe.name} new.csv -o scored.parquet\n```",
    ]
    return "\n\n".join(section for section in sections if section) + "\n"


def _results(evaluation: Evaluation) -> str:
    goals = {goal.metric: goal for goal in evaluation.goals}
    rows = []
    for name, score in evaluation.scores.items():
        goal, base = goals.get(name), evaluation.baseline.get(name)
        verdict = (
            f"{goal.compare} {goal.value:g}: {'met' if goal.met(score.value) else 'missed'}" if goal else ""
        )
        rows.append([name, str(score), f"{base.value:.4g}" if base else "", verdict])
    head = f"Measured on {times(evaluation.rows, 'row')}, with 95% intervals: {plain(evaluation.how)}."
    return f"{head}\n\n{_table(['metric', 'value', 'baseline', 'goal'], rows)}"


def _leaderboard(evaluation: Evaluation) -> str:
    rows = [_leader(leader) for leader in evaluation.leaderboard]
    head = ["learner", f"{evaluation.metric}", "share", "trials", "fit s", "predict ms / 1,000 rows", "kB"]
    return (
        f"Out-of-fold scores on the training rows; share is the weight in the model.\n\n{_table(head, rows)}"
    )


def _leader(leader: Leader) -> list[str]:
    return [
        leader.learner,
        f"{leader.score:.4g}",
        f"{leader.weight:.0%}" if leader.weight else "",
        str(leader.trials),
        f"{leader.fit_seconds:.2f}",
        f"{1000 * leader.predict_seconds:.2f}",
        f"{leader.bytes / 1000:,.0f}",
    ]


def _columns(schema: Schema) -> str:
    rows = [
        [plain(c.name), c.type, c.role, f"{c.distinct:,}", f"{c.nulls:,}", plain("; ".join(c.notes))]
        for c in schema
    ]
    return _table(["column", "type", "role", "distinct", "missing", "notes"], rows)


def _table(head: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    lines = [head, ["---"] * len(head), *rows]
    return "\n".join("| " + " | ".join(line) + " |" for line in lines)
