"""The course's one style of drawing: colours, dashes, markers, and a figure to draw on.

A weight is shown by the *opacity* of one hue (blue for positive, orange for negative values): the
more weight, the more colour, on any background. Lines and bars differ in dash, marker or hatching
too, never by colour alone.

Matplotlib is imported inside the functions, so that importing this module stays light.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from attention_course.errors import CourseError

if TYPE_CHECKING:
    from matplotlib.figure import Figure

# Each has a contrast of at least 3 with white and with #121212; see tests/display/test_plots.py.
COLOURS: dict[str, str] = {
    "blue": "#2b83c6",
    "orange": "#d06a12",
    "green": "#158a69",
    "purple": "#9a67c9",
    "red": "#d8435e",
    "grey": "#7c858f",
}
DASHES = ("-", "--", "-.", ":", (0, (6, 1.5, 1, 1.5, 1, 1.5)), (0, (1, 2.5)))
MARKERS = ("o", "s", "^", "D", "v", "P")
HATCHES = ("", "//", "..", "\\\\", "x", "+")

# Opacity of the largest weight. Below 1 so that a number printed on it in the page's text colour
# keeps a contrast of at least 4.5, on a light and on a dark page.
STRONGEST = 0.64

STYLE: dict[str, Any] = {
    "font.family": "sans-serif",
    "font.size": 11.5,
    "axes.titlesize": 12,
    "axes.titleweight": "bold",
    "axes.labelsize": 11.5,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.linewidth": 0.9,
    "axes.axisbelow": True,
    "axes.facecolor": "none",
    "axes.grid": True,
    "grid.color": "black",
    "grid.alpha": 0.15,
    "grid.linewidth": 0.7,
    "xtick.labelsize": 10.5,
    "ytick.labelsize": 10.5,
    "legend.fontsize": 10.5,
    "legend.frameon": False,
    "legend.handlelength": 2.6,
    "lines.linewidth": 2.0,
    "lines.markersize": 5.5,
    "figure.facecolor": "none",
    "savefig.facecolor": "none",
    "figure.constrained_layout.use": True,
    "hatch.linewidth": 0.7,
    "svg.fonttype": "none",
    "svg.hashsalt": "attention-course",
}


class PlotError(CourseError, ValueError):
    """A figure has no description, or its labels and its data do not fit together."""


def require_description(text: object, name: str = "alt") -> str:
    """Return ``text`` on one line when it can serve a reader who does not see the figure.

    A text of fewer than four words, as a file name is, raises ``PlotError``, which calls it
    ``name``.
    """
    words = text.split() if isinstance(text, str) else []
    if len(words) < 4:
        raise PlotError(
            "{name}={text} does not describe the figure: write a sentence saying what is seen "
            "in it.",
            name=name,
            text=repr(text),
        )
    return " ".join(words)


def numbers(values: Any, count: int, name: str) -> np.ndarray:
    """Return values as an array ``(count,)``; ``PlotError`` where they are more or fewer."""
    array = np.asarray(values, dtype=float)
    if array.shape != (count,):
        raise PlotError(
            "“{name}” needs one number for each of {count} places, but has the shape {shape}.",
            name=name,
            count=count,
            shape=array.shape,
        )
    return array


def figure(
    width: float = 5.6, height: float = 3.4, rows: int = 1, columns: int = 1, **options: Any
) -> tuple[Figure, Any]:
    """Start a figure in the course's style.

    Matplotlib reads part of its settings only when a tick or a legend is made, so the style is
    set for the whole session, not for this call.

    Args:
        width, height: inches; one inch becomes 72 units of the SVG's viewBox.
        rows, columns: panels above each other and beside each other.
        **options: passed to ``Figure.subplots`` (``sharey=True``, for example).

    Returns:
        The figure and its axes: one ``Axes``, or an array of them when there are several panels.
    """
    import matplotlib
    from matplotlib.figure import Figure

    matplotlib.rcParams.update(STYLE)
    matplotlib.rcParams["axes.prop_cycle"] = matplotlib.cycler(color=list(COLOURS.values()))
    fig = Figure(figsize=(width, height), layout="constrained")
    return fig, fig.subplots(rows, columns, **options)


def line_style(index: int) -> dict[str, Any]:
    """Colour, dash and marker of the ``index``-th line of a figure."""
    return {
        "color": list(COLOURS.values())[index % len(COLOURS)],
        "linestyle": DASHES[index % len(DASHES)],
        "marker": MARKERS[index % len(MARKERS)],
    }


def largest(values: np.ndarray) -> float:
    """Return the absolute value that the strongest colour stands for; 1 where there is none."""
    finite = np.abs(values[np.isfinite(values)])
    return float(finite.max()) if finite.size and finite.max() > 0 else 1.0
