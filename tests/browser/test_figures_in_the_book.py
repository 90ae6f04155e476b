"""Every interactive figure where its reader meets it: in its page, with real keys and a mouse.

What the figures compute is tested figure by figure in other files, mostly on a page of their own.
Here nothing may lie over them, take their keys, or make them fainter.
"""

from __future__ import annotations

import checks
import pytest
from test_pages_browser import CHAPTERS, ROOT

FIGURES = "figure.ac-interactive"
WITH_FIGURES = [
    name for name in CHAPTERS if "ac-interactive" in (ROOT / f"{name}.ipynb").read_text("utf-8")
]
MANY_STOPS = 400


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


@pytest.mark.parametrize(("scheme", "width"), [("light", 360), ("dark", 1280)])
@pytest.mark.parametrize("name", WITH_FIGURES)
def test_a_figure_answers_keys_and_mouse_in_its_page(open_page, name, scheme, width):
    page = open_page(name, scheme=scheme, width=width, formulas=False)
    figures = page.locator(FIGURES).all()
    assert figures
    for figure in figures:
        start(figure)
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
        assert checks.faint_drawings(page) == []
        assert checks.faint_bars(page) == []
        assert checks.overflow(page) == []
        # A click of Playwright fails when something lies over the button.
        figure.get_by_role("button", name="Reset").click()
        assert said(figure) == before
