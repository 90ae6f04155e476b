"""Write a file whole or not at all: beside its final place first, then renamed."""

import contextlib
import os
from collections.abc import Callable
from pathlib import Path

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
            f"{path.name} could not be written ({error.strerror or error}): make room on the disk "
            "or choose another folder, then repeat the command. The earlier file is untouched."
        ) from error
    finally:
        with contextlib.suppress(OSError):
            partial.unlink()
