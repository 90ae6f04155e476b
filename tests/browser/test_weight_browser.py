"""How heavy a chapter is, and how soon it can be read. Measured over HTTP on this machine."""

from __future__ import annotations

import gzip
from statistics import median

import pytest
from test_pages_browser import CHAPTERS

KILOBYTES = 900
REQUESTS = 40
MILLISECONDS = 700
# Another program may keep the processor busy, so a slow measurement is repeated.
ROUNDS = 3


@pytest.mark.parametrize("name", CHAPTERS)
def test_a_chapter_is_light(browser, name, address):
    """The whole page, read to its end, counts: what each file weighs when compressed."""
    context = browser.new_context(viewport={"width": 1280, "height": 900})
    responses = []
    # Not the list's own method: Playwright marks a handler with an attribute.
    context.on("response", lambda response: responses.append(response))
    page = context.new_page()
    page.goto(f"{address}{name}.html")
    page.evaluate("scrollTo(0, document.body.scrollHeight)")
    page.wait_for_load_state("networkidle")
    weights = {
        response.url.removeprefix(address): len(gzip.compress(response.body(), 6))
        for response in responses
    }
    context.close()
    assert len(responses) >= 5, "a page has a style and scripts of its own"
    heaviest = sorted(weights.items(), key=lambda item: -item[1])
    assert sum(weights.values()) <= 1000 * KILOBYTES, heaviest[:8]
    assert len(responses) <= REQUESTS, sorted(weights)


def milliseconds(browser, url: str) -> float:
    """From the start of the navigation until the document is ready, with an empty cache."""
    context = browser.new_context(viewport={"width": 1280, "height": 900})
    page = context.new_page()
    page.goto(url, wait_until="domcontentloaded")
    ready = "performance.getEntriesByType('navigation')[0].domContentLoadedEventEnd"
    found = page.wait_for_function(ready).json_value()  # 0 until then
    context.close()
    return found


def is_ready_soon(browser, url: str) -> bool:
    """Whether the median of five loads is within the limit, decided by the first three if alike."""
    times = [milliseconds(browser, url) for _ in range(3)]
    if min(times) <= MILLISECONDS < max(times):
        times += [milliseconds(browser, url) for _ in range(2)]
    return median(times) <= MILLISECONDS


@pytest.mark.quiet
def test_a_chapter_is_ready_soon(browser, address):
    slow = list(CHAPTERS)
    for _ in range(ROUNDS):
        slow = [name for name in slow if not is_ready_soon(browser, f"{address}{name}.html")]
    assert slow == []
