"""Drawn diagrams, shown as SVG inside the page so that they follow its text colour.

An SVG inside a page shares that page's ids and scripts. So every id is made unique, and a file
that would run a script or load something is refused.
"""

from __future__ import annotations

import re
import xml.etree.ElementTree as ElementTree
from collections import Counter
from pathlib import Path

from attention_course.assets import fetch
from attention_course.errors import AssetError

_SVG = "http://www.w3.org/2000/svg"
_XLINK = "http://www.w3.org/1999/xlink"
_REFUSED = frozenset(
    {"script", "foreignObject", "iframe", "image", "style", "a", "animate", "set", "handler"}
)
_LOCAL_URL = re.compile(r"url\(\s*['\"]?#([^)'\"\s]+)['\"]?\s*\)")
_ID_LISTS = frozenset({"aria-labelledby", "aria-describedby"})

_times_shown: Counter[str] = Counter()


def show_image(name: str) -> None:
    """Show a diagram of the course under the cell.

    Where only text can be shown, the diagram's description stands in its place.

    Args:
        name: Name of the file in ``images/`` without its ending, such as ``"unrolled_rnn"``.

    Raises:
        AssetError: There is no such diagram, it cannot be downloaded, or it is damaged.
    """
    from IPython.display import display

    path = fetch(f"images/{name}.svg")
    prefix = re.sub(r"\W", "-", name)
    if _times_shown[name]:
        prefix += f"-{_times_shown[name] + 1}"
    markup, description = inline_svg(path, prefix)
    _times_shown[name] += 1
    display({"text/html": markup, "text/plain": description}, raw=True)


def inline_svg(path: Path, prefix: str) -> tuple[str, str]:
    """Return a diagram ready to stand inside an HTML page, and its description.

    Args:
        path: An SVG file with a ``viewBox``, a ``<title>`` and a ``<desc>``.
        prefix: Put before every id in it.

    Raises:
        AssetError: The file is damaged, has no description, or holds what may not stand in a
            page: a script, an event handler, a style sheet, or a link to anything outside itself.
    """
    label = f"images/{path.name}"
    root = _parse(path, label)
    texts = {}
    for part in ("title", "desc"):
        element = root.find(f"{{{_SVG}}}{part}")
        texts[part] = " ".join("".join(element.itertext()).split()) if element is not None else ""
        if not texts[part]:
            raise AssetError(
                f"{label} has no <{part}>, so it says nothing to a reader who cannot see it; "
                "write one at its start."
            )
        element.set("id", element.get("id", part))
    size = _size(root, label)
    for element in root.iter():
        _refuse_what_is_unsafe(element, label)
        _prefix_ids(element, prefix)
    labels = " ".join(root.find(f"{{{_SVG}}}{part}").get("id") for part in texts)
    for attribute in ("width", "height", "style"):
        root.attrib.pop(attribute, None)
    root.set("role", "img")
    root.set("aria-labelledby", labels)
    root.set("width", f"{size:g}")
    root.set("style", "display: block; max-width: 100%; height: auto; margin: 1em auto")
    return _serialise(root), f"{texts['title']}. {texts['desc']}"


def _parse(path: Path, label: str) -> ElementTree.Element:
    remedy = f"bring it back with: git checkout -- {label}"
    try:
        text = path.read_text(encoding="utf-8")
        if "<!DOCTYPE" in text or "<!ENTITY" in text:
            raise AssetError(f"{label} declares a document type; remove that declaration.")
        root = ElementTree.fromstring(text)
    except OSError as error:
        raise AssetError(f"{label} cannot be read ({error.strerror}); {remedy}") from error
    except UnicodeDecodeError as error:
        raise AssetError(f"{label} is damaged: it is not UTF-8 text; {remedy}") from error
    except ElementTree.ParseError as error:
        raise AssetError(f"{label} is damaged ({error}); {remedy}") from error
    if root.tag != f"{{{_SVG}}}svg":
        raise AssetError(f"{label} is not an SVG drawing; {remedy}")
    return root


def _size(root: ElementTree.Element, label: str) -> float:
    """Return the width of the drawing in its own units."""
    try:
        _, _, width, height = (float(number) for number in root.get("viewBox", "").split())
    except ValueError:
        width = height = 0.0
    if not (width > 0 and height > 0):
        raise AssetError(f'{label} needs a viewBox="0 0 WIDTH HEIGHT" to be scaled to the page.')
    return width


def _refuse_what_is_unsafe(element: ElementTree.Element, label: str) -> None:
    tag = _local(element.tag)
    if tag in _REFUSED:
        raise AssetError(f"{label} holds <{tag}>, which may not stand inside a page; remove it.")
    for name, value in element.attrib.items():
        key = _local(name)
        if key.startswith("on"):
            raise AssetError(f"{label} holds a script ({key}=...); remove it.")
        outside = key in ("href", "src") and not value.startswith("#")
        loads = "url(" in _LOCAL_URL.sub("", value) or "@import" in value
        if outside or loads:
            raise AssetError(
                f"{label} points to something outside itself ({key}={value[:60]!r}); remove it."
            )


def _prefix_ids(element: ElementTree.Element, prefix: str) -> None:
    for name, value in element.attrib.items():
        key = _local(name)
        if key == "id":
            value = f"{prefix}-{value}"
        elif key == "href":
            value = f"#{prefix}-{value.removeprefix('#')}"
        elif key in _ID_LISTS:
            value = " ".join(f"{prefix}-{part}" for part in value.split())
        else:
            value = _LOCAL_URL.sub(rf"url(#{prefix}-\1)", value)
        element.set(name, value)


def _serialise(root: ElementTree.Element) -> str:
    """Return the drawing as HTML expects it: SVG elements without a name space prefix."""
    for element in root.iter():
        element.tag = _local(element.tag)
        element.attrib = {
            f"xlink:{_local(name)}" if name.startswith(f"{{{_XLINK}}}") else _local(name): value
            for name, value in element.attrib.items()
        }
    return ElementTree.tostring(root, encoding="unicode", short_empty_elements=True).strip()


def _local(name: str) -> str:
    return name.rpartition("}")[2]
