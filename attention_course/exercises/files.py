"""Check an answer that is in a file: a script or a notebook, read as Python and IPython read it.

>>> check_file("06.attention", "my_answer.ipynb")

The file is read here and run in the answer's process, from its own folder.
"""

from __future__ import annotations

import tokenize
import warnings
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from attention_course.errors import ExerciseError
from attention_course.exercises import EXERCISES, process
from attention_course.exercises.exercise import Verdict
from attention_course.exercises.judging import judge
from attention_course.words import tr

#: What reading raises where there is no notebook, or one that is nested too deep.
NO_NOTEBOOK = (ValueError, KeyError, AttributeError, TypeError, RecursionError)


def check_file(
    name: str, path: str | Path, seconds: float = process.LOADING, seed: int | None = None
) -> Verdict:
    """Check the answer to exercise `name` in a `.py` or `.ipynb` file.

    Args:
        name: the exercise, such as "06.attention".
        path: the student's file.
        seconds: time allowed to the file itself, imports included.
        seed: repeats the inputs of an earlier check, whose verdict tells it.

    Raises:
        ExerciseError: the exercise is unknown, or the file cannot be read.
    """
    exercise = EXERCISES[name]
    path = Path(path).absolute()
    code = cells(path, exercise.called)
    ipython = path.suffix.lower() == ".ipynb" or not _is_python(*code[0])
    file = {"cells": code, "ipython": ipython, "folder": str(path.parent)}

    def run(request: dict) -> Iterator[dict]:
        return process.serve(request | file, exercise.seconds, loading=seconds)

    return judge(exercise, run, seed)


def cells(path: Path, answer: str) -> list[tuple[str, str]]:
    """The code of a file as (where, source) pairs; a script is one cell.

    A notebook's cell tagged `hide-input` that defines `answer` holds the course's own solution
    and is left out: nobody is graded on it.

    Raises:
        ExerciseError: the file is missing, of another kind, or damaged.
    """
    kinds = {".py": _script, ".ipynb": _notebook}
    if path.suffix.lower() not in kinds:
        raise ExerciseError(
            tr("{file} is neither a script (.py) nor a notebook (.ipynb).", file=path.name)
        )
    try:
        return kinds[path.suffix.lower()](path, answer)
    except OSError as problem:
        reason = problem.strerror or type(problem).__name__
        raise ExerciseError(
            tr("{file} cannot be read: {reason}. Check the path.", file=path.name, reason=reason)
        ) from problem


def _script(path: Path, _: str) -> list[tuple[str, str]]:
    try:
        with tokenize.open(path) as file:  # with a byte-order mark or a declared encoding
            return [(str(path), file.read())]
    except (LookupError, UnicodeError, SyntaxError) as problem:
        raise ExerciseError(
            tr(
                "{file} is not a text in UTF-8 or in the encoding it declares; save it again.",
                file=path.name,
            )
        ) from problem


def _notebook(path: Path, answer: str) -> list[tuple[str, str]]:
    import nbformat  # which is wherever notebooks are

    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # an old notebook is read all the same
            text = path.read_text(encoding="utf-8-sig")
            book = nbformat.reads(text, as_version=4)
            return [
                (tr("cell {number} of {file}", number=number, file=path.name), cell.source)
                for number, cell in enumerate(book.cells, start=1)
                if cell.cell_type == "code" and not _is_course_solution(cell, answer)
            ]
    except (*NO_NOTEBOOK, nbformat.ValidationError) as problem:
        raise ExerciseError(
            tr("{file} is not a notebook; save it again with Jupyter.", file=path.name)
        ) from problem


def _is_python(label: str, code: str) -> bool:
    try:
        compile(code, label, "exec", dont_inherit=True)
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        return False
    return True


def _is_course_solution(cell: Any, answer: str) -> bool:
    defines = (f"def {answer}(", f"class {answer}(")
    return "hide-input" in cell.metadata.get("tags", []) and any(d in cell.source for d in defines)
