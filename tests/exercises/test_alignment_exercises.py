"""Chapter 3's exercises that begin empty: other right answers pass, and wrong ones are named."""

import numpy as np
import pytest
from proof import accepts, examine, published, refuses, some

from attention_course.exercises import EXERCISES
from attention_course.exercises.alignment import (
    BUGS,
    decoder_step,
    find_bug,
    specimens,
    versions,
)

# --- 03.decoder -------------------------------------------------------------------------------


def softmax(scores):
    powers = np.exp(scores - scores.max())
    return powers / powers.sum()


def step(
    state,
    token,
    h,
    W,
    U,
    v,
    K,
    R,
    b,
    Y,
    *,
    query=None,
    mix=lambda weights, h: weights @ h,
    join=lambda token, context: [token, context],
    cell=np.tanh,
    soft=softmax,
):
    """The decoder's step with one of its parts replaced."""
    weights = soft(np.tanh((state if query is None else query(state)) @ W + h @ U) @ v)
    context = mix(weights, h)
    new = cell(np.concatenate(join(token, context)) @ K + state @ R + b)
    return new, weights, softmax(new @ Y)


def with_parts(**parts):
    return lambda *case: step(*case, **parts)


def changed(change):
    return lambda *case: change(*decoder_step(*case))


def by_loops(state, token, h, W, U, v, K, R, b, Y):
    scores = np.array([sum(v * np.tanh(W.T @ state + U.T @ h_i)) for h_i in h])
    weights = softmax(scores)
    context = sum(weight * h_i for weight, h_i in zip(weights, h, strict=True))
    new = np.tanh(token @ K[: len(token)] + context @ K[len(token) :] + state @ R + b)
    return [new, weights.tolist(), softmax(Y.T @ new)]


def asks_after(state, token, h, W, U, v, K, R, b, Y):
    """Luong's order: the cell runs first, with the context left out, and the new state asks."""
    new = np.tanh(token @ K[: len(token)] + state @ R + b)
    weights = softmax(np.tanh(new @ W + h @ U) @ v)
    return new, weights, softmax(new @ Y)


DECODER_MUTANTS = {
    "the last state": (with_parts(mix=lambda weights, h: h[-1]), "without attention"),
    "the mean": (with_parts(mix=lambda weights, h: h.mean(axis=0)), "plain mean"),
    "the hardest": (with_parts(mix=lambda weights, h: h[weights.argmax()]), "largest weight"),
    "context in front": (with_parts(join=lambda t, c: [c, t]), "token comes first"),
    "no context": (with_parts(join=lambda t, c: [t, 0 * c]), "context does not reach"),
    "no query": (with_parts(query=lambda s: 0 * s), "depend on h alone"),
    "no tanh in the cell": (with_parts(cell=lambda x: x), "lacks its tanh"),
    "overflow": (with_parts(soft=lambda x: np.exp(x) / np.exp(x).sum()), "overflow"),
    "another cell": (with_parts(cell=lambda x: 1 / (1 + np.exp(-x))), "should be"),
    "the new state asks": (asks_after, "should be"),
    "an old state read": (
        lambda *case: (*decoder_step(*case)[:2], softmax(case[0] @ case[-1])),
        "old state",
    ),
    "logits": (lambda *case: (*decoder_step(*case)[:2], decoder_step(*case)[0] @ case[-1]), "last"),
    "in the wrong order": (changed(lambda new, weights, words: (weights, new, words)), "order"),
    "two of three": (changed(lambda new, weights, words: (new, words)), "Return 3 things"),
    "in place": (
        lambda s, *rest: (decoder_step(s, *rest), s.__imul__(0))[0],
        "in place",
    ),
    "the word": (changed(lambda n, w, y: (n, w, np.eye(len(y))[y.argmax()])), "most probable word"),
    "rounded": (changed(lambda *parts: [part.round(3) for part in parts]), "rounded"),
}


def test_a_step_may_be_written_in_other_ways():
    accepts("03.decoder", by_loops, with_parts())


def test_wrong_steps_are_refused_in_words_of_their_own():
    refuses("03.decoder", DECODER_MUTANTS)


# --- 03.diagnosis -----------------------------------------------------------------------------


def by_symptoms(query, keys, W, U, v, mask, context, weights):
    """What shows by itself first, the weights afterwards."""
    if abs(weights[:, ~mask]).max() > 1e-3:
        return 3
    found = versions(query, keys, W, U, v, mask)
    if abs(weights.sum(axis=1) - 1).max() > 1e-3:
        return 1 if abs(weights - found[1][1]).max() < 1e-4 else 2
    if abs(weights @ keys - context).max() > 1e-3:
        return 8
    return next(n for n in (0, 4, 5, 6, 7) if abs(found[n][1] - weights).max() < 1e-3)


def told(change):
    return lambda *case: change(find_bug(*case), *case)


DIAGNOSIS_MUTANTS = {
    "always right": (lambda *case: 0, ""),
    "one too high": (told(lambda found, *_: found + 1), "one too high"),
    "a float": (told(lambda found, *_: found + 0.5), "whole"),
    "rows alone": (told(lambda found, *_: 1 if found == 2 else found), "1 and 2"),
    "masks": (told(lambda found, *_: 2 if found == 3 else found), "2 and 3"),
    "scores": (told(lambda found, *_: 0 if 4 <= found < 8 else found), "bugs 4 to 7"),
    "the context": (told(lambda found, *_: 0 if found == 8 else found), "number 8"),
    "the exchange": (told(lambda found, *_: 0 if found == 7 else found), "number 7"),
    "rows of one query": (
        told(lambda found, query, *_: 0 if len(query) == 2 else found),
        "should be",
    ),
}


def test_bugs_may_be_found_in_other_ways():
    accepts("03.diagnosis", by_symptoms)


def test_wrong_diagnoses_are_refused_in_words_of_their_own():
    refuses("03.diagnosis", DIAGNOSIS_MUTANTS)


def test_every_bug_is_drawn_and_told_apart_by_more_than_is_promised():
    from attention_course.exercises.drawing import draw_cases

    exercise, seen = EXERCISES["03.diagnosis"], set()
    for *case, context, weights in draw_cases(exercise.case, 0, exercise.count):
        found = versions(*case)
        seen.add(find_bug(*case, context, weights))
        assert case[-1].sum() >= 2
        assert not case[-1].all()
        for i in range(BUGS):
            for j in range(i):
                apart = max(abs(a - b).max() for a, b in zip(found[i], found[j], strict=True))
                assert apart > 0.01
    assert seen == {*range(BUGS)}


def test_the_anonymous_outputs_of_the_chapter_are_told():
    case, outputs = specimens()
    numbers = {name: find_bug(*case, *found) for name, found in outputs.items()}
    assert list(numbers) == [*"ABCDE"]
    assert len({*numbers.values()}) == len(numbers)
    assert not case[-1][0]  # the chapter says that the first word is masked


# --- 03.layer ---------------------------------------------------------------------------------

RIGHT = EXERCISES["03.layer"].solution


def layer(*changes):
    """The published layer with some of its lines exchanged."""
    text = RIGHT
    for old, new in changes:
        assert old in text
        text = text.replace(old, new)
    namespace = {}
    exec(text, namespace)
    return namespace["BahdanauAttention"]


SUM = "ops.sum(ops.expand_dims(weights, -1) * values, axis=1)"
RANDOM = 'initializer="random_normal", name="v"'
MASK = "scores = ops.where(mask, scores, -1e9)"
SOFTMAX = "weights = ops.softmax(scores, axis=-1)"
LATE = """
        if mask is not None:
            weights = weights * ops.cast(mask, weights.dtype)"""
LAYER_MUTANTS = {
    "no tanh": ([("ops.tanh(", "(")], "The tanh between"),
    "no v": ([("hidden * self.v", "hidden + 0 * self.v")], "v is not used"),
    "no query": ([("asked + ops", "0 * asked + ops")], "depend on the values alone"),
    "over the batch": ([(SOFTMAX, SOFTMAX.replace("-1", "0"))], "over the batch"),
    "ones": ([(SOFTMAX, "weights = ops.softmax(scores[..., None])[..., 0]")], "weights are 1"),
    "no mask": ([("mask is not None", "False")], "no effect"),
    "a late mask": ([(MASK, "pass"), (SOFTMAX, SOFTMAX + LATE)], "after the softmax"),
    "a mask turned": ([(MASK, MASK.replace("scores, -1e9", "-1e9, scores"))], "wrong way"),
    "the mean": ([(SUM, "ops.mean(values, axis=1)")], "mean"),
    "the context alone": ([(SUM + ", weights", SUM)], "return two things"),
    "exchanged": ([(SUM + ", weights", "weights, " + SUM)], "wrong order"),
    "zeros": ([(RANDOM, RANDOM.replace("random_normal", "zeros"))], "same number"),
    "frozen": ([(RANDOM, RANDOM + ", trainable=False")], "not trainable"),
    "a third matrix": (
        [(RANDOM + ")", RANDOM + ")\n        self.b = self.add_weight(shape=(1,))")],
        "4 weights",
    ),
    "other names": ([("self.v", "self.w")], "missing"),
    "v with two axes": (
        [("shape=(self.units,)", "shape=(self.units, 1)"), ("* self.v", "* self.v[:, 0]")],
        "have the shapes",
    ),
}


def test_the_layer_may_be_written_in_other_ways():
    import keras
    from keras import ops

    class BahdanauAttention(keras.layers.Layer):
        def __init__(self, units):
            super().__init__()
            self.units = units

        def build(self, query_shape, values_shape):
            for name, width in (("U", values_shape[-1]), ("W", query_shape[-1])):
                setattr(self, name, self.add_weight(shape=(width, self.units)))
            self.v = self.add_weight(shape=(self.units,), initializer="random_normal")

        def call(self, query, values, mask=None):
            hidden = ops.tanh((query @ self.W)[:, None] + values @ self.U)
            scores = hidden @ self.v[:, None]  # (batch, T, 1)
            if mask is not None:
                scores = ops.where(ops.cast(mask, "bool")[..., None], scores, -float("inf"))
            weights = ops.softmax(scores, axis=1)
            return [ops.sum(weights * values, axis=1), weights[..., 0]]

    for answer in (published("03.layer"), BahdanauAttention):
        verdict = examine("03.layer", answer)
        assert verdict.passed, verdict


@pytest.mark.parametrize("name", some(LAYER_MUTANTS))
def test_a_wrong_layer_is_refused_in_words_of_its_own(name):
    changes, words = LAYER_MUTANTS[name]
    verdict = examine("03.layer", layer(*changes))
    assert verdict.status == "wrong", f"03.layer accepts a wrong layer: {name}"
    assert words in verdict.message, f"{name}: {verdict.message}"


def test_what_is_no_layer_is_told():
    made = examine("03.layer", published("03.layer")(3))
    assert made.status == "wrong"
    plain = examine("03.layer", type("BahdanauAttention", (), {"__init__": lambda self, n: None}))
    assert "inherit from keras.layers.Layer" in plain.message


def test_the_gradient_reaches_all_weights():
    answer = layer(("ops.tanh(asked", "ops.tanh(ops.stop_gradient(asked)"))
    verdict = examine("03.layer", answer)
    assert verdict.status == "wrong"
    assert "after a step of training" in verdict.message


def test_the_solution_is_that_of_the_package():
    """For one query of each sentence, with and without a mask."""
    from attention_course.layers import BahdanauAttention

    rng = np.random.default_rng(3)
    query = rng.normal(size=(2, 3)).astype("float32")
    values = rng.normal(size=(2, 5, 4)).astype("float32")
    mask = np.array([[True] * 5, [True, False] * 2 + [True]])
    ours, theirs = published("03.layer")(6), BahdanauAttention(6)
    ours(query, values)
    theirs(query, values)
    ours.set_weights(theirs.get_weights())
    for allowed in (None, mask):
        for one, other in zip(
            ours(query, values, mask=allowed), theirs(query, values, mask=allowed), strict=True
        ):
            np.testing.assert_allclose(one, other, rtol=0, atol=1e-6)
