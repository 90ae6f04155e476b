"""Train a model by its recipe and write its file and its card.

Weights are stored without the optimiser, by the Keras version named on the card. After every
epoch a checkpoint is written, so a run that was killed goes on where it stopped and ends with the
weights of an unbroken one. A model file and a card appear whole or not at all.
"""

import contextlib
import hashlib
import json
import os
import platform
import random
import shutil
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any
from unittest import mock

import keras
import numpy as np
from keras.src.random import seed_generator

from attention_course import environment
from attention_course.errors import AssetError, DataError, ModelError
from attention_course.models import cards
from attention_course.statistics import mean_interval
from attention_course.storage import write_json, write_whole
from attention_course.training.checkpoints import CheckpointError, Checkpoints, State
from attention_course.training.progress import ShowProgress
from attention_course.training.recipe import Recipe, Splits
from attention_course.training.recipes import recipe as find_recipe
from attention_course.words import tr

UNFINISHED = ".unfinished"
"""Folder beside the models for runs that are not done; a finished training removes its part."""
_STAGES = ("choose", "refit")


def train(
    name: str,
    seeds: Sequence[int] | None = None,
    epochs: int | None = None,
    *,
    output: Path,
    resume: bool = False,
    other_data: bool = False,
) -> dict[str, Any]:
    """Train the model ``name``, write ``NAME.keras`` and ``NAME.json``, return the card.

    Shows the progress. Arguments and errors are those of :class:`Training` and its ``begin``;
    StorageError says that the disk is full. What was there before is untouched then.
    """
    training = Training(name, seeds, epochs, output, resume)
    splits = training.recipe.load_data()
    training.begin(splits, other_data)
    for place, seed in enumerate(training.seeds, start=1):
        if seed not in training.results:
            told = {"model": name, "seed": seed, "place": place, "all": len(training.seeds)}
            title = tr("{model}, seed {seed} ({place} of {all})", **told)
            folder = training.seed_folder(seed)
            model, run = fit(training.recipe, splits, seed, training.epochs, folder, title)
            training.keep(seed, model.get_weights(), run)
    return training.finish()


class Training:
    """The training of one model: its seeds and epochs, where the files go, and what is done.

    Args:
        name: a key of ``attention_course.models.NAMES``.
        seeds, epochs: the recipe's if None. The file holds the first seed's model.
        output: folder to write to.
        resume: go on with a training that was interrupted.

    Attributes:
        results: of each seed that is done, the weights as ``get_weights()`` orders them, and what
            the card says of the run.

    Raises:
        ModelError: the name is unknown.
        CheckpointError: an unfinished training is there and ``resume`` is False.
    """

    def __init__(
        self,
        name: str,
        seeds: Sequence[int] | None,
        epochs: int | None,
        output: Path,
        resume: bool,
    ) -> None:
        self.recipe = find_recipe(name)
        self.seeds = tuple(dict.fromkeys(self.recipe.seeds if seeds is None else seeds))
        self.epochs = self.recipe.epochs if epochs is None else epochs
        self.folder = output
        self.unfinished = output / UNFINISHED / self.recipe.name
        self.results: dict[int, tuple[list[np.ndarray], dict[str, Any]]] = {}
        if any(self.unfinished.rglob("*.npz")) and not resume:
            raise CheckpointError(
                "An unfinished training of {name} lies in {unfinished}: go on with it with the "
                "same command and --resume, or delete that folder to start anew.",
                name=name,
                unfinished=self.unfinished,
            )

    def begin(self, splits: Splits, other_data: bool) -> None:
        """Compare the data with the card that the course has, and find the seeds that are done.

        Raises:
            DataError: it is not the data that the card names, and ``other_data`` is False.
            CheckpointError: what was kept is damaged or belongs to a run with other settings.
        """
        if not other_data:
            _check_data(self.recipe.name, splits)
        self.data = {**splits.provenance, "sha256": splits.sha256}
        this = identity(self.recipe, splits, 0, self.epochs)
        self.identities = {seed: {**this, "seed": seed} for seed in self.seeds}
        self.unfinished.mkdir(parents=True, exist_ok=True)
        for seed in self.seeds:
            if stored := self._kept(seed).load():
                self.results[seed] = list(stored.arrays), stored.record

    def seed_folder(self, seed: int) -> Path:
        """Where the checkpoints of one seed and then its result are kept."""
        return self.unfinished / f"seed-{seed}"

    def _kept(self, seed: int) -> Checkpoints:
        return Checkpoints(self.seed_folder(seed) / "result", self.identities[seed])

    def keep(self, seed: int, weights: list[np.ndarray], run: dict[str, Any]) -> None:
        """Write the result of a seed in place of the checkpoints that led to it."""
        self._kept(seed).save(State(run["kept_epoch"], weights, run))
        for stage in _STAGES:
            shutil.rmtree(self.seed_folder(seed) / stage, ignore_errors=True)
        self.results[seed] = weights, run

    def finish(self) -> dict[str, Any]:
        """Write model and card, remove what was unfinished, and return the card."""
        recipe, runs = self.recipe, [self.results[seed][1] for seed in self.seeds]
        # What takes long comes first, so that model and card are renamed right after each other.
        further = recipe.further(recipe.name, runs, self.epochs) if recipe.further else {}
        model = recipe.build()
        path = self.folder / f"{recipe.name}.keras"
        # A copy made from the configuration holds no optimiser: the file is a third of the size.
        copy = type(model).from_config(model.get_config())
        copy.set_weights(self.results[self.seeds[0]][0])
        write_whole(path, copy.save, self.unfinished)
        card = _card(self, model, runs, path) | further
        write_json(path.with_suffix(".json"), card, self.unfinished)
        for seed in self.seeds:
            shutil.rmtree(self.seed_folder(seed), ignore_errors=True)
        for folder in (self.unfinished, self.unfinished.parent):
            with contextlib.suppress(OSError):  # not empty: other seeds or models wait there
                folder.rmdir()
        return card


def fit(
    recipe: Recipe,
    splits: Splits,
    seed: int,
    epochs: int,
    folder: Path | None = None,
    title: str | None = None,
) -> tuple[keras.Model, dict[str, Any]]:
    """Fit one seed, from its start or from where an earlier process was killed.

    Args:
        recipe, splits, seed, epochs: what to train.
        folder: for the checkpoints of this run alone; None leaves nothing on disk.
        title: show progress under this title; None shows nothing.

    Returns:
        The model with the weights that are kept, and what the card says of this run.

    Raises:
        CheckpointError: what lies in ``folder`` is damaged or belongs to another run.
        StorageError: the disk is full. Fit again with the same folder to go on.
        ModelError: the loss is no longer a finite number.
    """
    stages: dict[str, Checkpoints] = {}
    if folder is not None:
        this = identity(recipe, splits, seed, epochs)
        stages = {stage: Checkpoints(folder / stage, this) for stage in _STAGES}
    model, recorder = _run_epochs(recipe, splits, seed, epochs, stages.get("choose"), title)
    run = {
        "seed": seed,
        "kept_epoch": recorder.best_epoch if recipe.restore_best else epochs,
        "seconds_per_epoch": [round(s, 1) for s in recorder.seconds],
        "history": {
            key: [float(f"{value:.5g}") for value in values]
            for key, values in recorder.history.items()
        },
    }
    if recipe.refit:
        together, kept = splits.all_training(), run["kept_epoch"]
        title = title and tr("{title}, all training data", title=title)
        model, again = _run_epochs(
            recipe, together, seed, kept, stages.get("refit"), title, choosing=False
        )
        run["refit"] = {
            "examples": len(together.y_train),
            "epochs": kept,
            "seconds_per_epoch": [round(s, 1) for s in again.seconds],
        }
    elif recipe.restore_best:
        model.set_weights(recorder.best_weights)
    run["test"] = recipe.evaluate(model, splits)
    return model, run


def _run_epochs(
    recipe: Recipe,
    splits: Splits,
    seed: int,
    epochs: int,
    checkpoints: Checkpoints | None,
    title: str | None,
    choosing: bool = True,
) -> tuple[keras.Model, "_Recorder"]:
    """Train the epochs that are not done yet; ``choosing`` the best by the validation data.

    With the generators of Python, NumPy and TensorFlow seeded, Keras draws the same order of
    examples in every epoch, whichever epoch comes first: nothing but the variables has to be
    restored. The layers' own generators (dropout) are among these.
    """
    keras.utils.set_random_seed(seed)
    # Initial weights follow from Python's global generator, from which other threads draw as well,
    # such as those of a sweep's engine. So Keras gets one of its own, with the same seed.
    with mock.patch.object(seed_generator, "python_random", random.Random(seed)):
        model = recipe.build()
    if recipe.prepare:
        recipe.prepare(model, splits)
    model.optimizer.build(model.trainable_variables)
    patience = recipe.patience if choosing and seed != recipe.seeds[0] else None
    recorder = _Recorder(patience, checkpoints)
    recorder.set_model(model)
    done = recorder.restore(checkpoints.load() if checkpoints else None)
    if done < epochs and not recorder.out_of_patience(done):
        with ShowProgress(title, epochs, done) if title else contextlib.nullcontext() as progress:
            model.fit(
                splits.x_train,
                splits.y_train,
                epochs=epochs,
                initial_epoch=done,
                batch_size=recipe.batch_size,
                validation_data=(splits.x_val, splits.y_val) if choosing else None,
                callbacks=[recorder, progress] if progress else [recorder],
                verbose=0,
            )
    return model, recorder


class _Recorder(keras.callbacks.Callback):
    """History, seconds and the best epoch's weights of a run; writes them after every epoch.

    Training seconds leave validation and checkpoints out.
    """

    def __init__(self, patience: int | None, checkpoints: Checkpoints | None) -> None:
        super().__init__()
        self.patience = patience
        self.checkpoints = checkpoints
        self.history: dict[str, list[float]] = {}
        self.seconds: list[float] = []
        self.best_weights: list[np.ndarray] = []
        self._begun: float | None = None

    @property
    def best_epoch(self) -> int:
        """The first epoch of the lowest validation loss; 0 where none has been measured."""
        losses = self.history.get("val_loss")
        return losses.index(min(losses)) + 1 if losses else 0

    def out_of_patience(self, epoch: int) -> bool:
        """Say whether the run may stop after ``epoch``."""
        return self.patience is not None and epoch - self.best_epoch >= self.patience

    def restore(self, state: State | None) -> int:
        """Put model, optimiser and this record back as they were; return the epochs done."""
        if state is None:
            return 0
        variables = self._variables()
        for variable, array in zip(variables, state.arrays, strict=False):
            variable.assign(array)
        self.best_weights = list(state.arrays[len(variables) :])
        self.history, self.seconds = state.record["history"], state.record["seconds"]
        return state.epoch

    def on_epoch_begin(self, epoch: int, logs: dict[str, float] | None = None) -> None:
        self._begun = time.perf_counter()

    def on_test_begin(self, logs: dict[str, float] | None = None) -> None:
        self._stop_clock()

    def on_epoch_end(self, epoch: int, logs: dict[str, float]) -> None:
        self._stop_clock()
        if not np.isfinite(list(logs.values())).all():
            raise ModelError(
                "The loss is no longer a finite number in epoch {epoch}: lower the learning rate, "
                "or look at the data.",
                epoch=epoch + 1,
            )
        for key, value in logs.items():
            self.history.setdefault(key, []).append(float(value))
        if self.best_epoch == epoch + 1:
            self.best_weights = self.model.get_weights()
        if self.checkpoints:
            arrays = [np.asarray(variable) for variable in self._variables()]
            record = {"history": self.history, "seconds": self.seconds}
            self.checkpoints.save(State(epoch + 1, [*arrays, *self.best_weights], record))
        if self.out_of_patience(epoch + 1):
            self.model.stop_training = True

    def _stop_clock(self) -> None:
        if self._begun is not None:
            self.seconds.append(time.perf_counter() - self._begun)
            self._begun = None

    def _variables(self) -> list[Any]:
        # Weights, the state of dropout's generators, and the optimiser's moments.
        metrics = {id(variable) for variable in self.model.metrics_variables}
        own = [variable for variable in self.model.variables if id(variable) not in metrics]
        return [*own, *self.model.optimizer.variables]


def identity(recipe: Recipe, splits: Splits, seed: int, epochs: int) -> dict[str, Any]:
    """Return what has to be the same wherever and whenever a run goes on."""
    design = json.loads(recipe.build().to_json())
    compiled = design["compile_config"]
    optimizer = compiled.pop("optimizer")
    layers = json.dumps(_unnamed(design["config"]), sort_keys=True)
    return {
        "model": recipe.name,
        "architecture": hashlib.sha256(layers.encode()).hexdigest()[:12],
        "optimizer": optimizer["class_name"],
        **_unnamed(optimizer["config"]),
        **compiled,
        "seed": seed,
        "epochs": epochs,
        "batch_size": recipe.batch_size,
        "settings": recipe.settings,
        "restore_best": recipe.restore_best,
        "refit": recipe.refit,
        "patience": recipe.patience,
        "data_sha256": splits.sha256,
        "onednn": os.environ.get("TF_ENABLE_ONEDNN_OPTS", "1") != "0",
        **environment.versions(),
    }


def _unnamed(part: Any, numbers: dict[str, int] | None = None) -> Any:
    """Return a configuration without names: Keras numbers them through a whole process.

    A connection says which layer it comes from: the layer's number stands for its name.
    """
    if isinstance(part, dict):
        if "layers" in part:
            numbers = {layer.get("name"): number for number, layer in enumerate(part["layers"])}
        return {key: _unnamed(value, numbers) for key, value in part.items() if key != "name"}
    if isinstance(part, list):
        if len(part) == 3 and isinstance(part[0], str) and part[0] in (numbers or {}):
            return [numbers[part[0]], *part[1:]]
        return [_unnamed(value, numbers) for value in part]
    return float(f"{part:.6g}") if isinstance(part, float) else part


def _check_data(name: str, splits: Splits) -> None:
    try:
        known = cards.load_card(name)["data"]
    except (AssetError, ModelError):
        return  # a new model
    if known.get("sha256", splits.sha256) != splits.sha256:
        raise DataError(
            "The data for {name} (sha256 {sha256}) is not that of its card ({known}): get the "
            "original data, or pass --other-data to train on this.",
            name=name,
            sha256=splits.sha256[:12],
            known=known["sha256"][:12],
        )


def _card(
    training: Training, model: keras.Model, runs: list[dict[str, Any]], path: Path
) -> dict[str, Any]:
    recipe = training.recipe
    seconds = [s for run in runs for s in cards.epoch_seconds(run)]
    scores = [run["test"]["score"] for run in runs]
    return {
        "name": recipe.name,
        "title": recipe.title,
        "recipe": {
            "epochs": training.epochs,
            "batch_size": recipe.batch_size,
            "optimizer": model.optimizer.name,
            "learning_rate": round(float(model.optimizer.learning_rate), 8),
            "loss": model.loss if isinstance(model.loss, str) else model.loss.name,
            "epoch_kept": "lowest val_loss" if recipe.restore_best else "last",
            "patience_after_first_seed": recipe.patience,
            "refit_on_all_training_data": recipe.refit,
            "layers": [
                {
                    "name": part.name,
                    "type": type(part).__name__,
                    "output_shape": keras.tree.map_structure(
                        lambda output: list(output.shape), part.output
                    ),
                    "parameters": part.count_params() if isinstance(part, keras.Layer) else 0,
                }
                for part in model.operations  # layers and bare operations
            ],
            "parameters": model.count_params(),
            **recipe.settings,
        },
        "data": training.data,
        "seeds": [run["seed"] for run in runs],
        "versions": environment.versions(),
        "runs": runs,
        "test": runs[0]["test"],
        "scores": {"by_seed": scores, **mean_interval(scores)},
        "training": {
            "seconds_per_epoch_median": round(float(np.median(seconds)), 2),
            "seconds_total": round(float(np.sum(seconds)), 1),
            "cores": environment.cores(),
            "machine": platform.machine(),
        },
        "file": {
            "path": f"models/{path.name}",
            "sha256": hashlib.sha256(path.read_bytes()).hexdigest(),
            "bytes": path.stat().st_size,
        },
    }
