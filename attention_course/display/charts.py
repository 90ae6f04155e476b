"""Lines and bars over labelled axes."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from attention_course.display import style, svg

MARKED_POINTS = 30
LABELLED_POINTS = 10


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
    ylim: tuple[float, float] | None = None,
    legend: str = "best",
    height: float = 3.4,
) -> None:
    """Show one or more lines over a common axis, each with its own dash and marker.

    Args:
        x: positions, shape (n,).
        series: label -> values of shape (n,). Equal labels in ``bands`` give the shaded interval.
        xlabel, ylabel: names of the axes, with their units where there are any.
        alt: what is to be seen, in words.
        bands: label -> (lower, upper), each of shape (n,).
        title: heading, may be empty.
        reference: label -> height of a thin horizontal line (a baseline, for example).
        xscale, yscale: "linear", "log" or "symlog".
        ylim: limits of the vertical axis.
        legend: Matplotlib's legend location.
        height: inches.

    Raises:
        PlotError: when lengths differ, a label is unknown or ``alt`` does not describe the figure.
    """
    x = np.asarray(x)
    if unknown := set(bands or {}) - set(series):
        names = ", ".join(sorted(unknown))
        raise style.PlotError("bands names {names}, which is no line of the figure.", names=names)
    fig, ax = style.figure(height=height)
    for index, (label, values) in enumerate(series.items()):
        values = style.numbers(values, len(x), label)
        look = style.line_style(index)
        if x.size > MARKED_POINTS:
            look["markevery"] = max(1, x.size // 10)
        ax.plot(x, values, label=label, **look)
        if bands and label in bands:
            low, high = (np.asarray(side, dtype=float) for side in bands[label])
            ax.fill_between(x, low, high, color=look["color"], alpha=0.18, linewidth=0)
    for index, (label, level) in enumerate((reference or {}).items()):
        dash = style.DASHES[(index + 3) % len(style.DASHES)]
        ax.axhline(level, color="black", linewidth=1.1, linestyle=dash, label=label)
    ax.set(xlabel=xlabel, ylabel=ylabel, title=title, xscale=xscale, yscale=yscale)
    if xscale == "log" and x.size <= LABELLED_POINTS:
        # The values measured say more than powers of ten.
        ax.set_xticks(x, [f"{value:.3g}" for value in x])
        ax.minorticks_off()
    if ylim:
        ax.set_ylim(ylim)
    if len(series) + len(reference or {}) > 1:
        ax.legend(loc=legend)
    svg.show(fig, alt)


def bars(
    labels: Sequence[str],
    values: Any,
    xlabel: str,
    ylabel: str,
    alt: str,
    errors: Any = None,
    *,
    reference: Mapping[str, float] | None = None,
    horizontal: bool = False,
    ylim: tuple[float, float] | None = None,
    height: float = 3.4,
) -> None:
    """Show bars, one series or several beside each other (then with different hatching).

    Args:
        labels: one per bar.
        values: shape (n,), or a mapping of series label -> (n,).
        xlabel, ylabel: names of the axis with the labels and of that with the values.
        alt: what is to be seen, in words.
        errors: half-widths of the intervals, in the same form as ``values``; or (2, n) distances
            below and above.
        reference: label -> a thin line at that value (a baseline, for example).
        horizontal: bars lie down: better for long labels.
        ylim: limits of the values.
        height: inches.

    Raises:
        PlotError: when lengths differ or ``alt`` does not describe the figure.
    """
    groups = dict(values) if isinstance(values, Mapping) else {"": values}
    spreads = dict(errors) if isinstance(errors, Mapping) else {"": errors}
    fig, ax = style.figure(height=height)
    position = np.arange(len(labels))
    thickness = 0.72 / len(groups)
    for index, (label, heights) in enumerate(groups.items()):
        heights = style.numbers(heights, len(labels), label or ylabel)
        place = position + (index - (len(groups) - 1) / 2) * thickness
        look = {"color": style.line_style(index)["color"], "alpha": 0.85, "edgecolor": "black"}
        look |= {"hatch": style.HATCHES[index % len(style.HATCHES)], "linewidth": 0.6}
        look |= {"error_kw": {"ecolor": "black", "capsize": 4}, "label": label or None}
        look["xerr" if horizontal else "yerr"] = spreads.get(label)
        draw = ax.barh if horizontal else ax.bar
        draw(place, heights, thickness, **look)
    label_axis, value_axis = (ax.yaxis, ax.xaxis) if horizontal else (ax.xaxis, ax.yaxis)
    label_axis.set_ticks(position, [str(label) for label in labels])
    label_axis.grid(False)
    label_axis.set_tick_params(length=0)
    label_axis.set_label_text(xlabel)
    value_axis.set_label_text(ylabel)
    if horizontal:
        ax.invert_yaxis()
    if ylim:
        ax.set_xlim(ylim) if horizontal else ax.set_ylim(ylim)
    for index, (label, level) in enumerate((reference or {}).items()):
        draw = ax.axvline if horizontal else ax.axhline
        dash = style.DASHES[(index + 1) % 4]
        draw(level, color="black", linewidth=1.1, linestyle=dash, label=label)
    entries = len(groups) * (len(groups) > 1) + len(reference or {})
    if entries:
        fig.legend(loc="outside upper center", ncols=min(entries, 3))
    svg.show(fig, alt)
