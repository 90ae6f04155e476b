"""Training by recipe, on a recipe of a few milliseconds."""

import dataclasses
import json

import keras
import numpy as np
import pytest

from attention_course import cards, training
from attention_course.evaluation import accuracy_report
from attention_course.recipes import Recipe, Splits


def tiny_recipe(**changes):
    def build():
        inputs = keras.Input((3,))
        outputs = keras.layers.Dense(1, activation="sigmoid", name="probability")(inputs)
        model = keras.Model(inputs, outputs, name="tiny")
        model.compile("adam", "binary_crossentropy", metrics=["accuracy"])
        return model

    def load_data():
        x = np.random.default_rng(0).normal(size=(60, 3)).astype("float32")
        y = (x[:, 0] > 0).astype("int8")
        return Splits(x[:40], y[:40], x[40:50], y[40:50], x[50:], y[50:], {"name": "noise"})

    def evaluate(model, splits):
        return accuracy_report(model.predict(splits.x_test, verbose=0), splits.y_test)

    settings = {
        "name": "tiny",
        "title": "A tiny model",
        "build": build,
        "load_data": load_data,
        "evaluate": evaluate,
        "epochs": 3,
        "batch_size": 8,
    }
    return Recipe(**(settings | changes))


@pytest.fixture
def use(monkeypatch):
    def install(recipe):
        monkeypatch.setattr(training, "find_recipe", lambda name: recipe)
        return recipe

    return install


def files(folder):
    return {path.name: path.read_bytes() for path in folder.iterdir() if path.is_file()}


def test_model_and_card_are_written_and_belong_together(use, tmp_path):
    use(tiny_recipe(seeds=(3, 4)))
    card = training.train("tiny", output=tmp_path / "new", verbose=False)
    assert sorted(p.name for p in (tmp_path / "new").iterdir()) == ["tiny.json", "tiny.keras"]
    assert cards.read_card(tmp_path / "new" / "tiny.json") == json.loads(json.dumps(card))
    assert card["seeds"] == [3, 4]
    assert len(card["scores"]["by_seed"]) == 2
    assert card["scores"]["interval"][0] <= card["scores"]["mean"] <= card["scores"]["interval"][1]
    stored = keras.saving.load_model(tmp_path / "new" / "tiny.keras")
    assert not stored.compiled  # no optimiser in the file


def test_same_seed_gives_same_weights_and_another_seed_others():
    recipe = tiny_recipe()
    splits = recipe.load_data()
    (one, _), (same, _), (other, _) = (training.fit(recipe, splits, seed, 2) for seed in (5, 5, 6))
    np.testing.assert_array_equal(one.get_weights()[0], same.get_weights()[0])
    assert np.abs(one.get_weights()[0] - other.get_weights()[0]).max() > 1e-3


def test_the_epoch_with_the_lowest_validation_loss_is_kept():
    recipe = tiny_recipe()
    splits = recipe.load_data()
    # Wrong labels to validate on: what is learned from the right ones makes this loss rise.
    wrong = dataclasses.replace(splits, y_val=1 - splits.y_val)
    model, run = training.fit(recipe, wrong, 0, 6)
    losses = run["history"]["val_loss"]
    assert run["kept_epoch"] == int(np.argmin(losses)) + 1 < 6
    measured, _ = model.evaluate(wrong.x_val, wrong.y_val, verbose=0)
    assert measured == pytest.approx(min(losses), rel=1e-3)
    last = dataclasses.replace(recipe, restore_best=False)
    model, run = training.fit(last, wrong, 0, 6)
    measured, _ = model.evaluate(wrong.x_val, wrong.y_val, verbose=0)
    assert run["kept_epoch"] == 6
    assert measured == pytest.approx(losses[-1], rel=1e-3)


def test_a_chosen_seed_and_number_of_epochs_replace_the_recipes(use, tmp_path):
    use(tiny_recipe(seeds=(0, 1, 2)))
    card = training.train("tiny", seed=9, epochs=1, output=tmp_path, verbose=False)
    assert card["seeds"] == [9]
    assert card["recipe"]["epochs"] == 1
    assert len(card["runs"][0]["history"]["loss"]) == 1


def test_a_run_that_breaks_off_leaves_the_earlier_files_alone(use, tmp_path):
    use(tiny_recipe())
    training.train("tiny", output=tmp_path, verbose=False)
    before = files(tmp_path)

    def broken(model, splits):
        raise KeyboardInterrupt

    use(tiny_recipe(evaluate=broken))
    with pytest.raises(KeyboardInterrupt):
        training.train("tiny", output=tmp_path, verbose=False)
    assert files(tmp_path) == before


def test_training_reports_seconds_per_epoch(use, tmp_path):
    use(tiny_recipe())
    run = training.train("tiny", output=tmp_path, verbose=False)["runs"][0]
    assert len(run["seconds_per_epoch"]) == 3
