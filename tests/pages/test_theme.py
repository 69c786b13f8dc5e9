from __future__ import annotations

import itertools
import re

import numpy as np
import pytest
import vl_convert

from noria.pages.render import asset
from noria.pages.theme import FONT, themes

CSS = asset("style.css")
GROUNDS = dict(zip(["light", "dark"], re.findall(r"--ground: (#\w{6})", CSS)))
# Machado, Oliveira and Fernandes (2009), severity 1.0
SEEN = {
    "protanopia": [
        [0.152286, 1.052583, -0.204868], [0.114503, 0.786281, 0.099216], [-0.003882, -0.048116, 1.051998],
    ],
    "deuteranopia": [
        [0.367322, 0.860646, -0.227968], [0.280085, 0.672501, 0.047413], [-0.011820, 0.042940, 0.968881],
    ],
    "tritanopia": [
        [1.255528, -0.076749, -0.178779], [-0.078411, 0.930809, 0.147602], [0.004733, 0.691367, 0.303900],
    ],
    "all colours": [[1, 0, 0], [0, 1, 0], [0, 0, 1]],
}  # fmt: skip


def linear(colour: str) -> np.ndarray:
    """Linear light of a colour, RGB."""
    parts = np.array([int(colour[at : at + 2], 16) / 255 for at in (1, 3, 5)])
    return np.where(parts <= 0.04045, parts / 12.92, ((parts + 0.055) / 1.055) ** 2.4)


def lab(light: np.ndarray) -> np.ndarray:
    """CIE L*a*b*, in which distances are those that people see."""
    xyz = np.array([[0.4124, 0.3576, 0.1805], [0.2126, 0.7152, 0.0722], [0.0193, 0.1192, 0.9505]]) @ light
    ratio = np.clip(xyz / [0.9505, 1.0, 1.089], 0, None)
    f = np.where(ratio > 0.008856, np.cbrt(ratio), 7.787 * ratio + 16 / 116)
    return np.array([116 * f[1] - 16, 500 * (f[0] - f[1]), 200 * (f[1] - f[2])])


def contrast(one: str, two: str) -> float:
    """WCAG's ratio of two colours."""
    low, high = sorted(float(linear(colour) @ [0.2126, 0.7152, 0.0722]) for colour in (one, two))
    return (high + 0.05) / (low + 0.05)


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_letters_and_marks_stand_out_from_the_ground(scheme):
    config = themes()[scheme]
    for colour in (config["axis"]["labelColor"], config["text"]["color"], config["header"]["labelColor"]):
        assert contrast(colour, GROUNDS[scheme]) > 4.5
    first, *others = config["range"]["category"]
    assert contrast(first, GROUNDS[scheme]) > 4.5
    assert min(contrast(colour, GROUNDS[scheme]) for colour in others[:4]) > 2.2


@pytest.mark.parametrize("eyes", SEEN)
@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_the_first_colours_are_told_apart_by_all_eyes(scheme, eyes):
    colours = themes()[scheme]["range"]["category"][:5]
    seen = [lab(np.clip(np.array(SEEN[eyes]) @ linear(colour), 0, 1)) for colour in colours]
    assert min(float(np.linalg.norm(a - b)) for a, b in itertools.combinations(seen, 2)) > 10


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_ramps_grow_evenly_away_from_the_ground(scheme):
    light = [lab(linear(colour))[0] for colour in themes()[scheme]["range"]["heatmap"]]
    assert light == sorted(light, reverse=scheme == "light")
    ends = themes()[scheme]["range"]["diverging"]
    middle = abs(lab(linear(ends[2]))[0] - lab(linear(GROUNDS[scheme]))[0])
    assert all(
        abs(lab(linear(end))[0] - lab(linear(GROUNDS[scheme]))[0]) > middle for end in (ends[0], ends[-1])
    )


def test_figures_are_set_in_the_letters_of_the_page():
    assert FONT in CSS
    assert {config["font"] for config in themes().values()} == {FONT}


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_bars_of_a_histogram_have_a_width(scheme):
    """With round corners in the theme, Vega-Lite drew bars between two ends beside a rule 0 pixels wide."""
    x = {"field": "start", "type": "quantitative"}
    bars = {"x": {**x, "bin": {"binned": True}}, "x2": {"field": "stop"}, "y": {"field": "rows"}}
    rule = {"data": {"values": [{"start": 0}]}, "mark": "rule", "encoding": {"x": x}}
    bars["y"]["type"] = "quantitative"
    rows = {"values": [{"start": at, "stop": at + 1, "rows": 5} for at in (-1, 0)]}
    spec = {"data": rows, "layer": [{"mark": "bar", "encoding": bars}, rule], "config": themes()[scheme]}
    drawn = re.findall(r'aria-roledescription="bar" d="M[^h"]*h([\d.]+)', vl_convert.vegalite_to_svg(spec))
    assert len(drawn) == 2
    assert min(map(float, drawn)) > 20


@pytest.mark.parametrize(
    ("values", "seen", "unseen"),
    [
        ([2005, 2025], ["2005", "2025"], ["2,005"]),
        ([0, 50_000], ["50,000"], []),
        ([0, 1e-7], ["0", "2e-8", "1e-7"], ["0.00000000"]),
    ],
)
def test_labels_of_years_and_of_tiny_numbers(values, seen, unseen):
    spec = {
        "config": themes()["light"], "width": 500, "mark": "point",
        "data": {"values": [{"x": x} for x in values]},
        "encoding": {"x": {"field": "x", "type": "quantitative", "scale": {"zero": False}}},
    }  # fmt: skip
    drawn = vl_convert.vegalite_to_svg(spec)
    labels = re.findall(r"<text[^>]*>([^<]*)</text>", drawn)
    assert set(seen) <= set(labels), labels
    assert not set(unseen) & set(labels), labels
