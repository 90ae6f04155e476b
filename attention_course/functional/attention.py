"""Attention in NumPy: scores, masks, softmax, heads. No TensorFlow.

Shapes are ``(batch, T_q, d_k)`` for queries, ``(batch, T_k, d_k)`` for keys and
``(batch, T_k, d_v)`` for values; the batch may be left out, or be several axes, written ``...``.
A single query may be a vector ``(d_k,)``; results for it have no axis T_q. A mask is True where
attention is allowed, and the softmax runs over keys, the last axis of the scores. Everything is
computed in float64. Arrays of a wrong shape or kind raise :class:`InputError`.

Sources: Bahdanau, Cho and Bengio (2014), arXiv 1409.0473; Luong, Pham and Manning (2015),
arXiv 1508.04025; Vaswani et al. (2017), arXiv 1706.03762.
"""

from __future__ import annotations

from typing import Any, Literal

import numpy as np

from attention_course.errors import CourseError


class InputError(CourseError, ValueError):
    """An array given to a function of this module has the wrong shape or kind."""


def softmax(x: Any, axis: int = -1) -> np.ndarray:
    """Turn numbers into positive weights that sum to one along ``axis``: exp(x) / sum exp(x).

    The largest number is subtracted first; that changes nothing in the result and keeps exp from
    overflowing. A slice of nothing but -inf gives NaN, as 0/0 does; :func:`masked_softmax` is the
    one for masks.
    """
    x = _numbers(x, "x")
    with np.errstate(invalid="ignore"):
        powers = np.exp(x - np.max(x, axis=axis, keepdims=True))
    return powers / np.sum(powers, axis=axis, keepdims=True)


def masked_softmax(scores: Any, mask: Any = None) -> np.ndarray:
    """Softmax over keys in which forbidden keys get a weight of exactly zero.

    The mask is broadcast to the shape of the scores (..., T_q, T_k); None allows everything. A row
    in which nothing is allowed is all zeros.
    """
    scores = _numbers(scores, "scores")
    if mask is None:
        return softmax(scores)
    scores = np.where(_mask(mask, scores.shape), scores, -np.inf)
    nothing = np.isneginf(scores).all(axis=-1, keepdims=True)
    return np.where(nothing, 0.0, softmax(np.where(nothing, 0.0, scores)))


def dot_score(query: Any, keys: Any) -> np.ndarray:
    """Score every key by its dot product with every query (Luong et al. 2015, eq. 8, "dot").

    Queries (..., T_q, d) and keys (..., T_k, d) give scores (..., T_q, T_k).
    """
    query, keys = _query_and_keys(query, keys)
    if query.shape[-1] != keys.shape[-1]:
        raise InputError(
            "A dot product needs vectors of one length, but a query has {query} features and a "
            "key has {key}.",
            query=query.shape[-1],
            key=keys.shape[-1],
        )
    return query @ keys.mT


def general_score(query: Any, keys: Any, W: Any) -> np.ndarray:
    """Score keys by s^T W h, for queries and keys of different widths (Luong et al. 2015, eq. 8).

    Queries (..., T_q, d_q), keys (..., T_k, d_k) and W (d_q, d_k) give scores (..., T_q, T_k).
    """
    query, keys = _query_and_keys(query, keys)
    return query @ _weights(W, "W", query.shape[-1], keys.shape[-1]) @ keys.mT


def additive_score(query: Any, keys: Any, W: Any, U: Any, v: Any) -> np.ndarray:
    """Score keys by a small network, v^T tanh(W s + U h) (Bahdanau et al. 2014, section 3.1).

    Vectors are rows here, so the products read s W and h U. Queries (..., T_q, d_q), keys
    (..., T_k, d_k), W (d_q, units), U (d_k, units) and v (units,) give scores (..., T_q, T_k).
    """
    query, keys = _query_and_keys(query, keys)
    v = _numbers(v, "v").reshape(-1)
    query = query @ _weights(W, "W", query.shape[-1], v.size)
    keys = keys @ _weights(U, "U", keys.shape[-1], v.size)
    if query.ndim > 1:  # every query meets every key
        query, keys = query[..., :, None, :], keys[..., None, :, :]
    return np.tanh(query + keys) @ v


def scaled_dot_product_attention(
    query: Any, key: Any, value: Any, mask: Any = None, scale: bool = True
) -> tuple[np.ndarray, np.ndarray]:
    """Look values up by softmax(Q K^T / sqrt(d_k)) V (Vaswani et al. 2017, eq. 1).

    Args:
        query, key, value: shapes (..., T_q, d_k), (..., T_k, d_k) and (..., T_k, d_v).
        mask: True where attention is allowed; broadcast to (..., T_q, T_k).
        scale: divide the scores by sqrt(d_k).

    Returns:
        The output (..., T_q, d_v) and the weights (..., T_q, T_k). A query that may attend to
        nothing gets zero weights and a zero output.
    """
    scores = dot_score(query, key)
    value = _numbers(value, "value")
    if value.ndim < 2 or value.shape[-2] != scores.shape[-1]:
        raise InputError(
            "There are {keys} keys but the values have shape {shape}: give one value per "
            "key, as an array (..., T_k, d_v).",
            keys=scores.shape[-1],
            shape=value.shape,
        )
    if scale:
        scores = scores / np.sqrt(np.shape(key)[-1])
    weights = masked_softmax(scores, mask)
    single = np.ndim(query) == 1
    try:
        output = np.einsum("...k,...kv->...v", weights, value) if single else weights @ value
    except ValueError:
        raise InputError(
            "Weights of shape {weights} and values of shape {values} have different batches.",
            weights=weights.shape,
            values=value.shape,
        ) from None
    return output, weights


def padding_mask(lengths: Any, T: int, padding: Literal["post", "pre"] = "post") -> np.ndarray:
    """Allow only real tokens as keys, in a batch of sequences padded to one length.

    Args:
        lengths: number of real tokens of each sequence, shape (batch,), from 0 to T.
        T: the common length.
        padding: "post" when padding follows the tokens, "pre" when it comes before them.

    Returns:
        Boolean mask of shape (batch, 1, T): the same for every query. ``&`` combines it with
        :func:`causal_mask`.
    """
    lengths = np.atleast_1d(np.asarray(lengths))
    fits = lengths.dtype.kind in "iu" and lengths.ndim == 1
    if not fits or (lengths < 0).any() or (lengths > T).any():
        raise InputError(
            "lengths must be whole numbers from 0 to T = {steps}, one per sequence.", steps=T
        )
    if padding not in ("post", "pre"):
        raise InputError("padding is 'post' or 'pre', not {padding!r}.", padding=padding)
    real = np.arange(T) < lengths[:, None]
    return (real if padding == "post" else real[:, ::-1])[:, None, :]


def causal_mask(T: int) -> np.ndarray:
    """Allow each of T positions to attend to itself and to earlier positions only.

    The mask is boolean of shape (T, T), True on and below the diagonal.
    """
    if not isinstance(T, int | np.integer) or isinstance(T, bool) or T < 1:
        raise InputError(
            "T is the number of positions, a whole number from 1 on, not {given!r}.", given=T
        )
    return np.tri(T, dtype=bool)


def split_heads(x: Any, heads: int) -> np.ndarray:
    """Cut the features into heads: head i takes the i-th slice of the last axis.

    From (..., T, d) to (..., heads, T, d / heads); ``heads`` must divide d.
    """
    x = _sequence(x, "x")
    if not isinstance(heads, int | np.integer) or heads < 1 or x.shape[-1] % heads:
        raise InputError(
            "{features} features cannot be cut into {heads!r} equal heads.",
            features=x.shape[-1],
            heads=heads,
        )
    return np.swapaxes(x.reshape(*x.shape[:-1], heads, x.shape[-1] // heads), -3, -2)


def combine_heads(x: Any) -> np.ndarray:
    """Put heads side by side again: the inverse of :func:`split_heads`.

    From (..., heads, T, d_head) to (..., T, heads * d_head).
    """
    x = _numbers(x, "x")
    if x.ndim < 3:
        raise InputError("x must have shape (..., heads, T, d_head), not {shape}.", shape=x.shape)
    x = np.swapaxes(x, -3, -2)
    return x.reshape(*x.shape[:-2], x.shape[-2] * x.shape[-1])


def multi_head_attention(
    x_q: Any, x_kv: Any, W_q: Any, W_k: Any, W_v: Any, W_o: Any, heads: int, mask: Any = None
) -> tuple[np.ndarray, np.ndarray]:
    """Project, split into heads, attend in each, concatenate, project (Vaswani et al. 2017, 3.2.2).

    There are no biases. Self-attention is the case ``x_kv = x_q``.

    Args:
        x_q: where the queries come from, shape (..., T_q, d_model).
        x_kv: where keys and values come from, shape (..., T_k, d_model).
        W_q, W_k, W_v: shape (d_model, heads * d_k), the last one (d_model, heads * d_v).
        W_o: shape (heads * d_v, d_out).
        heads: number of heads.
        mask: True where attention is allowed; broadcast to (..., T_q, T_k), the same in each head.

    Returns:
        The output (..., T_q, d_out) and the weights (..., heads, T_q, T_k).
    """
    x_q, x_kv = _sequence(x_q, "x_q"), _sequence(x_kv, "x_kv")
    queries = split_heads(x_q @ _weights(W_q, "W_q", x_q.shape[-1]), heads)
    keys = split_heads(x_kv @ _weights(W_k, "W_k", x_kv.shape[-1]), heads)
    values = split_heads(x_kv @ _weights(W_v, "W_v", x_kv.shape[-1]), heads)
    if np.ndim(mask) >= 2:
        mask = np.expand_dims(mask, -3)
    found, weights = scaled_dot_product_attention(queries, keys, values, mask)
    joined = combine_heads(found)
    return joined @ _weights(W_o, "W_o", joined.shape[-1]), weights


def _numbers(x: Any, name: str) -> np.ndarray:
    try:
        return np.asarray(x, dtype=np.float64)
    except (TypeError, ValueError):
        raise InputError(
            "{name} must be an array of numbers, all rows of one length.", name=name
        ) from None


def _sequence(x: Any, name: str) -> np.ndarray:
    x = _numbers(x, name)
    if x.ndim < 2:
        raise InputError(
            "{name} must have shape (..., T, d), not {shape}.", name=name, shape=x.shape
        )
    return x


def _weights(x: Any, name: str, rows: int, columns: int | None = None) -> np.ndarray:
    x = _numbers(x, name)
    if x.ndim != 2 or x.shape[0] != rows or columns not in (None, x.shape[1]):
        raise InputError(
            "{name} must have shape ({wanted}), but has shape {shape}.",
            name=name,
            wanted=f"{rows}, {'any' if columns is None else columns}",
            shape=x.shape,
        )
    return x


def _query_and_keys(query: Any, keys: Any) -> tuple[np.ndarray, np.ndarray]:
    query, keys = _numbers(query, "query"), _sequence(keys, "keys")
    if query.ndim == 0:
        raise InputError("query must be a vector (d,) or an array (..., T_q, d), not one number.")
    try:
        np.broadcast_shapes(query.shape[:-2], keys.shape[:-2])
    except ValueError:
        raise InputError(
            "Queries of shape {queries} and keys of shape {keys} have different batches.",
            queries=query.shape,
            keys=keys.shape,
        ) from None
    return query, keys


def _mask(mask: Any, shape: tuple[int, ...]) -> np.ndarray:
    mask = np.asarray(mask)
    if mask.dtype.kind not in "biuf" or not np.isin(mask, (0, 1)).all():
        raise InputError(
            "A mask holds True where attention is allowed and False elsewhere; this one holds "
            "other values."
        )
    try:
        return np.broadcast_to(mask.astype(bool), shape)
    except ValueError:
        raise InputError(
            "A mask of shape {mask} does not fit scores of shape {scores} (queries are rows, "
            "keys are columns; a padding mask has the shape (batch, 1, T_k)).",
            mask=mask.shape,
            scores=shape,
        ) from None
