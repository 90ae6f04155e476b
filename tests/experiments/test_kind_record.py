"""The record of all kinds of attention: how it is made, and what it says."""

import json

import numpy as np
import pytest

from attention_course import __main__ as cli
from attention_course import assets
from attention_course.datasets import pointing
from attention_course.experiments import kinds
from attention_course.models.pointing import pointer
from attention_course.statistics import mean_interval


@pytest.fixture(scope="module")
def recorded():
    path = assets.fetch(f"data/{kinds.FILE}")
    return json.loads(path.read_text(encoding="utf-8"))


@pytest.fixture
def small(monkeypatch):
    monkeypatch.setattr(kinds, "SIZES", {"train": 64, "validation": 8, "test": 12})
    monkeypatch.setattr(kinds, "EPOCHS", 2)
    monkeypatch.setattr(kinds, "DRAWS", 10)


def test_the_best_rate_is_the_most_accurate_and_then_the_fastest():
    def tried(rate, *validation):
        return {"rate": rate, "validation": list(validation)}

    assert kinds.best_rate([tried(0.1, 0.2, 0.9), tried(0.2, 0.95, 0.8)]) == 0.1
    assert kinds.best_rate([tried(0.1, 0.5, 1.0), tried(0.2, 1.0)]) == 0.2


def test_the_search_goes_on_while_the_best_rate_is_the_last_and_fails():
    def tried(*accuracies):
        return [{"rate": 10.0**i, "validation": [one]} for i, one in enumerate(accuracies)]

    assert kinds.further_rate(tried(0.2, 0.5, 0.9)) == 300
    assert kinds.further_rate(tried(0.9, 0.5, 0.2)) == 0.333
    assert kinds.further_rate(tried(0.2, 0.9, 0.5)) is None
    assert kinds.further_rate(tried(0.2, 0.5, 1.0)) is None


@pytest.mark.thorough
def test_a_run_repeats_itself(small):
    data = kinds.examples("drift")
    assert kinds.train("gumbel", data, 0.01, 5) == kinds.train("gumbel", data, 0.01, 5)
    assert kinds.train("gumbel", data, 0.01, 5) != kinds.train("gumbel", data, 0.01, 6)


def test_the_noise_is_that_of_the_draws_and_leaves_the_baseline(small):
    data = kinds.examples("drift")["train"]
    model = pointer(0.01, score="general", choice="hard")
    model.baseline.assign(-2.0)
    found = kinds.noise(model, data)
    assert found["baseline"] == float(model.baseline) == -2
    assert model.with_baseline
    # At first every draw earns about -log 8, which is what a baseline takes away.
    assert 0 < 3 * found["with"] < found["without"]


def test_an_interrupted_recording_goes_on(tmp_path, monkeypatch):
    called = []

    def train(kind, data, rate, seed):
        called.append((kind, rate, seed))
        if len(called) == 10:
            raise KeyboardInterrupt
        test = {"accuracy": seed / 10, "weight": 0.5}
        return {"rate": rate, "seed": seed, "validation": [1.0], "test": test}

    monkeypatch.setattr(kinds, "train", train)
    monkeypatch.setattr(kinds, "TASKS", ("drift",))
    monkeypatch.setattr(kinds, "KINDS", {"soft": {"score": "dot"}, "uniform": {"score": "uniform"}})
    assert cli.main(["kinds", "--output", str(tmp_path)]) == 130
    assert [path.name for path in tmp_path.iterdir()] == [f".{kinds.FILE}.unfinished"]
    assert cli.main(["kinds", "--output", str(tmp_path)]) == 0
    assert [path.name for path in tmp_path.iterdir()] == [kinds.FILE]
    rows = json.loads((tmp_path / kinds.FILE).read_text(encoding="utf-8"))["rows"]
    assert [row["kind"] for row in rows] == ["soft", "uniform"]
    uniform = [("uniform", *of) for of in tries()]
    assert called[6:] == [*uniform[:4], *uniform]
    assert rows[0]["accuracy"]["mean"] == pytest.approx(0.1)
    assert {run["rate"] for run in rows[0]["runs"]} == {kinds.RATES[0]}


def tries():
    searched = [(rate, kinds.SEARCH_SEED) for rate in kinds.RATES]
    return searched + [(kinds.RATES[0], seed) for seed in kinds.SEEDS]


def test_what_is_recorded_is_what_the_code_would_do(recorded):
    assert recorded["kinds"] == kinds.KINDS
    assert recorded["rates"] == list(kinds.RATES)
    assert recorded["seeds"] == list(kinds.SEEDS)
    assert {part: recorded[part] for part in kinds.SIZES} == kinds.SIZES
    assert recorded["most_epochs"] == kinds.EPOCHS
    for kind, count in recorded["parameters"].items():
        assert pointer(0.1, **kinds.KINDS[kind]).count_params() == count
    rows = [(row["task"], row["kind"]) for row in recorded["rows"]]
    assert sorted(rows) == sorted((task, kind) for task in pointing.TASKS for kind in kinds.KINDS)


def test_what_follows_from_the_runs(recorded):
    for row in recorded["rows"]:
        assert [run["seed"] for run in row["runs"]] == recorded["seeds"]
        assert [run["rate"] for run in row["tries"]][:3] == recorded["rates"]
        assert kinds.further_rate(row["tries"]) is None
        assert row["rate"] == kinds.best_rate(row["tries"])
        assert {run["rate"] for run in row["runs"]} == {row["rate"]}
        for measure in ("accuracy", "weight"):
            summary = mean_interval([run["test"][measure] for run in row["runs"]])
            assert row[measure]["mean"] == pytest.approx(summary["mean"], abs=1e-4)
            assert row[measure]["interval"] == pytest.approx(summary["interval"], abs=1e-4)
        for run in [*row["runs"], *row["tries"]]:
            epochs = len(run["validation"])
            assert epochs == recorded["most_epochs"] or run["validation"][-1] == 1
            assert 1 not in run["validation"][:-1]


def test_no_window_beats_its_ceiling(recorded):
    """Beyond what guessing outside the window gives by luck: three standard deviations."""
    for row in recorded["rows"]:
        kind = recorded["kinds"][row["kind"]]
        if "D" not in kind:
            continue
        test = kinds.examples(row["task"])["test"]
        centres = None
        if kind["place"] == "local-p" and row["task"] == "look_up":
            # Nothing tells where to look, and a predicted place is never quite whole.
            centres = (test.real.sum(axis=1, keepdims=True) - 1) // 2 + 0.5
        elif kind["place"] == "local-p":
            centres = test.places
        ceiling = pointing.ceiling(test, kind["D"], centres)
        luck = 3 * np.sqrt(ceiling * (1 - ceiling) / test.real.sum())
        for run in row["runs"]:
            assert run["test"]["accuracy"] <= ceiling + luck


def test_the_noise_is_recorded_where_a_choice_is_drawn_with_a_baseline(recorded):
    for row in recorded["rows"]:
        for run in row["runs"]:
            assert ("noise" in run) == (row["kind"] == "hard")
            assert len(run.get("noise", run["validation"])) == len(run["validation"])
