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
from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import keras
import numpy as np

from attention_course import assets, environment
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

Result = tuple[list[np.ndarray], dict[str, Any]]
"""What a finished seed leaves: weights as ``get_weights()`` orders them, what the card says."""


def train(
    name: str,
    seed: int | None = None,
    epochs: int | None = None,
    output: Path | None = None,
    verbose: bool = True,
    resume: bool = False,
    other_data: bool = False,
) -> dict[str, Any]:
    """Train the model ``name``, write ``NAME.keras`` and ``NAME.json``, return the card.

    Args:
        name: a key of ``attention_course.models.NAMES``.
        seed: train this one seed instead of the recipe's.
        epochs: train this many epochs instead of the recipe's.
        output: folder to write to; by default ``models/`` of the checkout.
        verbose: show progress.
        resume: go on with a training that was interrupted.
        other_data: train although the data is not that of the course's card.

    Raises:
        ModelError: the name is unknown, or there is nowhere to write to.
        DataError: the data the recipe needs is not to be had, or is not that of the card.
        CheckpointError: an unfinished training is there and ``resume`` is False, or it is
            damaged or has other settings.
        StorageError: the disk is full. What was there before is untouched.
    """
    plan = make_plan(name, None if seed is None else (seed,), epochs, output, resume)
    splits = plan.recipe.load_data()
    if not other_data:
        check_data(name, splits)
    plan.unfinished.mkdir(parents=True, exist_ok=True)
    finished = [
        run_seed(
            plan.recipe,
            splits,
            one,
            plan.epochs,
            plan.seed_folder(one),
            tr(
                "{model}, seed {seed} ({place} of {all})",
                model=name,
                seed=one,
                place=position,
                all=len(plan.seeds),
            )
            if verbose
            else None,
        )
        for position, one in enumerate(plan.seeds, start=1)
    ]
    return finish(plan, splits, finished)


@dataclass(frozen=True)
class Plan:
    """Which seeds of a model are trained for how many epochs, and where the files go."""

    recipe: Recipe
    seeds: tuple[int, ...]
    epochs: int
    folder: Path

    @property
    def unfinished(self) -> Path:
        """Folder of what this training leaves until it is finished."""
        return self.folder / UNFINISHED / self.recipe.name

    def seed_folder(self, seed: int) -> Path:
        """The part of it that belongs to one seed."""
        return self.unfinished / f"seed-{seed}"


def make_plan(
    name: str,
    seeds: Sequence[int] | None = None,
    epochs: int | None = None,
    output: Path | None = None,
    resume: bool = False,
) -> Plan:
    """Return what a training of ``name`` consists of; seeds and epochs are the recipe's if None.

    Raises:
        ModelError: the name is unknown, or there is nowhere to write to.
        CheckpointError: an unfinished training is there and ``resume`` is False.
    """
    recipe = find_recipe(name)
    plan = Plan(
        recipe=recipe,
        seeds=tuple(recipe.seeds if seeds is None else seeds),
        epochs=recipe.epochs if epochs is None else epochs,
        folder=output or _models_folder(),
    )
    if any(plan.unfinished.rglob("*.npz")) and not resume:
        raise CheckpointError(
            "An unfinished training of {name} lies in {unfinished}: go on with it with the "
            "same command and --resume, or delete that folder to start anew.",
            name=name,
            unfinished=plan.unfinished,
        )
    return plan


def finish(plan: Plan, splits: Splits, finished: Sequence[Result]) -> dict[str, Any]:
    """Write model and card, remove what was unfinished, and return the card.

    Args:
        plan, splits: what was trained.
        finished: the result of every seed, in the order of ``plan.seeds``.
    """
    recipe, runs = plan.recipe, [run for _, run in finished]
    # What takes long comes first, so that model and card are renamed right after each other.
    further = recipe.further(recipe.name, runs, plan.epochs) if recipe.further else {}
    model = recipe.build()
    model.set_weights(finished[0][0])
    path = plan.folder / f"{recipe.name}.keras"
    # A copy made from the configuration holds no optimiser: the file is a third of the size.
    copy = type(model).from_config(model.get_config())
    copy.set_weights(model.get_weights())
    write_whole(path, copy.save, plan.unfinished)
    card = _card(plan, splits, model, runs, path) | further
    write_json(path.with_suffix(".json"), card, plan.unfinished)
    for seed in plan.seeds:
        shutil.rmtree(plan.seed_folder(seed), ignore_errors=True)
    for folder in (plan.unfinished, plan.unfinished.parent):
        with contextlib.suppress(OSError):  # not empty: other seeds or models wait there
            folder.rmdir()
    return card


def run_seed(
    recipe: Recipe,
    splits: Splits,
    seed: int,
    epochs: int,
    folder: Path,
    title: str | None = None,
    alone: Callable[[], AbstractContextManager] = nullcontext,
) -> Result:
    """Fit one seed, from its start or from where an earlier process was killed.

    Args:
        recipe, splits, seed, epochs: what to train.
        folder: of this run alone; it keeps the result until the caller removes it.
        title: show progress under this title; None shows nothing.
        alone: in this context nothing else of the process draws random numbers.

    Raises:
        CheckpointError: what lies in ``folder`` is damaged or belongs to another run.
        StorageError: the disk is full. Run again with the same folder to go on.
    """
    this = identity(recipe, splits, seed, epochs)
    result = load_result(folder, this)
    if result is None:
        model, run = fit(recipe, splits, seed, epochs, folder, title, alone)
        result = model.get_weights(), run
        store_result(folder, this, result)
    return result


def load_result(folder: Path, identity: dict[str, Any]) -> Result | None:
    """Return what :func:`store_result` wrote for a seed, or None.

    Raises:
        CheckpointError: it is damaged or belongs to another run.
    """
    stored = Checkpoints(folder / "result", identity).load()
    return None if stored is None else (list(stored.arrays), stored.record)


def store_result(folder: Path, identity: dict[str, Any], result: Result) -> None:
    """Keep the result of a seed in its folder, in place of the checkpoints that led to it."""
    weights, run = result
    Checkpoints(folder / "result", identity).save(State(run["kept_epoch"], weights, run))
    for part in ("choose", "refit"):
        shutil.rmtree(folder / part, ignore_errors=True)


def fit(
    recipe: Recipe,
    splits: Splits,
    seed: int,
    epochs: int,
    folder: Path | None = None,
    title: str | None = None,
    alone: Callable[[], AbstractContextManager] = nullcontext,
) -> tuple[keras.Model, dict[str, Any]]:
    """Fit one seed; without a folder nothing is left on disk. The rest is as in :func:`run_seed`.

    Returns the model with the weights that are kept, and what the card says of this run.
    """
    model, recorder = _run_epochs(recipe, splits, seed, epochs, folder, "choose", title, alone)
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
        model, again = _run_epochs(recipe, together, seed, kept, folder, "refit", title, alone)
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
    folder: Path | None,
    phase: str,
    title: str | None,
    alone: Callable[[], AbstractContextManager],
) -> tuple[keras.Model, "_Recorder"]:
    """Train the epochs that are not done yet; see :func:`run_seed`.

    With the generators of Python, NumPy and TensorFlow seeded, Keras draws the same order of
    examples in every epoch, whichever epoch comes first: nothing but the variables has to be
    restored. The layers' own generators (dropout) are among these.
    """
    checkpoints = None
    if folder is not None:
        checkpoints = Checkpoints(folder / phase, identity(recipe, splits, seed, epochs))
    with alone():
        model = _seeded(recipe, seed)
    if recipe.prepare:
        recipe.prepare(model, splits)
    model.optimizer.build(model.trainable_variables)
    choosing = phase == "choose"
    patience = recipe.patience if choosing and seed != recipe.seeds[0] else None
    recorder = _Recorder(recipe.monitor if choosing else None, patience, checkpoints)
    recorder.set_model(model)
    done = recorder.restore(checkpoints.load() if checkpoints else None)
    if done < epochs and not recorder.out_of_patience(done):
        with ShowProgress(title, epochs, done) if title else nullcontext() as progress:
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


def _seeded(recipe: Recipe, seed: int) -> keras.Model:
    """Return the model with the initial weights that belong to ``seed``.

    Keras draws them from the global generator of Python, as another thread might do. Two builds
    that leave it in the same state were not disturbed.
    """
    state = None
    for _ in range(20):
        keras.utils.set_random_seed(seed)
        model = recipe.build()
        before, state = state, random.getstate()
        if state == before:
            return model
    raise ModelError(
        "The initial weights of {model} do not follow from the seed: let its builder draw from "
        "Keras alone, and nothing else in this process while it builds.",
        model=recipe.name,
    )


_RECORDED = ("history", "seconds", "best_value", "best_epoch")


class _Recorder(keras.callbacks.Callback):
    """History, seconds and the best epoch's weights of a run; writes them after every epoch.

    Training seconds leave validation and checkpoints out.
    """

    def __init__(
        self, monitor: str | None, patience: int | None, checkpoints: Checkpoints | None
    ) -> None:
        super().__init__()
        self.monitor = monitor
        self.patience = patience
        self.checkpoints = checkpoints
        self.history: dict[str, list[float]] = {}
        self.seconds: list[float] = []
        self.best_value: float | None = None
        self.best_epoch = 0
        self.best_weights: list[np.ndarray] = []
        self._begun: float | None = None

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
        for name in _RECORDED:
            setattr(self, name, state.record[name])
        return state.epoch

    def on_epoch_begin(self, epoch: int, logs: dict[str, float] | None = None) -> None:
        self._begun = time.perf_counter()

    def on_test_begin(self, logs: dict[str, float] | None = None) -> None:
        self._stop_clock()

    def on_epoch_end(self, epoch: int, logs: dict[str, float] | None = None) -> None:
        self._stop_clock()
        if not np.isfinite(list((logs or {}).values())).all():
            raise ModelError(
                "The loss is no longer a finite number in epoch {epoch}: lower the learning rate, "
                "or look at the data.",
                epoch=epoch + 1,
            )
        for key, value in (logs or {}).items():
            self.history.setdefault(key, []).append(float(value))
        if self.monitor:
            value = float((logs or {})[self.monitor])
            if self.best_value is None or value < self.best_value:
                self.best_value, self.best_epoch = value, epoch + 1
                self.best_weights = self.model.get_weights()
        if self.checkpoints:
            arrays = [np.asarray(variable) for variable in self._variables()]
            record = {name: getattr(self, name) for name in _RECORDED}
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
        "monitor": recipe.monitor,
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


def check_data(name: str, splits: Splits) -> None:
    """Compare the data with the card that the course has of this model, before an hour is spent.

    Raises:
        DataError: it is not the data that the card names.
    """
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


def _models_folder() -> Path:
    root = assets.checkout_root()
    if root is None:
        raise ModelError(
            "Training writes into the models folder of a checkout, and this is an "
            "installed package: clone the repository and train there, or pass "
            "--output FOLDER."
        )
    return root / "models"


def _card(
    plan: Plan, splits: Splits, model: keras.Model, runs: list[dict[str, Any]], path: Path
) -> dict[str, Any]:
    recipe = plan.recipe
    seconds = [s for run in runs for s in cards.epoch_seconds(run)]
    scores = [run["test"]["score"] for run in runs]
    return {
        "name": recipe.name,
        "title": recipe.title,
        "recipe": {
            "epochs": plan.epochs,
            "batch_size": recipe.batch_size,
            "optimizer": model.optimizer.name if model.optimizer else None,
            "learning_rate": round(float(model.optimizer.learning_rate), 8),
            "loss": model.loss if isinstance(model.loss, str) else model.loss.name,
            "epoch_kept": f"lowest {recipe.monitor}" if recipe.restore_best else "last",
            "patience_after_first_seed": recipe.patience,
            "refit_on_all_training_data": recipe.refit,
            "layers": [
                {
                    "name": part.name,
                    "type": type(part).__name__,
                    "output_shape": list(part.output.shape),
                    "parameters": part.count_params() if isinstance(part, keras.Layer) else 0,
                }
                for part in model.operations  # layers and bare operations
            ],
            "parameters": model.count_params(),
            **recipe.settings,
        },
        "data": {**splits.provenance, "sha256": splits.sha256},
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
