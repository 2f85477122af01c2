"""The chart maker: sound SVG, true places, words that never lie on one another, and no word that breaks a page."""

import re
from itertools import pairwise
from xml.etree import ElementTree

import pytest
from jinja2 import Environment

from firmware_py.plot import STYLE, Plot, drawing, nice_ticks

SVG = "{http://www.w3.org/2000/svg}"


def plot(**changes: object) -> Plot:
    """100 by 100 pixels of data from (0, 0) to (1, 1)."""
    return Plot((0, 1), (0, 1), "a plot", width=52 + 100 + 14, height=10 + 100 + 26, **changes)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("low", "high", "expected"),
    [
        (0, 100, ["0", "20", "40", "60", "80", "100"]),
        (-0.6, 1.2, ["\u22120.5", "0.0", "0.5", "1.0"]),
        (7.01, 11.02, ["8", "9", "10", "11"]),
        (0, 0.75, ["0.0", "0.2", "0.4", "0.6"]),
    ],
)
def test_ticks_are_round_numbers_inside_the_span(low: float, high: float, expected: list[str]) -> None:
    assert [words for _, words in nice_ticks(low, high)] == expected


def test_a_point_is_drawn_where_it_belongs_and_one_outside_at_the_edge() -> None:
    one = plot()
    one.line([(0, 0), (0.5, 0.25), (2, 9)], "c1")
    assert 'd="M52.0 110.0L102.0 85.0L152.0 10.0"' in one.svg()


def test_down_draws_larger_values_lower() -> None:
    one = plot(down=True)
    one.line([(0, 0), (1, 0.25)], "c1")
    assert 'd="M52.0 10.0L152.0 35.0"' in one.svg()


def test_a_missing_value_and_a_gap_break_the_line() -> None:
    one = plot()
    one.line([(0.0, 0.5), (0.1, None), (0.2, 0.5), (0.3, 0.6), (0.8, 0.6)], "c1", gap=0.3)
    (path,) = [p for p in ElementTree.fromstring(one.svg()) if p.get("class") == "c1"]
    assert re.findall("[ML]", path.get("d") or "") == ["M", "M", "L", "M"]


def test_a_gap_of_just_the_limit_stays_a_line() -> None:
    one = plot()
    one.line([(0.0, 0.5), (0.25, 0.5), (0.5, 0.5)], "c1", gap=0.25)
    assert 'd="M52.0 60.0L77.0 60.0L102.0 60.0"' in one.svg()


def test_a_line_of_nothing_draws_and_names_nothing() -> None:
    one = Plot((0, 1), (0, 1), "a plot", names=True)
    one.line([(0.0, None)], "c1", "nothing")
    assert "c1" not in one.svg()
    assert "nothing" not in one.svg()


def test_an_area_without_a_span_fills_the_plot_in_that_direction() -> None:
    one = plot()
    one.area("off", x=(0.25, 0.5))
    one.area("beyond", y=(0.5, 1.0))
    assert '<rect class="off" x="77.0" y="10.0" width="25.0" height="100.0"/>' in one.svg()
    assert '<rect class="beyond" x="52.0" y="10.0" width="100.0" height="50.0"/>' in one.svg()


def test_an_upright_outside_the_span_is_left_out() -> None:
    one = plot()
    one.upright(1.01, "stop", "outside")
    one.upright(1.0, "stop", "inside")
    assert "outside" not in one.svg()
    assert "inside" in one.svg()


@pytest.mark.parametrize("css", ["name", "mark"])
def test_words_of_the_same_place_stand_one_below_the_other(css: str) -> None:
    one = Plot((0, 1), (0, 1), "a plot", names=True)
    for _ in range(3):
        one.level(0.5, "limit", "a name")
        one.upright(0.5, "stop", "a mark")
    texts = [t for t in ElementTree.fromstring(one.svg()) if (t.get("class") or "").startswith(css)]
    heights = [float(t.get("y") or 0) for t in texts]
    assert len(heights) == 3
    assert all(b - a >= 15 for a, b in pairwise(heights))


def test_words_cannot_break_a_page_and_a_template_prints_a_plot_as_it_is() -> None:
    one = Plot((0, 1), (0, 1), '"><script>', "<x>", "a & b")
    one.text(0.5, 0.5, "</svg>")
    one.upright(0.5, "stop", "<b>")
    page = Environment(autoescape=True).from_string("{{ one }}").render(one=one)
    assert page == one.svg()
    drawn = ElementTree.fromstring(page)
    assert {"<x>", "a & b", "</svg>", "<b>"} <= {element.text for element in drawn.iter()}
    assert drawn.get("aria-label") == '"><script>'


def test_a_drawing_of_its_own_holds_its_colours_and_its_plots_one_below_the_other() -> None:
    text = drawing("<title>", "note", [plot(), plot()])
    drawn = ElementTree.fromstring(text)
    assert [part.get("y") for part in drawn.findall(f"{SVG}svg")] == ["52", "188"]
    assert float(drawn.get("height") or 0) == 52 + 2 * 136
    assert STYLE in text


def test_every_colour_has_a_value_for_light_and_for_dark() -> None:
    light, dark = re.findall(r":root \{(.*?)\}", STYLE, re.DOTALL)
    names = re.findall(r"--[a-z]+", light)
    assert names == re.findall(r"--[a-z]+", dark)
    assert set(re.findall(r"var\((--[a-z]+)\)", STYLE)) <= set(names)
