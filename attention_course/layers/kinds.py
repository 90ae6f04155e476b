"""The kinds of attention as one Keras layer, each decision an argument of its own.

Masks and saving are as in :mod:`attention_course.layers.attention`; the NumPy twin of every formula
is in :mod:`attention_course.functional.kinds`.
"""

from __future__ import annotations

from typing import Any

import keras
import numpy as np
from keras import ops

from attention_course.layers.attention import (
    LayerError,
    _additive,
    _forbidden_lowest,
    _masked_softmax,
    _positive,
    _QueryAttention,
)

SCORES = ("additive", "dot", "scaled", "general", "concat", "cosine", "location", "uniform")
PLACES = ("global", "local-m", "local-p")
CHOICES = ("soft", "sparse", "hard", "argmax", "gumbel", "monotonic")


@keras.saving.register_keras_serializable(package="attention_course")
class KindOfAttention(_QueryAttention):
    """Attention put together from answers to independent questions.

    Args:
        score: how a query and a key are compared.

            * "additive": v^T tanh(W s + U h) (Bahdanau et al. 2014);
            * "dot", "general", "concat": s^T h, s^T W h and v^T tanh(W [s; h]) (Luong et al. 2015);
            * "scaled": s^T h / sqrt(d) (Vaswani et al. 2017);
            * "cosine": b cos(s, h) with a learned strength b, 10 at first (Graves et al. 2014);
            * "location": s W, which looks at no key (Luong et al. 2015, section 3.1);
            * "uniform": 0 for all, the control that removes attention.
        units: width of the hidden layer of "additive" and "concat", and of "local-p".
        places: the longest sequence that "location" has scores for.
        place: where a query may look (Luong et al. 2015, section 3.2).

            * "global": at every key;
            * "local-m": at the keys at most D from its own place;
            * "local-p": at those at most D from a place p that it predicts, the weights times
              exp(-(s - p)^2 / (2 (D/2)^2)); they sum to less than one.
        choice: how scores become weights.

            * "soft": softmax;
            * "sparse": sparsemax, with exact zeros (Martins and Astudillo 2016);
            * "hard": one key, drawn with the probabilities of the softmax in training and the
              likeliest otherwise (Xu et al. 2015, section 4.1). Nothing flows back through a draw,
              so the layer also returns its log-probability, for REINFORCE;
            * "argmax": the likeliest key, also in training: no gradient reaches the scores;
            * "gumbel": as "hard", but the gradient is taken as if the weights were soft, with
              Gumbel noise on the scores (Jang et al. 2017, "straight-through");
            * "monotonic": the expected weights of a hard choice that only moves forward (Raffel et
              al. 2017).
        D: half the width of a window.
        seed: of what "hard" and "gumbel" draw; None draws one.

    Called as :class:`BahdanauAttention` is.
    """

    def __init__(
        self,
        score: str = "dot",
        units: int | None = None,
        places: int | None = None,
        place: str = "global",
        choice: str = "soft",
        D: int | None = None,
        seed: int | None = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        for name, given, known in (
            ("score", score, SCORES),
            ("place", place, PLACES),
            ("choice", choice, CHOICES),
        ):
            if given not in known:
                raise LayerError(
                    "There is no {name}={given!r}; known are {known}.",
                    name=name,
                    given=given,
                    known=", ".join(known),
                )
        self.kind, self.place, self.choice = score, place, choice
        hidden = score in ("additive", "concat") or place == "local-p"
        self.units = _positive(units, "units") if hidden else None
        self.places = _positive(places, "places") if score == "location" else None
        self.D = _positive(D, "D") if place != "global" else None
        self.seed = seed
        if choice in ("hard", "gumbel"):
            self.generator = keras.random.SeedGenerator(seed)

    def build(self, query_shape: Any, values_shape: Any) -> None:
        """Create what has to be learned, from queries of width d_q and keys of width d."""
        width, depth = query_shape[-1], values_shape[-1]
        if self.kind in ("dot", "scaled", "cosine") and width != depth:
            raise LayerError(
                'The score "{score}" needs queries and values of one width, not {width} and '
                '{depth}; use "general".',
                score=self.kind,
                width=width,
                depth=depth,
            )
        shapes = {
            "additive": {"W": (width, self.units), "U": (depth, self.units)},
            "concat": {"W": (width + depth, self.units)},
            "general": {"W": (width, depth)},
            "location": {"W": (width, self.places)},
        }.get(self.kind, {})
        if self.place == "local-p":
            shapes |= {"W_p": (width, self.units)}
        for name, shape in shapes.items():
            setattr(self, name, self.add_weight(name=name, shape=shape))
        vectors = {"v": self.kind in ("additive", "concat"), "v_p": self.place == "local-p"}
        for name in (name for name, needed in vectors.items() if needed):
            vector = self.add_weight(name=name, shape=(self.units,), initializer="random_normal")
            setattr(self, name, vector)
        if self.kind == "cosine":
            strength = keras.initializers.Constant(10.0)
            self.strength = self.add_weight(name="strength", shape=(), initializer=strength)

    def call(
        self,
        query: Any,
        values: Any,
        mask: Any = None,
        values_mask: Any = None,
        training: bool = False,
    ) -> tuple[Any, ...]:
        """Attend to ``values``; see :meth:`BahdanauAttention.call`.

        Returns:
            Context and weights; with the choice "hard" also the log-probability of what was
            chosen, (batch,) for one query and (batch, T_q) for several.
        """
        single = len(query.shape) == 2
        if single and self.place == "local-m":
            raise LayerError('"local-m" needs to know the place of a query: give all of them.')
        queries = ops.expand_dims(query, 1) if single else query
        mask = values_mask if mask is None else mask
        allowed = None if mask is None else ops.expand_dims(mask, 1)
        scores = self.score(queries, values)
        if self.place != "global":
            distances = self._distances(queries, values, allowed)
            near = ops.abs(distances) <= self.D
            allowed = near if allowed is None else ops.logical_and(near, allowed)
        found = self._choose(scores, allowed, training)
        weights = found[0]
        if self.place == "local-p":
            weights = weights * ops.exp(-0.5 * (distances / (self.D / 2)) ** 2)
        found = (ops.matmul(weights, values), weights, *found[1:])
        return tuple(ops.squeeze(part, 1) for part in found) if single else found

    def _distances(self, queries: Any, keys: Any, allowed: Any) -> Any:
        """Return how far each key lies from where its query looks, (batch, T_q, T_k)."""
        steps = ops.cast(ops.arange(ops.shape(keys)[1]), queries.dtype)
        if self.place == "local-m":
            centres = ops.cast(ops.arange(ops.shape(queries)[1]), queries.dtype)[None, :, None]
            return steps + ops.zeros_like(queries[:, :, :1]) - centres
        logits = ops.matmul(ops.tanh(ops.matmul(queries, self.W_p)), self.v_p[:, None])
        lengths = ops.cast(ops.shape(keys)[1], queries.dtype)
        if allowed is not None:
            lengths = ops.sum(ops.cast(allowed, queries.dtype), axis=-1, keepdims=True)
        return steps - lengths * ops.sigmoid(logits)

    def _choose(self, scores: Any, allowed: Any, training: bool) -> tuple[Any, ...]:
        if self.choice == "monotonic":
            return (_monotonic(scores, allowed),)
        if self.choice == "sparse":
            return (_sparsemax(scores, allowed),)
        if self.choice == "gumbel" and training:
            # In single precision: half of it rounds a draw to one, whose noise is infinite.
            draws = keras.random.uniform(
                ops.shape(scores), 1e-6, 1 - 1e-6, dtype="float32", seed=self.generator
            )
            scores = scores - ops.cast(ops.log(-ops.log(draws)), scores.dtype)
        soft = _masked_softmax(scores, allowed)
        if self.choice == "soft":
            return (soft,)
        # Where nothing is allowed a row is zero, and so is its choice.
        some = ops.cast(ops.any(soft > 0, axis=-1, keepdims=True), soft.dtype)
        # The smallest number that half precision has as well, so that no logarithm is infinite.
        logs = ops.log(ops.maximum(soft, ops.cast(6e-8, soft.dtype)))
        if self.choice == "hard" and training:
            possible = _forbidden_lowest(logs, soft > 0)
            rows = ops.reshape(possible, (-1, ops.shape(logs)[-1]))
            drawn = keras.random.categorical(rows, 1, seed=self.generator)
            best = ops.reshape(drawn, ops.shape(logs)[:-1])
        else:
            best = ops.argmax(soft, axis=-1)
        one = ops.one_hot(best, ops.shape(soft)[-1], dtype=soft.dtype) * some
        if self.choice == "gumbel":
            return (ops.stop_gradient(one - soft) + soft,)
        return (one, ops.sum(one * logs, axis=-1)) if self.choice == "hard" else (one,)

    def score(self, queries: Any, keys: Any) -> Any:
        """Return the chosen score for every pair."""
        if self.kind == "additive":
            return _additive(ops.matmul(queries, self.W), ops.matmul(keys, self.U), self.v)
        if self.kind == "concat":
            # [s; h] W is s times W's upper rows plus h times its lower rows.
            upper, lower = self.W[: queries.shape[-1]], self.W[queries.shape[-1] :]
            return _additive(ops.matmul(queries, upper), ops.matmul(keys, lower), self.v)
        if self.kind == "location":
            return ops.matmul(queries, self.W)[:, :, : ops.shape(keys)[1]]
        if self.kind == "general":
            queries = ops.matmul(queries, self.W)
        if self.kind == "cosine":
            queries, keys = self.strength * ops.normalize(queries), ops.normalize(keys)
        scores = ops.matmul(queries, ops.transpose(keys, (0, 2, 1)))
        if self.kind == "scaled":
            scores = scores / keys.shape[-1] ** 0.5
        return scores * 0 if self.kind == "uniform" else scores


def _sparsemax(scores: Any, allowed: Any) -> Any:
    """Sparsemax over keys, as in ``functional.kinds``; Keras 3.13's own gives other sums.

    See https://github.com/keras-team/keras/issues/23425.
    """
    if allowed is not None:
        scores = _forbidden_lowest(scores, allowed)
    scores = scores - ops.stop_gradient(ops.max(scores, axis=-1, keepdims=True))
    falling = -ops.sort(-scores, axis=-1)
    sums = ops.cumsum(falling, axis=-1)
    rank = ops.cast(ops.arange(1, scores.shape[-1] + 1), scores.dtype)
    sharing = 1 + rank * falling > sums
    count = ops.sum(ops.cast(sharing, scores.dtype), axis=-1, keepdims=True)
    # Not a product: what a mask forbids may be -inf by now, in half precision.
    shared = ops.where(sharing, falling, ops.zeros_like(falling))
    threshold = (ops.sum(shared, axis=-1, keepdims=True) - 1) / count
    weights = ops.maximum(scores - threshold, 0)
    return weights if allowed is None else weights * ops.cast(allowed, weights.dtype)


def _monotonic(scores: Any, allowed: Any) -> Any:
    """Expected weights of moving forward, as in ``functional.kinds``.

    The chance to get from key k to key j without stopping is the product of (1 - p) between them:
    a difference of sums of log(1 - p) = -softplus(score), so no product has to be divided out.
    """
    stay = ops.sigmoid(scores)
    passing = -ops.softplus(scores)
    if allowed is not None:
        allowed = ops.cast(allowed, scores.dtype)
        stay, passing = stay * allowed, passing * allowed
    before = ops.cumsum(passing, axis=-1) - passing
    steps = scores.shape[-1]
    ahead = ops.expand_dims(before, -2) - ops.expand_dims(before, -1)  # (batch, T_q, from, to)
    forward = ops.cast(np.triu(np.ones((steps, steps))), scores.dtype)
    reach = ops.exp(ops.minimum(ahead, 0)) * forward

    def step(carry: Any, of_query: tuple[Any, Any]) -> tuple[Any, Any]:
        stops, reaches = of_query
        weights = stops * ops.squeeze(ops.matmul(ops.expand_dims(carry, 1), reaches), 1)
        return weights, weights

    first = ops.zeros_like(scores[:, 0]) + ops.cast(np.eye(1, steps)[0], scores.dtype)
    by_query = (ops.swapaxes(stay, 0, 1), ops.swapaxes(reach, 0, 1))
    return ops.swapaxes(ops.scan(step, first, by_query)[1], 0, 1)
