"""Exercises of chapter 3: Bahdanau's and Luong's attention.

``03.additive`` asks for Bahdanau's attention over a masked batch, ``03.luong`` for Luong's three
scores and ``03.gradient`` for the gradient that reaches the scores.
"""

from __future__ import annotations

from collections.abc import Iterable
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

# --- additive attention over a batch ----------------------------------------------------------


def additive_attention(query, keys, W, U, v, mask):
    """Bahdanau's score, softmax over the allowed keys, weighted sum of the keys."""
    hidden = np.tanh((query @ W)[:, :, None, :] + (keys @ U)[:, None, :, :])
    scores = np.where(mask[:, None, :], hidden @ v, -np.inf)
    weights = np.exp(scores - scores.max(axis=-1, keepdims=True))
    weights = weights / weights.sum(axis=-1, keepdims=True)
    return weights @ keys, weights


def check_additive(answer: Any) -> None:
    """Shapes, the properties of weights, the mask, the score, the context, large scores."""
    # All sizes differ first, so that mixed-up axes show; then all are equal, so that they hide.
    for sizes, seed in (((2, 3, 5, 2, 4, 6), 0), ((3, 4, 4, 4, 4, 4), 1), ((1, 1, 4, 2, 2, 1), 2)):
        inputs = _additive_inputs(sizes, seed)
        context, weights = _read_attention(answer, inputs)
        _examine_weights(weights, inputs)
        _examine_context(context, weights, inputs)
    _examine_padding(answer)
    _examine_large_scores(answer)


def _additive_inputs(sizes: tuple[int, ...], seed: int) -> tuple[np.ndarray, ...]:
    batch, t_q, t_k, d_s, d_h, d_a = sizes
    rng = np.random.default_rng(seed)
    mask = np.arange(t_k) < np.array([t_k - (row + 1) % 3 for row in range(batch)])[:, None]
    if batch == 1:
        mask[0, 0] = False  # padding may also stand before the text
    return (
        rng.normal(size=(batch, t_q, d_s)),
        rng.normal(size=(batch, t_k, d_h)),
        rng.normal(size=(d_s, d_a)),
        rng.normal(size=(d_h, d_a)),
        rng.normal(size=d_a) + 1.5,
        mask,
    )


def _read_attention(answer: Any, inputs: tuple[np.ndarray, ...]) -> tuple[np.ndarray, np.ndarray]:
    query, keys = inputs[:2]
    context_shape = (*query.shape[:2], keys.shape[2])
    weights_shape = (*query.shape[:2], keys.shape[1])
    parts = as_outputs(call(answer, *inputs), ("context", "weights"))
    shapes = tuple(np.shape(part) for part in parts)
    if shapes == (weights_shape, context_shape) != (context_shape, weights_shape):
        fail("The two results come the other way round: return the context first.")
    weights = as_array(parts[1], weights_shape, "the array of weights")
    return as_array(parts[0], context_shape, "the context"), weights


def _examine_weights(weights: np.ndarray, inputs: tuple[np.ndarray, ...]) -> None:
    query, keys, W, U, v, mask = inputs
    expected = additive_attention(*inputs)[1]
    if close(weights, expected):
        return
    allowed = np.broadcast_to(mask[:, None, :], weights.shape)
    if (weights < -1e-9).any():
        fail("A weight is negative; after a softmax none is. Did you return the scores?")
    hidden = np.tanh((query @ W)[:, :, None, :] + (keys @ U)[:, None, :, :])
    _recognise(weights, _wrong_masks(hidden @ v, mask))
    if np.abs(weights.sum(axis=-1) - 1).max() > 1e-6:
        fail(
            f"The weights of one query sum to {weights.sum(axis=-1).flat[0]:.4g} instead of 1: "
            "the softmax has to run over the keys, and the mask has to come before it."
        )
    if np.abs(weights[~allowed]).max(initial=0) > 1e-9:
        fail("A padded key gets some weight; its score must be minus infinity before the softmax.")
    if np.isin(weights, (0, 1)).all() and expected.max() < 0.999:
        fail("All the weight lies on one key: that is a hard choice (argmax), not a softmax.")
    if close(weights, allowed / allowed.sum(axis=-1, keepdims=True)):
        fail("All allowed keys get the same weight: the scores never reach the softmax.")
    _recognise(weights, _wrong_scores(inputs))
    if weights.shape[1] > 1 and np.ptp(weights, axis=1).max() < 1e-9:
        fail("Two different queries get the same weights: the query does not enter your scores.")
    fail("The weights sum to 1 and respect the mask, but the scores are not vᵀ tanh(W s + U h).")


def _wrong_masks(scores: np.ndarray, mask: np.ndarray) -> Iterable[tuple[str, np.ndarray]]:
    allowed = mask[:, None, :]
    inverted = "The mask is the wrong way round: True means that attention is allowed."
    for low in (-np.inf, -1e9):
        yield inverted, _softmax(np.where(allowed, low, scores))
    yield (
        "The mask has no effect: the padded keys are weighted like words.",
        _softmax(scores),
    )
    yield (
        "The mask comes after the softmax, so the weights no longer sum to 1; "
        "mask the scores instead.",
        _softmax(scores) * allowed,
    )
    yield (
        "The padded scores are set to 0, but exp(0) = 1, so padding still gets weight; "
        "use minus infinity.",
        _softmax(np.where(allowed, scores, 0.0)),
    )
    over_queries = (
        "The softmax runs over the queries (axis 1); the weights of one query are shared out "
        "among the keys, the last axis."
    )
    over_batch = "The softmax runs over the batch (axis 0), which mixes different sentences."
    for low in (-np.inf, -1e9):  # a column of nothing but -1e9 becomes uniform, not empty
        yield over_queries, _softmax(np.where(allowed, scores, low), axis=1)
        yield over_batch, _softmax(np.where(allowed, scores, low), axis=0)
    yield (
        "The softmax runs over the queries (axis 1), and the mask is applied after it; "
        "share each query out over the last axis, after masking.",
        _softmax(scores, axis=1) * allowed,
    )
    total = np.exp(np.where(allowed, scores, -np.inf))
    yield (
        "You take exp of the scores but do not divide by the sum over the keys.",
        total,
    )


def _wrong_scores(inputs: tuple[np.ndarray, ...]) -> Iterable[tuple[str, np.ndarray]]:
    query, keys, W, U, v, mask = inputs
    from_query, from_keys = (query @ W)[:, :, None, :], (keys @ U)[:, None, :, :]
    candidates = (
        ("The tanh between the sum of the two projections and v is missing; without it the "
         "query cancels in the softmax.",
         (from_query + from_keys) @ v),
        ("You multiply the two projections; the additive score adds them.",
         np.tanh(from_query * from_keys) @ v),
        ("v is not used: the hidden units are only summed.",
         np.tanh(from_query + from_keys).sum(axis=-1)),
        ("v sits inside the tanh; it has to weigh the hidden units after it.",
         np.tanh((from_query + from_keys) @ v)),
        # tanh(q) + tanh(k) ends here too: its first term is the same for all keys.
        ("The scores depend on the keys alone: either the query is missing, or tanh is taken of "
         "each part before the sum, and then the query cancels in the softmax.",
         np.broadcast_to(np.tanh(from_keys) @ v, (*query.shape[:2], keys.shape[1]))),
        ("The scores are dot products of the two projections, which is another attention.",
         (query @ W) @ np.swapaxes(keys @ U, 1, 2)),
        ("The scores are divided by √d before the softmax; the additive score is not scaled.",
         np.tanh(from_query + from_keys) @ v / np.sqrt(len(v))),
        ("The score has the wrong sign: the words that fit best get the least weight.",
         -np.tanh(from_query + from_keys) @ v),
    )  # fmt: skip
    for sentence, scores in candidates:
        yield sentence, _softmax(np.where(mask[:, None, :], scores, -np.inf))


def _examine_context(
    context: np.ndarray, weights: np.ndarray, inputs: tuple[np.ndarray, ...]
) -> None:
    keys, mask = inputs[1], inputs[5]
    if close(context, weights @ keys):
        return
    counts = mask.sum(axis=1)[:, None, None]
    of_words = (keys * mask[..., None]).sum(axis=1, keepdims=True) / counts
    of_all = keys.mean(axis=1, keepdims=True)
    mean = "The weights are right, but the context is the plain mean of the keys."
    _recognise(
        context,
        (
            (mean, np.broadcast_to(of_words, context.shape)),
            (mean, np.broadcast_to(of_all, context.shape)),
            (
                "The weights are right, but the context is divided by the number of keys; "
                "the weights sum to 1 already.",
                weights @ keys / keys.shape[1],
            ),
            (
                "The weights are right, but the context takes only the key with the largest "
                "weight; every key counts by its weight.",
                np.stack([k[w.argmax(axis=-1)] for k, w in zip(keys, weights, strict=True)]),
            ),
        ),
    )
    fail("The weights are right, but the context is not their weighted sum of the keys.")


def _examine_padding(answer: Any) -> None:
    inputs = _additive_inputs((2, 3, 5, 2, 4, 6), 3)
    expected_context, expected_weights = additive_attention(*inputs)
    keys, mask = inputs[1].copy(), inputs[5]
    keys[~mask] = 1e4
    context, weights = _read_attention(answer, (inputs[0], keys, *inputs[2:]))
    if not close(weights, expected_weights) or not close(context, expected_context):
        fail("With other numbers in the padding the result changes; padding must not matter.")


def _examine_large_scores(answer: Any) -> None:
    inputs = list(_additive_inputs((2, 3, 5, 2, 4, 6), 4))
    inputs[4] = inputs[4] * 1e3
    expected = additive_attention(*inputs)[1]
    result = as_outputs(call(answer, *inputs), ("context", "weights"))[1]
    weights = as_array(result, expected.shape, "the array of weights", finite=False)
    if not close(weights, expected):
        fail(
            "Scores of some thousands overflow in exp; subtract each row's largest score first, "
            "which leaves the weights as they are."
        )


# --- Luong's three scores ---------------------------------------------------------------------


def luong_scores(query, keys, W_general, W_concat, v):
    """Scores dot, general and concat of every query with every key."""
    d = query.shape[-1]
    dot = query @ keys.T
    general = query @ W_general @ keys.T
    hidden = np.tanh((query @ W_concat[:d])[:, None, :] + (keys @ W_concat[d:])[None, :, :])
    return dot, general, hidden @ v


LUONG_NAMES = ("dot", "general", "concat")


def check_luong(answer: Any) -> None:
    """Shapes, order and numbers of the three scores."""
    for (t_q, t_k, d, d_a), seed in (((3, 5, 4, 6), 0), ((4, 4, 4, 4), 1), ((1, 2, 3, 2), 2)):
        rng = np.random.default_rng(seed)
        inputs = (
            rng.normal(size=(t_q, d)),
            rng.normal(size=(t_k, d)),
            rng.normal(size=(d, d)),
            rng.normal(size=(2 * d, d_a)),
            rng.normal(size=d_a),
        )
        expected = luong_scores(*inputs)
        parts = as_outputs(call(answer, *inputs), LUONG_NAMES)
        if t_q != t_k and all(np.shape(part) == (t_k, t_q) for part in parts):
            fail("Your scores have keys as rows; queries are rows and keys are columns.")
        scores = [
            as_array(part, (t_q, t_k), f"the {name} score")
            for name, part in zip(LUONG_NAMES, parts, strict=True)
        ]
        _examine_order(scores, expected)
        for name, score, right in zip(LUONG_NAMES, scores, expected, strict=True):
            if close(score, right):
                continue
            _recognise(score, _wrong_in_common(name, right))
            _recognise(score, _wrong_luong(name, inputs))
            fail(f"The {name} score has the right shape and wrong numbers: compare its formula.")


def _examine_order(scores: list[np.ndarray], expected: tuple[np.ndarray, ...]) -> None:
    for name, score in zip(LUONG_NAMES, scores, strict=True):
        for other, right in zip(LUONG_NAMES, expected, strict=True):
            if name != other and close(score, right):
                fail(
                    f"In the place of the {name} score stands the {other} score; "
                    "the order is dot, general, concat."
                )


def _wrong_in_common(name: str, right: np.ndarray) -> Iterable[tuple[str, np.ndarray]]:
    yield f"The {name} score went through a softmax; return it as it is.", _softmax(right)
    if right.shape[0] == right.shape[1]:
        yield f"The {name} score is transposed: queries are rows, keys are columns.", right.T
    yield f"The {name} score has the wrong sign.", -right


def _wrong_luong(name: str, inputs: tuple[np.ndarray, ...]) -> Iterable[tuple[str, np.ndarray]]:
    query, keys, W_general, W_concat, v = inputs
    d = query.shape[1]
    if name == "dot":
        sentence = "The dot score is divided by √d; that came in 2017, Luong's dot is not scaled."
        yield sentence, query @ keys.T / np.sqrt(d)
        lengths = np.linalg.norm(query, axis=1)[:, None] * np.linalg.norm(keys, axis=1)
        yield (
            "The dot score is divided by the lengths: that is the cosine.",
            query @ keys.T / lengths,
        )
        return
    if name == "general":
        sentence = (
            "The general score uses the transpose of W: it is sᵀ W h, with W next to the query."
        )
        yield sentence, query @ W_general.T @ keys.T
        sentence = "The general score goes through a tanh; only concat has one."
        yield sentence, np.tanh(query @ W_general @ keys.T)
        return
    from_query = (query @ W_concat[:d])[:, None]
    from_keys = keys @ W_concat[d:]
    yield "The concat score lacks its tanh.", (from_query + from_keys) @ v
    yield (
        "The concat score has the key above the query: in [s; h] the query comes first.",
        np.tanh((query @ W_concat[d:])[:, None] + keys @ W_concat[:d]) @ v,
    )
    yield (
        "The concat score sums its hidden units without v.",
        np.tanh(from_query + from_keys).sum(axis=-1),
    )
    yield (
        "The concat score takes tanh of the two parts one by one; add them first.",
        (np.tanh(from_query) + np.tanh(from_keys)) @ v,
    )
    yield "The concat score has v inside the tanh.", np.tanh((from_query + from_keys) @ v)


# --- the gradient that reaches the scores -----------------------------------------------------


def score_gradient(weights, values, g):
    """dL/de_j = alpha_j g . (value_j - context)."""
    context = weights @ values
    return weights * ((values - context) @ g)


def check_gradient(answer: Any) -> None:
    """Shape, sum zero, the numbers, and a saturated softmax."""
    for (t_k, d), seed in (((4, 3), 0), ((3, 3), 1), ((6, 2), 2)):
        rng = np.random.default_rng(seed)
        weights = _softmax(rng.normal(size=t_k))
        values, g = rng.normal(size=(t_k, d)) + 0.5, rng.normal(size=d)
        result = call(answer, weights, values, g)
        if np.shape(result) == (t_k, t_k):
            fail(
                "You return a matrix, the Jacobian of the softmax; "
                "multiply it with ∂L/∂α to get one number for each score."
            )
        gradient = as_array(result, (t_k,), "the gradient")
        expected = score_gradient(weights, values, g)
        if close(gradient, expected):
            continue
        _recognise(gradient, _wrong_gradients(weights, values, g))
        if abs(gradient.sum()) > 1e-6:
            fail(
                f"The entries sum to {gradient.sum():.4g}; since weight is only moved, "
                "they must sum to 0."
            )
        fail("The entries sum to 0, as they should, but they are not αⱼ gᵀ(hⱼ − c).")
    certain = as_array(
        call(answer, np.array([0.0, 1.0, 0.0]), np.arange(6.0).reshape(3, 2), np.ones(2)),
        (3,),
        "the gradient for a saturated softmax",
    )
    if not close(certain, np.zeros(3)):
        fail("With all the weight on one key the gradient must vanish; yours does not.")


def _wrong_gradients(
    weights: np.ndarray, values: np.ndarray, g: np.ndarray
) -> Iterable[tuple[str, np.ndarray]]:
    push, context = values @ g, weights @ values
    yield "The gradient has the wrong sign.", -score_gradient(weights, values, g)
    yield "That is ∂L/∂α; the step through the softmax to the scores is missing.", push
    yield (
        "The context is not subtracted: only the first part of αⱼ(gᵀhⱼ − gᵀc) is there.",
        weights * push,
    )
    yield "The factor αⱼ is missing in front of gᵀ(hⱼ − c).", (values - context) @ g
    yield (
        "Only the diagonal αⱼ(1 − αⱼ) is used; a score also changes the weights of other words.",
        weights * (1 - weights) * push,
    )
    yield (
        "You subtract the plain mean of the values; the context is the weighted mean.",
        weights * ((values - values.mean(axis=0)) @ g),
    )
    yield "All entries are 0, whatever the inputs are.", np.zeros_like(weights)
    yield "The context is added where it must be subtracted.", weights * ((values + context) @ g)


# --- shared -----------------------------------------------------------------------------------


def _softmax(scores: np.ndarray, axis: int = -1) -> np.ndarray:
    """Softmax in which a row of nothing but minus infinity becomes zeros."""
    largest = scores.max(axis=axis, keepdims=True)
    exp = np.exp(scores - np.where(np.isfinite(largest), largest, 0))
    total = exp.sum(axis=axis, keepdims=True)
    return exp / np.where(total == 0, 1, total)


def _recognise(result: np.ndarray, mistakes: Iterable[tuple[str, np.ndarray]]) -> None:
    """End with the sentence of the first known mistake that gives these numbers."""
    for sentence, wrong in mistakes:
        if close(result, wrong):
            fail(sentence)


EXERCISES: dict[str, Exercise] = {
    exercise.name: exercise
    for exercise in (
        Exercise(
            name="03.additive",
            question=(
                "Write additive_attention(query, keys, W, U, v, mask): Bahdanau's attention for a "
                "batch with a padding mask. Return the context and the weights."
            ),
            answer="additive_attention",
            check=check_additive,
            hints=(
                "Start from the chapter's `attend`; a batch needs the axes (B, T_q, 1, d_a) and "
                "(B, 1, T_k, d_a).",
                "The mask has no axis for the queries: give it one with mask[:, None, :].",
                "np.where(mask[:, None, :], scores, -np.inf) before the softmax; subtract each "
                "row's largest score before exp; weights @ keys is the context.",
            ),
            solution=source(additive_attention),
            praise="Shapes, weights, mask and context are right, for large scores too.",
        ),
        Exercise(
            name="03.luong",
            question=(
                "Write luong_scores(query, keys, W_general, W_concat, v): the scores dot, general "
                "and concat, each (T_q, T_k), before any softmax."
            ),
            answer="luong_scores",
            check=check_luong,
            hints=(
                "Two of them are matrix products; queries are rows, so the keys are transposed.",
                "You need not build the pairs: cut W_concat after its first d rows.",
                "np.tanh((query @ W_concat[:d])[:, None] + keys @ W_concat[d:]) @ v",
            ),
            solution=source(luong_scores),
            praise="All three scores are right.",
        ),
        Exercise(
            name="03.gradient",
            question=(
                "Write score_gradient(weights, values, g): the gradient of the loss with respect "
                "to the scores of one query, when g is its gradient with respect to the context."
            ),
            answer="score_gradient",
            check=check_gradient,
            hints=(
                "The scores reach the loss through the weights, the weights through the context: "
                "what is ∂L/∂αᵢ?",
                "∂L/∂αᵢ = gᵀhᵢ; multiply with the Jacobian of the softmax.",
                "It comes down to αⱼ gᵀ(hⱼ − c); the entries must sum to zero.",
            ),
            solution=source(score_gradient),
            praise="The gradient is right, and it vanishes where the softmax is saturated.",
        ),
    )
}
