"""Firefox for the tests: one for each file, and a page of the book that must have been quiet."""

import os
from collections.abc import Callable, Iterator
from pathlib import Path

import bidi
import pytest
from checks import READY
from serving import serve


def pytest_itemcollected(item: pytest.Item) -> None:
    """Mark every test of this folder; they take minutes, so they are for ``.ci/run``."""
    item.add_marker("browser")
    item.add_marker("thorough")


@pytest.fixture(scope="module")
def firefox(tmp_path_factory: pytest.TempPathFactory) -> Iterator[bidi.Firefox]:
    """A running Firefox."""
    if bidi.find_firefox() is None:
        message = "there is no Firefox; install the package firefox-esr"
        (pytest.fail if os.environ.get("ATTENTION_COURSE_BROWSER") else pytest.skip)(message)
    running = bidi.Firefox(tmp_path_factory.mktemp("firefox"))
    yield running
    running.close()


@pytest.fixture(scope="module")
def address(site: Path) -> Iterator[str]:
    """The book on loopback HTTP; the address ends with a slash."""
    with serve(site) as found:
        yield found


@pytest.fixture
def open_page(
    firefox: bidi.Firefox, site: Path, request: pytest.FixtureRequest
) -> Iterator[Callable[..., bidi.Firefox]]:
    """Open a page of the book; nothing from outside is asked for, and the console is empty.

    ``open_page(name, over="file")`` loads ``name + ".html"``; ``over="http"``, from a server.
    """
    base = ""

    def open_one(name: str, over: str = "file") -> bidi.Firefox:
        nonlocal base
        base = site.as_uri() + "/" if over == "file" else request.getfixturevalue("address")
        firefox.open(base + (name if ".html" in name else f"{name}.html"))
        firefox.wait_for(READY)
        firefox.ask("() => document.fonts.ready.then(() => 0)")
        return firefox

    yield open_one
    firefox.ask("() => 0")  # messages that are under way arrive before the answer
    outside = [url for url in firefox.asked if not url.startswith((base, "data:", "blob:"))]
    assert outside == []
    assert firefox.problems == []
