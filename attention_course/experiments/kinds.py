"""Every kind of attention on the tasks whose right places are known: ``data/kinds.json``.

All networks are one but for their attention, and get the same examples and number of updates. The
learning rate of each is chosen on validation examples, with a seed of its own: among ``RATES``, and
beyond them while the last one tried is the best and fails. Then ``SEEDS`` are trained at that rate
and measured on test examples. A run ends early when every validation answer is right.
"""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import keras
import numpy as np
import tensorflow as tf

from attention_course import environment
from attention_course.datasets.pointing import LONGEST, TASKS, Examples, draw
from attention_course.experiments.rates import beyond
from attention_course.models.pointing import SURPRISE, WIDTH, Pointer, inputs_of, judge, pointer
from attention_course.statistics import mean_interval
from attention_course.storage import resumed, write_json
from attention_course.words import tr

FILE = "kinds.json"
_GENERAL: dict[str, Any] = {"score": "general"}
KINDS: dict[str, dict[str, Any]] = {
    "soft": _GENERAL,
    "sparse": _GENERAL | {"choice": "sparse"},
    "gumbel": _GENERAL | {"choice": "gumbel"},
    "hard": _GENERAL | {"choice": "hard"},
    "hard_no_baseline": _GENERAL | {"choice": "hard", "with_baseline": False},
    "argmax": _GENERAL | {"choice": "argmax"},
    "monotonic": _GENERAL | {"choice": "monotonic"},
    "local_m": _GENERAL | {"place": "local-m", "D": 2},
    "local_p": _GENERAL | {"place": "local-p", "D": 2, "units": WIDTH},
    "local_p_4": _GENERAL | {"place": "local-p", "D": 4, "units": WIDTH},
    "self": _GENERAL | {"whose": "self"},
    "additive": {"score": "additive", "units": WIDTH},
    "concat": {"score": "concat", "units": WIDTH},
    "dot": {"score": "dot"},
    "scaled": {"score": "scaled"},
    "cosine": {"score": "cosine"},
    "location": {"score": "location", "places": LONGEST},
    "uniform": {"score": "uniform"},
}
"""What each network gives :func:`pointer`; "soft" is global, soft, cross, with a general score."""
RATES = (3e-4, 1e-3, 3e-3)
SEARCH_SEED = 10
SEEDS = (0, 1, 2)
SIZES = {"train": 19_200, "validation": 1_000, "test": 1_000}
BATCH_SIZE = 64
EPOCHS = 10
"""At most so many times through the training examples, which makes 3,000 updates."""
DRAWS = 100
"""Gradients of one batch that a noise is measured over."""


def examples(task: str) -> dict[str, Examples]:
    """Return the examples of a task; training, validation and test have their own seeds."""
    return {part: draw(task, size, seed) for seed, (part, size) in enumerate(SIZES.items(), 1)}


def train(kind: str, data: dict[str, Examples], rate: float, seed: int) -> dict[str, Any]:
    """Train one network; return its validation accuracy after each epoch and its test results.

    Of a hard choice with a baseline the noise of its gradient is measured after each epoch, too.
    """
    keras.backend.clear_session()
    keras.utils.set_random_seed(seed)
    model = pointer(rate, **KINDS[kind])
    run: dict[str, Any] = {"rate": rate, "seed": seed, "validation": []}
    noises = []
    for _ in range(EPOCHS):
        part = data["train"]
        model.fit(inputs_of(part), part.answers, batch_size=BATCH_SIZE, verbose=0)
        accuracy = judge(model, data["validation"])["accuracy"]
        run["validation"].append(round(accuracy, 4))
        if kind == "hard":
            noises.append(noise(model, part))
        if accuracy == 1:
            break
    run["test"] = {key: round(value, 5) for key, value in judge(model, data["test"]).items()}
    return run | ({"noise": noises} if noises else {})


def noise(model: Pointer, part: Examples) -> dict[str, float]:
    """Return how far the gradient of one batch strays from its mean over ``DRAWS`` draws.

    It is the mean squared distance to the mean, over the weights that make queries and scores, with
    the model's baseline and with none. Both have the same expectation, whose squared length is
    ``signal``: estimated from the draws with it, less the share that their noise adds.
    """
    batch = [array[:BATCH_SIZE] for array in inputs_of(part)]
    answers = part.answers[:BATCH_SIZE]
    weights = [
        weight
        for weight in model.trainable_variables
        if weight.path.split("/")[0] in ("hint", "asked_place", "hidden", "query", "attention")
    ]

    @tf.function
    def gradient() -> Any:
        with tf.GradientTape() as tape:
            loss = model.compute_loss(batch, answers, model(batch, training=True))
        gradients = tape.gradient(loss, weights)
        return tf.concat([tf.reshape(tf.convert_to_tensor(g), [-1]) for g in gradients], axis=0)

    learned, model.with_baseline = float(model.baseline), False  # it stays as it is
    found = {}
    for name, value in (("with", learned), ("without", 0.0)):
        model.baseline.assign(value)
        drawn = np.array([gradient().numpy() for _ in range(DRAWS)], dtype="float64")
        found[name] = float(drawn.var(axis=0, ddof=1).sum())
        if name == "with":
            found["signal"] = float((drawn.mean(axis=0) ** 2).sum() - found["with"] / DRAWS)
    model.baseline.assign(learned)
    model.with_baseline = True
    return {"baseline": round(learned, 3)} | {key: float(f"{n:.3g}") for key, n in found.items()}


def best_rate(tries: Sequence[dict[str, Any]]) -> float:
    """Return the rate of the highest last validation accuracy, of equal ones the fastest."""
    return max(tries, key=lambda run: (run["validation"][-1], -len(run["validation"])))["rate"]


def further_rate(tries: Sequence[dict[str, Any]]) -> float | None:
    """Return a rate to try yet: beyond the end of those tried, if the best stands there and fails.

    It is three times the highest, or a third of the lowest.
    """
    rate = best_rate(tries)
    if any(run["validation"][-1] == 1 for run in tries if run["rate"] == rate):
        return None
    further = beyond(rate, [run["rate"] for run in tries], 3)
    return None if further is None else float(f"{further:.3g}")


def record(folder: Path) -> dict[str, Any]:
    """Train all, write ``kinds.json`` into ``folder`` and return its content.

    What is done is kept in a hidden file beside it. When the recording was interrupted, the same
    call goes on from there.
    """
    unfinished = folder / f".{FILE}.unfinished"
    content = resumed(unfinished, _header())
    done = {(row["task"], row["kind"]) for row in content["rows"]}
    for task, kind in itertools.product(TASKS, KINDS):
        if (task, kind) in done:
            continue
        data = examples(task)
        tries = [train(kind, data, rate, SEARCH_SEED) for rate in RATES]
        while (rate := further_rate(tries)) is not None:
            tries.append(train(kind, data, rate, SEARCH_SEED))
        rate = best_rate(tries)
        runs = [train(kind, data, rate, seed) for seed in SEEDS]
        row: dict[str, Any] = {"task": task, "kind": kind, "rate": rate}
        for measure in ("accuracy", "weight"):
            summary = mean_interval([run["test"][measure] for run in runs])
            row[measure] = {
                "mean": round(summary["mean"], 4),
                "interval": [round(end, 4) for end in summary["interval"]],
            }
        # Of a try only the validation examples count.
        tried = [{key: run[key] for key in ("rate", "validation")} for run in tries]
        content["rows"].append(row | {"runs": runs, "tries": tried})
        write_json(unfinished, content)
        told = {"task": task, "kind": kind, "mean": row["accuracy"]["mean"], "rate": rate}
        print(tr("{task}, {kind}: {mean:.3f} with rate {rate}", **told), flush=True)
    write_json(folder / FILE, content)
    unfinished.unlink(missing_ok=True)
    return content


def _header() -> dict[str, Any]:
    return {
        "what": "kinds of attention on tasks with known places, a learning rate chosen for each",
        "kinds": KINDS,
        "rates": list(RATES),
        "search_seed": SEARCH_SEED,
        "seeds": list(SEEDS),
        "most_epochs": EPOCHS,
        "batch_size": BATCH_SIZE,
        "surprise": SURPRISE,
        "draws": DRAWS,
        "parameters": {kind: pointer(1e-3, **of).count_params() for kind, of in KINDS.items()},
        **SIZES,
        "cores": environment.cores(),
        "versions": environment.versions(),
        "rows": [],
    }
