"""Each checker of chapter 1 accepts right answers and names what is wrong with the others."""

from dataclasses import replace

import keras
import numpy as np
import pytest
from keras import layers, ops
from proof import accepts, examine, published, refuses, some

from attention_course.datasets.vocabulary import OFFSET, Vocabulary
from attention_course.exercises import EXERCISES, check
from attention_course.exercises import rnn as exercises


@pytest.fixture(scope="module")
def vocabulary():
    return Vocabulary.load(num_words=10_000)


def keras_states(X, W, U, b):
    """All states of Keras' SimpleRNN with these weights, shape (batch, T, n)."""
    layer = layers.SimpleRNN(len(b), return_sequences=True)
    layer.build((None, None, X.shape[-1]))
    layer.set_weights([W, U, b])
    return ops.convert_to_numpy(layer(X.astype("float32")))


def test_step_accepts_other_ways_of_writing_it():
    def joined(x, h, W, U, b):
        return np.tanh(np.concatenate([x, h, [1.0]]) @ np.vstack([W, U, b]))

    def with_loops(x, h, W, U, b):
        new = []
        for j in range(len(b)):
            total = b[j] + sum(x[i] * W[i, j] for i in range(len(x)))
            total += sum(h[i] * U[i, j] for i in range(len(h)))
            new.append(np.tanh(total))
        return new

    accepts("01.rnn_step", joined, with_loops)


def test_step_refuses_mutants():
    refuses(
        "01.rnn_step",
        {
            "no tanh": (lambda x, h, W, U, b: x @ W + h @ U + b, "tanh around it is missing"),
            "no bias": (lambda x, h, W, U, b: np.tanh(x @ W + h @ U), "bias b is missing"),
            "no memory": (lambda x, h, W, U, b: np.tanh(x @ W + b), "ignores the previous"),
            "no input": (lambda x, h, W, U, b: np.tanh(h @ U + b), "ignores the current"),
            "U turned over": (lambda x, h, W, U, b: np.tanh(x @ W + U @ h + b), "wrong way round"),
            "own memory only": (
                lambda x, h, W, U, b: np.tanh(x @ W + h * np.diag(U) + b),
                "only its own old value",
            ),
            "bias outside": (lambda x, h, W, U, b: np.tanh(x @ W + h @ U) + b, "outside the tanh"),
            "sigmoid": (lambda x, h, W, U, b: 1 / (1 + np.exp(-x @ W - h @ U - b)), "sigmoid"),
            "constant": (lambda x, h, W, U, b: np.full(len(b), 0.5), "whatever the inputs are"),
            "one sum for all": (
                lambda x, h, W, U, b: np.full(len(b), np.tanh((x @ W + h @ U + b).sum())),
                "equal numbers at every place",
            ),
            "buffer of the state's type": (
                lambda x, h, W, U, b: np.tanh(x @ W + h @ U + b).astype(h.dtype, copy=False),
                "should be",
            ),
            "one neuron squeezed": (
                lambda x, h, W, U, b: np.squeeze(np.tanh(x @ W + h @ U + b)),
                "np.squeeze",
            ),
            "tanh from exp": (
                lambda x, h, W, U, b: (
                    1 - 2 / (1 + np.exp(2 * (x @ W + h @ U + b))) ** 1
                    if np.abs(x @ W + h @ U + b).max() < 300
                    else np.full(len(b), np.nan)
                ),
                "Only large numbers",
            ),
            "rounded": (
                lambda x, h, W, U, b: np.round(np.tanh(x @ W + h @ U + b), 5),
                "rounded",
            ),
            "wrong shape": (
                lambda x, h, W, U, b: np.tanh(x @ W + h @ U + b)[np.newaxis],
                "should have the shape",
            ),
            "NaN": (lambda x, h, W, U, b: np.full(len(b), np.nan), "NaN"),
            "exception": (
                lambda x, h, W, U, b: np.tanh(W @ x + U @ h + b),
                "stops with ValueError",
            ),
            "string": (lambda x, h, W, U, b: "tanh", "string"),
            "half of it": (
                lambda x, h, W, U, b: np.tanh(x @ W + h @ U + b) / 2,
                "should be",
            ),
        },
    )


def test_forward_accepts_other_ways_of_writing_it():
    def one_sentence_at_a_time(X, W, U, b):
        result = np.empty((*X.shape[:2], len(b)))
        for i, sentence in enumerate(X):
            h = np.zeros(len(b))
            for t, x in enumerate(sentence):
                h = result[i, t] = np.tanh(b + h @ U + x @ W)
        return result

    accepts("01.rnn", one_sentence_at_a_time, lambda *parts: keras_states(*parts))


def test_forward_refuses_mutants():
    right = exercises.rnn_forward

    def over_the_batch(X, W, U, b):
        return right(X.swapaxes(0, 1), W, U, b).swapaxes(0, 1)

    def leaking(X, W, U, b):
        flat = X.reshape(1, -1, X.shape[-1])
        return right(flat, W, U, b).reshape(*X.shape[:2], -1)

    def from_ones(X, W, U, b):
        first = right(X, W, U, b).copy()
        h = np.ones((len(X), len(b)))
        for t in range(X.shape[1]):
            h = first[:, t] = np.tanh(X[:, t] @ W + h @ U + b)
        return first

    def zeros_first(X, W, U, b):
        zeros = np.zeros((len(X), 1, len(b)))
        return np.concatenate([zeros, right(X, W, U, b)], axis=1)

    def shifted(X, W, U, b):
        return zeros_first(X, W, U, b)[:, :-1]

    def keeping():
        last = {}

        def forward(X, W, U, b):
            h = last.get((len(X), len(b)), np.zeros((len(X), len(b))))
            states = []
            for t in range(X.shape[1]):
                h = last[len(X), len(b)] = np.tanh(X[:, t] @ W + h @ U + b)
                states.append(h)
            return np.stack(states, axis=1)

        return forward

    refuses(
        "01.rnn",
        {
            "last state only": (lambda *a: right(*a)[:, -1], "one state per sentence"),
            "zeros included": (zeros_first, "leave out the zeros"),
            "time first": (lambda *a: right(*a).swapaxes(0, 1), "changed places"),
            "loop over the batch": (over_the_batch, "over the sentences"),
            "state not reset": (leaking, "leaks"),
            "starts from ones": (from_ones, "zeros, not ones"),
            "backwards": (
                lambda X, W, U, b: right(X[:, ::-1], W, U, b)[:, ::-1],
                "from the last word",
            ),
            "stored backwards": (lambda *a: right(*a)[:, ::-1], "reverse order"),
            "last state repeated": (
                lambda X, W, U, b: np.repeat(right(X, W, U, b)[:, -1:], X.shape[1], axis=1),
                "all your states are the last one",
            ),
            "no memory": (lambda X, W, U, b: np.tanh(X @ W + b), "ignores the previous"),
            "no bias": (lambda X, W, U, b: right(X, W, U, 0 * b), "bias b is missing"),
            "U turned over": (lambda X, W, U, b: right(X, W, U.T, b), "wrong way round"),
            "own memory only": (
                lambda X, W, U, b: right(X, W, np.diag(np.diag(U)), b),
                "only its own old value",
            ),
            "one step late": (shifted, "one step late"),
            "one step more": (
                lambda X, W, U, b: right(np.concatenate([X, X[:, -1:]], axis=1), W, U, b),
                "the first T are right",
            ),
            "exchanged when square": (
                lambda X, *weights: (
                    right(X, *weights).swapaxes(0, 1)
                    if X.shape[0] == X.shape[1]
                    else right(X, *weights)
                ),
                "the shape cannot tell",
            ),
            "buffer of the words' type": (
                lambda X, W, U, b: right(X, W, U, b).astype(X.dtype),
                "Only inputs with whole numbers",
            ),
            "reset every ten words": (
                lambda X, W, U, b: np.concatenate(
                    [right(X[:, t : t + 10], W, U, b) for t in range(0, X.shape[1], 10)], axis=1
                ),
                "Only long inputs",
            ),
            "kept between calls": (keeping(), "from one call to the next"),
        },
    )


def test_encode_accepts_other_ways_of_writing_it():
    def with_arrays(text, word_index, num_words, length):
        found = np.array([word_index.get(word, np.inf) for word in text.lower().split()]) + 3
        found = np.where(found < num_words, found, 2)
        found = np.concatenate([[1], found])[:length]
        return np.pad(found, (length - len(found), 0)).astype(int)

    accepts("01.encode", with_arrays)


def test_encode_solution_agrees_with_the_vocabulary(vocabulary):
    # Both must read a text in the same way; the exercise works without punctuation.
    text = "Not a bad film and the ending is one I never saw coming"
    words = vocabulary.tokens(text)
    word_index = {word: vocabulary.encode(word)[1] - OFFSET for word in words}
    for length in (5, 13, 20):
        expected = vocabulary.encode_batch([text], length)[0].tolist()
        assert exercises.encode(text, word_index, 10_000, length) == expected


def test_encode_refuses_mutants():
    def numbered(words, ranks, limit, unknown=2):
        found = [ranks[word] + 3 if word in ranks else unknown for word in words]
        return [number if number < limit else unknown for number in found]

    def mutant(change):
        def encode(text, ranks, limit, length):
            body = [1, *numbered(text.lower().split(), ranks, limit)]
            return change(body, text, ranks, limit, length)

        return encode

    def pad(body, length):
        return [0] * (length - len(body)) + body

    def no_offset(body, text, ranks, limit, length):
        found = [ranks.get(word, limit) for word in text.lower().split()]
        return pad([1, *(rank if rank < limit else 2 for rank in found)][:length], length)

    refuses(
        "01.encode",
        {
            "no offset": (mutant(no_offset), "offset of 3 is missing"),
            "no start mark": (
                mutant(lambda body, t, r, m, length: pad(body[1:][:length], length)),
                "start mark",
            ),
            "padded behind": (
                mutant(lambda body, t, r, m, length: (body + [0] * length)[:length]),
                "behind",
            ),
            "keeps the end": (
                mutant(lambda body, t, r, m, length: pad(body[-length:], length)),
                "at its start",
            ),
            "never cut": (mutant(lambda body, t, r, m, length: pad(body, length)), "do not cut"),
            "never padded": (mutant(lambda body, t, r, m, length: body[:length]), "do not pad"),
            "capitals": (
                mutant(
                    lambda b, text, ranks, limit, length: pad(
                        [1, *numbered(text.split(), ranks, limit)][:length], length
                    )
                ),
                "lower case",
            ),
            "unknown left out": (
                mutant(
                    lambda body, t, r, m, length: pad([n for n in body if n != 2][:length], length)
                ),
                "leave unknown words out",
            ),
            "unknown is 0": (
                mutant(
                    lambda body, t, r, m, length: pad(
                        [0 if n == 2 else n for n in body][:length], length
                    )
                ),
                "means padding",
            ),
            "any number allowed": (
                mutant(
                    lambda b, text, ranks, limit, length: pad(
                        [1, *numbered(text.lower().split(), ranks, np.inf)][:length], length
                    )
                ),
                "do not use num_words",
            ),
            "one number too many": (
                mutant(
                    lambda b, text, ranks, limit, length: pad(
                        [1, *numbered(text.lower().split(), ranks, limit + 1)][:length], length
                    )
                ),
                "num_words through",
            ),
            "KeyError": (
                lambda text, ranks, limit, length: [ranks[word] for word in text.lower().split()],
                "stops with KeyError",
            ),
            "a matrix": (
                mutant(lambda body, t, r, m, length: [pad(body[:length], length)]),
                "should have the shape",
            ),
            "only zeros": (lambda text, ranks, limit, length: [0] * length, "whatever the inputs"),
            "floats": (
                mutant(lambda body, t, r, m, length: np.pad(body[:length], 9).astype(float)),
                "only whole numbers",
            ),
            "a list in the list": (
                mutant(lambda body, t, r, m, length: [[0] * (length - len(body)), *body]),
                "lists stand beside numbers",
            ),
            "extended": (
                mutant(lambda body, t, r, m, length: [0].extend(body[:length])),
                "returns None",
            ),
            "each word once": (
                mutant(lambda body, t, r, m, length: pad([*dict.fromkeys(body)][:length], length)),
                "should",
            ),
            "ten thousand at most": (
                lambda text, ranks, limit, length: exercises.encode(
                    text, ranks, min(limit, 10_000), length
                ),
                "should be",
            ),
            "ten zeros at most": (
                mutant(lambda body, t, r, m, length: pad(body[:length], length)[-len(body) - 10 :]),
                "should have the shape",
            ),
            "the mark for length 0": (
                mutant(lambda body, t, r, m, length: pad(body[: max(length, 1)], length)),
                "should be [], not [1]",
            ),
        },
    )


# --- both directions --------------------------------------------------------------------------


def test_both_ways():
    right = exercises.both_ways

    def with_loops(X, forward, backward):
        n, T = len(forward[2]), X.shape[1]
        result = np.zeros((len(X), T, 2 * n))
        for (W, U, b), places, half in (
            (forward, range(T), slice(0, n)),
            (backward, range(T - 1, -1, -1), slice(n, None)),
        ):
            h = np.zeros((len(X), n))
            for t in places:
                h = np.tanh(X[:, t] @ W + h @ U + b)
                result[:, t, half] = h
        return result

    def in_one_layer(X, forward, backward):
        n = len(forward[2])
        result = exercises.rnn_forward(np.concatenate([X, X[:, ::-1]]), *forward)[: len(X)]
        other = exercises.rnn_forward(np.flip(X, 1), *backward)
        return np.dstack([result, np.flip(other, 1)])[..., : 2 * n]

    accepts("01.both_ways", with_loops, in_one_layer)
    refuses(
        "01.both_ways",
        {
            "as read": (
                lambda X, f, b: np.concatenate(
                    [exercises.rnn_forward(X, *f), exercises.rnn_forward(X[:, ::-1], *b)], -1
                ),
                "in the order of reading",
            ),
            "both forwards": (
                lambda X, f, b: np.concatenate(
                    [exercises.rnn_forward(X, *f), exercises.rnn_forward(X, *b)], -1
                ),
                "reads forwards too",
            ),
            "one set of weights": (lambda X, f, b: right(X, b, b), "should be"),
            "weights of the forward one": (
                lambda X, f, b: right(X, f, f),
                "weights of the forward",
            ),
            "sum": (lambda *case: np.add(*np.split(right(*case), 2, -1)), "You add"),
            "in time": (
                lambda *case: np.concatenate(np.split(right(*case), 2, -1), 1),
                "along time",
            ),
            "nothing backwards": (
                lambda X, f, b: exercises.rnn_forward(X, *f),
                "backward reading is missing",
            ),
            "a tuple": (
                lambda *case: tuple(np.split(right(*case), 2, -1)),
                "should have the shape",
            ),
            "state carried over": (
                lambda X, f, b: np.concatenate(
                    [exercises.FORWARD_MISTAKES["leaks"](X, *f), right(X, f, b)[..., len(f[2]) :]],
                    -1,
                ),
                "should be",
            ),
        },
    )


# --- seven programs ---------------------------------------------------------------------------


def test_find_bug():
    right = exercises.find_bug

    def by_distance(X, W, U, b, H):
        made = [bug(X, W, U, b) for bug in exercises.BUGS]
        return int(np.argmin([np.abs(H - one).max() for one in made]))

    def by_cases(X, W, U, b, H):
        """What is looked for in turn, as one would think it through."""
        past, words = H[:, :-1], X @ W

        def follows(later):
            return np.allclose(H[:, 1:], later, atol=1e-5)

        if np.allclose(H[:, -1], np.tanh(words[:, -1] + b), atol=1e-5):
            return 6
        if follows(words[:, 1:] + past @ U + b):
            return 1
        if follows(np.tanh(words[:, 1:] + past @ U) + b):
            return 2
        if not np.allclose(H[:, 0], np.tanh(words[:, 0] + b), atol=1e-5):
            return 5
        if follows(np.tanh(words[:, 1:] + past @ U + b)):
            return 0
        return 3 if follows(np.tanh(words[:, 1:] + past @ U.T + b)) else 4

    accepts("01.find_bug", by_distance, by_cases)
    refuses(
        "01.find_bug",
        {
            "a guess": (lambda *case: 3, "one and the same number"),
            "never right": (lambda *case: right(*case) or 6, "name a bug where there is none"),
            "counted from one": (lambda *case: right(*case) + 1, "one too large"),
            "first word": (
                lambda X, W, U, b, H: [
                    np.allclose(H[:, 0], bug(X, W, U, b)[:, 0], atol=1e-4) for bug in exercises.BUGS
                ].index(True),
                "first word alone",
            ),
            "first sentence": (
                lambda X, W, U, b, H: by_distance(X[:1], W, U, b, H[:1]),
                "second sentence on",
            ),
            "backwards taken for right": (
                lambda *case: right(*case) % 6,
                "read backwards for right",
            ),
            "a name": (lambda *case: "tanh", "a string"),
            "a truth": (lambda *case: right(*case) == 0, "write a whole number"),
            "not told apart": (
                lambda *case: min(right(*case), 3),
                "should be",
            ),
        },
    )


def test_every_program_is_drawn_and_no_two_agree():
    from attention_course.exercises.drawing import draw_cases

    exercise = EXERCISES["01.find_bug"]
    cases = draw_cases(exercise.case, 5, exercise.count)
    counts = np.bincount([exercises.find_bug(*case) for case in cases], minlength=7)
    assert counts.min() >= 5
    for X, W, U, b, H in cases:
        made = [bug(X, W, U, b) for bug in exercises.BUGS]
        assert sum(np.allclose(H, one, atol=1e-3) for one in made) == 1
        assert len(X) > 1


# --- seeds against a baseline -----------------------------------------------------------------


def test_compare():
    from scipy import stats

    right = exercises.compare

    def by_interval(scores, baseline):
        k, mean = len(scores), sum(scores) / len(scores)
        s = (sum((one - mean) ** 2 for one in scores) / (k - 1)) ** 0.5
        half = stats.t.isf(0.025, df=k - 1) * s / k**0.5
        if mean - half > baseline:
            return mean, mean - half, mean + half, 1
        return [mean, mean - half, mean + half, -1 if mean + half < baseline else 0]

    accepts("01.compare", by_interval)
    refuses(
        "01.compare",
        {
            "no ddof": (
                lambda scores, baseline: exercises._compare(scores, baseline, ddof=0),
                "k - 1 (ddof=1)",
            ),
            "two standard errors": (
                lambda scores, baseline: exercises._compare(scores, baseline, normal=True),
                "1.96",
            ),
            "best seed": (
                lambda scores, baseline: exercises._compare(scores, baseline, middle=np.max),
                "best seed",
            ),
            "best seed judged": (
                lambda scores, baseline: (
                    *right(scores, baseline)[:3],
                    1.0 if max(scores) > baseline else -1.0,
                ),
                "best seed with the baseline",
            ),
            "mean judged": (
                lambda scores, baseline: (
                    *right(scores, baseline)[:3],
                    1.0 if np.mean(scores) > baseline else -1.0,
                ),
                "compares the mean",
            ),
            "three numbers": (lambda *case: right(*case)[:3], "Return 4 things"),
            "verdict in words": (lambda *case: (*right(*case)[:3], "better"), "a string"),
            "for three seeds alone": (
                lambda scores, baseline: exercises._compare(scores[:3], baseline),
                "should be",
            ),
        },
    )


# --- told apart -------------------------------------------------------------------------------


def test_told_apart():
    right = exercises.told_apart

    def by_counting(states, decimals):
        from collections import Counter

        rows = [tuple(round(float(x), decimals) for x in row) for row in states]
        counts = Counter(rows)
        return sum(counts[row] == 1 for row in rows) / len(rows)

    def by_comparing(states, decimals):
        rounded = np.round(np.asarray(states, float), decimals)
        same = (rounded[:, None] == rounded[None]).all(axis=-1)
        return (same.sum(axis=1) == 1).mean()

    accepts("01.told_apart", by_counting, by_comparing)
    refuses(
        "01.told_apart",
        {
            "different states": (
                lambda states, decimals: (
                    len(np.unique(np.round(states, decimals), axis=0)) / len(states)
                ),
                "count the different states",
            ),
            "a number": (lambda states, d: right(states, d) * len(states), "how many sentences"),
            "the others": (lambda *case: 1 - right(*case), "not alone"),
            "not rounded": (lambda states, d: right(states, 15), "without rounding"),
            "one decimal always": (lambda states, d: right(states, 1), "should be"),
            "cut off": (
                lambda states, d: right(np.trunc(states * 10.0**d) / 10.0**d, d),
                "cut decimals off",
            ),
            "one number": (lambda states, d: right(states[:, :1], d), "first number"),
            "a row": (
                lambda states, d: (
                    np.unique(np.round(states, d), axis=0, return_counts=True)[1] == 1
                ),
                "should have the shape",
            ),
        },
    )


# --- a fitted model ---------------------------------------------------------------------------


def trained(last=None, before=(), fit=True, model=None, labels=None, **compiling):
    """A way of training, right or wrong."""

    def train(layer, X, y):
        built = keras.Sequential(
            [*(make() for make in before), layer, last() if last else layers.Dense(1, "sigmoid")]
        )
        settings = {"optimizer": keras.optimizers.Adam(0.02), "loss": "binary_crossentropy"}
        built.compile(**settings | compiling)
        if fit:
            given = labels(y) if labels else y
            built.fit(X, given, epochs=fit if fit > 1 else 8, batch_size=50, verbose=0)
        return model(built) if model else built

    return train


def functional(layer, X, y):
    words = keras.Input((None, X.shape[-1]))
    first = layers.Activation("sigmoid")(layers.Dense(1)(layer(words)))
    model = keras.Model(words, first)
    model.compile(
        keras.optimizers.RMSprop(0.02), keras.losses.BinaryCrossentropy(), metrics=["accuracy"]
    )
    model.fit(X, y[:, None], epochs=12, batch_size=32, verbose=0, validation_split=0.1)
    return model


def with_another_layer(layer, X, y):
    return trained()(layers.SimpleRNN(8), X, y)


def every_state(layer, X, y):
    layer.return_sequences = True
    model = keras.Sequential([layer, layers.Dense(1, "sigmoid")])
    model.compile("adam", "binary_crossentropy")
    model.fit(X, np.repeat(y[:, None, None], X.shape[1], 1), epochs=1, verbose=0)
    return model


def not_compiled(layer, X, y):
    model = keras.Sequential([layer, layers.Dense(1, "sigmoid")])
    model(X)
    return model


def on_few(layer, X, y):
    return trained(fit=20)(layer, X[:25], y[:25])


def flattened(layer, X, y):
    layer.return_sequences = True
    model = keras.Sequential([layer, layers.Flatten(), layers.Dense(1, "sigmoid")])
    model.compile(keras.optimizers.Adam(0.02), "bce")
    model.fit(X, y, epochs=6, batch_size=50, verbose=0)
    return model


WRONG_TRAININGS = {
    "not compiled": (not_compiled, "not compiled"),
    "not fitted": (trained(fit=0), "not made a single step"),
    "all states, flattened": (flattened, "returns every state"),
    "a recurrent layer before it": (
        trained(before=[lambda: layers.SimpleRNN(8, return_sequences=True)], fit=1),
        "more layers with weights",
    ),
    "history": (trained(model=lambda built: built.history), "returns a history, not the model"),
    "predictions": (
        trained(model=lambda built: built.predict(np.zeros((2, 8, 6)), verbose=0)),
        "Return the fitted keras.Model",
    ),
    "another layer": (with_another_layer, "does not occur in your model"),
    "every state": (every_state, "one for every word"),
    "two outputs": (
        trained(lambda: layers.Dense(2, "softmax"), loss="sparse_categorical_crossentropy"),
        "one output neuron",
    ),
    "softmax of one": (trained(lambda: layers.Dense(1, "softmax")), "softmax over a single number"),
    "no sigmoid": (
        trained(lambda: layers.Dense(1), loss=keras.losses.BinaryCrossentropy(from_logits=True)),
        "outside 0 to 1",
    ),
    "sigmoid and logits": (
        trained(loss=keras.losses.BinaryCrossentropy(from_logits=True)),
        "a sigmoid of its own",
    ),
    "squared error": (trained(loss="mse"), "asks for binary_crossentropy"),
    "categorical": (trained(loss="categorical_crossentropy"), "asks for binary_crossentropy"),
    "too slow": (trained(optimizer=keras.optimizers.SGD(1e-4)), "guessing gives 50"),
    "labels turned": (trained(labels=lambda y: 1 - y), "right on 0"),
    "by heart": (on_few, "guessing gives 50"),
}


@pytest.mark.thorough
def test_other_trainings_pass():
    for train in (functional, trained()):
        assert examine("01.train", train, 3).passed


@pytest.mark.parametrize("name", some(WRONG_TRAININGS))
def test_wrong_trainings(name):
    refuses("01.train", {name: WRONG_TRAININGS[name]}, count=1)


def test_the_published_training_passes():
    assert examine("01.train", published("01.train"), 1).passed


def test_held_out_sentences_are_new_and_both_answers_are_as_likely():
    from attention_course.exercises.drawing import draw_cases

    exercise = EXERCISES["01.train"]
    for _, X, y, held_out, labels in draw_cases(exercise.case, 2, exercise.count):
        known = {sentence.tobytes() for sentence in X}
        assert not known & {sentence.tobytes() for sentence in held_out}
        assert len(held_out) > 400
        assert 0.4 < y.mean() < 0.6
        assert 0.4 < labels.mean() < 0.6
        counts = np.unique(np.sort(X.sum(axis=1)[y == 1].mean(axis=0)).round(1))
        assert counts.size  # the two words occur once each, so that counting says nothing
        assert ((X.sum(axis=1) == 1).all(axis=0)).sum() == 2


# --- a cell -----------------------------------------------------------------------------------


class Right(layers.Layer):
    """A cell written in another way: one matrix for word and state, made by its parts."""

    def __init__(self, n, **rest):
        super().__init__(**rest)
        self.units = n

    @property
    def state_size(self):
        return [self.units]

    def build(self, shape):
        self.bias = self.add_weight(shape=(self.units,), initializer="zeros")
        self.loop = self.add_weight(shape=(self.units, self.units), initializer="orthogonal")
        self.kernel = self.add_weight(shape=(shape[-1], self.units))

    def call(self, x, h):
        both = ops.concatenate([x, h[0]], axis=-1)
        weights = ops.concatenate([self.kernel, self.loop], axis=0)
        new = ops.tanh(ops.matmul(both, weights) + self.bias)
        return new, (new,)


CELL = exercises.CELL


def rewritten(*changes):
    """The published cell with some text of it replaced."""
    text = CELL
    for old, new in changes:
        assert old in text, old
        text = text.replace(old, new)
    namespace = {}
    exec(text, namespace)
    return namespace["Cell"]


STEP = "ops.matmul(inputs, self.W) + ops.matmul(states[0], self.U) + self.b"
WRONG_CELLS = {
    "no tanh": ([("ops.tanh(total)", "total")], "tanh around it is missing"),
    "no bias": ([(" + self.b", "")], "bias b is missing"),
    "no memory": ([(" + ops.matmul(states[0], self.U)", "")], "ignores the previous"),
    "turned": ([("self.U)", "ops.transpose(self.U))")], "wrong way round"),
    "sigmoid": ([("ops.tanh", "ops.sigmoid")], "sigmoid"),
    "NumPy's tanh": (
        [("import keras\n", "import keras\nimport numpy as np\n"), ("ops.tanh(", "np.tanh(")],
        "no gradient reaches them",
    ),
    "added to the old": (
        [("ops.tanh(total)", "states[0] + ops.tanh(total)")],
        "new state replaces",
    ),
    "output alone": ([("return h, [h]", "return h")], "two: the output"),
    "sum handed on": ([("return h, [h]", "return h, [total]")], "both should be the new state"),
    "old state handed on": ([("[h]", "[states[0]]")], "both should be the new state"),
    "no state size": ([("self.state_size = units", "self.units = units")], "state_size"),
    "size plus one": ([("self.state_size = units", "self.state_size = units + 1")], "state_size"),
    "zeros": ([('name="W"', 'initializer="zeros", name="W"')], "begins with equal numbers"),
    "frozen": ([('name="W"', 'trainable=False, name="W"')], "not trainable"),
    "always the same start": (
        [('name="W"', 'initializer=keras.initializers.RandomNormal(seed=1), name="W"')],
        "should be random",
    ),
    "states for a state": ([("states[0]", "ops.stack(states)")], "states is a list"),
    "bias for each": ([("shape=(n,)", "shape=(1, n)")], "it should have three"),
    "Keras' own": (
        [
            ("keras.layers.Layer", "keras.layers.SimpleRNNCell"),
            ("super().__init__()", "super().__init__(units)"),
            ("        self.state_size = units\n", ""),
        ],
        "Keras' own SimpleRNNCell",
    ),
    "wraps Keras' own": (
        [
            (
                "self.state_size = units",
                "self.state_size = units; self.c = keras.layers.GRUCell(units)",
            )
        ],
        "Keras' own GRUCell",
    ),
    "Keras' own, made in build": (
        [
            (
                "        d, n",
                "        self.c = keras.layers.SimpleRNNCell(self.state_size)\n        d, n",
            )
        ],
        "Keras' own SimpleRNNCell",
    ),
    "state kept inside": (
        [
            ("total = ", "old = getattr(self, 'old', states[0]); total = "),
            ("states[0], self.U", "old, self.U"),
            ("return h, [h]", "self.old = h; return h, [h]"),
        ],
        "keeps something in itself",
    ),
    "a model": (
        [("class Cell(keras.layers.Layer)", "class Cell"), ("super().__init__()", "pass")],
        "inherits from keras.layers.Layer",
    ),
}


def test_a_cell_written_otherwise_passes():
    assert examine("01.cell", Right).passed


def test_the_published_cell_passes():
    assert examine("01.cell", published("01.cell"), 1).passed


@pytest.mark.parametrize("name", some(WRONG_CELLS))
def test_wrong_cells(name):
    changes, words = WRONG_CELLS[name]
    refuses("01.cell", {name: (rewritten(*changes), words)}, count=14)


def test_a_cell_is_compared_after_a_step_of_training_too():
    exercise = replace(EXERCISES["01.cell"], count=1)  # a plain case is trained
    still = rewritten(("return h, [h]", "h = ops.stop_gradient(h); return h, [h]"))
    assert "training" in examine(exercise, still).message


def test_empty_places_need_no_process():
    assert check("01.cell", ...).status == "unanswered"
    assert check("01.train", lambda layer, X, y: ...).status == "unanswered"
