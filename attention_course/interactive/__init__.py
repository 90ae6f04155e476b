"""Interactive figures: one shared frame, one script each, everything inside the cell's output.

A figure is a Python function that computes its data with NumPy, draws its first state with
``plots``, and calls ``show``. The reader's browser does the rest: ``figure.js`` builds the frame
and its controls, and the figure's own script, ``NAME.js``, draws. Nothing is loaded and no Python
process is needed, so the same output works in the book, from a file, in JupyterLab and on Colab.
Where scripts are not allowed, as on GitHub, the drawn first state stays in place.

``figure.js`` describes what a figure's script has at hand.
"""

from __future__ import annotations

import html
import json
import re
from collections import Counter
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from attention_course.display.plots import require_description
from attention_course.errors import CourseError

_FOLDER = Path(__file__).parent

_times_shown: Counter[str] = Counter()


class FigureError(CourseError):
    """An interactive figure does not exist or was given something it cannot show."""


def show(
    name: str, data: Mapping[str, Any], *, title: str, instructions: str, picture: str, alt: str
) -> None:
    """Show an interactive figure under the cell.

    Args:
        name: the figure's script without its ending, such as ``"four_words"``.
        data: what the script works on; arrays become nested lists, floats keep every digit.
        title: a few words, the figure's accessible name.
        instructions: one or two sentences that say what to move and what to look for.
        picture: the first state as HTML (``plots.svg``), for places without scripts.
        alt: the same in words, at least a full sentence.

    Raises:
        FigureError: there is no such script, or the data holds something that is not finite.
        PlotError: ``alt`` does not describe the figure.
    """
    from IPython.display import display

    _times_shown[name] += 1
    element = "fig-" + name.replace("_", "-")
    if _times_shown[name] > 1:
        element += f"-{_times_shown[name]}"
    bundle = {
        "text/html": markup(
            name,
            data,
            element=element,
            title=title,
            instructions=instructions,
            picture=picture,
            alt=alt,
        ),
        "text/plain": f"Interactive figure: {title}. {require_description(alt)}",
    }
    display(bundle, raw=True)


def markup(
    name: str,
    data: Mapping[str, Any],
    *,
    element: str,
    title: str,
    instructions: str,
    picture: str,
    alt: str,
) -> str:
    """Return a figure as HTML with its style, data and scripts inside.

    Args:
        name: as for ``show``, and so are all others but this one:
        element: id of the figure, unique in the page.

    Raises:
        FigureError: as ``show``.
        PlotError: as ``show``.
    """
    require_description(alt)
    script = _FOLDER / f"{name}.js"
    if not re.fullmatch(r"[a-z]+(_[a-z]+)*", name) or name == "figure" or not script.is_file():
        known = sorted(path.stem for path in _FOLDER.glob("*.js") if path.stem != "figure")
        raise FigureError(f"There is no interactive figure {name!r}; there are {', '.join(known)}.")
    # Its ids follow from its content, and the same picture may stand in two figures.
    picture = re.sub(r'( id="|url\(#|href="#)', rf"\g<1>{element}-", picture)
    style = (_FOLDER / "figure.css").read_text(encoding="utf-8")
    shared = (_FOLDER / "figure.js").read_text(encoding="utf-8")
    own = script.read_text(encoding="utf-8")
    # The function keeps the names of one figure out of the page and out of another figure.
    code = (
        f'(function () {{\n"use strict";\n{shared}\n{own}\n'
        f"start(document.getElementById({json.dumps(element)}), build, {_json(name, data)});\n"
        "})();"
    ).replace("</", "<\\/")  # nothing may end the script element
    return (
        f'<figure class="ac-interactive" id="{element}" data-figure="{name}" '
        f'aria-labelledby="{element}-title">\n'
        f'<figcaption id="{element}-title">{html.escape(title)}</figcaption>\n'
        f"<p>{html.escape(instructions)}</p>\n"
        f'<div class="ac-still">{picture}\n'
        '<p class="ac-note">This is the first state, as a still picture. Open the page in the '
        "book, or run the cell, to move it.</p></div>\n"
        f"</figure>\n<style>\n{style}</style>\n<script>\n{code}\n</script>"
    )


def _json(name: str, data: Mapping[str, Any]) -> str:
    try:
        text = json.dumps(data, allow_nan=False, default=_plain, separators=(",", ":"))
    except ValueError:
        raise FigureError(
            f"The data of the interactive figure {name!r} holds NaN or an infinite number."
        ) from None
    # Inside a script element, "<!--" has a meaning.
    return text.replace("<", "\\u003c")


def _plain(value: Any) -> Any:
    """Turn a NumPy array or number into Python's own, without rounding."""
    if hasattr(value, "tolist"):
        return value.tolist()
    raise FigureError(f"An interactive figure cannot show a {type(value).__name__}.")
