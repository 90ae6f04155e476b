"""Exercises of chapter 6: the three questions of the Fibonacci task.

``06.why`` asks for the rule as weights over time, ``06.rnn`` for the recurrent network,
``06.attention`` for the attention step in NumPy and ``06.layer`` for the same as a Keras layer.
"""

from __future__ import annotations

import inspect
from typing import Any

import numpy as np

from attention_course.exercises._harness import (
    Exercise,
    as_array,
    as_outputs,
    call,
    close,
    describe,
    fail,
    kind_of,
    source,
)

GOLDEN = (1 + 5**0.5) / 2


# --- question 1: the rule as weights over time ------------------------------------------------


def look_back(window):
    """Attention weights over the window and a scale: scale * sum(weights * window) is next."""
    weights = np.zeros(len(window))
    weights[-2:] = 0.5
    return weights, 2.0


def check_why(answer: Any) -> None:
    """Weights over time and a scale that continue every sequence with Fibonacci's rule."""
    # Few steps and any two first numbers: there the ratio of neighbours is not yet golden.
    for steps, seed in ((20, 0), (3, 1), (4, 2), (8, 3), (5, 4)):
        window, target = _additive_sequence(steps, seed)
        parts = as_outputs(call(answer, window), ("weights", "scale"))
        weights = as_array(parts[0], (steps,), f"the array of weights for {steps} values")
        scale = float(as_array(parts[1], (), "the scale"))
        _attention_weights(weights)
        prediction = scale * float(weights @ window)
        if abs(prediction - target) > 1e-6 * max(1.0, np.abs(window).max()):
            _wrong_rule(weights, scale, window, target)


def _additive_sequence(steps: int, seed: int) -> tuple[np.ndarray, float]:
    values = list(np.random.default_rng(seed).uniform(-3, 3, size=2))
    while len(values) < steps + 1:
        values.append(values[-1] + values[-2])
    return np.array(values[:-1]), float(values[-1])


def _attention_weights(weights: np.ndarray) -> None:
    if (weights < -1e-9).any():
        fail("A weight is negative; attention weights never are, so the sign has to come later.")
    if abs(weights.sum() - 1) > 1e-6:
        fail(
            f"The weights sum to {weights.sum():.4g}; attention weights sum to 1, "
            "and any factor left over belongs into the scale."
        )


def _wrong_rule(weights: np.ndarray, scale: float, window: np.ndarray, target: float) -> None:
    steps = len(window)
    mean = float(weights @ window)
    if np.allclose(weights, 1 / steps):
        fail("All weights are equal; the rule singles out two places of the window.")
    if np.isclose(weights[:2].sum(), 1) and steps > 2:
        fail("The weight lies on the first values; the newest values are at the end of the window.")
    if np.isclose(weights[-1], 1) and abs(scale - GOLDEN) < 0.01:
        fail(
            "The last value times the golden ratio holds only after many steps; "
            f"{steps} values that begin with any two numbers are continued wrongly."
        )
    if np.isclose(weights.max(), 1):
        fail("All the weight lies on one value; the rule adds two of them.")
    if np.isclose(2 * scale * mean, target):
        fail("The prediction is half of what it should be: a mean is not yet a sum.")
    fail(
        f"With {steps} values the weighted sum times the scale does not give the next number "
        "of a sequence in which each number is the sum of the two before it."
    )


# --- question 2: the recurrent network --------------------------------------------------------


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


def check_rnn(answer: Any) -> None:
    """Shapes, the 11 parameters, what the network computes, loss and optimiser."""
    import keras

    for steps in (20, 7):
        model = call(answer, steps)
        if not isinstance(model, keras.Model):
            fail(f"Return a keras.Model; your function returns a {kind_of(model)}.")
        _check_shapes(model, steps)
        _check_layers(model)
        _check_what_it_computes(model, steps)
        _check_compiled(model)


def _check_shapes(model: Any, steps: int) -> None:
    shapes = getattr(model, "input_shape", None), getattr(model, "output_shape", None)
    if not all(isinstance(shape, tuple) for shape in shapes):
        fail("The model should have one input and one output, declared by an Input layer.")
    if shapes[0] not in ((None, steps, 1), (None, None, 1)):
        fail(
            f"Asked for {steps} time steps, your model takes inputs of shape {shapes[0]}; "
            f"each window has the shape ({steps}, 1)."
        )
    if len(shapes[1]) == 3:
        fail(
            f"The output has the shape {shapes[1]}: it still has a time axis, so the recurrent "
            "layer must not return its sequences here."
        )
    if shapes[1] != (None, 1):
        fail(
            f"The output has the shape {shapes[1]}; one number per window has the shape (None, 1)."
        )


def _check_layers(model: Any) -> None:
    shapes = [tuple(weight.shape) for weight in model.weights]
    total = sum(int(np.prod(shape)) for shape in shapes)
    for name, gates in (("an LSTM", 4), ("a GRU", 3)):
        if any(len(shape) == 2 and shape[1] == gates * shape[0] > gates for shape in shapes):
            fail(f"Your recurrent layer is {name}; the question asks for a SimpleRNN.")
    if not any(len(shape) == 2 and shape[0] == shape[1] > 1 for shape in shapes):
        fail("There is no recurrent layer in your model: no weight leads from state to state.")
    if shapes == [(1, 2), (2, 2), (2,), (2, 1), (1,)]:
        return
    units = shapes[0][-1]
    if units != 2:
        fail(f"Your recurrent layer has {units} units instead of 2.")
    fail(
        f"Your model has {total} parameters; SimpleRNN(2) and Dense(1) together have "
        "2·(1 + 2 + 1) + (2 + 1) = 11."
    )


def _check_what_it_computes(model: Any, steps: int) -> None:
    rng = np.random.default_rng(steps)
    kept = model.get_weights()
    weights = [rng.uniform(-0.7, 0.7, size=weight.shape) for weight in kept]
    inputs = rng.uniform(-1, 1, size=(6, steps, 1))
    model.set_weights(weights)
    try:
        output = np.asarray(model(inputs.astype("float32"))).astype(float)
    finally:
        model.set_weights(kept)
    if np.isnan(output).any():
        fail("With finite weights and inputs your model gives NaN.")
    if close(output, _forward(inputs, weights, np.tanh, np.tanh), 1e-4):
        return
    others = {"no activation": lambda z: z, "relu": lambda z: np.maximum(z, 0), "sigmoid": _sigmoid}
    for name, other in others.items():
        if close(output, _forward(inputs, weights, np.tanh, other), 1e-4):
            fail(f"The dense layer uses {name}; the question asks for tanh.")
        if close(output, _forward(inputs, weights, other, np.tanh), 1e-4):
            fail(f"The recurrent layer uses {name}; the question asks for tanh.")
    if close(output, _forward(inputs[:, ::-1], weights, np.tanh, np.tanh), 1e-4):
        fail("Your network reads the window backwards, from the newest value to the oldest.")
    fail("With the same weights your model computes something else than tanh(W·h_T + b).")


def _forward(inputs: np.ndarray, weights: list[np.ndarray], recurrent: Any, dense: Any) -> Any:
    kernel, loop, bias, out, shift = weights
    state = np.zeros((len(inputs), 2))
    for step in range(inputs.shape[1]):
        state = recurrent(inputs[:, step] @ kernel + state @ loop + bias)
    return dense(state @ out + shift)


def _sigmoid(z: np.ndarray) -> np.ndarray:
    return 1 / (1 + np.exp(-z))


def _check_compiled(model: Any) -> None:
    import keras

    if not getattr(model, "compiled", False):
        fail("Your model is not compiled: end with model.compile(optimizer=…, loss=…).")
    if type(model.optimizer) is not keras.optimizers.Adam:
        name = type(model.optimizer).__name__
        fail(f"Your model is compiled with the optimiser {name}; the question asks for adam.")
    truth = np.array([[0.0], [1.0], [0.5]], dtype="float32")
    guess = np.array([[0.5], [0.25], [0.5]], dtype="float32")
    loss = float(model.compute_loss(y=truth, y_pred=guess))
    if not np.isclose(loss, np.mean((truth - guess) ** 2), atol=1e-6):
        fail("The loss you compile with is not the mean squared error.")


# --- question 3: attention over time ----------------------------------------------------------


def time_attention(x, W, b):
    """Attention over time: x (batch, time, features) -> context (batch, features), weights."""
    scores = np.tanh(x @ W + b)[..., 0]
    powers = np.exp(scores)
    weights = powers / powers.sum(axis=1, keepdims=True)
    context = (weights[..., np.newaxis] * x).sum(axis=1)
    return context, weights


def check_attention(answer: Any) -> None:
    """Shapes, weights that sum to one over time, a numeric example, a shifted input."""
    for seed in (0, 1, 2):
        x, W, b = _example(seed)
        batch, steps, features = x.shape
        context, weights = as_outputs(call(answer, x, W, b), ("context", "weights"))
        _no_time_axis(context, batch, steps, features)
        weights = as_array(weights, None, "the array of weights")
        if weights.shape == (batch, steps, 1):
            weights = weights[..., 0]
        weights = as_array(weights, (batch, steps), "the array of weights")
        _check_weights(weights, x, W, b)
        context = as_array(context, (batch, features), "the context")
        _check_context(context, weights, x)


def _example(seed: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    rng = np.random.default_rng(seed)
    batch, steps, features = ((4, 6, 3), (6, 3, 2), (3, 7, 5))[seed]
    x = rng.normal(size=(batch, steps, features))
    return x, rng.normal(size=(features, 1)), rng.normal(size=(steps, 1))


def _no_time_axis(context: Any, batch: int, steps: int, features: int) -> None:
    if np.shape(context) == (batch, steps, features):
        fail(
            f"The context has shape {(batch, steps, features)}: the time axis is still there, "
            "so the weighted vectors have not been summed over time."
        )
    if np.shape(context) == (batch, 1, features):
        fail("The context keeps a time axis of length 1: sum over it without keepdims.")


def _check_weights(weights: np.ndarray, x: np.ndarray, W: np.ndarray, b: np.ndarray) -> None:
    if close(weights, time_attention(x, W, b)[1]):
        return
    steps = x.shape[1]
    raw = (x @ W + b)[..., 0]
    if (weights < 0).any():
        fail("Some weights are negative: the softmax is missing or comes too early.")
    if np.allclose(weights, 1):
        fail("Every weight is 1: the softmax runs over an axis of length 1, not over time.")
    if not np.allclose(weights.sum(axis=1), 1):
        if np.allclose(weights.sum(axis=0), 1):
            fail("The weights sum to one over the batch: the softmax runs over the wrong axis.")
        if np.isclose(weights.sum(), 1):
            fail("All weights of the batch together sum to one: give softmax an axis.")
        if close(weights, np.exp(np.tanh(raw))):
            fail("The exponentials are there, but they are not divided by their sum over time.")
        fail("The weights of one window do not sum to one over time.")
    if np.isin(weights, (0.0, 1.0)).all():
        fail(
            "Each window has a single weight of 1: that is a hard argmax, through which no "
            "gradient flows; softmax spreads the weight."
        )
    if np.allclose(weights, 1 / steps):
        fail("All weights are equal, whatever the input: the scores do not reach the softmax.")
    others = {
        "The scores lack the tanh around x W + b.": raw,
        "The scores lack the bias b.": np.tanh((x @ W)[..., 0]),
        "The bias is outside the tanh; E = tanh(x W + b) has it inside.": np.tanh((x @ W)[..., 0])
        + b[:, 0],
        "One bias serves all time steps; b has one entry for each step.": np.tanh(
            (x @ W)[..., 0] + b[0, 0]
        ),
        "The bias is used in reversed order of time.": np.tanh((x @ W)[..., 0] + b[::-1, 0]),
        "The scores use a sigmoid; the formula asks for tanh.": _sigmoid(raw),
        "The scores use relu; the formula asks for tanh.": np.maximum(raw, 0),
        "The sign of the scores is turned round.": -np.tanh(raw),
    }
    for sentence, scores in others.items():
        if close(weights, _softmax(scores)):
            fail(sentence)
    powers = np.exp(np.tanh(raw))
    if close(weights, powers**2 / (powers**2).sum(axis=1, keepdims=True)):
        fail("The scores are multiplied by two before the softmax.")
    fail("The weights sum to one over time, but they are not softmax(tanh(x W + b)).")


def _softmax(scores: np.ndarray) -> np.ndarray:
    powers = np.exp(scores - scores.max(axis=1, keepdims=True))
    return powers / powers.sum(axis=1, keepdims=True)


def _check_context(context: np.ndarray, weights: np.ndarray, x: np.ndarray) -> None:
    weighted = weights[..., np.newaxis] * x
    right = weighted.sum(axis=1)
    if close(context, right):
        return
    others = {
        "The context is a mean over time; the weights sum to one already, so add.": weighted.mean(
            axis=1
        ),
        "The context is the plain sum of the inputs: the weights are not used.": x.sum(axis=1),
        "The context is the plain mean of the inputs: the weights are not used.": x.mean(axis=1),
        "The context is only the last weighted vector; add all of them.": weighted[:, -1],
        "The context is the input with the largest weight: a hard choice, not a weighted sum.": x[
            np.arange(len(x)), weights.argmax(axis=1)
        ],
        "The weights meet the inputs in reversed order of time.": (
            weights[:, ::-1, np.newaxis] * x
        ).sum(axis=1),
    }
    for sentence, other in others.items():
        if close(context, other):
            fail(sentence)
    fail("The weights are right, but the context is not the sum of weight times input over time.")


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


def check_layer(answer: Any) -> None:
    """A trainable Keras layer with W and b that computes what `06.attention` asks for."""
    import keras

    if isinstance(answer, keras.layers.Layer):
        fail("Pass the class itself, not a layer made from it: each check builds a fresh one.")
    for seed in (0, 1):
        x, W, b = _example(seed)
        layer = _fresh_layer(answer)
        inputs = x.astype("float32")
        output = _apply(layer, inputs)
        if isinstance(output, tuple | list):
            fail("Return the context alone; the next layer has no use for the weights.")
        _check_parameters(layer, x.shape)
        _set_weights(layer, W, b)
        _check_layer_output(_apply(layer, inputs), x, W, b)
    _check_whole_model(answer)


def _fresh_layer(answer: Any) -> Any:
    import keras

    if inspect.isclass(answer) and not issubclass(answer, keras.layers.Layer):
        fail(f"Your class {answer.__name__} does not inherit from keras.layers.Layer.")
    layer = call((lambda: answer()) if inspect.isclass(answer) else answer)
    if not isinstance(layer, keras.layers.Layer):
        fail(f"Pass a class that inherits from keras.layers.Layer, not a {kind_of(layer)}.")
    return layer


def _apply(layer: Any, inputs: np.ndarray) -> Any:
    try:
        return layer(inputs)
    except Exception as problem:
        fail(
            f"Applied to an input of shape {inputs.shape}, your layer stops with "
            f"{describe(problem)}."
        )


def _check_parameters(layer: Any, shape: tuple[int, int, int]) -> None:
    _, steps, features = shape
    shapes = sorted(tuple(weight.shape) for weight in layer.weights)
    if not shapes:
        fail("Your layer has no weights: create W and b with self.add_weight in build.")
    if len(layer.trainable_weights) < len(shapes):
        fail("A weight of your layer is not trainable, so training would leave it as it is.")
    if len(shapes) != 2:
        fail(f"Your layer has {len(shapes)} weights; it should have two, W and b.")
    if (features, 1) not in shapes:
        fail(
            f"For {features} features no weight has the shape ({features}, 1) of W; "
            f"the shapes are {shapes[0]} and {shapes[1]}."
        )
    shapes.remove((features, 1))
    if shapes[0] != (steps, 1):
        fail(
            f"The bias has shape {shapes[0]}; one entry for each of {steps} time steps "
            f"means ({steps}, 1)."
        )


def _set_weights(layer: Any, W: np.ndarray, b: np.ndarray) -> None:
    for weight in layer.weights:
        weight.assign(W if tuple(weight.shape) == W.shape else b)


def _check_layer_output(output: Any, x: np.ndarray, W: np.ndarray, b: np.ndarray) -> None:
    batch, steps, features = x.shape
    output = as_array(output, None, "the layer's output")
    _no_time_axis(output, batch, steps, features)
    output = as_array(output, (batch, features), "the layer's output")
    if close(output, time_attention(x, W, b)[0], 1e-4):
        return
    raw = (x @ W + b)[..., 0]
    scores = np.tanh(raw)
    hard = np.eye(steps)[scores.argmax(axis=1)]
    others = {
        "The output is the plain sum of the inputs: the softmax runs over an axis of length 1.": (
            np.ones_like(scores)
        ),
        "The output is the plain mean of the inputs: every weight is the same.": (
            np.full_like(scores, 1 / steps)
        ),
        "The softmax runs over the batch: the answer to one window depends on the others.": (
            _softmax(scores.T).T
        ),
        "The layer picks the largest score (a hard argmax) and lets no gradient through.": hard,
        "The layer leaves out the tanh around x W + b.": _softmax(raw),
        "The layer leaves out the bias b.": _softmax(np.tanh((x @ W)[..., 0])),
        "The layer leaves out the softmax: scores themselves multiply the input.": scores,
        "The layer takes the mean over time where the sum is meant.": _softmax(scores) / steps,
        "The layer uses a sigmoid for the scores, where tanh is meant.": _softmax(_sigmoid(raw)),
    }
    for sentence, weights in others.items():
        if close(output, np.einsum("bt,btf->bf", weights, x), 1e-4):
            fail(sentence)
    fail("The output is not the sum over time of softmax(tanh(x W + b)) times the input.")


def _check_whole_model(answer: Any) -> None:
    import keras

    inputs = keras.layers.Input((20, 1))
    states = keras.layers.SimpleRNN(2, return_sequences=True)(inputs)
    output = keras.layers.Dense(1)(_fresh_layer(answer)(states))
    total = keras.Model(inputs, output).count_params()
    if total != 33:
        fail(f"The whole model has {total} parameters instead of 8 + 22 + 3 = 33.")


EXERCISES = {
    exercise.name: exercise
    for exercise in (
        Exercise(
            name="06.why",
            question=(
                "Write look_back(window): return attention weights over the window (one for each "
                "value, not negative, summing to 1) and one number, the scale, so that "
                "scale * sum(weights * window) is the next number. It must hold for any sequence "
                "in which each number is the sum of the two before it, and for any window of at "
                "least three values."
            ),
            answer="look_back",
            check=check_why,
            hints=(
                "Which values of the window does the rule use? Are they the same places each time?",
                "Attention weights make a weighted mean. How do you get from the mean of two "
                "numbers to their sum?",
                "Put one half on each of the last two places and 0 elsewhere; the scale is 2.",
            ),
            solution=source(look_back),
            praise=(
                "Two places, always the same, and a factor: weights over time can hold this rule."
            ),
        ),
        Exercise(
            name="06.rnn",
            question=(
                "Write build_rnn(time_steps): return a compiled model with SimpleRNN(2, tanh) and "
                "Dense(1, tanh) for windows of shape (time_steps, 1), with mean squared error and "
                "adam."
            ),
            answer="build_rnn",
            check=check_rnn,
            hints=(
                "Three layers: an Input with the shape of one window, the recurrent one, the dense "
                "one.",
                "SimpleRNN returns its last state unless you ask for sequences. Both activations "
                'are given as activation="tanh".',
                "keras.Sequential([Input((time_steps, 1)), SimpleRNN(2, …), Dense(1, …)]), then "
                "compile(optimizer=…, loss=…), then return the model.",
            ),
            solution=source(build_rnn),
            praise="11 parameters, tanh twice, mean squared error, adam.",
            seconds=60.0,
            needs=("keras",),
        ),
        Exercise(
            name="06.attention",
            question=(
                "Write time_attention(x, W, b) in NumPy for x (batch, time, features), "
                "W (features, 1), b (time, 1): scores E = tanh(x W + b), weights = softmax of E "
                "over time, context = sum over time of weights times x. Return context "
                "(batch, features) and weights (batch, time)."
            ),
            answer="time_attention",
            check=check_attention,
            hints=(
                "Write the shape of every step beside it: x @ W is (batch, time, 1).",
                "Which axis is time? The exponentials are divided by their sum over that axis, "
                "kept as an axis of length 1.",
                "weights[..., np.newaxis] * x has the shape (batch, time, features); sum it over "
                "axis 1.",
            ),
            solution=source(time_attention),
            praise="The weights sum to one over time and the context is their weighted sum.",
        ),
        Exercise(
            name="06.layer",
            question=(
                "Write the same as a Keras layer: class AttentionLayer with the weights W "
                "(features, 1) and b (time, 1), created in build, and call(x) that returns the "
                "context (batch, features)."
            ),
            answer="AttentionLayer",
            check=check_layer,
            hints=(
                "build(self, input_shape) knows the lengths: input_shape is (batch, time, "
                "features).",
                'self.add_weight(shape=(features, 1), name="W") makes a trainable weight; b has '
                "one entry for each time step.",
                "call(self, x) is your NumPy function with keras.ops in place of np: ops.tanh, "
                "ops.matmul, ops.softmax(…, axis=1), ops.sum(…, axis=1).",
            ),
            solution=LAYER,
            praise="W and b are trained, and the whole model has 8 + 22 + 3 = 33 parameters.",
            seconds=60.0,
            needs=("keras",),
        ),
    )
}
