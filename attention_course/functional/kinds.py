"""The kinds of attention in NumPy, one function per decision. No TensorFlow.

An attention is put together from answers to independent questions: which *score* compares a query
with a key, at which *places* it may look, and how it *chooses* among them. Shapes and masks are
those of :mod:`attention_course.functional.attention`: scores and weights are (..., T_q, T_k).

Sources: Luong, Pham and Manning (2015), arXiv 1508.04025; Xu et al. (2015), arXiv 1502.03044;
Martins and Astudillo (2016), arXiv 1602.02068; Raffel et al. (2017), arXiv 1704.00784; Graves,
Wayne and Danihelka (2014), arXiv 1410.5401.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from attention_course.functional.attention import (
    InputError,
    _mask,
    _numbers,
    _query_and_keys,
    _sequence,
    _weights,
    additive_score,
    dot_score,
)


def scaled_dot_score(query: Any, keys: Any) -> np.ndarray:
    """Divide the dot product by the root of the number of features (Vaswani et al. 2017, eq. 1)."""
    return dot_score(query, keys) / np.sqrt(np.shape(keys)[-1])


def concat_score(query: Any, keys: Any, W: Any, v: Any) -> np.ndarray:
    """Score keys by v^T tanh(W [s; h]) (Luong et al. 2015, eq. 8, "concat").

    Queries (..., T_q, d_q), keys (..., T_k, d_k), W (d_q + d_k, units) and v (units,) give scores
    (..., T_q, T_k). The upper rows of W meet the query, the lower ones the key.
    """
    query, keys = _query_and_keys(query, keys)
    W = _weights(W, "W", query.shape[-1] + keys.shape[-1])
    return additive_score(query, keys, W[: query.shape[-1]], W[query.shape[-1] :], v)


def cosine_score(query: Any, keys: Any, strength: float = 1.0) -> np.ndarray:
    """Score keys by the cosine of the angle to the query, times ``strength`` (Graves et al. 2014).

    Without a strength scores lie between -1 and 1, so no weight is more than e^2 times another.
    """
    query, keys = _query_and_keys(query, keys)
    return strength * dot_score(_unit(query), _unit(keys))


def location_score(query: Any, W: Any, T_k: int) -> np.ndarray:
    """Score places without looking at what is there: s W (Luong et al. 2015, section 3.1).

    W (d_q, places) has a column per place and so sets the longest sequence; the first ``T_k``
    columns give the scores (..., T_q, T_k).
    """
    query = _sequence(query, "query")
    W = _weights(W, "W", query.shape[-1])
    if T_k > W.shape[1]:
        raise InputError(
            "There are {keys} keys, but W has columns for {places} places only.",
            keys=T_k,
            places=W.shape[1],
        )
    return query @ W[:, :T_k]


def window(centres: Any, T_k: int, D: int) -> np.ndarray:
    """Allow the places that lie within D of a centre (Luong et al. 2015, section 3.2).

    Args:
        centres: one place per query, (..., T_q), counted from 0; need not be whole. With the
            query's own place for a centre it is Luong's "local-m".
        T_k: number of keys.
        D: half the width, in places; a window holds up to 2 D + 1 keys.

    Returns:
        A mask (..., T_q, T_k). Where a centre lies outside the sequence a row may be all False.
    """
    return np.abs(_distances(centres, T_k)) <= D


def predicted_places(query: Any, W: Any, v: Any, lengths: Any) -> np.ndarray:
    """Predict where to look: p = S sigmoid(v^T tanh(W s)) (Luong et al. 2015, eq. 9, "local-p").

    Queries (..., T_q, d), W (d, units), v (units,) and the number S of keys in each sequence,
    ``lengths`` (...), give places (..., T_q) between 0 and S.
    """
    query = _sequence(query, "query")
    v = _numbers(v, "v").reshape(-1)
    logits = np.tanh(query @ _weights(W, "W", query.shape[-1], v.size)) @ v
    return np.asarray(lengths)[..., None] * _sigmoid(logits)


def gaussian(centres: Any, T_k: int, D: float) -> np.ndarray:
    """Return exp(-(s - p)^2 / (2 sigma^2)) with sigma = D / 2 (Luong et al. 2015, eq. 10).

    Centres p (..., T_q) give factors (..., T_q, T_k), which carry a gradient to the centres: this
    is why "local-p" can be learned, and a window alone cannot.
    """
    return np.exp(-0.5 * (_distances(centres, T_k) / (D / 2)) ** 2)


def sparsemax(scores: Any, mask: Any = None) -> np.ndarray:
    """Project scores onto the weights that sum to one (Martins and Astudillo 2016, eq. 2).

    Low scores get a weight of exactly zero. Forbidden keys do, too; a row in which nothing is
    allowed is all zeros. Scores and weights are (..., T_q, T_k).
    """
    scores = _numbers(scores, "scores")
    if mask is not None:
        scores = np.where(_mask(mask, scores.shape), scores, -np.inf)
    nothing = np.isneginf(scores).all(axis=-1, keepdims=True)
    scores = np.where(nothing, 0.0, scores - np.where(nothing, 0.0, scores.max(-1, keepdims=True)))
    falling = -np.sort(-scores, axis=-1)
    sums = np.cumsum(falling, axis=-1)
    # The highest keys share the weight: as many as lie above the threshold that they set together.
    sharing = 1 + np.arange(1, scores.shape[-1] + 1) * falling > sums
    count = sharing.sum(axis=-1, keepdims=True)
    threshold = (np.take_along_axis(sums, count - 1, axis=-1) - 1) / count
    return np.where(nothing, 0.0, np.maximum(scores - threshold, 0.0))


def hard_sample(weights: Any, generator: np.random.Generator) -> np.ndarray:
    """Draw one key per query with these probabilities (Xu et al. 2015, section 4.1).

    Returns one-hot weights of the same shape (..., T_q, T_k); a row of zeros stays one.
    """
    weights = _numbers(weights, "weights")
    # The key with the smallest exponential waiting time: a draw for every row at once.
    waits = generator.exponential(size=weights.shape)
    with np.errstate(divide="ignore"):
        first = np.argmin(waits / weights, axis=-1)
    return np.eye(weights.shape[-1])[first] * (weights.sum(axis=-1, keepdims=True) > 0)


def monotonic(scores: Any, mask: Any = None) -> np.ndarray:
    """Return the expected weights of a hard attention that only moves forward (Raffel et al. 2017).

    From where the last query stopped, a query inspects key after key and stops at key j with
    probability sigmoid(score); it never goes back, and may run past the end (a row then sums to
    less than one). With p the stopping probabilities, eq. 9 of the paper reads

        alpha[i, j] = p[i, j] * sum over k <= j of alpha[i-1, k] * prod of (1 - p[i, l]), k <= l < j

    Scores and weights are (..., T_q, T_k). Forbidden keys are passed by.
    """
    scores = _numbers(scores, "scores")
    stop = _sigmoid(scores)
    if mask is not None:
        stop = np.where(_mask(mask, scores.shape), stop, 0.0)
    weights = np.zeros_like(scores)
    before = np.zeros((*scores.shape[:-2], scores.shape[-1]))
    before[..., 0] = 1.0  # the first query begins at the first key
    for i in range(scores.shape[-2]):
        arriving = np.zeros(scores.shape[:-2])
        for j in range(scores.shape[-1]):
            arriving = arriving + before[..., j]
            weights[..., i, j] = stop[..., i, j] * arriving
            arriving = arriving * (1 - stop[..., i, j])
        before = weights[..., i, :]
    return weights


def _unit(x: np.ndarray) -> np.ndarray:
    """Return vectors of length one; a zero vector stays zero, as its angle to anything is open."""
    lengths = np.linalg.norm(x, axis=-1, keepdims=True)
    return x / np.where(lengths == 0, 1.0, lengths)


def _distances(centres: Any, T_k: int) -> np.ndarray:
    return np.arange(T_k) - _numbers(centres, "centres")[..., None]


def _sigmoid(x: np.ndarray) -> np.ndarray:
    return np.exp(-np.logaddexp(0.0, -x))
