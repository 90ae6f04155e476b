"""Attention as Keras layers, one per score. The NumPy twin of each formula is in ``functional``.

All are registered for serialization under the package name ``attention_course``, so that a saved
model loads in Keras' safe mode once this module is imported; their settings Keras keeps by itself.
Sequences are (batch, time, features). A mask (batch, time) is True where attention is allowed; a
sequence in which nothing is allowed gets zero weights and a zero context. Settings and shapes that
make no sense raise :class:`LayerError`.
"""

from __future__ import annotations

from typing import Any

import keras
from keras import ops

from attention_course.errors import CourseError

SCORES = ("dot", "general", "concat")


class LayerError(CourseError, ValueError):
    """A layer was given an unknown score or inputs of the wrong shape."""


class _EndsMasks(keras.layers.Layer):
    """A layer that reads a mask and passes none on."""

    def compute_mask(self, *inputs: Any, **masks: Any) -> None:
        """Return no mask, for all outputs: what was masked is summed away or zero."""
        return None


class _QueryAttention(_EndsMasks):
    """What Bahdanau's and Luong's layers share: from scores to weights to context.

    Their ``score`` takes queries (batch, T_q, d_q) and keys (batch, T_k, d) to (batch, T_q, T_k).
    """

    def call(
        self, query: Any, values: Any, mask: Any = None, values_mask: Any = None
    ) -> tuple[Any, Any]:
        """Attend to ``values`` with one or several queries.

        Args:
            query: shape (batch, d_q), or (batch, T_q, d_q) for several queries.
            values: shape (batch, T_k, d); they are the keys as well, and what the mask is about.
            mask: takes precedence over the next one.
            values_mask: the mask Keras passes on from an embedding.

        Returns:
            The context (batch, d) and the weights (batch, T_k); or (batch, T_q, d) and
            (batch, T_q, T_k) for several queries.
        """
        single = len(query.shape) == 2
        queries = ops.expand_dims(query, 1) if single else query
        mask = values_mask if mask is None else mask
        weights = _masked_softmax(self.score(queries, values), mask)
        context = ops.matmul(weights, values)
        if single:
            return ops.squeeze(context, 1), ops.squeeze(weights, 1)
        return context, weights


@keras.saving.register_keras_serializable(package="attention_course")
class BahdanauAttention(_QueryAttention):
    """Additive attention: scores v^T tanh(W s + U h) (Bahdanau et al. 2014, section 3.1).

    ``units`` is the width of the hidden layer of the score. The layer takes a query, values and an
    optional mask, and returns the context and the weights; see :meth:`call`.
    """

    def __init__(self, units: int, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.units = _positive(units, "units")

    def build(self, query_shape: Any, values_shape: Any) -> None:
        """Create W (d_q, units), U (d, units) and v (units,)."""
        self.W = self.add_weight(name="W", shape=(query_shape[-1], self.units))
        self.U = self.add_weight(name="U", shape=(values_shape[-1], self.units))
        self.v = self.add_weight(name="v", shape=(self.units,), initializer="random_normal")

    def score(self, queries: Any, keys: Any) -> Any:
        """Return v^T tanh(W s + U h) for every pair."""
        return _additive(ops.matmul(queries, self.W), ops.matmul(keys, self.U), self.v)


@keras.saving.register_keras_serializable(package="attention_course")
class LuongAttention(_QueryAttention):
    """Luong's three scores (Luong et al. 2015, equation 8), unscaled as in the paper.

    Args:
        score: "dot" (s^T h), "general" (s^T W h) or "concat" (v^T tanh(W [s; h])).
        units: width of the hidden layer of "concat"; the other scores have none.

    Called as :class:`BahdanauAttention` is; "dot" needs queries and values of one width.
    """

    def __init__(self, score: str = "dot", units: int | None = None, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        if score not in SCORES:
            raise LayerError(
                "There is no score {score!r}; Luong's are {scores}.",
                score=score,
                scores=", ".join(SCORES),
            )
        self.kind = score
        self.units = _positive(units, "units") if score == "concat" else None

    def build(self, query_shape: Any, values_shape: Any) -> None:
        """Create W (d_q, d) for "general", W (d_q + d, units) and v (units,) for "concat"."""
        width, depth = query_shape[-1], values_shape[-1]
        if self.kind == "dot" and width != depth:
            raise LayerError(
                'The score "dot" needs queries and values of one width, not {width} and {depth}; '
                'use "general".',
                width=width,
                depth=depth,
            )
        if self.kind == "general":
            self.W = self.add_weight(name="W", shape=(width, depth))
        if self.kind == "concat":
            self.W = self.add_weight(name="W", shape=(width + depth, self.units))
            self.v = self.add_weight(name="v", shape=(self.units,), initializer="random_normal")

    def score(self, queries: Any, keys: Any) -> Any:
        """Return the chosen score for every pair."""
        if self.kind == "concat":
            # [s; h] W is s times W's upper rows plus h times its lower rows.
            width = queries.shape[-1]
            upper, lower = self.W[:width], self.W[width:]
            return _additive(ops.matmul(queries, upper), ops.matmul(keys, lower), self.v)
        if self.kind == "general":
            queries = ops.matmul(queries, self.W)
        return ops.matmul(queries, ops.transpose(keys, (0, 2, 1)))


@keras.saving.register_keras_serializable(package="attention_course")
class TimeAttention(_EndsMasks):
    """Weights over time without a query: softmax(tanh(X W + b)), then the weighted sum of X.

    The layer of the Fibonacci exercise of chapter 6. It is often called Bahdanau attention, but
    nothing is looked up: each step is scored from its own features and its place in time. There
    are ``features + time`` parameters, 22 after ``SimpleRNN(2)`` over 20 steps.

    Args:
        bounded: keep the tanh around the scores. It holds them between -1 and 1, so no weight can
            be more than e^2 times another.
        return_weights: after the sum (batch, features), also return the weights (batch, time).
    """

    def __init__(self, bounded: bool = True, return_weights: bool = False, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.bounded = bounded
        self.return_weights = return_weights

    def build(self, x_shape: Any) -> None:
        """Create W (features, 1) and b (time, 1)."""
        if len(x_shape) != 3 or None in x_shape[1:]:
            raise LayerError(
                "TimeAttention has one bias per step, so it needs (batch, time, features) with a "
                "known number of steps, not {shape}.",
                shape=tuple(x_shape),
            )
        self.W = self.add_weight(name="W", shape=(x_shape[2], 1))
        self.b = self.add_weight(name="b", shape=(x_shape[1], 1), initializer="zeros")

    def call(self, x: Any, mask: Any = None) -> Any:
        """Return the weighted sum over time, and the weights when asked for."""
        scores = ops.matmul(x, self.W) + self.b
        if self.bounded:
            scores = ops.tanh(scores)
        weights = _masked_softmax(ops.squeeze(scores, -1), mask)
        context = ops.sum(ops.expand_dims(weights, -1) * x, axis=1)
        return (context, weights) if self.return_weights else context


@keras.saving.register_keras_serializable(package="attention_course")
class LearnedPlaces(keras.layers.Layer):
    """Adds to every word a learned vector for its place, so that order can matter to attention.

    Takes and returns (batch, time, features), with a known number of steps. Learned positions, as
    Vaswani et al. (2017, section 3.5) compare with their sinusoids. A mask is passed on.
    """

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.supports_masking = True

    def build(self, x_shape: Any) -> None:
        """Create one vector for each place (time, features)."""
        if len(x_shape) != 3 or None in x_shape[1:]:
            raise LayerError(
                "LearnedPlaces has one vector per step, so it needs (batch, time, features) with a "
                "known number of steps, not {shape}.",
                shape=tuple(x_shape),
            )
        self.places = self.add_weight(
            name="places", shape=tuple(x_shape[1:]), initializer="random_normal"
        )

    def call(self, x: Any) -> Any:
        """Return every word plus the vector of its place."""
        return x + self.places


@keras.saving.register_keras_serializable(package="attention_course")
class AdditiveSelfAttention(_EndsMasks):
    """Every step attends to every step of the same sequence by an additive score.

    The score is ``g(v^T tanh(W x_t + U x_i + b) + c)``: Bahdanau's, with the query taken from the
    sequence itself. A sigmoid for ``g`` holds scores between 0 and 1, so no weight can be more
    than e times another; ``None`` leaves them free.

    Args:
        units: width of the hidden layer of the score.
        activation: name of ``g``, or None.
        return_weights: after the contexts (batch, time, features), which are zero at masked steps,
            also return the weights (batch, time, time): queries are rows, keys are columns.
    """

    def __init__(
        self,
        units: int,
        activation: str | None = "sigmoid",
        return_weights: bool = False,
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        self.units = _positive(units, "units")
        self.activation = activation
        self.return_weights = return_weights

    def build(self, x_shape: Any) -> None:
        """Create W and U (features, units), v and b (units,), c (1,)."""
        self.W = self.add_weight(name="W", shape=(x_shape[-1], self.units))
        self.U = self.add_weight(name="U", shape=(x_shape[-1], self.units))
        self.v = self.add_weight(name="v", shape=(self.units,), initializer="random_normal")
        self.b = self.add_weight(name="b", shape=(self.units,), initializer="zeros")
        self.c = self.add_weight(name="c", shape=(1,), initializer="zeros")

    def call(self, x: Any, mask: Any = None) -> Any:
        """Return one context per step, and the weights when asked for."""
        queries = ops.matmul(x, self.W) + self.b
        scores = _additive(queries, ops.matmul(x, self.U), self.v) + self.c
        scores = keras.activations.get(self.activation)(scores)
        weights = _masked_softmax(scores, mask)
        contexts = ops.matmul(weights, x)
        if mask is not None:
            contexts = contexts * ops.cast(ops.expand_dims(mask, -1), contexts.dtype)
        return (contexts, weights) if self.return_weights else contexts


def _additive(queries: Any, keys: Any, v: Any) -> Any:
    """v^T tanh(q + k) of projected queries (batch, T_q, units) and keys (batch, T_k, units)."""
    pairs = ops.expand_dims(queries, 2) + ops.expand_dims(keys, 1)
    return ops.sum(ops.tanh(pairs) * v, axis=-1)


def _masked_softmax(scores: Any, allowed: Any) -> Any:
    """Softmax over keys, the last axis; a mask (batch, T_k) holds for every query.

    Forbidden keys get zero, also where all are forbidden.
    """
    if allowed is None:
        return ops.softmax(scores, axis=-1)
    if len(scores.shape) > len(allowed.shape):
        allowed = ops.expand_dims(allowed, 1)
    # It vanishes in the softmax unless a whole row is forbidden, and then the product clears it.
    scores = _forbidden_lowest(scores, allowed)
    return ops.softmax(scores, axis=-1) * ops.cast(allowed, scores.dtype)


def _forbidden_lowest(scores: Any, allowed: Any) -> Any:
    """Put a score below all others where nothing is allowed.

    It is as low as half precision goes, or as Keras' own layers take it.
    """
    lowest = -65504 if keras.backend.standardize_dtype(scores.dtype) == "float16" else -1e9
    return ops.where(allowed, scores, ops.cast(lowest, scores.dtype))


def _positive(value: Any, name: str) -> int:
    if not isinstance(value, int) or isinstance(value, bool) or value < 1:
        raise LayerError(
            "{name} must be a whole number from 1 on, not {value!r}.", name=name, value=value
        )
    return value
