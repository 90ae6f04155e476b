"""Every interactive figure where its reader meets it: in its page, with real keys and a mouse.

What the figures compute is tested figure by figure in other files, mostly on a page of their own.
Here nothing may lie over them, take their keys, or make them fainter.
"""

from __future__ import annotations

import checks
import pytest
from figure_reading import crowded, operate
from test_pages_browser import CHAPTERS, ROOT

FIGURES = "figure.ac-interactive"
WITH_FIGURES = [
    name for name in CHAPTERS if "ac-interactive" in (ROOT / f"{name}.ipynb").read_text("utf-8")
]
MANY_STOPS = 400
# A state with long numbers and sentences, where a figure has one.
WIDEST = {
    "fig-rnn-steps": {"step": 4, "word1": 3, "word2": 3, "word4": 0, "factor": 0.25},
    "fig-gradient-norm": {"matrix": 2, "radius": 3, "length": 61, "tanh": True},
    "fig-alignment": {"preset": 1, "mask0": True, "mask1": True, "mask2": True},
    "fig-alignment-2": {"preset": 3},
    "fig-four-words": {"query": 1, "causal": True, "temperature": 9},
    "fig-lags": {"first": 19, "second": 20, "kind": 1},
    "fig-decoding-step": {"score": 0, "place": 2, "choice": 2, "p": 2.4, "temperature": 0},
    "fig-translation": {"sentence": 7, "other": 5, "count": 99},
}


def reach(page, figure) -> None:
    """Press Tab, from the place before the figure, until the first control of it has the focus."""
    figure.evaluate(
        """(figure) => {
          const place = document.createElement("span");
          place.tabIndex = -1;
          figure.before(place);
          place.focus();
        }"""
    )
    page.keyboard.press("Tab")
    assert figure.evaluate("(figure) => figure.contains(document.activeElement)")


def start(figure) -> None:
    """Ask for what a figure loads only on demand: the model of chapter 5."""
    loading = figure.get_by_role("button", name="Load the model")
    if loading.count():
        loading.press("Enter")
        loading.wait_for(state="detached")


def said(figure) -> str:
    return figure.locator(".ac-sentence").inner_text()


@pytest.mark.parametrize("name", WITH_FIGURES)
def test_a_figure_answers_keys_and_mouse_in_its_page(open_page, name):
    page = open_page(name, formulas=False)
    figures = page.locator(FIGURES).all()
    assert figures
    for figure in figures:
        start(figure)
    checks.open_everything(page)
    for scheme, _ in checks.in_two_looks(page):
        for figure in figures:
            answers_keys_and_mouse(page, figure)
            element = figure.get_attribute("id")
            operate(page, element, [WIDEST.get(element, {})])
            assert checks.faint_drawings(page) == []
            assert checks.faint_bars(page) == []
            assert checks.overflow(page) == []
            assert crowded(page, element) == []
            problems = checks.axe_problems(page, f"#{element}", colours_only=scheme == "dark")
            assert problems == []
            figure.get_by_role("button", name="Reset").click()
    assert checks.still_figures(page) == []


def answers_keys_and_mouse(page, figure) -> None:
    """Go through a figure by keyboard, changing what can be changed, and reset it by a click."""
    before = said(figure)
    reach(page, figure)
    changed = False
    for _ in range(MANY_STOPS):
        kind = page.evaluate("document.activeElement.type || document.activeElement.localName")
        if not figure.evaluate("(figure) => figure.contains(document.activeElement)"):
            break
        if kind == "range":
            page.keyboard.press("ArrowRight")
        elif kind in ("select-one", "select"):
            page.keyboard.press("ArrowDown")
        elif kind == "checkbox":
            page.keyboard.press("Space")
        elif kind == "textarea":
            page.keyboard.type("film ")
        changed = changed or said(figure) != before
        page.keyboard.press("Tab")
    else:
        pytest.fail("the keyboard does not come out of the figure")
    assert changed, "no key changed what the figure says"
    # A click of Playwright fails when something lies over the button.
    figure.get_by_role("button", name="Reset").click()
    assert said(figure) == before
