"""Recipes of the n-gram models: what their tables hold is counted on the training part."""

import json
from collections.abc import Callable
from functools import partial
from typing import Any

import keras
import numpy as np

from attention_course import assets
from attention_course.datasets import imdb
from attention_course.datasets.vocabulary import START, UNKNOWN
from attention_course.layers.ngram import SCORED_BY, UNUSED, WORD_BITS, all_keys
from attention_course.models.ngram import ngram_attention
from attention_course.training import baselines
from attention_course.training.recipe import Recipe, Splits
from attention_course.training.recipes.sentiment import evaluate, load_splits

SMOOTHING = 3.0
"""Added to every count before the logarithm: a rare n-gram proves little."""
MIN_COUNT = 2
"""Reviews an n-gram has to occur in, to be in the table."""
SETTINGS = {
    "num_words": 30_000,  # word numbers from here on are unknown words
    "length": 600,  # words read of a review
    "keep": "last",
    "size": 500_000,
    "orders": 3,
    "smoothing": SMOOTHING,
    "scored_by": list(SCORED_BY),
}
"""Of the champion. Those of its layers are explained in :mod:`attention_course.layers.ngram`."""
SEARCH_FILE = "data/ngram_search.json"
"""What was tried, written by :mod:`attention_course.experiments.ngram_search`."""
CHUNK = 1_000
"""Reviews whose n-grams are collected at a time."""


def prepare(model: keras.Model, splits: Splits, smoothing: float = SMOOTHING) -> None:
    """Fill table and log-count ratios from the training part of ``splits``."""
    ngrams, attention = model.get_layer("ngrams"), model.get_layer("attention")
    keys, positive, negative = count(splits.x_train, splits.y_train, ngrams.orders)
    chosen = most_frequent(keys, positive + negative, ngrams.size)
    filled = np.arange(UNUSED, UNUSED + ngrams.size)
    filled[: len(chosen)] = keys[chosen]
    ratio = np.zeros(ngrams.size + 1, dtype=np.float32)
    counts = positive[chosen], negative[chosen]
    ratio[1 : len(chosen) + 1] = baselines.log_count_ratio(*counts, smoothing)
    ngrams.keys.assign(filled)
    attention.ratio.assign(ratio)


def count(x: np.ndarray, y: np.ndarray, orders: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Count in how many reviews of either class each n-gram occurs.

    N-grams with an unknown word are left out, and so is the start mark alone.

    Args:
        x: int32 word numbers (reviews, length).
        y: 1 for a positive review, shape (reviews,).
        orders: length of the longest n-gram.

    Returns:
        Sorted keys, and for each the positive and the negative reviews it is in.
    """
    found, labels = [], []
    for start in range(0, len(x), CHUNK):
        rows = x[start : start + CHUNK].astype(np.int64)
        keys = np.concatenate([np.asarray(k) for k in all_keys(rows, orders)], axis=1)
        keys.sort(axis=1)
        new = keys > np.pad(keys[:, :-1], ((0, 0), (1, 0)))
        found.append(keys[new])
        labels.append(np.repeat(y[start : start + CHUNK], new.sum(axis=1)))
    keys, index = np.unique(np.concatenate(found), return_inverse=True)
    total = np.bincount(index)
    positive = np.bincount(index, weights=np.concatenate(labels)).astype(np.int64)
    last = (1 << WORD_BITS) - 1
    words = [keys >> (order * WORD_BITS) & last for order in range(orders)]
    meant = np.all([word != UNKNOWN for word in words], axis=0) & (keys != START)
    return keys[meant], positive[meant], (total - positive)[meant]


def most_frequent(keys: np.ndarray, counts: np.ndarray, size: int) -> np.ndarray:
    """Return the indices of at most ``size`` n-grams, in the order of their keys.

    Of equally frequent ones, the shorter n-gram and the more frequent words go first.
    """
    enough = np.flatnonzero(counts >= MIN_COUNT)
    order = np.lexsort((keys[enough], -counts[enough]))
    return np.sort(enough[order[:size]])


def settings_recipe(
    name: str, title: str, further: Callable[..., dict[str, Any]] | None = None, **changed: Any
) -> Recipe:
    """Return the recipe for an n-gram model with ``SETTINGS``, some of which are changed."""
    settings = SETTINGS | changed
    num_words, length, keep, size, orders, smoothing, scored_by = settings.values()
    return Recipe(
        name=name,
        title=title,
        build=partial(ngram_attention, length, size, orders, scored_by, name),
        load_data=partial(load_splits, num_words, length, keep),
        evaluate=evaluate,
        epochs=8,
        batch_size=128,
        prepare=partial(prepare, smoothing=smoothing),
        refit=True,
        patience=2,
        seeds=(0, 1, 2),
        settings={**settings, "min_count": MIN_COUNT},
        further=further,
    )


def search_and_baseline(name: str, runs: list[dict[str, Any]], epochs: int) -> dict[str, Any]:
    """Return what the champion's card holds besides its runs.

    That is the table of everything that was tried, on validation reviews, and the baseline it has
    to beat, which reads words, pairs and triples as well.
    """
    return {
        "search": json.loads(assets.fetch(SEARCH_FILE).read_text(encoding="utf-8")),
        "baseline": baselines.nb_logistic_regression(imdb.load(), orders=3),
    }


RECIPES: dict[str, Recipe] = {
    recipe.name: recipe
    for recipe in (
        settings_recipe("ngram_attention", "N-grams + attention", further=search_and_baseline),
        settings_recipe("ngram_average", "N-grams, uniform weights", scored_by=[]),
    )
}
