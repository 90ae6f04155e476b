"""Execute notebooks side by side, one for each processor, under the settings of a run."""

from __future__ import annotations

import asyncio
import contextlib
import os
import re
import signal
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import nbformat

from attention_course import environment
from attention_course.book.normal import outputs
from attention_course.words import tr

CELL_TIMEOUT = 120  # seconds


def run(
    notebooks: Mapping[Path, nbformat.NotebookNode],
    done: Callable[[Path, str | None, float], None],
    timeout: int = CELL_TIMEOUT,
) -> None:
    """Execute every notebook in place, each in the folder of its path.

    Args:
        notebooks: path -> notebook; what is stored under its cells is replaced.
        done: called as soon as one has been executed, with its path, the sentence that says which
            cell failed and why (None when all is well), and the seconds it took.
        timeout: seconds that one cell may take.
    """

    async def side_by_side() -> None:
        free = asyncio.Semaphore(os.cpu_count() or 1)

        async def one(path: Path, notebook: nbformat.NotebookNode) -> None:
            async with free:
                start = time.monotonic()
                problem = await _execute(path, notebook, timeout)
            done(path, problem, time.monotonic() - start)

        await asyncio.gather(*(one(*item) for item in notebooks.items()))

    asyncio.run(side_by_side())


async def _execute(path: Path, notebook: nbformat.NotebookNode, timeout: int) -> str | None:
    from nbclient import NotebookClient
    from nbclient.exceptions import CellExecutionError, CellTimeoutError, DeadKernelError

    place = -1

    def begin(cell_index: int, **_: Any) -> None:
        nonlocal place
        place = cell_index

    client = NotebookClient(
        notebook,
        kernel_name="python3",
        timeout=timeout,
        resources={"metadata": {"path": str(path.parent)}},
        record_timing=False,
        # A kernel that is asked to end itself may wait for its own threads, for seconds.
        shutdown_kernel="immediate",
        on_cell_start=begin,
        on_notebook_start=_leave_signals,
    )
    environ = dict(os.environ)
    environment.settle(environ)
    code = [cell for cell in notebook.cells if cell.cell_type == "code"]
    for cell in code:
        cell.outputs, cell.execution_count = [], None
    try:
        await client.async_execute(env=environ)
    except CellExecutionError as error:
        problem = f"{error.ename}: {first_line(error.evalue)}"
    except CellTimeoutError:
        problem = tr("it did not finish within {seconds} s", seconds=timeout)
    except DeadKernelError:
        problem = tr("its Python process died (out of memory?)")
    else:
        for cell in code:
            kept = outputs(cell.outputs, cell.execution_count)
            cell.outputs = nbformat.from_dict(list(kept))
        return None
    return tr(
        "{name}, code cell {number} (cell {place} of {cells}) failed: {problem}. Correct the cell "
        "and repeat the command.",
        name=path.stem,
        number=sum(cell.cell_type == "code" for cell in notebook.cells[: place + 1]),
        place=place + 1,
        cells=len(notebook.cells),
        problem=problem,
    )


def _leave_signals(**_: Any) -> None:
    """Let Ctrl-C end all executions; each client would have it end its own kernel alone."""
    with contextlib.suppress(NotImplementedError):  # Windows has none
        for number in (signal.SIGINT, signal.SIGTERM):
            asyncio.get_running_loop().remove_signal_handler(number)


def first_line(text: str) -> str:
    """The first line that says something, without colour codes or a final full stop."""
    plain = re.sub(r"\x1b\[[0-9;]*m", "", text).strip()
    return plain.splitlines()[0].rstrip(". ") if plain else tr("no message")
