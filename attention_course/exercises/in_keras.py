"""What the exercises that are answered in Keras share: settings, demands, and exact gradients."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np

from attention_course.exercises.exercise import Told
from attention_course.exercises.judging import kind_of, plain

SETTINGS = {"imports": ("keras",), "seconds": 120.0, "single": True}
"""For `Exercise`: loaded beforehand, time enough for Keras, and numbers of single precision."""


def demands(explain: Callable[[tuple, dict, bool], tuple[dict, dict]]) -> Callable:
    """Return the ``demands`` of an exercise whose probe reports what an answer is made of.

    explain     ``(case, seen, wrong)`` -> which keys of sentences hold of it, the first of them
                counts, and the values that fill the sentence; ``no_keras`` is told before
    """

    def told(cases: Sequence[tuple], results: list, wrong: bool) -> Told:
        for case, result in zip(cases, results, strict=True):
            if isinstance(result, dict) and "empty" in result:  # it stopped: told elsewhere
                continue
            if not isinstance(result, dict) or "dict" not in result:
                return "no_keras", {"kind": kind_of(result)}
            unlike, values = explain(case, plain(result), wrong)
            if key := next((key for key, holds in unlike.items() if holds), None):
                return key, values
        return None

    return told


def gradient(loss: Callable, weights: list[np.ndarray]) -> list[np.ndarray]:
    """The gradient of a loss by complex steps: exact to the last digit, without a formula.

    Source: Squire and Trapp (1998), https://doi.org/10.1137/S003614459631241X
    """
    step = 1e-30
    gradients = [np.zeros(weight.shape) for weight in weights]
    for i, of_weight in enumerate(gradients):
        for place in np.ndindex(of_weight.shape):
            moved = [one.astype(complex) for one in weights]
            moved[i][place] += step * 1j
            of_weight[place] = loss(moved).imag / step
    return gradients
