"""Recipes of the recall models, and how their accuracy falls as the lag grows.

Data, number of steps and optimiser are equal. The learning rate is each network's own, the best
on validation sequences at its lag (:mod:`attention_course.experiments.recall_search`).
"""

import json
from collections.abc import Callable, Sequence
from typing import Any

import keras
import numpy as np

from attention_course import assets
from attention_course.datasets.recall import CHANCE, CUES, SYMBOLS, one_hot, recall
from attention_course.models.recall import BUILDERS, HIGH_FORGET_BIAS, RATES, UNITS
from attention_course.statistics import accuracy_report, mean_interval
from attention_course.training.recipe import Recipe, Splits

BATCH_SIZE = 32
EPOCHS = 20
SIZES = {"train": 12_800, "validation": 1_000, "test": 1_000}
SEEDS = (0, 1, 2, 3, 4)
LAGS = (5, 10, 20, 40, 80)
LONG_LAGS = (20, 40, 80)
MODEL_LAG = 40
"""The stored model files were trained at this lag."""
SEARCH_FILE = "data/recall_search.json"
"""Other lags, other rates and more networks."""


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


def tables(name: str, runs: Sequence[dict[str, Any]], epochs: int = EPOCHS) -> dict[str, Any]:
    """Return what the card of ``name`` holds of other lags, from what was recorded of them.

    A row holds ``lag``, ``scores`` (test accuracy, one per seed), their ``mean`` and its 95 %
    ``interval`` over seeds (Student's t; its ends may leave [0, 1]), and the learning ``rate``.

    Args:
        name: a key of ``RECIPES``.
        runs: the card's runs at ``MODEL_LAG``, which give the row of that lag.
        epochs: of the training; the record's own budget does not depend on it.
    """
    network = name.removeprefix("recall_")
    scores = [run["test"]["score"] for run in runs]
    own = {"lag": MODEL_LAG, "scores": scores, **mean_interval(scores), "rate": RATES[name]}
    others = recorded(network, [lag for lag in LAGS if lag != MODEL_LAG])
    found = {"by_lag": sorted([own, *others], key=lambda row: row["lag"])}
    if name == "recall_lstm":
        found["by_lag_high_forget_bias"] = recorded(f"{network}_high_forget_bias", LONG_LAGS)
    return found


def recorded(network: str, lags: Sequence[int]) -> list[dict[str, Any]]:
    """Return the rows of ``data/recall_search.json`` of one network, for a card."""
    rows = json.loads(assets.fetch(SEARCH_FILE).read_text(encoding="utf-8"))["rows"]
    return [
        {key: row[key] for key in ("lag", "scores", "mean", "interval", "rate")}
        for row in rows
        if row["network"] == network and row["lag"] in lags
    ]


def _recipe(build: Callable[[], keras.Model], title: str) -> Recipe:
    return Recipe(
        name=build.__name__,
        title=title,
        build=build,
        load_data=load_splits,
        evaluate=evaluate,
        epochs=EPOCHS,
        batch_size=BATCH_SIZE,
        seeds=SEEDS,
        settings={"units": UNITS, "lag": MODEL_LAG, "high_forget_bias": HIGH_FORGET_BIAS},
        further=tables,
    )


RECIPES: dict[str, Recipe] = {
    recipe.name: recipe
    for recipe in (
        _recipe(BUILDERS["recall_simple_rnn"], "SimpleRNN, last state"),
        _recipe(BUILDERS["recall_lstm"], "LSTM, last state"),
        _recipe(BUILDERS["recall_rnn_attention"], "SimpleRNN + attention"),
    )
}
