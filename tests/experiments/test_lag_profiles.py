"""The recorded runs for every pair of lags, and the code that trains them side by side."""

import json

import keras
import numpy as np
import pytest

from attention_course import __main__ as cli
from attention_course.assets import fetch
from attention_course.datasets.fibonacci import lagged_sum
from attention_course.experiments import lag_profiles
from attention_course.experiments.lag_profiles import KINDS, PAIRS, ManyNetworks
from attention_course.interactive.lags import (
    LARGE,
    PARTLY,
    figure_data,
    largest_lags,
    load_profiles,
)
from attention_course.models.cards import load_card
from attention_course.models.fibonacci import STEPS, attention_weights, build

ATTENTIVE = [kind for kind, options in KINDS.items() if options["attention"]]


@pytest.fixture(scope="module")
def recorded():
    return load_profiles()


@pytest.fixture
def small(monkeypatch):
    """Few windows, so that training takes a moment."""
    monkeypatch.setattr(lag_profiles, "SIZES", {"train": 800, "validation": 60, "test": 50})


def random_start(kind, count, scale=0.7):
    """Random weights for ``count`` networks, as ManyNetworks takes them."""
    generator = np.random.default_rng(5)
    shapes = [array.shape for array in build("single", **KINDS[kind]).get_weights()]
    return [scale * generator.normal(size=(*shape, count)) for shape in shapes]


def network(layer, index):
    """The weights of one network, as Keras' own model takes them."""
    return [array[..., index] for array in layer.get_weights()]


def model_of(layer):
    windows = keras.Input((STEPS, 1))
    return keras.Model(windows, layer(windows))


# --- side by side is the same as one by one --------------------------------------------------


@pytest.mark.parametrize("kind", KINDS)
def test_each_network_is_the_course_s_keras_model(kind):
    layer = ManyNetworks(random_start(kind, 3), KINDS[kind].get("bounded", True))
    windows = lagged_sum(40, seed=8)[0].astype("float32")
    predictions = np.asarray(model_of(layer)(windows))
    for index in range(3):
        oracle = build("single", **KINDS[kind])
        oracle.set_weights(network(layer, index))
        np.testing.assert_allclose(
            predictions[:, index], np.asarray(oracle(windows))[:, 0], atol=1e-6
        )
        if KINDS[kind]["attention"]:
            expected = attention_weights(oracle, windows).mean(axis=0)[::-1]
            found = lag_profiles.weight_by_lag(layer, windows)[index]
            np.testing.assert_allclose(found, expected, atol=1e-6)


def test_training_side_by_side_is_training_alone(small, monkeypatch):
    """The same first weights, windows, order and optimiser: Keras' own fit is the oracle."""
    monkeypatch.setattr(lag_profiles, "PAIRS", [(2, 5), (3, 9)])
    monkeypatch.setattr(lag_profiles, "EPOCHS", 1)
    data = lag_profiles.splits()
    _, layer = lag_profiles.train("unbounded", 1, data)
    keras.utils.set_random_seed(1)
    options = {"learning_rate": lag_profiles.LEARNING_RATE, **KINDS["unbounded"]}
    oracle = build("single", **options)
    # Without XLA, which takes longer to compile this model than the few steps are worth.
    oracle.compile(oracle.optimizer, oracle.loss, jit_compile=False)
    windows, targets = data["train"]
    oracle.fit(windows, targets[:, 1], lag_profiles.BATCH_SIZE, 1, verbose=0)
    for found, expected in zip(network(layer, 1), oracle.get_weights(), strict=True):
        np.testing.assert_allclose(found, expected, atol=1e-4)


def test_each_network_keeps_its_own_best_epoch(monkeypatch):
    losses = iter([[3.0, 1.0], [2.0, 4.0], [2.5, 0.5]])
    monkeypatch.setattr(lag_profiles, "errors", lambda *_: np.array(next(losses)))
    best = lag_profiles._BestEpochs(np.zeros(0), np.zeros(0), 2)

    class Stub:
        epoch = 0

        def get_weights(self):
            return [np.full((3, 2), self.epoch), np.full(2, self.epoch)]

    stub = Stub()
    best.set_model(stub)
    for stub.epoch in (1, 2, 3):
        best.on_epoch_end(stub.epoch)
    np.testing.assert_array_equal(best.kept[1], [2, 3])
    np.testing.assert_array_equal(best.kept[0], [[2, 3]] * 3)


def test_effects_are_those_of_moving_one_input():
    layer = ManyNetworks(random_start("bounded", 2, scale=0.4))
    model = model_of(layer)
    windows = lagged_sum(6, seed=2)[0].astype("float32")
    found = lag_profiles.effect_by_lag(model, windows)
    for lag in (1, 4, 20):
        moved = windows.copy()
        moved[:, -lag] += 0.1
        change = np.abs(np.asarray(model(moved)) - np.asarray(model(windows))) / 0.1
        np.testing.assert_allclose(found[:, lag - 1], change.mean(axis=0), atol=1e-5)


# --- recording -------------------------------------------------------------------------------


def test_an_interrupted_recording_goes_on(small, tmp_path, monkeypatch):
    called = []

    def run(kind, seed, data):
        called.append(f"{kind}_{seed}")
        if len(called) == 3:
            raise KeyboardInterrupt
        return {"error": [0.1 * len(called)] * data["test"][1].shape[1]}

    monkeypatch.setattr(lag_profiles, "run", run)
    monkeypatch.setattr(lag_profiles, "PAIRS", [(1, 1), (2, 5)])
    monkeypatch.setattr(lag_profiles, "SEEDS", [0])
    with pytest.raises(KeyboardInterrupt):
        lag_profiles.record(tmp_path)
    unfinished = tmp_path / f".{lag_profiles.FILE}.unfinished"
    assert [path.name for path in tmp_path.iterdir()] == [unfinished.name]
    before = unfinished.read_bytes()

    content = lag_profiles.record(tmp_path)
    assert called == ["bounded_0", "unbounded_0", "without_0", "without_0"]
    assert content["runs"]["bounded_0"] == {"error": [0.1, 0.1]}
    assert [path.name for path in tmp_path.iterdir()] == [lag_profiles.FILE]
    assert json.loads((tmp_path / lag_profiles.FILE).read_text(encoding="utf-8")) == content

    # What was kept under another recipe is of no use.
    unfinished.write_bytes(before)
    monkeypatch.setattr(lag_profiles, "EPOCHS", 2)
    lag_profiles.record(tmp_path)
    assert len(called) == 7


def test_the_command_writes_where_it_is_told(tmp_path, monkeypatch):
    folders = []
    monkeypatch.setattr(lag_profiles, "record", folders.append)
    assert cli.main(["lags", "--output", str(tmp_path)]) == 0
    assert folders == [tmp_path]


# --- what was recorded -----------------------------------------------------------------------


def test_every_pair_and_every_run_is_there(recorded):
    assert [tuple(pair) for pair in recorded["pairs"]] == list(PAIRS)
    assert len(set(PAIRS)) == STEPS * (STEPS + 1) / 2
    assert len(recorded["seeds"]) >= 3
    names = {f"{kind}_{seed}" for kind in KINDS for seed in recorded["seeds"]}
    assert set(recorded["runs"]) == set(recorded["seconds"]) == names
    assert recorded["kinds"] == KINDS
    assert recorded["recipe"]["epochs"] == lag_profiles.EPOCHS
    assert recorded["versions"]["keras"] == "3.13.2"
    assert fetch("data/lag_profiles.json").stat().st_size < 220_000


def test_what_was_recorded_is_possible(recorded):
    for name, run in recorded["runs"].items():
        errors = np.array(run["error"])
        assert errors.shape == (len(PAIRS),)
        assert (errors > 0).all()
        # A network that learned nothing is about as good as the answer 0.
        assert (errors < 1.2 * np.array(recorded["always_zero"])).all()
        if name.startswith("without"):
            continue
        weights, effects = np.array(run["weights"]), np.array(run["effects"])
        assert weights.shape == effects.shape == (len(PAIRS), STEPS)
        # Twenty roundings to thousandths move a sum by ten thousandths at most.
        assert np.abs(weights.sum(axis=1) - 1000).max() <= 10
        assert weights.min() >= 0
        assert effects.min() >= 0
        assert effects.max() < 150
        if name.startswith("bounded"):
            top = np.e**2
            assert weights.max() <= 1000 * top / (top + STEPS - 1) + 0.5


def test_the_answer_zero_costs_what_was_recorded(recorded):
    for pair, error in zip(PAIRS, recorded["always_zero"], strict=True):
        targets = lagged_sum(1_000, lags=pair, seed=3)[1]
        assert error == pytest.approx(np.mean(targets**2), rel=5e-3)


@pytest.mark.parametrize("kind", KINDS)
def test_the_cards_of_chapter_6_hold_the_same_runs(recorded, kind):
    """Recorded there one model at a time, with Keras' own layers."""
    name = {"bounded": "attention", "unbounded": "attention_unbounded", "without": "rnn"}[kind]
    place = PAIRS.index((7, 17))
    runs = {run["seed"]: run["test"] for run in load_card(f"lagged_{name}")["runs"]}
    for seed in recorded["seeds"]:
        found = recorded["runs"][f"{kind}_{seed}"]
        assert found["error"][place] == pytest.approx(runs[seed]["score"], rel=0.05)
        if kind in ATTENTIVE:
            expected = runs[seed]["weight_by_lag"]
            np.testing.assert_allclose(
                np.array(found["weights"][place]) / 1000, expected, atol=0.02
            )


@pytest.mark.thorough
def test_a_fresh_run_finds_the_recorded_places(recorded, monkeypatch):
    pair = (3, 9)
    monkeypatch.setattr(lag_profiles, "PAIRS", [pair])
    data = lag_profiles.splits()
    keras.utils.set_random_seed(0)
    options = {"learning_rate": lag_profiles.LEARNING_RATE, **KINDS["unbounded"]}
    model = build("fresh", **options)
    model.fit(*data["train"], lag_profiles.BATCH_SIZE, 5, verbose=0)
    windows, targets = data["test"]
    place = PAIRS.index(pair)
    run = recorded["runs"]["unbounded_0"]
    weights = attention_weights(model, windows).mean(axis=0)[::-1]
    assert set(np.argsort(-weights)[:2]) == set(np.argsort(-np.array(run["weights"][place]))[:2])
    error = np.mean((model.predict(windows, verbose=0) - targets) ** 2)
    # Five epochs of thirty: more than the recorded error, but clearly learned.
    assert run["error"][place] * 0.8 < error < 0.1 * recorded["always_zero"][place]


def test_what_chapter_6_says_of_the_runs_holds(recorded):
    truths = [sorted(set(pair)) for pair in PAIRS]

    def hits(rows):
        found = zip(truths, rows, strict=True)
        return sum(largest_lags(row, len(truth)) == truth for truth, row in found)

    for kind in ATTENTIVE:
        runs = [recorded["runs"][f"{kind}_{seed}"] for seed in recorded["seeds"]]
        there = [hits(run["weights"]) for run in runs]
        assert min(there[0], *there[2:]) >= len(PAIRS) - 2
        assert there[1] < len(PAIRS) / 4
        assert [hits(run["effects"]) for run in runs] == [len(PAIRS)] * len(runs)
        middle = [np.median(run["error"]) for run in runs]
        assert max(middle) < 1.15 * min(middle)
        for seed, run in zip(recorded["seeds"], runs, strict=True):
            without = recorded["runs"][f"without_{seed}"]["error"]
            near, far = PAIRS.index((1, 2)), PAIRS.index((5, 6))
            assert without[near] < 1.5 * run["error"][near]
            assert without[far] > 10 * run["error"][far]
        neighbours, usual = (
            [largest_lags(run["weights"][PAIRS.index(pair)], 2) for run in runs]
            for pair in ((19, 20), (7, 17))
        )
        assert recorded["seeds"] == [0, 1, 2, 3]
        assert neighbours == [[19], [18, 19], [19, 20], [19, 20]]
        assert usual == [[7, 17], [6, 16], [7, 17], [7, 17]]


# --- what the page is given ------------------------------------------------------------------


def test_the_page_is_given_the_recorded_runs_and_nothing_else(recorded):
    data = figure_data(recorded)
    assert data["runs"] == recorded["runs"]
    assert data["pairs"] == recorded["pairs"]
    assert [data["start"]["first"], data["start"]["second"]] in data["pairs"]
    assert data["start"]["seed"] in data["seeds"]
    assert (data["large"], data["partly"]) == (LARGE, PARTLY)
    assert not {"seconds", "versions", "recipe"} & set(data)


def test_large_is_what_is_among_the_largest_and_not_small():
    assert largest_lags([0.1, 0.4, 0.1, 0.5], 2) == [2, 4]
    assert largest_lags([0.1, 0.4, 0.1, 0.5], 1) == [4]
    assert largest_lags([0.1, 0.2, 0.1, 0.6], 2) == [4]
    assert largest_lags([0.3, 0.3, 0.3], 2) == [1, 2]
