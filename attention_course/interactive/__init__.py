"""Interactive figures: one shared frame, one script each, everything inside the cell's output.

A figure is a Python function that computes its data with NumPy, draws its first state with
``plots``, and calls ``show``. The reader's browser does the rest: ``figure.js`` builds the frame
and its controls, ``kit.js`` draws, and the figure's own script, ``NAME.js``, says what. Nothing is
loaded and no Python process is needed, so the same output works in the book, from a file, in
JupyterLab and on Colab. Where scripts are not allowed, the drawn first state stays in place; where
not even SVG is, as in a notebook that is not trusted, its description does.

``figure.js`` and ``kit.js`` describe what a figure's script has at hand: controls, and what shows
data. Colours come from ``display.style``, sentences from ``words``.
"""

from __future__ import annotations

import html
import json
import re
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from attention_course import words
from attention_course.display import style, svg
from attention_course.errors import CourseError
from attention_course.words import tr

if TYPE_CHECKING:
    from matplotlib.figure import Figure

_FOLDER = Path(__file__).parent
_KIT = ("kit.js", "figure.js")


class FigureError(CourseError):
    """An interactive figure does not exist or was given something it cannot show."""


def show(name: str, data: Mapping[str, Any], picture: Figure | str, alt: str, **texts: str) -> None:
    """Show an interactive figure under the cell; arguments and errors are those of ``markup``.

    Args:
        name: the figure's script without its ending, such as ``"four_words"``.
        data: what the script works on; arrays become nested lists, floats keep every digit.
        picture: the first state, for places without scripts.
        alt: the same in words, at least a full sentence.
        **texts: ``title`` and ``instructions``.
    """
    element = svg.numbered("fig-" + name.replace("_", "-"))
    output = markup(name, data, element, svg.svg(picture, alt), alt, **texts)
    svg.display(output, tr("Interactive figure: {title}. {alt}", title=texts["title"], alt=alt))


def markup(
    name: str,
    data: Mapping[str, Any],
    element: str,
    picture: str,
    alt: str,
    *,
    title: str,
    instructions: str,
) -> str:
    """Return a figure as HTML with its style, data and scripts inside.

    Args:
        name: as for ``show``, and so are ``data`` and ``alt``.
        element: id of the figure, unique in the page.
        picture: the first state as HTML.
        title: a few words, the figure's accessible name.
        instructions: one or two sentences that say what to move and what to look for.

    Raises:
        FigureError: there is no such script, or the data holds something that is not finite.
        PlotError: ``alt`` does not describe the figure.
    """
    alt = style.require_description(alt)
    script = _FOLDER / f"{name}.js"
    known = sorted(path.stem for path in _FOLDER.glob("*.js") if path.name not in _KIT)
    if name not in known:
        raise FigureError(
            "There is no interactive figure {name}; there are {known}.",
            name=repr(name),
            known=", ".join(known),
        )
    # Its ids follow from its content, and the same picture may stand in two figures.
    picture = re.sub(r'( id="|url\(#|href="#)', rf"\g<1>{element}-", picture)
    still = tr(
        "This is the first state, as a still picture. Open the page in the book, or run the cell, "
        "to move it."
    )
    still = svg.drawn(f'{picture}\n<p class="ac-note">{html.escape(still)}</p>', alt, "ac-still")
    colours = "".join(f" --ac-{colour}: {value};" for colour, value in style.COLOURS.items())
    css = (_FOLDER / "figure.css").read_text(encoding="utf-8")
    scripts = (Path(words.__file__).with_suffix(".js"), *(_FOLDER / file for file in _KIT), script)
    code = "\n".join(path.read_text(encoding="utf-8") for path in scripts)
    if translated := words.script_words(*_KIT, script.name):
        code = f"const WORDS = {_json(name, translated)};\n{code}"
    # The function keeps the names of one figure out of the page and out of another figure.
    code = (
        f'(function () {{\n"use strict";\n{code}\n'
        f"start({json.dumps(element)}, build, {_json(name, data)});\n}})();"
    ).replace("</", "<\\/")  # nothing may end the script element
    return (
        f'<figure class="ac-interactive" id="{element}" data-figure="{name}">\n'
        f"<figcaption>{html.escape(title)}</figcaption>\n"
        f"<p>{html.escape(instructions)}</p>\n{still}\n</figure>\n"
        f"<style>\n.ac-interactive {{{colours} --ac-strongest: {style.STRONGEST:.0%} }}\n"
        f"{css}</style>\n<script>\n{code}\n</script>"
    )


def _json(name: str, data: Mapping[str, Any]) -> str:
    """Return data as JSON for a script; arrays become lists, without rounding."""
    try:
        text = json.dumps(
            data, allow_nan=False, default=lambda array: array.tolist(), separators=(",", ":")
        )
    except (AttributeError, ValueError) as error:
        infinite = isinstance(error, ValueError)
        raise FigureError(
            "The interactive figure {name} cannot show its data: {reason}.",
            name=repr(name),
            reason=tr("there is NaN or an infinite number among them") if infinite else error,
        ) from None
    # Inside a script element, "<!--" has a meaning.
    return text.replace("<", "\\u003c")
