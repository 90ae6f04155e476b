"""Small recurrent models for the recall task, and how accuracy falls as the lag grows.

All take indicator vectors ``(batch, lag + 1, SYMBOLS)`` (any lag) and return the probability of
each cue ``(batch, CUES)``. They differ only in how the cue can travel to the answer:

* ``recall_simple_rnn``: in the state of an Elman network, step by step;
* ``recall_lstm``: in the gated memory of an LSTM, step by step;
* ``recall_rnn_attention``: as the first, and by a look back at all states (Luong's "general"
  score: the last state, times a matrix, against every state; Luong et al. 2015, section 3.1).

Everything about training is equal: data, number of steps, optimiser, learning rate.
"""

from collections.abc import Callable, Sequence
from functools import partial
from typing import Any

import keras
import numpy as np
from keras import layers

from attention_course.datasets.recall import CHANCE, CUES, SYMBOLS, one_hot, recall
from attention_course.statistics import accuracy_report, mean_interval
from attention_course.training.recipe import Recipe, Splits
from attention_course.training.runs import fit

UNITS = 16
LEARNING_RATE = 0.005
BATCH_SIZE = 32
EPOCHS = 5
SIZES = {"train": 3_200, "validation": 400, "test": 1_000}
SEEDS = (0, 1, 2, 3, 4)
LAGS = (5, 10, 20, 40, 80)
LONG_LAGS = (20, 40, 80)
MODEL_LAG = 40
"""The stored model files were trained at this lag."""
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


def _symbols() -> Any:
    return layers.Input((None, SYMBOLS), name="symbols")


def _answer(name: str, symbols: Any, features: Any) -> keras.Model:
    cue = layers.Dense(CUES, activation="softmax", name="cue")(features)
    model = keras.Model(symbols, cue, name=name)
    model.compile(
        keras.optimizers.Adam(LEARNING_RATE),
        loss="sparse_categorical_crossentropy",
        metrics=["accuracy"],
        steps_per_execution=50,
    )
    return model


def load_splits(lag: int = MODEL_LAG) -> Splits:
    """Return the recall task at one lag; training, validation and test have their own seeds."""
    parts = {
        part: recall(size, lag, seed) for seed, (part, size) in enumerate(SIZES.items(), start=1)
    }
    return Splits(
        x_train=one_hot(parts["train"][0]),
        y_train=parts["train"][1],
        x_val=one_hot(parts["validation"][0]),
        y_val=parts["validation"][1],
        x_test=one_hot(parts["test"][0]),
        y_test=parts["test"][1],
        provenance={
            "name": "recall task (attention_course.datasets.recall)",
            "lag": lag,
            "cues": CUES,
            "symbols": SYMBOLS,
            "data_seeds": {part: seed for seed, part in enumerate(SIZES, start=1)},
            **SIZES,
        },
    )


def evaluate(model: keras.Model, splits: Splits) -> dict[str, Any]:
    """Return the share of test sequences whose cue is named, with its 95 % interval."""
    probability = model.predict(splits.x_test, batch_size=250, verbose=0)
    right = probability.argmax(axis=1) == splits.y_test
    return {**accuracy_report(right, np.ones_like(right)), "chance": CHANCE}


def by_lag(
    build: Callable[[], keras.Model],
    lags: Sequence[int] = LAGS,
    seeds: Sequence[int] = SEEDS,
    epochs: int = EPOCHS,
) -> list[dict[str, Any]]:
    """Train ``build()`` anew for every lag and seed; one row per lag, for the card.

    A row holds ``lag``, ``scores`` (test accuracy, one per seed), their ``mean`` and its 95 %
    ``interval`` over seeds (Student's t; its ends may leave [0, 1]).
    """
    rows = []
    for lag in lags:
        recipe = _recipe(build, "", lag)
        splits = recipe.load_data()
        scores = []
        for seed in seeds:
            keras.backend.clear_session()
            _, run = fit(recipe, splits, seed, epochs)
            scores.append(run["test"]["score"])
        rows.append(_row(lag, scores))
    return rows


def sweep(name: str, runs: Sequence[dict[str, Any]], epochs: int = EPOCHS) -> dict[str, Any]:
    """Return the tables that the card of ``name`` holds beside the stored model's own runs.

    Args:
        name: a key of ``RECIPES``.
        runs: the card's runs at ``MODEL_LAG``; they give one row and the seeds of the others.
        epochs: as in training.
    """
    seeds = [run["seed"] for run in runs]
    others = [lag for lag in LAGS if lag != MODEL_LAG]
    own = _row(MODEL_LAG, [run["test"]["score"] for run in runs])
    rows = [own, *by_lag(RECIPES[name].build, others, seeds, epochs)]
    tables = {"by_lag": sorted(rows, key=lambda row: row["lag"])}
    if name == "recall_lstm":
        open_gates = partial(recall_lstm, forget_bias=HIGH_FORGET_BIAS)
        tables["by_lag_high_forget_bias"] = by_lag(open_gates, LONG_LAGS, seeds, epochs)
    return tables


def _row(lag: int, scores: list[float]) -> dict[str, Any]:
    summary = mean_interval(scores)
    interval = summary["interval"]
    return {
        "lag": lag,
        "scores": scores,
        "mean": round(summary["mean"], 5),
        "interval": interval and [round(end, 5) for end in interval],
    }


def _recipe(build: Callable[[], keras.Model], title: str, lag: int = MODEL_LAG) -> Recipe:
    return Recipe(
        name=getattr(build, "__name__", "recall_lstm"),
        title=title,
        build=build,
        load_data=partial(load_splits, lag),
        evaluate=evaluate,
        epochs=EPOCHS,
        batch_size=BATCH_SIZE,
        seeds=SEEDS,
        settings={
            "units": UNITS,
            "lag": lag,
            "high_forget_bias": HIGH_FORGET_BIAS,
        },
        further=sweep,
    )


RECIPES: dict[str, Recipe] = {
    recipe.name: recipe
    for recipe in (
        _recipe(recall_simple_rnn, "SimpleRNN, last state"),
        _recipe(recall_lstm, "LSTM, last state"),
        _recipe(recall_rnn_attention, "SimpleRNN + attention"),
    )
}
