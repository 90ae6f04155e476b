"""The lagged sum of chapter 6 learned for every pair of lags: ``data/lag_profiles.json``.

210 pairs (1 and 1, 1 and 2, ..., 20 and 20), three kinds of network and four seeds are 2,520
networks of 33 parameters or less. They are trained 210 at a time: every array of weights gets a
last axis with one entry for each network, and one step of Adam moves them all. They do not
influence each other, because the loss is the sum of their losses and Adam treats every number by
itself. All see the same windows in the same order; each has its own targets.

Layers, initial weights and recipe are those of ``attention_course.models.fibonacci``. The weights
kept are those of the epoch with the lowest validation loss, chosen for each network by itself.
"""

import itertools
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import keras
import numpy as np
from keras import ops

from attention_course import environment
from attention_course.datasets.fibonacci import lagged_sum
from attention_course.models.fibonacci import STEPS, build
from attention_course.storage import resumed, write_json
from attention_course.training.recipes.fibonacci import SIZES
from attention_course.words import tr

FILE = "lag_profiles.json"
PAIRS = tuple(itertools.combinations_with_replacement(range(1, STEPS + 1), 2))
SEEDS = (0, 1, 2, 3)
KINDS: dict[str, dict[str, Any]] = {
    "bounded": {"attention": True, "bounded": True},
    "unbounded": {"attention": True, "bounded": False},
    "without": {"attention": False},
}
"""With attention and tanh around the scores, with attention without tanh, without attention."""
EPOCHS = 30
BATCH_SIZE = 32
LEARNING_RATE = 0.01
PROBED = 200
"""Test windows on which the effect of each input is measured."""

Splits = dict[str, tuple[np.ndarray, np.ndarray]]


class ManyNetworks(keras.layers.Layer):
    """Networks of chapter 6 side by side: windows (batch, 20, 1) to predictions (batch, n).

    Args:
        start: what ``get_weights()`` of the model of ``models.fibonacci.build`` returns, each
            array with a last axis of length ``n``: recurrent kernel (1, 2, n), recurrent weights
            (2, 2, n), bias (2, n); with attention W (2, 1, n) and b (20, 1, n); dense kernel
            (2, 1, n) and bias (1, n).
        bounded: keep the tanh around the scores.
    """

    def __init__(self, start: Sequence[np.ndarray], bounded: bool = True) -> None:
        super().__init__()
        self.bounded = bounded
        self.parts = [self.add_weight(array.shape, initializer=array) for array in start]

    def call(self, windows: Any) -> Any:
        """Return the prediction of every network for every window."""
        states = self.states(windows)
        if len(self.parts) == 7:
            context = ops.sum(self.attention(states) * states, axis=1)
        else:
            context = states[:, -1]
        kernel, bias = self.parts[-2:]
        return ops.tanh(_product(context, kernel) + bias)[:, 0]

    def states(self, windows: Any) -> Any:
        """Return the states of the recurrent layer, shape (batch, time, units, n)."""
        kernel, recurrent, bias = self.parts[:3]
        driven = _product(windows[..., np.newaxis], kernel) + bias
        state, states = ops.zeros_like(driven[:, 0]), []
        for step in range(driven.shape[1]):
            state = ops.tanh(driven[:, step] + _product(state, recurrent))
            states.append(state)
        return ops.stack(states, axis=1)

    def attention(self, states: Any) -> Any:
        """Return the weights over time, shape (batch, time, 1, n)."""
        W, b = self.parts[3:5]
        scores = _product(states, W) + b
        return ops.softmax(ops.tanh(scores) if self.bounded else scores, axis=1)


def _product(vectors: Any, matrices: Any) -> Any:
    """Row vectors (..., d, n) times matrices (d, k, n), network by network: (..., k, n)."""
    # Written as a sum of products, which is several times as fast here as einsum.
    return sum(vectors[..., row : row + 1, :] * matrices[row] for row in range(matrices.shape[0]))


def splits() -> Splits:
    """Windows (count, 20, 1) and targets (count, pairs) of the three parts of the data."""
    result = {}
    for seed, (part, size) in enumerate(SIZES.items(), start=1):
        windows, _ = lagged_sum(size, STEPS, seed=seed)
        targets = [lagged_sum(size, STEPS, pair, seed)[1] for pair in PAIRS]
        result[part] = (windows.astype("float32"), np.hstack(targets).astype("float32"))
    return result


def train(kind: str, seed: int, data: Splits) -> tuple[keras.Model, ManyNetworks]:
    """Train one network of a kind for each column of targets; return the model and its only layer.

    The seed is that of the initial weights, the same for all networks, and of the order of the
    windows.
    """
    keras.utils.set_random_seed(seed)
    single = build("single", **KINDS[kind])
    networks = data["train"][1].shape[1]
    start = [np.stack([array] * networks, axis=-1) for array in single.get_weights()]
    layer = ManyNetworks(start, bounded=KINDS[kind].get("bounded", True))
    windows = keras.Input((STEPS, 1))
    model = keras.Model(windows, layer(windows))
    # Without XLA: for these shapes it is three times as slow.
    model.compile(
        keras.optimizers.Adam(LEARNING_RATE),
        loss=lambda targets, predictions: ops.sum(ops.square(targets - predictions), axis=-1),
        jit_compile=False,
        steps_per_execution=25,
    )
    best = _BestEpochs(*data["validation"], networks)
    model.fit(*data["train"], BATCH_SIZE, EPOCHS, verbose=0, callbacks=[best])
    layer.set_weights(best.kept)
    return model, layer


class _BestEpochs(keras.callbacks.Callback):
    """Keep, for each network by itself, the weights of its epoch of lowest validation loss."""

    def __init__(self, windows: np.ndarray, targets: np.ndarray, networks: int) -> None:
        super().__init__()
        self.windows, self.targets = windows, targets
        self.lowest = np.full(networks, np.inf)
        self.kept: list[np.ndarray] = []

    def on_epoch_end(self, epoch: int, logs: dict[str, float] | None = None) -> None:
        loss = errors(self.model, self.windows, self.targets)
        now = self.model.get_weights()
        both = zip(now, self.kept or now, strict=True)
        self.kept = [np.where(loss < self.lowest, *versions) for versions in both]
        self.lowest = np.minimum(loss, self.lowest)


def errors(model: keras.Model, windows: np.ndarray, targets: np.ndarray) -> np.ndarray:
    """The mean squared error of every network, shape (networks,)."""
    predictions = model.predict(windows, batch_size=500, verbose=0)
    return np.mean((predictions - targets) ** 2, axis=0)


def weight_by_lag(layer: ManyNetworks, windows: np.ndarray) -> np.ndarray:
    """The mean attention weight at each lag from 1 on, shape (networks, steps)."""
    weights = np.asarray(layer.attention(layer.states(windows)))[:, :, 0]
    return weights.mean(axis=0)[::-1].T


def effect_by_lag(model: keras.Model, windows: np.ndarray, step: float = 0.1) -> np.ndarray:
    """How much a prediction moves for each unit that one input is moved, by lag from 1 on.

    Each input of the windows (count, steps, 1) is raised by ``step``, alone. The mean absolute
    change is divided by ``step``; shape (networks, steps). The true effect is 1/2 at both lags, or
    1 where they are the same, and 0 elsewhere.
    """
    count, steps, _ = windows.shape
    moved = np.repeat(windows[:, np.newaxis], steps, axis=1)
    moved[:, np.arange(steps), np.arange(steps)] += step
    before = model.predict(windows, batch_size=500, verbose=0)
    after = model.predict(moved.reshape(-1, steps, 1), batch_size=500, verbose=0)
    change = (after.reshape(count, steps, -1) - before[:, np.newaxis]) / step
    return np.abs(change).mean(axis=0)[::-1].T


def run(kind: str, seed: int, data: Splits) -> dict[str, Any]:
    """Train one stack of networks and return what the file holds of it."""
    model, layer = train(kind, seed, data)
    windows, targets = data["test"]
    result = {"error": [float(f"{error:.3g}") for error in errors(model, windows, targets)]}
    if KINDS[kind]["attention"]:
        weights = weight_by_lag(layer, windows)
        effects = effect_by_lag(model, windows[:PROBED])
        result["weights"] = np.round(1000 * weights).astype(int).tolist()
        result["effects"] = np.round(100 * effects).astype(int).tolist()
    return result


def record(folder: Path) -> dict[str, Any]:
    """Train everything, write ``lag_profiles.json`` into ``folder`` and return its content.

    What is done is kept in a hidden file beside it. When the recording was interrupted, the same
    call goes on from there.
    """
    data = splits()
    unfinished = folder / f".{FILE}.unfinished"
    content = resumed(unfinished, _header(data))
    for seed, kind in itertools.product(SEEDS, KINDS):
        name = f"{kind}_{seed}"
        if name in content["runs"]:
            continue
        begun = time.perf_counter()
        content["runs"][name] = run(kind, seed, data)
        content["seconds"][name] = seconds = round(time.perf_counter() - begun, 1)
        write_json(unfinished, content, indent=None)
        told = {"kind": kind, "seed": seed, "count": len(PAIRS), "seconds": seconds}
        print(tr("{kind}, seed {seed}: {count} networks in {seconds:.0f} seconds", **told))
    write_json(folder / FILE, content, indent=None)
    unfinished.unlink(missing_ok=True)
    return content


def _header(data: Splits) -> dict[str, Any]:
    return {
        "what": "the lagged sum of chapter 6, learned for every pair of lags",
        "recipe": {
            "layers": "SimpleRNN(2, tanh), TimeAttention or none, Dense(1, tanh)",
            "optimizer": "adam",
            "learning_rate": LEARNING_RATE,
            "loss": "mse",
            "batch_size": BATCH_SIZE,
            "epochs": EPOCHS,
            "epoch_kept": "lowest validation loss",
        },
        "kinds": KINDS,
        "data": {
            "name": "windows of 20 values, uniform in [-1, 1]; the mean of the values at two lags",
            "steps": STEPS,
            "seeds": {part: seed for seed, part in enumerate(SIZES, start=1)},
            **SIZES,
        },
        "units": {
            "error": "mean squared error on the test windows",
            "weights": "thousandths; mean over the test windows; by lag, from 1 to 20",
            "effects": f"hundredths; mean absolute change of the prediction for each unit of the "
            f"input, over {PROBED} test windows; by lag, from 1 to 20",
        },
        "versions": environment.versions(),
        "seeds": list(SEEDS),
        "pairs": [list(pair) for pair in PAIRS],
        "always_zero": [float(f"{error:.3g}") for error in np.mean(data["test"][1] ** 2, axis=0)],
        "runs": {},
        "seconds": {},
    }
