"""Time and memory of full attention against sequence length.

One head of width d with its four projections, on one sequence of T vectors. Counting each
multiplication and each addition, the projections need 8·T·d² operations and the two products of
the attention part 4·T²·d. So by counting, both are equal at T = 2d.

NumPy computes in 64 bits and Keras in 32. Between two calls, memory is kept: by default the C
library gives every array above 32 MB back to the operating system, which then has to clear new
pages at the next call. That costs as much as the arithmetic and makes a step in the curve, so it is
measured apart, as ``pages``.
"""

import math
import re
import time
import tracemalloc
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np

from attention_course import functional
from attention_course.experiments.benchmarks import common, fits

WIDTH = 256
"""d, the width of the vectors and of the head."""
LENGTHS = (64, 128, 256, 512, 1024, 1448, 2048, 2896, 4096, 5793, 8192)
"""Vectors per sequence, in rising order."""
LONG = 1024
"""The exponent is fitted from this length on: shorter sequences fit into the processor's cache."""
CALLS_COUNT_BELOW = 256
"""The sum of both terms is fitted from here on: below, the cost of the call itself shows."""
MEMORY_LENGTHS = (1024, 2048, 4096, 8192)
PARTS = ("projections", "products", "attention", "layer")
"""The four projections; the two matrix products without what is between them; these products with
scaling and softmax; and the whole layer."""
ROUNDS, LEAST = 5, 0.02  # as for common.interleave

Series = Sequence[Mapping[str, Any]]
"""The summaries of one part, one for each length."""


def measure() -> dict[str, Any]:
    """Return the record."""
    default = partial(common.in_fresh_process, settings={})
    keeping = partial(common.in_fresh_process, settings=common.KEEP_MEMORY)
    times = {library: keeping(seconds, library, LENGTHS) for library in ("numpy", "keras")}
    longer = [length for length in LENGTHS if length >= LONG]
    pages = default(seconds, "numpy", longer, ["attention"])["attention"]
    return {
        **common.header(
            "full attention with one head and its four projections, one sequence",
            rounds=ROUNDS,
            least_seconds=LEAST,
        ),
        "memory_kept": common.KEEP_MEMORY,
        "width": WIDTH,
        "lengths": list(LENGTHS),
        "long": LONG,
        "fit_from": CALLS_COUNT_BELOW,
        "unit": "seconds per call",
        "predicted_crossing": 2 * WIDTH,
        "libraries": {library: _described(parts) for library, parts in times.items()},
        "pages": {
            "lengths": longer,
            "times": pages,
            "fit": fits.power_law(longer, _medians(pages)),
        },
        "memory": {
            "unit": "bytes",
            "lengths": list(MEMORY_LENGTHS),
            "numpy": default(numpy_memory, MEMORY_LENGTHS),
            "keras": default(keras_memory, MEMORY_LENGTHS),
        },
    }


def _described(parts: Mapping[str, Series]) -> dict[str, Any]:
    lengths = np.array(LENGTHS)
    longer, fitted = lengths >= LONG, lengths >= CALLS_COUNT_BELOW
    return {
        "parts": parts,
        "exponent": fits.power_law(lengths[longer], _medians(parts["attention"])[longer]),
        "fit": fits.linear_and_quadratic(lengths[fitted], _medians(parts["layer"])[fitted]),
        "crossings": crossings(parts, lengths, fitted),
    }


def crossings(
    parts: Mapping[str, Series], lengths: np.ndarray, fitted: np.ndarray
) -> dict[str, dict[str, Any] | None]:
    """Return from which length on attention costs more than the projections, found in three ways.

    Each is found anew in every round, so it has a spread as every time has. None where a round
    has no crossing. ``fitted`` says to which of the lengths, both of shape (n,), the sum of a
    linear and a quadratic term is fitted.
    """
    rounds = {
        part: np.transpose([summary["rounds"] for summary in series])
        for part, series in parts.items()
    }
    met = {
        part: list(map(partial(fits.crossing, lengths), rounds["projections"], rounds[part]))
        for part in ("products", "attention")
    }
    met["fitted"] = [
        fits.linear_and_quadratic(lengths[fitted], times[fitted])["crossing"]
        for times in rounds["layer"]
    ]
    return {way: None if None in found else common.summary(found) for way, found in met.items()}


def _medians(series: Series) -> np.ndarray:
    return np.array([summary["median"] for summary in series])


# --- time ----------------------------------------------------------------------------------


def seconds(
    library: str, lengths: Sequence[int], parts: Sequence[str] = PARTS
) -> dict[str, Series]:
    """Return, for each part in "numpy" or "keras", the summary of its rounds at every length."""
    make = {"numpy": numpy_parts, "keras": keras_parts}[library]
    made = {length: make(length) for length in lengths}
    tasks = {(part, length): made[length][part] for length in lengths for part in parts}
    found = common.interleave(tasks, ROUNDS, LEAST)
    return {part: [found[part, length] for length in lengths] for part in parts}


def _inputs(length: int) -> tuple[np.ndarray, list[np.ndarray]]:
    """One sequence (T, d), and four matrices (d, d) that keep the size of its numbers."""
    random = np.random.default_rng(0)
    x = random.normal(size=(length, WIDTH))
    return x, [random.normal(size=(WIDTH, WIDTH)) / math.sqrt(WIDTH) for _ in range(4)]


def numpy_parts(length: int) -> dict[str, Callable[[], Any]]:
    """Return the parts in NumPy, as functions without arguments."""
    x, weights = _inputs(length)
    query, key, value = (x @ W for W in weights[:3])
    return {
        "projections": lambda: [x @ W for W in weights],
        "products": lambda: (query @ key.T) @ value,
        "attention": partial(functional.scaled_dot_product_attention, query, key, value),
        "layer": partial(functional.multi_head_attention, x, x, *weights, 1),
    }


def keras_parts(length: int) -> dict[str, Callable[[], Any]]:
    """Return the same parts in Keras, each as one graph; the layer is MultiHeadAttention."""
    import keras
    import tensorflow as tf
    from keras.ops import matmul, transpose

    from attention_course.experiments.benchmarks.implementations import by_keras

    numbers, matrices = _inputs(length)
    x = tf.constant(numbers[None], dtype=tf.float32)
    weights = [tf.constant(W, dtype=tf.float32) for W in matrices]
    layer = keras.layers.MultiHeadAttention(1, WIDTH, use_bias=False)
    layer(x, x)
    pairs = zip(matrices, layer.weights, strict=True)
    layer.set_weights([W.reshape(weight.shape) for W, weight in pairs])

    def products(query: Any, key: Any, value: Any) -> Any:
        return matmul(matmul(query, transpose(key, (0, 2, 1))), value)

    projected = [x @ W for W in weights[:3]]
    return {
        "projections": partial(tf.function(lambda x: [x @ W for W in weights]), x),
        "products": partial(tf.function(products), *projected),
        "attention": partial(tf.function(by_keras), *projected),
        "layer": partial(tf.function(layer), x, x),
    }


# --- memory --------------------------------------------------------------------------------


def numpy_memory(lengths: Sequence[int]) -> list[int]:
    """Return the peak of what NumPy has allocated at once during one call of the layer.

    NumPy reports each array to ``tracemalloc``, so this is exact to the byte and the same on
    every machine. The input and the weights are not counted.
    """
    found = []
    for length in lengths:
        layer = numpy_parts(length)["layer"]
        tracemalloc.start()
        layer()
        found.append(tracemalloc.get_traced_memory()[1])
        tracemalloc.stop()
    return found


def keras_memory(lengths: Sequence[int]) -> list[int] | None:
    """Return how much more memory the process holds during one call of the layer than before.

    TensorFlow reports its arrays to nobody, so this is the peak of the process as Linux counts it,
    in pages. None on other systems.
    """
    if not Path("/proc/self/clear_refs").exists():
        return None
    found = []
    for length in lengths:
        layer = keras_parts(length)["layer"]
        layer()  # traces the graph
        time.sleep(0.1)  # threads that free their last arrays
        Path("/proc/self/clear_refs").write_text("5")  # the peak starts again from here
        before = _process_bytes("VmRSS")
        layer()
        found.append(max(_process_bytes("VmHWM") - before, 0))
    return found


def _process_bytes(name: str) -> int:
    status = Path("/proc/self/status").read_text(encoding="utf-8")
    if found := re.search(rf"^{name}:\s*(\d+)", status, re.MULTILINE):
        return int(found[1]) * 1024
    raise common.BenchmarkError("Linux does not say {name} in /proc/self/status.", name=name)
