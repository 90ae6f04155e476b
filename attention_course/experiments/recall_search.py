"""How far back each network of the recall task learns to look: ``data/recall_search.json``.

For every network and every lag, the learning rate is chosen on validation sequences, with seeds of
its own: among ``RATES``, and beyond them while the last one tried is the best and fails. Then
``SEEDS`` are trained at that rate and measured on the test sequences. A run ends when every
validation sequence is right, or after ``EPOCHS``: a network may stay on a plateau for half of them
and then learn the task within one.
"""

import itertools
import time
from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path
from typing import Any

import keras
import numpy as np

from attention_course import environment
from attention_course.datasets.recall import CHANCE
from attention_course.experiments.rates import beyond
from attention_course.models.recall import (
    HIGH_FORGET_BIAS,
    recall_lstm,
    recall_rnn_attention,
    recall_rnn_uniform,
    recall_simple_rnn,
)
from attention_course.statistics import mean_interval
from attention_course.storage import resumed, write_json
from attention_course.training.recipe import Splits
from attention_course.training.recipes.recall import BATCH_SIZE, LAGS, SEEDS, SIZES, load_splits
from attention_course.words import tr

FILE = "recall_search.json"
NETWORKS: dict[str, Callable[[], keras.Model]] = {
    "simple_rnn": recall_simple_rnn,
    "lstm": recall_lstm,
    "lstm_high_forget_bias": partial(recall_lstm, forget_bias=HIGH_FORGET_BIAS),
    "rnn_attention": recall_rnn_attention,
    "rnn_uniform": recall_rnn_uniform,
}
RATES = (0.001, 0.002, 0.004, 0.008)
SEARCH_SEEDS = (10,)
EPOCHS = 20
"""At most so many times through the training sequences, which makes 8,000 updates."""


class Trainer:
    """One network at one lag: compiled once, trained from the start for each rate and seed."""

    def __init__(self, network: str, splits: Splits) -> None:
        keras.backend.clear_session()
        self.build, self.splits = NETWORKS[network], splits
        self.model = self.build()
        self.model.optimizer.build(self.model.trainable_variables)
        self.fresh = [np.asarray(variable) for variable in self.model.optimizer.variables]

    def train(self, rate: float, seed: int) -> dict[str, Any]:
        """Train, keep the weights of the lowest validation loss, and return what became of it."""
        keras.utils.set_random_seed(seed)
        self.model.set_weights(self.build().get_weights())
        for variable, start in zip(self.model.optimizer.variables, self.fresh, strict=True):
            variable.assign(start)
        self.model.optimizer.learning_rate.assign(rate)
        begun, data = time.perf_counter(), self.splits
        history = self.model.fit(
            data.x_train,
            data.y_train,
            epochs=EPOCHS,
            batch_size=BATCH_SIZE,
            validation_data=(data.x_val, data.y_val),
            callbacks=[_Best()],
            verbose=0,
        ).history
        return {
            "rate": rate,
            "seed": seed,
            "validation_accuracy": [round(value, 3) for value in history["val_accuracy"]],
            "validation_loss": float(f"{min(history['val_loss']):.3g}"),
            "updates": len(history["loss"]) * -(-len(data.y_train) // BATCH_SIZE),
            "seconds": round(time.perf_counter() - begun, 1),
        }

    def test(self) -> float:
        """Return the share of test sequences whose cue is named."""
        probability = self.model.predict(self.splits.x_test, batch_size=250, verbose=0)
        return round(float((probability.argmax(axis=1) == self.splits.y_test).mean()), 5)


class _Best(keras.callbacks.Callback):
    """Keep the weights of the lowest validation loss; stop when every sequence is right."""

    def on_train_begin(self, logs: dict[str, float] | None = None) -> None:
        self.lowest = np.inf

    def on_epoch_end(self, epoch: int, logs: dict[str, float]) -> None:
        if logs["val_loss"] < self.lowest:
            self.lowest, self.weights = logs["val_loss"], self.model.get_weights()
        if logs["val_accuracy"] == 1:
            self.model.stop_training = True

    def on_train_end(self, logs: dict[str, float] | None = None) -> None:
        self.model.set_weights(self.weights)


def run(network: str, splits: Splits) -> dict[str, Any]:
    """Choose a rate on validation sequences, then train and test the other seeds with it."""
    trainer = Trainer(network, splits)
    tries = [trainer.train(*of) for of in itertools.product(RATES, SEARCH_SEEDS)]
    while (rate := further_rate(tries)) is not None:
        tries += [trainer.train(rate, seed) for seed in SEARCH_SEEDS]
    rate = best_rate(tries)
    runs = [{**trainer.train(rate, seed), "test": trainer.test()} for seed in SEEDS]
    scores = [run["test"] for run in runs]
    summary = mean_interval(scores)
    return {
        "rate": rate,
        "scores": scores,
        "mean": round(summary["mean"], 5),
        "interval": [round(end, 5) for end in summary["interval"]],
        "tries": tries,
        "runs": runs,
    }


def further_rate(tries: Sequence[dict[str, Any]]) -> float | None:
    """Return a rate to try yet: beyond the end of those tried, if the best stands there and fails.

    It is twice the highest, or half the lowest.
    """
    rate, tried = best_rate(tries), {run["rate"] for run in tries}
    solved = all(max(run["validation_accuracy"]) == 1 for run in tries if run["rate"] == rate)
    return None if solved else beyond(rate, tried, 2)


def best_rate(tries: Sequence[dict[str, Any]]) -> float:
    """Return the rate of the highest mean validation accuracy, of equal ones the fastest."""

    def merit(rate: float) -> tuple[float, float]:
        mine = [run for run in tries if run["rate"] == rate]
        accuracy = sum(max(run["validation_accuracy"]) for run in mine)
        return round(accuracy, 6), -sum(run["updates"] for run in mine)

    return max(dict.fromkeys(run["rate"] for run in tries), key=merit)


def record(folder: Path) -> dict[str, Any]:
    """Run everything, write ``recall_search.json`` into ``folder`` and return its content.

    What is done is kept in a hidden file beside it. When the recording was interrupted, the same
    call goes on from there.
    """
    unfinished = folder / f".{FILE}.unfinished"
    content = resumed(unfinished, _header())
    done = {(row["network"], row["lag"]) for row in content["rows"]}
    for lag in LAGS:
        splits = load_splits(lag)
        for network in NETWORKS:
            if (network, lag) in done:
                continue
            row = {"network": network, "lag": lag, **run(network, splits)}
            content["rows"].append(row)
            write_json(unfinished, content)
            told = {"network": network, "lag": lag, "mean": row["mean"], "rate": row["rate"]}
            print(tr("{network}, lag {lag}: {mean:.3f} with rate {rate}", **told), flush=True)
    write_json(folder / FILE, content)
    unfinished.unlink(missing_ok=True)
    return content


def _header() -> dict[str, Any]:
    return {
        "what": "the recall task at every lag, with a learning rate chosen for each network",
        "rates": list(RATES),
        "search_seeds": list(SEARCH_SEEDS),
        "seeds": list(SEEDS),
        "most_epochs": EPOCHS,
        "batch_size": BATCH_SIZE,
        "chance": CHANCE,
        "parameters": {name: build().count_params() for name, build in NETWORKS.items()},
        **SIZES,
        "cores": environment.cores(),
        "versions": environment.versions(),
        "rows": [],
    }
