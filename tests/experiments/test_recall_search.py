"""The recall task at every lag: how a rate is chosen, and what was recorded."""

import json

import numpy as np
import pytest

from attention_course import __main__ as cli
from attention_course import assets
from attention_course.experiments import recall_search
from attention_course.experiments.recall_search import NETWORKS, best_rate, further_rate
from attention_course.models import cards
from attention_course.statistics import mean_interval
from attention_course.training.recipes import recall


@pytest.fixture(scope="module")
def recorded():
    path = assets.fetch(f"data/{recall_search.FILE}")
    return json.loads(path.read_text(encoding="utf-8"))


@pytest.fixture
def small(monkeypatch):
    monkeypatch.setattr(recall, "SIZES", {"train": 64, "validation": 8, "test": 12})
    monkeypatch.setattr(recall_search, "EPOCHS", 2)


def tried(rate, accuracy, updates):
    return {"rate": rate, "validation_accuracy": [0.25, accuracy, 0.3], "updates": updates}


def test_the_best_rate_is_the_most_accurate_and_then_the_fastest():
    assert best_rate([tried(0.1, 0.9, 300), tried(0.2, 0.8, 100)]) == 0.1
    assert best_rate([tried(0.1, 0.9, 300), tried(0.2, 0.9, 100)]) == 0.2
    seeds = [tried(0.1, 1.0, 100), tried(0.2, 0.9, 900), tried(0.1, 0.5, 100), tried(0.2, 0.9, 900)]
    assert best_rate(seeds) == 0.2


def test_the_search_goes_on_while_the_best_rate_is_the_last_and_fails():
    assert further_rate([tried(0.1, 0.3, 100), tried(0.2, 0.9, 100)]) == 0.4
    assert further_rate([tried(0.1, 0.9, 100), tried(0.2, 0.3, 100)]) == 0.05
    assert further_rate([tried(0.1, 0.3, 100), tried(0.2, 1.0, 100)]) is None
    middle = [tried(0.1, 0.3, 100), tried(0.2, 0.9, 100), tried(0.4, 0.3, 100)]
    assert further_rate(middle) is None


def test_one_trainer_trains_every_seed_from_its_start(small):
    """What an earlier rate and seed left behind, moments of Adam included, changes nothing."""
    trainer = recall_search.Trainer("rnn_attention", recall.load_splits(lag=3))
    first = trainer.train(0.004, seed=1) | {"seconds": 0}
    weights = trainer.model.get_weights()
    trainer.train(0.02, seed=2)
    assert any(map(np.any, map(np.subtract, weights, trainer.model.get_weights())))
    assert trainer.train(0.004, seed=1) | {"seconds": 0} == first
    for one, other in zip(weights, trainer.model.get_weights(), strict=True):
        np.testing.assert_allclose(one, other, atol=1e-6)
    assert first["updates"] == 2 * len(first["validation_accuracy"])


class Stub:
    """What the callback needs of a model."""

    stop_training = False
    weights = 0

    def get_weights(self):
        return self.weights

    def set_weights(self, weights):
        self.weights = weights


@pytest.fixture
def begun():
    best, stub = recall_search._Best(), Stub()
    best.set_model(stub)
    best.on_train_begin()
    return best, stub


def test_training_stops_when_all_is_right_and_keeps_the_best(begun):
    best, stub = begun
    for epoch, (loss, accuracy) in enumerate(((0.9, 0.5), (0.4, 0.9), (0.6, 0.8))):
        stub.weights = epoch
        best.on_epoch_end(epoch, {"val_loss": loss, "val_accuracy": accuracy})
        assert not stub.stop_training
    best.on_train_end()
    assert stub.weights == 1
    best.on_epoch_end(3, {"val_loss": 0.1, "val_accuracy": 1.0})
    assert stub.stop_training


def test_an_interrupted_recording_goes_on(tmp_path, monkeypatch):
    called = []

    def run(network, splits):
        called.append(network)
        if len(called) == 4:
            raise KeyboardInterrupt
        return {"rate": 0.1, "mean": 0.5}

    monkeypatch.setattr(recall_search, "run", run)
    monkeypatch.setattr(recall_search, "load_splits", lambda lag: None)
    monkeypatch.setattr(recall_search, "LAGS", (3,))
    with pytest.raises(KeyboardInterrupt):
        recall_search.record(tmp_path)
    unfinished = tmp_path / f".{recall_search.FILE}.unfinished"
    assert [path.name for path in tmp_path.iterdir()] == [unfinished.name]
    before = unfinished.read_bytes()

    content = recall_search.record(tmp_path)
    names = list(NETWORKS)
    assert called == [*names[:4], *names[3:]]
    assert [row["network"] for row in content["rows"]] == names
    assert [path.name for path in tmp_path.iterdir()] == [recall_search.FILE]
    assert json.loads((tmp_path / recall_search.FILE).read_text(encoding="utf-8")) == content

    # What was kept with another budget is of no use.
    unfinished.write_bytes(before)
    monkeypatch.setattr(recall_search, "EPOCHS", 3)
    recall_search.record(tmp_path)
    assert len(called) == 2 * len(names) + 1


def test_the_command_writes_where_it_is_told(tmp_path, monkeypatch):
    folders = []
    monkeypatch.setattr(recall_search, "record", folders.append)
    assert cli.main(["recall", "--output", str(tmp_path)]) == 0
    assert folders == [tmp_path]


# --- what was recorded -----------------------------------------------------------------------


def test_every_network_and_lag_is_there(recorded):
    places = [(row["lag"], row["network"]) for row in recorded["rows"]]
    assert places == [(lag, network) for lag in recall.LAGS for network in NETWORKS]
    assert not set(recorded["search_seeds"]) & set(recorded["seeds"])
    assert recorded["most_epochs"] == recall_search.EPOCHS
    assert {part: recorded[part] for part in recall.SIZES} == recall.SIZES
    parameters = {name: build().count_params() for name, build in NETWORKS.items()}
    assert recorded["parameters"] == parameters


def test_rates_are_chosen_on_validation_sequences_and_used_with_other_seeds(recorded):
    most = recorded["most_epochs"] * recorded["train"] / recorded["batch_size"]
    for row in recorded["rows"]:
        tried = dict.fromkeys(run["rate"] for run in row["tries"])
        of = [(run["rate"], run["seed"]) for run in row["tries"]]
        assert of == [(rate, seed) for rate in tried for seed in recorded["search_seeds"]]
        assert list(tried)[: len(recorded["rates"])] == recorded["rates"]
        assert row["rate"] == best_rate(row["tries"])
        assert further_rate(row["tries"]) is None
        assert [run["seed"] for run in row["runs"]] == recorded["seeds"]
        assert all("test" not in run for run in row["tries"])
        assert row["scores"] == [run["test"] for run in row["runs"]]
        expected = mean_interval(row["scores"])
        assert row["mean"] == pytest.approx(expected["mean"], abs=1e-5)
        np.testing.assert_allclose(row["interval"], expected["interval"], atol=1e-5)
        for run in [*row["tries"], *row["runs"]]:
            solved = run["validation_accuracy"][-1] == 1
            assert solved or run["updates"] == most
            assert run["updates"] <= most


@pytest.mark.parametrize("name", ["simple_rnn", "lstm", "rnn_attention"])
def test_the_cards_hold_what_was_recorded(recorded, name):
    card = cards.load_card(f"recall_{name}")
    rows = {(row["network"], row["lag"]): row for row in recorded["rows"]}
    for table, network in (
        ("by_lag", name),
        ("by_lag_high_forget_bias", f"{name}_high_forget_bias"),
    ):
        for row in card.get(table, []):
            if table != "by_lag" or row["lag"] != recall.MODEL_LAG:
                found = rows[network, row["lag"]]
                assert row == {key: found[key] for key in row}
    assert card["recipe"]["learning_rate"] == rows[name, recall.MODEL_LAG]["rate"]
