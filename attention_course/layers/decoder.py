"""A decoder with attention as a Keras layer, after Luong, Pham and Manning (2015).

Keras 3's ``RNN`` passes nothing but the input and the state to its cell, so a decoder that feeds
its last finding back has a loop of its own.
"""

from __future__ import annotations

from typing import Any

import keras
from keras import ops

from attention_course.layers.kinds import KindOfAttention


@keras.saving.register_keras_serializable(package="attention_course")
class AttentionDecoder(keras.layers.Layer):
    """A GRU that looks back at the encoder after every word (Luong et al. 2015, section 3).

    With s the state, c the context that attention finds with s as the query, the result of a step
    is tanh(W [c; s]). Without attention it is tanh(W s).

    Args:
        units: width of the state and of the result.
        score: one of :data:`attention_course.layers.kinds.SCORES`; None is no attention.
        score_units, places: as ``units`` and ``places`` of :class:`KindOfAttention`.
        feeding: give each step the result of the last one beside its word (section 3.3, "input
            feeding"), so that the decoder knows where it has looked.
    """

    def __init__(
        self,
        units: int,
        score: str | None = None,
        score_units: int | None = None,
        places: int | None = None,
        feeding: bool = False,
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        self.units, self.score, self.feeding = units, score, feeding
        self.score_units, self.places = score_units, places
        same_type = {"dtype": self.dtype_policy}
        self.gru = keras.layers.GRU(units, return_sequences=True, name="gru", **same_type)
        self.attention = KindOfAttention(score, score_units, places, **same_type) if score else None
        self.combine = keras.layers.Dense(units, "tanh", use_bias=False, **same_type)

    def build(self, words_shape: Any, state_shape: Any, values_shape: Any) -> None:
        """Build the parts for words (batch, T, e) and values (batch, S, d)."""
        fed = self.units if self.feeding else 0
        self.gru.build((*words_shape[:-1], words_shape[-1] + fed))
        if self.attention:
            self.attention.build((*words_shape[:-1], self.units), values_shape)
        found = values_shape[-1] if self.attention else 0
        self.combine.build((*words_shape[:-1], self.units + found))

    def call(self, words: Any, state: Any, values: Any, values_mask: Any = None) -> tuple[Any, Any]:
        """Read all words of the sentence that is to be written, each the one before its result.

        Args:
            words: vectors of the words, (batch, T, e), the first one that of the start.
            state: the first state, (batch, units).
            values: what the encoder made of the source, (batch, S, d).
            values_mask: True where the source has a word, (batch, S).

        Returns:
            Results (batch, T, units) and weights (batch, T, S); without attention these are zero.
        """
        if not self.feeding:
            states = self.gru(words, initial_state=state)
            return self._look(states, values, values_mask)

        def step(carry: tuple[Any, ...], word: Any) -> tuple[Any, Any]:
            result, weights, state = self.step(word, *carry[:2], values, values_mask)
            after = (state, result, weights)
            return after, after  # under TensorFlow what a scan returns has the form of its carry

        before = (state, ops.zeros_like(state), ops.zeros_like(values[..., 0]))
        _, (_, results, weights) = ops.scan(step, before, ops.swapaxes(words, 0, 1))
        return ops.swapaxes(results, 0, 1), ops.swapaxes(weights, 0, 1)

    def step(
        self, word: Any, state: Any, fed: Any, values: Any, values_mask: Any = None
    ) -> tuple[Any, Any, Any]:
        """Read one word (batch, e); return result, weights (batch, S) and state (batch, units).

        ``fed`` is the last result, (batch, units), zero at first; only ``feeding`` looks at it.
        """
        if self.feeding:
            word = ops.concatenate([word, fed], axis=-1)
        state, _ = self.gru.cell(word, [state])
        results, weights = self._look(ops.expand_dims(state, 1), values, values_mask)
        return ops.squeeze(results, 1), ops.squeeze(weights, 1), state

    def _look(self, states: Any, values: Any, mask: Any) -> tuple[Any, Any]:
        if self.attention is None:
            weights = ops.zeros((*ops.shape(states)[:2], ops.shape(values)[1]), states.dtype)
            return self.combine(states), weights
        context, weights = self.attention(states, values, mask=mask)
        return self.combine(ops.concatenate([context, states], axis=-1)), weights

    def compute_mask(self, *inputs: Any, **masks: Any) -> None:
        """Return no mask: what comes after the end of a sentence is left out of the loss."""
        return None
