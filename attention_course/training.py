"""Train a model by its recipe and write its file and its card.

Weights are stored without the optimiser, by the Keras version named on the card. A model file
and a card are written beside their final place and then renamed.
"""

import hashlib
import os
import platform
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import keras
import numpy as np

from attention_course import assets, cards
from attention_course.errors import ModelError
from attention_course.evaluation import mean_interval
from attention_course.models import recipe as find_recipe


@dataclass(frozen=True)
class Splits:
    """One data set in three parts, and where it came from.

    Attributes:
        x_train, y_train: what the weights are fitted to.
        x_val, y_val: a part of the training data held back to choose the epoch.
        x_test, y_test: used once, after training.
        provenance: goes onto the card as it is: name, sha256, sizes, encoding.
        test_lengths: words per test review before truncation, where that means something.
    """

    x_train: Any
    y_train: Any
    x_val: Any
    y_val: Any
    x_test: Any
    y_test: Any
    provenance: dict[str, Any]
    test_lengths: Any = None


@dataclass(frozen=True)
class Recipe:
    """Everything needed to train a model again.

    Attributes:
        name: the model's name; also the stem of its file and card.
        title: one line for tables, such as ``"SimpleRNN + attention"``.
        build: returns the untrained, compiled model.
        load_data: returns the data; called once per training.
        evaluate: ``evaluate(model, splits)`` returns the card's ``test`` part; its key
            ``score`` is the number that seeds are compared by.
        epochs, batch_size: as in ``keras.Model.fit``.
        monitor: the validation figure by which the epoch to keep is chosen.
        restore_best: keep the best epoch's weights; otherwise the last epoch's.
        seeds: one run each. The file holds the model of the first seed.
        settings: further hyper-parameters, for the card.
        further: ``further(name, runs, epochs)`` measures what else the card holds, such as
            other lags; called after training.
    """

    name: str
    title: str
    build: Callable[[], keras.Model]
    load_data: Callable[[], Splits]
    evaluate: Callable[[keras.Model, Splits], dict[str, Any]]
    epochs: int
    batch_size: int
    monitor: str = "val_loss"
    restore_best: bool = True
    seeds: Sequence[int] = (0,)
    settings: dict[str, Any] = field(default_factory=dict)
    further: Callable[[str, list[dict[str, Any]], int], dict[str, Any]] | None = None


def train(
    name: str,
    seed: int | None = None,
    epochs: int | None = None,
    output: Path | None = None,
    verbose: bool = True,
) -> dict[str, Any]:
    """Train the model ``name``, write ``NAME.keras`` and ``NAME.json``, return the card.

    Args:
        name: a key of ``attention_course.models.NAMES``.
        seed: train this one seed instead of the recipe's.
        epochs: train this many epochs instead of the recipe's.
        output: folder to write to; by default ``models/`` of the checkout.
        verbose: show Keras' progress bar.

    Raises:
        ModelError: the name is unknown, or there is nowhere to write to.
        DataError: the data the recipe needs is not to be had.
    """
    recipe = find_recipe(name)
    folder = output or _models_folder()
    folder.mkdir(parents=True, exist_ok=True)
    splits = recipe.load_data()
    epochs = recipe.epochs if epochs is None else epochs
    seeds = tuple(recipe.seeds) if seed is None else (seed,)
    runs, kept = [], None
    for run_seed in seeds:
        model, run = fit(recipe, splits, run_seed, epochs, verbose)
        runs.append(run)
        kept = kept or model
    path = folder / f"{name}.keras"
    _save(kept, path)
    card = _card(recipe, splits, kept, runs, epochs, path)
    if recipe.further:
        card.update(recipe.further(name, runs, epochs))
    cards.write_json(folder / f"{name}.json", card)
    return card


def fit(
    recipe: Recipe, splits: Splits, seed: int, epochs: int, verbose: bool = True
) -> tuple[keras.Model, dict[str, Any]]:
    """Fit one seed of ``recipe``; return the model and what the card says of this run."""
    keras.utils.set_random_seed(seed)
    model = recipe.build()
    best = _BestEpoch(recipe.monitor)
    timer = _EpochTimer()
    history = model.fit(
        splits.x_train,
        splits.y_train,
        validation_data=(splits.x_val, splits.y_val),
        epochs=epochs,
        batch_size=recipe.batch_size,
        callbacks=[timer, best],
        verbose=1 if verbose else 0,
    )
    if recipe.restore_best:
        model.set_weights(best.weights)
    test = recipe.evaluate(model, splits)
    run = {
        "seed": seed,
        "kept_epoch": best.epoch if recipe.restore_best else epochs,
        "seconds_per_epoch": [round(s, 1) for s in timer.seconds],
        "history": {
            key: [float(f"{value:.5g}") for value in values]
            for key, values in history.history.items()
        },
        "test": test,
    }
    return model, run


class _BestEpoch(keras.callbacks.Callback):
    """Remember the weights of the epoch with the lowest ``monitor``."""

    def __init__(self, monitor: str) -> None:
        super().__init__()
        self.monitor = monitor
        self.value = np.inf
        self.epoch = 0
        self.weights: list[np.ndarray] = []

    def on_epoch_end(self, epoch: int, logs: dict[str, float] | None = None) -> None:
        value = (logs or {})[self.monitor]
        if not self.weights or value < self.value:
            self.value, self.epoch = value, epoch + 1
            self.weights = self.model.get_weights()


class _EpochTimer(keras.callbacks.Callback):
    """Measure training seconds per epoch, validation left out."""

    def __init__(self) -> None:
        super().__init__()
        self.seconds: list[float] = []
        self._begun = 0.0

    def on_epoch_begin(self, epoch: int, logs: dict[str, float] | None = None) -> None:
        self._begun = time.perf_counter()
        self._counted = False

    def on_test_begin(self, logs: dict[str, float] | None = None) -> None:
        self._stop()

    def on_epoch_end(self, epoch: int, logs: dict[str, float] | None = None) -> None:
        self._stop()

    def _stop(self) -> None:
        if not self._counted:
            self.seconds.append(time.perf_counter() - self._begun)
            self._counted = True


def _models_folder() -> Path:
    root = assets.checkout_root()
    if root is None:
        raise ModelError(
            "Training writes into the models folder of a checkout, and this is an installed "
            "package: clone the repository and train there, or pass --output FOLDER."
        )
    return root / "models"


def _save(model: keras.Model, path: Path) -> None:
    # A copy made from the configuration holds no optimiser: the file is a third of the size.
    copy = type(model).from_config(model.get_config())
    copy.set_weights(model.get_weights())
    partial = path.with_name(f"{path.stem}.partial.keras")
    copy.save(partial)
    os.replace(partial, path)


def _describe(operation: keras.Operation) -> dict[str, Any]:
    """Return name, type, output shape and parameter count of a layer or a bare operation."""
    is_layer = isinstance(operation, keras.Layer)
    return {
        "name": operation.name,
        "type": type(operation).__name__,
        "output_shape": list(operation.output.shape),
        "parameters": operation.count_params() if is_layer else 0,
    }


def _card(
    recipe: Recipe,
    splits: Splits,
    model: keras.Model,
    runs: list[dict[str, Any]],
    epochs: int,
    path: Path,
) -> dict[str, Any]:
    seconds = [s for run in runs for s in run["seconds_per_epoch"]]
    return {
        "name": recipe.name,
        "title": recipe.title,
        "recipe": {
            "epochs": epochs,
            "batch_size": recipe.batch_size,
            "optimizer": model.optimizer.name if model.optimizer else None,
            "learning_rate": round(float(model.optimizer.learning_rate), 8),
            "loss": model.loss if isinstance(model.loss, str) else model.loss.name,
            "epoch_kept": f"lowest {recipe.monitor}" if recipe.restore_best else "last",
            "layers": [_describe(operation) for operation in model.operations],
            "parameters": model.count_params(),
            **recipe.settings,
        },
        "data": splits.provenance,
        "seeds": [run["seed"] for run in runs],
        "versions": {
            "python": platform.python_version(),
            "keras": keras.__version__,
            "tensorflow": __import__("tensorflow").__version__,
            "numpy": np.__version__,
        },
        "runs": runs,
        "test": runs[0]["test"],
        "scores": {
            "by_seed": [run["test"]["score"] for run in runs],
            **mean_interval([run["test"]["score"] for run in runs]),
        },
        "training": {
            "seconds_per_epoch_median": round(float(np.median(seconds)), 2),
            "seconds_total": round(float(np.sum(seconds)), 1),
            "cores": len(os.sched_getaffinity(0))
            if hasattr(os, "sched_getaffinity")
            else os.cpu_count(),
            "machine": platform.machine(),
        },
        "file": {
            "path": f"models/{path.name}",
            "sha256": hashlib.sha256(path.read_bytes()).hexdigest(),
            "bytes": path.stat().st_size,
        },
    }
