"""Exercises of chapter 6: the three questions of the Fibonacci task.

``06.why`` asks for the rule as weights over time, ``06.rnn`` for the recurrent network,
``06.attention`` for the attention step in NumPy and ``06.layer`` for the same as a Keras layer.

A Keras answer is judged by its numbers: what it computes with given weights, its loss, and the
weights after training, against NumPy. What it is made of explains, or shows what no step does.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial
from typing import Any

import numpy as np

from attention_course.exercises.drawing import Draw
from attention_course.exercises.exercise import Exercise, source, texts
from attention_course.exercises.judging import fail, kind_of, numbers, plain
from attention_course.words import mark, tr

GOLDEN = (1 + 5**0.5) / 2
MOST_AT_FIRST = 4.0  # a weight that begins farther from zero makes tanh flat
Told = tuple[str, dict[str, Any]] | None  # the key of a sentence and what it names


# --- 06.why: the rule as weights over time ----------------------------------------------------


def look_back(window):
    """Attention weights over the window and a scale: scale * sum(weights * window) is next."""
    weights = np.zeros(len(window))
    weights[-2:] = 0.5
    return weights, 2.0


def _window(draw: Draw) -> tuple:
    """Any sequence in which each number is the sum of the two before it."""
    random, hazards = draw.random, draw.hazards()
    steps = draw.length(3, 9, wide=600)
    exact = hazards & {"whole", "float32"}  # rounded numbers are no sums of those before them
    values = (random.integers(-3, 4, 2) if exact else random.normal(size=2)).tolist()
    if exact:  # the numbers that follow need more than 64 bits, or more than single precision has
        steps = min(steps, 40 if "whole" in hazards else 150)
    elif "small" in hazards:  # the one that falls: its old values are the large ones
        steps = 20 if draw.kind == "small" else min(steps, 20)
        values = ((1 - GOLDEN) ** np.arange(steps)).tolist()
    if draw.kind == "zeros":  # one that ends with 0, or has the mean 0
        values, steps = [[1.0, -1.0], [0.0, 0.0]][random.integers(2)], 3
    while len(values) < steps:
        values.append(values[-1] + values[-2])
    if draw.kind == "mixed" and "whole" not in hazards:
        most = 20 if "float32" in hazards else 40  # 150 of them, and no overflow
        values = np.multiply(values, 2.0 ** random.integers(-40, most + 1))
    return (draw.layout(np.array(values, int if "whole" in hazards else float), hazards),)


def _continued(case: tuple, parts: dict[str, np.ndarray]) -> dict[str, np.ndarray]:
    """What the weights and the scale must give, whichever places they choose."""
    weights, scale = parts.values()
    window = case[0].astype(float)
    for name, part in parts.items():
        if part.shape != window.shape if part is weights else part.size != 1:
            kind = tr("an array of shape {shape}", shape=part.shape)
            fail("no_numbers", what=tr(name), kind=kind)
    weights, scale = weights.astype(float), scale.astype(float).reshape(())
    return {
        mark("the next number"): scale * (weights @ window),
        mark("the sum of the weights"): weights.sum(),
        mark("the part of the weights below zero"): np.minimum(weights, 0).sum(),
    }


def _one_scale(cases: Sequence[tuple], results: list, wrong: bool) -> Told:
    """A scale that follows the window is no rule."""
    scales: dict[int, list[float]] = {}
    for (window,), result in zip(cases, results, strict=True):
        if isinstance(result, list) and len(result) == 2:
            scale = numbers(result[1], tr("the scale"))
            scales.setdefault(len(window), []).extend(scale.astype(float).flat)
    for length, seen in scales.items():
        if seen and not np.ptp(seen) <= 1e-6 * max(np.abs(seen)):
            ends = {"one": f"{min(seen):.6g}", "other": f"{max(seen):.6g}"}
            return "scale_changes", ends | {"length": length}
    return None


def _places(*where: int, scale: float = 2.0) -> Callable:
    """The mistake of equal weights on these places of the window."""

    def mistake(window: np.ndarray) -> tuple:
        weights = np.zeros(len(window))
        weights[list(where)] = 1 / len(where)
        return weights, scale

    return mistake


WHY_MISTAKES = {
    "sum_of_two": lambda window: (2 * look_back(window)[0], 1.0),
    "golden_ratio": _places(-1, scale=GOLDEN),
    "first_values": _places(0, 1),
    "last_value": _places(-1, scale=1.0),
    "half": _places(-2, -1, scale=1.0),
    "all_equal": lambda window: (np.full(len(window), 1 / len(window)), 2.0),
    "negative": lambda window: (2 * _places(-1)(window)[0] - _places(-2)(window)[0], 2.0),
}


# --- 06.attention: attention over time --------------------------------------------------------


def time_attention(x, W, b):
    """Attention over time: x (batch, time, features) -> context (batch, features), weights."""
    scores = np.tanh(x @ W + b)[..., 0]
    powers = np.exp(scores)
    weights = powers / powers.sum(axis=1, keepdims=True)
    context = (weights[..., np.newaxis] * x).sum(axis=1)
    return context, weights


def _attention_case(draw: Draw) -> tuple:
    batch, steps, features = draw.size(), draw.length(), draw.size()
    x = draw.numbers(batch, steps, features, large=1e5)
    return x, draw.numbers(features, 1), draw.numbers(steps, 1)


def _softmax(scores: np.ndarray, axis: int | None = 1) -> np.ndarray:
    powers = np.exp(scores - scores.real.max(axis=axis, keepdims=True))
    return powers / powers.sum(axis=axis, keepdims=True)


def _tanh_scores(x: np.ndarray, W: np.ndarray, b: np.ndarray) -> np.ndarray:
    return np.tanh(x @ W + b)[..., 0]


def _sigmoid(z: np.ndarray) -> np.ndarray:
    return 1 / (1 + np.exp(-z))


def _hard(scores: np.ndarray) -> np.ndarray:
    return np.eye(scores.shape[1])[scores.real.argmax(axis=1)]


def _sum(weights: np.ndarray, x: np.ndarray) -> np.ndarray:
    return (weights[..., None] * x).sum(axis=1)


def _attend(
    x: np.ndarray,
    W: np.ndarray,
    b: np.ndarray,
    scores: Callable = _tanh_scores,
    soften: Callable = _softmax,
    reduce: Callable = _sum,
) -> tuple[np.ndarray, np.ndarray]:
    """Attention over time, or with the mistakes that the parameters make."""
    weights = soften(scores(x, W, b))
    return reduce(weights, x), weights


def _flat_weights(_: tuple, parts: dict[str, np.ndarray]) -> dict[str, np.ndarray]:
    """Weights that keep an axis of length 1 behind time are as good as those without."""
    context, weights = parts.values()
    kept = weights.ndim == 3 and weights.shape[-1] == 1
    return dict(zip(parts, (context, weights[..., 0] if kept else weights), strict=True))


#: What goes wrong in NumPy and in the layer alike.
MISTAKES: dict[str, dict[str, Callable]] = {
    "axis_of_one": {"soften": np.ones_like},
    "over_batch": {"soften": lambda scores: _softmax(scores, 0)},
    "over_all": {"soften": lambda scores: _softmax(scores, None)},
    "not_divided": {"soften": np.exp},
    "no_softmax": {"soften": lambda scores: scores},
    "sigmoid_for_softmax": {"soften": _sigmoid},
    "hard": {"soften": _hard},
    "uniform": {"soften": lambda scores: np.ones_like(scores) / scores.shape[1]},
    "weights_negated": {"soften": lambda scores: -_softmax(scores)},
    "scores_doubled": {"soften": lambda scores: _softmax(2 * scores)},
    "scores_negated": {"soften": lambda scores: _softmax(-scores)},
    "no_tanh": {"scores": lambda x, W, b: (x @ W + b)[..., 0]},
    "no_bias": {"scores": lambda x, W, b: np.tanh(x @ W)[..., 0]},
    "bias_outside": {"scores": lambda x, W, b: (np.tanh(x @ W) + b)[..., 0]},
    "one_bias": {"scores": lambda x, W, b: np.tanh(x @ W + b[0])[..., 0]},
    "bias_reversed": {"scores": lambda x, W, b: np.tanh(x @ W + b[::-1])[..., 0]},
    "sigmoid_scores": {"scores": lambda x, W, b: _sigmoid(x @ W + b)[..., 0]},
    "relu_scores": {"scores": lambda x, W, b: ((x @ W + b) * ((x @ W + b).real > 0))[..., 0]},
    "not_summed": {"reduce": lambda weights, x: weights[..., None] * x},
    "axis_kept": {"reduce": lambda weights, x: _sum(weights, x)[:, None]},
    "mean_over_time": {"reduce": lambda weights, x: _sum(weights, x) / x.shape[1]},
    "plain_sum": {"reduce": lambda weights, x: x.sum(axis=1)},
    "plain_mean": {"reduce": lambda weights, x: x.mean(axis=1)},
    "last_alone": {"reduce": lambda weights, x: (weights[..., None] * x)[:, -1]},
    "hard_choice": {"reduce": lambda weights, x: _sum(_hard(weights), x)},
    "time_reversed": {"reduce": lambda weights, x: _sum(weights[:, ::-1], x)},
}


# --- answers in Keras -------------------------------------------------------------------------


def _gradient(loss: Callable, weights: list[np.ndarray]) -> list[np.ndarray]:
    """The gradient of a loss by complex steps: exact to the last digit, without a formula."""
    step = 1e-30
    gradients = []
    for i, weight in enumerate(weights):
        gradient = np.zeros(weight.shape)
        for place in np.ndindex(weight.shape):
            moved = [one.astype(complex) for one in weights]
            moved[i][place] += step * 1j
            gradient[place] = loss(moved).imag / step
        gradients.append(gradient)
    return gradients


def _demands(explain: Callable) -> Callable:
    """The demands of an exercise in Keras: `explain` says what is unlike the question's."""

    def demands(cases: Sequence[tuple], results: list, wrong: bool) -> Told:
        for case, result in zip(cases, results, strict=True):
            if isinstance(result, dict) and "empty" in result:  # it stopped: told elsewhere
                continue
            if not isinstance(result, dict) or "dict" not in result:
                return "no_keras", {"kind": kind_of(result)}
            unlike, values = explain(case, plain(result), wrong)
            if told := next((key for key, holds in unlike.items() if holds), None):
                return told, values
        return None

    return demands


# --- 06.rnn: the recurrent network ------------------------------------------------------------


def build_rnn(time_steps):
    """SimpleRNN of two units and one dense output, both with tanh, compiled."""
    import keras

    model = keras.Sequential(
        [
            keras.layers.Input((time_steps, 1)),
            keras.layers.SimpleRNN(2, activation="tanh"),
            keras.layers.Dense(1, activation="tanh"),
        ]
    )
    model.compile(optimizer="adam", loss="mse")
    return model


def probe_model(build, steps, weights, windows, targets, rate):
    """In the answer's process: what the model is made of, and what it computes and learns."""
    import keras
    import numpy as np

    model = build(steps)
    if not isinstance(model, keras.Model):
        return model
    other = build(steps) if rate else model
    for one in (model, other):
        if not one.built:
            one.build((None, steps, 1))
        if not one.weights:  # as in a subclass of keras.Model
            one(np.zeros((1, steps, 1), "float32"))
    optimizer = getattr(model, "optimizer", None)
    settings = {}
    if isinstance(optimizer, keras.optimizers.Adam):
        usual = keras.optimizers.Adam().get_config() | {"name": optimizer.name}
        settings = {k: v for k, v in optimizer.get_config().items() if usual.get(k, v) != v}
        chosen = settings.get("learning_rate")
        if isinstance(chosen, float) and 1e-4 <= round(chosen, 6) <= 0.1:
            del settings["learning_rate"]
    noises = ("dropout", "recurrent_dropout", "rate", "stddev")
    layers = [layer for layer in model.layers if not isinstance(layer, keras.layers.InputLayer)]
    cells = [getattr(layer, "cell", layer) for layer in layers]
    seen = {
        "layers": [
            {
                "name": type(cell).__name__.removesuffix("Cell"),
                "recurrent": isinstance(layer, keras.layers.RNN | keras.layers.Bidirectional),
                "units": getattr(cell, "units", None),
                "activation": getattr(getattr(cell, "activation", None), "__name__", None),
                "sequences": bool(getattr(layer, "return_sequences", False)),
                "backwards": bool(getattr(layer, "go_backwards", False)),
            }
            for layer, cell in zip(layers, cells, strict=True)
        ],
        "input": list(getattr(model, "input_shape", (None, steps, 1))),  # if it has one
        "parameters": model.count_params(),
        "compiled": bool(getattr(model, "compiled", False)),
        "optimizer": type(optimizer).__name__,
        "adam": isinstance(optimizer, keras.optimizers.Adam),
        "settings": [f"{name} = {value}"[:50] for name, value in settings.items()],
        "stateful": any(getattr(layer, "stateful", False) for layer in layers),
        "dropout": any(getattr(one, n, None) not in (None, 0) for one in cells for n in noises),
        "constraint": any(weight.constraint is not None for weight in model.weights),
        "frozen": len(model.weights) - len(model.trainable_weights),
        "fresh": model.get_weights(),
        "shared": rate and any(w is v for w in model.weights for v in other.weights),
    }
    variables = {tuple(variable.shape): variable for variable in model.weights}
    fits = len(model.weights) == len(weights) == sum(one.shape in variables for one in weights)
    fits = fits and seen["compiled"] and seen["input"][1:] in ([steps, 1], [None, 1])
    if not fits or seen["settings"] or seen["stateful"]:
        return seen
    for weight in weights:
        variables[weight.shape].assign(weight)
    windows, targets = windows.astype("float32"), targets.astype("float32")
    seen["output"] = model(windows)
    seen["added"] = len(model.losses)
    if not rate:
        return seen

    def loss(method):
        model.reset_metrics()  # else the mean of all steps comes back
        return np.ravel(method(windows, targets))[0]  # metrics may follow

    optimizer.learning_rate = rate
    given, model.run_eagerly = model.run_eagerly, True  # to trace a step takes longer than all else
    seen["losses"] = [loss(model.train_on_batch), loss(model.train_on_batch)]
    model.run_eagerly = given
    seen["evaluated"] = loss(model.test_on_batch)
    seen["predicted"] = model.predict(windows, batch_size=len(windows), verbose=0)
    trained = [np.ravel(variables[weight.shape]) for weight in weights]
    return seen | {"trained": np.concatenate(trained)}


def _rnn_case(draw: Draw) -> tuple:
    random, train = draw.random, draw.kind in ("plain", "strided")  # to train takes long
    steps = draw.length(wide=120)
    windows = draw.numbers(draw.size(1, 40), steps, 1, large=1e6)
    shapes = ((1, 2), (2, 2), (2,), (2, 1), (1,))
    weights = [random.uniform(-0.7, 0.7, shape) for shape in shapes]
    weights[0] /= max(np.abs(windows).max() / 3, 1)  # where tanh is not flat
    if draw.kind in ("long", "small"):  # the oldest value counts, and the smallest
        weights[1], weights[2], weights[4] = np.linalg.qr(weights[1])[0], np.zeros(2), np.zeros(1)
        windows = windows * 0.1 if draw.kind == "long" else windows
    far = 10 ** random.uniform(-1, 3) if train else 1.0
    targets = far * random.normal(size=(len(windows), 1))
    return steps, weights, windows, targets, 0.05 if train else 0.0


def _rnn(
    time_steps: int,
    weights: list[np.ndarray],
    windows: np.ndarray,
    targets: np.ndarray,
    rate: float,
) -> dict[str, np.ndarray]:
    """The same network in NumPy: its output, and two steps of Adam on the squared error."""

    def output(weights: list[np.ndarray]) -> np.ndarray:
        kernel, loop, bias, out, shift = weights
        state = np.zeros((len(windows), 2))
        for step in range(time_steps):
            state = np.tanh(windows[:, step] @ kernel + state @ loop + bias)
        return np.tanh(state @ out + shift)

    def loss(weights: list[np.ndarray]) -> Any:
        return ((output(weights) - targets) ** 2).mean()

    seen, losses = {"output": output(weights)}, []
    if not rate:
        return seen
    first, second = ([np.zeros(weight.shape) for weight in weights] for _ in range(2))
    for t in (1, 2):
        losses.append(loss(weights))
        gradients = _gradient(loss, weights)
        first = [0.9 * m + 0.1 * g for m, g in zip(first, gradients, strict=True)]
        second = [0.999 * v + 0.001 * g**2 for v, g in zip(second, gradients, strict=True)]
        scale = rate * np.sqrt(1 - 0.999**t) / (1 - 0.9**t)
        weights = [
            w - scale * m / (np.sqrt(v) + 1e-7)
            for w, m, v in zip(weights, first, second, strict=True)
        ]
    trained = np.concatenate([weight.ravel() for weight in weights])
    seen |= {"losses": np.array(losses), "evaluated": loss(weights), "trained": trained}
    return seen | {"predicted": output(weights)}


def _explain_model(case: tuple, seen: dict, wrong: bool) -> tuple[dict, dict]:
    """What a model is made of where its numbers are wrong, and what keeps any from learning."""
    steps, layers = case[0], seen["layers"]
    loops = [layer for layer in layers if layer["recurrent"]]
    dense = [layer for layer in layers if layer["name"] == "Dense"]
    others = [layer for layer in layers if layer not in loops + dense]
    more = [layer["name"] for layer in others if layer["name"] != "Activation"]
    loop, last = loops[0] if loops else {}, dense[0]["activation"] if dense else ""
    unlike = {
        "not_compiled": not seen["compiled"],
        "no_loop": not loops,
        "other_loop": loop.get("name") != "SimpleRNN",
        "other_units": loop.get("units") != 2,
        "other_layers": more or len(loops) > 1 or len(dense) > 1,
        "sequences": loop.get("sequences"),
        "backwards": loop.get("backwards"),
        "loop_without_tanh": loop.get("activation") not in ("tanh", None),
        "dense_without_tanh": dense and not others and last != "tanh",
        "other_parameters": seen["parameters"] != 11,
        "other_input": seen["input"][1:] not in ([steps, 1], [None, 1]),
    }
    made = unlike if wrong else {}
    unlike = {
        "other_optimizer": seen["compiled"] and not seen["adam"],
        "dropout": seen["dropout"],
        "stateful": seen["stateful"],
        "regulariser": seen.get("added"),
        "constraint": seen["constraint"],
        "frozen": seen["frozen"],
        "shared": seen["shared"],
        "settings": seen["settings"],
        "equal_numbers": not all(np.ptp(one) > 0 for one in seen["fresh"] if one.ndim == 2),
        "far": not all(np.abs(one).max() <= MOST_AT_FIRST for one in seen["fresh"]),
    }
    names = ", ".join(layer["name"] for layer in layers)
    values = loop | {"names": names, "last": last, "steps": steps, "shape": tuple(seen["input"])}
    values |= {"count": seen["parameters"], "optimizer": seen["optimizer"]}
    return made | unlike, values | {"settings": ", ".join(seen["settings"])}


# --- 06.layer: attention over time as a Keras layer -------------------------------------------

LAYER = '''\
import keras
from keras import ops


class AttentionLayer(keras.layers.Layer):
    """Attention over time: (batch, time, features) -> (batch, features)."""

    def build(self, input_shape):
        _, time, features = input_shape
        self.W = self.add_weight(shape=(features, 1), name="W")
        self.b = self.add_weight(shape=(time, 1), initializer="zeros", name="b")

    def call(self, x):
        scores = ops.tanh(ops.matmul(x, self.W) + self.b)
        weights = ops.softmax(scores, axis=1)
        return ops.sum(weights * x, axis=1)
'''


def probe_layer(make, x, W, b, target, rate):
    """In the answer's process: what two such layers compute, and what another learns."""
    import contextlib

    import keras
    import numpy as np

    x, target = x.astype("float32"), target.astype("float32")
    if isinstance(make, keras.layers.Layer):
        return {"made": True}
    one, other, third = make(), make(), make()
    if not isinstance(one, keras.layers.Layer):
        return one
    if one.weights:
        return {"early": True}
    output, _ = one(x), other(x)
    if output is None:
        return None
    if isinstance(output, tuple | list):
        return {"returned": True}
    seen = {
        "shapes": [list(weight.shape) for weight in one.weights],
        "frozen": len(one.weights) - len(one.trainable_weights),
        "constraint": any(weight.constraint is not None for weight in one.weights),
        "added": len(one.losses),
        "shared": any(weight is w for weight in one.weights for w in other.weights),
        "fresh": one.get_weights(),
    }
    if sorted(seen["shapes"]) != sorted([[*W.shape], [*b.shape]]) or seen["frozen"]:
        return seen
    # Which weight is W is told by its shape where time and features have different lengths.
    third(np.zeros((1, len(W) + 1, len(W)), "float32"))
    bias_first = third.weights[0].shape != W.shape

    def give(layer, W, b):
        layer.set_weights([b, W] if bias_first else [W, b])

    give(one, W, b)
    give(other, -0.5 * W, -0.5 * b)
    seen |= {"output": one(x), "other": other(x), "again": one(x)}
    if not rate or tuple(seen["output"].shape) != target.shape:
        return seen
    learner, inputs = make(), keras.Input(x.shape[1:])
    before = keras.layers.Dense(x.shape[-1], use_bias=False, kernel_initializer="identity")
    context = learner(before(inputs))
    own = type(learner).compute_output_shape is not keras.layers.Layer.compute_output_shape
    if own and context.shape[1:] != target.shape[1:]:
        return seen | {"announced": True}
    model = keras.Model(inputs, keras.layers.Reshape(target.shape[1:])(context))
    give(learner, W, b)
    model.compile(keras.optimizers.SGD(rate), "mse")
    novice = make()
    alone = keras.Sequential([keras.Input(x.shape[1:]), novice])
    alone.compile("sgd", "mse", run_eagerly=True)
    fresh = novice.get_weights()
    with contextlib.suppress(ValueError):  # no gradient reaches any weight
        alone.train_on_batch(x, target)
    try:
        seen["loss"] = model.train_on_batch(x, target)
    except ValueError:
        seen["loss"] = model.test_on_batch(x, target)
    seen["still"] = len(b) > 1 and all(map(np.array_equal, fresh, novice.get_weights()))
    trained = learner.get_weights()[:: -1 if bias_first else 1]
    seen |= {"trained": np.concatenate(trained), "before": before.kernel}
    return seen | {"predicted": model.predict_on_batch(np.concatenate([x, x[:1]]))}


def _layer_case(draw: Draw) -> tuple:
    batch, steps, features = draw.size(1, 40), draw.length(), draw.size()
    x = draw.numbers(batch, steps, features, large=1e5)
    W, b = draw.numbers(features, 1, large=10), draw.numbers(steps, 1, large=10)
    W = W * min(1, 300 / max(np.abs(x).max(), 1))  # as much as single precision adds up rightly
    # Training takes time, and on large numbers 1 - tanh² is lost in single precision.
    rate = 0.5 if draw.kind in ("plain", "strided") else 0.0
    return x, W, b, draw.random.normal(size=(batch, features)), rate


def _layer(
    x: np.ndarray,
    W: np.ndarray,
    b: np.ndarray,
    target: np.ndarray,
    rate: float,
    **mistake: Callable,
) -> dict[str, np.ndarray]:
    """The same in NumPy: outputs, and a step of gradient descent on the squared error."""

    def context(W: np.ndarray, b: np.ndarray, before: np.ndarray, x: np.ndarray = x) -> np.ndarray:
        return _attend(x @ before, W, b, **mistake)[0]

    def loss(weights: list[np.ndarray]) -> Any:
        return ((context(*weights) - target) ** 2).mean()

    weights = [W, b, np.eye(len(W))]
    output, other = context(*weights), context(-0.5 * W, -0.5 * b, weights[2])
    seen = {"output": output, "other": other, "again": output}
    if not rate or output.shape != target.shape:
        return seen
    after = [w - rate * g for w, g in zip(weights, _gradient(loss, weights), strict=True)]
    seen |= {"loss": loss(weights), "trained": np.concatenate(after[:2]), "before": after[2]}
    return seen | {"predicted": context(*after, np.concatenate([x, x[:1]]))}


def _explain_layer(case: tuple, seen: dict, wrong: bool) -> tuple[dict, dict]:
    """What a layer is made of, and what keeps it from learning."""
    x, W, b, *_ = case
    shapes = seen.get("shapes", [])
    unlike = {
        "made": "made" in seen,
        "early": "early" in seen,
        "weights_returned": "returned" in seen,
        "no_weights": not shapes,
        "other_weights": sorted(shapes) != sorted([[*W.shape], [*b.shape]]),
        "frozen": seen.get("frozen"),
        "constraint": seen.get("constraint"),
        "added": seen.get("added"),
        "shared": seen.get("shared"),
        "announced": "announced" in seen,
        "far": not all(np.abs(one).max() <= MOST_AT_FIRST for one in seen.get("fresh", [])),
        "still": not wrong and seen.get("still"),
        "changing": wrong
        and seen.keys() >= {"output", "again"}
        and not np.array_equal(seen["output"], seen["again"], equal_nan=True),
    }
    values = {"first": W.shape, "second": b.shape, "input": x.shape, "count": len(shapes)}
    return unlike, values | {"shapes": ", ".join(str(tuple(shape)) for shape in shapes)}


IN_KERAS = {"takes": 1, "imports": ("keras",), "seconds": 120.0, "count": 100, "single": True}
TEXTS = texts("fibonacci")
EXERCISES = {
    exercise.name: exercise
    for exercise in (
        Exercise(
            **TEXTS["06.why"],
            solve=look_back,
            case=_window,
            view=_continued,
            demands=_one_scale,
            mistakes=WHY_MISTAKES,
        ),
        Exercise(
            **TEXTS["06.rnn"],
            answer="build_rnn",
            text=source(build_rnn),
            solve=_rnn,
            case=_rnn_case,
            probe=probe_model,
            demands=_demands(_explain_model),
            **IN_KERAS,
        ),
        Exercise(
            **TEXTS["06.attention"],
            solve=time_attention,
            case=_attention_case,
            view=_flat_weights,
            mistakes={key: partial(_attend, **how) for key, how in MISTAKES.items()},
        ),
        Exercise(
            **TEXTS["06.layer"],
            answer="AttentionLayer",
            text=LAYER,
            wants="class",
            solve=_layer,
            case=_layer_case,
            probe=probe_layer,
            demands=_demands(_explain_layer),
            mistakes={key: partial(_layer, **how) for key, how in MISTAKES.items()},
            **IN_KERAS,
        ),
    )
}
