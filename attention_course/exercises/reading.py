"""Exercises of chapter 5: reading attention weights, and averaging without the padding.

``05.received`` asks how much weight each word receives, ``05.mean`` for the masked average that
follows the attention layer in most models of the chapter.
"""

from __future__ import annotations

import numpy as np

from attention_course.exercises.drawing import Draw
from attention_course.exercises.exercise import Exercise
from attention_course.words import mark

# --- 05.received ------------------------------------------------------------------------------


def received(weights, mask):
    """Average the rows of the real queries: one number per word."""
    return weights[mask].mean(axis=0)


def _received_case(draw: Draw) -> tuple:
    """Weights as Keras returns them: padded keys get 0, padded queries still have a full row."""
    steps = draw.length()
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
    mark("You average over the keys (columns); every row sums to 1. The queries are the rows."): (
        lambda w, mask: w.mean(axis=1)
    ),
    mark(
        "Your result is 1 at every place, whatever the inputs are: so is a sum over the keys (the "
        "columns), because every row of a softmax sums to 1."
    ): lambda w, mask: w.sum(axis=1),
    mark(
        "You add the rows up; divide by the number of real words, so that the result sums to 1."
    ): (lambda w, mask: w[mask].sum(axis=0)),
    mark("The rows of padded queries are in your average; Keras fills them too: leave them out."): (
        lambda w, mask: w.mean(axis=0)
    ),
    mark("You add up all rows, padded ones included; average the rows of real words instead."): (
        lambda w, mask: w.sum(axis=0)
    ),
    mark("You divide by the full length; only the real words should be counted."): (
        lambda w, mask: w[mask].sum(axis=0) / len(mask)
    ),
    mark("You kept the padded queries: the mask is the wrong way round."): (
        lambda w, mask: w[~mask].mean(axis=0)
    ),
    mark("You leave out the padded places; the result has a number for them too, which is 0."): (
        lambda w, mask: w[mask].mean(axis=0)[mask]
    ),
    mark("That is the last row alone; average over all real words."): lambda w, mask: w[-1],
    mark("That is the first row alone; average over all real words."): lambda w, mask: w[0],
    mark("That is the diagonal: how much each word attends to itself, not what it receives."): (
        lambda w, mask: np.diag(w)
    ),
    mark("You take the largest weight each word receives; the model averages, so average too."): (
        lambda w, mask: w[mask].max(axis=0)
    ),
    mark("All the weight lies on one word; that is a choice (argmax), not an average."): (
        lambda w, mask: np.eye(len(mask))[w[mask].mean(axis=0).argmax()]
    ),
    mark("Every real word gets the same number: the weights do not enter your result."): (
        lambda w, mask: mask / mask.sum()
    ),
    mark("A second softmax flattens the result: the rows are weights already."): (
        lambda w, mask: _softmax(w[mask].mean(axis=0))
    ),
    mark("You return a matrix; average its rows, so that one number per place is left."): (
        lambda w, mask: w
    ),
}


# --- 05.mean ----------------------------------------------------------------------------------


def masked_mean(states, mask):
    """Sum the states of real words and divide by their number; 0 for an empty review."""
    count = mask.sum(axis=1, keepdims=True)
    total = (states * mask[:, :, None]).sum(axis=1)
    return total / np.maximum(count, 1)


def _mean_case(draw: Draw) -> tuple:
    batch, steps = draw.size(), draw.length()
    return draw.numbers(batch, steps, draw.size()), draw.mask(batch, steps)


def _kept(states: np.ndarray, mask: np.ndarray) -> np.ndarray:
    return states * mask[:, :, None]


MEAN_MISTAKES = {
    mark("Your mean counts the padding as words: the mask has no effect."): (
        lambda states, mask: states.mean(axis=1)
    ),
    mark("You divide by the full length; divide by the number of real words of each review."): (
        lambda states, mask: _kept(states, mask).mean(axis=1)
    ),
    mark("Your sum holds the padding too; multiply the states by the mask before you add."): (
        lambda states, mask: states.sum(axis=1) / np.maximum(mask.sum(axis=1), 1)[:, None]
    ),
    mark("That is the sum over the words; divide it by their number."): (
        lambda states, mask: _kept(states, mask).sum(axis=1)
    ),
    mark("The mask is the wrong way round: True marks the words that count."): (
        lambda states, mask: masked_mean(states, ~mask)
    ),
    mark("That is the last word's state alone, not a mean."): lambda states, mask: states[:, -1],
    mark("You take the largest value of each feature (max pooling); the mean is asked for."): (
        lambda states, mask: np.where(mask[:, :, None], states, -np.inf).max(axis=1)
    ),
    mark("You divide every review by the word count of the whole batch."): (
        lambda states, mask: _kept(states, mask).sum(axis=1) / mask.sum()
    ),
    mark("You average over the features; the mean runs over the words, axis 1."): (
        lambda states, mask: _kept(states, mask).mean(axis=2)
    ),
    mark(
        "You average over the features, padding included; the mean runs over the words, axis 1."
    ): (lambda states, mask: states.mean(axis=2)),
    mark("You average over the batch (axis 0), which mixes reviews; words are on axis 1."): (
        lambda states, mask: states.mean(axis=0)
    ),
    mark("The time axis is still there; a mean over time leaves (batch, features)."): _kept,
    mark("A review without a single word gives NaN (0/0); return zeros for it."): (
        lambda states, mask: _kept(states, mask).sum(axis=1) / mask.sum(axis=1)[:, None]
    ),
    mark("A review without a single word should give zeros, not the mean of its padding."): (
        lambda states, mask: masked_mean(states, mask | ~mask.any(axis=1, keepdims=True))
    ),
    mark(
        "You add 1 to every count of words, against a division by 0; only a count of 0 needs it."
    ): (lambda states, mask: _kept(states, mask).sum(axis=1) / (mask.sum(axis=1)[:, None] + 1)),
}


EXERCISES = {
    "05.received": Exercise(
        name="05.received",
        question=mark(
            "Write received(weights, mask): weights (T, T) holds one row per query as Keras "
            "returns them, mask (T,) is True for words. Return (T,): the average weight that each "
            "place receives from the real words."
        ),
        solve=received,
        case=_received_case,
        results=(mark("the array of weights received"),),
        mistakes=RECEIVED_MISTAKES,
        hints=(
            mark("Queries are rows. Which rows belong to padding, and should they have a say?"),
            mark("weights[mask] keeps the rows of the real words."),
            mark("Average what is left over the rows: axis 0."),
        ),
        praise=mark("Real rows only, and what the words receive sums to 1."),
    ),
    "05.mean": Exercise(
        name="05.mean",
        question=mark(
            "Write masked_mean(states, mask): states (batch, T, d), mask (batch, T) True for "
            "words. Return (batch, d), the mean over real words; zeros for a review without any."
        ),
        solve=masked_mean,
        case=_mean_case,
        results=(mark("the mean"),),
        mistakes=MEAN_MISTAKES,
        hints=(
            mark("Two things must leave the padding out: the sum and the number you divide by."),
            mark(
                "mask[:, :, None] has shape (batch, T, 1), so it can be multiplied with the states."
            ),
            mark("Divide by np.maximum(count, 1), so that an empty review is 0/1 and not 0/0."),
        ),
        praise=mark("Padding is left out of the sum and of the count."),
    ),
}
