"""The build exercises of chapter 4 accept right answers and name what is wrong with the others."""

from functools import partial

import keras
import numpy as np
import pytest
from keras import layers, ops
from proof import accepts, examine, published, refuses

from attention_course import functional
from attention_course.exercises import EXERCISES
from attention_course.exercises import qkv as given
from attention_course.exercises.drawing import draw_cases

ALL = pytest.mark.thorough  # the default run takes some of those that run Keras
softmax = functional.softmax

# --- 04.spread --------------------------------------------------------------------------------


def spread_by_variances(d_model, d_k, word, matrix):
    variance = d_model * (word * matrix) ** 2
    return [np.sqrt(variance), np.sqrt(d_k * variance**2), np.array(1 / (word * np.sqrt(d_model)))]


SPREAD_MUTANTS = {
    "variances": (
        lambda d, k, w, m: (d * (w * m) ** 2, k * (d * (w * m) ** 2) ** 2, 1 / (d**0.5 * w)),
        "These are variances",
    ),
    "d_k forgotten": (
        lambda d, k, w, m: (d**0.5 * w * m, d * (w * m) ** 2, 1 / (d**0.5 * w)),
        "grows with their number",
    ),
    "d_k itself": (
        lambda d, k, w, m: (d**0.5 * w * m, k * d * (w * m) ** 2, 1 / (d**0.5 * w)),
        "with √d_k",
    ),
    "Glorot": (
        lambda d, k, w, m: (d**0.5 * w * m, k**0.5 * d * (w * m) ** 2, (2 / (d + k)) ** 0.5),
        "should be",
    ),
    "a simulation": (
        lambda d, k, w, m: (
            *np.random.default_rng(0).normal(size=2) ** 2,
            1 / (d**0.5 * w),
        ),
        "",
    ),
    "two numbers": (lambda d, k, w, m: spread_by_variances(d, k, w, m)[:2], "3 things"),
    "unit words": (lambda d, k, w, m: spread_by_variances(d, k, 1.0, m), "should be"),
}


def test_spread():
    accepts("04.spread", spread_by_variances)
    refuses("04.spread", SPREAD_MUTANTS)


def test_what_the_spread_of_a_score_is():
    rng = np.random.default_rng(0)
    d_model, d_k, word, matrix = 8, 3, 0.5, 1.5
    one, other = word * rng.normal(size=(2, 40_000, 1, d_model))
    W_Q, W_K = matrix * rng.normal(size=(2, 40_000, d_model, d_k))
    query, key = one @ W_Q, other @ W_K
    entry, score, best = given.score_spread(d_model, d_k, word, matrix)
    assert np.std(query) == pytest.approx(entry, rel=0.02)
    assert np.std((query * key).sum(axis=-1)) == pytest.approx(score, rel=0.05)
    assert given.score_spread(d_model, d_k, word, best)[1] == pytest.approx(np.sqrt(d_k))


# --- 04.finder --------------------------------------------------------------------------------


def by_product(n, rules):
    """W_Q holds the whole product, and W_K is the identity."""
    W_Q = np.zeros((n, n))
    for i, j in rules:
        W_Q[i, j] = 20 * n**0.5
    return W_Q.tolist(), np.eye(n)


def two_columns_each(n, rules):
    W_Q, W_K = given.finder(n, rules)
    return np.hstack([W_Q, W_Q]), np.hstack([W_K, W_K])


def with_features_between(n, rules):
    """Columns that no query uses, and strength in the keys."""
    W_Q, W_K = given.finder(n, rules)
    spare = np.random.default_rng(n).normal(size=(n, 3))
    return np.hstack([W_Q, 0 * spare]), np.hstack([5 * W_K, spare])


def first_rule_alone(n, rules):
    return given.finder(n, rules[:1])


def key_for_every_query(n, rules):
    W_Q, W_K = given.finder(n, rules)
    return W_Q, W_K * 0 + 1


def scaled(by):
    return lambda n, rules: (by * given.finder(n, rules)[0], given.finder(n, rules)[1])


FINDER_MUTANTS = {
    "exchanged": (lambda n, rules: given.finder(n, rules)[::-1], "exchanged"),
    "rules read backwards": (lambda n, rules: given.finder(n, rules[:, ::-1]), "exchanged"),
    "too weak": (scaled(0.1), "less than 0.9 of the weight"),
    "root forgotten": (
        lambda n, rules: (
            given.finder(n, rules)[0] / len(rules) ** 0.5,
            given.finder(n, rules)[1],
        ),
        "divided by √d_k",
    ),
    "still too weak": (scaled(0.21), "less than 0.9 of the weight"),
    "negative": (scaled(-1), "wrong sign"),
    "askers for askers": (lambda n, rules: (given.finder(n, rules)[0],) * 2, "another feature"),
    "infinite": (scaled(np.inf), "the number of"),
    "one column": (
        lambda n, rules: [one.sum(axis=1, keepdims=True) for one in given.finder(n, rules)],
        "share one column",
    ),
    "identity": (lambda n, rules: (99 * np.eye(n), np.eye(n)), "find themselves"),
    "all ask": (
        lambda n, rules: (given.finder(n, rules)[0] + 99, given.finder(n, rules)[1]),
        "",
    ),
    "zeros": (lambda n, rules: np.zeros((2, n, n)), "no query is different from zero"),
    "the first rule alone": (first_rule_alone, "the first rule only"),
    "a key for all": (key_for_every_query, "the number of words that give less"),
    "transposed": (
        lambda n, rules: [one.T for one in given.finder(n, rules)],
        "both need n rows",
    ),
    "two widths": (
        lambda n, rules: (given.finder(n, rules)[0], np.eye(n + 9)[:n]),
        "the same number of columns",
    ),
    "the product": (lambda n, rules: by_product(n, rules)[0], ""),
    "vectors": (lambda n, rules: (np.ones(n), np.ones(n)), "both need n rows"),
}


def test_finder():
    accepts("04.finder", by_product, two_columns_each, with_features_between)
    refuses("04.finder", FINDER_MUTANTS)


def test_a_sentence_of_the_finder_is_what_the_question_says():
    lengths = set()
    for n, rules, words in draw_cases(given._finder_case, 3, 117):
        lengths.add(len(words))
        assert words.shape[1] == n
        assert len(words) <= given.MOST_WORDS
        assert len({*rules[:, 0]}) == len(rules)
        for i, j in rules.astype(int):
            assert i != j
            assert words[:, j].sum() == 1
        assert (words[:, rules[:, 0].astype(int)].sum(axis=1) <= 1).all()
    assert max(lengths) > 25


# --- 04.cross ---------------------------------------------------------------------------------


def cross_by_loops(x, memory, W_Q, W_K, W_V, lengths, causal):
    output = np.zeros((len(x), x.shape[1], W_V.shape[1]))
    weights = np.zeros((len(x), x.shape[1], memory.shape[1]))
    for b, i in np.ndindex(output.shape[:2]):
        last = min(lengths[b], i + 1) if causal else lengths[b]
        real = memory[b, : int(last)]
        if len(real):
            scores = (real @ W_K) @ (x[b, i] @ W_Q) / W_K.shape[1] ** 0.5
            powers = np.exp(scores - scores.max())
            weights[b, i, : len(real)] = powers / powers.sum()
            output[b, i] = weights[b, i, : len(real)] @ (real @ W_V)
    return output, weights


def cross_after_softmax_rows(x, memory, W_Q, W_K, W_V, lengths, causal):
    """A large negative number for what is forbidden, and rows without a key set to zero."""
    T_q, T_k = x.shape[1], memory.shape[1]
    mask = np.arange(T_k) < np.reshape(lengths, (-1, 1, 1))
    mask = np.broadcast_to(mask, (len(x), T_q, T_k)).copy()
    if causal:
        mask &= np.arange(T_k) <= np.arange(T_q)[:, None]
    scores = np.einsum("bid,de,bjf,fe->bij", x, W_Q, memory, W_K, optimize=True)
    weights = softmax(np.where(mask, scores / np.sqrt(W_Q.shape[1]), -1e30)) * mask
    return np.einsum("bij,bjd->bid", weights, memory @ W_V), weights


def cross_in_float32(*case):
    return given.cross_attention(
        *(one.astype(np.float32) for one in case[:5]), *(np.asarray(case[5]), case[6])
    )


def cross(**wrong):
    return partial(given._cross, **wrong)


CROSS_MUTANTS = {
    "first sentence's length": (
        lambda *case: given.cross_attention(*case[:5], 0 * case[5] + case[5][0], case[6]),
        "",
    ),
    "always causal": (lambda *case: given.cross_attention(*case[:6], True), ""),
    "never causal": (lambda *case: given.cross_attention(*case[:6], False), "look at later rows"),
    "no padding": (
        lambda *case: given.cross_attention(*case[:5], 0 * case[5] + 9999, case[6]),
        "look at the padding",
    ),
    "or": (cross(both=np.logical_or), "joined by `or`"),
    "strict": (cross(past=lambda q, k: np.tri(q, k, -1)), "its own place"),
    "square mask": (cross(past=lambda q, k: np.tri(q)), "stops with"),
    "from the end": (cross(past=lambda q, k: np.tri(q, k, k - q)), "from the last row"),
    "padding of queries": (cross(rows=True), "laid over the queries"),
    "late": (cross(weigh=lambda s, m: softmax(s) * m), "after the softmax"),
    "NaN": (cross(weigh=lambda s, m: softmax(np.where(m, s, -np.inf))), "gets NaN"),
    "low": (cross(weigh=lambda s, m: softmax(np.where(m, s, -1e9))), "gets equal weights"),
    "zeros for masked": (cross(weigh=lambda s, m: softmax(np.where(m, s, 0))), "exp(0) = 1"),
    "no scale": (cross(scale=lambda *_: 1), "the scaling is missing"),
    "model's width": (
        lambda *case: given.cross_attention(
            *case[:2], case[2] * np.sqrt(case[2].shape[1] / case[0].shape[2]), *case[3:]
        ),
        "",
    ),
    "self-attention": (lambda *case: given.cross_attention(case[0], *case[:1], *case[2:]), ""),
    "over queries": (
        cross(weigh=lambda s, m: given.soften(s, m, -2)),
        "runs over the queries",
    ),
    "overflow": (
        cross(
            weigh=lambda s, m: (
                np.exp(s) * m / np.maximum((np.exp(s) * m).sum(-1)[..., None], 1e-300)
            )
        ),
        "",
    ),
    "unprojected": (
        cross(roles=lambda x, memory, Q, K, V: (x @ Q, memory @ K, memory)),
        "mix the rows of memory themselves",
    ),
    "output alone": (lambda *case: given.cross_attention(*case)[0], "2 things"),
    "lengths as they are": (lambda *case: given.cross_attention(*case[:5], case[5][0], True), ""),
}


def test_cross():
    accepts("04.cross", cross_by_loops, cross_in_float32, cross_after_softmax_rows)
    refuses("04.cross", CROSS_MUTANTS)


# --- 04.causal --------------------------------------------------------------------------------


class Right(layers.Layer):
    """Each part of it can be replaced."""

    order = ("W_Q", "W_K", "W_V", "W_O")

    def __init__(self, heads, width, **kwargs):
        super().__init__(**kwargs)
        self.heads, self.width = heads, width

    def build(self, shape):
        for name in self.order:
            rows = self.width if name == "W_O" else shape[-1]
            weight = self.add_weight(shape=(rows, self.width), name=name, **self.options())
            setattr(self, name, weight)

    def options(self):
        return {}

    def cut(self, x):
        x = ops.reshape(x, (-1, x.shape[1], self.heads, self.width // self.heads))
        return ops.transpose(x, (0, 2, 1, 3))

    def join(self, x):
        return ops.reshape(ops.transpose(x, (0, 2, 1, 3)), (-1, x.shape[2], self.width))

    def scale(self, scores):
        return scores / (self.width // self.heads) ** 0.5

    def weigh(self, scores):
        return ops.softmax(ops.where(self.mask(scores.shape[-1]), scores, -1e9))

    def mask(self, T):
        return np.tri(T, dtype=bool)

    def last(self, x):
        return ops.matmul(x, self.W_O)

    def call(self, x):
        q, k, v = (self.cut(ops.matmul(x, W)) for W in (self.W_Q, self.W_K, self.W_V))
        weights = self.weigh(self.scale(ops.matmul(q, ops.transpose(k, (0, 1, 3, 2)))))
        return self.last(self.join(ops.matmul(weights, v)))


def with_parts(**parts):
    return type("Answer", (Right,), parts)


class OfDense(layers.Layer):
    """Right, and written with Dense layers and einsum."""

    def __init__(self, heads, width, **kwargs):
        super().__init__(**kwargs)
        self.heads, self.width = heads, width
        self.q, self.k, self.v, self.o = (layers.Dense(width, use_bias=False) for _ in range(4))

    def build(self, shape):
        for layer in (self.q, self.k, self.v):
            layer.build(shape)
        self.o.build((*shape[:-1], self.width))

    def call(self, x):
        steps = x.shape[1]
        shape = (-1, steps, self.heads, self.width // self.heads)
        q, k, v = (ops.reshape(layer(x), shape) for layer in (self.q, self.k, self.v))
        scores = ops.einsum("bqhd,bkhd->bhqk", q, k) / np.sqrt(shape[-1])
        past = ops.arange(steps)[None, :] <= ops.arange(steps)[:, None]
        scores = scores + (1 - ops.cast(past, scores.dtype)) * -1e30
        found = ops.einsum("bhqk,bkhd->bqhd", ops.softmax(scores), v)
        return self.o(ops.reshape(found, (-1, steps, self.width)))


class WithConfig(Right):
    """Its settings are kept by hand."""

    def __init__(self, heads, width, **kwargs):
        super().__init__(heads, width, **kwargs)

    def get_config(self):
        return super().get_config() | {"heads": self.heads, "width": self.width}


class NoKwargs(Right):
    def __init__(self, heads, width):
        super().__init__(heads, width)


KEPT = {}


class Sharing(Right):
    """Two layers of one shape have the same weights."""

    def build(self, shape):
        kept = KEPT.setdefault((shape[-1], self.heads, self.width), [])
        if not kept:
            super().build(shape)
            kept.extend(getattr(self, name) for name in self.order)
        for name, weight in zip(self.order, kept, strict=True):
            setattr(self, name, weight)


class OneHeadInConfig(WithConfig):
    def get_config(self):
        return super().get_config() | {"heads": 1}


class WithBias(Right):
    def build(self, shape):
        super().build(shape)
        self.b = self.add_weight(shape=(self.width,))


class Noisy(Right):
    def last(self, x):
        return super().last(keras.random.dropout(x, 0.5, seed=1))


class Borrowed(layers.Layer):
    """Keras' own layer does the work."""

    def __init__(self, heads, width, **kwargs):
        super().__init__(**kwargs)
        self.own = layers.MultiHeadAttention(heads, width // heads, use_bias=False)

    def build(self, shape):
        self.own.build(shape, shape)

    def call(self, x):
        return self.own(x, x, use_causal_mask=True)


class Pair(Right):
    def call(self, x):
        return super().call(x), x


class WithLoss(Right):
    def call(self, x):
        self.add_loss(ops.mean(x))
        return super().call(x)


class Batchy(Right):
    def cut(self, x):
        x = ops.reshape(x, (x.shape[0], x.shape[1], self.heads, self.width // self.heads))
        return ops.transpose(x, (0, 2, 1, 3))


class Cut(Right):
    def weigh(self, scores):
        return super().weigh(ops.stop_gradient(scores))


class HeadByHead(Right):
    """Right: every head by itself."""

    def call(self, x):
        w, found = self.width // self.heads, []
        for h in range(self.heads):
            part = slice(h * w, (h + 1) * w)
            q, k, v = (ops.matmul(x, W[:, part]) for W in (self.W_Q, self.W_K, self.W_V))
            scores = ops.matmul(q, ops.transpose(k, (0, 2, 1))) / np.sqrt(w)
            found.append(ops.matmul(self.weigh(scores), v))
        return self.last(ops.concatenate(found, axis=-1))


def straight(self, x):
    return ops.reshape(x, (-1, self.heads, x.shape[1], self.width // self.heads))


def mask_of(mask):
    return with_parts(mask=lambda self, T: mask(T))


def weigh_by(weigh):
    return with_parts(weigh=lambda self, s: weigh(s, np.tri(s.shape[-1], dtype=bool)))


CAUSAL_REWRITES = {"dense": OfDense, "config": WithConfig, "head by head": HeadByHead}
CAUSAL_MUTANTS = {
    "no mask": (mask_of(lambda T: np.ones((T, T), bool)), "see the future"),
    "upper triangle": (mask_of(lambda T: np.tri(T, dtype=bool).T), "turned round"),
    "next word": (mask_of(lambda T: np.tri(T, k=1, dtype=bool)), "sees the next one"),
    "not itself": (mask_of(lambda T: np.tri(T, k=-1, dtype=bool)), "its own place"),
    "late mask": (weigh_by(lambda s, m: ops.softmax(s) * m), "after the softmax"),
    "zeros": (weigh_by(lambda s, m: ops.softmax(s * m)), "exp(0) = 1"),
    "over queries": (
        weigh_by(lambda s, m: ops.softmax(ops.where(m, s, -1e9), axis=-2)),
        "over the queries",
    ),
    "over heads": (
        weigh_by(lambda s, m: ops.softmax(ops.where(m, s, -1e9), axis=1)),
        "over the heads",
    ),
    "no softmax": (weigh_by(lambda s, m: s * m), "softmax is missing"),
    "no scale": (with_parts(scale=lambda self, s: s), "scaling is missing"),
    "whole width": (with_parts(scale=lambda self, s: s / self.width**0.5), "all heads together"),
    "by the width": (
        with_parts(scale=lambda self, s: s / (self.width // self.heads)),
        "by its square root",
    ),
    "straight": (with_parts(cut=straight), "mixes different words"),
    "joined straight": (
        with_parts(join=lambda self, x: ops.reshape(x, (-1, x.shape[2], self.width))),
        "without moving the axis of heads back",
    ),
    "no W_O": (with_parts(last=lambda self, x: x), "multiply them by W_O"),
    "W_O turned": (
        with_parts(last=lambda self, x: ops.matmul(x, ops.transpose(self.W_O))),
        "transpose of W_O",
    ),
    "keys first": (with_parts(order=("W_K", "W_Q", "W_V", "W_O")), "Queries and keys"),
    "values second": (with_parts(order=("W_Q", "W_V", "W_K", "W_O")), "Keys and values"),
    "W_O first": (with_parts(order=("W_O", "W_Q", "W_K", "W_V")), "in this order"),
    "one head": (lambda heads, width: Right(1, width), "attend once"),
    "two heads": (lambda heads, width: Right(2 if heads > 2 else heads, width), ""),
    "no kwargs": (NoKwargs, "cannot be made again"),
    "another config": (OneHeadInConfig, "made again from get_config"),
    "bias": (WithBias, "has 5 weights"),
    "Keras' own": (Borrowed, "in this order"),
    "dropout": (Noisy, ""),
    "two outputs": (Pair, "not a tuple"),
    "shared": (Sharing, "share their weights"),
    "a loss": (WithLoss, "adds something to the loss"),
    "a fixed batch": (Batchy, "stops with"),
    "no gradient": (Cut, "gradient is cut off"),
    "zeros at first": (with_parts(options=lambda self: {"initializer": "zeros"}), "equal numbers"),
    "far away": (
        with_parts(options=lambda self: {"initializer": keras.initializers.RandomNormal(0, 99)}),
        "more than 4",
    ),
    "frozen": (with_parts(options=lambda self: {"trainable": False}), "not trainable"),
    "a layer": (Right(1, 2), "the class itself"),
    "a model": (lambda heads, width: np.ones(3), "yours makes"),
    "weightless": (lambda heads, width: layers.Flatten(), "no weights"),
}


def test_wrong_causal_layers():
    refuses("04.causal", CAUSAL_MUTANTS, count=14)


@ALL
@pytest.mark.parametrize("answer", [*CAUSAL_REWRITES.values(), published("04.causal")])
def test_right_causal_layers_pass(answer):
    assert EXERCISES["04.causal"].count >= 100
    accepts("04.causal", answer)


def test_some_right_causal_layers_pass_on_a_few_inputs():
    from dataclasses import replace

    few = replace(EXERCISES["04.causal"], count=14)
    for answer in (published("04.causal"), OfDense):
        verdict = examine(few, answer)
        assert verdict.passed, verdict


def test_a_layer_by_numpy_is_the_layer_by_keras():
    rng = np.random.default_rng(0)
    x, W_Q, W_K, W_V = rng.normal(size=(2, 5, 3)), *rng.normal(size=(3, 3, 4))
    W_O = rng.normal(size=(4, 4))
    ours = given._causal(2, 4, x, W_Q, W_K, W_V, W_O, np.zeros((2, 5, 4)), 0.0)["output"]
    theirs, _ = functional.multi_head_attention(
        x, x, W_Q, W_K, W_V, W_O, heads=2, mask=functional.causal_mask(5)
    )
    np.testing.assert_allclose(ours, theirs)


# --- 04.bug -----------------------------------------------------------------------------------


def by_properties(query, key, value, heads, weights, output):
    """Right: sums and the diagonal first, and scores only where these do not tell."""
    rows = np.allclose(weights.sum(axis=-1), 1, atol=1e-4)
    future = weights[:, *np.triu_indices(len(query), 1)].max() > 1e-9
    if future:
        return 4
    if not rows:
        return 1 if np.allclose(weights.sum(axis=-2), 1, atol=1e-4) else 3
    for number in (0, 2, 5):
        if np.allclose(weights, given.anonymous(number, query, key, value, heads)[0], atol=1e-3):
            return number
    return np.int64(6)


def confuses(one, other):
    def answer(*case):
        found = given.which_bug(*case)
        return other if found == one else found

    return answer


BUG_MUTANTS = {
    "always right": (lambda *case: 0, "every version right"),
    "from one": (lambda *case: given.which_bug(*case) + 1, "one too high"),
    "late is unmasked": (confuses(3, 4), "without any mask"),
    "late is the wrong axis": (confuses(3, 1), "the columns do"),
    "the axis is late": (confuses(1, 3), "the columns do"),
    "scale missed": (confuses(2, 0), "unscaled scores right"),
    "exchange missed": (confuses(5, 0), "number 5"),
    "heads missed": (confuses(6, 0), "number 6"),
    "mask missed": (confuses(4, 0), "without a mask right"),
    "axis missed": (confuses(1, 0), "sum its rows"),
    "late missed": (confuses(3, 0), "late mask right"),
    "sums and diagonal only": (
        lambda *case: found if (found := given.which_bug(*case)) in (1, 3, 4) else 0,
        "compute the weights",
    ),
    "another confusion": (confuses(4, 6), "should be"),
    "a letter": (lambda *case: "ABCDEFG"[given.which_bug(*case)], "a string"),
    "a fraction": (lambda *case: given.which_bug(*case) / 1, "whole numbers"),
    "names": (lambda *case: {"bug": given.which_bug(*case)}, ""),
}


def test_bug():
    accepts("04.bug", by_properties)
    refuses("04.bug", BUG_MUTANTS)


def test_every_bug_is_drawn_and_each_can_be_told_from_the_others():
    drawn = []
    for query, key, value, heads, weights, output in draw_cases(given._bug_case, 0, 117):
        every_one = [given.anonymous(i, query, key, value, heads) for i in range(7)]
        assert len(query) >= 3
        assert heads >= 2
        for i, one in enumerate(every_one):
            for other in every_one[:i]:
                assert all(np.abs(a - b).max() > 0.01 for a, b in zip(one, other, strict=True))
        [number] = [i for i, one in enumerate(every_one) if np.array_equal(one[0], weights)]
        np.testing.assert_array_equal(every_one[number][1], output)
        drawn.append(number)
    assert {*drawn} == {*range(7)}
    assert max(map(drawn.count, range(7))) < 0.3 * len(drawn)


def test_the_letters_of_the_chapter_hide_different_versions():
    assert sorted({*given.LETTERS.values()}) == sorted(given.LETTERS.values())
    x = np.random.default_rng(0).normal(size=(3, 4, 6))
    for letter, number in given.LETTERS.items():
        weights, output = given.anonymous(letter, *x, heads=2)
        assert given.which_bug(*x, 2, weights, output) == number
