"""Models that judge film reviews, and the recipes that trained them on IMDB.

All take int32 word numbers ``(batch, length)`` and return the probability of a positive review
``(batch, 1)``. Number 0 is padding and is masked in every one of them.
"""

from collections.abc import Callable
from functools import partial
from typing import Any

import keras
import numpy as np
from keras import layers

from attention_course.datasets import imdb
from attention_course.layers import AdditiveSelfAttention
from attention_course.statistics import accuracy_report
from attention_course.training.recipe import Recipe, Splits

VALIDATION = 5_000
"""The last so many of the 25,000 training reviews choose the epoch to keep."""
SEEDS = (0, 1, 2)


def simple_rnn(num_words: int = 10_000, length: int = 200) -> keras.Model:
    """Elman network: only the last of the recurrent states reaches the classifier."""
    tokens, embedded = _embed(num_words, length, width=100)
    last = layers.SimpleRNN(256, name="rnn")(embedded)
    return _classifier("simple_rnn", tokens, last)


def rnn_attention(num_words: int = 10_000, length: int = 200) -> keras.Model:
    """The same network, all states kept; each attends to all, and the results are summed."""
    tokens, embedded = _embed(num_words, length, width=100)
    states = layers.SimpleRNN(256, return_sequences=True, name="rnn")(embedded)
    attended = layers.Attention(name="attention")([states, states])
    # Keras' Attention returns zeros for masked queries: padding adds nothing to this sum.
    return _classifier("rnn_attention", tokens, keras.ops.sum(attended, axis=1))


def self_attention(num_words: int = 5_000, length: int = 400) -> keras.Model:
    """No recurrence at all: words attend to words, the results are averaged."""
    tokens, embedded = _embed(num_words, length, width=32)
    words = layers.Dropout(0.5, name="dropout_words")(embedded)
    attended = layers.Attention(name="attention")([words, words])
    mean = layers.GlobalAveragePooling1D(name="mean")(attended)
    return _classifier("self_attention", tokens, layers.Dropout(0.5, name="dropout")(mean))


def word_average(num_words: int = 5_000, length: int = 400) -> keras.Model:
    """The control for ``self_attention``: the same model without its attention layer."""
    tokens, embedded = _embed(num_words, length, width=32)
    words = layers.Dropout(0.5, name="dropout_words")(embedded)
    mean = layers.GlobalAveragePooling1D(name="mean")(words)
    return _classifier("word_average", tokens, layers.Dropout(0.5, name="dropout")(mean))


def lstm(num_words: int = 5_000, length: int = 400) -> keras.Model:
    """The recurrent counterpart: the last state of an LSTM, then a dense layer."""
    tokens, embedded = _embed(num_words, length, width=32)
    words = layers.Dropout(0.5, name="dropout_words")(embedded)
    last = layers.LSTM(100, name="lstm")(words)
    hidden = layers.Dense(350, activation="relu", name="hidden")(last)
    return _classifier("lstm", tokens, layers.Dropout(0.5, name="dropout")(hidden))


def lstm_attention(num_words: int = 5_000, length: int = 400) -> keras.Model:
    """All states of an LSTM, each attending to all, averaged."""
    tokens, embedded = _embed(num_words, length, width=32)
    words = layers.Dropout(0.5, name="dropout_words")(embedded)
    states = layers.LSTM(100, return_sequences=True, name="lstm")(words)
    attended = layers.Attention(name="attention")([states, states])
    mean = layers.GlobalAveragePooling1D(name="mean")(attended)
    return _classifier("lstm_attention", tokens, layers.Dropout(0.5, name="dropout")(mean))


def bilstm_attention(num_words: int = 10_000, length: int = 200) -> keras.Model:
    """A small bidirectional LSTM, additive self-attention, and one weight per step and feature."""
    tokens, embedded = _embed(num_words, length, width=100)
    states = layers.Bidirectional(
        layers.LSTM(16, return_sequences=True, dropout=0.5, recurrent_dropout=0.7), name="bilstm"
    )(embedded)
    attended = AdditiveSelfAttention(8, activation="sigmoid", name="attention")(states)
    return _classifier("bilstm_attention", tokens, layers.Flatten(name="flatten")(attended))


def _embed(num_words: int, length: int, width: int) -> tuple[Any, Any]:
    tokens = layers.Input((length,), dtype="int32", name="tokens")
    return tokens, layers.Embedding(num_words, width, mask_zero=True, name="embedding")(tokens)


def _classifier(name: str, tokens: Any, features: Any) -> keras.Model:
    probability = layers.Dense(1, activation="sigmoid", name="probability")(features)
    model = keras.Model(tokens, probability, name=name)
    model.compile("adam", loss="binary_crossentropy", metrics=["accuracy"])
    return model


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
    build: Callable[..., keras.Model],
    title: str,
    *,
    epochs: int,
    batch_size: int,
    num_words: int,
    length: int,
    keep: str,
    patience: int | None = None,
) -> Recipe:
    return Recipe(
        name=build.__name__,
        title=title,
        build=partial(build, num_words, length),
        load_data=partial(load_splits, num_words, length, keep),
        evaluate=evaluate,
        epochs=epochs,
        batch_size=batch_size,
        patience=patience,
        seeds=SEEDS,
        settings={"num_words": num_words, "length": length, "keep": keep},
    )


# What a model reads: the published settings keep the beginning for the two SimpleRNN models; the
# others keep the end, as Keras' pad_sequences does by default.
_FIRST_200 = {"num_words": 10_000, "length": 200, "keep": "first"}
_LAST_200 = {"num_words": 10_000, "length": 200, "keep": "last"}
_LAST_400 = {"num_words": 5_000, "length": 400, "keep": "last"}

RECIPES: dict[str, Recipe] = {
    recipe.name: recipe
    for recipe in (
        _recipe(
            simple_rnn,
            "SimpleRNN, last state",
            epochs=50,
            batch_size=128,
            patience=10,
            **_FIRST_200,
        ),
        _recipe(
            rnn_attention,
            "SimpleRNN + attention",
            epochs=5,
            batch_size=128,
            patience=2,
            **_FIRST_200,
        ),
        _recipe(self_attention, "Self-attention", epochs=10, batch_size=64, **_LAST_400),
        _recipe(word_average, "Average of words", epochs=30, batch_size=64, **_LAST_400),
        _recipe(lstm, "LSTM, last state", epochs=5, batch_size=128, **_LAST_400),
        _recipe(lstm_attention, "LSTM + attention", epochs=5, batch_size=128, **_LAST_400),
        _recipe(
            bilstm_attention,
            "Bidirectional LSTM + attention",
            epochs=4,
            batch_size=128,
            **_LAST_200,
        ),
    )
}
