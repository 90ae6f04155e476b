"""Small recurrent models for the recall task.

All take indicator vectors ``(batch, lag + 1, SYMBOLS)`` (any lag) and return the probability of
each cue ``(batch, CUES)``. They differ only in how the cue can travel to the answer:

* ``recall_simple_rnn``: in the state of an Elman network, step by step;
* ``recall_lstm``: in the gated memory of an LSTM, step by step;
* ``recall_rnn_attention``: as the first, and by a look back at all states (Luong's "general"
  score: the last state, times a matrix, against every state; Luong et al. 2015, section 3.1).

:func:`recall_rnn_uniform` is a control that is measured and not stored: the last with equal
weights.
"""

from collections.abc import Callable
from typing import Any

import keras
from keras import layers

from attention_course.datasets.recall import CUES, SYMBOLS

UNITS = 16
RATES = {
    "recall_simple_rnn": 0.008,
    "recall_lstm": 0.001,
    "recall_rnn_attention": 0.001,
    "recall_rnn_uniform": 0.004,
}
"""The learning rates that were best at a lag of 40 (``data/recall_search.json``)."""
HIGH_FORGET_BIAS = 4.0


def recall_simple_rnn() -> keras.Model:
    """Elman network whose last state answers."""
    symbols = _symbols()
    return _answer("recall_simple_rnn", symbols, layers.SimpleRNN(UNITS, name="rnn")(symbols))


def recall_lstm(forget_bias: float = 1.0) -> keras.Model:
    """LSTM whose last state answers; ``forget_bias`` sets how open the forget gates start."""
    symbols = _symbols()
    layer = layers.LSTM(UNITS, name="lstm")
    model = _answer("recall_lstm", symbols, layer(symbols))
    kernel, recurrent, bias = layer.get_weights()
    # Keras orders the gates input, forget, cell, output.
    bias[UNITS : 2 * UNITS] = forget_bias
    layer.set_weights([kernel, recurrent, bias])
    return model


def recall_rnn_attention() -> keras.Model:
    """Elman network whose last state looks back at all states; both answer together."""
    symbols = _symbols()
    states = layers.SimpleRNN(UNITS, return_sequences=True, name="rnn")(symbols)
    last = states[:, -1]
    query = layers.Dense(UNITS, use_bias=False, name="query")(last)
    query = layers.Reshape((1, UNITS), name="one_query")(query)
    context = layers.Attention(name="attention")([query, states])
    context = layers.Flatten(name="context")(context)
    both = layers.Concatenate(name="context_and_last")([context, last])
    return _answer("recall_rnn_attention", symbols, both)


def recall_rnn_uniform() -> keras.Model:
    """The same with equal weights, so that the context is the mean of the states."""
    symbols = _symbols()
    states = layers.SimpleRNN(UNITS, return_sequences=True, name="rnn")(symbols)
    context = layers.GlobalAveragePooling1D(name="context")(states)
    both = layers.Concatenate(name="context_and_last")([context, states[:, -1]])
    return _answer("recall_rnn_uniform", symbols, both)


def _symbols() -> Any:
    return layers.Input((None, SYMBOLS), name="symbols")


def _answer(name: str, symbols: Any, features: Any) -> keras.Model:
    cue = layers.Dense(CUES, activation="softmax", name="cue")(features)
    model = keras.Model(symbols, cue, name=name)
    # Compiled by XLA and several steps at a time: the same updates, several times as fast.
    model.compile(
        keras.optimizers.Adam(RATES[name]),
        loss="sparse_categorical_crossentropy",
        metrics=["accuracy"],
        jit_compile=True,
        steps_per_execution=50,
    )
    return model


BUILDERS: dict[str, Callable[[], keras.Model]] = {
    build.__name__: build for build in (recall_simple_rnn, recall_lstm, recall_rnn_attention)
}
