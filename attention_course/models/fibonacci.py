"""The small models of chapter 6: a recurrent network of two units, with and without attention.

``fibonacci_*`` are trained on the task as it is set, with its settings (30 epochs, batch size 1,
Adam). ``lagged_*`` have the same layers and learn the lagged sum; ``lagged_attention_unbounded``
leaves out the tanh around the scores, and ``lagged_rnn_5`` and ``lagged_rnn_8`` are plain networks
with more units, to tell the effect of attention from that of size.

All take windows ``(batch, 20, 1)`` and return the predicted value ``(batch, 1)``. The score on a
card is the mean squared error on the test windows: lower is better.
"""

from functools import partial
from typing import Any

import keras
import numpy as np
from keras import layers

from attention_course.datasets.fibonacci import fibonacci_windows, lagged_sum
from attention_course.functional import softmax
from attention_course.layers import TimeAttention
from attention_course.training.recipe import Recipe, Splits

STEPS = 20
LAGS = (7, 17)
SEEDS = {"fibonacci": (0, 1, 2, 3, 4), "lagged": (0, 1, 2, 3, 4, 5, 6, 7)}
SHIFTED_FIRST = (1, 0, 2, 3, 4, 5, 6, 7)
"""The stored model is the first seed's. With seed 1 the largest weights lie at lags 6 and 16."""
SIZES = {"train": 4_000, "validation": 1_000, "test": 1_000}


def build(
    name: str,
    attention: bool,
    units: int = 2,
    bounded: bool = True,
    learning_rate: float = 1e-3,
    rolled: bool = True,
    steps_per_execution: int = 25,
) -> keras.Model:
    """SimpleRNN(units, tanh), attention over time if asked for, Dense(1, tanh).

    Args:
        name: of the model.
        attention: put :class:`TimeAttention` between the two layers.
        units: of the recurrent layer.
        bounded: keep the tanh around its scores.
        learning_rate: of Adam.
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


def load_fibonacci() -> Splits:
    """The task as it is set. It holds no windows back for validation."""
    data = fibonacci_windows()
    return Splits(
        x_train=data.x_train,
        y_train=data.y_train,
        x_val=data.x_train,
        y_val=data.y_train,
        x_test=data.x_test,
        y_test=data.y_test,
        provenance={
            "name": "1,200 Fibonacci numbers scaled to [0, 1], windows of 20",
            "train": len(data.x_train),
            "validation": "the training windows again, after each epoch; nothing is chosen by it",
            "test": len(data.x_test),
        },
    )


def load_lagged() -> Splits:
    """The lagged sum: three sets of windows drawn one after another with seeds of their own."""
    parts = {part: lagged_sum(size, STEPS, LAGS, seed) for seed, (part, size) in _numbered_sizes()}
    return Splits(
        *parts["train"],
        *parts["validation"],
        *parts["test"],
        provenance={
            "name": "lagged sum: the mean of two values of a window of 20, uniform in [-1, 1]",
            "lags": list(LAGS),
            "seeds": {part: seed for seed, (part, _) in _numbered_sizes()},
            **SIZES,
        },
    )


def _numbered_sizes() -> enumerate:
    return enumerate(SIZES.items(), start=1)


def evaluate(model: keras.Model, splits: Splits) -> dict[str, Any]:
    """Mean squared errors; with attention also the mean weight at each lag from 1 to 20."""
    result = {
        "score": _error(model, splits.x_test, splits.y_test),
        "metric": "mean squared error",
        "train_score": _error(model, splits.x_train, splits.y_train),
        "examples": len(splits.x_test),
    }
    if "attention" in {layer.name for layer in model.layers}:
        weights = attention_weights(model, splits.x_test)[:, ::-1]
        result["weight_by_lag"] = [round(float(weight), 4) for weight in weights.mean(axis=0)]
        result["largest_weight"] = round(float(weights.max()), 4)
    return result


def _error(model: keras.Model, windows: np.ndarray, targets: np.ndarray) -> float:
    prediction = model.predict(windows, batch_size=len(windows), verbose=0)
    return float(f"{np.mean((prediction - targets) ** 2):.5g}")


# 826 and 125 steps make an epoch.
_FAST: dict[str, dict[str, Any]] = {
    "fibonacci": {"rolled": False, "steps_per_execution": 118},
    "lagged": {"rolled": True, "steps_per_execution": 25},
}


def _recipe(
    name: str, title: str, task: str, seeds: tuple[int, ...] | None = None, **options: Any
) -> Recipe:
    original = task == "fibonacci"
    return Recipe(
        name=name,
        title=title,
        build=partial(build, name, **_FAST[task], **options),
        load_data=load_fibonacci if original else load_lagged,
        evaluate=evaluate,
        epochs=30,
        batch_size=1 if original else 32,
        restore_best=not original,
        seeds=seeds or SEEDS[task],
        settings={"activation": "tanh", **options},
    )


RECIPES: dict[str, Recipe] = {
    recipe.name: recipe
    for recipe in (
        _recipe("fibonacci_rnn", "SimpleRNN(2)", "fibonacci", attention=False),
        _recipe("fibonacci_attention", "SimpleRNN(2) + attention", "fibonacci", attention=True),
        _recipe("lagged_rnn", "SimpleRNN(2)", "lagged", attention=False, learning_rate=0.01),
        *(
            _recipe(
                f"lagged_rnn_{units}",
                f"SimpleRNN({units})",
                "lagged",
                attention=False,
                units=units,
                learning_rate=0.01,
            )
            for units in (5, 8)
        ),
        _recipe(
            "lagged_attention",
            "SimpleRNN(2) + attention",
            "lagged",
            attention=True,
            learning_rate=0.01,
        ),
        _recipe(
            "lagged_attention_unbounded",
            "SimpleRNN(2) + attention without tanh",
            "lagged",
            seeds=SHIFTED_FIRST,
            attention=True,
            bounded=False,
            learning_rate=0.01,
        ),
    )
}
