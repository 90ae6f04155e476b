"""Execute the chapters in place, store them in one normal form, and check the house rules.

Chapters are stored executed: Colab and GitHub show their outputs and nbval compares them.
``python -m attention_course.book.notebooks`` runs every chapter, ``... STEM`` one of them, and
``--check`` only reads what is stored. Run twice, it changes nothing.
"""

from __future__ import annotations

import argparse
import ast
import hashlib
import os
import re
import sys
import tempfile
import time
from collections.abc import Iterable, Iterator
from pathlib import Path

import nbformat

from attention_course.environment import settle
from attention_course.errors import CourseError

ROOT = Path(__file__).resolve().parents[2]
CHAPTERS = ROOT / "chapters"

MAX_LINES = 25
CELL_TIMEOUT = 120  # seconds

_METADATA = {
    "kernelspec": {"display_name": "Python 3", "language": "python", "name": "python3"},
    "language_info": {"name": "python", "pygments_lexer": "ipython3"},
}
_KEPT_CELL_METADATA = ("jupyter", "mystnb", "tags")
#: Stands for the address of the course until somebody publishes it. GitHub gives nobody an owner's
#: name with more than 39 characters or with two hyphens in a row.
UNPUBLISHED = "https://github.com/this-course-is-not-published-yet--see-README/attention-course"
_STOP = "This copy of the course has no address yet; its README says how to give it one."
_PINNED = re.compile(r'"attention-course @ git\+([^"\s]+)@([0-9a-f]{40})"')
_SKELETON = (
    ("**You will be able to**", r"\*\*You will be able to"),
    ("**Before this**", r"\*\*Before this"),
    ("**Time**", r"\*\*Time"),
    ("## What usually goes wrong", r"^## What usually goes wrong\s*$"),
    ("## Summary", r"^## Summary\s*$"),
    ("## Quiz", r"^## Quiz\s*$"),
    ("## Exercises", r"^## Exercises\s*$"),
    ("## References", r"^## References\s*$"),
)
_ABSOLUTE_PATH = re.compile(
    r"(?<![\w./:<-])(?:/(?:home|root|tmp|work|Users|usr|opt|mnt|var|private)/[\w.-]"
    r"|[A-Za-z]:\\\\?(?:Users|home|work)\b)"
)
_ADDRESS_IN_MEMORY = re.compile(r"\bat 0x[0-9a-f]{6,}")
#: A cell that calls one of these at its top level must have something stored under it.
#: So must one that calls a ``show_*`` function: a quiz, a diagram, an interactive figure.
_SHOWING = {"print", "display", "show", "heatmap", "token_weights"}


class NotebookError(CourseError):
    """A chapter does not exist, cannot be read, or one of its cells fails."""


# --- reading, writing, normal form ---------------------------------------------------------


def read(path: Path) -> nbformat.NotebookNode:
    """Read a notebook as it is stored; ``NotebookError`` when it is not a notebook."""
    try:
        return nbformat.reads(path.read_text(encoding="utf-8"), as_version=4)
    except (OSError, UnicodeDecodeError, ValueError, AttributeError) as error:
        raise NotebookError(
            f"{path.name} cannot be read as a notebook ({type(error).__name__}); "
            f"restore it with `git checkout -- chapters/{path.name}`."
        ) from None


def dumps(notebook: nbformat.NotebookNode) -> str:
    """The stored text: JSON, sorted keys, indent 1, line feeds, one trailing newline."""
    return nbformat.writes(notebook, version=nbformat.NO_CONVERT).rstrip("\n") + "\n"


def write(notebook: nbformat.NotebookNode, path: Path) -> bool:
    """Write atomically; True if the file changed."""
    data = dumps(notebook).encode("utf-8")
    if path.exists() and path.read_bytes() == data:
        return False
    handle, name = tempfile.mkstemp(dir=path.parent, prefix=f".{path.stem}-", suffix=".tmp")
    temporary = Path(name)
    try:
        with os.fdopen(handle, "wb") as file:
            file.write(data)
        temporary.chmod(path.stat().st_mode & 0o777 if path.exists() else 0o644)
        temporary.replace(path)
    finally:
        temporary.unlink(missing_ok=True)
    return True


def normalise(notebook: nbformat.NotebookNode, stem: str) -> nbformat.NotebookNode:
    """Return a copy in the course's normal form.

    nbformat 4.5; cell ids derived from ``stem`` and the cell's content (jupytext and editors
    draw new random ones, so a kept id would differ between two ways of editing); execution
    counts 1..n; nothing that differs between two runs or two machines: no stderr, no timings,
    no version of Python, no widget state.
    """
    cells = []
    taken: set[str] = set()
    count = 0
    for cell in notebook.cells:
        source = cell.source.replace("\r\n", "\n").strip("\n")
        metadata = {k: cell.metadata[k] for k in _KEPT_CELL_METADATA if cell.metadata.get(k)}
        new = {
            "cell_type": cell.cell_type,
            "id": _cell_id(stem, cell.cell_type, source, taken),
            "metadata": metadata,
            "source": source,
        }
        if cell.get("attachments"):
            new["attachments"] = cell.attachments
        if cell.cell_type == "code":
            executed = bool(source.strip()) and cell.get("execution_count") is not None
            count += executed
            new["execution_count"] = count if executed else None
            new["outputs"] = list(_outputs(cell.get("outputs", []), new["execution_count"]))
        cells.append(new)
    return nbformat.from_dict(
        {"cells": cells, "metadata": _METADATA, "nbformat": 4, "nbformat_minor": 5}
    )


def _cell_id(stem: str, kind: str, source: str, taken: set[str]) -> str:
    """Twelve hexadecimal digits from the content; equal cells are told apart by their order."""
    repeat = 0
    while True:
        text = "\0".join((stem, kind, source, str(repeat)))
        cell_id = hashlib.sha256(text.encode()).hexdigest()[:12]
        if cell_id not in taken:
            taken.add(cell_id)
            return cell_id
        repeat += 1


def _outputs(outputs: Iterable[dict], count: int | None) -> Iterator[dict]:
    """Outputs without stderr; a stream that arrived in pieces becomes one piece."""
    printed = ""
    for output in outputs:
        if output["output_type"] == "stream":
            if output["name"] == "stdout":
                printed += output["text"].replace("\r\n", "\n")
            continue
        if printed:
            yield {"output_type": "stream", "name": "stdout", "text": printed}
            printed = ""
        output = dict(output)
        output.pop("transient", None)
        if output["output_type"] == "execute_result":
            output["execution_count"] = count
        yield output
    if printed:
        yield {"output_type": "stream", "name": "stdout", "text": printed}


# --- execution -----------------------------------------------------------------------------


def execute(notebook: nbformat.NotebookNode, name: str, folder: Path) -> None:
    """Run every cell in ``folder`` with this interpreter's own kernel, in place.

    Raises ``NotebookError`` naming the cell when one fails or exceeds ``CELL_TIMEOUT``.
    """
    from nbclient import NotebookClient
    from nbclient.exceptions import CellExecutionError, CellTimeoutError, DeadKernelError

    current = [-1]

    def remember(cell, cell_index, **_) -> None:
        current[0] = cell_index

    client = NotebookClient(
        notebook,
        kernel_name="python3",
        timeout=CELL_TIMEOUT,
        resources={"metadata": {"path": str(folder)}},
        record_timing=False,
        on_cell_start=remember,
    )
    environ = dict(os.environ)
    settle(environ)
    try:
        client.execute(env=environ)
    except CellExecutionError as error:
        problem = f"{error.ename}: {_first_line(error.evalue)}"
    except CellTimeoutError:
        problem = f"it did not finish within {CELL_TIMEOUT} s"
    except DeadKernelError:
        problem = "its Python process died (out of memory?)"
    else:
        return
    kinds = [cell.cell_type for cell in notebook.cells[: current[0] + 1]]
    raise NotebookError(
        f"Chapter {name}, code cell {kinds.count('code')} (cell {current[0] + 1} of "
        f"{len(notebook.cells)}) failed: {problem}. Nothing was written; correct the cell and "
        f"run `python -m attention_course.book.notebooks {name}` again."
    )


def _first_line(text: str) -> str:
    """The first line that says something, without colour codes or a final full stop."""
    plain = re.sub(r"\x1b\[[0-9;]*m", "", text).strip()
    return plain.splitlines()[0].rstrip(". ") if plain else "no message"


def update(path: Path) -> bool:
    """Execute one chapter in its own folder and store it; True if the file changed."""
    notebook = read(path)
    for cell in notebook.cells:
        if cell.cell_type == "code":
            cell.outputs, cell.execution_count = [], None
    execute(notebook, path.stem, path.parent)
    return write(normalise(notebook, path.stem), path)


# --- house rules ---------------------------------------------------------------------------


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
        return [f"it is not a valid notebook: {_first_line(str(error))}"]
    found = []
    if dumps(normalise(notebook, stem)) != dumps(notebook):
        found.append("it is not in normal form: run `make notebooks`")
    found += _code_problems([cell for cell in notebook.cells if cell.cell_type == "code"])
    found += _text_problems(notebook)
    found += _quiz_problems(notebook, stem, root)
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
    names = {c.func.id for c in calls if isinstance(c.func, ast.Name)}
    names |= {c.func.attr for c in calls if isinstance(c.func, ast.Attribute)}
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


# --- command line --------------------------------------------------------------------------


def chapters(stems: Iterable[str] = (), folder: Path = CHAPTERS) -> list[Path]:
    """The chapters named, or all of them in order; ``NotebookError`` for an unknown name."""
    every = sorted(folder.glob("[0-9][0-9]_*.ipynb"))
    if not every:
        raise NotebookError(f"No chapters in {folder}; run this in a checkout of the course.")
    by_stem = {path.stem: path for path in every}
    wanted = [Path(stem).name.removesuffix(".ipynb") for stem in stems]
    for stem in wanted:
        if stem not in by_stem:
            raise NotebookError(f"There is no chapter {stem!r}; choose from {', '.join(by_stem)}.")
    return [by_stem[stem] for stem in wanted] or every


def main(arguments: list[str] | None = None) -> int:
    """Run the command line; 0 when every chapter is well, 1 otherwise."""
    parser = argparse.ArgumentParser(
        prog="python -m attention_course.book.notebooks", description=__doc__.splitlines()[0]
    )
    parser.add_argument("stems", nargs="*", metavar="STEM", help="for example 01_rnn_recap")
    parser.add_argument("--check", action="store_true", help="read only: do not run any cell")
    options = parser.parse_args(arguments)
    failed = False
    try:
        paths = chapters(options.stems)
    except NotebookError as error:
        print(error, file=sys.stderr)
        return 1
    for path in paths:
        start = time.perf_counter()
        try:
            result = "checked" if options.check else ("stored" if update(path) else "unchanged")
            broken = problems(read(path), path.stem)
        except NotebookError as error:
            failed = True
            print(error, file=sys.stderr)
            continue
        print(f"{path.stem}: {result} ({time.perf_counter() - start:.1f} s)", flush=True)
        for sentence in broken:
            print(f"  - {sentence}")
        failed = failed or (options.check and bool(broken))
    return int(failed)


if __name__ == "__main__":
    sys.exit(main())
