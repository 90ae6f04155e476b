"""What the benchmarks share: interleaved rounds, medians and ratios, and where it was measured.

Importing this module loads neither TensorFlow nor Keras.
"""

import contextlib
import logging
import math
import multiprocessing
import os
import platform
import statistics
import time
import timeit
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path
from typing import Any
from unittest import mock

from attention_course import environment
from attention_course.errors import CourseError

PACKAGES = ("keras", "tensorflow", "numpy", "scipy")
DIGITS = 4
#: Settings that change how fast something runs, as far as they are set.
SPEED_SETTINGS = (
    "OPENBLAS_NUM_THREADS",
    "TF_ENABLE_ONEDNN_OPTS",
    "TF_NUM_INTEROP_THREADS",
    "TF_NUM_INTRAOP_THREADS",
    "CUDA_VISIBLE_DEVICES",
)
#: The C library of Linux keeps what is given back, instead of returning it to the system.
KEEP_MEMORY = {"MALLOC_MMAP_MAX_": "0", "MALLOC_TRIM_THRESHOLD_": str(2**40)}


class BenchmarkError(CourseError, RuntimeError):
    """A benchmark is unknown or cannot be run."""


def interleave(
    tasks: Mapping[Any, Callable[[], object]], rounds: int, least: float, factor: float = 1
) -> dict[Any, dict[str, Any]]:
    """Return the summary of each task: the seconds of one call times ``factor``, once per round.

    Every round measures every task, so that a slow minute of the machine touches all of them. The
    order is turned around from round to round. Before the first round each task is called twice:
    once for what only happens once, such as tracing a graph, and once to see how long it takes.
    A quick task is called several times, so that one measurement lasts ``least`` seconds.
    """
    calls = {}
    for name, task in tasks.items():
        task()
        calls[name] = math.ceil(least / max(_seconds(task, 1), 1e-9)) or 1
    found: dict[Any, list[float]] = {name: [] for name in tasks}
    for number in range(rounds):
        for name in list(tasks)[:: -1 if number % 2 else 1]:
            found[name].append(factor * _seconds(tasks[name], calls[name]))
    return {name: summary(values) for name, values in found.items()}


def _seconds(task: Callable[[], object], calls: int) -> float:
    return timeit.timeit(task, timer=time.perf_counter, number=calls) / calls


def significant(value: float) -> float:
    """Return a number rounded to so many significant digits as are stored."""
    return float(f"{value:.{DIGITS - 1}e}")


def summary(rounds: Sequence[float]) -> dict[str, Any]:
    """Return the measurements, rounded, with their median and their lowest and highest value."""
    rounds = [significant(value) for value in rounds]
    return {
        "median": significant(statistics.median(rounds)),
        "lowest": min(rounds),
        "highest": max(rounds),
        "rounds": rounds,
    }


def ratio(of: Mapping[str, Any], to: Mapping[str, Any]) -> dict[str, Any]:
    """Return the summary of the ratios of two tasks, one for each round of their summaries.

    Two measurements of one round were made within seconds of each other. So their ratio varies
    less than either of them on a machine that is busy with other things.
    """
    return summary([a / b for a, b in zip(of["rounds"], to["rounds"], strict=True)])


def header(what: str, **repeats: float) -> dict[str, Any]:
    """Return how a record begins: what was measured how often, the machine, versions, settings."""
    memory = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    return {
        "what": what,
        "repeats": repeats,
        "machine": {
            "processor": _processor(),
            "architecture": platform.machine(),
            "cores": environment.cores(),
            "memory_gb": round(memory / 1e9, 1),
            "system": platform.system(),
        },
        "versions": environment.versions(PACKAGES),
        "settings": {name: os.environ[name] for name in SPEED_SETTINGS if name in os.environ},
    }


def _processor() -> str:
    with contextlib.suppress(OSError):
        for line in Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines():
            if line.startswith("model name"):
                return " ".join(line.partition(":")[2].split())
    return platform.processor() or platform.machine()


def in_fresh_process(
    function: Callable[..., Any], *arguments: Any, settings: Mapping[str, str]
) -> Any:
    """Call a function in a new Python process that starts with these environment variables.

    Some are read only while a process starts: the number of threads, and how memory is handed out.
    """
    context = multiprocessing.get_context("spawn")
    pool = ProcessPoolExecutor(1, mp_context=context, initializer=_quieten)
    with mock.patch.dict(os.environ, settings), pool:
        return pool.submit(function, *arguments).result()


def _quieten() -> None:
    # TensorFlow takes many graphs for a mistake; here each task and each length has its own.
    logging.getLogger("tensorflow").setLevel(logging.ERROR)
