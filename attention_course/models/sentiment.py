"""Models that judge film reviews.

All take int32 word numbers ``(batch, length)`` and return the probability of a positive review
``(batch, 1)``. Number 0 is padding and is masked in every one of them.
"""

from functools import partial
from typing import Any

import keras
from keras import layers

from attention_course.layers import AdditiveSelfAttention


def simple_rnn(num_words: int, length: int) -> keras.Model:
    """Elman network: only the last of the recurrent states reaches the classifier."""
    tokens, embedded = embed(num_words, length, width=100)
    last = layers.SimpleRNN(256, name="rnn")(embedded)
    return classifier("simple_rnn", tokens, last)


def rnn_attention(num_words: int, length: int) -> keras.Model:
    """The same network, all states kept; each attends to all, and the results are summed."""
    tokens, embedded = embed(num_words, length, width=100)
    states = layers.SimpleRNN(256, return_sequences=True, name="rnn")(embedded)
    attended = layers.Attention(name="attention")([states, states])
    # Keras' Attention returns zeros for masked queries: padding adds nothing to this sum.
    return classifier("rnn_attention", tokens, keras.ops.sum(attended, axis=1))


def self_attention(num_words: int, length: int) -> keras.Model:
    """No recurrence at all: words attend to words, the results are averaged."""
    tokens, words = embed(num_words, length, width=32, dropout=0.5)
    attended = layers.Attention(name="attention")([words, words])
    mean = layers.GlobalAveragePooling1D(name="mean")(attended)
    return classifier("self_attention", tokens, layers.Dropout(0.5, name="dropout")(mean))


def word_average(num_words: int, length: int) -> keras.Model:
    """The control for ``self_attention``: the same model without its attention layer."""
    tokens, words = embed(num_words, length, width=32, dropout=0.5)
    mean = layers.GlobalAveragePooling1D(name="mean")(words)
    return classifier("word_average", tokens, layers.Dropout(0.5, name="dropout")(mean))


def lstm(num_words: int, length: int) -> keras.Model:
    """The recurrent counterpart: the last state of an LSTM, then a dense layer."""
    tokens, words = embed(num_words, length, width=32, dropout=0.5)
    last = layers.LSTM(100, name="lstm")(words)
    hidden = layers.Dense(350, activation="relu", name="hidden")(last)
    return classifier("lstm", tokens, layers.Dropout(0.5, name="dropout")(hidden))


def lstm_attention(num_words: int, length: int) -> keras.Model:
    """All states of an LSTM, each attending to all, averaged."""
    tokens, words = embed(num_words, length, width=32, dropout=0.5)
    states = layers.LSTM(100, return_sequences=True, name="lstm")(words)
    attended = layers.Attention(name="attention")([states, states])
    mean = layers.GlobalAveragePooling1D(name="mean")(attended)
    return classifier("lstm_attention", tokens, layers.Dropout(0.5, name="dropout")(mean))


def bilstm_attention(num_words: int, length: int) -> keras.Model:
    """A small bidirectional LSTM, additive self-attention, and one weight per step and feature."""
    tokens, embedded = embed(num_words, length, width=100)
    states = layers.Bidirectional(
        layers.LSTM(16, return_sequences=True, dropout=0.5, recurrent_dropout=0.7), name="bilstm"
    )(embedded)
    attended = AdditiveSelfAttention(8, activation="sigmoid", name="attention")(states)
    return classifier("bilstm_attention", tokens, layers.Flatten(name="flatten")(attended))


def embed(num_words: int, length: int, width: int, dropout: float = 0.0) -> tuple[Any, Any]:
    """Return the input ``(batch, length)`` and its words as vectors ``(batch, length, width)``."""
    tokens = layers.Input((length,), dtype="int32", name="tokens")
    words = layers.Embedding(num_words, width, mask_zero=True, name="embedding")(tokens)
    return tokens, layers.Dropout(dropout, name="dropout_words")(words) if dropout else words


def classifier(name: str, tokens: Any, features: Any) -> keras.Model:
    """Return the compiled model that tells from ``features`` how likely a review is positive."""
    probability = layers.Dense(1, activation="sigmoid", name="probability")(features)
    model = keras.Model(tokens, probability, name=name)
    model.compile("adam", loss="binary_crossentropy", metrics=["accuracy"])
    return model


BRIEF = {"num_words": 10_000, "length": 200}
LONG = {"num_words": 5_000, "length": 400}
BUILDERS: dict[str, partial[keras.Model]] = {
    build.__name__: partial(build, **reads)
    for build, reads in (
        (simple_rnn, BRIEF),
        (rnn_attention, BRIEF),
        (self_attention, LONG),
        (word_average, LONG),
        (lstm, LONG),
        (lstm_attention, LONG),
        (bilstm_attention, BRIEF),
    )
}
"""Name -> builder, with how many words its model knows, and how many of a review it reads."""
