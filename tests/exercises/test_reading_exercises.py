"""The checkers of chapter 5 that build, compare and diagnose: what passes, and what is refused."""

from collections import Counter
from dataclasses import replace

import keras
import numpy as np
import pytest
from keras import layers, ops
from proof import accepts, examine, published, refuses

from attention_course.exercises import EXERCISES, check, reading
from attention_course.exercises.drawing import draw_cases
from attention_course.exercises.exercise import call


def softmax(scores, axis=-1):
    powers = np.exp(scores - scores.max(axis=axis, keepdims=True))
    return powers / powers.sum(axis=axis, keepdims=True)


# --- 05.weights -------------------------------------------------------------------------------


def weights_by_loop(layer, query, key, v, mask):
    rows = []
    for q in query:
        scores = []
        for k in key:
            dot = float(np.dot(q.astype(float), k))
            additive = float(np.sum(v * np.tanh(q.astype(float) + k)))
            scores.append([dot, additive, dot / len(q) ** 0.5][layer])
        kept = [s for s, allowed in zip(scores, mask, strict=True) if allowed]
        powers = [np.exp(s - max(kept)) * m for s, m in zip(scores, mask, strict=True)]
        rows.append([p / sum(powers) for p in powers])
    return rows


def weights_with_a_large_number(layer, query, key, v, mask):
    scores = {
        0: lambda: np.einsum("qd,kd->qk", query, key),
        1: lambda: np.einsum("qkd,d->qk", np.tanh(query[:, None, :] + key[None, :, :]), v),
        2: lambda: (query / query.shape[1] ** 0.5) @ key.T,
    }[layer]()
    return softmax(scores + np.where(mask, 0, -1e9))


def weights_masked_afterwards_and_divided_again(layer, query, key, v, mask):
    scores = np.tanh(query[:, None] + key) @ v if layer == 1 else query @ key.T
    scores = scores / (np.sqrt(key.shape[1]) if layer == 2 else 1)
    powers = np.exp(scores - scores[:, mask].max(axis=1, keepdims=True)) * mask
    return powers / powers.sum(axis=1, keepdims=True)


def weights_but(change):
    return lambda *inputs: change(reading.layer_weights(*inputs))


WEIGHTS_MUTANTS = {
    "rounded": (weights_but(lambda w: w.round(2)), "rounded"),
    "transposed": (weights_but(np.transpose), "axes have changed places"),
    "half precision": (weights_but(lambda w: w.astype("float16")), "For layer ="),
    "constant": (weights_but(np.ones_like), "same number"),
    "layers told apart wrongly": (
        lambda layer, *inputs: reading.layer_weights((layer + 1) % 3, *inputs),
        "For layer =",
    ),
    "only the first query": (weights_but(lambda w: w[:1]), "For layer ="),
    "exponential alone": (
        lambda layer, q, k, v, m: np.exp(reading._scores(layer, q, k, v)) * m,
        "For layer =",
    ),
    "key and value": (lambda layer, q, k, v, m: weights_by_loop(layer, k, q, v, m), "ValueError"),
    "scaled by keys": (
        lambda layer, q, k, v, m: weights_with_a_large_number(
            layer, q * (q.shape[1] / len(k)) ** 0.5 if layer == 2 else q, k, v, m
        ),
        "number of keys",
    ),
}


def test_weights():
    accepts(
        "05.weights",
        weights_by_loop,
        weights_with_a_large_number,
        weights_masked_afterwards_and_divided_again,
    )
    refuses("05.weights", WEIGHTS_MUTANTS)


def test_the_solution_is_what_keras_computes():
    rng = np.random.default_rng(0)
    query, key, value = rng.normal(size=(3, 1, 4, 6)).astype("float32")
    mask = np.array([True, False, True, True])
    for number, layer in enumerate((layers.Attention(), layers.AdditiveAttention())):
        _, found = layer([query, value, key], mask=[None, mask[None]], return_attention_scores=True)
        v = layer.get_weights()[0] if layer.weights else np.zeros(6)
        wanted = reading.layer_weights(number, query[0], key[0], v, mask)
        assert np.abs(np.array(found[0]) - wanted).max() < 1e-6
    layer = layers.MultiHeadAttention(1, 6)
    layer(query, value, key)
    w = {one.path.split("/")[-2] + "/" + one.name: np.array(one) for one in layer.weights}
    projected = [
        x[0] @ w[f"{name}/kernel"][:, 0] + w[f"{name}/bias"][0]
        for x, name in ((query, "query"), (key, "key"))
    ]
    _, found = layer(
        query, value, key, attention_mask=mask[None, None], return_attention_scores=True
    )
    wanted = reading.layer_weights(2, *projected, np.zeros(6), mask)
    assert np.abs(np.array(found[0, 0]) - wanted).max() < 1e-5


# --- 05.classifier ----------------------------------------------------------------------------


def masked(scores, tokens):
    return ops.softmax(ops.where(ops.equal(tokens, 0), -1e9, scores), axis=1)


def weighed(weights, words):
    return ops.sum(ops.expand_dims(weights, -1) * words, axis=1)


def made(soften=masked, pool=weighed, activation="sigmoid", loss="binary_crossentropy", **how):
    """A function that builds the classifier, or one with a mistake."""

    def build_classifier(num_words, length):
        tokens = keras.Input((length,), dtype="int32")
        constraint = how.get("constraint")
        embedding = layers.Embedding(
            num_words, how.get("width", 32), embeddings_constraint=constraint
        )
        words = embedding(tokens)
        scores = layers.Dense(1, activation=how.get("scored"))(words)[:, :, 0]
        weights = soften(scores, tokens)
        probability = layers.Dense(1, activation=activation)(pool(weights, words))
        model = keras.Model(tokens, probability)
        if loss:
            model.compile(how.get("optimizer", "adam"), loss, metrics=["accuracy"])
        return model, keras.Model(tokens, weights)

    return build_classifier


def subclassed(num_words, length):
    class Pool(layers.Layer):
        def build(self, shape):
            self.score = layers.Dense(1, use_bias=False)
            self.score.build(shape)

        def call(self, words, mask=None):
            scores = ops.squeeze(self.score(words), -1)
            weights = ops.softmax(ops.where(mask, scores, -1e9))
            return weighed(weights, words), weights

    tokens = keras.Input((length,), dtype="int32")
    words = layers.Embedding(num_words, 32, mask_zero=True)(tokens)
    pooled, weights = Pool()(words)
    model = keras.Model(tokens, layers.Dense(1, activation="sigmoid")(pooled))
    model.compile("sgd", loss=keras.losses.BinaryCrossentropy())
    return model, keras.Model(tokens, weights)


CLASSIFIERS = {
    "a softmax layer with a mask": made(
        lambda scores, tokens: layers.Softmax()(scores, mask=ops.not_equal(tokens, 0))
    ),
    "a product of matrices": made(
        pool=lambda weights, words: layers.Dot(axes=1)([weights, words]), optimizer="rmsprop"
    ),
    "a layer of one's own": subclassed,
}

CLASSIFIER_MUTANTS = {
    "padding": (made(lambda s, t: ops.softmax(s, axis=1)), "Padding gets weight"),
    "late mask": (
        made(lambda s, t: ops.softmax(s, axis=1) * ops.cast(t != 0, "float32")),
        "mask after the softmax",
    ),
    "over the reviews": (
        made(lambda s, t: ops.softmax(ops.where(ops.equal(t, 0), -1e9, s), axis=0)),
        "runs over the reviews",
    ),
    "an axis of one": (
        made(lambda s, t: ops.softmax(s[..., None], axis=-1)[..., 0]),
        "axis of length 1",
    ),
    "mean of the weighed": (
        made(pool=lambda w, x: ops.mean(ops.expand_dims(w, -1) * x, axis=1)),
        "the mean of the weighted vectors",
    ),
    "pooled without weights": (made(pool=lambda w, x: ops.mean(x, axis=1)), "pooled without them"),
    "no sigmoid": (made(activation=None), "The sigmoid of the verdict is missing"),
    "no softmax": (made(lambda s, t: s), "the softmax is missing"),
    "a tanh around the scores": (made(scored="tanh"), "through an activation"),
    "weights that keep an axis": (
        lambda num_words, length: (
            (two := made()(num_words, length))[0],
            keras.Model(two[1].input, ops.expand_dims(two[1].output, -1)),
        ),
        "one weight for each place",
    ),
    "the reader first": (lambda *sizes: made()(*sizes)[::-1], "have changed places"),
    "not compiled": (made(loss=None), "not compiled"),
    "another loss": (made(loss="mse"), "the loss"),
    "other width": (made(width=16), "(32, 1) each"),
    "one model": (lambda *sizes: made()(*sizes)[0], "Return two models of Keras"),
    "three models": (lambda *sizes: (*made()(*sizes), 1), "exactly two"),
    "models of their own": (
        lambda *sizes: (made()(*sizes)[0], made()(*sizes)[1]),
        "do not share their weights",
    ),
    "no gradient to the scores": (
        made(lambda s, t: ops.stop_gradient(masked(s, t))),
        "no gradient reaches the scores",
    ),
    "no gradient to the words": (
        made(pool=lambda w, x: weighed(w, ops.stop_gradient(x))),
        "a part of the gradient is cut off",
    ),
    "dropout": (made(pool=lambda w, x: weighed(layers.Dropout(0.3)(w), x)), "dropout"),
    "a constraint": (made(constraint="non_neg"), "a constraint on the weights"),
    "a rate of 0": (
        lambda *sizes: made(optimizer=keras.optimizers.Adam(0.0))(*sizes),
        "learning rate of your optimiser",
    ),
    "ends at the verdict": (
        lambda *sizes: ((two := made()(*sizes))[0], two[0]),
        "must end at the weights",
    ),
}


@pytest.mark.parametrize(
    "name",
    [pytest.param(n, marks=[pytest.mark.thorough] * (i > 0)) for i, n in enumerate(CLASSIFIERS)],
)
def test_a_classifier_built_in_another_way_passes(name):
    verdict = examine("05.classifier", CLASSIFIERS[name])
    assert verdict.passed, verdict


def test_a_wrong_classifier_is_told_what_is_wrong():
    refuses("05.classifier", CLASSIFIER_MUTANTS)


NUMBERS = replace(EXERCISES["05.classifier"], probe=call, demands=None, takes=0, count=50)


def test_numbers_without_keras_stand_for_the_classifier():
    assert examine(NUMBERS, lambda *inputs: EXERCISES["05.classifier"].solve(*inputs)).passed


@pytest.mark.parametrize(("sentence", "mistake"), NUMBERS.known)
def test_a_mistake_of_the_classifier_gets_its_own_sentence(sentence, mistake):
    verdict = examine(NUMBERS, lambda *inputs: mistake(*inputs))
    assert verdict.status == "wrong"
    assert verdict.message == sentence


@pytest.mark.thorough  # as the chapter does, which runs in the default run
def test_the_published_classifier_in_a_process_of_its_own():
    assert check("05.classifier", published("05.classifier"), seed=0).passed


# --- 05.fair ----------------------------------------------------------------------------------


def fair_by_loop(validation_a, right_a, validation_b, right_b):
    rows = []
    for va, ra, vb, rb in zip(validation_a, right_a, validation_b, right_b, strict=True):
        a, b = ra[list(va).index(max(va))], rb[list(vb).index(max(vb))]
        only_a = sum(x and not y for x, y in zip(a, b, strict=True)) / len(a)
        only_b = sum(y and not x for x, y in zip(a, b, strict=True)) / len(a)
        rows.append([only_b - only_a, only_a, only_b])
    return [list(column) for column in zip(*rows, strict=True)]


def fair_by_one_axis(validation_a, right_a, validation_b, right_b):
    def kept(validation, right):
        epochs = validation.argmax(axis=1)[:, None, None]
        return np.take_along_axis(right, epochs, axis=1)[:, 0]

    a, b = kept(validation_a, right_a), kept(validation_b, right_b)
    return (b * 1.0 - a).mean(axis=1), (a > b).mean(axis=1), (a < b).mean(axis=1)


FAIR_MUTANTS = {
    "best of all seeds": (
        lambda va, ra, vb, rb: tuple(one[:1] for one in reading.fair(va, ra, vb, rb)),
        "For validation_a =",
    ),
    "difference of the best tests": (
        lambda va, ra, vb, rb: (
            rb.mean(axis=2).max(axis=1) - ra.mean(axis=2).max(axis=1),
            *reading.fair(va, ra, vb, rb)[1:],
        ),
        "For validation_a =",
    ),
    "A's epochs for both": (
        lambda va, ra, vb, rb: reading.fair(va, ra, np.resize(va, vb.shape), rb),
        "For validation_a =",
    ),
    "validation compared": (
        lambda va, ra, vb, rb: (vb.max(1) - va.max(1), *reading.fair(va, ra, vb, rb)[1:]),
        "For validation_a =",
    ),
    "absolute difference": (
        lambda va, ra, vb, rb: (
            abs(reading.fair(va, ra, vb, rb)[0]),
            *reading.fair(va, ra, vb, rb)[1:],
        ),
        "For validation_a =",
    ),
    "two results": (lambda *inputs: reading.fair(*inputs)[:2], "3"),
}


def test_fair():
    accepts("05.fair", fair_by_loop, fair_by_one_axis)
    refuses("05.fair", FAIR_MUTANTS)


# --- 05.diagnosis -----------------------------------------------------------------------------


def diagnosis_by_sums(weights, mask):
    w = weights.astype(float)
    kinds = {
        1: lambda: np.ptp(w, axis=0).max() == 0 and w.min() < 0,
        3: lambda: abs(np.where(mask, 0, w)).sum() > 1e-9,
        4: lambda: abs(w.sum() / len(w) - w.shape[1]) < 1e-3 * w.shape[1],
        0: lambda: abs(w.sum(axis=1) - 1).max() < 1e-4,
        2: lambda: abs(w.sum(axis=0) - 1).max() < 1e-4,
        5: lambda: True,
    }
    return np.int64(next(number for number, holds in kinds.items() if holds()))


def diagnosis_but(truth, answer):
    def mutant(weights, mask):
        kind = reading.name_the_mistake(weights, mask)
        return answer if kind == truth else kind

    return mutant


def test_diagnosis():
    accepts("05.diagnosis", diagnosis_by_sums)


@pytest.mark.parametrize("truth", range(reading.KINDS))
def test_no_notebook_may_be_taken_for_another(truth):
    sentences = {
        pair: EXERCISES["05.diagnosis"].sentences[key] for key, pair in reading.MISTAKEN.items()
    }
    for answer in {*range(reading.KINDS)} - {truth}:
        verdict = examine("05.diagnosis", diagnosis_but(truth, answer))
        assert verdict.status == "wrong"
        assert verdict.message == sentences.get((truth, answer), verdict.message)


def test_each_notebook_is_drawn_often_and_can_be_told():
    exercise = EXERCISES["05.diagnosis"]
    for seed in range(3):
        cases = draw_cases(exercise.case, seed, exercise.count)
        counts = Counter(exercise.solve(*case) for case in cases)
        assert len(counts) == reading.KINDS
        assert min(counts.values()) >= 8


def test_the_specimens_are_one_of_each():
    shown, mask = reading.specimens()
    assert mask[0].all()
    assert not mask[1].all()
    kinds = [reading.name_the_mistake(weights, mask) for weights in shown.values()]
    assert sorted(kinds) == [*range(reading.KINDS)]
    assert kinds != sorted(kinds)
