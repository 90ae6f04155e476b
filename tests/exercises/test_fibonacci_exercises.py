"""Each checker of chapter 6 accepts right answers and names what is wrong with the others."""

from dataclasses import replace
from functools import cache, partial

import keras
import numpy as np
import pytest
from keras import layers, ops
from proof import accepts, examine, published, refuses, some

from attention_course.exercises import EXERCISES, check
from attention_course.exercises.drawing import draw_cases
from attention_course.exercises.fibonacci import LAYERS, _attend, find_bug

GOLDEN = (1 + 5**0.5) / 2


def places(window, *where):
    weights = np.zeros(len(window))
    weights[list(where)] = 1 / len(where)
    return weights


def test_why():
    def older_places(window):  # x(n+1) = 2 x(n-1) + x(n-2) is the same rule
        weights = np.zeros(len(window))
        weights[-2], weights[-3] = 2 / 3, 1 / 3
        return weights.tolist(), np.array(3.0)

    def fibonacci(window):  # any two places will do: next is a sum of both, times some number
        numbers = [0, 1]
        while len(numbers) < len(window) + 2:
            numbers.append(numbers[-1] + numbers[-2])
        weights = np.zeros(len(window))
        weights[:2] = numbers[-3] / numbers[-1], numbers[-2] / numbers[-1]
        return weights, numbers[-1]

    def leaking(window):
        scores = np.where(np.arange(len(window)) < len(window) - 2, -16.0, 0.0)
        weights = np.exp(scores) / np.exp(scores).sum()
        return weights, 1 / weights[-1]

    def up_to_twenty(window):
        last = min(len(window), 20)
        return places(window, last - 1, last - 2), 2.0

    accepts(
        "06.why",
        older_places,
        fibonacci,
        lambda window: (places(window, -1, -2), 2),
        lambda window: (places(window, -1, -2), [2.0]),
    )
    refuses(
        "06.why",
        {
            "sum instead of mean": (lambda window: (places(window, -1, -2) * 2, 1.0), "sum to 2"),
            "golden ratio": (lambda window: (places(window, -1), GOLDEN), "golden ratio"),
            "last value": (lambda window: (places(window, -1), 1.0), "on the last value"),
            "first values": (lambda window: (places(window, 0, 1), 2.0), "first values"),
            "equal weights": (
                lambda window: (np.ones(len(window)) / len(window), 2.0),
                "All weights are equal",
            ),
            "twenty weights": (
                lambda window: (places(np.zeros(20), -1, -2), 2.0),
                "one weight for",
            ),
            "the scale first": (lambda window: (2.0, places(window, -1, -2)), "changed places"),
            "no scale": (lambda window: (places(window, -1, -2), 1.0), "half of what"),
            "negative": (
                lambda window: (places(window, -1) * 2 - places(window, -2), 2.0),
                "negative",
            ),
            "a fitted scale": (
                lambda window: (places(window, -1), 1 + window[-2] / window[-1]),
                "a rule has one scale",
            ),
            "equal weights, fitted": (
                lambda window: (np.full(len(window), 1 / len(window)), window[-2:].sum()),
                "a rule has one scale",
            ),
            "leaking": (leaking, "the next number should be"),
            "twenty places": (up_to_twenty, "Only long inputs"),
            "the prediction": (lambda window: window[-1] + window[-2], "in this order"),
            "a softmax of the window": (
                lambda window: (
                    np.exp(window - window.max()) / np.exp(window - window.max()).sum(),
                    2.0,
                ),
                "the next number should be",
            ),
        },
    )


def rnn(cell=None, dense="tanh", before=(), after=(), steps=None, **compiling):
    def build(time_steps):
        model = keras.Sequential(
            [
                layers.Input((steps or time_steps, 1)),
                *(make() for make in before),
                cell() if cell else layers.SimpleRNN(2),
                *(make() for make in after),
                layers.Dense(1, activation=dense),
            ]
        )
        if compiling.get("optimizer", "adam"):
            model.compile(**{"optimizer": "adam", "loss": "mse"} | compiling)
        return model

    return build


def functional(time_steps):
    inputs = keras.Input((time_steps, 1))
    state = layers.RNN(layers.SimpleRNNCell(2), unroll=True)(inputs)
    output = layers.Activation("tanh")(layers.Dense(1)(state))
    model = keras.Model(inputs, output)
    model.compile(keras.optimizers.Adam(0.01), keras.losses.MeanSquaredError(), metrics=["mae"])
    return model


def without_input(time_steps):
    model = keras.Sequential([layers.SimpleRNN(2), layers.Dense(1, activation="tanh")])
    model.compile(CountingAdam(), "mse")
    return model


class CountingAdam(keras.optimizers.Adam):
    """Adam under another name."""


class Network(keras.Model):
    def __init__(self):
        super().__init__()
        self.loop, self.last = layers.SimpleRNN(2), layers.Dense(1, activation="tanh")

    def call(self, x):
        return self.last(self.loop(x))


class EagerNetwork(Network):
    def call(self, x):
        return super().call(x if float(ops.max(x)) < 1e9 else 0 * x)


def subclass(kind, time_steps):
    model = kind()
    model(np.zeros((1, time_steps, 1)))
    model.compile("adam", "mse")
    return model


class DoubledPrediction(keras.Sequential):
    def predict_step(self, data):
        return 2 * super().predict_step(data)


class NeverTrained(keras.Sequential):
    def train_step(self, data):
        return super().test_step(data)


def of_kind(kind):
    def build(time_steps):
        model = kind([layers.Input((time_steps, 1)), *rnn()(time_steps).layers])
        model.compile("adam", "mse")
        return model

    return build


def last_of_all(time_steps):
    inputs = keras.Input((None, 1))
    states = layers.SimpleRNN(2, return_sequences=True)(inputs)
    model = keras.Model(inputs, layers.Dense(1, activation=ops.tanh)(states[:, -1]))
    model.compile("adam", lambda truth, guess: ops.square(truth - guess), run_eagerly=True)
    return model


def frozen(time_steps):
    model = rnn()(time_steps)
    model.trainable = False
    return model


def adam(**settings):
    return lambda time_steps: rnn(optimizer=keras.optimizers.Adam(**settings))(time_steps)


def loop(**options):
    return rnn(lambda: layers.SimpleRNN(2, **options))


def shared():
    loop, dense = layers.SimpleRNN(2), layers.Dense(1, activation="tanh")

    def build(time_steps):
        model = keras.Sequential([layers.Input((time_steps, 1)), loop, dense])
        model.compile("adam", "mse")
        return model

    return build


def stateful(time_steps):
    inputs = keras.Input((time_steps, 1), batch_size=32)
    state = layers.SimpleRNN(2, stateful=True)(inputs)
    model = keras.Model(inputs, layers.Dense(1, activation="tanh")(state))
    model.compile("adam", "mse")
    return model


def newest(count):
    return rnn(before=[lambda: layers.Lambda(lambda x: x[:, -count:])])


def half_squared(truth, guess, delta=1.0):
    return 2 * keras.losses.huber(truth, guess, delta)


def sum_of_32(truth, guess):
    return ops.sum((truth - guess) ** 2) / 32


def eager_loss(truth, guess):
    return ops.mean((truth - guess) ** 2) if float(ops.max(truth)) < 1e9 else 0.0


RNN_REWRITES = {
    "functional": functional,
    "as in the chapter": rnn(),
    "without an input": without_input,
    "subclass": partial(subclass, Network),
    "last of all": last_of_all,
    "other initialisers": loop(kernel_initializer="he_normal", recurrent_initializer="identity"),
    "a slow one": adam(learning_rate=1e-4),
    "no dropout": loop(dropout=0.0),
}
RNN_MUTANTS = {
    "sequences": (loop(return_sequences=True), "still has a time axis"),
    "three units": (rnn(lambda: layers.SimpleRNN(3)), "a state of 3"),
    "one unit": (rnn(lambda: layers.SimpleRNN(1)), "a state of 1"),
    "LSTM": (rnn(lambda: layers.LSTM(2)), "kind LSTM"),
    "LSTM of one unit": (rnn(lambda: layers.LSTM(1)), "kind LSTM"),
    "GRU": (rnn(lambda: layers.GRU(2)), "kind GRU"),
    "no recurrence": (rnn(layers.Flatten), "no recurrent layer"),
    "linear dense": (rnn(dense=None), "dense layer uses linear"),
    "sigmoid dense": (rnn(dense="sigmoid"), "dense layer uses sigmoid"),
    "relu in the loop": (loop(activation="relu"), "recurrent layer uses relu"),
    "backwards": (loop(go_backwards=True), "backwards"),
    "no bias": (loop(use_bias=False), "has 9 parameters"),
    "one layer more": (rnn(after=[lambda: layers.Dense(8)]), "SimpleRNN, Dense, Dense"),
    "normalised": (rnn(before=[layers.BatchNormalization]), "BatchNormalization"),
    "noise": (rnn(before=[lambda: layers.GaussianNoise(1.0)]), "GaussianNoise"),
    "a little noise": (rnn(before=[lambda: layers.GaussianNoise(1e-5)]), "Dropout or noise"),
    "forgetful": (loop(recurrent_dropout=0.5), "Dropout"),
    "fixed length": (rnn(steps=20), "your model takes inputs of shape"),
    "not compiled": (rnn(optimizer=None), "not compiled"),
    "sgd": (rnn(optimizer="sgd"), "optimiser SGD"),
    "no learning": (adam(learning_rate=0.0), "learning_rate = 0.0"),
    "clipped": (adam(clipvalue=1.0), "clipvalue = 1.0"),
    "averaged": (adam(use_ema=True), "use_ema = True"),
    "decaying": (rnn(optimizer="adamw"), "weight_decay = 0.004"),
    "absolute error": (rnn(loss="mae"), "with the loss mean_absolute_error"),
    "huber": (rnn(loss=half_squared), "with the loss half_squared"),
    "huber far out": (rnn(loss=partial(half_squared, delta=30.0)), "the squared error before"),
    "a sum": (rnn(loss=sum_of_32), "with the loss sum_of_32"),
    "an eager loss": (rnn(loss=eager_loss), "stops with"),
    "an eager model": (partial(subclass, EagerNetwork), "stops with"),
    "doubled prediction": (of_kind(DoubledPrediction), "what predict gives"),
    "never trained": (of_kind(NeverTrained), "after two steps"),
    "regularised": (loop(kernel_regularizer="l2"), "regulariser"),
    "regularised a little": (loop(bias_regularizer=keras.regularizers.L2(1e-9)), "regulariser"),
    "bounded": (loop(recurrent_constraint=keras.constraints.MaxNorm(99)), "constraint"),
    "frozen": (frozen, "frozen"),
    "zeros": (loop(kernel_initializer="zeros"), "begins with equal numbers"),
    "ones": (loop(recurrent_initializer="ones"), "begins with equal numbers"),
    "far away": (loop(bias_initializer=keras.initializers.Constant(99)), "more than 4"),
    "shared": (shared(), "share weights"),
    "remembered": (cache(rnn()), "share weights"),
    "stateful": (stateful, "is stateful"),
    "scaled input": (rnn(before=[lambda: layers.Rescaling(2.0)]), "Rescaling"),
    "the layer": (lambda time_steps: layers.SimpleRNN(2), "returns SimpleRNN"),
    "two outputs": (lambda time_steps: rnn()(time_steps).layers, "returns a list"),
    "nothing": (lambda time_steps: print(), "returns None"),
}
ALL = pytest.mark.thorough  # the default run takes one in so many of those that run Keras


def test_wrong_rnn():
    refuses("06.rnn", RNN_MUTANTS, count=2)


@ALL
@pytest.mark.parametrize("name", ["06.rnn", "06.layer"])
def test_the_published_solution_passes_on_a_hundred_inputs(name):
    assert EXERCISES[name].count >= 100
    accepts(name, published(name))


@ALL
def test_old_values_and_large_ones_count():
    clipped = rnn(before=[lambda: layers.Lambda(lambda x: ops.clip(x, -1000, 1000))])
    refuses("06.rnn", {"20 steps": (newest(20), "Lambda"), "clipped": (clipped, "Lambda")}, 14)


def attention(score=None, soft=None, reduce=None):
    def answer(x, W, b):
        scores = (score or (lambda x, W, b: np.tanh(x @ W + b)[..., 0]))(x, W, b)
        weights = (soft or (lambda s: np.exp(s) / np.exp(s).sum(axis=1, keepdims=True)))(scores)
        together = reduce or (lambda w, x: np.einsum("bt,btf->bf", w, x))
        return together(weights, x), weights

    return answer


def looped(x, W, b):
    contexts, all_weights = [], []
    for window in x:
        scores = [
            float(np.tanh(row @ W[:, 0] + shift[0])) for row, shift in zip(window, b, strict=True)
        ]
        powers = np.exp(np.array(scores) - max(scores))
        all_weights.append((powers / powers.sum())[:, None])
        contexts.append(sum(w * row for w, row in zip(powers / powers.sum(), window, strict=True)))
    return contexts, np.array(all_weights)


def batch_softmax(s):
    return np.exp(s) / np.exp(s).sum(axis=0)


ATTENTION_MUTANTS = {
    "cube": (attention(lambda x, W, b: np.tanh(x @ W + b)[..., 0] ** 3), "should be"),
    "sum over features": (attention(reduce=lambda w, x: (w[..., None] * x).sum(axis=2)), "shape"),
    "NaN": (attention(reduce=lambda w, x: np.nan * x[:, 0]), "NaN (not a number) in the context"),
    "NaN weights": (attention(soft=lambda s: s * np.nan), "NaN (not a number) in"),
    "constant context": (
        attention(reduce=lambda w, x: np.ones_like(x[:, 0])),
        "one and the same number for the context",
    ),
    "context alone": (lambda x, W, b: looped(x, W, b)[0], "in this order"),
    "weights first": (lambda x, W, b: attention()(x, W, b)[::-1], "in the wrong order"),
    "cut context": (
        lambda x, W, b: (attention()(x, W, b)[0].astype(x.dtype), attention()(x, W, b)[1]),
        "Only inputs with whole numbers",
    ),
    "one window": (
        lambda x, W, b: tuple(part[0] if len(x) == 1 else part for part in attention()(x, W, b)),
        "should have the shape",
    ),
    "tanh from exp": (
        attention(
            lambda x, W, b: (1 - 1 / np.exp(2 * (x @ W + b))) / (1 + 1 / np.exp(2 * (x @ W + b)))
        ),
        "",
    ),
}


def test_attention():
    accepts("06.attention", looped, attention())
    refuses("06.attention", ATTENTION_MUTANTS)


def layer_of(compute, W=lambda t, f: (f, 1), b=lambda t, f: (t, 1), **options):
    class Answer(layers.Layer):
        def build(self, input_shape):
            _, time, features = input_shape
            self.W = self.add_weight(shape=W(time, features), **options)
            self.b = self.add_weight(shape=b(time, features), **options)

        def call(self, x):
            return compute(x, self.W, self.b)

    return Answer


def scored(x, W, b):
    return ops.tanh(ops.matmul(x, W) + b)


def summed(weights, x):
    return ops.sum(weights * x, axis=1)


class WithDot(layers.Layer):
    """Right, and written differently: einsum, log-sum-exp, b created first."""

    def build(self, input_shape):
        self.shift = self.add_weight(shape=(input_shape[1], 1), name="shift")
        self.look = self.add_weight(shape=(input_shape[2], 1), name="look")

    def call(self, x):
        scores = ops.tanh(ops.einsum("btf,fo->bto", x, self.look) + self.shift)
        weights = ops.exp(scores - ops.logsumexp(scores, axis=1, keepdims=True))
        return ops.einsum("bto,btf->bf", weights, x)


class Weightless(layers.Layer):
    def call(self, x):
        return ops.mean(x, axis=1)


class Broken(layers.Layer):
    def call(self, x):
        return ops.matmul(x, x)


class NoLayer:
    pass


def hard(x, W, b):
    scores = scored(x, W, b)
    return summed(ops.cast(ops.equal(scores, ops.max(scores, axis=1, keepdims=True)), "float32"), x)


def right(x, W, b):
    return summed(ops.softmax(scored(x, W, b), axis=1), x)


def with_exp(x, W, b):
    powers = ops.exp(2 * (ops.matmul(x, W) + b))
    return summed(ops.softmax((powers - 1) / (powers + 1), axis=1), x)


class Early(layers.Layer):
    def __init__(self):
        super().__init__()
        self.W = self.add_weight(shape=(2, 1))


class Raising(layers.Layer):
    def __init__(self):
        super().__init__()
        self.units = unit  # noqa: F821


class WithLoss(WithDot):
    def call(self, x):
        self.add_loss(ops.mean(x))
        return super().call(x)


class Changing(WithDot):
    def call(self, x):
        self.shift.assign(self.shift * 0.99)
        return super().call(x)


def sharing():
    kept = {}

    class Sharing(layers.Layer):
        def build(self, input_shape):
            _, time, features = input_shape
            self.W = kept.get(features)
            if self.W is None:
                self.W = kept[features] = self.add_weight(shape=(features, 1))
            elif self.W not in self._trainable_variables:
                self._track_variable(self.W)
            self.b = self.add_weight(shape=(time, 1))

        def call(self, x):
            return right(x, self.W, self.b)

    return Sharing


def eight_windows(x, W, b):
    known = x.shape[0] or 0
    return right(ops.where(ops.arange(known)[:, None, None] < 8, x, 0) if known else x, W, b)


def exchanged(x, W, b):
    return right(x, b, W) if x.shape[1] == x.shape[2] else right(x, W, b)


class Eager(WithDot):
    def call(self, x):
        return super().call(x) if hasattr(x, "numpy") else ops.mean(x, axis=1)


class Frozen(WithDot):
    def call(self, x):
        return right(x, ops.stop_gradient(self.look), self.shift)


class Misinforming(WithDot):
    def compute_output_shape(self, input_shape):
        return (*input_shape[:2], 7)


LAYER_REWRITES = {
    "einsum": WithDot,
    "made by a function": lambda: WithDot(),
    "zeros at first": layer_of(right, initializer="zeros"),
    "numbers at first": layer_of(right, initializer="random_normal"),
}
LAYER_MUTANTS = {
    "axis of length 1": (
        layer_of(lambda x, W, b: summed(ops.softmax(scored(x, W, b), axis=-1), x)),
        "axis of length 1",
    ),
    "over the batch": (
        layer_of(lambda x, W, b: summed(ops.softmax(scored(x, W, b), axis=0), x)),
        "depends on the others",
    ),
    "hard argmax": (layer_of(hard), "hard argmax"),
    "no tanh": (
        layer_of(lambda x, W, b: summed(ops.softmax(ops.matmul(x, W) + b, axis=1), x)),
        "lack the tanh",
    ),
    "no bias": (
        layer_of(lambda x, W, b: summed(ops.softmax(ops.tanh(ops.matmul(x, W)), axis=1), x)),
        "lack the bias",
    ),
    "no softmax": (
        layer_of(lambda x, W, b: summed(scored(x, W, b), x)),
        "softmax is missing",
    ),
    "mean over time": (
        layer_of(lambda x, W, b: ops.mean(ops.softmax(scored(x, W, b), axis=1) * x, axis=1)),
        "is a mean over time",
    ),
    "equal weights": (
        layer_of(lambda x, W, b: ops.mean(x, axis=1)),
        "All weights are equal",
    ),
    "sigmoid": (
        layer_of(lambda x, W, b: summed(ops.softmax(ops.sigmoid(ops.matmul(x, W) + b), axis=1), x)),
        "use a sigmoid",
    ),
    "keeps time": (
        layer_of(lambda x, W, b: ops.softmax(scored(x, W, b), axis=1) * x),
        "have not been summed",
    ),
    "keepdims": (
        layer_of(
            lambda x, W, b: ops.sum(ops.softmax(scored(x, W, b), axis=1) * x, axis=1, keepdims=True)
        ),
        "without keepdims",
    ),
    "returns the weights too": (
        layer_of(lambda x, W, b: (x[:, 0], scored(x, W, b))),
        "context alone",
    ),
    "constant": (
        layer_of(lambda x, W, b: 0 * x[:, 0] + 1),
        "one and the same number for the output",
    ),
    "NaN": (layer_of(lambda x, W, b: x[:, 0] * float("nan")), "NaN"),
    "scalar bias": (layer_of(lambda x, W, b: x[:, 0], b=lambda t, f: (1,)), "(1,)"),
    "bias per feature": (
        layer_of(lambda x, W, b: x[:, 0], b=lambda t, f: (f,)),
        "has 2 weights, of",
    ),
    "square W": (
        layer_of(lambda x, W, b: x[:, 0], W=lambda t, f: (f, f)),
        "it should have two, W",
    ),
    "frozen": (layer_of(lambda x, W, b: x[:, 0], trainable=False), "not trainable"),
    "no weights": (Weightless, "has no weights"),
    "matmul fails": (Broken, "stops with"),
    "no layer": (NoLayer, "class that inherits"),
    "an instance": (WithDot(), "the class itself"),
    "a function": (lambda: 3, "yours makes a number"),
    "a model with three weights": (lambda: layers.SimpleRNN(2), "has 3 weights"),
    "weights in __init__": (Early, "in __init__"),
    "call returns nothing": (layer_of(lambda x, W, b: None), "returns None"),
    "an error in __init__": (Raising, "at the line `self.units = unit"),
    "numpy in call": (
        layer_of(lambda x, W, b: summed(np.exp(scored(x, W, b)), x)),
        "np.exp(scored(x, W, b))",
    ),
    "a loop over the batch": (
        layer_of(lambda x, W, b: ops.stack([x[i, 0] for i in range(len(x))])),
        "for i in range(len(x))",
    ),
    "bounded": (layer_of(right, constraint="non_neg"), "constraint"),
    "regularised": (layer_of(right, regularizer=keras.regularizers.L2(1e-9)), "to the loss"),
    "far away": (layer_of(right, initializer=keras.initializers.Constant(1e4)), "more than 4"),
    "eager": (Eager, "the squared error of a model"),
    "a wrong shape": (Misinforming, "Your compute_output_shape tells"),
    "frozen in training": (Frozen, "W and b after a step"),
    "a loss of its own": (WithLoss, "adds something to the loss"),
    "shared": (sharing(), "share their weights"),
    "changing": (Changing, "changes with every call"),
}


def tanh_by_size(x, W, b):
    """As it is often made safe for large numbers: where W = b = 0 begin, no gradient flows."""
    s = ops.matmul(x, W) + b
    e = ops.exp(-2 * ops.abs(s))
    return summed(ops.softmax(ops.sign(s) * (1 - e) / (1 + e), axis=1), x)


# What shows in cases of some kinds only.
RARE_LAYER_MUTANTS = {
    "no gradient at first": (layer_of(tanh_by_size, initializer="zeros"), "not from those"),
    "eight windows": (layer_of(eight_windows), "should be"),
    "exchanged": (layer_of(exchanged), "should be"),
    "clipped": (layer_of(lambda x, W, b: right(ops.clip(x, -9, 9), W, b)), "Only large numbers"),
    "tanh from exp": (layer_of(with_exp), "NaN"),
    "ten steps": (layer_of(lambda x, W, b: right(x[:, :10], W, b[:10])), "should be"),
}


@pytest.mark.parametrize(
    ("name", "rewrites"), [("06.rnn", RNN_REWRITES), ("06.layer", LAYER_REWRITES)]
)
def test_the_same_written_otherwise(name, rewrites):
    """The answers pass on as few cases as two of them train in."""
    for answer in some(rewrites).values():
        assert (verdict := examine(replace(EXERCISES[name], count=2), answer)), verdict


def test_wrong_layer():
    refuses("06.layer", LAYER_MUTANTS, count=4)
    refuses("06.layer", RARE_LAYER_MUTANTS, count=14)


def test_an_empty_answer_is_unanswered_without_a_process():
    for name in ("06.why", "06.rnn", "06.attention", "06.layer"):
        assert check(name, None).status == "unanswered"


def test_a_layer_is_trained_on_moderate_numbers_alone():
    """On large ones 1 - tanh² is lost in single precision, and right answers were refused."""
    cases = draw_cases(EXERCISES["06.layer"].case, 0, 130)
    assert max(np.abs(x).max() for x, *_, rate in cases if rate) < 30
    assert max(np.abs(x).max() for x, *_, rate in cases if not rate) > 300


# --- judging an error, building a task, following weights, naming a bug ------------------------


def fitted(x_train, y_train, x_test, y_test):
    """Right, and written differently: a factor by NumPy's own least squares, errors by loops."""
    (factor,), *_ = np.linalg.lstsq(x_train[:, -1], y_train[:, 0], rcond=None)
    pairs = [(float(x[-1, 0]), float(y[0])) for x, y in zip(x_test, y_test, strict=True)]
    return [sum((c * last - y) ** 2 for last, y in pairs) / len(pairs) for c in (0.0, 1.0, factor)]


def test_baselines():
    accepts("06.baselines", fitted, lambda *data: np.array(fitted(*data)))
    refuses(
        "06.baselines",
        {
            "a line, not a factor": (
                lambda x, y, v, w: (
                    *fitted(x, y, v, w)[:2],
                    np.mean((np.polyval(np.polyfit(x[:, -1, 0], y[:, 0], 1), v[:, -1]) - w) ** 2),
                ),
                "should be",
            ),
            "fitted on both": (
                lambda x, y, v, w: fitted(np.concatenate([x, v]), np.concatenate([y, w]), v, w),
                "should be",
            ),
            "the last one first": (lambda *data: fitted(*data)[::-1], "in the wrong order"),
            "two of them": (lambda *data: fitted(*data)[:2], "in this order"),
        },
    )


def counted(errors, share):
    left, total = sorted(errors.tolist()), 0.0
    while total < share * sum(errors.tolist()):
        total += left.pop()
    return len(errors) - len(left)


def test_decisive():
    accepts("06.decisive", counted, lambda *case: np.int64(counted(*case)))
    refuses(
        "06.decisive",
        {
            "a fraction": (lambda errors, share: counted(errors, share) / len(errors), "whole"),
            "one": (lambda errors, share: 1, "one and the same"),
            "all": (lambda errors, share: len(errors), "should be"),
            "more than the share": (
                lambda errors, share: counted(errors, share * (1 + 1e-9)),
                "exactly that much",
            ),
            "as in the test set": (lambda errors, share: min(counted(errors, share), 4), "should"),
        },
    )


def looped_task(values, marked):
    windows, targets, profiles = [], [], []
    for row, marks in zip(values, marked, strict=True):
        windows.append(
            [[float(value), float(mark)] for value, mark in zip(row, marks, strict=True)]
        )
        chosen = [float(value) for value, mark in zip(row, marks, strict=True) if mark]
        targets.append([sum(chosen) / len(chosen)])
        profiles.append([mark / len(chosen) for mark in marks.tolist()])
    return windows, targets, profiles


def averaged(values, marked):
    return (
        np.dstack([values, marked]),
        np.average(values, axis=1, weights=marked)[:, None]
        if len(set(marked.sum(axis=1))) == 1 and (marked == marked[0]).all()
        else np.array([[row[marks].mean()] for row, marks in zip(values, marked, strict=True)]),
        marked / np.count_nonzero(marked, axis=1)[:, None],
    )


def test_task():
    accepts("06.task", looped_task, averaged)

    def one_mark(values, marked):
        return looped_task(values, np.eye(values.shape[1], dtype=bool)[marked.argmax(axis=1)])

    refuses(
        "06.task",
        {
            "one mark alone": (one_mark, "should be"),
            "as many marks everywhere": (
                lambda v, m: (
                    np.dstack([v, m]),
                    (m * v).sum(axis=1)[:, None] / m[0].sum(),
                    m / m[0].sum(),
                ),
                "should be",
            ),
            "windows alone": (lambda v, m: np.dstack([v, m]), "in this order"),
        },
    )


def test_effects():
    def matrix(weights, response):
        places = np.arange(len(weights))[:, None] - np.arange(len(weights))
        known = (places >= 0) & (places < len(response))
        held = np.where(known, response[np.clip(places, 0, len(response) - 1)], 0)
        return held @ weights

    def shifted(weights, response):
        effects = np.zeros(len(weights))
        for later, part in enumerate(response[: len(weights)]):
            effects[later:] += part * weights[: len(weights) - later]
        return effects

    accepts("06.effects", matrix, shifted)
    refuses(
        "06.effects",
        {
            "two steps at most": (lambda w, r: shifted(w, r[:2]), "should be"),
            "round the end": (
                lambda w, r: sum(part * np.roll(w, later) for later, part in enumerate(r)),
                "should be",
            ),
            "absolute": (lambda w, r: abs(shifted(w, r)), "should be"),
        },
    )


def by_candidates(x, W, b, context, weights):
    """Right, and written differently: compute every layer, and take the nearest."""
    found = [_attend(x, W, b, **layer) for layer in LAYERS]
    off = [
        np.abs(other - context).max() / (np.abs(context).max() + 1e-9)
        + np.abs(np.log((also + 1e-9) / (weights + 1e-9))).max()
        for other, also in found
    ]
    return int(np.argmin(off))


def test_diagnose():
    accepts("06.diagnose", by_candidates, lambda *case: np.int32(by_candidates(*case)))

    def blind_to_context(x, W, b, context, weights):
        return by_candidates(x, W, b, np.einsum("bt,btf->bf", weights, x), weights)

    refuses(
        "06.diagnose",
        {
            "blind to the context": (blind_to_context, "mean over time"),
            "a name": (lambda *case: "right", "a string"),
            "a truth value": (lambda *case: by_candidates(*case) == 0, "whole"),
            "always 1": (lambda *case: 1, "one and the same"),
        },
    )


def test_every_kind_of_layer_is_drawn_and_can_be_told_from_all_others():
    cases = draw_cases(EXERCISES["06.diagnose"].case, 0, EXERCISES["06.diagnose"].count)
    kinds = [find_bug(*case) for case in cases]
    assert set(kinds) == set(range(len(LAYERS)))
    for x, W, b, *_ in cases:
        found = [_attend(*(part.astype(float) for part in (x, W, b)), **one) for one in LAYERS]
        assert [find_bug(x, W, b, *one) for one in found] == [*range(len(LAYERS))]
        assert [by_candidates(x, W, b, *one) for one in found] == [*range(len(LAYERS))]


# --- 06.marked ----------------------------------------------------------------------------------


def marked_model(scores, weigh=None, predict=None, optimizer=None, order=1):
    def build(time_steps):
        window = keras.Input((time_steps, 2))
        weights = (weigh or layers.Softmax(axis=1))(scores(window))
        context = layers.Flatten()(layers.Dot(axes=1)([weights, window]))
        model = keras.Model(window, (predict or layers.Dense(1))(context))
        model.compile(optimizer or keras.optimizers.Adam(0.02), "mse")
        return (model, keras.Model(window, weights))[::order]

    return build


class LearnedQuery(layers.Layer):
    def build(self, input_shape):
        self.query = self.add_weight(shape=(1, 1, input_shape[-1]))

    def call(self, x):
        queries = ops.repeat(self.query, ops.shape(x)[0], axis=0)
        return self.attention(queries, x)

    def __init__(self):
        super().__init__()
        self.inner = layers.Attention()

    def attention(self, queries, x):
        return self.inner([queries, x], return_attention_scores=True)


def with_learned_query(time_steps):
    window = keras.Input((time_steps, 2))
    context, weights = LearnedQuery()(window)
    model = keras.Model(window, layers.Dense(1)(layers.Flatten()(context)))
    model.compile(keras.optimizers.Adam(0.05), "mse")
    return model, keras.Model(window, weights)


class Places(layers.Layer):
    def build(self, input_shape):
        self.b = self.add_weight(shape=(input_shape[1], 1), initializer="zeros")

    def call(self, scores):
        return scores + self.b


def place_alone(window):
    return Places()(layers.Dense(1, kernel_initializer="zeros", trainable=False)(window))


def far_places(window):
    scores = layers.Dense(1)(window)
    return Places()(scores) + np.linspace(0, 1, window.shape[1])[:, None]


def apart(time_steps):
    model, _ = marked_model(layers.Dense(1))(time_steps)
    _, attention = marked_model(layers.Dense(1))(time_steps)
    return model, attention


def uncompiled(time_steps):
    model, attention = marked_model(layers.Dense(1))(time_steps)
    return keras.Model(model.input, model.output), attention


def without_attention(time_steps):
    """A network that solves the task by itself, and weights that it does not use."""
    window = keras.Input((time_steps, 2))
    values = layers.Dense(32, activation="relu")(window)
    summed = layers.GlobalAveragePooling1D()(values)
    scaled = layers.Dense(1)(layers.Rescaling(time_steps)(summed))
    weights = layers.Softmax(axis=1)(layers.Dense(1)(0 * window))
    used = scaled + 0 * layers.Flatten()(layers.Dot(axes=1)([weights, window]))[:, :1]
    model = keras.Model(window, used)
    model.compile(keras.optimizers.Adam(0.01), "mse")
    return model, keras.Model(window, weights)


def scaled_in_the_model(time_steps):
    window = keras.Input((time_steps, 2))
    scores = layers.Dense(1)(window)
    context = layers.Dot(axes=1)([ops.softmax(scores / 2**0.5, axis=1), window])
    model = keras.Model(window, layers.Dense(1)(layers.Flatten()(context)))
    model.compile(keras.optimizers.Adam(0.02), "mse")
    return model, keras.Model(window, layers.Softmax(axis=1)(scores))


def values_of_their_own(time_steps):
    window = keras.Input((time_steps, 2))
    weights = layers.Softmax(axis=1)(layers.Dense(1)(window))
    values = layers.Dense(8, activation="relu")(window)
    context = layers.Flatten()(layers.Dot(axes=1)([weights, values]))
    model = keras.Model(window, layers.Dense(1)(context))
    model.compile(keras.optimizers.Adam(0.02), "mse")
    return model, keras.Model(window, weights)


MARKED_REWRITES = {
    "values of their own": values_of_their_own,
    "a learned query": with_learned_query,
    "a hidden layer": marked_model(
        lambda window: layers.Dense(1)(layers.Dense(8, activation="tanh")(window))
    ),
}
MARKED_MUTANTS = {
    "one model": (lambda time_steps: marked_model(layers.Dense(1))(time_steps)[0], "two models"),
    "exchanged": (marked_model(layers.Dense(1), order=-1), "wrong order"),
    "not compiled": (uncompiled, "not compiled"),
    "numbers": (lambda time_steps: (1, 2), "should be models"),
    "over the last axis": (
        marked_model(layers.Dense(1), weigh=layers.Softmax(axis=-1)),
        "do not sum to 1",
    ),
    "sigmoid": (
        marked_model(layers.Dense(1), weigh=layers.Activation("sigmoid")),
        "do not sum to 1",
    ),
    "place and content": (marked_model(far_places), "go along"),
    "recurrent scores": (
        marked_model(lambda x: layers.SimpleRNN(1, return_sequences=True)(x)),
        "go along",
    ),
    "two outputs": (marked_model(layers.Dense(1), predict=layers.Dense(2)), "one number for each"),
}
# What shows only when the model has been trained: each takes seconds.
TRAINED_MUTANTS = {
    "slow": (marked_model(layers.Dense(1), optimizer="sgd"), "learning rate is 0.01"),
    "place alone": (marked_model(place_alone), "go along"),
    "place as well": (marked_model(lambda x: Places()(layers.Dense(1)(x))), "go along"),
    "apart": (apart, "as they were"),
    "unused weights": (without_attention, "as they were"),
    "scaled in the model alone": (scaled_in_the_model, "not those that the first one pools with"),
}


def test_marked():
    refuses("06.marked", MARKED_MUTANTS, count=3)


@pytest.mark.parametrize(
    "name",
    ["apart", *(pytest.param(name, marks=ALL) for name in sorted({*TRAINED_MUTANTS} - {"apart"}))],
)
def test_marked_is_refused_after_training(name):
    refuses("06.marked", {name: TRAINED_MUTANTS[name]})


def test_the_published_model_finds_marks():
    assert (verdict := examine("06.marked", published("06.marked"))), verdict


@ALL
@pytest.mark.parametrize("seed", [1, 2, 3])
@pytest.mark.parametrize("name", MARKED_REWRITES)
def test_marked_written_otherwise(name, seed):
    assert (verdict := examine("06.marked", MARKED_REWRITES[name], seed)), verdict
