"""Exercises of chapter 5: reading attention weights, and averaging without the padding.

``05.received`` asks how much weight each word receives, ``05.mean`` for the masked average that
follows the attention layer in most models of the chapter.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import numpy as np

from attention_course.exercises._harness import Exercise, as_array, call, close, fail, source

# --- weight received by each word -------------------------------------------------------------


def received(weights, mask):
    """Average the rows of the real queries: one number per word."""
    return weights[mask].mean(axis=0)


def check_received(answer: Any) -> None:
    """Real rows only, the mean and not the sum, one number per key."""
    for steps, padding, seed in ((5, 0, 0), (7, 3, 1), (6, 5, 2)):
        weights, mask = _received_inputs(steps, padding, seed)
        result = as_array(call(answer, weights, mask), None, "the result")
        expected = received(weights, mask)
        if result.shape == (steps, steps):
            fail("You return a matrix; average its rows, so that one number per word is left.")
        result = as_array(result, (steps,), "the result")
        if close(result, expected):
            continue
        for sentence, wrong in _wrong_received(weights, mask):
            if close(result, wrong) and not close(wrong, expected):
                fail(sentence)
        if np.isin(result, (0, 1)).all():
            fail("All the weight lies on one word; that is a choice (argmax), not an average.")
        if padding and np.abs(result[~mask]).max() > 1e-9:
            fail("A padded place receives weight, although no word stands there.")
        if abs(result.sum() - 1) > 1e-6:
            fail(
                f"What the words receive sums to {result.sum():.4g}; an average of rows sums to 1."
            )
        fail("The numbers sum to 1, but they are not the average over the rows of the real words.")


def _received_inputs(steps: int, padding: int, seed: int) -> tuple[np.ndarray, np.ndarray]:
    """Weights as Keras returns them: padded keys get 0, padded queries still have a full row."""
    rng = np.random.default_rng(seed)
    mask = np.arange(steps) >= padding
    exponents = np.where(mask, np.exp(2 * rng.normal(size=(steps, steps))), 0.0)
    return exponents / exponents.sum(axis=1, keepdims=True), mask


def _wrong_received(weights: np.ndarray, mask: np.ndarray) -> Iterable[tuple[str, np.ndarray]]:
    real = weights[mask]
    yield (
        "You average over the keys (the columns), and every row sums to 1; average over the "
        "queries, which are the rows.",
        weights.mean(axis=1),
    )
    yield (
        "You sum over the keys (the columns): every row of a softmax sums to 1, so this says "
        "nothing about the words.",
        weights.sum(axis=1),
    )
    yield (
        "You add the rows up; divide by the number of real words, so that the result sums to 1.",
        real.sum(axis=0),
    )
    yield (
        "The rows of padded queries are in your average; Keras fills them too, so leave them out.",
        weights.mean(axis=0),
    )
    yield (
        "You add up all rows, the padded ones included; average the rows of real words instead.",
        weights.sum(axis=0),
    )
    yield (
        "You divide by the full length; only the real words should be counted.",
        real.sum(axis=0) / len(mask),
    )
    yield (
        "You kept the padded queries and left out the real ones: the mask is the wrong way round.",
        weights[~mask].mean(axis=0) if (~mask).any() else np.zeros(len(mask)),
    )
    yield ("That is the last word's row alone; average over all real words.", weights[-1])
    yield ("That is the first row alone; average over all real words.", weights[0])
    yield (
        "That is the diagonal: how much each word attends to itself, not what it receives.",
        np.diag(weights),
    )
    yield (
        "You take the largest weight each word receives; the model averages, so average too.",
        real.max(axis=0),
    )
    yield (
        "Every real word gets the same number: the weights do not enter your result.",
        mask / mask.sum(),
    )
    averaged = np.exp(real.mean(axis=0))
    yield (
        "A second softmax flattens the result: the rows are weights already.",
        averaged / averaged.sum(),
    )


# --- the average that leaves padding out ------------------------------------------------------


def masked_mean(states, mask):
    """Sum the states of real words and divide by their number; 0 for an empty review."""
    count = mask.sum(axis=1, keepdims=True)
    total = (states * mask[:, :, None]).sum(axis=1)
    return total / np.maximum(count, 1)


def check_masked_mean(answer: Any) -> None:
    """Padding left out of the sum and of the count; an empty review gives zeros."""
    for sizes, seed in (((3, 5, 4), 0), ((4, 4, 4), 1), ((1, 6, 2), 2)):
        states, mask = _mean_inputs(sizes, seed)
        result = _read_mean(answer, states, mask)
        expected = masked_mean(states, mask)
        if close(result, expected):
            continue
        for sentence, wrong in _wrong_means(states, mask):
            if wrong.shape == result.shape and close(result, wrong):
                fail(sentence)
        changed = np.where(mask[:, :, None], states, states + 7.0)
        if not close(_read_mean(answer, changed, mask), result):
            fail("What stands in the padding changes your result; multiply it by the mask first.")
        fail("Padding is left out, but the result is not the mean of the real words' states.")
    states, mask = _mean_inputs((2, 4, 3), 3)
    mask[1] = False
    empty = as_array(call(answer, states, mask), (2, 3), "the mean", finite=False)
    if not np.isfinite(empty).all():
        fail("A review without a single word gives NaN (0/0); return zeros for it.")
    if not close(empty[1], np.zeros(3)):
        fail("A review without a single word should give zeros.")


def _mean_inputs(sizes: tuple[int, int, int], seed: int) -> tuple[np.ndarray, np.ndarray]:
    batch, steps, _ = sizes
    rng = np.random.default_rng(seed)
    padding = 1 + np.arange(batch) % (steps - 1)
    return rng.normal(size=sizes) + 1, np.arange(steps) >= padding[:, None]


def _read_mean(answer: Any, states: np.ndarray, mask: np.ndarray) -> np.ndarray:
    batch, steps, width = states.shape
    result = as_array(call(answer, states, mask), None, "the mean")
    if result.shape == (batch, steps, width):
        fail("The time axis is still there; a mean over time leaves (batch, features).")
    if result.shape == (batch, steps) != (batch, width):
        fail("You average over the features; the mean runs over the words, axis 1.")
    if result.shape == (steps, width) != (batch, width):
        fail("You average over the batch (axis 0), which mixes reviews; words are on axis 1.")
    return as_array(result, (batch, width), "the mean")


def _wrong_means(states: np.ndarray, mask: np.ndarray) -> Iterable[tuple[str, np.ndarray]]:
    kept = states * mask[:, :, None]
    yield (
        "Your mean counts the padding as words: the mask has no effect.",
        states.mean(axis=1),
    )
    yield (
        "You divide by the full length; divide by the number of real words of each review.",
        kept.mean(axis=1),
    )
    yield ("That is the sum over the words; divide it by their number.", kept.sum(axis=1))
    yield (
        "The mask is the wrong way round: True marks the words that count.",
        (states * ~mask[:, :, None]).sum(axis=1) / np.maximum((~mask).sum(axis=1), 1)[:, None],
    )
    yield ("That is the last word's state alone, not a mean.", states[:, -1])
    yield (
        "You take the largest value of each feature (max pooling); the mean is asked for.",
        np.where(mask[:, :, None], states, -np.inf).max(axis=1),
    )
    yield (
        "You divide every review by the word count of the whole batch.",
        kept.sum(axis=1) / mask.sum(),
    )
    yield (
        "You average over the features; the mean runs over the words, axis 1.",
        kept.mean(axis=2),
    )
    yield ("Your result is zero whatever the states are.", np.zeros(states.shape[::2]))


EXERCISES: dict[str, Exercise] = {
    "05.received": Exercise(
        name="05.received",
        question=(
            "Write received(weights, mask): weights (T, T) holds one row per query as Keras "
            "returns them, mask (T,) is True for words. Return (T,): the average weight that each "
            "place receives from the real words."
        ),
        answer="received",
        check=check_received,
        hints=(
            "Queries are rows. Which rows belong to padding, and should they have a say?",
            "weights[mask] keeps the rows of the real words.",
            "Average what is left over the rows: axis 0.",
        ),
        solution=source(received),
        praise="Real rows only, and what the words receive sums to 1.",
    ),
    "05.mean": Exercise(
        name="05.mean",
        question=(
            "Write masked_mean(states, mask): states (batch, T, d), mask (batch, T) True for "
            "words. Return (batch, d), the mean over real words; zeros for a review without any."
        ),
        answer="masked_mean",
        check=check_masked_mean,
        hints=(
            "Two things must leave the padding out: the sum and the number you divide by.",
            "mask[:, :, None] has shape (batch, T, 1), so it can be multiplied with the states.",
            "Divide by np.maximum(count, 1), so that an empty review is 0/1 and not 0/0.",
        ),
        solution=source(masked_mean),
        praise="Padding is left out of the sum and of the count.",
    ),
}
