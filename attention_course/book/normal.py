"""Chapters as they are stored: reading, writing, and the one normal form that they have."""

from __future__ import annotations

import hashlib
import itertools
from collections import Counter
from collections.abc import Iterable, Iterator
from pathlib import Path

import nbformat

from attention_course import storage
from attention_course.errors import CourseError

_METADATA = {
    "kernelspec": {"display_name": "Python 3", "language": "python", "name": "python3"},
    "language_info": {"name": "python", "pygments_lexer": "ipython3"},
}
_KEPT_CELL_METADATA = ("jupyter", "mystnb", "tags")
#: The tag of a cell that every reader must open first, and how it begins. The book folds a cell by
#: its tag, JupyterLab and Colab by entries of their own, and Colab shows the title.
SOLUTION = "hide-input"
SOLUTION_TITLE = "# @title Solution"


class NotebookError(CourseError):
    """A chapter does not exist or cannot be read."""


def read(path: Path) -> nbformat.NotebookNode:
    """Read a notebook as it is stored; ``NotebookError`` when it is not a notebook."""
    try:
        return nbformat.reads(path.read_text(encoding="utf-8"), as_version=4)
    except (OSError, UnicodeDecodeError, ValueError, AttributeError) as error:
        raise NotebookError(
            "{name} cannot be read as a notebook ({reason}); restore it with "
            "`git checkout -- chapters/{name}`.",
            name=path.name,
            reason=type(error).__name__,
        ) from None


def dumps(notebook: nbformat.NotebookNode) -> str:
    """The stored text: JSON, sorted keys, indent 1, line feeds, one trailing newline."""
    return nbformat.writes(notebook, version=nbformat.NO_CONVERT).rstrip("\n") + "\n"


def write(notebook: nbformat.NotebookNode, path: Path) -> bool:
    """Write the file whole or not at all; True if it changed."""
    text = dumps(notebook)
    if path.exists() and path.read_bytes() == text.encode():
        return False
    storage.write_text(path, text)
    return True


def normalise(notebook: nbformat.NotebookNode, stem: str) -> nbformat.NotebookNode:
    """Return a copy in the course's normal form.

    nbformat 4.5; cell ids derived from ``stem`` and the cell's content (jupytext and editors
    draw new random ones, so a kept id would differ between two ways of editing); execution
    counts 1..n; nothing that differs between two runs or two machines: no stderr, no timings,
    no version of Python, no widget state.
    """
    cells = []
    seen: Counter[tuple[str, str]] = Counter()
    count = 0
    for cell in notebook.cells:
        source = cell.source.replace("\r\n", "\n").strip("\n")
        metadata = _metadata(cell)
        # Equal cells are told apart by their order.
        text = "\0".join((stem, cell.cell_type, source, str(seen[cell.cell_type, source])))
        seen[cell.cell_type, source] += 1
        new = {
            "cell_type": cell.cell_type,
            "id": hashlib.sha256(text.encode()).hexdigest()[:12],
            "metadata": metadata,
            "source": source,
        }
        if cell.get("attachments"):
            new["attachments"] = cell.attachments
        if cell.cell_type == "code":
            executed = bool(source.strip()) and cell.get("execution_count") is not None
            count += executed
            new["execution_count"] = count if executed else None
            new["outputs"] = list(outputs(cell.get("outputs", []), new["execution_count"]))
        cells.append(new)
    return nbformat.from_dict(
        {"cells": cells, "metadata": _METADATA, "nbformat": 4, "nbformat_minor": 5}
    )


def _metadata(cell: nbformat.NotebookNode) -> dict:
    """What is kept of a cell's metadata; a solution is folded, and nothing else is."""
    kept = {key: cell.metadata[key] for key in _KEPT_CELL_METADATA if cell.metadata.get(key)}
    jupyter = {k: v for k, v in kept.pop("jupyter", {}).items() if k != "source_hidden"}
    if cell.cell_type == "code" and SOLUTION in kept.get("tags", []):
        kept["cellView"] = "form"
        jupyter["source_hidden"] = True
    return kept | ({"jupyter": jupyter} if jupyter else {})


def outputs(stored: Iterable[dict], count: int | None) -> Iterator[dict]:
    """Outputs without stderr; a stream that arrived in pieces becomes one piece."""
    kept = [output for output in stored if output.get("name", "stdout") == "stdout"]
    for printed, run in itertools.groupby(kept, lambda output: output["output_type"] == "stream"):
        if printed:
            text = "".join(output["text"] for output in run).replace("\r\n", "\n")
            yield {"output_type": "stream", "name": "stdout", "text": text}
            continue
        for output in run:
            output = {key: value for key, value in output.items() if key != "transient"}
            if output["output_type"] == "execute_result":
                output["execution_count"] = count
            yield output
