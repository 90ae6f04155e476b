"""Recipes: found by name, of the models that ``models`` builds; those of the recall task."""

from importlib import import_module

import numpy as np
import pytest

from attention_course import models
from attention_course.datasets.recall import SYMBOLS
from attention_course.errors import ModelError
from attention_course.training.recipes import recall, recipe


@pytest.mark.parametrize("name", models.NAMES)
def test_a_recipe_trains_the_model_of_its_name(name):
    family = import_module(f"attention_course.models.{models.family(name)}")
    found = recipe(name)
    assert found.name == name
    if family.__name__.endswith("ngram"):  # whose recipe says the sizes, for the search
        built, same = found.build(), models.build(name)
        assert built.name == same.name == name
        assert built.to_json() == same.to_json()
    else:
        assert found.build is family.BUILDERS[name]


def test_an_unknown_name_is_answered_with_a_suggestion():
    with pytest.raises(ModelError, match="did you mean simple_rnn"):
        recipe("simple_rn")


def test_splits_share_no_seed():
    splits = recall.load_splits(lag=7)
    assert splits.x_train.shape == (recall.SIZES["train"], 8, SYMBOLS)
    assert len(set(splits.provenance["data_seeds"].values())) == 3
    assert not np.array_equal(splits.x_train[: len(splits.x_val)], splits.x_val)


def test_sweep_makes_one_row_per_lag(monkeypatch):
    calls = []

    def fake_fit(recipe, splits, seed, epochs):
        calls.append((recipe.settings["lag"], seed))
        return None, {"seed": seed, "test": {"score": 0.25 + 0.1 * seed}}

    monkeypatch.setattr(recall, "fit", fake_fit)
    monkeypatch.setattr(recall.keras.backend, "clear_session", lambda: None)  # nothing to clear
    monkeypatch.setattr(recall, "SIZES", {"train": 4, "validation": 4, "test": 4})
    runs = [{"seed": seed, "test": {"score": 1.0}} for seed in (0, 1, 2)]
    tables = recall.sweep("recall_lstm", runs, epochs=1)
    assert [row["lag"] for row in tables["by_lag"]] == list(recall.LAGS)
    own = tables["by_lag"][recall.LAGS.index(recall.MODEL_LAG)]
    assert own["scores"] == [1.0, 1.0, 1.0]
    assert tables["by_lag"][0]["scores"] == [0.25, 0.35, 0.45]
    assert [row["lag"] for row in tables["by_lag_high_forget_bias"]] == list(recall.LONG_LAGS)
    assert len(calls) == 3 * (len(recall.LAGS) - 1 + len(recall.LONG_LAGS))
