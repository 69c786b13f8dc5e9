"""What notebooks show of a run."""

from __future__ import annotations

from collections.abc import Mapping
from html import escape
from pathlib import Path
from typing import Any

from noria.core.insight import Insight
from noria.core.recipe import Recipe
from noria.core.result import Evaluation
from noria.pages.words import verdict

__all__ = ["overview"]


def overview(record: Mapping[str, Any], evaluation: Evaluation, report: Path, standing: str) -> str:
    """A finished run in a cell: title, verdict, scores, what was found, and where the report is.

    Parameters
    ----------
    record : mapping
        What stands in its ``run.json``.
    evaluation : Evaluation
    report : Path
    standing : str
        Which version its model is, in words.

    Returns
    -------
    HTML that sets no colours, so that it suits light and dark notebooks.
    """
    recipe, found = Recipe.parse(record["recipe"]), record.get("insight")
    insight = Insight.from_dict(found) if found else Insight()
    judged = verdict(evaluation)
    return (
        f'<p style="margin: 0"><strong><bdi>{escape(recipe.title or recipe.name)}</bdi></strong><br>'
        f'<span style="opacity: .75">{escape(record["id"])}, {escape(standing)}</span></p>'
        f'<p style="margin: .5em 0"><strong>{escape(judged.title)}.</strong> {escape(judged.text)}</p>'
        f"{evaluation._repr_html_()}{insight._repr_html_() if found and any(found.values()) else ''}"
        f'<p style="opacity: .75">The whole report: <code>{escape(str(report))}</code></p>'
    )
