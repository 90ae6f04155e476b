"""Exercises that check themselves.

>>> check("04.attention", my_attention)   # a Verdict: passed, or one sentence on what is wrong
>>> hint("04.attention", 1)               # a nudge; higher levels say more
>>> solution("04.attention")              # source text that runs by itself
"""

from __future__ import annotations

import difflib
from collections.abc import Iterator, Mapping
from importlib import import_module
from typing import Any

from attention_course.errors import ExerciseError
from attention_course.exercises._harness import Exercise, Source, Text, Verdict, examine, give_hint

__all__ = ["EXERCISES", "Exercise", "Verdict", "check", "hint", "question", "solution"]

MODULES = {
    "01": "rnn",
    "02": "gradients",
    "03": "alignment",
    "04": "qkv",
    "05": "reading",
    "06": "fibonacci",
}


class _Exercises(Mapping):
    """All exercises by name. A chapter's module is imported when one of its names is asked for."""

    def __getitem__(self, name: str) -> Exercise:
        chapter = name.split(".")[0] if isinstance(name, str) else None
        found = _chapter(chapter).get(name) if chapter in MODULES else None
        if found is None:
            raise ExerciseError(_unknown(name))
        return found

    def __iter__(self) -> Iterator[str]:
        for chapter in MODULES:
            yield from _chapter(chapter)

    def __len__(self) -> int:
        return sum(1 for _ in self)


EXERCISES = _Exercises()


def check(name: str, answer: Any) -> Verdict:
    """Examine an answer of any type. Raises ExerciseError for an unknown name, nothing else."""
    return examine(EXERCISES[name], answer)


def hint(name: str, level: int = 1) -> Text:
    """Hint number `level` of an exercise, from a nudge (1) to nearly everything."""
    return give_hint(EXERCISES[name], level)


def solution(name: str) -> Source:
    """The solution's source text."""
    return Source(EXERCISES[name].solution)


def question(name: str) -> Text:
    """What the exercise asks."""
    return Text(EXERCISES[name].question)


def _chapter(chapter: str) -> dict[str, Exercise]:
    return import_module(f"attention_course.exercises.{MODULES[chapter]}").EXERCISES


def _unknown(name: Any) -> str:
    chapter = name.split(".")[0] if isinstance(name, str) else None
    names = list(_chapter(chapter)) if chapter in MODULES else []
    near = difflib.get_close_matches(str(name), names, n=1)
    if near:
        return f"There is no exercise {name!r}; did you mean {near[0]!r}?"
    if names:
        return f"There is no exercise {name!r}; chapter {chapter} has: {', '.join(names)}."
    return (
        f"There is no exercise {name!r}; a name is a chapter and a word, such as '06.attention', "
        f"and the chapters are {', '.join(MODULES)}."
    )
