"""Attention over the n-grams of a review, as Keras layers.

:class:`NGrams` finds which words, pairs and triples of a table occur in a text.
:class:`NGramAttention` weighs them: each has a learned score and a value that starts at its
naive-Bayes log-count ratio. With uniform weights, this is the logistic regression of Wang &
Manning (2012, "Baselines and bigrams", section 2.3).

Both are registered for serialization like those of :mod:`attention_course.layers`. Their large
arrays are stored compactly: the sorted table as differences, learned numbers in half precision.
Settings that make no sense raise ``LayerError``, and so does Keras on JAX.
"""

from __future__ import annotations

import zlib
from collections.abc import Sequence
from functools import partial
from typing import Any

import keras
import numpy as np
from keras import ops

from attention_course.layers.attention import LayerError, _masked_softmax, _positive

WORD_BITS = 20
"""Bits per word in the key of an n-gram; three of them fit into an int64."""
UNUSED = 1 << (3 * WORD_BITS)
"""Keys from here on belong to no n-gram: they fill the end of a table that is too large."""
SCORED_BY = ("ngram", "place")


@keras.saving.register_keras_serializable(package="attention_course")
class NGrams(keras.layers.Layer):
    """Find the distinct known n-grams of a text: words, pairs and triples.

    The n-gram ``a b c`` has the key ``(a * 2^20 + b) * 2^20 + c``; a pair has ``a = 0``, a word
    also ``b = 0``. A binary search in the sorted table gives the n-gram's number, from 1 on. One
    that occurs several times is found once, at its last place.

    Args:
        size: number of n-grams in the table.
        orders: length of the longest n-gram, 1 to 3.

    Call arguments: ``tokens`` int32 (batch, length), 0 is padding before the text. Returns int32
    (batch, 2, orders * length): the n-grams' numbers, rising, with zeros where there is none; and
    how many words follow the n-gram in the text.
    """

    def __init__(self, size: int, orders: int = 3, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        if keras.config.backend() == "jax":
            # It has whole numbers of 32 bits, and arrays whose size is known beforehand.
            raise LayerError(
                "The n-gram models do not run on JAX: set KERAS_BACKEND=tensorflow and start "
                "Python again."
            )
        self.size = _positive(size, "size")
        self.orders = _positive(orders, "orders")
        self.supports_jit = False  # XLA's sort is slow on a processor

    def build(self, tokens_shape: Any) -> None:
        """Create the table of sorted keys (size,), not trainable, with no n-gram in it yet."""
        self.keys = self.add_weight(
            name="keys",
            shape=(self.size,),
            dtype="int64",
            trainable=False,
            initializer=lambda shape, dtype: UNUSED + ops.arange(shape[0], dtype="int64"),
        )

    def call(self, tokens: Any) -> Any:
        """Return numbers and places of the n-grams."""
        length = tokens.shape[1]
        tokens = ops.cast(tokens, "int64")
        keys = ops.concatenate(all_keys(tokens, self.orders), axis=1)
        flat = ops.reshape(keys, (-1,))
        # Most of the input is padding: only what is not is looked up.
        words = ops.nonzero(flat)[0]
        wanted = ops.take(flat, words)
        index = ops.minimum(ops.searchsorted(self.keys, wanted), self.size - 1)
        hit = ops.equal(ops.take(self.keys, index), wanted)
        found = ops.where(hit, index + 1, 0)
        numbers = ops.scatter(ops.expand_dims(words, -1), found, ops.shape(flat))
        numbers = ops.reshape(numbers, ops.shape(keys))
        # Sorted by number and then by place, the last of equal numbers is the last occurrence.
        places = ops.tile(ops.arange(length, dtype="int64"), (self.orders,))
        ordered = ops.sort(ops.cast(numbers, "int64") * length + places, axis=1)
        numbers, places = ordered // length, ordered % length
        following = ops.pad(numbers[:, 1:], ((0, 0), (0, 1)), constant_values=0)
        numbers = ops.where(ops.equal(numbers, following), 0, numbers)
        return ops.cast(ops.stack([numbers, length - 1 - places], axis=1), "int32")

    def save_own_variables(self, store: Any) -> None:
        """Store the differences between neighbouring keys, compressed."""
        store["keys"] = _pack(np.diff(ops.convert_to_numpy(self.keys), prepend=0))

    def load_own_variables(self, store: Any) -> None:
        """Restore the keys from their differences."""
        self.keys.assign(np.cumsum(_unpack(store["keys"], "<i8", self.size)))


@keras.saving.register_keras_serializable(package="attention_course")
class NGramAttention(keras.layers.Layer):
    """Weigh the n-grams of a text and sum up what they say.

    The n-gram ``g`` has a score ``a_g + p_d``: a learned number of its own, and one for its place
    in the text, where ``d`` grows with the logarithm of the distance from the end. A softmax over
    the text's n-grams makes them weights. Its value is ``(prior + w_g) r_g``: the log-count ratio
    ``r_g``, which is counted and not learned, times a learned factor. The logit is ``b`` plus
    ``n`` times the weighted mean of the values, where ``n`` is the number of n-grams: a mean alone
    would forget how much was said. With uniform weights it is the sum of the values.

    Args:
        size: number of n-grams in the table.
        places: number of learned numbers for the place; the first is for the last word.
        prior: the factor before anything is learned.
        scored_by: what the score is made of: "ngram" (a_g), "place" (p_d), both, or nothing. With
            nothing, every n-gram weighs the same: this takes the attention away.

    Call arguments: ``found`` (batch, 2, n), numbers and distances as :class:`NGrams` returns them.
    Returns the logit (batch, 1). A text without a known n-gram has zero weights and the logit b.
    """

    def __init__(
        self,
        size: int,
        places: int = 10,
        prior: float = 0.04,
        scored_by: Sequence[str] = SCORED_BY,
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        self.size = _positive(size, "size")
        self.places = _positive(places, "places")
        self.prior = float(prior)
        if unknown := set(scored_by) - set(SCORED_BY):
            raise LayerError(
                "scored_by may name {known}, not {unknown}.",
                known=" and ".join(SCORED_BY),
                unknown=unknown.pop(),
            )
        self.scored_by = tuple(scored_by)

    def build(self, found_shape: Any) -> None:
        """Create ratio r, factor w and score a (size + 1,), place p (places,) and bias b (1,).

        Their row 0 stands for "no n-gram" and stays zero.
        """
        zeros, rows = partial(self.add_weight, initializer="zeros"), (self.size + 1,)
        self.ratio = zeros(rows, name="ratio", trainable=False)
        self.factor = zeros(rows, name="factor")
        if "ngram" in self.scored_by:
            self.score = zeros(rows, name="score")
        if "place" in self.scored_by:
            self.place = zeros((self.places,), name="place")
        self.bias = zeros((1,), name="bias")

    def call(self, found: Any) -> Any:
        """Return the logit of a positive text."""
        weights, values = self.weights_and_values(found)
        count = ops.sum(ops.cast(ops.not_equal(found[:, 0], 0), values.dtype), axis=1)
        return ops.expand_dims(count * ops.sum(weights * values, axis=1), -1) + self.bias

    def weights_and_values(self, found: Any) -> tuple[Any, Any]:
        """Return the attention weights and the values, each (batch, n).

        The weights of a text sum to one. Both are zero where there is no n-gram.
        """
        numbers, distances = found[:, 0], found[:, 1]
        known = ops.not_equal(numbers, 0)
        values = (self.prior + ops.take(self.factor, numbers)) * ops.take(self.ratio, numbers)
        scores = ops.zeros_like(values)
        if "ngram" in self.scored_by:
            scores += ops.take(self.score, numbers)
        if "place" in self.scored_by:
            scores += ops.take(self.place, place_bins(distances, self.places))
        return _masked_softmax(scores, known), values

    def save_own_variables(self, store: Any) -> None:
        """Store all numbers in half precision, compressed."""
        for variable in self.weights:
            store[variable.name] = _pack(ops.convert_to_numpy(variable).astype("<f2"))

    def load_own_variables(self, store: Any) -> None:
        """Restore the numbers to single precision."""
        for variable in self.weights:
            variable.assign(_unpack(store[variable.name], "<f2", *variable.shape))


def all_keys(tokens: Any, orders: int) -> list[Any]:
    """Return the keys of the n-grams of 1 to ``orders`` words that end at each place, by order.

    ``tokens`` and each array of keys are int64 (batch, length), tokens below 2^20. Where an n-gram
    would begin before the text, in the padding, the key is that of the shorter n-gram at the same
    place: zeros in front do not change a number.
    """
    keys, shifted = [tokens], tokens
    for order in range(1, orders):
        shifted = ops.pad(shifted[:, :-1], ((0, 0), (1, 0)))
        keys.append(shifted * (1 << (order * WORD_BITS)) + keys[-1])
    return keys


def words_of(key: int) -> tuple[int, ...]:
    """Return the word numbers behind a key."""
    parts = [key >> (order * WORD_BITS) & ((1 << WORD_BITS) - 1) for order in (2, 1, 0)]
    return tuple(part for part in parts if part)


def place_bins(distances: Any, places: int) -> Any:
    """Return floor(log2(distance + 1)), at most places - 1: 0, 1-2, 3-6, 7-14, ... words."""
    bounds = [(1 << place) - 1 for place in range(1, places)]
    return sum(ops.cast(distances >= bound, "int32") for bound in bounds)


def _pack(array: np.ndarray) -> np.ndarray:
    return np.frombuffer(zlib.compress(array.tobytes(), 9), dtype=np.uint8)


def _unpack(stored: Any, dtype: str, size: int) -> np.ndarray:
    return np.frombuffer(zlib.decompress(np.asarray(stored).tobytes()), dtype=dtype, count=size)
