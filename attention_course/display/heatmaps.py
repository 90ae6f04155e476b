"""Matrices of weights or scores: queries are rows, keys are columns, always."""

from __future__ import annotations

import textwrap
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from attention_course.display import style, svg
from attention_course.words import mark, tr

if TYPE_CHECKING:
    from matplotlib.axes import Axes

# More cells than this are drawn as one embedded image: a vector file would be slow to show.
VECTOR_CELLS = 1_600


def heatmap(
    weights: Any,
    queries: Sequence[str] | None,
    keys: Sequence[str] | None,
    title: str = "",
    alt: str = "",
    **options: Any,
) -> None:
    """Show one matrix of weights or scores (T_q, T_k); the rest is as for :func:`heatmaps`."""
    heatmaps([weights], queries, keys, [title], alt, **options)


def heatmaps(
    matrices: Sequence[Any],
    queries: Sequence[str] | None,
    keys: Sequence[str] | None,
    titles: Sequence[str],
    alt: str = "",
    **options: Any,
) -> None:
    """Show several matrices of one shape side by side, for example the heads of one layer.

    Args:
        matrices: arrays of shape (T_q, T_k), all of one shape; one colour scale serves all. NaN is
            drawn as a hatched cell.
        queries, keys: the tokens of the rows and of the columns; None numbers them from 0.
        titles: one heading per matrix.
        alt: what is to be seen, in words.
        **options: as in :func:`draw_heatmap`.

    Raises:
        PlotError: when shapes and labels differ or ``alt`` does not describe the figure.
    """
    matrices = [_matrix(matrix) for matrix in matrices]
    if not matrices or len({matrix.shape for matrix in matrices}) != 1:
        raise style.PlotError("Draw matrices of one shape together, and at least one.")
    if len(titles) != len(matrices):
        raise style.PlotError(
            "There are {matrices} matrices but {titles} titles.",
            matrices=len(matrices),
            titles=len(titles),
        )
    columns = min(2, len(matrices))
    rows = -(-len(matrices) // columns)
    panel_width, panel_height = _panel_size(matrices[0].shape, columns, queries)
    # A title wider than its panel would be cut off on a narrow screen.
    titles = [textwrap.fill(title, max(12, int(panel_width / 0.115))) for title in titles]
    panel_height += 0.2 * max(title.count("\n") for title in titles)
    size = (panel_width * columns, panel_height * rows)
    fig, axes = style.figure(*size, rows, columns, squeeze=False)
    limit = style.largest(np.stack(matrices))
    for ax, matrix, title in zip(axes.flat, matrices, titles, strict=False):
        mesh = draw_heatmap(ax, matrix, queries, keys, title, limit, **options)
    for ax in list(axes.flat)[len(matrices) :]:
        ax.set_axis_off()
    if not _is_annotated(matrices[0]):
        bar = fig.colorbar(mesh, ax=axes, shrink=0.8, aspect=18, pad=0.02)
        bar.outline.set_visible(False)
        bar.solids.set_edgecolor("none")
    svg.show(fig, alt)


def draw_heatmap(
    ax: Axes,
    weights: Any,
    queries: Sequence[str] | None = None,
    keys: Sequence[str] | None = None,
    title: str = "",
    limit: float | None = None,
    digits: int = 2,
    query_label: str = mark("queries"),
    key_label: str = mark("keys"),
) -> Any:
    """Draw one matrix on given axes, with its numbers where it has at most 10 by 10 cells.

    Args:
        ax: axes made by :func:`figure`.
        weights: array of shape (T_q, T_k).
        queries, keys: as for :func:`heatmaps`.
        title: heading of the panel.
        limit: the absolute value shown by the strongest colour; None takes the largest present.
        digits: decimals of the printed numbers.
        query_label, key_label: names of the rows' and the columns' axis.

    Returns:
        The mesh, for a colour bar.

    Raises:
        PlotError: when the matrix is not two-dimensional or the labels do not fit it.
    """
    from matplotlib.patches import Rectangle

    matrix = _matrix(weights)
    limit = limit or style.largest(matrix)
    annotated = _is_annotated(matrix)
    rows, columns = matrix.shape
    signed = bool(np.nanmin(matrix, initial=0.0) < 0)
    scale = {"cmap": _opacity_map(signed, style.STRONGEST if annotated else 1)}
    scale |= {"vmin": -limit if signed else 0.0, "vmax": limit}
    shown = np.ma.masked_invalid(matrix)
    if matrix.size <= VECTOR_CELLS:
        edges = {"edgecolors": (0, 0, 0, 0.25), "linewidth": 0.6} if matrix.size <= 400 else {}
        mesh = ax.pcolormesh(shown, **scale, **edges)
    else:
        box = {"aspect": "auto", "extent": (0, columns, rows, 0)}
        mesh = ax.imshow(shown, interpolation="nearest", **scale, **box)
    ax.set(xlim=(0, columns), ylim=(rows, 0))
    missing = {"fill": False, "hatch": "////", "alpha": 0.35, "linewidth": 0}
    for row, column in np.argwhere(~np.isfinite(matrix)):
        ax.add_patch(Rectangle((column, row), 1, 1, **missing))
    if annotated:
        for (row, column), value in np.ndenumerate(matrix):
            text = "NaN" if np.isnan(value) else f"{value:.{digits}f}"
            ax.text(column + 0.5, row + 0.5, text, ha="center", va="center", fontsize=10.5)
    _label_cells(ax, queries, keys, rows, columns)
    ax.set_xlabel(tr(key_label))
    ax.set_ylabel(tr(query_label))
    ax.xaxis.set_label_position("top")
    if title:
        ax.set_title(title, pad=8)
    return mesh


def _matrix(weights: Any) -> np.ndarray:
    matrix = np.asarray(weights, dtype=float)
    if matrix.ndim != 2 or matrix.size == 0:
        raise style.PlotError(
            "A heat map needs a matrix (T_q, T_k), but the array has shape {shape}: pick one "
            "example and one head first.",
            shape=matrix.shape,
        )
    return matrix


def _is_annotated(matrix: np.ndarray) -> bool:
    return max(matrix.shape) <= 10


def _opacity_map(signed: bool, strongest: float) -> Any:
    from matplotlib.colors import LinearSegmentedColormap, to_rgb

    blue, orange = to_rgb(style.COLOURS["blue"]), to_rgb(style.COLOURS["orange"])
    weight = [(*blue, 0.0), (*blue, strongest)]
    if not signed:
        return LinearSegmentedColormap.from_list("weight", weight)
    both = zip((0.0, 0.5, 0.5, 1.0), [(*orange, strongest), (*orange, 0.0), *weight], strict=True)
    return LinearSegmentedColormap.from_list("signed", list(both), N=255)


def _panel_size(
    shape: tuple[int, int], columns: int, queries: Sequence[str] | None
) -> tuple[float, float]:
    """Width and height in inches that give cells of about 0.55 inch, within a readable figure."""
    rows, cells = shape
    margin = 0.7 + 0.08 * max((len(str(query)) for query in queries or ()), default=2)
    width = min(max(margin + (0.6 if columns == 1 else 0.48) * cells, 2.6), 7.2 / columns)
    cell = min(0.5, max((width - margin) / cells, 0.05))
    return width, min(max(1.2 + cell * rows, 1.7), 7.0)


def _label_cells(
    ax: Axes, queries: Sequence[str] | None, keys: Sequence[str] | None, rows: int, columns: int
) -> None:
    ax.grid(False)
    ax.tick_params(length=0, top=False, labeltop=True, bottom=False, labelbottom=False)
    rows_and_columns = (
        (ax.yaxis, tr("queries"), queries, rows),
        (ax.xaxis, tr("keys"), keys, columns),
    )
    for axis, name, labels, count in rows_and_columns:
        if labels is not None and len(labels) != count:
            sentence = mark("There are {labels} labels for the {name}; the matrix has {count}.")
            raise style.PlotError(sentence, labels=len(labels), name=name, count=count)
        # Numbered axes with many cells keep about eight labels.
        step = max(1, count // 8) if labels is None and count > 12 else 1
        places = np.arange(0, count, step)
        names = [str(place) if labels is None else str(labels[place]) for place in places]
        axis.set_ticks(places + 0.5, names)
    if keys is not None and (columns > 12 or max(len(str(key)) for key in keys) * columns > 48):
        ax.tick_params(axis="x", labelrotation=90 if columns > 16 else 45)
        if columns <= 16:
            for label in ax.get_xticklabels():
                label.set(ha="left", rotation_mode="anchor")
    ax.spines[:].set_visible(False)
