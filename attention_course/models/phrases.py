"""Translators of phrases by letters (``datasets/phrases.py``), with attention and without."""

from __future__ import annotations

from functools import partial

import keras

from attention_course.models.translation import translator

WORDS = (68, 74)
"""How many numbers English and Spanish need: letters of the training part, and those for none."""
SIZE = {"width": 32, "units": 32}
TRAINING = {"phrases": 1_543, "batch_size": 32, "epochs": 60}
"""The budget of both."""
_STEPS = -(-TRAINING["phrases"] // TRAINING["batch_size"]) * TRAINING["epochs"]
BUILDERS: dict[str, partial[keras.Model]] = {
    name: partial(translator, name, words=WORDS, steps=_STEPS, score=score, **SIZE)
    for name, score in (("phrases_plain", None), ("phrases_attention", "general"))
}
