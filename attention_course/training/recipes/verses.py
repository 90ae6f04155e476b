"""Recipes of the translators of verses by subwords.

The score on a card is BLEU on the test verses that are no longer than those of the training part.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import keras
import numpy as np

from attention_course.datasets import verses
from attention_course.datasets.grammar import PADDING
from attention_course.datasets.subwords import encode_pairs
from attention_course.models.translation import write
from attention_course.models.verses import BUILDERS, LONGEST, TRAINING
from attention_course.training import scoring
from attention_course.training.recipe import Recipe, Splits

BY_LENGTH = ((1, 24), (25, 32), (33, 40), (41, LONGEST), (LONGEST + 1, 64), (65, 80))
"""Shortest and longest source of each group, in subwords with END; the last two are longer than any
that was trained on."""
EXAMPLES = 12
"""So many translations stand on a card, at equal steps through the test."""
_BATCH = 200
_TITLES = {
    "verses_plain": "No attention, by subwords",
    "verses_attention": "Attention, by subwords",
}


def parts() -> tuple[dict[str, list[tuple[str, str]]], dict[str, Any]]:
    """Return pairs of texts by part, and what was left out on the way, counted.

    Training and validation hold verses of up to ``LONGEST`` subwords in both languages, the test
    all that are no longer than the last group of ``BY_LENGTH``.
    """
    found, left_out = verses.load()
    split, near = verses.split(found)
    pairs, too_long = {}, {}
    for part, books in split.items():
        most = BY_LENGTH[-1][1] if part == "test" else LONGEST
        both = [(verse.source, verse.target) for verse in books]
        pairs[part] = [pair for pair in both if max(sizes(pair)) <= most]
        too_long[part] = len(both) - len(pairs[part])
    return pairs, {**left_out, "near_duplicates": near, "too_long": too_long}


def sizes(pair: Sequence[str]) -> list[int]:
    """Return the length of both sides of a pair in subwords, END included."""
    return [
        len(words.encode(text)) + 1 for words, text in zip(verses.subwords(), pair, strict=True)
    ]


def load_data() -> Splits:
    """Return the verses in three parts. Inputs are the source and what is already written."""
    pairs, left_out = parts()
    arrays = []
    for part in ("train", "validation", "test"):
        source, target = encode_pairs(pairs[part], *verses.subwords())
        arrays.append(([source, target[:, :-1]], target[:, 1:]))
    return Splits(
        *arrays[0],
        *arrays[1],
        *arrays[2],
        provenance={
            "name": "World English Bible and Reina-Valera 1909, verse by verse, by subwords",
            "test_books": list(verses.TEST),
            "validation_books": list(verses.VALIDATION),
            "longest": LONGEST,
            "left_out": left_out,
            **{part: len(found) for part, found in pairs.items()},
        },
    )


def translate(
    source: np.ndarray, write_batch: Callable[[np.ndarray, int], np.ndarray]
) -> list[str]:
    """Return the Spanish of encoded verses (n, S), those of one length together.

    ``write_batch(source, longest)`` writes numbers, (batch, longest). A translation may have half
    as many subwords again as its source, and ten.
    """
    _, spanish = verses.subwords()
    lengths = (source != PADDING).sum(axis=1)
    order = np.argsort(lengths, kind="stable")
    found = [""] * len(source)
    for start in range(0, len(order), _BATCH):
        batch = order[start : start + _BATCH]
        widest = int(lengths[batch].max())
        for place, row in zip(
            batch, write_batch(source[batch, :widest], widest * 3 // 2 + 10), strict=True
        ):
            found[place] = spanish.decode(row)
    return found


def greedily(model: keras.Model, source: np.ndarray) -> list[str]:
    """Return the greedy translations of encoded verses (n, S)."""
    return translate(source, lambda batch, longest: write(model, batch, longest)[0])


def evaluate(model: keras.Model, splits: Splits) -> dict[str, Any]:
    """Return BLEU and chrF of greedy translations, over all and by length of the source."""
    pairs, _ = parts()
    return measure(greedily(model, splits.x_test[0]), pairs["test"])


def measure(found: Sequence[str], pairs: Sequence[tuple[str, str]]) -> dict[str, Any]:
    """Return what is told of translations ``found`` of test ``pairs``, whoever translated them."""
    both = np.array([sizes(pair) for pair in pairs])

    def report(chosen: np.ndarray) -> dict[str, Any]:
        places = np.flatnonzero(chosen)
        return scoring.report([found[i] for i in places], [pairs[i][1] for i in places])

    known = both.max(axis=1) <= LONGEST
    result = report(known)
    by_length = []
    for low, high in BY_LENGTH:
        group = report((both[:, 0] >= low) & (both[:, 0] <= high))
        del group["signatures"]  # they are those of all
        by_length.append({"subwords": [low, high], **group})
    shown = np.flatnonzero(known)[:: max(1, known.sum() // EXAMPLES)][:EXAMPLES]
    return {
        "score": result["bleu"]["score"],
        "metric": "BLEU",
        **result,
        "by_length": by_length,
        "written": [[*pairs[place], found[place]] for place in shown],
    }


RECIPES: dict[str, Recipe] = {
    name: Recipe(
        name=name,
        title=_TITLES[name],
        build=build,
        load_data=load_data,
        evaluate=evaluate,
        epochs=TRAINING["epochs"],
        batch_size=TRAINING["batch_size"],
        seeds=(0, 1, 2),
        settings=build.keywords,
    )
    for name, build in BUILDERS.items()
}
