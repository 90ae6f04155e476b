"""Exercises of chapter 4: scaled dot-product attention with a mask, and several heads.

What goes wrong between scores and weighted sum is listed in ``alignment``.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from attention_course.exercises.alignment import (
    LOW,
    MASKING,
    WEIGHING,
    Table,
    attend,
    each,
    extreme,
    low_masks,
    soften,
    steepness,
    variants,
)
from attention_course.exercises.drawing import Draw
from attention_course.exercises.exercise import Exercise
from attention_course.functional import softmax
from attention_course.words import mark

RESULTS = (mark("the output"), mark("the array of weights"))


def _draw_inputs(draw: Draw, query: tuple, key: tuple, value: tuple) -> tuple[np.ndarray, ...]:
    how, values, layout = steepness(draw), draw.numbers(*value), draw.layout
    if how == "extreme":
        queries, keys = extreme(draw, *query), draw.random.normal(size=key)
        if draw.random.random() < 0.5:  # all scores of one sign
            queries, keys = -abs(queries), abs(keys)
    else:
        draw = Draw(draw.random, "plain") if how == "steep" else draw
        queries, keys = draw.numbers(*query) * (30 if how == "steep" else 1), draw.numbers(*key)
    return layout(queries), layout(keys), values


def _scores(scale: Callable, query: np.ndarray, key: np.ndarray, value: np.ndarray) -> np.ndarray:
    return query @ np.swapaxes(key, -1, -2) * scale(query, key, value)


def _root(query: np.ndarray, *_: np.ndarray) -> float:
    return 1 / np.sqrt(query.shape[-1])


SCALES: Table = {
    mark("The scores are not divided by √d_k: the scaling is missing."): each(
        "scale", lambda query, key, value: 1
    ),
    mark("You divide the scores by d_k; divide by its square root."): each(
        "scale", lambda query, key, value: 1 / query.shape[-1]
    ),
    mark("You multiply the scores by √d_k instead of dividing."): each(
        "scale", lambda query, key, value: np.sqrt(query.shape[-1])
    ),
    mark("You divide by the number of keys or its square root; d_k is the width of a key."): each(
        "scale",
        lambda query, key, value: 1 / np.sqrt(key.shape[-2]),
        lambda query, key, value: 1 / key.shape[-2],
    ),
    mark("You divide by the square root of the values' width; d_k is the width of a key."): each(
        "scale", lambda query, key, value: 1 / np.sqrt(value.shape[-1])
    ),
    mark("The scores have the wrong sign: the best key gets the least weight."): each(
        "scale", lambda query, key, value: -_root(query)
    ),
    mark(
        "The scores are far too large before the softmax, which then is nearly a hard choice: "
        "divide by √d_k and do nothing else."
    ): each(
        "scale", *(lambda query, *_, by=by: by * _root(query) for by in (2, 10, 100, 1e3, 1e4))
    ),
}


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


def _attention_case(draw: Draw) -> tuple:
    batch, t_q, t_k = draw.size(most=3), draw.length(most=4), draw.length()
    d_k, d_v = draw.size(), draw.size()
    inputs = _draw_inputs(draw, (batch, t_q, d_k), (batch, t_k, d_k), (batch, t_k, d_v))
    return *inputs, draw.mask(batch, t_q, t_k)


def _attention(
    query: np.ndarray,
    key: np.ndarray,
    value: np.ndarray,
    mask: np.ndarray,
    scale: Callable = _root,
    prepare: Callable = lambda *inputs: inputs,
    finish: Callable = lambda output, weights, query, key: (output, weights),
    **wrong: Callable,
) -> tuple[np.ndarray, np.ndarray]:
    query, mask = prepare(query, mask)
    results = attend(_scores(scale, query, key, value), mask, value, **wrong)
    return finish(*results, query, key)


def _first(array: np.ndarray) -> np.ndarray:
    return np.broadcast_to(array[:, :1], array.shape)


ATTENTION_MISTAKES: Table = {
    mark(
        "A query that may attend to nothing gets NaN: all its scores are -inf, and 0/0 is no "
        "number. Give it weights of zero."
    ): each("weigh", lambda s, m: softmax(np.where(m, s, -np.inf))),
    mark(
        "A query that may attend to nothing gets equal weights, so it reads forbidden keys, and a "
        "real score may be lower than the number that you give to those. Use -np.inf, and weights "
        "of zero for that query."
    ): each(
        "weigh",
        *LOW,
        *low_masks(-1e30, -3.4028235e38, -1.79e308),
        lambda s, m: np.where(m.any(axis=-1, keepdims=True), soften(s, m), 1 / s.shape[-1]),
    ),
    mark("Every query gets the weights of the first one: only one query is used."): each(
        "prepare",
        lambda query, mask: (_first(query), _first(mask)),
        lambda query, mask: (_first(query), mask),
    ),
    mark("The weights mix the keys; they have to mix the values."): each(
        "finish", lambda output, weights, query, key: (weights @ key, weights)
    ),
    mark(
        "You return the queries as they came; the output is the weighted sum of the values."
    ): each("finish", lambda output, weights, query, key: (query, weights)),
}


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


def _heads_case(draw: Draw) -> tuple:
    batch, t_q, t_k = draw.size(most=3), draw.length(most=4), draw.length()
    heads = draw.size(most=9)
    d, d_v = heads * draw.size(most=4), heads * draw.size(most=4)
    return *_draw_inputs(draw, (batch, t_q, d), (batch, t_k, d), (batch, t_k, d_v)), heads


def _cut(x: np.ndarray, heads: int) -> np.ndarray:
    return x.reshape(*x.shape[:2], heads, -1).swapaxes(1, 2)


def _straight(x: np.ndarray, heads: int) -> np.ndarray:
    return x.reshape(len(x), heads, x.shape[1], -1)


def _strided(x: np.ndarray, heads: int) -> np.ndarray:
    return x.reshape(*x.shape[:2], -1, heads).transpose(0, 3, 1, 2)


def _backwards(x: np.ndarray, heads: int) -> np.ndarray:
    return _cut(x, heads)[:, ::-1]


def _whole(x: np.ndarray, heads: int) -> np.ndarray:
    return np.repeat(x[:, None], heads, axis=1)


def _join(found: np.ndarray) -> np.ndarray:
    return found.swapaxes(1, 2).reshape(len(found), found.shape[2], -1)


def _join_straight(found: np.ndarray) -> np.ndarray:
    return found.reshape(len(found), found.shape[2], -1)


def _join_strided(found: np.ndarray) -> np.ndarray:
    return found.transpose(0, 2, 3, 1).reshape(len(found), found.shape[2], -1)


def _heads(
    query: np.ndarray,
    key: np.ndarray,
    value: np.ndarray,
    heads: int,
    cut: Callable = _cut,
    cut_values: Callable = _cut,
    scale: Callable = _root,
    join: Callable = _join,
    **wrong: Callable,
) -> tuple[np.ndarray, np.ndarray]:
    query, key, value = cut(query, heads), cut(key, heads), cut_values(value, heads)
    found, weights = attend(_scores(scale, query, key, value), np.True_, value, **wrong)
    return join(found), weights


def _without_heads(query: Any, key: Any, value: Any, heads: int) -> tuple[np.ndarray, np.ndarray]:
    return _attention(query, key, value, np.True_)


def _all_alike(of: Callable) -> Callable:
    return lambda scores, mask: np.broadcast_to(of(softmax(scores)), scores.shape)


HEADS_MISTAKES: Table = {
    mark("You scale by the width of all heads together; each head has keys of width d / heads."): (
        each("scale", lambda query, *_: 1 / np.sqrt(query.shape[1] * query.shape[3]))
    ),
    mark(
        "You reshape straight to (batch, heads, T, d / heads), which mixes different words; "
        "reshape to (batch, T, heads, d / heads) first, then swap the two axes."
    ): [
        {"cut": _straight, "cut_values": _straight, "join": _join_straight},
        {"cut": _straight, "cut_values": _straight},
        {"cut": _straight},
    ],
    mark(
        "The values are reshaped straight to (batch, heads, T, d / heads), which mixes different "
        "words; split them like queries and keys."
    ): each("cut_values", _straight),
    mark(
        "Head i takes every heads-th feature; it should take one slice of neighbouring features."
    ): [
        {"cut": _strided, "cut_values": _strided, "join": _join_strided},
        {"cut": _strided, "cut_values": _strided},
        {"cut": _strided},
    ],
    mark(
        "All heads have the same weights, those of the whole width: split queries and keys first."
    ): each("cut", _whole),
    mark("Every head uses the whole width of the values; each gets its own slice."): [
        {"cut_values": _whole},
        {"cut": _whole, "cut_values": _whole},
    ],
    mark("All heads have the weights of one head; each uses its own slice."): each(
        "weigh",
        _all_alike(lambda weights: weights[:, :1]),
        _all_alike(lambda weights: weights[:, -1:]),
    ),
    mark("All heads have the same weights, their average; each keeps its own."): each(
        "weigh", _all_alike(lambda weights: weights.mean(axis=1, keepdims=True))
    ),
    mark("Every slice of the values is mixed with the first head's weights."): each(
        "mix", lambda weights, values, mask: weights[:, :1] @ values
    ),
    mark("The heads stand in the wrong order, from the last to the first."): [
        {"cut": _backwards, "cut_values": _backwards},
        {"tell": lambda scores, mask: softmax(scores)[:, ::-1]},
        {"join": lambda found: _join(found[:, ::-1])},
    ],
    mark("The softmax runs over the heads; in each head it runs over the keys."): each(
        "weigh", lambda scores, mask: softmax(scores, axis=1)
    ),
    mark("In your weights the heads come after the queries; the heads are axis 1."): each(
        "tell", lambda scores, mask: softmax(scores).swapaxes(1, 2)
    ),
    mark(
        "You return one matrix of weights per sentence, an average of the heads'; return all."
    ): each("tell", lambda scores, mask: softmax(scores).mean(axis=1)),
    mark(
        "You reshape the heads' results without moving the axis of heads back, which mixes "
        "different words; swap heads and time first."
    ): each("join", _join_straight),
    mark("The heads' features are interleaved; put the heads side by side, one slice each."): each(
        "join", _join_strided
    ),
    mark("The heads are added or averaged; put their results side by side instead."): each(
        "join",
        lambda found: found.sum(axis=1),
        lambda found: found.mean(axis=1),
        lambda found: np.tile(found.mean(axis=1), found.shape[1]),
        lambda found: np.tile(found.sum(axis=1), found.shape[1]),
    ),
    mark("Only one head's result comes back; put those of all heads side by side."): each(
        "join", lambda found: found[:, 0], lambda found: found[:, -1]
    ),
    mark("One head's result is repeated; each head contributes its own slice."): each(
        "join",
        lambda found: np.tile(found[:, 0], found.shape[1]),
        lambda found: np.tile(found[:, -1], found.shape[1]),
    ),
    mark("The output still has an axis of heads; put the heads side by side."): each(
        "join", lambda found: found, lambda found: found.swapaxes(1, 2)
    ),
}


EXERCISES = {
    "04.attention": Exercise(
        name="04.attention",
        question=mark(
            "Write attention(query, key, value, mask): scaled dot-product attention over a "
            "batch. query (batch, T_q, d_k), key (batch, T_k, d_k), value (batch, T_k, d_v), "
            "mask (batch, T_q, T_k), True where attention is allowed. Return output and "
            "weights. A query that may attend to nothing gets zeros."
        ),
        solve=attention,
        case=_attention_case,
        results=RESULTS,
        mistakes=variants(_attention, ATTENTION_MISTAKES | SCALES | MASKING | WEIGHING),
        hints=(
            mark(
                "Four steps in this order: scores, mask, softmax, weighted sum. `key.T` would "
                "turn round the batch as well; swap only the last two axes."
            ),
            mark(
                "`np.where(mask, scores, -np.inf)` before exp. Subtract the largest score of each "
                "row first, but where that largest score is -inf subtract 0: -inf - (-inf) is NaN."
            ),
            mark(
                "After exp, a row without any allowed key sums to 0. Divide by "
                "`np.where(total == 0, 1, total)` and its weights stay 0."
            ),
        ),
        praise=mark("Weights, mask, output and the query without any key are all right."),
    ),
    "04.heads": Exercise(
        name="04.heads",
        question=mark(
            "Write attend_in_heads(query, key, value, heads) for projected arrays: query "
            "(batch, T_q, d), key (batch, T_k, d), value (batch, T_k, d_v). Split each into "
            "heads, attend in each head, put the heads side by side. Return the output "
            "(batch, T_q, d_v) and the weights (batch, heads, T_q, T_k). No mask, no W_o."
        ),
        solve=attend_in_heads,
        case=_heads_case,
        results=RESULTS,
        mistakes={
            mark("You attend once, over the whole width; every head has its own weights."): (
                _without_heads
            ),
            **variants(_heads, HEADS_MISTAKES | SCALES | WEIGHING),
        },
        hints=(
            mark(
                "Head i takes the i-th slice of the features. Which array shape has time and "
                "slice as separate axes?"
            ),
            mark(
                "`x.reshape(batch, T, heads, -1).transpose(0, 2, 1, 3)` puts the heads next to "
                "the batch. From there on it is attention as before, scaled by the width of one "
                "head."
            ),
            mark(
                "The way back undoes both steps in reverse order: transpose(0, 2, 1, 3), then "
                "reshape to (batch, T_q, d_v)."
            ),
        ),
        praise=mark("Every head has its own weights, and the heads stand side by side in order."),
    ),
}
