"""How heavy a chapter is, and how much of it the text waits for. Counted over HTTP, never timed."""

from __future__ import annotations

import gzip

import pytest
from test_pages_browser import CHAPTERS

KILOBYTES = 900
REQUESTS = 40
# What has to arrive, and what has to be laid out, before the text can be read.
EARLY_KILOBYTES = 250
EARLY_REQUESTS = 24
ELEMENTS = 12_000
NOTE = """addEventListener("DOMContentLoaded", () => {
  window.courseReady = {
    elements: document.getElementsByTagName("*").length,
    asked: [location.href, ...performance.getEntriesByType("resource").map((one) => one.name)],
  };
}, {capture: true, once: true})"""


def kilobytes(weights: dict[str, int]) -> float:
    return sum(weights.values()) / 1000


@pytest.mark.parametrize(
    "name",
    [CHAPTERS[0], *(pytest.param(name, marks=pytest.mark.thorough) for name in CHAPTERS[1:])],
)
def test_a_chapter_is_light_and_soon_read(browser, name, address):
    """The whole page, read to its end, counts: what each file weighs when compressed."""
    context = browser.new_context(viewport={"width": 1280, "height": 900})
    responses = []
    # Not the list's own method: Playwright marks a handler with an attribute.
    context.on("response", lambda response: responses.append(response))
    page = context.new_page()
    page.add_init_script(NOTE)
    page.goto(f"{address}{name}.html")
    page.evaluate("scrollTo(0, document.body.scrollHeight)")
    page.wait_for_load_state("networkidle")
    weights = {response.url: len(gzip.compress(response.body(), 6)) for response in responses}
    ready = page.evaluate("window.courseReady")
    context.close()

    assert len(responses) >= 5, "a page has a style and scripts of its own"
    heaviest = sorted(weights.items(), key=lambda item: -item[1])
    assert kilobytes(weights) <= KILOBYTES, heaviest[:8]
    assert len(responses) <= REQUESTS, sorted(weights)

    early = {url: weights[url] for url in ready["asked"] if url in weights}
    assert len(early) >= 5
    assert kilobytes(early) <= EARLY_KILOBYTES, early
    assert len(early) <= EARLY_REQUESTS, sorted(early)
    assert not [url for url in early if "mathjax" in url], "formulas would delay the text"
    assert ready["elements"] <= ELEMENTS
