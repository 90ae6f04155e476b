"""Write a file whole or not at all: beside its final place first, then renamed."""

import contextlib
import json
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

from attention_course.errors import CourseError


class StorageError(CourseError):
    """A file cannot be written: the disk is full, or the folder refuses it."""


def write_whole(path: Path, write: Callable[[Path], None], scratch: Path | None = None) -> None:
    """Let ``write`` make a file in ``scratch`` and give it the name ``path`` when it is complete.

    Whoever looks at ``path`` sees the old file or the new one, never a part. A process that is
    killed leaves at most a file with ``.partial`` in its name in ``scratch``.

    Args:
        path: the final place; its folder must exist.
        write: called with the path to write to; the suffix is that of ``path``.
        scratch: a folder on the same file system; the folder of ``path`` by default.

    Raises:
        StorageError: the disk is full or refuses to write. What was at ``path`` is still there.
    """
    partial = (scratch or path.parent) / f"{path.stem}.partial{path.suffix}"
    try:
        write(partial)
        with partial.open("rb+") as file:
            os.fsync(file.fileno())  # a rename must not reach the disk before the content
        os.replace(partial, path)
    except OSError as error:
        raise StorageError(
            "{file} could not be written ({reason}): make room on the disk or choose another "
            "folder, then repeat the command. The earlier file is untouched.",
            file=path.name,
            reason=error.strerror or error,
        ) from error
    finally:
        with contextlib.suppress(OSError):
            partial.unlink()


def write_text(path: Path, text: str, scratch: Path | None = None) -> None:
    """Write ``text`` to ``path`` in UTF-8 with line feeds; see :func:`write_whole`."""
    write_whole(
        path, lambda partial: partial.write_text(text, encoding="utf-8", newline="\n"), scratch
    )


def write_json(
    path: Path, content: Any, scratch: Path | None = None, indent: int | None = 1
) -> None:
    """Write ``content`` to ``path`` as JSON; see :func:`write_whole`.

    Args:
        path, scratch: as there.
        content: what JSON can hold; NaN or an infinity is a ``ValueError``.
        indent: of nested lines; None writes one line without spaces.
    """
    separators = (",", ":") if indent is None else None
    text = json.dumps(
        content, indent=indent, separators=separators, ensure_ascii=False, allow_nan=False
    )
    write_text(path, text + "\n", scratch)


def resumed(unfinished: Path, header: dict[str, Any]) -> dict[str, Any]:
    """Return what an interrupted recording kept in ``unfinished``, or ``header`` to begin with.

    A recording is a header with empty lists or dictionaries in it, which fill one by one. What was
    kept under another header, other settings that is, is of no use; nor is what cannot be read.
    """
    if not unfinished.is_file():
        return header
    empty = {key: value for key, value in header.items() if value in ([], {})}
    try:
        before = json.loads(unfinished.read_text(encoding="utf-8"))
        return before if before | empty == header else header
    except (ValueError, TypeError):  # cut off, or no dictionary
        return header
