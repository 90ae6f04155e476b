"""Whatever a student hands in, the check ends in one sentence and never in a traceback."""

import contextlib
import signal
import subprocess
import sys
import threading
import time
import warnings

import numpy as np
import pytest

import attention_course.exercises as checks
from attention_course.errors import ExerciseError
from attention_course.exercises import _harness
from attention_course.exercises._harness import Exercise, as_array, as_outputs, call, close, fail


def check_double(answer):
    for seed in (3, 4, 5):
        x = np.random.default_rng(seed).normal(size=(2, 3))
        result = as_array(call(answer, x), (2, 3), "the doubled array")
        if not close(result, 2 * x):
            fail("The result is not twice the input.")


def check_pair(answer):
    x = np.arange(4.0)
    context, weights = as_outputs(call(answer, x), ("context", "weights"))
    as_array(context, (), "the context")
    as_array(weights, (4,), "the weights")


def double(x):
    return 2 * x


DOUBLE = Exercise(
    name="99.double",
    question="Double an array.",
    answer="double",
    check=check_double,
    hints=("Multiply.", "Multiply by two."),
    solution="def double(x):\n    return 2 * x\n",
    seconds=0.6,
)
PAIR = Exercise("99.pair", "Two results.", "pair", check_pair, ("Two.",), "pair = None")


def endless(x):
    while True:
        with contextlib.suppress(Exception):
            time.sleep(0.01)


def stubborn(x):
    rings = 0
    while True:
        try:
            time.sleep(5)
        except BaseException:
            rings += 1
            if rings > 1:
                raise


def leaves(x):
    sys.exit(0)


def recurses(x):
    return recurses(x)


def grows(x):
    x *= 2
    return x


async def waits(x):
    return 2 * x


class MuteError(Exception):
    def __str__(self):
        raise ValueError


def raises_mute(x):
    raise MuteError


def raises_line(x):
    return x.no_such_name


def raises_long(x):
    raise ValueError("a long story\n" * 100)


def generates(x):
    yield 2 * x


class Doubler:
    def __init__(self, x):
        self.x = x


class Hostile:
    def __array__(self, *args, **kwargs):
        raise RuntimeError("no array here")


BAD = {
    "a string": ("2 * x", "Your answer is a string, where a function is expected"),
    "a number": (3.0, "is a number, where a function"),
    "a result": (np.zeros((2, 3)), "array of shape (2, 3), where a function"),
    "a class": (Doubler, "is the class Doubler"),
    "no parameter": (lambda: 1, "it must take 1 input."),
    "two parameters": (lambda a, b: 1, "parameters (a, b)"),
    "SystemExit": (leaves, "SystemExit"),
    "KeyError": (lambda x: {}["weights"], "KeyError ('weights')"),
    "recursion": (recurses, "RecursionError"),
    "an exception that cannot print": (raises_mute, "MuteError at the line `raise MuteError`"),
    "the failing line": (raises_line, "at the line `return x.no_such_name`"),
    "a long message": (raises_long, "…"),
    "StopIteration": (lambda x: next(iter([])), "StopIteration"),
    "GeneratorExit": (lambda x: (_ for _ in ()).throw(GeneratorExit), "GeneratorExit"),
    "an endless loop": (endless, "still running after 0.6 seconds"),
    "generator function": (generates, "`yield`"),
    "generator result": (lambda x: [(v for v in x)], "instead of numbers"),
    "lazy result": (lambda x: map(abs, x), "is a map"),
    "coroutine": (waits, "`async def`"),
    "mutated input": (grows, "changes its input number 1 in place"),
    "wrong shape": (lambda x: x.T, "shape (3, 2), where the shape (2, 3) is expected"),
    "NaN": (lambda x: x * np.nan, "contains NaN"),
    "infinite": (lambda x: x / 0.0, "infinite"),
    "strings": (lambda x: "12", "is a string"),
    "string array": (lambda x: x.astype(str), "instead of numbers"),
    "object array": (lambda x: x.astype(object), "holds object entries"),
    "complex": (lambda x: x + 1j, "complex"),
    "ragged": (lambda x: [[1.0, 2.0], [3.0]], "cannot be read as an array"),
    "hostile": (lambda x: Hostile(), "no array here"),
    "dictionary": (lambda x: {"x": x}, "is a dictionary"),
    "function result": (lambda x: double, "is a function"),
    "class result": (lambda x: Doubler, "class (Doubler)"),
    "boolean": (lambda x: x > 0, "True and False"),
    "constant": (lambda x: np.ones((2, 3)), "not twice"),
}


@pytest.mark.parametrize("kind", BAD)
def test_bad_answer_gets_its_sentence(kind):
    answer, words = BAD[kind]
    verdict = _harness.examine(DOUBLE, answer)
    assert verdict.status == "wrong"
    assert words in verdict.message
    assert "\n" not in verdict.message
    assert "Traceback" not in verdict.message
    assert len(verdict.message) < 450


@pytest.mark.parametrize(
    "empty", [None, ..., NotImplemented, lambda x: None, lambda x: ..., lambda x: NotImplemented]
)
def test_unfilled_answer_is_called_unanswered(empty):
    verdict = _harness.examine(DOUBLE, empty)
    assert verdict.status == "unanswered"
    assert not verdict
    assert repr(verdict).startswith("○ Not answered yet (99.double): ")


def test_unfilled_part_of_a_pair_is_called_unanswered():
    assert _harness.examine(PAIR, lambda x: (x.sum(), None)).status == "unanswered"


@pytest.mark.parametrize("answer", [double, lambda x: x + x, lambda x: (2 * x).tolist()])
def test_right_answer_passes(answer):
    verdict = _harness.examine(DOUBLE, answer)
    assert verdict
    assert verdict.passed
    assert repr(verdict) == "✔ Passed (99.double): Every property holds."


def test_wrong_number_of_outputs():
    assert _harness.examine(PAIR, lambda x: (x.sum(), x)).passed
    one = _harness.examine(PAIR, lambda x: x)
    three = _harness.examine(PAIR, lambda x: (x, x, x))
    assert "Return 2 things, in this order: context, weights" in one.message
    assert "returns one array" in one.message
    assert "returns 3." in three.message


def test_a_wrong_answer_is_falsy_so_that_assert_means_something():
    assert bool(_harness.examine(DOUBLE, abs)) is False


def test_prints_and_warnings_are_swallowed(capfd):
    def noisy(x):
        print("here I am")
        print("and here", file=sys.stderr)
        warnings.warn("careful", stacklevel=1)
        np.log(-np.ones(1))
        return 2 * x

    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert _harness.examine(DOUBLE, noisy).passed
    assert capfd.readouterr() == ("", "")


def test_a_bare_except_does_not_hold_the_check_for_ever():
    verdict = _harness.examine(DOUBLE, stubborn)
    assert verdict.status == "wrong"


def test_the_alarm_is_put_back():
    handler = signal.getsignal(signal.SIGALRM)
    left = signal.getitimer(signal.ITIMER_REAL)[0]  # pytest-timeout may have set one
    _harness.examine(DOUBLE, endless)
    assert signal.getsignal(signal.SIGALRM) is handler
    assert left - 5 < signal.getitimer(signal.ITIMER_REAL)[0] <= left


def test_a_check_in_a_thread_is_bounded_too():
    verdicts = []

    def work():
        verdicts.extend(_harness.examine(DOUBLE, answer) for answer in (endless, double, leaves))

    worker = threading.Thread(target=work)
    worker.start()
    worker.join(20)
    assert [verdict.status for verdict in verdicts] == ["wrong", "passed", "wrong"]
    assert "still running" in verdicts[0].message


def test_an_interrupt_becomes_a_sentence():
    def interrupt(x):
        raise KeyboardInterrupt

    assert "interrupted" in _harness.examine(DOUBLE, interrupt).message


def test_html_escapes_what_it_shows_and_says_it_in_words():
    verdict = _harness.Verdict("99.double", "wrong", "5 < 6 <script>")
    page = verdict._repr_html_()
    assert "Not yet right" in page
    assert "<script>" not in page
    assert "5 &lt; 6" in page


def test_mask_and_loose_shapes():
    assert as_array([[0, 1]], (None, 2), mask=True).dtype == bool
    with pytest.raises(_harness.Rejected, match="only True and False"):
        as_array([[0, 2]], mask=True)
    with pytest.raises(_harness.Rejected, match=r"shape \(3,\), where the shape \(any, 2\)"):
        as_array([1, 2, 3], (None, 2))
    assert np.isneginf(as_array([-np.inf], finite=False)[0])


def test_close_needs_one_shape():
    assert close([1.0], [1.0 + 1e-9])
    assert not close([1.0], [[1.0]])
    assert not close([1.0], [1.001])


def test_hints_in_stages_and_beyond():
    assert repr(_harness.give_hint(DOUBLE, 2)) == "Hint 2 of 2: Multiply by two."
    for level in (0, 3, "1", 1.5, True):
        with pytest.raises(ExerciseError, match="from 1 to 2"):
            _harness.give_hint(DOUBLE, level)


def test_source_gives_text_that_runs_by_itself():
    namespace = {}
    exec(_harness.source(check_double_of_ones), namespace)
    assert namespace["check_double_of_ones"]() == 4.0


def check_double_of_ones():
    return float(2 * np.ones(2).sum())


@pytest.mark.parametrize("name", ["07.none", "nonsense", "", None, 3, ["06.rnn"]])
def test_unknown_exercise_names_the_way_out(name):
    with pytest.raises(ExerciseError, match="There is no exercise"):
        checks.check(name, None)


def test_importing_the_checks_is_light():
    code = (
        "import sys, attention_course.exercises;"
        "print([m for m in ('tensorflow', 'keras', 'pandas', 'matplotlib') if m in sys.modules])"
    )
    run = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert run.stdout.strip() == "[]"
