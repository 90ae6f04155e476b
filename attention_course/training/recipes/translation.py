"""Recipes of the grammar's translators: one budget for all but one, and what is measured of each.

The score on a card is the share of test sentences that are translated word for word.
"""

from __future__ import annotations

import functools
from typing import Any

import keras
import numpy as np

from attention_course.datasets import grammar
from attention_course.functional.alignment import alignment_error_rate, links
from attention_course.models.translation import (
    BUILDERS,
    LONGER,
    TRAINING,
    UNITS,
    WIDTH,
    alignment,
    write,
)
from attention_course.statistics import accuracy
from attention_course.training.recipe import Recipe, Splits

SIZES = {"test": 2_000, "validation": 1_000, "train": TRAINING["sentences"]}
"""Sentence pairs of each part, in the order in which they are drawn."""
SEED = 1
BY_LENGTH = ((2, 6), (7, 10), (11, 14), (15, 18), (19, grammar.LONGEST))
"""Shortest and longest source of each group, in words."""
_BATCH = 500
_TITLES = {
    "grammar_plain": "No attention",
    "grammar_plain_long": "No attention, three times the budget",
    "grammar_additive": "Additive score",
    "grammar_dot": "Dot product",
    "grammar_scaled": "Scaled dot product",
    "grammar_general": "General score",
    "grammar_concat": "Concat score",
    "grammar_cosine": "Cosine, learned strength",
    "grammar_location": "Location score",
    "grammar_uniform": "Equal weights",
    "grammar_feeding": "Dot product, input feeding",
}


def test_pairs() -> list[grammar.Pair]:
    """Return the sentence pairs that every translator of the grammar is tested on."""
    return grammar.pairs(SIZES["test"], SEED)


@functools.cache
def load_grammar() -> Splits:
    """Return the grammar in three parts. Inputs are the source and what is already written."""
    pairs = grammar.pairs(sum(SIZES.values()), SEED)
    parts, start = {}, 0
    for part, size in SIZES.items():
        source, target = grammar.encode(pairs[start : start + size])
        parts[part] = [source, target[:, :-1]], target[:, 1:]
        start += size
    return Splits(
        *parts["train"],
        *parts["validation"],
        *parts["test"],
        provenance={
            "name": "English-Spanish grammar (attention_course.datasets.grammar)",
            "seed": SEED,
            "longest": grammar.LONGEST,
            **SIZES,
        },
    )


def evaluate(model: keras.Model, splits: Splits) -> dict[str, Any]:
    """Return the share of exact translations, also by length, and the alignment error rate."""
    (source, _), expected = splits.x_test, splits.y_test
    pairs = test_pairs()
    batches = [slice(start, start + _BATCH) for start in range(0, len(source), _BATCH)]
    longest = expected.shape[1]
    written = np.concatenate([write(model, source[batch], longest)[0] for batch in batches])
    right = (written == expected).all(axis=1)
    lengths = np.array([len(pair.source) for pair in pairs])
    report = {**accuracy(right), "metric": "exact match", "by_length": []}
    report["score"] = float(right.mean())
    for low, high in BY_LENGTH:
        group = right[(lengths >= low) & (lengths <= high)]
        report["by_length"].append({"words": [low, high], **accuracy(group)})
    if model.get_layer("decoder").attention:
        forced = np.concatenate(
            [alignment(model, *(part[batch] for part in splits.x_test)) for batch in batches]
        )
        found = [
            links(weights[: len(pair.target)], len(pair.source))
            for weights, pair in zip(forced, pairs, strict=True)
        ]
        rate = alignment_error_rate(
            found, [pair.sure for pair in pairs], [pair.possible for pair in pairs]
        )
        report["alignment_error_rate"] = round(rate, 4)
    return report


RECIPES: dict[str, Recipe] = {
    name: Recipe(
        name=name,
        title=_TITLES[name],
        build=build,
        load_data=load_grammar,
        evaluate=evaluate,
        epochs=TRAINING["epochs"] * (LONGER if name == "grammar_plain_long" else 1),
        batch_size=TRAINING["batch_size"],
        restore_best=False,
        seeds=(0, 1, 2),
        settings={"width": WIDTH, "units": UNITS, **build.keywords},
    )
    for name, build in BUILDERS.items()
}
