"""Prove an exercise: it accepts right answers and tells wrong ones apart.

Inputs are drawn from seeds that never change; a thorough run takes more of them.
"""

import os
from dataclasses import replace

from attention_course.exercises import EXERCISES
from attention_course.exercises.answering import run
from attention_course.exercises.judging import judge

THOROUGH = bool(os.environ.get("ATTENTION_COURSE_THOROUGH"))
SEEDS = (1, 2, 3, 4) if THOROUGH else (1,)


def some(table, every=6):
    """Every sixth row of a table, or fewer where each takes seconds: a thorough run takes all."""
    return dict([*table.items()][:: 1 if THOROUGH else every])


def examine(exercise, answer, seed=0):
    """The verdict on an answer that runs in this process: the judge's work without the waiting.

    What belongs to the course is not refused here, so that an exercise's own functions can stand
    for students' answers.
    """

    def here(request):
        for message in run(answer, request):
            yield message | {"borrowed": []}

    exercise = EXERCISES[exercise] if isinstance(exercise, str) else exercise
    return judge(exercise, here, seed)


def published(name):
    """The function or class that an exercise's solution defines when it is executed by itself."""
    namespace = {}
    exec(EXERCISES[name].solution, namespace)
    return namespace[EXERCISES[name].called]


def accepts(name, *answers):
    """Right answers other than the published solution pass, on more than 100 inputs.

    A thorough run takes all of them, and the default run every second one. The solution itself
    is proved in test_every_exercise.py.
    """
    for answer in answers[:: 1 if THOROUGH else 2]:
        for seed in SEEDS:
            verdict = examine(name, answer, seed)
            assert verdict.passed, f"{answer}: {verdict}"


def refuses(name, mutants, count=None):
    """Wrong answers are refused: every one in a thorough run, and every sixth in the default run.

    mutants  description -> (wrong answer, words its sentence must contain)
    count    fewer cases, where each takes long and the mistake shows in any
    """
    exercise = EXERCISES[name]
    exercise = replace(exercise, count=count or exercise.count)
    for description, (answer, words) in some(mutants).items():
        verdict = examine(exercise, answer)
        assert verdict.status == "wrong", f"{name} accepts a wrong answer: {description}"
        assert words.lower() in verdict.message.lower(), f"{description}: {verdict.message}"
