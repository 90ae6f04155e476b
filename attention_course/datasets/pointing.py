"""Tasks in which every answer stands at one known place, so an alignment can be marked.

A source is a row of items, each a label and a symbol; symbols are drawn at random, so nothing but
the right item tells the answer. Each query says which place it writes and holds a hint:

* ``drift``: the item a few steps to the left or right of the query's own place; the hint is how
  many. A narrow window around the query's place holds it.
* ``reversal``: the item as far from the end as the query is from the start; the hint is the length.
* ``look_up``: the item with a given label, anywhere; the hint is the label.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from attention_course.errors import DataError

TASKS = ("drift", "reversal", "look_up")
SYMBOLS = 8
LONGEST = 12
SHORTEST = 6
DRIFT = 2
"""How far ``drift`` strays from the query's own place, to either side."""


@dataclass(frozen=True)
class Examples:
    """Examples of one task, padded to ``LONGEST`` items.

    Attributes:
        labels, symbols: of the items, int32 ``(n, LONGEST)``.
        hints: one per query, int32 ``(n, LONGEST)``, from 0 on.
        answers: the symbols to be found, int32 ``(n, LONGEST)``.
        places: where they stand, int32 ``(n, LONGEST)``: the right alignment.
        real: True where there is an item, and a query, bool ``(n, LONGEST)``.
    """

    labels: np.ndarray
    symbols: np.ndarray
    hints: np.ndarray
    answers: np.ndarray
    places: np.ndarray
    real: np.ndarray


def draw(task: str, count: int, seed: int) -> Examples:
    """Draw ``count`` examples of a task, with ``SHORTEST`` to ``LONGEST`` items each.

    Padded items and queries hold zeros. Raises DataError for an unknown task or a count below 1.
    """
    if task not in TASKS:
        raise DataError("There is no task {task!r}; known are {known}.", task=task, known=TASKS)
    if count < 1:
        raise DataError("Ask for at least one example, not for {count}.", count=count)
    generator = np.random.default_rng([seed, TASKS.index(task)])
    lengths = generator.integers(SHORTEST, LONGEST + 1, (count, 1))
    steps = np.arange(LONGEST)
    real = steps < lengths
    symbols = generator.integers(SYMBOLS, size=(count, LONGEST))
    labels = generator.permuted(np.tile(steps, (count, 1)), axis=1)
    if task == "drift":
        drift = np.repeat(generator.integers(-DRIFT, DRIFT + 1, (count, 1)), LONGEST, axis=1)
        places, hints = np.clip(steps + drift, 0, lengths - 1), drift + DRIFT
    elif task == "reversal":
        places, hints = lengths - 1 - steps, np.repeat(lengths - SHORTEST, LONGEST, axis=1)
    else:
        places = generator.integers(lengths, size=(count, LONGEST))
        hints = np.take_along_axis(labels, places, axis=1)
    places = np.where(real, places, 0)
    answers = np.take_along_axis(symbols, places, axis=1)
    parts = (labels, symbols, hints, answers, places)
    return Examples(*(np.where(real, part, 0).astype("int32") for part in parts), real)


def ceiling(examples: Examples, D: int, centres: np.ndarray | None = None) -> float:
    """Return the accuracy that no window of half-width ``D`` can pass.

    Where the window holds the right item an answer may be right; elsewhere it can only be guessed,
    one symbol being as likely as another.

    Args:
        examples: of any task.
        D: half the width, in places.
        centres: where each query looks, (n, LONGEST) or broadcast to it; its own place if None.
    """
    centres = np.arange(LONGEST) if centres is None else centres
    inside = np.abs(examples.places - centres) <= D
    share = inside[examples.real].mean()
    return float(share + (1 - share) / SYMBOLS)
