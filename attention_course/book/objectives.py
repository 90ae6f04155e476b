"""What a chapter promises, and where a student finds out whether it was kept."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import nbformat

from attention_course.display.quiz import read_quiz
from attention_course.environment import ROOT
from attention_course.errors import QuizError
from attention_course.exercises import MODULES
from attention_course.exercises.exercise import texts

_LIST = re.compile(r"\*\*You will be able to\*\*(.*?)(?=\*\*Before this)", re.DOTALL)
_ITEM = re.compile(r"^(\d+)\. (.+(?:\n +.+)*)", re.MULTILINE)


def objectives(notebook: nbformat.NotebookNode) -> dict[int, str]:
    """The numbered list under **You will be able to**."""
    found = _LIST.search("\n\n".join(c.source for c in notebook.cells if c.cell_type == "markdown"))
    items = _ITEM.findall(found[1]) if found else []
    return {int(number): " ".join(text.split()) for number, text in items}


def questions(stem: str, root: Path = ROOT) -> list[dict[str, Any]]:
    """The questions of the chapter's quiz; none where the quiz cannot be read."""
    try:
        return read_quiz(root / "quizzes" / f"{stem}.json")
    except QuizError:
        return []


def exercises(stem: str) -> dict[str, dict[str, Any]]:
    """The texts of the chapter's exercises, by name."""
    module = MODULES.get(stem.split("_")[0])
    return texts(module) if module else {}


def checks(source: str, name: str) -> bool:
    """Whether a cell's code checks this exercise."""
    return bool(re.search(rf"\bcheck\(\s*[\"']{re.escape(name)}[\"']", source))


def assessed(
    stem: str, wanted: dict[int, str], root: Path = ROOT
) -> dict[int, tuple[list[str], list[str]]]:
    """For every objective the ids of its questions and the names of its exercises."""

    def which(number: int, some: dict[str, dict[str, Any]]) -> list[str]:
        return [name for name, one in some.items() if number in one.get("assesses", ())]

    asked = {question["id"]: question for question in questions(stem, root)}
    return {n: (which(n, asked), which(n, exercises(stem))) for n in wanted}


def problems(notebook: nbformat.NotebookNode, stem: str, root: Path = ROOT) -> list[str]:
    """What is promised and not assessed, and what assesses nothing that is promised."""
    wanted = objectives(notebook)
    if len(wanted) not in (3, 4, 5) or [*wanted] != [*range(1, len(wanted) + 1)]:
        return ["**You will be able to** must be followed by three to five lines `1. …`, `2. …`"]
    found = []
    for number, (asked, done) in assessed(stem, wanted, root).items():
        if not asked:
            found.append(f"no question of its quiz assesses objective {number}")
        if not done:
            found.append(f"no exercise assesses objective {number}")
    code = "\n".join(cell.source for cell in notebook.cells if cell.cell_type == "code")
    parts = {f"question {one['id']}": one for one in questions(stem, root)}
    for name, text in exercises(stem).items():
        parts[f"exercise {name}"] = text
        if not checks(code, name):
            found.append(f'no cell has check("{name}", …)')
    for name, part in parts.items():
        numbers = part.get("assesses", ())
        if not numbers:
            found.append(f"{name} does not say which objective it assesses")
        for number in sorted({*numbers} - {*wanted}):
            found.append(f"{name} assesses objective {number}, which does not exist")
    return found
