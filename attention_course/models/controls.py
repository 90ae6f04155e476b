"""Models that tell what attention adds: each is another one with its weights made equal.

All read reviews as the models of ``sentiment`` do. ``multi_head`` and its counterparts read
200 words, because their training is dear at 400.
"""

from functools import partial
from typing import Any

import keras
from keras import layers

from attention_course.layers import LearnedPlaces
from attention_course.models.sentiment import BRIEF, LONG, classifier, embed

WIDTH = 32
HEADS = 2


def rnn_uniform(num_words: int, length: int) -> keras.Model:
    """``rnn_attention`` with equal weights: every query gets the mean, so their sum is the states'.

    The states before the first word are zeros and add nothing.
    """
    tokens, embedded = embed(num_words, length, width=100)
    states = layers.SimpleRNN(256, return_sequences=True, name="rnn")(embedded)
    return classifier("rnn_uniform", tokens, keras.ops.sum(states, axis=1))


def rnn_mean(num_words: int, length: int) -> keras.Model:
    """``simple_rnn`` with the mean of its states in place of the last one."""
    tokens, embedded = embed(num_words, length, width=100)
    states = layers.SimpleRNN(256, return_sequences=True, name="rnn")(embedded)
    return classifier("rnn_mean", tokens, layers.GlobalAveragePooling1D(name="mean")(states))


def lstm_mean(num_words: int, length: int) -> keras.Model:
    """``lstm_attention`` with equal weights: the mean of the states."""
    tokens, words = embed(num_words, length, width=WIDTH, dropout=0.5)
    states = layers.LSTM(100, return_sequences=True, name="lstm")(words)
    mean = layers.GlobalAveragePooling1D(name="mean")(states)
    return classifier("lstm_mean", tokens, layers.Dropout(0.5, name="dropout")(mean))


def multi_head(num_words: int, length: int) -> keras.Model:
    """Words with learned places, two heads of Keras' ``MultiHeadAttention``, a residual, a mean."""
    tokens, words = embed(num_words, length, width=WIDTH, dropout=0.5)
    words = LearnedPlaces(name="places")(words)
    return _heads("multi_head", tokens, words)


def multi_head_unordered(num_words: int, length: int) -> keras.Model:
    """The same without places: the order of the words cannot matter."""
    tokens, words = embed(num_words, length, width=WIDTH, dropout=0.5)
    return _heads("multi_head_unordered", tokens, words)


def multi_head_uniform(num_words: int, length: int) -> keras.Model:
    """The same with equal weights, so without places: every word gets the mean of all values."""
    tokens, words = embed(num_words, length, width=WIDTH, dropout=0.5)
    mean = layers.GlobalAveragePooling1D(name="mean")(words)
    values = layers.Dense(WIDTH, name="values")(mean)
    mixed = layers.Add(name="residual")([mean, layers.Dense(WIDTH, name="output")(values)])
    dropped = layers.Dropout(0.5, name="dropout")(mixed)
    return classifier("multi_head_uniform", tokens, dropped)


def _heads(name: str, tokens: Any, words: Any) -> keras.Model:
    attention = layers.MultiHeadAttention(HEADS, WIDTH // HEADS, name="attention")
    mixed = layers.Add(name="residual")([words, attention(words, words)])
    mean = layers.GlobalAveragePooling1D(name="mean")(mixed)
    return classifier(name, tokens, layers.Dropout(0.5, name="dropout")(mean))


_SHORT = {"num_words": LONG["num_words"], "length": BRIEF["length"]}
BUILDERS: dict[str, partial[keras.Model]] = {
    build.__name__: partial(build, **reads)
    for build, reads in (
        (rnn_uniform, BRIEF),
        (rnn_mean, BRIEF),
        (lstm_mean, LONG),
        (multi_head, _SHORT),
        (multi_head_unordered, _SHORT),
        (multi_head_uniform, _SHORT),
    )
}
"""Name -> builder, with how many words its model knows, and how many of a review it reads."""
