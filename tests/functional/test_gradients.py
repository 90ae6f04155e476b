"""Gradients through time: finite differences and TensorFlow's tape are the oracles."""

import numpy as np
import pytest

from attention_course.functional import gradients as g


@pytest.fixture(scope="module")
def network():
    random = np.random.default_rng(7)
    d, n, steps = 3, 4, 6
    return {
        "x": random.normal(size=(steps, d)),
        "W": random.normal(size=(d, n)),
        "U": random.normal(size=(n, n)),
        "b": random.normal(size=n),
    }


def differences(function, point, step=1e-6):
    """The Jacobian of ``function`` at ``point`` by central differences."""
    columns = []
    for j in range(len(point)):
        move = np.zeros(len(point))
        move[j] = step
        columns.append((function(point + move) - function(point - move)) / (2 * step))
    return np.stack(columns, axis=1)


def test_step_jacobian_equals_finite_differences(network):
    x, W, U, b = network.values()
    before = np.array([0.3, -0.5, 0.1, 0.8])
    after = np.tanh(x[0] @ W + before @ U + b)
    expected = differences(lambda h: np.tanh(x[0] @ W + h @ U + b), before)
    np.testing.assert_allclose(g.step_jacobian(after, U), expected, atol=1e-8)


def test_product_of_jacobians_equals_finite_differences_through_all_steps(network):
    x, W, U, b = network.values()
    states = g.rnn_states(x, W, U, b)
    products = g.jacobians_through_time(states, U)
    for t in range(len(x)):

        def rest(h, t=t):
            later = g.rnn_states(x[t + 1 :], W, U, b, h0=h)
            return later[-1] if len(later) else h

        np.testing.assert_allclose(products[t], differences(rest, states[t]), atol=1e-7)


def test_the_factor_of_tanh_never_enlarges(network):
    x, W, U, b = network.values()
    states = g.rnn_states(x, W, U, b)
    for h in states:
        assert g.spectral_norm(g.step_jacobian(h, U)) <= g.spectral_norm(U) + 1e-12


def test_norm_of_a_power_lies_between_radius_and_norm():
    U = np.random.default_rng(3).normal(size=(5, 5))
    for k in range(1, 30):
        norm = g.spectral_norm(np.linalg.matrix_power(U, k))
        assert norm >= g.spectral_radius(U) ** k * (1 - 1e-9)
        assert norm <= g.spectral_norm(U) ** k * (1 + 1e-9)


def test_scaled_to_radius():
    U = np.random.default_rng(4).normal(size=(6, 6))
    assert g.spectral_radius(g.scaled_to_radius(U, 0.9)) == pytest.approx(0.9)
    with pytest.raises(g.GradientError, match="cannot be scaled"):
        g.scaled_to_radius([[0.0, 1.0], [0.0, 0.0]], 0.9)


def test_softmax_jacobian_equals_finite_differences_and_vanishes_when_saturated():
    def softmax(scores):
        e = np.exp(scores - scores.max())
        return e / e.sum()

    scores = np.array([0.2, -1.0, 0.7])
    jacobian = g.softmax_jacobian(softmax(scores))
    np.testing.assert_allclose(jacobian, differences(softmax, scores), atol=1e-9)
    np.testing.assert_allclose(jacobian.sum(axis=0), 0, atol=1e-12)
    assert g.spectral_norm(g.softmax_jacobian([0.0, 1.0, 0.0])) == 0


def test_clip_by_global_norm_equals_tensorflow():
    import tensorflow as tf

    random = np.random.default_rng(5)
    for scale in (0.01, 1.0, 100.0):
        gradients = [scale * random.normal(size=shape) for shape in ((3, 4), (4,), (2, 2, 2))]
        clipped, norm = g.clip_by_global_norm(gradients, 1.5)
        expected, expected_norm = tf.clip_by_global_norm(gradients, 1.5)
        assert norm == pytest.approx(float(expected_norm))
        for ours, theirs in zip(clipped, expected, strict=True):
            np.testing.assert_allclose(ours, theirs, atol=1e-12)


def test_clip_accepts_zero_gradients_and_refuses_a_useless_limit():
    clipped, norm = g.clip_by_global_norm([np.zeros(3)], 1.0)
    assert norm == 0
    assert np.array_equal(clipped[0], np.zeros(3))
    for limit in (0, -1, float("nan")):
        with pytest.raises(g.GradientError, match="above 0"):
            g.clip_by_global_norm([np.ones(3)], limit)


@pytest.mark.parametrize(
    ("call", "words"),
    [
        (lambda: g.step_jacobian(np.zeros(2), np.zeros((2, 3))), "must be square"),
        (lambda: g.step_jacobian(np.zeros(3), np.zeros((2, 2))), "has shape"),
        (lambda: g.rnn_states(np.zeros((4, 1)), np.zeros((1, 2)), np.zeros((2, 3)), 0), "square"),
    ],
)
def test_shapes_that_do_not_fit_get_a_sentence(call, words):
    with pytest.raises(g.GradientError, match=words):
        call()


@pytest.fixture(scope="module")
def layers():
    import keras

    keras.utils.set_random_seed(11)
    made = {
        "rnn": keras.layers.SimpleRNN(4, bias_initializer="random_normal"),
        "lstm": keras.layers.LSTM(3),
    }
    for layer in made.values():
        layer.build((None, None, 3))
    return made


def test_keras_simple_rnn_equals_the_numpy_product(layers, network):
    W, U, b = layers["rnn"].get_weights()
    states = g.rnn_states(network["x"], W, U, b)
    measured = g.keras_jacobians(layers["rnn"], network["x"])
    np.testing.assert_allclose(measured, g.jacobians_through_time(states, U), atol=1e-6)


def test_keras_lstm_equals_finite_differences(layers, network):
    """The cell in float64 NumPy, started from any state, is the oracle."""
    W, U, b = (w.astype(float) for w in layers["lstm"].get_weights())
    n = 3

    def sigmoid(z):
        return 1 / (1 + np.exp(-z))

    def run(x, state):
        h, c = state[:n], state[n:]
        for row in x:
            i, f, z, o = np.split(row @ W + h @ U + b, 4)
            c = sigmoid(f) * c + sigmoid(i) * np.tanh(z)
            h = sigmoid(o) * np.tanh(c)
        return np.concatenate([h, c])

    x = network["x"]
    measured = g.keras_jacobians(layers["lstm"], x)
    assert measured.shape == (len(x), n, 2 * n)
    for t in range(len(x)):
        here = run(x[: t + 1], np.zeros(2 * n))
        expected = differences(lambda state, t=t: run(x[t + 1 :], state)[:n], here)
        np.testing.assert_allclose(measured[t], expected, atol=1e-5)


def test_attention_gives_every_state_a_path_of_one_step(layers, network):
    """Cut from time, the context's derivative is what the attention formula says."""
    import tensorflow as tf

    def mean_reader(states):
        return tf.reduce_mean(states, axis=1)

    x = network["x"]
    direct = g.keras_jacobians(layers["rnn"], x, mean_reader, through_time=False)
    np.testing.assert_allclose(direct, np.tile(np.eye(4) / len(x), (len(x), 1, 1)), atol=1e-7)
    total = g.keras_jacobians(layers["rnn"], x, mean_reader)
    W, U, b = layers["rnn"].get_weights()
    states = g.rnn_states(x, W, U, b)
    expected = sum(g.jacobians_through_time(states[: t + 1], U)[0] for t in range(len(x))) / len(x)
    np.testing.assert_allclose(total[0], expected, atol=1e-6)


def test_importing_the_module_is_light():
    import subprocess
    import sys

    code = "import sys, attention_course.functional.gradients; print('tensorflow' in sys.modules)"
    run = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert run.stdout.strip() == "False"


def test_the_gradient_of_the_recurrent_weights_is_a_sum_over_steps(network):
    """Chapter 2's formula for dL/dU, for a loss that is linear in the last state."""
    x, W, U, b = network.values()
    direction = np.array([0.5, -1.0, 2.0, 0.3])
    states = g.rnn_states(x, W, U, b)
    by_step = direction @ g.jacobians_through_time(states, U)  # dL/dh_t, one row per step
    before = np.vstack([np.zeros(len(U)), states[:-1]])
    formula = sum(
        np.outer(h, d * (1 - after**2)) for h, d, after in zip(before, by_step, states, strict=True)
    )

    def loss(flat):
        return np.array([g.rnn_states(x, W, flat.reshape(U.shape), b)[-1] @ direction])

    np.testing.assert_allclose(formula.ravel(), differences(loss, U.ravel())[0], atol=1e-7)


@pytest.mark.parametrize("last_alone", [True, False])
def test_backpropagation_through_time_equals_finite_differences(last_alone):
    random = np.random.default_rng(8)
    x, outer = random.normal(size=(3, 7, 2)), random.normal(size=(3, 7, 4))
    weights = [random.normal(size=shape) for shape in ((2, 4), (4, 4), (4,))]
    if last_alone:
        outer[:, :-1] = 0

    def loss(*weights):
        return sum(
            np.sum(part * g.rnn_states(one, *weights)) for one, part in zip(x, outer, strict=True)
        )

    for i, (weight, found) in enumerate(
        zip(weights, g.backpropagate(x, outer, *weights), strict=True)
    ):
        assert found.shape == weight.shape
        for place in np.ndindex(weight.shape):
            ends = []
            for step in (1e-5, -1e-5):
                moved = [one.copy() for one in weights]
                moved[i][place] += step
                ends.append(loss(*moved))
            assert found[place] == pytest.approx((ends[0] - ends[1]) / 2e-5, abs=1e-6)


def test_backpropagation_leaves_its_inputs_alone():
    inputs = [np.ones((1, 2, 1)), np.ones((1, 2, 1)), np.ones((1, 1)), np.ones((1, 1)), np.ones(1)]
    g.backpropagate(*inputs)
    assert all((one == 1).all() for one in inputs)
