"""Chapter 6's interactive figure: two lags of the reader's own, and what was learned for them."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any

import numpy as np

from attention_course import interactive
from attention_course.assets import fetch
from attention_course.display import plots
from attention_course.words import mark, tr

#: What is smaller than this share of the largest value is not called large.
LARGE = 0.5
#: A run with more than this share of the error of the answer 0 learned the task only in part.
PARTLY = 0.1
#: The state the figure starts in.
LAGS, SEED, KIND = (7, 17), 0, "bounded"
#: What the kinds of layer are called in the chapter.
NAMES = {"bounded": mark("with tanh"), "unbounded": mark("without tanh")}


def load_profiles() -> dict[str, Any]:
    """Return the recorded runs, ``data/lag_profiles.json``; ``AssetError`` as for ``fetch``.

    Written by ``python -m attention_course lags``; see ``experiments.lag_profiles``.
    """
    return json.loads(fetch("data/lag_profiles.json").read_text(encoding="utf-8"))


def largest_lags(values: Sequence[float], count: int) -> list[int]:
    """Return the lags of the largest values, at most ``count``, in order.

    There is a value for each lag, from 1 on. Those below half of the largest are left out.
    """
    order = sorted(range(len(values)), key=lambda place: -values[place])[:count]
    return sorted(place + 1 for place in order if values[place] >= LARGE * max(values))


def show_lags() -> None:
    """Show the recorded weights and effects for two lags; errors as for :func:`load_profiles`."""
    recorded = load_profiles()
    pair = recorded["pairs"].index(list(LAGS))
    run = recorded["runs"][f"{KIND}_{SEED}"]
    weights = np.array(run["weights"][pair]) / 1000
    effects = np.array(run["effects"][pair]) / 100
    first, second = LAGS
    fig, panels = plots.figure(height=4.2, rows=2, sharex=True)
    _draw(panels, weights, effects)
    interactive.show(
        "lags",
        figure_data(recorded),
        title=tr("Your own lags: the weights that were learned for them"),
        instructions=tr(
            "Choose the two lags whose values are averaged. Compare the places of the large "
            "weights with the lags, in several runs, with tanh and without tanh."
        ),
        picture=fig,
        alt=tr(
            "Two rows of bars over the lags 1 to 20, for the true lags {lag} and {other}. The "
            "largest weights are {weight} and {other_weight}, at these lags; the weights just "
            "beyond them are higher than the rest. The effects of the inputs at these lags are "
            "{effect} and {other_effect}, all others are near 0.",
            lag=first,
            other=second,
            weight=f"{weights[first - 1]:.3f}",
            other_weight=f"{weights[second - 1]:.3f}",
            effect=f"{effects[first - 1]:.2f}",
            other_effect=f"{effects[second - 1]:.2f}",
        ),
    )


def figure_data(recorded: dict[str, Any]) -> dict[str, Any]:
    """Return the part of the recorded runs that the page needs, and where it starts."""
    start = {"first": LAGS[0], "second": LAGS[1], "kind": KIND, "seed": SEED}
    names = {kind: tr(name) for kind, name in NAMES.items()}
    kept = {key: recorded[key] for key in ("pairs", "always_zero", "seeds", "runs")}
    return kept | {"large": LARGE, "partly": PARTLY, "names": names, "start": start}


def _draw(panels: Any, weights: np.ndarray, effects: np.ndarray) -> None:
    """The first state: two panels of bars, the true lags marked by dashed lines."""
    rows = ((weights, tr("weight")), (effects, tr("effect")))
    for panel, (values, name) in zip(panels, rows, strict=True):
        for lag in LAGS:
            panel.axvline(lag, color="black", linewidth=1, linestyle="--")
        panel.bar(range(1, len(values) + 1), values, color=plots.COLOURS["blue"])
        panel.set(ylabel=name, ylim=(0, 0.55))
    chosen = {"lag": LAGS[0], "other": LAGS[1], "seed": SEED, "kind": tr(NAMES[KIND])}
    panels[0].set_title(tr("true lags {lag} and {other}, seed {seed}, {kind}", **chosen))
    panels[1].set(xlabel=tr("lag (1 is the newest value)"), xticks=[1, 5, 10, 15, 20])
