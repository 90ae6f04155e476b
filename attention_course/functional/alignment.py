"""Links between the words of two sentences, and how wrong they are. No TensorFlow."""

from __future__ import annotations

from collections.abc import Collection
from typing import Any

from attention_course.functional.attention import InputError, _numbers

Link = tuple[int, int]
"""A source place and a target place, both from 0 on."""


def links(weights: Any, source_words: int) -> set[Link]:
    """Link each target word to the source place with its largest weight.

    Args:
        weights: (T, S), one row per target word.
        source_words: how many places hold words, at least one. A row whose largest weight lies
            behind them, on the end mark or on padding, gives no link; nor does a row of zeros.
    """
    weights = _numbers(weights, "weights")
    if weights.ndim != 2 or not 1 <= source_words <= weights.shape[1]:
        raise InputError(
            "Weights must have shape (T, S) with S at least the {words} source words, not {shape}.",
            words=source_words,
            shape=weights.shape,
        )
    best = weights.argmax(axis=1)
    some = weights.max(axis=1, initial=0.0) > 0
    return {(int(i), j) for j, i in enumerate(best) if some[j] and i < source_words}


def alignment_error_rate(
    found: Collection[Collection[Link]],
    sure: Collection[Collection[Link]],
    possible: Collection[Collection[Link]],
) -> float:
    """Return 1 - (|A & S| + |A & P|) / (|A| + |S|) over all sentences (Och and Ney 2003, eq. 25).

    Each argument holds the links of one sentence after the other: A those found, S the sure ones
    and P the possible ones, to which the sure ones belong. 0 is best: every sure link is found and
    nothing but possible links; 1 is worst. Where there is no link at all the rate is 0.
    """
    right = total = 0
    for a, s, p in zip(found, sure, possible, strict=True):
        a, s, p = set(a), set(s), set(p) | set(s)
        right += len(a & s) + len(a & p)
        total += len(a) + len(s)
    return 1 - right / total if total else 0.0
