"""How an exercise examines an answer of any kind and answers with one sentence.

A chapter's module (``rnn``, ``gradients``, ``alignment``, ``qkv``, ``reading``, ``fibonacci``)
holds a table ``EXERCISES`` of :class:`Exercise`. Its checkers use the helpers of this module:

* ``call(answer, *inputs)`` runs the student's function on copies of the inputs;
* ``as_outputs(value, names)`` takes apart a result of several parts;
* ``as_array(value, shape, what)`` turns one part into a float array of that shape;
* ``close(a, b)`` compares two arrays;
* ``fail(sentence)`` ends the check with a diagnosis.

A checker returns nothing when the answer is right. Whatever else happens while it runs (an
exception of any type, an endless loop, printing) becomes a :class:`Verdict`, never a traceback.
"""

from __future__ import annotations

import contextlib
import copy
import ctypes
import html
import inspect
import io
import linecache
import signal
import textwrap
import threading
import time
import traceback
import types
import warnings
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from importlib import import_module
from typing import Any, NoReturn

import numpy as np

from attention_course.errors import ExerciseError

UNFILLED = (None, Ellipsis, NotImplemented)
LONGEST_QUOTE = 160
# status -> icon, words, style of the frame: a verdict is never told by colour alone
LOOKS = {
    "passed": ("✔", "Passed", "solid"),
    "wrong": ("✘", "Not yet right", "double"),
    "unanswered": ("○", "Not answered yet", "dashed"),
}


class Rejected(Exception):
    """The answer is wrong; the message is the sentence the student reads."""


class Unanswered(Rejected):
    """The answer is still the empty place left for the student."""


class _TimeUp(BaseException):
    """Raised inside an answer that runs too long.

    Not an Exception, so that `except Exception` in the answer does not catch it.
    """


def fail(sentence: str) -> NoReturn:
    """End the check: the student reads `sentence`."""
    raise Rejected(sentence)


@dataclass(frozen=True)
class Exercise:
    """One question that checks itself.

    name      chapter and word, such as "04.attention"
    question  what is asked, in one or two sentences
    answer    the name of the function or variable a student's file must define
    check     called with the answer; returns None when right, else ends in `fail`
    hints     sentences from a nudge to nearly everything
    solution  source text that defines `answer` when executed by itself
    praise    what the student reads when the answer is right
    seconds   time allowed to the whole check
    needs     modules imported before the clock starts (such as "keras")
    """

    name: str
    question: str
    answer: str
    check: Callable[[Any], None]
    hints: tuple[str, ...]
    solution: str
    praise: str = "Every property holds."
    seconds: float = 10.0
    needs: tuple[str, ...] = ()


@dataclass(frozen=True)
class Verdict:
    """What a check found. True when the answer passed, so `assert check(...)` means something."""

    name: str
    status: str
    message: str

    @property
    def passed(self) -> bool:
        """Whether the answer is right."""
        return self.status == "passed"

    def __bool__(self) -> bool:
        return self.passed

    def __repr__(self) -> str:
        icon, words, _ = LOOKS[self.status]
        return f"{icon} {words} ({self.name}): {self.message}"

    def _repr_html_(self) -> str:
        icon, words, frame = LOOKS[self.status]
        return (
            f'<div role="status" style="border:1px {frame} currentColor;border-left-width:6px;'
            f'padding:.5em .8em"><strong><span aria-hidden="true">{icon}</span> {words}</strong> '
            f"({html.escape(self.name)}): {html.escape(self.message)}</div>"
        )


class Text(str):
    """A text that a notebook shows as it is, without quotation marks."""

    def __repr__(self) -> str:
        return str(self)

    def _repr_html_(self) -> str:
        return f"<div>{html.escape(self)}</div>"


class Source(Text):
    """Source code that a notebook shows as it is; also a string that `exec` takes."""

    def _repr_html_(self) -> str:
        return f"<pre><code>{html.escape(self)}</code></pre>"


def source(*functions: Callable) -> str:
    """Source text of real functions, with the NumPy import they use, for `Exercise.solution`."""
    text = "\n\n".join(textwrap.dedent(inspect.getsource(function)) for function in functions)
    head = "import numpy as np\n\n\n" if "np." in text else ""
    return head + text


# --- helpers for checkers ---------------------------------------------------------------------


def call(answer: Any, *inputs: Any, **named: Any) -> Any:
    """The result of the student's function on copies of the inputs.

    Rejects what cannot be called, a wrong number of parameters, an exception, a changed input,
    `yield` and `async`. An unfilled result raises `Unanswered`.
    """
    _must_be_function(answer, inputs, named)
    given = [_copy(value) for value in inputs]
    try:
        result = answer(*given, **{key: _copy(value) for key, value in named.items()})
    except (_TimeUp, KeyboardInterrupt):
        raise
    except BaseException as problem:  # SystemExit and GeneratorExit are answers' mistakes too
        fail(f"Your function stops with {describe(problem)}{_line_of(problem, answer)}.")
    if any(result is unfilled for unfilled in UNFILLED):
        raise Unanswered(
            f"your function returns {result!r}; replace the placeholder and end with `return`."
        )
    if inspect.isgenerator(result):
        fail("Your function uses `yield`, so it hands out a generator; use `return` instead.")
    if inspect.iscoroutine(result):
        result.close()
        fail("Your function is declared with `async def`; use a plain `def`.")
    for place, (before, after) in enumerate(zip(inputs, given, strict=True), start=1):
        if not _same(before, after):
            fail(
                f"Your function changes its input number {place} in place; "
                "work on a new array, so that the caller's data stay as they were."
            )
    return result


def as_outputs(value: Any, names: Sequence[str]) -> tuple:
    """The parts of a result that must be a tuple with one part for each name."""
    wanted = f"{len(names)} things, in this order: {', '.join(names)}"
    if not isinstance(value, tuple | list):
        fail(f"Return {wanted}; your function returns one {kind_of(value)}.")
    if len(value) != len(names):
        fail(f"Return {wanted}; your function returns {len(value)}.")
    return tuple(value)


def as_array(
    value: Any,
    shape: Sequence[int | None] | None = None,
    what: str = "the result",
    *,
    finite: bool = True,
    mask: bool = False,
) -> np.ndarray:
    """`value` as a float64 array (bool with `mask=True`) of the given shape.

    shape   None allows any shape; a None inside it allows any length of that axis
    what    how the sentences call the value, such as "the weights"
    finite  reject NaN and infinity
    mask    expect True/False (0 and 1 will do) instead of numbers
    """
    if any(value is unfilled for unfilled in UNFILLED):
        raise Unanswered(f"{what} is {value!r}; replace the placeholder.")
    if isinstance(value, str | bytes | dict | set) or callable(value) or _is_lazy(value):
        fail(f"{_upper(what)} should be an array of numbers, but is a {kind_of(value)}.")
    try:
        array = np.asarray(value)
    except (_TimeUp, KeyboardInterrupt):
        raise
    except BaseException as problem:
        fail(f"{_upper(what)} cannot be read as an array ({describe(problem)}).")
    if array.dtype.kind not in "biuf":
        if array.dtype.kind == "c":
            fail(f"{_upper(what)} holds complex numbers; every step here stays real.")
        fail(f"{_upper(what)} holds {array.dtype} entries instead of numbers.")
    if shape is not None and not _fits(array.shape, tuple(shape)):
        wanted = "(" + ", ".join("any" if n is None else str(n) for n in shape) + ")"
        wanted = wanted.replace(")", ",)") if len(shape) == 1 else wanted
        fail(f"{_upper(what)} has shape {array.shape}, where the shape {wanted} is expected.")
    if mask:
        if not np.isin(array, (0, 1)).all():
            fail(f"{_upper(what)} should hold only True and False.")
        return array.astype(bool)
    if array.dtype.kind == "b":
        fail(f"{_upper(what)} holds True and False, where numbers are expected.")
    array = array.astype(np.float64)
    if finite and np.isnan(array).any():
        fail(f"{_upper(what)} contains NaN (not a number): look for 0/0 or inf - inf.")
    if finite and np.isinf(array).any():
        fail(f"{_upper(what)} contains an infinite value: look for an overflow or a division by 0.")
    return array


def close(a: Any, b: Any, tolerance: float = 1e-6) -> bool:
    """Whether two arrays have one shape and agree to `tolerance` (absolute and relative)."""
    a, b = np.asarray(a), np.asarray(b)
    return a.shape == b.shape and bool(np.allclose(a, b, rtol=tolerance, atol=tolerance))


def kind_of(value: Any) -> str:
    """The type of a value in words a student knows."""
    if inspect.isclass(value):
        return f"class ({value.__name__})"
    if isinstance(value, np.ndarray):
        return f"array of shape {value.shape}"
    if inspect.isroutine(value):
        return "function"
    names = {str: "string", dict: "dictionary", int: "number", float: "number", bool: "True/False"}
    return names.get(type(value), type(value).__name__)


def describe(problem: BaseException) -> str:
    """Type and first words of an exception, on one line."""
    try:
        words = " ".join(str(problem).split())
    except Exception:  # a student's own exception class may fail to print itself
        words = ""
    if len(words) > LONGEST_QUOTE:
        words = words[:LONGEST_QUOTE].rstrip() + " …"
    name = type(problem).__name__
    return f"{name} ({words.rstrip('.')})" if words else name


# --- running a check --------------------------------------------------------------------------


def examine(exercise: Exercise, answer: Any) -> Verdict:
    """Run an exercise's checker on an answer of any type. Never raises."""
    for module in exercise.needs:
        import_module(module)
    try:
        if any(answer is unfilled for unfilled in UNFILLED):
            raise Unanswered(f"write `{exercise.answer}`, then pass it to the check.")
        with _quiet():
            _bounded(lambda: exercise.check(answer), exercise.seconds)
    except Unanswered as empty:
        return Verdict(exercise.name, "unanswered", str(empty))
    except Rejected as reason:
        return Verdict(exercise.name, "wrong", str(reason))
    except _TimeUp:
        sentence = (
            f"Your answer was still running after {exercise.seconds:g} seconds, so it was stopped; "
            "look for a loop that never ends."
        )
        return Verdict(exercise.name, "wrong", sentence)
    except KeyboardInterrupt:
        return Verdict(exercise.name, "wrong", "The check was interrupted before it was finished.")
    except BaseException as problem:
        sentence = f"Your answer cannot be examined: it leads to {describe(problem)}."
        return Verdict(exercise.name, "wrong", sentence)
    return Verdict(exercise.name, "passed", exercise.praise)


def give_hint(exercise: Exercise, level: int = 1) -> Text:
    """Hint number `level`, from 1 (a nudge) to the last (nearly everything)."""
    total = len(exercise.hints)
    if not isinstance(level, int) or isinstance(level, bool) or not 1 <= level <= total:
        raise ExerciseError(
            f"Exercise {exercise.name} has {total} hints: ask for a level from 1 to {total}."
        )
    return Text(f"Hint {level} of {total}: {exercise.hints[level - 1]}")


class _Sink(io.TextIOBase):
    """Takes what an answer prints and keeps nothing, however much it is."""

    def write(self, text: str) -> int:
        return len(text)

    def writable(self) -> bool:
        return True


@contextlib.contextmanager
def _quiet():
    """Swallow prints and warnings: a checker calls an answer many times."""
    with (
        contextlib.redirect_stdout(_Sink()),
        contextlib.redirect_stderr(_Sink()),
        warnings.catch_warnings(),
        np.errstate(all="ignore"),
    ):
        warnings.simplefilter("ignore")
        yield


def _bounded(action: Callable[[], None], seconds: float) -> None:
    """Run `action`; raise `_TimeUp` after `seconds`."""
    in_main = threading.current_thread() is threading.main_thread()
    if in_main and hasattr(signal, "setitimer"):
        _bounded_by_signal(action, seconds)
    else:
        _bounded_by_thread(action, seconds)


def _bounded_by_signal(action: Callable[[], None], seconds: float) -> None:
    def stop(signum, frame):
        raise _TimeUp

    start = time.monotonic()
    handler = signal.signal(signal.SIGALRM, stop)
    # The timer rings again every half second, in case a bare `except:` caught the first ring.
    earlier, repeat = signal.setitimer(signal.ITIMER_REAL, seconds, 0.5)
    try:
        action()
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, handler)
        if earlier:  # somebody else's alarm goes on with the time it had left
            left = max(earlier - (time.monotonic() - start), 0.01)
            signal.setitimer(signal.ITIMER_REAL, left, repeat)


def _bounded_by_thread(action: Callable[[], None], seconds: float) -> None:
    """For a system without interval timers, or a check called from a thread."""
    outcome: list[BaseException] = []

    def run():
        try:
            action()
        except BaseException as problem:
            outcome.append(problem)

    worker = threading.Thread(target=run, daemon=True)
    worker.start()
    worker.join(seconds)
    if worker.is_alive():
        ctypes.pythonapi.PyThreadState_SetAsyncExc(
            ctypes.c_ulong(worker.ident), ctypes.py_object(_TimeUp)
        )
        raise _TimeUp
    if outcome:
        raise outcome[0]


# --- small inner parts ------------------------------------------------------------------------


def _must_be_function(answer: Any, inputs: tuple, named: dict) -> None:
    if any(answer is unfilled for unfilled in UNFILLED):
        raise Unanswered("pass your function to the check.")
    if inspect.isclass(answer):
        fail(f"Your answer is the class {answer.__name__}, where a function is expected.")
    if not callable(answer):
        fail(
            f"Your answer is a {kind_of(answer)}, where a function is expected: "
            "pass the function's name without brackets after it."
        )
    try:
        signature = inspect.signature(answer)
    except (TypeError, ValueError):
        return  # a built-in without a signature: calling it will tell
    try:
        signature.bind(*inputs, **named)
    except TypeError:
        wanted = len(inputs) + len(named)
        plural = "input" if wanted == 1 else "inputs"
        fail(
            f"Your function is declared with the parameters {signature}; "
            f"it must take {wanted} {plural}."
        )


def _line_of(problem: BaseException, answer: Any) -> str:
    """Where in the student's own code an exception arose, as the text of that line."""
    code = getattr(inspect.unwrap(answer), "__code__", None)
    if code is None:
        return ""
    frames = traceback.extract_tb(problem.__traceback__)
    own = [frame for frame in frames if frame.filename == code.co_filename]
    text = linecache.getline(own[-1].filename, own[-1].lineno).strip() if own else ""
    return f" at the line `{text[:LONGEST_QUOTE]}`" if text else ""


def _copy(value: Any) -> Any:
    return copy.deepcopy(value) if isinstance(value, np.ndarray | list | dict) else value


def _same(before: Any, after: Any) -> bool:
    if isinstance(before, np.ndarray):
        return before.shape == after.shape and np.array_equal(
            before, after, equal_nan=before.dtype.kind == "f"
        )
    if isinstance(before, list):
        return len(before) == len(after) and all(
            _same(one, other) for one, other in zip(before, after, strict=True)
        )
    if isinstance(before, dict | int | float | str):
        return before is after or before == after  # NaN is not equal to itself
    return True


def _is_lazy(value: Any) -> bool:
    return isinstance(value, types.GeneratorType | map | filter | zip | range)


def _fits(shape: tuple[int, ...], wanted: tuple[int | None, ...]) -> bool:
    return len(shape) == len(wanted) and all(
        w is None or n == w for n, w in zip(shape, wanted, strict=True)
    )


def _upper(sentence: str) -> str:
    return sentence[:1].upper() + sentence[1:]
