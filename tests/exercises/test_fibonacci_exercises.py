"""Each checker of chapter 6 accepts right answers and names what is wrong with the others."""

import keras
import numpy as np
import pytest
from keras import layers, ops
from proof import accepts, refuses

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

    accepts("06.why", older_places, lambda window: (places(window, -1, -2), 2))
    refuses(
        "06.why",
        {
            "sum instead of mean": (
                lambda window: (places(window, -1, -2) * 2, 1.0),
                "sum to 2",
            ),
            "golden ratio": (lambda window: (places(window, -1), GOLDEN), "golden ratio"),
            "last value": (lambda window: (places(window, -1), 1.0), "on one value"),
            "first values": (lambda window: (places(window, 0, 1), 2.0), "first values"),
            "equal weights": (
                lambda window: (np.ones(len(window)) / len(window), 2.0),
                "All weights are equal",
            ),
            "no scale": (lambda window: (places(window, -1, -2), 1.0), "half of what"),
            "negative": (
                lambda window: (places(window, -1) * 2 - places(window, -2), 2.0),
                "negative",
            ),
            "only for 20": (lambda window: (places(np.zeros(20), -1, -2), 2.0), "3 values"),
            "the prediction": (lambda window: window[-1] + window[-2], "in this order"),
            "a softmax of the window": (
                lambda window: (
                    np.exp(window - window.max()) / np.exp(window - window.max()).sum(),
                    2.0,
                ),
                "does not give the next number",
            ),
            "list of scales": (
                lambda window: (places(window, -1, -2), [2.0]),
                "the scale has shape",
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


def test_rnn():
    accepts("06.rnn", functional, rnn())
    refuses(
        "06.rnn",
        {
            "sequences": (
                rnn(lambda: layers.SimpleRNN(2, return_sequences=True)),
                "still has a time axis",
            ),
            "three units": (rnn(lambda: layers.SimpleRNN(3)), "3 units"),
            "LSTM": (rnn(lambda: layers.LSTM(2)), "an LSTM"),
            "GRU": (rnn(lambda: layers.GRU(2)), "a GRU"),
            "no recurrence": (rnn(layers.Flatten), "no recurrent layer"),
            "linear dense": (rnn(dense=None), "dense layer uses no activation"),
            "sigmoid dense": (rnn(dense="sigmoid"), "dense layer uses sigmoid"),
            "relu in the loop": (
                rnn(lambda: layers.SimpleRNN(2, activation="relu")),
                "recurrent layer uses relu",
            ),
            "backwards": (rnn(lambda: layers.SimpleRNN(2, go_backwards=True)), "backwards"),
            "no bias": (rnn(lambda: layers.SimpleRNN(2, use_bias=False)), "has 9 parameters"),
            "one layer more": (rnn(after=[lambda: layers.Dense(2)]), "has 17 parameters"),
            "fixed length": (rnn(steps=20), "Asked for 7 time steps"),
            "not compiled": (rnn(optimizer=None), "not compiled"),
            "sgd": (rnn(optimizer="sgd"), "optimiser SGD"),
            "absolute error": (rnn(loss="mae"), "not the mean squared error"),
            "scaled input": (rnn(before=[lambda: layers.Rescaling(2.0)]), "something else"),
            "the layer": (lambda time_steps: layers.SimpleRNN(2), "returns a SimpleRNN"),
            "two outputs": (lambda time_steps: rnn()(time_steps).layers, "returns a list"),
        },
    )


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
    "softmax over the batch": (attention(soft=batch_softmax), "over the batch"),
    "softmax over everything": (
        attention(soft=lambda s: np.exp(s) / np.exp(s).sum()),
        "All weights of the batch together",
    ),
    "softmax over an axis of length 1": (attention(soft=np.ones_like), "axis of length 1"),
    "not normalised": (attention(soft=np.exp), "not divided"),
    "no softmax": (attention(soft=lambda s: s), "negative"),
    "sigmoid weights": (attention(soft=lambda s: 1 / (1 + np.exp(-s))), "do not sum to one"),
    "hard argmax": (
        attention(soft=lambda s: np.eye(s.shape[1])[s.argmax(axis=1)]),
        "hard argmax, through which",
    ),
    "constant": (attention(soft=lambda s: np.ones_like(s) / s.shape[1]), "All weights are equal"),
    "no tanh": (attention(lambda x, W, b: (x @ W + b)[..., 0]), "lack the tanh"),
    "no bias": (attention(lambda x, W, b: np.tanh(x @ W)[..., 0]), "lack the bias"),
    "one bias": (attention(lambda x, W, b: np.tanh(x @ W + b[0])[..., 0]), "One bias serves"),
    "bias outside": (attention(lambda x, W, b: (np.tanh(x @ W) + b)[..., 0]), "outside the tanh"),
    "bias reversed": (
        attention(lambda x, W, b: np.tanh(x @ W + b[::-1])[..., 0]),
        "is used in rev",
    ),
    "sigmoid score": (
        attention(lambda x, W, b: 1 / (1 + np.exp(-(x @ W + b)[..., 0]))),
        "use a sigmoid",
    ),
    "sign": (attention(lambda x, W, b: -np.tanh(x @ W + b)[..., 0]), "turned round"),
    "temperature": (attention(lambda x, W, b: 2 * np.tanh(x @ W + b)[..., 0]), "by two"),
    "cube": (attention(lambda x, W, b: np.tanh(x @ W + b)[..., 0] ** 3), "they are not softmax"),
    "keeps time": (attention(reduce=lambda w, x: w[..., None] * x), "have not been summed"),
    "keepdims": (
        attention(reduce=lambda w, x: (w[..., None] * x).sum(axis=1, keepdims=True)),
        "without keepdims",
    ),
    "mean over time": (
        attention(reduce=lambda w, x: (w[..., None] * x).mean(axis=1)),
        "is a mean over time",
    ),
    "sum of inputs": (attention(reduce=lambda w, x: x.sum(axis=1)), "the plain sum"),
    "mean of inputs": (attention(reduce=lambda w, x: x.mean(axis=1)), "the plain mean"),
    "hard choice": (
        attention(reduce=lambda w, x: x[np.arange(len(x)), w.argmax(axis=1)]),
        "a hard choice",
    ),
    "last": (attention(reduce=lambda w, x: (w[..., None] * x)[:, -1]), "only the last"),
    "reversed": (
        attention(reduce=lambda w, x: np.einsum("bt,btf->bf", w[:, ::-1], x)),
        "weights meet the inputs in reversed",
    ),
    "sum over features": (
        attention(reduce=lambda w, x: (w[..., None] * x).sum(axis=2)),
        "context has",
    ),
    "NaN": (attention(reduce=lambda w, x: np.nan * x[:, 0]), "the context contains NaN"),
    "NaN weights": (attention(soft=lambda s: s * np.nan), "weights contains NaN"),
    "constant context": (
        attention(reduce=lambda w, x: np.ones_like(x[:, 0])),
        "The weights are right",
    ),
    "context alone": (lambda x, W, b: looped(x, W, b)[0], "in this order"),
    "weights first": (lambda x, W, b: attention()(x, W, b)[::-1], "array of weights has shape"),
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


def test_layer():
    accepts(
        "06.layer",
        WithDot,
        WithDot().__class__,
        lambda: WithDot(),
        layer_of(lambda x, W, b: summed(ops.softmax(scored(x, W, b), axis=1), x)),
    )
    refuses(
        "06.layer",
        {
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
                "leaves out the tanh",
            ),
            "no bias": (
                layer_of(
                    lambda x, W, b: summed(ops.softmax(ops.tanh(ops.matmul(x, W)), axis=1), x)
                ),
                "leaves out the bias",
            ),
            "no softmax": (layer_of(lambda x, W, b: summed(scored(x, W, b), x)), "out the softmax"),
            "mean over time": (
                layer_of(
                    lambda x, W, b: ops.mean(ops.softmax(scored(x, W, b), axis=1) * x, axis=1)
                ),
                "takes the mean over time",
            ),
            "equal weights": (layer_of(lambda x, W, b: ops.mean(x, axis=1)), "plain mean"),
            "sigmoid": (
                layer_of(
                    lambda x, W, b: summed(
                        ops.softmax(ops.sigmoid(ops.matmul(x, W) + b), axis=1), x
                    )
                ),
                "uses a sigmoid",
            ),
            "keeps time": (
                layer_of(lambda x, W, b: ops.softmax(scored(x, W, b), axis=1) * x),
                "have not been summed",
            ),
            "keepdims": (
                layer_of(
                    lambda x, W, b: ops.sum(
                        ops.softmax(scored(x, W, b), axis=1) * x, axis=1, keepdims=True
                    )
                ),
                "without keepdims",
            ),
            "returns the weights too": (
                layer_of(lambda x, W, b: (x[:, 0], scored(x, W, b))),
                "context alone",
            ),
            "constant": (layer_of(lambda x, W, b: 0 * x[:, 0] + 1), "is not the sum"),
            "NaN": (layer_of(lambda x, W, b: x[:, 0] * float("nan")), "NaN"),
            "scalar bias": (layer_of(lambda x, W, b: x[:, 0], b=lambda t, f: (1,)), "(1,)"),
            "bias per feature": (layer_of(lambda x, W, b: x[:, 0], b=lambda t, f: (f,)), "(3,)"),
            "square W": (layer_of(lambda x, W, b: x[:, 0], W=lambda t, f: (f, f)), "(3, 1) of W"),
            "frozen": (layer_of(lambda x, W, b: x[:, 0], trainable=False), "not trainable"),
            "no weights": (Weightless, "has no weights"),
            "matmul fails": (Broken, "your layer stops with"),
            "no layer": (NoLayer, "does not inherit"),
            "an instance": (WithDot(), "the class itself"),
            "a function": (lambda: 3, "not a number"),
            "a model with three weights": (lambda: layers.SimpleRNN(2), "has 3 weights"),
        },
    )


@pytest.mark.parametrize("name", ["06.why", "06.rnn", "06.attention", "06.layer"])
def test_an_empty_answer_is_unanswered(name):
    from attention_course.exercises import check

    assert check(name, None).status == "unanswered"
