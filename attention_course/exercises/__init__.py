"""Exercises that check themselves.

>>> check("04.attention", my_attention)   # a Verdict: passed, or one sentence on what is wrong
>>> hint("04.attention", 1)               # a nudge; higher levels say more
>>> solution("04.attention")              # source text that runs by itself

How an exercise is written stands in ``exercise``; ``judging`` says how one is judged.
"""

from __future__ import annotations

import difflib
from collections.abc import Iterator, Mapping
from importlib import import_module
from typing import Any

from attention_course.errors import ExerciseError
from attention_course.exercises import process
from attention_course.exercises.exercise import Exercise, Source, Text, Verdict, give_hint
from attention_course.exercises.judging import judge
from attention_course.words import tr

__all__ = ["EXERCISES", "Exercise", "Verdict", "check", "hint", "question", "solution"]

MODULES = {
    "01": "rnn",
    "02": "gradients",
    "03": "alignment",
    "04": "qkv",
    "05": "reading",
    "06": "fibonacci",
    "07": "kinds",
    "08": "translation",
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


def check(name: str, answer: Any, *, seed: int | None = None) -> Verdict:
    """Examine an answer of any type, in a process of its own.

    Args:
        name: the exercise, such as "04.attention".
        answer: the function or class that the exercise asks for.
        seed: repeats the inputs of an earlier check, whose verdict tells it.

    Raises:
        ExerciseError: the exercise is unknown, or no process can be started here.
    """
    exercise = EXERCISES[name]

    def run(request: dict) -> Iterator[dict]:
        return process.serve_object(answer, request, exercise.seconds)

    return judge(exercise, run, seed)


def hint(name: str, level: int = 1) -> Text:
    """Hint number `level` of an exercise, from a nudge (1) to nearly everything."""
    return give_hint(EXERCISES[name], level)


def solution(name: str) -> Source:
    """The solution's source text."""
    return Source(EXERCISES[name].solution)


def question(name: str) -> Text:
    """What the exercise asks, and what it does not."""
    exercise = EXERCISES[name]
    bounds = tr("No axis of an array is empty, and single precision is enough.")
    return Text(" ".join([tr(exercise.question), *([bounds] if exercise.arrays else [])]))


def _chapter(chapter: str) -> dict[str, Exercise]:
    return import_module(f"attention_course.exercises.{MODULES[chapter]}").EXERCISES


def _unknown(name: Any) -> str:
    chapter = name.split(".")[0] if isinstance(name, str) else None
    names = list(_chapter(chapter)) if chapter in MODULES else []
    near = difflib.get_close_matches(str(name), names, n=1)
    if near:
        return tr("There is no exercise {name!r}; did you mean {near!r}?", name=name, near=near[0])
    if names:
        return tr(
            "There is no exercise {name!r}; chapter {chapter} has: {names}.",
            name=name,
            chapter=chapter,
            names=", ".join(names),
        )
    return tr(
        "There is no exercise {name!r}; a name is a chapter and a word, such as '06.attention', "
        "and the chapters are {chapters}.",
        name=name,
        chapters=", ".join(MODULES),
    )
