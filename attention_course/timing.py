"""Training time of the sentiment models, side by side in one run: ``models/timing.json``.

Word numbers are random, because the time of a step does not depend on them: the measurement can
be repeated without the IMDB data. Rounds are interleaved, so that a slow minute of a shared
machine touches every model.
"""

import os
import platform
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import keras
import numpy as np

from attention_course import cards, models

TRAINING_REVIEWS = 20_000


def measure(
    names: Sequence[str] = models.SENTIMENT, rounds: int = 3, steps: int = 6, batch_size: int = 64
) -> dict[str, Any]:
    """Return seconds per epoch of 20,000 reviews for each model.

    Args:
        names: sentiment models.
        rounds: repetitions; each measures every model once, in turn.
        steps: training steps per measurement, after one step that is not counted.
        batch_size: the same for all models, whatever their recipe says.
    """
    random = np.random.default_rng(0)
    label = random.integers(0, 2, batch_size)
    built = {}
    for name in names:
        recipe = models.recipe(name)
        shape = (batch_size, recipe.settings["length"])
        model = recipe.build()
        words = random.integers(1, recipe.settings["num_words"], shape).astype("int32")
        model.train_on_batch(words, label)  # traces the graph
        built[name] = (model, words)
    seconds: dict[str, list[float]] = {name: [] for name in names}
    for _ in range(rounds):
        for name, (model, words) in built.items():
            begun = time.perf_counter()
            for _ in range(steps):
                model.train_on_batch(words, label)
            step = (time.perf_counter() - begun) / steps
            seconds[name].append(step * TRAINING_REVIEWS / batch_size)
    return {
        "what": f"training seconds per epoch of {TRAINING_REVIEWS} reviews",
        "batch_size": batch_size,
        "rounds": rounds,
        "steps": steps,
        "cores": len(os.sched_getaffinity(0)),
        "machine": platform.machine(),
        "versions": {"python": platform.python_version(), "keras": keras.__version__},
        "models": {
            name: {
                "median": round(float(np.median(values)), 2),
                "lowest": round(min(values), 2),
                "highest": round(max(values), 2),
            }
            for name, values in seconds.items()
        },
    }


def write(folder: Path) -> dict[str, Any]:
    """Measure all sentiment models and write ``timing.json`` into ``folder``."""
    content = measure()
    cards.write_json(folder / "timing.json", content)
    return content
