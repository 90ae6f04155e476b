"""Draw the inputs of an exercise: every size, dtype, memory layout and hazard that answers miss.

An exercise's ``case(draw)`` asks a :class:`Draw` for sizes and arrays; the kind of the case
decides what it gets. The kinds take turns, so that each hazard occurs alone, and in the mixed
cases between them the hazards meet.
"""

from __future__ import annotations

import itertools
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
    "strided",  # gaps between the numbers, or the last one first
    "zeros",  # many zeros, or nothing else
    "large",
    "small",
    "long",  # more steps than an answer may have in mind
    "mixed",  # several of these in each array, and some axis far longer than the others
    "part",
)
# How often each of them befalls an array of a mixed case, whatever else befalls it.
CHANCES = {
    "whole": 0.2,
    "float32": 0.25,
    "fortran": 0.3,
    "strided": 0.3,
    "read-only": 0.3,
    "zeros": 0.25,
    "large": 0.3,
    "small": 0.3,
}
# Of seven cases in a row the last two have the shapes of the one before, and the seventh only one
# new input: an answer must not know its inputs by their shapes, or by some of them.
TURN = 7
EXCHANGED = ("part", "whole", "float32", "zeros", "small", "mixed")  # others may fit each other
REPEATED = 5  # cases asked again at the end: an answer must not remember


class Draw:
    """The source of one case's inputs.

    wide    the place, among the axes in the order they are asked for, of the one that is far
            longer than the others
    """

    def __init__(
        self,
        random: np.random.Generator,
        kind: str,
        sizes: Iterable[int] | None = None,
        wide: int | None = None,
    ) -> None:
        self.random = random
        self.kind = kind
        self.wide = wide
        self.given = iter([*(sizes or ())])
        self.joined = False  # a case sets it where its inputs have meaning together alone
        self.fits: Callable[..., bool] = lambda *_: True  # ... or where some of them may have none
        self.sizes: list[int] = []  # the lengths of the axes, in the order they were asked for

    def size(self, least: int = 1, most: int = 5, wide: int = 600) -> int:
        """The length of an axis; up to ``wide`` where it is the long one of a mixed case."""
        return self._size(least, least if self.kind == "single" else most, wide)

    def length(self, least: int = 1, most: int = 6, wide: int = 1100) -> int:
        """The length of an axis that may be long, such as time or a text."""
        if self.kind == "long":
            return self._size(12, 49, wide)
        return self.size(least, most, wide)

    def _size(self, least: int, most: int, wide: int) -> int:
        drawn = int(self.random.integers(least, most + 1))
        if self.wide == len(self.sizes):
            drawn, most = round(wide / 1.3 ** self.random.random()), wide
        self.sizes.append(next(self.given, drawn))
        return min(max(self.sizes[-1], least), most)

    def hazards(self) -> set[str]:
        """What befalls the next array: the kind of the case, or several kinds in a mixed one."""
        if self.kind == "part":
            return {"whole"} if self.random.random() < 0.7 else set()
        if self.kind != "mixed":
            return {self.kind}
        return {one for one, chance in CHANCES.items() if self.random.random() < chance}

    def own(self, *shape: int) -> np.ndarray | None:
        """At times, queries that are to be the keys too, as in self-attention."""
        if self.kind != "mixed" or shape[-2] > 100 or self.random.random() > 0.3:
            return None
        return self.random.normal(size=shape)

    def scale(self, most: float) -> float:
        """A factor between 1 and ``most``, any magnitude as likely; the last in a pure case."""
        return most ** self.random.random() if self.kind == "mixed" else most

    def numbers(
        self,
        *shape: int,
        low: float | None = None,
        high: float | None = None,
        large: float = 300.0,
        small: float = 1e-5,
    ) -> np.ndarray:
        """Normal numbers, or numbers between two bounds.

        large, small    what multiplies large and small numbers, at most
        """
        random, bounded, hazards = self.random, low is not None, self.hazards()
        values = random.uniform(low, high, shape) if bounded else random.normal(size=shape)
        if "large" in hazards and bounded:
            values = np.where(random.random(shape) < 0.5, random.choice([low, high], shape), values)
        elif "whole" in hazards:
            values = np.round(values if bounded else 2 * values)
            values = values.astype(random.choice(["int32", "int64"]))
        elif "large" in hazards:  # whole numbers, so that single precision holds them exactly
            values = np.round(self.scale(large) * values)
        elif "small" in hazards and "float32" not in hazards:
            # Not both: who writes tanh as a quotient of powers loses small numbers in float32.
            values = values * self.scale(small)
        if "zeros" in hazards:
            kept = random.random(shape) < random.choice([0, 0.3, 0.6])
            values = np.where(kept, values, values.dtype.type(0))
        if len({*shape}) == 1 and values.ndim == 2 and random.random() < 0.1:
            values = np.triu(values) + np.triu(values, 1).T  # symmetric
        return self.layout(values, hazards)

    def layout(self, values: np.ndarray, hazards: set[str] | None = None) -> np.ndarray:
        """The same numbers in single precision, or in memory that is not simply one after another.

        Between the numbers there may be gaps, with other numbers in them.
        """
        hazards = self.hazards() if hazards is None else hazards
        if "fortran" in hazards:
            return self.layout(np.transpose(values), hazards - {"fortran"}).T
        if "float32" in hazards and values.dtype == float:
            values = values.astype(np.float32)
        if "strided" in hazards and values.ndim:
            axis, step = self.random.integers(values.ndim), self.random.choice([2, 3, -1, -2])
            room = list(values.shape)
            room[axis] *= abs(step)
            view = np.full(room, 7, values.dtype)[
                (slice(None),) * axis + (slice(None, None, step),)
            ]
            view[...] = values
            values = view
        else:
            values = np.array(values, order="C")
        values.flags.writeable = "read-only" not in hazards
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
            lambda: places == np.minimum(count, shape[-1] - 1),
            lambda: np.ones(shape, bool),
            lambda: np.zeros(shape, bool),
        )
        mask = patterns[self.random.integers(len(patterns) if none else len(patterns) - 1)]()
        if not none:
            keep = self.random.integers(0, shape[-1], shape[:-1])
            np.put_along_axis(mask, keep[..., None], True, axis=-1)
        return self.layout(mask)


def draw_cases(case: Callable[[Draw], tuple], seed: int, count: int) -> list[tuple[Any, ...]]:
    """``count`` inputs of an exercise, and some of them again at the end.

    The kinds take their turns, after one round with a mixed case between any two; in those the
    axes take turns in being long.
    """
    random, cases, draw, turns = np.random.default_rng(seed), [], None, itertools.count()
    for i in range(count):
        if draw and i % TURN >= TURN - 2:
            draw = Draw(random, draw.kind, draw.sizes, draw.wide)
        elif i > len(KINDS) and i % 2:
            draw = Draw(random, "mixed", wide=next(turns) % (len(draw.sizes) + 2))
        else:
            draw = Draw(random, KINDS[i % len(KINDS)])
        inputs = case(draw)
        last = i % TURN == TURN - 1 and draw.kind in EXCHANGED and not draw.joined
        exchanged = _one_new(cases[-1], inputs, random) if last else inputs
        cases.append(exchanged if draw.fits(*exchanged) else inputs)
    return cases + cases[: min(REPEATED, count // 10)]


def _one_new(earlier: tuple, new: tuple, random: np.random.Generator) -> tuple:
    """The earlier inputs with one of the new ones among them, where the shapes allow it."""
    shapes = [getattr(one, "shape", ()) for one in new]
    if shapes != [getattr(one, "shape", ()) for one in earlier]:
        return new
    # NumPy shortens these when they are printed, so only one number in their midst is another.
    shortened = [i for i, shape in enumerate(shapes) if len(shape) > 1 and np.prod(shape) > 1000]
    place = random.choice(shortened or len(new))
    changed = new[place]
    if shortened:
        changed, entry = np.array(earlier[place]), tuple(n // 2 for n in shapes[place])
        changed[entry] = new[place][entry]
    return (*earlier[:place], changed, *earlier[place + 1 :])
