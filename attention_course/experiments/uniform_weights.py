"""What is left of trained models when their attention weighs all words alike.

Nothing is trained again. A twin of each model gets its weights, and scores that are all zero, so
that its softmax gives every real word the same weight. Both judge the test reviews, and clear
verdicts with more and more neutral words behind them: ``data/uniform_weights.json``.
"""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import keras
import numpy as np

from attention_course import environment
from attention_course.models.reader import SentimentReader
from attention_course.statistics import mcnemar, unpack_answers, wilson_interval
from attention_course.storage import write_json
from attention_course.training.recipes import recipe
from attention_course.words import tr

FILE = "uniform_weights.json"
MODELS = ("rnn_attention", "lstm_attention", "self_attention", "multi_head")
PRAISE = (
    "a wonderful film and a great story",
    "i loved this excellent movie",
    "superb acting and a perfect ending",
)
BLAME = (
    "a terrible film and a stupid story",
    "i hated this awful movie",
    "poor acting and a ridiculous ending",
)
FUNCTION_WORDS = [
    "the",
    "of",
    "in",
    "to",
    "with",
    "on",
    "at",
    "by",
    "for",
    "from",
    "then",
    "there",
    "it",
    "as",
    "which",
    "where",
    "a",
]
SENTENCE = [
    "the",
    "film",
    "was",
    "shown",
    "at",
    "the",
    "cinema",
    "in",
    "the",
    "town",
    "on",
    "a",
    "day",
    "in",
    "the",
    "week",
]
COUNTS = (0, 20, 40, 80, 160)
"""How many neutral words follow."""


def with_equal_weights(model: keras.Model) -> keras.Model:
    """Return a twin of ``model`` in which every score of an attention layer is zero."""

    def twin_of(layer: keras.Layer) -> keras.Layer:
        config = layer.get_config()
        if isinstance(layer, keras.layers.Attention):
            config["use_scale"] = True  # a factor of all scores, which is set to 0 below
        return type(layer).from_config(config)

    twin = keras.models.clone_model(model, clone_function=twin_of)
    for layer in model.layers:
        weights = layer.get_weights()
        if isinstance(layer, keras.layers.Attention):
            weights = [np.zeros(())]
        if isinstance(layer, keras.layers.MultiHeadAttention):
            # Kernel and bias of the queries, then of the keys.
            weights[:4] = [np.zeros_like(array) for array in weights[:4]]
        twin.get_layer(layer.name).set_weights(weights)
    return twin


def endings() -> dict[str, list[str]]:
    """Return the neutral words behind a verdict: of each kind, one text for each of ``COUNTS``."""
    random = np.random.default_rng(0)
    return {
        "function words": [" ".join(random.choice(FUNCTION_WORDS, size=n)) for n in COUNTS],
        "one sentence, repeated": [" ".join((SENTENCE * 11)[:n]) for n in COUNTS],
    }


def gaps(reader: SentimentReader, behind: Sequence[str]) -> list[float]:
    """For each ending, return the mean probability of the praises minus that of the blames."""
    texts = [f"{text} {ending}" for ending in behind for text in PRAISE + BLAME]
    probability = reader.probability(texts).reshape(len(behind), 2, -1)
    return [round(float(gap), 4) for gap in probability.mean(axis=2) @ [1, -1]]


def compare(name: str) -> dict[str, Any]:
    """Return the record of one model: what its weights change."""
    reader = SentimentReader(name)
    test = reader.card["test"]
    learned = {kind: gaps(reader, behind) for kind, behind in endings().items()}
    reader.model = with_equal_weights(reader.model)
    equal = {kind: gaps(reader, behind) for kind, behind in endings().items()}
    found = recipe(name)
    without = found.evaluate(reader.model, found.load_data())
    before, after = unpack_answers(test), unpack_answers(without)
    same = int((before == after).sum())  # with two classes, the verdict is the same then
    return {
        "seed": reader.card["seeds"][0],
        "accuracy": {"learned": test["score"], "equal": without["score"]},
        "interval": {"learned": test["interval"], "equal": without["interval"]},
        "right": without["right"],
        "examples": without["examples"],
        "unchanged": round(same / after.size, 5),
        "unchanged_interval": [round(end, 5) for end in wilson_interval(same, after.size)],
        "mcnemar": mcnemar(before, after),
        "gap": {"learned": learned, "equal": equal},
    }


def record(folder: Path) -> dict[str, Any]:
    """Compare all, write ``uniform_weights.json`` into ``folder`` and return its content."""
    content: dict[str, Any] = {
        "what": "trained models whose attention weights are made equal, without new training",
        "counts": list(COUNTS),
        "versions": environment.versions(),
        "models": {},
    }
    for name in MODELS:
        content["models"][name] = row = compare(name)
        told = {"name": name, **row["accuracy"], "share": row["unchanged"]}
        print(
            tr("{name}: {learned:.4f}, equal weights {equal:.4f}, {share:.1%} the same", **told),
            flush=True,
        )
    write_json(folder / FILE, content)
    return content
