"""Recipes that trained the models of film reviews on IMDB."""

from functools import partial
from typing import Any

import keras
import numpy as np

from attention_course.datasets import imdb
from attention_course.models import sentiment
from attention_course.statistics import accuracy_report
from attention_course.training.recipe import Recipe, Splits

VALIDATION = 5_000
"""The last so many of the 25,000 training reviews choose the epoch to keep."""
SEEDS = (0, 1, 2)


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


def evaluate(model: keras.Model, splits: Splits, batch_size: int = 250) -> dict[str, Any]:
    """Return accuracy on the test reviews, with intervals and by review length."""
    probability = model.predict(splits.x_test, batch_size=batch_size, verbose=0)
    return accuracy_report(probability, splits.y_test, splits.test_lengths)


def _recipe(
    name: str,
    title: str,
    epochs: int,
    *,
    keep: str = "last",
    batch_size: int = 128,
    patience: int | None = None,
) -> Recipe:
    build = sentiment.BUILDERS[name]
    settings = {**build.keywords, "keep": keep}
    return Recipe(
        name=name,
        title=title,
        build=build,
        load_data=partial(load_splits, **settings),
        evaluate=evaluate,
        epochs=epochs,
        batch_size=batch_size,
        patience=patience,
        seeds=SEEDS,
        settings=settings,
    )


# The published settings keep the beginning of a review for the two SimpleRNN models; the others
# keep the end, as Keras' pad_sequences does by default.
RECIPES: dict[str, Recipe] = {
    recipe.name: recipe
    for recipe in (
        _recipe("simple_rnn", "SimpleRNN, last state", 50, keep="first", patience=10),
        _recipe("rnn_attention", "SimpleRNN + attention", 5, keep="first", patience=2),
        _recipe("self_attention", "Self-attention", 10, batch_size=64),
        _recipe("word_average", "Average of words", 30, batch_size=64),
        _recipe("lstm", "LSTM, last state", 5),
        _recipe("lstm_attention", "LSTM + attention", 5),
        _recipe("bilstm_attention", "Bidirectional LSTM + attention", 4),
    )
}
