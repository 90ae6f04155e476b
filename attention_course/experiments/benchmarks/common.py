"""What the benchmarks share: interleaved rounds, medians and ratios, and the machine's description.

Importing this module loads neither TensorFlow nor Keras.
"""

from __future__ import annotations

import contextlib
import logging
import math
import multiprocessing
import os
import platform
import statistics
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path
from typing import Any

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


# --- time ----------------------------------------------------------------------------------


def interleave(
    tasks: Mapping[Any, Callable[[], object]], rounds: int, least: float
) -> dict[Any, list[float]]:
    """Return the seconds of one call of each task, once per round.

    Every round measures every task, so that a slow minute of the machine touches all of them. The
    order is turned around from round to round. Before the first round each task is called twice:
    once for what only happens once, such as tracing a graph, and once to see how long it takes.

    Args:
        tasks: name -> what is measured.
        rounds: measurements per task.
        least: seconds that one measurement lasts at least; a quick task is called several times.
    """
    calls = {}
    for name, task in tasks.items():
        task()
        calls[name] = math.ceil(least / max(_seconds(task, 1), 1e-9)) or 1
    found: dict[Any, list[float]] = {name: [] for name in tasks}
    for number in range(rounds):
        for name in list(tasks)[:: -1 if number % 2 else 1]:
            found[name].append(_seconds(tasks[name], calls[name]))
    return found


def _seconds(task: Callable[[], object], calls: int) -> float:
    begun = time.perf_counter()
    for _ in range(calls):
        task()
    return (time.perf_counter() - begun) / calls


# --- numbers -------------------------------------------------------------------------------


def significant(value: float, digits: int = DIGITS) -> float:
    """Return a number rounded to so many significant digits."""
    return float(f"{value:.{digits - 1}e}")


def scaled(measured: Mapping[Any, Sequence[float]], factor: float) -> dict[Any, list[float]]:
    """Return the measurements of every task in another unit, rounded as they are stored."""
    return {
        task: [significant(factor * value) for value in values] for task, values in measured.items()
    }


def summary(rounds: Sequence[float]) -> dict[str, Any]:
    """Return the measurements, rounded, with their median and their lowest and highest value."""
    rounds = [significant(value) for value in rounds]
    return {
        "median": significant(statistics.median(rounds)),
        "lowest": min(rounds),
        "highest": max(rounds),
        "rounds": rounds,
    }


def ratio(of: Sequence[float], to: Sequence[float]) -> dict[str, Any]:
    """Return the ratios of two tasks, one for each round, with their median and spread.

    Two measurements of one round were made within seconds of each other. So their ratio varies
    less than either of them on a machine that is busy with other things.
    """
    return summary([a / b for a, b in zip(of, to, strict=True)])


# --- where it was measured -----------------------------------------------------------------


def surroundings() -> dict[str, Any]:
    """Return what a record says about the machine, the versions and the settings."""
    return {
        "machine": machine(),
        "versions": environment.versions(PACKAGES),
        "settings": settings(),
    }


def machine() -> dict[str, Any]:
    """Describe the machine: processor, architecture, usable cores, memory, system."""
    return {
        "processor": _processor(),
        "architecture": platform.machine(),
        "cores": environment.cores(),
        "memory_gb": round(_memory_bytes() / 1e9, 1),
        "system": platform.system(),
    }


def settings() -> dict[str, str]:
    """Return the environment variables among ``SPEED_SETTINGS`` that are set."""
    return {name: os.environ[name] for name in SPEED_SETTINGS if name in os.environ}


def _processor() -> str:
    with contextlib.suppress(OSError):
        for line in Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines():
            if line.startswith("model name"):
                return " ".join(line.partition(":")[2].split())
    return platform.processor() or platform.machine()


def _memory_bytes() -> int:
    return os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")


# --- processes -----------------------------------------------------------------------------


def in_fresh_process(
    function: Callable[..., Any], *arguments: Any, settings: Mapping[str, str]
) -> Any:
    """Call a function in a new Python process that starts with these environment variables.

    Some are read only while a process starts: the number of threads, and how memory is handed out.
    """
    with _environment(settings):
        context = multiprocessing.get_context("spawn")
        with ProcessPoolExecutor(1, mp_context=context, initializer=_quieten) as pool:
            return pool.submit(function, *arguments).result()


def _quieten() -> None:
    # TensorFlow takes many graphs for a mistake; here each length has its own.
    logging.getLogger("tensorflow").setLevel(logging.ERROR)


@contextlib.contextmanager
def _environment(settings: Mapping[str, str]) -> Iterator[None]:
    before = dict(os.environ)
    os.environ.update(settings)
    try:
        yield
    finally:
        os.environ.clear()
        os.environ.update(before)
