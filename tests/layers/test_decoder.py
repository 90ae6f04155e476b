"""The decoder: its loop and its single step agree, and what a step may depend on."""

import keras
import numpy as np
import pytest

from attention_course.layers import AttentionDecoder
from attention_course.layers.kinds import SCORES

MASK = np.array([[True] * 5, [True, True, True, False, False]])
KINDS = [(None, False), *((score, False) for score in SCORES), ("dot", True), (None, True)]


@pytest.fixture
def inputs():
    rng = np.random.default_rng(8)
    shapes = {"words": (2, 4, 3), "state": (2, 6), "values": (2, 5, 6)}
    return {name: rng.normal(size=shape) for name, shape in shapes.items()}


def decoder(score, feeding):
    keras.utils.set_random_seed(3)
    return AttentionDecoder(6, score, score_units=4, places=5, feeding=feeding, dtype="float64")


@pytest.mark.parametrize(("score", "feeding"), KINDS)
def test_step_by_step_is_all_at_once(score, feeding, inputs):
    layer = decoder(score, feeding)
    results, weights = layer(**inputs, values_mask=MASK)
    state, fed = inputs["state"], np.zeros((2, 6))
    for t in range(4):
        word = inputs["words"][:, t]
        fed, row, state = layer.step(word, state, fed, inputs["values"], MASK)
        np.testing.assert_allclose(fed, np.asarray(results)[:, t], atol=1e-6)
        np.testing.assert_allclose(row, np.asarray(weights)[:, t], atol=1e-6)


@pytest.mark.parametrize(("score", "feeding"), KINDS)
def test_a_result_depends_on_no_later_word(score, feeding, inputs):
    layer = decoder(score, feeding)
    results = np.asarray(layer(**inputs)[0])
    inputs["words"][:, 2:] += 1
    changed = np.asarray(layer(**inputs)[0])
    np.testing.assert_array_equal(changed[:, :2], results[:, :2])
    assert np.abs(changed[:, 2:] - results[:, 2:]).min() > 0


@pytest.mark.parametrize(("score", "feeding"), KINDS)
def test_weights_sum_to_one_with_attention_and_are_zero_without(score, feeding, inputs):
    weights = np.asarray(decoder(score, feeding)(**inputs, values_mask=MASK)[1])
    assert weights.shape == (2, 4, 5)
    np.testing.assert_allclose(weights.sum(axis=-1), 1 if score else 0, atol=1e-12)
    assert (weights[1, :, 3:] == 0).all()


def test_without_attention_the_values_do_not_matter(inputs):
    layer = decoder(None, feeding=False)
    results = np.asarray(layer(**inputs)[0])
    inputs["values"] += 1
    np.testing.assert_array_equal(layer(**inputs)[0], results)


def test_feeding_shows_a_step_where_the_last_one_looked(inputs):
    layer = decoder("dot", feeding=True)
    word, values = inputs["words"][:, 0], inputs["values"]
    one, _, _ = layer.step(word, inputs["state"], np.zeros((2, 6)), values)
    other, _, _ = layer.step(word, inputs["state"], np.ones((2, 6)), values)
    assert np.abs(np.asarray(one) - np.asarray(other)).min() > 0


@pytest.mark.parametrize(("score", "feeding"), [(None, False), ("location", False), ("dot", True)])
def test_saves_and_loads(score, feeding, inputs, tmp_path):
    symbols = {name: keras.Input(part.shape[1:], name=name) for name, part in inputs.items()}
    layer = AttentionDecoder(6, score, score_units=4, places=5, feeding=feeding)
    model = keras.Model(symbols, layer(**symbols))
    model.save(tmp_path / "decoder.keras")
    loaded = keras.saving.load_model(tmp_path / "decoder.keras", compile=False, safe_mode=True)
    for one, other in zip(model(inputs), loaded(inputs), strict=True):
        np.testing.assert_allclose(one, other, atol=1e-7)
