"""The checks can fail: a page broken on purpose, once for each fault, and a good page that passes.

The page has the parts of the book's own pages, so that nothing here depends on the built book.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import checks
import pytest
from serving import serve

if TYPE_CHECKING:
    from playwright.sync_api import Browser, Page

# They depend on nothing but the checks, so nobody needs them who changes only the course.
pytestmark = pytest.mark.thorough

GOOD = """<!doctype html><html lang="en-GB"><head><meta charset="utf-8"><title>A page</title>
<link rel="icon" href="data:,"><meta name="viewport" content="width=device-width">
<style>
body { color: #1c2733; background: #ffffff; margin: 8px; }
.wide { overflow-x: auto; }
.wide > div { white-space: nowrap; }
summary { padding: 6px; }
.bar { position: fixed; top: 0; left: 100vw; width: 200px; }
</style>
</head><body><main><h1>A page</h1>
<p>Words that stand on white. <code>print("$x$", "\\frac")</code></p>
<p class="math"><mjx-container>x
<mjx-assistive-mml><math><mi>x</mi></math></mjx-assistive-mml></mjx-container></p>
<img src="dot.png" alt="A curve that falls from one to zero">
<svg role="img" aria-label="Three bars, and the last is the highest" width="200" height="60">
<rect width="200" height="60" style="fill: none; stroke: #1d68a3"></rect>
<path d="M0 30H200" style="stroke: #1c2733; stroke-opacity: 0.15; stroke-width: 0.7px"></path>
<text x="9" y="40" style="fill: #1c2733">words</text></svg>
<a href="#there" id="there">A link <svg width="9" height="9"><rect width="9"></rect></svg></a>
<div class="wide" tabindex="0" role="region" aria-label="A wide box"><div>wide {LONG}</div></div>
<div class="bar">A side bar that waits outside</div>
<button id="ask">Ask</button><p role="status" id="verdict"></p>
<label>Number <input></label>
<details><summary>A hint</summary><p>It is this.</p></details>
</main>
<script>
document.querySelector("#ask").onclick = () => {
  document.querySelector("#verdict").textContent = "Right: it is so.";
};
</script></body></html>""".replace("{LONG}", "and wider " * 60)
PIXEL = bytes.fromhex(
    "89504e470d0a1a0a0000000d494844520000000100000001080600000"
    "01f15c4890000000d49444154789c63f8ffff3f0005fe02fea7d605d30000000049454e44ae426082"
)


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Where the page lies."""
    folder = tmp_path_factory.mktemp("page")
    (folder / "dot.png").write_bytes(PIXEL)
    return folder


@pytest.fixture(scope="module")
def watched(browser: Browser, folder: Path) -> Iterator[checks.Watch]:
    """A context for all pages that are opened as files; a new one each time takes longer."""
    context = browser.new_context(viewport={"width": 360, "height": 900}, offline=True)
    yield checks.Watch(context, folder.as_uri() + "/")
    context.close()


@pytest.fixture
def look(
    browser: Browser, folder: Path, watched: checks.Watch
) -> Iterator[Callable[..., tuple[Page, list[str]]]]:
    """Open a page as ``open_page`` does, and return it with everything that is wrong with it."""
    contexts = []

    def open_one(html: str, over: str = "file") -> tuple[Page, list[str]]:
        (folder / "page.html").write_text(html, encoding="utf-8")
        if over == "file":
            watch = watched
            forget(watch)
        else:
            contexts.append(browser.new_context(viewport={"width": 360, "height": 900}))
            watch = checks.Watch(contexts[-1], over)
        page = watch.context.new_page()
        page.goto(f"{watch.own[0]}page.html")
        return page, checks.page_problems(page) + watch.problems()

    yield open_one
    forget(watched)
    for context in contexts:
        context.close()


def forget(watch: checks.Watch) -> None:
    """Close the pages of a watched context, and forget what they did."""
    for page in watch.context.pages:
        page.close()
    for seen in (watch.requested, watch.failed, watch.said, watch.raised):
        seen.clear()


def test_a_good_page_passes(look):
    _, found = look(GOOD)
    assert found == []


SCRIPT = "<script>\ndocument"
# What is broken: the piece of the good page, what stands there instead, what the checks say.
BROKEN = {
    "a picture from outside": (
        'src="dot.png"',
        'src="https://example.org/dot.png"',
        "asks for https://example.org/dot.png",
    ),
    "a script from outside": (
        SCRIPT,
        '<script src="https://cdn.example.org/x.js"></script>' + SCRIPT,
        "asks for https://cdn.example.org/x.js",
    ),
    "a file next to the book": (
        'src="dot.png"',
        'src="../dot.png"',
        "asks for file:///",
    ),
    "a request by a script": (
        SCRIPT,
        '<script>fetch("https://example.org/count").catch(() => {});</script>' + SCRIPT,
        "asks for https://example.org/count",
    ),
    "a connection prepared": (
        "<style>",
        '<link rel="preconnect" href="https://fonts.example.org"><style>',
        "prepares a connection to https://fonts.example.org",
    ),
    "an error in the console": (
        SCRIPT,
        '<script>console.error("it went wrong");</script>' + SCRIPT,
        "logs error: it went wrong",
    ),
    "a warning in the console": (
        SCRIPT,
        '<script>console.warn("it may go wrong");</script>' + SCRIPT,
        "logs warning: it may go wrong",
    ),
    "an exception": (
        SCRIPT,
        "<script>nobody.knows();</script>" + SCRIPT,
        "raises nobody is not defined",
    ),
    "a rejected promise": (
        SCRIPT,
        '<script>Promise.reject(new Error("nobody listens"));</script>' + SCRIPT,
        "raises nobody listens",
    ),
    "a missing file": ('src="dot.png"', 'src="lost.png"', "does not get file:///"),
    "something wide": ("<h1>A", '<h1 style="width: 500px">A', '<h1> "A page" ends at 508 of 360'),
    "a wide page that hides it": (
        "body { color",
        "html { overflow-x: hidden } h1 { white-space: nowrap; width: 700px } body { color",
        '<h1> "A page" ends at 708 of 360',
    ),
    "a wide page without a culprit": (
        "body { color",
        "body::after { content: 'x'; display: block; width: 900px } body { color",
        "the page is 908 wide in a window of 360",
    ),
    "dollars": ("Words that", "Words $x_1$ that", "shows TeX: $x_1$"),
    "dollars around markup": ("Words that", "Words $x<sub>1</sub>$ that", "shows TeX: $x1$"),
    "a formula in brackets": ("Words that", r"Words \(x\) that", r"shows TeX: \(x\)"),
    "a command": ("Words that", r"Words \frac12 that", r"shows TeX: \frac12"),
    "a command in a hint": ("It is this.", r"It is \sqrt2.", r"shows TeX: \sqrt2"),
    "a command in a drawing": (">words<", r">\alpha<", r"shows TeX: \alpha"),
    "dollars for a screen reader": ("A curve that", "A curve $y$ that", "says TeX in alt: $y$"),
    "a formula left alone": (
        "mjx-container",
        "span",
        "does not render x",
    ),
    "a formula that is wrong": (
        "<mjx-container>x",
        "<mjx-container><mjx-merror>oh</mjx-merror>x",
        "renders an error for oh",
    ),
    "a formula that is silent": ("mjx-assistive-mml", "mjx-other", "says nothing for x"),
    "an index in braces": ("Words that", "Words h_{t} that", "shows TeX: h_{t}"),
    "a formula of a slider": (
        "<label>Number <input>",
        '<label>Number <input aria-valuetext="$x$ is 1">',
        "says TeX in aria-valuetext: $x$",
    ),
    "a wide box that cuts off": (
        "<p>Words",
        '<div style="overflow: hidden"><p style="width: 700px">Long</p></div><p>Words',
        '<p> "Long" ends at 708 of 360',
    ),
    "a box that shows its end first": (
        "<p>Words",
        '<div class="wide" style="display: flex; flex-direction: row-reverse">'
        '<p style="flex: none; width: 700px">Long</p></div><p>Words',
        '<p> "Long" begins outside its box',
    ),
    "a box whose beginning is out of reach": (
        "<p>Words",
        '<div class="wide" style="display: flex; justify-content: center">'
        '<p style="flex: none; width: 700px">Long</p></div><p>Words',
        '<p> "Long" begins outside its box',
    ),
    "something beside the page": (
        "<p>Words",
        '<p style="position: relative; left: -200px">Left</p><p>Words',
        '<p> "Left" begins at -192',
    ),
    "the same word again and again": (
        "A curve that falls from one to zero",
        "image image image image image",
        "has no real description",
    ),
    "a faint drawing that a table describes": (
        "<label>Number",
        '<svg aria-hidden="true" width="90" height="40"><path d="M0 9H90" '
        'style="stroke: #eeeeee"></path></svg><label>Number',
        "a line (path, rgb(238, 238, 238), opacity 1.00, 1px) has a contrast of 1.2",
    ),
    "a faint bar": (
        "<label>Number",
        '<ul><li>a <span class="ac-bar" style="display: block; width: 50px; height: 9px; '
        'background: #eeeeee"></span></li></ul><label>Number',
        '<li> "a" has a bar with a contrast below 3',
    ),
    "a light page in the dark": ("<html ", '<html data-theme="dark" ', "the page is light"),
    "no alternative text": (
        ' alt="A curve that falls from one to zero"',
        "",
        "img dot.png has no alternative text",
    ),
    "empty alternative text": (
        'alt="A curve that falls from one to zero"',
        'alt=""',
        "img dot.png has no real description",
    ),
    "a file name for words": (
        "A curve that falls from one to zero",
        "../_images/chapter_4-2.png",
        "img dot.png has a file name for words",
    ),
    "too few words": ("A curve that falls from one to zero", "A plot", 'description: "A plot"'),
    "a drawing without a name": (
        ' aria-label="Three bars, and the last is the highest"',
        "",
        'svg <svg> "words" has no real description',
    ),
    "a drawing that is no picture": (
        'svg role="img"',
        "svg",
        'svg <svg> "words" is neither a picture (role img) nor hidden',
    ),
    "a link with a picture alone": (
        "A link <svg",
        "<svg",
        "is the only content of a control and has no words",
    ),
    "faint words": ("<h1>A", '<h1 style="color: #999999">A', "axe color-contrast: h1"),
    "one faint word of many": (
        "Words that",
        "Words " + "<b>that</b> " * 9 + '<b style="opacity: 0.5">that</b> <b>that</b>',
        "axe color-contrast: b:nth-child(10)",
    ),
    "faint words with a hidden twin": (
        "<p>Words",
        '<p style="color: #dddddd; visibility: hidden">Twin</p><p style="color: #dddddd">Words</p>'
        '<p style="color: #dddddd; visibility: hidden">Twin</p><p>Words',
        "axe color-contrast: p:nth-child(3)",
    ),
    "words made faint twice": (
        "<p>Words",
        '<p style="opacity: 0.75">Once</p><div style="opacity: 0.75"><p style="opacity: 0.75">Two'
        "</p></div><p>Words",
        "axe color-contrast: div:nth-child(3) > p",
    ),
    "words on another ground": (
        "<p>Words",
        '<p>Words</p><p style="background: #5d6773">Words',
        "axe color-contrast: p:nth-child(3)",
    ),
    "faint words in a drawing": (
        '"fill: #1c2733"',
        '"fill: #d06a12"',
        'the text "words" has a contrast of 3.7',
    ),
    "words on a dark bar": (
        "<text",
        '<rect width="90" height="60" style="fill: #333333"></rect><text',
        'the text "words" has a contrast of 1.2',
    ),
    "a faint line": (
        "fill: none; stroke: #1d68a3",
        "fill: none; stroke: #1d68a3; opacity: 0.4",
        "a line (rect, rgb(29, 104, 163), opacity 0.40, 1px) has a contrast of 1.8",
    ),
    "a faint curve": (
        "stroke-opacity: 0.15; stroke-width: 0.7px",
        "stroke-opacity: 0.15; stroke-width: 2px",
        "a line (path, rgb(28, 39, 51), opacity 0.15, 2px) has a contrast of 1.3",
    ),
    "a figure that has not started": (
        "<label>",
        '<figure class="ac-interactive" id="fig-x"><p class="ac-still">x</p></figure><label>',
        '<figure#fig-x> "x" has not started',
    ),
    "a button without a name": (">Ask<", "><", "a button is called ''"),
    "a link that is a sign": ("A link <svg", "# <svg", "a link is called '#'"),
    "a box without a name": ("<label>Number <input></label>", "<input>", "a textbox is called ''"),
    "options without a group's name": (
        "<label>Number <input></label>",
        '<div role="radiogroup"><label><input type="radio"> one</label></div>',
        "a radiogroup is called ''",
    ),
    "two titles": ("<p>Words", "<h3>Deep</h3><p>Words", "axe heading-order: h3"),
    "no language": (' lang="en-GB"', "", "axe html-has-lang"),
    "a box that scrolls out of reach": (
        ' tabindex="0" role="region" aria-label="A wide box"',
        "",
        "axe scrollable-region-focusable: .wide",
    ),
}


@pytest.mark.parametrize("name", BROKEN)
def test_a_broken_page_is_refused_with_the_reason(look, name):
    old, new, reason = BROKEN[name]
    assert GOOD.count(old) >= 1
    _, found = look(GOOD.replace(old, new, 1))
    assert any(reason in sentence for sentence in found), found


def test_a_404_and_what_lies_outside_are_seen_on_a_server(look, folder):
    with serve(folder) as address:
        assert look(GOOD, over=address)[1] == []
        _, found = look(GOOD.replace("dot.png", "lost.png"), over=address)
        assert f"does not get {address}lost.png (404)" in found
        _, found = look(GOOD.replace("dot.png", "http://127.0.0.1:9/dot.png"), over=address)
        assert "asks for http://127.0.0.1:9/dot.png" in found


def test_a_verdict_is_heard(look):
    page, _ = look(GOOD)
    assert checks.announced(page, page.locator("#ask").click) == ["Right: it is so."]
    assert checks.announced(page, page.locator("h1").click) == []


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ('role="status" ', ""),
        ('role="status"', 'role="status" hidden'),
        ('role="status"', 'role="status" aria-hidden="true"'),
        ('role="status"', 'role="status" aria-live="off"'),
        ('role="status"', 'role="status" aria-busy="true"'),
        ('role="status"', 'role="status" inert'),
        # The region arrives with its text.
        (
            'document.querySelector("#verdict").textContent = "Right: it is so.";',
            """document.querySelector("#verdict").outerHTML = "<p role='status'>Right</p>";""",
        ),
    ],
)
def test_a_verdict_that_nobody_hears_is_noticed(look, old, new):
    assert GOOD.count(old) == 1
    page, _ = look(GOOD.replace(old, new))
    assert checks.announced(page, page.locator("#ask").click) == []


@pytest.mark.parametrize(
    ("style", "reason"),
    [
        ("h1 { transition: color 1s }", "<h1> has a transition"),
        ("@keyframes k { to { opacity: 0 } } h1::after { animation: k 2s }", "<h1>::after is anim"),
        ("html { scroll-behavior: smooth }", "<html> scrolls smoothly"),
    ],
)
def test_movement_is_noticed(look, style, reason):
    page, _ = look(GOOD)
    assert checks.movements(page) == []
    page, _ = look(GOOD.replace("<style>", f"<style>{style}"))
    assert any(sentence.startswith(reason) for sentence in checks.movements(page))


@pytest.mark.parametrize(("colour", "faint"), [("#1c2733", False), ("#c4c4c4", True)])
def test_axe_sees_the_part_that_it_is_asked_about(look, colour, faint):
    """What lies beside it is put aside meanwhile, and is there again afterwards."""
    part = f'<div id="part"><p style="color: {colour}">Words to be judged</p></div>'
    beside = '<p id="beside" style="color: #c4c4c4">Words beside it</p>'
    article = f"<article><section>{beside}{part}</section></article></main>"
    page, _ = look(GOOD.replace("</main>", article))
    found = checks.axe_problems(page, "#part")
    assert bool(found) is faint
    assert all("#part" in sentence or "color-contrast" in sentence for sentence in found)
    assert page.locator("#beside").text_content() == "Words beside it"
    assert any("#beside" in sentence for sentence in checks.axe_problems(page))


@pytest.fixture
def run_tests(tmp_path: Path) -> Callable[..., str]:
    """Run one test with our fixtures on a book of one page; gives what pytest printed."""
    here = Path(__file__).parent
    ours = tmp_path / "browser"
    ours.mkdir()
    for name in ("conftest.py", "building.py", "serving.py"):
        shutil.copy(here.parent / name, tmp_path)
    for name in ("conftest.py", "chromium.py", "checks.py", "checks.js", "figure_reading.py"):
        shutil.copy(here / name, ours)
    book = tmp_path / "book"
    book.mkdir()
    (book / "dot.png").write_bytes(PIXEL)
    (ours / "test_one.py").write_text("def test_one(open_page):\n    open_page('index')\n")

    def run(script: str, **environment: str) -> str:
        (book / "index.html").write_text(GOOD.replace("<h1>", f"{script}<h1>"), encoding="utf-8")
        configuration = ("-c", str(here.parents[1] / "pyproject.toml"), "-p", "no:cacheprovider")
        environment = {"ATTENTION_COURSE_SITE": str(book), **environment}
        kept = {
            name: value
            for name, value in os.environ.items()
            if not name.startswith(("ATTENTION_COURSE_", "PYTEST_"))
        }
        return subprocess.run(
            [sys.executable, "-m", "pytest", *configuration, str(tmp_path)],
            capture_output=True,
            text=True,
            timeout=240,
            env={**kept, **environment},
            check=False,
        ).stdout

    return run


def test_a_page_of_the_book_that_is_not_quiet_fails_its_test(run_tests):
    """``open_page`` itself, in a test run of its own, on a book with an error in its console."""
    outcome = run_tests('<script>console.error("oh")</script>')
    assert "1 passed, 1 error" in outcome
    assert "logs error: oh" in outcome
    assert "1 passed in" in run_tests("")


def test_a_skipped_test_fails_where_a_browser_is_required(run_tests, tmp_path):
    test = "import pytest\n\n\ndef test_two(open_page):\n    pytest.skip('too dull')\n"
    (tmp_path / "browser" / "test_two.py").write_text(test, encoding="utf-8")
    assert "1 passed, 1 skipped" in run_tests("")
    assert "1 failed, 1 passed" in run_tests("", ATTENTION_COURSE_BROWSER="1")


def test_without_a_browser_the_tests_are_skipped_or_fail(run_tests):
    outcome = run_tests("", ATTENTION_COURSE_CHROMIUM="no-such-browser")
    assert "1 skipped" in outcome
    assert "there is no Chromium" in outcome
    outcome = run_tests(
        "", ATTENTION_COURSE_CHROMIUM="no-such-browser", ATTENTION_COURSE_BROWSER="1"
    )
    assert "1 error" in outcome
    assert "ATTENTION_COURSE_BROWSER is set, but there is no Chromium" in outcome


@pytest.mark.parametrize(
    ("style", "seen"),
    [
        ("outline: 3px solid #a9520a", True),
        ("outline: none; box-shadow: 0 0 0 3px #a9520a", True),
        ("outline: 1px solid #a9520a", False),
        ("outline: 3px solid #eeeeee", False),
        ("outline: none; box-shadow: 0 0 9px 0 #a9520a", False),
        ("outline: none; background: #f0f0f0", False),
        ("outline: none", False),
    ],
)
def test_a_focus_that_is_hardly_seen_is_no_focus(look, style, seen):
    page, _ = look(GOOD.replace("</style>", f"#ask:focus {{ {style} }}</style>", 1))
    while page.evaluate("document.activeElement.id") != "ask":
        page.keyboard.press("Tab")
    assert bool(checks.faint_focus(page)) is not seen
