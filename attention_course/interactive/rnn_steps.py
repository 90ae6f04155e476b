"""Chapter 1's interactive figure: step through a recurrent layer, change the sentence or U."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from attention_course import interactive
from attention_course.display import plots
from attention_course.functional import gradients
from attention_course.words import tr

SUBSCRIPTS = "₁₂₃₄₅₆"


def show_rnn_steps(words: Sequence[str], vectors: Any, W: Any, U: Any, b: Any) -> None:
    """Show the unrolled layer ``h_t = tanh(x_t W + h_(t-1) U + b)`` on a sentence, step by step.

    The reader moves from word to word, puts other words in their places, and multiplies ``U`` by
    a number from 0 to 1. The form of the layer is that of Elman (1990) and Keras' ``SimpleRNN``.

    Args:
        words: the sentence, three to six words; they are also the words to choose from.
        vectors: one vector per word, shape (T, d), of zeros and ones.
        W, U, b: kernel (d, 2), recurrent kernel (2, 2) and bias (2,).

    Raises:
        FigureError: when the shapes do not fit each other or the drawing.
    """
    vectors = np.asarray(vectors)
    W, U, b = (np.asarray(array, dtype=float) for array in (W, U, b))
    shapes = (vectors.shape, W.shape, U.shape, b.shape)
    d = vectors.shape[-1] if vectors.ndim else 0
    if not 3 <= len(words) <= 6 or shapes != ((len(words), d), (d, 2), (2, 2), (2,)):
        raise interactive.FigureError(
            "The figure needs three to six words, one vector of d numbers for each, and W, U "
            "and b of shapes (d, 2), (2, 2) and (2,); it got {count} words and the shapes "
            "{shapes}.",
            count=len(words),
            shapes=", ".join(map(str, shapes)),
        )
    if not np.isin(vectors, (0, 1)).all():
        raise interactive.FigureError("The vectors of the words must hold only zeros and ones.")
    first = gradients.rnn_states(vectors, W, U, b)[0]
    fig, ax = plots.figure(width=1.05 * len(words) + 0.6, height=2.7)
    _draw(ax, words, vectors, first)
    interactive.show(
        "rnn_steps",
        {"words": list(words), "vectors": vectors.astype(int), "W": W, "U": U, "b": b},
        title=tr("Read a sentence, one word at a time"),
        instructions=tr(
            "Work out the state of the next box. Then press Forward and compare. At the end, "
            "change a word, or the strength of the memory U, and read again."
        ),
        picture=fig,
        alt=tr(
            "The layer unrolled over the words “{words}”: a row of boxes, one for each word, "
            "joined by arrows. The first box is marked: it reads “{word}” and its state is "
            "({state}). The states after it are not known yet.",
            words=" ".join(words),
            word=words[0],
            state=f"{first[0]:.4f}, {first[1]:.4f}",
        ),
    )


def _draw(ax: Any, words: Sequence[str], vectors: np.ndarray, first: np.ndarray) -> None:
    """The chain at its first step: boxes, words below, states above."""
    middle = {"ha": "center", "va": "center"}
    for place, (word, vector) in enumerate(zip(words, vectors.astype(int).tolist(), strict=True)):
        now = place == 0
        look = {
            "edgecolor": plots.COLOURS["blue"] if now else "black",
            "linewidth": 2 if now else 1,
        }
        box = {"boxstyle": "round,pad=0.6", "facecolor": "none", **look}
        state = f"{first[0]:.4f}\n{first[1]:.4f}" if now else "?"
        ax.text(place - 0.52, 0, "⟶", **middle)
        ax.text(place, 0, "tanh", bbox=box, **middle)
        ax.text(place, 0.5, f"h{SUBSCRIPTS[place]}\n{state}\n↑", ha="center", va="bottom")
        weight = "bold" if now else "normal"
        ax.text(place, -0.5, f"↑\n{word}\n{vector}", ha="center", va="top", weight=weight)
    ax.text(-0.8, 0, "h₀\n" + tr("zeros"), ha="right", va="center")
    ax.set(xlim=(-1.3, len(words) - 0.4), ylim=(-1.6, 1.8))
    ax.set_axis_off()
