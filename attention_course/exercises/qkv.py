"""Exercises of chapter 4: from the spread of a score to a causal layer with several heads.

``04.spread`` asks why scores are scaled, ``04.finder`` for W_Q and W_K by hand, ``04.cross`` for
two masks together, ``04.causal`` for the layer, ``04.bug`` for the name of a mistake;
``04.attention`` and ``04.heads`` are more practice. What goes wrong between scores and weighted
sum is listed in ``alignment``.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial
from typing import Any

import numpy as np

from attention_course.exercises import in_keras
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
from attention_course.exercises.exercise import Exercise, Told, source, texts
from attention_course.exercises.judging import fail, numbers
from attention_course.functional import softmax
from attention_course.words import mark, tr


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


# --- 04.spread --------------------------------------------------------------------------------


def score_spread(d_model, d_k, word, matrix):
    """Standard deviations: of an entry of a query, of a score, and of matrices that need no more.

    An entry of a query sums d_model products of variance word² · matrix²; a score sums d_k
    products of an entry of a query and an entry of a key.
    """
    entry = d_model**0.5 * word * matrix
    score = d_k**0.5 * entry**2
    best = 1 / (d_model**0.5 * word)
    return entry, score, best


def _spread_case(draw: Draw) -> tuple:
    d_model, d_k = draw.size(most=64), draw.size(most=64)
    word, matrix = 10 ** draw.random.uniform(-2, 1, 2) if draw.kind != "single" else (1.0, 1.0)
    return d_model, d_k, float(word), float(matrix)


def _spread(
    d_model: int, d_k: int, word: float, matrix: float, entry: Callable, score: Callable, best: Any
) -> tuple[float, float, float]:
    one = entry(d_model, word, matrix)
    return one, score(d_k, one), best(d_model, word, matrix)


SPREAD_PARTS: dict[str, Callable] = {
    "entry": lambda d_model, word, matrix: d_model**0.5 * word * matrix,
    "score": lambda d_k, entry: d_k**0.5 * entry**2,
    "best": lambda d_model, word, matrix: 1 / (d_model**0.5 * word),
}
SPREAD_WRONG: Table = {
    "variances": [
        {
            "entry": lambda d_model, word, matrix: d_model * word**2 * matrix**2,
            "score": lambda d_k, entry: d_k * entry**2,
        },
    ],
    "no_sum_of_entries": each("entry", lambda d_model, word, matrix: word * matrix),
    "deviations_added": each("entry", lambda d_model, word, matrix: d_model * word * matrix),
    "no_sum_of_scores": each("score", lambda d_k, entry: entry**2),
    "scores_added": each("score", lambda d_k, entry: d_k * entry**2),
    "entry_once": each("score", lambda d_k, entry: d_k**0.5 * entry),
    "best_without_root": each("best", lambda d_model, word, matrix: 1 / (d_model * word)),
    "best_without_words": each("best", lambda d_model, word, matrix: 1 / d_model**0.5),
    "best_is_a_factor": each(
        "best", lambda d_model, word, matrix: 1 / (d_model**0.5 * word * matrix)
    ),
    "best_is_a_variance": each("best", lambda d_model, word, matrix: 1 / (d_model * word**2)),
}
SPREAD_MISTAKES = {
    key: tuple(partial(_spread, **SPREAD_PARTS | wrong) for wrong in ways)
    for key, ways in SPREAD_WRONG.items()
}


# --- 04.finder --------------------------------------------------------------------------------

MOST_WORDS = 30  # in a sentence of this exercise
ENOUGH = 0.9  # of the weight on the word that is looked for


def finder(n, rules):
    """W_Q and W_K: by rule (i, j), a word with feature i finds the word with feature j."""
    W_Q, W_K = np.zeros((n, len(rules))), np.zeros((n, len(rules)))
    for column, (i, j) in enumerate(rules):
        W_Q[i, column] = 10 * np.sqrt(len(rules))
        W_K[j, column] = 1
    return W_Q, W_K


def probe_finder(find, n, rules, words):
    """In the answer's process: the answer sees no sentence."""
    return find(n, rules)


def _finder(
    n: int, rules: np.ndarray, words: Any = None, *, strength: float = 1.0
) -> tuple[np.ndarray, np.ndarray]:
    W_Q, W_K = finder(n, np.asarray(rules, int))
    return strength * W_Q, W_K


def _finder_case(draw: Draw) -> tuple:
    random, draw.joined = draw.random, True  # each rule finds one word
    n = draw.size(least=2, most=9, wide=90)
    count = 1 if draw.kind == "single" else int(random.integers(1, min(n - 1, 5) + 1))
    askers = random.permutation(n)[:count]
    wanted = (askers + random.integers(1, n, count)) % n  # never the asker itself
    if random.random() < 0.3:
        wanted[:] = np.where(askers == wanted[0], wanted, wanted[0])  # the same for most of them
    plain_ones = np.setdiff1d(np.arange(n), [*askers, *wanted])
    kinds = [*np.unique(wanted)]  # exactly one word of each
    for feature in np.setdiff1d(askers, wanted):
        kinds += [feature] * random.integers(1, 4)
    room = max(len(kinds), int(random.integers(2, MOST_WORDS + 1)))
    words = np.zeros((room, n))
    words[np.arange(len(kinds)), kinds] = 1
    words[:, plain_ones] = random.random((room, len(plain_ones))) < 0.4
    rules = np.stack([askers, wanted], axis=1)
    return n, draw.layout(rules), draw.layout(words[random.permutation(room)])


def _found_words(case: tuple, parts: dict[str, np.ndarray]) -> dict[str, np.ndarray]:
    """How many words find what they look for, whatever the two matrices are."""
    (_, rules, words), (W_Q, W_K) = map(np.asarray, case), parts.values()
    if not _fits(words.shape[1], W_Q, W_K):
        kind = tr("an array of shape {shape}", shape=W_Q.shape)
        fail("no_numbers", what=tr("W_Q"), kind=kind)
    scores = words @ W_Q @ (words @ W_K).T / np.sqrt(W_Q.shape[1])
    weights = np.array(softmax(np.nan_to_num(scores, posinf=1e300, neginf=-1e300)))
    weights[~np.isfinite(scores).all(axis=1)] = np.nan
    asking, missed, beaten, tied = np.zeros(len(words), bool), 0, 0, 0
    for i, j in np.asarray(rules, int):
        (askers,), ((place, *_),) = np.nonzero(words[:, i]), np.nonzero(words[:, j])
        asking[askers] = True
        missed += np.sum(~(weights[askers, place] >= ENOUGH))
        lead = weights[askers, place] - np.delete(weights[askers], place, axis=1).max(axis=1)
        beaten += np.sum(lead < -1e-9)
        tied += np.sum(np.abs(lead) <= 1e-9)
    alike = np.abs(weights[~asking] - 1 / len(words)).max(axis=1, initial=0) < 1e-6
    return {
        mark("the number of words that give less than 0.9 to the word they look for"): np.array(
            missed
        ),
        mark("the number of words that give another word more"): np.array(beaten),
        mark("the number of words that give another word as much"): np.array(tied),
        mark("the number of other words whose weights are not all alike"): np.array(np.sum(~alike)),
    }


def _fits(n: int, W_Q: np.ndarray, W_K: np.ndarray) -> bool:
    return W_Q.ndim == W_K.ndim == 2 and W_Q.shape == W_K.shape and len(W_Q) == n and W_Q.size > 0


def _two_matrices(cases: Sequence[tuple], results: list, wrong: bool) -> Told:
    """Matrices whose shapes do not fit, or that do everything rightly but too weakly."""
    failures = np.zeros(4)
    for case, result in zip(cases, results, strict=True):
        if not isinstance(result, list) or len(result) != 2:
            return None
        one, other = (numbers(part, tr("the matrices")) for part in result)
        if not _fits(n := case[0], one, other):
            return "shapes", {"n": n, "query": one.shape, "key": other.shape}
        if wrong:
            failures += [*_found_words(case, {"W_Q": one, "W_K": other}).values()]
    if failures[0] and not failures[1:].any():
        return "weak", {}
    return None


def _one_column(together: Callable, n: int, rules: np.ndarray, _: Any = None) -> tuple:
    return tuple(together(one, axis=1, keepdims=True) for one in _finder(n, rules))


FINDER_MISTAKES: dict[str, Callable | tuple[Callable, ...]] = {
    "exchanged": lambda n, rules, _=None: _finder(n, rules)[::-1],
    "other_words": (
        partial(_finder, strength=-1.0),
        lambda n, rules, _=None: (_finder(n, rules)[0],) * 2,
    ),
    "one_column": (partial(_one_column, np.max), partial(_one_column, np.sum)),
    "first_rule": lambda n, rules, _=None: _finder(n, rules[:1]),
    "itself": lambda n, rules, _=None: (10 * n * np.eye(n), np.eye(n)),
    "all_ask": lambda n, rules, _=None: (0 * _finder(n, rules)[0] + 50, _finder(n, rules)[1]),
    "nobody_asks": lambda n, rules, _=None: (0 * _finder(n, rules)[0], _finder(n, rules)[1]),
}


# --- 04.cross ---------------------------------------------------------------------------------


def cross_attention(x, memory, W_Q, W_K, W_V, lengths, causal):
    """Queries from x, keys and values from memory; padding and causal masks combined."""
    query, key, value = x @ W_Q, memory @ W_K, memory @ W_V
    T_q, T_k = x.shape[1], memory.shape[1]
    mask = (np.arange(T_k) < lengths[:, np.newaxis])[:, np.newaxis, :]  # (batch, 1, T_k)
    if causal:
        mask = mask & np.tri(T_q, T_k, dtype=bool)  # (batch, T_q, T_k)
    scores = query @ key.swapaxes(1, 2) / np.sqrt(key.shape[-1])
    scores = np.where(mask, scores, -np.inf)
    highest = scores.max(axis=-1, keepdims=True)
    powers = np.exp(scores - np.where(np.isfinite(highest), highest, 0))
    total = powers.sum(axis=-1, keepdims=True)
    weights = powers / np.where(total == 0, 1, total)
    return weights @ value, weights


def _cross_case(draw: Draw) -> tuple:
    random = draw.random
    batch, t_q, t_k = draw.size(most=3), draw.length(most=5, wide=300), draw.length(wide=300)
    d_x, d_m, d_k, d_v = (draw.size(most=4, wide=60) for _ in range(4))
    large = 3 if draw.kind == "mixed" else 6  # so that single precision knows the scores
    x, memory = draw.numbers(batch, t_q, d_x, large=large), draw.numbers(batch, t_k, d_m)
    shapes = (d_x, d_k), (d_m, d_k), (d_m, d_v)
    matrices = [draw.numbers(*shape, large=large) for shape in shapes]
    lengths = draw.layout(random.integers(0, t_k + 1, batch))
    return x, memory, *matrices, lengths, bool(random.random() < 0.6)


def _cross(
    x: np.ndarray,
    memory: np.ndarray,
    W_Q: np.ndarray,
    W_K: np.ndarray,
    W_V: np.ndarray,
    lengths: np.ndarray,
    causal: bool,
    scale: Callable = _root,
    real: Callable = lambda places, lengths: places < lengths,
    past: Callable = np.tri,
    both: Callable = np.logical_and,
    rows: bool = False,
    roles: Callable = lambda x, memory, Q, K, V: (x @ Q, memory @ K, memory @ V),
    finish: Callable = lambda output, weights, m: (output, weights),
    **wrong: Callable,
) -> tuple[np.ndarray, np.ndarray]:
    """Cross-attention, or with the mistakes that the parameters make."""
    query, key, value = roles(x, memory, W_Q, W_K, W_V)
    t_q, t_k = x.shape[1], memory.shape[1]
    padding = real(np.arange(t_q if rows else t_k), lengths[:, None])
    padding = padding[:, :, None] if rows else padding[:, None]
    mask = np.broadcast_to(padding, (len(x), t_q, t_k))
    if causal:
        mask = both(mask, past(t_q, t_k) > 0)
    return finish(*attend(_scores(scale, query, key, value), mask, value, **wrong), mask)


def _root_of_inputs(x: np.ndarray, *others: Any) -> tuple[np.ndarray, np.ndarray]:
    return _cross(x, *others, scale=lambda *_: 1 / np.sqrt(x.shape[-1]))


CROSS_MISTAKES: Table = {
    "nan_without_key": each("weigh", lambda s, m: softmax(np.where(m, s, -np.inf))),
    "equal_without_key": each("weigh", *LOW, *low_masks(-1e30, -3.4028235e38, -1.79e308)),
    "causal_ignored": each("past", lambda t_q, t_k: np.ones((t_q, t_k))),
    "padding_ignored": each("real", lambda places, lengths: places < lengths + np.inf),
    "either_mask": each("both", np.logical_or),
    "causal_alone": each("both", lambda padding, past: np.broadcast_to(past, padding.shape)),
    "itself_forbidden": each("past", lambda t_q, t_k: np.tri(t_q, t_k, -1)),
    "one_too_many": each("past", lambda t_q, t_k: np.tri(t_q, t_k, 1)),
    "past_forbidden": each("past", lambda t_q, t_k: np.triu(np.ones((t_q, t_k)))),
    "counted_from_the_end": each("past", lambda t_q, t_k: np.tri(t_q, t_k, t_k - t_q)),
    "padding_too_long": each("real", lambda places, lengths: places <= lengths),
    "padding_in_front": each("real", lambda places, lengths: places[::-1] < lengths),
    "padding_turned": each("real", lambda places, lengths: places >= lengths),
    "padding_of_queries": [{"rows": True}],
    "values_unprojected": each("roles", lambda x, memory, Q, K, V: (x @ Q, memory @ K, memory)),
    "keys_mixed": each("roles", lambda x, memory, Q, K, V: (x @ Q, memory @ K, memory @ K)),
}


# Scores are not so large here that a low number, and zeros after it, would not do.
CROSS_MASKING = {key: ways for key, ways in MASKING.items() if key != "not_low"}


# --- 04.causal --------------------------------------------------------------------------------

CAUSAL = """\
import keras
import numpy as np
from keras import ops


@keras.saving.register_keras_serializable(package="chapter4")
class CausalSelfAttention(keras.layers.Layer):
    def __init__(self, heads, width, **kwargs):
        super().__init__(**kwargs)
        self.heads, self.width = heads, width

    def build(self, input_shape):
        for name in ("W_Q", "W_K", "W_V", "W_O"):
            rows = self.width if name == "W_O" else input_shape[-1]
            setattr(self, name, self.add_weight(shape=(rows, self.width), name=name))

    def split(self, x):
        x = ops.reshape(x, (-1, x.shape[1], self.heads, self.width // self.heads))
        return ops.transpose(x, (0, 2, 1, 3))

    def call(self, x):
        q, k, v = (self.split(x @ W) for W in (self.W_Q, self.W_K, self.W_V))
        scores = q @ ops.transpose(k, (0, 1, 3, 2)) / (self.width // self.heads) ** 0.5
        scores = ops.where(np.tri(x.shape[1], dtype=bool), scores, -1e9)
        found = ops.transpose(ops.softmax(scores) @ v, (0, 2, 1, 3))
        return ops.reshape(found, (-1, x.shape[1], self.width)) @ self.W_O
"""


def probe_causal(make, heads, width, x, W_Q, W_K, W_V, W_O, target, rate):
    """In the answer's process: what the layer computes, that it can be made again, and learns."""
    import keras
    import numpy as np

    one = make(heads, width)
    if not isinstance(one, keras.layers.Layer):
        return one
    x, weights = x.astype("float32"), [W_Q, W_K, W_V, W_O]
    output = one(x)
    if output is None:
        return None
    if isinstance(output, tuple | list | dict):
        return {"returned": True}
    seen = {
        "shapes": [list(weight.shape) for weight in one.weights],
        "frozen": len(one.weights) - len(one.trainable_weights),
        "added": len(one.losses),
        "far": any(np.abs(weight).max() > 4 for weight in one.get_weights()),
        "equal": any(np.ptp(weight) == 0 < weight.size - 1 for weight in one.get_weights()),
    }
    if seen["shapes"] != [[*weight.shape] for weight in weights] or seen["frozen"]:
        return seen
    one.set_weights(weights)
    seen["output"] = one(x)
    if not rate or tuple(seen["output"].shape) != target.shape:  # more would take long
        return seen
    other = make(heads, width)
    other(x)
    seen["shared"] = any(weight is w for weight in one.weights for w in other.weights)
    try:
        again = type(one).from_config(one.get_config())
        again(x)
        again.set_weights(weights)
    except Exception:
        return seen | {"lost": True}
    seen["copied"] = again(x)
    model = keras.Sequential([keras.Input(x.shape[1:]), one])
    model.compile(keras.optimizers.SGD(rate), "mse", run_eagerly=True)
    seen["predicted"] = keras.Model(model.inputs, model.outputs).predict_on_batch(x)
    seen["loss"] = model.train_on_batch(x, target.astype("float32"))
    return seen | {"trained": np.concatenate([np.ravel(w) for w in one.get_weights()])}


def _causal_case(draw: Draw) -> tuple:
    random, train = draw.random, draw.kind == "plain"  # to train takes long
    batch, steps = draw.size(most=3, wide=40), draw.length(most=5, wide=120)
    heads, w, d = draw.size(most=4, wide=12), draw.size(most=3, wide=16), draw.size(wide=40)
    x, width = draw.numbers(batch, steps, d, large=20), heads * w
    matrices = [random.normal(size=(d, width)) / np.sqrt(d) for _ in range(3)]
    matrices.append(random.normal(size=(width, width)) / np.sqrt(width))
    target = random.normal(size=(batch, steps, width))
    return heads, width, x, *matrices, target, 0.5 if train else 0.0


def _soft(s: np.ndarray, m: np.ndarray) -> np.ndarray:
    """The softmax over what is allowed, for complex numbers too."""
    s = np.where(m, s, -np.inf)
    powers = np.exp(s - s.real.max(axis=-1, keepdims=True))
    return powers / powers.sum(axis=-1, keepdims=True)


def _past(steps: int) -> np.ndarray:
    return np.tri(steps, dtype=bool)


def _causal(
    heads: int,
    width: int,
    x: np.ndarray,
    W_Q: np.ndarray,
    W_K: np.ndarray,
    W_V: np.ndarray,
    W_O: np.ndarray,
    target: np.ndarray,
    rate: float,
    *,
    cut: Callable = _cut,
    cut_values: Callable = _cut,
    join: Callable = _join,
    scale: Callable = _root,
    past: Callable = _past,
    roles: Callable = lambda Q, K, V: (Q, K, V),
    last: Callable = lambda found, W_O: found @ W_O,
    weigh: Callable = _soft,
    **wrong: Callable,
) -> dict[str, np.ndarray]:
    """The same layer in NumPy, or with the mistakes that the parameters make."""
    query, key, value = (x @ W for W in roles(W_Q, W_K, W_V))
    query, key, value = cut(query, heads), cut(key, heads), cut_values(value, heads)
    scores = _scores(scale, query, key, value)
    found, _ = attend(scores, past(x.shape[1]), value, weigh=weigh, **wrong)
    output = last(join(found), W_O)
    seen = {"output": output}
    if rate and output.shape == target.shape:
        seen |= {"copied": output, "predicted": output, "loss": ((output - target) ** 2).mean()}
    return seen


def _step(case: tuple) -> np.ndarray:
    """All weights after a step of gradient descent."""
    heads, width, x, *weights, target, rate = case

    def loss(weights: list[np.ndarray]) -> Any:
        return _causal(heads, width, x, *weights, target, rate)["loss"]

    pairs = zip(weights, in_keras.gradient(loss, weights), strict=True)
    return np.concatenate([np.ravel(weight - rate * slope) for weight, slope in pairs])


def _explain_causal(case: tuple, seen: dict, wrong: bool) -> tuple[dict, dict]:
    """What a layer is made of, and what keeps it from learning."""
    wanted = [tuple(one.shape) for one in case[3:7]]
    shapes = [tuple(shape) for shape in seen.get("shapes", [])]
    unlike = {
        "weights_returned": "returned" in seen,
        "no_weights": not shapes,
        "other_weights": shapes != wanted,
        "frozen": seen.get("frozen"),
        "added": seen.get("added"),
        "shared": seen.get("shared"),
        "lost": "lost" in seen,
        "far": seen.get("far"),
        "equal_numbers": seen.get("equal"),
        "no_gradient": not wrong and "trained" in seen and not _learned(case, seen["trained"]),
    }
    return unlike, {
        "d": case[2].shape[-1],
        "width": case[1],
        "count": len(shapes),
        "shapes": ", ".join(map(str, shapes)),
        "wanted": ", ".join(map(str, wanted)),
    }


def _learned(case: tuple, trained: np.ndarray) -> bool:
    after = _step(case)
    return trained.shape == after.shape and np.abs(trained - after).max() < 1e-3


def _turned(found: np.ndarray, W_O: np.ndarray) -> np.ndarray:
    return found @ W_O.T


CAUSAL_MISTAKES: Table = {
    "future_seen": each("past", lambda steps: np.ones((steps, steps), bool)),
    "future_alone": each("past", lambda steps: _past(steps).T),
    "itself_forbidden": [
        {"past": lambda steps: np.tri(steps, k=-1, dtype=bool), "weigh": weigh}
        for weigh in (soften, *LOW[:8])
    ],
    "next_seen": each("past", lambda steps: np.tri(steps, k=1, dtype=bool)),
    "masked_late": each("weigh", lambda s, m: softmax(s) * m),
    "zero_for_masked": each("weigh", lambda s, m: softmax(np.where(m, s, 0))),
    "over_queries": each(
        "weigh",
        lambda s, m: softmax(np.where(m, s, -np.inf), axis=-2),
        lambda s, m: softmax(np.where(m, s, -1e9), axis=-2),
    ),
    "over_heads": each(
        "weigh",
        lambda s, m: softmax(np.where(m, s, -1e9), axis=1),
        lambda s, m: softmax(s, axis=1) * m,
    ),
    "no_softmax": each("weigh", lambda s, m: s * m),
    "uniform": each("weigh", lambda s, m: _soft(0 * s, m)),
    "no_scale": SCALES["no_scale"],
    "divided_by_width": SCALES["divided_by_width"],
    "scaled_by_whole_width": HEADS_MISTAKES["scaled_by_whole_width"],
    "reshaped_straight": HEADS_MISTAKES["reshaped_straight"],
    "features_strided": [*HEADS_MISTAKES["features_strided"], {"join": _join_strided}],
    "joined_straight": HEADS_MISTAKES["joined_straight"],
    "attended_once": [{"cut": lambda x, _: x[:, None], "cut_values": lambda x, _: x[:, None]}],
    "no_output_matrix": each("last", lambda found, W_O: found),
    "output_matrix_turned": each("last", _turned),
    "queries_are_keys": each("roles", lambda Q, K, V: (K, Q, V)),
    "values_are_keys": each("roles", lambda Q, K, V: (Q, V, K)),
    "one_matrix_for_all": each("roles", lambda Q, K, V: (Q, Q, Q), lambda Q, K, V: (Q, K, K)),
}


# --- 04.bug -----------------------------------------------------------------------------------


def which_bug(query, key, value, heads, weights, output):
    """The number of the version that gives these weights and this output; 0 is the right one."""
    past = np.tri(len(query), dtype=bool)

    def cut(x):
        return x.reshape(len(x), heads, -1).transpose(1, 0, 2)

    def straight(x):
        return x.reshape(heads, len(x), -1)

    def attend(q, k, v, divisor=None, axis=-1, early=past, late=True):
        scores = q @ k.transpose(0, 2, 1) / (divisor or np.sqrt(q.shape[-1]))
        scores = np.where(early, scores, -np.inf)
        powers = np.exp(scores - scores.max(axis=axis, keepdims=True))
        found = powers / powers.sum(axis=axis, keepdims=True) * late
        return found, (found @ v).transpose(1, 0, 2).reshape(len(query), -1)

    q, k, v = cut(query), cut(key), cut(value)
    versions = [
        attend(q, k, v),
        attend(q, k, v, axis=-2),
        attend(q, k, v, divisor=1),
        attend(q, k, v, early=True, late=past),
        attend(q, k, v, early=True),
        attend(q, v, k),
        attend(straight(query), straight(key), straight(value)),
    ]
    gaps = [np.abs(w - weights).max() + np.abs(o - output).max() for w, o in versions]
    return int(np.argmin(gaps))


BUGS: list[dict[str, Any]] = [
    {},
    {"weigh": lambda s, m: softmax(np.where(m, s, -np.inf), axis=-2)},
    {"scale": lambda *_: 1},
    {"weigh": lambda s, m: softmax(s) * m},
    {"weigh": lambda s, m: softmax(s)},
    {"order": (0, 2, 1)},
    {"cut": _straight},
]
#: The versions that chapter 4 shows without their names.
LETTERS = {"A": 3, "B": 1, "C": 0, "D": 6, "E": 2}


def anonymous(version: Any, query: Any, key: Any, value: Any, heads: int) -> tuple:
    """Causal attention of one sentence in several heads, right or with one of the `BUGS`.

    Args:
        version: a letter that the chapter uses, or the number of a bug.
        query, key, value: shape (T, d) each.
        heads: how many.

    Returns:
        The weights (heads, T, T) and the output (T, d).
    """
    how = BUGS[LETTERS.get(version, version)]
    cut, scale = how.get("cut", _cut), how.get("scale", _root)
    inputs = [np.asarray(one, float)[None] for one in (query, key, value)]
    q, k, v = (cut(inputs[place], heads) for place in how.get("order", (0, 1, 2)))
    found, weights = attend(
        _scores(scale, q, k, v), _past(len(query)), v, weigh=how.get("weigh", soften)
    )
    return weights[0], _join(found)[0]


def _bug_case(draw: Draw) -> tuple:
    """Inputs for which no two versions give the same, and what one of them gives."""
    random = draw.random
    steps = draw.length(least=3, wide=40)
    heads, width = draw.size(least=2, most=3, wide=8), draw.size(least=2, most=4, wide=20)
    shape, apart = (steps, heads * width), False
    for attempt in range(12):
        plain = attempt >= 4
        make = draw.numbers if not plain else lambda *s: draw.layout(random.normal(size=s))
        inputs = [make(*shape) for _ in range(3)]
        results = [anonymous(number, *inputs, heads) for number in range(len(BUGS))]
        gaps = [
            np.abs(a - b).max()
            for i, one in enumerate(results)
            for other in results[:i]
            for a, b in zip(one, other, strict=True)
        ]
        if apart := min(gaps) > 1e-2:
            break
    assert apart
    draw.joined = True  # the results belong to these inputs
    weights, output = results[random.integers(len(BUGS))]
    return *inputs, heads, weights, output


def _called(names: dict[int, int]) -> Callable:
    """Who takes one version for another."""
    return lambda *case: names.get(found := which_bug(*case), found)


BUG_MISTAKES = {
    "all_right": _called(dict.fromkeys(range(7), 0)),
    "counted_from_one": lambda *case: which_bug(*case) + 1,
    "rows_alone": (_called({3: 1}), _called({1: 3})),
    "masks_confused": (_called({3: 4}), _called({4: 3}), _called({3: 4, 4: 3})),
    "axis_missed": _called({1: 0}),
    "scale_missed": _called({2: 0}),
    "late_missed": _called({3: 0}),
    "mask_missed": _called({4: 0}),
    "scores_not_compared": (
        _called({2: 0, 5: 0, 6: 0}),
        _called({5: 2, 6: 2}),
        _called({2: 5, 6: 5}),
        _called({2: 6, 5: 6}),
        _called({0: 2, 5: 2, 6: 2}),
    ),
    "exchange_missed": (_called({5: 0}), _called({5: 6})),
    "reshape_missed": (_called({6: 0}), _called({6: 5})),
}


TEXTS = texts("alignment", "qkv")
EXERCISES = {
    "04.spread": Exercise(
        **TEXTS["04.spread"], solve=score_spread, case=_spread_case, mistakes=SPREAD_MISTAKES
    ),
    "04.finder": Exercise(
        **TEXTS["04.finder"],
        answer="finder",
        text=source(finder),
        solve=_finder,
        case=_finder_case,
        probe=probe_finder,
        takes=2,
        view=_found_words,
        demands=_two_matrices,
        mistakes=FINDER_MISTAKES,
    ),
    "04.cross": Exercise(
        **TEXTS["04.cross"],
        solve=cross_attention,
        case=_cross_case,
        mistakes=variants(_cross, CROSS_MISTAKES | SCALES | CROSS_MASKING | WEIGHING)
        | {"root_of_inputs": _root_of_inputs},
    ),
    "04.causal": Exercise(
        **TEXTS["04.causal"],
        answer="CausalSelfAttention",
        text=CAUSAL,
        wants="class",
        solve=_causal,
        case=_causal_case,
        probe=probe_causal,
        takes=3,
        demands=in_keras.demands(_explain_causal),
        mistakes=variants(_causal, CAUSAL_MISTAKES),
        count=100,
        **in_keras.SETTINGS,
    ),
    "04.bug": Exercise(**TEXTS["04.bug"], solve=which_bug, case=_bug_case, mistakes=BUG_MISTAKES),
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
