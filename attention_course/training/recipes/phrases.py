"""Recipes of the translators of phrases by letters.

The score on a card is the share of held-out phrases that are translated letter for letter.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import keras
import numpy as np

from attention_course.datasets import phrases
from attention_course.datasets.subwords import Subwords, encode_pairs, letters
from attention_course.models.phrases import BUILDERS, TRAINING
from attention_course.models.translation import write
from attention_course.statistics import accuracy
from attention_course.training import scoring
from attention_course.training.recipe import Recipe, Splits

EXAMPLES = 12
"""So many translations stand on a card, those of the first phrases of the test."""
_TITLES = {
    "phrases_plain": "No attention, by letters",
    "phrases_attention": "Attention, by letters",
}


def parts() -> tuple[dict[str, list[phrases.Phrase]], tuple[Subwords, Subwords], int]:
    """Return the parts, the letters of English and of Spanish, and how many were too long."""
    found, too_long = phrases.load()
    split = phrases.split(found)
    english, spanish = zip(*split["train"], strict=True)
    return split, (letters(english), letters(spanish)), too_long


def load_data() -> Splits:
    """Return the phrases in three parts. Inputs are the source and what is already written."""
    split, alphabets, too_long = parts()
    encoded = {part: encode_pairs(pairs, *alphabets) for part, pairs in split.items()}
    arrays = [
        ([source, target[:, :-1]], target[:, 1:])
        for source, target in (encoded[part] for part in ("train", "validation", "test"))
    ]
    return Splits(
        *arrays[0],
        *arrays[1],
        *arrays[2],
        provenance={
            "name": "English-Spanish names of signs (Unicode CLDR 48), by letters",
            "longest": phrases.LONGEST,
            "too_long": too_long,
            **{part: len(pairs) for part, pairs in split.items()},
        },
    )


def evaluate(model: keras.Model, splits: Splits) -> dict[str, Any]:
    """Return the share of exact translations, the character error rate, and BLEU and chrF."""
    split, (_, spanish), _ = parts()
    found = {}
    for part, (source, _) in (("train", splits.x_train), ("test", splits.x_test)):
        numbers, _ = write(model, source, phrases.LONGEST + 1)
        found[part] = [spanish.decode(row) for row in numbers]
    train, test = (measure(written, split[part]) for part, written in found.items())
    shown = zip(split["test"][:EXAMPLES], found["test"], strict=False)
    return {
        **test,
        "train": {key: train[key] for key in ("score", "character_error_rate")},
        "written": [[*pair, written] for pair, written in shown],
    }


def measure(found: Sequence[str], pairs: Sequence[phrases.Phrase]) -> dict[str, Any]:
    """Return what is told of translations ``found`` of ``pairs``, whoever translated them."""
    expected = [target for _, target in pairs]
    right = [one == other for one, other in zip(found, expected, strict=True)]
    scores = scoring.report(found, expected)
    return {
        **accuracy(np.array(right)),
        "metric": "exact match",
        "character_error_rate": round(scoring.character_error_rate(found, expected), 4),
        "chrf": scores["chrf"],
        "signature": scores["signatures"]["chrf"],
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
        # The last epoch, not the one that validation would choose: to see what is learned by heart.
        restore_best=False,
        seeds=(0, 1, 2),
        settings=build.keywords,
    )
    for name, build in BUILDERS.items()
}
