"""The course's one plotting style: inline SVG that follows the page's text colour.

Every figure carries a description in words. Black is drawn as ``currentColor`` and the background
is transparent, so one picture is legible on a light and on a dark page. A weight is shown by the
*opacity* of one hue (blue for positive, orange for negative values): the more weight, the more
colour, on any background. Lines and bars differ in dash, marker or hatching too, never by colour
alone.

Attention matrices are always drawn with queries as rows and keys as columns.

Matplotlib is imported inside the functions, so that importing this module stays light.
"""

from __future__ import annotations

import hashlib
import html
import io
import re
import textwrap
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from attention_course.errors import CourseError

if TYPE_CHECKING:
    from matplotlib.axes import Axes
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

# More cells than this are drawn as one embedded image: a vector file would be slow to show.
VECTOR_CELLS = 1_600
MARKED_POINTS = 30
LABELLED_POINTS = 10
NUMBERED_TOKENS = 30

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
    """Return ``text`` stripped when it can serve a reader who does not see the figure.

    Args:
        text: what the figure shows, in words.
        name: the argument's name, for the message.

    Raises:
        PlotError: when ``text`` is empty, looks like a file name, or has fewer than four words.
    """
    if not isinstance(text, str) or not text.strip():
        raise PlotError(
            f"The figure has no description: pass {name}= a sentence saying what is seen."
        )
    text = " ".join(text.split())
    file_like = re.search(r"\.(png|svg|jpe?g|gif|webp|pdf)$", text, re.IGNORECASE)
    if file_like or len(text.split()) < 4:
        raise PlotError(
            f"{name}={text!r} does not describe the figure: "
            "write a sentence saying what is seen in it."
        )
    return text


def figure(
    width: float = 5.6, height: float = 3.4, rows: int = 1, columns: int = 1, **options: Any
) -> tuple[Figure, Any]:
    """Start a figure in the course's style.

    Matplotlib reads part of its settings only when a tick or a legend is made, so the style is
    set for the whole session, not for this call.

    Args:
        width: inches; one inch becomes 72 units of the SVG's viewBox.
        height: inches.
        rows: panels above each other.
        columns: panels beside each other.
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


def svg(fig: Figure, alt: str) -> str:
    """Return a figure as an ``<svg>`` element to be placed inside a page.

    The same figure gives the same text: no date, no random ids, coordinates rounded to 0.01 unit.

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
    """Display a figure in the notebook and close it.

    The output holds ``text/html`` (inline SVG) and ``text/plain`` (the description).

    Args:
        fig: any Matplotlib figure.
        alt: what is to be seen in it, in words.

    Raises:
        PlotError: when ``alt`` does not describe the figure.
    """
    import sys

    drawing = svg(fig, alt)
    if "matplotlib.pyplot" in sys.modules:
        sys.modules["matplotlib.pyplot"].close(fig)
    _display(f'<div class="ac-plot">{drawing}</div>', require_description(alt))


def heatmap(
    weights: Any,
    queries: Sequence[str] | None,
    keys: Sequence[str] | None,
    title: str = "",
    alt: str = "",
    **options: Any,
) -> None:
    """Show one matrix of weights or scores: queries are rows, keys are columns.

    Args:
        weights: array of shape (T_q, T_k). NaN is drawn as a hatched cell.
        queries: the tokens of the rows; None numbers them from 0.
        keys: the tokens of the columns; None numbers them from 0.
        title: heading of the figure, may be empty.
        alt: what is to be seen, in words.
        **options: as in :func:`draw_heatmap`.

    Raises:
        PlotError: when shapes and labels differ or ``alt`` does not describe the figure.
    """
    heatmaps([weights], queries, keys, [title], alt, **options)


def heatmaps(
    matrices: Sequence[Any],
    queries: Sequence[str] | None,
    keys: Sequence[str] | None,
    titles: Sequence[str],
    alt: str = "",
    columns: int | None = None,
    **options: Any,
) -> None:
    """Show several matrices of one shape side by side, for example the heads of one layer.

    Args:
        matrices: arrays of shape (T_q, T_k), all of one shape; one colour scale serves all.
        queries: the tokens of the rows; None numbers them from 0.
        keys: the tokens of the columns; None numbers them from 0.
        titles: one heading per matrix.
        alt: what is to be seen, in words.
        columns: panels per row (default: at most 2).
        **options: as in :func:`draw_heatmap`.

    Raises:
        PlotError: when shapes and labels differ or ``alt`` does not describe the figure.
    """
    require_description(alt)
    matrices = [_matrix(matrix) for matrix in matrices]
    if not matrices or len({matrix.shape for matrix in matrices}) != 1:
        raise PlotError("Draw matrices of one shape together, and at least one.")
    if len(titles) != len(matrices):
        raise PlotError(f"There are {len(matrices)} matrices but {len(titles)} titles.")
    columns = columns or min(2, len(matrices))
    rows = -(-len(matrices) // columns)
    panel_width, panel_height = _panel_size(matrices[0].shape, columns, queries)
    # A title wider than its panel would be cut off on a narrow screen.
    titles = [textwrap.fill(title, max(12, int(panel_width / 0.115))) for title in titles]
    panel_height += 0.2 * max(title.count("\n") for title in titles)
    fig, axes = figure(panel_width * columns, panel_height * rows, rows, columns, squeeze=False)
    options.setdefault("limit", _largest(np.stack(matrices)))
    meshes = [
        draw_heatmap(ax, matrix, queries, keys, title, **options)
        for ax, matrix, title in zip(axes.flat, matrices, titles, strict=False)
    ]
    for ax in list(axes.flat)[len(matrices) :]:
        ax.set_axis_off()
    if not _is_annotated(matrices[0], options.get("annotate")):
        bar = fig.colorbar(meshes[0], ax=axes, shrink=0.8, aspect=18, pad=0.02)
        bar.outline.set_visible(False)
        bar.solids.set_edgecolor("none")
    show(fig, alt)


def draw_heatmap(
    ax: Axes,
    weights: Any,
    queries: Sequence[str] | None = None,
    keys: Sequence[str] | None = None,
    title: str = "",
    annotate: bool | None = None,
    limit: float | None = None,
    digits: int = 2,
    query_label: str = "queries",
    key_label: str = "keys",
) -> Any:
    """Draw one matrix on given axes.

    Args:
        ax: axes made by :func:`figure`.
        weights: array of shape (T_q, T_k).
        queries: the tokens of the rows; None numbers them from 0.
        keys: the tokens of the columns; None numbers them from 0.
        title: heading of the panel.
        annotate: print the number in each cell; None does so for at most 10 by 10 cells.
        limit: the absolute value shown by the strongest colour; None takes the largest present.
        digits: decimals of the printed numbers.
        query_label: name of the rows' axis.
        key_label: name of the columns' axis.

    Returns:
        The mesh, for a colour bar.

    Raises:
        PlotError: when the matrix is not two-dimensional or the labels do not fit it.
    """
    matrix = _matrix(weights)
    limit = limit or _largest(matrix)
    annotate = _is_annotated(matrix, annotate)
    rows, columns = matrix.shape
    colours = _opacity_map(bool(np.nanmin(matrix, initial=0.0) < 0), STRONGEST if annotate else 1)
    low = -limit if np.nanmin(matrix, initial=0.0) < 0 else 0.0
    shown = np.ma.masked_invalid(matrix)
    if matrix.size <= VECTOR_CELLS:
        edges = {"edgecolors": (0, 0, 0, 0.25), "linewidth": 0.6} if matrix.size <= 400 else {}
        mesh = ax.pcolormesh(shown, cmap=colours, vmin=low, vmax=limit, **edges)
    else:
        mesh = ax.imshow(
            shown,
            cmap=colours,
            vmin=low,
            vmax=limit,
            aspect="auto",
            interpolation="nearest",
            extent=(0, columns, rows, 0),
        )
    ax.set(xlim=(0, columns), ylim=(rows, 0))
    _hatch_missing(ax, matrix)
    if annotate:
        for (row, column), value in np.ndenumerate(matrix):
            text = "NaN" if np.isnan(value) else f"{value:.{digits}f}"
            ax.text(column + 0.5, row + 0.5, text, ha="center", va="center", fontsize=10.5)
    _label_cells(ax, queries, keys, rows, columns)
    ax.set_xlabel(key_label)
    ax.set_ylabel(query_label)
    ax.xaxis.set_label_position("top")
    if title:
        ax.set_title(title, pad=8)
    return mesh


def lines(
    x: Any,
    series: Mapping[str, Any],
    xlabel: str,
    ylabel: str,
    alt: str,
    bands: Mapping[str, tuple[Any, Any]] | None = None,
    *,
    title: str = "",
    reference: Mapping[str, float] | None = None,
    xscale: str = "linear",
    yscale: str = "linear",
    xlim: tuple[float, float] | None = None,
    ylim: tuple[float, float] | None = None,
    legend: str = "best",
    height: float = 3.4,
) -> None:
    """Show one or more lines over a common axis, each with its own dash and marker.

    Args:
        x: positions, shape (n,).
        series: label -> values of shape (n,). Equal labels in ``bands`` give the shaded interval.
        xlabel: name of the horizontal axis, with its unit where there is one.
        ylabel: name of the vertical axis, likewise.
        alt: what is to be seen, in words.
        bands: label -> (lower, upper), each of shape (n,).
        title: heading, may be empty.
        reference: label -> height of a thin horizontal line (a baseline, for example).
        xscale: "linear", "log" or "symlog".
        yscale: likewise.
        xlim: limits of the horizontal axis.
        ylim: limits of the vertical axis.
        legend: Matplotlib's legend location.
        height: inches.

    Raises:
        PlotError: when lengths differ, a label is unknown or ``alt`` does not describe the figure.
    """
    require_description(alt)
    x = np.asarray(x)
    unknown = set(bands or {}) - set(series)
    if unknown:
        raise PlotError(f"bands names {sorted(unknown)}, which is no line of the figure.")
    fig, ax = figure(height=height)
    for index, (label, values) in enumerate(series.items()):
        values = np.asarray(values, dtype=float)
        if values.shape != x.shape:
            raise PlotError(f"Line {label!r} has shape {values.shape}, but x has shape {x.shape}.")
        style = line_style(index)
        if x.size > MARKED_POINTS:
            style["markevery"] = max(1, x.size // 10)
        ax.plot(x, values, label=label, **style)
        if bands and label in bands:
            low, high = (np.asarray(side, dtype=float) for side in bands[label])
            ax.fill_between(x, low, high, color=style["color"], alpha=0.18, linewidth=0)
    for index, (label, level) in enumerate((reference or {}).items()):
        dash = DASHES[(index + 3) % len(DASHES)]
        ax.axhline(level, color="black", linewidth=1.1, linestyle=dash, label=label)
    ax.set(xlabel=xlabel, ylabel=ylabel, title=title, xscale=xscale, yscale=yscale)
    if xscale == "log" and x.size <= LABELLED_POINTS:
        # The values measured say more than powers of ten.
        ax.set_xticks(x, [f"{value:.3g}" for value in x])
        ax.minorticks_off()
    if xlim:
        ax.set_xlim(xlim)
    if ylim:
        ax.set_ylim(ylim)
    if len(series) + len(reference or {}) > 1:
        ax.legend(loc=legend)
    show(fig, alt)


def bars(
    labels: Sequence[str],
    values: Any,
    xlabel: str,
    ylabel: str,
    alt: str,
    errors: Any = None,
    *,
    title: str = "",
    reference: Mapping[str, float] | None = None,
    horizontal: bool = False,
    ylim: tuple[float, float] | None = None,
    height: float = 3.4,
) -> None:
    """Show bars, one series or several beside each other (then with different hatching).

    Args:
        labels: one per bar.
        values: shape (n,), or a mapping of series label -> (n,).
        xlabel: name of the axis with the labels.
        ylabel: name of the axis with the values.
        alt: what is to be seen, in words.
        errors: half-widths of the intervals, in the same form as ``values``; or (2, n) distances
            below and above.
        title: heading, may be empty.
        reference: label -> a thin line at that value (a baseline, for example).
        horizontal: bars lie down: better for long labels.
        ylim: limits of the values.
        height: inches.

    Raises:
        PlotError: when lengths differ or ``alt`` does not describe the figure.
    """
    require_description(alt)
    groups = dict(values) if isinstance(values, Mapping) else {"": values}
    spreads = dict(errors) if isinstance(errors, Mapping) else {"": errors}
    fig, ax = figure(height=height)
    position = np.arange(len(labels))
    thickness = 0.72 / len(groups)
    for index, (label, heights) in enumerate(groups.items()):
        heights = np.asarray(heights, dtype=float)
        if heights.shape != position.shape:
            raise PlotError(f"There are {len(labels)} labels but values of shape {heights.shape}.")
        place = position + (index - (len(groups) - 1) / 2) * thickness
        colour = list(COLOURS.values())[index % len(COLOURS)]
        look = {"color": colour, "alpha": 0.85, "hatch": HATCHES[index % len(HATCHES)]}
        look |= {"edgecolor": "black", "linewidth": 0.6, "label": label or None}
        whisker = {"ecolor": "black", "capsize": 4}
        if horizontal:
            ax.barh(place, heights, thickness, xerr=spreads.get(label), error_kw=whisker, **look)
        else:
            ax.bar(place, heights, thickness, yerr=spreads.get(label), error_kw=whisker, **look)
    _finish_bars(ax, labels, xlabel, ylabel, horizontal, ylim)
    for index, (label, level) in enumerate((reference or {}).items()):
        draw = ax.axvline if horizontal else ax.axhline
        draw(level, color="black", linewidth=1.1, linestyle=DASHES[(index + 1) % 4], label=label)
    ax.set_title(title)
    entries = len(groups) * (len(groups) > 1) + len(reference or {})
    if entries:
        fig.legend(loc="outside upper center", ncols=min(entries, 3))
    show(fig, alt)


def token_weights(
    tokens: Sequence[str],
    weights: Any,
    caption: str,
    numbers: bool | None = None,
    limit: float | None = None,
) -> None:
    """Show a text whose words are shaded by their weight.

    Args:
        tokens: the words, padding already left out.
        weights: one number per token; negative ones are shaded orange.
        caption: what is to be seen, in words; printed above the text.
        numbers: print the weight under each word; None does so for at most 30 words. Without them
            the weight is a tooltip, which needs a mouse, so the five largest stand below the text.
        limit: the absolute weight with the strongest shade; None takes the largest present.

    Raises:
        PlotError: when the numbers of tokens and weights differ or the caption says nothing.
    """
    caption = require_description(caption, "caption")
    weights = np.asarray(weights, dtype=float)
    if weights.shape != (len(tokens),):
        raise PlotError(f"There are {len(tokens)} tokens but weights of shape {weights.shape}.")
    limit = limit or _largest(weights)
    numbers = len(tokens) <= NUMBERED_TOKENS if numbers is None else numbers
    words = "".join(
        _token(token, value, limit, numbers) for token, value in zip(tokens, weights, strict=True)
    )
    named = range(len(tokens)) if numbers else np.argsort(-np.abs(weights), kind="stable")[:5]
    spoken = ", ".join(f"{tokens[index]} {weights[index]:.2f}" for index in named)
    heading = "Weights" if numbers else "Largest weights"
    # Printed numbers are read out once more in order; otherwise this line is all there is of them.
    style = _HIDDEN if numbers else "display:block;margin-top:0.4em"
    _display(
        f'<figure class="ac-tokens" style="margin:0.5em 0">'
        f'<figcaption style="margin-bottom:0.4em">{html.escape(caption)}</figcaption>'
        f'<div style="line-height:1.9">{words}</div>'
        f'<span style="{style}">{heading}: {html.escape(spoken)}.</span></figure>',
        f"{caption} {heading}: {spoken}.",
    )


def line_style(index: int) -> dict[str, Any]:
    """Colour, dash and marker of the ``index``-th line of a figure."""
    return {
        "color": list(COLOURS.values())[index % len(COLOURS)],
        "linestyle": DASHES[index % len(DASHES)],
        "marker": MARKERS[index % len(MARKERS)],
    }


_HIDDEN = (
    "position:absolute;width:1px;height:1px;overflow:hidden;clip-path:inset(50%);white-space:nowrap"
)


def _display(markup: str, plain: str) -> None:
    from IPython.display import display

    display({"text/html": markup, "text/plain": plain}, raw=True)


def _for_a_page(text: str, alt: str) -> str:
    """Turn Matplotlib's SVG file into an element that is safe to place in a page."""
    text = text[text.index("<svg") :]
    text = re.sub(r"<metadata>.*?</metadata>", "", text, flags=re.DOTALL)
    # Matplotlib's <style> holds a rule for *, which would restyle the whole page.
    text = re.sub(r"<defs>\s*<style.*?</style>\s*</defs>", "", text, flags=re.DOTALL)
    text = re.sub(r"<!--.*?-->", "", text, flags=re.DOTALL)
    width, height = re.search(r'viewBox="0 0 ([\d.]+) ([\d.]+)"', text).groups()
    body = text[text.index(">") + 1 :]
    # Label text is protected: only markup may be rewritten.
    parts = re.split(r"(<[^>]*>)", body)
    parts = [_tidy(part) if part.startswith("<") else part for part in parts]
    body = re.sub(r"\s*\n\s*", "\n", "".join(parts)).strip()
    body = _own_ids(body)
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


def _matrix(weights: Any) -> np.ndarray:
    matrix = np.asarray(weights, dtype=float)
    if matrix.ndim != 2 or matrix.size == 0:
        raise PlotError(
            f"A heat map needs a matrix (T_q, T_k), but the array has shape {matrix.shape}: "
            "pick one example and one head first."
        )
    return matrix


def _largest(values: np.ndarray) -> float:
    finite = np.abs(values[np.isfinite(values)])
    return float(finite.max()) if finite.size and finite.max() > 0 else 1.0


def _is_annotated(matrix: np.ndarray, annotate: bool | None) -> bool:
    return max(matrix.shape) <= 10 if annotate is None else annotate


def _opacity_map(signed: bool, strongest: float) -> Any:
    from matplotlib.colors import LinearSegmentedColormap, to_rgb

    blue, orange = to_rgb(COLOURS["blue"]), to_rgb(COLOURS["orange"])
    stops = [(*blue, 0.0), (*blue, strongest)]
    if signed:
        stops = [(*orange, strongest), (*orange, 0.0), *stops]
        positions = [0.0, 0.5, 0.5, 1.0]
        return LinearSegmentedColormap.from_list(
            "signed", list(zip(positions, stops, strict=True)), N=255
        )
    return LinearSegmentedColormap.from_list("weight", stops)


def _panel_size(
    shape: tuple[int, int], columns: int, queries: Sequence[str] | None
) -> tuple[float, float]:
    """Width and height in inches that give cells of about 0.55 inch, within a readable figure."""
    rows, cells = shape
    margin = 0.7 + 0.08 * max((len(str(query)) for query in queries or ()), default=2)
    width = min(max(margin + (0.6 if columns == 1 else 0.48) * cells, 2.6), 7.2 / columns)
    cell = min(0.5, max((width - margin) / cells, 0.05))
    return width, min(max(1.2 + cell * rows, 1.7), 7.0)


def _hatch_missing(ax: Axes, matrix: np.ndarray) -> None:
    from matplotlib.patches import Rectangle

    for row, column in np.argwhere(~np.isfinite(matrix)):
        ax.add_patch(
            Rectangle((column, row), 1, 1, fill=False, hatch="////", alpha=0.35, linewidth=0)
        )


def _label_cells(
    ax: Axes, queries: Sequence[str] | None, keys: Sequence[str] | None, rows: int, columns: int
) -> None:
    for name, labels, count in (("queries", queries, rows), ("keys", keys, columns)):
        if labels is not None and len(labels) != count:
            raise PlotError(f"There are {len(labels)} {name} labels but the matrix has {count}.")
    ax.grid(False)
    ax.tick_params(length=0, top=False, labeltop=True, bottom=False, labelbottom=False)
    for axis, labels, count in ((ax.yaxis, queries, rows), (ax.xaxis, keys, columns)):
        # Numbered axes with many cells keep about eight labels.
        step = max(1, count // 8) if labels is None and count > 12 else 1
        places = np.arange(0, count, step)
        names = [str(place) if labels is None else str(labels[place]) for place in places]
        axis.set_ticks(places + 0.5, names)
    longest = max((len(str(key)) for key in keys or ()), default=0)
    if columns > 12 or longest * columns > 48:
        turn = 90 if columns > 16 else 45
        ax.tick_params(axis="x", labelrotation=turn if keys is not None else 0)
        if keys is not None and turn == 45:
            for label in ax.get_xticklabels():
                label.set(ha="left", rotation_mode="anchor")
    for spine in ax.spines.values():
        spine.set_visible(False)


def _finish_bars(
    ax: Axes,
    labels: Sequence[str],
    xlabel: str,
    ylabel: str,
    horizontal: bool,
    ylim: tuple[float, float] | None,
) -> None:
    label_axis, value_axis = (ax.yaxis, ax.xaxis) if horizontal else (ax.xaxis, ax.yaxis)
    label_axis.set_ticks(np.arange(len(labels)), [str(label) for label in labels])
    label_axis.grid(False)
    label_axis.set_tick_params(length=0)
    label_axis.set_label_text(xlabel)
    value_axis.set_label_text(ylabel)
    if horizontal:
        ax.invert_yaxis()
    if ylim:
        ax.set_xlim(ylim) if horizontal else ax.set_ylim(ylim)


def _token(token: str, value: float, limit: float, numbers: bool) -> str:
    hue = COLOURS["blue"] if value >= 0 else COLOURS["orange"]
    red, green, blue = (int(hue[start : start + 2], 16) for start in (1, 3, 5))
    opacity = STRONGEST * min(abs(value) / limit, 1.0)
    box = (
        f"background:rgba({red},{green},{blue},{opacity:.2f});"
        "border-radius:0.25em;padding:0.1em 0.3em;margin:0 0.1em;display:inline-block;"
    )
    if not numbers:
        return f'<span style="{box}" title="{value:.3f}">{html.escape(token)}</span> '
    number = f'<span style="display:block;font-size:0.8em;line-height:1.2">{value:.2f}</span>'
    return (
        f'<span aria-hidden="true" style="{box}text-align:center;line-height:1.4;'
        f'margin-bottom:0.3em">{html.escape(token)}{number}</span> '
    )
