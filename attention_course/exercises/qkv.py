"""Exercises of chapter 4: scaled dot-product attention with a mask, and several heads.

A wrong result is compared with what the common mistakes would give; the mistake whose numbers
the student has is the one that is named.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any

import numpy as np

from attention_course.exercises._harness import (
    Exercise,
    as_array,
    as_outputs,
    call,
    close,
    fail,
    source,
)

PARTS = ("output", "weights")
TOLERANCE = 1e-5  # an answer computed in float32 is right too


def _softmax(scores: np.ndarray, axis: Any = -1) -> np.ndarray:
    powers = np.exp(scores - scores.max(axis=axis, keepdims=True))
    return powers / powers.sum(axis=axis, keepdims=True)


def _recognise(found: np.ndarray, mistakes: Iterable[tuple[str, np.ndarray]]) -> None:
    for sentence, wrong in mistakes:
        if close(found, wrong, TOLERANCE):
            fail(sentence)


# --- 04.attention -----------------------------------------------------------------------------


def attention(query, key, value, mask):
    """Scaled dot-product attention; a query that may attend to nothing gets zeros."""
    scores = query @ np.swapaxes(key, -1, -2) / np.sqrt(query.shape[-1])
    scores = np.where(mask, scores, -np.inf)
    highest = scores.max(axis=-1, keepdims=True)
    highest = np.where(np.isfinite(highest), highest, 0)
    powers = np.exp(scores - highest)
    total = powers.sum(axis=-1, keepdims=True)
    weights = powers / np.where(total == 0, 1, total)
    return weights @ value, weights


def check_attention(answer: Any) -> None:
    """Weights, output, masked content, large scores and queries without any key."""
    # All sizes differ first, so that mixed-up axes show; then all are equal, so that they hide.
    for sizes, seed in (((2, 3, 5, 4, 6), 0), ((4, 4, 4, 4, 4), 1), ((1, 1, 3, 2, 2), 2)):
        inputs = _attention_inputs(sizes, seed)
        output, weights = _read(answer, inputs)
        _examine_weights(weights, inputs)
        _examine_output(output, weights, inputs)
    _examine_forbidden(answer)
    _examine_large_scores(answer)
    _examine_nothing_allowed(answer)


def _attention_inputs(sizes: tuple[int, ...], seed: int) -> tuple[np.ndarray, ...]:
    batch, t_q, t_k, d_k, d_v = sizes
    rng = np.random.default_rng(seed)
    mask = rng.random((batch, t_q, t_k)) < 0.6
    mask[..., 0] = True  # every query may attend to something
    mask[..., -1] = False
    return (
        rng.normal(size=(batch, t_q, d_k)) + 0.3,
        rng.normal(size=(batch, t_k, d_k)),
        rng.normal(size=(batch, t_k, d_v)),
        mask,
    )


def _read(answer: Any, inputs: tuple[np.ndarray, ...]) -> tuple[np.ndarray, np.ndarray]:
    query, key, value, _ = inputs
    output_shape = (*query.shape[:2], value.shape[2])
    weights_shape = (*query.shape[:2], key.shape[1])
    parts = as_outputs(call(answer, *inputs), PARTS)
    shapes = tuple(np.shape(part) for part in parts)
    if shapes == (weights_shape, output_shape) != (output_shape, weights_shape):
        fail("The two results come the other way round: return the output first.")
    if weights_shape[1] != weights_shape[2]:
        if shapes[1] == (weights_shape[0], weights_shape[2], weights_shape[1]):
            fail("Your weights have keys as rows; queries are rows and keys are columns.")
        if shapes[1] == weights_shape and shapes[0] == query.shape != output_shape:
            fail("Your output has the width of the keys: the weights mix the values, not the keys.")
        if shapes[0] == (output_shape[0], output_shape[2]):
            fail("Your output holds one query only; there is one row for each query.")
    weights = as_array(parts[1], weights_shape, "the array of weights")
    return as_array(parts[0], output_shape, "the output"), weights


def _examine_weights(weights: np.ndarray, inputs: tuple[np.ndarray, ...]) -> None:
    mask = inputs[3]
    expected = attention(*inputs)[1]
    if close(weights, expected, TOLERANCE):
        return
    _recognise(weights, _wrong_weights(inputs))
    if (weights < -1e-9).any():
        fail("A weight is negative; after a softmax none is. Did you return the scores?")
    if np.isin(weights, (0, 1)).all():
        fail("All the weight of a query lies on one key: that is an argmax, not a softmax.")
    total = weights.sum(axis=-1)
    if np.abs(total - 1).max() > 1e-5:
        fail(
            f"The weights of one query sum to {total.flat[np.abs(total - 1).argmax()]:.4g}, not "
            "to 1: take the softmax over the keys, and let nothing change the weights after it."
        )
    if np.abs(weights[~mask]).max(initial=0) > 1e-9:
        fail("A forbidden key gets some weight: its score must be -inf when the softmax is taken.")
    fail("The weights sum to 1 and respect the mask, but they are not softmax(Q Kᵀ / √d_k).")


def _wrong_weights(inputs: tuple[np.ndarray, ...]) -> Iterator[tuple[str, np.ndarray]]:
    query, key, _, mask = inputs
    dots = query @ np.swapaxes(key, 1, 2)
    scores = dots / np.sqrt(query.shape[2])
    yield from _wrong_masks(scores, mask)
    yield from _wrong_axes(scores, mask)
    for sentence, wrong in _wrong_scores(inputs, dots):
        yield sentence, _softmax(np.where(mask, wrong, -np.inf))
    first = "Every query gets the weights of the first one: only one query is used."
    yield first, np.broadcast_to(attention(*inputs)[1][:, :1], scores.shape)
    yield first, _softmax(np.where(mask, np.broadcast_to(scores[:, :1], scores.shape), -np.inf))
    chosen = np.where(mask, scores, -np.inf).argmax(axis=-1)
    yield (
        "Your weights are 1 for the best key and 0 for the rest: that is a hard choice (argmax); "
        "a softmax gives every allowed key a share.",
        np.eye(key.shape[1])[chosen],
    )
    yield (
        "All allowed keys get the same weight: the scores never reach the softmax.",
        mask / mask.sum(axis=-1, keepdims=True),
    )
    yield (
        "You take exp of the scores but do not divide by the sum over the keys.",
        np.where(mask, np.exp(scores), 0),
    )
    yield "You return the scores; neither softmax nor mask is there.", scores


def _wrong_masks(scores: np.ndarray, mask: np.ndarray) -> Iterator[tuple[str, np.ndarray]]:
    for low in (-np.inf, -1e9):
        forbidden = np.where(mask, low, scores)
        if np.isfinite(forbidden.max(axis=-1)).all():
            yield (
                "The mask is the wrong way round: True means that attention is allowed.",
                _softmax(forbidden),
            )
    yield "The mask has no effect: forbidden keys are weighted too.", _softmax(scores)
    yield (
        "You mask after the softmax, so the weights of a query no longer sum to 1; "
        "mask the scores before it.",
        _softmax(scores) * mask,
    )
    yield (
        "You set forbidden scores to 0, but exp(0) = 1, so those keys still get weight; use -inf.",
        _softmax(np.where(mask, scores, 0.0)),
    )
    yield (
        "You multiply the weights by the mask the wrong way round, and after the softmax.",
        _softmax(scores) * ~mask,
    )


def _wrong_axes(scores: np.ndarray, mask: np.ndarray) -> Iterator[tuple[str, np.ndarray]]:
    over_queries = (
        "The softmax runs over the queries (the columns sum to 1); it has to run over the keys, "
        "the last axis."
    )
    over_batch = "The softmax runs over the batch (axis 0), which mixes different sentences."
    over_all = (
        "The softmax runs over all pairs at once; each query has a budget of 1 of its own, so use "
        "axis=-1."
    )
    for axis, sentence in ((1, over_queries), (0, over_batch), ((1, 2), over_all)):
        yield sentence, _softmax(np.where(mask, scores, -1e9), axis)
        yield sentence, _softmax(scores, axis) * mask
        powers = np.where(mask, np.exp(scores), 0)
        total = powers.sum(axis=axis, keepdims=True)
        yield sentence, powers / np.where(total == 0, 1, total)


def _wrong_scores(
    inputs: tuple[np.ndarray, ...], dots: np.ndarray
) -> Iterator[tuple[str, np.ndarray]]:
    query, key, value, _ = inputs
    width = query.shape[2]
    yield "The scores are not divided by √d_k: the scaling is missing.", dots
    yield "You divide the scores by d_k; divide by its square root.", dots / width
    yield "You multiply the scores by √d_k instead of dividing.", dots * np.sqrt(width)
    if key.shape[1] != width:
        yield (
            "You divide by the square root of the number of keys; d_k is the width of a key.",
            dots / np.sqrt(key.shape[1]),
        )
    if value.shape[2] != width:
        yield (
            "You divide by the square root of the values' width; d_k is the width of a key.",
            dots / np.sqrt(value.shape[2]),
        )
    yield "The scores have the wrong sign: the best key gets the least weight.", -dots / width**0.5
    if dots.shape[1] == dots.shape[2]:
        yield (
            "Queries and keys have changed places: score (i, j) is query i with key j. Here there "
            "are as many queries as keys, so the shape cannot tell.",
            np.swapaxes(dots, 1, 2) / np.sqrt(width),
        )


def _examine_output(
    output: np.ndarray, weights: np.ndarray, inputs: tuple[np.ndarray, ...]
) -> None:
    right = weights @ inputs[2]
    if close(output, right, TOLERANCE):
        return
    _recognise(output, _wrong_outputs(weights, inputs))
    fail("The weights are right, but the output is not their weighted sum of the values.")


def _wrong_outputs(
    weights: np.ndarray, inputs: tuple[np.ndarray, ...]
) -> Iterator[tuple[str, np.ndarray]]:
    query, key, value, _ = inputs
    right = weights @ value
    best = np.take_along_axis(value, weights.argmax(axis=-1)[..., None], axis=1)
    yield "The weights are right, but the output takes only the best key's value.", best
    mean = "The weights are right, but the output is the plain mean of the values."
    yield mean, np.broadcast_to(value.mean(axis=1, keepdims=True), right.shape)
    yield (
        "The weights are right, but every row of the output is the first query's.",
        np.broadcast_to(right[:, :1], right.shape),
    )
    yield (
        "The output is divided by the number of keys; the weights sum to 1 already.",
        right / key.shape[1],
    )
    yield "The output is the same for every input: the values never reach it.", 0 * right
    if query.shape == value.shape:
        yield "You add the queries to the output; the residual is a later step.", right + query
    if key.shape == value.shape:
        yield "The weights mix the keys; they have to mix the values.", weights @ key
    if weights.shape[1] == weights.shape[2]:
        yield (
            "The weights are transposed before they meet the values: row i belongs to query i.",
            np.swapaxes(weights, 1, 2) @ value,
        )


def _examine_forbidden(answer: Any) -> None:
    inputs = _attention_inputs((2, 3, 5, 4, 6), 3)
    query, key, value, mask = inputs
    expected = _read(answer, inputs)
    key, value = key.copy(), value.copy()
    key[:, -1], value[:, -1] = 50.0, 1e4  # the last key is forbidden to all
    for found, right in zip(_read(answer, (query, key, value, mask)), expected, strict=True):
        if not close(found, right, TOLERANCE):
            fail("With another word in a forbidden place the result changes; it must not.")


def _examine_large_scores(answer: Any) -> None:
    query, key, value, mask = _attention_inputs((2, 3, 5, 4, 6), 4)
    inputs = (1e4 * query, key, value, mask)
    expected = attention(*inputs)[1]
    result = as_outputs(call(answer, *inputs), PARTS)[1]
    weights = as_array(result, expected.shape, "the array of weights", finite=False)
    if not close(weights, expected, TOLERANCE):
        fail(
            "Scores of some thousands overflow in exp; subtract each row's largest score first, "
            "which leaves the weights as they are."
        )


def _examine_nothing_allowed(answer: Any) -> None:
    inputs = _attention_inputs((2, 3, 5, 4, 6), 5)
    inputs[3][1, 2] = False
    expected_output, expected = attention(*inputs)
    parts = as_outputs(call(answer, *inputs), PARTS)
    weights = as_array(parts[1], expected.shape, "the array of weights", finite=False)
    if np.isnan(weights[1, 2]).any():
        fail(
            "A query that may attend to nothing gets NaN: all its scores are -inf, and 0/0 is no "
            "number. Give it weights of zero."
        )
    if close(weights[1, 2], np.full(5, 0.2), TOLERANCE):
        fail(
            "A query that may attend to nothing gets equal weights, so it reads forbidden keys. "
            "Give it weights of zero."
        )
    output = as_array(parts[0], expected_output.shape, "the output", finite=False)
    if not (close(weights, expected, TOLERANCE) and close(output, expected_output, TOLERANCE)):
        fail(
            "A query that may attend to nothing needs zero weights and a zero output, and the "
            "other queries must stay as they are."
        )


# --- 04.heads ---------------------------------------------------------------------------------


def attend_in_heads(query, key, value, heads):
    """Split, attend in each head, put the heads side by side."""

    def split(x):
        batch, time, width = x.shape
        return x.reshape(batch, time, heads, width // heads).transpose(0, 2, 1, 3)

    query, key, value = split(query), split(key), split(value)
    scores = query @ key.transpose(0, 1, 3, 2) / np.sqrt(query.shape[-1])
    weights = np.exp(scores - scores.max(axis=-1, keepdims=True))
    weights = weights / weights.sum(axis=-1, keepdims=True)
    output = (weights @ value).transpose(0, 2, 1, 3)
    return output.reshape(*output.shape[:2], -1), weights


def check_heads(answer: Any) -> None:
    """Shapes, then the weights of each head, then how the heads come together."""
    # (batch, T_q, T_k, d, d_v, heads)
    for sizes, seed in (
        ((2, 3, 5, 8, 6, 2), 0),
        ((2, 4, 4, 8, 8, 4), 1),
        ((1, 6, 2, 6, 9, 3), 2),
        ((2, 3, 5, 4, 6, 1), 3),
    ):
        batch, t_q, t_k, d, d_v, heads = sizes
        rng = np.random.default_rng(seed)
        inputs = (
            rng.normal(size=(batch, t_q, d)),
            rng.normal(size=(batch, t_k, d)),
            rng.normal(size=(batch, t_k, d_v)),
            heads,
        )
        expected_output, expected = attend_in_heads(*inputs)
        output, weights = _read_heads(answer, inputs, expected_output.shape, expected.shape)
        if not close(weights, expected, TOLERANCE):
            _examine_head_weights(weights, inputs)
        if not close(output, expected_output, TOLERANCE):
            _recognise(output, _wrong_joins(inputs))
            fail(
                "The weights of all heads are right, but the output is not the heads' results "
                "side by side."
            )


def _read_heads(
    answer: Any, inputs: tuple, output_shape: tuple[int, ...], weights_shape: tuple[int, ...]
) -> tuple[np.ndarray, np.ndarray]:
    batch, heads, t_q, t_k = weights_shape
    parts = as_outputs(call(answer, *inputs), PARTS)
    shapes = tuple(np.shape(part) for part in parts)
    if shapes == (weights_shape, output_shape):
        fail("The two results come the other way round: return the output first.")
    if heads > 1 and heads != t_q:
        if shapes[1] == (batch, t_q, heads, t_k):
            fail("In your weights the heads come after the queries; the heads are axis 1.")
        if shapes[1] == (batch, t_q, t_k):
            fail("You return one matrix of weights per sentence; every head has its own.")
        if shapes[0] == (*output_shape[:2], output_shape[2] // heads):
            fail("The heads are added or averaged; put their results side by side instead.")
        if shapes[0] == (*output_shape[:2], output_shape[2] * heads):
            fail("Every head uses the whole width of the values; each gets its own slice.")
        if len(shapes[0]) == 4:
            fail("The output still has an axis of heads; put the heads side by side.")
    weights = as_array(parts[1], weights_shape, "the array of weights")
    return as_array(parts[0], output_shape, "the output"), weights


def _examine_head_weights(weights: np.ndarray, inputs: tuple) -> None:
    _recognise(weights, _wrong_heads(inputs))
    if (weights < -1e-9).any():
        fail("A weight is negative; after a softmax none is. Did you return the scores?")
    if np.isin(weights, (0, 1)).all():
        fail("All the weight of a query lies on one key: that is an argmax, not a softmax.")
    if np.abs(weights.sum(axis=-1) - 1).max() > 1e-5:
        fail(
            f"In one head the weights of one query sum to {weights.sum(axis=-1).flat[0]:.4g}, not "
            "to 1: in every head the softmax runs over the keys."
        )
    fail(
        "The weights of each query sum to 1, but they are not those of your heads: head i sees "
        "the i-th slice of queries and keys."
    )


def _cut(x: np.ndarray, heads: int) -> np.ndarray:
    return x.reshape(*x.shape[:2], heads, -1).transpose(0, 2, 1, 3)


def _wrong_heads(inputs: tuple) -> Iterator[tuple[str, np.ndarray]]:
    query, key, _, heads = inputs
    batch, t_q, width = query.shape
    narrow = width // heads
    dots = _cut(query, heads) @ _cut(key, heads).transpose(0, 1, 3, 2)
    scores = dots / np.sqrt(narrow)

    def of(q: np.ndarray, k: np.ndarray) -> np.ndarray:
        return _softmax(q @ np.swapaxes(k, -1, -2) / np.sqrt(q.shape[-1]))

    if narrow > 1:
        yield "The scores are not divided by √d_k: the scaling is missing.", _softmax(dots)
        yield (
            "You divide the scores by the width of a head; divide by its square root.",
            _softmax(dots / narrow),
        )
    if heads == 1:
        return
    yield (
        "You scale by the width of all heads together; each head has keys of width d / heads.",
        _softmax(dots / np.sqrt(width)),
    )
    yield (
        "You reshape straight to (batch, heads, T, d / heads), which mixes different words; "
        "reshape to (batch, T, heads, d / heads) first, then swap the two axes.",
        of(query.reshape(batch, heads, t_q, narrow), key.reshape(batch, heads, -1, narrow)),
    )
    yield (
        "Head i takes every heads-th feature; it should take one slice of neighbouring features.",
        of(
            query.reshape(batch, t_q, narrow, heads).transpose(0, 3, 1, 2),
            key.reshape(batch, -1, narrow, heads).transpose(0, 3, 1, 2),
        ),
    )
    whole = of(query[:, None], key[:, None])
    yield (
        "All heads have the same weights, those of the whole width: split queries and keys first.",
        np.broadcast_to(whole, scores.shape),
    )
    yield (
        "All heads have the weights of the first one; each uses its own slice.",
        np.broadcast_to(_softmax(scores)[:, :1], scores.shape),
    )
    mixed = _softmax(scores).mean(axis=1, keepdims=True)
    yield (
        "All heads have the same weights, their average; each keeps its own.",
        np.broadcast_to(mixed, scores.shape),
    )
    yield "The heads are numbered from the last to the first.", _softmax(scores)[:, ::-1]
    yield (
        "The softmax runs over the heads; in each head it runs over the keys.",
        _softmax(scores, 1),
    )
    yield (
        "The softmax runs over the queries; in each head it runs over the keys, the last axis.",
        _softmax(scores, 2),
    )
    if query.shape == key.shape:
        yield (
            "Queries and keys have changed places: score (i, j) is query i with key j.",
            _softmax(np.swapaxes(scores, 2, 3)),
        )


def _wrong_joins(inputs: tuple) -> Iterator[tuple[str, np.ndarray]]:
    value, heads = inputs[2], inputs[3]
    right, weights = attend_in_heads(*inputs)
    found = weights @ _cut(value, heads)
    yield "The output is the same for every input: the values never reach it.", 0 * right
    if heads == 1:
        return
    yield (
        "You reshape the heads' results without moving the axis of heads back, which mixes "
        "different words; swap heads and time first.",
        found.reshape(right.shape),
    )
    yield (
        "The heads' features are interleaved; put the heads side by side, one slice each.",
        found.transpose(0, 2, 3, 1).reshape(right.shape),
    )
    yield (
        "The heads stand in the wrong order, from the last to the first.",
        found[:, ::-1].transpose(0, 2, 1, 3).reshape(right.shape),
    )
    yield (
        "One head's result is repeated; each head contributes its own slice.",
        np.tile(found[:, 0], heads),
    )
    yield (
        "The heads' results are averaged and repeated; each head contributes its own slice.",
        np.tile(found.mean(axis=1), heads),
    )
    yield (
        "Every slice of the values is mixed with the first head's weights.",
        weights[:, 0] @ value,
    )
    yield (
        "The values are reshaped straight to (batch, heads, T, d / heads), which mixes different "
        "words; split them like queries and keys.",
        (weights @ value.reshape(*found.shape[:2], value.shape[1], -1))
        .transpose(0, 2, 1, 3)
        .reshape(right.shape),
    )


EXERCISES: dict[str, Exercise] = {
    exercise.name: exercise
    for exercise in (
        Exercise(
            name="04.attention",
            question=(
                "Write attention(query, key, value, mask): scaled dot-product attention over a "
                "batch. query (batch, T_q, d_k), key (batch, T_k, d_k), value (batch, T_k, d_v), "
                "mask (batch, T_q, T_k), True where attention is allowed. Return output and "
                "weights. A query that may attend to nothing gets zeros."
            ),
            answer="attention",
            check=check_attention,
            hints=(
                "Four steps in this order: scores, mask, softmax, weighted sum. `key.T` would "
                "turn round the batch as well; swap only the last two axes.",
                "`np.where(mask, scores, -np.inf)` before exp. Subtract the largest score of each "
                "row first, but where that largest score is -inf subtract 0: -inf - (-inf) is NaN.",
                "After exp, a row without any allowed key sums to 0. Divide by "
                "`np.where(total == 0, 1, total)` and its weights stay 0.",
            ),
            solution=source(attention),
            praise="Weights, mask, output and the query without any key are all right.",
        ),
        Exercise(
            name="04.heads",
            question=(
                "Write attend_in_heads(query, key, value, heads) for projected arrays: query "
                "(batch, T_q, d), key (batch, T_k, d), value (batch, T_k, d_v). Split each into "
                "heads, attend in each head, put the heads side by side. Return the output "
                "(batch, T_q, d_v) and the weights (batch, heads, T_q, T_k). No mask, no W_o."
            ),
            answer="attend_in_heads",
            check=check_heads,
            hints=(
                "Head i takes the i-th slice of the features. Which array shape has time and "
                "slice as separate axes?",
                "`x.reshape(batch, T, heads, -1).transpose(0, 2, 1, 3)` puts the heads next to "
                "the batch. From there on it is attention as before, scaled by the width of one "
                "head.",
                "The way back undoes both steps in reverse order: transpose(0, 2, 1, 3), then "
                "reshape to (batch, T_q, d_v).",
            ),
            solution=source(attend_in_heads),
            praise="Every head has its own weights, and the heads stand side by side in order.",
        ),
    )
}
