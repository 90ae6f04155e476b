"""Draw the inputs of an exercise: every size, dtype, memory layout and hazard that answers miss.

An exercise's ``case(draw)`` asks a :class:`Draw` for sizes and arrays; the kind of the case
decides what it gets, and the kinds take turns.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any

import numpy as np

KINDS = (
    "plain",
    "single",  # every axis of length 1
    "whole",  # arrays of integers
    "part",  # most arrays are of integers: those may meet others in any pair
    "float32",
    "fortran",
    "strided",  # gaps between the numbers
    "zeros",  # many zeros, or nothing else
    "large",
    "small",
    "long",  # far more steps than an answer may have in mind
    "mixed",  # every array of another kind
    "part",
)
# Of seven cases in a row the last two have the shapes of the one before, and the seventh only one
# new input: an answer must not know its inputs by their shapes, or by some of them.
TURN = 7
EXCHANGED = ("part", "whole", "float32", "zeros", "small", "mixed")  # others may fit each other
REPEATED = 5  # cases asked again at the end: an answer must not remember


class Draw:
    """The source of one case's inputs."""

    def __init__(
        self, random: np.random.Generator, kind: str, sizes: Iterable[int] | None = None
    ) -> None:
        self.random = random
        self.kind = kind
        self.given = None if sizes is None else iter([*sizes])
        self.joined = False  # a case sets it where its inputs have meaning together alone
        self.sizes: list[int] = []  # the lengths of the axes, in the order they were asked for

    def size(self, least: int = 1, most: int = 5) -> int:
        """The length of an axis."""
        return self._size(least, least if self.kind == "single" else most)

    def length(self, least: int = 1, most: int = 6) -> int:
        """The length of an axis that may be long, such as time or a text."""
        if self.kind == "long":
            return self._size(12, 49)
        return self.size(least, most)

    def _size(self, least: int, most: int) -> int:
        drawn = int(self.random.integers(least, most + 1))
        self.sizes.append(next(self.given, drawn) if self.given else drawn)
        return min(max(self.sizes[-1], least), most)

    def numbers(
        self,
        *shape: int,
        low: float | None = None,
        high: float | None = None,
        large: float = 300.0,
    ) -> np.ndarray:
        """Normal numbers, or numbers between two bounds; ``large`` multiplies what is large."""
        random, bounded, kind = self.random, low is not None, self.kind
        if kind == "mixed":
            kind = str(random.choice(["plain", "whole", "float32", "fortran", "strided", "zeros"]))
        if kind == "part":
            kind = str(random.choice(["whole", "plain"], p=[0.7, 0.3]))
        values = random.uniform(low, high, shape) if bounded else random.normal(size=shape)
        if kind == "zeros":
            values = np.where(random.random(shape) < random.choice([0, 0.3, 0.6]), values, 0.0)
        elif kind == "small":
            values = values * 1e-5
        elif kind == "large" and bounded:
            values = np.where(random.random(shape) < 0.5, random.choice([low, high], shape), values)
        elif kind == "large":  # whole numbers, so that single precision holds them exactly
            values = np.round(large * values)
        elif kind == "whole":
            values = np.round(values if bounded else 2 * values).astype(np.int64)
        return self.layout(values, kind)

    def layout(self, values: np.ndarray, kind: str | None = None) -> np.ndarray:
        """The same numbers as single precision, in Fortran's order or with gaps between them."""
        kind = kind or self.kind
        if kind == "float32":
            return values.astype(np.float32)
        if kind == "fortran" and values.ndim > 1:
            return np.asfortranarray(values)
        if kind in ("strided", "fortran") and values.ndim:
            return np.repeat(values, 2, axis=-1)[..., ::2]
        return values

    def mask(self, *shape: int, none: bool = True) -> np.ndarray:
        """True and False at every place, in front, behind, in gaps, everywhere and nowhere.

        none    whether a row without any True may occur
        """
        places = np.arange(shape[-1])
        count = self.random.integers(0, shape[-1] + 1, (*shape[:-1], 1))
        patterns = (
            lambda: self.random.random(shape) < 0.5,
            lambda: places < count,
            lambda: places >= count,
            lambda: np.ones(shape, bool),
            lambda: np.zeros(shape, bool),
        )
        mask = patterns[self.random.integers(len(patterns) if none else len(patterns) - 1)]()
        if not none:
            keep = self.random.integers(0, shape[-1], shape[:-1])
            np.put_along_axis(mask, keep[..., None], True, axis=-1)
        return mask


def draw_cases(case: Callable[[Draw], tuple], seed: int, count: int) -> list[tuple[Any, ...]]:
    """``count`` inputs of an exercise, the kinds in turn, and some of them again at the end."""
    random, cases, draw = np.random.default_rng(seed), [], None
    for i in range(count):
        if draw and i % TURN >= TURN - 2:
            draw = Draw(random, draw.kind, draw.sizes)
        else:
            draw = Draw(random, KINDS[i % len(KINDS)])
        inputs = case(draw)
        last = i % TURN == TURN - 1 and draw.kind in EXCHANGED and not draw.joined
        cases.append(_one_new(cases[-1], inputs, random) if last else inputs)
    return cases + cases[: min(REPEATED, count // 10)]


def _one_new(earlier: tuple, new: tuple, random: np.random.Generator) -> tuple:
    """The earlier inputs with one of the new arrays among them, where the shapes allow it."""
    shapes = [getattr(one, "shape", None) for one in new]
    arrays = [place for place, shape in enumerate(shapes) if shape]
    if not arrays or shapes != [getattr(one, "shape", None) for one in earlier]:
        return new
    place = random.choice(arrays)
    return (*earlier[:place], new[place], *earlier[place + 1 :])
