"""Exercises of chapter 5: reading attention weights, and averaging without the padding.

``05.received`` asks how much weight each word receives, ``05.mean`` for the masked average that
follows the attention layer in most models of the chapter.
"""

from __future__ import annotations

import numpy as np

from attention_course.exercises.drawing import Draw
from attention_course.exercises.exercise import Exercise, texts

# --- 05.received ------------------------------------------------------------------------------


def received(weights, mask):
    """Average the rows of the real queries: one number per word."""
    return weights[mask].mean(axis=0)


def _received_case(draw: Draw) -> tuple:
    """Weights as Keras returns them: padded keys get 0, padded queries still have a full row."""
    steps, draw.joined = draw.length(wide=330), True  # what is masked has the weight 0
    mask = draw.mask(steps, none=False)
    scores = 3 * draw.numbers(steps, steps)
    weights = _softmax(np.where(mask, scores, -np.inf))
    if scores.dtype.kind == "i":  # hard attention: whole numbers that are weights
        weights = np.eye(steps, dtype=int)[weights.argmax(axis=1)]
    return draw.layout(weights), mask


def _softmax(scores: np.ndarray) -> np.ndarray:
    powers = np.exp(scores - scores.max(axis=-1, keepdims=True))
    return powers / powers.sum(axis=-1, keepdims=True)


RECEIVED_MISTAKES = {
    "over_keys": (lambda w, mask: w.mean(axis=1), lambda w, mask: w[mask].mean(axis=1)),
    "sum_over_keys": lambda w, mask: w.sum(axis=1),
    "sum_of_rows": lambda w, mask: w[mask].sum(axis=0),
    "padded_rows": lambda w, mask: w.mean(axis=0),
    "sum_of_all_rows": lambda w, mask: w.sum(axis=0),
    "full_length": lambda w, mask: w[mask].sum(axis=0) / len(mask),
    "mask_turned": lambda w, mask: w[~mask].mean(axis=0),
    "padding_left_out": lambda w, mask: w[mask].mean(axis=0)[mask],
    "last_row": (lambda w, mask: w[-1], lambda w, mask: w[mask][-1]),
    "first_row": (lambda w, mask: w[0], lambda w, mask: w[mask][0]),
    "diagonal": lambda w, mask: np.diag(w),
    "largest_weight": lambda w, mask: w[mask].max(axis=0),
    "argmax": lambda w, mask: np.eye(len(mask))[w[mask].mean(axis=0).argmax()],
    "all_equal": lambda w, mask: mask / mask.sum(),
    "softmax_again": (
        lambda w, mask: _softmax(w[mask].mean(axis=0)),
        lambda w, mask: _softmax(w[mask]).mean(axis=0),
    ),
    "matrix": (lambda w, mask: w, lambda w, mask: w[mask]),
}


# --- 05.mean ----------------------------------------------------------------------------------


def masked_mean(states, mask):
    """Sum the states of real words and divide by their number; 0 for an empty review."""
    count = mask.sum(axis=1, keepdims=True)
    total = (states * mask[:, :, None]).sum(axis=1)
    return total / np.maximum(count, 1)


def _mean_case(draw: Draw) -> tuple:
    batch, steps = draw.size(), draw.length(wide=1100)
    return draw.numbers(batch, steps, draw.size()), draw.mask(batch, steps)


def _kept(states: np.ndarray, mask: np.ndarray) -> np.ndarray:
    return states * mask[:, :, None]


MEAN_MISTAKES = {
    "mask_ignored": lambda states, mask: states.mean(axis=1),
    "full_length": lambda states, mask: _kept(states, mask).mean(axis=1),
    "padding_in_sum": lambda states, mask: (
        states.sum(axis=1) / np.maximum(mask.sum(axis=1), 1)[:, None]
    ),
    "sum_alone": lambda states, mask: _kept(states, mask).sum(axis=1),
    "mask_turned": lambda states, mask: masked_mean(states, ~mask),
    "last_word": lambda states, mask: states[:, -1],
    "max_pooling": (
        lambda states, mask: np.where(mask[:, :, None], states, -np.inf).max(axis=1),
        lambda states, mask: _kept(states, mask).max(axis=1),
    ),
    "count_of_batch": lambda states, mask: _kept(states, mask).sum(axis=1) / mask.sum(),
    "over_features": (
        lambda states, mask: _kept(states, mask).mean(axis=2),
        lambda states, mask: states.mean(axis=2),
    ),
    "over_batch": (
        lambda states, mask: states.mean(axis=0),
        lambda states, mask: _kept(states, mask).mean(axis=0),
    ),
    "time_kept": _kept,
    "nan_if_empty": lambda states, mask: (
        _kept(states, mask).sum(axis=1) / mask.sum(axis=1)[:, None]
    ),
    "padding_if_empty": lambda states, mask: masked_mean(
        states, mask | ~mask.any(axis=1, keepdims=True)
    ),
    "one_added": lambda states, mask: (
        _kept(states, mask).sum(axis=1) / (mask.sum(axis=1)[:, None] + 1)
    ),
}


TEXTS = texts("reading")
EXERCISES = {
    "05.received": Exercise(
        **TEXTS["05.received"], solve=received, case=_received_case, mistakes=RECEIVED_MISTAKES
    ),
    "05.mean": Exercise(
        **TEXTS["05.mean"], solve=masked_mean, case=_mean_case, mistakes=MEAN_MISTAKES
    ),
}
