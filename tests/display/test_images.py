"""Diagrams: described, safe inside a page, with ids of their own."""

import re
import xml.etree.ElementTree as ElementTree
from pathlib import Path

import pytest

from attention_course.display import images, svg
from attention_course.errors import AssetError

ROOT = Path(__file__).resolve().parents[2]
FILES = sorted((ROOT / "images").glob("*.svg"))

GOOD = """<?xml version="1.0" encoding="UTF-8"?>
<!-- a comment -->
<svg xmlns="http://www.w3.org/2000/svg" xmlns:xlink="http://www.w3.org/1999/xlink"
     viewBox="0 0 700 300" width="700" height="300" role="img" aria-labelledby="t d">
  <title id="t">A box</title>
  <desc id="d">One box with
    an arrow.</desc>
  <defs><marker id="tip" viewBox="0 0 9 9"><path d="M0 0 9 4 0 9z"/></marker>
    <linearGradient id="g"/></defs>
  <path d="M0 0H9" marker-end="url(#tip)" style="fill: url('#g')"/>
  <use href="#tip"/><use xlink:href="#tip"/><text x="1">a &lt; b &amp; “c”</text>
</svg>"""


@pytest.fixture
def drawing(tmp_path):
    def write(text=GOOD, name="box.svg"):
        path = tmp_path / name
        if isinstance(text, bytes):
            path.write_bytes(text)
        else:
            path.write_text(text, encoding="utf-8")
        return path

    return write


@pytest.fixture
def shown(monkeypatch):
    bundles = []
    monkeypatch.setattr("IPython.display.display", lambda data, raw: bundles.append(data))
    svg._times_shown.clear()
    yield bundles
    svg._times_shown.clear()


def ids_in(markup):
    return re.findall(r'\bid="([^"]+)"', markup)


# --- the course's own diagrams ----------------------------------------------------------------


def test_there_are_diagrams():
    assert len(FILES) >= 7


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.stem)
def test_diagram(path, shown):
    images.show_image(path.stem)
    markup = f"<body>{shown[0]['text/html']}</body>"
    description = shown[0]["text/plain"]
    assert len(description.split()) >= 15, "say what is to be seen, in words"
    assert path.stem not in description, "a file name describes nothing"
    ElementTree.fromstring(markup)
    assert "currentColor" in markup, "the diagram must follow the page's text colour"
    assert len(ids_in(markup)) == len(set(ids_in(markup)))


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.stem)
def test_text_is_large_enough(path):
    """At a width of 700 pixels no text is smaller than 14 pixels."""
    root = ElementTree.parse(path).getroot()
    width = float(root.get("viewBox").split()[2])
    sizes = [element.get("font-size") for element in root.iter() if element.get("font-size")]
    assert sizes, "give a font-size in the drawing's own units"
    for size in sizes:
        assert float(size.removesuffix("px")) * 700 / width >= 14, size


# --- what becomes of a drawing ----------------------------------------------------------------


def test_description(drawing):
    markup, description = images.inline_svg(drawing(), "x")
    assert description == "A box. One box with an arrow."
    assert 'role="img"' in markup
    assert 'aria-label="A box. One box with an arrow."' in markup
    assert "labelledby" not in markup
    # The search of a page marks words, and fails in these elements.
    assert "<title" not in markup
    assert "<desc" not in markup


def test_every_id_and_reference_moves_together(drawing):
    markup, _ = images.inline_svg(drawing(), "x")
    assert ids_in(markup) == ["x-tip", "x-g"]
    assert 'marker-end="url(#x-tip)"' in markup
    assert 'style="fill: url(#x-g)"' in markup
    assert '<use href="#x-tip"' in markup
    assert '<use xlink:href="#x-tip"' in markup


def test_text_survives(drawing):
    markup, _ = images.inline_svg(drawing(), "x")
    assert "a &lt; b &amp; “c”" in markup
    assert "<?xml" not in markup
    assert "xmlns:ns" not in markup
    assert "ns0:" not in markup


def test_drawing_scales_with_the_page(drawing):
    markup, _ = images.inline_svg(drawing(), "x")
    root = ElementTree.fromstring(markup.replace("xlink:href", "href"))
    assert root.get("width") == "700"
    assert root.get("height") is None
    assert "max-width: 100%" in root.get("style")


def test_without_trust_its_description_stands_in_its_place(monkeypatch, drawing, shown):
    monkeypatch.setattr(images, "fetch", lambda name: drawing())
    images.show_image("box")
    instead = re.search(r'<p class="ac-untrusted nohighlight">(.*?)</p>', shown[0]["text/html"])
    assert instead[1].startswith("A box. One box with an arrow. ")
    assert "Trust Notebook" in instead[1]


def test_shown_twice(monkeypatch, drawing, shown):
    path = drawing()
    monkeypatch.setattr(images, "fetch", lambda name: path)
    for _ in range(3):
        images.show_image("box")
    ids = [ids_in(bundle["text/html"]) for bundle in shown]
    assert len({name for group in ids for name in group}) == 3 * len(ids[0])
    svg._times_shown.clear()
    images.show_image("box")
    assert shown[3] == shown[0], "a fresh kernel gives the same output"


# --- what is refused --------------------------------------------------------------------------

BODY = "<defs>"
REFUSED = {
    "no title": (GOOD.replace('<title id="t">A box</title>', ""), "<title>"),
    "empty title": (GOOD.replace(">A box<", "> <"), "<title>"),
    "no description": (re.sub(r"<desc.*?</desc>", "", GOOD, flags=re.DOTALL), "<desc>"),
    "no viewBox": (GOOD.replace('viewBox="0 0 700 300"', ""), "viewBox"),
    "viewBox of words": (GOOD.replace("0 0 700 300", "a b c d"), "viewBox"),
    "viewBox of no size": (GOOD.replace("0 0 700 300", "0 0 0 0"), "viewBox"),
    "cut off": (GOOD[:300], "cannot be shown (unclosed"),
    "empty": ("", "cannot be shown (no element"),
    "not SVG": ("<html><title>x</title></html>", "not an SVG"),
    "SVG without its name space": (GOOD.replace(' xmlns="http://www.w3.org/2000/svg"', ""), "SVG"),
    "not UTF-8": (GOOD.encode("utf-16"), "'utf-8' codec"),
    "document type": ('<!DOCTYPE svg [<!ENTITY a "b">]>' + GOOD[38:], "document type"),
    "script": (GOOD.replace(BODY, "<script>alert(1)</script><defs>"), "<script>"),
    "handler": (GOOD.replace(BODY, '<g onclick="x()"/><defs>'), "onclick"),
    "handler on the root": (GOOD.replace("viewBox", 'onload="x()" viewBox', 1), "onload"),
    "style sheet": (GOOD.replace(BODY, "<style>p{}</style><defs>"), "<style>"),
    "HTML inside": (GOOD.replace(BODY, "<foreignObject/><defs>"), "<foreignObject>"),
    "picture from elsewhere": (
        GOOD.replace(BODY, '<image href="https://example.org/a.png"/><defs>'),
        "<image>",
    ),
    "a second title": (GOOD.replace(BODY, "<g><title>x</title></g><defs>"), "<title>"),
    "link": (GOOD.replace(BODY, '<a href="#tip"><g/></a><defs>'), "<a>"),
    "href outside": (
        GOOD.replace('<use href="#tip"/>', '<use href="other.svg#a"/>'),
        "href='other.svg#a'",
    ),
    "javascript": (
        GOOD.replace('xlink:href="#tip"', 'xlink:href="javascript:x()"'),
        "href='javascript:x()'",
    ),
    "paint from elsewhere": (
        GOOD.replace("url(#tip)", "url(https://example.org/a.svg#tip)"),
        "marker-end='url(https://example.org/",
    ),
    "style from elsewhere": (GOOD.replace("url('#g')", "url('//example.org/g')"), "//example.org"),
}


@pytest.mark.parametrize("name", REFUSED)
def test_refused(drawing, name):
    text, words = REFUSED[name]
    assert text != GOOD, "the mutation must change something"
    with pytest.raises(AssetError) as error:
        images.inline_svg(drawing(text), "x")
    message = str(error.value)
    assert message.startswith("images/box.svg ")
    assert words in message
    assert "\n" not in message


def test_unreadable(tmp_path):
    with pytest.raises(AssetError, match="git checkout -- images/x.svg"):
        images.inline_svg(tmp_path / "x.svg", "x")


def test_unknown_name_has_a_suggestion():
    near = FILES[0].stem
    with pytest.raises(AssetError, match=f"did you mean 'images/{near}.svg'"):
        images.show_image(near[:-1])
