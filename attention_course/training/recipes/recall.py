"""Recipes of the recall models, and how their accuracy falls as the lag grows.

Everything about training is equal: data, number of steps, optimiser, learning rate.
"""

from collections.abc import Callable, Sequence
from functools import partial
from typing import Any

import keras
import numpy as np

from attention_course.datasets.recall import CHANCE, CUES, SYMBOLS, one_hot, recall
from attention_course.models.recall import BUILDERS, HIGH_FORGET_BIAS, UNITS, recall_lstm
from attention_course.statistics import accuracy_report, mean_interval
from attention_course.training.recipe import Recipe, Splits
from attention_course.training.runs import fit

BATCH_SIZE = 32
EPOCHS = 5
SIZES = {"train": 3_200, "validation": 400, "test": 1_000}
SEEDS = (0, 1, 2, 3, 4)
LAGS = (5, 10, 20, 40, 80)
LONG_LAGS = (20, 40, 80)
MODEL_LAG = 40
"""The stored model files were trained at this lag."""


def load_splits(lag: int = MODEL_LAG) -> Splits:
    """Return the recall task at one lag; training, validation and test have their own seeds."""
    seeds = {part: seed for seed, part in enumerate(SIZES, start=1)}
    arrays = []
    for part, size in SIZES.items():
        symbols, labels = recall(size, lag, seeds[part])
        arrays += [one_hot(symbols), labels]
    return Splits(
        *arrays,
        provenance={
            "name": "recall task (attention_course.datasets.recall)",
            "lag": lag,
            "cues": CUES,
            "symbols": SYMBOLS,
            "data_seeds": seeds,
            **SIZES,
        },
    )


def evaluate(model: keras.Model, splits: Splits) -> dict[str, Any]:
    """Return the share of test sequences whose cue is named, with its 95 % interval."""
    probability = model.predict(splits.x_test, batch_size=250, verbose=0)
    right = probability.argmax(axis=1) == splits.y_test
    return {**accuracy_report(right, np.ones_like(right)), "chance": CHANCE}


def by_lag(
    build: Callable[[], keras.Model], lags: Sequence[int], seeds: Sequence[int], epochs: int
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
    rows = [own, *by_lag(BUILDERS[name], others, seeds, epochs)]
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
        settings={"units": UNITS, "lag": lag, "high_forget_bias": HIGH_FORGET_BIAS},
        further=sweep,
    )


RECIPES: dict[str, Recipe] = {
    recipe.name: recipe
    for recipe in (
        _recipe(BUILDERS["recall_simple_rnn"], "SimpleRNN, last state"),
        _recipe(BUILDERS["recall_lstm"], "LSTM, last state"),
        _recipe(BUILDERS["recall_rnn_attention"], "SimpleRNN + attention"),
    )
}
