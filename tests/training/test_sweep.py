"""Sweeps: every result arrives once, whatever happens to the workers, and is that of ``train``.

One test kills a real worker process. Most others use a scheduler and workers in this process, which
need no start-up time, and a model of some milliseconds.
"""

import contextlib
import itertools
import json
import logging
import os
import re
import signal
import socket
import sys
import threading
from collections import Counter
from concurrent.futures import ThreadPoolExecutor

import dask
import dask.sizeof
import distributed
import keras
import numpy as np
import pytest
import tiny_training

from attention_course import __main__ as cli
from attention_course import environment
from attention_course.errors import DataError, ModelError
from attention_course.training import recipes, sweep
from attention_course.training import runs as training
from attention_course.training.checkpoints import CheckpointError
from attention_course.training.sweep import SweepError

WHOLE = "epoch-?????.npz"
LINE = re.compile(r"^(\w+), seed (\d+): score [\d.e-]+ after \d+ s of training, \d+ of (\d+)$")


def arrivals(printed):
    """Count how often the result of each (name, seed) was announced."""
    found = map(LINE.match, printed.splitlines())
    return Counter((match[1], int(match[2])) for match in found if match)


def assert_each_once(printed, name, seeds):
    assert arrivals(printed) == Counter((name, seed) for seed in seeds)


def read_card(folder, name):
    return json.loads((folder / f"{name}.json").read_text())


def assert_same(ours, theirs):
    for one, other in zip(ours, theirs, strict=True):
        np.testing.assert_array_equal(one, other)


@pytest.fixture
def finished(monkeypatch):
    """The results that each model was written from."""
    seen = {}
    finish = training.Training.finish

    def recording(self):
        assert self.recipe.name not in seen, "written twice"
        seen[self.recipe.name] = {seed: self.results[seed] for seed in self.seeds}
        return finish(self)

    monkeypatch.setattr(training.Training, "finish", recording)
    return seen


# --- two worker processes, one of them killed -------------------------------------------------


class Killer(threading.Thread):
    """Kills the worker of the first unit that has a checkpoint, and watches that unit's folder."""

    def __init__(self, cluster, folder):
        super().__init__(daemon=True)
        self.cluster = cluster
        self.folder = folder
        self.killed = None
        self.saved = set()  # (checkpoint, time it was written)
        self.over = threading.Event()

    def run(self):
        while not self.over.wait(0.002):
            if self.killed is None:
                for path in self.folder.glob(f"seed-*/choose/{WHOLE}"):
                    self.kill(int(path.parent.parent.name.removeprefix("seed-")))
                    break
            else:
                self.look()

    def kill(self, seed):
        scheduler = self.cluster.scheduler
        for nanny in self.cluster.workers.values():
            state = scheduler.workers[nanny.worker_address]
            if any(task.key.endswith(f"-{seed}") for task in list(state.processing)):
                os.kill(nanny.pid, signal.SIGKILL)
                self.killed = seed

    def look(self):
        # The next checkpoint may replace one, or the result all of them, meanwhile.
        with contextlib.suppress(FileNotFoundError):
            for path in self.folder.glob(f"seed-{self.killed}/choose/{WHOLE}"):
                self.saved.add((path.name, path.stat().st_mtime_ns))


@pytest.mark.slow
@pytest.mark.thorough
def test_a_killed_worker_is_replaced_and_every_result_arrives_once(
    tmp_path, monkeypatch, capfd, finished
):
    name, seeds, epochs = "lagged_rnn", (0, 1, 2), 5
    killers = []

    class Cluster(distributed.LocalCluster):
        def __init__(self, **options):
            super().__init__(**options)
            killers.append(Killer(self, tmp_path / training.UNFINISHED / name))
            killers[0].start()

    monkeypatch.setattr(distributed, "LocalCluster", Cluster)
    sweep.sweep([name], seeds, epochs, output=tmp_path, workers=2)
    (killer,) = killers
    killer.over.set()
    killer.join()
    assert killer.killed in seeds

    assert_each_once(capfd.readouterr().out, name, seeds)
    card = read_card(tmp_path, name)
    assert card["seeds"] == [run["seed"] for run in card["runs"]] == list(seeds)
    assert {run["side_by_side"] for run in card["runs"]} == {2}
    assert sorted(path.name for path in tmp_path.iterdir()) == [f"{name}.json", f"{name}.keras"]

    # The other worker went on from the checkpoint: no epoch was written a second time.
    assert len(killer.saved) > 1
    assert max(Counter(path for path, _ in killer.saved).values()) == 1

    recipe = recipes.recipe(name)
    splits = recipe.load_data()
    for seed, (weights, swept) in finished[name].items():
        model, run = training.fit(recipe, splits, seed, epochs)
        assert_same(weights, model.get_weights())
        assert swept["history"] == run["history"]
        assert swept["test"] == run["test"]
    stored = keras.saving.load_model(tmp_path / f"{name}.keras")
    assert_same(stored.get_weights(), finished[name][seeds[0]][0])


def test_a_unit_that_kills_every_worker_is_given_up(tmp_path, monkeypatch, tiny, capfd):
    # A function made here travels by value: the workers need no test module, nor TensorFlow.
    def fatal(*arguments):
        import os
        import signal

        os.kill(os.getpid(), signal.SIGKILL)

    monkeypatch.setattr(sweep, "train_unit", fatal)
    with (
        dask.config.set({"distributed.scheduler.allowed-failures": 0}),
        pytest.raises(SweepError, match=r"1 of 1 failed \(tiny, seed 3: 1 worker died .*--resume"),
    ):
        sweep.sweep(["tiny"], output=tmp_path, workers=1)
    assert capfd.readouterr().out == "tiny, seed 3: failed\n"


# --- one process ------------------------------------------------------------------------------


def find_tiny(name):
    return tiny_training.recipe(name=name, epochs=1)


@pytest.fixture
def tiny(monkeypatch):
    """Put the tiny model in the place of every model."""
    monkeypatch.setattr(recipes, "recipe", find_tiny)
    monkeypatch.setattr(training, "find_recipe", find_tiny)
    sweep._data.cache_clear()
    yield
    sweep._data.cache_clear()


def test_two_trainings_in_one_process_do_not_share_random_numbers(tmp_path, tiny):
    # Before the scheduler of the tests below starts.
    recipe = find_tiny("tiny")
    splits = recipe.load_data()

    def train(seed):
        identity = training.identity(recipe, splits, seed, recipe.epochs)
        return seed, sweep.train_unit(identity, tmp_path / str(seed))

    with ThreadPoolExecutor(2) as threads:
        results = dict(threads.map(train, (3, 4)))
    for seed, (weights, _) in results.items():
        model, _ = training.fit(recipe, splits, seed, recipe.epochs)
        assert_same(weights, model.get_weights())


# --- a scheduler and workers in this process --------------------------------------------------


def local_cluster(**options):
    """A scheduler and workers that are threads of this process."""
    return distributed.LocalCluster(
        processes=False,
        protocol="tcp",
        dashboard_address="127.0.0.1:0",
        silence_logs=logging.ERROR,
        **options,
    )


@pytest.fixture(scope="module")
def address():
    """Of a scheduler with two workers."""
    with local_cluster(n_workers=2, threads_per_worker=1) as cluster:
        yield cluster.scheduler_address


def test_a_sweep_writes_what_train_writes(tmp_path, address, tiny, capsys):
    names = ["tiny", "tinier", "tiny"]
    sweep.sweep(names, [5, 3, 5], output=tmp_path / "swept", address=address)
    printed = capsys.readouterr().out
    assert arrivals(printed) == Counter(itertools.product(("tiny", "tinier"), (5, 3)))
    assert "4 of 4" in printed
    training.train("tiny", seeds=[5], output=tmp_path / "trained")
    trained = read_card(tmp_path / "trained", "tiny")
    for name in ("tiny", "tinier"):
        swept = read_card(tmp_path / "swept", name)
        assert swept["seeds"] == [5, 3]
        assert swept.keys() == trained.keys()
        assert swept["runs"][0].keys() == trained["runs"][0].keys() | {"side_by_side"}
        for key in ("title", "recipe", "data", "versions"):
            assert swept[key] == trained[key], key
        for key in ("history", "kept_epoch", "test"):
            assert swept["runs"][0][key] == trained["runs"][0][key], key
        ours, theirs = (
            keras.saving.load_model(tmp_path / path).get_weights()
            for path in (f"swept/{name}.keras", "trained/tiny.keras")
        )
        assert_same(ours, theirs)
    assert not (tmp_path / "swept" / training.UNFINISHED).exists()


def test_no_checkpoints_are_left_on_the_worker(tmp_path, monkeypatch, address, tiny):
    place = tmp_path / "of the worker"
    place.mkdir()
    monkeypatch.setattr(sweep.tempfile, "tempdir", str(place))
    seen = []
    save = training.Checkpoints.save

    def recording(self, state):
        seen.append(self.folder)
        save(self, state)

    monkeypatch.setattr(training.Checkpoints, "save", recording)
    sweep.sweep(["tiny"], output=tmp_path / "swept", address=address)
    assert any(place in folder.parents for folder in seen)
    assert not list(place.iterdir())

    # What a lost worker has left is removed as well, and nothing else.
    for name in ("sweep-tiny-3", "other-tiny-3"):
        (place / name / "choose").mkdir(parents=True)
    sweep._remove("sweep")
    assert [path.name for path in place.iterdir()] == ["other-tiny-3"]


def test_a_failing_unit_does_not_stop_the_others(tmp_path, address, tiny, capsys):
    seeds = [3, 4, 5]
    with pytest.MonkeyPatch.context() as patch:
        fit = training.fit

        def failing(recipe, splits, seed, *arguments):
            if seed == 4:
                raise DataError("The reviews are gone: bring them back.")
            return fit(recipe, splits, seed, *arguments)

        patch.setattr(training, "fit", failing)
        with pytest.raises(SweepError) as error:
            sweep.sweep(["tiny"], seeds, output=tmp_path, address=address)
    assert str(error.value).startswith(
        "1 of 3 failed (tiny, seed 4: The reviews are gone: bring them back): "
    )
    printed = capsys.readouterr().out
    assert_each_once(printed, "tiny", [3, 5])
    assert "tiny, seed 4: failed" in printed
    assert [path.name for path in tmp_path.iterdir()] == [training.UNFINISHED]

    # What has arrived is not trained again.
    sweep.sweep(["tiny"], seeds, output=tmp_path, address=address, resume=True)
    printed = capsys.readouterr().out
    assert_each_once(printed, "tiny", [4])
    assert printed.count("from before") == 2
    assert read_card(tmp_path, "tiny")["seeds"] == seeds


def test_a_unit_that_failed_by_accident_is_tried_once_more(
    tmp_path, monkeypatch, address, tiny, capsys
):
    tries = Counter()
    fit = training.fit

    def failing(recipe, splits, seed, *arguments):
        tries[seed] += 1
        if seed == 4 and tries[seed] == 1:
            raise RuntimeError("dictionary changed size during iteration")
        return fit(recipe, splits, seed, *arguments)

    monkeypatch.setattr(training, "fit", failing)
    sweep.sweep(["tiny"], [3, 4], output=tmp_path, address=address)
    assert tries == {3: 1, 4: 2}
    assert_each_once(capsys.readouterr().out, "tiny", [3, 4])


def test_interrupted_it_keeps_what_has_arrived(tmp_path, monkeypatch, address, tiny, finished):
    keep = training.Training.keep
    kept = []

    def interrupted(self, seed, *arguments):
        keep(self, seed, *arguments)
        kept.append(seed)
        if len(kept) == 2:
            raise KeyboardInterrupt

    arguments = ["sweep", "tiny", "--seeds", "3", "4", "5", "--output", str(tmp_path)]
    monkeypatch.setattr(training.Training, "keep", interrupted)
    monkeypatch.setattr(cli, "_known_models", lambda names: None)
    assert cli.main([*arguments, "--address", address]) == 130
    assert cli.main([*arguments, "--address", address]) == 1  # without --resume
    kept.clear()
    assert cli.main([*arguments, "--address", address, "--resume"]) == 0
    assert len(kept) == 1
    assert list(finished["tiny"]) == [3, 4, 5]


def test_when_everything_has_arrived_no_worker_is_needed(tmp_path, monkeypatch, address, tiny):
    def full(*arguments):
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(training.Training, "finish", full)
        with pytest.raises(KeyboardInterrupt):
            sweep.sweep(["tiny"], output=tmp_path, address=address)
    with monkeypatch.context() as patch:
        patch.setattr(sweep, "_connect", None)
        sweep.sweep(["tiny"], output=tmp_path, resume=True)
    assert read_card(tmp_path, "tiny")["seeds"] == [3]


@pytest.mark.parametrize("damage", ["twice", "lost"])
def test_the_check_that_each_arrives_once_can_fail(tmp_path, monkeypatch, address, tiny, damage):
    outcomes = sweep._outcomes

    def wrong(*arguments):
        first, *others = outcomes(*arguments)
        yield from [first, first, *others] if damage == "twice" else others

    monkeypatch.setattr(sweep, "_outcomes", wrong)
    with pytest.raises(KeyError if damage == "twice" else AssertionError):
        sweep.sweep(["tiny"], [3, 4], output=tmp_path, address=address)
    assert not (tmp_path / "tiny.json").exists()


def test_counting_the_lines_can_fail():
    line = "tiny, seed 3: score 0.5 after 1 s of training, 1 of 2\n"
    other = line.replace("seed 3", "seed 4")
    assert_each_once(line + other, "tiny", [3, 4])
    for wrong in (line, line + line + other, other.replace("seed 4", "seed 5") + line):
        with pytest.raises(AssertionError):
            assert_each_once(wrong, "tiny", [3, 4])


# --- refused ----------------------------------------------------------------------------------


def test_a_worker_with_other_data_or_packages_refuses(tmp_path, monkeypatch, address, tiny):
    versions = environment.versions()
    answers = iter([versions | {"numpy": "1.0"}])  # the client asks first
    monkeypatch.setattr(environment, "versions", lambda: next(answers, versions))
    with pytest.raises(SweepError, match=r"tiny, seed 3: .*numpy [\d.]+, not 1\.0"):
        sweep.sweep(["tiny"], output=tmp_path, address=address)


def test_an_unfinished_training_is_not_thrown_away(tmp_path, tiny):
    folder = tmp_path / training.UNFINISHED / "tinier" / "seed-3" / "choose"
    folder.mkdir(parents=True)
    (folder / "epoch-00001.npz").write_bytes(b"")
    with pytest.raises(CheckpointError, match="training of tinier .*--resume, or delete"):
        sweep.sweep(["tiny", "tinier"], output=tmp_path)
    assert not (tmp_path / training.UNFINISHED / "tiny").exists()


def test_unknown_names_are_refused_before_anything_starts(tmp_path, monkeypatch):
    monkeypatch.setattr(sweep, "_connect", None)
    with pytest.raises(ModelError, match="lagged_rn"):
        sweep.sweep(["lagged_rnn", "lagged_rn"], output=tmp_path)
    assert not list(tmp_path.iterdir())


def one_sentence(capsys):
    error = capsys.readouterr().err
    assert "Traceback" not in error
    assert error.count("\n") == 1
    return error


def run_sweep(monkeypatch, tmp_path, address):
    monkeypatch.setattr(sweep, "PATIENCE", 1)
    monkeypatch.setattr(cli, "_known_models", lambda names: None)
    return cli.main(["sweep", "tiny", "--output", str(tmp_path), "--address", address])


def test_no_scheduler_at_the_address(tmp_path, monkeypatch, tiny, capsys):
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        address = f"tcp://127.0.0.1:{free.getsockname()[1]}"
    assert run_sweep(monkeypatch, tmp_path, address) == 1
    assert f"No scheduler answers at {address}: start one" in one_sentence(capsys)


def test_an_address_that_is_none(tmp_path, monkeypatch, tiny, capsys):
    assert run_sweep(monkeypatch, tmp_path, "nonsense://x") == 1
    assert "correct the address" in one_sentence(capsys)


def test_a_scheduler_without_workers(tmp_path, monkeypatch, tiny, capsys):
    with local_cluster(n_workers=0) as cluster:
        assert run_sweep(monkeypatch, tmp_path, cluster.scheduler_address) == 1
    assert re.search("has no workers: .* dask worker tcp://", one_sentence(capsys))


def test_without_the_engine_it_says_how_to_install_it(tmp_path, monkeypatch, tiny, capsys):
    monkeypatch.setitem(sys.modules, "distributed", None)
    assert run_sweep(monkeypatch, tmp_path, "tcp://127.0.0.1:1") == 1
    assert "pip install distributed" in one_sentence(capsys)
