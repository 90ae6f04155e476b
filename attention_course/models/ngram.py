"""The champion: attention over the words, pairs and triples of a review, and its control.

Both read int32 word numbers ``(batch, length)`` as the models of ``sentiment`` do and return the
probability of a positive review ``(batch, 1)``. What the table holds is counted on the training
part (:mod:`attention_course.training.recipes.ngram`); what the n-grams weigh and say is learned.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import keras
import numpy as np
from keras import layers

from attention_course.layers.ngram import SCORED_BY, NGramAttention, NGrams, words_of

LEARNING_RATE = 0.002


def ngram_attention(
    length: int = 600,
    size: int = 500_000,
    orders: int = 3,
    scored_by: Sequence[str] = SCORED_BY,
    name: str = "ngram_attention",
) -> keras.Model:
    """N-grams weighed by attention; the values start at their naive-Bayes log-count ratios."""
    tokens = layers.Input((length,), dtype="int32", name="tokens")
    found = NGrams(size, orders, name="ngrams")(tokens)
    logit = NGramAttention(size, scored_by=scored_by, name="attention")(found)
    probability = layers.Activation("sigmoid", name="probability")(logit)
    model = keras.Model(tokens, probability, name=name)
    model.compile(
        keras.optimizers.Adam(LEARNING_RATE), loss="binary_crossentropy", metrics=["accuracy"]
    )
    return model


def ngram_average() -> keras.Model:
    """The control: the same model with equal weights for all n-grams."""
    return ngram_attention(scored_by=(), name="ngram_average")


BUILDERS: dict[str, Callable[[], keras.Model]] = {
    "ngram_attention": ngram_attention,
    "ngram_average": ngram_average,
}


@dataclass(frozen=True)
class WeighedNGram:
    """What attention made of one n-gram of a review.

    Attributes:
        numbers: its word numbers.
        places: where its words stand in the model's input.
        weight: its attention weight; those of a review sum to one.
        value: what it says, positive or negative, before it is weighed.
    """

    numbers: tuple[int, ...]
    places: tuple[int, ...]
    weight: float
    value: float


def weighed_ngrams(model: keras.Model, tokens: np.ndarray) -> list[WeighedNGram]:
    """Return the known n-grams of one review, the heaviest first.

    Args:
        model: ``ngram_attention`` or its control.
        tokens: the model's input for one review, int32 (length,).
    """
    ngrams, attention = model.get_layer("ngrams"), model.get_layer("attention")
    parts = ngrams(np.asarray(tokens)[None])
    weights, values = (np.asarray(part)[0] for part in attention.weights_and_values(parts))
    keys = np.asarray(ngrams.keys)
    found = []
    for number, distance, weight, value in zip(*np.asarray(parts)[0], weights, values, strict=True):
        if number:
            words = words_of(int(keys[number - 1]))
            last = len(tokens) - 1 - int(distance)
            places = tuple(range(last - len(words) + 1, last + 1))
            found.append(WeighedNGram(words, places, float(weight), float(value)))
    return sorted(found, key=lambda ngram: -ngram.weight)


def word_weights(found: list[WeighedNGram], length: int) -> np.ndarray:
    """Return one weight per place, shape (length,): each n-gram's is split among its words.

    The result sums to one, as the weights of the n-grams do.
    """
    weights = np.zeros(length)
    for ngram in found:
        weights[list(ngram.places)] += ngram.weight / len(ngram.places)
    return weights
