"""The small models of chapter 6: a recurrent network of two units, with and without attention.

``fibonacci_*`` are trained on the task as it is set. ``lagged_*`` have the same layers and learn
the lagged sum; ``lagged_attention_unbounded`` leaves out the tanh around the scores, and
``lagged_rnn_5`` and ``lagged_rnn_8`` are plain networks with more units, to tell the effect of
attention from that of size.

All take windows ``(batch, 20, 1)`` and return the predicted value ``(batch, 1)``.
"""

from collections.abc import Callable
from functools import partial
from typing import Any

import keras
import numpy as np
from keras import layers

from attention_course.functional import softmax
from attention_course.layers import TimeAttention

STEPS = 20


def build(
    name: str,
    attention: bool,
    units: int = 2,
    bounded: bool = True,
    learning_rate: float = 1e-3,
    rolled: bool = True,
    steps_per_execution: int = 25,
) -> keras.Model:
    """SimpleRNN(units, tanh), :class:`TimeAttention` if asked for, Dense(1, tanh), and Adam.

    Args:
        bounded: keep the tanh around the scores of attention.
        rolled: False writes the 20 steps out one after another. The numbers are the same; with
            batches of one window an epoch takes half the time.
        steps_per_execution: as in ``keras.Model.compile``; a divisor of the steps of an epoch
            keeps the progress bar right.

    Returns:
        A compiled model: with two units it has 11 parameters, or 33 with attention.
    """
    windows = layers.Input((STEPS, 1), name="windows")
    recurrent = layers.SimpleRNN(units, return_sequences=attention, unroll=not rolled, name="rnn")
    states = recurrent(windows)
    if attention:
        states = TimeAttention(bounded=bounded, name="attention")(states)
    prediction = layers.Dense(1, activation="tanh", name="prediction")(states)
    model = keras.Model(windows, prediction, name=name)
    # Compiled by XLA and several steps at a time: the same updates, eight times as fast.
    model.compile(
        keras.optimizers.Adam(learning_rate),
        loss="mse",
        jit_compile=True,
        steps_per_execution=steps_per_execution,
    )
    return model


def attention_weights(model: keras.Model, windows: np.ndarray) -> np.ndarray:
    """The weights a model with attention puts on the steps, shape ``(n, steps)``."""
    attention = model.get_layer("attention")
    states = keras.Model(model.input, model.get_layer("rnn").output)
    kernel, bias = attention.get_weights()
    scores = (np.asarray(states(windows)) @ kernel + bias)[..., 0]
    return softmax(np.tanh(scores) if attention.bounded else scores, axis=1)


OPTIONS: dict[str, dict[str, Any]] = {
    "fibonacci_rnn": {"attention": False},
    "fibonacci_attention": {"attention": True},
    "lagged_rnn": {"attention": False, "learning_rate": 0.01},
    "lagged_rnn_5": {"attention": False, "units": 5, "learning_rate": 0.01},
    "lagged_rnn_8": {"attention": False, "units": 8, "learning_rate": 0.01},
    "lagged_attention": {"attention": True, "learning_rate": 0.01},
    "lagged_attention_unbounded": {"attention": True, "bounded": False, "learning_rate": 0.01},
}
"""Model -> what :func:`build` is given for it."""


# An epoch has 826 steps in the first task, and 125 in the second.
_FIRST = {"rolled": False, "steps_per_execution": 118}
BUILDERS: dict[str, Callable[[], keras.Model]] = {
    name: partial(build, name, **options, **(_FIRST if name.startswith("fibonacci") else {}))
    for name, options in OPTIONS.items()
}
