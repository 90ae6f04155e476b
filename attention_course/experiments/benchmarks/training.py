"""Training and inference time of the sentiment models, and what the time is spent on.

Word numbers are random, because the time of a step does not depend on them: the measurement can be
repeated without the IMDB data. No word is padding.

The models have a length and a vocabulary of their own, those of their recipes. So ``lengths``
measures two of them again at the same lengths, and ``parts`` measures their layers alone. Both are
measured twice, each time in a process of its own: as the system handles memory by default, and
with memory kept (see :mod:`attention_course.experiments.benchmarks.scaling`).
"""

from collections.abc import Callable, Mapping, Sequence
from functools import partial
from typing import Any

import keras
import numpy as np
import tensorflow as tf

from attention_course import models
from attention_course.experiments.benchmarks import common
from attention_course.models import sentiment
from attention_course.training.recipe import Splits
from attention_course.training.recipes import recipe

TRAINING_REVIEWS = 20_000
EPOCH = f"seconds per epoch of {TRAINING_REVIEWS:,} reviews"
BATCH_SIZE = 64
"""The same for all models, whatever their recipe says."""
TIMED = (*models.SENTIMENT, "ngram_average", "ngram_attention")
"""The models that are measured; their controls have the same layers or fewer."""
REFERENCE = "self_attention"
#: The pair whose ratio is published, slower one first.
PAIR = ("lstm_attention", REFERENCE)
LENGTHS = (50, 100, 200, 400)
"""Words per review in the measurements of the pair and of the parts."""
ROUNDS, LEAST = 7, 0.4  # as for common.interleave
#: Layer -> width of what it reads, as in ``self_attention`` and ``lstm_attention``.
PARTS = {"lstm": 32, "attention_32": 32, "attention_100": 100}
UNITS = 100
# All models know at least so many words, however they store them.
WORDS = 5_000


def measure(names: Sequence[str] = TIMED) -> dict[str, Any]:
    """Return the record of models that read reviews, ``self_attention`` among them."""
    built = {name: _prepared(name) for name in names}
    by_length = partial(common.in_fresh_process, measure_by_length)
    return {
        **common.header(
            "training and inference time of the sentiment models, on random words",
            rounds=ROUNDS,
            least_seconds=LEAST,
            batch_size=BATCH_SIZE,
        ),
        "training": _training(built),
        "inference": {
            "unit": "milliseconds per review",
            "reference": REFERENCE,
            "batch": _inference(built, BATCH_SIZE),
            "single": _inference(built, 1),
        },
        **by_length(settings={}),
        "kept": {"settings": common.KEEP_MEMORY, **by_length(settings=common.KEEP_MEMORY)},
    }


def _training(built: dict[str, keras.Model]) -> dict[str, Any]:
    seconds = _epochs({name: _training_step(model) for name, model in built.items()})
    titles = {
        name: {"title": recipe(name).title, "length": model.inputs[0].shape[1]}
        for name, model in built.items()
    }
    return {"unit": EPOCH, **_compared({name: titles[name] | seconds[name] for name in built})}


def _epochs(steps: Mapping[Any, Callable[[], object]]) -> dict[Any, dict[str, Any]]:
    return common.interleave(steps, ROUNDS, LEAST, factor=TRAINING_REVIEWS / BATCH_SIZE)


def _inference(built: dict[str, keras.Model], count: int) -> dict[str, Any]:
    calls = {
        name: partial(model.predict_on_batch, random_words(model, count))
        for name, model in built.items()
    }
    ms = common.interleave(calls, ROUNDS, LEAST, factor=1000 / count)
    return {"reviews": count, **_compared(ms)}


def _compared(found: Mapping[str, Mapping[str, Any]]) -> dict[str, Any]:
    ratios = {name: common.ratio(summary, found[REFERENCE]) for name, summary in found.items()}
    return {"models": found, "ratios": ratios}


def measure_by_length() -> dict[str, Any]:
    """Return the parts ``lengths`` and ``parts`` of the record.

    For the first, the pair is trained on reviews of several lengths; the shorter ones are nothing
    but shorter. For the second, single layers are timed, masked as in the models: the result alone,
    and with all gradients.
    """
    steps = {
        (name, length): _training_step(getattr(sentiment, name)(WORDS, length))
        for name in PAIR
        for length in LENGTHS
    }
    seconds = _epochs(steps)
    pair = {name: [seconds[name, length] for length in LENGTHS] for name in PAIR}
    tasks = {
        (name, length, kind): task
        for name, width in PARTS.items()
        for length in LENGTHS
        for kind, task in _layer_tasks(name, (BATCH_SIZE, length, width)).items()
    }
    ms = common.interleave(tasks, ROUNDS, LEAST, factor=1000)
    layers = {
        name: {kind: [ms[name, n, kind] for n in LENGTHS] for kind in ("forward", "both")}
        for name in PARTS
    }
    return {
        "lengths": {
            "unit": EPOCH,
            "lengths": list(LENGTHS),
            "models": pair,
            "ratios": list(map(common.ratio, *pair.values())),
        },
        "parts": {"unit": "milliseconds per batch", "lengths": list(LENGTHS), "layers": layers},
    }


def _layer_tasks(name: str, shape: tuple[int, int, int]) -> dict[str, Callable[[], object]]:
    x = tf.random.stateless_normal(shape, (0, 0))
    mask = tf.ones(shape[:2], dtype=bool)
    if name == "lstm":
        layer = keras.layers.LSTM(UNITS, return_sequences=True)
        call = partial(layer, mask=mask)
    else:
        layer = keras.layers.Attention()

        def call(x: Any) -> Any:
            return layer([x, x], mask=[mask, mask])

    call(x)  # makes the layer's weights
    weights = [weight.value for weight in layer.trainable_weights]

    def both() -> Any:
        with tf.GradientTape() as tape:
            tape.watch(x)
            total = tf.reduce_sum(tf.square(call(x)))
        return tape.gradient(total, [x, *weights])

    return {"forward": tf.function(lambda: tf.reduce_sum(call(x))), "both": tf.function(both)}


def _training_step(model: keras.Model) -> Callable[[], object]:
    labels = np.arange(BATCH_SIZE)[:, None] % 2
    return partial(model.train_on_batch, random_words(model, BATCH_SIZE), labels)


def _prepared(name: str) -> keras.Model:
    """Build a model. One that counts n-grams first knows all of the batch, its slowest case."""
    model, prepare = models.build(name), recipe(name).prepare
    if prepare:
        # Twice, because an n-gram of a single review is left out.
        twice = np.repeat(random_words(model, BATCH_SIZE), 2, axis=0)
        labels = np.arange(2 * BATCH_SIZE) // 2 % 2
        others = dict.fromkeys(("x_val", "y_val", "x_test", "y_test"))
        prepare(model, Splits(x_train=twice, y_train=labels, **others, provenance={}))
    return model


def random_words(model: keras.Model, count: int) -> Any:
    """Random word numbers in the shape and kind that a model reads; none is padding."""
    random = np.random.default_rng(0)
    arrays = [
        random.integers(1, WORDS, (count, *tensor.shape[1:])).astype(tensor.dtype)
        for tensor in model.inputs
    ]
    return arrays[0] if len(arrays) == 1 else arrays
