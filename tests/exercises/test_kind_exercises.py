"""Chapter 7's exercises: other right answers pass, and wrong or sneaky ones are told."""

import importlib
import sys
from collections import Counter
from dataclasses import replace

import cloudpickle
import keras
import numpy as np
import pytest
from keras import ops
from proof import THOROUGH, accepts, examine, published, refuses, some

from attention_course.datasets import pointing
from attention_course.exercises import EXERCISES, check
from attention_course.exercises import kinds as room
from attention_course.exercises.drawing import draw_cases
from attention_course.exercises.exercise import call
from attention_course.functional import kinds
from attention_course.layers import KindOfAttention
from attention_course.statistics import mean_interval

# The answers below travel as those of a notebook do, not as names in a module.
cloudpickle.register_pickle_by_value(sys.modules[__name__])

thorough = pytest.mark.thorough


def remembered(right, key=lambda *case: str([np.shape(one) for one in case])):
    """A right answer that looks its result up by something else than the numbers."""
    known = {}

    def answer(*case):
        return known.setdefault(key(*case), right(*case))

    return answer


def but(right, change):
    return lambda *case: change(right(*case))


# --- 07.ceiling -------------------------------------------------------------------------------


def ceiling_by_loops(places, real, D, symbols):
    asked = reached = 0
    for row, marks in zip(places.tolist(), real.tolist(), strict=True):
        for t, (s, mark) in enumerate(zip(row, marks, strict=True)):
            asked += mark
            reached += mark and -D <= s - t <= D
    return (reached + (asked - reached) / symbols) / asked


def ceiling_by_chances(places, real, D, symbols):
    _, t = np.indices(places.shape)
    chances = np.where((places >= t - D) & (places <= t + D), 1.0, 1 / symbols)
    return np.average(chances, weights=real)


def ceiling_by_counts(places, real, D, symbols):
    sequences, t = np.nonzero(real)
    outside = np.count_nonzero(np.abs(t - places[sequences, t]) > D)
    return np.array(1 - outside / len(t) * (1 - 1 / symbols), "float32")


def ceiling_in_place(places, real, D, symbols):
    places -= np.arange(places.shape[1])
    return ceiling_by_loops(places + np.arange(places.shape[1]), real, D, symbols)


def first_sequence(places, real, D, symbols):
    return ceiling_by_loops(places[:1], real[:1], D, symbols)


def real_in_front(places, real, D, symbols):
    """Where padding is taken to stand behind the queries."""
    lengths = real.sum(axis=1, keepdims=True)
    return ceiling_by_loops(places, np.arange(places.shape[1]) < lengths, D, symbols)


CEILING_MUTANTS = {
    "padding": (lambda p, r, D, n: ceiling_by_loops(p, r | True, D, n), "Padding is counted"),
    "padding divides": (
        lambda p, r, D, n: (r & (abs(p - np.arange(p.shape[1])) <= D)).mean(),
        "should be",
    ),
    "padding divides chances": (
        lambda p, r, D, n: (np.where(abs(p - np.arange(p.shape[1])) <= D, 1, 1 / n) * r).mean(),
        "divide by all places",
    ),
    "no guess": (lambda p, r, D, n: ceiling_by_loops(p, r, D, np.inf), "Guesses are forgotten"),
    "guessed twice": (
        lambda p, r, D, n: ceiling_by_loops(p, r, D, np.inf) + 1 / n,
        "for all queries",
    ),
    "one side": (
        lambda p, r, D, n: ceiling_by_loops(
            np.where(p > np.arange(p.shape[1]), -D - 99, p), r, D, n
        ),
        "one side alone",
    ),
    "signed": (
        lambda p, r, D, n: ceiling_by_loops(np.maximum(p, np.arange(p.shape[1]) - D), r, D, n),
        "ends on one side only",
    ),
    "twice as wide": (lambda p, r, D, n: ceiling_by_loops(p, r, 2 * D, n), "2 D keys"),
    "half as wide": (lambda p, r, D, n: ceiling_by_loops(p, r, D // 2, n), "half as wide"),
    "without its edge": (lambda p, r, D, n: ceiling_by_loops(p, r, D - 1, n), "exactly D"),
    "counted from one": (lambda p, r, D, n: ceiling_by_loops(p - 1, r, D, n), "from 1"),
    "one symbol fewer": (lambda p, r, D, n: ceiling_by_loops(p, r, D, n - 1), "one symbol fewer"),
    "two symbols": (lambda p, r, D, n: ceiling_by_loops(p, r, D, 2), "should be"),
    "in percent": (but(ceiling_by_loops, lambda x: 100 * x), "percentage"),
    "by how many keys there are": (
        lambda p, r, D, n: min(1, (2 * D + 1) / p.shape[1]),
        "should be",
    ),
    "by sequences": (
        lambda p, r, D, n: np.mean(
            [ceiling_by_loops(*pair, D, n) for pair in zip(p[:, None], r[:, None], strict=True)]
        ),
        "average over the sequences",
    ),
    "a number for each query": (
        lambda p, r, D, n: np.where(abs(p - np.arange(p.shape[1])) <= D, 1, 1 / n)[r],
        "shape",
    ),
    "a constant": (lambda *case: 0.79, "one and the same"),
    "one": (lambda *case: 1, "one and the same"),
    "NaN": (lambda *case: float("nan"), "NaN"),
    "in place": (ceiling_in_place, "in place"),
    "remembered by shape": (remembered(ceiling_by_loops), "should be"),
    "remembered by the window": (
        remembered(ceiling_by_loops, lambda p, r, D, n: (p.shape, D, n)),
        "should be",
    ),
    "remembered by its places": (
        remembered(ceiling_by_loops, lambda p, r, D, n: (str(p), D, n)),
        "should be",
    ),
    "the first sequence": (first_sequence, "should be"),
    "padding behind": (real_in_front, "should be"),
    "half precision": (but(ceiling_by_loops, np.float16), "should be"),
    "rounded": (but(ceiling_by_loops, lambda x: round(x, 4)), "rounded"),
    "a text": (but(ceiling_by_loops, str), "numbers"),
    "a list": (but(ceiling_by_loops, lambda x: [x]), "shape"),
    "drawn": (
        lambda p, r, D, n: ceiling_by_loops(p, r, D, n) + np.random.default_rng().normal() / 100,
        "two results",
    ),
}


def test_ceiling():
    accepts("07.ceiling", ceiling_by_loops, ceiling_by_counts, ceiling_by_chances)
    refuses("07.ceiling", CEILING_MUTANTS)


@pytest.mark.parametrize("task", pointing.TASKS)
def test_the_ceiling_is_that_of_the_package(task):
    drawn = pointing.draw(task, 200, seed=5)
    for D in (0, 2, 5):
        found = room.ceiling(drawn.places, drawn.real, D, pointing.SYMBOLS)
        assert found == pytest.approx(pointing.ceiling(drawn, D), abs=1e-12)


# --- 07.sparsemax -----------------------------------------------------------------------------


def sparsemax_by_halving(scores):
    """The threshold lies between the highest score less one, and the highest score."""
    scores = np.asarray(scores, float)
    high = scores.max(axis=-1, keepdims=True)
    low = high - 1
    for _ in range(100):
        middle = (low + high) / 2
        above = np.maximum(scores - middle, 0).sum(axis=-1, keepdims=True) > 1
        low, high = np.where(above, middle, low), np.where(above, high, middle)
    return np.maximum(scores - high, 0)


def sparsemax_by_leaving_out(scores):
    """Michelot's way: let all share, leave out who is below the threshold, and again."""
    shares = np.ones(scores.shape, bool)
    for _ in range(scores.shape[-1]):
        total = np.where(shares, scores, 0.0).sum(axis=-1, keepdims=True)
        threshold = (total - 1) / shares.sum(axis=-1, keepdims=True)
        shares &= scores > threshold
    return np.maximum(scores - threshold, 0)


def sparsemax_by_rows(scores):
    if np.ndim(scores) > 1:
        return [sparsemax_by_rows(row) for row in scores]
    top, total = sorted(map(float, scores), reverse=True), 0.0
    for k, score in enumerate(top, start=1):
        if 1 + k * score <= total + score:
            break
        total += score
        threshold = (total - 1) / k
    return [max(float(score) - threshold, 0.0) for score in scores]


def sparsemax_in_single(scores):
    shifted = (scores - scores.max(axis=-1, keepdims=True)).astype("float32")
    return room.sparsemax(shifted)


def sparsemax_of_two(scores):
    """Two keys at most share the weight."""
    if scores.shape[-1] == 1:
        return np.ones(scores.shape)
    second = np.sort(scores, axis=-1)[..., -2:-1]
    threshold = np.maximum(
        (scores.max(-1, keepdims=True) + second - 1) / 2, scores.max(-1, keepdims=True) - 1
    )
    return np.maximum(scores - threshold, 0)


def sparsemax_not_divided(scores):
    top = -np.sort(-scores, axis=-1)
    above = 1 + np.arange(1, scores.shape[-1] + 1) * top > top.cumsum(axis=-1)
    return np.maximum(scores - (top * above).sum(axis=-1, keepdims=True) + 1, 0)


def sparsemax_not_sorted(scores):
    sums = scores.cumsum(axis=-1)
    above = 1 + np.arange(1, scores.shape[-1] + 1) * scores > sums
    k = above.sum(axis=-1, keepdims=True)
    return np.maximum(scores - (np.take_along_axis(sums, k - 1, axis=-1) - 1) / k, 0)


def sparsemax_sorting(scores):
    right = room.sparsemax(scores)
    scores.sort(axis=-1)
    return right


def changed_scores(change):
    return lambda scores: room.sparsemax(change(scores))


def softmax(scores):
    powers = np.exp(scores - scores.max(axis=-1, keepdims=True))
    return powers / powers.sum(axis=-1, keepdims=True)


def top_softmax(scores):
    third = np.sort(scores, axis=-1)[..., -2:][..., :1]
    return softmax(np.where(scores >= third, scores, -1e9))


def keras_3_13(scores):
    return np.array(ops.sparsemax(np.asarray(scores, "float32")))


SPARSEMAX_MUTANTS = {
    "Keras 3.13": (keras_3_13, "Keras 3.13"),
    "softmax": (softmax, "That is the softmax"),
    "softmax cut off": (lambda s: np.where(softmax(s) < 0.05, 0, softmax(s)), "cut off its small"),
    "the two highest": (top_softmax, "should be"),
    "not divided": (sparsemax_not_divided, "threshold is not divided by k"),
    "not sorted": (sparsemax_not_sorted, "not in falling order when"),
    "hard": (lambda s: np.eye(s.shape[-1])[s.argmax(-1)], "on one key"),
    "clipped": (lambda s: np.clip(s, 0, 1), "clip the scores"),
    "all share": (
        lambda s: np.maximum(s - (s.sum(-1, keepdims=True) - 1) / s.shape[-1], 0),
        "all keys share",
    ),
    "negative": (
        lambda s: s - (s - room.sparsemax(s)).max(-1, keepdims=True),
        "Some of your weights are negative",
    ),
    "sorted": (lambda s: -np.sort(-room.sparsemax(s)), "falling order"),
    "the first axis": (lambda s: room.sparsemax(s.swapaxes(0, -1)).swapaxes(0, -1), "first axis"),
    "all rows at once": (lambda s: room.sparsemax(s.ravel()).reshape(s.shape), "all rows together"),
    "two keys only": (sparsemax_of_two, "should be"),
    "positive scores only": (changed_scores(lambda s: np.maximum(s, 0)), "should be"),
    "sharper": (changed_scores(lambda s: 2 * s), "should be"),
    "one row only": (lambda s: room.sparsemax(s[:1]), "should"),
    "matrices only": (
        lambda s: room.sparsemax(s) if s.ndim == 2 else softmax(s),
        "should be",
    ),
    "eight keys at most": (
        lambda s: room.sparsemax(s) if s.shape[-1] < 9 else softmax(s),
        "Only long inputs",
    ),
    "whole scores cut": (lambda s: room.sparsemax(s).astype(s.dtype), "whole numbers"),
    "half precision": (lambda s: room.sparsemax(s).astype("float16"), "should be"),
    "computed in half precision": (changed_scores(lambda s: s.astype("float16")), "For scores ="),
    "rounded": (lambda s: room.sparsemax(s).round(5), "rounded"),
    "nearly": (lambda s: 0.999 * room.sparsemax(s) + 0.001 / s.shape[-1], "should be"),
    "NaN": (lambda s: room.sparsemax(s) * np.nan, "NaN"),
    "uniform": (lambda s: np.full(s.shape, 1 / s.shape[-1]), "equal numbers"),
    "zeros": (lambda s: np.zeros(s.shape), "one and the same"),
    "in place": (sparsemax_sorting, "in place"),
    "remembered by shape": (remembered(room.sparsemax), "should be"),
    "remembered by some numbers": (remembered(room.sparsemax, str), "should be"),
    "a sum for each row": (lambda s: room.sparsemax(s).sum(-1), "shape"),
    "None": (lambda s: [].append(s), "returns None"),
}


def test_sparsemax():
    accepts(
        "07.sparsemax",
        sparsemax_by_halving,
        sparsemax_by_rows,
        sparsemax_by_leaving_out,
        sparsemax_in_single,
    )
    refuses("07.sparsemax", SPARSEMAX_MUTANTS)


def test_the_sparsemax_is_that_of_the_package():
    scores = 3 * np.random.default_rng(0).normal(size=(4, 3, 7))
    np.testing.assert_allclose(room.sparsemax(scores), kinds.sparsemax(scores), rtol=0, atol=1e-12)


# --- layers -----------------------------------------------------------------------------------


def layer(name, *changes, **names):
    """The published layer with some of its lines exchanged."""
    text = EXERCISES[name].solution
    for old, new in changes:
        assert old in text, old
        text = text.replace(old, new)
    namespace = {**names}
    exec(text, namespace)
    return namespace[EXERCISES[name].called]


# --- 07.local_p -------------------------------------------------------------------------------


class LocalByHand(keras.layers.Layer):
    """Powers divided by their sum, weights made in another order."""

    def __init__(self, units, D, **kwargs):
        super().__init__(**kwargs)
        self.units, self.D = units, D

    def build(self, query_shape, values_shape):
        self.v_p = self.add_weight(shape=(self.units,), initializer="glorot_normal")
        self.W_p = self.add_weight(shape=(query_shape[-1], self.units))
        self.W = self.add_weight(shape=(query_shape[-1], values_shape[-1]))

    def call(self, query, values, mask=None):
        steps = values.shape[1]
        real = ops.ones((1, steps)) if mask is None else ops.cast(mask, "float32")
        hidden = ops.tanh(ops.einsum("bqd,du->bqu", query, self.W_p))
        places = ops.sum(real, axis=1)[:, None] / (1 + ops.exp(-ops.sum(hidden * self.v_p, -1)))
        ahead = ops.cast(ops.arange(steps), "float32")[None, None] - places[..., None]
        inside = ops.cast((ahead <= self.D) & (ahead >= -self.D), "float32") * real[:, None]
        scores = ops.einsum("bqd,de,bke->bqk", query, self.W, values)
        scores = scores - 1e6 * (1 - inside)
        powers = ops.exp(scores - ops.max(scores, axis=-1, keepdims=True)) * inside
        weights = powers / ops.sum(powers, axis=-1, keepdims=True)
        weights = weights * ops.exp(-2 * ops.square(ahead) / self.D**2)
        return [ops.einsum("bqk,bkd->bqd", weights, values), weights]


class LocalByInfinity(LocalByHand):
    """Masked by minus infinity, in a softmax layer of Keras."""

    def call(self, query, values, mask=None):
        if mask is None:
            mask = ops.ones_like(values[..., 0]) > 0
        mask = ops.cast(mask, "bool")
        count = ops.cast(ops.count_nonzero(mask, axis=-1), "float32")
        logit = ops.dot(ops.tanh(ops.dot(query, self.W_p)), self.v_p)
        place = ops.expand_dims(ops.multiply(count[:, None], keras.activations.sigmoid(logit)), 2)
        distance = ops.abs(place - np.arange(values.shape[1], dtype="float32"))
        allowed = ops.where(distance > self.D, False, ops.expand_dims(mask, 1))
        scores = ops.matmul(query, ops.matmul(self.W, ops.swapaxes(values, 1, 2)))
        weights = keras.layers.Softmax()(ops.where(allowed, scores, -float("inf")))
        sigma = 0.5 * self.D
        weights = weights * ops.exp(-(distance**2) / (2 * sigma**2))
        return weights @ values, weights


LOCAL_RIGHT = {
    "by hand": LocalByHand,
    "by infinity": LocalByInfinity,
    "made by a function": lambda units, D: LocalByHand(units, D),
}

MASK = "if mask is None:"
BELL = "ops.exp(-0.5 * (distances / (self.D / 2)) ** 2)"
NEAR = "ops.logical_and(ops.abs(distances) <= self.D, mask[:, None, :])"
SOFT = "weights = ops.softmax(ops.where(allowed, scores, -1e9), axis=-1)"
LENGTH = "S = ops.sum(ops.cast(mask, query.dtype), axis=1)[:, None, None]"
PLACE = "S * ops.sigmoid(logits)"
FRESH = 'initializer="random_normal", name="v_p")'
RETURN = "return ops.matmul(weights, values), weights"
KWARGS = "def __init__(self, units, D, **kwargs):\n        super().__init__(**kwargs)"
LOCAL_MUTANTS = {
    "sigma is D": ([("self.D / 2", "self.D")], "too wide"),
    "no half in the exponent": ([("-0.5 *", "-")], "squared in it"),
    "no Gaussian": ([("weights * " + BELL, "weights")], "The Gaussian is missing"),
    "Gaussian alone": ([("weights * " + BELL, BELL + " * ops.cast(allowed, 'float32')")], "alone"),
    "renormalised": (
        [(RETURN, "weights = weights / ops.sum(weights, -1, keepdims=True)\n        " + RETURN)],
        "sum to 1 again",
    ),
    "Gaussian added": (
        [("weights * " + BELL, "weights"), ("allowed, scores", f"allowed, scores + {BELL}")],
        "add the Gaussian",
    ),
    "Gaussian times scores": (
        [("weights * " + BELL, "weights"), ("allowed, scores", f"allowed, scores * {BELL}")],
        "multiply the scores",
    ),
    "Gaussian times scores, and excluded keys with them": (
        [
            ("weights * " + BELL, "weights"),
            ("ops.where(allowed, scores, -1e9)", f"ops.where(allowed, scores, -1e9) * {BELL}"),
        ],
        "multiply the scores",
    ),
    "Gaussian twice": ([("allowed, scores", f"allowed, scores * {BELL}")], "multiply the scores"),
    "zero for excluded keys": (
        [("ops.where(allowed, scores, -1e9)", "scores * ops.cast(allowed, 'float32')")],
        "scores of excluded keys to 0",
    ),
    "a window around the query": (
        [(PLACE, "ops.arange(query.shape[1], dtype='float32')[:, None] + 0 * logits")],
        "query's own place t",
    ),
    "a window around the query, a Gaussian around p": (
        [
            (
                "ops.abs(distances)",
                "ops.abs(ops.arange(values.shape[1]) - ops.arange(query.shape[1])[:, None])",
            )
        ],
        "query's own place t",
    ),
    "S of the queries": ([(LENGTH, "S = float(query.shape[1])")], "number of queries"),
    "S of the batch": (
        [(LENGTH, "S = ops.sum(ops.cast(mask, query.dtype))")],
        "summed over the whole batch",
    ),
    "S of the batch with a mask": (
        [
            (LENGTH, "S = ops.sum(ops.cast(mask, 'float32')) if given else float(values.shape[1])"),
            (MASK, "given = mask is not None\n        " + MASK),
        ],
        "summed over the whole batch",
    ),
    "no window": ([(NEAR, "mask[:, None, :]")], "window is missing"),
    "a late window": (
        [
            (NEAR, "mask[:, None, :]"),
            (BELL, f"{BELL} * ops.cast(ops.abs(distances) <= self.D, 'float32')"),
        ],
        "window comes after",
    ),
    "a wide window": ([("<= self.D,", "<= 2 * self.D,")], "2 D to either side"),
    "a narrow window": ([("<= self.D,", "<= self.D / 2,")], "D wide in all"),
    "rounded": ([(PLACE, f"ops.round({PLACE})")], "You round p"),
    "cut off": ([(PLACE, f"ops.floor({PLACE})")], "You round p"),
    "no sigmoid": ([("ops.sigmoid(logits)", "logits")], "The sigmoid is missing"),
    "no S": ([("S * ops.sigmoid", "ops.sigmoid")], "You forget S"),
    "S less one": ([("S * ops", "(S - 1) * ops")], "S - 1"),
    "S of all": ([(LENGTH, "S = float(values.shape[1])")], "counts the padding"),
    "from one": ([("ops.arange(values.shape[1],", "ops.arange(1, values.shape[1] + 1,")], "from 1"),
    "no tanh": ([("ops.tanh(", "(")], "tanh between W_p and v_p"),
    "no v_p": ([("self.v_p[:, None]", "self.v_p[:, None] * 0 + 1")], "v_p has no effect"),
    "scaled": ([("(0, 2, 1)))", "(0, 2, 1))) / values.shape[-1] ** 0.5")], "square root of d"),
    "no mask": ([(MASK, "if True:")], "mask has no effect"),
    "a mask in S alone": ([("mask[:, None, :]", "True")], "changes S alone"),
    "a late mask": (
        [("mask[:, None, :]", "True"), (BELL, BELL + " * ops.cast(mask, 'float32')[:, None]")],
        "mask comes after",
    ),
    "a mask turned": (
        [
            ("mask[:, None, :]", "(True if mask is every else ~mask[:, None, :])"),
            ('dtype="bool")', 'dtype="bool"); every = mask\n        else:\n            every = 0'),
        ],
        "wrong way round",
    ),
    "masked by zero": (
        [
            (NEAR, "ops.abs(distances) <= self.D"),
            ("allowed, scores", "allowed, scores * ops.cast(mask, 'float32')[:, None]"),
        ],
        "scores of padding to 0",
    ),
    "over the queries": ([("-1e9), axis=-1", "-1e9), axis=1")], "over the queries"),
    "no softmax": (
        [(SOFT, "weights = scores * ops.cast(allowed, 'float32')")],
        "softmax is missing",
    ),
    "the mean": (
        [(RETURN, "return ops.mean(values, 1, keepdims=True) + 0 * query[..., :1], weights")],
        "plain mean",
    ),
    "the context alone": ([(RETURN, RETURN.removesuffix(", weights"))], "return two things"),
    "exchanged": ([(RETURN, "return weights, ops.matmul(weights, values)")], "wrong order"),
    "zeros": ([(FRESH, FRESH.replace("random_normal", "zeros"))], "same number"),
    "frozen": ([(FRESH, FRESH.replace(")", ", trainable=False)"))], "not trainable"),
    "other names": ([("self.v_p", "self.v")], "missing"),
    "a bias": ([(FRESH, FRESH + "\n        self.b = self.add_weight(shape=(1,))")], "4 weights"),
    "a row for v_p": (
        [
            ("shape=(self.units,)", "shape=(1, self.units)"),
            ("self.v_p[:, None]", "self.v_p[0][:, None]"),
        ],
        "have the shapes",
    ),
}
SNEAKY_LOCAL = {
    "no gradient to the place": (
        [(PLACE, f"ops.stop_gradient({PLACE})")],
        "no gradient reaches W_p and v_p",
    ),
    "no gradient through the softmax": (
        [(SOFT, SOFT.replace("ops.softmax(", "ops.stop_gradient(ops.softmax(") + ")")],
        "cut off",
    ),
    "no gradient to W_p": ([("self.W_p))", "ops.stop_gradient(self.W_p)))")], "cut off"),
    "half precision": (
        [
            (
                RETURN,
                "weights = ops.cast(ops.cast(weights, 'float16'), 'float32')\n        " + RETURN,
            )
        ],
        "should be",
    ),
    "NaN": ([(RETURN, "weights = weights * float('nan')\n        " + RETURN)], "NaN"),
    "zeros returned": (
        [(RETURN, "return 0 * ops.matmul(weights, values), 0 * weights")],
        "one and the same",
    ),
    "the first sequence for all": (
        [(RETURN, "weights = weights[:1] + 0 * weights\n        " + RETURN)],
        "should be",
    ),
    "its own D": (
        [("self.units, self.D = units, D", "self.units, self.D = units, 2")],
        "should be",
    ),
    "no settings kept": (
        [(KWARGS, "def __init__(self, units, D):\n        super().__init__()")],
        "get_config",
    ),
    "S remembered": (
        [(LENGTH, "S = self.S = getattr(self, 'S', float(values.shape[1]))")],
        "counts the padding",
    ),
    "padding found by zeros": (
        [(MASK, "mask = ops.any(values != 0, axis=-1)\n        if mask is None:")],
        "should be",
    ),
    "small numbers alone": (
        [("self.W), ops", "ops.clip(self.W, -1, 1)), ops")],
        "should be",
    ),
    "dropout": (
        [
            (RETURN, "weights = keras.layers.Dropout(0.5)(weights)\n        " + RETURN),
            ("mask=None):", "mask=None, training=None):"),
        ],
        "a step of training moves the weights elsewhere",
    ),
}


@pytest.mark.parametrize("name", LOCAL_RIGHT)
def test_a_local_layer_may_be_written_in_other_ways(name):
    verdict = examine("07.local_p", LOCAL_RIGHT[name])
    assert verdict.passed, verdict


@pytest.mark.parametrize("name", some(LOCAL_MUTANTS | SNEAKY_LOCAL))
def test_a_wrong_local_layer_is_told_what_is_wrong(name):
    changes, words = (LOCAL_MUTANTS | SNEAKY_LOCAL)[name]
    refuses("07.local_p", {name: (layer("07.local_p", *changes), words)}, count=40)


# --- 07.hard ----------------------------------------------------------------------------------


class HardByNoise(keras.layers.Layer):
    """A draw as the largest of scores with Gumbel noise; gathered, not multiplied."""

    def build(self, query_shape, values_shape):
        zero = keras.initializers.Zeros()
        self.baseline = self.add_weight((), initializer=zero, trainable=False)
        self.seed = keras.random.SeedGenerator(3)

    def call(self, query, values, mask=None, training=None):
        scores = ops.einsum("bqd,bkd->bqk", query, values)
        if mask is not None:
            scores = scores - 1e9 * (1 - ops.cast(mask, "float32"))[:, None]
        noise = 0.0
        if training:
            uniform = keras.random.uniform(ops.shape(scores), 1e-7, 1, seed=self.seed)
            noise = -ops.log(-ops.log(uniform))
        chosen = ops.argmax(scores + noise, axis=-1)
        context = ops.take_along_axis(values, chosen[..., None], axis=1)
        scores = scores - ops.logsumexp(scores, axis=-1, keepdims=True)
        logs = ops.take_along_axis(scores, chosen[..., None], axis=-1)[..., 0]
        return context, ops.one_hot(chosen, values.shape[1]), logs

    def loss(self, errors, log_probability):
        errors = ops.convert_to_tensor(errors)
        gain = ops.stop_gradient(errors) - self.baseline
        loss = ops.mean(errors + gain * log_probability)
        self.baseline.assign_add(0.1 * (ops.mean(errors) - self.baseline))
        return loss


class HardBySums(HardByNoise):
    """A draw by comparing a uniform number with cumulative sums; Keras's own generator."""

    def call(self, query, values, mask=None, training=False):
        scores = query @ ops.swapaxes(values, 1, 2)
        if mask is not None:
            scores = ops.where(ops.expand_dims(mask, 1), scores, -float("inf"))
        odds = ops.softmax(scores)
        if training:
            below = keras.random.uniform(ops.shape(odds[..., :1]))
            beyond = ops.cast(ops.cumsum(odds, axis=-1) <= below, "int32")
            chosen = ops.minimum(ops.sum(beyond, axis=-1), odds.shape[-1] - 1)
        else:
            chosen = ops.argmax(odds, axis=-1)
        weights = ops.one_hot(chosen, odds.shape[-1])
        return weights @ values, weights, ops.log(ops.sum(weights * odds, axis=-1))


class HardByTensorFlow(HardByNoise):
    """Drawn by the backend's own function, and with the generator of the session."""

    def call(self, query, values, mask=None, training=False):
        import tensorflow as tf

        scores = tf.matmul(query, values, transpose_b=True)
        if mask is not None:
            scores = tf.where(mask[:, None, :], scores, -1e9)
        shape = tf.shape(scores)
        if training:
            rows = tf.reshape(scores, [-1, shape[2]])
            chosen = tf.reshape(tf.random.categorical(rows, 1), shape[:2])
        else:
            chosen = tf.argmax(scores, axis=-1)
        weights = tf.one_hot(chosen, shape[2])
        logs = -tf.nn.softmax_cross_entropy_with_logits(weights, scores)
        return tf.matmul(weights, values), weights, logs


HARD_RIGHT = {
    "by noise": HardByNoise,
    "by sums": HardBySums,
    "by TensorFlow": HardByTensorFlow,
    "without a seed of its own": layer("07.hard", (", seed=self.seed", "")),
    "made by a function": lambda: HardByNoise(),
}

SCORES = "scores = ops.matmul(query, ops.transpose(values, (0, 2, 1)))"
WEIGHTS = "weights = ops.one_hot(chosen, logs.shape[-1])"
TRIPLE = "return ops.matmul(weights, values), weights, ops.sum(weights * logs, axis=-1)"
SURPRISE = "ops.stop_gradient(errors - self.baseline)"
TOTAL = "total = mean + ops.mean(surprise * log_probability)"
ASSIGN = "self.baseline.assign(0.9 * self.baseline + 0.1 * mean)"
BASELINE = """self.baseline = self.add_weight(
            shape=(), initializer="zeros", trainable=False, name="baseline"
        )"""
DRAW = "keras.random.categorical(rows, 1, seed=self.seed)"
DRAWING_MUTANTS = {
    "argmax in training": ([("if training:", "if False:")], "chooses the same key again and again"),
    "a plain seed": ([("seed=self.seed)", "seed=7)")], "plain number as a seed"),
    "drawn evenly": (
        [("categorical(rows", "categorical(ops.where(rows < -1e6, rows, 0)")],
        "equally often",
    ),
    "drawn too sharply": ([("categorical(rows", "categorical(2 * rows")], "as often as"),
    "one draw for a sequence": (
        [
            (
                "ops.reshape(drawn, ops.shape(logs)[:-1])",
                "(d := ops.reshape(drawn, ops.shape(logs)[:-1]))[:, :1] + ops.zeros_like(d)",
            )
        ],
        "depends on what is drawn for another",
    ),
    "drawn from the first row": (
        [
            (DRAW, "keras.random.categorical(logs[:, 0], ops.shape(logs)[1], seed=self.seed)"),
        ],
        "each query draws with its own row",
    ),
    "drawn from the last row": (
        [
            (DRAW, "keras.random.categorical(logs[:, -1], ops.shape(logs)[1], seed=self.seed)"),
        ],
        "each query draws with its own row",
    ),
    "learns in no model": (
        [("return total", "return total if hasattr(total, 'numpy') else 0.0 * total")],
        "answers only",
    ),
    "the same forever": (
        [
            ("if training:", "if training:\n            keras.utils.set_random_seed(0)"),
            (", seed=self.seed", ""),
        ],
        "stops with",
    ),
}
HARD_MUTANTS = {
    "always drawn": ([("if training:", "if True:")], "draws outside of training too"),
    "drawn from probabilities": (
        [("categorical(rows", "categorical(ops.exp(rows)")],
        "not probabilities",
    ),
    "drawn without a mask": (
        [("rows = ops.reshape(logs,", f"{SCORES}\n            rows = ops.reshape(scores,")],
        "the mask forbids",
    ),
    "one draw for a batch": (
        [
            (
                "ops.reshape(drawn, ops.shape(logs)[:-1])",
                "(d := ops.reshape(drawn, ops.shape(logs)[:-1]))[:1] + ops.zeros_like(d)",
            )
        ],
        "the mask forbids",
    ),
    "soft weights": ([(WEIGHTS, "weights = ops.exp(logs)")], "those of the softmax"),
    "scaled": ([(SCORES, SCORES + " / values.shape[-1] ** 0.5")], "square root of d"),
    "no mask": ([("mask is not None", "False")], "mask has no effect"),
    "masked by zero": ([("-1e9)", "0.0)")], "masked scores to 0"),
    "probabilities": ([("ops.sum(weights * logs", "ops.sum(weights * ops.exp(logs)")], "the prob"),
    "all logarithms": ([("ops.sum(weights * logs, axis=-1)", "logs")], "one logarithm for each"),
    "two results": ([(TRIPLE, TRIPLE.replace(" weights,", ""))], "three things"),
    "in another order": (
        [(TRIPLE, "return weights, ops.matmul(weights, values), ops.sum(weights * logs, axis=-1)")],
        "wrong order",
    ),
    "no baseline subtracted": ([("errors - self.baseline", "errors")], "without the baseline"),
    "the sign": ([("mean + ops.mean", "mean - ops.mean")], "sign of the second part"),
    "a reward": ([("(errors - self.baseline)", "(self.baseline - errors)")], "sign of the second"),
    "a reward, minus": (
        [
            ("(errors - self.baseline)", "(-errors - self.baseline)"),
            ("mean + ops.m", "mean - ops.m"),
        ],
        "here an error is handed in",
    ),
    "a reward, plus": ([("errors - self.base", "-errors - self.base")], "here an error is"),
    "a reward with its own baseline": (
        [
            ("(errors - self.baseline)", "(-errors - self.baseline)"),
            ("mean + ops.m", "mean - ops.m"),
            ("0.1 * mean)", "0.1 * -mean)"),
        ],
        "here an error is handed in",
    ),
    "a mean forgotten": (
        [(TOTAL, TOTAL.replace("ops.mean", ""))],
        "one number; yours returns an array of shape",
    ),
    "two losses": ([("return total", "return mean, total")], "one number; yours returns a list"),
    "a baseline that is no weight": (
        [(ASSIGN, "self.baseline = 0.9 * self.baseline + 0.1 * mean")],
        "self.baseline.assign(…)",
    ),
    "errors alone": ([(TOTAL, "total = mean")], "mean of the errors alone"),
    "reward alone": ([(TOTAL, TOTAL.replace("mean + ", ""))], "lacks the mean of the errors"),
    "summed": ([(TOTAL, TOTAL.replace("ops.mean", "ops.sum"))], "takes the mean"),
    "not stopped": ([(SURPRISE, "errors - self.baseline")], "Put ops.stop_gradient"),
    "all stopped": (
        [("mean = ops.mean(errors)", "mean = ops.stop_gradient(ops.mean(errors))")],
        "too",
    ),
    "the logarithm stopped": (
        [
            ("surprise * log", "surprise * ops.stop_gradient(log"),
            ("probability)\n", "probability))\n"),
        ],
        "No gradient flows through the logarithm",
    ),
    "the baseline still": ([(ASSIGN, "pass")], "never moves"),
    "the factors exchanged": (
        [(ASSIGN, "self.baseline.assign(0.1 * self.baseline + 0.9 * mean)")],
        "factors are exchanged",
    ),
    "the last mean": ([(ASSIGN, "self.baseline.assign(mean)")], "last errors alone"),
    "moved first": (
        [(ASSIGN, "pass"), ("surprise =", ASSIGN + "\n        surprise =")],
        "move the baseline first",
    ),
    "the mean of this batch": (
        [("errors - self.baseline", "errors - mean"), (ASSIGN, ASSIGN)],
        "mean of this batch",
    ),
    "means multiplied": ([(SURPRISE, "ops.stop_gradient(mean - self.baseline)")], "its own error"),
    "no loss": ([("def loss(", "def lose(")], "no method loss"),
    "nothing returned": ([("return total", "return")], "loss"),
    "a number for a baseline": (
        [(BASELINE, "self.baseline = 0.0"), (ASSIGN, "pass")],
        "a weight of",
    ),
    "a trainable baseline": ([("trainable=False", "trainable=True")], "trainable weight"),
    "a baseline with an axis": ([("shape=(),", "shape=(1,),")], "a single number"),
    "a baseline at one": ([('"zeros"', '"ones"')], "does not begin at 0"),
    "two weights": (
        [(BASELINE, BASELINE + "\n        self.add_weight(shape=(2,), trainable=False)")],
        "2 weights",
    ),
}
SNEAKY_HARD = {
    "straight-through": (
        [
            (
                WEIGHTS,
                WEIGHTS + "\n        soft = ops.exp(logs)"
                "\n        weights = weights + soft - ops.stop_gradient(soft)",
            )
        ],
        "flows back through the choice",
    ),
    "the context stopped": (
        [("ops.matmul(weights, values)", "ops.stop_gradient(ops.matmul(weights, values))")],
        "back to the values",
    ),
    "stopped in training": (
        [("if training:", "if training:\n            logs = ops.stop_gradient(logs)")],
        "in training they are not",
    ),
    "the likeliest's logarithm": (
        [("ops.sum(weights * logs, axis=-1)", "ops.max(logs, axis=-1)")],
        "the key that has been drawn",
    ),
    "a soft context in training": (
        [
            (
                "ops.matmul(weights, values)",
                "ops.matmul(ops.exp(logs) if training else weights, values)",
            )
        ],
        "not the value of the key",
    ),
    "nearly one": (
        [
            ("rows = ops", "logs = logs + 0\n            rows = ops"),
            (WEIGHTS, WEIGHTS + " * (0.999 if training else 1)"),
        ],
        "not 1 at one key",
    ),
    "shared": (
        [
            (
                BASELINE,
                "self.baseline = KEPT.get('b')\n        if self.baseline is None:\n"
                "            KEPT['b'] = "
                + BASELINE
                + "\n        elif self.baseline not in self.weights:\n"
                "            self._track_variable(self.baseline)",
            )
        ],
        "share their baseline",
    ),
    "moved in call": (
        [(SCORES, "self.baseline.assign(self.baseline + 0.01)\n        " + SCORES)],
        "does not begin at 0",
    ),
    "half precision": (
        [
            (
                "logs = ops.log_softmax(scores, axis=-1)",
                "logs = ops.cast(ops.log_softmax(ops.cast(scores, 'float16')), 'float32')",
            )
        ],
        "should be",
    ),
    "NaN": ([("mean = ops.mean(errors)", "mean = ops.mean(errors) * float('nan')")], "NaN"),
    "minus infinity": ([("-1e9)", "-float('inf'))")], "0 · inf"),
    "zeros": ([(TRIPLE, TRIPLE + "\n        "), (WEIGHTS, WEIGHTS + " * 0")], "one and the same"),
    "the baseline set before": (
        [(ASSIGN, "self.baseline.assign(0.9 * 0.0 + 0.1 * mean)")],
        "should be",
    ),
}


@thorough
@pytest.mark.parametrize("name", HARD_RIGHT)
def test_a_hard_layer_may_be_written_in_other_ways(name):
    verdict = examine("07.hard", HARD_RIGHT[name])
    assert verdict.passed, verdict


@pytest.mark.parametrize("name", some(HARD_MUTANTS | SNEAKY_HARD))
def test_a_wrong_hard_layer_is_told_what_is_wrong(name):
    changes, words = (HARD_MUTANTS | SNEAKY_HARD)[name]
    refuses("07.hard", {name: (layer("07.hard", *changes, KEPT={}), words)}, count=8)


@pytest.mark.parametrize("name", some(DRAWING_MUTANTS))
def test_a_layer_that_draws_or_learns_wrongly_is_told(name):
    """Draws are counted, and a model is trained, in the eleventh case."""
    changes, words = DRAWING_MUTANTS[name]
    refuses("07.hard", {name: (layer("07.hard", *changes), words)}, count=11)


def test_a_model_is_trained_once_in_a_check():
    exercise = EXERCISES["07.hard"]
    for seed in range(5):
        cases = draw_cases(exercise.case, seed, exercise.count)
        assert [bool(case[-1]) for case in cases[: exercise.count]] == [
            number == 10 for number in range(exercise.count)
        ]
        assert not any(case[-1] for case in cases[exercise.count :])


def test_draws_with_these_odds_are_no_equal_ones():
    exercise = EXERCISES["07.hard"]
    for seed in range(30):
        query, values, mask, *_ = draw_cases(exercise.case, seed, 11)[10]
        odds, others = softmax(np.where(mask, (query[0] @ values[0].T), -np.inf))
        assert np.abs(odds - mask[0] / mask[0].sum()).max() > 2 * room.STRAY
        assert odds[mask[0]].min() > 0.05
        assert np.abs(odds - others).max() > 2 * room.STRAY


def test_a_draw_strays_as_far_as_hoeffding_says():
    """In so many draws a right answer is refused once in a thousand million checks."""
    draws = room.MANY**2 / 2
    chance = 2 * np.exp(-2 * draws * room.STRAY**2)
    assert chance == pytest.approx(1e-10)


def test_what_is_hard_in_the_package_is_what_the_exercise_asks_for():
    rng = np.random.default_rng(2)
    query = rng.normal(size=(2, 3, 4)).astype("float32")
    values = rng.normal(size=(2, 5, 4)).astype("float32")
    mask = np.array([[True] * 5, [True, False] * 2 + [True]])
    found = published("07.hard")()(query, values, mask=mask)
    wanted = KindOfAttention(choice="hard")(query, values, mask=mask)
    for one, other in zip(found, wanted, strict=True):
        np.testing.assert_allclose(one, other, rtol=0, atol=1e-6)


# --- 07.decisions -----------------------------------------------------------------------------


def decisions_by_loops(query, keys, values, D, weights, context):
    own = query.shape == keys.shape and bool((query == keys).all())
    used = {(t, s) for t, s in np.ndindex(weights.shape) if weights[t, s] != 0}
    local = all(abs(t - s) <= D for t, s in used)
    looked = {(t, s) for t, s in np.ndindex(weights.shape) if not local or abs(t - s) <= D}
    choice = 0 if used == looked else 2 if len(used) == len(weights) else 1
    first, second = (float(((weights @ x - context) ** 2).sum()) for x in (keys, values))
    return [int(own), int(local), choice, int(second < first)]


def decisions_by_sums(query, keys, values, D, weights, context):
    band = sum(np.eye(*weights.shape, k=k) for k in range(-D, D + 1)) > 0
    local = np.isclose(weights[band].sum(), len(weights), atol=1e-5)
    allowed = band if local else np.ones_like(band)
    most = weights.max(axis=1)
    choice = 2 if np.allclose(most, 1, atol=1e-5) else int((weights[allowed] < 1e-5).any())
    own = len(query) == len(keys) and np.allclose(query, keys)
    flows = np.allclose(weights.astype(float) @ values, context, atol=1e-3)
    return np.array([own, local, choice, flows]).astype("int8")


def decisions_by_allclose(query, keys, values, D, weights, context):
    found = decisions_by_loops(query, keys, values, D, weights, context)
    return [*found[:3], int(np.allclose(context, weights @ values))]


def decided(change):
    def answer(*case):
        return change(list(decisions_by_loops(*case)), *case)

    return answer


def put(place, value):
    return decided(
        lambda found, *case: [*found[:place], int(value(found, *case)), *found[place + 1 :]]
    )


def banded(weights, D):
    return np.tril(np.triu(weights, -D), D)


def placed(local, reach):
    """Decides by ``local`` whether there is a window, and then looks for zeros as far as it says"""

    def change(found, q, k, v, D, w, c):
        band = banded(np.ones_like(w), reach(D)) > 0
        place = int(local(w, D))
        choice = 2 if found[2] == 2 else int((w[band] if place else w).min() == 0)
        return [found[0], place, choice, found[3]]

    return decided(change)


DECISIONS_MUTANTS = {
    "one too high": (decided(lambda found, *_: [x + 1 for x in found]), "one too high"),
    "self by shape": (put(0, lambda f, q, k, *_: len(q) == len(k)), "as many queries as keys"),
    "self by identity": (put(0, lambda f, q, k, *_: q is k), "one and the same"),
    "self by the first number": (
        put(0, lambda f, q, k, *_: q[0, 0] == k[0, 0]),
        "first vector",
    ),
    "self by some vectors": (
        put(0, lambda f, q, k, *_: len(q) == len(k) and (q == k).any()),
        "as soon as some vectors",
    ),
    "windows are sparse": (
        put(2, lambda f, q, k, v, D, w, c: 2 if f[2] == 2 else (w == 0).any()),
        "a window for a sparse choice",
    ),
    "hard is sparse": (put(2, lambda f, *_: min(f[2], 1)), "hard choice for a sparse one"),
    "hard by one query": (
        put(2, lambda f, q, k, v, D, w, c: 2 if (w == 1).any() else f[2]),
        "one query has a single key",
    ),
    "hard by a large weight": (
        put(2, lambda f, q, k, v, D, w, c: 2 if (w.max(1) > 0.9).all() else f[2] % 2),
        "because of a large weight",
    ),
    "hard by one large weight": (
        put(2, lambda f, q, k, v, D, w, c: 2 if (w > 0.5).any() else min(f[2], 1)),
        "because of a large weight",
    ),
    "soft is everything": (put(2, lambda f, *_: 0), "one and the same"),
    "every zero is a window": (
        put(1, lambda f, q, k, v, D, w, c: (w == 0).any()),
        "every zero for the edge",
    ),
    "the first query's window": (
        put(1, lambda f, q, k, v, D, w, c: (w[0, D + 1 :] == 0).all()),
        "window of one query alone",
    ),
    "one side": (
        put(1, lambda f, q, k, v, D, w, c: (np.triu(w, D + 1) == 0).all()),
        "one side of the window",
    ),
    "inside for one query": (
        put(
            1,
            lambda f, q, k, v, D, w, c: (
                (np.triu(w, D + 1) + np.tril(w, -D - 1) == 0).all(axis=1).any()
            ),
        ),
        "window of one query alone",
    ),
    "a narrower window throughout": (
        placed(lambda w, D: (banded(w, D - 1) == w).all(), lambda D: D - 1),
        "exactly D",
    ),
    "zeros at the edge missed": (
        placed(lambda w, D: (banded(w, D) == w).all(), lambda D: D - 1),
        "exactly D",
    ),
    "global and local, and what follows": (
        placed(lambda w, D: (banded(w, D) != w).any(), lambda D: D),
        "Global and local are exchanged",
    ),
    "a narrower window": (
        put(1, lambda f, q, k, v, D, w, c: (np.triu(abs(w), D) + np.tril(abs(w), -D) == 0).all()),
        "exactly D",
    ),
    "global and local": (put(1, lambda f, *_: 1 - f[1]), "Global and local are exchanged"),
    "self and cross": (put(0, lambda f, *_: 1 - f[0]), "Self and cross are exchanged"),
    "keys and values": (put(3, lambda f, *_: 1 - f[3]), "Keys and values are exchanged"),
    "values to the last digit": (
        put(3, lambda f, q, k, v, D, w, c: np.array_equal(c, w @ v)),
        "equality to the last digit",
    ),
    "not the keys to the last digit": (
        put(3, lambda f, q, k, v, D, w, c: not (w @ k == c).all()),
        "equality to the last digit",
    ),
    "values in a self-attention alone": (put(3, lambda f, *_: f[3] and f[0]), "should be"),
    "true or false": (decided(lambda f, *_: [bool(f[0]), *f[1:]]), "1 for True and 0 for False"),
    "self is a kind": (decided(lambda f, *_: f if not f[0] else [1, 0, 0, f[3]]), "should be"),
    "local is soft": (decided(lambda f, *_: f if not f[1] else [f[0], 1, 0, f[3]]), "should be"),
    "all constant": (lambda *case: [0, 0, 0, 0], "one and the same"),
    "another order": (decided(lambda f, *_: [f[1], f[0], *f[2:]]), "order"),
    "three of four": (decided(lambda f, *_: f[:3]), "4"),
    "not whole": (decided(lambda f, *_: [x + 0.1 for x in f]), "whole"),
    "names": (decided(lambda f, *_: ["cross", "global", "soft", "keys"]), "a string"),
    "NaN": (decided(lambda f, *_: [np.nan, *f[1:]]), "whole"),
    "in place": (
        decided(lambda f, q, k, v, D, w, c: (w.__imul__(0), f)[1]),
        "in place",
    ),
    "remembered by shape": (remembered(decisions_by_loops), "should be"),
    "guessed": (lambda *case: [int(x) for x in np.random.default_rng().integers(2, size=4)], "two"),
}


def test_decisions():
    accepts("07.decisions", decisions_by_loops, decisions_by_sums, decisions_by_allclose)
    refuses("07.decisions", DECISIONS_MUTANTS)


def test_the_context_is_as_near_as_allclose_asks_for():
    exercise = EXERCISES["07.decisions"]
    for seed in range(20):
        for case in draw_cases(exercise.case, seed, exercise.count):
            assert {array.dtype for array in case if np.ndim(array)} == {np.dtype(float)}
            assert room.decisions(*case)[3] == np.allclose(case[5], case[4] @ case[2])


def test_every_combination_of_decisions_is_drawn():
    exercise, seen = EXERCISES["07.decisions"], Counter()
    for seed in range(3):
        for case in draw_cases(exercise.case, seed, exercise.count):
            seen[room.decisions(*case)] += 1
    assert len(seen) == 2 * 2 * 3 * 2
    cross = [found for found in seen if found[0] == 0]
    assert len(cross) == 12


def test_no_decision_follows_from_a_shape():
    exercise = EXERCISES["07.decisions"]
    cases = draw_cases(exercise.case, 0, exercise.count)
    square = [room.decisions(*case)[0] for case in cases if len(case[0]) == len(case[1])]
    assert min(Counter(square).values()) > 15


# --- 07.measured ------------------------------------------------------------------------------


def measured_by_loops(right, weights, places, real, t):
    accuracies, on_truth = [], []
    for answers, maps in zip(right, weights, strict=True):
        hits = []
        for i, j in np.ndindex(real.shape):
            if real[i, j]:
                hits.append(bool(answers[i, j]))
                on_truth.append(float(maps[i, j, places[i, j]]))
        accuracies.append(sum(hits) / len(hits))
    mean = sum(accuracies) / len(accuracies)
    spread = sum((one - mean) ** 2 for one in accuracies) / (len(accuracies) - 1)
    return mean, t * (spread / len(accuracies)) ** 0.5, sum(on_truth) / len(on_truth)


def measured_by_hot_places(right, weights, places, real, t):
    each = np.average(right, axis=(1, 2), weights=np.broadcast_to(real, right.shape))
    hot = np.eye(real.shape[1])[places] * real[..., None]
    on_truth = np.einsum("sijk,ijk->", weights, hot) / hot.sum() / len(right)
    return [each.mean(), t * np.sqrt(each.var(ddof=1) / len(each)), on_truth]


def measured_by_indices(right, weights, places, real, t):
    i, j = np.where(real)
    each = right[:, i, j].mean(axis=1)
    held = weights[:, i, j, places[i, j]]
    return np.array([each.mean(), t * each.std(ddof=1) / len(each) ** 0.5, held.mean()])


def measuring(**changes):
    return lambda *case: room._measured(*case, **changes)


def part(place, change):
    def answer(*case):
        found = list(measured_by_loops(*case))
        found[place] = change(found[place], *case)
        return found

    return answer


def a_query_each(half, right, weights, places, real, t):
    pooled = right[:, real]
    return t * pooled.std() / pooled.size**0.5


MEASURED_MUTANTS = {
    "padding": (
        lambda r, w, p, real, t: measured_by_loops(r, w, p, real | True, t),
        "Padding is counted",
    ),
    "padding in the weight": (
        part(2, lambda x, r, w, p, real, t: measured_by_loops(r, w, p, real | True, t)[2]),
        "Padding is counted",
    ),
    "queries as seeds": (part(1, a_query_each), "counts queries"),
    "queries as seeds, a sample": (
        part(1, lambda x, r, w, p, real, t: t * r[:, real].std(ddof=1) / r[:, real].size ** 0.5),
        "counts queries",
    ),
    "queries as seeds, over the queries": (
        part(1, lambda x, r, w, p, real, t: t * r[:, real].std(ddof=1) / real.sum() ** 0.5),
        "counts queries",
    ),
    "queries as seeds, over the seeds": (
        part(1, lambda x, r, w, p, real, t: t * r[:, real].std(ddof=1) / len(r) ** 0.5),
        "counts queries",
    ),
    "seeds over the queries": (
        part(
            1,
            lambda x, r, w, p, real, t: t * r[:, real].mean(axis=1).std(ddof=1) / real.sum() ** 0.5,
        ),
        "counts queries",
    ),
    "padding divides": (
        part(0, lambda x, r, w, p, real, t: (r & real).mean()),
        "divide by all places",
    ),
    "padding divides each accuracy": (
        lambda *case: measuring(count=lambda r, real: (r & real).mean(axis=(1, 2)))(*case),
        "divide by all places",
    ),
    "mean and half in percent": (
        lambda *case: [100 * (m := measured_by_loops(*case))[0], 100 * m[1], m[2]],
        "percentage",
    ),
    "divided by seeds": (
        part(1, lambda half, r, *_: half * ((len(r) - 1) / len(r)) ** 0.5),
        "ddof=1",
    ),
    "no root": (part(1, lambda half, r, *_: half * len(r) ** 0.5), "square root of the number"),
    "no t": (part(1, lambda half, *case: half / case[-1]), "factor t is missing"),
    "t is two": (part(1, lambda half, *case: 2 * half / case[-1]), "should be"),
    "whole": (part(1, lambda half, *case: 2 * half), "whole width"),
    "ends": (
        lambda *case: (
            (m := measured_by_loops(*case))[0],
            np.array([m[0] - m[1], m[0] + m[1]]),
            m[2],
        ),
        "shape",
    ),
    "best seed": (
        part(0, lambda x, r, w, p, real, t: r[:, real].mean(axis=1).max()),
        "best seed",
    ),
    "each seed": (
        part(0, lambda x, r, w, p, real, t: r[:, real].mean(axis=1)),
        "accuracy of each seed",
    ),
    "largest weight": (
        part(2, lambda x, r, w, p, real, t: w.max(axis=-1)[:, real].mean()),
        "largest weight of each query",
    ),
    "largest counted": (
        part(2, lambda x, r, w, p, real, t: (w.argmax(axis=-1) == p)[:, real].mean()),
        "You count how often",
    ),
    "turned": (
        lambda r, w, p, real, t: measured_by_loops(r, w.swapaxes(2, 3), p, real, t),
        "keys as rows",
    ),
    "the diagonal": (
        lambda r, w, p, real, t: measured_by_loops(r, w, 0 * p + np.arange(p.shape[1]), real, t),
        "its own place",
    ),
    "where right": (
        part(2, lambda x, r, w, p, real, t: measured_by_hits(r, w, p, real)),
        "answered rightly",
    ),
    "one seed's weights": (
        part(2, lambda x, r, w, p, real, t: measured_by_loops(r[:2], w[:2], p, real, t)[2]),
        "should be",
    ),
    "percent": (part(0, lambda x, *_: 100 * x), "percentage"),
    "another order": (lambda *case: measured_by_loops(*case)[::-1], "wrong order"),
    "two of three": (lambda *case: measured_by_loops(*case)[:2], "3 things"),
    "one number": (lambda *case: measured_by_loops(*case)[0], "3 things"),
    "constant": (lambda *case: (0.5, 0.1, 0.5), "one and the same"),
    "NaN": (part(1, lambda half, *case: float("nan")), "NaN"),
    "rounded": (lambda *case: [round(x, 3) for x in measured_by_loops(*case)], "rounded"),
    "half precision": (lambda *case: np.float16(measured_by_loops(*case)), "should be"),
    "in place": (
        lambda r, w, p, real, t: (
            measured_by_loops(r, w, p, real, t),
            real.__ior__(True),
        )[0],
        "in place",
    ),
    "remembered by shape": (remembered(measured_by_loops), "should be"),
    "remembered by the answers": (
        remembered(measured_by_loops, lambda r, w, p, real, t: (str(r), str(real), t)),
        "should be",
    ),
    "five seeds at most": (
        lambda r, w, p, real, t: measured_by_loops(r[:5], w[:5], p, real, t),
        "should be",
    ),
    "complex": (lambda *case: [x + 0j for x in measured_by_loops(*case)], "complex"),
}


def measured_by_hits(right, weights, places, real):
    held = np.take_along_axis(weights, places[None, ..., None], axis=-1)[..., 0]
    return held[right & real].mean()


def test_measured():
    accepts("07.measured", measured_by_loops, measured_by_hot_places, measured_by_indices)
    refuses("07.measured", MEASURED_MUTANTS)


def test_the_interval_is_that_of_the_package():
    from scipy.stats import t

    rng = np.random.default_rng(3)
    right, real = rng.random((4, 9, 6)) < 0.7, np.ones((9, 6), bool)
    weights, places = np.zeros((4, 9, 6, 6)), np.zeros((9, 6), int)
    mean, half, _ = room.measured(right, weights, places, real, t.ppf(0.975, 3))
    wanted = mean_interval(right.mean(axis=(1, 2)))
    assert [mean - half, mean + half] == pytest.approx(wanted["interval"])


# --- named mistakes, and what is the course's own ----------------------------------------------

NUMBERS = {
    name: replace(EXERCISES[name], probe=call, demands=None, takes=0, count=30)
    for name in ("07.local_p", "07.hard")
}


@pytest.mark.parametrize("name", NUMBERS)
def test_numbers_without_keras_stand_for_a_layer(name):
    assert examine(NUMBERS[name], lambda *inputs: EXERCISES[name].solve(*inputs)).passed


@pytest.mark.parametrize(
    ("name", "sentence", "mistake"),
    [(name, *known) for name in NUMBERS for known in NUMBERS[name].known[:: 1 if THOROUGH else 4]],
)
def test_a_mistake_of_a_layer_gets_its_own_sentence(name, sentence, mistake):
    verdict = examine(NUMBERS[name], lambda *inputs: mistake(*inputs))
    assert verdict.status == "wrong"
    assert verdict.message == sentence


def by_its_name(scores):
    return getattr(importlib.import_module("attention_course.functional.kinds"), "sparse" + "max")(
        scores
    )


def by_its_dictionary(scores):
    importlib.import_module("attention_course.functional.kinds")
    return vars(sys.modules["attention_course.functional.kinds"])["sparsemax"](scores)


def ceiling_of_examples(places, real, D, symbols):
    examples = pointing.Examples(*[np.zeros_like(places)] * 4, places, real)
    share = (pointing.ceiling(examples, D) - 1 / 8) / (7 / 8)
    return share + (1 - share) / symbols


def local(units, D):
    return KindOfAttention("general", units, place="local-p", D=D)


class HardInside(keras.layers.Layer):
    """A layer of one's own around the course's."""

    def __init__(self):
        super().__init__()
        self.inner = KindOfAttention(choice="hard")
        self.baseline = self.add_weight(shape=(), initializer="zeros", trainable=False)

    def call(self, query, values, mask=None, training=False):
        return self.inner(query, values, mask=mask, training=training)

    def loss(self, errors, log_probability):
        return ops.mean(errors)


BORROWED = {
    "sparsemax": ("07.sparsemax", kinds.sparsemax, "functional.kinds.sparsemax"),
    "sparsemax in a lambda": ("07.sparsemax", lambda s: kinds.sparsemax(s), "kinds.sparsemax"),
    "sparsemax by getattr": ("07.sparsemax", by_its_name, "kinds.sparsemax"),
    "sparsemax from modules": ("07.sparsemax", by_its_dictionary, "kinds.sparsemax"),
    "the exercise's own": ("07.sparsemax", room.sparsemax, "exercises.kinds.sparsemax"),
    "ceiling": ("07.ceiling", ceiling_of_examples, "datasets.pointing.ceiling"),
    "a local layer": ("07.local_p", local, "layers.kinds.KindOfAttention"),
    "a local class": (
        "07.local_p",
        type("LocalAttention", (KindOfAttention,), {}),
        "layers.kinds.KindOfAttention",
    ),
    "a hard layer inside": ("07.hard", HardInside, "layers.kinds.KindOfAttention"),
}


@pytest.mark.parametrize(
    "name",
    [pytest.param(n, marks=[thorough] * (BORROWED[n][0] == "07.hard")) for n in BORROWED],
)
def test_what_is_the_course_s_own_is_told(name):
    exercise, answer, whose = BORROWED[name]
    message = check(exercise, answer).message
    assert "which is the course's own" in message
    assert whose in message


@thorough  # as the chapter does, which runs in the default run
@pytest.mark.parametrize("name", ["07.local_p", "07.hard"])
def test_the_published_layer_in_a_process_of_its_own(name):
    verdict = check(name, published(name), seed=0)
    assert verdict.passed, verdict


def test_the_solution_of_local_p_is_that_of_the_package():
    rng = np.random.default_rng(3)
    query = rng.normal(size=(2, 4, 3)).astype("float32")
    values = rng.normal(size=(2, 7, 5)).astype("float32")
    mask = np.arange(7) < [[7], [4]]
    ours, theirs = published("07.local_p")(6, 2), local(6, 2)
    theirs(query, values)
    ours(query, values)
    for weight in ("W", "W_p", "v_p"):
        getattr(ours, weight).assign(getattr(theirs, weight))
    for one, other in zip(ours(query, values, mask), theirs(query, values, mask), strict=True):
        np.testing.assert_allclose(one, other, rtol=0, atol=1e-5)
