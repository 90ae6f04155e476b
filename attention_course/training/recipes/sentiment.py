"""Recipes that trained the models of film reviews on IMDB."""

from functools import partial
from typing import Any

import keras
import numpy as np

from attention_course.datasets import imdb
from attention_course.models.sentiment import BUILDERS
from attention_course.statistics import accuracy_report
from attention_course.training.recipe import Recipe, Splits

VALIDATION = 5_000
"""The last so many of the 25,000 training reviews choose the epoch to keep."""


def load_splits(num_words: int, length: int, keep: str) -> Splits:
    """Return IMDB encoded for a model: 20,000 / 5,000 / 25,000 reviews."""
    reviews = imdb.load()
    x_train = imdb.encode(reviews.x_train, num_words, length, keep)
    fitted = len(x_train) - VALIDATION
    return Splits(
        x_train=x_train[:fitted],
        y_train=reviews.y_train[:fitted],
        x_val=x_train[fitted:],
        y_val=reviews.y_train[fitted:],
        x_test=imdb.encode(reviews.x_test, num_words, length, keep),
        y_test=reviews.y_test,
        provenance={
            "name": "Large Movie Review Dataset (Maas et al. 2011), Keras' encoding",
            "content_sha256": reviews.sha256,
            "num_words": num_words,
            "length": length,
            "padding": "before the text",
            "keep": keep,
            "train": fitted,
            "validation": VALIDATION,
            "test": len(reviews.y_test),
        },
        test_lengths=np.array([len(review) for review in reviews.x_test]),
    )


def evaluate(model: keras.Model, splits: Splits) -> dict[str, Any]:
    """Return accuracy on the test reviews, with intervals and by review length."""
    probability = model.predict(splits.x_test, batch_size=250, verbose=0)
    return accuracy_report(probability, splits.y_test, splits.test_lengths)


def reviews_recipe(
    build: partial[keras.Model],
    title: str,
    epochs: int,
    keep: str,
    batch_size: int,
    patience: int | None,
) -> Recipe:
    """Return the recipe of a model whose builder says which words it knows and how many it reads.

    keep is the end of a long review that is read, "first" or "last".
    """
    return Recipe(
        name=build.func.__name__,
        title=title,
        build=build,
        load_data=partial(load_splits, **build.keywords, keep=keep),
        evaluate=evaluate,
        epochs=epochs,
        batch_size=batch_size,
        patience=patience,
        seeds=(0, 1, 2),
        settings={**build.keywords, "keep": keep},
    )


# The published settings keep the beginning of a review for the two SimpleRNN models; the others
# keep the end, as Keras' pad_sequences does by default.
RECIPES: dict[str, Recipe] = {
    name: reviews_recipe(BUILDERS[name], *how)
    for name, *how in (
        ("simple_rnn", "SimpleRNN, last state", 50, "first", 128, 10),
        ("rnn_attention", "SimpleRNN + attention", 5, "first", 128, 2),
        ("self_attention", "Self-attention", 20, "last", 64, 3),
        ("word_average", "Average of words", 20, "last", 64, 3),
        ("lstm", "LSTM, last state", 5, "last", 128, None),
        ("lstm_attention", "LSTM + attention", 5, "last", 128, None),
        ("bilstm_attention", "Bidirectional LSTM + attention", 4, "last", 128, None),
    )
}
