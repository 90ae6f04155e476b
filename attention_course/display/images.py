"""Drawn diagrams, shown as SVG inside the page so that they follow its text colour.

An SVG inside a page shares that page's ids and scripts. So every id is made unique, and a file
that would run a script or load something is refused.
"""

from __future__ import annotations

import re
import xml.etree.ElementTree as ElementTree
from pathlib import Path

from attention_course.assets import fetch
from attention_course.display import svg
from attention_course.errors import AssetError
from attention_course.words import tr

_SVG = "http://www.w3.org/2000/svg"
# HTML knows elements of SVG without a prefix, and the attribute xlink:href with it.
ElementTree.register_namespace("", _SVG)
ElementTree.register_namespace("xlink", "http://www.w3.org/1999/xlink")
_REFUSED = frozenset(
    {"script", "foreignObject", "iframe", "image", "style", "a", "animate", "set", "handler"}
    # In a page, hits of its search cannot be marked in these.
    | {"title", "desc"}
)
_LOCAL_URL = re.compile(r"url\(\s*['\"]?#([^)'\"\s]+)['\"]?\s*\)")


def show_image(name: str) -> None:
    """Show a diagram of the course under the cell.

    Where only text can be shown, the diagram's description stands in its place.

    Args:
        name: Name of the file in ``images/`` without its ending, such as ``"unrolled_rnn"``.

    Raises:
        AssetError: There is no such diagram, it cannot be downloaded, or it is damaged.
    """
    path = fetch(f"images/{name}.svg")
    markup, description = inline_svg(path, svg.numbered(re.sub(r"\W", "-", name)))
    svg.display(svg.drawn(markup, description, "ac-plot"), description)


def inline_svg(path: Path, prefix: str) -> tuple[str, str]:
    """Return a diagram ready to stand inside an HTML page, and its description.

    The description becomes an attribute: the book's search marks words in elements, and cannot
    draw a mark in a ``<title>`` or ``<desc>``.

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
                "{file} has no <{part}>, so it says nothing to a reader who cannot see it; "
                "write one at its start.",
                file=label,
                part=part,
            )
        root.remove(element)
    size = re.fullmatch(r"0 0 ([1-9][\d.]*) [1-9][\d.]*", root.get("viewBox", ""))
    if not size:
        wanted = 'viewBox="0 0 WIDTH HEIGHT"'
        raise AssetError(
            "{file} needs a {wanted} to be scaled to the page.", file=label, wanted=wanted
        )
    for element in root.iter():
        _refuse_what_is_unsafe(element, label)
        _prefix_ids(element, prefix)
    description = f"{texts['title']}. {texts['desc']}"
    for attribute in ("width", "height", "style", "aria-labelledby"):
        root.attrib.pop(attribute, None)
    look = "display: block; max-width: 100%; height: auto; margin: 1em auto"
    root.attrib |= {"role": "img", "aria-label": description, "width": size[1], "style": look}
    return ElementTree.tostring(root, encoding="unicode").strip(), description


def _parse(path: Path, label: str) -> ElementTree.Element:
    try:
        text = path.read_text(encoding="utf-8")
        if "<!DOCTYPE" in text or "<!ENTITY" in text:
            raise ValueError(tr("it declares a document type"))
        root = ElementTree.fromstring(text)
        if root.tag != f"{{{_SVG}}}svg":
            raise ValueError(tr("it is not an SVG drawing"))
    except (OSError, ValueError, ElementTree.ParseError) as error:
        raise AssetError(
            "{file} cannot be shown ({problem}); bring it back with: git checkout -- {file}",
            file=label,
            problem=getattr(error, "strerror", error),
        ) from error
    return root


def _refuse_what_is_unsafe(element: ElementTree.Element, label: str) -> None:
    tag = _local(element.tag)
    unsafe = [f"<{tag}>"] if tag in _REFUSED else []
    for name, value in element.attrib.items():
        key = _local(name)
        outside = key in ("href", "src") and not value.startswith("#")
        loads = "url(" in _LOCAL_URL.sub("", value) or "@import" in value
        if key.startswith("on") or outside or loads:
            unsafe.append(f"{key}={value[:60]!r}")
    if unsafe:
        raise AssetError(
            "{file} holds {what}, which may not stand inside a page: it could run a script, or "
            "point to something outside of the drawing. Remove it.",
            file=label,
            what=unsafe[0],
        )


def _prefix_ids(element: ElementTree.Element, prefix: str) -> None:
    for name, value in element.attrib.items():
        key = _local(name)
        if key == "id":
            value = f"{prefix}-{value}"
        elif key == "href":
            value = f"#{prefix}-{value.removeprefix('#')}"
        else:
            value = _LOCAL_URL.sub(rf"url(#{prefix}-\1)", value)
        element.set(name, value)


def _local(name: str) -> str:
    return name.rpartition("}")[2]
