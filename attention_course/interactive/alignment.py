"""Chapter 3's interactive figure: move the scores, watch the weights and the context vector."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from attention_course import functional, interactive
from attention_course.display import plots
from attention_course.words import tr

#: What the temperature slider offers.
TEMPERATURES = (0.1, 0.2, 0.5, 1, 2, 5, 10, 100)


def show_alignment(
    words: Sequence[str],
    states: Any,
    queries: Sequence[Any],
    W: Any,
    U: Any,
    v: Any,
    gradient: bool = False,
) -> None:
    """Show one decoder step over three words, its scores under the reader's hand.

    The scores to begin with are v^T tanh(W s + U h) (Bahdanau et al. 2014, section 3.1); here
    W and U stand on the left of their vectors, as in the paper.

    Args:
        words: the three source words.
        states: their encoder states, shape (3, 2): the picture is flat.
        queries: decoder states s, each of shape (d_s,); the first is the one to begin with.
        W, U, v: shapes (d_a, d_s), (d_a, 2) and (d_a,).
        gradient: show how far each score can move the context, in place of masks and temperature.

    Raises:
        FigureError: when there are not three words with states of two numbers in general position.
        InputError: when W, U and v do not fit the queries and states.
    """
    states = np.asarray(states, dtype=float)
    if len(words) != 3 or states.shape != (3, 2) or abs(np.linalg.det(states[1:] - states[0])) == 0:
        raise interactive.FigureError(
            "The figure needs three words whose states are the corners of a triangle, shape (3, 2)."
        )
    W, U, v = (np.asarray(matrix, dtype=float) for matrix in (W, U, v))
    scores = functional.additive_score(queries[0], states, W.T, U.T, v)
    weights = functional.softmax(scores)
    context = weights @ states
    shares = ", ".join(f"{word} {weight:.4f}" for word, weight in zip(words, weights, strict=True))
    point = f"({context[0]:.4f}, {context[1]:.4f})"
    if gradient:
        title = tr("How far a score can move the context")
        instructions = tr(
            "Raise one score until its word has nearly all the weight. The orange part of each "
            "line shows how far that word's score moves the context c per unit. Watch when it "
            "grows and when it shrinks."
        )
    else:
        title = tr("From scores to weights to the context")
        instructions = tr(
            "Move the scores, mask a word, or change the temperature τ, which divides all scores. "
            "Watch the weights, and where they pull the context c."
        )
    fig, ax = plots.figure(width=4.2, height=3.4)
    _draw(ax, words, states, weights, context)
    queries = [np.asarray(query, dtype=float) for query in queries]
    given = {"words": words, "states": states, "queries": queries, "W": W, "U": U, "v": v}
    interactive.show(
        "alignment",
        given | {"temperatures": TEMPERATURES, "gradient": gradient},
        title=title,
        instructions=instructions,
        picture=fig,
        alt=tr(
            "The weights are {shares}; the context c is the point {point} inside the triangle.",
            shares=shares,
            point=point,
        ),
    )


def _draw(ax: Any, words: Sequence[str], states: Any, weights: Any, context: Any) -> None:
    """The three states as corners of a triangle and the context inside it."""
    ax.fill(*states.T, color=plots.COLOURS["grey"], alpha=0.25)
    ax.plot(*states.T, "o", markersize=9, color=plots.COLOURS["blue"])
    ax.plot(*context, "D", markersize=9, color=plots.COLOURS["orange"])
    for word, weight, state in zip(words, weights, states, strict=True):
        ax.annotate(
            f"{word} {weight:.4f}", state, xytext=(0, 9), textcoords="offset points", ha="center"
        )
    ax.annotate("c", context, xytext=(9, 2), textcoords="offset points", weight="bold")
    ax.margins(0.2)
    ax.set(xlabel=tr("first entry of h"), ylabel=tr("second entry of h"))
