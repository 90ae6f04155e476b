"""What an exercise is, what a check of it gives, and how one is written.

**How an exercise is written.** A chapter's module holds ``EXERCISES``, a dictionary of them. What a
student reads stands beside it in a TOML file of the same name, say ``doubling.toml``::

    ["99.double"]
    assesses = [2]
    minutes = 10
    question = "Write double(x): ..."
    hints = ["Multiply.", "Multiply by 2."]
    praise = "Every number is twice as large."
    results = ["the doubled array"]

    ["99.double".mistakes]
    added = "You add 2; multiply by it."

Its functions stand in ``doubling.py``::

    TEXTS = texts("doubling")

    def double(x):                       # its source is what ``solution`` shows
        return 2 * x

    Exercise(
        **TEXTS["99.double"],
        solve=double,
        case=lambda draw: (draw.numbers(draw.size(), draw.size()),),
        mistakes={"added": lambda x: x + 2},
    )

* ``assesses`` names objectives of the chapter by their numbers, and ``minutes`` is how long a
  student needs who has read the chapter; ``book.objectives`` and ``book.pace`` read them.
* ``case(draw)`` returns one tuple of inputs. ``draw.size()``, ``draw.length()`` (may be long),
  ``draw.numbers(*shape)`` and ``draw.mask(*shape)`` give whole numbers, single precision, odd
  layouts, zeros, large and small numbers and axes of length 1 in turn, and in "mixed" cases any of
  these together, with one axis far longer than the others (at most ``wide``); ``draw.random`` is a
  NumPy generator for all else and ``draw.kind`` says whose turn it is. Each check draws `count`
  cases.
* ``solve`` gets arrays of double precision. Where it returns a tuple, ``results`` names its
  parts; where it returns a list, a list of as many arrays is expected; where it returns whole
  numbers, whole numbers are. Tolerance is relative to every single number, and grows where single
  precision itself would not know better (see `judging.slack`).
* ``mistakes`` maps the key of a sentence to the function that a student with this mistake has
  written, shape and NaN included, or to a tuple of such functions. It is named only if one of them
  gives the answer's results in *all* cases, so order matters little and one function serves both
  "wrong axis" and "wrong shape". Sentences for several exercises stand in a table ``[mistakes]`` of
  their file. What every exercise shares needs no entry: results in another order or
  with axes exchanged, the wrong sign, rounding, a constant, None, NaN, a wrong shape, inputs
  changed in place, whole numbers cut off, memory of earlier calls.
* ``view(inputs, results)`` turns results into what is to be compared, where several are right.
* ``demands(cases, results, wrong)`` may return the key of a sentence about all results together,
  and the values that fill it: before any mistake is named when numbers are ``wrong``, and before
  the praise when they are right. The sentences are in the table ``["99.double".demands]``. Results
  come as the answer's process sent them; ``judging.numbers`` and ``judging.plain`` read them.
* ``probe`` is what happens to the answer in its process, `call` by default; it must stand by
  itself, for its source is sent there. A Keras exercise gives one that builds, sets weights, trains
  a step and returns a dictionary of arrays, as its ``solve`` does (see ``fibonacci``);
  ``takes`` is how many inputs the answer itself is called with, and ``single`` says that it
  computes in single precision, so that numbers are compared with the largest of their array.
* Prove it with ``tests/proof.py``: ``accepts`` other right answers, ``refuses`` mutants; that each
  listed mistake gets its own sentence is proved for all exercises in ``tests/exercises``.
"""

from __future__ import annotations

import html
import inspect
import re
import sys
import textwrap
import tomllib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from attention_course.errors import ExerciseError
from attention_course.exercises.process import pack
from attention_course.words import mark, tr

# status -> sign, plain sign, words, style of the frame: a verdict is never told by colour alone
LOOKS = {
    "passed": ("✔", "+", mark("Passed"), "solid"),
    "wrong": ("✘", "x", mark("Not yet right"), "double"),
    "unanswered": ("○", "o", mark("Not answered yet"), "dashed"),
}


def read(name: str) -> dict[str, Any]:
    """What stands in the TOML file of a module of this room; `tr` translates it when shown."""
    return tomllib.loads(Path(__file__).with_name(f"{name}.toml").read_text(encoding="utf-8"))


def texts(*modules: str) -> dict[str, dict[str, Any]]:
    """What students read of the exercises in these modules, by name, as `Exercise` takes it."""
    tables = [read(module) for module in modules]
    shared = {key: text for one in tables for key, text in one.pop("mistakes", {}).items()}
    found = {name: text for table in tables for name, text in table.items()}
    for name, text in found.items():
        sentences = shared | text.pop("mistakes", {}) | text.pop("demands", {})
        assesses = tuple(text.pop("assesses", ()))
        text |= {"name": name, "sentences": sentences, "assesses": assesses}
    return found


def call(answer, *inputs):
    """The probe of an answer that is a function."""
    return answer(*inputs)


Told = tuple[str, dict[str, Any]] | None
"""What demands tell: the key of a sentence and the values that fill it."""


@dataclass(frozen=True)
class Exercise:
    """One question that checks itself; the module's text says how it is written."""

    name: str
    question: str
    hints: Sequence[str]
    praise: str
    solve: Callable
    case: Callable
    assesses: tuple[int, ...] = ()
    minutes: int = 0
    results: Sequence[str] | dict[str, str] = (mark("the result"),)
    sentences: Mapping[str, str] = field(default_factory=dict)
    mistakes: Mapping[str, Callable | tuple[Callable, ...]] = field(default_factory=dict)
    view: Callable | None = None
    demands: Callable | None = None
    probe: Callable = call
    wants: str = "function"
    takes: int = 0
    answer: str = ""
    text: str = ""
    imports: tuple[str, ...] = ()
    count: int = 117
    single: bool = False
    seconds: float = 10.0

    @property
    def called(self) -> str:
        """The name of the function or class that a student writes."""
        return self.answer or self.solve.__name__

    @property
    def solution(self) -> str:
        """Source text that defines the answer when it is executed by itself."""
        return self.text or source(self.solve)

    @property
    def arrays(self) -> bool:
        """Whether an answer computes with arrays of NumPy."""
        return bool(re.search(r"\bnp\.|@", self.solution))

    @property
    def known(self) -> list[tuple[str, Callable]]:
        """Every mistake with its sentence."""
        return [
            (self.sentences[key], one)
            for key, several in self.mistakes.items()
            for one in (several if isinstance(several, tuple) else (several,))
        ]

    def request(self, cases: Sequence[tuple]) -> dict[str, Any]:
        """What the answer process needs to know, apart from the answer: nothing of the solution."""
        probe = textwrap.dedent(inspect.getsource(self.probe))
        return {
            "name": self.called,
            "wants": self.wants,
            "imports": self.imports,
            "probe": f"{probe}\nprobe = {self.probe.__name__}\n",
            "cases": [pack(case) for case in cases],
            "takes": self.takes or len(cases[0]),
        }


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
        sign, plain, words, _ = LOOKS[self.status]
        message = re.sub(r"[\x00-\x1f\x7f-\x9f]", "?", self.message)  # none steers a terminal
        text = f"{tr(words)} ({self.name}): {message}"
        encoding = getattr(sys.stdout, "encoding", None) or "ascii"
        try:
            f"{sign} {text}".encode(encoding)
        except UnicodeEncodeError:  # a console that knows fewer signs
            return f"{plain} {text}".encode(encoding, "replace").decode(encoding)
        return f"{sign} {text}"

    def _repr_html_(self) -> str:
        sign, _, words, frame = LOOKS[self.status]
        return (
            f'<div role="status" style="border:1px {frame} currentColor;border-left-width:6px;'
            f'padding:.5em .8em"><strong><span aria-hidden="true">{sign}</span> '
            f"{tr(words)}</strong> ({html.escape(self.name)}): {html.escape(self.message)}</div>"
        )


def source(*functions: Callable) -> str:
    """Source text of real functions, with the NumPy import they use."""
    text = "\n\n".join(textwrap.dedent(inspect.getsource(function)) for function in functions)
    head = "import numpy as np\n\n\n" if "np." in text else ""
    return head + text


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


def give_hint(exercise: Exercise, level: int = 1) -> Text:
    """Hint number `level`, from 1 (a nudge) to the last (nearly everything)."""
    total = len(exercise.hints)
    if not isinstance(level, int) or isinstance(level, bool) or not 1 <= level <= total:
        raise ExerciseError(
            tr(
                "Exercise {name} has {total} hints: ask for a level from 1 to {total}.",
                name=exercise.name,
                total=total,
            )
        )
    hint = tr(exercise.hints[level - 1])
    return Text(tr("Hint {level} of {total}: {hint}", level=level, total=total, hint=hint))
