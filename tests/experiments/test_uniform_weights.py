"""Equal weights in trained models: the twin's formula, and what was recorded."""

import json

import keras
import numpy as np
import pytest

from attention_course import __main__ as cli
from attention_course import assets, models
from attention_course.experiments import uniform_weights
from attention_course.experiments.uniform_weights import BLAME, COUNTS, MODELS, PRAISE
from attention_course.models import cards
from attention_course.models.reader import SentimentReader
from attention_course.statistics import accuracy, mcnemar, unpack_answers


@pytest.fixture(scope="module")
def recorded():
    path = assets.fetch(f"data/{uniform_weights.FILE}")
    return json.loads(path.read_text(encoding="utf-8"))


@pytest.fixture(scope="module")
def padded():
    """Two reviews of 12 and 30 words, padded before the text."""
    words = np.random.default_rng(0).integers(4, 4000, size=(2, 40))
    return words * (np.arange(40) >= np.array([[28], [10]]))


def tail(model, padded):
    """The two reviews at the length that a model reads."""
    length = model.input_shape[1]
    return np.pad(padded, ((0, 0), (length - 40, 0))).astype("int32")


@pytest.mark.parametrize("name", MODELS)
def test_with_equal_weights_the_real_words_are_averaged(name, padded):
    """Recomputed by hand behind the layer that the attention reads."""
    model = models.load(name)
    words, twin = tail(model, padded), uniform_weights.with_equal_weights(model)
    before = model(words).numpy()
    attention = model.get_layer("attention")
    read = attention.input[0] if isinstance(attention.input, list) else attention.input
    inside = np.asarray(keras.Model(model.input, read)(words))
    real = (words != 0)[:, :, None]
    mean = (inside * real).sum(axis=1) / real.sum(axis=1)
    if name == "rnn_attention":
        mean = mean * real.sum(axis=1)  # one context for each word, and their sum
    if name == "multi_head":
        *_, kernel, bias, out, out_bias = attention.get_weights()
        values = np.einsum("bf,fhd->bhd", mean, kernel) + bias
        mean = mean + np.einsum("bhd,hdf->bf", values, out) + out_bias
    kernel, bias = model.get_layer("probability").get_weights()
    expected = 1 / (1 + np.exp(-(mean @ kernel + bias)))
    np.testing.assert_allclose(twin(words), expected, atol=1e-5)
    np.testing.assert_array_equal(model(words), before)  # the original is as it was
    assert np.abs(before - expected).max() > 1e-4


def test_the_command_writes_where_it_is_told(tmp_path, monkeypatch):
    monkeypatch.setattr(uniform_weights, "compare", {"one": row()}.get)
    monkeypatch.setattr(uniform_weights, "MODELS", ("one",))
    assert cli.main(["uniform", "--output", str(tmp_path)]) == 0
    content = json.loads((tmp_path / uniform_weights.FILE).read_text(encoding="utf-8"))
    assert content["models"] == {"one": row()}


def row():
    return {"accuracy": {"learned": 0.9, "equal": 0.8}, "unchanged": 0.7}


# --- what was recorded -----------------------------------------------------------------------


@pytest.mark.parametrize("name", MODELS)
def test_what_was_recorded_follows_from_the_answers(recorded, name):
    found, card = recorded["models"][name], cards.load_card(name)
    learned, equal = unpack_answers(card["test"]), unpack_answers(found)
    assert found["accuracy"]["learned"] == card["test"]["score"]
    assert found["interval"]["learned"] == card["test"]["interval"]
    again = accuracy(equal)
    assert (found["accuracy"]["equal"], found["interval"]["equal"]) == (
        again["score"],
        again["interval"],
    )
    assert found["unchanged"] == pytest.approx((learned == equal).mean(), abs=1e-5)
    assert found["unchanged_interval"][0] < found["unchanged"] < found["unchanged_interval"][1]
    assert found["mcnemar"] == mcnemar(learned, equal)
    assert found["seed"] == card["seeds"][0]


@pytest.mark.parametrize("name", MODELS)
def test_the_gaps_are_measured_again(recorded, name):
    stored = recorded["models"][name]["gap"]
    reader = SentimentReader(name)
    for kind, behind in uniform_weights.endings().items():
        assert [len(ending.split()) for ending in behind] == recorded["counts"] == list(COUNTS)
        np.testing.assert_allclose(
            uniform_weights.gaps(reader, behind), stored["learned"][kind], atol=2e-3
        )
    plain = reader.probability(PRAISE).mean() - reader.probability(BLAME).mean()
    assert stored["learned"]["function words"][0] == pytest.approx(plain, abs=2e-3)
