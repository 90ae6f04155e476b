"""Check an answer that is in a file: a script or a notebook, run in a process of its own.

>>> check_file("06.attention", "my_answer.ipynb")

The child process runs the file's code, finds the function or variable that the exercise asks
for, checks it and leaves the verdict in a small file. Whatever the answer does (loop for ever,
end Python, print) stays in that process.
"""

from __future__ import annotations

import ast
import contextlib
import json
import linecache
import os
import re
import signal
import subprocess
import sys
import tempfile
import types
from pathlib import Path

from attention_course.errors import ExerciseError
from attention_course.exercises import EXERCISES
from attention_course.exercises._harness import Exercise, Verdict, describe, examine

PACKAGE_PARENT = Path(__file__).resolve().parents[2]


def check_file(name: str, path: str | Path, seconds: float = 120.0) -> Verdict:
    """Check the answer to exercise `name` in a `.py` or `.ipynb` file.

    Args:
        name: the exercise, such as "06.attention".
        path: the student's file.
        seconds: time allowed to the whole file, imports included.

    Raises:
        ExerciseError: the exercise is unknown or the file cannot be read.
    """
    exercise = EXERCISES[name]
    path = Path(path).resolve()
    cells(path, exercise.answer)  # an unreadable file is told before a process is started
    with tempfile.TemporaryDirectory() as folder:
        result = Path(folder) / "verdict.json"
        status = _run_child([name, str(path), str(result)], path.parent, seconds)
        if result.exists():
            return Verdict(name, **json.loads(result.read_text(encoding="utf-8")))
    if status is None:
        sentence = f"{path.name} was still running after {seconds:g} seconds, so it was stopped."
    else:
        sentence = f"{path.name} ended Python (exit status {status}) before it could be checked."
    return Verdict(name, "wrong", sentence)


def cells(path: Path, answer: str) -> list[tuple[str, str]]:
    """The code of a file as (where, source) pairs; a script is one cell.

    A notebook's cell tagged `hide-input` that defines `answer` holds the course's own solution
    and is left out: nobody is graded on it.

    Raises:
        ExerciseError: the file is missing, of another kind, or damaged.
    """
    if path.suffix not in (".py", ".ipynb"):
        raise ExerciseError(f"{path.name} is neither a script (.py) nor a notebook (.ipynb).")
    try:
        text = path.read_text(encoding="utf-8")
    except OSError as problem:
        reason = problem.strerror or type(problem).__name__
        raise ExerciseError(f"{path.name} cannot be read: {reason}. Check the path.") from problem
    except UnicodeDecodeError as problem:
        raise ExerciseError(f"{path.name} is not a text in UTF-8; save it again.") from problem
    if path.suffix == ".py":
        return [(path.name, text)]
    try:
        return [
            (f"cell {number} of {path.name}", "".join(cell["source"]))
            for number, cell in enumerate(json.loads(text)["cells"], start=1)
            if cell["cell_type"] == "code" and not _is_course_solution(cell, answer)
        ]
    except (ValueError, KeyError, TypeError) as problem:
        raise ExerciseError(
            f"{path.name} is not a notebook in the current format; save it again with Jupyter."
        ) from problem


def _is_course_solution(cell: dict, answer: str) -> bool:
    if "hide-input" not in cell.get("metadata", {}).get("tags", []):
        return False
    with contextlib.suppress(SyntaxError):
        for node in ast.walk(ast.parse(_without_magics("".join(cell["source"])))):
            if getattr(node, "name", None) == answer:
                return True
            if isinstance(node, ast.Name) and node.id == answer and isinstance(node.ctx, ast.Store):
                return True
    return False


def _without_magics(code: str) -> str:
    """Code with IPython's own lines (`%pip install …`, `!ls`) taken out."""
    with contextlib.suppress(SyntaxError, ValueError):
        ast.parse(code)
        return code
    if code.lstrip().startswith("%%"):
        return ""
    return re.sub(r"^([ \t]*)[%!].*$", r"\1pass", code, flags=re.MULTILINE)


def _run_child(arguments: list[str], folder: Path, seconds: float) -> int | None:
    """Exit status of the child, or None when it had to be stopped."""
    paths = [str(PACKAGE_PARENT), os.environ.get("PYTHONPATH", "")]
    environment = os.environ | {
        "PYTHONPATH": os.pathsep.join(filter(None, paths)),
        "MPLBACKEND": "Agg",
    }
    child = subprocess.Popen(
        [sys.executable, "-m", "attention_course.exercises.files", *arguments],
        cwd=folder,
        env=environment,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        start_new_session=True,  # so that what the answer starts can be stopped with it
    )
    try:
        return child.wait(seconds)
    except subprocess.TimeoutExpired:
        return None
    finally:
        if child.poll() is None:
            if hasattr(os, "killpg"):
                os.killpg(child.pid, signal.SIGKILL)
            else:
                child.kill()
            child.wait()


def _check_here(exercise: Exercise, path: Path) -> Verdict:
    """Run the file in this process and check what it defines."""
    module = types.ModuleType("answer")
    module.__file__ = str(path)
    sys.modules["answer"] = module
    trouble = ""
    for where, code in cells(path, exercise.answer):
        code = _without_magics(code)
        label = str(path) if path.suffix == ".py" else f"<{where}>"
        linecache.cache[label] = (len(code), None, code.splitlines(keepends=True), label)
        try:
            exec(compile(code, label, "exec"), module.__dict__)
        except BaseException as problem:  # sys.exit() in a file is a mistake like any other
            trouble = trouble or f"; {where} stops with {describe(problem)}"
    if not hasattr(module, exercise.answer):
        sentence = f"{path.name} defines no `{exercise.answer}`{trouble}."
        return Verdict(exercise.name, "wrong" if trouble else "unanswered", sentence)
    return examine(exercise, getattr(module, exercise.answer))


def _main(name: str, path: str, result: str) -> None:
    verdict = _check_here(EXERCISES[name], Path(path))
    content = {"status": verdict.status, "message": verdict.message}
    partial = Path(result + ".partial")
    partial.write_text(json.dumps(content), encoding="utf-8")
    partial.rename(result)


if __name__ == "__main__":
    _main(*sys.argv[1:])
