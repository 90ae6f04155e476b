"""Chapter 4's interactive figure: attention over four words, one query at a time."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from attention_course import functional, interactive
from attention_course.display import plots
from attention_course.words import tr

#: What the temperature slider offers.
TEMPERATURES = (0.1, 0.25, 0.5, 1, 2, 4, 8, 16, 32, 1000)


def show_four_words(tokens: Sequence[str], words: Any, W_Q: Any, W_K: Any, W_V: Any) -> None:
    """Show every step of scaled dot-product attention (Vaswani et al. 2017, equation 1).

    The page itself computes softmax(Q K^T / sqrt(d_k) / temperature) V from these inputs.

    Args:
        tokens: the T words.
        words: their vectors, shape (T, d_model).
        W_Q, W_K, W_V: shape (d_model, d_k), the last one (d_model, d_v).

    Raises:
        FigureError: when there is not one vector per word.
        InputError: when queries and keys differ in width.
    """
    words, W_Q, W_K, W_V = (np.asarray(matrix) for matrix in (words, W_Q, W_K, W_V))
    if words.ndim != 2 or len(words) != len(tokens):
        raise interactive.FigureError(
            "There are {count} words but vectors of shape {shape}: the figure needs one vector "
            "per word, shape (T, d_model).",
            count=len(tokens),
            shape=words.shape,
        )
    output, weights = functional.scaled_dot_product_attention(words @ W_Q, words @ W_K, words @ W_V)
    shares = ", ".join(
        f"{token} {weight:.4f}" for token, weight in zip(tokens, weights[0], strict=True)
    )
    numbers = ", ".join(f"{number:.4f}" for number in output[0])
    fig, ax = plots.figure(width=4.2, height=3.2)
    plots.draw_heatmap(ax, weights, tokens, tokens, digits=4)
    given = {"tokens": list(tokens), "words": words, "W_Q": W_Q, "W_K": W_K, "W_V": W_V}
    interactive.show(
        "four_words",
        given | {"temperatures": TEMPERATURES},
        title=tr("One query, every step"),
        instructions=tr(
            "Choose the word that asks. Then switch the scaling and the mask, or move the "
            "temperature, and follow one row from its scores to its output."
        ),
        picture=fig,
        alt=tr(
            "A table of weights, queries as rows. The query “{query}” gives the weights {shares}; "
            "its output is ({numbers}).",
            query=tokens[0],
            shares=shares,
            numbers=numbers,
        ),
    )
