"""Cold and warm builds of the book, and the seconds each chapter takes to run.

The checkout is copied into a temporary folder without what was built before. The first build there
runs every chapter (cold); the next ones find nothing changed (warm).
"""

import os
import re
import shutil
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

from attention_course import assets
from attention_course.experiments.benchmarks import common
from attention_course.words import tr

COLD_ROUNDS = 2
"""Builds from nothing, each in a folder of its own."""
WARM_ROUNDS = 3
"""Builds in the last of these folders, with nothing changed."""
LEFT_OUT = (".*", "_build", "build", "dist", "__pycache__", "*.egg-info")
CACHE = Path("_build", ".jupyter_cache")
# The command line of jupyter-book with this interpreter, wherever its script may be.
JUPYTER_BOOK = "from jupyter_book.cli.main import main; main()"


def measure() -> dict[str, Any]:
    """Return the record of the benchmark of the book.

    ``BenchmarkError`` says that there is no checkout, or that the book does not build.
    """
    root = assets.checkout_root()
    if root is None:
        raise common.BenchmarkError(
            "The book can be built only in a clone of the course; run the command there."
        )
    cold, pages = [], []
    for _ in range(COLD_ROUNDS):
        with tempfile.TemporaryDirectory(prefix="attention-course-") as folder:
            copy = Path(folder, "book")
            shutil.copytree(root, copy, ignore=shutil.ignore_patterns(*LEFT_OUT))
            cold.append(build(copy))
            pages.append(execution_seconds(copy))
            warm = [build(copy) for _ in range(WARM_ROUNDS if len(cold) == COLD_ROUNDS else 0)]
    return {
        **common.header(
            "jupyter-book build of a copy of the checkout",
            cold_rounds=COLD_ROUNDS,
            warm_rounds=WARM_ROUNDS,
        ),
        "unit": "seconds",
        "cold": common.summary(cold),
        "warm": common.summary(warm),
        "pages": {name: common.summary([found[name] for found in pages]) for name in pages[0]},
    }


def build(folder: Path) -> float:
    """Build the book in a folder; returns the seconds, as the reader waits for them."""
    begun = time.perf_counter()
    result = subprocess.run(
        [sys.executable, "-c", JUPYTER_BOOK, "build", "."],
        cwd=folder,
        capture_output=True,
        text=True,
        env={**os.environ, "NO_COLOR": "1"},
    )
    if result.returncode:
        plain = re.sub(r"\x1b\[[0-9;]*m", "", result.stderr).strip()
        lines = plain.splitlines() or [tr("jupyter-book said nothing.")]
        raise common.BenchmarkError(
            "The book does not build, so its time cannot be measured: {reason} Correct it until "
            "'make book' passes.",
            reason=lines[-1],
        )
    return time.perf_counter() - begun


def execution_seconds(folder: Path) -> dict[str, float]:
    """Return what the build noted for each page it ran: the time of its whole Python process."""
    from jupyter_cache import get_cache

    found = {}
    for record in get_cache(folder / CACHE).list_cache_records():
        page = Path(record.uri).relative_to(folder.resolve()).with_suffix("").as_posix()
        found[page] = record.data["execution_seconds"]
    return dict(sorted(found.items()))
