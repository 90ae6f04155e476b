"""Translators of verses by subwords (``datasets/verses.py``), with attention and without."""

from __future__ import annotations

from functools import partial

import keras

from attention_course.models.translation import translator

WORDS = (1_000, 1_000)
"""How many numbers the subwords of each language need."""
LONGEST = 48
"""Subwords of the longest verse that they learn from, END included; the test has longer ones."""
SIZE = {"width": 64, "units": 96}
TRAINING = {"verses": 17_476, "batch_size": 64, "epochs": 12}
"""The budget of both."""
_STEPS = -(-TRAINING["verses"] // TRAINING["batch_size"]) * TRAINING["epochs"]
BUILDERS: dict[str, partial[keras.Model]] = {
    name: partial(translator, name, words=WORDS, steps=_STEPS, score=score, **SIZE)
    for name, score in (("verses_plain", None), ("verses_attention", "dot"))
}
