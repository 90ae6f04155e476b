"""The networks of the pointing tasks: what they compute, and what a hard choice learns from."""

import keras
import numpy as np
import pytest
import tensorflow as tf

from attention_course.datasets import pointing
from attention_course.functional import masked_softmax
from attention_course.layers.kinds import CHOICES
from attention_course.models.pointing import (
    FADING,
    SURPRISE,
    WIDTH,
    inputs_of,
    judge,
    pointer,
)


@pytest.fixture(scope="module")
def examples():
    return pointing.draw("look_up", 40, seed=3)


def build(**kind):
    keras.utils.set_random_seed(1)
    return pointer(0.001, **kind)


def cross_entropy(logits, answers):
    logits = logits - logits.max(axis=-1, keepdims=True)
    logs = logits - np.log(np.exp(logits).sum(axis=-1, keepdims=True))
    return -np.take_along_axis(logs, answers[:, :, None], axis=2)[:, :, 0]


@pytest.mark.parametrize("whose", ["cross", "self"])
def test_a_network_is_what_its_text_says(examples, whose):
    model = build(score="general", whose=whose)

    def table(name):
        return model.get_layer(name).get_weights()[0]

    items = table("label")[examples.labels] + table("symbol")[examples.symbols] + table("place")
    asked = table("hint")[examples.hints]
    asked = asked + (items if whose == "self" else table("asked_place"))
    for name, squash in (("hidden", np.tanh), ("query", np.asarray)):
        kernel, bias = model.get_layer(name).get_weights()
        asked = squash(asked @ kernel + bias)
    (W,) = model.get_layer("attention").get_weights()
    weights = masked_softmax(asked @ W @ items.swapaxes(1, 2), examples.real[:, None, :])
    kernel, bias = model.get_layer("logits").get_weights()
    found = model(inputs_of(examples))
    np.testing.assert_allclose(found["weights"], weights, atol=1e-5)
    np.testing.assert_allclose(found["logits"], weights @ items @ kernel + bias, atol=1e-5)


def test_the_loss_counts_real_queries_only(examples):
    model = build(score="general")
    found = model(inputs_of(examples))
    errors = cross_entropy(np.asarray(found["logits"], "float64"), examples.answers)
    loss = model.compute_loss(inputs_of(examples), examples.answers, found)
    assert float(loss) == pytest.approx(errors[examples.real].mean(), rel=1e-5)
    padded = np.where(examples.real, examples.answers, 5)
    assert float(model.compute_loss(inputs_of(examples), padded, found)) == float(loss)


@pytest.mark.parametrize("with_baseline", [True, False])
def test_a_hard_choice_follows_reinforce(examples, with_baseline):
    """Loss, its gradient and the next baseline are those of the formula."""
    model = build(score="general", choice="hard", with_baseline=with_baseline)
    model.baseline.assign(-1.5 if with_baseline else 0.0)
    before = float(model.baseline)
    found = {key: tf.constant(value) for key, value in model(inputs_of(examples)).items()}
    logs = tf.Variable(tf.random.normal(examples.real.shape, seed=1) - 3)
    found["log_probability"] = logs
    with tf.GradientTape() as tape:
        loss = model.compute_loss(inputs_of(examples), examples.answers, found)
    gradient = np.asarray(tape.gradient(loss, logs))

    drawn, real = np.asarray(logs, "float64"), examples.real
    errors = cross_entropy(np.asarray(found["logits"], "float64"), examples.answers)
    reward = -(errors + SURPRISE * drawn)
    count = real.sum()
    np.testing.assert_allclose(gradient, -(reward - before) * real / count, atol=1e-6)
    expected = (errors - (reward - before) * drawn)[real].mean()
    assert float(loss) == pytest.approx(expected, rel=1e-5)
    after = FADING * before + (1 - FADING) * reward[real].mean() if with_baseline else 0.0
    assert float(model.baseline) == pytest.approx(after, rel=1e-5)
    # Judging changes nothing, and no reward counts there.
    loss = model.compute_loss(inputs_of(examples), examples.answers, found, training=False)
    assert float(loss) == pytest.approx(errors[real].mean(), rel=1e-5)
    assert float(model.baseline) == pytest.approx(after, rel=1e-5)


def test_the_errors_of_a_draw_pass_no_gradient_through_the_reward(examples):
    model = build(score="general", choice="hard")
    logits = tf.Variable(np.random.default_rng(0).normal(size=(40, 12, 8)).astype("float32"))
    gradients = []
    for logs in (0.0, -5.0):
        found = {"logits": logits, "log_probability": tf.fill((40, 12), logs)}
        with tf.GradientTape() as tape:
            loss = model.compute_loss(inputs_of(examples), examples.answers, found)
        gradients.append(np.asarray(tape.gradient(loss, logits)))
    np.testing.assert_array_equal(*gradients)


def test_judge_counts_real_queries_and_the_weight_on_their_places(examples):
    model = build(score="dot")
    found = model(inputs_of(examples))
    right, weight = [], []
    for row, t in zip(*np.nonzero(examples.real), strict=True):
        guess = np.asarray(found["logits"])[row, t].argmax()
        right.append(guess == examples.answers[row, t])
        weight.append(np.asarray(found["weights"])[row, t, examples.places[row, t]])
    expected = {"accuracy": np.mean(right), "weight": np.mean(weight)}
    assert judge(model, examples) == pytest.approx(expected, abs=1e-5)


@pytest.mark.parametrize("choice", CHOICES)
def test_every_choice_but_the_argmax_sends_a_gradient_to_its_scores(examples, choice):
    model = build(score="general", choice=choice)
    inputs = inputs_of(examples)
    with tf.GradientTape() as tape:
        loss = model.compute_loss(inputs, examples.answers, model(inputs, training=True))
    gradient = tape.gradient(loss, model.get_layer("attention").W)
    if choice == "argmax":
        assert gradient is None
    else:
        assert 0 < np.abs(gradient).max() < np.inf
        assert gradient.shape == (WIDTH, WIDTH)
