"""Models that translate: an encoder in both directions, a decoder, and how to write with them.

All are one network but for the decoder's attention, so what they differ in is the score. They take
``[source, written]``, whole numbers (batch, S) and (batch, T), and return for every word of
``written`` the logits of the word after it, (batch, T, words).

Source: Luong, Pham and Manning (2015), arXiv 1508.04025, sections 3 and 3.3; the encoder is that of
Bahdanau, Cho and Bengio (2014), arXiv 1409.0473, section 3.2.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial
from typing import Any

import keras
import numpy as np
from keras import layers, ops

from attention_course.datasets import grammar
from attention_course.layers import AttentionDecoder

WIDTH = 32
UNITS = 64
RATE = 3e-3
GRAMMAR_SCORES = (
    "additive",
    "dot",
    "scaled",
    "general",
    "concat",
    "cosine",
    "location",
    "uniform",
)


def translator(
    name: str,
    words: tuple[int, int],
    steps: int,
    score: str | None = None,
    feeding: bool = False,
    width: int = WIDTH,
    units: int = UNITS,
    places: int | None = None,
) -> keras.Model:
    """Return an untrained, compiled translator.

    Args:
        name: the model's.
        words: how many different numbers the source and the target hold, padding included.
        steps: updates of its training, over which the rate falls to zero along a half cosine.
        score: of the attention; None leaves it out.
        feeding: "input feeding", see :class:`AttentionDecoder`.
        width: of the word vectors.
        units: of the encoder in each direction; the decoder has twice as many.
        places: the longest source, for the score "location".
    """
    source = layers.Input((None,), dtype="int32", name="source")
    written = layers.Input((None,), dtype="int32", name="written")
    embedded = layers.Embedding(words[0], width, mask_zero=True, name="source_words")(source)
    encoder = layers.Bidirectional(
        layers.GRU(units, return_sequences=True, return_state=True), name="encoder"
    )
    states, forwards, backwards = encoder(embedded)
    ends = layers.Concatenate(name="ends")([forwards, backwards])
    first = layers.Dense(2 * units, activation="tanh", name="first_state")(ends)
    before = layers.Embedding(words[1], width, name="target_words")(written)
    decoder = AttentionDecoder(2 * units, score, units, places, feeding, name="decoder")
    results, _ = decoder(before, first, states)
    logits = layers.Dense(words[1], name="logits")(results)
    model = keras.Model([source, written], logits, name=name)
    rate = keras.optimizers.schedules.CosineDecay(RATE, steps)
    model.compile(
        keras.optimizers.Adam(rate, clipnorm=1.0),
        # Padding is no word to be learned: it counts in no sum and no mean.
        loss=keras.losses.SparseCategoricalCrossentropy(
            from_logits=True, ignore_class=grammar.PADDING
        ),
        jit_compile=not feeding,  # XLA cannot differentiate a loop of unknown length
    )
    return model


@dataclass(frozen=True)
class Encoded:
    """What the decoder knows of some sources: encoder states, where words are, its first state."""

    values: Any
    mask: Any
    state: Any


def encode(model: keras.Model, source: np.ndarray) -> Encoded:
    """Read sources (batch, S)."""
    parts = {name: model.get_layer(name) for name in ("source_words", "encoder", "first_state")}
    mask = ops.not_equal(source, grammar.PADDING)
    values, *ends = parts["encoder"](parts["source_words"](source), mask=mask)
    return Encoded(values, mask, parts["first_state"](ops.concatenate(ends, axis=-1)))


def step(model: keras.Model, encoded: Encoded, word: Any, state: Any, fed: Any) -> tuple[Any, ...]:
    """Read one written word (batch,); return logits (batch, words), weights, state and result.

    ``state`` and ``fed`` are what the last step returned as state and result; at first they are
    ``encoded.state`` and zeros of its shape.
    """
    vector = model.get_layer("target_words")(word)
    result, weights, state = model.get_layer("decoder").step(
        vector, state, fed, encoded.values, encoded.mask
    )
    return model.get_layer("logits")(result), weights, state, result


def write(model: keras.Model, source: np.ndarray, longest: int) -> tuple[np.ndarray, np.ndarray]:
    """Translate sources (batch, S) greedily: always the likeliest next word, up to END.

    Returns the numbers written (batch, longest), padded behind END, and the weights with which
    each was found (batch, longest, S).
    """
    encoded = encode(model, source)
    state, fed = encoded.state, ops.zeros_like(encoded.state)
    word = np.full(len(source), grammar.START, dtype="int32")
    going = np.full(len(source), True)
    written, looked = [], []
    for _ in range(longest):
        logits, weights, state, fed = step(model, encoded, word, state, fed)
        word = ops.convert_to_numpy(logits).argmax(axis=-1).astype("int32")
        word = np.where(going, word, grammar.PADDING).astype("int32")
        going &= word != grammar.END
        written.append(word)
        looked.append(ops.convert_to_numpy(weights))
    return np.stack(written, axis=1), np.stack(looked, axis=1)


def beam(
    model: keras.Model, source: np.ndarray, longest: int, width: int, length_penalty: float = 0.0
) -> tuple[np.ndarray, np.ndarray]:
    """Translate sources (batch, S) by beam search: keep the ``width`` best beginnings at a time.

    The value of a sentence Y is log P(Y) / lp(Y), with lp = ((5 + |Y|) / 6) ** length_penalty, END
    counted (Wu et al. 2016, arXiv 1609.08144, equation 14, without its coverage). Without a
    penalty that is log P, which falls with every word and so prefers short sentences. A sentence
    that is finished stays among the ``width`` as long as no more others have a better value.

    Returns:
        The best sentence found, (batch, longest), padded behind END, and its value, (batch,). With
        ``width`` 1 it is what :func:`write` finds.
    """
    batch = len(source)
    encoded = encode(model, np.repeat(source, width, axis=0))
    state, fed = encoded.state, ops.zeros_like(encoded.state)
    word = np.full(batch * width, grammar.START, dtype="int32")
    written = np.full((batch, width, longest), grammar.PADDING, dtype="int32")
    # At first all beginnings are the same, empty one: only one of them may go on.
    total = np.where(np.arange(width) == 0, 0.0, -np.inf) + np.zeros((batch, 1))
    value, finished = total, np.zeros((batch, width), dtype=bool)
    rows = np.arange(batch)[:, None]
    for place in range(longest):
        logits, _, state, fed = step(model, encoded, word, state, fed)
        logs = ops.convert_to_numpy(ops.log_softmax(logits)).astype(float)
        totals = total[:, :, None] + logs.reshape(batch, width, -1)
        values = totals / ((6 + place) / 6) ** length_penalty
        # What is finished has one continuation, nothing, and keeps its value.
        values[finished] = -np.inf
        values[..., grammar.PADDING] = np.where(finished, value, values[..., grammar.PADDING])
        totals[..., grammar.PADDING] = np.where(finished, total, totals[..., grammar.PADDING])
        _, best = ops.top_k(values.reshape(batch, -1), width)
        parent, chosen = np.divmod(ops.convert_to_numpy(best), values.shape[-1])
        total, value = totals[rows, parent, chosen], values[rows, parent, chosen]
        written, finished = written[rows, parent], finished[rows, parent]
        written[:, :, place] = chosen
        finished |= chosen == grammar.END
        if finished.all():
            break
        kept = (parent + width * rows).ravel()
        state, fed = ops.take(state, kept, axis=0), ops.take(fed, kept, axis=0)
        word = chosen.ravel().astype("int32")
    return written[:, 0], value[:, 0]


def alignment(model: keras.Model, source: np.ndarray, written: np.ndarray) -> np.ndarray:
    """Return the weights with which given translations are read, (batch, T, S).

    ``written`` (batch, T) begins with START; row t holds the weights for the word after place t.
    """
    encoded = encode(model, source)
    before = model.get_layer("target_words")(written)
    _, weights = model.get_layer("decoder")(before, encoded.state, encoded.values, encoded.mask)
    return ops.convert_to_numpy(weights)


_WORDS = tuple(len(words) + grammar.END + 1 for words in grammar.vocabulary())
TRAINING = {"sentences": 120_000, "batch_size": 64, "epochs": 3}
"""The budget of every model of the grammar but one."""
LONGER = 3
"""So many times this budget has "grammar_plain_long", which tells whether more of it would do."""
_GRAMMAR = {
    "words": _WORDS,
    "steps": -(-TRAINING["sentences"] // TRAINING["batch_size"]) * TRAINING["epochs"],
    "places": grammar.LONGEST + 1,
}
BUILDERS: dict[str, partial[keras.Model]] = {
    name: partial(translator, name, score=score, feeding=feeding, **_GRAMMAR)
    for name, score, feeding in (
        ("grammar_plain", None, False),
        *((f"grammar_{score}", score, False) for score in GRAMMAR_SCORES),
        ("grammar_feeding", "dot", True),
    )
}
BUILDERS["grammar_plain_long"] = partial(
    translator, "grammar_plain_long", **_GRAMMAR | {"steps": LONGER * _GRAMMAR["steps"]}
)
