"""A Matplotlib figure as inline SVG, and how a cell's output shows it.

Black is drawn as ``currentColor`` and the background is transparent, so one picture is legible on
a light and on a dark page. The same figure gives the same text: no date, no random ids, coordinates
rounded to 0.01 unit.
"""

from __future__ import annotations

import hashlib
import html
import io
import re
import sys
from collections import Counter
from typing import TYPE_CHECKING

from attention_course.display.style import STYLE, require_description
from attention_course.words import tr

if TYPE_CHECKING:
    from matplotlib.figure import Figure

# A notebook that is not trusted loses SVG, style sheets and empty attributes; what is hidden stays
# hidden in it.
_STYLE = "<style>.ac-untrusted { display: none } .ac-drawn { display: block !important }</style>"

_times_shown: Counter[str] = Counter()


def numbered(name: str, joint: str = "-") -> str:
    """Return an id for a page: the name, with a number from the second time on."""
    _times_shown[name] += 1
    times = _times_shown[name]
    return f"{name}{joint}{times}" if times > 1 else name


def svg(fig: Figure, alt: str) -> str:
    """Return a figure as an ``<svg>`` element to be placed inside a page.

    Args:
        fig: any Matplotlib figure; black in it becomes the page's text colour.
        alt: what is to be seen in it, in words.

    Raises:
        PlotError: when ``alt`` does not describe the figure.
    """
    import matplotlib

    alt = require_description(alt)
    buffer = io.StringIO()
    with matplotlib.rc_context({key: STYLE[key] for key in ("svg.fonttype", "svg.hashsalt")}):
        fig.savefig(buffer, format="svg", transparent=True, metadata={"Date": None})
    return _for_a_page(buffer.getvalue(), alt)


def show(fig: Figure, alt: str) -> None:
    """Display a figure in the notebook and close it; the arguments and errors are those of ``svg``.

    The output holds ``text/html`` (inline SVG) and ``text/plain`` (the description).
    """
    alt = require_description(alt)
    display(drawn(svg(fig, alt), alt, "ac-plot"), alt)
    if "matplotlib.pyplot" in sys.modules:
        sys.modules["matplotlib.pyplot"].close(fig)


def drawn(drawing: str, alt: str, kind: str) -> str:
    """Return HTML that shows a drawing, or its description where a notebook is not trusted.

    JupyterLab takes SVG out of such a notebook, and would leave the words of the drawing behind.
    The book's search marks nothing in what is ``nohighlight``.

    Args:
        drawing: the ``<svg>`` element, with what belongs to it.
        alt: what is to be seen in it, in words.
        kind: the CSS class of the box around it.
    """
    remedy = tr(
        "The picture itself is left out, because this notebook is not trusted here: run the cell, "
        "or choose “Trust Notebook” from JupyterLab's command palette."
    )
    # The book leaves the remedy out (book/pages.py).
    return (
        f'{_STYLE}<p class="ac-untrusted nohighlight">{html.escape(alt, quote=False)} '
        f'<span class="ac-remedy">{remedy}</span></p>'
        f'<div class="{kind} ac-drawn" hidden="hidden">{drawing}</div>'
    )


def display(markup: str, plain: str) -> None:
    """Show HTML under the cell, or its words where only text can be shown."""
    from IPython.display import display as show_bundle

    show_bundle({"text/html": markup, "text/plain": plain}, raw=True)


def _for_a_page(text: str, alt: str) -> str:
    """Turn Matplotlib's SVG file into an element that is safe to place in a page."""
    text = text[text.index("<svg") :]
    text = re.sub(r"<metadata>.*?</metadata>", "", text, flags=re.DOTALL)
    # Matplotlib's <style> holds a rule for *, which would restyle the whole page.
    text = re.sub(r"<defs>\s*<style.*?</style>\s*</defs>", "", text, flags=re.DOTALL)
    text = re.sub(r"<!--.*?-->", "", text, flags=re.DOTALL)
    width, height = re.search(r'viewBox="0 0 ([\d.]+) ([\d.]+)"', text).groups()
    # Label text is protected: only markup may be rewritten.
    body = re.sub(r"<[^>]*>", lambda tag: _tidy(tag[0]), text[text.index(">") + 1 :])
    body = _own_ids(re.sub(r"\s*\n\s*", "\n", body).strip())
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" xmlns:xlink="http://www.w3.org/1999/xlink" '
        f'viewBox="0 0 {width} {height}" role="img" aria-label="{html.escape(alt)}" '
        f'fill="currentColor" stroke-linejoin="round" stroke-linecap="butt" '
        f'style="width:100%;max-width:{float(width) * 1.45:.0f}px;height:auto;'
        f'background:transparent;overflow:visible">\n{body}'
    )


def _tidy(tag: str) -> str:
    tag = tag.replace("#000000", "currentColor")
    tag = re.sub(r"'DejaVu Sans'[^;\"]*", "system-ui, sans-serif", tag)
    tag = re.sub(r' transform="rotate\(-0 [^"]*\)"', "", tag)
    if "matrix(" in tag or "scale(" in tag or "base64" in tag:
        return tag
    return re.sub(
        r'\b(d|x|y|transform)="([^"]*)"',
        lambda match: f'{match[1]}="{_rounded(match[2])}"',
        tag,
    )


def _rounded(coordinates: str) -> str:
    numbers = re.sub(
        r"-?[0-9]+[.][0-9]+", lambda number: f"{round(float(number[0]), 2) + 0:g}", coordinates
    )
    return " ".join(numbers.split())


def _own_ids(body: str) -> str:
    """Keep only ids that are referred to, made unique to this figure's content."""
    used = set(re.findall(r"(?:url\(#|href=\"#)([^\")]+)", body))
    mark = hashlib.sha256(body.encode()).hexdigest()[:8]
    names = {name: f"ac{mark}-{index}" for index, name in enumerate(sorted(used))}

    def rename(match: re.Match[str]) -> str:
        return f' id="{names[match[1]]}"' if match[1] in names else ""

    body = re.sub(r' id="([^"]*)"', rename, body)
    return re.sub(r"(url\(#|href=\"#)([^\")]+)", lambda match: match[1] + names[match[2]], body)
