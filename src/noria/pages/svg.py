"""Small static pictures: bars, lines and heatmaps as SVG that takes its colours from the style sheet.

They need no script, scale with their place, print, and tell their figures as tooltips. What goes in is
escaped.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from markupsafe import Markup

__all__ = ["bars", "heatmap", "line"]

_WIDTH, _HEIGHT = 240, 72
_CELL, _LETTER, _LETTERS = 22, 6.5, 22


def bars(
    heights: Sequence[float],
    titles: Sequence[str],
    *,
    name: str,
    second: Sequence[float] = (),
) -> Markup:
    """Bars beside one another, as high as the largest allows.

    Parameters
    ----------
    heights : sequence of float
        Not negative.
    titles : sequence of str
        What each bar tells when it is pointed at.
    name : str
        What the picture shows, for those who do not see it.
    second : sequence of float
        Another distribution over the same bars, drawn as steps over them.

    Examples
    --------
    >>> str(bars([1, 3], ["1 row", "3 rows"], name="Rows")).count("<rect")
    2
    """
    step = _WIDTH / max(1, len(heights))
    gap = min(1.0, step / 8)
    most = max([*heights, *second], default=0) or 1
    parts = []
    for at, (height, title) in enumerate(zip(heights, titles)):
        tall = _tall(height, most)
        place = f'x="{at * step + gap / 2:.4g}" y="{_HEIGHT - tall:.4g}"'
        size = f'width="{step - gap:.4g}" height="{tall:.4g}"'
        parts.append(f"<rect {place} {size}><title>{_escaped(title)}</title></rect>")
    if second:
        points = [
            f"{at * step + side:.4g},{_HEIGHT - _tall(height, most):.4g}"
            for at, height in enumerate(second)
            for side in (0, step)
        ]
        parts.append(f'<polyline class="second" points="{" ".join(points)}"/>')
    return _picture("bars", name, _WIDTH, _HEIGHT, parts)


def _tall(height: float, most: float) -> float:
    """A bar's height; one of few rows can still be seen."""
    return 0.0 if height <= 0 else max(1.0, (_HEIGHT - 2) * height / most)


def line(
    values: Sequence[float | None],
    titles: Sequence[str],
    *,
    name: str,
    zero: bool = False,
    limit: float | None = None,
) -> Markup:
    """A line through values at even distances, with gaps where there is none.

    Parameters
    ----------
    values : sequence of float or None
    titles : sequence of str
        What each value tells when it is pointed at.
    name : str
        What the picture shows, for those who do not see it.
    zero : bool
        Whether the picture begins at zero.
    limit : float, optional
        Which of them are much: a broken line.

    Examples
    --------
    >>> str(line([1, None, 3, 4], ["a", "b", "c", "d"], name="Mean")).count("<polyline")
    1
    """
    known = [value for value in (*values, limit) if value is not None]
    low = 0.0 if zero else min(known, default=0.0)
    reach = (max(known, default=1.0) - low) or 1.0

    def y(value: float) -> float:
        return _HEIGHT - 4 - (_HEIGHT - 8) * (value - low) / reach

    step = _WIDTH / max(1, len(values))
    runs: list[list[str]] = [[]]
    parts = [] if limit is None else [f'<path class="limit" d="M0,{y(limit):.4g}H{_WIDTH}"/>']
    for at, (value, title) in enumerate(zip(values, titles)):
        box = f'x="{at * step:.4g}" y="0" width="{step:.4g}" height="{_HEIGHT}"'
        parts.append(f'<rect class="over" {box}><title>{_escaped(title)}</title></rect>')
        if value is None:
            runs.append([])
        else:
            runs[-1].append(f"{(at + 0.5) * step:.4g},{y(value):.4g}")
    for run in runs:
        if len(run) == 1:
            across, down = run[0].split(",")
            parts.insert(0, f'<circle cx="{across}" cy="{down}" r="1.5"/>')
        elif run:
            parts.insert(0, f'<polyline points="{" ".join(run)}"/>')
    return _picture("line", name, _WIDTH, _HEIGHT, parts)


def heatmap(names: Sequence[str], values: Sequence[Sequence[float | None]], *, name: str) -> Markup:
    """A square of coloured cells with names beside and above, positive and negative in two colours.

    Parameters
    ----------
    names : sequence of str
    values : sequence of sequence of float or None
        From -1 to 1; stronger ones have more colour.
    name : str
        What the picture shows, for those who do not see it.

    Examples
    --------
    >>> str(heatmap(["a", "b"], [[1, -0.5], [-0.5, 1]], name="Correlation")).count("<rect")
    4
    """
    edge = round(20 + _LETTER * max((min(len(one), _LETTERS) for one in names), default=0))
    side = edge + _CELL * len(names)
    parts = []
    for row, one in enumerate(names):
        at = edge + (row + 0.5) * _CELL
        label = f"<title>{_escaped(one)}</title>{_escaped(_short(one))}"
        parts.append(f'<text x="{edge - 6}" y="{at:g}" class="beside">{label}</text>')
        turned = f'transform="translate({at:g} {edge - 6}) rotate(-60)"'
        parts.append(f"<text {turned}>{label}</text>")
        for column, other in enumerate(names):
            value = values[row][column]
            place = f'x="{edge + column * _CELL}" y="{edge + row * _CELL}"'
            told = f"{one} × {other}: {'none' if value is None else f'{value:.2f}'}"
            kind = "none" if value is None else "plus" if value >= 0 else "minus"
            shade = f' fill-opacity="{abs(value or 0):.2f}"' if value is not None else ""
            parts.append(f'<rect class="{kind}" {place}{shade}><title>{_escaped(told)}</title></rect>')
    return _picture("heatmap", name, side + edge // 2, side, parts, fixed=True)


def _short(text: str) -> str:
    return text if len(text) <= _LETTERS else text[: _LETTERS - 1] + "…"


def _picture(
    kind: str, name: str, width: int, height: int, parts: Sequence[str], *, fixed: bool = False
) -> Markup:
    """The SVG element around parts that were escaped."""
    from markupsafe import Markup

    size = f'width="{width}" height="{height}"' if fixed else 'preserveAspectRatio="none"'
    head = (
        f'<svg class="{kind}" role="img" aria-label="{_escaped(name)}" viewBox="0 0 {width} {height}" {size}>'
    )
    return Markup(f"{head}{''.join(parts)}</svg>")


def _escaped(text: str) -> str:
    from markupsafe import escape

    return str(escape(text))
