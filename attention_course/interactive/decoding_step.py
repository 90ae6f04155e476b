"""Chapter 7's interactive figure: one decoding step, put together from a score, a place, a choice.

The example is small and fixed. A decoder writes ``WORDS`` backwards, the "reversal" of
``datasets.pointing``: its query at step t asks for the word at place 7 - t. A key is a word without
its place, so both "a" have the same key, and that of "film" is longer than the rest. The parameters
were fitted to this one sentence and rounded to a tenth.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from attention_course import functional, interactive
from attention_course.display import plots
from attention_course.words import tr

WORDS = ("not", "a", "bad", "film", "but", "a", "sad", "one")
#: One per word, shape (8, 2); they are the values, too.
KEYS = np.array(
    [
        *([1.1, -1.3], [-1.6, -0.6], [1.2, 1.2], [0.0, 2.7]),
        *([-0.4, -1.6], [-1.6, -0.6], [1.7, 0.0], [-1.5, 0.8]),
    ]
)
#: One per step, shape (8, 2).
QUERIES = np.array(
    [
        *([-1.5, 0.8], [1.7, 0.0], [-1.4, -0.9], [-0.4, -1.6]),
        *([0.0, 1.7], [1.2, 1.2], [-1.7, -0.2], [1.1, -1.3]),
    ]
)
#: The place that each step needs.
NEEDED = np.arange(8)[::-1]
#: What the scores of ``functional`` and ``functional.kinds.predicted_places`` are given, by name.
PARAMETERS: dict[str, dict[str, np.ndarray]] = {
    "additive": {
        "W": np.array([[2.0, -3.8, -1.8, 2.6, 2.3, 0.2], [3.1, 0.1, -0.6, 1.9, 1.9, 2.0]]),
        "U": np.array([[-0.9, -2.0, 1.8, -3.1, 0.8, -2.7], [0.6, 0.4, 0.6, 2.0, 1.9, 2.1]]),
        "v": np.array([5.2, 4.3, 4.0, -5.1, -4.6, 4.6]),
    },
    "general": {"W": np.array([[2.3, -0.1], [0.0, 1.8]])},
    "location": {
        "W": np.array(
            [
                [2.8, -3.5, 2.8, -0.5, -0.2, -2.5, 4.2, -3.0],
                [-3.5, 0.1, 3.1, 4.5, -4.3, -2.6, -0.3, 3.1],
            ]
        )
    },
    "predicted": {
        "W": np.array([[-1.4, 0.0, -2.8], [3.1, -0.9, -1.3]]),
        "v": np.array([-2.9, -5.0, 2.0]),
    },
}
#: What the temperature slider offers.
TEMPERATURES = (0.1, 0.2, 0.5, 1, 2, 5, 10)
#: Where the draws of "hard" begin; any number would do.
SEED = 150_804_025
#: The step that the figure starts with.
STEP = 2


def show_decoding_step() -> None:
    """Show one decoding step whose score, place and choice the reader sets.

    The page computes ``functional.kinds`` itself: additive, dot, scaled, general, cosine and
    location scores; the places global, local-m and local-p (Luong et al. 2015, section 3.2); the
    choices soft, sparsemax, hard and argmax. With "hard" the reader draws words and sees the mean
    of the drawn contexts approach the soft one (Xu et al. 2015, section 4).
    """
    weights = functional.softmax(functional.dot_score(QUERIES[STEP], KEYS))
    context = weights @ KEYS
    fig, ax = plots.figure(width=5.2, height=2.8)
    _draw(ax, weights)
    interactive.show(
        "decoding_step",
        {
            "words": WORDS,
            "keys": KEYS,
            "queries": QUERIES,
            "needed": NEEDED,
            "parameters": PARAMETERS,
            "temperatures": TEMPERATURES,
            "seed": SEED,
            "step": STEP,
        },
        title=tr("One decoding step: score, place and choice"),
        instructions=tr(
            "A decoder writes this sentence backwards: at step t it needs the word at place 7 − t, "
            "counted from 0. Decide how words are scored, where it may look and how it chooses, "
            "and see how much weight that word gets."
        ),
        picture=fig,
        alt=tr(
            "Bars over the words of a sentence, for a dot score, all places and a softmax. Step "
            "{step} needs {word} at place {place}. The weights are {shares}; the context is "
            "({context}).",
            step=STEP,
            word=f"“{WORDS[NEEDED[STEP]]}”",
            place=NEEDED[STEP],
            shares=", ".join(
                f"“{word}” {weight:.3f}" for word, weight in zip(WORDS, weights, strict=True)
            ),
            context=", ".join(f"{number:.3f}" for number in context),
        ),
    )


def _draw(ax: Any, weights: np.ndarray) -> None:
    """The first state: a bar for each word, the needed one marked above."""
    places = range(len(WORDS))
    ax.bar(places, weights, color=plots.COLOURS["blue"])
    ax.plot(NEEDED[STEP], 1.1, "D", color=plots.COLOURS["green"], markersize=8)
    ax.set(xticks=places, xticklabels=WORDS, ylabel=tr("weight"), ylim=(0, 1.2))
