"""The small models of the recall task."""

import keras
import numpy as np

from attention_course.datasets import recall as task
from attention_course.functional import scaled_dot_product_attention
from attention_course.models.recall import (
    UNITS,
    recall_lstm,
    recall_rnn_attention,
    recall_rnn_uniform,
)


def test_forget_bias_sets_the_forget_gates_alone():
    bias = recall_lstm(forget_bias=4.0).get_layer("lstm").get_weights()[2]
    assert np.array_equal(bias.reshape(4, UNITS), np.outer([0, 4, 0, 0], np.ones(UNITS)))
    default = recall_lstm().get_layer("lstm").get_weights()[2]
    assert np.array_equal(default.reshape(4, UNITS), np.outer([0, 1, 0, 0], np.ones(UNITS)))


def test_attention_reads_the_context_its_formula_gives():
    keras.utils.set_random_seed(3)
    model = recall_rnn_attention()
    x = task.one_hot(task.recall(5, lag=6, seed=0)[0])
    inside = keras.Model(
        model.input, [model.get_layer(name).output for name in ("rnn", "query", "context")]
    )
    states, query, context = (part.numpy() for part in inside(x))
    expected, _ = scaled_dot_product_attention(query[:, None], states, states, scale=False)
    np.testing.assert_allclose(context, expected[:, 0], atol=1e-6)
    np.testing.assert_allclose(
        query, states[:, -1] @ model.get_layer("query").get_weights()[0], atol=1e-6
    )


def test_equal_weights_read_the_mean_of_the_states():
    keras.utils.set_random_seed(3)
    attentive, uniform = recall_rnn_attention(), recall_rnn_uniform()
    attentive.get_layer("query").set_weights([np.zeros((UNITS, UNITS))])  # all scores are zero
    for name in ("rnn", "cue"):
        uniform.get_layer(name).set_weights(attentive.get_layer(name).get_weights())
    x = task.one_hot(task.recall(5, lag=6, seed=0)[0])
    np.testing.assert_allclose(uniform(x), attentive(x), atol=1e-6)
