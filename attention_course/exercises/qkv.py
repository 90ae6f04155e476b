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
from attention_course.exercises.exercise import Exercise, texts
from attention_course.functional import softmax


def _draw_inputs(draw: Draw, query: tuple, key: tuple, value: tuple) -> tuple[np.ndarray, ...]:
    how, values, layout = steepness(draw), draw.numbers(*value), draw.layout
    draw.joined = draw.kind == "mixed"
    # Of many extreme scores, single precision does not know which of two is the larger.
    few = np.prod(query[:-1]) * key[-2] < 100
    if draw.kind == "mixed" and few and draw.random.random() < 0.5:
        how = "extreme"
    elif draw.kind == "mixed":  # of any size, while single precision knows the scores
        queries, keys = (draw.numbers(*shape, large=5, small=0.1) for shape in (query, key))
        if draw.random.random() < 0.7:
            # Powers of two, so that scores which are equal stay equal.
            steep, large = 2.0 ** draw.random.integers((-7, -27), (10, 28))
            queries, keys = queries * (steep * large), keys / large
        return layout(queries), layout(keys), values
    if how == "extreme":
        queries, keys = extreme(draw, *query), draw.random.normal(size=key)
        if draw.random.random() < 0.5:  # all scores far below zero
            queries, keys = -abs(queries) - abs(queries).max(), abs(keys)
    else:
        draw = Draw(draw.random, "plain") if how == "steep" else draw
        queries, keys = draw.numbers(*query) * (30 if how == "steep" else 1), draw.numbers(*key)
    return layout(queries), layout(keys), values


def _scores(scale: Callable, query: np.ndarray, key: np.ndarray, value: np.ndarray) -> np.ndarray:
    return query @ np.swapaxes(key, -1, -2) * scale(query, key, value)


def _root(query: np.ndarray, *_: np.ndarray) -> float:
    return 1 / np.sqrt(query.shape[-1])


SCALES: Table = {
    "no_scale": each("scale", lambda query, key, value: 1),
    "divided_by_width": each("scale", lambda query, key, value: 1 / query.shape[-1]),
    "multiplied_by_root": each("scale", lambda query, key, value: np.sqrt(query.shape[-1])),
    "root_of_keys": each(
        "scale",
        lambda query, key, value: 1 / np.sqrt(key.shape[-2]),
        lambda query, key, value: 1 / key.shape[-2],
    ),
    "root_of_values_width": each("scale", lambda query, key, value: 1 / np.sqrt(value.shape[-1])),
    "negated": each("scale", lambda query, key, value: -_root(query)),
    "too_large": each(
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
    if (own := draw.own(batch, t_q, d_k)) is not None:
        return own, own, own, draw.mask(batch, t_q, t_q)
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
    "nan_without_key": each("weigh", lambda s, m: softmax(np.where(m, s, -np.inf))),
    "equal_without_key": each(
        "weigh",
        *LOW,
        *low_masks(-1e30, -3.4028235e38, -1.79e308),
        lambda s, m: np.where(m.any(axis=-1, keepdims=True), soften(s, m), 1 / s.shape[-1]),
    ),
    "first_weights_for_all": each(
        "prepare",
        lambda query, mask: (_first(query), _first(mask)),
        lambda query, mask: (_first(query), mask),
    ),
    "keys_mixed": each("finish", lambda output, weights, query, key: (weights @ key, weights)),
    "queries_returned": each("finish", lambda output, weights, query, key: (query, weights)),
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
    heads = draw.size(most=9, wide=60)
    d, d_v = heads * draw.size(most=4, wide=130), heads * draw.size(most=4, wide=130)
    inputs = _draw_inputs(draw, (batch, t_q, d), (batch, t_k, d), (batch, t_k, d_v))
    own = draw.own(batch, t_q, d)
    return *(inputs if own is None else [own] * 3), heads


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
    "scaled_by_whole_width": each(
        "scale", lambda query, *_: 1 / np.sqrt(query.shape[1] * query.shape[3])
    ),
    "reshaped_straight": [
        {"cut": _straight, "cut_values": _straight, "join": _join_straight},
        {"cut": _straight, "cut_values": _straight},
        {"cut": _straight},
    ],
    "values_reshaped_straight": each("cut_values", _straight),
    "features_strided": [
        {"cut": _strided, "cut_values": _strided, "join": _join_strided},
        {"cut": _strided, "cut_values": _strided},
        {"cut": _strided},
    ],
    "weights_of_whole_width": each("cut", _whole),
    "values_whole": [{"cut_values": _whole}, {"cut": _whole, "cut_values": _whole}],
    "weights_of_one_head": each(
        "weigh",
        _all_alike(lambda weights: weights[:, :1]),
        _all_alike(lambda weights: weights[:, -1:]),
    ),
    "average_weights": each(
        "weigh", _all_alike(lambda weights: weights.mean(axis=1, keepdims=True))
    ),
    "values_by_first_head": each("mix", lambda weights, values, mask: weights[:, :1] @ values),
    "heads_backwards": [
        {"cut": _backwards, "cut_values": _backwards},
        {"tell": lambda scores, mask: softmax(scores)[:, ::-1]},
        {"join": lambda found: _join(found[:, ::-1])},
    ],
    "over_heads": each("weigh", lambda scores, mask: softmax(scores, axis=1)),
    "heads_behind_queries": each("tell", lambda scores, mask: softmax(scores).swapaxes(1, 2)),
    "weights_averaged": each("tell", lambda scores, mask: softmax(scores).mean(axis=1)),
    "joined_straight": each("join", _join_straight),
    "joined_interleaved": each("join", _join_strided),
    "heads_added": each(
        "join",
        lambda found: found.sum(axis=1),
        lambda found: found.mean(axis=1),
        lambda found: np.tile(found.mean(axis=1), found.shape[1]),
        lambda found: np.tile(found.sum(axis=1), found.shape[1]),
    ),
    "one_head_returned": each("join", lambda found: found[:, 0], lambda found: found[:, -1]),
    "one_head_repeated": each(
        "join",
        lambda found: np.tile(found[:, 0], found.shape[1]),
        lambda found: np.tile(found[:, -1], found.shape[1]),
    ),
    "heads_kept": each("join", lambda found: found, lambda found: found.swapaxes(1, 2)),
}


TEXTS = texts("alignment", "qkv")
EXERCISES = {
    "04.attention": Exercise(
        **TEXTS["04.attention"],
        solve=attention,
        case=_attention_case,
        mistakes=variants(_attention, ATTENTION_MISTAKES | SCALES | MASKING | WEIGHING),
    ),
    "04.heads": Exercise(
        **TEXTS["04.heads"],
        solve=attend_in_heads,
        case=_heads_case,
        mistakes={
            "attended_once": _without_heads,
            **variants(_heads, HEADS_MISTAKES | SCALES | WEIGHING),
        },
    ),
}
