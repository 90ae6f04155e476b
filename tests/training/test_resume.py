"""Training that is interrupted: it goes on, ends with the same weights, and leaves no half file."""

import dataclasses
import errno
import json
import os
import random
import re
import shutil
import signal
import subprocess
import sys
import time
from functools import partial
from pathlib import Path
from unittest import mock

import keras
import numpy as np
import pytest
from tiny_training import build, graph_recipe, load_data, recipe

from attention_course import __main__ as cli
from attention_course import storage
from attention_course.errors import DataError, ModelError
from attention_course.storage import StorageError
from attention_course.training import runs as training
from attention_course.training.checkpoints import CheckpointError

PROGRAM = Path(__file__).parent / "../tiny_training.py"
COMPARED = ("seeds", "recipe", "data", "test", "scores")


class Killed(BaseException):
    """Stands for the death of the process: nothing catches it."""


@pytest.fixture(autouse=True)
def tiny(monkeypatch):
    monkeypatch.setattr(training, "find_recipe", lambda name: recipe())


def train_as(folder, chosen):
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(training, "find_recipe", lambda name: chosen)
        training.train("tiny", output=folder)
    return folder


@pytest.fixture(scope="module")
def unbroken(tmp_path_factory):
    folder = tmp_path_factory.mktemp("unbroken")
    with mock.patch.object(storage.os, "replace", wraps=os.replace) as renames:
        train_as(folder, recipe())
    assert renames.call_count == 3 + 1 + 2  # epochs, the result of the seed, the model and the card
    return folder


def weights(folder):
    return keras.saving.load_model(folder / "tiny.keras").get_weights()


def assert_same(folder, unbroken):
    for ours, theirs in zip(weights(folder), weights(unbroken), strict=True):
        np.testing.assert_array_equal(ours, theirs)
    ours, theirs = (json.loads((path / "tiny.json").read_text()) for path in (folder, unbroken))
    for key in COMPARED:
        assert ours[key] == theirs[key], key
    for one, other in zip(ours["runs"], theirs["runs"], strict=True):
        assert one["history"] == other["history"]
        assert one["kept_epoch"] == other["kept_epoch"]


def assert_whole(folder):
    """What stands in the folder under its final name is complete; nothing else does."""
    for path in folder.iterdir():
        assert path.name in {"tiny.keras", "tiny.json", training.UNFINISHED}, path
    if (folder / "tiny.json").exists():
        json.loads((folder / "tiny.json").read_text())
    if (folder / "tiny.keras").exists():
        weights(folder)


def die_at(monkeypatch, wanted, when):
    """Let the process "die" at one rename, just before or just after it."""
    count = 0
    replace = os.replace

    def dying(*paths):
        nonlocal count
        count += 1
        if count == wanted and when == "before":
            raise Killed
        replace(*paths)
        if count == wanted:
            raise Killed

    monkeypatch.setattr(storage.os, "replace", dying)


@pytest.mark.slow
@pytest.mark.parametrize(
    "writes", [[2, 5], pytest.param(range(1, 7), marks=pytest.mark.thorough)], ids=["two", "every"]
)
def test_killed_at_a_write_it_goes_on_to_the_same_weights(monkeypatch, tmp_path, unbroken, writes):
    for wanted in writes:
        folder = tmp_path / str(wanted)
        with monkeypatch.context() as patch:
            die_at(patch, wanted, "before" if wanted % 2 else "after")
            with pytest.raises(Killed):
                training.train("tiny", output=folder)
        assert_whole(folder)
        training.train("tiny", output=folder, resume=True)
        assert_whole(folder)
        assert not (folder / training.UNFINISHED).exists()
        assert_same(folder, unbroken)


def run_program(folder, *options):
    return subprocess.Popen(
        [sys.executable, str(PROGRAM), str(folder), "0.25", *options],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


@pytest.mark.slow
@pytest.mark.thorough
def test_sigkill_at_three_random_moments(tmp_path):
    unbroken = train_as(tmp_path / "unbroken", graph_recipe())
    seed = random.randrange(10**6)
    moments = random.Random(seed)
    print(f"moments drawn with seed {seed}")
    folder = tmp_path / "models"
    for number in range(3):
        program = run_program(folder, "--resume")
        # Until the first batch, the process is busy with starting.
        while program.stdout.readline() not in ("batch\n", ""):
            pass
        # An epoch of two steps takes 0.5 s here and more, the whole training three of them.
        wait = moments.uniform(0.1, 1.3)
        time.sleep(wait)
        program.send_signal(signal.SIGKILL)
        program.communicate()
        assert program.returncode in (-signal.SIGKILL, 0), f"kill {number} after {wait:.2f} s"
        assert_whole(folder) if folder.exists() else None
    program = run_program(folder, "--resume")
    _, errors = program.communicate(timeout=120)
    assert program.returncode == 0, errors
    assert_whole(folder)
    assert_same(folder, unbroken)


def test_without_resume_an_unfinished_run_is_not_thrown_away(broken_off):
    with pytest.raises(CheckpointError, match="--resume, or delete"):
        training.train("tiny", output=broken_off)


def checkpoints(folder):
    return sorted((folder / training.UNFINISHED).rglob("epoch-*.npz"))


@pytest.fixture(scope="module")
def died(tmp_path_factory):
    """A training that died while its third epoch was being written: two checkpoints are left."""
    folder = tmp_path_factory.mktemp("died")
    with pytest.MonkeyPatch.context() as patch:
        die_at(patch, 3, "before")
        with pytest.raises(Killed):
            train_as(folder, recipe())
    assert len(checkpoints(folder)) == 2
    return folder


@pytest.fixture
def broken_off(died, tmp_path):
    """A copy of it."""
    return shutil.copytree(died, tmp_path, dirs_exist_ok=True)


@pytest.mark.parametrize("damage", ["cut", "empty", "flipped"])
def test_a_damaged_checkpoint_is_passed_over(broken_off, unbroken, damage):
    newest = checkpoints(broken_off)[-1]
    content = bytearray(newest.read_bytes())
    if damage == "flipped":
        content[len(content) // 2] ^= 0xFF
    newest.write_bytes({"cut": content[:100], "empty": b"", "flipped": content}[damage])
    training.train("tiny", output=broken_off, resume=True)
    assert_same(broken_off, unbroken)


def test_with_no_whole_checkpoint_it_says_what_to_delete(broken_off):
    for path in checkpoints(broken_off):
        path.write_bytes(b"no checkpoint")
    with pytest.raises(CheckpointError, match=r"seed-3/choose is damaged: delete that folder"):
        training.train("tiny", output=broken_off, resume=True)


def test_other_settings_are_refused(broken_off):
    with pytest.raises(CheckpointError, match="epochs 3 then, 5 now"):
        training.train("tiny", output=broken_off, resume=True, epochs=5)


def test_other_data_is_refused(broken_off, monkeypatch):
    changed = recipe(load_data=lambda: load_data(1))
    monkeypatch.setattr(training, "find_recipe", lambda name: changed)
    with pytest.raises(CheckpointError, match="data_sha256"):
        training.train("tiny", output=broken_off, resume=True)


def test_arithmetic_that_gives_other_numbers_is_refused(broken_off, monkeypatch):
    monkeypatch.setenv("TF_ENABLE_ONEDNN_OPTS", "1")
    with pytest.raises(CheckpointError, match="onednn False then, True now"):
        training.train("tiny", output=broken_off, resume=True)


def changed_builder(change):
    """The builder of the tiny model with one thing changed."""
    words = keras.Input((4,), dtype="int32", name="words")
    width, activation = (7 if change == "width" else 6), (None if change == "linear" else "sigmoid")
    vectors = keras.layers.Embedding(20, width, name="embedding")(words)
    flat = keras.layers.Flatten(name="flat")(vectors)
    rate = 0.4 if change == "dropout" else 0.3
    kept = flat if change == "without" else keras.layers.Dropout(rate, name="dropout")(flat)
    outputs = keras.layers.Dense(1, activation=activation, name="probability")(kept)
    model = keras.Model(words, outputs, name="tiny")
    optimizer = keras.optimizers.Adam(0.01 if change == "rate" else 0.001)
    if change == "optimizer":
        optimizer = keras.optimizers.SGD(0.001)
    loss = "mse" if change == "loss" else "binary_crossentropy"
    model.compile(optimizer, loss, metrics=["accuracy"], run_eagerly=True)
    return model


@pytest.mark.parametrize(
    ("change", "told"),
    [
        *((change, "architecture '") for change in ("width", "linear", "dropout", "without")),
        ("rate", "learning_rate 0.001 then, 0.01 now"),
        ("optimizer", "optimizer 'Adam' then, 'SGD' now"),
        ("loss", "loss 'binary_crossentropy' then, 'mse' now"),
    ],
)
def test_another_model_is_refused(broken_off, monkeypatch, change, told):
    changed = recipe(build=partial(changed_builder, change))
    monkeypatch.setattr(training, "find_recipe", lambda name: changed)
    with pytest.raises(CheckpointError, match=re.escape(told)) as error:
        training.train("tiny", output=broken_off, resume=True)
    assert len(str(error.value).splitlines()) == 1


def test_the_same_model_written_otherwise_goes_on(broken_off, unbroken, monkeypatch):
    same = recipe(build=partial(changed_builder, None))
    monkeypatch.setattr(training, "find_recipe", lambda name: same)
    training.train("tiny", output=broken_off, resume=True)
    assert_same(broken_off, unbroken)


def branches(crossed=False, times=1):
    """Two layers without names, whose results go to two other ones; built ``times`` times."""
    for _ in range(times):
        x = keras.Input((3,))
        one, other = keras.layers.Dense(3)(x), keras.layers.Dense(3, activation="tanh")(x)
        if crossed:
            one, other = other, one
        both = [keras.layers.Dense(2)(one), keras.layers.Dense(2, use_bias=False)(other)]
        model = keras.Model(x, keras.ops.sum(keras.layers.Add()(both), axis=1))
        model.compile("adam", "mse")
    return model


def test_identity_knows_connections_and_not_the_numbers_in_names():
    def identity(**options):
        return training.identity(recipe(build=partial(branches, **options)), load_data(), 0, 1)

    assert identity() == identity(times=3)
    assert identity()["architecture"] != identity(crossed=True)["architecture"]


@pytest.mark.thorough
def test_identity_is_the_same_in_every_process():
    program = (
        "import json, tiny_training as tiny; from attention_course.training import runs; "
        "tiny.build(); print(json.dumps(runs.identity(tiny.recipe(), tiny.load_data(), 3, 2)))"
    )
    path = os.pathsep.join([str(PROGRAM.parent), os.environ["PYTHONPATH"]])
    told = subprocess.run(
        [sys.executable, "-c", program],
        env={**os.environ, "PYTHONPATH": path, "PYTHONHASHSEED": "1"},
        capture_output=True,
        text=True,
        timeout=120,
        check=True,
    ).stdout
    here = training.identity(recipe(), load_data(), 3, 2)
    assert json.loads(told) == json.loads(json.dumps(here))


@pytest.fixture
def disturbed():
    """The tiny recipe in a process where something else draws while its model is built."""

    def build_disturbed():
        random.seed()
        return build()

    return recipe(build=build_disturbed)


def test_numbers_drawn_elsewhere_change_nothing(disturbed, unbroken, tmp_path):
    assert_same(train_as(tmp_path, disturbed), unbroken)


def test_with_the_common_generator_the_model_would_depend_on_them(
    disturbed, unbroken, tmp_path, monkeypatch
):
    monkeypatch.setattr(training, "seed_generator", mock.Mock())  # not Keras' own
    with pytest.raises(AssertionError):
        assert_same(train_as(tmp_path, disturbed), unbroken)


def test_numbers_drawn_elsewhere_in_an_epoch_change_nothing(unbroken, tmp_path, monkeypatch):
    monkeypatch.setattr(
        training._Recorder, "on_train_batch_begin", lambda *batch, **logs: random.random()
    )
    assert_same(train_as(tmp_path, recipe()), unbroken)


def test_a_full_disk_is_told_and_what_was_there_stays(monkeypatch, tmp_path, unbroken):
    shutil.copytree(unbroken, tmp_path, dirs_exist_ok=True)
    before = {path.name: path.read_bytes() for path in tmp_path.iterdir()}
    count = 0

    def full(descriptor):
        nonlocal count
        count += 1
        if count == 3:
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    with monkeypatch.context() as patch:
        patch.setattr(storage.os, "fsync", full)
        with pytest.raises(StorageError, match="No space left on device.*make room"):
            training.train("tiny", output=tmp_path)
    assert not list(tmp_path.rglob("*.partial*"))
    assert {p.name: p.read_bytes() for p in tmp_path.iterdir() if p.is_file()} == before
    training.train("tiny", output=tmp_path, resume=True)
    assert_same(tmp_path, unbroken)


@pytest.mark.parametrize("lost", ["moments", "dropout"])
def test_without_the_whole_state_the_run_ends_elsewhere(monkeypatch, broken_off, unbroken, lost):
    """The comparison of the other tests can fail."""
    restore = training._Recorder.restore

    def part_of_it(self, state):
        done = restore(self, state)
        # The optimiser's first two variables are the step and the learning rate.
        variables = self.model.optimizer.variables[2:]
        if lost == "dropout":
            variables = [self.model.get_layer("dropout").seed_generator.state]
        if state is not None:
            for variable in variables:
                variable.assign(np.zeros(variable.shape))
        return done

    monkeypatch.setattr(training._Recorder, "restore", part_of_it)
    training.train("tiny", output=broken_off, resume=True)
    with pytest.raises(AssertionError):
        assert_same(broken_off, unbroken)


def test_the_data_is_compared_with_the_card_before_a_run(monkeypatch, tmp_path):
    card = {"data": {"sha256": "0" * 64}}
    monkeypatch.setattr(training.cards, "load_card", lambda name: card)
    with pytest.raises(DataError, match="not that of its card"):
        training.train("tiny", output=tmp_path)
    assert not list(tmp_path.iterdir())
    written = training.train("tiny", epochs=1, output=tmp_path, other_data=True)
    assert written["data"]["sha256"] == load_data().sha256


def test_a_loss_that_is_no_number_is_told(monkeypatch, tmp_path):
    def endless():
        data = load_data()
        y_val = np.full(len(data.y_val), np.nan)
        return dataclasses.replace(data, y_val=y_val)

    monkeypatch.setattr(training, "find_recipe", lambda name: recipe(load_data=endless))
    with pytest.raises(ModelError, match="no longer a finite number in epoch 1"):
        training.train("tiny", output=tmp_path)


def test_other_seeds_that_are_finished_stay(monkeypatch, tmp_path):
    with monkeypatch.context() as patch:
        patch.setattr(training, "find_recipe", lambda name: recipe(seeds=(3, 4)))
        die_at(patch, 6, "before")  # the second seed's first epoch
        with pytest.raises(Killed):
            training.train("tiny", output=tmp_path)
    training.train("tiny", seeds=[5], output=tmp_path, resume=True)
    assert (tmp_path / training.UNFINISHED / "tiny" / "seed-3" / "result").exists()


def test_refit_uses_the_validation_data_and_can_be_resumed(monkeypatch, tmp_path):
    monkeypatch.setattr(training, "find_recipe", lambda name: recipe(refit=True, epochs=2))
    whole = training.train("tiny", output=tmp_path / "whole")
    (run,) = whole["runs"]
    assert run["refit"]["examples"] == 50
    assert run["refit"]["epochs"] == run["kept_epoch"] == len(run["refit"]["seconds_per_epoch"])
    with monkeypatch.context() as patch:
        die_at(patch, 4, "before")
        with pytest.raises(Killed):
            training.train("tiny", output=tmp_path / "broken")
    training.train("tiny", output=tmp_path / "broken", resume=True)
    assert_same(tmp_path / "broken", tmp_path / "whole")


def test_later_seeds_lose_patience_and_the_first_does_not(monkeypatch, tmp_path):
    def contrary():
        data = load_data()
        return training.Splits(
            data.x_train, data.y_train, data.x_val, 1 - data.y_val, data.x_test, data.y_test, {}
        )

    patient = recipe(load_data=contrary, patience=1)
    first = training.fit(patient, contrary(), 3, 4)[1]
    later = training.fit(patient, contrary(), 4, 4)[1]
    assert len(first["history"]["loss"]) == 4
    assert len(later["history"]["loss"]) == later["kept_epoch"] + 1 < 4


def test_a_polite_end_says_how_to_go_on(tmp_path, monkeypatch, capsys):
    monkeypatch.setattr(cli, "_known_models", lambda names: None)
    save = training.Checkpoints.save

    def stopped(self, state):
        save(self, state)
        os.kill(os.getpid(), signal.SIGTERM)

    monkeypatch.setattr(training.Checkpoints, "save", stopped)
    assert cli.main(["train", "tiny", "--output", str(tmp_path)]) == 130
    assert capsys.readouterr().err == "Interrupted: the same command with --resume goes on.\n"
    assert [path.name for path in checkpoints(tmp_path)] == ["epoch-00001.npz"]
    assert [path.name for path in tmp_path.iterdir()] == [training.UNFINISHED]


@pytest.mark.thorough
def test_a_real_program_ends_politely(tmp_path):
    arguments = ["train", "lagged_attention", "--output", str(tmp_path)]
    program = subprocess.Popen(
        [sys.executable, "-m", "attention_course", *arguments],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    assert "epoch 1 of" in program.stdout.readline()
    program.send_signal(signal.SIGTERM)
    _, errors = program.communicate(timeout=60)
    assert program.returncode == 130
    assert "--resume goes on" in errors
    assert "Traceback" not in errors
    assert [path.name for path in tmp_path.iterdir()] == [training.UNFINISHED]
