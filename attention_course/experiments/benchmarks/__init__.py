"""Benchmarks side by side: what is measured, and how it is run.

Each benchmark is a module of this package with a function ``measure()`` that returns a record.
:func:`record` runs it in a Python process of its own, under fixed settings, and stores the record
as ``benchmarks/NAME.json``. The appendix of the book shows these files.

Importing this package loads neither TensorFlow nor Keras.
"""

import importlib
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from attention_course import environment
from attention_course.experiments.benchmarks import common
from attention_course.storage import write_json

THREADS = ("OPENBLAS_NUM_THREADS", "TF_NUM_INTRAOP_THREADS", "TF_NUM_INTEROP_THREADS")
ONE_THREAD = dict.fromkeys(THREADS, "1")
#: Benchmark -> environment variables that its process gets, beside those of every chapter. What
#: compares libraries uses one thread: else the number of threads would be compared.
SETTINGS = {"training": {}, "implementations": ONE_THREAD, "scaling": ONE_THREAD, "book": {}}
NAMES = tuple(SETTINGS)


def known(names: Sequence[str]) -> list[str]:
    """Return the named benchmarks, or all where none is named; refuse an unknown name."""
    for name in names:
        if name not in NAMES:
            raise common.BenchmarkError(
                "There is no benchmark called {name!r}; known are {names}.",
                name=name,
                names=", ".join(NAMES),
            )
    return list(names or NAMES)


def record(name: str, folder: Path) -> Path:
    """Run one benchmark and store its record in ``folder``, made if missing; return its path.

    ``BenchmarkError`` says why the benchmark could not be run.
    """
    settings = {**environment.SETTINGS, **SETTINGS[name]}
    measured = common.in_fresh_process(measure, name, settings=settings)
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / f"{name}.json"
    write_json(path, measured)
    return path


def measure(name: str) -> dict[str, Any]:
    """Return the record of one benchmark, measured in this process."""
    return importlib.import_module(f"{__name__}.{name}").measure()
