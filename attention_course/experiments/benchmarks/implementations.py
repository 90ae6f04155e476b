"""One formula, written in seven ways: softmax(Q K^T / sqrt(d)) V in NumPy, SciPy and Keras.

All ways get the same numbers and have to agree with the course's NumPy function to ``TOLERANCE``.
"""

import math
from collections.abc import Callable
from functools import partial
from typing import Any

import keras
import numpy as np
import scipy.special
import tensorflow as tf

from attention_course import functional
from attention_course.experiments.benchmarks import common

LENGTHS = (10, 30, 100, 300, 900)
"""Numbers of queries, which are as many keys."""
ROUNDS, LEAST = 7, 0.05  # as for common.interleave
WIDTH = 64
TOLERANCE = 1e-5
REFERENCE = "numpy"
TITLES = {
    "loop": "Python loop",
    "numpy": "NumPy, the course's function",
    "numpy32": "NumPy, 32-bit numbers",
    "scipy": "NumPy with SciPy's softmax",
    "keras_ops": "Keras operations, one by one",
    "keras_layer": "Keras layer Attention",
    "keras_graph": "Keras operations, as a graph",
}


def measure() -> dict[str, Any]:
    """Return the record; ``BenchmarkError`` says that two ways do not agree."""
    tasks = {(way, length): call for length in LENGTHS for way, call in _ways(length).items()}
    differences = {place: _difference(tasks, *place) for place in tasks}
    ms = common.interleave(tasks, ROUNDS, LEAST, factor=1000)
    return {
        **common.header(
            "attention with one head, written in several ways", rounds=ROUNDS, least_seconds=LEAST
        ),
        "width": WIDTH,
        "tolerance": TOLERANCE,
        "unit": "milliseconds per call",
        "lengths": list(LENGTHS),
        "reference": REFERENCE,
        "ways": {
            way: {
                "title": title,
                "difference": [differences[way, length] for length in LENGTHS],
                "times": [ms[way, length] for length in LENGTHS],
                "ratios": [common.ratio(ms[way, n], ms[REFERENCE, n]) for n in LENGTHS],
            }
            for way, title in TITLES.items()
        },
    }


def _ways(length: int) -> dict[str, Callable[[], Any]]:
    """Return every way as a function without arguments, all on the same numbers."""
    random = np.random.default_rng(length)
    double = [random.normal(size=(length, WIDTH)) for _ in range(3)]
    single = [array.astype(np.float32) for array in double]
    tensors = [tf.constant(array[None]) for array in single]
    # Keras' layer does not divide by sqrt(d): the queries are divided before.
    scaled = [tensors[0] / math.sqrt(WIDTH), tensors[2], tensors[1]]
    return {
        "loop": partial(by_loop, *double),
        "numpy": lambda: functional.scaled_dot_product_attention(*double)[0],
        "numpy32": partial(by_matrices, *single, softmax_in_kind),
        "scipy": partial(by_matrices, *double, partial(scipy.special.softmax, axis=-1)),
        "keras_ops": partial(by_keras, *tensors),
        "keras_layer": partial(keras.layers.Attention(), scaled),
        "keras_graph": partial(tf.function(by_keras), *tensors),
    }


def by_loop(query: np.ndarray, key: np.ndarray, value: np.ndarray) -> np.ndarray:
    """Attend with one score at a time, as a first reading of the formula would do it."""
    output = np.zeros((len(query), value.shape[1]))
    for i in range(len(query)):
        scores = [float(query[i] @ key[j]) / math.sqrt(WIDTH) for j in range(len(key))]
        highest = max(scores)
        powers = [math.exp(score - highest) for score in scores]
        total = sum(powers)
        for j in range(len(key)):
            output[i] += powers[j] / total * value[j]
    return output


def by_matrices(
    query: np.ndarray, key: np.ndarray, value: np.ndarray, softmax: Callable[[Any], Any]
) -> np.ndarray:
    """Attend with matrix products and a given softmax, in the precision of the arrays."""
    return softmax(query @ key.T / math.sqrt(WIDTH)) @ value


def softmax_in_kind(scores: np.ndarray) -> np.ndarray:
    """The softmax of :mod:`attention_course.functional`, in the precision of the scores."""
    powers = np.exp(scores - scores.max(axis=-1, keepdims=True))
    return powers / powers.sum(axis=-1, keepdims=True)


def by_keras(query: Any, key: Any, value: Any) -> Any:
    """Attend with Keras' operations; arrays have a batch of one in front."""
    scores = keras.ops.matmul(query, keras.ops.transpose(key, (0, 2, 1)))
    weights = keras.ops.softmax(scores / math.sqrt(query.shape[-1]))
    return keras.ops.matmul(weights, value)


def _difference(tasks: dict[tuple[str, int], Callable], way: str, length: int) -> float:
    """Largest difference of a way from the reference; refuse one above the tolerance."""
    reference = tasks[REFERENCE, length]()
    output = np.asarray(tasks[way, length]()).reshape(reference.shape)
    difference = common.significant(np.abs(output - reference).max())
    if not difference <= TOLERANCE:
        raise common.BenchmarkError(
            "{one} and {other} differ by {difference} at length {length}; they have to agree "
            "to {tolerance}. Their times would not be comparable.",
            one=TITLES[way],
            other=TITLES[REFERENCE],
            difference=difference,
            length=length,
            tolerance=TOLERANCE,
        )
    return difference
