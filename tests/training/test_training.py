"""Training by recipe, on a recipe of a few milliseconds."""

import dataclasses
import json

import keras
import numpy as np
import pytest
from tiny_training import recipe

from attention_course.models import cards
from attention_course.training import runs as training


@pytest.fixture
def use(monkeypatch):
    def install(chosen):
        monkeypatch.setattr(training, "find_recipe", lambda name: chosen)

    return install


def files(folder):
    return {path.name: path.read_bytes() for path in folder.iterdir() if path.is_file()}


def test_model_and_card_are_written_and_belong_together(use, tmp_path):
    use(recipe(seeds=(3, 4), epochs=2))
    card = training.train("tiny", output=tmp_path / "new")
    assert sorted(p.name for p in (tmp_path / "new").iterdir()) == ["tiny.json", "tiny.keras"]
    assert cards.read_card(tmp_path / "new" / "tiny.json") == json.loads(json.dumps(card))
    assert card["seeds"] == [3, 4]
    assert len(card["scores"]["by_seed"]) == 2
    assert [len(run["seconds_per_epoch"]) for run in card["runs"]] == [2, 2]
    assert card["scores"]["interval"][0] <= card["scores"]["mean"] <= card["scores"]["interval"][1]
    stored = keras.saving.load_model(tmp_path / "new" / "tiny.keras")
    assert not stored.compiled  # no optimiser in the file


def test_same_seed_gives_same_weights_and_another_seed_others():
    tiny = recipe()
    splits = tiny.load_data()
    (one, _), (same, _), (other, _) = (training.fit(tiny, splits, seed, 1) for seed in (5, 5, 6))
    np.testing.assert_array_equal(one.get_weights()[0], same.get_weights()[0])
    assert np.abs(one.get_weights()[0] - other.get_weights()[0]).max() > 1e-3


def test_the_epoch_with_the_lowest_validation_loss_is_kept():
    tiny = recipe()
    splits = tiny.load_data()
    # Wrong labels to validate on: what is learned from the right ones makes this loss rise.
    wrong = dataclasses.replace(splits, y_val=1 - splits.y_val)
    model, run = training.fit(tiny, wrong, 0, 3)
    losses = run["history"]["val_loss"]
    assert run["kept_epoch"] == int(np.argmin(losses)) + 1 < 3
    measured, _ = model.evaluate(wrong.x_val, wrong.y_val, verbose=0)
    assert measured == pytest.approx(min(losses), rel=1e-3)
    last = dataclasses.replace(tiny, restore_best=False)
    model, run = training.fit(last, wrong, 0, 3)
    measured, _ = model.evaluate(wrong.x_val, wrong.y_val, verbose=0)
    assert run["kept_epoch"] == 3
    assert measured == pytest.approx(losses[-1], rel=1e-3)


def test_a_chosen_seed_and_number_of_epochs_replace_the_recipes(use, tmp_path):
    use(recipe(seeds=(0, 1, 2)))
    card = training.train("tiny", seeds=[9], epochs=1, output=tmp_path)
    assert card["seeds"] == [9]
    assert card["recipe"]["epochs"] == 1
    assert len(card["runs"][0]["history"]["loss"]) == 1


def test_a_run_that_breaks_off_leaves_the_earlier_files_alone(use, tmp_path):
    use(recipe(epochs=1))
    training.train("tiny", output=tmp_path)
    before = files(tmp_path)

    def broken(model, splits):
        raise KeyboardInterrupt

    use(recipe(epochs=1, evaluate=broken))
    with pytest.raises(KeyboardInterrupt):
        training.train("tiny", output=tmp_path)
    assert files(tmp_path) == before
