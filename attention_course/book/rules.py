"""The house rules of a stored chapter; each one that is broken gets a sentence."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from pathlib import Path

import nbformat

from attention_course.book import objectives, pace
from attention_course.book.normal import SOLUTION, SOLUTION_TITLE, dumps, normalise
from attention_course.environment import ROOT

MAX_LINES = 25
#: Stands for the address of the course until somebody publishes it. GitHub gives nobody an owner's
#: name with more than 39 characters or with two hyphens in a row.
UNPUBLISHED = "https://github.com/this-course-is-not-published-yet--see-README/attention-course"
_STOP = "This copy of the course has no address yet; its README says how to give it one."
_PINNED = re.compile(r'"attention-course @ git\+([^"\s]+)@([0-9a-f]{40})"')
_HEAD = ("You will be able to", "Before this", "Time")
_SECTIONS = ("What usually goes wrong", "Summary", "Quiz", "Exercises", "References")
#: In this order: what is named when it is missing, and the pattern that finds it.
_SKELETON = (
    *((f"**{name}**", rf"\*\*{name}") for name in _HEAD),
    *((f"## {name}", rf"^## {name}\s*$") for name in _SECTIONS),
)
_ABSOLUTE_PATH = re.compile(
    r"(?<![\w./:<-])(?:/(?:home|root|tmp|work|Users|usr|opt|mnt|var|private)/[\w.-]"
    r"|[A-Za-z]:\\\\?(?:Users|home|work)\b)"
)
_ADDRESS_IN_MEMORY = re.compile(r"\bat 0x[0-9a-f]{6,}")
#: A cell that calls one of these at its top level must have something stored under it.
#: So must one that calls a ``show_*`` function: a quiz, a diagram, an interactive figure.
_SHOWING = {"print", "display", "show", "heatmap", "token_weights"}


def first_cell(url: str, commit: str) -> str:
    """Return the first code cell of every chapter.

    Args:
        url: the course's address; while it is ``UNPUBLISHED``, the cell says so and stops.
        commit: the full hash of the commit whose package Colab installs.
    """
    lines = [
        "# On Colab this installs the course's package. Elsewhere it does nothing.",
        "import sys",
        "",
        'if "google.colab" in sys.modules:',
        f'    %pip install -q "attention-course @ git+{url}@{commit}"',
    ]
    if url == UNPUBLISHED:
        lines.insert(-1, f'    sys.exit("{_STOP}")')
    return "\n".join(lines)


def pinned_commit(source: str) -> str | None:
    """Return the commit that a first cell installs, or None if it differs from ``first_cell``."""
    match = _PINNED.search(source)
    return match[2] if match and source == first_cell(*match.groups()) else None


def problems(notebook: nbformat.NotebookNode, stem: str, root: Path = ROOT) -> list[str]:
    """Every house rule the stored chapter breaks, one sentence each; empty when all is well."""
    ids = [cell.get("id") for cell in notebook.cells]
    if None in ids or len(set(ids)) != len(ids):
        return ["its cell ids are missing or not unique: run `make notebooks`"]
    try:
        nbformat.validate(notebook)
    except nbformat.ValidationError as error:
        return [f"it is not a valid notebook: {str(error).splitlines()[0]}"]
    found = []
    if dumps(normalise(notebook, stem)) != dumps(notebook):
        found.append("it is not in normal form: run `make notebooks`")
    found += _code_problems([cell for cell in notebook.cells if cell.cell_type == "code"])
    found += _text_problems(notebook)
    found += _quiz_problems(notebook, stem, root)
    found += objectives.problems(notebook, stem, root)
    found += pace.problems(notebook, stem, root)
    return found


def _code_problems(cells: list) -> list[str]:
    found = []
    if not cells or pinned_commit(cells[0].source) is None:
        found.append("its first code cell is not the one all chapters share")
    executed = [cell for cell in cells if cell.source.strip()]
    if [cell.execution_count for cell in executed] != list(range(1, len(executed) + 1)):
        found.append("not every code cell was executed in order: run `make notebooks`")
    if executed and 2 * sum(bool(cell.outputs) for cell in executed) < len(executed):
        found.append("most code cells have no stored output: run `make notebooks`")
    for number, cell in enumerate(cells, start=1):
        lines = cell.source.count("\n") + 1
        if lines > MAX_LINES:
            found.append(f"code cell {number} has {lines} lines; {MAX_LINES} is the most")
        solution = SOLUTION in cell.metadata.get("tags", [])
        if solution and not re.match(rf"{SOLUTION_TITLE}\b", cell.source):
            found.append(f"code cell {number} is a solution: begin it with `{SOLUTION_TITLE}`")
        if not cell.outputs and _shows_something(cell.source):
            found.append(f"code cell {number} shows something, but no output is stored")
        for output in cell.outputs:
            if output.output_type == "error":
                found.append(f"code cell {number} stored an error: {output.ename}")
            if output.output_type == "stream" and output.name == "stderr":
                found.append(f"code cell {number} stored text written to stderr")
    return found


def _shows_something(source: str) -> bool:
    """True if the cell calls, as a statement of its own, a function that always displays."""
    lines = [line for line in source.splitlines() if not line.lstrip().startswith(("%", "!"))]
    try:
        tree = ast.parse("\n".join(lines))
    except SyntaxError:
        return False
    statements = [s.value for s in tree.body if isinstance(s, ast.Expr)]
    calls = [value for value in statements if isinstance(value, ast.Call)]
    names = [ast.unparse(call.func).rpartition(".")[2] for call in calls]
    return any(name in _SHOWING or name.startswith("show_") for name in names)


def _text_problems(notebook: nbformat.NotebookNode) -> list[str]:
    found = []
    cells = notebook.cells
    prose = "\n\n".join(cell.source for cell in cells if cell.cell_type == "markdown")
    prose = re.sub(r"^```.*?^```", "", prose, flags=re.MULTILINE | re.DOTALL)
    if len(re.findall(r"^# ", prose, flags=re.MULTILINE)) != 1 or not prose.startswith("# "):
        found.append("it must start with its title, the only heading of first level")
    position = 0
    for label, pattern in _SKELETON:
        match = re.compile(pattern, re.MULTILINE).search(prose, position)
        if match is None:
            found.append(f"the skeleton's {label} is missing or out of order")
        else:
            position = match.end()
    for number, cell in enumerate(cells, start=1):
        texts = [cell.source, *_output_texts(cell)]
        if any(_ABSOLUTE_PATH.search(text) for text in texts):
            found.append(f"cell {number} contains an absolute path of one machine")
        if any(_ADDRESS_IN_MEMORY.search(text) for text in texts[1:]):
            found.append(f"cell {number} shows an address in memory, which no other run repeats")
    return found


def _output_texts(cell) -> Iterator[str]:
    for output in cell.get("outputs", []):
        yield output.get("text", "")
        for kind, value in output.get("data", {}).items():
            if isinstance(value, str) and not kind.startswith("image/png"):
                yield value


def _quiz_problems(notebook: nbformat.NotebookNode, stem: str, root: Path) -> list[str]:
    code = "\n".join(cell.source for cell in notebook.cells if cell.cell_type == "code")
    shown = re.findall(r"show_quiz\(\s*[\"']([^\"']+)[\"']", code)
    found = [] if stem in shown else [f'it does not show its own quiz: show_quiz("{stem}")']
    for name in shown:
        if not (root / "quizzes" / f"{name}.json").is_file():
            found.append(f"it shows quiz {name!r}, but quizzes/{name}.json does not exist")
    return found
