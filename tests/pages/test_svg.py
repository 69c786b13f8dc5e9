from __future__ import annotations

from xml.etree import ElementTree as ET

import pytest

from noria.pages import svg

HOSTILE = '</title><script>alert("1")</script>'


def parsed(picture) -> ET.Element:
    return ET.fromstring(str(picture))


def test_bars_are_as_high_as_they_say():
    root = parsed(svg.bars([1, 2, 0, 4], list("abcd"), name="Rows"))
    heights = [float(bar.get("height")) for bar in root.findall("rect")]
    assert heights[3] == 2 * heights[1] == 4 * heights[0]
    assert heights[2] == 0
    assert [bar.find("title").text for bar in root.findall("rect")] == list("abcd")
    assert (root.get("role"), root.get("aria-label")) == ("img", "Rows")


def test_a_bar_of_one_row_can_be_seen():
    root = parsed(svg.bars([1, 10_000_000], ["a", "b"], name="Rows"))
    assert float(root.find("rect").get("height")) == 1


def test_a_second_distribution_is_drawn_over_the_first():
    root = parsed(svg.bars([1, 2], ["a", "b"], name="Rows", second=[4, 0]))
    assert root.find("polyline").get("class") == "second"
    assert max(float(bar.get("height")) for bar in root.findall("rect")) == 35


def test_a_line_has_gaps():
    root = parsed(svg.line([1, 2, None, 3, None, 4, 5], list("abcdefg"), name="Mean"))
    assert len(root.findall("polyline")) == 2
    assert len(root.findall("circle")) == 1
    assert len(root.findall("rect")) == 7


def test_a_heatmap_tells_sign_and_strength():
    root = parsed(svg.heatmap(["a", "b"], [[1.0, -0.25], [-0.25, None]], name="Associations"))
    cells = root.findall("rect")
    assert [cell.get("class") for cell in cells] == ["plus", "minus", "minus", "none"]
    assert [cell.get("fill-opacity") for cell in cells] == ["1.00", "0.25", "0.25", None]
    assert cells[1].find("title").text == "a × b: -0.25"


@pytest.mark.parametrize(
    "picture",
    [
        svg.bars([1], [HOSTILE], name=HOSTILE),
        svg.line([1.0], [HOSTILE], name=HOSTILE),
        svg.heatmap([HOSTILE], [[1.0]], name=HOSTILE),
        svg.bars([], [], name="Nothing"),
        svg.line([None], ["a"], name="Nothing"),
        svg.heatmap([], [], name="Nothing"),
    ],
)
def test_pictures_are_well_formed_whatever_is_put_in(picture):
    assert parsed(picture).tag == "svg"
    assert "<script" not in str(picture)
