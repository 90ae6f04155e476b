"""Chapter 8's exercises: other right answers pass, and wrong ones are named."""

import itertools
import math
import sys
from dataclasses import replace
from functools import partial

import cloudpickle
import keras
import numpy as np
import pytest
from keras import ops
from proof import SEEDS, THOROUGH, accepts, examine, published, refuses, some

from attention_course.exercises import EXERCISES, check, translation
from attention_course.exercises.drawing import draw_cases
from attention_course.exercises.exercise import call
from attention_course.exercises.translation import (
    alignment_error_rate,
    beam,
    masked_loss,
    translator_loss,
)


def softmax(x, axis=-1):
    powers = np.exp(x - x.max(axis=axis, keepdims=True))
    return powers / powers.sum(axis=axis, keepdims=True)


# --- 08.popular -------------------------------------------------------------------------------


def popular_loss(source, target, E, F, W, U, v, Y):
    """The notebook of the chapter, with its four mistakes."""
    h, s = E[source], F[target]
    scores = np.tanh(s @ U + h @ W) @ v
    scores = np.where(source != 0, scores, -1e9)
    weights = softmax(scores)
    context = (weights[..., None] * h).sum(axis=1)
    probabilities = softmax(np.concatenate([context, s], axis=-1) @ Y)
    picked = np.take_along_axis(probabilities, target[..., None], axis=-1)
    return -np.log(picked).mean(), weights


def word_by_word(source, target, E, F, W, U, v, Y):
    losses, all_weights = [], []
    for words, wanted in zip(source, target, strict=True):
        rows, read = [], 1
        for word in wanted:
            s = F[read]
            scores = np.array([v @ np.tanh(E[i] @ W + s @ U) for i in words], float)
            weights = np.where(words > 0, softmax(np.where(words > 0, scores, scores.min())), 0)
            weights = np.exp(scores - scores[words > 0].max()) * (words > 0)
            weights = weights / weights.sum()
            context = sum(weight * E[i] for weight, i in zip(weights, words, strict=True))
            logits = np.concatenate([context, s]) @ Y
            if word:
                losses.append(np.logaddexp.reduce(logits.astype(float)) - logits[word])
            rows.append(weights)
            read = word
        all_weights.append(rows)
    return float(np.mean(losses)), all_weights


def by_einsum(source, target, E, F, W, U, v, Y):
    before = np.roll(target, 1, axis=1)
    before[:, 0] = 1
    h, s = np.take(E, source, axis=0), np.take(F, before, axis=0)
    hidden = np.tanh(
        np.einsum("bsd,da->bsa", h, W)[:, None] + np.einsum("btd,da->bta", s, U)[:, :, None]
    )
    scores = np.einsum("btsa,a->bts", hidden, v) - 1e9 * (source == 0)[:, None]
    weights = softmax(scores)
    logits = np.einsum("bts,bsd->btd", weights, h) @ Y[: h.shape[2]] + s @ Y[h.shape[2] :]
    logits = logits - logits.max(axis=-1, keepdims=True)
    one_hot = np.eye(Y.shape[1])[target] * (target > 0)[..., None]
    logs = logits - np.log(np.exp(logits).sum(axis=-1, keepdims=True))
    return -(one_hot * logs).sum() / np.count_nonzero(target), weights


def in_single_precision(source, target, *weights):
    return translator_loss(source, target, *(one.astype("float32") for one in weights))


def mended(**how):
    """The right version, or one in which something is left as it was."""
    return lambda *case: translation._popular(*case, **how)


def counted_twice(source, target, *weights):
    loss, found = translator_loss(source, target, *weights)
    return loss * np.count_nonzero(target) / target.size, found


def starts_in_place(source, target, *weights):
    target[:, 0] = 1
    return translator_loss(source, target, *weights)


def over_targets(low):
    """As a student writes it: the other axis, and a mask that is -inf or a low number."""

    def loss(source, target, E, F, W, U, v, Y):
        h, s = E[source], F[np.hstack([np.ones((len(target), 1), int), target[:, :-1]])]
        scores = np.tanh(s[:, :, None] @ U + h[:, None] @ W) @ v
        scores = np.where(source[:, None] > 0, scores, low)
        powers = np.exp(scores - scores.max(axis=1, keepdims=True))
        weights = powers / powers.sum(axis=1, keepdims=True)
        logits = np.concatenate([weights @ h, s], axis=-1) @ Y
        logs = logits - np.logaddexp.reduce(logits, axis=-1, keepdims=True)
        losses = -np.take_along_axis(logs, target[..., None], axis=-1)[..., 0]
        return losses[target > 0].mean(), weights

    return loss


SEEN = {}


def remembers(*case):
    return SEEN.setdefault(tuple(np.shape(one) for one in case), translator_loss(*case))


def with_results(change):
    return lambda *case: change(*translator_loss(*case))


POPULAR_MUTANTS = {
    "as it was": (popular_loss, "stops with ValueError"),
    "the rank alone": (
        mended(**translation._BY_POSITION[0], **translation._UNSHIFTED),
        "copying its input",
    ),
    "position by position": (mended(**translation._BY_POSITION[1]), "added position by position"),
    "not shifted": (mended(**translation._UNSHIFTED), "copying its input"),
    "shifted the wrong way": (
        mended(feed=lambda t: (np.append(t[:, 1:], 0 * t[:, :1], axis=1), t)),
        "the wrong way",
    ),
    "rolled": (mended(feed=lambda t: (np.roll(t, 1, axis=1), t)), "np.roll"),
    "starts with padding": (
        mended(feed=lambda t: (np.append(0 * t[:, :1], t[:, :-1], axis=1), t)),
        "padding before the first word",
    ),
    "a mean of means": (
        mended(mean=translation.POPULAR_MISTAKES["sentence_means"][0]["mean"]),
        "within each sentence",
    ),
    "padding counts": (mended(mean=lambda losses, before, after: losses.mean()), "Padding counts"),
    "divided by all places": (counted_twice, "Padding counts"),
    "the source's padding": (
        mended(real=lambda source: np.full(source.shape, True)),
        "lost their mask",
    ),
    "over the target words": (
        mended(weigh=partial(translation._weigh, axis=1)),
        "over the target words",
    ),
    "over the target words, NaN": (over_targets(-np.inf), "over the target words"),
    "over the target words, low": (over_targets(-1e9), "over the target words"),
    "masked too late": (mended(weigh=lambda s, m: softmax(s) * m), "mask the scores before it"),
    "scores times mask": (mended(weigh=lambda s, m: softmax(s * m)), "multiply the scores"),
    "no tanh": (mended(squash=lambda x: x), "tanh is missing"),
    "one row for all": (
        mended(pair=lambda s, h: 0 * s[:, :, None] + (s + h)[:, None]),
        "added position by position",
    ),
    "one context": (
        mended(mix=lambda w, h: np.repeat((w @ h).mean(axis=1, keepdims=True), h.shape[1], 1)),
        "one and the same context",
    ),
    "the context behind": (mended(join=lambda c, s: [s, c]), "in front"),
    "the loss alone": (with_results(lambda loss, weights: loss), "Return 2 things"),
    "in the wrong order": (with_results(lambda loss, weights: (weights, loss)), "wrong order"),
    "weights turned": (with_results(lambda loss, w: (loss, w.swapaxes(1, 2))), "keys as rows"),
    "a sum": (mended(mean=lambda losses, before, after: losses[after > 0].sum()), "add the losses"),
    "the wrong sign": (with_results(lambda loss, weights: (-loss, weights)), "wrong sign"),
    "base two": (with_results(lambda loss, weights: (loss / np.log(2), weights)), "should be"),
    "in place": (starts_in_place, "in place"),
    "memory": (remembers, "For source"),
    "a constant": (with_results(lambda loss, weights: (0.7, weights)), "one and the same number"),
    "NaN": (with_results(lambda loss, weights: (np.nan, weights)), "NaN"),
    "nothing for the weights": (with_results(lambda loss, weights: (loss, None)), "at None"),
    "rounded": (with_results(lambda loss, weights: (round(float(loss), 2), weights)), "should be"),
    "half precision": (with_results(lambda loss, w: (np.float16(loss), w)), "should be"),
    "complex": (with_results(lambda loss, weights: (loss + 0j, weights)), "complex"),
    "a text": (with_results(lambda loss, weights: (str(loss), weights)), "a string"),
    "right for one sentence": (
        lambda source, *rest: (
            translator_loss if len(source) == 1 else mended(**translation._UNSHIFTED)
        )(source, *rest),
        "For source",
    ),
}


def test_a_notebook_may_be_mended_in_other_ways():
    accepts("08.popular", word_by_word, in_single_precision, by_einsum)


def test_what_is_not_mended_is_named():
    refuses("08.popular", POPULAR_MUTANTS)


def test_each_half_mended_notebook_of_the_chapter_is_told_what_is_left():
    words = ["copying its input", "position by position", "Padding counts"]
    for (name, answer), told in zip(translation.half_mended().items(), words, strict=True):
        refuses("08.popular", {name: (lambda *case, answer=answer: answer(*case), told)})


def test_a_sentence_may_be_shorter_than_its_translation():
    """The repaired version knows nothing of one length for both sides."""
    rng = np.random.default_rng(0)
    source, target = rng.integers(1, 5, (2, 3)), rng.integers(2, 6, (2, 7))
    shapes = ((5, 4), (6, 2), (4, 3), (2, 3), (3,), (6, 6))
    weights = [rng.normal(size=shape) for shape in shapes]
    loss, found = translator_loss(source, target, *weights)
    other, again = word_by_word(source, target, *weights)
    assert loss == pytest.approx(other, abs=1e-9)
    np.testing.assert_allclose(found, again, atol=1e-9)


def test_every_case_has_padding_on_either_side_of_some_sentence():
    exercise = EXERCISES["08.popular"]
    cases = draw_cases(exercise.case, 0, exercise.count)
    assert all((one[:, 0] > 0).all() for case in cases for one in case[:2])
    assert sum((case[0] == 0).any() and (case[1] == 0).any() for case in cases) > 50
    assert not any((case[1] == 1).any() for case in cases), "the start is no word"


# --- 08.masked_loss ---------------------------------------------------------------------------


def loss_by_loop(logits, targets):
    losses = []
    for row, words in zip(logits, targets, strict=True):
        for numbers, word in zip(row.tolist(), words, strict=True):
            if word != 0:
                most = max(numbers)
                total = math.fsum(math.exp(number - most) for number in numbers)
                losses.append(math.log(total) + most - numbers[word])
    return sum(losses) / len(losses) if losses else 0


def loss_by_logaddexp(logits, targets):
    real = targets > 0
    if not real.any():
        return np.zeros(())
    logits = logits[real].astype(float)
    picked = logits[np.arange(len(logits)), targets[real]]
    return (np.logaddexp.reduce(logits, axis=1) - picked).mean()


def loss_in_single_precision(logits, targets):
    return np.float32(masked_loss(logits.astype("float32"), targets))


def loss_by_one_hot(logits, targets):
    logits = logits - logits.max(axis=-1)[..., None]
    logs = logits - np.log(np.exp(logits).sum(axis=-1))[..., None]
    one_hot = (np.arange(logits.shape[-1]) == targets[..., None]) & (targets[..., None] != 0)
    return -np.where(one_hot, logs, 0.0).sum() / (one_hot.sum() + 1e-12)


def loss_but(**how):
    return lambda *case: translation._loss(*case, **how)


def losses_of(function):
    return loss_but(losses=lambda logits, t: -translation._picked(function(logits), t))


def mean_of(function):
    return loss_but(mean=function)


def by_first_padding(logits, targets):
    """As if all behind the first padding were padding, and there were always some."""
    kept = np.cumprod(targets != 0, axis=1)
    return masked_loss(logits, targets * kept)


def shifts_in_place(logits, targets):
    logits -= logits.max(axis=-1, keepdims=True)
    return masked_loss(logits, targets)


LOSS_MUTANTS = {
    "padding": (mean_of(lambda losses, real: losses.mean()), "averaged in"),
    "all places": (mean_of(lambda losses, real: (losses * real).mean()), "number of all places"),
    "sentences": (
        mean_of(
            lambda losses, real: np.mean(
                [
                    row[keep].mean() if keep.any() else 0
                    for row, keep in zip(losses, real, strict=True)
                ]
            )
        ),
        "within each sentence",
    ),
    "sentences with a word": (
        mean_of(
            lambda losses, real: np.mean(
                [row[k].mean() for row, k in zip(losses, real, strict=True) if k.any()] or [0]
            )
        ),
        "within each sentence",
    ),
    "NaN where nothing is real": (
        mean_of(lambda losses, real: (losses * real).sum() / real.sum()),
        "0/0",
    ),
    "None where nothing is real": (
        lambda logits, targets: masked_loss(logits, targets) if targets.any() else None,
        "returns None",
    ),
    "infinite where nothing is real": (
        lambda logits, targets: masked_loss(logits, targets) if targets.any() else np.inf,
        "infinite",
    ),
    "softmax twice": (losses_of(lambda x: np.log(softmax(softmax(x)))), "second softmax"),
    "over time": (losses_of(lambda x: translation._log_softmax(x, 1)), "places of a sentence"),
    "over the batch": (losses_of(lambda x: translation._log_softmax(x, 0)), "batch"),
    "overflow": (losses_of(lambda x: np.log(np.exp(x) / np.exp(x).sum(-1, keepdims=True))), "exp"),
    "a small number added": (losses_of(lambda x: np.log(softmax(x) + 1e-9)), "away from 0"),
    "clipped as Keras does": (
        losses_of(lambda x: np.log(np.clip(softmax(x), 1e-7, 1 - 1e-7))),
        "away from 0",
    ),
    "logits clipped": (losses_of(lambda x: translation._log_softmax(np.clip(x, -50, 50))), "only"),
    "a masked array": (
        mean_of(lambda losses, real: np.ma.array(losses, mask=~real).mean()),
        "A batch of nothing but padding gives NaN",
    ),
    "NaN turned to 0": (
        losses_of(lambda x: np.nan_to_num(np.log(softmax(x)), neginf=-100)),
        "should be",
    ),
    "probability": (losses_of(softmax), "logarithm is missing"),
    "logits": (losses_of(lambda x: x), "softmax is missing"),
    "base two": (losses_of(lambda x: translation._log_softmax(x) / np.log(2)), "natural"),
    "negative": (lambda *case: -masked_loss(*case), "wrong sign"),
    "a sum": (mean_of(lambda losses, real: losses[real].sum()), "divide the sum"),
    "for each sentence": (mean_of(translation._per_sentence), "one number for each sentence"),
    "for each place": (mean_of(lambda losses, real: losses * real), "a loss for each place"),
    "padding at the end alone": (by_first_padding, "For logits"),
    "one too many": (
        mean_of(lambda losses, real: (losses * real).sum() / (real.sum() + 1)),
        "You add 1",
    ),
    "zero is no loss": (
        mean_of(
            lambda losses, real: (losses * real).sum() / max(np.count_nonzero(losses * real), 1)
        ),
        "predicted for sure",
    ),
    "accuracy": (
        lambda logits, t: float(
            ((logits.argmax(-1) != t) & (t != 0)).sum() / max((t != 0).sum(), 1)
        ),
        "wrong predictions",
    ),
    "perplexity": (lambda *case: np.exp(masked_loss(*case)), "perplexity"),
    "a constant": (lambda *case: 0.0, "same number"),
    "NaN": (lambda *case: float("nan"), "NaN"),
    "in place": (shifts_in_place, "in place"),
    "kept in an axis": (lambda *case: np.array([masked_loss(*case)]), "should have the shape"),
    "rounded": (lambda *case: round(float(masked_loss(*case)), 3), "rounded"),
    "random": (lambda *case: masked_loss(*case) + np.random.default_rng().normal(), "two results"),
    "half precision": (lambda logits, t: masked_loss(logits.astype("float16"), t), "should be"),
}


def test_a_masked_loss_may_be_written_in_other_ways():
    accepts("08.masked_loss", loss_by_loop, loss_in_single_precision, loss_by_logaddexp)
    accepts("08.masked_loss", loss_by_one_hot)


def test_wrong_losses_are_refused_in_words_of_their_own():
    refuses("08.masked_loss", LOSS_MUTANTS)


def test_the_loss_is_that_of_the_translators():
    """The one that they are compiled with, which leaves padding out of its mean."""
    rng = np.random.default_rng(0)
    logits, targets = rng.normal(size=(3, 5, 4)), rng.integers(0, 4, (3, 5))
    theirs = keras.losses.SparseCategoricalCrossentropy(from_logits=True, ignore_class=0)
    assert masked_loss(logits, targets) == pytest.approx(float(theirs(targets, logits)), abs=1e-6)


# --- 08.decoder -------------------------------------------------------------------------------

RIGHT = EXERCISES["08.decoder"].solution


def decoder(*changes):
    """The published decoder with some of its lines exchanged."""
    text = RIGHT
    for old, new in changes:
        assert old in text
        text = text.replace(old, new)
    namespace = {}
    exec(text, namespace)
    return namespace["Decoder"]


class Scanned(keras.layers.Layer):
    """The loop as a scan, the layers made in build."""

    def __init__(self, units, words):
        super().__init__()
        self.units, self.words = units, words

    def build(self, before_shape, first_state_shape, states_shape):
        self.logits = keras.layers.Dense(self.words)
        self.logits.build((None, self.units))
        self.cell = keras.layers.GRUCell(self.units)
        self.cell.build((None, before_shape[-1] + states_shape[-1]))

    def call(self, before, first_state, states, mask=None):
        low = 0.0 if mask is None else ops.where(mask, 0.0, -1e9)

        def step(carry, word):
            state, _ = carry
            weights = ops.softmax(ops.einsum("bd,bsd->bs", state, states) + low)
            context = ops.einsum("bs,bsd->bd", weights, states)
            state, _ = self.cell(ops.concatenate([word, context], axis=1), [state])
            return (state, weights), (state, weights)

        begin = (first_state, ops.zeros_like(states[..., 0]))
        _, (found, weights) = ops.scan(step, begin, ops.swapaxes(before, 0, 1))
        return self.logits(ops.swapaxes(found, 0, 1)), ops.swapaxes(weights, 0, 1)

    def compute_output_shape(self, before_shape, first_state_shape, states_shape):
        return (*before_shape[:2], self.words), (*before_shape[:2], states_shape[1])


class ByDot(keras.Model):
    """Layers for each part, logits at the end for all steps at once, a list of two."""

    def __init__(self, units, words):
        super().__init__()
        self.logits = keras.layers.Dense(words, kernel_initializer="he_normal")
        self.cell = keras.layers.GRUCell(units)
        self.soft = keras.layers.Softmax()

    def call(self, before, first_state, states, mask=None):
        state, found, looked = first_state, [], []
        for word in ops.unstack(before, axis=1):
            scores = ops.squeeze(ops.matmul(states, state[..., None]), -1)
            weights = self.soft(scores, mask=mask)
            context = ops.squeeze(ops.matmul(weights[:, None], states), 1)
            state = self.cell(ops.hstack([word, context]), state)[0]
            found.append(state[:, None])
            looked.append(weights[:, None])
        return [self.logits(ops.concatenate(found, 1)), ops.concatenate(looked, 1)]


DECODERS = {"a scan": Scanned, "dots": ByDot, "minus infinity": decoder(("-1e9", "-float('inf')"))}

MASK = "scores = ops.where(mask, scores, -1e9)"
SOFT = "ops.softmax(scores, axis=-1)"
CELL = "self.cell = keras.layers.GRUCell(units)"
LAST = "self.logits = keras.layers.Dense(words)"
RETURN = "return ops.stack(logits, axis=1), ops.stack(weights, axis=1)"
WORD_FIRST = "[before[:, t], context]"
STEP = "state, _ = self.cell(inputs, [state])"
READ = "logits.append(self.logits(state))"
SCORES = "ops.sum(ops.expand_dims(state, 1) * states, axis=-1)"
CONTEXT = "ops.sum(ops.expand_dims(weights[-1], -1) * states, axis=1)"
LATE = """
            if mask is not None:
                weights[-1] = weights[-1] * ops.cast(mask, "float32")"""
DECODER_MUTANTS = {
    "no mask": ([("mask is not None", "False")], "mask has no effect"),
    "a mask turned": ([(MASK, MASK.replace("scores, -1e9", "-1e9, scores"))], "wrong way round"),
    "a late mask": (
        [(MASK, "pass"), (f"weights.append({SOFT})", f"weights.append({SOFT}){LATE}")],
        "after the softmax",
    ),
    "a mask not low enough": ([(MASK, MASK.replace("-1e9", "-30.0"))], "should be"),
    "added, not low enough": (
        [(MASK, "scores = scores - 30.0 * (1.0 - ops.cast(mask, 'float32'))")],
        "should be",
    ),
    "zero for what is masked": ([(MASK, MASK.replace("-1e9", "0.0"))], "exp(0) = 1"),
    "over the batch": ([(SOFT, SOFT.replace("-1", "0"))], "over the batch"),
    "weights of one": ([(SOFT, "ops.softmax(scores[..., None])[..., 0]")], "should be"),
    "no softmax": ([(SOFT, "scores")], "the scores in the place of the weights"),
    "a plain mean": ([(CONTEXT, "ops.mean(states, axis=1)")], "plain mean"),
    "scaled": ([(SCORES, SCORES + " / states.shape[-1] ** 0.5")], "divided by the width"),
    "context in front": ([(WORD_FIRST, "[context, before[:, t]]")], "context in front"),
    "no context": ([(WORD_FIRST, "[before[:, t], 0 * context]")], "does not reach the cell"),
    "one word for all": ([(WORD_FIRST, "[before[:, 0], context]")], "should be"),
    "the first state asks": ([(SCORES, SCORES.replace("state, 1", "first_state, 1"))], "always"),
    "no state goes on": ([("[state])", "[first_state])")], "should be"),
    "state lost": (
        [
            ("[state])", "[first_state])"),
            (SCORES, SCORES.replace("state, 1", "first_state, 1")),
        ],
        "from step to step",
    ),
    "the old state is read": (
        [(f"{STEP}\n            {READ}", f"{READ}\n            {STEP}")],
        "before the step",
    ),
    "no first state": (
        [("state, logits, weights = first_state", "state, logits, weights = 0 * first_state")],
        "first state is zero",
    ),
    "probabilities": ([(READ, "logits.append(ops.softmax(self.logits(state)))")], "probabilities"),
    "backwards": ([("range(before.shape[1])", "range(before.shape[1])[::-1]")], "last word"),
    "stacked in front": ([(RETURN, RETURN.replace("axis=1", "axis=0"))], "first axis"),
    "exchanged": (
        [(RETURN, "return ops.stack(weights, axis=1), ops.stack(logits, axis=1)")],
        "wrong order",
    ),
    "logits alone": ([(RETURN, "return ops.stack(logits, axis=1)")], "return two things"),
    "the last step": ([(RETURN, "return logits[-1], weights[-1]")], "last step alone"),
    "a frozen cell": ([(CELL, f"{CELL}\n        self.cell.trainable = False")], "not trainable"),
    "zeros": ([(LAST, f"{LAST[:-1]}, kernel_initializer='zeros')")], "same number"),
    "huge at first": (
        [
            (CELL, f"{CELL[:-1]}, kernel_initializer=keras.initializers.RandomNormal(0, 300))"),
        ],
        "it gets only",
    ),
    "another cell": ([(CELL, "self.cell = keras.layers.SimpleRNNCell(units)")], "yours have"),
    "an LSTM": ([(CELL, "self.cell = keras.layers.LSTMCell(units)")], "stops with"),
    "another width": ([(CELL, "self.cell = keras.layers.GRUCell(units + 1)")], "stops with"),
    "no bias": ([(LAST, f"{LAST[:-1]}, use_bias=False)")], "should have weights of the shapes"),
    "another name": ([("self.cell", "self.gru")], "self.cell should be a layer"),
    "a scale to learn": (
        [
            (LAST, f"{LAST}\n        self.scale = self.add_weight(shape=())"),
            (SCORES, f"self.scale * {SCORES}"),
        ],
        "Your layer has 6 weights",
    ),
    "dropout": (
        [
            (LAST, f"{LAST}\n        self.drop = keras.layers.Dropout(0.5)"),
            (CONTEXT, f"self.drop({CONTEXT})"),
        ],
        "such as dropout",
    ),
    "a constraint": ([(LAST, f"{LAST[:-1]}, kernel_constraint='non_neg')")], "a constraint"),
    "a regulariser": ([(LAST, f"{LAST[:-1]}, kernel_regularizer='l2')")], "a regulariser"),
    "cut in time": (
        [("[state])\n", "[state])\n            state = ops.stop_gradient(state)\n")],
        "stop_gradient",
    ),
    "no gradient to the encoder": (
        [(CONTEXT, CONTEXT.replace("* states", "* ops.stop_gradient(states)"))],
        "stop_gradient",
    ),
    "no gradient to the first state": (
        [("first_state, [], []", "ops.stop_gradient(first_state), [], []")],
        "stop_gradient",
    ),
    "no gradient to the words": (
        [("before[:, t], context", "ops.stop_gradient(before[:, t]), context")],
        "stop_gradient",
    ),
    "a list of steps": ([(RETURN, "return logits, weights")], "stack the steps"),
    "four steps at most": (
        [("range(before.shape[1])", "range(min(before.shape[1], 4))")],
        "should have the shape",
    ),
    "no gradient to the weights": ([(SOFT, f"ops.stop_gradient({SOFT})")], "stop_gradient"),
    "no gradient to the cell": (
        [("(inputs, [state])", "(ops.stop_gradient(inputs), [ops.stop_gradient(state)])")],
        "stop_gradient",
    ),
    "tanh in the cell alone": ([(STEP, f"{STEP}\n            state = ops.tanh(state)")], "should"),
    "noise": ([(CONTEXT, f"{CONTEXT} + keras.random.normal(first_state.shape)")], "two results"),
    "a constant": (
        [
            (
                RETURN,
                "return ops.ones((*before.shape[:2], self.logits.units)), "
                + "ops.stack(weights, axis=1)",
            )
        ],
        "No gradients",
    ),
    "NaN": ([(READ, "logits.append(self.logits(state) * float('nan'))")], "NaN"),
    "None": ([(RETURN, "return None")], "returns None"),
}


@pytest.mark.thorough
@pytest.mark.parametrize("name", DECODERS)
def test_a_decoder_may_be_written_in_other_ways(name):
    verdict = examine("08.decoder", DECODERS[name])
    assert verdict.passed, verdict


@pytest.mark.parametrize("name", some(DECODER_MUTANTS, every=12))
def test_a_wrong_decoder_is_refused_in_words_of_its_own(name):
    changes, words = DECODER_MUTANTS[name]
    learns = name == "huge at first"  # what else is wrong shows before anything is trained
    refuses("08.decoder", {name: (decoder(*changes), words)}, count=12 if learns else 10)


def test_decoders_with_one_cell_are_told():
    made = []

    class Decoder(published("08.decoder")):
        def __init__(self, units, words):
            super().__init__(units, words)
            made.append(self.cell)
            if len(made) == 2:  # the second of the first case, which has the same widths
                self.cell = made[0]

    refuses("08.decoder", {"shared": (Decoder, "share their weights")}, count=10)


def test_what_is_no_decoder_is_told():
    plain = type("Decoder", (), {"__init__": lambda self, units, words: None})
    assert "inherit from keras.layers.Layer" in examine("08.decoder", plain).message
    assert examine("08.decoder", published("08.decoder")(3, 4)).status == "wrong"


NUMBERS = replace(EXERCISES["08.decoder"], probe=call, demands=None, takes=0, count=50)


def test_numbers_without_keras_stand_for_the_decoder():
    assert examine(NUMBERS, lambda *inputs: EXERCISES["08.decoder"].solve(*inputs)).passed


@pytest.mark.parametrize(("sentence", "mistake"), NUMBERS.known[:: 1 if THOROUGH else 5])
def test_a_mistake_of_the_decoder_gets_its_own_sentence(sentence, mistake):
    verdict = examine(NUMBERS, lambda *inputs: mistake(*inputs))
    assert verdict.status == "wrong"
    assert verdict.message == sentence


@pytest.mark.thorough  # as the chapter does, which runs in the default run
def test_the_published_decoder_in_a_process_of_its_own():
    assert check("08.decoder", published("08.decoder"), seed=0).passed


def test_words_are_learned_once_in_a_check():
    exercise = EXERCISES["08.decoder"]
    for seed in range(5):
        cases = draw_cases(exercise.case, seed, exercise.count)
        assert sum(bool(case[-1]) for case in cases) == 1
        assert sum(bool(case[8]) for case in cases) >= 2


def test_the_letters_of_a_lesson_are_told_by_the_states_alone():
    *_, states, written = translation.reversal(np.random.default_rng(0), 50)
    letters = states[..., : translation.LETTERS].argmax(axis=-1)
    assert (letters[:, ::-1] == written).all()


# --- 08.beam ----------------------------------------------------------------------------------


def beam_by_arrays(log_probabilities, start, end, width, longest, alpha):
    """All sentences of the beam as rows of one array."""
    begun, totals = np.zeros((1, 0), int), np.zeros(1)
    best = (-np.inf, None)
    for step in range(longest):
        last = begun[:, -1] if step else np.array([start])
        sums = (totals[:, None] + log_probabilities[last]).ravel()
        kept = np.argsort(-sums, kind="stable")[:width]
        rows, words = np.divmod(kept, len(log_probabilities))
        begun, totals = np.column_stack([begun[rows], words]), sums[kept]
        done = (words == end) | (step == longest - 1)
        for row in np.flatnonzero(done):
            best = max(best, (totals[row] / (step + 1) ** alpha, tuple(begun[row])))
        begun, totals = begun[~done], totals[~done]
        if not len(begun):
            break
    return list(best[1]), best[0]


def beam_by_objects(log_probabilities, start, end, width, longest, alpha):
    """Dictionaries, penalised sums at every step, and a bound that may stop the search early."""
    table = np.asarray(log_probabilities, float)
    going, done = [{"words": (start,), "sum": 0.0}], []

    def score(one):
        return one["sum"] / (len(one["words"]) - 1) ** alpha

    while going:
        more = [
            {"words": (*one["words"], j), "sum": one["sum"] + table[one["words"][-1]][j]}
            for one in going
            for j in range(len(table))
        ]
        more = sorted(more, key=score)[::-1][:width]
        full = len(more[0]["words"]) > longest
        done += [one for one in more if one["words"][-1] == end or full]
        going = [one for one in more if one["words"][-1] != end and not full]
        bound = max((one["sum"] / longest**alpha for one in going), default=-np.inf)
        if done and max(map(score, done)) >= bound:
            break
    found = max(done, key=score)
    return np.array(found["words"][1:]), score(found)


def beam_by_recursion(log_probabilities, start, end, width, longest, alpha):
    def search(going, length):
        longer = sorted(
            (-(total + log_probabilities[w[-1], i]), (*w, i))
            for total, w in going
            for i in range(len(log_probabilities))
        )[:width]
        longer = [(-cost, w) for cost, w in longer]
        done = [(t / length**alpha, w) for t, w in longer if w[-1] == end or length == longest]
        rest = [one for one in longer if one[1][-1] != end]
        return done + (search(rest, length + 1) if rest and length < longest else [])

    score, words = max(search([(0.0, (start,))], 1))
    return words[1:], score


def by_brute_force(table, start, end, longest, alpha):
    """The best of all sentences, which no search can surpass."""
    best = (-np.inf, None)
    for length in range(1, longest + 1):
        for words in itertools.product(range(len(table)), repeat=length):
            ended = words[-1] == end or length == longest
            if end in words[:-1] or not ended:
                continue
            total = sum(table[pair] for pair in itertools.pairwise((start, *words)))
            best = max(best, (total / length**alpha, words))
    return best


def test_the_widest_beam_finds_the_best_of_all():
    rng = np.random.default_rng(0)
    for _ in range(10):
        table = np.log(rng.dirichlet(np.ones(3), size=3))
        alpha = rng.choice([0, 0.6, 1.0])
        score, words = by_brute_force(table, 0, 1, 5, alpha)
        found, its_score = beam(table, 0, 1, 3**5, 5, alpha)
        assert tuple(found) == words
        assert its_score == pytest.approx(score, abs=1e-9)
        for width in (1, 2, 4):
            assert beam(table, 0, 1, width, 5, alpha)[1] <= score + 1e-9


def test_the_published_search_is_the_one_that_mistakes_are_made_of():
    exercise = EXERCISES["08.beam"]
    for case in draw_cases(exercise.case, 3, exercise.count):
        words, score = translation._search(*case)
        assert (words, score) == (*(found := beam(*case))[:1], pytest.approx(found[1]))


def searching(**how):
    return lambda *case: translation._search(*case, **how)


def with_found(change):
    return lambda *case: change(*beam(*case))


def hopeful(table, start, end, width, longest, alpha):
    """Stops when the best finished one beats the scores of all that go on, as these are now."""
    going, done = [([], 0.0)], []
    for n in range(1, longest + 1):
        more = [
            ([*w, i], t + log)
            for w, t in going
            for i, log in enumerate(table[w[-1] if w else start])
        ]
        more = sorted(more, key=lambda one: -one[1])[:width]
        done += [(t / n**alpha, w) for w, t in more if w[-1] == end or n == longest]
        going = [one for one in more if one[0][-1] != end]
        if done and going and max(done)[0] > max(t / n**alpha for _, t in going):
            break
    score, words = max(done)
    return words, score


def as_if_sums_decided(table, start, end, width, longest, alpha):
    """Stops when no sum of those that go on is larger than that of a finished one."""

    def stop(finished, width):
        return finished and max(total for _, total in finished) > going[-1]

    going = []

    def keep(longer, width, _):
        kept = longer[:width]
        going.append(max((t for w, t in kept if w[-1] != end), default=-np.inf))
        return kept

    return translation._search(
        table,
        start,
        end,
        width,
        longest,
        alpha,
        keep=keep,
        stop=stop,
        rivals=lambda done, going: done or going,
    )


def negated_in_place(table, *rest):
    np.negative(table, out=table)
    return beam(-table, *rest)


BEAM_MUTANTS = {
    "greedy": (lambda t, s, e, w, n, a: beam(t, s, e, 1, n, a), "greedy search"),
    "two at most": (lambda t, s, e, w, n, a: beam(t, s, e, min(w, 2), n, a), "For log_prob"),
    "never wider than the words": (
        lambda t, s, e, w, n, a: beam(t, s, e, min(w, len(t)), n, a),
        "never wider than",
    ),
    "one wider": (lambda t, s, e, w, n, a: beam(t, s, e, w + 1, n, a), "For log_prob"),
    "after the end": (searching(ends=lambda word, end: False), "after their end"),
    "no penalty": (lambda t, s, e, w, n, a: beam(t, s, e, w, n, 0.0), "no length penalty"),
    "always the mean": (lambda t, s, e, w, n, a: beam(t, s, e, w, n, 1.0), "n alone"),
    "of 2016": (searching(rate=lambda t, n, a: t / ((5 + n) / 6) ** a), "Wu et al."),
    "multiplied": (searching(rate=lambda t, n, a: t * n**a), "multiply"),
    "the start counts": (searching(rate=lambda t, n, a: t / (n + 1) ** a), "one too large"),
    "the end does not": (searching(rate=lambda t, n, a: t / max(n - 1, 1) ** a), "one too small"),
    "n times alpha": (searching(rate=lambda t, n, a: t / max(n * a, 1)), "For log_prob"),
    "the plain sum": (searching(tell=lambda w, t, score: (w, t)), "score that you compared"),
    "stops at one": (searching(stop=lambda done, width: done), "as soon as"),
    "the first one": (
        searching(stop=lambda done, width: done, rivals=lambda done, going: done[:1] or going),
        "as soon as",
    ),
    "stops when full": (searching(stop=lambda done, width: len(done) >= width), "beam is wide"),
    "stops too hopefully": (hopeful, "For log_prob"),
    "stops by the sums": (as_if_sums_decided, "For log_prob"),
    "never ended": (searching(rivals=lambda done, going: done or going), "without an end"),
    "competing": (lambda *case: translation._competing(*case), "go on taking places"),
    "filled up": (lambda *case: translation._filled_up(few=True)(*case), "fill the beam up"),
    "each its own": (searching(keep=translation._each_its_own), "every single sentence"),
    "merged": (searching(keep=translation._merged), "for each last word"),
    "the best of all": (
        lambda t, s, e, w, n, a: translation._search(
            t, s, e, w, n, a, keep=lambda longer, _, __: translation._merged(longer, None, __)
        ),
        "does not look that far",
    ),
    "copies": (searching(copies=lambda width: width), "copies of one"),
    "probabilities": (
        searching(zero=1.0, add=lambda t, log: t * np.exp(log)),
        "return a probability",
    ),
    "sums of probabilities": (searching(add=lambda t, log: t + np.exp(log)), "their product"),
    "products of logarithms": (searching(zero=1.0, add=lambda t, log: t * log), "is a sum"),
    "the least": (searching(keep=lambda longer, w, _: longer[::-1][:w]), "least probable"),
    "the worst": (searching(choose=lambda scores: int(np.argmin(scores))), "lowest score"),
    "columns": (lambda table, *rest: beam(table.T, *rest), "by columns"),
    "too long": (lambda t, s, e, w, n, a: beam(t, s, e, w, n + 1, a), "one word too many"),
    "too short": (lambda t, s, e, w, n, a: beam(t, s, e, w, max(n - 1, 1), a), "too few"),
    "start and end exchanged": (lambda t, s, e, *rest: beam(t, e, s, *rest), "For log_prob"),
    "the start in front": (lambda t, s, *rest: ([s, *(f := beam(t, s, *rest))[0]], f[1]), "begins"),
    "a text": (with_found(lambda w, score: (" ".join(map(str, w)), score)), "a string"),
    "floats": (with_found(lambda w, score: ([float(one) for one in w], score)), "whole numbers"),
    "the sentence alone": (with_found(lambda w, score: w), "Return 2 things"),
    "the score first": (with_found(lambda w, score: (score, w)), "in the words"),
    "padded": (with_found(lambda w, score: ([*w, 0], score)), "should be"),
    "the sign": (with_found(lambda w, score: (w, -score)), "wrong sign"),
    "in place": (negated_in_place, "in place"),
    "a guess": (with_found(lambda w, score: (w, -1.5)), "one and the same number"),
    "NaN": (with_found(lambda w, score: (w, float("nan"))), "NaN"),
    "sampled": (
        lambda t, s, e, w, n, a: beam(
            np.where(np.isfinite(t), t + np.random.default_rng().gumbel(size=t.shape), t),
            s,
            e,
            w,
            n,
            a,
        ),
        "two results",
    ),
    "for ever": (lambda t, s, e, w, n, a: beam(t, s, -1, w, n, a), "after their end"),
}


def test_beam_search_may_be_written_in_other_ways():
    accepts("08.beam", beam_by_arrays, beam_by_recursion, beam_by_objects)


def test_wrong_searches_are_refused_in_words_of_their_own():
    refuses("08.beam", BEAM_MUTANTS)


def test_no_decision_of_a_case_hangs_on_rounding():
    exercise = EXERCISES["08.beam"]
    for seed in SEEDS:
        for table, *rest in draw_cases(exercise.case, seed, exercise.count):
            assert translation._watched(table, *rest)[1] > translation.MARGIN / 2
            single = beam(table.astype("float32"), *rest)
            assert single[0] == beam(table.astype(float), *rest)[0]


# --- 08.aer -----------------------------------------------------------------------------------


def aer_by_sets(weights, sure, possible):
    links = {
        (t, max(range(len(row)), key=lambda s: row[s])) for t, row in enumerate(weights.tolist())
    }
    s = {(int(t), int(i)) for t, i in np.argwhere(sure)}
    p = s | {(int(t), int(i)) for t, i in np.argwhere(possible)}
    return 1 - (len(links & s) + len(links & p)) / (len(links) + len(s))


def aer_by_places(weights, sure, possible):
    rows, best = np.arange(weights.shape[0]), np.argmax(weights, axis=-1)
    in_s = sure[rows, best]
    in_p = np.logical_or(in_s, possible[rows, best])
    return np.float32(1.0 - (in_s.sum() + in_p.sum()) / (rows.size + np.count_nonzero(sure)))


def aer_by_weights(weights, sure, possible):
    found = np.eye(weights.shape[1])[weights.argmax(axis=1)]
    sure = sure.astype(float)
    possible = np.maximum(possible, sure)
    return 1 - np.sum(found * (sure + possible)) / np.sum(found + sure)


def rated(**how):
    return lambda *case: translation._rated(*case, **how)


def linked(function):
    return rated(link=function)


def rate_of(function):
    return rated(rate=function)


def marked_in_place(weights, sure, possible):
    possible |= sure
    return alignment_error_rate(weights, sure, possible)


def links_by_the_course(weights, sure, possible):
    from attention_course.functional import alignment as theirs

    def pairs(array):
        return {(int(i), int(t)) for t, i in np.argwhere(array)}

    found = theirs.links(weights, weights.shape[1])
    return theirs.alignment_error_rate([found], [pairs(sure)], [pairs(possible)])


RATE = alignment_error_rate
AER_MUTANTS = {
    "agreement": (lambda *case: 1 - RATE(*case), "1 minus it"),
    "possible without sure": (
        rate_of(lambda a, s, p: 1 - ((a & s).sum() + (a & p).sum()) / (a.sum() + s.sum())),
        "sure | possible",
    ),
    "sure ones once": (
        rate_of(lambda a, s, p: 1 - (a & (s | p)).sum() / (a.sum() + s.sum())),
        "counts in both",
    ),
    "sure alone": (rate_of(lambda a, s, p: 1 - 2 * (a & s).sum() / (a.sum() + s.sum())), "in P"),
    "all sure": (lambda w, s, p: RATE(w, s | p, p), "like sure ones"),
    "precision": (rate_of(lambda a, s, p: 1 - (a & (s | p)).sum() / a.sum()), "precision"),
    "recall": (rate_of(lambda a, s, p: 1 - (a & s).sum() / max(s.sum(), 1)), "recall"),
    "F": (rate_of(lambda a, s, p: 1 - translation._f_measure(a, s, p)), "F-measure"),
    "another divisor": (
        rate_of(lambda a, s, p: 1 - ((a & s).sum() + (a & (s | p)).sum()) / (a | s).sum()),
        "something other than",
    ),
    "over the target words": (
        linked(lambda w: np.eye(len(w), dtype=bool)[w.argmax(axis=0)].T),
        "axis 0",
    ),
    "both ways": (
        linked(lambda w: (w == w.max(axis=1, keepdims=True)) & (w == w.max(axis=0, keepdims=True))),
        "For weights",
    ),
    "above one half": (linked(lambda w: w > 0.5), "some bound"),
    "above the mean": (linked(lambda w: w > 1 / w.shape[1]), "some bound"),
    "all ties": (linked(lambda w: w == w.max(axis=1, keepdims=True)), "link all of them"),
    "the last of equals": (
        linked(lambda w: np.eye(w.shape[1], dtype=bool)[::-1][w[:, ::-1].argmax(axis=1)]),
        "link the last",
    ),
    "the smallest": (
        linked(lambda w: np.eye(w.shape[1], dtype=bool)[w.argmin(axis=1)]),
        "smallest",
    ),
    "soft": (rated(link=lambda w: w, rate=translation._weighed), "add up weights"),
    "the diagonal": (linked(lambda w: np.eye(*w.shape, dtype=bool)), "For weights"),
    "per cent": (lambda *case: 100 * RATE(*case), "percentage"),
    "rounded": (lambda *case: round(RATE(*case), 2), "rounded"),
    "whole": (lambda *case: int(RATE(*case)), "For weights"),
    "for each word": (
        lambda w, s, p: np.array(
            [RATE(*(one[None] for one in row)) for row in zip(w, s, p, strict=True)]
        ),
        "shape",
    ),
    "a mean over words": (
        lambda w, s, p: np.mean(
            [RATE(*(one[None] for one in row)) for row in zip(w, s, p, strict=True)]
        ),
        "For weights",
    ),
    "no sure link, no error": (
        lambda w, s, p: RATE(w, s, p) if s.any() else 0.0,
        "For weights",
    ),
    "turned": (lambda w, s, p: RATE(w.T, s.T, p.T), "axis 0"),
    "a constant": (lambda *case: 0.25, "same number"),
    "NaN": (lambda *case: float("nan"), "NaN"),
    "a yes or no": (lambda *case: RATE(*case) > 0.5, "rounded"),
    "in place": (marked_in_place, "in place"),
    "a table of answers": (
        lambda w, s, p: {1: 0.0, 2: 0.5, 3: 1 / 3}.get(len(w), 0.4),
        "For weights",
    ),
}


def test_an_error_rate_may_be_computed_in_other_ways():
    accepts("08.aer", aer_by_sets, aer_by_places, aer_by_weights)


def test_wrong_rates_are_refused_in_words_of_their_own():
    refuses("08.aer", AER_MUTANTS)


def test_the_rate_is_the_course_s_own():
    exercise = EXERCISES["08.aer"]
    for case in draw_cases(exercise.case, 5, exercise.count):
        assert alignment_error_rate(*case) == pytest.approx(links_by_the_course(*case), abs=1e-12)


def test_rates_of_every_size_are_drawn():
    exercise = EXERCISES["08.aer"]
    rates = [exercise.solve(*case) for case in draw_cases(exercise.case, 0, exercise.count)]
    assert min(rates) == 0
    assert max(rates) == 1
    assert len({round(float(rate), 6) for rate in rates}) > 40


# --- what is the course's own -----------------------------------------------------------------


def loss_by_the_course(logits, targets):
    from attention_course.functional import masked_softmax as own_work

    return own_work(logits).max()


def decoder_by_the_course(units, words):
    from attention_course.layers import AttentionDecoder

    return AttentionDecoder(units, "dot")


def scores_by_the_course(source, target, E, F, W, U, v, Y):
    from attention_course.functional import additive_score as own_work

    return 0.0, own_work(F[target], E[source], U, W, v)


@pytest.mark.parametrize(
    ("name", "answer", "borrowed"),
    [
        ("08.aer", links_by_the_course, "functional.alignment.links"),
        ("08.masked_loss", loss_by_the_course, "functional.attention.masked_softmax"),
        ("08.popular", scores_by_the_course, "functional.attention.additive_score"),
        pytest.param(
            "08.decoder",
            decoder_by_the_course,
            "layers.decoder.AttentionDecoder",
            marks=pytest.mark.thorough,
        ),
    ],
)
def test_what_the_course_has_is_recognised(name, answer, borrowed):
    cloudpickle.register_pickle_by_value(sys.modules[__name__])
    assert f"calls attention_course.{borrowed}" in check(name, answer).message
