"""Recipes: found by name, of the models that ``models`` builds; those of the recall task."""

import json
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


def test_a_card_holds_the_recorded_rows_and_its_own(monkeypatch, tmp_path):
    row = {"mean": 0.5, "interval": [0.4, 0.6], "rate": 0.002, "tries": [], "runs": []}
    rows = [
        {"network": network, "lag": lag, "scores": [lag / 100] * 3, **row}
        for lag in recall.LAGS
        for network in ("lstm", "lstm_high_forget_bias", "simple_rnn")
    ]
    path = tmp_path / "search.json"
    path.write_text(json.dumps({"rows": rows}))
    monkeypatch.setattr(recall.assets, "fetch", {recall.SEARCH_FILE: path}.get)
    runs = [{"seed": seed, "test": {"score": 1.0}} for seed in (0, 1, 2)]
    found = recall.tables("recall_lstm", runs)
    assert [row["lag"] for row in found["by_lag"]] == list(recall.LAGS)
    own = found["by_lag"][recall.LAGS.index(recall.MODEL_LAG)]
    assert own["scores"] == [1.0, 1.0, 1.0]
    assert own["mean"] == 1
    first = found["by_lag"][0]
    assert first == {key: rows[0][key] for key in ("lag", "scores", "mean", "interval", "rate")}
    assert own.keys() == first.keys()
    assert [row["lag"] for row in found["by_lag_high_forget_bias"]] == list(recall.LONG_LAGS)
    assert set(recall.tables("recall_simple_rnn", runs)) == {"by_lag"}
