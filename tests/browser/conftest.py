"""What the browser tests share: the built book, a browser without a network, and opened pages.

A test asks for ``open_page`` and gets a Playwright page. When the test is over, the page must have
asked for nothing outside the book, and its console must be empty.

Environment variables:

* ``ATTENTION_COURSE_BROWSER=1`` makes a missing browser a failure (``.ci/run`` sets it). Without
  it, these tests are skipped where there is no Chromium or no Playwright.
* ``ATTENTION_COURSE_CHROMIUM`` is the path of the browser, if it is not found on the ``PATH``.
* ``ATTENTION_COURSE_SITE`` is a folder with a built book, which is then used as it is.
"""

from __future__ import annotations

import contextlib
import importlib.util
import itertools
import os
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from chromium import FLAGS, find_chromium
from figure_reading import LONE_PAGE
from serving import serve

if TYPE_CHECKING:
    from playwright.sync_api import Browser, BrowserContext, Page, Route

HERE = Path(__file__).resolve().parent
# Generous, for a machine that is busy with other things.
PATIENCE_SECONDS = 90


# --- where there is no browser -------------------------------------------------------------


def why_not() -> str | None:
    """Return why the browser tests cannot run here, or None when they can."""
    if importlib.util.find_spec("playwright") is None:
        return "playwright is not installed; requirements.txt has it"
    if find_chromium() is None:
        return "there is no Chromium; install the package chromium"
    return None


class Unavailable(pytest.Module):
    """Stands for a file of tests that cannot run here."""

    def collect(self):
        if os.environ.get("ATTENTION_COURSE_BROWSER"):
            raise self.CollectError(f"ATTENTION_COURSE_BROWSER is set, but {why_not()}.")
        pytest.skip(f"browser tests: {why_not()}", allow_module_level=True)


def pytest_pycollect_makemodule(module_path: Path, parent: pytest.Collector):
    """Skip every file of this folder, before it is imported, where the tests cannot run."""
    return Unavailable.from_parent(parent, path=module_path) if why_not() else None


def pytest_itemcollected(item: pytest.Item) -> None:
    """Mark every test of this folder."""
    item.add_marker("browser")


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(item: pytest.Item) -> Iterator[None]:
    """Where a browser is required, no test of this folder may be skipped."""
    report = yield
    if report.skipped and os.environ.get("ATTENTION_COURSE_BROWSER"):
        report.outcome = "failed"
        report.longrepr = (
            f"ATTENTION_COURSE_BROWSER is set, but this was skipped: {report.longrepr}"
        )
    return report


@pytest.fixture(scope="session")
def address(site: Path) -> Iterator[str]:
    """The book on loopback HTTP; the address ends with a slash."""
    with serve(site) as found:
        yield found


# --- the browser ---------------------------------------------------------------------------

# Playwright keeps an event loop running in this thread, which would disturb other tests (nbval
# runs kernels with asyncio). So the browser is closed when the worker leaves this folder, and
# started again if it comes back.
_running = contextlib.ExitStack()
_browsers: list[Browser] = []


def start_browser() -> Browser:
    """Return this process's browser, started if it is not running."""
    if not _browsers:
        from playwright.sync_api import sync_playwright

        playwright = _running.enter_context(sync_playwright())
        launched = playwright.chromium.launch(executable_path=find_chromium(), args=list(FLAGS))
        _running.callback(launched.close)
        _browsers.append(launched)
    return _browsers[0]


@pytest.hookimpl(wrapper=True)
def pytest_runtest_teardown(item: pytest.Item, nextitem: pytest.Item | None) -> Iterator[None]:
    """Close the browser after the last test of this folder in a row."""
    yield
    if nextitem is None or HERE not in nextitem.path.parents:
        _browsers.clear()
        _running.close()


@pytest.fixture(scope="module")
def browser() -> Browser:
    """Playwright's Chromium, without a network."""
    return start_browser()


# --- pages ---------------------------------------------------------------------------------


def wait_until_ready(page: Page) -> None:
    """Wait for formulas, quizzes, interactive figures and fonts."""
    from checks import READY

    page.wait_for_function(READY, timeout=1000 * PATIENCE_SECONDS)
    page.evaluate("document.fonts.ready.then(() => 0)")


@contextlib.contextmanager
def watched_contexts(browser: Browser) -> Iterator[Callable[..., BrowserContext]]:
    """Give a function ``(base, **options)`` that opens contexts; in the end, all were quiet.

    ``base`` is the address under which all that the pages of a context need must be found.
    """
    import checks

    opened = []

    def open_context(base: str, **options) -> BrowserContext:
        context = browser.new_context(**options)
        opened.append((context, checks.Watch(context, base)))
        return context

    yield open_context
    problems = []
    for context, watch in opened:
        problems += watch.problems()
        context.close()
    assert problems == []


def without_formulas(route: Route) -> None:
    """Answer a page that asks for MathJax with a script that is ready at once."""
    route.fulfill(body="MathJax.startup = {promise: 0}", content_type="text/javascript")


@contextlib.contextmanager
def page_opener(browser: Browser, request: pytest.FixtureRequest) -> Iterator[Callable[..., Page]]:
    """Give a function that opens pages of the book; in the end, all of them were quiet.

    ``open_one(name, scheme="light", width=1280, over="file", formulas=True, **options)`` loads
    ``name + ".html"`` and waits for formulas, quizzes and figures. ``over="http"`` takes it from a
    server on this machine. Without ``formulas``, which take half the time of a page, MathJax is
    replaced by nothing. ``name`` may end with a query or a fragment: ``search.html?q=mask``.
    """
    site = request.getfixturevalue("site")

    def open_one(
        name: str,
        scheme: str = "light",
        width: int = 1280,
        over: str = "file",
        formulas: bool = True,
        **context_options,
    ) -> Page:
        base = site.as_uri() + "/" if over == "file" else request.getfixturevalue("address")
        options = {
            "viewport": {"width": width, "height": 900},
            "color_scheme": scheme,
            "offline": over == "file",
            # A test that is about movement asks for it; the others need not wait for its end.
            "reduced_motion": "reduce",
        }
        context = open_context(base, **{**options, **context_options})
        context.set_default_timeout(1000 * PATIENCE_SECONDS)
        if not formulas:
            context.route("**/tex-chtml.js", without_formulas)
        page = context.new_page()
        page.goto(base + (name if ".html" in name else f"{name}.html"))
        wait_until_ready(page)
        return page

    with watched_contexts(browser) as open_context:
        yield open_one


@pytest.fixture
def open_page(browser: Browser, request: pytest.FixtureRequest) -> Iterator[Callable[..., Page]]:
    """Open pages for one test, as ``page_opener`` says."""
    with page_opener(browser, request) as open_one:
        yield open_one


@pytest.fixture(scope="module")
def opened(browser: Browser, request: pytest.FixtureRequest) -> Iterator[Page]:
    """A page that is opened once for all tests of a file that ask for it by the same options.

    A test gives the options of ``page_opener``: ``parametrize("opened", [{"name": "index"}],
    indirect=True)``. It may change how the page is shown, and puts back what else it changes.
    """
    with page_opener(browser, request) as open_one:
        yield open_one(**request.param)


@pytest.fixture
def open_alone(browser: Browser, tmp_path: Path) -> Iterator[Callable[..., Page]]:
    """Open a cell's output as the only thing in a page; afterwards, it must have been quiet.

    ``open_alone(html, width=1280, **context_options)`` shows it as an output frame of Colab does:
    without the book's style and scripts.
    """
    number = itertools.count()

    def open_one(html: str, width: int = 1280, **context_options) -> Page:
        path = tmp_path / f"output{next(number)}.html"
        path.write_text(LONE_PAGE.format(html), encoding="utf-8")
        options = {"viewport": {"width": width, "height": 900}, "offline": True}
        page = open_context(path.as_uri(), **{**options, **context_options}).new_page()
        page.goto(path.as_uri())
        if context_options.get("java_script_enabled", True):
            wait_until_ready(page)
        return page

    with watched_contexts(browser) as open_context:
        yield open_one
