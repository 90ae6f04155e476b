"""Send an answer and its inputs to a process of its own, and read what comes back.

Why a fresh process, and not a fork of the kernel: a fork has TensorFlow's locks without its
threads and stops for ever at the first operation; Windows has none. A fresh one costs as long as
it takes to import NumPy (0.2 s; Keras 4 s) and serves all cases of a check. A function from a
notebook travels by cloudpickle, which takes along what the function refers to.
"""

from __future__ import annotations

import contextlib
import ctypes
import inspect
import json
import linecache
import os
import pickle
import queue
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from io import BytesIO
from pathlib import Path
from typing import Any

import numpy as np

from attention_course.errors import ExerciseError
from attention_course.exercises.answering import describe, refusal
from attention_course.words import tr

WORKER = Path(__file__).with_name("answering.py")
LOADING = 120.0  # seconds for imports, and for all cells of a file
LONGEST_LINE = 50 * 2**20


class _Packer(pickle.Pickler):
    """A pickler that keeps the strides of an array and whether it can be written to."""

    def reducer_override(self, value: Any) -> Any:
        if type(value) is not np.ndarray or (value.flags.forc and value.flags.writeable):
            return NotImplemented
        first, end = np.lib.array_utils.byte_bounds(value)
        memory = ctypes.string_at(first, end - first)
        offset = value.__array_interface__["data"][0] - first
        memory = bytearray(memory) if value.flags.writeable else memory
        return np.ndarray, (value.shape, value.dtype, memory, offset, value.strides)


def pack(inputs: tuple) -> bytes:
    """Inputs as bytes, with dtype, memory layout and writeability of every array."""
    buffer = BytesIO()
    _Packer(buffer, protocol=5).dump(inputs)
    return buffer.getvalue()


def serve_object(answer: Any, request: dict[str, Any], seconds: float) -> Iterator[dict]:
    """Serve a request for a live object, such as a function of a notebook."""
    try:
        import cloudpickle
    except ImportError as problem:
        raise ExerciseError(
            tr(
                "A check sends your answer to a process of its own, by the package cloudpickle; "
                "install it with `pip install cloudpickle`."
            )
        ) from problem
    try:
        reason = refusal(answer, request)  # what is not written yet needs no process
        request = request | {"pickle": None if reason else cloudpickle.dumps(answer)}
    except KeyboardInterrupt:
        raise
    except BaseException as problem:  # an open file refuses to travel; an object may do anything
        reason = {"why": "unloaded", **describe(problem)}
    if reason:
        yield {"refused": reason}
        return
    for message in serve(request, seconds):
        problem = message.get("problem")
        if isinstance(problem, dict) and not problem.get("line"):
            with contextlib.suppress(Exception):
                problem["line"] = _line(answer, problem.get("place"))
        yield message


def _line(answer: Any, place: Any) -> str:
    """The text of a line in a function, by its name and number.

    The copy that cloudpickle makes of a function does not know the file.
    """
    name, number = place if isinstance(place, list) and len(place) == 2 else ("", 0)
    known = [*vars(answer).values()] if inspect.isclass(answer) else [inspect.unwrap(answer)]
    known.append(getattr(answer, "__globals__", {}).get(name))
    for one in known:
        code = getattr(one, "__code__", None)
        if code and code.co_name == name and isinstance(number, int):
            return linecache.getline(code.co_filename, number).strip()
    return ""


def serve(request: dict[str, Any], seconds: float, loading: float = LOADING) -> Iterator[dict]:
    """Yield the answer process's messages, and last what ended it early, if something did.

    That last one has the key "stopped" after a time-out, "ended" (with the status) after an
    end of Python, "long" after too much of a message and "garbled" after anything but one.

    Raises:
        ExerciseError: no process can be started here.
    """
    request = request | {
        "path": [*sys.path, request.get("folder", "")],
        "closed": (
            str(WORKER.parent),
            tr("the course's solutions are closed while an answer runs"),
            tr("programs, processes, devices and the network are closed while an answer runs"),
        ),
        "seconds": int(loading + seconds) + 1,
    }
    quiet = {"TF_CPP_MIN_LOG_LEVEL": "3", "CUDA_VISIBLE_DEVICES": "-1", "MPLBACKEND": "Agg"}
    try:
        child = subprocess.Popen(
            [sys.executable, "-P", str(WORKER)],  # -P: a file random.py beside it is not imported
            cwd=request.get("folder"),
            env=os.environ | quiet | {"OPENBLAS_NUM_THREADS": "1"},
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            start_new_session=True,  # so that what the answer starts can be stopped with it
        )
    except OSError as problem:
        raise ExerciseError(
            tr(
                "An answer is checked in a process of its own, and none can be started here: "
                "{reason}.",
                reason=problem.strerror or type(problem).__name__,
            )
        ) from problem
    try:
        yield from _messages(child, request, loading, seconds)
    finally:
        _end(child)


def _messages(child: subprocess.Popen, request: dict, loading: float, seconds: float) -> Iterator:
    lines: queue.Queue[bytes] = queue.Queue()

    def exchange() -> None:
        with contextlib.suppress(OSError):  # a child that has ended takes no request
            child.stdin.write(pickle.dumps(request))
            child.stdin.close()
        with child.stdout:
            while line := child.stdout.readline(LONGEST_LINE):
                lines.put(line)
        lines.put(b"")

    threading.Thread(target=exchange, daemon=True).start()
    allowed, deadline, expected = loading, time.monotonic() + loading, len(request["cases"]) + 1
    for number in range(expected):
        try:
            line = lines.get(timeout=max(deadline - time.monotonic(), 0))
            status = None if line else child.wait(max(deadline - time.monotonic(), 0))
        except (queue.Empty, subprocess.TimeoutExpired):
            yield {"stopped": True, "seconds": f"{allowed:g}"}
            return
        if not line:
            yield {"ended": True, "status": status}
            return
        try:
            message = json.loads(line)
        except (ValueError, RecursionError):
            message = None
        if not isinstance(message, dict):
            yield {"long" if len(line) == LONGEST_LINE else "garbled": True}
            return
        yield message
        if "refused" in message:
            return
        if number == 0:
            allowed, deadline = seconds, time.monotonic() + seconds


def _end(child: subprocess.Popen) -> None:
    """Stop the process and what it started."""
    if hasattr(os, "killpg"):
        with contextlib.suppress(ProcessLookupError, PermissionError):
            os.killpg(child.pid, signal.SIGKILL)
    else:
        child.kill()
    child.wait()
