"""Trained models and their cards: structure, safety, padding, and the same score again."""

import hashlib
import json
import zipfile

import keras
import numpy as np
import pytest

from attention_course import assets, models
from attention_course.datasets import imdb
from attention_course.errors import CourseError, ModelError
from attention_course.models import cards
from attention_course.training.audit import contradictions, differences
from attention_course.training.recipes import recipe as find_recipe

EVERY = sorted(models.NAMES)


def test_unknown_names_are_answered_with_a_suggestion():
    with pytest.raises(ModelError, match="did you mean simple_rnn"):
        models.load("simple_rn")
    with pytest.raises(ModelError, match="known are"):
        models.build("")


@pytest.mark.parametrize("name", EVERY)
def test_card_describes_its_file(name):
    card = cards.load_card(name)
    path = assets.fetch(card["file"]["path"])
    assert card["name"] == name
    assert path.stem == name
    assert hashlib.sha256(path.read_bytes()).hexdigest() == card["file"]["sha256"]
    assert path.stat().st_size == card["file"]["bytes"] < 12_000_000
    assert card["versions"]["keras"] == "3.13.2"
    assert len(card["runs"]) == len(card["seeds"])
    assert card["training"]["seconds_total"] > 0
    assert card["training"]["cores"] >= 1


@pytest.mark.parametrize("name", EVERY)
def test_card_does_not_contradict_itself(name):
    assert list(contradictions(cards.load_card(name))) == []


@pytest.mark.parametrize("name", models.READ_REVIEWS)
def test_sentiment_card_holds_what_chapters_read(name):
    card, recipe = cards.load_card(name), find_recipe(name)
    assert card["seeds"] == list(recipe.seeds)
    assert card["recipe"]["epochs"] == recipe.epochs
    for run in card["runs"]:
        lengths = {len(values) for values in run["history"].values()}
        assert len(lengths) == 1
        if recipe.patience is None or run is card["runs"][0]:
            assert lengths == {recipe.epochs}
        else:
            assert lengths == {min(recipe.epochs, run["kept_epoch"] + recipe.patience)}
        assert set(run["history"]) == {"accuracy", "loss", "val_accuracy", "val_loss"}
        assert run["kept_epoch"] == int(np.argmin(run["history"]["val_loss"])) + 1
    low, high = card["test"]["interval"]
    assert low < card["test"]["score"] < high
    assert sum(group["examples"] for group in card["test"]["by_length"]) == 25_000
    assert (card["data"]["train"], card["data"]["validation"]) == (20_000, 5_000)


@pytest.mark.parametrize("name", models.READ_REVIEWS)
def test_file_is_what_the_builder_builds(name):
    stored, built = models.load(name), models.build(name)
    assert [w.shape for w in stored.weights] == [w.shape for w in built.weights]
    assert stored.count_params() == cards.load_card(name)["recipe"]["parameters"]
    assert not stored.compiled


@pytest.mark.parametrize("name", [n for n in models.READ_REVIEWS if not n.startswith("ngram")])
def test_what_stands_in_the_padding_does_not_matter(name):
    model = models.load(name)
    length = model.input_shape[1]
    words = np.zeros((2, length), dtype="int32")
    words[:, -12:] = np.random.default_rng(0).integers(4, 4000, size=(2, 12))
    before = model.predict(words, verbose=0)
    embedding = model.get_layer("embedding")
    table = embedding.get_weights()[0]
    table[0] += 3.0
    embedding.set_weights([table])
    np.testing.assert_allclose(model.predict(words, verbose=0), before, atol=1e-6)


def test_no_model_keeps_a_reader_waiting(checkout):
    """Colab downloads the models of a chapter one by one; five megabytes are the most for one."""
    for path in (checkout / "models").iterdir():
        assert path.stat().st_size < 5_000_000, path.name


def test_a_file_that_carries_code_is_refused(tmp_path):
    inputs = keras.Input((2,))
    model = keras.Model(inputs, keras.layers.Lambda(lambda x: x * 2)(inputs))
    model.save(tmp_path / "evil.keras")
    with pytest.raises(ModelError, match="would run code"):
        models.load_file(tmp_path / "evil.keras")


def test_damaged_files_are_refused(tmp_path):
    whole = assets.fetch("models/self_attention.keras").read_bytes()
    for name, content in {
        "cut": whole[: len(whole) // 2],
        "text": b"no model",
        "empty": b"",
    }.items():
        path = tmp_path / f"{name}.keras"
        path.write_bytes(content)
        with pytest.raises(ModelError, match="damaged"):
            models.load_file(path)
    with zipfile.ZipFile(tmp_path / "zip.keras", "w") as archive:
        archive.writestr("config.json", json.dumps({"class_name": "Functional"}))
    with pytest.raises(ModelError, match="restore the original file"):
        models.load_file(tmp_path / "zip.keras")


def test_a_whole_file_that_keras_cannot_load_is_not_called_damaged(monkeypatch):
    def overflowing(*arguments, **options):
        raise OverflowError("An overflow was encountered.\nA page of details.")

    monkeypatch.setattr(keras.saving, "load_model", overflowing)
    with pytest.raises(ModelError, match=r"is whole, but Keras .* \(An overflow was encountered\)"):
        models.load("ngram_average")
    monkeypatch.undo()
    monkeypatch.setattr(keras.config, "backend", lambda: "jax")
    with pytest.raises(CourseError, match="do not run on JAX: set KERAS_BACKEND=tensorflow"):
        models.load("ngram_average")


@pytest.mark.parametrize("content", ["", "{", "[]", '{"name": "x"}', '{"name": NaN'])
def test_damaged_cards_are_refused(tmp_path, content):
    path = tmp_path / "card.json"
    path.write_text(content)
    with pytest.raises(ModelError, match=r"card\.json"):
        cards.read_card(path)


@pytest.mark.imdb
@pytest.mark.skipif(
    not imdb.available(),
    reason=f"the IMDB reviews are not on this machine; set {imdb.PATH_VARIABLE} to test with them",
)
@pytest.mark.slow
@pytest.mark.parametrize("name", models.READ_REVIEWS)
def test_the_test_reviews_give_the_card_again(name):
    recipe = find_recipe(name)
    measured = recipe.evaluate(models.load(name), recipe.load_data())
    assert list(differences(measured, cards.load_card(name)["test"])) == []


TRANSLATORS = [n for n in EVERY if models.family(n) in ("translation", "phrases", "verses")]
SMALL = sorted({*EVERY} - {*models.READ_REVIEWS, *TRANSLATORS})


@pytest.mark.parametrize(
    "name", [*SMALL, *(pytest.param(name, marks=pytest.mark.thorough) for name in TRANSLATORS)]
)
def test_the_small_models_give_their_cards_again(name):
    recipe = find_recipe(name)
    measured = recipe.evaluate(models.load(name), recipe.load_data())
    assert list(differences(measured, cards.load_card(name)["test"])) == []
